# zot, built from its Go module in its minimal form. ZOT_BIN names a program where the module cannot be had.
# shellcheck shell=bash

ZOT_VERSION=latest

zot_install() {
  [ -z "${ZOT_BIN:-}" ] || return 0
  local module=zotregistry.dev/zot/v2
  go_build zot "$module" "$ZOT_VERSION" "$module/cmd/zot" || return 1
  ZOT_BIN=$CACHE/zot-$ZOT_VERSION
}

# What is built from the module knows its version from there alone.
zot_version() {
  local commit
  commit=$("$ZOT_BIN" --version 2>&1 | sed -n 's/.*commit[":]*\([^,"}]\{1,\}\).*/\1/p' | head -n 1)
  echo "zot ${commit:-$(go version -m "$ZOT_BIN" | awk '$1 == "mod" { print $3 }')}"
}

zot_start() {
  local flavour=$1 data port scheme=http tls=''
  data=$(mktemp -d "$WORK/data.zot.XXXX")
  port=$(free_port)
  case $flavour in
    tls) scheme=https && tls=",\"tls\":{\"cert\":\"$WORK/tls.crt\",\"key\":\"$WORK/tls.key\"}" ;;
    token) return 0 ;; # its bearer tokens are verified in a way of their own
  esac
  # By default it cuts every request after a minute, also one that goes on well: sixteen big blobs at once need nearly that.
  printf '{"distSpecVersion":"1.1.1","storage":{"rootDirectory":"%s","gc":false},"http":{"address":"127.0.0.1","port":"%s","readTimeout":"0s","writeTimeout":"0s"%s},"log":{"level":"info"}}' \
    "$data/registry" "$port" "$tls" >"$data/config.json"
  spawn zot "$ZOT_BIN" serve "$data/config.json"
  wait_for "$SPAWNED" "$scheme://127.0.0.1:$port/v2/"
  peer name=zot url="$scheme://127.0.0.1:$port" storage="$data/registry" pid:="$SPAWNED"
}
