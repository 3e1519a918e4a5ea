#!/usr/bin/env bash
# Storage that is full of bytes, full of files, or read-only, and has room again.
. "$(dirname "$0")/../lib.sh"
. "$E2E/http.sh"

# What is told here is told of a folder.
export HAVEN_E2E_STORAGE=files
disk=$WORK/disk
mkdir -p "$disk"
if ! mount -t tmpfs -o size=64m,nr_inodes=2000 haven-e2e "$disk" 2>"$WORK/mount-error"; then
  skip "no file system can be mounted here: $(head -n 1 "$WORK/mount-error")"
  exit 0
fi
# The database lies elsewhere, so that what is seen here is the storage's doing.
# shellcheck disable=SC2034 # read by lib.sh
HAVEN_EXTRA=(HAVEN_STORAGE_SERVICE__FILESYSTEM__ROOTDIRECTORY="$disk/registry")
start_haven
app=library/app
small_image "$app" v1 >/dev/null
used() { df --output=used -k "$disk" | tail -n 1 | tr -d ' '; }
uploads() { find "$disk/registry/docker/registry/v2/uploads" -mindepth 1 | wc -l; }
push() { # NAME CODES FILE : a whole blob in one request
  expect_http "$1" "$2" POST "/v2/$app/blobs/uploads/?digest=$(digest_of "$3")" "${AS_ADMIN[@]}" "${OCTETS[@]}" --data-binary @"$3"
}
told() { expect_eq "$1" "UNAVAILABLE $2 5" "$(error) $(header Retry-After)"; }
head -c 8000000 /dev/urandom >"$WORK/large"
head -c 5000 /dev/urandom >"$WORK/small"

# ---- no room for bytes
before=$(uploads)
fallocate -l $(((60 * 1024 - $(used)) * 1024)) "$disk/ballast"
held=$(used)
push 'a blob that does not fit' 503 "$WORK/large"
told 'is refused with the reason' 'the storage has no room left'
expect_match 'and a name' '^[0-9a-f-]{36}$' "$(header X-Request-Id)"
expect_eq 'nothing of it is left' "$before" "$(uploads)"
expect 'the room it had taken is free' test "$(used)" -le $((held + 64))
http POST "/v2/$app/blobs/uploads/" "${AS_ADMIN[@]}"
kept=$(header Location)
http PATCH "$kept" "${AS_ADMIN[@]}" "${OCTETS[@]}" --data-binary @"$WORK/small"
expect_eq 'a small piece of another one fits' '202 0-4999' "$CODE $(header Range)"
cat "$WORK/small" "$WORK/large" >"$WORK/both"
expect_http 'the rest of it does not' 503 PATCH "$kept" "${AS_ADMIN[@]}" "${OCTETS[@]}" -H 'Transfer-Encoding: chunked' --data-binary @"$WORK/large"
expect_http 'the upload is still there' 204 GET "$kept" "${AS_ADMIN[@]}"
expect_header 'as far as it was' Range 0-4999
expect 'and takes no more room than that' test "$(used)" -le $((held + 64))
expect_http 'pulls go on' 200 GET "/v2/$app/manifests/v1" "${AS_ADMIN[@]}"
expect_http 'the blob is nowhere' 404 HEAD "/v2/$app/blobs/$(digest_of "$WORK/large")" "${AS_ADMIN[@]}"
rm "$disk/ballast"
expect_http 'with room again it goes on' 202 PATCH "$kept" "${AS_ADMIN[@]}" "${OCTETS[@]}" --data-binary @"$WORK/large"
expect_http 'to its end' 201 PUT "$kept?digest=$(digest_of "$WORK/both")" "${AS_ADMIN[@]}"
push 'what did not fit does now' 201 "$WORK/large"
expect_http 'and is whole' 200 GET "/v2/$app/blobs/$(digest_of "$WORK/large")" "${AS_ADMIN[@]}"
expect 'byte for byte' cmp "$WORK/large" "$BODY"

# ---- no room for files
mkdir "$disk/files"
(cd "$disk/files" && seq 2000 | xargs touch 2>/dev/null)
before=$(uploads)
head -c 3000 /dev/urandom >"$WORK/tiny"
push 'a blob without a place for its file' 503 "$WORK/tiny"
told 'is refused with the reason' 'the storage has no room left'
expect_eq 'nothing of it is left' "$before" "$(uploads)"
expect_http 'it is not ready' 503 GET /healthz
rm -r "$disk/files"
push 'with places again it is taken' 201 "$WORK/tiny"
sleep 2.1 # as long as health is remembered
expect_http 'and ready' 200 GET /healthz

# ---- read-only
mount -o remount,ro "$disk"
head -c 3000 /dev/urandom >"$WORK/next"
push 'a blob for a read-only storage' 503 "$WORK/next"
told 'is refused' 'service unavailable'
grep -qi 'read-only file system' "$WORK"/haven*.log && pass 'the log says why' || fail 'the log says why'
expect_http 'pulls go on' 200 GET "/v2/$app/blobs/$(digest_of "$WORK/tiny")" "${AS_ADMIN[@]}"
sleep 2.1
expect_http 'its health' 200 GET /api/v2.0/health
expect_eq 'names the storage' 'registry,registryctl' "$(jq -r '[.components[] | select(.status == "unhealthy").name] | join(",")' "$BODY")"
finish_haven
run env -i "${HAVEN_ENV[@]}" HAVEN_LISTEN="127.0.0.1:$(free_port)" timeout 60 "$HAVEN_BIN" serve
expect_eq 'it does not start on one' 1 "$STATUS"
expect_match 'and says why' 'blob folder .* cannot be used.*Read-only file system' "$OUT"
mount -o remount,rw "$disk"
if launch_haven; then pass 'it starts again'; else fail 'it starts again'; fi
push 'and takes blobs' 201 "$WORK/next"
