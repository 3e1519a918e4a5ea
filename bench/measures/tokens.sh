# Tokens of Haven's token service: many for one person, and the first after a start, when the password is checked.
# shellcheck shell=bash

run_tokens() {
  local round rounds=$ROUNDS
  no_peers
  haven_start plain
  measure tokens --seconds "$SECONDS_EACH"
  ROUNDS=1
  for ((round = 0; round < rounds; round++)); do
    finish "$HAVEN_PID"
    no_peers
    HAVEN_DATA_GIVEN=$HAVEN_DATA haven_start plain
    measure tokens --cold
  done
  ROUNDS=$rounds
}
