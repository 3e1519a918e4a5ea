# Manifests by tag with few artifacts and with very many, on both databases.
# shellcheck shell=bash

run_growth() {
  no_peers
  grown SQLite "$FEW" 'with 1,000 artifacts' ''
  grown SQLite "$MANY" haven ''
  growth_measured SQLite
  on_postgres || return 0
  no_peers
  grown PostgreSQL "$FEW" 'with 1,000 artifacts' few
  grown PostgreSQL "$MANY" haven many
  growth_measured PostgreSQL
}

growth_measured() {
  measure manifests --measure growth --case "$1, a thousand of them" --distinct 1000 --seconds "$SECONDS_EACH"
  measure manifests --measure growth --case "$1, any of them" --seconds "$SECONDS_EACH"
}

# grown ENGINE ARTIFACTS NAME DATABASE : a Haven with so many artifacts.
grown() { filled "$1" "$2" "$3" "$4" "$2 artifacts in $1" fill --artifacts "$2"; }

# filled ENGINE ARTIFACTS NAME DATABASE WORDS FILL… : a Haven in whose database the load program has put so many. The first
# start makes the schema.
filled() {
  local engine=$1 artifacts=$2 name=$3 database=$4 words=$5 url='' before
  shift 5
  before=$(cat "$WORK/peers")
  if [ "$engine" = PostgreSQL ]; then
    postgres_database "$database"
    url=$POSTGRES_URL/$database
  fi
  haven_start plain "$name" "$url"
  finish "$HAVEN_PID"
  [ -z "$before" ] && no_peers || echo "$before" >"$WORK/peers"
  say "$words"
  if [ -n "$url" ]; then
    "$BENCH" "$@" --postgres "$url"
    # What would else clean up while it is measured.
    "$POSTGRES_BIN/vacuumdb" -q -z -h 127.0.0.1 -p "$POSTGRES_PORT" -U haven "$database"
  else
    "$BENCH" "$@" --sqlite "$HAVEN_DATA/haven.db"
  fi
  HAVEN_DATA_GIVEN=$HAVEN_DATA haven_start plain "$name" "$url" artifacts:="$artifacts" ${RECORDS_EACH:+records:=$RECORDS_EACH}
}
