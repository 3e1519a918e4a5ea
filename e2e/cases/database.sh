#!/usr/bin/env bash
# PostgreSQL locked, overrun, gone and back, under a Haven that stays up.
. "$(dirname "$0")/../lib.sh"
. "$E2E/http.sh"

need psql
export HAVEN_E2E_DATABASE=postgres
start_haven
app=library/app
small_image "$app" v1 >/dev/null
sql() { psql -h 127.0.0.1 -p "$PG_PORT" -U haven -d "$CASE" -qAtc "$1"; }
files_of() { find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l; }
connections() { psql_admin "SELECT count(*) FROM pg_stat_activity WHERE datname = '$CASE' AND application_name = 'haven'"; }
log_says() { grep -q -- "$1" "$WORK"/haven*.log; }
location() { local at; at=$(header Location); [[ $at == http* ]] && echo "$at" || echo "$BASE$at"; }

# ---- a crowd of requests, and a pool that stays as small as it is told
crowd() { # COUNT URL : their statuses, each once, with how often
  for _ in $(seq "$1"); do echo "url = $2"; echo "output = /dev/null"; done >"$WORK/crowd"
  curl -sS --no-progress-meter -Z --parallel-max 200 -m 60 "${AS_ADMIN[@]}" -w '%{http_code}\n' -K "$WORK/crowd" 2>/dev/null |
    sort | uniq -c | sed 's/^ *//'
}
most=$((32 * REPLICAS))
crowd 600 "$BASE/v2/$app/tags/list" >"$WORK/statuses" &
crowding=$!
peak=0
while alive "$crowding"; do
  have=$(connections)
  [ "$have" -le "$peak" ] || peak=$have
done
expect_eq 'two hundred at once are all answered' '600 200' "$(cat "$WORK/statuses")"
expect "with no more than $most connections (there were $peak)" test "$peak" -gt 0 -a "$peak" -le "$most"

# ---- a table that somebody has locked
# Until it is ended below, or else much longer than anybody waits for a lock.
sql 'BEGIN; LOCK TABLE upload; SELECT pg_sleep(120); COMMIT' >/dev/null 2>&1 &
locking=$!
locked() { [ "$(psql_admin "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted")" != 0 ]; }
wait_for 60 locked
started=$SECONDS
expect_error 'who needs the locked table is told to come back' 503 '^UNAVAILABLE service unavailable' POST "/v2/$app/blobs/uploads/" "${AS_ADMIN[@]}"
expect_header 'and when' Retry-After 5
expect 'in bounded time' test $((SECONDS - started)) -le 25
expect_http 'others are served' 200 GET "/v2/$app/manifests/v1" "${AS_ADMIN[@]}"
psql_admin "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'" >/dev/null
wait "$locking"
expect_http 'and then it works' 202 POST "/v2/$app/blobs/uploads/" "${AS_ADMIN[@]}"

# ---- an upload that loses its database in the middle
head -c 3000000 /dev/urandom >"$WORK/upload"
head -c 1000000 "$WORK/upload" >"$WORK/first"
tail -c +1000001 "$WORK/upload" >"$WORK/rest"
http PATCH "$(location)" "${AS_ADMIN[@]}" "${OCTETS[@]}" --data-binary @"$WORK/first"
expect_eq 'an upload has begun' '202 0-999999' "$CODE $(header Range)"
kept=$(location)
spawn slow curl -sS --limit-rate 200K -X PATCH "${AS_ADMIN[@]}" "${OCTETS[@]}" -H 'Expect:' --data-binary @"$WORK/rest" "$kept"
slow=$SPAWNED
sleep 0.5
before=$(files_of "${HAVEN_PIDS[0]}")
finish "$PG_PID" QUIT
wait "$slow"
expect_match 'it is told so' 'UNAVAILABLE' "$(cat "$WORK/slow.log")"

# ---- while it is gone
expect_error 'a pull' 503 '^UNAVAILABLE service unavailable' GET "/v2/$app/manifests/v1" "${AS_ADMIN[@]}"
expect_header 'may be tried again' Retry-After 5
id=$(header X-Request-Id)
expect_match 'it has a name' '^[0-9a-f-]{36}$' "$id"
expect 'under which the log says why' log_says "$id.*request failed.*cannot connect to the database"
expect_error 'the REST interface' 503 '^UNAVAILABLE service unavailable' GET /api/v2.0/projects "${AS_ADMIN[@]}"
expect_header 'the same' Retry-After 5
expect_error 'the token service' 503 '^UNAVAILABLE' GET '/service/token?service=harbor-registry' "${AS_ADMIN[@]}"
expect_http 'it is not ready' 503 GET /healthz
expect_http 'but alive' 200 GET /api/v2.0/ping
expect_http 'its health can be asked for' 200 GET /api/v2.0/health
expect_eq 'and is told' 'unhealthy database' "$(jq -r '"\(.status) \([.components[] | select(.status == "unhealthy").name] | join(","))"' "$BODY")"
started=$SECONDS
expect_eq 'a crowd is refused' '300 503' "$(crowd 300 "$BASE/v2/$app/tags/list")"
expect 'at once' test $((SECONDS - started)) -le 20

# ---- when it is back
run_postgres
expect 'PostgreSQL is back' wait_for 120 psql_admin 'SELECT 1'
expect 'Haven finds it by itself' wait_for 60 curl -fsS -m 5 -o /dev/null "$BASE/healthz"
expect_http 'what was there is there' 200 GET "/v2/$app/manifests/v1" "${AS_ADMIN[@]}"
# The request that lost its database could not say how far it came; its hold on the upload ends by itself.
for _ in $(seq 25); do
  http GET "$kept" "${AS_ADMIN[@]}"
  have=$(header Range | sed 's/^0-//')
  tail -c +$((have + 2)) "$WORK/upload" >"$WORK/rest"
  http PATCH "$kept" "${AS_ADMIN[@]}" "${OCTETS[@]}" -H "Content-Range: $((have + 1))-2999999" --data-binary @"$WORK/rest"
  [ "$CODE" = 429 ] || break
  sleep 1
done
expect_eq 'the upload goes on' '202 0-2999999' "$CODE $(header Range)"
expect_http 'and comes to its end' 201 PUT "$kept?digest=$(digest_of "$WORK/upload")" "${AS_ADMIN[@]}"
expect_http 'with every byte' 200 GET "/v2/$app/blobs/$(digest_of "$WORK/upload")" "${AS_ADMIN[@]}"
expect 'as it was sent' cmp "$WORK/upload" "$BODY"
small_image "$app" v2 >/dev/null
expect_http 'pushes work' 200 GET "/v2/$app/manifests/v2" "${AS_ADMIN[@]}"
after=$(files_of "${HAVEN_PIDS[0]}")
expect "nothing leaked ($before open files before, $after after)" test "$after" -le $((before + 40))
for pid in "${HAVEN_PIDS[@]}"; do expect 'it is the same process' alive "$pid"; done
# The server that was started last would wait for whoever is connected.
finish_haven
