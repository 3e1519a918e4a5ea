# Raw requests for the cases that look at the wire itself.
# shellcheck shell=bash disable=SC2034 # what is set here is read by the cases

AS_ADMIN=(-u "admin:$ADMIN_PASSWORD")
OCTETS=(-H 'Content-Type: application/octet-stream')

# http METHOD URL-OR-PATH [curl arguments] : sets CODE, BODY (a file) and HEADERS (a file).
http() {
  local method=$1 url=$2
  shift 2
  [[ $url == http* ]] || url=$BASE$url
  BODY=$WORK/http-body HEADERS=$WORK/http-headers
  : >"$BODY"
  : >"$HEADERS"
  local how=(-X "$method")
  [ "$method" != HEAD ] || how=(-I)
  # No Expect: it would put a second of waiting before every upload.
  CODE=$(curl -sS -m 60 --path-as-is "${how[@]}" -H 'Expect:' -o "$BODY" -D "$HEADERS" -w '%{http_code}' "$@" "$url" 2>"$WORK/http-error")
  echo "+ $method $url -> $CODE"
}

# header NAME : its value in the last answer.
header() { tr -d '\r' <"$HEADERS" | sed -n "s/^$1: *//Ip" | tail -n 1; }

# error : code and message of the last answer's first error.
error() { jq -r '.errors[0] | "\(.code) \(.message)"' "$BODY" 2>/dev/null; }

answer() {
  tr -d '\r' <"$HEADERS" | sed 's/^/  | /'
  head -c 2000 "$BODY" | tr -d '\0' | sed 's/^/  | /'
  echo
}

# expect_http NAME CODES METHOD PATH [curl arguments] : the status is one of CODES (`200` or `400|404`).
expect_http() {
  local name=$1 codes=$2
  shift 2
  http "$@"
  if [[ $CODE =~ ^($codes)$ ]]; then
    pass "$name"
  else
    fail "$name (want $codes, got $CODE: $(head -c 300 "$BODY" | tr -d '\0'))"
    answer
  fi
}

# expect_error NAME CODE PATTERN METHOD PATH [curl arguments] : and the error has code and message like PATTERN.
expect_error() {
  local name=$1 code=$2 pattern=$3
  shift 3
  http "$@"
  if [[ $CODE =~ ^($code)$ ]] && grep -Eq -- "$pattern" <<<"$(error)"; then
    pass "$name"
  else
    fail "$name (want $code /$pattern/, got $CODE: $(head -c 300 "$BODY" | tr -d '\0'))"
    answer
  fi
}

# expect_header NAME HEADER VALUE
expect_header() { expect_eq "$1" "$3" "$(header "$2")"; }

# token [-u USER:PASSWORD] [SCOPE…] : says a token.
token() {
  local arguments=() scope
  if [ "${1:-}" = -u ]; then
    arguments=(-u "$2")
    shift 2
  fi
  for scope in "$@"; do arguments+=(--data-urlencode "scope=$scope"); done
  curl -sS -m 30 -G "${arguments[@]}" --data-urlencode service=harbor-registry "$BASE/service/token" | jq -r .token
}

# claims TOKEN [PART] : the JSON of part 2 (or PART).
claims() {
  local part
  part=$(cut -d. -f"${2:-2}" <<<"$1" | tr '_-' '/+')
  while [ $((${#part} % 4)) != 0 ]; do part+='='; done
  base64 -d <<<"$part"
}

digest_of() { echo "sha256:$(sha256sum "$1" | cut -d' ' -f1)"; }

# put_blob REPOSITORY FILE [curl arguments] : in one POST and one PUT; says its digest.
put_blob() {
  local repository=$1 file=$2 location
  shift 2
  [ "$#" -gt 0 ] || set -- "${AS_ADMIN[@]}"
  location=$(curl -sS -m 30 -D - -o /dev/null -X POST "$@" "$BASE/v2/$repository/blobs/uploads/" |
    tr -d '\r' | sed -n 's/^location: *//Ip')
  [[ $location == http* ]] || location=$BASE$location
  [[ $location == *\?* ]] && location+='&' || location+='?'
  curl -sS -m 60 -o /dev/null -X PUT "$@" "${OCTETS[@]}" --data-binary @"$file" "${location}digest=$(digest_of "$file")"
  digest_of "$file"
}

# manifest_of CONFIG-FILE [LAYER-FILE…] : an OCI manifest.
manifest_of() {
  local config=$1 file layers=()
  shift
  for file in "$@"; do
    layers+=("$(jq -cn --arg d "$(digest_of "$file")" --argjson s "$(stat -c %s "$file")" \
      '{mediaType: "application/vnd.oci.image.layer.v1.tar", digest: $d, size: $s}')")
  done
  printf '%s\n' "${layers[@]}" | jq -cs --arg d "$(digest_of "$config")" --argjson s "$(stat -c %s "$config")" '{
    schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: {mediaType: "application/vnd.oci.image.config.v1+json", digest: $d, size: $s}, layers: .}'
}

# put_manifest REPOSITORY REFERENCE FILE [curl arguments]
put_manifest() {
  local repository=$1 reference=$2 file=$3
  shift 3
  [ "$#" -gt 0 ] || set -- "${AS_ADMIN[@]}"
  http PUT "/v2/$repository/manifests/$reference" "$@" --data-binary @"$file" \
    -H "Content-Type: $(jq -r .mediaType "$file")"
}

# small_image REPOSITORY TAG [TEXT] : pushes an image of its own and says its digest.
small_image() {
  echo '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}' >"$WORK/small-config"
  echo "${3:-$2}" >"$WORK/small-layer"
  manifest_of "$WORK/small-config" "$WORK/small-layer" >"$WORK/small-manifest"
  put_blob "$1" "$WORK/small-config" >/dev/null
  put_blob "$1" "$WORK/small-layer" >/dev/null
  put_manifest "$1" "$2" "$WORK/small-manifest" >/dev/null
  digest_of "$WORK/small-manifest"
}
