# The harness of the black-box suite: checks, processes, a Haven of one's own. Sourced by every case.
#
# A case is a bash script that sources this file, calls start_haven (or not), makes checks and ends. What it started
# is ended, by process id, when it exits, however it exits. Nothing here needs a network beyond loopback.
# shellcheck shell=bash

set -uo pipefail

E2E=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CASE=$(basename "$0" .sh)
CACHE=${HAVEN_E2E_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/haven-e2e/bin}
PATH=$CACHE:$PATH:/usr/sbin:/sbin
WORK=${HAVEN_E2E_WORK:-}
[ -n "$WORK" ] || WORK=$(mktemp -d "${TMPDIR:-/tmp}/haven-e2e.XXXXXX")
RESULTS=${HAVEN_E2E_RESULTS:-$WORK/results}
HAVEN_BIN=${HAVEN_BIN:-$E2E/../target/release/haven}
ADMIN_PASSWORD=Correct-horse-7
# More than one: each case runs on so many replicas behind a proxy, see replicas.sh.
REPLICAS=${HAVEN_E2E_REPLICAS:-1}
# What a case wants in Haven's environment besides.
HAVEN_EXTRA=()
PIDS=()
FOLDERS=()

# Clients keep their credentials and caches under the home folder: give each case an empty one.
mkdir -p "$WORK/home"
export HOME=$WORK/home XDG_CACHE_HOME=$WORK/home/.cache XDG_CONFIG_HOME=$WORK/home/.config
export XDG_DATA_HOME=$WORK/home/.local/share XDG_RUNTIME_DIR=$WORK/home/run
mkdir -m 700 "$XDG_RUNTIME_DIR"
unset HTTP_PROXY HTTPS_PROXY http_proxy https_proxy ALL_PROXY all_proxy DOCKER_HOST DOCKER_CONFIG REGISTRY_AUTH_FILE
# A client that opens an http:// realm by way of a proxy would leave loopback.
export NO_PROXY='*' no_proxy='*' LC_ALL=C.UTF-8

# ---------------------------------------------------------------------------------------------------------- checks

pass() {
  echo "ok - $CASE: $1"
  echo "ok $CASE: $1" >>"$RESULTS"
}

fail() {
  echo "NOT OK - $CASE: $1"
  echo "not $CASE: $1" >>"$RESULTS"
}

# Not counted: what a case could not look at, and why.
skip() {
  echo "SKIPPED - $CASE: $1"
  echo "skip $CASE: $1" >>"$RESULTS"
}

# run CMD… : OUT is what it said on both streams, STATUS how it ended.
run() {
  echo "+ $*"
  OUT=$("$@" 2>&1 </dev/null)
  STATUS=$?
  # An answer can be a manifest of megabytes: the log keeps its beginning.
  [ -z "$OUT" ] || printf '%.4000s\n' "$OUT" | sed 's/^/  | /'
  return "$STATUS"
}

# expect NAME CMD… : CMD succeeds.
expect() {
  local name=$1
  shift
  if run "$@"; then pass "$name"; else fail "$name (exit $STATUS)"; fi
  return "$STATUS"
}

# expect_out NAME PATTERN CMD… : CMD succeeds and says PATTERN (an extended regular expression).
expect_out() {
  local name=$1 pattern=$2
  shift 2
  if ! run "$@"; then
    fail "$name (exit $STATUS)"
  elif grep -Eq -- "$pattern" <<<"$OUT"; then
    pass "$name"
  else
    fail "$name (output lacks: $pattern)"
  fi
}

# expect_fail NAME PATTERN CMD… : CMD fails and says PATTERN, without regard to case.
expect_fail() {
  local name=$1 pattern=$2
  shift 2
  if run "$@"; then
    fail "$name (succeeded)"
  elif grep -Eiq -- "$pattern" <<<"$OUT"; then
    pass "$name"
  else
    fail "$name (message lacks: $pattern)"
  fi
}

# expect_eq NAME WANT GOT
expect_eq() {
  if [ "$2" = "$3" ]; then pass "$1"; else fail "$1 (want '$2', got '$3')"; fi
}

# expect_match NAME PATTERN TEXT
expect_match() {
  if grep -Eq -- "$2" <<<"$3"; then pass "$1"; else fail "$1 (want /$2/, got '$(printf '%.300s' "$3")')"; fi
}

# need PROGRAM… : ends the case when one is not there, as failed unless the case was declared optional.
need() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null 2>&1 && continue
    case " ${HAVEN_E2E_OPTIONAL:-} " in
      *" $CASE "*) skip "$program is not installed" ;;
      *) fail "$program is not installed" ;;
    esac
    exit 1
  done
}

# -------------------------------------------------------------------------------------------------------- processes

# spawn NAME CMD… : in the background, its output in $WORK/NAME.log, its id in SPAWNED.
spawn() {
  local name=$1
  shift
  echo "+ $* &"
  "$@" >>"$WORK/$name.log" 2>&1 </dev/null &
  SPAWNED=$!
  PIDS+=("$SPAWNED")
}

alive() { kill -0 "$1" 2>/dev/null; }

# finish PID [SIGNAL] : asks, waits, insists.
finish() {
  alive "$1" || return 0
  kill "-${2:-TERM}" "$1" 2>/dev/null
  settle "$1"
}

# settle PID : waits for one that was asked to end, and insists.
settle() {
  local pid=$1 tick
  for tick in $(seq 600); do
    alive "$pid" || break
    [ "$tick" = 600 ] && kill -KILL "$pid" 2>/dev/null
    sleep 0.1
  done
  wait "$pid" 2>/dev/null
  return 0
}

# Storage drivers and run times can leave mounts, and with them the folder could not go.
unmount_below() {
  local mount
  awk -v work="$1/" 'index($2, work) == 1 { print $2 }' /proc/mounts | sort -r |
    while read -r mount; do umount -l "$mount" 2>/dev/null; done
}

cleanup() {
  local status=$? index folder
  trap - EXIT
  trap '' INT TERM HUP
  [ -z "${BACKENDS[*]:-}" ] || check_crossing
  for ((index = ${#PIDS[@]} - 1; index >= 0; index--)); do finish "${PIDS[index]}"; done
  for folder in "$WORK" "${FOLDERS[@]}"; do unmount_below "$folder"; done
  rm -rf "${FOLDERS[@]}"
  # run.sh gives a folder and removes it; on its own, a case made one and does.
  if [ -z "${HAVEN_E2E_WORK:-}" ] && [ -z "${HAVEN_E2E_KEEP:-}" ]; then rm -rf "$WORK"; fi
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# wait_for SECONDS CMD… : until CMD succeeds.
wait_for() {
  local limit=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$limit" ] || return 1
    sleep 0.1
  done
}

port_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port : says one that nobody listens on, and none twice: whom the first was for may not listen yet.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 10000))
    ! grep -qx "$port" "$WORK/ports" 2>/dev/null || continue
    port_free "$port" && echo "$port" | tee -a "$WORK/ports" && return
  done
}

# --------------------------------------------------------------------------------------------------------- database

# start_postgres : a throw-away cluster on PG_PORT, without fsync. PostgreSQL refuses to run as root.
start_postgres() {
  local bin as_postgres=()
  bin=$(find /usr/lib/postgresql -maxdepth 2 -name bin | sort -V | tail -n 1)
  PG_DATA=$(mktemp -d /tmp/he2e-pg.XXXXXX)
  FOLDERS+=("$PG_DATA")
  PG_PORT=$(free_port)
  if [ "$(id -u)" = 0 ]; then
    chown postgres: "$PG_DATA"
    # Unlike runuser, setpriv becomes the program: its id is the server's.
    as_postgres=(setpriv --reuid=postgres --regid=postgres --init-groups)
  fi
  PG_PROGRAM=("${as_postgres[@]}" "$bin/postgres")
  (cd / && "${as_postgres[@]}" "$bin/initdb" -D "$PG_DATA/db" -U haven -A trust -E UTF8 --no-sync) \
    >"$WORK/initdb.log" 2>&1 || { cat "$WORK/initdb.log"; return 1; }
  export PG_PORT
  run_postgres
  wait_for 120 psql_admin 'SELECT 1'
}

# run_postgres : the cluster's server, at first or again. Sets PG_PID.
run_postgres() {
  spawn postgres "${PG_PROGRAM[@]}" -D "$PG_DATA/db" -p "$PG_PORT" \
    -c listen_addresses=127.0.0.1 -c unix_socket_directories="$PG_DATA" -c max_connections=100 \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off
  # shellcheck disable=SC2034 # read by the cases
  PG_PID=$SPAWNED
}

psql_admin() { psql -h 127.0.0.1 -p "$PG_PORT" -U haven -d postgres -qAtc "$1"; }

# ---------------------------------------------------------------------------------------------------------- storage

# start_s3 : a throw-away S3 server with one bucket, named after the case, at S3_URL.
start_s3() {
  local port
  port=$(free_port)
  S3_URL=http://127.0.0.1:$port
  mkdir -p "$WORK/s3/$CASE"
  spawn s3 env RUST_LOG=error "$HAVEN_E2E_S3_SERVER" --host 127.0.0.1 --port "$port" \
    --access-key haven --secret-key haven-e2e-secret "$WORK/s3"
  # Without a signature it refuses, but it answers.
  wait_for 120 curl -sS -m 5 "$S3_URL/"
}

# on_s3 : Haven keeps its blobs there. What looks at every answer is not sent elsewhere.
on_s3() {
  start_s3 || { fail 'the S3 server starts'; exit 1; }
  HAVEN_ENV+=(HAVEN_STORAGE_SERVICE__S3__BUCKET="$CASE" HAVEN_STORAGE_SERVICE__S3__REGIONENDPOINT="$S3_URL"
    HAVEN_STORAGE_SERVICE__S3__ACCESSKEY=haven HAVEN_STORAGE_SERVICE__S3__SECRETKEY=haven-e2e-secret
    HAVEN_STORAGE_SERVICE__S3__ROOTDIRECTORY=/registry/root)
  case $CASE in
    protocol | transfer | conformance | failover | database) HAVEN_ENV+=(HAVEN_STORAGE_SERVICE__REDIRECT__DISABLE=true) ;;
  esac
}

# ------------------------------------------------------------------------------------------------------------ Haven

. "$E2E/replicas.sh"

# start_haven : on a free port of loopback with an empty data folder. Sets REGISTRY, BASE and HAVEN_PIDS.
start_haven() {
  [ -x "$HAVEN_BIN" ] || { fail "no program at HAVEN_BIN=$HAVEN_BIN"; exit 1; }
  REGISTRY=127.0.0.1:$(free_port)
  BASE=http://$REGISTRY
  HAVEN_ENV=(PATH="$PATH" HOME="$HOME" HARBOR_ADMIN_PASSWORD="$ADMIN_PASSWORD"
    HAVEN_LISTEN="$REGISTRY" HAVEN_DATA_DIR="$WORK/data" HAVEN_EXTERNAL_URL="$BASE"
    "${HAVEN_EXTRA[@]}")
  if [ "${HAVEN_E2E_DATABASE:-sqlite}" = postgres ]; then
    [ -n "${PG_PORT:-}" ] || start_postgres || { fail 'PostgreSQL starts'; exit 1; }
    psql_admin "CREATE DATABASE \"$CASE\"" || { fail 'a database can be created'; exit 1; }
    HAVEN_ENV+=(HAVEN_DATABASE__URL="postgres://haven@127.0.0.1:$PG_PORT/$CASE")
  fi
  [ "${HAVEN_E2E_STORAGE:-files}" != s3 ] || on_s3
  mkdir -p "$WORK/data"
  if [ "$REPLICAS" -gt 1 ]; then
    [ -n "${PG_PORT:-}" ] || { fail 'replicas share a PostgreSQL (HAVEN_E2E_DATABASE=postgres)'; exit 1; }
    start_replicas || { fail "$REPLICAS replicas start"; tail -n 30 "$WORK"/haven-*.log; exit 1; }
    return
  fi
  launch_haven || { fail 'Haven starts'; tail -n 30 "$WORK/haven.log"; exit 1; }
}

# launch_haven : starts it, or all its replicas, again as before.
launch_haven() {
  if [ "$REPLICAS" -gt 1 ]; then launch_replicas; return; fi
  # Haven refuses a HAVEN_… variable that it does not know, and this suite has some of its own.
  spawn haven env -i "${HAVEN_ENV[@]}" "$HAVEN_BIN" serve
  HAVEN_PIDS=("$SPAWNED")
  wait_for 120 haven_answers
}

# finish_haven [SIGNAL] : every replica, all asked before any is waited for.
finish_haven() {
  local pid
  kill "-${1:-TERM}" "${HAVEN_PIDS[@]}" 2>/dev/null
  for pid in "${HAVEN_PIDS[@]}"; do settle "$pid"; done
}

haven_answers() { alive "${HAVEN_PIDS[0]}" && curl -fsS -m 5 "$BASE/api/v2.0/ping"; }

# admin METHOD PATH [JSON] : a REST call as the administrator; says the body, fails on an error status.
admin() {
  local method=$1 path=$2
  shift 2
  [ "$#" = 0 ] || set -- -H 'Content-Type: application/json' -d "$1"
  curl -sS --fail-with-body -m 30 -X "$method" -u "admin:$ADMIN_PASSWORD" "$@" "$BASE/api/v2.0$path"
}

# make_project NAME [true|false] : private unless told.
make_project() {
  expect "project $1 is created" \
    admin POST /projects "{\"project_name\":\"$1\",\"metadata\":{\"public\":\"${2:-false}\"}}"
}

# has_users : whether the server's own contract says that users and members can be made over REST.
has_users() {
  if [ -z "${HAS_USERS:-}" ]; then
    HAS_USERS=no
    curl -sS -m 30 "$BASE/api/v2.0/openapi.json" | jq -e '
      .paths | has("/users") and (keys | any(test("/members$")))' >/dev/null 2>&1 && HAS_USERS=yes
  fi
  [ "$HAS_USERS" = yes ]
}

# roles CHECK NAME … : a check that needs more users than the administrator.
roles() {
  if has_users; then "$@"; else skip "$2 (this Haven has no users over REST)"; fi
}

# make_user NAME : with the password USER_PASSWORD and no rights.
USER_PASSWORD=Battery-staple-9
make_user() {
  roles expect "user $1 is created" admin POST /users \
    "{\"username\":\"$1\",\"email\":\"$1@example.com\",\"realname\":\"$1\",\"password\":\"$USER_PASSWORD\"}"
}

# add_member PROJECT USER ROLE : 1 admin, 2 developer, 3 guest, 4 maintainer.
add_member() {
  roles expect "$2 joins $1" admin POST "/projects/$1/members" \
    "{\"role_id\":$3,\"member_user\":{\"username\":\"$2\"}}"
}

# make_robot NAME PROJECT ACTION… : a robot of the project with these actions on its repositories. Sets ROBOT, its full name,
# SECRET and ROBOT_ID.
make_robot() {
  local name=$1 project=$2 body made
  shift 2
  body=$(jq -cn --arg name "$name" --arg project "$project" '{name: $name, level: "project", duration: -1,
    permissions: [{kind: "project", namespace: $project,
      access: [$ARGS.positional[] | {resource: "repository", action: .}]}]}' --args "$@")
  made=$(admin POST /robots "$body")
  # shellcheck disable=SC2034 # read by the cases
  ROBOT=$(jq -r .name <<<"$made") SECRET=$(jq -r .secret <<<"$made") ROBOT_ID=$(jq -r .id <<<"$made")
  expect_eq "robot $name of $project is made" "robot\$$project+$name" "$ROBOT"
}

# change_robot JSON : changes members of the robot that was made last.
change_robot() {
  local now
  now=$(admin GET "/robots/$ROBOT_ID" | jq -c --argjson change "$1" '. + $change')
  expect "robot $ROBOT is changed" admin PUT "/robots/$ROBOT_ID" "$now"
}
