#!/usr/bin/env bash
# Prints the path of the Azure server of the tests, installing it before if need be:  scripts/azure-server.sh
#
# Azurite is Microsoft's own emulator; it checks signatures and keeps blocks as the service does. It comes from npm, with
# everything that it needs at the versions of scripts/azurite/package-lock.json, into a folder of its own beside Cargo's.
# Idempotent, and silent but for the path. Where there is no Node.js or no registry of npm, it says so and ends with
# status 69.
set -euo pipefail

lock=$(cd "$(dirname "$0")/azurite" && pwd)
name=azurite-$(sha256sum "$lock/package-lock.json" | cut -c1-12)
folder=${HAVEN_AZURE_SERVER_DIR:-${CARGO_HOME:-$HOME/.cargo}/haven-tools/$name}
program=$folder/node_modules/azurite/dist/src/blob/main.js

missing() {
  echo "azure-server: $1" >&2
  exit 69
}

command -v node >/dev/null || missing 'there is no Node.js'
if [ ! -e "$folder/complete" ]; then
  command -v npm >/dev/null || missing 'there is no npm'
  echo "azure-server: installing Azurite into $folder" >&2
  rm -rf "$folder"
  mkdir -p "$folder"
  cp "$lock/package.json" "$lock/package-lock.json" "$folder"
  # What its packages would run while they are installed is for other uses than this one.
  (cd "$folder" && nice -n 10 timeout 300 npm ci --omit=dev --ignore-scripts --no-audit --no-fund --fetch-retries 1 >npm.log 2>&1) || {
    tail -n 5 "$folder/npm.log" >&2
    missing 'npm cannot install Azurite'
  }
  touch "$folder/complete"
fi
echo "$program"
