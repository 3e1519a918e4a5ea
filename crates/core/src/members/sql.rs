//! Statements and rows of members.

use super::{Entity, Member};
use crate::access::Role;
use crate::{Error, Result};
use haven_db::Row;

pub(super) const ROLES_OF: &str = "SELECT role_id FROM project_member
    WHERE project_id = $1 AND entity_type = 'u' AND entity_id = $2";

/// The list is of groups.
pub(super) const ROLES_WITH_GROUPS: &str = "SELECT role_id FROM project_member
    WHERE project_id = {next} AND (entity_type = 'u' AND entity_id = {after}
        OR entity_type = 'g' AND entity_id IN ({list}))";

/// The list is of groups.
pub(super) const ADMINISTERS: &str = "SELECT id FROM project_member
    WHERE role_id = {after} AND (entity_type = 'u' AND entity_id = {next}
        OR entity_type = 'g' AND entity_id IN ({list})) LIMIT 1";

/// The list is of groups.
pub(super) const MEMBERSHIPS: &str = "SELECT project_id, role_id FROM project_member
    WHERE entity_type = 'u' AND entity_id = {next} OR entity_type = 'g' AND entity_id IN ({list})";

pub(super) const DELETE_EVERYWHERE: &str =
    "DELETE FROM project_member WHERE entity_type = $1 AND entity_id = $2";

pub(super) const ROLES: &str = "SELECT m.project_id, m.role_id";
pub(super) const ROLES_FROM: &str = "FROM project_member m";

/// The rows of a person and of their groups.
pub(super) const IS: &str =
    "m.entity_type = 'u' AND m.entity_id = ? OR m.entity_type = 'g' AND m.entity_id IN ({list})";

/// Counts whom the list shows.
pub(super) const COUNT_BY_ROLE: &str = "SELECT m.role_id, COUNT(*) FROM project_member m
    LEFT JOIN user_account u ON m.entity_type = 'u' AND u.id = m.entity_id AND u.deleted_at IS NULL
    LEFT JOIN user_group g ON m.entity_type = 'g' AND g.id = m.entity_id
    WHERE m.project_id = $1 AND COALESCE(u.username, g.name) IS NOT NULL GROUP BY m.role_id";

pub(super) const INSERT: &str =
    "INSERT INTO project_member (project_id, entity_type, entity_id, role_id, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (entity_type, entity_id, project_id) DO NOTHING RETURNING id";

pub(super) const IS_MEMBER: &str = "SELECT id FROM project_member
    WHERE project_id = $1 AND entity_type = $2 AND entity_id = $3";

pub(super) const UPDATE: &str =
    "UPDATE project_member SET role_id = $3, updated_at = $4 WHERE id = $1 AND project_id = $2";

pub(super) const DELETE: &str = "DELETE FROM project_member WHERE id = $1 AND project_id = $2";

pub(super) const DELETE_ALL: &str = "DELETE FROM project_member WHERE project_id = $1";

pub(super) const COLUMNS: &str = "SELECT m.id, m.project_id, m.entity_type, m.entity_id,
    COALESCE(u.username, g.name), m.role_id";
pub(super) const FROM: &str = "FROM project_member m
    LEFT JOIN user_account u ON m.entity_type = 'u' AND u.id = m.entity_id AND u.deleted_at IS NULL
    LEFT JOIN user_group g ON m.entity_type = 'g' AND g.id = m.entity_id";
/// A row may outlive its user or group by the moment in which both went at once.
pub(super) const IS_SOMEBODY: &str = "COALESCE(u.username, g.name) IS NOT NULL";
pub(super) const IS_NAMED: &str = "COALESCE(u.username, g.name) = ?";
pub(super) const BY_NAME: &str = "COALESCE(u.username, g.name), m.id";

pub(super) const NAME_OF: &str =
    "SELECT COALESCE(u.username, g.name, ''), m.entity_type FROM project_member m
    LEFT JOIN user_account u ON m.entity_type = 'u' AND u.id = m.entity_id
    LEFT JOIN user_group g ON m.entity_type = 'g' AND g.id = m.entity_id WHERE m.id = $1";

pub(super) const USER_BY_ID: &str = "SELECT id FROM user_account WHERE id = $1 AND deleted_at IS NULL";
pub(super) const USER_BY_NAME: &str =
    "SELECT id FROM user_account WHERE username = $1 AND deleted_at IS NULL";
pub(super) const GROUP_BY_ID: &str = "SELECT id FROM user_group WHERE id = $1";
pub(super) const GROUP_BY_DN: &str = "SELECT id FROM user_group WHERE ldap_dn = $1 AND type = $2";
pub(super) const GROUP_BY_NAME: &str = "SELECT id FROM user_group WHERE name = $1 AND type = $2";

pub(super) fn role(id: i64) -> Result<Role> {
    Role::from_id(id).ok_or_else(|| Error::internal(format!("a stored role {id}")))
}

pub(super) fn member(row: &Row) -> Result<Member> {
    let (letter, id): (String, i64) = (row.get(2)?, row.get(3)?);
    let entity = if letter == "g" { Entity::Group(id) } else { Entity::User(id) };
    Ok(Member {
        id: row.get(0)?,
        project_id: row.get(1)?,
        entity,
        name: row.get(4)?,
        role: role(row.get(5)?)?,
    })
}
