//! SQLite's errors in our words.

use rusqlite::ErrorCode;
use rusqlite::ffi;

use crate::{Error, Kind};

/// The database was closed, or its writer is gone.
pub(super) fn closed() -> Error {
    Error::unavailable("the database is closed")
}

/// Sorts an error of SQLite.
pub(super) fn failure(error: rusqlite::Error) -> Error {
    let kind = kind(&error);
    let constraint = match &error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => constraint(message),
        _ => None,
    };
    let message = match kind {
        Kind::Conflict => "a unique key is taken",
        Kind::ForeignKey => "a referenced row is missing or still in use",
        Kind::Busy => "the database is locked",
        Kind::Unavailable | Kind::Refused => "the database cannot be read or written",
        Kind::Corrupt => "the database is damaged",
        Kind::TooNew | Kind::Internal => "SQLite refused a statement",
    };
    Error::new(kind, message).on(constraint).because(error)
}

fn kind(error: &rusqlite::Error) -> Kind {
    let rusqlite::Error::SqliteFailure(failure, message) = error else { return Kind::Internal };
    match failure.extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            return Kind::Conflict;
        }
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => return Kind::ForeignKey,
        // `ON DELETE RESTRICT` is a trigger inside SQLite.
        ffi::SQLITE_CONSTRAINT_TRIGGER
            if message.as_deref().is_some_and(|text| text.contains("FOREIGN KEY")) =>
        {
            return Kind::ForeignKey;
        }
        _ => {}
    }
    match failure.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OperationInterrupted => Kind::Busy,
        ErrorCode::DiskFull
        | ErrorCode::SystemIoFailure
        | ErrorCode::ReadOnly
        | ErrorCode::CannotOpen
        | ErrorCode::PermissionDenied
        | ErrorCode::OutOfMemory
        | ErrorCode::FileLockingProtocolFailed => Kind::Unavailable,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Kind::Corrupt,
        _ => Kind::Internal,
    }
}

/// `UNIQUE constraint failed: project.name` names the columns, `… failed: index 'project_lower'` an index.
fn constraint(message: &str) -> Option<String> {
    let (_, what) = message.split_once("constraint failed: ")?;
    let index = what.strip_prefix("index '").and_then(|name| name.strip_suffix('\''));
    Some(index.unwrap_or(what).to_owned())
}
