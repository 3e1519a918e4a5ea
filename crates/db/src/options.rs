//! Which database, and how to reach it.

use std::path::PathBuf;
use std::time::Duration;

/// The two engines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Where the data are.
#[derive(Debug, Clone)]
pub enum Options {
    Sqlite(SqliteOptions),
    Postgres(PostgresOptions),
}

/// An SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    /// The database file; it and its folder are made if they are missing.
    pub path: PathBuf,
    /// Read connections. Reads run in place, so more than there are processors gains nothing.
    pub readers: usize,
    /// Sync every commit to the disk. Off only in tests: a power cut may then lose the last commits.
    pub durable: bool,
    /// How long to wait for the writer, for a reader, or for another process that writes, before
    /// [`Kind::Busy`](crate::Kind::Busy).
    pub wait: Duration,
    /// After so long without a statement a transaction is taken for forgotten and rolled back.
    pub idle: Duration,
    /// For those who only look: a file that cannot be written is read as it is.
    pub look: bool,
}

impl SqliteOptions {
    /// The defaults, for this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let readers = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 8);
        Self {
            path: path.into(),
            readers,
            durable: true,
            wait: Duration::from_secs(10),
            idle: Duration::from_secs(10),
            look: false,
        }
    }
}

/// A PostgreSQL server, 13 or newer.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://user:password@host/name?sslmode=verify-full` or `host=.. user=.. dbname=..`, as libpq takes it,
    /// with `sslmode`, `sslrootcert`, `sslcert` and `sslkey`.
    pub url: String,
    /// The size of the connection pool.
    pub max_connections: usize,
    /// A connection that is older is replaced by a new one before it is used again; `None` keeps it. So after the address of
    /// a server has come to mean another one, everybody is there after a while.
    pub lifetime: Option<Duration>,
    /// How long to wait for a connection before [`Kind::Unavailable`](crate::Kind::Unavailable).
    pub connect_timeout: Duration,
    /// The server stops a statement that runs longer. Where it does not even do that, because it is stopped itself or
    /// the network swallows its answer, the connection is given up a little later.
    pub statement_timeout: Duration,
    /// The server stops a statement that waits longer for a lock.
    pub lock_timeout: Duration,
    /// The server ends a connection whose transaction has been idle for longer.
    pub idle: Duration,
}

impl PostgresOptions {
    /// The defaults, for this server.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            max_connections: 20,
            lifetime: None,
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(10),
            idle: Duration::from_secs(30),
        }
    }
}

impl std::fmt::Debug for PostgresOptions {
    /// Leaves the URL out: it holds the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}
