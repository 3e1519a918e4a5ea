//! What happened, and what follows from it: a transactional outbox. Owns `event`, `event_lane` and `event_set_aside`.
//!
//! An operation writes an event in its own transaction. Afterwards the dispatcher of some replica takes the row and lets
//! [`reactions`] do what follows, in the transaction in which the row goes: a crash loses no event and repeats none.

mod aside;
mod dispatch;
mod reactions;
mod sql;
#[cfg(test)]
mod tests;

pub use aside::{SetAside, put_back, set_aside};
pub use dispatch::dispatch;

use crate::{App, Error, Result};
use haven_db::{Timestamp, Tx, params};
use haven_jobs::Wake;
use serde::{Deserialize, Serialize};

/// How many events wait, each up to a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// For what follows from them.
    pub due: i64,
    /// For somebody to look at them.
    pub set_aside: i64,
}

/// As many as the rows of `event_lane`. A project's events have one lane for good.
const LANES: i64 = 8;
/// Of what waits, more than this is not counted.
const COUNTED: i64 = 100_000;

/// Something that happened. The names and members are stored: a version that renames one still has to read the old ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A manifest was put, under a tag or its digest, whether or not it was there before.
    ArtifactPushed { repository: String, artifact_id: i64, digest: String, tag: Option<String> },
    /// An artifact was deleted with its tags, the newest of them first. What went with it has no event of its own.
    ArtifactDeleted { repository: String, digest: String, tags: Vec<String> },
    /// An artifact got one more name.
    TagCreated { repository: String, digest: String, tag: String },
    /// A name was taken away; what it named stays.
    TagDeleted { repository: String, digest: String, tag: String },
    /// A repository was deleted with all that was in it.
    RepositoryDeleted { name: String },
    /// A project was deleted.
    ProjectDeleted { name: String },
}

/// An event with who made it, where and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurred {
    pub id: i64,
    /// 0: in no project.
    pub project_id: i64,
    /// Empty for nobody.
    pub actor: String,
    pub at: Timestamp,
    pub event: Event,
}

/// Writes an event with its cause. Do it after the rows that it is about were locked, so that what happens to one
/// repository is told in the order in which it happened.
pub(crate) async fn emit(app: &App, tx: &mut Tx, project_id: i64, actor: &str, event: &Event) -> Result<()> {
    let payload = serde_json::to_string(event).map_err(|error| Error::internal("an event").because(error))?;
    let row = params![lane(project_id), project_id, actor, payload, app.clock.now()];
    tx.execute(sql::INSERT, row).await?;
    let wake = app.events.clone();
    tx.on_commit(move || wake.wake());
    Ok(())
}

/// Woken when an event of this process is there.
pub fn wake(app: &App) -> &Wake {
    &app.events
}

/// How many events wait, here or at any other replica.
///
/// # Errors
/// When the database fails.
pub async fn waiting(app: &App) -> Result<Waiting> {
    let row = app.db.query_one(sql::WAITING, params![COUNTED]).await?;
    Ok(Waiting { due: row.get(0)?, set_aside: row.get(1)? })
}

fn lane(project_id: i64) -> i64 {
    project_id.rem_euclid(LANES)
}
