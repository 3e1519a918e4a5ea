//! Which database keeps the rows.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{secret::Secret, settings::Settings};

const HOST: &str = "external_database.harbor.host";
const SSL_MODES: [&str; 5] = ["disable", "prefer", "require", "verify-ca", "verify-full"];

/// Which database keeps the rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// One file, for one process.
    Sqlite {
        /// The file; it is made when it is not there.
        path: PathBuf,
    },
    /// A server, for any number of replicas.
    Postgres {
        /// `postgres://..` or `host=.. port=..`; it may hold a password.
        url: Secret,
        /// The most connections this process keeps open.
        max_connections: usize,
        /// A connection older than this is replaced; `None` keeps it.
        connection_lifetime: Option<Duration>,
    },
}

/// Connections of one process unless it is told otherwise.
const MAX_CONNECTIONS: usize = 32;
const LIFETIME: Duration = Duration::from_secs(5 * 60);

pub(super) fn read(settings: &mut Settings, data_dir: &Path) -> Database {
    let most = settings.number::<i64>("external_database.harbor.max_open_conns", 0, 10_000);
    let most = most.and_then(|most| usize::try_from(most).ok()).filter(|most| *most > 0);
    let own = settings.number("haven.database.max_connections", 1, 10_000);
    let max_connections = own.or(most).unwrap_or(MAX_CONNECTIONS);
    let lifetime = settings.duration("external_database.harbor.conn_max_lifetime").unwrap_or(LIFETIME);
    let server = |url: Secret| Database::Postgres {
        url,
        max_connections,
        connection_lifetime: Some(lifetime).filter(|lifetime| !lifetime.is_zero()),
    };
    let external = external(settings);
    if let Some(url) = settings.secret("haven.database.url") {
        return match parse(url.expose().trim(), data_dir) {
            Ok(Url::File(path)) => Database::Sqlite { path },
            Ok(Url::Server) => server(url),
            Err(message) => {
                settings.complain("haven.database.url", message);
                Database::Sqlite { path: data_dir.join("haven.db") }
            }
        };
    }
    external.map_or_else(|| Database::Sqlite { path: data_dir.join("haven.db") }, server)
}

enum Url {
    File(PathBuf),
    Server,
}

/// The URL is never repeated in a message: it may hold a password.
fn parse(url: &str, data_dir: &Path) -> Result<Url, &'static str> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") || url.starts_with("host=") {
        return Ok(Url::Server);
    }
    let path = url.strip_prefix("sqlite://").or_else(|| url.strip_prefix("sqlite:")).unwrap_or(url);
    if path.is_empty() || path.contains("://") || path.contains('?') {
        return Err("must be `sqlite:<path>` or `postgres://<user>:<password>@<host>/<database>`");
    }
    Ok(Url::File(data_dir.join(path)))
}

/// The connection string of `external_database.harbor`.
fn external(settings: &mut Settings) -> Option<Secret> {
    let keys = ["host", "port", "db_name", "username", "password", "ssl_mode"];
    let present = keys
        .map(|key| format!("external_database.harbor.{key}"))
        .into_iter()
        .find(|key| settings.has(key))?;
    let port: u16 = settings.number("external_database.harbor.port", 1, u16::MAX).unwrap_or(5432);
    let database = settings.text("external_database.harbor.db_name");
    let user = settings.text("external_database.harbor.username");
    let password = settings.secret("external_database.harbor.password");
    let ssl_mode = settings.text("external_database.harbor.ssl_mode").unwrap_or_else(|| "disable".to_owned());
    if !SSL_MODES.contains(&ssl_mode.as_str()) {
        let known = SSL_MODES.join(", ");
        settings.complain("external_database.harbor.ssl_mode", format!("`{ssl_mode}` is not one of {known}"));
    }
    let Some(host) = settings.text(HOST) else {
        settings.complain(&present, format!("`{HOST}` must be given too"));
        return None;
    };
    let mut words = vec![
        format!("host={}", quoted(&host)),
        format!("port={port}"),
        format!("dbname={}", quoted(database.as_deref().unwrap_or("registry"))),
        format!("user={}", quoted(user.as_deref().unwrap_or("postgres"))),
        format!("sslmode={ssl_mode}"),
    ];
    words.extend(password.map(|password| format!("password={}", quoted(password.expose()))));
    Some(Secret::new(words.join(" ")))
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
}
