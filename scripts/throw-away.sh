# What the servers around with-*.sh have in common. To be sourced; the caller defines
#   launch PORT   starts the server in the background and sets `server` to its process id
#   ready PORT    whether it takes connections; `answers PORT` may do
# shellcheck shell=bash

folder=
server=
stop_signal=TERM

# throw_away NAME [SIGNAL] : a folder for the server. It goes, and the server is ended by the signal, however we end.
throw_away() {
  folder=$(mktemp -d "${TMPDIR:-/tmp}/haven-$1.XXXXXX")
  stop_signal=${2:-TERM}
  trap end EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

end() {
  stop_server 2>/dev/null
  rm -rf "$folder"
}

stop_server() {
  [ -n "$server" ] || return 0
  kill "-$stop_signal" "$server" 2>/dev/null || true
  wait "$server" || true
  server=
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# start_server : on a free port of loopback, which `port` is then. A port can be taken between the look and the start, so
# there are several tries.
start_server() {
  for _ in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 12000))
    answers "$port" && continue
    launch "$port"
    ! comes_up || return 0
    # It has ended, or takes for ever.
    stop_server
  done
  tail -n 20 "$folder/server.log" >&2
  return 1
}

comes_up() {
  for _ in $(seq 600); do
    kill -0 "$server" 2>/dev/null || return 1
    ! ready "$port" || return 0
    sleep 0.1
  done
  return 1
}
