//! Every key that a configuration may hold: `harbor.yml`'s own and those under `haven:`.
//!
//! `docs/configuration.md` explains each; a test keeps page and table the same.

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// Text that is never repeated in a message.
    Secret,
    Bool,
    Int,
    /// `90s`, `1h30m`, `0`.
    Duration,
    List,
    /// A whole section that is not looked into.
    Any,
}

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Used,
    /// Accepted without a word, because Haven behaves that way in any case.
    Quiet,
    /// Accepted, with a notice that begins with the first word and gives the second as reason.
    Ignored(&'static str, &'static str),
    /// Refused for now.
    Unsupported(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) path: &'static str,
    pub(super) kind: Kind,
    pub(super) role: Role,
}

impl Key {
    /// The names of the environment variables that set this key. A key under `haven:` may leave that level out.
    pub(super) fn variables(&self) -> impl Iterator<Item = String> {
        let full = variable(self.path);
        let short = self.path.strip_prefix("haven.").map(variable);
        short.into_iter().chain([full])
    }
}

/// `http.port` is set by `HAVEN_HTTP__PORT`.
pub(super) fn variable(path: &str) -> String {
    format!("HAVEN_{}", path.replace('.', "__").to_uppercase())
}

pub(super) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// Whether some key lies below `path`.
pub(super) fn is_section(path: &str) -> bool {
    KEYS.iter().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// The names that may stand directly in the section `path` (empty for the top level).
pub(super) fn children(path: &str) -> impl Iterator<Item = &'static str> {
    let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
    KEYS.iter().filter_map(move |key| key.path.strip_prefix(&prefix)?.split('.').next())
}

const fn used(path: &'static str, kind: Kind) -> Key {
    Key { path, kind, role: Role::Used }
}

const fn quiet(path: &'static str, kind: Kind) -> Key {
    Key { path, kind, role: Role::Quiet }
}

const fn ignored(path: &'static str, what: &'static str, why: &'static str) -> Key {
    Key { path, kind: Kind::Any, role: Role::Ignored(what, why) }
}

const fn unsupported(path: &'static str, why: &'static str) -> Key {
    Key { path, kind: Kind::Any, role: Role::Unsupported(why) }
}

const NO_SUCH_STORAGE: &str =
    "is not supported; blobs are kept on a filesystem, in S3, Google Cloud Storage or Azure";
const CLIENT_LOG: &str = "the storage's client logs with everything else, by `log.level`";
const BUCKET_DECIDES: &str = "the bucket's own default counts";
const ONE_PROCESS: &str = "there are no separate components to secure; Haven is one process";
const OWN_DATABASE: &str = "Haven brings no PostgreSQL of its own; it uses SQLite unless `external_database` or \
    `haven.database.url` names a server";
const DATABASE_POOL: &str = "the pool closes idle connections by itself";
const NO_REDIS: &str = "Haven needs no Redis";
const OWN_CACHE: &str = "Haven caches in its own memory";
const LOG_STREAM: &str = "logs go to standard error; let the service manager keep, rotate or forward them";
const JOB_LOGS: &str = "job logs are kept in the database";
const ADAPTER: &str = "Haven brings no scanner";
const NO_TRACE: &str = "traces are not exported by this version";
const NO_UAA: &str = "the UAA login is not offered";
const QUOTA: &str = "quota use is kept in the database";
const NO_COMPONENTS: &str = "the proxy serves every outgoing connection";
const NO_WEBHOOKS: &str = "no webhooks are sent by this version";

/// The whole table, in the order of `harbor.yml`'s template, then Haven's own.
pub(super) const KEYS: &[Key] = &[
    used("hostname", Kind::Text),
    used("http.port", Kind::Int),
    used("https.port", Kind::Int),
    used("https.certificate", Kind::Text),
    used("https.private_key", Kind::Text),
    quiet("https.strong_ssl_ciphers", Kind::Bool),
    used("ip_family.ipv4.enabled", Kind::Bool),
    used("ip_family.ipv6.enabled", Kind::Bool),
    ignored("internal_tls.enabled", "internal_tls", ONE_PROCESS),
    ignored("internal_tls.dir", "internal_tls", ONE_PROCESS),
    ignored("internal_tls.strong_ssl_ciphers", "internal_tls", ONE_PROCESS),
    used("external_url", Kind::Text),
    used("harbor_admin_password", Kind::Secret),
    ignored("database.password", "database", OWN_DATABASE),
    ignored("database.max_idle_conns", "database", OWN_DATABASE),
    ignored("database.max_open_conns", "database", OWN_DATABASE),
    ignored("database.conn_max_lifetime", "database", OWN_DATABASE),
    ignored("database.conn_max_idle_time", "database", OWN_DATABASE),
    used("data_volume", Kind::Text),
    used("storage_service.ca_bundle", Kind::Text),
    used("storage_service.filesystem.rootdirectory", Kind::Text),
    quiet("storage_service.filesystem.maxthreads", Kind::Int),
    used("storage_service.azure.accountname", Kind::Text),
    used("storage_service.azure.accountkey", Kind::Secret),
    used("storage_service.azure.container", Kind::Text),
    used("storage_service.azure.realm", Kind::Text),
    used("storage_service.azure.serviceurl", Kind::Text),
    used("storage_service.azure.skipverify", Kind::Bool),
    used("storage_service.azure.rootdirectory", Kind::Text),
    used("storage_service.azure.credentials.type", Kind::Text),
    used("storage_service.azure.credentials.clientid", Kind::Text),
    used("storage_service.azure.credentials.tenantid", Kind::Text),
    used("storage_service.azure.credentials.secret", Kind::Secret),
    quiet("storage_service.azure.max_retries", Kind::Int),
    quiet("storage_service.azure.retry_delay", Kind::Text),
    used("storage_service.gcs.bucket", Kind::Text),
    used("storage_service.gcs.endpoint", Kind::Text),
    used("storage_service.gcs.keyfile", Kind::Text),
    used("storage_service.gcs.rootdirectory", Kind::Text),
    used("storage_service.gcs.chunksize", Kind::Int),
    quiet("storage_service.gcs.maxconcurrency", Kind::Int),
    quiet("storage_service.gcs.useragent", Kind::Text),
    used("storage_service.s3.accesskey", Kind::Secret),
    used("storage_service.s3.secretkey", Kind::Secret),
    used("storage_service.s3.region", Kind::Text),
    used("storage_service.s3.regionendpoint", Kind::Text),
    used("storage_service.s3.forcepathstyle", Kind::Bool),
    used("storage_service.s3.bucket", Kind::Text),
    used("storage_service.s3.encrypt", Kind::Bool),
    used("storage_service.s3.keyid", Kind::Text),
    used("storage_service.s3.secure", Kind::Bool),
    used("storage_service.s3.skipverify", Kind::Bool),
    used("storage_service.s3.v4auth", Kind::Bool),
    used("storage_service.s3.chunksize", Kind::Int),
    used("storage_service.s3.multipartcopychunksize", Kind::Int),
    used("storage_service.s3.multipartcopymaxconcurrency", Kind::Int),
    used("storage_service.s3.multipartcopythresholdsize", Kind::Int),
    used("storage_service.s3.rootdirectory", Kind::Text),
    used("storage_service.s3.usedualstack", Kind::Bool),
    used("storage_service.s3.accelerate", Kind::Bool),
    ignored("storage_service.s3.storageclass", "storage_service.s3.storageclass", BUCKET_DECIDES),
    ignored("storage_service.s3.objectacl", "storage_service.s3.objectacl", BUCKET_DECIDES),
    quiet("storage_service.s3.useragent", Kind::Text),
    ignored("storage_service.s3.logs3apirequests", "storage_service.s3.logs3apirequests", CLIENT_LOG),
    ignored(
        "storage_service.s3.logs3apiresponseheaders",
        "storage_service.s3.logs3apiresponseheaders",
        CLIENT_LOG,
    ),
    ignored("storage_service.s3.loglevel", "storage_service.s3.loglevel", CLIENT_LOG),
    unsupported("storage_service.swift", NO_SUCH_STORAGE),
    unsupported("storage_service.oss", NO_SUCH_STORAGE),
    used("storage_service.redirect.disable", Kind::Bool),
    ignored("trivy.ignore_unfixed", "trivy", ADAPTER),
    ignored("trivy.skip_update", "trivy", ADAPTER),
    ignored("trivy.skip_java_db_update", "trivy", ADAPTER),
    ignored("trivy.offline_scan", "trivy", ADAPTER),
    ignored("trivy.insecure", "trivy", ADAPTER),
    ignored("trivy.db_repository", "trivy", ADAPTER),
    ignored("trivy.java_db_repository", "trivy", ADAPTER),
    ignored("trivy.security_check", "trivy", ADAPTER),
    ignored("trivy.timeout", "trivy", ADAPTER),
    ignored("trivy.github_token", "trivy", ADAPTER),
    used("jobservice.max_job_workers", Kind::Int),
    used("jobservice.max_job_duration_hours", Kind::Int),
    ignored("jobservice.job_loggers", "jobservice.job_loggers", JOB_LOGS),
    used("jobservice.logger_sweeper_duration", Kind::Int),
    used("notification.webhook_job_max_retry", Kind::Int),
    used("notification.webhook_job_http_client_timeout", Kind::Int),
    used("log.level", Kind::Text),
    ignored("log.local.rotate_count", "log.local", LOG_STREAM),
    ignored("log.local.rotate_size", "log.local", LOG_STREAM),
    ignored("log.local.location", "log.local", LOG_STREAM),
    ignored("log.external_endpoint.protocol", "log.external_endpoint", LOG_STREAM),
    ignored("log.external_endpoint.host", "log.external_endpoint", LOG_STREAM),
    ignored("log.external_endpoint.port", "log.external_endpoint", LOG_STREAM),
    quiet("_version", Kind::Text),
    used("external_database.harbor.host", Kind::Text),
    used("external_database.harbor.port", Kind::Int),
    used("external_database.harbor.db_name", Kind::Text),
    used("external_database.harbor.username", Kind::Text),
    used("external_database.harbor.password", Kind::Secret),
    used("external_database.harbor.ssl_mode", Kind::Text),
    ignored(
        "external_database.harbor.max_idle_conns",
        "external_database.harbor.max_idle_conns",
        DATABASE_POOL,
    ),
    used("external_database.harbor.max_open_conns", Kind::Int),
    used("external_database.harbor.conn_max_lifetime", Kind::Duration),
    ignored(
        "external_database.harbor.conn_max_idle_time",
        "external_database.harbor.conn_max_idle_time",
        DATABASE_POOL,
    ),
    ignored("redis.registry_db_index", "redis", NO_REDIS),
    ignored("redis.jobservice_db_index", "redis", NO_REDIS),
    ignored("redis.trivy_db_index", "redis", NO_REDIS),
    ignored("redis.harbor_db_index", "redis", NO_REDIS),
    ignored("redis.cache_layer_db_index", "redis", NO_REDIS),
    ignored("external_redis.host", "external_redis", NO_REDIS),
    ignored("external_redis.username", "external_redis", NO_REDIS),
    ignored("external_redis.password", "external_redis", NO_REDIS),
    ignored("external_redis.sentinel_master_set", "external_redis", NO_REDIS),
    ignored("external_redis.tlsOptions.enable", "external_redis", NO_REDIS),
    ignored("external_redis.tlsOptions.rootCA", "external_redis", NO_REDIS),
    ignored("external_redis.registry_db_index", "external_redis", NO_REDIS),
    ignored("external_redis.jobservice_db_index", "external_redis", NO_REDIS),
    ignored("external_redis.trivy_db_index", "external_redis", NO_REDIS),
    ignored("external_redis.harbor_db_index", "external_redis", NO_REDIS),
    ignored("external_redis.cache_layer_db_index", "external_redis", NO_REDIS),
    ignored("external_redis.idle_timeout_seconds", "external_redis", NO_REDIS),
    ignored("uaa.ca_file", "uaa", NO_UAA),
    used("proxy.http_proxy", Kind::Secret),
    used("proxy.https_proxy", Kind::Secret),
    used("proxy.no_proxy", Kind::List),
    ignored("proxy.components", "proxy.components", NO_COMPONENTS),
    ignored("network.allow_private_network_access", "network", NO_WEBHOOKS),
    used("metric.enabled", Kind::Bool),
    used("metric.port", Kind::Int),
    used("metric.path", Kind::Text),
    ignored("trace.enabled", "trace", NO_TRACE),
    ignored("trace.sample_rate", "trace", NO_TRACE),
    ignored("trace.namespace", "trace", NO_TRACE),
    ignored("trace.attributes", "trace", NO_TRACE),
    ignored("trace.jaeger.endpoint", "trace", NO_TRACE),
    ignored("trace.jaeger.username", "trace", NO_TRACE),
    ignored("trace.jaeger.password", "trace", NO_TRACE),
    ignored("trace.jaeger.agent_host", "trace", NO_TRACE),
    ignored("trace.jaeger.agent_port", "trace", NO_TRACE),
    ignored("trace.otel.endpoint", "trace", NO_TRACE),
    ignored("trace.otel.url_path", "trace", NO_TRACE),
    ignored("trace.otel.compression", "trace", NO_TRACE),
    ignored("trace.otel.insecure", "trace", NO_TRACE),
    ignored("trace.otel.timeout", "trace", NO_TRACE),
    used("upload_purging.enabled", Kind::Bool),
    used("upload_purging.age", Kind::Duration),
    used("upload_purging.interval", Kind::Duration),
    used("upload_purging.dryrun", Kind::Bool),
    ignored("cache.enabled", "cache", OWN_CACHE),
    ignored("cache.expire_hours", "cache", OWN_CACHE),
    ignored("core.quota_update_provider", "core.quota_update_provider", QUOTA),
    used("haven.listen", Kind::List),
    used("haven.data_dir", Kind::Text),
    used("haven.database.url", Kind::Secret),
    used("haven.database.max_connections", Kind::Int),
    used("haven.trusted_proxies", Kind::List),
    used("haven.ca_certificate", Kind::Text),
    used("haven.redirect_networks", Kind::List),
    used("haven.log.format", Kind::Text),
    used("haven.limits.max_connections", Kind::Int),
    used("haven.limits.handshake_timeout", Kind::Duration),
    used("haven.limits.header_timeout", Kind::Duration),
    used("haven.limits.idle_timeout", Kind::Duration),
    used("haven.limits.stall_timeout", Kind::Duration),
    used("haven.limits.shutdown_grace", Kind::Duration),
    used("haven.limits.api_timeout", Kind::Duration),
    used("haven.limits.large_uploads", Kind::Int),
    used("haven.defaults.token_expiration", Kind::Duration),
];
