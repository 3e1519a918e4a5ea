//! Taking events from the outbox, one lane at a time.
//!
//! A replica that works on a lane holds the lane's row in the transaction that does the work, so no two work on one, and
//! when a process dies its hold is gone with it. Lanes keep the order within a project and let replicas work side by side.

use super::{Event, Occurred, aside, reactions, sql};
use crate::{App, Code, Error, Result};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use haven_db::list::{batches, in_list};
use haven_db::{Row, Tx, Value, params};
use std::panic::AssertUnwindSafe;

/// Done in one transaction; on SQLite everybody else's writes wait meanwhile.
const BATCH: i64 = 32;
/// How often each lane gets its turn before whoever asked for the run gets theirs.
const ROUNDS: usize = 20;

/// What follows from an event.
pub(super) type Reaction = for<'a> fn(&'a mut Tx, &'a Occurred) -> BoxFuture<'a, Result<()>>;

/// How far the work on a lane has come.
enum Worked {
    /// So many events are done, and there may be more.
    Some(u64),
    /// There is nothing to do now, or another replica does it.
    Nothing,
    /// This event failed, and nothing was done.
    Failed(i64, Error),
}

/// Lets happen what follows from all events that are due, and returns how many they were. Safe on several replicas.
///
/// # Errors
/// When the database fails; what was being done is undone, and the next run does it.
pub async fn dispatch(app: &App) -> Result<u64> {
    dispatch_with(app, |tx, occurred| Box::pin(reactions::react(tx, occurred))).await
}

pub(super) async fn dispatch_with(app: &App, reaction: Reaction) -> Result<u64> {
    let mut done = 0;
    for _ in 0..ROUNDS {
        let mut moved = false;
        for row in app.db.query(sql::LANES_WITH_WORK, params![app.clock.now()]).await? {
            let lane: i64 = row.get(0)?;
            match work(app, lane, reaction).await? {
                Worked::Nothing => continue,
                Worked::Some(count) => done += count,
                Worked::Failed(id, error) => aside::failed(app, lane, id, &error).await?,
            }
            moved = true;
        }
        if !moved {
            return Ok(done);
        }
    }
    app.events.wake();
    Ok(done)
}

/// The next events of a lane, all of them or none.
async fn work(app: &App, lane: i64, reaction: Reaction) -> Result<Worked> {
    let mut tx = app.db.begin().await?;
    if tx.query_opt(sql::TAKE_LANE, params![lane]).await?.is_none() {
        return Ok(Worked::Nothing);
    }
    let rows = tx.query(sql::BATCH, params![lane, app.clock.now(), BATCH]).await?;
    if rows.is_empty() {
        return Ok(Worked::Nothing);
    }
    let mut ids = Vec::with_capacity(rows.len());
    for row in &rows {
        let id: i64 = row.get(0)?;
        let reacted = match occurred(row) {
            Ok(occurred) => AssertUnwindSafe(reaction(&mut tx, &occurred)).catch_unwind().await,
            Err(error) => Ok(Err(error)),
        };
        match reacted.unwrap_or_else(|_| Err(Error::internal("a reaction panicked"))) {
            Ok(()) => ids.push(id),
            Err(error) => return Ok(Worked::Failed(id, error)),
        }
    }
    let done = ids.len() as u64;
    delete(&mut tx, ids).await?;
    tx.commit().await?;
    Ok(Worked::Some(done))
}

async fn delete(tx: &mut Tx, ids: Vec<i64>) -> Result<()> {
    for (marks, values) in batches(ids) {
        tx.execute(&in_list(sql::DELETE, &marks), &values as &[Value]).await?;
    }
    Ok(())
}

/// An event that this version does not know was written by a newer one.
fn occurred(row: &Row) -> Result<Occurred> {
    let payload: String = row.get(4)?;
    let event: Event = serde_json::from_str(&payload)
        .map_err(|error| Error::new(Code::Unsupported, "an event that cannot be read").because(error))?;
    Ok(Occurred { id: row.get(0)?, project_id: row.get(1)?, actor: row.get(2)?, at: row.get(3)?, event })
}
