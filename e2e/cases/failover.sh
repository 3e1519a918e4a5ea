#!/usr/bin/env bash
# One of several replicas dies: the others go on with what it had begun.
. "$(dirname "$0")/../lib.sh"
. "$E2E/http.sh"

[ "$REPLICAS" -gt 1 ] || { skip 'there is only one replica'; exit 0; }
start_haven
app=library/app
small_image "$app" v1 >/dev/null
location() { local at; at=$(header Location); [[ $at == http* ]] && echo "$at" || echo "$BASE$at"; }
head -c 4000000 /dev/urandom >"$WORK/upload"
head -c 1000000 "$WORK/upload" >"$WORK/first"
tail -c +1000001 "$WORK/upload" >"$WORK/rest"
http POST "/v2/$app/blobs/uploads/" "${AS_ADMIN[@]}"
http PATCH "$(location)" "${AS_ADMIN[@]}" "${OCTETS[@]}" --data-binary @"$WORK/first"
expect_eq 'an upload has begun' '202 0-999999' "$CODE $(header Range)"
kept=$(location)

# The rest comes slowly to the first replica, which dies meanwhile.
spawn slow curl -sS --limit-rate 200K -X PATCH "${AS_ADMIN[@]}" "${OCTETS[@]}" -H 'Expect:' --data-binary @"$WORK/rest" \
  "http://${BACKENDS[0]}${kept#"$BASE"}"
slow=$SPAWNED
sleep 1
finish "${HAVEN_PIDS[0]}" KILL
wait "$slow"

for n in $(seq 6); do expect_http "pull $n after it died" 200 GET "/v2/$app/manifests/v1" "${AS_ADMIN[@]}"; done
small_image "$app" v2 >/dev/null
expect_http 'pushes work' 200 GET "/v2/$app/manifests/v2" "${AS_ADMIN[@]}"
expect_http 'the upload is there' 204 GET "$kept" "${AS_ADMIN[@]}"
have=$(header Range | sed 's/^0-//')
expect 'with what was acknowledged' test "${have:-0}" -ge 999999
tail -c +$((have + 2)) "$WORK/upload" >"$WORK/rest"
# Its hold on the upload ends fifteen seconds after it last renewed it.
for _ in $(seq 25); do
  http PATCH "$kept" "${AS_ADMIN[@]}" "${OCTETS[@]}" -H "Content-Range: $((have + 1))-3999999" --data-binary @"$WORK/rest"
  [ "$CODE" = 429 ] || break
  sleep 1
done
expect_eq 'another replica goes on with it' '202 0-3999999' "$CODE $(header Range)"
expect_http 'to its end' 201 PUT "$kept?digest=$(digest_of "$WORK/upload")" "${AS_ADMIN[@]}"
expect_http 'it can be read' 200 GET "/v2/$app/blobs/$(digest_of "$WORK/upload")" "${AS_ADMIN[@]}"
expect 'with every byte' cmp "$WORK/upload" "$BODY"
