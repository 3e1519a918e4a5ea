//! The permissions of a robot in their three forms: as they are asked for and shown, as they are stored, and as they are
//! evaluated.
//!
//! Projects are asked for by name and stored by number: a project that is made again under the same name is another
//! one, and permissions in one that is gone are shown no more.

use super::Level;
use crate::access::{self, Action, Caller, Resource, Rights, SystemResource};
use crate::projects::{self, Project};
use crate::{App, Code, Error, Result};
use haven_oci::ProjectName;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// What may be done in one place, as on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// `system` or `project`.
    pub kind: String,
    /// `/` for the system; the name of a project, or `*` for all of them.
    pub namespace: String,
    pub access: Vec<Access>,
}

/// One thing that may be done, or that may not whatever else allows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    pub resource: String,
    pub action: String,
    /// `allow`, which is also meant when it is empty, or `deny`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub effect: String,
}

/// Where checked permissions count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place<P> {
    System,
    Everywhere,
    Project(P),
}

/// Permissions of which each could be granted.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) place: Place<ProjectName>,
    access: Vec<Access>,
}

/// Permissions in one place, as they are kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Stored {
    kind: Kind,
    /// Of kind `project`: none is all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    project: Option<i64>,
    access: Vec<Access>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    System,
    Project,
}

/// Reads what is asked for. Each place comes once, and each permission once in it.
///
/// # Errors
/// `BadRequest` for what cannot be granted to a robot of this level.
pub(super) fn check(level: Level, permissions: &[Permission]) -> Result<Vec<Asked>> {
    let bad = |text: String| Err(Error::bad_request(text));
    if permissions.is_empty() {
        return bad("bad request empty permission".to_owned());
    }
    if level == Level::Project && permissions.len() > 1 {
        return bad("bad request permission: a robot of a project has exactly one".to_owned());
    }
    let mut asked: Vec<Asked> = Vec::new();
    for permission in permissions {
        if permission.access.is_empty() {
            return bad("bad request empty access".to_owned());
        }
        let place = place(level, permission)?;
        for access in &permission.access {
            check_access(&place, access)?;
        }
        let at = asked.iter().position(|known| known.place == place).unwrap_or_else(|| {
            asked.push(Asked { place, access: Vec::new() });
            asked.len() - 1
        });
        for access in &permission.access {
            if !asked[at].access.contains(access) {
                asked[at].access.push(access.clone());
            }
        }
    }
    Ok(asked)
}

fn place(level: Level, permission: &Permission) -> Result<Place<ProjectName>> {
    match (permission.kind.as_str(), permission.namespace.as_str(), level) {
        ("system", "/", Level::System) => Ok(Place::System),
        ("system", _, Level::System) => Err(Error::bad_request("unknown namespace")),
        ("project", "*", Level::System) => Ok(Place::Everywhere),
        ("project", name, _) => Ok(Place::Project(projects::parse_name(name)?)),
        (kind, ..) => Err(Error::bad_request(format!("bad request permission level: {kind}"))),
    }
}

fn check_access<P>(place: &Place<P>, access: &Access) -> Result<()> {
    let Access { resource, action, effect } = access;
    let known = match (place, Action::from_word(action)) {
        (_, None) => false,
        (Place::System, Some(action)) => SystemResource::from_word(resource)
            .is_some_and(|resource| access::is_system_grantable(resource, action)),
        (_, Some(action)) => {
            Resource::from_word(resource).is_some_and(|resource| access::is_grantable(resource, action))
        }
    };
    if !known {
        return Err(Error::bad_request(format!("bad request permission: {resource}:{action}")));
    }
    if !matches!(effect.as_str(), "" | "allow" | "deny") {
        return Err(Error::bad_request(format!("bad request permission effect: {effect}")));
    }
    Ok(())
}

/// Finds the projects that are named, and holds what a robot grants against what it has itself.
///
/// # Errors
/// `Denied` for a robot that would make a stronger one, `NotFound` for a project that is not there.
pub(super) async fn resolve(
    app: &App,
    caller: &Caller,
    asked: Vec<Asked>,
    project: Option<&Project>,
) -> Result<Vec<Stored>> {
    let names: Vec<ProjectName> = asked
        .iter()
        .filter_map(|asked| match &asked.place {
            Place::Project(name) => Some(name.clone()),
            Place::System | Place::Everywhere => None,
        })
        .collect();
    let ids = projects::ids_of(app, &names).await?;
    let unknown = names.iter().find(|name| !ids.contains_key(name.as_str()));
    let stored: Vec<Stored> = asked.into_iter().filter_map(|asked| Stored::of(asked, &ids)).collect();
    if let Caller::Robot(robot) = caller {
        // Before it is told which projects there are.
        let within = robot.includes(&rights(&stored), project.map(|project| project.id));
        if !within || unknown.is_some() {
            let text =
                format!("permission scope is invalid. {} can grant only what it has itself", robot.name);
            return Err(Error::new(Code::Denied, text));
        }
    }
    match unknown {
        Some(name) => Err(Error::not_found(format!("project {name} not found"))),
        None => Ok(stored),
    }
}

impl Stored {
    fn of(asked: Asked, ids: &HashMap<String, i64>) -> Option<Self> {
        let (kind, project) = match &asked.place {
            Place::System => (Kind::System, None),
            Place::Everywhere => (Kind::Project, None),
            Place::Project(name) => (Kind::Project, Some(*ids.get(name.as_str())?)),
        };
        Some(Self { kind, project, access: asked.access })
    }

    /// The project that it names.
    pub(super) fn project(&self) -> Option<i64> {
        self.project
    }

    /// As on the wire; none when its project is gone.
    pub(super) fn shown(&self, names: &HashMap<i64, String>) -> Option<Permission> {
        let (kind, namespace) = match (self.kind, self.project) {
            (Kind::System, _) => ("system", "/".to_owned()),
            (Kind::Project, None) => ("project", "*".to_owned()),
            (Kind::Project, Some(id)) => ("project", names.get(&id)?.clone()),
        };
        Some(Permission { kind: kind.to_owned(), namespace, access: self.access.clone() })
    }
}

/// As they are evaluated. What this version does not know grants nothing.
pub(super) fn rights(stored: &[Stored]) -> Rights {
    let mut rights = Rights::default();
    for permission in stored {
        for Access { resource, action, effect } in &permission.access {
            let Some(action) = Action::from_word(action) else { continue };
            let denied = effect == "deny";
            match permission.kind {
                Kind::System => {
                    if let Some(resource) = SystemResource::from_word(resource) {
                        rights.on_system(access::Access { resource, action, denied });
                    }
                }
                Kind::Project => {
                    if let Some(resource) = Resource::from_word(resource) {
                        rights.in_project(permission.project, access::Access { resource, action, denied });
                    }
                }
            }
        }
    }
    rights
}
