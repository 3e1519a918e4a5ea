# Manifests by tag with a token, over 64 connections.
# shellcheck shell=bash

run_manifests() {
  no_peers
  start_peers token docker-registry distribution
  start_peers plain haven
  if on_postgres; then
    postgres_database manifests
    haven_start plain 'haven on PostgreSQL' "$POSTGRES_URL/manifests"
  fi
  measure manifests --seconds "$SECONDS_EACH"
}
