# Test content made from nothing: OCI layouts written with tar, jq and sha256sum, no client's opinion in them.
#
# A layout folder can be read by skopeo (oci:DIR:TAG), crane, oras, podman, buildah and, as a tar, by ctr.
# shellcheck shell=bash disable=SC2034 # the digests are for the cases

# The one program in the images. Static, so that it runs FROM scratch.
BUSYBOX=$(command -v busybox || echo /bin/busybox)

OCI_MANIFEST=application/vnd.oci.image.manifest.v1+json
OCI_INDEX=application/vnd.oci.image.index.v1+json
OCI_CONFIG=application/vnd.oci.image.config.v1+json
OCI_LAYER=application/vnd.oci.image.layer.v1.tar+gzip

sha256_of() { sha256sum "$1" | cut -d' ' -f1; }

# program_root DIR : a file tree with a shell and a greeting.
program_root() {
  mkdir -p "$1/bin"
  cp "$BUSYBOX" "$1/bin/busybox"
  ln -sf busybox "$1/bin/sh"
  ln -sf busybox "$1/bin/cat"
}

# data_root DIR NAME TEXT : a file tree with one file.
data_root() {
  mkdir -p "$1/data"
  echo "$3" >"$1/data/$2"
}

layout_new() {
  mkdir -p "$1/blobs/sha256"
  echo '{"imageLayoutVersion":"1.0.0"}' >"$1/oci-layout"
  echo '{"schemaVersion":2,"manifests":[]}' >"$1/index.json"
}

# layout_blob DIR FILE TYPE : copies FILE in and says its descriptor.
layout_blob() {
  local hex
  hex=$(sha256_of "$2")
  cp "$2" "$1/blobs/sha256/$hex"
  jq -cn --arg type "$3" --arg digest "sha256:$hex" --argjson size "$(stat -c %s "$2")" \
    '{mediaType: $type, digest: $digest, size: $size}'
}

# layout_image DIR ARCHITECTURE ROOT… : an image with one layer a ROOT folder; says its manifest's descriptor.
layout_image() {
  local dir=$1 arch=$2 root layers='[]' diffs='[]' config manifest temp
  shift 2
  temp=$(mktemp -d "$WORK/layer.XXXXXX")
  for root in "$@"; do
    tar -C "$root" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$temp/layer.tar" .
    diffs=$(jq -c --arg diff "sha256:$(sha256_of "$temp/layer.tar")" '. + [$diff]' <<<"$diffs")
    gzip -n -1 -f "$temp/layer.tar"
    layers=$(jq -c --argjson layer "$(layout_blob "$dir" "$temp/layer.tar.gz" $OCI_LAYER)" '. + [$layer]' <<<"$layers")
  done
  jq -cn --arg arch "$arch" --argjson diffs "$diffs" '{
    created: "2026-01-01T00:00:00Z", architecture: $arch, os: "linux",
    config: {Cmd: ["/bin/busybox", "cat", "/data/greeting"], Env: ["PATH=/bin"]},
    rootfs: {type: "layers", diff_ids: $diffs},
    history: [$diffs[] | {created: "2026-01-01T00:00:00Z", created_by: "layout_image"}]}' >"$temp/config"
  config=$(layout_blob "$dir" "$temp/config" $OCI_CONFIG)
  jq -cn --argjson config "$config" --argjson layers "$layers" --arg type $OCI_MANIFEST \
    '{schemaVersion: 2, mediaType: $type, config: $config, layers: $layers}' >"$temp/manifest"
  manifest=$(layout_blob "$dir" "$temp/manifest" $OCI_MANIFEST)
  rm -rf "$temp"
  jq -c --arg arch "$arch" '. + {platform: {architecture: $arch, os: "linux"}}' <<<"$manifest"
}

# layout_index DIR DESCRIPTOR… : an index of them; says its descriptor.
layout_index() {
  local dir=$1 temp
  shift
  temp=$(mktemp "$WORK/index.XXXXXX")
  printf '%s\n' "$@" | jq -cs --arg type $OCI_INDEX '{schemaVersion: 2, mediaType: $type, manifests: .}' >"$temp"
  layout_blob "$dir" "$temp" $OCI_INDEX
  rm -f "$temp"
}

# layout_tag DIR TAG DESCRIPTOR : names it in the layout.
layout_tag() {
  local index
  index=$(jq -c --argjson item "$3" --arg tag "$2" \
    '.manifests += [$item + {annotations: {"org.opencontainers.image.ref.name": $tag}}]' "$1/index.json")
  echo "$index" >"$1/index.json"
}

# sample_layout DIR : `image`, three layers, runnable here; `multi`, an index of it and of one for s390x.
# Sets IMAGE_DIGEST, OTHER_DIGEST and INDEX_DIGEST.
sample_layout() {
  local dir=$1 here=amd64 image other index
  [ "$(uname -m)" != aarch64 ] || here=arm64
  layout_new "$dir"
  program_root "$WORK/root-program"
  data_root "$WORK/root-greeting" greeting "hello from $CASE"
  data_root "$WORK/root-extra" extra "one more layer"
  data_root "$WORK/root-other" greeting "hello from elsewhere"
  image=$(layout_image "$dir" "$here" "$WORK/root-program" "$WORK/root-greeting" "$WORK/root-extra")
  other=$(layout_image "$dir" s390x "$WORK/root-other")
  index=$(layout_index "$dir" "$image" "$other")
  layout_tag "$dir" image "$image"
  layout_tag "$dir" multi "$index"
  IMAGE_DIGEST=$(jq -r .digest <<<"$image")
  OTHER_DIGEST=$(jq -r .digest <<<"$other")
  INDEX_DIGEST=$(jq -r .digest <<<"$index")
}
