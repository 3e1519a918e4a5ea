//! Statements of access tokens.

use super::Token;
use crate::Result;
use crate::access::Reach;
use crate::identity::sql::{ids, person_columns};
use haven_db::{Row, Timestamp};

pub(super) const FIND: &str = concat!(
    "SELECT ",
    person_columns!(),
    ", COALESCE(u.email, ''), t.id, t.salt, t.hash, t.scopes, t.projects, t.expires_at, t.used_at
    FROM access_token t JOIN user_account u ON u.id = t.user_id WHERE t.lookup = $1 AND u.deleted_at IS NULL"
);

/// Of uses that come together one is written down.
pub(super) const USED: &str = "UPDATE access_token SET used_at = $3 WHERE id = $1 AND used_at = $2";

pub(super) const COUNT: &str = "SELECT COUNT(*) FROM access_token WHERE user_id = $1";

pub(super) const INSERT: &str = "INSERT INTO access_token
    (user_id, name, description, lookup, salt, hash, scopes, projects, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (user_id, name) DO NOTHING RETURNING id";

pub(super) const COLUMNS: &str =
    "SELECT t.id, t.name, t.description, t.lookup, t.scopes, t.projects, t.created_at,
    t.expires_at, t.used_at";
pub(super) const FROM: &str = "FROM access_token t";

pub(super) const ONE: &str =
    "SELECT t.id, t.name, t.description, t.lookup, t.scopes, t.projects, t.created_at, t.expires_at, t.used_at
    FROM access_token t WHERE t.id = $1 AND t.user_id = $2";

pub(super) const PROJECT_NAMES: &str =
    "SELECT id, name FROM project WHERE id IN ({list}) AND deleted_at IS NULL";

pub(super) const DELETE: &str = "DELETE FROM access_token WHERE id = $1 AND user_id = $2";

pub(super) const DELETE_ALL: &str = "DELETE FROM access_token WHERE user_id = $1";

pub(super) const DELETE_EXPIRED: &str = "DELETE FROM access_token WHERE id IN (SELECT id FROM access_token
    WHERE expires_at > 0 AND expires_at < $1 ORDER BY expires_at LIMIT 500)";

/// Words with commas between them. One that this version does not know allows nothing.
pub(super) fn reach(text: &str) -> Vec<Reach> {
    text.split(',').filter_map(Reach::parse).collect()
}

/// The projects that a token is for; none: all.
pub(super) fn projects(text: &str) -> Result<Option<Vec<i64>>> {
    if text.is_empty() { Ok(None) } else { ids(text).map(Some) }
}

/// A time that never comes is zero.
pub(super) fn ever(time: Timestamp) -> Option<Timestamp> {
    (!time.is_zero()).then_some(time)
}

/// A token without the names of its projects, and their ids.
pub(super) fn token(row: &Row) -> Result<(Token, Option<Vec<i64>>)> {
    let (scopes, only): (String, String) = (row.get(4)?, row.get(5)?);
    let token = Token {
        id: row.get(0)?,
        name: row.get(1)?,
        description: row.get(2)?,
        lookup: row.get(3)?,
        reach: reach(&scopes),
        projects: None,
        created_at: row.get(6)?,
        expires_at: ever(row.get(7)?),
        used_at: ever(row.get(8)?),
    };
    Ok((token, projects(&only)?))
}
