//! Projects: the unit of access. Owns `project`, `project_metadata` and `project_member`.

mod create;
mod delete;
mod list;
mod sql;

pub use create::{NewProject, create};
pub use delete::{NOT_EMPTY, deletable, delete};
pub use list::{Detail, Visible, details, exists, list, parse_name};

use crate::access::{Caller, Grant, Person, Role, permissions::ReadProject};
use crate::{App, Result};
use haven_db::{Timestamp, Tx, params};
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
}

/// The project of that name, deleted ones excepted.
pub(crate) async fn by_name(app: &App, name: &ProjectName) -> Result<Option<Project>> {
    app.db.query_opt(sql::BY_NAME, params![name.as_str()]).await?.map(|row| sql::project(&row)).transpose()
}

/// The project of that id, deleted ones excepted.
pub(crate) async fn by_id(app: &App, id: i64) -> Result<Option<Project>> {
    app.db.query_opt(sql::BY_ID, params![id]).await?.map(|row| sql::project(&row)).transpose()
}

/// The roles that a person has in a project, their own and those of their groups.
pub(crate) async fn roles_of(app: &App, project: i64, person: &Person) -> Result<Vec<Role>> {
    let mut rows = app.db.query(sql::ROLES, params![project, person.id]).await?;
    if !person.groups.is_empty() {
        let groups = person.groups.iter().copied();
        rows.extend(app.db.query_in(sql::GROUP_ROLES, groups, params![project]).await?);
    }
    let mut roles = Vec::with_capacity(rows.len());
    for row in rows {
        roles.extend(Role::from_id(row.get(0)?));
    }
    Ok(roles)
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
    Ok(Summary { repositories, members })
}
