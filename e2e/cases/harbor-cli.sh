#!/usr/bin/env bash
# harbor-cli, the command line of Harbor itself: projects, members, robots, labels, quotas, artifacts and tags.
#
# HAVEN_E2E_HARBOR_CLI names the program where the module proxy has it not and it was built by other means.
. "$(dirname "$0")/../lib.sh"
. "$E2E/images.sh"

PROGRAM=${HAVEN_E2E_HARBOR_CLI:-harbor}
need "$PROGRAM" curl crane jq
start_haven

# It asks a terminal when a flag is missing, and tells of what went wrong on standard error with status 0 now and then: what
# counts is what is there afterwards.
harbor() { "$PROGRAM" "$@" </dev/null 2>>"$WORK/harbor.err"; }

# told NAME FILTER JSON ARGUMENT… : what it prints as JSON, seen through a jq filter.
told() {
  local name=$1 filter=$2 want=$3
  shift 3
  harbor "$@" -o json >"$WORK/told"
  expect_eq "$name" "$(jq -cS . <<<"$want")" "$(jq -cS "$filter" "$WORK/told" 2>&1)"
}

# does NAME ARGUMENT… : it ends well.
does() {
  local name=$1
  shift
  expect "$name" "$PROGRAM" "$@"
}

does 'it logs in' login "$BASE" -u admin -p "$ADMIN_PASSWORD"
expect_fail 'a wrong password is refused' 'login failed' "$PROGRAM" login "$BASE" -u admin -p Wrong-horse-7
told 'all components are healthy' '[.Payload.status] + [.Payload.components[].status] | unique' '["healthy"]' health
told 'what it is' '[.system_info.auth_mode, .statistics.total_project_count]' '["db_auth",1]' info

# ---- projects and quotas
# Without a limit it would ask for one.
does 'a project' project create cli-team --storage-limit 10485760
does 'a public project' project create cli-open --public --storage-limit -1
told 'projects are listed' '[.[].name] | sort' '["cli-open","cli-team","library"]' project list
told 'a project is read' '.Payload | [.name, .metadata.public]' '["cli-team","false"]' project view cli-team
told 'with its limit' '[.Payload[] | select(.ref.name == "cli-team") | .hard.storage]' '[10485760]' quota list
does 'a limit is changed' quota update --project-name cli-team --storage 20MiB
told 'and listed' '[.Payload[] | select(.ref.name == "cli-team") | .hard.storage]' '[20971520]' quota list
expect_fail 'the same project again' 'already exists|409' "$PROGRAM" project create cli-team --storage-limit -1
told 'projects are searched' '[.Payload.project[].name] | sort' '["cli-open","cli-team"]' project search cli

# ---- users and members
does 'a user' user create --username cli-ann --email cli-ann@example.com --realname Ann --password Battery-staple-9
told 'users are listed' '[.[].username]' '["cli-ann"]' user list
# It adds one to the role that it is told. Where it changes a role it takes the user's number for the member's: not looked at.
does 'a member' project member create cli-team --username cli-ann --roleid 1
told 'members are listed' '[.Payload[] | [.entity_name, .role_name]] | sort' \
  '[["admin","projectAdmin"],["cli-ann","developer"]]' project member list cli-team
harbor project member delete cli-team --username cli-ann >/dev/null
told 'a member goes' '[.Payload[].entity_name]' '["admin"]' project member list cli-team

# ---- robots
cat >"$WORK/robot.yaml" <<'YAML'
name: ci
description: pulls and pushes
duration: 30
level: project
permissions:
  - access:
      - resource: repository
        actions: [pull, push]
      - resource: artifact
        actions: [read, list]
    kind: project
    namespace: cli-team
YAML
cd "$WORK" || exit 1
harbor project robot create --project cli-team -r "$WORK/robot.yaml" --export-to-file >"$WORK/made"
told 'a robot of a project' '[.Payload[] | [.name, .level, .duration]]' '[["robot$cli-team+ci","project",30]]' \
  project robot list cli-team
told 'with its permissions' '[.Payload[].permissions[].access[] | .resource + ":" + .action] | sort' \
  '["artifact:list","artifact:read","repository:pull","repository:push"]' project robot list cli-team
secret=$(cat "$WORK"/*secret*.json 2>/dev/null | jq -r .secret)
expect_match 'its secret is told once' '^.{8,}$' "$secret"

# ---- an image by the robot
sample_layout "$WORK/layout"
layout_new "$WORK/single"
layout_tag "$WORK/single" v1 "$(layout_image "$WORK/single" amd64 "$WORK/root-greeting" "$WORK/root-extra")"
export DOCKER_CONFIG=$WORK/crane
mkdir -p "$DOCKER_CONFIG"
expect 'the robot logs in' crane auth login "$REGISTRY" -u 'robot$cli-team+ci' -p "$secret"
expect 'the robot pushes' crane push "$WORK/single" "$REGISTRY/cli-team/app:v1"
digest=$(crane digest "$REGISTRY/cli-team/app:v1")

# ---- repositories, artifacts, tags
told 'repositories are listed' '[.. | objects | select(has("artifact_count")) | [.name, .artifact_count]]' \
  '[["cli-team/app",1]]' repo list cli-team
told 'artifacts are listed' '[.. | objects | select(has("digest") and has("repository_name")) | .digest]' \
  "[\"$digest\"]" artifact list cli-team/app
told 'an artifact is read' '[.. | objects | select(has("digest") and has("repository_name")) | .type]' '["IMAGE"]' \
  artifact view cli-team/app@"$digest"
does 'a tag' artifact tags create cli-team/app@"$digest" v2
told 'tags are listed' '[.. | objects | select(has("push_time") and has("immutable")) | .name] | sort' '["v1","v2"]' \
  artifact tags list cli-team/app@"$digest"
expect_eq 'and pulled' "$digest" "$(crane digest "$REGISTRY/cli-team/app:v2")"
does 'a tag goes' artifact tags delete cli-team/app@"$digest" v2
told 'and is gone' '[.. | objects | select(has("push_time") and has("immutable")) | .name]' '["v1"]' \
  artifact tags list cli-team/app@"$digest"

# ---- labels
does 'a label' label create -n stable -d 'may be used' --color '#00FF00'
told 'labels are listed' '[.Payload[] | [.name, .color, .scope]]' '[["stable","#00FF00","g"]]' label list
does 'a label on an artifact' artifact label add cli-team/app@"$digest" stable
expect_out 'it is there' '"stable"' curl -sS -u "admin:$ADMIN_PASSWORD" \
  "$BASE/api/v2.0/projects/cli-team/repositories/app/artifacts/$digest?with_label=true"
does 'it is taken off' artifact label delete cli-team/app@"$digest" stable
does 'a label goes' label delete stable
expect_fail 'and is gone' 'no labels found' "$PROGRAM" label list -o json

# ---- the log, and away with it
told 'the log' '[.. | objects | select(has("operation")) | .operation] | unique | contains(["create"])' true logs
does 'an artifact goes' artifact delete cli-team/app@"$digest"
does 'a repository goes' repo delete cli-team/app
does 'a project goes' project delete cli-open
told 'and is gone' '[.[].name] | sort' '["cli-team","library"]' project list
does 'a user goes' user delete cli-ann
