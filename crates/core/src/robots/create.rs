//! Making robots.

use super::permissions::{self, Permission, Place, Stored};
use super::{LONGEST_NAME, Level, check_description, check_duration, end, secret, sql};
use crate::access::{self, Caller, Limited, permissions::CreateRobot};
use crate::audit::{self, Act, Entry};
use crate::projects::{self, Project};
use crate::{App, Code, Error, Result, settings};
use haven_db::{Timestamp, params};
use haven_oci::ProjectName;

/// A robot to be made.
#[derive(Debug, Default)]
pub struct NewRobot {
    /// Without prefix and project.
    pub name: String,
    pub description: String,
    /// `system` or `project`.
    pub level: String,
    /// In days, -1 for ever.
    pub duration: i64,
    pub permissions: Vec<Permission>,
}

/// A robot that was made, with its secret, which nothing tells again.
#[derive(Debug)]
pub struct Created {
    pub id: i64,
    /// As it is presented.
    pub name: String,
    pub secret: String,
    pub created_at: Timestamp,
    /// Never: none.
    pub expires_at: Option<Timestamp>,
}

/// What is to be written of a robot.
pub(super) struct Draft {
    pub(super) name: ProjectName,
    pub(super) description: String,
    pub(super) project: Option<Project>,
    pub(super) created_at: Timestamp,
    pub(super) duration: i64,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) permissions: Vec<Stored>,
}

/// Makes a robot. Whoever is a robot can give it only what it has itself.
///
/// # Errors
/// `BadRequest` for what no robot can be; `Unauthorized` or `Forbidden` for whoever may make no robots there, `Denied` for
/// a robot that would make a stronger one; `NotFound` for an unknown project; `Conflict` when the name is taken.
pub async fn create(app: &App, caller: &Caller, new: NewRobot) -> Result<Created> {
    let name = check_name(&new.name)?;
    check_duration(new.duration)?;
    check_description(&new.description)?;
    let level = Level::read(&new.level)?;
    let asked = permissions::check(level, &new.permissions)?;
    let project = match (level, asked.first().map(|asked| &asked.place)) {
        (Level::Project, Some(Place::Project(name))) => {
            Some(access::require::<CreateRobot>(app, caller, name).await?.project)
        }
        _ => {
            access::require_system::<CreateRobot>(caller)?;
            None
        }
    };
    let permissions = permissions::resolve(app, caller, asked, project.as_ref()).await?;
    let created_at = app.clock.now();
    let draft = Draft {
        name,
        description: new.description,
        project,
        created_at,
        duration: new.duration,
        expires_at: end(created_at, new.duration),
        permissions,
    };
    record(app, caller, draft).await
}

/// The same rule as for the names of projects: whatever else is in a full name is prefix or plus.
pub(super) fn check_name(name: &str) -> Result<ProjectName> {
    name.parse()
        .map_err(|_| Error::bad_request("robot name is not in lower case or contains illegal characters"))
}

/// Writes the robot with a secret that is made up.
pub(super) async fn record(app: &App, caller: &Caller, draft: Draft) -> Result<Created> {
    let name = match &draft.project {
        Some(project) => format!("{}+{}", project.name, draft.name),
        None => draft.name.to_string(),
    };
    if name.len() > LONGEST_NAME {
        let text = format!("robot name is longer than {LONGEST_NAME} bytes with that of its project");
        return Err(Error::bad_request(text));
    }
    let project = draft.project.map(|project| project.id);
    let permissions = serde_json::to_string(&draft.permissions)
        .map_err(|error| Error::internal("permissions as JSON").because(error))?;
    let (creator, creator_id) = creator(caller)?;
    let (secret, stored) = secret::make()?;
    let prefix = settings::get(app).await?.robot_name_prefix.clone();

    let mut tx = app.db.begin().await?;
    let row = params![
        name.as_str(),
        draft.description,
        project,
        stored,
        draft.duration,
        draft.expires_at.unwrap_or(Timestamp::ZERO),
        permissions,
        creator,
        creator_id,
        draft.created_at
    ];
    let Some(row) = tx.query_opt(sql::INSERT, row).await? else {
        let text = format!("robot account {}:{name} already exists", project.unwrap_or(0));
        return Err(Error::new(Code::Conflict, text));
    };
    let id = row.get(0)?;
    if let Some(project) = project
        && !projects::is_live(&mut tx, project).await?
    {
        return Err(Error::not_found(format!("project {project} not found")));
    }
    let name = prefix + &name;
    let entry = Entry::new(Act::CreateRobot, &caller.actor(), name.as_str());
    let entry = entry.in_project(project.unwrap_or_default());
    audit::record(app, &mut tx, entry).await?;
    tx.commit().await?;
    Ok(Created { id, name, secret, created_at: draft.created_at, expires_at: draft.expires_at })
}

fn creator(caller: &Caller) -> Result<(&'static str, i64)> {
    match caller {
        Caller::Person(person) | Caller::Limited(Limited { person, .. }) => Ok(("local", person.id)),
        Caller::Robot(robot) => Ok(("robot", robot.id)),
        Caller::Anonymous | Caller::Token(_) => Err(caller.refusal()),
    }
}
