//! Statements and rows of accounts.

use super::User;
use crate::Result;
use haven_db::Row;

pub(super) const BY_ID: &str =
    "SELECT id, username, COALESCE(email, ''), realname, comment, sysadmin, created_at, updated_at
    FROM user_account WHERE id = $1 AND deleted_at IS NULL";

/// By name or by e-mail; a name counts before somebody else's e-mail of the same text.
pub(super) const FOR_LOGIN: &str = "SELECT id, username, sysadmin, password_hash, version FROM user_account
    WHERE (username = $1 OR email = $1) AND deleted_at IS NULL
    ORDER BY CASE WHEN username = $1 THEN 0 ELSE 1 END LIMIT 1";

pub(super) const FIRST_ADMIN: &str = "SELECT id, username FROM user_account
    WHERE sysadmin AND deleted_at IS NULL ORDER BY id LIMIT 1";

pub(super) const WITHOUT_PASSWORD: &str = "SELECT id FROM user_account WHERE id = 1 AND password_hash = ''";

pub(super) const FIRST_PASSWORD: &str = "UPDATE user_account SET password_hash = $1, version = version + 1,
    created_at = CASE WHEN created_at = 0 THEN $2 ELSE created_at END, updated_at = $2
    WHERE id = 1 AND password_hash = ''";

pub(super) const RESET_PASSWORD: &str =
    "UPDATE user_account SET password_hash = $1, version = version + 1, updated_at = $2 WHERE id = 1";

pub(super) const GROUPS: &str = "SELECT group_id FROM user_group_member WHERE user_id = $1";

pub(super) fn user(row: &Row) -> Result<User> {
    Ok(User {
        id: row.get(0)?,
        username: row.get(1)?,
        email: row.get(2)?,
        realname: row.get(3)?,
        comment: row.get(4)?,
        sysadmin: row.get(5)?,
        created_at: row.get(6)?,
        updated_at: row.get(7)?,
    })
}
