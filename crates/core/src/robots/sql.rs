//! Statements and rows of robots.

use super::Row;
use super::permissions::Stored;
use crate::{Error, Result};
use haven_db::Timestamp;

pub(super) const COLUMNS: &str = "SELECT r.id, r.name, r.description, r.project_id, r.duration, r.disabled,
    r.expires_at, r.permissions, r.creator_type, r.creator_id, r.created_at, r.updated_at";
pub(super) const FROM: &str = "FROM robot r";

pub(super) const BY_ID: &str = "SELECT id, name, description, project_id, duration, disabled, expires_at,
    permissions, creator_type, creator_id, created_at, updated_at FROM robot WHERE id = $1";

pub(super) const ID_OF: &str = "SELECT id FROM robot WHERE name = $1";

/// Only one that may log in now.
pub(super) const FOR_LOGIN: &str = "SELECT id, project_id, secret_hash, version, permissions FROM robot
    WHERE name = $1 AND NOT disabled AND (expires_at = 0 OR expires_at > $2)";

pub(super) const INSERT: &str = "INSERT INTO robot (name, description, project_id, secret_hash, duration,
        expires_at, permissions, creator_type, creator_id, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) ON CONFLICT (name) DO NOTHING RETURNING id";

/// Without a duration the end stays as it is, and so it does with the same one.
pub(super) const UPDATE: &str = "UPDATE robot SET description = $2, disabled = $3,
    expires_at = CASE WHEN COALESCE($4, duration) = duration THEN expires_at ELSE $5 END,
    duration = COALESCE($4, duration), permissions = $6, updated_at = $7 WHERE id = $1";

pub(super) const DISABLE: &str =
    "UPDATE robot SET description = COALESCE($2, description), disabled = COALESCE($3, disabled),
    updated_at = $4 WHERE id = $1";

pub(super) const NEW_SECRET: &str =
    "UPDATE robot SET secret_hash = $2, version = version + 1, updated_at = $3 WHERE id = $1";

pub(super) const DELETE: &str = "DELETE FROM robot WHERE id = $1";

pub(super) const DELETE_OF_PROJECT: &str = "DELETE FROM robot WHERE project_id = $1";

pub(super) fn robot(row: &haven_db::Row) -> Result<Row> {
    let expires_at: Timestamp = row.get(6)?;
    Ok(Row {
        id: row.get(0)?,
        name: row.get(1)?,
        description: row.get(2)?,
        project: row.get(3)?,
        duration: row.get(4)?,
        disabled: row.get(5)?,
        expires_at: (!expires_at.is_zero()).then_some(expires_at),
        permissions: permissions(row, 7)?,
        creator_type: row.get(8)?,
        creator_id: row.get(9)?,
        created_at: row.get(10)?,
        updated_at: row.get(11)?,
    })
}

pub(super) fn permissions(row: &haven_db::Row, index: usize) -> Result<Vec<Stored>> {
    let text: String = row.get(index)?;
    serde_json::from_str(&text).map_err(|error| Error::internal("stored permissions").because(error))
}
