//! Statements of groups.

use super::Group;
use crate::Result;
use haven_db::Row;

pub(super) const COLUMNS: &str = "SELECT g.id, g.name, g.type, g.ldap_dn";
pub(super) const FROM: &str = "FROM user_group g";
pub(super) const SHORTEST_FIRST: &str = "LENGTH(g.name) ASC, g.name ASC";

pub(super) const BY_ID: &str = "SELECT g.id, g.name, g.type, g.ldap_dn FROM user_group g WHERE g.id = $1";

pub(super) const INSERT: &str = "INSERT INTO user_group (name, type, ldap_dn, created_at, updated_at)
    VALUES ($1, $2, '', $3, $3) ON CONFLICT DO NOTHING RETURNING id";

pub(super) const NAMED: &str = "SELECT id FROM user_group WHERE name = $1 AND id <> $2";

pub(super) const RENAME: &str = "UPDATE user_group SET name = $2, updated_at = $3 WHERE id = $1";

pub(super) const DELETE_MEMBERS: &str = "DELETE FROM user_group_member WHERE group_id = $1";

pub(super) const LEAVE_ALL: &str = "DELETE FROM user_group_member WHERE user_id = $1";

pub(super) const DELETE: &str = "DELETE FROM user_group WHERE id = $1";

pub(super) fn group(row: &Row) -> Result<Group> {
    Ok(Group { id: row.get(0)?, name: row.get(1)?, kind: row.get(2)?, ldap_dn: row.get(3)? })
}
