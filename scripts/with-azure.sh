#!/usr/bin/env bash
# Runs a command with a throw-away Azure server:  scripts/with-azure.sh [--if-any] COMMAND [ARGUMENT…]
#
# The server listens on a free port of loopback and keeps its one container in a temporary folder. The command finds it as
# HAVEN_TEST_AZURE (http://ACCOUNT:KEY@HOST:PORT/CONTAINER). Its exit status is ours; the server is ended by its process id
# and the folder removed, however the command ends. With --if-any nothing is run where the server cannot be installed.
set -euo pipefail

optional=
[ "${1:-}" != --if-any ] || { optional=1 && shift; }
[ $# -gt 0 ] || { echo "usage: $0 [--if-any] COMMAND [ARGUMENT…]" >&2 && exit 2; }

here=$(dirname "$0")
# shellcheck source=scripts/throw-away.sh
. "$here/throw-away.sh"
status=0
program=$("$here/azure-server.sh") || status=$?
if [ "$status" = 69 ] && [ -n "$optional" ]; then
  echo "SKIPPED: the Azure server of the tests cannot be installed here: $*" >&2
  exit 0
fi
[ "$status" = 0 ] || exit "$status"

throw_away azure
mkdir -p "$folder/data"
account=haven
key=aGF2ZW4tdGVzdC1zZWNyZXQtb2YtMjQh

# shellcheck disable=SC2317 # called by start_server
launch() {
  # The server dies with us even when nothing is left to run the trap.
  AZURITE_ACCOUNTS="$account:$key" setpriv --pdeathsig TERM node "$program" --blobHost 127.0.0.1 --blobPort "$1" \
    --location "$folder/data" --silent --disableTelemetry >"$folder/server.log" 2>&1 </dev/null &
  server=$!
}
ready() { answers "$1"; }
start_server
node "$here/azurite/container.mjs" "http://127.0.0.1:$port" "$account" "$key" haven

unset HAVEN_TEST_S3 HAVEN_TEST_S3_FOLDER HAVEN_TEST_GCS
HAVEN_TEST_AZURE="http://$account:$key@127.0.0.1:$port/haven" "$@" || status=$?
exit "$status"
