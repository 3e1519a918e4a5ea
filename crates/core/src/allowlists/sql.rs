//! Statements and rows of allowlists.

use super::Allowlist;
use crate::{Error, Result};
use haven_db::Row;

/// Items that are longer than wanted are the empty text, which no list is.
pub(super) const OF: &str =
    "SELECT id, project_id, CASE WHEN LENGTH(items) <= CAST({next} AS BIGINT) THEN items ELSE '' END,
    expires_at, created_at, updated_at FROM cve_allowlist WHERE project_id IN ({list})";

/// The list of the system comes with the schema, which has no clock.
pub(super) const PUT: &str = "INSERT INTO cve_allowlist (project_id, items, expires_at, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $4) ON CONFLICT (project_id) DO UPDATE SET
    items = excluded.items, expires_at = excluded.expires_at, updated_at = excluded.updated_at,
    created_at = CASE WHEN cve_allowlist.created_at = 0 THEN excluded.created_at ELSE cve_allowlist.created_at END";

pub(super) const DELETE: &str = "DELETE FROM cve_allowlist WHERE project_id = $1";

pub(super) fn project(row: &Row) -> Result<i64> {
    Ok(row.get(1)?)
}

/// None where the items were longer than wanted.
pub(super) fn allowlist(row: &Row) -> Result<Option<Allowlist>> {
    let items: String = row.get(2)?;
    if items.is_empty() {
        return Ok(None);
    }
    let items = serde_json::from_str(&items);
    Ok(Some(Allowlist {
        id: row.get(0)?,
        project_id: project(row)?,
        items: items.map_err(|error| Error::internal("a stored allowlist").because(error))?,
        expires_at: row.get(3)?,
        created_at: row.get(4)?,
        updated_at: row.get(5)?,
    }))
}
