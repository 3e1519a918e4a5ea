# Pulls of one blob: plain, TLS, TLS with HTTP/2; one client and sixteen.
# shellcheck shell=bash

run_pulls() {
  no_peers
  start_peers plain nginx docker-registry distribution zot haven
  measure pull --case HTTP --size "$BLOB" --clients 1,16 --seconds "$SECONDS_EACH"
  finish_all
  no_peers
  start_peers tls nginx docker-registry distribution zot haven
  measure pull --case TLS --size "$BLOB" --clients 1,16 --seconds "$SECONDS_EACH"
  measure pull --case 'TLS, HTTP/2' --size "$BLOB" --clients 1,16 --seconds "$SECONDS_EACH" --http2
}
