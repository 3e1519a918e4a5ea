//! Events that fail: they are tried again, ever more slowly, and at last set aside, so that others go on.

use super::{lane, sql};
use crate::{App, Code, Error, Result};
use haven_db::{Row, Timestamp, params};
use std::error::Error as StdError;
use std::time::Duration;

/// The first pause; each further one is twice as long.
const PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// Some minutes after the first failure.
const MOST_ATTEMPTS: i64 = 8;
/// Nobody has looked for so long.
const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);
/// Of why it failed.
const MOST_TEXT: usize = 1_000;

/// An event that was set aside, as it is stored.
#[derive(Clone, Debug)]
pub struct SetAside {
    pub id: i64,
    pub project_id: i64,
    pub actor: String,
    /// JSON: the kind of event and what it says.
    pub payload: String,
    pub happened_at: Timestamp,
    pub attempts: i64,
    /// Why it failed at last.
    pub error: String,
    pub set_aside_at: Timestamp,
}

/// Records that an event failed. While the database is busy or away it is tried for ever: that is not the event's fault.
pub(super) async fn failed(app: &App, lane: i64, id: i64, error: &Error) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    tx.query_one(sql::HOLD_LANE, params![lane]).await?;
    let counted = tx.query_opt(sql::COUNT_FAILURE, params![id, story(error)]).await?;
    // Another replica may have done better in the meantime.
    let Some(row) = counted else { return Ok(()) };
    let attempts: i64 = row.get(0)?;
    let hopeless = attempts >= MOST_ATTEMPTS && error.code != Code::Unavailable;
    if hopeless {
        tx.execute(sql::SET_ASIDE, params![id, now]).await?;
        tx.execute(sql::DELETE_ONE, params![id]).await?;
        tx.execute(sql::FORGET_SET_ASIDE, params![now - KEPT]).await?;
    } else {
        tx.execute(sql::PUT_OFF, params![id, now + pause(attempts)]).await?;
    }
    tx.commit().await?;
    let error = error as &dyn StdError;
    if hopeless {
        tracing::error!(event.id = id, attempts, error, "an event was set aside: see `haven admin events`");
    } else {
        tracing::warn!(event.id = id, attempts, error, "an event failed and will be tried again");
    }
    Ok(())
}

/// The events that were set aside, oldest first, at most this many.
///
/// # Errors
/// When the database fails.
pub async fn set_aside(app: &App, limit: i64) -> Result<Vec<SetAside>> {
    app.db.query(sql::ALL_SET_ASIDE, params![limit]).await?.iter().map(read).collect()
}

/// Puts an event that was set aside back among the others, and returns whether there was one. The dispatcher of a
/// running server finds it within seconds.
///
/// # Errors
/// When the database fails.
pub async fn put_back(app: &App, event: &SetAside) -> Result<bool> {
    let mut tx = app.db.begin().await?;
    if tx.execute(sql::PUT_BACK, params![event.id, lane(event.project_id)]).await? == 0 {
        return Ok(false);
    }
    tx.execute(sql::DELETE_SET_ASIDE, params![event.id]).await?;
    let wake = app.events.clone();
    tx.on_commit(move || wake.wake());
    tx.commit().await?;
    Ok(true)
}

fn read(row: &Row) -> Result<SetAside> {
    Ok(SetAside {
        id: row.get(0)?,
        project_id: row.get(1)?,
        actor: row.get(2)?,
        payload: row.get(3)?,
        happened_at: row.get(4)?,
        attempts: row.get(5)?,
        error: row.get(6)?,
        set_aside_at: row.get(7)?,
    })
}

fn pause(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(16);
    PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

/// The error with all its causes.
fn story(error: &Error) -> String {
    let mut story = error.to_string();
    let mut cause = StdError::source(error);
    while let Some(inner) = cause {
        story.push_str(": ");
        story.push_str(&inner.to_string());
        cause = inner.source();
    }
    story.chars().take(MOST_TEXT).collect()
}
