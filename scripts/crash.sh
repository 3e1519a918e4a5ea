#!/usr/bin/env bash
# Kills Haven in the middle of pushes and looks what is left:  scripts/crash.sh [sqlite|postgres] [files|s3]
#
# HAVEN_BIN names the program (target/release/haven by default), CRASHES says how often it is killed (25; 200 for a
# whole run), CRASH_SEED repeats a run's choices. What must hold is said in crates/server/examples/crash/main.rs. When it
# does not, the folder that is named at the start stays, with database, storage and log.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

engine=${1:-sqlite} storage=${2:-files}
case $engine-$storage in
  sqlite-files | sqlite-s3 | postgres-files | postgres-s3) ;;
  *) echo "usage: $0 [sqlite|postgres] [files|s3]" >&2 && exit 2 ;;
esac
target=${CARGO_TARGET_DIR:-target}
export HAVEN_BIN=${HAVEN_BIN:-$target/release/haven}
[ -x "$HAVEN_BIN" ] || { echo "there is no program at HAVEN_BIN=$HAVEN_BIN; build it first" >&2 && exit 2; }

# With the features of the whole workspace, so that nothing is built again that the tests have built.
cargo build --locked -q --workspace --example crash
around=()
[ "$engine" != postgres ] || around+=(scripts/with-postgres.sh)
[ "$storage" != s3 ] || around+=(scripts/with-s3.sh)
env -u HAVEN_TEST_POSTGRES -u HAVEN_TEST_S3 -u HAVEN_TEST_S3_FOLDER -u HAVEN_TEST_GCS -u HAVEN_TEST_AZURE "${around[@]}" "$target/debug/examples/crash"
