#!/usr/bin/env bash
# oras: artifacts that are no images, and what is attached to them.
. "$(dirname "$0")/../lib.sh"

need oras
start_haven
make_project oras-team
make_project oras-copy
export DOCKER_CONFIG=$WORK/oras
cd "$WORK" || exit 1
repo=$REGISTRY/oras-team/files/report
type=application/vnd.example.report.v1
echo 'first file' >first.txt
echo '{"second":"file"}' >second.json
echo '{"made":"here"}' >sbom.json
echo 'signed' >signature.txt

expect_fail 'a wrong password is refused' 'unauthorized|401' \
  oras login --plain-http -u admin -p not-the-password "$REGISTRY"
expect_out 'the administrator logs in' 'Login Succeeded' oras login --plain-http -u admin -p "$ADMIN_PASSWORD" "$REGISTRY"
expect 'an artifact is pushed' oras push --plain-http --artifact-type $type --annotation made-by=oras \
  "$repo:v1" first.txt:text/plain second.json:application/json
digest=$(oras resolve --plain-http "$repo:v1")
expect_match 'its digest' '^sha256:[0-9a-f]{64}$' "$digest"
expect_eq 'its type' $type "$(oras manifest fetch --plain-http "$repo:v1" | jq -r .artifactType)"
expect 'an artifact with several tags' oras push --plain-http --artifact-type $type "$repo:v2,second,latest" first.txt:text/plain
expect 'an artifact in the older form' oras push --plain-http --image-spec v1.0 --config second.json:$type+config \
  "$repo:older" first.txt:text/plain

expect 'something is attached' oras attach --plain-http --artifact-type application/vnd.example.sbom.v1 \
  --annotation kind=sbom "$repo:v1" sbom.json:application/json
expect 'something else is attached' oras attach --plain-http --artifact-type application/vnd.example.signature.v1 \
  "$repo@$digest" signature.txt:text/plain
expect_out 'a tree of what is attached' 'application/vnd.example.sbom.v1' oras discover --plain-http --format tree "$repo:v1"
referrers() { oras discover --plain-http --format json "$@" "$repo:v1" | jq -c '[.referrers // .manifests | .[].artifactType] | sort'; }
expect_eq 'both are found' '["application/vnd.example.sbom.v1","application/vnd.example.signature.v1"]' "$(referrers)"
expect_eq 'one is found by its type' '["application/vnd.example.sbom.v1"]' \
  "$(referrers --artifact-type application/vnd.example.sbom.v1)"
expect_eq 'without the tag that a registry without referrers would need' 404 "$(curl -s -o /dev/null -w '%{http_code}' \
  -u "admin:$ADMIN_PASSWORD" "$BASE/v2/oras-team/files/report/manifests/${digest/:/-}")"
sbom=$(oras discover --plain-http --format json --artifact-type application/vnd.example.sbom.v1 "$repo:v1" |
  jq -r '.referrers // .manifests | .[0].digest')
expect 'what is attached is pulled' oras pull --plain-http -o attached "$repo@$sbom"
expect 'as it was' cmp sbom.json attached/sbom.json
expect 'to what is attached, more is attached' oras attach --plain-http --artifact-type application/vnd.example.signature.v1 \
  "$repo@$sbom" signature.txt:text/plain

expect 'an artifact is pulled' oras pull --plain-http -o pulled "$repo:v1"
expect 'the first file' cmp first.txt pulled/first.txt
expect 'the second file' cmp second.json pulled/second.json
expect_out 'tags are listed' '^second$' oras repo tags --plain-http "$repo"
expect_eq 'in order' 'latest older second v1 v2' "$(oras repo tags --plain-http "$repo" | tr '\n' ' ' | sed 's/ $//')"
expect 'another tag' oras tag --plain-http "$repo:v1" stable
expect_eq 'names the same' "$digest" "$(oras resolve --plain-http "$repo:stable")"
expect_out 'the descriptor of a manifest' "$digest" oras manifest fetch --plain-http --descriptor "$repo:v1"
expect 'a configuration is read' oras manifest fetch-config --plain-http "$repo:older"
expect 'a blob is pushed' oras blob push --plain-http "$repo" signature.txt
blob=sha256:$(sha256sum signature.txt | cut -d' ' -f1)
expect_out 'a blob is read' 'signed' oras blob fetch --plain-http --output - "$repo@$blob"
oras manifest fetch --plain-http "$repo:v1" >manifest.json
expect 'a manifest is pushed' oras manifest push --plain-http "$repo:by-hand" manifest.json
expect 'an index is put together' oras manifest index create --plain-http "$repo:index" v1 v2
expect 'a copy with all that is attached' oras copy -r --from-plain-http --to-plain-http "$repo:v1" \
  "$REGISTRY/oras-copy/report:v1"
expect_out 'what is attached came too' 'vnd.example.sbom.v1' oras discover --plain-http --format tree "$REGISTRY/oras-copy/report:v1"
expect 'to a layout' oras copy -r --from-plain-http --to-oci-layout "$repo:v1" "$WORK/backup:v1"

expect 'a manifest is deleted' oras manifest delete --plain-http -f "$repo:older"
expect_fail 'it is gone' 'not found' oras manifest fetch --plain-http "$repo:older"
expect 'what was attached is deleted' oras manifest delete --plain-http -f "$repo@$sbom"
expect_eq 'one remains' '["application/vnd.example.signature.v1"]' "$(referrers)"
expect 'repositories are listed' oras repo ls --plain-http "$REGISTRY/oras-team/"
expect_fail 'a project that is not there' 'not found|unauthorized|401|404' \
  oras push --plain-http "$REGISTRY/oras-none/x:v1" first.txt:text/plain
expect 'log out' oras logout "$REGISTRY"
expect_fail 'after that nothing is read' 'unauthorized|401|credential' oras manifest fetch --plain-http "$repo:v1"
