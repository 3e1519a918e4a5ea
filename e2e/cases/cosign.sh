#!/usr/bin/env bash
# cosign: signatures and attestations with a local key, kept by tag and kept as referrers. No transparency log is asked.
. "$(dirname "$0")/../lib.sh"
. "$E2E/images.sh"

need cosign crane
start_haven
sample_layout "$WORK/layout"
make_project cosign-team
export DOCKER_CONFIG=$WORK/cosign COSIGN_PASSWORD=a-passphrase
# Nothing may be fetched from the public trust root: what there is lives here.
export TUF_ROOT=$WORK/tuf SIGSTORE_NO_CACHE=true
mkdir -p "$DOCKER_CONFIG"
cd "$WORK" || exit 1
repo=$REGISTRY/cosign-team/app

push_layout() {
  layout_new "$WORK/$2"
  layout_tag "$WORK/$2" v1 "$(layout_image "$WORK/$2" amd64 "$WORK/root-greeting" "$WORK/root-$1")"
  crane push "$WORK/$2" "$repo:$2" >/dev/null
}
referrers() {
  curl -sS -u "admin:$ADMIN_PASSWORD" "$BASE/v2/cosign-team/app/referrers/$1" | jq -c '[.manifests[].artifactType] | sort'
}

expect 'the administrator logs in' cosign login -u admin -p "$ADMIN_PASSWORD" "$REGISTRY"
expect 'a key pair is made' cosign generate-key-pair
expect 'an image to sign' push_layout extra by-tag
expect 'another' push_layout other by-referrer
first=$repo@$(crane digest "$repo:by-tag")
second=$repo@$(crane digest "$repo:by-referrer")
http=(--allow-http-registry --allow-insecure-registry)
sign() { cosign sign "${http[@]}" --key cosign.key --tlog-upload=false -y "$@"; }
verify() { cosign verify "${http[@]}" --key cosign.pub --insecure-ignore-tlog=true "$@"; }

expect_fail 'what is not signed is not verified' 'no signatures found|no matching signatures' verify "$first"
expect 'an image is signed' sign -a build=17 "$first"
expect_out 'and verified' '"build":"17"' verify -a build=17 "$first"
expect_fail 'with another annotation it is not' 'missing or incorrect annotation|no matching signatures' verify -a build=18 "$first"
expect_eq 'the signature has a tag' "${first#*@}" \
  "$(crane ls "$repo" | sed -n 's/^sha256-\([0-9a-f]*\)\.sig$/sha256:\1/p')"
expect_out 'the registry knows it as a signature' '"type":"signature.cosign"' \
  admin GET "/projects/cosign-team/repositories/app/artifacts/${first#*@}?with_accessory=true"
expect 'it is signed once more' sign -a build=18 "$first"
expect_out 'both signatures hold' '"build":"17".*"build":"18"' verify "$first"

mkdir other-key
(cd other-key && cosign generate-key-pair >/dev/null 2>&1)
expect_fail 'another key does not verify it' 'invalid signature|no matching signatures|verif' \
  cosign verify "${http[@]}" --key other-key/cosign.pub --insecure-ignore-tlog=true "$first"

echo '{"tests":"passed"}' >predicate.json
expect 'an attestation' cosign attest "${http[@]}" --key cosign.key --tlog-upload=false -y --type custom --predicate predicate.json "$first"
expect_out 'is verified' 'payload' cosign verify-attestation "${http[@]}" --key cosign.pub --insecure-ignore-tlog=true --type custom "$first"
expect_out 'the tree of what belongs to the image' 'Signatures.*|\.sig' cosign tree "${http[@]}" "$first"
echo '{"bomFormat":"CycloneDX","specVersion":"1.5"}' >bom.json
expect 'a bill of materials is attached' cosign attach sbom "${http[@]}" --sbom bom.json --type cyclonedx "$first"
expect_out 'and read' 'CycloneDX' cosign download sbom "${http[@]}" "$first"

export COSIGN_EXPERIMENTAL=1
expect 'an image is signed by referrer' sign --registry-referrers-mode oci-1-1 "$second"
expect_out 'and verified' 'by-referrer|cosign container image signature' verify --experimental-oci11=true "$second"
expect_eq 'the registry lists the referrer' '["application/vnd.dev.cosign.artifact.sig.v1+json"]' "$(referrers "${second#*@}")"
expect_out 'and knows it as a signature' '"type":"signature.cosign"' \
  admin GET "/projects/cosign-team/repositories/app/artifacts/${second#*@}/accessories"
expect_eq 'no tag was made' '' "$(crane ls "$repo" | grep -F "${second##*:}")"
unset COSIGN_EXPERIMENTAL

expect 'an image is signed with a bundle' sign --new-bundle-format "$second"
expect 'an empty trusted root' cosign trusted-root create --out trusted-root.json
expect_out 'and verified' 'cosign.*sign|critical' verify --new-bundle-format --trusted-root trusted-root.json "$second"
expect_out 'the bundle is a referrer' 'application/vnd.dev.sigstore.bundle' referrers "${second#*@}"

expect 'signatures follow a copy' cosign copy "${http[@]}" "$first" "$REGISTRY/cosign-team/copy:v1"
expect 'the copy is verified' verify "$REGISTRY/cosign-team/copy:v1"
expect 'a signature is removed' cosign clean "${http[@]}" -f --type signature "$first"
expect_fail 'after that nothing is verified' 'no signatures found|no matching signatures' verify "$first"
