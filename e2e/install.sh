#!/usr/bin/env bash
# Installs what the black-box suite needs: Debian packages, clients written in Go that Debian does not carry, and
# Schemathesis.
#
# Idempotent and quiet: says a line only for what it installs. Go tools are built through the Go module proxy into
# $HAVEN_E2E_CACHE (default ${XDG_CACHE_HOME:-$HOME/.cache}/haven-e2e/bin); a tool is built again only when its
# pinned version changes. A tool that cannot be had is named at the end; the cases that need it then fail, unless
# HAVEN_E2E_OPTIONAL names them (see run.sh).
set -euo pipefail

CACHE=${HAVEN_E2E_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/haven-e2e/bin}
LOG=$CACHE/install.log
mkdir -p "$CACHE"
: >"$LOG"

# What has to be on the path, and the package that brings it.
PACKAGES='
dockerd docker.io
docker docker.io
podman podman
buildah buildah
skopeo skopeo
containerd containerd
ctr containerd
newuidmap uidmap
jq jq
curl curl
nginx nginx-light
initdb postgresql
'

# The newest that any of the tools below asks for.
GO_VERSION=1.26.1

# name, package to build, module, version. All pinned: a new release of a client must not turn a build red.
TOOLS='
crane       github.com/google/go-containerregistry/cmd/crane       github.com/google/go-containerregistry       v0.22.1
oras        oras.land/oras/cmd/oras                                oras.land/oras                               v1.3.1
helm        helm.sh/helm/v3/cmd/helm                               helm.sh/helm/v3                              v3.22.0
cosign      github.com/sigstore/cosign/v2/cmd/cosign               github.com/sigstore/cosign/v2                v2.6.5
conformance github.com/opencontainers/distribution-spec/conformance github.com/opencontainers/distribution-spec/conformance v0.0.0-20260716174315-967efdc079b9
harbor      github.com/goharbor/harbor-cli/cmd/harbor               github.com/goharbor/harbor-cli               v0.0.26
'

SCHEMATHESIS_VERSION=4.32.5

sudo_if_needed() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

has() { PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null 2>&1; }

have_initdb() { ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || has initdb; }

# The images made here run this program, so it must not need a C library.
have_static_busybox() {
  dpkg-query -W -f '${Status}' busybox-static 2>/dev/null | grep -q 'ok installed'
}

missing_packages() {
  local program package
  while read -r program package; do
    [ -n "$program" ] || continue
    case $program in
      initdb) have_initdb || echo "$package" ;;
      *) has "$program" || echo "$package" ;;
    esac
  done <<<"$PACKAGES" | sort -u
  have_static_busybox || echo busybox-static
  has go || echo golang-go
}

apt_install() {
  sudo_if_needed env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "$@" >>"$LOG" 2>&1
}

install_packages() {
  local packages
  mapfile -t packages < <(missing_packages)
  [ "${#packages[@]}" -gt 0 ] || return 0
  echo "install: apt ${packages[*]}"
  # A fresh machine has old lists or none; one that is current saves the update.
  apt_install "${packages[@]}" && return 0
  sudo_if_needed apt-get update -q >>"$LOG" 2>&1
  apt_install "${packages[@]}" && return 0
  tail -n 20 "$LOG" >&2
  return 1
}

# Distributions carry an old Go, or one told not to fetch a newer one. The toolchain is a module like any other, and
# any Go since 1.14 can download modules, so the one we need comes the same way as the tools.
ensure_go() {
  local have folder
  have=$(go env GOVERSION 2>/dev/null | sed 's/^go//')
  [ "$(printf '%s\n' "$GO_VERSION" "$have" | sort -V | head -n 1)" = "$GO_VERSION" ] && return 0
  folder=$(
    cd "$CACHE"
    GO111MODULE=on GOFLAGS=-mod=mod go mod download -json \
      "golang.org/toolchain@v0.0.1-go$GO_VERSION.linux-$(go env GOARCH)" 2>>"$LOG" | jq -r .Dir
  )
  # A module archive carries no execute bits.
  chmod +x "$folder"/bin/* "$folder"/pkg/tool/*/* 2>>"$LOG" || return 1
  PATH=$folder/bin:$PATH
  export PATH GOROOT="$folder" GOTOOLCHAIN=local
}

# Builds in a throw-away module, because `go install pkg@version` refuses a module whose go.mod has replace lines.
build_tool() {
  local name=$1 package=$2 module=$3 version=$4 folder status=0
  [ -x "$CACHE/$name" ] && [ "$(cat "$CACHE/$name.version" 2>/dev/null)" = "$version" ] && return 0
  local started=$SECONDS
  folder=$(mktemp -d)
  # Joined by hand: behind `||`, errexit does not hold.
  (
    export CGO_ENABLED=0 GOFLAGS=-p=2 GO111MODULE=on GOWORK=off
    cd "$folder" && go mod init haven-e2e-tool && go get "$package@$version" &&
      nice -n 10 go build -trimpath -ldflags='-s -w' -o "$CACHE/$name.new" "$package"
  ) >>"$LOG" 2>&1 || status=$?
  rm -rf "$folder"
  if [ "$status" != 0 ]; then
    echo "install: $module $version cannot be built: $(grep '^go: ' "$LOG" | tail -n 1)" >&2
    return 1
  fi
  mv "$CACHE/$name.new" "$CACHE/$name"
  echo "$version" >"$CACHE/$name.version"
  echo "install: $name $version built in $((SECONDS - started)) s"
}

all_tools_built() {
  local name package module version
  while read -r name package module version; do
    [ -n "$name" ] || continue
    [ "$(cat "$CACHE/$name.version" 2>/dev/null)" = "$version" ] || return 1
  done <<<"$TOOLS"
}

install_tools() {
  all_tools_built && return 0
  ensure_go || { echo "install: no Go $GO_VERSION (log: $LOG)" >&2; return 0; }
  local name package module version failed=''
  while read -r name package module version; do
    [ -n "$name" ] || continue
    build_tool "$name" "$package" "$module" "$version" </dev/null || failed+=" $name"
  done <<<"$TOOLS"
  [ -z "$failed" ] || echo "install: missing:$failed (log: $LOG)" >&2
}

# A Python program, in an environment of its own. Debian does not carry it, and the machine's Python stays as it is.
install_schemathesis() {
  local home=$CACHE/schemathesis-$SCHEMATHESIS_VERSION
  [ -x "$home/bin/schemathesis" ] && [ -e "$CACHE/schemathesis" ] && return 0
  rm -rf "$home"
  if ! { python3 -m venv "$home" && nice -n 10 "$home/bin/pip" install -q "schemathesis==$SCHEMATHESIS_VERSION"; } >>"$LOG" 2>&1; then
    rm -rf "$home"
    echo "install: schemathesis $SCHEMATHESIS_VERSION cannot be installed, its case is skipped (log: $LOG)" >&2
    return 0
  fi
  ln -sfn "$home/bin/schemathesis" "$CACHE/schemathesis"
  echo "install: schemathesis $SCHEMATHESIS_VERSION"
}

install_packages
install_tools
install_schemathesis
