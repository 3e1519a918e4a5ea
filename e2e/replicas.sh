# Several replicas of Haven on one PostgreSQL and one storage, behind a plain round-robin proxy. Used by lib.sh.
#
# Nothing sticks: nginx gives every request of a connection to the next replica, and hands bodies on as they come.
# What the replicas share is what the manual says they must: the database, the storage and the secret key.
# shellcheck shell=bash disable=SC2034 # what is set here is read by lib.sh and the cases

# start_proxy PORT BACKEND… : nginx on loopback; says nothing until it answers.
start_proxy() {
  local port=$1 folder backend
  shift
  folder=$WORK/nginx
  mkdir -p "$folder"
  {
    echo "daemon off; master_process off; worker_processes 1; pid $folder/pid; error_log $folder/error.log;"
    echo 'worker_rlimit_nofile 16384; events { worker_connections 8192; } http {'
    echo "log_format way '\$upstream_addr \$request_method \$uri \$sent_http_docker_upload_uuid';"
    echo "access_log $folder/access.log way; client_body_temp_path $folder/body; proxy_temp_path $folder/proxy;"
    echo "fastcgi_temp_path $folder/f; uwsgi_temp_path $folder/u; scgi_temp_path $folder/s;"
    echo 'upstream replicas { keepalive 64;'
    for backend in "$@"; do echo "server $backend max_fails=0;"; done
    # The proxy adds nothing of its own: a request meets one replica, and that one's answer is the client's.
    cat <<'CONF'
}
server {
  listen LISTEN backlog=4096;
  client_max_body_size 0;
  proxy_request_buffering off;
  proxy_buffering off;
  proxy_read_timeout 900s;
  proxy_send_timeout 900s;
  location / {
    proxy_pass http://replicas;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
  }
} }
CONF
  } | sed "s/LISTEN/127.0.0.1:$port/" >"$folder/nginx.conf"
  spawn nginx nginx -p "$folder" -c "$folder/nginx.conf" -e "$folder/error.log"
  NGINX_PID=$SPAWNED
}

proxy_listens() { ! port_free "${REGISTRY##*:}"; }

# launch_replicas : all of them at once, which is how a first start on an empty database comes about too.
launch_replicas() {
  local index pids=()
  for index in $(seq "$REPLICAS"); do
    spawn "haven-$index" env -i "${HAVEN_ENV[@]}" HAVEN_LISTEN="${BACKENDS[index - 1]}" \
      HAVEN_DATA_DIR="$WORK/data-$index" "$HAVEN_BIN" serve
    pids+=("$SPAWNED")
  done
  HAVEN_PIDS=("${pids[@]}")
  wait_for 120 replicas_answer
}

replicas_answer() {
  local index
  for index in $(seq "$REPLICAS"); do
    alive "${HAVEN_PIDS[index - 1]}" && curl -fsS -m 5 "http://${BACKENDS[index - 1]}/api/v2.0/ping" || return 1
  done
}

# start_replicas : REPLICAS of them behind a proxy at REGISTRY; HAVEN_ENV is what they have in common.
start_replicas() {
  local index
  need nginx
  BACKENDS=()
  for index in $(seq "$REPLICAS"); do
    BACKENDS+=("127.0.0.1:$(free_port)")
    mkdir -p "$WORK/data-$index"
  done
  head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$WORK/secret.key"
  for index in $(seq "$REPLICAS"); do install -m 600 "$WORK/secret.key" "$WORK/data-$index/secret.key"; done
  if [ "${HAVEN_E2E_STORAGE:-files}" != s3 ] && [[ "${HAVEN_EXTRA[*]}" != *ROOTDIRECTORY* ]]; then
    HAVEN_ENV+=(HAVEN_STORAGE_SERVICE__FILESYSTEM__ROOTDIRECTORY="$WORK/data/registry")
  fi
  start_proxy "${REGISTRY##*:}" "${BACKENDS[@]}"
  launch_replicas && wait_for 120 proxy_listens
}

# crossings : of the proxy's log, how many upload sessions there were, and how many of them met more than one replica.
crossings() {
  awk '{ id = $4
      if (match($3, /blobs\/uploads\/[0-9a-f-]+$/)) id = substr($3, RSTART + 14)
      if (length(id) == 36) { known[id] = 1; if (!((id, $1) in met)) { met[id, $1] = 1; replicas[id]++ } }
    } END { for (id in known) { began++; if (replicas[id] > 1) crossed++ }; print began + 0, crossed + 0 }
  ' "$WORK/nginx/access.log"
}

# check_crossing : a suite that one replica answered alone would prove nothing. Of a few uploads, each of two requests,
# all may stay where they began: a client that sends two at once keeps in step with the turns of the proxy.
check_crossing() {
  local backend began crossed
  for backend in "${BACKENDS[@]}"; do
    expect "the replica at $backend answered" grep -q "^$backend " "$WORK/nginx/access.log"
  done
  read -r began crossed < <(crossings)
  [ "$began" -lt 12 ] || expect "uploads went from one replica to another ($crossed of $began)" test "$crossed" -gt 0
}
