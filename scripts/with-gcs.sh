#!/usr/bin/env bash
# Runs a command with a throw-away bucket that is spoken to in Google's words:  scripts/with-gcs.sh COMMAND [ARGUMENT…]
#
# No emulator of Google Cloud Storage has the XML interface as far as Haven needs it. It is nearly S3's; so the server is
# that of with-s3.sh, and the tests themselves stand before it and translate. The command finds it as HAVEN_TEST_GCS.
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: $0 COMMAND [ARGUMENT…]" >&2 && exit 2; }

# shellcheck disable=SC2016 # for the shell within
exec "$(dirname "$0")/with-s3.sh" bash -c 'HAVEN_TEST_GCS=$HAVEN_TEST_S3 exec env -u HAVEN_TEST_S3 "$@"' with-gcs "$@"
