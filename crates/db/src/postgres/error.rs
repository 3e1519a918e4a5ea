//! PostgreSQL's errors in our words.

use std::error::Error as _;
use std::io::ErrorKind;

use deadpool_postgres::PoolError;
use tokio_postgres::error::{DbError, SqlState};

use crate::{Error, Kind};

/// Sorts an error of a statement.
pub(super) fn failure(error: tokio_postgres::Error) -> Error {
    let (kind, constraint) = match error.as_db_error() {
        Some(refusal) => (kind(refusal.code()), constraint(refusal)),
        None if lost(&error) => (Kind::Unavailable, None),
        None => (Kind::Internal, None),
    };
    let message = match kind {
        Kind::Conflict => "a unique key is taken",
        Kind::ForeignKey => "a referenced row is missing or still in use",
        Kind::Busy => "the database is locked or took too long",
        Kind::Unavailable | Kind::Refused => "the database cannot be reached",
        Kind::Corrupt => "the database is damaged",
        Kind::TooNew | Kind::Internal => "PostgreSQL refused a statement",
    };
    Error::new(kind, message).on(constraint).because(error)
}

/// No connection could be had.
pub(super) fn unreachable(error: PoolError) -> Error {
    let message = match &error {
        PoolError::Timeout(_) => "no connection to the database came free in time",
        PoolError::Closed => "the database is closed",
        _ => "cannot connect to the database",
    };
    let kind = match &error {
        PoolError::Backend(error) if is_refusal(error) => Kind::Refused,
        _ => Kind::Unavailable,
    };
    Error::new(kind, message).because(error)
}

/// Whether the next attempt will end in the same way: a wrong password, an unknown database, a certificate that is not
/// trusted. A server that is not there, or starts, or ends, is another matter.
fn is_refusal(error: &tokio_postgres::Error) -> bool {
    let io = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    match error.as_db_error() {
        Some(refusal) => kind(refusal.code()) == Kind::Internal,
        None => !lost(error) || io.is_some_and(|error| error.kind() == ErrorKind::InvalidData),
    }
}

fn kind(code: &SqlState) -> Kind {
    match code.code() {
        "23505" => Kind::Conflict,
        "23503" | "23001" => Kind::ForeignKey,
        // Serialisation, deadlock, lock not available, statement timeout.
        "40001" | "40P01" | "55P03" | "57014" => Kind::Busy,
        "XX001" | "XX002" => Kind::Corrupt,
        // Read-only server, idle transaction ended by the server.
        "25006" | "25P03" => Kind::Unavailable,
        // Connections, resources, operator intervention, system errors.
        code if ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class)) => Kind::Unavailable,
        _ => Kind::Internal,
    }
}

fn lost(error: &tokio_postgres::Error) -> bool {
    error.is_closed() || error.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
}

/// Names the key as SQLite does: `table.a, table.b` from `Key (a, b)=(..) already exists.`; an index over expressions
/// by its name.
fn constraint(refusal: &DbError) -> Option<String> {
    let name = refusal.constraint().map(str::to_owned);
    if refusal.code() != &SqlState::UNIQUE_VIOLATION {
        return name;
    }
    let key = refusal.detail().and_then(|detail| detail.split_once('(')?.1.split_once(")=("));
    match (refusal.table(), key) {
        (Some(table), Some((columns, _))) if !columns.contains('(') => {
            let columns = columns.split(", ").map(|column| format!("{table}.{}", column.trim_matches('"')));
            Some(columns.collect::<Vec<_>>().join(", "))
        }
        _ => name,
    }
}
