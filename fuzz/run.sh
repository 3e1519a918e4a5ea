#!/bin/sh
# Fuzzes each target for a bounded time:  fuzz/run.sh [seconds] [target...]
# New inputs stay in fuzz/corpus, crashing ones in fuzz/artifacts; neither is committed. Fails if any target crashed.
set -eu

cd "$(dirname "$0")"
seconds=${1:-60}
case $seconds in '' | *[!0-9]*) echo "usage: $0 [seconds] [target...]" >&2 && exit 2 ;; esac
[ $# -eq 0 ] || shift
# shellcheck disable=SC2046 # names of targets are words
[ $# -gt 0 ] || set -- $(sed -n 's/^name = "\(.*\)"$/\1/p' Cargo.toml | tail -n +2)

rustup toolchain list | grep -q '^nightly' || rustup toolchain install nightly --profile minimal
cargo fuzz --version >/dev/null 2>&1 || cargo install cargo-fuzz --locked

log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=
for target in "$@"; do
    mkdir -p "corpus/$target"
    cp "seeds/$target"/* "corpus/$target/"
    cargo +nightly fuzz build "$target"
    if cargo +nightly fuzz run "$target" "corpus/$target" -- -max_total_time="$seconds" -rss_limit_mb=2048 \
        -malloc_limit_mb=512 -timeout=10 -max_len=4096 -print_final_stats=1 >"$log" 2>&1; then
        verdict=ok
    else
        verdict=FAILED
        failed="$failed $target"
        tail -n 60 "$log"
    fi
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    echo "$target: ${executions:-no} executions in $seconds s, $verdict"
done
[ -z "$failed" ] || { echo "crashed:$failed (inputs are in fuzz/artifacts)" >&2 && exit 1; }
