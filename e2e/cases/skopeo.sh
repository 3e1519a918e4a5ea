#!/usr/bin/env bash
# skopeo: copy between formats, inspect, list, sync, delete.
. "$(dirname "$0")/../lib.sh"
. "$E2E/images.sh"

need skopeo
start_haven
sample_layout "$WORK/layout"
make_project skopeo-team
repo=docker://$REGISTRY/skopeo-team
creds=admin:$ADMIN_PASSWORD

put() { skopeo copy -q --dest-tls-verify=false --dest-creds "$creds" "$@"; }
get() { skopeo copy -q --src-tls-verify=false --src-creds "$creds" "$@"; }
raw() { skopeo inspect --raw --tls-verify=false --creds "$creds" "$1"; }
media_type() { raw "$1" | jq -r .mediaType; }

expect 'an image is copied in' put "oci:$WORK/layout:image" "$repo/app:v1"
expect_out 'inspect tells digest and layers' "$IMAGE_DIGEST" skopeo inspect --tls-verify=false --creds "$creds" "$repo/app:v1"
expect_eq 'three layers are told' 3 "$(jq '.Layers | length' <<<"$OUT")"
expect_eq 'the manifest keeps its bytes' "$IMAGE_DIGEST" "sha256:$(raw "$repo/app:v1" | sha256sum | cut -d' ' -f1)"
expect_out 'the configuration is read' 'busybox' skopeo inspect --config --tls-verify=false --creds "$creds" "$repo/app:v1"

expect 'an index is copied in with all its images' put --all "oci:$WORK/layout:multi" "$repo/multi:v1"
expect_eq 'the index keeps its bytes' "$INDEX_DIGEST" "sha256:$(raw "$repo/multi:v1" | sha256sum | cut -d' ' -f1)"
expect 'an index is copied out with all its images' get --all "$repo/multi:v1" "oci:$WORK/back:multi"
expect 'the second platform came back' test -f "$WORK/back/blobs/sha256/${OTHER_DIGEST#sha256:}"
expect 'one platform of it is copied' get --override-arch s390x "$repo/multi:v1" "oci:$WORK/one:s390x"
expect 'a child is read by its digest' raw "$repo/multi@$OTHER_DIGEST"

expect 'from OCI to Docker format' put -f v2s2 "oci:$WORK/layout:image" "$repo/app:docker"
expect_eq 'it is Docker format' application/vnd.docker.distribution.manifest.v2+json "$(media_type "$repo/app:docker")"
expect 'from Docker to OCI format, inside the registry' \
  put -f oci --src-tls-verify=false --src-creds "$creds" "$repo/app:docker" "$repo/app:oci"
expect_eq 'it is OCI format' "$OCI_MANIFEST" "$(media_type "$repo/app:oci")"
expect 'an index becomes a Docker list' put --all -f v2s2 "oci:$WORK/layout:multi" "$repo/multi:docker"
expect_eq 'it is a Docker list' application/vnd.docker.distribution.manifest.list.v2+json "$(media_type "$repo/multi:docker")"
expect 'to an archive for docker load' get "$repo/app:docker" "docker-archive:$WORK/app.tar:app:v1"

make_project skopeo-copy
expect 'between two projects' put --all --src-tls-verify=false --src-creds "$creds" \
  "$repo/multi:v1" "docker://$REGISTRY/skopeo-copy/multi:v1"

expect_out 'tags are listed' '"docker"' skopeo list-tags --tls-verify=false --creds "$creds" "$repo/app"
expect_eq 'all of them, sorted' '["docker","oci","v1"]' "$(jq -c .Tags <<<"$OUT")"

expect 'a repository is synchronised to a folder' skopeo sync --src docker --dest dir --all --src-tls-verify=false \
  --src-creds "$creds" "$REGISTRY/skopeo-team/app" "$WORK/sync"
expect_eq 'every tag came' 3 "$(find "$WORK/sync" -name manifest.json | wc -l)"
expect 'a folder is synchronised to a repository' skopeo sync --src dir --dest docker --all --dest-tls-verify=false \
  --dest-creds "$creds" "$WORK/sync" "$REGISTRY/skopeo-copy"

expect 'a manifest is deleted' skopeo delete --tls-verify=false --creds "$creds" "$repo/app:docker"
expect_fail 'it is gone' 'not found|manifest unknown' raw "$repo/app:docker"
expect 'its neighbour stays' raw "$repo/app:v1"

expect_fail 'a wrong password' 'unauthorized|authentication required|invalid username' \
  skopeo inspect --tls-verify=false --creds admin:wrong "$repo/app:v1"
expect_fail 'no password' 'unauthorized' skopeo inspect --tls-verify=false --no-creds "$repo/app:v1"
expect 'an image for everybody' put "oci:$WORK/layout:image" "docker://$REGISTRY/library/skopeo:v1"
expect 'anybody reads it' skopeo inspect --tls-verify=false --no-creds "docker://$REGISTRY/library/skopeo:v1"
expect_fail 'a project that is not there' 'not found|unauthorized' put "oci:$WORK/layout:image" "docker://$REGISTRY/nowhere/app:v1"
