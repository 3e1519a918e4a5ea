# Processes, ports, certificates and the description of peers, for run.sh and the files in peers/ and measures/.
# shellcheck shell=bash

PIDS=()

say() { printf '\n-- %s\n' "$*" >&2; }

alive() { kill -0 "$1" 2>/dev/null; }

# spawn NAME CMD… : in the background, its output in $WORK/NAME.log, its id in SPAWNED.
spawn() {
  local name=$1
  shift
  "$@" >>"$WORK/$name.log" 2>&1 </dev/null &
  SPAWNED=$!
  PIDS+=("$SPAWNED")
}

# finish PID : asks, waits, insists.
finish() {
  local pid=$1 tick
  kill -TERM "$pid" 2>/dev/null || return 0
  for tick in $(seq 300); do
    alive "$pid" || break
    [ "$tick" = 300 ] && kill -KILL "$pid" 2>/dev/null
    sleep 0.1
  done
  wait "$pid" 2>/dev/null || true
}

# finish_all : every server that is running; what they stored goes as well.
finish_all() {
  local index
  for ((index = ${#PIDS[@]} - 1; index >= 0; index--)); do finish "${PIDS[index]}"; done
  PIDS=()
  if [ -n "${WORK:-}" ]; then rm -rf "$WORK"/data.* "$WORK/peers" "$WORK/disk"; fi
}

port_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port : says one that nobody listens on, and none twice: whom the first was for may not listen yet.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    ! grep -qx "$port" "$WORK/ports" 2>/dev/null || continue
    port_free "$port" && echo "$port" | tee -a "$WORK/ports" && return
  done
}

# wait_for PID URL : until the server of this process answers, whatever it says.
wait_for() {
  local pid=$1 url=$2 limit=$((SECONDS + 120))
  until curl -ks -o /dev/null -m 2 "$url"; do
    if ! alive "$pid" || [ "$SECONDS" -gt "$limit" ]; then
      echo "bench: nothing answers at $url" >&2
      tail -n 20 "$WORK"/*.log >&2
      return 1
    fi
    sleep 0.1
  done
}

# certificate : for loopback, in $WORK/tls.crt and tls.key; the same for every server, and trusted for tokens.
certificate() {
  openssl req -x509 -newkey rsa:2048 -nodes -sha256 -days 2 -subj /CN=bench \
    -addext 'subjectAltName=IP:127.0.0.1' -addext 'basicConstraints=critical,CA:FALSE' \
    -keyout "$WORK/tls.key" -out "$WORK/tls.crt" 2>/dev/null
}

# peer JSON… : adds a server to those that the next measure compares. Fields are KEY=TEXT or KEY:=JSON.
peer() {
  local field key line=
  for field in "$@"; do
    case $field in
      *:=*) key=${field%%:=*} && line+=",\"$key\":${field#*:=}" ;;
      *) key=${field%%=*} && line+=",\"$key\":\"${field#*=}\"" ;;
    esac
  done
  echo "{${line#,}}" >>"$WORK/peers"
}

# no_peers : the next measure begins with an empty list; the servers go on running.
no_peers() { : >"$WORK/peers"; }

# measure WHAT ARGUMENT… : runs the load program; samples are added to the results of the section.
measure() {
  local what=$1
  shift
  [ -s "$WORK/peers" ] || [ "$what" = yardstick ] || return 0
  "$BENCH" "$what" --peers "$WORK/peers" --ca "$WORK/tls.crt" --rounds "$ROUNDS" "$@" >>"$WORK/samples"
}

# start_peers FLAVOUR NAME… : those of NAME… that are installed, as plain, tls or token.
start_peers() {
  local flavour=$1 name
  shift
  for name in "$@"; do
    case " $PEERS " in *" $name "*) "${name//-/_}_start" "$flavour" ;; esac
  done
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

# apt_install PROGRAM PACKAGE : unless the program is there.
apt_install() {
  command -v "$1" >/dev/null 2>&1 && return 0
  command -v apt-get >/dev/null 2>&1 || return 1
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$2" >/dev/null </dev/null
}

# go_build NAME MODULE VERSION PACKAGE : builds a command of a Go module into $CACHE/NAME, once for each version.
go_build() {
  local name=$1 module=$2 version=$3 package=$4 folder=$CACHE/go/$1-$3
  [ ! -x "$CACHE/$name-$version" ] || return 0
  command -v go >/dev/null 2>&1 || { echo "no Go here" >&2 && return 1; }
  mkdir -p "$folder"
  [ -f "$folder/go.mod" ] || printf 'module bench.invalid/%s\n\ngo 1.23\n' "$name" >"$folder/go.mod"
  (
    cd "$folder" || exit
    export GOFLAGS='-mod=mod -buildvcs=false'
    go get "$module@$version" && go build -o "$CACHE/$name-$version" "$package"
  )
}
