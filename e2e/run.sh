#!/usr/bin/env bash
# Runs the black-box suite: ./run.sh [case…]. All cases when none is named (see cases/).
#
# Installs the clients it needs (install.sh), builds nothing of Haven: HAVEN_BIN names the program
# (target/release/haven by default). Ends with `N passed, N failed`, and with status 1 when a check failed.
#
#   HAVEN_E2E_DATABASE=postgres   Haven runs on a throw-away PostgreSQL instead of SQLite
#   HAVEN_E2E_REPLICAS=2          so many replicas on that PostgreSQL and one storage, behind a round-robin nginx
#   HAVEN_E2E_STORAGE=s3          Haven keeps blobs in a throw-away S3 server instead of a folder
#   HAVEN_E2E_OPTIONAL='a b'      cases that are skipped, not failed, when their client could not be installed
#   HAVEN_E2E_LIMIT=600           seconds that a case may take
#   HAVEN_E2E_SKIP_INSTALL=1      what is needed is there
#   HAVEN_E2E_KEEP=1              keeps the folder with logs and data
set -uo pipefail

E2E=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ALL='protocol transfer people terraform harbor-cli schemathesis conformance docker podman skopeo buildah ctr crane oras helm cosign disk database'
[ "${HAVEN_E2E_REPLICAS:-1}" = 1 ] || ALL+=' failover'
: "${HAVEN_BIN:=$E2E/../target/release/haven}" "${HAVEN_E2E_LIMIT:=600}"
: "${HAVEN_E2E_CACHE:=${XDG_CACHE_HOME:-$HOME/.cache}/haven-e2e/bin}"
export HAVEN_BIN HAVEN_E2E_CACHE

for name in "$@"; do
  [ -f "$E2E/cases/$name.sh" ] || { echo "no such case: $name (there are: $ALL)" >&2; exit 2; }
done
[ -x "$HAVEN_BIN" ] || { echo "there is no program at HAVEN_BIN=$HAVEN_BIN; build it first" >&2; exit 2; }
HAVEN_BIN=$(realpath "$HAVEN_BIN")

if [ -z "${HAVEN_E2E_SKIP_INSTALL:-}" ]; then "$E2E/install.sh" || exit 1; fi

if [ "${HAVEN_E2E_STORAGE:-}" = s3 ]; then
  HAVEN_E2E_S3_SERVER=${HAVEN_E2E_S3_SERVER:-$("$E2E/../scripts/s3-server.sh")} || exit 1
  export HAVEN_E2E_S3_SERVER
fi

# Container engines need root, all the more without the services that lend it to others.
if [ "$(id -u)" != 0 ]; then
  exec sudo -n env "PATH=$PATH" "HAVEN_BIN=$HAVEN_BIN" "HAVEN_E2E_CACHE=$HAVEN_E2E_CACHE" HAVEN_E2E_SKIP_INSTALL=1 \
    "HAVEN_E2E_LIMIT=$HAVEN_E2E_LIMIT" "HAVEN_E2E_DATABASE=${HAVEN_E2E_DATABASE:-}" \
    "HAVEN_E2E_REPLICAS=${HAVEN_E2E_REPLICAS:-}" \
    "HAVEN_E2E_STORAGE=${HAVEN_E2E_STORAGE:-}" "HAVEN_E2E_S3_SERVER=${HAVEN_E2E_S3_SERVER:-}" \
    "HAVEN_E2E_OPTIONAL=${HAVEN_E2E_OPTIONAL:-}" "HAVEN_E2E_KEEP=${HAVEN_E2E_KEEP:-}" "$E2E/run.sh" "$@"
fi

WORK=$(mktemp -d "${TMPDIR:-/tmp}/haven-e2e.XXXXXX")
export HAVEN_E2E_RESULTS=$WORK/results
: >"$HAVEN_E2E_RESULTS"
RUNNING=

end() {
  local status=$?
  trap - EXIT
  trap '' INT TERM HUP
  if [ -n "$RUNNING" ]; then
    kill -TERM "$RUNNING" 2>/dev/null
    wait "$RUNNING" 2>/dev/null
  fi
  if [ -n "${HAVEN_E2E_KEEP:-}" ]; then echo "kept: $WORK"; else rm -rf "$WORK"; fi
  exit "$status"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

count() { grep -c "^$1 $2" "$HAVEN_E2E_RESULTS"; }

# run_case NAME : in a process group of its own, within its time, the log shown when something failed.
run_case() {
  local name=$1 status=0 started=$SECONDS
  mkdir "$WORK/$name"
  HAVEN_E2E_WORK=$WORK/$name timeout --kill-after=90 "$HAVEN_E2E_LIMIT" bash "$E2E/cases/$name.sh" >"$WORK/$name.log" 2>&1 &
  RUNNING=$!
  wait "$RUNNING" || status=$?
  RUNNING=
  case $status in
    0 | 1) ;;
    124 | 137) echo "not $name: ends within $HAVEN_E2E_LIMIT s" >>"$HAVEN_E2E_RESULTS" ;;
    *) echo "not $name: ends in good order (status $status)" >>"$HAVEN_E2E_RESULTS" ;;
  esac
  printf '%-13s %4d passed, %d failed, %d skipped (%d s)\n' "$name" "$(count ok "$name:")" "$(count not "$name:")" \
    "$(count skip "$name:")" $((SECONDS - started))
  if [ "$(count not "$name:")" != 0 ]; then
    echo "---- $name: log"
    cat "$WORK/$name.log"
    echo "---- $name: last words of Haven"
    tail -n 40 "$WORK/$name"/haven*.log 2>/dev/null
    echo '----'
  fi
  [ -n "${HAVEN_E2E_KEEP:-}" ] || rm -rf "${WORK:?}/$name"
}

# shellcheck disable=SC2086 # the list is words
[ "$#" -gt 0 ] || set -- $ALL
for name in "$@"; do run_case "$name"; done

# One line a case and reason; the log of the case names each.
sed -n 's/^skip \([a-z]*\): .*(\(.*\))$/SKIPPED \1: \2/p; t; s/^skip /SKIPPED /p' "$HAVEN_E2E_RESULTS" | sort | uniq -c |
  sed 's/^ *\([0-9]*\) \(.*\)$/\2 (\1 checks)/'
grep '^not ' "$HAVEN_E2E_RESULTS" | sed 's/^not /FAILED  /'
echo "$(count ok '') passed, $(count not '') failed"
[ "$(count not '')" = 0 ]
