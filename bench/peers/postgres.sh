# A PostgreSQL of its own for Haven, which syncs every commit; its memory is that of a small server.
# shellcheck shell=bash disable=SC2034

# postgres_start : sets POSTGRES_URL up to the name of the database; false where there is no PostgreSQL.
postgres_start() {
  local bin data port owner=()
  bin=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n 1)
  [ -n "$bin" ] || return 1
  data=$(mktemp -d "$WORK/data.postgres.XXXX")
  port=$(free_port)
  # PostgreSQL refuses to run as root, and its user has to come through to the folder.
  if [ "$(id -u)" = 0 ]; then
    chown postgres: "$data"
    owner=(setpriv --reuid=postgres --regid=postgres --init-groups)
  fi
  (cd / && "${owner[@]}" "$bin/initdb" -D "$data/db" -U haven -A trust -E UTF8 --locale=C) >"$WORK/initdb.log" 2>&1 ||
    { cat "$WORK/initdb.log" >&2 && return 1; }
  spawn postgres "${owner[@]}" "$bin/postgres" -D "$data/db" -p "$port" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories="$data" -c max_connections=200 \
    -c shared_buffers=512MB -c max_wal_size=4GB
  POSTGRES_BIN=$bin POSTGRES_PORT=$port POSTGRES_URL=postgres://haven@127.0.0.1:$port
  for _ in $(seq 300); do
    "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" && return 0
    sleep 0.1
  done
  return 1
}

postgres_database() { "$POSTGRES_BIN/createdb" -h 127.0.0.1 -p "$POSTGRES_PORT" -U haven "$1"; }
