#!/usr/bin/env bash
# People: accounts, sessions with a real cookie jar on whichever replica answers, access tokens with real clients.
. "$(dirname "$0")/../lib.sh"
. "$E2E/http.sh"

start_haven
users=/api/v2.0/users
JSON=(-H 'Content-Type: application/json')
ann_password=$USER_PASSWORD

# ---- accounts
ann=$(jq -cn --arg p "$ann_password" '{username:"ann",email:"ann@example.com",realname:"Ann",password:$p}')
expect_http 'an administrator makes an account' 201 POST "$users" "${AS_ADMIN[@]}" "${JSON[@]}" -d "$ann"
location=$(header Location)
expect_match 'its address ends with its number' '^/api/v2\.0/users/[0-9]+$' "$location"
expect_error 'the name is taken' 409 '^CONFLICT user ann or email' POST "$users" "${AS_ADMIN[@]}" "${JSON[@]}" -d "$ann"
expect_error 'a stranger makes none' 401 '^UNAUTHORIZED' POST "$users" "${JSON[@]}" -d "$ann"
http GET "$users/current" -u "ann:$ann_password"
expect_eq 'it can be used' "200 ann" "$CODE $(jq -r .username "$BODY")"

# ---- sessions: the way of the portal
jar=$WORK/jar
portal=(-b "$jar" -c "$jar")
expect_http 'the portal is opened' 200 GET /api/v2.0/systeminfo "${portal[@]}"
csrf=$(header X-Harbor-CSRF-Token)
log_in() { http POST /c/login "${portal[@]}" -H "X-Harbor-CSRF-Token: $csrf" --data-urlencode "principal=$1" --data-urlencode "password=$2"; }
expect_error 'a form without the token is refused' 403 '^FORBIDDEN CSRF token not found in request$' POST /c/login \
  "${portal[@]}" -d principal=ann -d "password=$ann_password"
log_in ann not-the-password
expect_eq 'a wrong password opens nothing' '401 0' "$CODE $(wc -c <"$BODY")"
log_in ann "$ann_password"
expect_eq 'the right one does' '200 0' "$CODE $(wc -c <"$BODY")"
for _ in $(seq 6); do
  http GET "$users/current" "${portal[@]}"
  [ "$CODE $(jq -r .username "$BODY")" = '200 ann' ] || break
done
expect_eq 'every request of the session is known' '200 ann' "$CODE $(jq -r .username "$BODY")"
expect_error 'a change without the token is refused' 403 '^FORBIDDEN CSRF token not found in request$' \
  POST /api/v2.0/projects "${portal[@]}" "${JSON[@]}" -d '{"project_name":"people"}'
csrf=$(header X-Harbor-CSRF-Token)
expect_http 'with the token it is made' 201 POST /api/v2.0/projects "${portal[@]}" "${JSON[@]}" \
  -H "X-Harbor-CSRF-Token: $csrf" -d '{"project_name":"people"}'
cp "$jar" "$WORK/stolen"
expect_http 'one logs out' 200 GET /c/log_out "${portal[@]}"
expect_http 'and is out' 401 GET "$users/current" "${portal[@]}"
expect_http 'whoever copied the cookie as well' 401 GET "$users/current" -b "$WORK/stolen"

# ---- access tokens
tokens=$users/current/tokens
new_token() { http POST "$tokens" -u "ann:$ann_password" "${JSON[@]}" -d "$1" >/dev/null; jq -r .token "$BODY"; }
pull=$(new_token '{"name":"puller","scopes":["pull"]}')
push=$(new_token '{"name":"pusher","scopes":["push"],"projects":["people"],"duration":7}')
http GET "$tokens" -u "ann:$ann_password"
expect_eq 'tokens are listed without themselves' 'pusher puller 0' \
  "$(jq -r 'map(.name) | join(" ")' "$BODY") $(grep -c "$push" "$BODY")"
expect_error 'a token makes no other' 403 '^FORBIDDEN' POST "$tokens" -u "ann:$push" "${JSON[@]}" -d '{"name":"x","scopes":["pull"]}'
echo layer >"$WORK/layer"
digest=$(put_blob people/app "$WORK/layer" -u "ann:$push")
expect_http 'a token to push pushes' 200 HEAD "/v2/people/app/blobs/$digest" -u "ann:$push"
expect_http 'a token to pull pulls' '200|307' GET "/v2/people/app/blobs/$digest" -u "ann:$pull"
expect_http 'and does not push' 401 POST /v2/people/app/blobs/uploads/ -u "ann:$pull"
actions() { claims "$(token -u "ann:$1" repository:people/app:pull,push,delete)" | jq -c '.access[0].actions'; }
expect_eq 'the token service gives no more' '["pull"] ["pull","push"]' "$(actions "$pull") $(actions "$push")"
if command -v crane >/dev/null 2>&1; then
  export DOCKER_CONFIG=$WORK/crane
  mkdir -p "$DOCKER_CONFIG"
  . "$E2E/images.sh"
  layout_new "$WORK/layout"
  mkdir -p "$WORK/root/data" && echo hello >"$WORK/root/data/greeting"
  layout_tag "$WORK/layout" v1 "$(layout_image "$WORK/layout" amd64 "$WORK/root")"
  expect 'a client logs in with a token' crane auth login "$REGISTRY" -u ann -p "$push"
  expect 'and pushes' crane push "$WORK/layout" "$REGISTRY/people/crane:v1"
  expect 'another logs in to pull' crane auth login "$REGISTRY" -u ann -p "$pull"
  expect_out 'and pulls' '"schemaVersion"' crane manifest "$REGISTRY/people/crane:v1"
  expect_fail 'but does not push' 'UNAUTHORIZED|denied' crane push "$WORK/layout" "$REGISTRY/people/crane:v2"
fi
id=$(curl -sS -m 30 -u "ann:$ann_password" "$BASE$tokens" | jq '.[] | select(.name == "pusher").id')
expect_http 'a token is revoked' 200 DELETE "$tokens/$id" -u "ann:$ann_password"
expect_http 'and opens nothing any more' 401 GET "$users/current" -u "ann:$push"

# ---- the end of an account
expect_http 'a password is changed' 200 PUT "$location/password" "${AS_ADMIN[@]}" "${JSON[@]}" -d '{"new_password":"Other-horse-8"}'
expect_http 'the new one counts' 200 GET "$users/current" -u ann:Other-horse-8
expect_http 'the account is deleted' 200 DELETE "$location" "${AS_ADMIN[@]}"
expect_http 'with its tokens' 401 GET "$users/current" -u "ann:$pull"
