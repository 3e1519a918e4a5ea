# Tokens of Haven's token service: many for one person and for one robot, and the first after a start, when the password is
# checked.
# shellcheck shell=bash

run_tokens() {
  local round rounds=$ROUNDS made
  no_peers
  haven_start plain
  measure tokens --case 'a person' --seconds "$SECONDS_EACH"
  made=$(env -i PATH="$PATH" HOME="$WORK" HAVEN_DATA_DIR="$HAVEN_DATA" \
    "$HAVEN_BIN" robot create bench --can library/repository:pull --json)
  no_peers
  peer name=haven url="$HAVEN_URL" user="$(text_of name "$made")" password="$(text_of secret "$made")" pid:="$HAVEN_PID"
  measure tokens --case 'a robot' --seconds "$SECONDS_EACH"
  ROUNDS=1
  for ((round = 0; round < rounds; round++)); do
    finish "$HAVEN_PID"
    no_peers
    HAVEN_DATA_GIVEN=$HAVEN_DATA haven_start plain
    measure tokens --cold
  done
  ROUNDS=$rounds
}

# text_of KEY JSON : the value of a key whose text has no quotes.
text_of() { printf '%s' "$2" | sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" | head -n 1; }
