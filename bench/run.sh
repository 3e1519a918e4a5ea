#!/usr/bin/env bash
# Measures Haven beside other servers on this machine, in turn:  bench/run.sh [MEASURE…]
#
# MEASURE is one of the files in measures/; all of them without one. Installs what is compared, starts every server on a
# free port of loopback, ends it by its process id, and writes the tables into docs/performance.md. Results of measures
# that are not run again are kept in the cache. A slow result is no failure; a wrong answer is one.
#
#   ROUNDS=5            how often each server is measured
#   QUICK=1             a smoke run of less than a minute: small sizes, one round, tables on standard output
#   PEERS='a b'         of nginx docker-registry distribution zot; one that cannot be had is left out, and said so
#   BENCH_POSTGRES=0    without PostgreSQL
#   HAVEN_BIN=…         a program that is built already, as are BENCH_BIN, DISTRIBUTION_BIN and ZOT_BIN
#   BENCH_WORK=…        a folder on the disk that is to be measured; needs 20 GB
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

ALL='pulls pushes manifests tokens images memory lists audit growth'
CACHE=$PWD/.cache/bench
# What the files in measures/ are told.
# shellcheck disable=SC2034
if [ -n "${QUICK:-}" ]; then
  : "${ROUNDS:=1}" "${PEERS=}" "${BENCH_POSTGRES:=0}"
  BLOB=4 SHORT=1 SECONDS_EACH=0.3 IMAGES=40 FEW=1000 MANY=3000 TEAMS=2 RECORDS=2000
else
  : "${ROUNDS:=5}" "${PEERS=nginx docker-registry distribution zot}" "${BENCH_POSTGRES:=1}"
  BLOB=1024 SHORT=3 SECONDS_EACH=5 IMAGES=500 FEW=1000 MANY=1000000 TEAMS=100 RECORDS=100000
fi

# shellcheck disable=SC2086 # the list is words
[ $# -gt 0 ] || set -- $ALL
for name in "$@"; do
  [ -f "bench/measures/$name.sh" ] || { echo "no such measure: $name (there are: $ALL)" >&2 && exit 2; }
done

. bench/lib.sh
for file in bench/peers/*.sh bench/measures/*.sh; do
  # shellcheck source=/dev/null
  . "$file"
done

mkdir -p "${BENCH_WORK:=$CACHE}"
WORK=$(mktemp -d "$BENCH_WORK/work.XXXXXX")
chmod 711 "$WORK" # the user of PostgreSQL passes through
RESULTS=$CACHE/results
[ -z "${QUICK:-}" ] || RESULTS=$WORK/results
mkdir -p "$RESULTS"

end() {
  local status=$?
  trap - EXIT
  trap '' INT TERM HUP
  finish_all
  [ "$status" = 0 ] || tail -n 20 "$WORK"/*.log >&2 2>/dev/null || true
  rm -rf "$WORK"
  exit "$status"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# install_peers : leaves in PEERS those that can be had, and Haven.
install_peers() {
  local name found=''
  for name in $PEERS; do
    if "${name//-/_}_install" >"$WORK/install.log" 2>&1; then
      found+="$name "
    else
      LEFT_OUT+=("$name: $(grep . "$WORK/install.log" | tail -n 1)")
      echo "bench: without $name: $(grep . "$WORK/install.log" | tail -n 1)" >&2
    fi
  done
  haven_install
  PEERS="${found}haven"
}

on_postgres() {
  [ "$BENCH_POSTGRES" != 0 ] || return 1
  postgres_start && return 0
  echo 'bench: without PostgreSQL, which does not start here' >&2
  return 1
}

fact() { printf '{"fact":"%s"}\n' "$(tr -d '"\\' <<<"$*")"; }

# machine : what stands above all tables.
machine() {
  local name
  "$BENCH" machine "$BENCH_WORK"
  for name in $PEERS; do fact "$("${name//-/_}_version")"; done
  for name in "${LEFT_OUT[@]}"; do fact "left out, ${name%%:*}: it could not be installed here"; done
}

free=$(df -Pk "$BENCH_WORK" | awk 'NR == 2 { print int($4 / 1e6) }')
[ -n "${QUICK:-}" ] || [ "$free" -ge 20 ] || { echo "bench: $BENCH_WORK has $free GB left and 20 are needed" >&2 && exit 1; }

say 'installing'
LEFT_OUT=()
install_peers
if [ -z "${BENCH_BIN:-}" ] && [ -n "${QUICK:-}" ]; then
  cargo build --locked -q -p haven-bench
  BENCH_BIN=${CARGO_TARGET_DIR:-target}/debug/haven-bench
elif [ -z "${BENCH_BIN:-}" ]; then
  cargo build --release --locked -q -p haven-bench
  BENCH_BIN=${CARGO_TARGET_DIR:-target}/release/haven-bench
fi
BENCH=$BENCH_BIN
certificate
machine >"$RESULTS/machine"

for name in "$@"; do
  say "$name"
  rm -f "$WORK/samples"
  "run_$name"
  finish_all
  {
    fact "$(date -u +%F), $(git rev-parse --short HEAD 2>/dev/null || echo 'no commit'), rounds: $ROUNDS"
    cat "$WORK/samples"
  } >"$RESULTS/$name"
done

files=("$RESULTS/machine")
for name in $ALL; do [ ! -f "$RESULTS/$name" ] || files+=("$RESULTS/$name"); done
if [ -n "${QUICK:-}" ]; then
  "$BENCH" report "${files[@]}"
else
  "$BENCH" report "${files[@]}" --into docs/performance.md
fi
