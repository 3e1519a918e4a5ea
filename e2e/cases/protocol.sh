#!/usr/bin/env bash
# The wire: challenges, tokens, who sees what, lists and their pages, odd paths. Texts that clients match are literal.
. "$(dirname "$0")/../lib.sh"
. "$E2E/http.sh"

start_haven
make_project wire
make_project other
make_project open true
make_project reborn
make_user wire-dev
make_user wire-stranger
add_member wire wire-dev 2
add_member other wire-stranger 2
dev=wire-dev:$USER_PASSWORD
has_users || dev=admin:$ADMIN_PASSWORD
stranger=wire-stranger:$USER_PASSWORD
# For the end of this file: a token has a minute of leeway against the clocks of a cluster.
old_token=$(token -u "admin:$ADMIN_PASSWORD" repository:reborn/app:pull,push)
old_token_at=$SECONDS
digest=$(small_image wire/app/web v1)
small_image open/app v1 >/dev/null

challenge="Bearer realm=\"$BASE/service/token\",service=\"harbor-registry\""
doubled() { echo "^UNAUTHORIZED unauthorized to access repository: $1, action: $2: unauthorized to access repository: $1, action: $2$"; }

# ---- challenges
expect_error 'the root asks for a token' 401 '^UNAUTHORIZED unauthorized: unauthorized$' GET /v2/
expect_header 'where to get one' Www-Authenticate "$challenge"
expect_header 'which interface this is' Docker-Distribution-Api-Version registry/2.0
expect_http 'by another host name' 401 GET /v2/ -H 'Host: registry.example.com:8443'
expect_header 'the realm follows it' Www-Authenticate \
  'Bearer realm="http://registry.example.com:8443/service/token",service="harbor-registry"'
expect_http 'a pull without a token' 401 GET /v2/wire/app/web/manifests/v1
expect_header 'asks for pull' Www-Authenticate "$challenge,scope=\"repository:wire/app/web:pull\""
expect_http 'HEAD without a token' 401 HEAD /v2/wire/app/web/manifests/v1
expect_header 'asks for the same' Www-Authenticate "$challenge,scope=\"repository:wire/app/web:pull\""
expect_error 'a push without a token' 401 "$(doubled wire/app/web push)" POST /v2/wire/app/web/blobs/uploads/
expect_header 'asks for pull and push' Www-Authenticate "$challenge,scope=\"repository:wire/app/web:pull,push\""
expect_http 'a mount without a token' 401 POST "/v2/wire/app/web/blobs/uploads/?mount=$digest&from=other/app"
expect_header 'asks for both repositories' Www-Authenticate \
  "$challenge,scope=\"repository:wire/app/web:pull,push repository:other/app:pull\""
expect_http 'a deletion without a token' 401 DELETE "/v2/wire/app/web/manifests/$digest"
expect_header 'asks for delete' Www-Authenticate "$challenge,scope=\"repository:wire/app/web:delete\""
expect_http 'the catalog without a password' 401 GET /v2/_catalog
expect_header 'asks for a password' Www-Authenticate 'Basic realm="harbor"'
expect_http 'a wrong password' 401 GET /v2/ -u admin:wrong
expect_header 'asks for a password again' Www-Authenticate 'Basic realm="harbor"'
expect_http 'even what is public needs a token' 401 GET /v2/open/app/manifests/v1
expect_error 'a project that is not there' 401 '^UNAUTHORIZED project nowhere not found: project nowhere not found$' \
  POST /v2/nowhere/app/blobs/uploads/ "${AS_ADMIN[@]}"

# ---- passwords straight at the registry
expect_http 'the root with a password' 200 GET /v2/ "${AS_ADMIN[@]}"
expect_eq 'says nothing' '{}' "$(tr -d ' \n' <"$BODY")"
expect_http 'a manifest with a password' 200 GET /v2/wire/app/web/manifests/v1 -u "$dev"
roles expect_error 'of a project that one may not read' 401 "$(doubled wire/app/web pull)" GET /v2/wire/app/web/manifests/v1 -u "$stranger"
roles expect_error 'a push where one may only read' 401 "$(doubled open/app push)" POST /v2/open/app/blobs/uploads/ -u "$dev"
roles expect_error 'a deletion by a developer' 401 "$(doubled wire/app/web delete)" DELETE "/v2/wire/app/web/manifests/$digest" -u "$dev"

# ---- robots
make_robot ci wire pull
pulls=$ROBOT:$SECRET
expect_http 'the root with the secret of a robot' 200 GET /v2/ -u "$pulls"
expect_http 'what it may pull' 200 GET /v2/wire/app/web/manifests/v1 -u "$pulls"
expect_error 'what it may not push' 401 "$(doubled wire/app/web push)" POST /v2/wire/app/web/blobs/uploads/ -u "$pulls"
expect_http 'what is public' 200 GET /v2/open/app/manifests/v1 -u "$pulls"
expect_error 'another project' 401 "$(doubled other/app pull)" GET /v2/other/app/manifests/v1 -u "$pulls"
expect_http 'the catalog is not for it' 401 GET /v2/_catalog -u "$pulls"
expect_http 'another secret' 401 GET /v2/ -u "$ROBOT:not-the-secret"
expect_http 'the name without its prefix' 401 GET /v2/ -u "wire+ci:$SECRET"
expect_http 'a robot is no user' 412 GET /api/v2.0/users/current -u "$pulls"
robot_token=$(token -u "$pulls" repository:wire/app/web:pull,push)
expect_eq 'a token of the robot' '["robot$wire+ci",["pull"]]' "$(claims "$robot_token" | jq -c '[.sub, .access[0].actions]')"
change_robot '{"disable":true}'
expect_http 'a robot that is switched off' 401 GET /v2/wire/app/web/manifests/v1 -u "$pulls"
expect_http 'its token lives on' 200 GET /v2/wire/app/web/manifests/v1 -H "Authorization: Bearer $robot_token"
expect 'the robot is deleted' admin DELETE "/robots/$ROBOT_ID"
make_robot pushes wire push
expect_http 'a robot that pushes' 202 POST /v2/wire/app/web/blobs/uploads/ -u "$ROBOT:$SECRET"
expect_http 'looks as clients do' 200 HEAD /v2/wire/app/web/manifests/v1 -u "$ROBOT:$SECRET"

# ---- tokens
service='/service/token?service=harbor-registry'
expect_http 'a token' 200 GET "$service&scope=repository:wire/app/web:pull" "${AS_ADMIN[@]}"
expect_eq 'its form' '["access_token","expires_in","issued_at","token"]' "$(jq -c keys "$BODY")"
expect_eq 'how long it lasts' 1800 "$(jq .expires_in "$BODY")"
admin_token=$(jq -r .token "$BODY")
expect_eq 'how it is signed' '["RS256","JWT"]' "$(claims "$admin_token" 1 | jq -c '[.alg, .typ]')"
expect_match 'with which key' '^([A-Z2-7]{4}:){11}[A-Z2-7]{4}$' "$(claims "$admin_token" 1 | jq -r .kid)"
expect_eq 'from whom to whom' '["harbor-token-issuer","harbor-registry","admin"]' "$(claims "$admin_token" | jq -c '[.iss, .aud, .sub]')"
expect_eq 'for half an hour' '[1800,0]' "$(claims "$admin_token" | jq -c '[.exp - .iat, .nbf - .iat]')"
expect_eq 'with all that one may do, not what one asked for' '["delete","pull","push"]' \
  "$(claims "$admin_token" | jq -c '.access[0].actions | sort')"
actions() { claims "$(token "$@")" | jq -c '[.access[] | [.name, (.actions // [] | sort)]]'; }
roles expect_eq 'a developer may not delete' '[["wire/app",["pull","push"]]]' "$(actions -u "$dev" repository:wire/app:pull,push,delete)"
roles expect_eq 'a stranger may nothing' '[["wire/app",[]]]' "$(actions -u "$stranger" repository:wire/app:pull)"
expect_eq 'nobody may read what is public' '[["open/app",["pull"]]]' "$(actions repository:open/app:pull,push)"
expect_eq 'nobody may not read what is private' '[["wire/app",[]]]' "$(actions repository:wire/app:pull)"
expect_eq 'an unknown project is no error' '[["nowhere/app",[]]]' "$(actions -u "admin:$ADMIN_PASSWORD" repository:nowhere/app:pull)"
expect_eq 'two scopes' 2 "$(claims "$(token -u "$dev" repository:wire/a:pull repository:open/b:pull)" | jq '.access | length')"
expect_eq 'two scopes in one' 2 "$(claims "$(token -u "$dev" 'repository:wire/a:pull repository:open/b:pull')" | jq '.access | length')"
expect_http 'nobody, asking for nothing' 401 GET "$service"
expect_eq 'gets an empty answer' 0 "$(stat -c %s "$BODY")"
expect_http 'a wrong password, asking for nothing' 401 GET "$service&account=admin" -u admin:wrong
expect_eq 'gets an empty answer too' 0 "$(stat -c %s "$BODY")"
expect_http 'a wrong password, asking for something' 200 GET "$service&scope=repository:open/app:pull,push" -u admin:wrong
expect_eq 'is nobody' '[["open/app",["pull"]]]' "$(claims "$(jq -r .token "$BODY")" | jq -c '[.access[] | [.name, .actions]]')"
expect_http 'another service' 400 GET '/service/token?service=elsewhere' "${AS_ADMIN[@]}"
expect_eq 'is not ours' 'Unable to handle service: elsewhere' "$(cat "$BODY")"
expect_http 'POST is how containerd asks first' 405 POST /service/token "${AS_ADMIN[@]}" -d 'grant_type=password'

bearer() { printf 'Authorization: Bearer %s' "$1"; }
expect_http 'a token opens the root' 200 GET /v2/ -H "$(bearer "$(token -u "$dev")")"
expect_http "nobody's token does not" 401 GET /v2/ -H "$(bearer "$(token repository:open/app:pull)")"
expect_http "nobody's token opens what is public" 200 GET /v2/open/app/manifests/v1 -H "$(bearer "$(token repository:open/app:pull)")"
expect_error "nobody's token does not open what is private" 401 "$(doubled wire/app/web pull)" \
  GET /v2/wire/app/web/manifests/v1 -H "$(bearer "$(token repository:wire/app/web:pull)")"
expect_header 'and a password is asked for' Www-Authenticate 'Basic realm="harbor"'
expect_http 'a token is for the whole project' 200 GET /v2/wire/app/web/manifests/v1 -H "$(bearer "$(token -u "$dev" repository:wire/x:pull)")"
expect_http 'and for no other' 401 GET /v2/open/app/manifests/v1 -H "$(bearer "$(token -u "$dev" repository:wire/x:pull)")"
expect_http 'a token is no password for the REST interface' 401 GET /api/v2.0/users/current -H "$(bearer "$admin_token")"
encode() { base64 -w0 | tr '+/' '-_' | tr -d '='; }
unsigned=$(printf '{"alg":"none","typ":"JWT"}' | encode).$(cut -d. -f2 <<<"$admin_token").
expect_http 'a token without a signature is refused' 401 GET /v2/wire/app/web/manifests/v1 -H "$(bearer "$unsigned")"
expect_http 'with the old signature too' 401 GET /v2/wire/app/web/manifests/v1 -H "$(bearer "$unsigned$(cut -d. -f3 <<<"$admin_token")")"
forged=$(claims "$(token repository:wire/app/web:pull)" | jq -c '.access[0].actions = ["pull"]' | tr -d '\n' | encode)
expect_http 'and one with other contents' 401 GET /v2/wire/app/web/manifests/v1 \
  -H "$(bearer "$(cut -d. -f1 <<<"$admin_token").$forged.$(cut -d. -f3 <<<"$admin_token")")"
expect_http 'and nonsense' 401 GET /v2/wire/app/web/manifests/v1 -H "$(bearer a.b.c)"

# ---- tags
tags=/v2/wire/app/web/tags/list
small_image wire/app/web v1 >/dev/null
for tag in v10 V2 a_b v2.0 0; do put_manifest wire/app/web $tag "$WORK/small-manifest"; done
expect_http 'tags' 200 GET $tags "${AS_ADMIN[@]}"
expect_eq 'in the order of bytes' '{"name":"wire/app/web","tags":["0","V2","a_b","v1","v10","v2.0"]}' "$(jq -Sc . "$BODY")"
expect_http 'a page of them' 200 GET "$tags?n=2" "${AS_ADMIN[@]}"
expect_eq 'has two' '["0","V2"]' "$(jq -c .tags "$BODY")"
expect_header 'and tells of the next' Link '</v2/wire/app/web/tags/list?last=V2&n=2>; rel="next"'
expect_http 'the last page' 200 GET "$tags?n=2&last=v1" "${AS_ADMIN[@]}"
expect_eq 'has the rest' '["v10","v2.0"]' "$(jq -c .tags "$BODY")"
expect_header 'and tells of none' Link ''
expect_http 'after a tag that is not there' 200 GET "$tags?last=b" "${AS_ADMIN[@]}"
expect_eq 'come those behind it' '["v1","v10","v2.0"]' "$(jq -c .tags "$BODY")"
expect_http 'no tags' 200 GET "$tags?n=0" "${AS_ADMIN[@]}"
expect_eq 'are an empty list' '[]' "$(jq -c .tags "$BODY")"
expect_http 'a number that is none' 400 GET "$tags?n=two" "${AS_ADMIN[@]}"
expect_http 'a negative number' 400 GET "$tags?n=-1" "${AS_ADMIN[@]}"
expect_http 'tags of a repository that is not there' 404 GET /v2/wire/none/tags/list "${AS_ADMIN[@]}"

# ---- catalog
for name in wire/b wire/c other/a; do small_image $name v1 >/dev/null; done
expect_http 'the catalog' 200 GET /v2/_catalog "${AS_ADMIN[@]}"
expect_eq 'in order' '["open/app","other/a","wire/app/web","wire/b","wire/c"]' "$(jq -c .repositories "$BODY")"
seen='' page='/v2/_catalog?n=2' pages=0
while [ -n "$page" ] && [ "$pages" -lt 9 ]; do
  http GET "$page" "${AS_ADMIN[@]}"
  seen+=$(jq -r '.repositories[]' "$BODY" | tr '\n' ' ')
  page=$(header Link | sed -n 's/^<\(.*\)>; rel="next"$/\1/p')
  pages=$((pages + 1))
done
expect_eq 'page by page' 'open/app other/a wire/app/web wire/b wire/c ' "$seen"
expect_eq 'in three pages' 3 "$pages"
expect_http 'a first page' 200 GET '/v2/_catalog?n=1' "${AS_ADMIN[@]}"
expect_match 'tells of the next' '^</v2/_catalog\?last=open(/|%2F)app&n=1>; rel="next"$' "$(header Link)"
expect_http 'an empty page' 200 GET '/v2/_catalog?n=0' "${AS_ADMIN[@]}"
expect_http 'a negative page' 400 GET '/v2/_catalog?n=-1' "${AS_ADMIN[@]}"
expect_http 'behind what is not there' 400 GET '/v2/_catalog?n=1&last=none/such' "${AS_ADMIN[@]}"
roles expect_http 'the catalog is for administrators' 401 GET /v2/_catalog -u "$dev"
roles expect_eq 'others see nothing of it' null "$(jq .repositories "$BODY")"

# ---- odd paths: refused, and never an error of ours
odd() {
  local path=$1
  shift
  http GET "$path" "${AS_ADMIN[@]}" "$@"
  if [[ $CODE =~ ^(30.|40.)$ ]] && ! grep -aq 'root:' "$BODY"; then pass "$path"; else fail "$path (got $CODE)"; fi
}
odd '/v2/wire/../../../../etc/passwd'
odd '/v2/wire/%2e%2e/%2e%2e/etc/passwd/tags/list'
odd '/v2/wire/..%2f..%2f..%2fetc%2fpasswd/manifests/v1'
odd '/v2/wire/app/web/blobs/sha256:../../../../../../etc/passwd'
odd '/v2/wire/app/web/blobs/sha256:..%2f..%2f..%2f..%2fetc%2fpasswd'
odd '/v2/wire/app/web/blobs/sha256:%00'
odd '/v2/wire/app/web/blobs/sha256:abc'
odd '/v2/wire/app/web/blobs/md5:d41d8cd98f00b204e9800998ecf8427e'
odd '/v2/wire/app/web/blobs/uploads/../../../../../../etc/passwd'
odd '/v2/wire/app/web/blobs/uploads/..%2f..%2f..%2fetc%2fpasswd'
odd '/v2/wire/app/web/manifests/..'
odd '/v2/wire/app/web/manifests/%ff%fe'
odd '/v2/Wire/App/manifests/v1'
odd '/v2/wire/app__/manifests/v1'
odd "/v2/$(printf 'a/%.0s' $(seq 200))b/manifests/v1"
odd '/../../../../etc/passwd'
odd '/icons/sha256:..%2f..%2fetc%2fpasswd'
odd "/v2/wire/app/web/tags/list?n=1;last=%zz"

# ---- a project made again is another project
expect 'a project is deleted' admin DELETE /projects/reborn
while [ $((SECONDS - old_token_at)) -lt 63 ]; do sleep 1; done
make_project reborn
expect_http 'a token from before is refused' 401 POST /v2/reborn/app/blobs/uploads/ -H "$(bearer "$old_token")"
expect_http 'a new one is taken' 202 POST /v2/reborn/app/blobs/uploads/ \
  -H "$(bearer "$(token -u "admin:$ADMIN_PASSWORD" repository:reborn/app:pull,push)")"
