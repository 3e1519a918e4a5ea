//! Projects: the unit of access. Owns `project` and `project_metadata`.

mod create;
mod delete;
mod detail;
mod list;
mod metadata;
mod seen;
mod sql;
mod update;

pub use create::{NewProject, create};
pub use delete::{NOT_EMPTY, deletable, delete};
pub use detail::{Detail, Summary, Telling, details, get, summary};
pub use list::{Visible, exists, list};
pub use metadata::{Metadata, add_metadata, list_metadata, metadata, remove_metadata, set_metadata};
pub use update::{ProjectChange, update};

pub(crate) use list::{found, matching};
pub(crate) use seen::{Rows, only_seen};

use crate::access::Grant;
use crate::audit::{self, Act, Entry};
use crate::{App, Error, Result};
use haven_db::{Timestamp, Tx, params};
use haven_oci::ProjectName;
use std::collections::HashMap;

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

/// The ids of projects by their names; those that do not exist are left out.
pub(crate) async fn ids_of(app: &App, names: &[ProjectName]) -> Result<HashMap<String, i64>> {
    let names = names.iter().map(ProjectName::as_str);
    let rows = app.db.query_in(sql::IDS_OF, names, &[]).await?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// The names of projects by their ids; those that do not exist are left out.
pub(crate) async fn names_of(app: &App, ids: impl IntoIterator<Item = i64>) -> Result<HashMap<i64, String>> {
    let rows = app.db.query_in(sql::PROJECT_NAMES_OF, ids, &[]).await?;
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// Whether a project is there, seen from within a transaction that has written a row which refers to it: its deletion
/// then comes either before or after both.
pub(crate) async fn is_live(tx: &mut Tx, project: i64) -> Result<bool> {
    Ok(tx.query_opt(sql::LIVE, params![project]).await?.is_some())
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
    if is_live(tx, project.id).await? { Ok(()) } else { Err(gone(project)) }
}

/// Says that something of a project changes, and holds its row until the transaction ends.
async fn touch(tx: &mut Tx, project: &Project, now: Timestamp) -> Result<()> {
    match tx.execute(sql::TOUCH, params![project.id, now]).await? {
        0 => Err(gone(project)),
        _ => Ok(()),
    }
}

/// Writes down that somebody changed a project or its properties.
async fn record_update<P>(app: &App, tx: &mut Tx, grant: &Grant<P>) -> Result<()> {
    let project = &grant.project;
    let entry = Entry::new(Act::UpdateProject, &grant.actor, project.name.as_str()).in_project(project.id);
    audit::record(app, tx, entry).await
}

fn gone(project: &Project) -> Error {
    Error::not_found(format!("project {} not found", project.name))
}
