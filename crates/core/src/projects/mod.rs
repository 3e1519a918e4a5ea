//! Projects: the unit of access. Owns `project` and `project_metadata`.

mod create;
mod delete;
mod detail;
mod list;
mod metadata;
mod sql;
mod update;

pub use create::{NewProject, create};
pub use delete::{NOT_EMPTY, deletable, delete};
pub use detail::{Detail, Summary, details, get, summary};
pub use list::{Visible, exists, list};
pub use metadata::{Metadata, add_metadata, list_metadata, metadata, remove_metadata, set_metadata};
pub use update::{ProjectChange, update};

pub(crate) use list::matching;

use crate::{App, Error, Result};
use haven_db::{Db, Timestamp, Tx, params};
use haven_oci::ProjectName;

/// A project as far as rights are concerned.
#[derive(Clone, Debug)]
pub struct Project {
    pub id: i64,
    pub name: ProjectName,
    pub owner_id: i64,
    pub public: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The project of that name, deleted ones excepted.
pub(crate) async fn by_name(app: &App, name: &ProjectName) -> Result<Option<Project>> {
    app.db.query_opt(sql::BY_NAME, params![name.as_str()]).await?.map(|row| sql::project(&row)).transpose()
}

/// The project of that id, deleted ones excepted.
pub(crate) async fn by_id(app: &App, id: i64) -> Result<Option<Project>> {
    app.db.query_opt(sql::BY_ID, params![id]).await?.map(|row| sql::project(&row)).transpose()
}

/// Dates the project that the schema brings.
pub(crate) async fn date_first(app: &App) -> Result<()> {
    app.db.execute(sql::DATE_FIRST, params![app.clock.now()]).await?;
    Ok(())
}

/// The project's name as the REST API is given it.
///
/// # Errors
/// `BadRequest` when it is a name that no project can have.
pub fn parse_name(text: &str) -> Result<ProjectName> {
    text.parse().map_err(|_| Error::bad_request(format!("invalid project name: '{text}'")))
}

/// Refuses what was written about a project if that has been deleted meanwhile. Asked last.
///
/// # Errors
/// `NotFound`.
pub(crate) async fn check_live(tx: &mut Tx, project: &Project) -> Result<()> {
    match tx.query_opt(sql::LIVE, params![project.id]).await? {
        Some(_) => Ok(()),
        None => Err(gone(project)),
    }
}

/// Counts a repository that is made (1) or deleted (-1). Holds the project's row until the transaction ends, and so comes
/// before the repository's own: whoever takes both takes them in this order.
pub(crate) async fn count_repository(tx: &mut Tx, project: i64, change: i64) -> Result<()> {
    tx.execute(sql::COUNT_REPOSITORY, params![project, change]).await?;
    Ok(())
}

/// Counts the repositories of a project again: for when their number is found wrong.
pub(crate) async fn recount(db: &Db, project: i64) -> Result<()> {
    let mut tx = db.begin().await?;
    for statement in sql::RECOUNT {
        tx.execute(statement, params![project]).await?;
    }
    Ok(tx.commit().await?)
}

/// Says that something of a project changes, and holds its row until the transaction ends.
async fn touch(tx: &mut Tx, project: &Project, now: Timestamp) -> Result<()> {
    match tx.execute(sql::TOUCH, params![project.id, now]).await? {
        0 => Err(gone(project)),
        _ => Ok(()),
    }
}

fn gone(project: &Project) -> Error {
    Error::not_found(format!("project {} not found", project.name))
}
