#!/usr/bin/env bash
# The Docker engine: log in, push, pull, run, and what it says when it may not.
. "$(dirname "$0")/../lib.sh"
. "$E2E/images.sh"
. "$E2E/daemons.sh"

need docker skopeo
start_haven
start_docker
sample_layout "$WORK/layout"

login() { docker login -u "$1" -p "$2" "$REGISTRY"; }
digest_of() { docker inspect --format '{{index .RepoDigests 0}}' "$1"; }

make_project docker-team
make_user docker-dev
make_user docker-guest
make_user docker-stranger
add_member docker-team docker-dev 2
add_member docker-team docker-guest 3

# Three layers, as a build makes them.
mkdir -p "$WORK/context"
cp -a "$WORK/root-program/bin" "$WORK/context/"
echo 'hello from docker' >"$WORK/context/greeting"
echo 'another layer' >"$WORK/context/extra"
cat >"$WORK/context/Dockerfile" <<'DOCKERFILE'
FROM scratch
COPY bin /bin
COPY greeting /data/greeting
COPY extra /data/extra
CMD ["/bin/busybox", "cat", "/data/greeting"]
DOCKERFILE
image=$REGISTRY/docker-team/app/web
expect 'an image is built' env DOCKER_BUILDKIT=0 docker build -q -t "$image:v1" "$WORK/context"

expect_fail 'a wrong password is refused' 'unauthorized: authentication required' login admin not-the-password
expect_fail 'an unknown user is refused' 'unauthorized: authentication required' login nobody-here not-the-password
expect_fail 'nobody pushes without logging in' 'unauthorized to access repository|authentication required' \
  docker push "$image:v1"

expect_out 'the administrator logs in' 'Login Succeeded' login admin "$ADMIN_PASSWORD"
expect_out 'a first push' 'v1: digest: sha256:' docker push "$image:v1"
expect_out 'a second push finds every layer' 'Layer already exists' docker push "$image:v1"
expect_eq 'all three layers were there' 3 "$(grep -c 'Layer already exists' <<<"$OUT")"
pushed=$(digest_of "$image:v1")

docker tag "$image:v1" "$REGISTRY/docker-team/other:copy"
expect_out 'a push to a sibling repository mounts the layers' 'Mounted from docker-team/app/web|Layer already exists' \
  docker push "$REGISTRY/docker-team/other:copy"

docker rmi -f "$image:v1" "$REGISTRY/docker-team/other:copy" >/dev/null
docker image prune -af >/dev/null
expect_out 'a pull' "Status: Downloaded newer image" docker pull "$image:v1"
expect_eq 'pulled what was pushed' "$pushed" "$(digest_of "$image:v1")"
expect_out 'the image runs' '^hello from docker$' docker run --rm --network none "$image:v1"
docker rmi -f "$image:v1" >/dev/null
expect 'a pull by digest' docker pull "$pushed"
expect_out 'all tags are pulled' 'Downloaded|Image is up to date' docker pull -a "$image"
expect_fail 'a tag that is not there' 'not found|manifest unknown' docker pull "$image:missing"
expect_fail 'a repository that is not there' 'not found|manifest unknown' docker pull "$REGISTRY/docker-team/none:v1"

# A multi-arch index: the engine picks its own platform, and can read the list.
expect 'skopeo puts an index there' skopeo copy -q --all --dest-tls-verify=false --dest-creds "admin:$ADMIN_PASSWORD" \
  "oci:$WORK/layout:multi" "docker://$REGISTRY/docker-team/multi:v1"
expect 'an index is pulled' docker pull "$REGISTRY/docker-team/multi:v1"
expect_out 'the right platform of it runs' '^hello from docker$' \
  docker run --rm --network none "$REGISTRY/docker-team/multi:v1"
expect_fail 'a platform that is missing' 'no matching manifest' \
  docker pull --platform linux/riscv64 "$REGISTRY/docker-team/multi:v1"

docker tag "$image:v1" "$REGISTRY/no-such-project/app:v1"
expect_fail 'a push to a project that is not there' \
  'project no-such-project not found|unauthorized to access repository: no-such-project/app' \
  docker push "$REGISTRY/no-such-project/app:v1"
docker tag "$image:v1" "$REGISTRY/library/hello:v1"
expect 'the administrator pushes to library' docker push "$REGISTRY/library/hello:v1"
expect_out 'log out' 'Removing login credentials' docker logout "$REGISTRY"

docker rmi -f "$REGISTRY/library/hello:v1" >/dev/null
expect 'anybody pulls from a public project' docker pull "$REGISTRY/library/hello:v1"
expect_fail 'nobody pulls from a private project' \
  'unauthorized to access repository: docker-team/app/web, action: pull|authentication required' docker pull "$image:v1"

# Robots: log in with a name that has a dollar and a plus, and may what they were given.
make_robot reads docker-team pull
expect_out 'a robot logs in' 'Login Succeeded' login "$ROBOT" "$SECRET"
docker rmi -f "$image:v1" >/dev/null
expect 'a robot pulls' docker pull "$image:v1"
expect_fail 'a robot that may pull does not push' \
  'unauthorized to access repository: docker-team/app/web, action: push: unauthorized to access repository' \
  docker push "$image:v1"
change_robot '{"disable":true}'
expect_fail 'a robot that is switched off' 'unauthorized: authentication required' login "$ROBOT" "$SECRET"
make_robot writes docker-team push
expect_out 'another robot logs in' 'Login Succeeded' login "$ROBOT" "$SECRET"
docker tag "$image:v1" "$REGISTRY/docker-team/robots:v1"
expect 'a robot pushes' docker push "$REGISTRY/docker-team/robots:v1"
docker tag "$image:v1" "$REGISTRY/library/robots:v1"
expect_fail 'not to another project' \
  'unauthorized to access repository: library/robots, action: push: unauthorized to access repository' \
  docker push "$REGISTRY/library/robots:v1"
expect 'its secret is changed' admin PATCH "/robots/$ROBOT_ID" '{"secret":"Chosen-by-me-1"}'
expect_fail 'the old one is refused' 'unauthorized: authentication required' login "$ROBOT" "$SECRET"
expect_out 'the new one is taken' 'Login Succeeded' login "$ROBOT" Chosen-by-me-1
docker logout "$REGISTRY" >/dev/null

roles expect 'a developer logs in' login docker-dev "$USER_PASSWORD"
docker tag "$REGISTRY/library/hello:v1" "$image:by-dev"
roles expect 'a developer pushes' docker push "$image:by-dev"
roles expect_fail 'a developer of one project does not push to another' \
  'unauthorized to access repository: library/hello, action: push: unauthorized to access repository' \
  docker push "$REGISTRY/library/hello:v1"
roles expect 'a guest logs in' login docker-guest "$USER_PASSWORD"
roles expect 'a guest pulls' docker pull "$image:v1"
roles expect_fail 'a guest does not push' \
  'unauthorized to access repository: docker-team/app/web, action: push: unauthorized to access repository' \
  docker push "$image:by-dev"
roles expect 'a stranger logs in' login docker-stranger "$USER_PASSWORD"
docker rmi -f "$image:v1" "$image:by-dev" >/dev/null
roles expect_fail 'a stranger does not pull' \
  'unauthorized to access repository: docker-team/app/web, action: pull: unauthorized to access repository' \
  docker pull "$image:v1"
