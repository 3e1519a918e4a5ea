# Container engines started by hand, each with folders and a socket of its own, so that nothing of the machine's own
# engines is touched and nothing is left behind.
# shellcheck shell=bash

# start_docker : sets DOCKER_HOST; `docker` then speaks to it. No bridge and no firewall rules: pushes and pulls
# leave from the engine's own process, and containers are run with --network none.
start_docker() {
  need dockerd docker
  # The path of a socket may not be long, and a work folder's can be.
  DOCKER_DIR=$(mktemp -d /tmp/he2e-docker.XXXXXX)
  FOLDERS+=("$DOCKER_DIR")
  export DOCKER_HOST=unix://$DOCKER_DIR/docker.sock DOCKER_CONFIG=$WORK/docker-config
  mkdir -p "$DOCKER_CONFIG"
  spawn dockerd dockerd --data-root "$WORK/docker" --exec-root "$DOCKER_DIR/exec" -H "$DOCKER_HOST" \
    --pidfile "$DOCKER_DIR/docker.pid" --iptables=false --ip6tables=false --bridge=none --storage-driver=vfs
  if ! wait_for 120 docker version; then
    fail 'dockerd starts'
    tail -n 20 "$WORK/dockerd.log"
    exit 1
  fi
  # Should dockerd die, the containerd that it started has to be ended by its own id.
  local pid
  pid=$(cat "$DOCKER_DIR/exec/containerd/containerd.pid" 2>/dev/null) || return 0
  PIDS=("$pid" "${PIDS[@]}")
}

# start_containerd : sets CONTAINERD_ADDRESS; `ctr` then speaks to it.
start_containerd() {
  need containerd ctr
  CONTAINERD_DIR=$(mktemp -d /tmp/he2e-ctrd.XXXXXX)
  FOLDERS+=("$CONTAINERD_DIR")
  export CONTAINERD_ADDRESS=$CONTAINERD_DIR/containerd.sock
  cat >"$WORK/containerd.toml" <<TOML
version = 2
root = "$WORK/containerd"
state = "$CONTAINERD_DIR/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
  address = "$CONTAINERD_ADDRESS"
TOML
  spawn containerd containerd --config "$WORK/containerd.toml"
  if ! wait_for 120 ctr version; then
    fail 'containerd starts'
    tail -n 20 "$WORK/containerd.log"
    exit 1
  fi
}
