//! Lines on their way to a syslog server.
//!
//! They are rows until they are sent, written with what they tell; so a server that is away loses none, and requests never
//! wait for it. One replica sends at a time. A line is sent twice when that replica dies between sending and deleting it.

use super::record::At;
use super::sql;
use super::syslog::{self, Target};
use crate::{App, Result, settings};
use haven_db::list::{batches, in_list};
use haven_db::{Tx, Value, params};
use haven_jobs::Wake;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Lines of one connection.
const BATCH: i64 = 1_000;
/// More than what one connection may take.
const LEASE: Duration = Duration::from_secs(60);
/// Connections of one run.
const ROUNDS: usize = 50;
/// While the server is away, more lines than this do not wait.
const MOST_WAITING: i64 = 200_000;
const ROWS: usize = 64;

/// What a process knows of forwarding.
pub struct Forwarding {
    wake: Wake,
    /// The name of this process where the lease says who sends.
    holder: String,
    /// The server was away at the last try; it is told once.
    is_away: AtomicBool,
}

impl Default for Forwarding {
    fn default() -> Self {
        let holder = uuid::Uuid::new_v4().to_string();
        Self { wake: Wake::default(), holder, is_away: AtomicBool::new(false) }
    }
}

/// Woken when a line of this process waits.
pub fn wake(app: &App) -> &Wake {
    &app.forwarding.wake
}

pub(super) async fn enqueue(app: &App, tx: &mut Tx, entries: &[At]) -> Result<()> {
    for some in entries.chunks(ROWS) {
        let lines: Vec<Value> = some.iter().map(|(at, entry)| syslog::message(*at, entry).into()).collect();
        tx.execute(&sql::insert_forward(some.len()), &lines).await?;
    }
    if !entries.is_empty() {
        let wake = app.forwarding.wake.clone();
        tx.on_commit(move || wake.wake());
    }
    Ok(())
}

/// Sends what waits, and returns how many lines that were. That the server is away is no error: they wait on.
///
/// # Errors
/// When the database fails.
pub async fn forward(app: &App) -> Result<u64> {
    let row = app.db.query_one(sql::FORWARD_WAITING, &[]).await?;
    let (first, last): (i64, i64) = (row.get(0)?, row.get(1)?);
    if last == 0 {
        return Ok(0);
    }
    let endpoint = settings::get(app).await?.audit_log_forward_endpoint.clone();
    let Ok(target) = Target::parse(&endpoint) else {
        // Nobody wants them any more. Where they were not kept in the database either, somebody may yet miss them.
        let dropped = app.db.execute(sql::DROP_FORWARD, params![last]).await?;
        tracing::warn!(
            lines = dropped,
            "audit lines that waited for a syslog server were dropped: there is none"
        );
        return Ok(0);
    };
    if last - first >= MOST_WAITING {
        let dropped = app.db.execute(sql::DROP_FORWARD, params![last - MOST_WAITING]).await?;
        tracing::error!(
            lines = dropped,
            "the syslog server is away for too long: the oldest lines were dropped"
        );
    }
    let mut sent = 0;
    for _ in 0..ROUNDS {
        if !take_lease(app).await? {
            return Ok(sent);
        }
        let rows = app.db.query(sql::FORWARD_BATCH, params![BATCH]).await?;
        let ids = rows.iter().map(|row| Ok(row.get(0)?)).collect::<Result<Vec<i64>>>()?;
        let lines = rows.iter().map(|row| Ok(row.get(1)?)).collect::<Result<Vec<String>>>()?;
        let arrived = lines.is_empty() || report(app, target.send(&lines).await);
        if arrived {
            sent += lines.len() as u64;
            delete(app, ids).await?;
        }
        if !arrived || (lines.len() as i64) < BATCH {
            app.db.execute(sql::LEAVE_FORWARD, params![app.forwarding.holder.as_str()]).await?;
            return Ok(sent);
        }
    }
    app.forwarding.wake.wake();
    Ok(sent)
}

/// The right to send, for a while. A lease that lasts longer than any can is from before the clock was turned back.
async fn take_lease(app: &App) -> Result<bool> {
    let now = app.clock.now();
    let lease = params![app.forwarding.holder.as_str(), now + LEASE, now, now + LEASE + LEASE];
    Ok(app.db.execute(sql::TAKE_FORWARD, lease).await? > 0)
}

async fn delete(app: &App, ids: Vec<i64>) -> Result<()> {
    for (marks, values) in batches(ids) {
        app.db.execute(&in_list(sql::DELETE_FORWARD, &marks), &values).await?;
    }
    Ok(())
}

/// Tells once that the server is away, and once that it is back.
fn report(app: &App, sent: io::Result<()>) -> bool {
    let was_away = app.forwarding.is_away.swap(sent.is_err(), Ordering::Relaxed);
    match sent {
        Err(error) if !was_away => {
            tracing::error!(%error, "the syslog server takes no audit lines; they wait in the database");
            false
        }
        Err(_) => false,
        Ok(()) => {
            if was_away {
                tracing::info!("the syslog server takes audit lines again");
            }
            true
        }
    }
}
