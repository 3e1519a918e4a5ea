#!/usr/bin/env bash
# Runs a command with a throw-away S3 server:  scripts/with-s3.sh COMMAND [ARGUMENT…]
#
# The server listens on a free port of loopback and keeps its one bucket in a temporary folder. The command finds it as
# HAVEN_TEST_S3 (http://KEY:SECRET@HOST:PORT/BUCKET), and that folder as HAVEN_TEST_S3_FOLDER: it holds a folder for each
# bucket, of which any that is written to is made. Its exit status is ours; the server is ended by its process id and the
# folder removed, however the command ends.
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: $0 COMMAND [ARGUMENT…]" >&2 && exit 2; }

program=$("$(dirname "$0")/s3-server.sh")
folder=$(mktemp -d "${TMPDIR:-/tmp}/haven-s3.XXXXXX")
server=

# shellcheck disable=SC2317 # called by the trap
end() {
  if [ -n "$server" ]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$folder"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

mkdir -p "$folder/data/haven"

# A port can be taken between the look and the start, so there are several tries.
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

start() {
  # The server dies with us even when nothing is left to run the trap.
  RUST_LOG=${RUST_LOG-error} setpriv --pdeathsig TERM "$program" --host 127.0.0.1 --port "$1" \
    --access-key haven --secret-key haven-test-secret "$folder/data" >"$folder/server.log" 2>&1 </dev/null &
  server=$!
  for _ in $(seq 600); do
    kill -0 "$server" 2>/dev/null || break
    answers "$1" && return 0
    sleep 0.1
  done
  # It has ended, or takes for ever.
  kill "$server" 2>/dev/null || true
  wait "$server" || true
  server=
  return 1
}

for _ in 1 2 3 4 5; do
  port=$((20000 + RANDOM % 12000))
  answers "$port" && continue
  if start "$port"; then
    break
  fi
done
[ -n "$server" ] || {
  tail -n 20 "$folder/server.log" >&2
  exit 1
}

status=0
export HAVEN_TEST_S3_FOLDER=$folder/data
HAVEN_TEST_S3="http://haven:haven-test-secret@127.0.0.1:$port/haven" "$@" || status=$?
exit "$status"
