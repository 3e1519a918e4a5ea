# nginx with a folder of files: what the kernel can do, without a registry.
# shellcheck shell=bash

nginx_install() {
  PATH=$PATH:/usr/sbin
  apt_install nginx nginx-light
}

nginx_version() { nginx -v 2>&1 | sed 's,.*nginx/,nginx ,'; }

nginx_start() {
  local flavour=$1 data port tls='' scheme=http
  data=$(mktemp -d "$WORK/data.nginx.XXXX")
  port=$(free_port)
  if [ "$flavour" = tls ]; then
    scheme=https
    tls=' ssl http2'
  fi
  mkdir -p "$data/root"
  # Started by root its workers would be somebody else, who may not enter the folder.
  cat >"$data/nginx.conf" <<CONF
daemon off;
worker_processes auto;
pid $data/pid;
error_log $data/error.log;
$([ "$(id -u)" != 0 ] || echo 'user root;')
events { worker_connections 1024; }
http {
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 65;
  access_log $data/access.log;
  client_body_temp_path $data/body;
  proxy_temp_path $data/proxy;
  fastcgi_temp_path $data/fastcgi;
  uwsgi_temp_path $data/uwsgi;
  scgi_temp_path $data/scgi;
  server {
    listen 127.0.0.1:$port$tls;
    root $data/root;
    $([ -z "$tls" ] || printf 'ssl_certificate %s; ssl_certificate_key %s; ssl_protocols TLSv1.3;' \
    "$WORK/tls.crt" "$WORK/tls.key")
  }
}
CONF
  spawn nginx nginx -e "$data/error.log" -c "$data/nginx.conf"
  wait_for "$SPAWNED" "$scheme://127.0.0.1:$port/"
  peer name=nginx url="$scheme://127.0.0.1:$port" folder="$data/root" pid:="$SPAWNED"
}
