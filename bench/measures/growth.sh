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

# grown ENGINE ARTIFACTS NAME DATABASE : a Haven with so many artifacts. The first start makes the schema.
grown() {
  local engine=$1 artifacts=$2 name=$3 database=$4 url='' before
  before=$(cat "$WORK/peers")
  if [ "$engine" = PostgreSQL ]; then
    postgres_database "$database"
    url=$POSTGRES_URL/$database
  fi
  haven_start plain "$name" "$url"
  finish "$HAVEN_PID"
  [ -z "$before" ] && no_peers || echo "$before" >"$WORK/peers"
  say "$artifacts artifacts in $engine"
  if [ -n "$url" ]; then
    "$BENCH" fill --artifacts "$artifacts" --postgres "$url"
    # What would else clean up while it is measured.
    "$POSTGRES_BIN/vacuumdb" -q -z -h 127.0.0.1 -p "$POSTGRES_PORT" -U haven "$database"
  else
    "$BENCH" fill --artifacts "$artifacts" --sqlite "$HAVEN_DATA/haven.db"
  fi
  HAVEN_DATA_GIVEN=$HAVEN_DATA haven_start plain "$name" "$url" artifacts:="$artifacts"
}
