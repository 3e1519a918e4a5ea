//! Changing and deleting robots.

use super::permissions::{self, Permission, Place};
use super::{Level, Row, check_description, check_duration, end, open, secret, sql, unknown};
use crate::access::{Caller, permissions::DeleteRobot, permissions::UpdateRobot};
use crate::audit::{self, Act, Entry};
use crate::{App, Error, Result, identity, settings};
use haven_db::{Timestamp, params};

/// What a robot is to be. Level and name only say which robot is meant: they cannot change.
#[derive(Debug, Default)]
pub struct Change {
    pub level: String,
    /// With prefix and project.
    pub name: String,
    pub description: String,
    /// In days, -1 for ever; none: as it was. It counts from when the robot was made.
    pub duration: Option<i64>,
    pub disabled: bool,
    /// In the place of those that it had.
    pub permissions: Vec<Permission>,
}

/// Changes a robot; what it may do from now on counts with its next request.
///
/// # Errors
/// `BadRequest` for what no robot can be, or for another level, name or project; `NotFound`; and for whoever may not.
pub async fn update(app: &App, caller: &Caller, id: i64, change: Change) -> Result<()> {
    let level = Level::read(&change.level)?;
    change.duration.map_or(Ok(()), check_duration)?;
    check_description(&change.description)?;
    let asked = permissions::check(level, &change.permissions)?;
    let (robot, project) = open::<UpdateRobot>(app, caller, id).await?;
    let prefix = settings::get(app).await?.robot_name_prefix.clone();
    if level != robot.level() || change.name != prefix + &robot.name {
        return Err(Error::bad_request("cannot update the level or name of robot"));
    }
    if let (Some(project), Some(Place::Project(name))) = (&project, asked.first().map(|asked| &asked.place))
        && *name != project.name
    {
        return Err(Error::bad_request("cannot update the project id of robot"));
    }
    let permissions = permissions::resolve(app, caller, asked, project.as_ref()).await?;
    let permissions = serde_json::to_string(&permissions)
        .map_err(|error| Error::internal("permissions as JSON").because(error))?;
    let expires_at = change.duration.and_then(|days| end(robot.created_at, days)).unwrap_or(Timestamp::ZERO);
    let row = params![
        id,
        change.description,
        change.disabled,
        change.duration,
        expires_at,
        permissions,
        app.clock.now()
    ];
    changed(id, app.db.execute(sql::UPDATE, row).await?)
}

/// Gives a robot another secret, one that is made up unless it is chosen. Only one that was made up is told.
///
/// # Errors
/// `BadRequest` for a chosen secret that breaks the rule, `NotFound`, and for whoever may not.
pub async fn refresh(app: &App, caller: &Caller, id: i64, chosen: &str) -> Result<Option<String>> {
    open::<UpdateRobot>(app, caller, id).await?;
    let (made, stored) = if chosen.is_empty() {
        let (secret, stored) = secret::make()?;
        (Some(secret), stored)
    } else {
        identity::check_rule(chosen)?;
        (None, identity::hash(app, chosen).await?)
    };
    changed(id, app.db.execute(sql::NEW_SECRET, params![id, stored, app.clock.now()]).await?)?;
    Ok(made)
}

/// Deletes a robot.
///
/// # Errors
/// `NotFound`, and for whoever may not.
pub async fn delete(app: &App, caller: &Caller, id: i64) -> Result<()> {
    let (robot, _) = open::<DeleteRobot>(app, caller, id).await?;
    remove(app, &caller.actor(), &robot).await
}

/// Deletes a robot, and records who did.
pub(super) async fn remove(app: &App, actor: &str, robot: &Row) -> Result<()> {
    let name = settings::get(app).await?.robot_name_prefix.clone() + &robot.name;
    let mut tx = app.db.begin().await?;
    changed(robot.id, tx.execute(sql::DELETE, params![robot.id]).await?)?;
    let entry = Entry::new(Act::DeleteRobot, actor, name).in_project(robot.project.unwrap_or_default());
    audit::record(app, &mut tx, entry).await?;
    Ok(tx.commit().await?)
}

/// No row: it was deleted meanwhile.
pub(super) fn changed(id: i64, rows: u64) -> Result<()> {
    if rows > 0 { Ok(()) } else { Err(unknown(id)) }
}
