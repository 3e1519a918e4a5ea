//! Who may do what. One table is the whole policy; only this module can make a [`Grant`].
//!
//! An operation that needs a permission takes a grant of it, so it cannot be called without the check. Whether a caller
//! learns that a project exists is decided here too: permission comes before existence, as in Harbor.

mod caller;
mod discovery;
mod grant;
mod limits;
mod policy;
mod robot;
mod standing;
#[cfg(test)]
mod tests;

pub use caller::{Caller, Person, TokenAccess, TokenCaller, Viewer};
pub use discovery::{Catalogue, Listed, catalogue, permissions_of};
pub use grant::{Grant, Permission, SystemGrant, SystemPermission, permissions};
pub use limits::{Limited, Limits, Reach};
pub use policy::{
    Action, Resource, Role, SystemResource, grantable, is_grantable, is_system_grantable, system_grantable,
};
pub use robot::{Access, Rights, Robot};
pub use standing::Standing;

use crate::projects::{self, Project};
use crate::registry::Owner;
use crate::{App, Code, Error, Result, members};
use haven_oci::ProjectName;
use permissions::{Push, ReadCatalog};
use robot::Verdict;

/// The name that is kept with what is done at the machine itself.
const OPERATOR: &str = "operator";

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
        let anywhere = may_everywhere(caller, P::RESOURCE, P::ACTION);
        return Err(if anywhere { Error::not_found(missing()) } else { caller.refusal() });
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
    if Standing::unread(caller, project).may(resource, action) {
        return Ok(true);
    }
    Ok(Standing::of(app, caller, project).await?.may(resource, action))
}

/// Whether a caller may do one thing in every project, whichever there are.
fn may_everywhere(caller: &Caller, resource: Resource, action: Action) -> bool {
    match caller {
        Caller::Person(_) | Caller::Limited(_) => caller.is_sysadmin() && action != Action::ScannerPull,
        Caller::Robot(robot) => robot.may_everywhere(resource, action),
        Caller::Anonymous | Caller::Token(_) => false,
    }
}

/// Whether a caller may do one thing to the system: administrators may, and robots of the system to which it was granted.
pub fn may_system(caller: &Caller, resource: SystemResource, action: Action) -> bool {
    match caller {
        Caller::Person(_) | Caller::Limited(_) => caller.is_sysadmin(),
        Caller::Robot(robot) => robot.may_on_system(resource, action),
        Caller::Anonymous | Caller::Token(_) => false,
    }
}

/// Where somebody may do a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    /// In all projects, and outside of any.
    Everywhere,
    /// In all projects but these.
    EveryProjectBut(Vec<i64>),
    /// In the projects of these ids.
    In(Vec<i64>),
}

/// Where a caller may do one thing in projects by what was granted to them, apart from what public projects let everybody
/// do.
///
/// # Errors
/// Only when the database fails.
pub async fn extent<P: Permission>(app: &App, caller: &Caller) -> Result<Extent> {
    let mut projects: Vec<i64> = match caller {
        Caller::Person(_) | Caller::Limited(_) if may_everywhere(caller, P::RESOURCE, P::ACTION) => {
            return Ok(Extent::EveryProjectBut(Vec::new()));
        }
        Caller::Person(person) => projects_of::<P>(app, person).await?,
        Caller::Limited(limited) => {
            let covered = |project: &i64| limited.limits.cover_in(*project, P::RESOURCE, P::ACTION);
            let mine = projects_of::<P>(app, &limited.person).await?;
            mine.into_iter().filter(covered).collect()
        }
        Caller::Robot(robot) if robot.unnamed(P::RESOURCE, P::ACTION) == Verdict::Allowed => {
            return Ok(Extent::EveryProjectBut(robot.denied(P::RESOURCE, P::ACTION).collect()));
        }
        Caller::Robot(robot) => robot.allowed(P::RESOURCE, P::ACTION).collect(),
        Caller::Anonymous | Caller::Token(_) => Vec::new(),
    };
    projects.sort_unstable();
    projects.dedup();
    Ok(Extent::In(projects))
}

/// The projects in which a person may do one thing by their roles.
async fn projects_of<P: Permission>(app: &App, person: &Person) -> Result<Vec<i64>> {
    let roles = members::memberships(app, person).await?.into_iter();
    let may = |role: Role| policy::role_may(role, P::RESOURCE, P::ACTION);
    Ok(roles.filter(|(_, role)| may(*role)).map(|(project, _)| project).collect())
}

/// Asks for one permission on the whole system.
///
/// # Errors
/// `Unauthorized` or `Forbidden`; the message of the latter is the caller's name, as clients expect.
pub fn require_system<P: SystemPermission>(caller: &Caller) -> Result<SystemGrant<P>> {
    if may_system(caller, P::RESOURCE, P::ACTION) {
        return Ok(SystemGrant::new(caller.actor()));
    }
    match caller {
        Caller::Person(_) | Caller::Limited(_) | Caller::Robot(_) => {
            Err(Error::new(Code::Forbidden, caller.actor()))
        }
        Caller::Anonymous | Caller::Token(_) => Err(caller.refusal()),
    }
}

/// The person at the machine: whoever can run the program on its own database may do everything with it anyway.
pub fn operator<P>() -> SystemGrant<P> {
    SystemGrant::new(OPERATOR.into())
}

/// Asks to list the repositories of all projects. A token that was fetched for it will do.
///
/// # Errors
/// As [`require_system`].
pub fn require_catalog(caller: &Caller) -> Result<SystemGrant<ReadCatalog>> {
    match caller {
        Caller::Token(token) if token.catalog && !token.expired => Ok(SystemGrant::new(caller.actor())),
        _ => require_system(caller),
    }
}

/// Asks only that the caller is somebody, person or robot, whatever they may do.
///
/// # Errors
/// `Unauthorized` for an anonymous caller.
pub fn require_authenticated(caller: &Caller) -> Result<()> {
    match caller {
        Caller::Person(_) | Caller::Limited(_) | Caller::Robot(_) => Ok(()),
        Caller::Anonymous | Caller::Token(_) => Err(Error::new(Code::Unauthorized, "unauthorized")),
    }
}

/// Asks for somebody who may read over the REST API what needs no further permission.
///
/// # Errors
/// `Unauthorized` for an anonymous caller, `Forbidden` for a token that was not made for reading.
pub fn require_reader(caller: &Caller) -> Result<()> {
    match caller {
        Caller::Limited(limited) if !limited.limits.cover_reading() => Err(caller.refusal()),
        _ => require_authenticated(caller),
    }
}

/// As [`require_reader`], for what belongs to no project or tells of all of them.
///
/// # Errors
/// The same; also `Forbidden` for a token that is limited to projects.
pub fn require_reader_of_all(caller: &Caller) -> Result<()> {
    match caller {
        Caller::Limited(limited) if !limited.limits.cover_reading_everything() => Err(caller.refusal()),
        _ => require_authenticated(caller),
    }
}

/// Asks that there is a person behind the request, whatever they may do.
///
/// # Errors
/// `Unauthorized` for an anonymous caller, `Forbidden` for a robot.
pub fn require_known(caller: &Caller) -> Result<&Person> {
    match caller {
        Caller::Person(person) | Caller::Limited(Limited { person, .. }) => Ok(person),
        Caller::Robot(_) => Err(caller.refusal()),
        Caller::Anonymous | Caller::Token(_) => Err(Error::new(Code::Unauthorized, "unauthorized")),
    }
}

/// Asks for a person who may do whatever needs no further permission, such as making a project.
///
/// # Errors
/// As [`require_known`], and `Forbidden` for a token with limits that leave no room for it.
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
