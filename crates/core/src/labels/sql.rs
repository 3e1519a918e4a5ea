//! Statements and rows of labels.

use super::{Label, Scope};
use crate::Result;
use haven_db::Row;

pub(super) const COLUMNS: &str =
    "SELECT l.id, l.name, l.description, l.color, l.scope, l.project_id, l.created_at, l.updated_at";

pub(super) const BY_ID: &str =
    "SELECT l.id, l.name, l.description, l.color, l.scope, l.project_id, l.created_at, l.updated_at
    FROM label l WHERE l.id = $1";

pub(super) const INSERT: &str =
    "INSERT INTO label (name, description, color, scope, project_id, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (scope, project_id, name) DO NOTHING RETURNING id";

pub(super) const UPDATE: &str =
    "UPDATE label SET name = $2, description = $3, color = $4, updated_at = $5 WHERE id = $1";

/// What carries the label loses it with the label.
pub(super) const DELETE: &str = "DELETE FROM label WHERE id = $1";

pub(super) const DELETE_OF_PROJECT: &str = "DELETE FROM label WHERE scope = 'p' AND project_id = $1";

/// As long as the artifact carries less than `$4`. Of several that come at once on PostgreSQL each counts without the others,
/// so it may end up with a few more.
pub(super) const ADD: &str = "INSERT INTO artifact_label (artifact_id, label_id, created_at)
    SELECT CAST($1 AS BIGINT), CAST($2 AS BIGINT), CAST($3 AS BIGINT)
    WHERE (SELECT COUNT(*) FROM artifact_label x WHERE x.artifact_id = $1) < $4
    ON CONFLICT (artifact_id, label_id) DO NOTHING";

/// Whether the artifact carries `$3` labels, and this one is none of them.
pub(super) const IS_FULL: &str = "SELECT 1
    WHERE (SELECT COUNT(*) FROM artifact_label x WHERE x.artifact_id = $1) >= $3
    AND NOT EXISTS (SELECT 1 FROM artifact_label x WHERE x.artifact_id = $1 AND x.label_id = $2)";

pub(super) const REMOVE: &str = "DELETE FROM artifact_label WHERE artifact_id = $1 AND label_id = $2";

/// Of a page of artifacts.
pub(super) const OF_ARTIFACTS: &str =
    "SELECT l.id, l.name, l.description, l.color, l.scope, l.project_id, l.created_at, l.updated_at, x.artifact_id
    FROM artifact_label x JOIN label l ON l.id = x.label_id
    WHERE x.artifact_id IN ({list}) ORDER BY x.artifact_id, x.label_id";

pub(super) fn label(row: &Row) -> Result<Label> {
    let (scope, project): (String, i64) = (row.get(4)?, row.get(5)?);
    Ok(Label {
        id: row.get(0)?,
        name: row.get(1)?,
        description: row.get(2)?,
        color: row.get(3)?,
        scope: if scope == "g" { Scope::Global } else { Scope::Project(project) },
        created_at: row.get(6)?,
        updated_at: row.get(7)?,
    })
}
