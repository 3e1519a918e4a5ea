#!/usr/bin/env bash
# The whole test, from a fresh clone on:  scripts/test.sh
#
# Sources, crates on both databases and on S3, what needs storage also on Azure and in Google's words, the release build, real clients against the real program. Fuzzing is apart, for it builds everything once more: make fuzz.
# Every step prints how long it took. What it starts it ends; what it installs is installed by setup.sh and
# e2e/install.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

# A machine that builds once and is thrown away gains nothing from incremental builds.
[ -z "${CI:-}" ] || export CARGO_INCREMENTAL=0 CARGO_TERM_COLOR=never
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

began=$SECONDS
times=()
clients=
clients_log=$(mktemp)

end() {
  local status=$?
  if [ -n "$clients" ]; then
    kill -- "-$clients" 2>/dev/null || true
    wait "$clients" 2>/dev/null || true
  fi
  rm -f "$clients_log"
  echo
  [ "${#times[@]}" = 0 ] || printf '%s\n' "${times[@]}"
  if [ "$status" = 0 ]; then echo "all good after $((SECONDS - began)) s"; else echo "FAILED after $((SECONDS - began)) s"; fi
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

step() {
  local name=$1 from=$SECONDS status=0
  shift
  printf '\n=== %s\n' "$name"
  "$@" </dev/null || status=$?
  times+=("$(printf '%5d s  %s' "$((SECONDS - from))" "$name")")
  [ "$status" = 0 ] || echo "=== $name: failed with status $status" >&2
  return "$status"
}

# The clients are mostly downloads and one long build; at low priority they fill the gaps that Cargo leaves.
start_clients() {
  set -m
  nice -n 15 e2e/install.sh >"$clients_log" 2>&1 </dev/null &
  clients=$!
  set +m
}

clients_ready() {
  local status=0
  wait "$clients" || status=$?
  clients=
  cat "$clients_log"
  return "$status"
}

step 'set-up' scripts/setup.sh test
start_clients
step 'sources' scripts/check.sh
# The stories that ask anything of storage.
storage=(object:: buckets:: storage_faults:: uploads:: blobs:: push_and_pull:: pulls:: redirects:: orphans:: fsck::)

step 'tests on SQLite' env -u HAVEN_TEST_POSTGRES -u HAVEN_TEST_S3 -u HAVEN_TEST_S3_FOLDER -u HAVEN_TEST_GCS \
  -u HAVEN_TEST_AZURE cargo test --workspace --locked -q
step 'tests on PostgreSQL' scripts/with-postgres.sh cargo test --workspace --locked -q
step 'tests on S3' scripts/with-s3.sh cargo test --workspace --locked -q
step "storage in Google's words" scripts/with-gcs.sh cargo test --workspace --locked -q -- "${storage[@]}"
step 'storage on Azure' scripts/with-azure.sh --if-any cargo test --workspace --locked -q -- "${storage[@]}"
step 'release build' cargo build --release --locked -q -p haven-server
step 'crashes' scripts/crash.sh sqlite
step 'crashes, on PostgreSQL' env CRASHES="${CRASHES:-10}" scripts/crash.sh postgres
step 'crashes, in a bucket' env CRASHES="${CRASHES:-10}" scripts/crash.sh sqlite s3
step 'crashes, in a bucket and on PostgreSQL' env CRASHES="${CRASHES:-5}" scripts/crash.sh postgres s3
step 'clients' clients_ready
step 'measurements, in small' env QUICK=1 HAVEN_BIN="${CARGO_TARGET_DIR:-target}/release/haven" bench/run.sh
export HAVEN_BIN=${CARGO_TARGET_DIR:-target}/release/haven HAVEN_E2E_SKIP_INSTALL=1
# These are Go modules that not every module proxy hands out; where they cannot be had, their cases say so.
export HAVEN_E2E_OPTIONAL=${HAVEN_E2E_OPTIONAL-conformance harbor-cli}
step 'real clients' e2e/run.sh
# Two replicas behind a balancer stand for PostgreSQL and for a bucket too.
export HAVEN_E2E_DATABASE=postgres HAVEN_E2E_REPLICAS=2
step 'real clients, on two replicas and a bucket' env HAVEN_E2E_STORAGE=s3 e2e/run.sh
step 'real clients, on two replicas and a folder' e2e/run.sh protocol failover docker
