//! Statements and rows of projects.

use super::Project;
use crate::{Error, Result};
use haven_db::Row;

pub(super) const BY_NAME: &str = "SELECT id, name, owner_id, public, created_at, updated_at FROM project
    WHERE name = $1 AND deleted_at IS NULL";

pub(super) const BY_ID: &str = "SELECT id, name, owner_id, public, created_at, updated_at FROM project
    WHERE id = $1 AND deleted_at IS NULL";

pub(super) const IDS_OF: &str = "SELECT name, id FROM project WHERE name IN ({list}) AND deleted_at IS NULL";

pub(super) const PROJECT_NAMES_OF: &str =
    "SELECT id, name FROM project WHERE id IN ({list}) AND deleted_at IS NULL";

pub(super) const DATE_FIRST: &str =
    "UPDATE project SET created_at = $1, updated_at = $1 WHERE id = 1 AND created_at = 0";

pub(super) const INSERT: &str = "INSERT INTO project (name, owner_id, public, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $4) ON CONFLICT (name) DO NOTHING RETURNING id";

/// Each takes the row's lock.
pub(super) const UPDATE: &str = "UPDATE project SET public = COALESCE($2, public), updated_at = $3
    WHERE id = $1 AND deleted_at IS NULL";
pub(super) const TOUCH: &str = "UPDATE project SET updated_at = $2 WHERE id = $1 AND deleted_at IS NULL";
pub(super) const SET_PUBLIC: &str = "UPDATE project SET public = $2 WHERE id = $1";

/// Asked after a row that refers to the project was written: PostgreSQL then holds its key, so a deletion of the project
/// either is seen here or sees that row.
pub(super) const LIVE: &str = "SELECT id FROM project WHERE id = $1 AND deleted_at IS NULL";

pub(super) const METADATA: &str = "SELECT name, value FROM project_metadata WHERE project_id = $1";

pub(super) const ONE_METADATA: &str =
    "SELECT value FROM project_metadata WHERE project_id = $1 AND name = $2";

pub(super) const INSERT_METADATA: &str = "INSERT INTO project_metadata (project_id, name, value)
    VALUES ($1, $2, $3) ON CONFLICT (project_id, name) DO NOTHING";

pub(super) const PUT_METADATA: &str = "INSERT INTO project_metadata (project_id, name, value)
    VALUES ($1, $2, $3) ON CONFLICT (project_id, name) DO UPDATE SET value = excluded.value";

pub(super) const DELETE_ONE_METADATA: &str =
    "DELETE FROM project_metadata WHERE project_id = $1 AND name = $2";

pub(super) const DELETE_METADATA: &str = "DELETE FROM project_metadata WHERE project_id = $1";

/// Takes the row's lock, so that a push into the project either comes first or finds it gone.
pub(super) const SOFT_DELETE: &str =
    "UPDATE project SET name = name || '#' || CAST(id AS TEXT), public = FALSE, deleted_at = $2,
    updated_at = $2 WHERE id = $1 AND deleted_at IS NULL";

pub(super) const DELETE_BLOBS: &str = "DELETE FROM project_blob WHERE project_id = $1";

pub(super) const ANY_REPOSITORY: &str = "SELECT id FROM repository WHERE project_id = $1 LIMIT 1";

pub(super) const COUNT_REPOSITORIES: &str = "SELECT COUNT(*) FROM repository WHERE project_id = $1";

pub(super) const COLUMNS: &str = "SELECT p.id, p.name, p.owner_id, p.public, p.created_at, p.updated_at";
pub(super) const FROM: &str = "FROM project p";

/// Conditions of lists.
pub(super) const IS_LIVE: &str = "p.deleted_at IS NULL";
pub(super) const OWNED_BY: &str = "p.owner_id = (SELECT u.id FROM user_account u WHERE u.username = ?)";
pub(super) const NAME_LIKE: &str = r"p.name LIKE ? ESCAPE '\'";

/// About the projects of a page.
pub(super) const METADATA_OF: &str =
    "SELECT project_id, name, value FROM project_metadata WHERE project_id IN ({list})";
pub(super) const REPOSITORIES_OF: &str = "SELECT project_id, COUNT(*) FROM repository
    WHERE project_id IN ({list}) GROUP BY project_id";
pub(super) const NAMES_OF: &str =
    "SELECT id, username FROM user_account WHERE id IN ({list}) AND deleted_at IS NULL";

pub(super) fn project(row: &Row) -> Result<Project> {
    let name: String = row.get(1)?;
    Ok(Project {
        id: row.get(0)?,
        name: name.parse().map_err(|error| Error::internal("a stored project name").because(error))?,
        owner_id: row.get(2)?,
        public: row.get(3)?,
        created_at: row.get(4)?,
        updated_at: row.get(5)?,
    })
}
