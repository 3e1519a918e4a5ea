#!/usr/bin/env bash
# Runs a command with a throw-away PostgreSQL:  scripts/with-postgres.sh COMMAND [ARGUMENT…]
#
# The cluster lives in a temporary folder, listens on a free port of loopback and belongs to an unprivileged user. The
# command finds it as HAVEN_TEST_POSTGRES (postgres://…, a superuser who may create databases). Its exit status is
# ours; the server is ended by its process id and the folder removed, however the command ends. Nothing in it
# survives, so it does without fsync.
set -euo pipefail

# shellcheck source=scripts/throw-away.sh
. "$(dirname "$0")/throw-away.sh"

[ $# -gt 0 ] || { echo "usage: $0 COMMAND [ARGUMENT…]" >&2 && exit 2; }

# Debian keeps the server's programs off the path, one folder for each version.
initdb=$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1 || command -v initdb || true)
bin=$(dirname "$(readlink -f "${initdb:-/}")")
[ -x "$bin/initdb" ] || { echo "with-postgres: no PostgreSQL server here; scripts/setup.sh test installs one" >&2 && exit 1; }

throw_away postgres INT # fast shutdown: does not wait for clients

# PostgreSQL refuses to run as root. The server dies with us even when nothing is left to run the trap.
as_owner=(setpriv --pdeathsig INT)
if [ "$(id -u)" = 0 ]; then
  owner=postgres
  id -u "$owner" >/dev/null 2>&1 || owner=nobody
  chown "$owner" "$folder"
  as_owner+=(--reuid "$owner" --regid "$(id -g "$owner")" --clear-groups)
fi

# Not the order of bytes, where the server can do otherwise: nothing may depend on the locale of the database.
locale=(--locale=C)
if "$bin/initdb" --help | grep -q -e --locale-provider; then locale+=(--locale-provider=icu --icu-locale=en-US); fi

cd "$folder"
"${as_owner[@]}" "$bin/initdb" -D "$folder/data" -U haven -A trust -E UTF8 "${locale[@]}" --no-sync >"$folder/initdb.log" 2>&1 || {
  cat "$folder/initdb.log" >&2
  exit 1
}

# shellcheck disable=SC2317 # called by start_server
launch() {
  "${as_owner[@]}" "$bin/postgres" -D "$folder/data" -p "$1" -k "$folder" \
    -c listen_addresses=127.0.0.1 -c max_connections=400 -c shared_buffers=64MB \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off >"$folder/server.log" 2>&1 </dev/null &
  server=$!
}
# The file has a ready line once the server takes connections.
ready() { [ "$(sed -n 8p "$folder/data/postmaster.pid" 2>/dev/null | tr -d ' ')" = ready ]; }
start_server

cd "$OLDPWD"
"$bin/createdb" -h 127.0.0.1 -p "$port" -U haven haven
status=0
HAVEN_TEST_POSTGRES="postgres://haven@127.0.0.1:$port/haven" "$@" || status=$?
exit "$status"
