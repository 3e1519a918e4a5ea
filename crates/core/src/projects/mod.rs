//! Projects: the unit of access. Owns `project`, `project_metadata` and `project_member`.

mod create;
mod delete;
mod list;
mod sql;

pub use create::{NewProject, create};
pub use delete::{NOT_EMPTY, deletable, delete};
pub use list::{Detail, Visible, details, exists, list, parse_name};

use crate::access::{Caller, Grant, Person, Role, permissions::ReadProject};
use crate::quota::{self, Usage};
use crate::{App, Result, settings};
use haven_db::{Timestamp, params};
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

/// What `GET /projects/{x}/summary` tells.
#[derive(Debug)]
pub struct Summary {
    pub repositories: i64,
    /// Members by role: admin, maintainer, developer, guest, limited guest. None when the caller may not see members.
    pub members: Option<[i64; 5]>,
    /// What it may store and stores. None when the caller may not see it, or quotas are off.
    pub quota: Option<Usage>,
}

/// The project of that name, deleted ones excepted.
pub(crate) async fn by_name(app: &App, name: &ProjectName) -> Result<Option<Project>> {
    app.db.query_opt(sql::BY_NAME, params![name.as_str()]).await?.map(|row| sql::project(&row)).transpose()
}

/// The project of that id, deleted ones excepted.
pub(crate) async fn by_id(app: &App, id: i64) -> Result<Option<Project>> {
    app.db.query_opt(sql::BY_ID, params![id]).await?.map(|row| sql::project(&row)).transpose()
}

/// The roles a user has in a project.
pub(crate) async fn roles_of(app: &App, project: i64, user: i64) -> Result<Vec<Role>> {
    let rows = app.db.query(sql::ROLES, params![project, user]).await?;
    let mut roles = Vec::with_capacity(rows.len());
    for row in rows {
        roles.extend(Role::from_id(row.get(0)?));
    }
    Ok(roles)
}

/// Dates the project that the schema brings.
pub(crate) async fn date_first(app: &App) -> Result<()> {
    app.db.execute(sql::DATE_FIRST, params![app.clock.now()]).await?;
    Ok(())
}

/// One project with all that `GET /projects/{x}` tells.
///
/// # Errors
/// When the database fails.
pub async fn get(app: &App, caller: &Caller, grant: &Grant<ReadProject>) -> Result<Detail> {
    let mut found = details(app, caller, vec![grant.project.clone()]).await?;
    found.pop().ok_or_else(|| crate::Error::internal("a project without details"))
}

/// Counts of a project.
///
/// # Errors
/// When the database fails.
pub async fn summary(app: &App, caller: &Caller, grant: &Grant<ReadProject>) -> Result<Summary> {
    use crate::access::{Action, Resource, may};
    let repositories = app.db.query_one(sql::COUNT_REPOSITORIES, params![grant.project.id]).await?.get(0)?;
    let mut members = None;
    if may(app, caller, &grant.project, Resource::Member, Action::List).await? {
        let mut counts = [0; 5];
        for row in app.db.query(sql::COUNT_MEMBERS, params![grant.project.id]).await? {
            let role = Role::from_id(row.get(0)?);
            if let Some(at) = Role::ALL.iter().position(|known| Some(*known) == role) {
                counts[at] = row.get(1)?;
            }
        }
        members = Some(counts);
    }
    let mut usage = None;
    if may(app, caller, &grant.project, Resource::Quota, Action::Read).await?
        && settings::get(app).await?.quota_per_project_enable
    {
        usage = quota::usage(app, grant.project.id).await?;
    }
    Ok(Summary { repositories, members, quota: usage })
}

fn person(caller: &Caller) -> Option<&Person> {
    match caller {
        Caller::Person(person) => Some(person),
        Caller::Anonymous | Caller::Token(_) => None,
    }
}
