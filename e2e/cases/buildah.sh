#!/usr/bin/env bash
# buildah: an image built from scratch, committed straight to the registry, pushed and pulled.
. "$(dirname "$0")/../lib.sh"
. "$E2E/images.sh"

need buildah
start_haven
make_project buildah-team
program_root "$WORK/root-program"

buildah() { command buildah --root "$WORK/buildah" --runroot "$WORK/buildah-run" --storage-driver vfs "$@"; }
export REGISTRY_AUTH_FILE=$WORK/buildah-auth.json BUILDAH_ISOLATION=chroot
echo '{}' >"$REGISTRY_AUTH_FILE"
image=$REGISTRY/buildah-team/tools/app

expect_fail 'a wrong password is refused' 'unauthorized|authentication required|invalid username/password' \
  buildah login --tls-verify=false -u admin -p not-the-password "$REGISTRY"
expect_out 'the administrator logs in' 'Login Succeeded' \
  buildah login --tls-verify=false -u admin -p "$ADMIN_PASSWORD" "$REGISTRY"

expect 'a container from scratch' buildah from --name work scratch
expect 'files are copied into it' buildah copy work "$WORK/root-program/bin" /bin
expect 'it is configured' buildah config --cmd '["/bin/busybox","echo","built"]' --label made-by=buildah work
expect 'it is committed into the registry' buildah commit -q --tls-verify=false work "docker://$image:committed"
expect 'it is committed here' buildah commit -q work "$image:v1"
expect 'it is pushed with its digest written' buildah push -q --tls-verify=false --digestfile "$WORK/digest" "$image:v1"
expect_match 'the digest' '^sha256:[0-9a-f]{64}$' "$(cat "$WORK/digest")"

printf 'FROM %s:v1\nCOPY greeting /data/greeting\nLABEL second=layer\n' "$image" >"$WORK/Containerfile"
echo 'hello from buildah' >"$WORK/greeting"
buildah rmi -af >/dev/null
expect 'a build on the image of the registry' buildah build -q --layers --tls-verify=false --pull-always \
  -t "$image:v2" -f "$WORK/Containerfile" "$WORK"
expect 'the second image is pushed' buildah push -q --tls-verify=false "$image:v2"
buildah rm -a >/dev/null
buildah rmi -af >/dev/null
expect 'it is pulled' buildah pull -q --tls-verify=false "$image:v2"
expect_out 'it has kept the label of the first' 'buildah' \
  buildah inspect --type image --format '{{index .OCIv1.Config.Labels "made-by"}}' "$image:v2"
expect 'it is pulled by digest' buildah pull -q --tls-verify=false "$image@$(cat "$WORK/digest")"

expect 'a manifest list' buildah manifest create "$image:list" "$image:v2"
expect 'the list is pushed' buildah manifest push -q --all --tls-verify=false "$image:list" "docker://$image:list"
expect_fail 'a project that is not there' 'not found|unauthorized' \
  buildah push -q --tls-verify=false "$image:v2" "docker://$REGISTRY/buildah-none/app:v1"
expect 'log out' buildah logout "$REGISTRY"
buildah rmi -af >/dev/null
expect_fail 'nobody pulls' 'unauthorized|authentication required' buildah pull -q --tls-verify=false "$image:v2"
