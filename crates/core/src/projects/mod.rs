//! Projects: the unit of access. Owns `project`, `project_metadata` and `project_member`.

mod create;
mod delete;
mod list;
mod sql;

pub use create::{NewProject, create};
pub use delete::{NOT_EMPTY, deletable, delete};
pub use list::{Detail, Visible, details, exists, list, parse_name};

use crate::access::{Caller, Grant, Person, Role, Standing, permissions::ReadProject};
use crate::quota::{self, Usage};
use crate::{App, Result, settings};
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

/// The roles that a person has in a project, directly and by group, in one statement.
pub(crate) async fn roles_of(app: &App, project: i64, person: &Person) -> Result<Vec<Role>> {
    let rows = if person.groups.is_empty() {
        app.db.query(sql::ROLES, params![project, person.id]).await?
    } else {
        let groups = person.groups.iter().copied();
        app.db.query_in(sql::ROLES_WITH_GROUPS, groups, params![project, person.id]).await?
    };
    let mut roles = Vec::with_capacity(rows.len());
    for row in rows {
        roles.extend(Role::from_id(row.get(0)?));
    }
    Ok(roles)
}

/// Whether a person administers any project, directly or by group.
pub(crate) async fn administers_any(app: &App, person: &Person) -> Result<bool> {
    // No group has the id 0: without any, the person alone is asked about.
    let groups = person.groups.iter().copied().chain([0]);
    let found =
        app.db.query_in(sql::ADMINISTERS, groups, params![person.id, Role::ProjectAdmin.id()]).await?;
    Ok(!found.is_empty())
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

/// Takes a person out of all projects, because the account goes.
pub(crate) async fn remove_person(tx: &mut Tx, user: i64) -> Result<()> {
    tx.execute(sql::DELETE_MEMBERSHIPS, params!["u", user]).await?;
    Ok(())
}

/// Takes a group out of all projects, because it goes.
pub(crate) async fn remove_group(tx: &mut Tx, group: i64) -> Result<()> {
    tx.execute(sql::DELETE_MEMBERSHIPS, params!["g", group]).await?;
    Ok(())
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
    use crate::access::{Action, Resource};
    let repositories = app.db.query_one(sql::COUNT_REPOSITORIES, params![grant.project.id]).await?.get(0)?;
    let mut members = None;
    let standing = Standing::of(app, caller, &grant.project).await?;
    if standing.may(Resource::Member, Action::List) {
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
    if standing.may(Resource::Quota, Action::Read) && settings::get(app).await?.quota_per_project_enable {
        usage = quota::usage(app, grant.project.id).await?;
    }
    Ok(Summary { repositories, members, quota: usage })
}
