#!/usr/bin/env bash
# Builds Haven for real use and starts it:  scripts/run.sh [ARGUMENT of `haven serve`…]
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh build
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
cargo build --release --locked -p haven-server
exec "${CARGO_TARGET_DIR:-target}/release/haven" serve "$@"
