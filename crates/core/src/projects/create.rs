//! `POST /projects`.

use super::metadata::{self, Metadata};
use super::sql;
use crate::access::{Action, Caller, Role, SystemResource, may_system, require_person};
use crate::allowlists::{self, NewAllowlist};
use crate::audit::{self, Act, Entry};
use crate::members::{self, Entity};
use crate::settings::{self, Values};
use crate::{App, Code, Error, Result, identity, quota};
use haven_db::params;
use haven_oci::ProjectName;

/// A project to be made.
#[derive(Debug, Default)]
pub struct NewProject {
    pub name: String,
    /// The older member; `metadata.public` wins over it.
    pub public: Option<bool>,
    pub metadata: Metadata,
    pub allowlist: NewAllowlist,
    /// Bytes, -1 without limit. Counts for administrators only.
    pub storage_limit: Option<i64>,
    pub registry_id: Option<i64>,
}

/// Makes a project that its creator administers, or the first administrator where a robot makes it, and returns its id.
///
/// # Errors
/// `Unauthorized` for nobody, `Forbidden` when only administrators may, `BadRequest` for a bad name or property,
/// `Conflict` when the name is taken.
pub async fn create(app: &App, caller: &Caller, new: NewProject) -> Result<i64> {
    if !matches!(caller, Caller::Robot(_)) {
        require_person(caller)?;
    }
    let admin = may_system(caller, SystemResource::Project, Action::Create);
    let settings = settings::get(app).await?;
    check_creator(caller, admin, &settings)?;
    if new.registry_id.is_some() {
        return Err(refuse_proxy(admin));
    }
    let name: ProjectName = new.name.parse().map_err(|_| {
        Error::bad_request("project name is not in lower case or contains illegal characters")
    })?;
    metadata::check_retention(&new.metadata, "")?;
    let limit = limit(&new, admin, &settings)?;
    let public = metadata::public(&new.metadata)?.or(new.public).unwrap_or(false);
    let properties = metadata::rows(&new.metadata)?;
    let allowlist = new.allowlist.check()?;

    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let owner = match caller.person() {
        Some(person) => person.id,
        None => identity::first_admin(&mut tx).await?,
    };
    let inserted = tx.query_opt(sql::INSERT, params![name.as_str(), owner, public, now]).await?;
    let Some(row) = inserted else {
        return Err(Error::new(Code::Conflict, format!("The project named {name} already exists")));
    };
    let id: i64 = row.get(0)?;
    for (key, value) in properties {
        metadata::put(&mut tx, id, key, &value).await?;
    }
    members::enlist(&mut tx, id, Entity::User(owner), Role::ProjectAdmin, now).await?;
    allowlists::put(&mut tx, id, &allowlist, now).await?;
    quota::open(&mut tx, id, limit, now).await?;
    let entry = Entry::new(Act::CreateProject, &caller.actor(), name.as_str()).in_project(id);
    audit::record(app, &mut tx, entry).await?;
    tx.commit().await?;
    Ok(id)
}

/// Everybody may make projects unless a setting says otherwise; a robot only if that was granted to it.
fn check_creator(caller: &Caller, admin: bool, settings: &Values) -> Result<()> {
    if let Caller::Robot(robot) = caller
        && robot.project.is_some()
    {
        return Err(Error::new(Code::Forbidden, "Only system level robot can create project"));
    }
    let restricted = settings.project_creation_restriction == "adminonly";
    if !admin && (restricted || matches!(caller, Caller::Robot(_))) {
        return Err(Error::new(Code::Forbidden, "Only system admin can create project"));
    }
    Ok(())
}

/// There are no endpoints of other registries yet, so none that a project could cache.
fn refuse_proxy(admin: bool) -> Error {
    if admin {
        Error::bad_request("proxy cache projects need a registry endpoint, and there is none of that id")
    } else {
        Error::new(Code::Forbidden, "Only system admin can create proxy cache project")
    }
}

/// The bytes that the project may store. Only an administrator chooses; what others get is a setting.
fn limit(new: &NewProject, admin: bool, settings: &Values) -> Result<i64> {
    match new.storage_limit.filter(|limit| *limit != 0 && admin && settings.quota_per_project_enable) {
        Some(limit) => quota::check_limit(limit).map(|()| limit),
        None => Ok(settings.storage_per_project),
    }
}
