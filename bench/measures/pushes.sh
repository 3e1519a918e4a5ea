# Pushes of one blob, and what hash and disk alone would allow.
# shellcheck shell=bash

run_pushes() {
  no_peers
  mkdir -p "$WORK/disk"
  start_peers plain docker-registry distribution zot haven
  measure yardstick --case HTTP --size "$BLOB" --folder "$WORK/disk" --seconds "$SHORT"
  measure push --case HTTP --size "$BLOB" --clients 1
}
