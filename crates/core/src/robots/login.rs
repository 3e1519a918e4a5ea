//! From a name and a secret to a robot. Each log-in reads the row and writes none: what changed counts at once.

use super::{permissions, secret, sql};
use crate::access::{Caller, Robot};
use crate::identity::{Candidate, Holder};
use crate::{App, Result, settings};
use haven_db::params;

/// What is known of a name that is presented with a secret.
pub(crate) enum Found {
    /// It is this robot's, and so is the secret.
    Known(Box<Candidate>),
    /// It is a robot's whose secret somebody chose; whether it is this one takes a password check.
    Chosen(Box<Candidate>),
    /// It is no robot's that could log in now, or the secret is another.
    Nothing,
}

/// Looks for the robot of a name.
pub(crate) async fn find(app: &App, principal: &str, secret: &str) -> Result<Found> {
    let settings = settings::get(app).await?;
    let name = principal.strip_prefix(settings.robot_name_prefix.as_str());
    let Some(name) = name.filter(|name| is_possible(name)) else { return Ok(Found::Nothing) };
    let Some(row) = app.db.query_opt(sql::FOR_LOGIN, params![name, app.clock.now()]).await? else {
        return Ok(Found::Nothing);
    };
    let (id, stored): (i64, String) = (row.get(0)?, row.get(2)?);
    let made = secret::is_made(&stored, secret)?;
    if made == Some(false) {
        return Ok(Found::Nothing);
    }
    let rights = permissions::rights(&sql::permissions(&row, 4)?);
    let robot = Robot { id, name: principal.to_owned(), project: row.get(1)?, rights };
    let (caller, holder) = (Caller::Robot(robot), Holder::Robot(id));
    let candidate = Box::new(Candidate { caller, holder, version: row.get(3)?, stored });
    Ok(if made == Some(true) { Found::Known(candidate) } else { Found::Chosen(candidate) })
}

/// Whether a robot could have that name; anything else need not be looked for.
fn is_possible(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-+".contains(&byte);
    (1..=super::LONGEST_NAME).contains(&name.len()) && name.bytes().all(allowed)
}
