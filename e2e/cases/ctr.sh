#!/usr/bin/env bash
# containerd through ctr: the road by which Kubernetes pulls.
. "$(dirname "$0")/../lib.sh"
. "$E2E/images.sh"
. "$E2E/daemons.sh"

start_haven
start_containerd
sample_layout "$WORK/layout"
make_project ctr-team
make_user ctr-guest
add_member ctr-team ctr-guest 3

image=$REGISTRY/ctr-team/app
push() { ctr images push --plain-http "$@"; }
pull() { ctr images pull --plain-http --snapshotter native "$@"; }
forget() {
  ctr images ls -q | xargs -r ctr images rm --sync >/dev/null 2>&1
  ctr content ls -q | xargs -r ctr content rm >/dev/null 2>&1
}

tar -C "$WORK/layout" -cf "$WORK/layout.tar" .
expect 'images are imported' ctr images import --all-platforms --no-unpack --base-name "$image" "$WORK/layout.tar"
expect 'an image is pushed' push -u "admin:$ADMIN_PASSWORD" "$image:image"
expect 'an index is pushed with all its images' push -u "admin:$ADMIN_PASSWORD" "$image:multi"
expect 'an image is pushed twice' push -u "admin:$ADMIN_PASSWORD" "$image:image"
expect 'an image for everybody is pushed' push -u "admin:$ADMIN_PASSWORD" "$REGISTRY/library/ctr:v1" "$image:image"
expect_fail 'a wrong password does not push' '401|unauthorized|authorization failed' push -u admin:wrong "$image:new" "$image:image"
# Into another repository, whose layers are not there: ctr waits for ever after a manifest that is refused twice.
roles expect_fail 'a guest does not push' '401|403|unauthorized|insufficient|authorization failed|denied' \
  timeout 30 ctr images push --plain-http -u "ctr-guest:$USER_PASSWORD" "$REGISTRY/ctr-team/other:new" "$image:image"
expect_fail 'a push to a project that is not there' '401|404|unauthorized|not found|authorization failed' \
  push -u "admin:$ADMIN_PASSWORD" "$REGISTRY/ctr-none/app:v1" "$image:image"

forget
guest=ctr-guest:$USER_PASSWORD
has_users || guest=admin:$ADMIN_PASSWORD
expect 'an image is pulled by one who may only read' pull -u "$guest" "$image:image"
expect_out 'what was pushed' "$IMAGE_DIGEST" ctr images ls "name==$image:image"
expect_out 'it runs' '^hello from ctr$' ctr run --rm --snapshotter native "$image:image" haven-e2e
forget
expect 'the platform of this machine is pulled' pull -u "admin:$ADMIN_PASSWORD" "$image:multi"
expect_out 'as an index' "$INDEX_DIGEST" ctr images ls "name==$image:multi"
forget
expect 'all platforms are pulled' pull --all-platforms -u "admin:$ADMIN_PASSWORD" "$image:multi"
expect_out 'the other platform is here' "$OTHER_DIGEST" ctr content ls -q
expect 'by digest' pull -u "admin:$ADMIN_PASSWORD" "$image@$IMAGE_DIGEST"
forget
expect 'anybody pulls from a public project' pull "$REGISTRY/library/ctr:v1"
expect_fail 'nobody pulls from a private project' '401|unauthorized|authorization failed|pull access denied' pull "$image:image"
expect_fail 'a tag that is not there' 'not found' pull -u "admin:$ADMIN_PASSWORD" "$image:missing"
