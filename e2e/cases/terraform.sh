#!/usr/bin/env bash
# What Terraform's provider for Harbor asks, request by request, and what it makes of the answers.
#
# The provider cannot be had here, so its manner is played: every request has a JSON body, `null` where there is nothing
# to say; the status must be the one it expects; what a 201 names in `Location`, without `/api/v2.0`, is the resource from
# then on; what it did not set is there all the same, empty.
. "$(dirname "$0")/../lib.sh"
. "$E2E/http.sh"

need curl jq
start_haven

# tf NAME STATUS METHOD PATH [JSON] : one request of the provider.
tf() {
  local name=$1 status=$2 method=$3 path=$4 body=${5:-null}
  expect_http "$name" "$status" "$method" "/api/v2.0$path" "${AS_ADMIN[@]}" \
    -H 'Content-Type: application/json' --data-binary "$body"
}

# tf_id : the resource that the last answer made.
tf_id() { header Location | sed 's,/api,,; s,/v2\.0,,'; }

# got NAME FILTER JSON : the last answer, seen through a jq filter.
got() { expect_eq "$1" "$(jq -cS . <<<"$3")" "$(jq -cS "$2" "$BODY")"; }

# pages NAME PATH FILTER JSON : as data sources read, until a page is empty.
pages() {
  local name=$1 path=$2 filter=$3 want=$4 page=1 all='[]'
  while [ "$page" -lt 20 ]; do
    tf "$name, page $page" 200 GET "$path$page"
    [ "$(jq length "$BODY")" != 0 ] || break
    all=$(jq -c --argjson all "$all" '$all + .' "$BODY")
    page=$((page + 1))
  done
  expect_eq "$name" "$(jq -cS . <<<"$want")" "$(jq -cS "$filter" <<<"$all")"
}

# serves PATH : whether the server's own contract has that path.
CONTRACT=$WORK/openapi.json
curl -sS -m 30 "$BASE/api/v2.0/openapi.json" >"$CONTRACT"
serves() { jq -e --arg path "$1" '.paths | has($path)' "$CONTRACT" >/dev/null; }

# without PATH NAME : notes that a resource cannot be looked at.
without() { skip "$2 (this Haven does not serve $1)"; }

# project PUBLIC SCAN SECURITY [CVE…] : the body of a project.
project() {
  local public=$1 scan=$2 severity=$3 reuse=true prevent=true
  shift 3
  [ "$#" = 0 ] || reuse=false
  [ -n "$severity" ] || { severity=low prevent=false; }
  jq -cn --arg public "$public" --arg scan "$scan" --arg severity "$severity" --arg prevent "$prevent" \
    --arg reuse "$reuse" '{project_name: "tf-team", storage_limit: -1, cve_allowlist: {},
      metadata: {auto_scan: $scan, public: $public, severity: $severity, prevent_vul: $prevent,
        enable_content_trust: "false", enable_content_trust_cosign: "false", reuse_sys_cve_allowlist: $reuse}}
      | if $ARGS.positional == [] then . else .cve_allowlist.items = [$ARGS.positional[] | {cve_id: .}] end' \
    --args "$@"
}

# ---- harbor_project
tf 'a project' 201 POST /projects "$(project false true '')"
team=$(tf_id)
expect_match 'its id' '^/projects/[0-9]+$' "$team"
number=${team#/projects/}
tf 'a project is read' 200 GET "$team"
got 'as it was made' '[.name, .project_id, .registry_id, .metadata.public, .metadata.auto_scan]' \
  "[\"tf-team\", $number, null, \"false\", \"true\"]"
got 'with its security' '[.metadata.severity, .metadata.prevent_vul, .metadata.reuse_sys_cve_allowlist]' '["low","false","true"]'
got 'and an empty allowlist' '.cve_allowlist.items' '[]'
tf 'the same project again' 409 POST /projects "$(project false true '')"
tf 'a project is changed' 200 PUT "$team" "$(project true false high CVE-2021-44228 CVE-2022-0001)"
tf 'the settings are asked for quotas' 200 GET /configurations
enforced=$(jq -r '.quota_per_project_enable.value // false' "$BODY")
tf 'a changed project is read' 200 GET "$team"
got 'with what changed' '[.metadata.public, .metadata.auto_scan, .metadata.severity, .metadata.prevent_vul]' \
  '["true","false","high","true"]'
got 'and its allowlist' '[.cve_allowlist.items[].cve_id]' '["CVE-2021-44228","CVE-2022-0001"]'
tf 'a project is changed back' 200 PUT "$team" "$(project false true '')"
tf 'it is read' 200 GET "$team"
got 'with nothing left on its allowlist' '[.cve_allowlist.items, .metadata.public, .metadata.severity]' '[[],"false","low"]'
tf 'a project that is not there' 404 GET /projects/987654

# ---- harbor_project with a quota
if ! serves /quotas; then
  without /quotas 'a quota is changed'
elif [ "$enforced" != true ]; then
  skip 'a quota is changed (quotas are not enforced)'
else
  tf 'quotas are paged through' 200 GET '/quotas/?page=1&page_size=100'
  quota=$(jq --argjson project "$number" '.[] | select(.ref.id == $project) | .id' "$BODY")
  tf 'a quota is set' 200 PUT "/quotas/$quota" '{"hard":{"storage":5368709120}}'
  tf 'it is read' 200 GET "/quotas/$quota"
  got 'as it was set' '[.hard.storage, .used.storage]' '[5368709120,0]'
  tf 'past the last page' 200 GET '/quotas/?page=2&page_size=100'
  got 'is an empty page' . '[]'
fi

# ---- data.harbor_project, data.harbor_projects
tf 'a project by name' 200 GET '/projects?name=tf-team'
got 'is found' '[.[] | select(.name == "tf-team") | .project_id]' "[$number]"
pages 'all projects' '/projects?page=' 'map(.name)' '["library","tf-team"]'

# ---- harbor_user, harbor_project_member_user
person='{"username":"tf-user","password":"Battery-staple-9","email":"tf-user@example.com","realname":"T. F.","newpassword":"Battery-staple-9"}'
if ! has_users; then
  without /users 'a user and their membership'
else
  tf 'a user' 201 POST /users "$person"
  user=$(tf_id)
  tf 'a user is read' 200 GET "$user"
  got 'as they were made' '[.username, .realname, .email, .sysadmin_flag]' '["tf-user","T. F.","tf-user@example.com",false]'
  shared=$(jq -c '.sysadmin_flag = true | .new_password = "Battery-staple-10" | .realname = "Tf"' <<<"$person")
  tf 'a user is changed' 200 PUT "$user" "$shared"
  tf 'with their flag' 200 PUT "$user/sysadmin" "$shared"
  tf 'with their password' 200 PUT "$user/password" "$shared"
  tf 'and read' 200 GET "$user"
  got 'with what changed' '[.realname, .sysadmin_flag]' '["Tf",true]'

  member='{"role_id":2,"member_group":{},"member_user":{"username":"tf-user"}}'
  tf 'a member' 201 POST "$team/members" "$member"
  membership=$(tf_id)
  expect_match 'its id' "^$team/members/[0-9]+\$" "$membership"
  tf 'a member is read' 200 GET "$membership"
  got 'with its role' '[.role_id, .project_id, .entity_name, .entity_type]' "[2, $number, \"tf-user\", \"u\"]"
  tf 'the same member again' 409 POST "$team/members" "$member"
  tf 'a member is changed' 200 PUT "$membership" "$(jq -c '.role_id = 4' <<<"$member")"
  tf 'and read' 200 GET "$membership"
  got 'with the new role' '[.role_id, .role_name]' '[4,"maintainer"]'
  tf 'a member nobody knows' 404 POST "$team/members" '{"role_id":2,"member_group":{},"member_user":{"username":"tf-nobody"}}'
  pages 'all members' "$team/members?page=" '[.[] | select(.entity_type == "u") | .entity_name]' '["admin","tf-user"]'
  tf 'a member is removed' 200 DELETE "$membership"
  tf 'and is not there' 404 GET "$membership"
  tf 'a user is deleted' 200 DELETE "$user"
  tf 'and is not there' 404 GET "$user"
fi

# ---- harbor_group, harbor_project_member_group
if ! serves /usergroups; then
  without /usergroups 'a group and its membership'
else
  tf 'a group' 201 POST /usergroups '{"group_name":"tf-group","group_type":3}'
  group=$(tf_id)
  tf 'a group is read' 200 GET "$group"
  member='{"role_id":3,"member_group":{"group_type":3,"group_name":"tf-group"},"member_user":{}}'
  tf 'a group becomes a member' 201 POST "$team/members" "$member"
  membership=$(tf_id)
  tf 'it is read' 200 GET "$membership"
  got 'with its role' '[.role_id, .entity_name, .entity_type]' '[3,"tf-group","g"]'
  tf 'it is changed' 200 PUT "$membership" "$(jq -c '.role_id = 5' <<<"$member")"
  tf 'it is read' 200 GET "$membership"
  got 'with the new role' .role_id 5
  tf 'it is removed' 200 DELETE "$membership"
  tf 'by its number' 201 POST "$team/members" \
    "$(jq -c --argjson id "${group##*/}" '.member_group = {id: $id, group_type: 3}' <<<"$member")"
  membership=$(tf_id)
  tf 'a group is deleted' 200 DELETE "$group"
  tf 'and is no member any more' 404 GET "$membership"
fi

# ---- harbor_config_security
tf 'the allowlist of the system' 200 PUT /system/CVEAllowlist '{"items":[{"cve_id":"CVE-456"},{"cve_id":"CVE-123"}],"expires_at":1701167767}'
tf 'it is read' 200 GET /system/CVEAllowlist
got 'as it was set' '[[.items[].cve_id], .expires_at]' '[["CVE-456","CVE-123"],1701167767]'
tf 'it is emptied' 200 PUT /system/CVEAllowlist '{"items":[]}'
tf 'it is read' 200 GET /system/CVEAllowlist
got 'empty' '[.items, .expires_at]' '[[],null]'

# ---- harbor_label
if ! serves /labels; then
  without /labels 'a label of a project'
else
  label=$(jq -cn --argjson project "$number" '{name: "tf-label", description: "made by hand", color: "#FF0000", project_id: $project, scope: "p"}')
  tf 'a label' 201 POST /labels "$label"
  resource=$(tf_id)
  tf 'a label is read' 200 GET "$resource"
  got 'as it was made' '[.name, .description, .color, .scope]' '["tf-label","made by hand","#FF0000","p"]'
  tf 'a label is changed' 200 PUT "$resource" "$(jq -c '.color = "#00FF00"' <<<"$label")"
  tf 'and read' 200 GET "$resource"
  got 'with the new colour' .color '"#00FF00"'
  tf 'a label is deleted' 200 DELETE "$resource"
  tf 'and is not there' 404 GET "$resource"
fi

# ---- harbor_robot_account
if ! serves /robots; then
  without /robots 'a robot account of a project'
else
  robot='{"name":"tf-robot","description":"made by hand","disable":false,"duration":-1,"level":"project","permissions":[
    {"kind":"project","namespace":"tf-team","access":[{"resource":"repository","action":"pull","effect":"allow"}]}]}'
  tf 'a robot' 201 POST /robots "$robot"
  resource=$(tf_id)
  expect_eq 'its id twice' "/robots/$(jq .id "$BODY")" "$resource"
  expect_match 'its secret' '^.{20,}$' "$(jq -r .secret "$BODY")"
  tf 'its secret is chosen' 200 PATCH "$resource" '{"secret":"Battery-staple-9"}'
  tf 'a robot is read' 200 GET "$resource"
  full=$(jq -r .name "$BODY")
  got 'as it was made' '[.level, .duration, .disable, .permissions[0].namespace]' '["project",-1,false,"tf-team"]'
  tf 'the prefix of robots is asked for' 200 GET /configurations
  prefix=$(jq -r .robot_name_prefix.value "$BODY")
  expect_eq 'what its name is made of' "${prefix}tf-team+tf-robot" "$full"
  tf 'a robot is changed' 200 PUT "$resource" "$(jq -c --arg name "$full" '.name = $name | .description = "changed"' <<<"$robot")"
  tf 'and read' 200 GET "$resource"
  got 'with what changed' '[.description, .disable]' '["changed",false]'
  tf 'a robot is deleted' 200 DELETE "$resource"
  tf 'and is not there' 404 GET "$resource"
fi

# ---- the end of a project, with force_destroy
small_image tf-team/app v1 >/dev/null
small_image tf-team/tools/ci v1 >/dev/null
tf 'a project with content stays' 412 DELETE "$team"
pages 'its repositories' '/projects/tf-team/repositories?page_size=100&page=' 'map(.name) | sort' '["tf-team/app","tf-team/tools/ci"]'
tf 'a repository is deleted' 200 DELETE /projects/tf-team/repositories/app
tf 'one with a slash too' 200 DELETE /projects/tf-team/repositories/tools%252Fci
tf 'the project is deleted' 200 DELETE "$team"
tf 'and is not there' 404 GET "$team"
tf 'nor can it be deleted again' 404 DELETE "$team"
tf 'its name is free' 201 POST /projects "$(project false true '')"
expect_match 'for another project' '^/projects/[0-9]+$' "$(tf_id)"
[ "$(tf_id)" != "$team" ] && pass 'with another id' || fail 'with another id'
