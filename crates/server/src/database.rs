//! From the configuration to the one place where the rows are.

use std::error::Error as StdError;
use std::time::Duration;

use crate::cli::Failure;
use haven_db::{Db, Engine, Kind, PostgresOptions, SqliteOptions};
use haven_server::config::Database;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Between the first two looks for a server that is away; every further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often it is told that the server is still away.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// How long the end may be held up by a disk.
const LAST_WRITE: Duration = Duration::from_secs(5);

/// The database that the configuration names.
pub(crate) fn options(wanted: &Database) -> haven_db::Options {
    match wanted {
        Database::Sqlite { path } => haven_db::Options::Sqlite(SqliteOptions::new(path)),
        Database::Postgres { url, max_connections, connection_lifetime } => {
            let mut options = PostgresOptions::new(url.expose());
            options.max_connections = *max_connections;
            options.lifetime = *connection_lifetime;
            haven_db::Options::Postgres(options)
        }
    }
}

/// Refuses a file that is not there. Opening it would make one, and hide that another was meant.
pub(crate) fn expect(wanted: &Database) -> Result<(), Failure> {
    match wanted {
        Database::Sqlite { path } if !path.is_file() => {
            Err(format!("there is no database at {}: `haven serve` makes it", path.display()).into())
        }
        _ => Ok(()),
    }
}

/// Ends the connections. With the last one SQLite writes to its file what is in the log beside it, and removes the log: a
/// copy of the file alone is whole then.
pub(crate) async fn close(db: &Db) {
    if tokio::time::timeout(LAST_WRITE, db.close()).await.is_err() {
        tracing::warn!("giving up waiting for the database to be closed");
    }
}

/// Waits for a server that is not there yet, as after a machine has started on which both run. One that refuses us will go
/// on doing so and ends the start. Says whether the server is there; it is not if `stop` came first.
pub(crate) async fn awaited(db: &Db, stop: &CancellationToken) -> Result<bool, Failure> {
    if db.engine() == Engine::Sqlite {
        return Ok(true);
    }
    let mut pause = FIRST_PAUSE;
    let mut told: Option<Instant> = None;
    while let Some(asked) = stop.run_until_cancelled(db.ping()).await {
        match asked {
            Err(error) if error.kind == Kind::Unavailable => {
                if told.is_none_or(|told| told.elapsed() >= LINE_EVERY) {
                    let error = &error as &dyn StdError;
                    tracing::warn!(error, "the database is not there yet, and is waited for");
                    told = Some(Instant::now());
                }
            }
            Err(error) => return Err(error.into()),
            Ok(()) => {
                if told.is_some() {
                    tracing::info!("the database is there");
                }
                return Ok(true);
            }
        }
        stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    Ok(false)
}
