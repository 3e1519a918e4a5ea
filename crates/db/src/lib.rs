//! One SQL on two engines: SQLite inside the process, or PostgreSQL beside it.
//!
//! Owns connections, transactions, parameters, rows, migrations, the list grammar (`q`, `sort`, `page`) and the
//! clock. A statement is one text with `$1..$n` that both engines run. Four rules keep it so:
//!
//! - A transaction is over at its first failed statement, on both engines: never try and recover inside one.
//! - SQLite has one writer: keep a [`Tx`] short, and never wait inside it for bytes, for HTTP or for another write
//!   through [`Db`] (that one would wait for you).
//! - `FOR UPDATE` and its relatives are dropped for SQLite, where a [`Tx`] holds the only write lock anyway.
//! - Constraints are immediate: a deferred one would fail at `COMMIT`, where several transactions may share their fate.

mod db;
mod error;
pub mod list;
mod migrate;
mod options;
mod postgres;
mod read;
mod row;
mod sqlite;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod time;
mod tx;
mod value;

pub use crate::db::Db;
pub use crate::error::{Error, Kind, Result};
pub use crate::options::{Engine, Options, PostgresOptions, SqliteOptions};
pub use crate::read::Read;
pub use crate::row::{CellRef, FromCell, Row};
pub use crate::time::{Clock, Timestamp};
pub use crate::tx::Tx;
pub use crate::value::{Typed, Value};

/// What a statement gave back: its rows, and how many rows it changed.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) rows: Vec<Row>,
    pub(crate) changed: u64,
}

/// The only row of an answer that must have exactly one.
pub(crate) fn exactly_one(mut rows: Vec<Row>, sql: &str) -> Result<Row> {
    match (rows.pop(), rows.len()) {
        (Some(row), 0) => Ok(row),
        (row, more) => {
            let found = more + usize::from(row.is_some());
            Err(Error::internal(format!("{found} rows where one was expected")).running(sql))
        }
    }
}
