//! The older way to manage the robots of a project, below the path of the project.

use super::create::{Draft, check_name, record};
use super::list::show_one;
use super::permissions::{self, Access, Permission};
use super::update::{changed, remove};
use super::{Created, FOR_EVER, LONGEST, Level, RobotAccount, Row, check_description, end, sql, unknown};
use crate::access::permissions::{CreateRobot, DeleteRobot, ReadRobot, UpdateRobot};
use crate::access::{Caller, Grant};
use crate::{App, Error, Result, settings};
use haven_db::{Timestamp, params};

/// A robot to be made in a project.
#[derive(Debug, Default)]
pub struct NewProjectRobot {
    pub name: String,
    pub description: String,
    /// Seconds since 1970, -1 for never; 0 leaves it to the setting `robot_token_duration`.
    pub expires_at: i64,
    /// Resources are named as they are, or with `/project/<id>/` before them.
    pub access: Vec<Access>,
}

/// Makes a robot in a project.
///
/// # Errors
/// As [`super::create`]; `BadRequest` also for a time that is over.
pub async fn create_in(
    app: &App,
    caller: &Caller,
    grant: &Grant<CreateRobot>,
    new: NewProjectRobot,
) -> Result<Created> {
    let name = check_name(&new.name)?;
    check_description(&new.description)?;
    let own = format!("/project/{}/", grant.project.id);
    let bare = |access: Access| match access.resource.strip_prefix(&own) {
        Some(resource) => Access { resource: resource.to_owned(), ..access },
        None => access,
    };
    let permission = Permission {
        kind: "project".to_owned(),
        namespace: grant.project.name.to_string(),
        access: new.access.into_iter().map(bare).collect(),
    };
    let asked = permissions::check(Level::Project, &[permission])?;
    let created_at = app.clock.now();
    let (duration, expires_at) = until(app, created_at, new.expires_at).await?;
    let permissions = permissions::resolve(app, caller, asked, Some(&grant.project)).await?;
    let draft = Draft {
        name,
        description: new.description,
        project: Some(grant.project.clone()),
        created_at,
        duration,
        expires_at,
        permissions,
    };
    record(app, caller, draft).await
}

/// The duration in days, begun ones counted whole, and the end.
async fn until(app: &App, now: Timestamp, expires_at: i64) -> Result<(i64, Option<Timestamp>)> {
    match expires_at {
        FOR_EVER => Ok((FOR_EVER, None)),
        0 => {
            let days = settings::get(app).await?.robot_token_duration.min(LONGEST);
            Ok((days, end(now, days)))
        }
        seconds if seconds > now.as_secs() => {
            let days = (seconds - now.as_secs()).div_euclid(86_400) + 1;
            Ok((days.min(LONGEST), Some(Timestamp::from_secs(seconds))))
        }
        _ => Err(Error::bad_request("bad request error expires_at input: that time is over")),
    }
}

/// One robot of a project.
///
/// # Errors
/// `NotFound` also for one of another project.
pub async fn get_in(app: &App, grant: &Grant<ReadRobot>, id: i64) -> Result<RobotAccount> {
    let robot = find(app, grant.project.id, id).await?;
    show_one(app, robot).await
}

/// Describes a robot of a project, and switches it on or off; what is not given stays.
///
/// # Errors
/// As [`get_in`].
pub async fn disable_in(
    app: &App,
    grant: &Grant<UpdateRobot>,
    id: i64,
    disabled: Option<bool>,
    description: Option<String>,
) -> Result<()> {
    find(app, grant.project.id, id).await?;
    check_description(description.as_deref().unwrap_or_default())?;
    let row = params![id, description, disabled, app.clock.now()];
    changed(id, app.db.execute(sql::DISABLE, row).await?)
}

/// Deletes a robot of a project.
///
/// # Errors
/// As [`get_in`].
pub async fn delete_in(app: &App, grant: &Grant<DeleteRobot>, id: i64) -> Result<()> {
    let robot = find(app, grant.project.id, id).await?;
    remove(app, &grant.actor, &robot).await
}

async fn find(app: &App, project: i64, id: i64) -> Result<Row> {
    let row = app.db.query_opt(sql::BY_ID, params![id]).await?;
    let robot = row.as_ref().map(sql::robot).transpose()?;
    robot.filter(|robot| robot.project == Some(project)).ok_or_else(|| unknown(id))
}
