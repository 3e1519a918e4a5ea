#!/usr/bin/env bash
# Prints the path of the S3 server of the tests, installing it before if need be:  scripts/s3-server.sh
#
# s3s-fs keeps a bucket in a folder and checks signatures; it is built once, from crates.io, into a folder of its own
# beside Cargo's, so that it gets in nobody's way. Idempotent, and silent but for the path.
set -euo pipefail

version=0.14.1
folder=${HAVEN_S3_SERVER_DIR:-${CARGO_HOME:-$HOME/.cargo}/haven-tools/s3s-fs-$version}

if [ ! -x "$folder/bin/s3s-fs" ]; then
  echo "s3-server: building s3s-fs $version into $folder" >&2
  nice -n 10 cargo install s3s-fs --version "$version" --features binary --locked --quiet --root "$folder" >&2
fi
echo "$folder/bin/s3s-fs"
