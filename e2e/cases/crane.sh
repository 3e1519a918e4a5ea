#!/usr/bin/env bash
# crane: copies, edits and deletes in the registry without an engine.
. "$(dirname "$0")/../lib.sh"
. "$E2E/images.sh"

need crane
start_haven
sample_layout "$WORK/layout"
make_project crane-team
make_project crane-copy
export DOCKER_CONFIG=$WORK/crane
mkdir -p "$DOCKER_CONFIG"
repo=$REGISTRY/crane-team/app

expect_fail 'nobody reads a private project' 'UNAUTHORIZED' crane ls "$repo"
crane auth login "$REGISTRY" -u admin -p not-the-password >/dev/null 2>&1
expect_fail 'a wrong password is refused' 'UNAUTHORIZED' crane ls "$repo"
expect 'the administrator logs in' crane auth login "$REGISTRY" -u admin -p "$ADMIN_PASSWORD"

layout_new "$WORK/single"
layout_tag "$WORK/single" v1 "$(layout_image "$WORK/single" amd64 "$WORK/root-greeting" "$WORK/root-extra")"
expect 'an image is pushed' crane push "$WORK/single" "$repo:v1"
single=$(jq -r '.manifests[0].digest' "$WORK/single/index.json")
expect_eq 'its digest' "$single" "$(crane digest "$repo:v1")"
expect_out 'its manifest' '"application/vnd\.oci\.image\.manifest\.v1\+json"' crane manifest "$repo:v1"
expect_out 'its configuration' 'layout_image' crane config "$repo:v1"
expect_out 'a blob of it' '^data/greeting$' \
  sh -c "crane blob '$repo@$(crane manifest "$repo:v1" | jq -r '.layers[0].digest')' | tar tz | sed 's,^./,,'"
layout_new "$WORK/indexed"
cp "$WORK"/layout/blobs/sha256/* "$WORK/indexed/blobs/sha256/"
cp "$WORK/layout/blobs/sha256/${INDEX_DIGEST#sha256:}" "$WORK/indexed/index.json"
expect 'an index is pushed' crane push --index "$WORK/indexed" "$repo:multi"
expect_eq 'its digest' "$INDEX_DIGEST" "$(crane digest "$repo:multi")"
expect_eq 'the digest of one platform' "$OTHER_DIGEST" "$(crane digest --platform linux/s390x "$repo:multi")"
expect 'an image is pulled to an archive' crane pull --platform linux/s390x "$repo:multi" "$WORK/other.tar"
expect 'an index is pulled to a layout' crane pull --format oci "$repo:multi" "$WORK/pulled"
expect_out 'the file system of an image' 'hello from crane' sh -c "crane export '$repo:v1' - | tar xO data/greeting"
expect 'an image passes validation' crane validate --remote "$repo:v1"
expect 'an index passes validation' crane validate --remote "$repo:multi"

expect 'a copy to another project' crane copy "$repo:multi" "$REGISTRY/crane-copy/app:multi"
expect_eq 'the copy is the same' "$INDEX_DIGEST" "$(crane digest "$REGISTRY/crane-copy/app:multi")"
expect 'a copy of all tags' crane copy --all-tags "$repo" "$REGISTRY/crane-copy/all"
expect_eq 'all tags are there' 'multi v1' "$(crane ls "$REGISTRY/crane-copy/all" | sort | tr '\n' ' ' | sed 's/ $//')"
expect 'another tag' crane tag "$repo:v1" latest
expect_eq 'tags are listed in order' 'latest multi v1' "$(crane ls "$repo" | tr '\n' ' ' | sed 's/ $//')"
expect_out 'repositories are listed' '^crane-copy/app$' crane catalog "$REGISTRY"

echo 'appended' >"$WORK/appended"
tar -C "$WORK" -cf "$WORK/append.tar" appended
expect 'a layer is appended' crane append -b "$repo:v1" -f "$WORK/append.tar" -t "$repo:appended"
expect_eq 'there is a layer more' 3 "$(crane manifest "$repo:appended" | jq '.layers | length')"
expect 'an image is changed' crane mutate -l made-by=crane --entrypoint /bin/busybox -t "$repo:mutated" "$repo:v1"
expect_out 'the label is there' '"made-by": ?"crane"' crane config "$repo:mutated"
expect 'an image from one layer' crane append --oci-empty-base -f "$WORK/append.tar" -t "$repo:scratch"
expect 'an index is put together' crane index append -m "$repo:v1" -m "$repo:mutated" -t "$repo:index"
expect_eq 'of two images' 2 "$(crane manifest "$repo:index" | jq '.manifests | length')"
expect 'an index is filtered' crane index filter "$repo:multi" --platform linux/s390x -t "$repo:filtered"
expect 'layers are flattened into one' crane flatten -t "$repo:flat" "$repo:v1"

expect 'a manifest is deleted by digest' crane delete "$repo@$(crane digest "$repo:flat")"
expect_fail 'it is gone' 'NOT_FOUND|MANIFEST_UNKNOWN|not found' crane manifest "$repo:flat"
expect 'its neighbours stay' crane manifest "$repo:v1"
expect_fail 'a child of an index is not deleted' '412|VIOLATE_FOREIGN_KEY_CONSTRAINT|referenced' \
  crane delete "$repo@$OTHER_DIGEST"
expect_fail 'a project that is not there' 'UNAUTHORIZED|not found' crane push "$WORK/single" "$REGISTRY/crane-none/app:v1"
expect 'log out' crane auth logout "$REGISTRY"
expect_fail 'after that nothing is read' 'UNAUTHORIZED' crane digest "$repo:v1"
