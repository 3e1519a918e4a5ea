//! Robot accounts: programs that log in with a name and a secret of their own, and may do what was granted to them and
//! nothing else. Owns `robot`.
//!
//! Which permission an operation needs depends on the level of the robot: on the system, or in its project. So the
//! operations take the caller, and each asks [`crate::access`] before it shows or changes anything.

mod create;
mod legacy;
mod list;
mod login;
mod permissions;
mod secret;
mod sql;
#[cfg(test)]
mod tests;
mod update;

pub use create::{Created, NewRobot, create};
pub use legacy::{NewProjectRobot, create_in, delete_in, disable_in, get_in};
pub use list::{get, list, list_in, named};
pub use permissions::{Access, Permission};
pub use update::{Change, delete, refresh, update};

pub(crate) use login::{Found, find};

use crate::access::{self, Caller, Permission as Needed, SystemPermission, require_authenticated};
use crate::projects::Project;
use crate::{App, Error, Result};
use haven_db::{Timestamp, Tx, params};
use permissions::Stored;

/// Where a robot belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// To the whole system; its permissions name projects, or all of them.
    System,
    /// To one project.
    Project,
}

impl Level {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Project => "project",
        }
    }

    /// # Errors
    /// `BadRequest` for any other word.
    fn read(word: &str) -> Result<Self> {
        match word {
            "system" => Ok(Self::System),
            "project" => Ok(Self::Project),
            _ => Err(Error::bad_request(format!("bad request error level input: {word}"))),
        }
    }
}

/// A robot account as lists show it. Its secret is shown by nothing.
#[derive(Clone, Debug)]
pub struct RobotAccount {
    pub id: i64,
    /// As it is presented, with the prefix of all robots.
    pub name: String,
    pub description: String,
    pub level: Level,
    /// In days, -1 for ever.
    pub duration: i64,
    pub disabled: bool,
    /// Never: none.
    pub expires_at: Option<Timestamp>,
    pub permissions: Vec<Permission>,
    /// `local` a user, `robot` a robot.
    pub creator_type: String,
    pub creator_id: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A row of `robot`.
#[derive(Clone, Debug)]
struct Row {
    id: i64,
    /// Without the prefix.
    name: String,
    description: String,
    project: Option<i64>,
    duration: i64,
    disabled: bool,
    expires_at: Option<Timestamp>,
    permissions: Vec<Stored>,
    creator_type: String,
    creator_id: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Row {
    fn level(&self) -> Level {
        if self.project.is_some() { Level::Project } else { Level::System }
    }
}

/// Never ending, as a duration.
const FOR_EVER: i64 = -1;
/// The longest duration in days.
const LONGEST: i64 = (1 << 31) - 2;
/// The longest name that is stored, with the project's.
const LONGEST_NAME: usize = 255;
const LONGEST_DESCRIPTION: usize = 1024;

fn check_duration(days: i64) -> Result<()> {
    if days == FOR_EVER || (1..=LONGEST).contains(&days) {
        return Ok(());
    }
    Err(Error::bad_request(format!(
        "bad request error duration input: {days}, duration must be either -1(Never) or a positive integer"
    )))
}

fn check_description(text: &str) -> Result<()> {
    if text.len() <= LONGEST_DESCRIPTION {
        return Ok(());
    }
    Err(Error::bad_request(format!("the description of a robot has at most {LONGEST_DESCRIPTION} bytes")))
}

/// The end of a robot that was made then; one that is beyond all reckoning is the last there is.
fn end(made: Timestamp, days: i64) -> Option<Timestamp> {
    const DAY: i64 = 24 * 60 * 60;
    let seconds = days.checked_mul(DAY)?;
    (days != FOR_EVER).then(|| Timestamp(made.0.saturating_add(Timestamp::from_secs(seconds).0)))
}

fn unknown(id: i64) -> Error {
    Error::not_found(format!("robot {id} not found"))
}

/// A robot to which the caller may do `P`, with its project. Who has not logged in does not learn which there are.
async fn open<P: Needed + SystemPermission>(
    app: &App,
    caller: &Caller,
    id: i64,
) -> Result<(Row, Option<Project>)> {
    require_authenticated(caller)?;
    let row = app.db.query_opt(sql::BY_ID, params![id]).await?.ok_or_else(|| unknown(id))?;
    let row = sql::robot(&row)?;
    let project = match row.project {
        Some(project) => Some(access::require_by_id::<P>(app, caller, project).await?.project),
        None => {
            access::require_system::<P>(caller)?;
            None
        }
    };
    Ok((row, project))
}

/// Takes all robots of a project, which goes.
pub(crate) async fn remove_of_project(tx: &mut Tx, project: i64) -> Result<()> {
    tx.execute(sql::DELETE_OF_PROJECT, params![project]).await?;
    Ok(())
}
