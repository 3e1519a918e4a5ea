//! One statement on one SQLite connection.

use std::borrow::Cow;

use bytes::Bytes;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement, ToSql};

use super::error::failure;
use crate::row::{Cell, Row};
use crate::{Answer, Error, Result, Value};

/// Runs a statement to its end.
pub(super) fn run(conn: &Connection, sql: &str, params: &[Value]) -> Result<Answer> {
    let run = || {
        let mut statement = conn.prepare_cached(&unlocked(sql)).map_err(failure)?;
        let rows = rows(&mut statement, params)?;
        let changed = if statement.readonly() { 0 } else { conn.changes() };
        Ok(Answer { rows, changed })
    };
    run().map_err(|error: Error| error.running(sql))
}

/// Runs a statement unless it would write.
pub(super) fn read(conn: &Connection, sql: &str, params: &[Value]) -> Result<Option<Vec<Row>>> {
    let read = || {
        let mut statement = conn.prepare_cached(&unlocked(sql)).map_err(failure)?;
        if !statement.readonly() {
            return Ok(None);
        }
        rows(&mut statement, params).map(Some)
    };
    read().map_err(|error: Error| error.running(sql))
}

fn rows(statement: &mut Statement<'_>, params: &[Value]) -> Result<Vec<Row>> {
    bind(statement, params)?;
    let columns = statement.column_count();
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(failure)? {
        let cells = (0..columns).map(|index| row.get_ref(index).map_err(failure).and_then(cell));
        found.push(Row::new(cells.collect::<Result<_>>()?));
    }
    Ok(found)
}

/// Binds by the number in `$n`: SQLite counts parameters in the order in which they first appear.
fn bind(statement: &mut Statement<'_>, params: &[Value]) -> Result<()> {
    let mut highest = 0;
    for index in 1..=statement.parameter_count() {
        let number = statement.parameter_name(index).and_then(|name| name[1..].parse::<usize>().ok());
        let number = number.ok_or_else(|| Error::internal("parameters must be $1..$n"))?;
        let value = number.checked_sub(1).and_then(|number| params.get(number));
        let value = value.ok_or_else(|| miscounted(number, params.len()))?;
        statement.raw_bind_parameter(index, Bound(value)).map_err(failure)?;
        highest = highest.max(number);
    }
    if highest == params.len() { Ok(()) } else { Err(miscounted(highest, params.len())) }
}

fn miscounted(wanted: usize, given: usize) -> Error {
    Error::internal(format!("the statement has parameters up to ${wanted}, but {given} were given"))
}

struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self.0 {
            Value::Int(Some(value)) => ValueRef::Integer(*value),
            Value::Float(Some(value)) => ValueRef::Real(*value),
            Value::Bool(Some(value)) => ValueRef::Integer((*value).into()),
            Value::Text(Some(value)) => ValueRef::Text(value.as_bytes()),
            Value::Bytes(Some(value)) => ValueRef::Blob(value),
            Value::Int(None)
            | Value::Float(None)
            | Value::Bool(None)
            | Value::Text(None)
            | Value::Bytes(None) => ValueRef::Null,
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

fn cell(value: ValueRef<'_>) -> Result<Cell> {
    Ok(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) => Cell::Int(value),
        ValueRef::Real(value) => Cell::Float(value),
        ValueRef::Text(value) => Cell::Text(
            std::str::from_utf8(value)
                .map_err(|error| Error::internal("a text is not UTF-8").because(error))?
                .to_owned(),
        ),
        ValueRef::Blob(value) => Cell::Bytes(Bytes::copy_from_slice(value)),
    })
}

/// The locking clauses that SQLite does not know and does not need; longer ones first.
const LOCKS: [&str; 6] = [
    " FOR UPDATE SKIP LOCKED",
    " FOR UPDATE NOWAIT",
    " FOR NO KEY UPDATE",
    " FOR UPDATE",
    " FOR KEY SHARE",
    " FOR SHARE",
];

/// The statement without its locking clauses.
fn unlocked(sql: &str) -> Cow<'_, str> {
    if !sql.contains("FOR ") {
        return Cow::Borrowed(sql);
    }
    let mut sql = Cow::Borrowed(sql);
    for lock in LOCKS {
        if sql.contains(lock) {
            sql = Cow::Owned(sql.replace(lock, ""));
        }
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::unlocked;

    #[test]
    fn locking_clauses_are_dropped_and_nothing_else() {
        assert_eq!(unlocked("SELECT a FROM t WHERE id = $1 FOR UPDATE"), "SELECT a FROM t WHERE id = $1");
        assert_eq!(
            unlocked(
                "UPDATE t SET a = 1 WHERE id IN (SELECT id FROM t LIMIT 5 FOR UPDATE SKIP LOCKED) RETURNING id"
            ),
            "UPDATE t SET a = 1 WHERE id IN (SELECT id FROM t LIMIT 5) RETURNING id"
        );
        assert_eq!(unlocked("SELECT 'FOR THE'"), "SELECT 'FOR THE'");
    }
}
