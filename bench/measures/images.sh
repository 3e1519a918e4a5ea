# Many small images by 32 clients, into one project and into 32.
# shellcheck shell=bash

run_images() {
  no_peers
  start_peers plain docker-registry distribution zot haven
  if on_postgres; then
    postgres_database images
    haven_start plain 'haven on PostgreSQL' "$POSTGRES_URL/images"
  fi
  measure images --images "$IMAGES" --clients 32
}
