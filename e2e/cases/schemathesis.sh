#!/usr/bin/env bash
# The OpenAPI document against the running server: Schemathesis makes requests from every operation, right and wrong ones,
# and holds status, content type and body of each answer against the document.
#
# Three runs, because blind ones seldom find anything: names and numbers out of the air, then those of things that are
# there, then the settings. Seed and number of examples are fixed, so that a build turns red for a reason.
. "$(dirname "$0")/../lib.sh"

command -v schemathesis >/dev/null 2>&1 || {
  skip 'Schemathesis could not be installed (it takes python3 with venv, and PyPI)'
  exit 0
}
need curl jq crane
start_haven

CHECKS=not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance

# fits NAME EXAMPLES OPTION… : every answer to what is made up is as the document says. The health checks are about how
# fast examples are found.
fits() {
  local name=$1 examples=$2
  shift 2
  (cd "$WORK" && expect "$name" schemathesis --config-file "$WORK/schemathesis.toml" run "$E2E/../api/openapi.yaml" \
    --url "$BASE/api/v2.0" --auth "admin:$ADMIN_PASSWORD" --checks "$CHECKS" --phases examples,coverage,fuzzing \
    --max-examples "$examples" --seed 7 --no-shrink --suppress-health-check all --continue-on-failure --request-timeout 90 --warnings off "$@")
}

# made PATH JSON : the number of what was made.
made() {
  local location
  location=$(curl -sS -m 30 -o /dev/null -D - -u "admin:$ADMIN_PASSWORD" -H 'Content-Type: application/json' -d "$2" \
    "$BASE/api/v2.0$1" | tr -d '\r' | sed -n 's/^location: //ip')
  echo "${location##*/}"
}

# ---- what is there to ask about
printf 'one' >"$WORK/layer" && tar -C "$WORK" -cf "$WORK/layer.tar" layer
run crane auth login "$REGISTRY" -u admin -p "$ADMIN_PASSWORD"
expect 'an image is there' crane append --insecure --oci-empty-base -f "$WORK/layer.tar" -t "$REGISTRY/library/web:v1"
ROBOT=$(made /robots '{"name":"one","level":"project","duration":-1,"permissions":[{"kind":"project",
  "namespace":"library","access":[{"resource":"repository","action":"pull"}]}]}')
LABEL=$(made /labels '{"name":"one","scope":"g"}')
USER_ID=$(made /users '{"username":"ann","realname":"Ann","email":"ann@example.com","password":"Harbor12345"}')
GROUP=$(made /usergroups '{"group_name":"one","group_type":3}')
MEMBER=$(made /projects/library/members "{\"role_id\":2,\"member_user\":{\"user_id\":$USER_ID}}")
TOKEN=$(made /users/current/tokens '{"name":"one","scopes":["pull"]}')
expect_match 'what is asked about has numbers' '^([0-9]+ ){5}[0-9]+$' "$ROBOT $LABEL $USER_ID $GROUP $MEMBER $TOKEN"

# ---- out of the air
# Schemathesis asks for /version below /api/v2.0, whatever the document says of its server. An administrator who takes
# that role from themselves, and the setting read_only, would have all that follows refused.
APART=(--exclude-path /version --exclude-operation-id setUserSysAdmin)
: >"$WORK/schemathesis.toml"
fits 'answers to anything are as documented' 6 "${APART[@]}" --exclude-operation-id updateConfigurations
expect_out 'the version is where it belongs' '"version":"v2.0"' curl -sS -m 30 "$BASE/api/version"

# ---- what is there; removing it would end the run for whatever comes after
cat >"$WORK/schemathesis.toml" <<END
[parameters]
"path.project_name" = "library"
"path.project_name_or_id" = "library"
"path.repository_name" = "web"
"path.reference" = "v1"
"path.tag_name" = "v1"
"path.meta_name" = "auto_scan"
"path.robot_id" = $ROBOT
"path.label_id" = $LABEL
"path.user_id" = $USER_ID
"path.group_id" = $GROUP
"path.mid" = $MEMBER
"path.token_id" = $TOKEN
"path.id" = 1
END
fits 'answers about what is there are as documented' 6 "${APART[@]}" --exclude-method DELETE \
  --include-path-regex '\{'

# ---- settings
fits 'answers about settings are as documented' 20 --include-path /configurations

expect_out 'the administrator still is one' '"read_only":' admin GET /configurations
expect 'the server lives' haven_answers
expect_eq 'and went wrong nowhere' 0 "$(cat "$WORK"/haven*.log | grep -cE ' (ERROR|PANIC) |panicked')"
