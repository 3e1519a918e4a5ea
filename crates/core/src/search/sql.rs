//! Statements and rows of the search.

use super::Repository;
use crate::Result;
use haven_db::Row;

pub(super) const COLUMNS: &str =
    "SELECT r.project_id, p.name, p.public, r.name, r.pull_count, r.artifact_count";
pub(super) const FROM: &str = "FROM repository r JOIN project p ON p.id = r.project_id";

pub(super) const NAME_LIKE: &str = r"r.name LIKE ? ESCAPE '\'";
pub(super) const BY_NAME: &str = "r.name";

pub(super) fn repository(row: &Row) -> Result<Repository> {
    Ok(Repository {
        project_id: row.get(0)?,
        project_name: row.get(1)?,
        project_public: row.get(2)?,
        name: row.get(3)?,
        pull_count: row.get(4)?,
        artifact_count: row.get(5)?,
    })
}
