#!/usr/bin/env bash
# Brings what building and testing need onto a Debian or Ubuntu machine:  scripts/setup.sh build|test
#
# Idempotent, and silent where nothing is missing. What only the real clients of the black-box suite need is
# installed by e2e/install.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

purpose=${1:-build}
case $purpose in build | test) ;; *) echo "usage: $0 build|test" >&2 && exit 2 ;; esac

has() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif has sudo; then
    sudo -n "$@"
  else
    echo "setup: please run as root: $*" >&2
    return 1
  fi
}

has_postgres_server() { has initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }

missing_packages() {
  has cc || echo gcc libc6-dev
  has make || echo make
  has pkg-config || echo pkg-config
  has git || echo git
  has curl || echo curl ca-certificates
  [ "$purpose" = test ] || return 0
  has jq || echo jq
  has setpriv || echo util-linux
  has_postgres_server || echo postgresql
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" </dev/null
}

install_packages() {
  local packages log
  read -r -a packages <<<"$(missing_packages | tr '\n' ' ')"
  [ "${#packages[@]}" -gt 0 ] || return 0
  has apt-get || { echo "setup: please install ${packages[*]}" >&2 && return 1; }
  echo "setup: apt ${packages[*]}"
  log=$(mktemp)
  # A fresh machine has old lists or none; one that is current saves the update.
  if ! apt_install "${packages[@]}" >"$log" 2>&1; then
    { as_root apt-get update -q && apt_install "${packages[@]}"; } >>"$log" 2>&1 || {
      tail -n 20 "$log" >&2
      rm -f "$log"
      return 1
    }
  fi
  rm -f "$log"
}

# The version of Rust is the one that rust-toolchain.toml names; rustup reads it by itself.
install_rust() {
  has rustup || [ ! -x "${CARGO_HOME:-$HOME/.cargo}/bin/rustup" ] || PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
  if ! has rustup; then
    if has cargo; then
      return 0 # from somewhere else; Cargo.toml says which version is the oldest that will do
    fi
    echo "setup: Rust"
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
      sh -s -- -y -q --profile minimal --default-toolchain none
    PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
  fi
  rustc --version >/dev/null 2>&1 || install_toolchain
  [ "$purpose" = build ] || {
    cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
    cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
  }
}

install_toolchain() {
  local channel
  channel=$(sed -n 's/^channel *= *"\(.*\)"$/\1/p' rust-toolchain.toml)
  echo "setup: Rust $channel"
  rustup toolchain install "$channel" --profile minimal --component rustfmt --component clippy
}

install_packages
install_rust
if [ "$purpose" = test ]; then
  PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin scripts/s3-server.sh >/dev/null
  # Where there is no way to have it, its tests say so.
  scripts/azure-server.sh >/dev/null || [ "$?" = 69 ]
fi
