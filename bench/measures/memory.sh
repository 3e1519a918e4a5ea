# Memory of each server with 16 pushes and 16 pulls at once, each server alone.
# shellcheck shell=bash

run_memory() {
  local name rounds=$ROUNDS
  # The highest of a run is what counts, and every run writes sixteen blobs.
  ROUNDS=1
  for name in docker-registry distribution zot haven; do
    no_peers
    start_peers plain "$name"
    measure memory --size "$BLOB" --clients 16
    finish_all
  done
  ROUNDS=$rounds
}
