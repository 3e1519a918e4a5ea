#!/usr/bin/env bash
# podman: the same road as docker, through another implementation.
. "$(dirname "$0")/../lib.sh"
. "$E2E/images.sh"

need podman
start_haven
program_root "$WORK/root-program"
data_root "$WORK/root-greeting" greeting 'hello from podman'
make_project podman-team
make_user podman-guest
add_member podman-team podman-guest 3

# Own storage and no run-time services: nothing of the machine's podman is touched.
podman() {
  command podman --root "$WORK/podman" --runroot "$WORK/podman-run" --tmpdir "$WORK/podman-tmp" \
    --storage-driver=vfs --cgroup-manager=cgroupfs --events-backend=none "$@"
}
export CONTAINERS_REGISTRIES_CONF=$WORK/registries.conf
# `manifest inspect` has no flag for plain HTTP.
printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$REGISTRY" >"$CONTAINERS_REGISTRIES_CONF"
login() { podman login --tls-verify=false -u "$1" -p "$2" "$REGISTRY"; }
push() { podman push -q --tls-verify=false "$@"; }
pull() { podman pull -q --tls-verify=false "$@"; }
# podman raises the limits of a container, which a sandbox may forbid even to root.
start() { podman run --rm --network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 "$@"; }
image=$REGISTRY/podman-team/app/web

mkdir "$WORK/context"
cp -a "$WORK/root-program/bin" "$WORK/root-greeting/data" "$WORK/context/"
cat >"$WORK/context/Containerfile" <<'CONTAINERFILE'
FROM scratch
COPY bin /bin
COPY data /data
CMD ["/bin/busybox", "cat", "/data/greeting"]
CONTAINERFILE
expect 'an image is built' podman build -q --isolation chroot -t "$image:v1" "$WORK/context"
podman tag "$image:v1" "$image:v1" "$REGISTRY/podman-none/app:v1" "$REGISTRY/library/podman:v1"

expect_fail 'a wrong password is refused' 'unauthorized|authentication required|invalid username/password' \
  login admin not-the-password
expect_fail 'nobody pushes without logging in' 'unauthorized|authentication required' push "$image:v1"
expect_out 'the administrator logs in' 'Login Succeeded' login admin "$ADMIN_PASSWORD"
expect_out 'who is logged in' '^admin$' podman login --get-login "$REGISTRY"
expect 'a push' push "$image:v1"
expect 'a push in Docker format' push --format v2s2 "$image:v1" "docker://$image:docker"
expect 'a push in OCI format' push --format oci "$image:v1" "docker://$image:oci"
expect 'a push with another compression' push --compression-format zstd "$image:v1" "docker://$image:zstd"
expect_fail 'a push to a project that is not there' 'not found|unauthorized' push "$REGISTRY/podman-none/app:v1"
expect 'a push to library' push "$REGISTRY/library/podman:v1"

podman rmi -af >/dev/null
for tag in v1 docker oci zstd; do
  expect "a pull of $tag" pull "$image:$tag"
  expect_out "$tag runs" '^hello from podman$' start "$image:$tag"
  podman rmi -af >/dev/null
done

# A manifest list, put together and pushed by podman itself.
expect 'a manifest list is made' podman manifest create "$image:list"
expect 'an image of the registry is added to it' podman manifest add --tls-verify=false "$image:list" "docker://$image:v1"
expect 'the list is pushed' podman manifest push --all --tls-verify=false "$image:list" "docker://$image:list"
podman rmi -af >/dev/null
expect_out 'the list is read' '"manifests"' podman manifest inspect "$image:list"
expect_out 'the list runs' '^hello from podman$' start "$image:list"
expect_out 'tags are listed' 'zstd' podman search --list-tags --tls-verify=false "$image"
podman rmi -af >/dev/null

expect_out 'log out' 'Removed login' podman logout "$REGISTRY"
expect 'anybody pulls from a public project' pull "$REGISTRY/library/podman:v1"
expect_fail 'nobody pulls from a private project' 'unauthorized|authentication required' pull "$image:v1"
roles expect 'a guest logs in' login podman-guest "$USER_PASSWORD"
roles expect 'a guest pulls' pull "$image:v1"
roles expect_fail 'a guest does not push' 'unauthorized' push "$image:v1"
