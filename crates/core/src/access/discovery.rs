//! What somebody is told of permissions: of their own, and of those that robots can be granted.

use super::caller::Caller;
use super::policy::{Resource, of_roles, of_system};
use super::{Standing, may_system, require_authenticated};
use crate::{App, Code, Error, Result, members, projects};

/// One line of a list of permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub resource: String,
    pub action: &'static str,
}

/// Which of the permissions that robots can be granted somebody may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Catalogue {
    /// Those on the system and those in projects.
    Whole,
    /// Only those in projects.
    Project,
}

/// Whether somebody may see the catalogue: whoever can make robots over the portal.
///
/// # Errors
/// `Unauthorized`, or `Forbidden` for whoever administers nothing, robots included.
pub async fn catalogue(app: &App, caller: &Caller) -> Result<Catalogue> {
    require_authenticated(caller)?;
    if caller.is_sysadmin() {
        return Ok(Catalogue::Whole);
    }
    let person = match caller {
        Caller::Limited(limited) if !limited.limits.cover_reading() => None,
        _ => caller.person(),
    };
    if let Some(person) = person
        && members::administers_any(app, person).await?
    {
        return Ok(Catalogue::Project);
    }
    let text = "forbidden: only admins(system and project) can access permissions";
    Err(Error::new(Code::Forbidden, text))
}

/// The caller's permissions below a scope: `/project/<id>`, what is below it, or `/system`; any other scope has none.
/// `relative` says them as seen from the scope, and only those that are there.
///
/// # Errors
/// `Unauthorized` for nobody.
pub async fn permissions_of(app: &App, caller: &Caller, scope: &str, relative: bool) -> Result<Vec<Listed>> {
    require_authenticated(caller)?;
    let scope = scope.trim_end_matches('/');
    let all = match Scope::read(scope) {
        None => Vec::new(),
        Some(Scope::System) => of_system()
            .filter(|(resource, action)| may_system(caller, *resource, *action))
            .map(|(resource, action)| Listed {
                resource: resource.as_str().to_owned(),
                action: action.as_str(),
            })
            .collect(),
        Some(Scope::Project(id)) => in_project(app, caller, id).await?,
    };
    Ok(if relative { all.into_iter().filter_map(|listed| seen_from(scope, &listed)).collect() } else { all })
}

/// What a scope is about.
enum Scope {
    System,
    Project(i64),
}

impl Scope {
    fn read(text: &str) -> Option<Self> {
        if text == "/system" || text.starts_with("/system/") {
            return Some(Self::System);
        }
        let id = text.strip_prefix("/project/")?.split('/').next()?;
        let digits = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| id.parse().ok().map(Self::Project))?
    }
}

async fn in_project(app: &App, caller: &Caller, id: i64) -> Result<Vec<Listed>> {
    let Some(project) = projects::by_id(app, id).await? else { return Ok(Vec::new()) };
    let standing = Standing::of(app, caller, &project).await?;
    let path = |resource: Resource| match resource {
        Resource::Project => format!("/project/{id}"),
        resource => format!("/project/{id}/{}", resource.as_str()),
    };
    let mine = of_roles().filter(|(resource, action)| standing.may(*resource, *action));
    Ok(mine.map(|(resource, action)| Listed { resource: path(resource), action: action.as_str() }).collect())
}

/// The resource as seen from the scope: `.` is the scope itself.
fn seen_from(scope: &str, listed: &Listed) -> Option<Listed> {
    let rest = listed.resource.strip_prefix(scope)?;
    let resource = match rest.strip_prefix('/') {
        Some(below) => below.to_owned(),
        None if rest.is_empty() => ".".to_owned(),
        None => return None,
    };
    Some(Listed { resource, action: listed.action })
}
