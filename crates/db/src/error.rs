//! What can go wrong with the database, sorted by what a caller would do about it.

use std::borrow::Cow;
use std::fmt;

/// What a caller may do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A unique key is taken. [`Error::constraint`] says which.
    Conflict,
    /// A referenced row is missing, or a row is still referenced.
    ForeignKey,
    /// The database is down, full, read-only or out of connections: try later.
    Unavailable,
    /// The server is there and does not let us in, or is not the one that was meant: trying again is of no use until
    /// somebody changes something.
    Refused,
    /// Somebody else holds what we need: a lock, the writer, or the statement took too long.
    Busy,
    /// The stored data are damaged.
    Corrupt,
    /// The schema was written by a newer version of the program.
    TooNew,
    /// A mistake in the program: bad SQL, a wrong type, a transaction used after it failed.
    Internal,
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A database error: the kind decides, the rest explains.
#[derive(Debug)]
pub struct Error {
    /// What a caller may do about it.
    pub kind: Kind,
    /// For a unique key: its columns as `table.a, table.b`, or the name of an index over
    /// expressions; the same text on both engines. For other constraints the name, if known.
    pub constraint: Option<String>,
    message: Cow<'static, str>,
    statement: Option<Box<str>>,
    source: Option<BoxError>,
}

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A statement is shown up to here: enough to recognise it, values are never part of it.
const SHOWN: usize = 160;

impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, constraint: None, message: message.into(), statement: None, source: None }
    }

    pub(crate) fn internal(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Internal, message)
    }

    pub(crate) fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Unavailable, message)
    }

    pub(crate) fn because(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(crate) fn on(mut self, constraint: Option<String>) -> Self {
        self.constraint = constraint;
        self
    }

    /// Remembers the statement that failed.
    pub(crate) fn running(mut self, sql: &str) -> Self {
        let line = sql.split_whitespace().collect::<Vec<_>>().join(" ");
        self.statement = Some(line.chars().take(SHOWN).collect());
        self
    }

    /// True if a unique key over exactly these columns of this table was violated.
    pub fn violates(&self, table: &str, columns: &[&str]) -> bool {
        let key = columns.iter().map(|column| format!("{table}.{column}")).collect::<Vec<_>>().join(", ");
        self.kind == Kind::Conflict && self.constraint.as_deref() == Some(&key)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(constraint) = &self.constraint {
            write!(f, " ({constraint})")?;
        }
        if let Some(statement) = &self.statement {
            write!(f, " in: {statement}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
