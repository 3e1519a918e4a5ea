# The CNCF distribution registry: version 2.8 as Debian's docker-registry, and version 3 built from its Go module.
# DISTRIBUTION_BIN names a program of version 3 where the module cannot be had.
# shellcheck shell=bash

DISTRIBUTION_VERSION=v3.1.2

docker_registry_install() { apt_install docker-registry docker-registry; }

docker_registry_version() { docker-registry --version | sed 's/ github.com[^ ]*//'; }

docker_registry_start() { distribution_run docker-registry docker-registry "$1"; }

distribution_install() {
  [ -z "${DISTRIBUTION_BIN:-}" ] || return 0
  local module=github.com/distribution/distribution/v3
  go_build distribution "$module" "$DISTRIBUTION_VERSION" "$module/cmd/registry" || return 1
  DISTRIBUTION_BIN=$CACHE/distribution-$DISTRIBUTION_VERSION
}

distribution_version() { echo "distribution $DISTRIBUTION_VERSION"; }

distribution_start() { distribution_run distribution "$DISTRIBUTION_BIN" "$1"; }

# distribution_run NAME PROGRAM plain|tls|token : with the settings of the sample configuration.
distribution_run() {
  local name=$1 program=$2 flavour=$3 data address scheme=http fields=()
  data=$(mktemp -d "$WORK/data.$name.XXXX")
  address=127.0.0.1:$(free_port)
  {
    printf 'version: 0.1\nlog: {fields: {service: registry}}\n'
    printf 'storage:\n  cache: {blobdescriptor: inmemory}\n  filesystem: {rootdirectory: %s}\n' "$data/registry"
    printf 'http:\n  addr: %s\n' "$address"
    case $flavour in
      tls)
        scheme=https
        printf '  tls: {certificate: %s, key: %s}\n' "$WORK/tls.crt" "$WORK/tls.key"
        ;;
      token)
        printf 'auth:\n  token: {realm: "http://127.0.0.1/token", service: bench, issuer: bench, rootcertbundle: %s}\n' \
          "$WORK/tls.crt"
        fields=("signer:={\"key\":\"$WORK/tls.key\",\"certificate\":\"$WORK/tls.crt\",\"issuer\":\"bench\",\"service\":\"bench\"}")
        ;;
    esac
  } >"$data/config.yml"
  spawn "$name" env OTEL_TRACES_EXPORTER=none "$program" serve "$data/config.yml"
  wait_for "$SPAWNED" "$scheme://$address/v2/"
  peer name="$name" url="$scheme://$address" storage="$data/registry" pid:="$SPAWNED" "${fields[@]}"
}
