//! Statements of sessions.

use crate::identity::sql::person_columns;

pub(super) const INSERT: &str =
    "INSERT INTO session (id_hash, user_id, version, auth_admin, started_at, used_at)
    VALUES ($1, $2, $3, $4, $5, $5)";

/// As long as the account is as it was when somebody logged in.
pub(super) const FIND: &str = concat!(
    "SELECT ",
    person_columns!(),
    ", s.auth_admin, s.used_at FROM session s JOIN user_account u ON u.id = s.user_id
    WHERE s.id_hash = $1 AND s.version = u.version AND u.deleted_at IS NULL"
);

/// One step on. Of requests that come together one takes it.
pub(super) const RENEW: &str = "UPDATE session SET used_at = $3 WHERE id_hash = $1 AND used_at = $2";

/// For the version of the account that has just become this one.
pub(super) const BELONGS: &str = "SELECT auth_admin FROM session
    WHERE id_hash = $1 AND user_id = $2 AND version + 1 = $3 AND used_at >= $4";

pub(super) const USERNAME: &str =
    "SELECT u.username FROM session s JOIN user_account u ON u.id = s.user_id WHERE s.id_hash = $1";

pub(super) const DELETE: &str = "DELETE FROM session WHERE id_hash = $1";

pub(super) const DELETE_OTHERS: &str = "DELETE FROM session WHERE user_id = $1 AND id_hash <> $2";

pub(super) const DELETE_UNUSED: &str = "DELETE FROM session WHERE id_hash IN
    (SELECT id_hash FROM session WHERE used_at < $1 ORDER BY used_at LIMIT 500)";
