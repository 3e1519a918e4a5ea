//! Statements and rows of accounts.

use super::User;
use crate::access::Person;
use crate::{Error, Result};
use haven_db::{Row, Timestamp};

/// What makes a [`Person`] of a row of `user_account u`; read by [`person`].
macro_rules! person_columns {
    () => {
        "u.id, u.username, u.sysadmin, COALESCE((SELECT string_agg(CAST(g.group_id AS TEXT), ',')
        FROM user_group_member g WHERE g.user_id = u.id), '')"
    };
}
pub(crate) use person_columns;

/// What makes a [`User`]; read by [`user`].
pub(super) const USER_COLUMNS: &str = "SELECT u.id, u.username, COALESCE(u.email, ''), u.realname, u.comment,
    u.sysadmin, u.created_at, u.updated_at";
pub(super) const USER_FROM: &str = "FROM user_account u";
/// The administrator that the schema brings is in no list.
pub(super) const LISTED: &str = "u.deleted_at IS NULL AND u.id > 1";
pub(super) const SHORTEST_FIRST: &str = "LENGTH(u.username) ASC, u.username ASC";

pub(super) const BY_ID: &str =
    "SELECT u.id, u.username, COALESCE(u.email, ''), u.realname, u.comment, u.sysadmin, u.created_at, u.updated_at
    FROM user_account u WHERE u.id = $1 AND u.deleted_at IS NULL";

pub(super) const BY_NAME: &str =
    "SELECT u.id, u.username, COALESCE(u.email, ''), u.realname, u.comment, u.sysadmin, u.created_at, u.updated_at
    FROM user_account u WHERE u.username = $1 AND u.deleted_at IS NULL";

/// By name or by e-mail; a name counts before somebody else's e-mail of the same text.
pub(super) const FOR_LOGIN: &str = concat!(
    "SELECT ",
    person_columns!(),
    ", u.password_hash, u.version,
    (SELECT f.failures FROM login_failure f WHERE f.key = $2),
    (SELECT f.wait_until FROM login_failure f WHERE f.key = $2)
    FROM user_account u
    WHERE (u.username = $1 OR u.email = $1) AND u.deleted_at IS NULL
    ORDER BY CASE WHEN u.username = $1 THEN 0 ELSE 1 END LIMIT 1"
);

pub(super) const FOR_PASSWORD: &str =
    "SELECT username, password_hash, version FROM user_account WHERE id = $1 AND deleted_at IS NULL";

pub(super) const FIRST_ADMIN: &str = "SELECT id, username FROM user_account
    WHERE sysadmin AND deleted_at IS NULL ORDER BY id LIMIT 1";

pub(super) const WITHOUT_PASSWORD: &str = "SELECT id FROM user_account WHERE id = 1 AND password_hash = ''";

pub(super) const FIRST_PASSWORD: &str = "UPDATE user_account SET password_hash = $1, version = version + 1,
    created_at = CASE WHEN created_at = 0 THEN $2 ELSE created_at END, updated_at = $2
    WHERE id = 1 AND password_hash = ''";

pub(super) const RESET_PASSWORD: &str =
    "UPDATE user_account SET password_hash = $2, version = version + 1, updated_at = $3
    WHERE id = $1 AND deleted_at IS NULL";

/// Unless somebody else changed the account meanwhile.
pub(super) const CHANGE_PASSWORD: &str =
    "UPDATE user_account SET password_hash = $2, version = version + 1, updated_at = $3
    WHERE id = $1 AND version = $4 AND deleted_at IS NULL RETURNING version";

/// A name must not be somebody else's e-mail either: both open the same door.
pub(super) const TAKEN: &str = "SELECT id FROM user_account
    WHERE (username = $1 OR username = $2 OR email = $1 OR email = $2) AND id <> $3 LIMIT 1";

pub(super) const INSERT: &str = "INSERT INTO user_account
    (username, email, realname, comment, password_hash, sysadmin, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT DO NOTHING RETURNING id";

pub(super) const IS_SYSADMIN: &str =
    "SELECT id FROM user_account WHERE id = $1 AND sysadmin AND deleted_at IS NULL";

/// Holds an account until the transaction ends.
pub(crate) const HOLD: &str =
    "SELECT username FROM user_account WHERE id = $1 AND deleted_at IS NULL FOR UPDATE";

pub(super) const UPDATE_PROFILE: &str =
    "UPDATE user_account SET email = $2, realname = $3, comment = $4, updated_at = $5 WHERE id = $1";

pub(super) const SET_SYSADMIN: &str =
    "UPDATE user_account SET sysadmin = $2, updated_at = $3 WHERE id = $1 AND deleted_at IS NULL";

/// Name and e-mail are free again at once; no name that a person may have contains the mark.
pub(super) const SOFT_DELETE: &str = "UPDATE user_account SET username = username || '#' || CAST(id AS TEXT),
    email = email || '#' || CAST(id AS TEXT), password_hash = '', sysadmin = FALSE, version = version + 1,
    deleted_at = $2, updated_at = $2 WHERE id = $1 AND id > 2 AND deleted_at IS NULL";

pub(super) const NAME_EXISTS: &str = "SELECT id FROM user_account WHERE username = $1 AND deleted_at IS NULL";
pub(super) const EMAIL_EXISTS: &str = "SELECT id FROM user_account WHERE email = $1 AND deleted_at IS NULL";

pub(super) const FAILURE: &str = "SELECT failures, wait_until FROM login_failure WHERE key = $1";

/// Takes the one attempt that may be looked at now, for as long as nobody else did.
pub(super) const CLAIM_ATTEMPT: &str =
    "UPDATE login_failure SET wait_until = $3 WHERE key = $1 AND wait_until = $2";

pub(super) const RECORD_FAILURE: &str = "INSERT INTO login_failure (key, failures, wait_until, failed_at)
    VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO UPDATE SET failures = excluded.failures,
    wait_until = excluded.wait_until, failed_at = excluded.failed_at";

pub(super) const FORGET_FAILURE: &str = "DELETE FROM login_failure WHERE key = $1";

pub(super) const FORGET_OLD_FAILURES: &str =
    "DELETE FROM login_failure WHERE key IN (SELECT key FROM login_failure
    WHERE failed_at < $1 OR failed_at > $2 ORDER BY failed_at LIMIT 500)";

/// A person from the four columns of `person_columns!`, wherever in the row they begin.
pub(crate) fn person(row: &Row, first: usize) -> Result<Person> {
    let groups: String = row.get(first + 3)?;
    Ok(Person {
        id: row.get(first)?,
        username: row.get(first + 1)?,
        sysadmin: row.get(first + 2)?,
        auth_admin: false,
        groups: ids(&groups)?,
    })
}

/// Numbers with commas between them.
pub(crate) fn ids(text: &str) -> Result<Vec<i64>> {
    let numbers = text.split(',').filter(|number| !number.is_empty()).map(str::parse);
    numbers.collect::<Result<_, _>>().map_err(|error| Error::internal("a stored list of ids").because(error))
}

pub(super) fn user(row: &Row) -> Result<User> {
    Ok(User {
        id: row.get(0)?,
        username: row.get(1)?,
        email: row.get(2)?,
        realname: row.get(3)?,
        comment: row.get(4)?,
        sysadmin: row.get(5)?,
        auth_admin: false,
        created_at: row.get(6)?,
        updated_at: row.get(7)?,
    })
}

/// How often it went wrong lately, and until when nothing is looked at; from two columns, nulls without a failure.
pub(super) fn failure(row: &Row, first: usize) -> Result<Option<(i64, Timestamp)>> {
    let failures: Option<i64> = row.get(first)?;
    let until: Option<Timestamp> = row.get(first + 1)?;
    Ok(failures.zip(until))
}
