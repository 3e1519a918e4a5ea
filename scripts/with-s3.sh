#!/usr/bin/env bash
# Runs a command with a throw-away S3 server:  scripts/with-s3.sh COMMAND [ARGUMENT…]
#
# The server listens on a free port of loopback and keeps its one bucket in a temporary folder. The command finds it as
# HAVEN_TEST_S3 (http://KEY:SECRET@HOST:PORT/BUCKET), and that folder as HAVEN_TEST_S3_FOLDER: it holds a folder for each
# bucket, of which any that is written to is made. Its exit status is ours; the server is ended by its process id and the
# folder removed, however the command ends.
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: $0 COMMAND [ARGUMENT…]" >&2 && exit 2; }

# shellcheck source=scripts/throw-away.sh
. "$(dirname "$0")/throw-away.sh"

program=$("$(dirname "$0")/s3-server.sh")
throw_away s3
mkdir -p "$folder/data/haven"

# shellcheck disable=SC2317 # called by start_server
launch() {
  # The server dies with us even when nothing is left to run the trap.
  RUST_LOG=${RUST_LOG-error} setpriv --pdeathsig TERM "$program" --host 127.0.0.1 --port "$1" \
    --access-key haven --secret-key haven-test-secret "$folder/data" >"$folder/server.log" 2>&1 </dev/null &
  server=$!
}
ready() { answers "$1"; }
start_server

status=0
export HAVEN_TEST_S3_FOLDER=$folder/data
HAVEN_TEST_S3="http://haven:haven-test-secret@127.0.0.1:$port/haven" "$@" || status=$?
exit "$status"
