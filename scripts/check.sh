#!/usr/bin/env bash
# Everything that can be said about the sources without running them:  scripts/check.sh
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

echo '-- tidy'
cargo xtask tidy
echo '-- format'
cargo fmt --all --check
echo '-- clippy'
cargo clippy --workspace --all-targets --locked -q -- -D warnings
if cargo deny --version >/dev/null 2>&1; then
  echo '-- licences, sources and duplicates'
  cargo deny --offline check bans licenses sources
fi
if command -v shellcheck >/dev/null 2>&1; then
  echo '-- shell'
  shopt -s nullglob
  shellcheck -x -S warning .ci/run scripts/*.sh e2e/*.sh e2e/cases/*.sh fuzz/*.sh bench/*.sh bench/peers/*.sh bench/measures/*.sh
fi
