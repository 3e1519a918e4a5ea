#!/usr/bin/env bash
# The conformance program of the OCI distribution specification, version 1.1, with every interface switched on.
#
# Each of the program's own tests is one check here. A test that it skips counts as failed: of what is switched on, it
# skips only what a registry says that it does not support.
#
# HAVEN_E2E_CONFORMANCE names the program where the module proxy has it not and it was built by other means.
. "$(dirname "$0")/../lib.sh"

PROGRAM=${HAVEN_E2E_CONFORMANCE:-conformance}
need "$PROGRAM"
start_haven
make_project conformance

export OCI_VERSION=1.1 OCI_REGISTRY=$REGISTRY OCI_TLS=disabled
export OCI_REPO1=conformance/first/repo OCI_REPO2=conformance/second/repo
export OCI_USERNAME=admin OCI_PASSWORD=$ADMIN_PASSWORD OCI_RESULTS_DIR=$WORK/results-conformance
# On by default: pull, push, tags, referrers, deletion at once, mount with and without `from`, every kind of content.
# Off by default, because 1.1 only recommends them:
export OCI_API_BLOBS_UPLOAD_CANCEL=true OCI_API_BLOBS_DIGEST_HEADER=true OCI_API_MANIFESTS_DIGEST_HEADER=true

# Tests inside are named by a path of titles: one line each, `status<TAB>name<TAB>message`.
results() {
  tr '\n' ' ' <"$OCI_RESULTS_DIR/junit.xml" | sed 's/<testcase /\n&/g' |
    sed -n 's/^<testcase name="\([^"]*\)".* status="\([a-z]*\)".*/\2\t\1/p'
}

cd "$WORK" || exit 1
run "$PROGRAM"
ended=$STATUS
[ -s "$OCI_RESULTS_DIR/junit.xml" ] || { fail 'the program writes its report'; exit 1; }
while IFS=$'\t' read -r status name; do
  case $status in
    passed) pass "$name" ;;
    *) fail "$name ($status)" ;;
  esac
done < <(results)
expect_eq 'the program is content' 0 "$ended"
# What it takes to understand a failure: its message, then the requests and answers.
awk '/^ *<testcase/ { bad = !/status="passed"/ } bad' "$OCI_RESULTS_DIR/junit.xml" |
  sed 's/&#xA;/\n/g; s/&#34;/"/g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g' | cut -c1-500 | head -n 2000
