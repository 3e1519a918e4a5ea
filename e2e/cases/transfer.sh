#!/usr/bin/env bash
# Bytes over the wire: uploads in all their forms, ranges, mounts, manifests, deletion, and a server that goes away
# in the middle.
. "$(dirname "$0")/../lib.sh"
. "$E2E/http.sh"

start_haven
make_project bytes
make_project secret
make_user bytes-dev
make_user secret-dev
add_member bytes bytes-dev 2
add_member secret secret-dev 2
dev=(-u "bytes-dev:$USER_PASSWORD")
secret_dev=(-u "secret-dev:$USER_PASSWORD")
has_users || { dev=("${AS_ADMIN[@]}"); secret_dev=("${AS_ADMIN[@]}"); }
app=bytes/team/app

echo -n '0123456789abcdef' >"$WORK/sixteen"
sixteen=$(digest_of "$WORK/sixteen")
: >"$WORK/empty"
# The Location of the last answer, ready for one more parameter.
location() {
  local at
  at=$(header Location)
  [[ $at == http* ]] || at=$BASE$at
  [[ $at == *\?* ]] && echo "$at&" || echo "$at?"
}
begin() { expect_http "${1:-an upload begins}" 202 POST "/v2/$app/blobs/uploads/" "${dev[@]}"; }
part() { http PATCH "$(location)" "${dev[@]}" "${OCTETS[@]}" -H "Content-Range: $1" --data-binary "$2"; }

# ---- one upload, in pieces
begin
expect_match 'its address' "^(http://$REGISTRY)?/v2/$app/blobs/uploads/[^/]+" "$(header Location)"
expect_match 'its name' '^[0-9a-f-]{36}$' "$(header Docker-Upload-UUID)"
expect_header 'nothing is there yet' Range 0-0
part 0-4 01234
expect_eq 'a first piece' '202 0-4' "$CODE $(header Range)"
expect_http 'what is there' 204 GET "$(location)" "${dev[@]}"
expect_header 'is the first piece' Range 0-4
kept=$(location)
part 8-9 89
expect_eq 'a piece out of its turn is refused' 416 "$CODE"
expect_http 'and changes nothing' 204 GET "$kept" "${dev[@]}"
expect_header 'as can be asked' Range 0-4
part 0-4 01234
expect_eq 'a piece sent twice is refused' 416 "$CODE"
http GET "$kept" "${dev[@]}"
part 5-11 56789ab
expect_eq 'the next piece' '202 0-11' "$CODE $(header Range)"
kept=$(location)
expect_error 'an end without a digest' 400 DIGEST_INVALID PUT "$kept" "${dev[@]}"
expect_http 'the last piece comes with the end' 201 PUT "${kept}digest=$sixteen" "${dev[@]}" "${OCTETS[@]}" \
  -H 'Content-Range: 12-15' --data-binary cdef
expect_header 'what was stored' Docker-Content-Digest "$sixteen"
expect_match 'and where' "/v2/$app/blobs/$sixteen\$" "$(header Location)"
expect_http 'the upload is over' 404 GET "$kept" "${dev[@]}"

# ---- reading it, whole and in part
blob=/v2/$app/blobs/$sixteen
expect_http 'HEAD' 200 HEAD "$blob" "${dev[@]}"
expect_header 'its size' Content-Length 16
expect_header 'its digest' Docker-Content-Digest "$sixteen"
expect_header 'its tag' Etag "\"$sixteen\""
expect_header 'ranges can be asked for' Accept-Ranges bytes
range() { # NAME CODE RANGE CONTENT-RANGE BYTES
  expect_http "$1" "$2" GET "$blob" "${dev[@]}" -H "Range: $3"
  expect_header "$1: which bytes" Content-Range "$4"
  [ "$2" != 206 ] || expect_eq "$1: the bytes" "$5" "$(cat "$BODY")"
}
range 'a range' 206 bytes=2-5 'bytes 2-5/16' 2345
range 'a range to the end' 206 bytes=12- 'bytes 12-15/16' cdef
range 'a range from the end' 206 bytes=-3 'bytes 13-15/16' def
range 'a range beyond the end' 206 bytes=10-99 'bytes 10-15/16' abcdef
range 'a range behind the end' 416 bytes=16- 'bytes */16'
range 'no bytes at all' 416 bytes=-0 'bytes */16'
range 'a range that is none' 200 bytes=five-six ''
expect_http 'two ranges' '200|206' GET "$blob" "${dev[@]}" -H 'Range: bytes=0-1,4-5'
expect_http 'what one has already' 304 GET "$blob" "${dev[@]}" -H "If-None-Match: \"$sixteen\""
expect_http 'a blob that is not there' 404 GET "/v2/$app/blobs/sha256:$(printf '0%.0s' $(seq 64))" "${dev[@]}"

# ---- other forms of upload
in_whole() { # NAME FILE ARGUMENTS…
  local name=$1 file=$2
  shift 2
  http POST "/v2/$app/blobs/uploads/" "${dev[@]}"
  expect_http "$name" 201 PUT "$(location)digest=$(digest_of "$file")" "${dev[@]}" "${OCTETS[@]}" "$@"
}
head -c 3000000 /dev/urandom >"$WORK/large"
in_whole 'in one piece' "$WORK/large" --data-binary @"$WORK/large"
head -c 2000000 /dev/urandom >"$WORK/stream"
in_whole 'without a length' "$WORK/stream" -H 'Transfer-Encoding: chunked' --data-binary @"$WORK/stream"
in_whole 'nothing at all' "$WORK/empty"
expect_http 'can be read' 200 GET "/v2/$app/blobs/$(digest_of "$WORK/empty")" "${dev[@]}"
begin
expect_http 'a piece without a range or a length' 202 PATCH "$(location)" "${dev[@]}" "${OCTETS[@]}" \
  -H 'Transfer-Encoding: chunked' --data-binary @"$WORK/stream"
expect_header 'is all there' Range 0-1999999
expect_http 'and kept' 201 PUT "$(location)digest=$(digest_of "$WORK/stream")" "${dev[@]}"
echo 'one request' >"$WORK/single"
expect_http 'in a single request' 201 POST "/v2/$app/blobs/uploads/?digest=$(digest_of "$WORK/single")" \
  "${dev[@]}" "${OCTETS[@]}" --data-binary @"$WORK/single"
if [ "${HAVEN_E2E_STORAGE:-files}" = s3 ]; then
  skip 'by SHA-512 (the S3 server of the tests has no names that long)'
else
  begin
  wide=sha512:$(sha512sum "$WORK/single" | cut -d' ' -f1)
  expect_http 'by SHA-512' 201 PUT "$(location)digest=$wide" "${dev[@]}" "${OCTETS[@]}" --data-binary @"$WORK/single"
  expect_http 'and read by it' 200 GET "/v2/$app/blobs/$wide" "${dev[@]}"
fi

# ---- uploads that come to nothing
begin
expect_error 'other bytes than promised' 400 DIGEST_INVALID PUT "$(location)digest=$sixteen" "${dev[@]}" "${OCTETS[@]}" --data-binary wrong
unknown=/v2/$app/blobs/uploads/00000000-0000-4000-8000-000000000000
expect_error 'an upload that is not there' 404 BLOB_UPLOAD_UNKNOWN GET $unknown "${dev[@]}"
expect_error 'takes no piece' 404 BLOB_UPLOAD_UNKNOWN PATCH $unknown "${dev[@]}" "${OCTETS[@]}" --data-binary x
expect_error 'and has no end' 404 BLOB_UPLOAD_UNKNOWN PUT "$unknown?digest=$sixteen" "${dev[@]}"
begin
kept=$(location)
roles expect_http 'a developer does not cancel' 401 DELETE "$kept" "${dev[@]}"
expect_http 'an administrator does' 204 DELETE "$kept" "${AS_ADMIN[@]}"
expect_error 'then it is gone' 404 BLOB_UPLOAD_UNKNOWN GET "$kept" "${dev[@]}"
begin
elsewhere=$(location)
expect_http 'an upload is not reached through another repository' '401|404' GET "${elsewhere/$app/bytes/other}" "${dev[@]}"
roles expect_http 'nor by those who may not push here' 401 PATCH "$elsewhere" "${secret_dev[@]}" "${OCTETS[@]}" --data-binary x

# ---- what is in one project is not in another
echo 'a secret' >"$WORK/secret"
secret=$(put_blob secret/app "$WORK/secret" "${secret_dev[@]}")
expect_http 'a blob of its own project' 200 GET "/v2/secret/app/blobs/$secret" "${secret_dev[@]}"
roles expect_http 'not for others' 401 GET "/v2/secret/app/blobs/$secret" "${dev[@]}"
expect_http 'nor through their own project' 404 GET "/v2/$app/blobs/$secret" "${dev[@]}"
expect_http 'nor with HEAD' 404 HEAD "/v2/$app/blobs/$secret" "${dev[@]}"
uploads=/v2/$app/blobs/uploads/
roles expect_http 'nor by a mount, which opens an upload instead' 202 POST "$uploads?mount=$secret&from=secret/app" "${dev[@]}"
roles expect_http 'nor by a mount from anywhere' 202 POST "$uploads?mount=$secret" "${dev[@]}"
manifest_of "$WORK/secret" >"$WORK/manifest"
put_manifest "$app" steal "$WORK/manifest" "${dev[@]}"
expect_eq 'nor by a manifest that names it' '400 MANIFEST_BLOB_UNKNOWN' "$CODE $(jq -r '.errors[0].code' "$BODY")"
expect_http 'a mount that is allowed' 201 POST "$uploads?mount=$secret&from=secret/app" "${AS_ADMIN[@]}"
expect_header 'names the blob' Docker-Content-Digest "$secret"
expect_http 'and after it, it is there' 200 GET "/v2/$app/blobs/$secret" "${dev[@]}"
expect_http 'a mount from a sibling' 201 POST "/v2/bytes/sibling/blobs/uploads/?mount=$sixteen&from=$app" "${dev[@]}"
expect_http 'a mount from anywhere' 201 POST "/v2/bytes/cousin/blobs/uploads/?mount=$sixteen" "${dev[@]}"
expect_http 'a mount of what is not there' 202 POST "$uploads?mount=sha256:$(printf '1%.0s' $(seq 64))&from=$app" "${dev[@]}"

# ---- manifests
echo '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}' >"$WORK/config"
put_blob "$app" "$WORK/config" >/dev/null
manifest_of "$WORK/config" "$WORK/sixteen" >"$WORK/manifest"
digest=$(digest_of "$WORK/manifest")
manifests=/v2/$app/manifests
put_manifest "$app" v1 "$WORK/manifest" "${dev[@]}"
expect_eq 'a manifest' "201 $digest" "$CODE $(header Docker-Content-Digest)"
expect_match 'its address' "$manifests/$digest\$" "$(header Location)"
expect_http 'it comes back' 200 GET "$manifests/v1" "${dev[@]}"
expect 'with every byte' cmp "$WORK/manifest" "$BODY"
expect_header 'its type' Content-Type application/vnd.oci.image.manifest.v1+json
expect_header 'its digest' Docker-Content-Digest "$digest"
expect_header 'its tag' Etag "\"$digest\""
expect_http 'HEAD' 200 HEAD "$manifests/$digest" "${dev[@]}"
expect_header 'its size' Content-Length "$(stat -c %s "$WORK/manifest")"
expect_http 'what one has already' 304 GET "$manifests/v1" "${dev[@]}" -H "If-None-Match: \"$digest\""
expect_http 'without the quotes too' 304 GET "$manifests/v1" "${dev[@]}" -H "If-None-Match: $digest"
expect_error 'a tag that is not there' 404 "artifact $app:v9 not found" GET "$manifests/v9" "${dev[@]}"
manifest_of "$WORK/config" "$WORK/http-headers" >"$WORK/incomplete"
put_manifest "$app" v2 "$WORK/incomplete" "${dev[@]}"
expect_eq 'a manifest that names what is not there' "400 $(jq -r '.layers[0].digest' "$WORK/incomplete")" \
  "$CODE $(jq -r '.errors[0].detail | .digest? // .' "$BODY")"
expect_error 'a manifest of no known type' 400 MANIFEST_INVALID PUT "$manifests/v2" "${dev[@]}" \
  -H 'Content-Type: application/json' --data-binary @"$WORK/manifest"
expect_error 'a manifest under a wrong digest' 400 DIGEST_INVALID PUT "$manifests/$sixteen" "${dev[@]}" \
  -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary @"$WORK/manifest"
jq -c --arg pad "$(head -c 100000 /dev/zero | tr '\0' x)" '.annotations = ([range(43)] | map({key: "\(.)", value: $pad}) | from_entries)' \
  "$WORK/manifest" >"$WORK/too-large"
put_manifest "$app" v2 "$WORK/too-large" "${dev[@]}"
expect_eq 'a manifest of more than four megabytes' 413 "$CODE"
expect_http 'a tag that may not be' '400|404' PUT "$manifests/.v1" "${dev[@]}" \
  -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary @"$WORK/manifest"

# ---- referrers
jq -c --arg d "$digest" --argjson s "$(stat -c %s "$WORK/manifest")" '.artifactType = "application/vnd.example.note"
  | .annotations = {note: "yes"} | .subject = {mediaType: .mediaType, digest: $d, size: $s}' "$WORK/manifest" >"$WORK/note"
put_manifest "$app" "$(digest_of "$WORK/note")" "$WORK/note" "${dev[@]}"
expect_eq 'a manifest with a subject' "201 $digest" "$CODE $(header OCI-Subject)"
expect_http 'what refers to it' 200 GET "/v2/$app/referrers/$digest" "${dev[@]}"
expect_header 'is an index' Content-Type application/vnd.oci.image.index.v1+json
expect_eq 'of one' "[\"application/vnd.example.note\",\"yes\",$(stat -c %s "$WORK/note")]" \
  "$(jq -c '.manifests[0] | [.artifactType, .annotations.note, .size]' "$BODY")"
expect_http 'of another type' 200 GET "/v2/$app/referrers/$digest?artifactType=application/none" "${dev[@]}"
expect_eq 'is nothing' '[]' "$(jq -c .manifests "$BODY")"
expect_header 'as was asked' OCI-Filters-Applied artifactType
expect_http 'what refers to nothing' 200 GET "/v2/bytes/none/referrers/$sixteen" "${dev[@]}"
expect_http 'what refers to a tag' 400 GET "/v2/$app/referrers/v1" "${dev[@]}"

# ---- deletion
jq -c --arg d "$digest" --argjson s "$(stat -c %s "$WORK/manifest")" -n '{schemaVersion: 2,
  mediaType: "application/vnd.oci.image.index.v1+json",
  manifests: [{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $d, size: $s}]}' >"$WORK/index"
put_manifest "$app" index "$WORK/index" "${dev[@]}"
put_manifest "$app" second "$WORK/manifest" "${dev[@]}"
expect_http 'a blob that a manifest names is not deleted' 405 DELETE "/v2/$app/blobs/$sixteen" "${AS_ADMIN[@]}"
expect_http 'not even from a sibling' 405 DELETE "/v2/bytes/sibling/blobs/$sixteen" "${AS_ADMIN[@]}"
expect_error 'what an index names stays' 412 VIOLATE_FOREIGN_KEY_CONSTRAINT DELETE "$manifests/$digest" "${AS_ADMIN[@]}"
expect_http 'the index goes' 202 DELETE "$manifests/$(digest_of "$WORK/index")" "${AS_ADMIN[@]}"
expect_http 'a tag goes' 202 DELETE "$manifests/second" "${AS_ADMIN[@]}"
expect_http 'it is gone' 404 GET "$manifests/second" "${dev[@]}"
expect_http 'what it named stays' 200 GET "$manifests/v1" "${dev[@]}"
expect_http 'a manifest goes' 202 DELETE "$manifests/$digest" "${AS_ADMIN[@]}"
expect_http 'with its tags' 404 GET "$manifests/v1" "${dev[@]}"
expect_http 'and what referred to it' 404 GET "$manifests/$(digest_of "$WORK/note")" "${dev[@]}"
expect_http 'and cannot go twice' 404 DELETE "$manifests/$digest" "${AS_ADMIN[@]}"
expect_http 'a blob goes' 202 DELETE "/v2/$app/blobs/$secret" "${AS_ADMIN[@]}"
expect_http 'it is gone here' 404 GET "/v2/$app/blobs/$secret" "${dev[@]}"
expect_http 'and stays in the project that it came from' 200 GET "/v2/secret/app/blobs/$secret" "${secret_dev[@]}"

# ---- the server goes away in the middle of an upload
whole=4000000
patch_from() { # FIRST FILE
  http PATCH "$kept" "${dev[@]}" "${OCTETS[@]}" -H "Content-Range: $1-$((whole - 1))" --data-binary @"$2"
  [ "$CODE" = 202 ]
}
for signal in TERM KILL; do
  head -c $whole /dev/urandom >"$WORK/upload"
  head -c 1000000 "$WORK/upload" >"$WORK/first"
  tail -c +1000001 "$WORK/upload" >"$WORK/rest"
  begin "an upload before a $signal"
  http PATCH "$(location)" "${dev[@]}" "${OCTETS[@]}" -H 'Content-Range: 0-999999' --data-binary @"$WORK/first"
  expect_eq 'its first piece' '202 0-999999' "$CODE $(header Range)"
  kept=$(location)
  # The rest comes slowly, and the server goes while it comes. TERM lets it come to its end; KILL does not.
  rate=1M
  [ $signal = TERM ] || rate=200K
  rm -f "$WORK/slow.log"
  spawn slow curl -sSv --limit-rate $rate -X PATCH "${dev[@]}" "${OCTETS[@]}" -H 'Expect:' --data-binary @"$WORK/rest" "$kept"
  wait_for 60 grep -q '^> PATCH' "$WORK/slow.log"
  sleep 1
  finish_haven $signal
  finish "$SPAWNED"
  # Not by way of `expect`, which would start it in a subshell.
  if launch_haven; then pass "Haven starts again after a $signal"; else fail "Haven starts again after a $signal"; fi
  expect_http 'the upload is still there' 204 GET "$kept" "${dev[@]}"
  have=$(header Range | sed 's/^0-//')
  kept=$(location)
  if [ $signal = TERM ]; then
    expect_eq 'the piece that was on its way has come' $((whole - 1)) "$have"
  else
    expect 'with what was acknowledged' test "${have:-0}" -ge 999999
    tail -c +$((have + 2)) "$WORK/upload" >"$WORK/rest"
    # The request that died still holds the upload, until the server gives it up.
    for _ in $(seq 35); do
      patch_from $((have + 1)) "$WORK/rest" && break
      sleep 2
    done
    expect_eq 'it goes on' "202 0-$((whole - 1))" "$CODE $(header Range)"
    kept=$(location)
  fi
  expect_http 'it comes to its end' 201 PUT "${kept}digest=$(digest_of "$WORK/upload")" "${dev[@]}"
  expect_http 'it can be read' 200 GET "/v2/$app/blobs/$(digest_of "$WORK/upload")" "${dev[@]}"
  expect 'with every byte' cmp "$WORK/upload" "$BODY"
  expect_http 'what was there before still is' 200 GET "/v2/secret/app/blobs/$secret" "${secret_dev[@]}"
done
