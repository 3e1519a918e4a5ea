# Haven itself: the release build with its defaults, on SQLite or PostgreSQL.
# shellcheck shell=bash

ADMIN_PASSWORD=Correct-horse-7

haven_install() {
  [ -n "${HAVEN_BIN:-}" ] || {
    cargo build --release --locked -q -p haven-server
    HAVEN_BIN=${CARGO_TARGET_DIR:-target}/release/haven
  }
  [ -x "$HAVEN_BIN" ]
}

haven_version() { "$HAVEN_BIN" --version; }

# haven_start plain|tls [NAME [DATABASE_URL [FIELD…]]] : NAME begins with `haven` where it is one of the rows of Haven.
# Sets HAVEN_PID, HAVEN_DATA and HAVEN_URL.
haven_start() {
  local flavour=$1 name=${2:-haven} database=${3:-} env=()
  shift $(($# < 3 ? $# : 3))
  HAVEN_DATA=${HAVEN_DATA_GIVEN:-$(mktemp -d "$WORK/data.haven.XXXX")}
  local address
  address=127.0.0.1:$(free_port)
  env=(PATH="$PATH" HOME="$WORK" HARBOR_ADMIN_PASSWORD="$ADMIN_PASSWORD"
    HAVEN_LISTEN="$address" HAVEN_DATA_DIR="$HAVEN_DATA")
  [ -z "$database" ] || env+=(HAVEN_DATABASE__URL="$database")
  HAVEN_URL=http://$address
  if [ "$flavour" = tls ]; then
    HAVEN_URL=https://$address
    env+=(HAVEN_HTTPS__CERTIFICATE="$WORK/tls.crt" HAVEN_HTTPS__PRIVATE_KEY="$WORK/tls.key")
  fi
  spawn haven env -i "${env[@]}" "$HAVEN_BIN" serve
  HAVEN_PID=$SPAWNED
  wait_for "$HAVEN_PID" "$HAVEN_URL/api/v2.0/ping"
  peer name="$name" url="$HAVEN_URL" user=admin password="$ADMIN_PASSWORD" storage="$HAVEN_DATA/registry" \
    pid:="$HAVEN_PID" projects:=true "$@"
}
