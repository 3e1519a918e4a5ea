#!/usr/bin/env bash
# helm: charts as OCI artifacts.
. "$(dirname "$0")/../lib.sh"

need helm
start_haven
make_project helm-team
export HELM_CONFIG_HOME=$WORK/helm/config HELM_CACHE_HOME=$WORK/helm/cache HELM_DATA_HOME=$WORK/helm/data
cd "$WORK" || exit 1
repo=oci://$REGISTRY/helm-team/charts

mkdir -p greeting/templates
cat >greeting/Chart.yaml <<'YAML'
apiVersion: v2
name: greeting
description: Says hello
version: 1.2.3+build.4
appVersion: "5.6"
YAML
echo 'text: hello from helm' >greeting/values.yaml
echo '# Greeting' >greeting/README.md
cat >greeting/templates/configmap.yaml <<'YAML'
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
data:
  text: {{ .Values.text | quote }}
YAML

expect 'a chart is packed' helm package greeting
expect_fail 'a wrong password is refused' 'unauthorized|401' \
  helm registry login --plain-http -u admin -p not-the-password "$REGISTRY"
expect_fail 'nobody pushes without logging in' 'unauthorized|401|credential' \
  helm push --plain-http greeting-1.2.3+build.4.tgz "$repo"
expect_out 'the administrator logs in' 'Login Succeeded' \
  helm registry login --plain-http -u admin -p "$ADMIN_PASSWORD" "$REGISTRY"
expect_out 'the chart is pushed' 'Digest: sha256:' helm push --plain-http greeting-1.2.3+build.4.tgz "$repo"
digest=$(grep -o 'sha256:[0-9a-f]*' <<<"$OUT" | head -n 1)
sed -i 's/^version:.*/version: 1.3.0/' greeting/Chart.yaml
helm package greeting >/dev/null
expect 'a newer version is pushed' helm push --plain-http greeting-1.3.0.tgz "$repo"
expect 'the same version once more' helm push --plain-http greeting-1.3.0.tgz "$repo"

mkdir pulled
expect 'the newest is pulled' helm pull --plain-http "$repo/greeting" -d pulled
expect 'it is the newest' test -f pulled/greeting-1.3.0.tgz
# A tag cannot hold a plus: helm writes and reads an underscore.
expect 'a version with build metadata is pulled' helm pull --plain-http "$repo/greeting" --version 1.2.3+build.4 -d pulled
expect 'byte for byte' cmp greeting-1.2.3+build.4.tgz pulled/greeting-1.2.3+build.4.tgz
expect 'a range of versions is pulled' helm pull --plain-http "$repo/greeting" --version '~1.2.0-0' -d pulled --untar
expect 'by digest' helm pull --plain-http "$repo/greeting@$digest" -d pulled
expect_out 'the chart is shown' 'Says hello' helm show chart --plain-http "$repo/greeting"
expect_out 'its values are shown' 'hello from helm' helm show values --plain-http "$repo/greeting" --version 1.3.0
expect_out 'its page is shown' 'Greeting' helm show readme --plain-http "$repo/greeting"
expect_out 'it renders' 'text: "hello from helm"' helm template --plain-http mine "$repo/greeting" --version 1.3.0
# `install --dry-run=client` asks a cluster for its version all the same; `template` is the install without one.
expect_out 'it renders with other values' 'text: "changed"' \
  helm template --plain-http mine "$repo/greeting" --set text=changed
expect_out 'the registry knows its kind' '"type":"CHART"' \
  admin GET '/projects/helm-team/repositories/charts%252Fgreeting/artifacts'

expect_fail 'a version that is not there' 'not found|could not locate' helm pull --plain-http "$repo/greeting" --version 9.9.9
expect_fail 'a project that is not there' 'not found|unauthorized|401|404' \
  helm push --plain-http greeting-1.3.0.tgz "oci://$REGISTRY/helm-none/charts"
expect_out 'log out' 'Removing login credentials' helm registry logout "$REGISTRY"
expect_fail 'after that nothing is pulled' 'unauthorized|401|credential' helm pull --plain-http "$repo/greeting" -d pulled
