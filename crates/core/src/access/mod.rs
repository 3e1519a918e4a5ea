//! Who may do what. One table is the whole policy; only this module can make a [`Grant`].
//!
//! An operation that needs a permission takes a grant of it, so it cannot be called without the check. Whether a caller
//! learns that a project exists is decided here too: permission comes before existence, as in Harbor.

mod caller;
mod grant;
mod limits;
mod policy;
#[cfg(test)]
mod tests;

pub use caller::{Caller, Person, TokenAccess, TokenCaller, Viewer};
pub use grant::{Grant, Permission, SystemGrant, permissions};
pub use limits::{Limited, Limits, Reach};
pub use policy::{Action, Resource, Role};

use crate::members;
use crate::projects::{self, Project};
use crate::registry::Owner;
use crate::{App, Code, Error, Result};
use haven_oci::ProjectName;
use permissions::Push;

/// Asks for one permission on a project given by name.
///
/// # Errors
/// `Unauthorized` for an anonymous caller who may not, `Forbidden` for anybody else; `NotFound` only for a caller
/// whose right does not depend on the project.
pub async fn require<P: Permission>(app: &App, caller: &Caller, project: &ProjectName) -> Result<Grant<P>> {
    let found = projects::by_name(app, project).await?;
    decide(app, caller, found, || format!("project {project} not found")).await
}

/// Asks for one permission on a project given by id.
///
/// # Errors
/// As [`require`].
pub async fn require_by_id<P: Permission>(app: &App, caller: &Caller, project: i64) -> Result<Grant<P>> {
    let found = projects::by_id(app, project).await?;
    decide(app, caller, found, || format!("project {project} not found")).await
}

async fn decide<P: Permission>(
    app: &App,
    caller: &Caller,
    project: Option<Project>,
    missing: impl Fn() -> String,
) -> Result<Grant<P>> {
    let Some(project) = project else {
        return Err(if caller.is_sysadmin() { Error::not_found(missing()) } else { caller.refusal() });
    };
    if !may(app, caller, &project, P::RESOURCE, P::ACTION).await? {
        return Err(caller.refusal());
    }
    Ok(Grant::new(project, caller.actor()))
}

/// Asks to go on with an open upload session. Whoever opened it may finish it although their token has expired since: a
/// long push must not fail for its length.
///
/// # Errors
/// As [`require`].
pub async fn require_upload(
    app: &App,
    caller: &Caller,
    project: &ProjectName,
    owner: Option<&Owner>,
) -> Result<Grant<Push>> {
    if let (Caller::Token(token), Some(owner)) = (caller, owner)
        && token.expired
        && !token.subject.is_empty()
        && token.subject == owner.actor
        && let Some(project) = projects::by_name(app, project).await?
        && project.id == owner.project
        && token.covers(&project, Resource::Repository, Action::Push)
    {
        return Ok(Grant::new(project, caller.actor()));
    }
    require(app, caller, project).await
}

/// Whether a caller may do one thing in one project.
///
/// # Errors
/// Only when the database fails.
pub async fn may(
    app: &App,
    caller: &Caller,
    project: &Project,
    resource: Resource,
    action: Action,
) -> Result<bool> {
    let everybody_may = project.public && policy::public_may(resource, action);
    match caller {
        Caller::Token(token) => Ok(token.may(project, resource, action)),
        Caller::Anonymous => Ok(everybody_may),
        Caller::Person(person) => {
            Ok(everybody_may || person_may(app, person, project, resource, action).await?)
        }
        Caller::Limited(limited) if limited.limits.cover(project, resource, action) => {
            Ok(everybody_may || person_may(app, &limited.person, project, resource, action).await?)
        }
        Caller::Limited(_) => Ok(everybody_may),
    }
}

/// What a person may do beyond what everybody may: by the roles that they and their groups have.
async fn person_may(
    app: &App,
    person: &Person,
    project: &Project,
    resource: Resource,
    action: Action,
) -> Result<bool> {
    if person.sysadmin {
        return Ok(action != Action::ScannerPull);
    }
    let roles = members::roles_of(app, project.id, person).await?;
    Ok(roles.iter().any(|role| policy::role_may(*role, resource, action)))
}

/// Asks for a permission on the whole system, which only administrators have.
///
/// # Errors
/// `Unauthorized` or `Forbidden`; the message of the latter is the caller's name, as clients expect.
pub fn require_system(caller: &Caller) -> Result<SystemGrant> {
    match caller.person() {
        _ if caller.is_sysadmin() => Ok(SystemGrant::new(caller.actor())),
        Some(person) => Err(Error::new(Code::Forbidden, person.username.clone())),
        None => Err(caller.refusal()),
    }
}

/// For whoever runs the program itself, on the host and with the configuration. No request ever comes here.
pub fn operator() -> SystemGrant {
    SystemGrant::new("operator".to_owned())
}

/// Asks to list the repositories of all projects. A token that an administrator fetched for it will do.
///
/// # Errors
/// As [`require_system`].
pub fn require_catalog(caller: &Caller) -> Result<SystemGrant> {
    match caller {
        Caller::Token(token) if token.catalog && !token.expired => Ok(SystemGrant::new(caller.actor())),
        _ => require_system(caller),
    }
}

/// Asks only that it is known who the caller is, whatever they may do.
///
/// # Errors
/// `Unauthorized` for an anonymous caller.
pub fn require_known(caller: &Caller) -> Result<&Person> {
    caller.person().ok_or_else(|| Error::new(Code::Unauthorized, "unauthorized"))
}

/// Asks for a person who may do whatever needs no further permission, such as making a project.
///
/// # Errors
/// `Unauthorized` for an anonymous caller, `Forbidden` for a token with limits that leave no room for it.
pub fn require_person(caller: &Caller) -> Result<&Person> {
    match caller {
        Caller::Limited(limited) if !limited.limits.cover_everything() => Err(caller.refusal()),
        _ => require_known(caller),
    }
}

/// Asks for a person who logged in: no token will do, whatever its limits, for this is about credentials themselves.
///
/// # Errors
/// As [`require_person`].
pub fn require_login(caller: &Caller) -> Result<&Person> {
    match caller {
        Caller::Limited(_) => Err(Error::new(
            Code::Forbidden,
            "forbidden: an access token cannot do this, log in with a password",
        )),
        _ => require_known(caller),
    }
}
