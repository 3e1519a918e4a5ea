//! How often and when things were pulled.
//!
//! A pull writes nothing. Each process gathers what it served and adds it to the rows every few seconds and at its end,
//! together with the lines of the audit log. What a process had gathered when it was killed is not counted.

mod sql;

use crate::audit::{self, Act, At, Entry};
use crate::{App, Result, settings};
use haven_db::list::{batches, in_list};
use haven_db::{Timestamp, Tx, Value};
use haven_jobs::Wake;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Mutex as Turn;

/// Lines of the audit log that are kept in memory; what comes when there are so many is counted, but has no line.
const MOST_LINES: usize = 50_000;
/// Of these it is time to write.
const MANY_LINES: usize = 10_000;
/// Repositories, or lines, of one transaction: few large ones write each page of a table few times. No
/// more than one statement has in a list: all are held at once, in the order of their names.
const REPOSITORIES: usize = 512;
const LINES: usize = 2_048;
/// Rows of one statement.
const ROWS: usize = 64;

/// A manifest that was handed out.
pub(crate) struct Pull<'a> {
    pub(crate) project_id: i64,
    pub(crate) repository_id: i64,
    pub(crate) artifact_id: i64,
    /// Where it was asked for by a tag.
    pub(crate) tag_id: Option<i64>,
    pub(crate) actor: &'a str,
    /// As it was asked for.
    pub(crate) name: String,
}

/// What this process served since it was last written down.
#[derive(Default)]
pub struct Pulls {
    gathered: Mutex<Gathered>,
    wake: Wake,
    /// Of writing: whoever waits for it knows that what was there has been written.
    turn: Turn<()>,
}

#[derive(Default)]
struct Gathered {
    repositories: HashMap<i64, Served>,
    lines: Vec<At>,
    /// Lines that found no room.
    lost: u64,
}

/// What was served of one repository.
#[derive(Clone, Default)]
struct Served {
    pulls: i64,
    artifacts: BTreeMap<i64, Timestamp>,
    tags: BTreeMap<i64, Timestamp>,
}

/// What the settings leave of it.
#[derive(Clone, Copy)]
struct Wanted {
    counts: bool,
    times: bool,
}

/// Remembers a pull. Costs no look at the database.
pub(crate) fn note_pull(app: &App, pull: Pull<'_>) {
    let now = app.clock.now();
    let entry = Entry::new(Act::PullArtifact, pull.actor, pull.name).in_project(pull.project_id);
    let mut gathered = app.pulls.gathered();
    let served = gathered.repositories.entry(pull.repository_id).or_default();
    served.pulls += 1;
    touch(&mut served.artifacts, pull.artifact_id, now);
    if let Some(tag) = pull.tag_id {
        touch(&mut served.tags, tag, now);
    }
    if gathered.lines.len() < MOST_LINES {
        gathered.lines.push((now, entry));
    } else {
        gathered.lost += 1;
    }
    let many = gathered.lines.len().is_multiple_of(MANY_LINES);
    drop(gathered);
    if many {
        app.pulls.wake.wake();
    }
}

/// The latest time counts.
fn touch(times: &mut BTreeMap<i64, Timestamp>, id: i64, at: Timestamp) {
    let latest = times.entry(id).or_insert(at);
    *latest = at.max(*latest);
}

/// Woken when much has been gathered.
pub fn pulls_wake(app: &App) -> &Wake {
    &app.pulls.wake
}

/// Writes down what was gathered, and returns how many pulls that were.
///
/// # Errors
/// When the database fails; what is not written then is kept for the next time.
pub async fn flush_pulls(app: &App) -> Result<i64> {
    let _turn = app.pulls.turn.lock().await;
    let settings = settings::get(app).await?;
    let wanted =
        Wanted { counts: !settings.pull_count_update_disable, times: !settings.pull_time_update_disable };
    let mut left = std::mem::take(&mut *app.pulls.gathered());
    if left.lost > 0 {
        tracing::error!(
            lines = left.lost,
            "pulls came faster than they can be recorded: counted, not logged"
        );
        left.lost = 0;
    }
    let mut left = Unwritten { pulls: &app.pulls, left };
    left.write(app, wanted).await
}

/// What is being written: what is left of it when this is dropped goes back to the rest.
struct Unwritten<'a> {
    pulls: &'a Pulls,
    left: Gathered,
}

impl Unwritten<'_> {
    async fn write(&mut self, app: &App, wanted: Wanted) -> Result<i64> {
        let mut written = 0;
        let mut ids: Vec<i64> = self.left.repositories.keys().copied().collect();
        ids.sort_unstable();
        for some in ids.chunks(REPOSITORIES) {
            let served: Vec<(i64, Served)> =
                some.iter().filter_map(|id| Some((*id, self.left.repositories.get(id)?.clone()))).collect();
            if wanted.counts || wanted.times {
                let mut tx = app.db.begin().await?;
                add(&mut tx, &served, wanted).await?;
                tx.commit().await?;
            }
            for (id, served) in served {
                written += served.pulls;
                self.left.repositories.remove(&id);
            }
        }
        while !self.left.lines.is_empty() {
            let count = self.left.lines.len().min(LINES);
            let mut tx = app.db.begin().await?;
            audit::record_all(app, &mut tx, self.left.lines[..count].to_vec()).await?;
            tx.commit().await?;
            self.left.lines.drain(..count);
        }
        Ok(written)
    }
}

impl Drop for Unwritten<'_> {
    fn drop(&mut self) {
        if !self.left.repositories.is_empty() || !self.left.lines.is_empty() {
            self.pulls.put_back(std::mem::take(&mut self.left));
        }
    }
}

/// Adds to the rows of some repositories, each of which is held first, like in every write to one.
async fn add(tx: &mut Tx, served: &[(i64, Served)], wanted: Wanted) -> Result<()> {
    for (marks, values) in batches(served.iter().map(|(id, _)| *id)) {
        tx.query(&in_list(sql::HOLD_REPOSITORIES, &marks), &values).await?;
    }
    if wanted.counts {
        let counts: Vec<[Value; 2]> =
            served.iter().map(|(id, served)| [(*id).into(), served.pulls.into()]).collect();
        for some in counts.chunks(ROWS) {
            run(tx, sql::add_pulls, some).await?;
        }
    }
    if wanted.times {
        touch_all(tx, sql::ARTIFACTS, served.iter().flat_map(|(_, served)| &served.artifacts)).await?;
        touch_all(tx, sql::TAGS, served.iter().flat_map(|(_, served)| &served.tags)).await?;
        let artifacts = served.iter().flat_map(|(_, served)| served.artifacts.keys().copied());
        for (marks, values) in batches(artifacts) {
            tx.execute(&in_list(sql::TOUCH_PARENTS, &marks), &values).await?;
        }
    }
    Ok(())
}

/// Writes times down, in the order of the rows. Most are known already, and to know that costs less than to look whether
/// there is what they are of.
async fn touch_all(
    tx: &mut Tx,
    table: sql::Times,
    times: impl Iterator<Item = (&i64, &Timestamp)>,
) -> Result<()> {
    let mut times: Vec<(i64, Timestamp)> = times.map(|(id, at)| (*id, *at)).collect();
    times.sort_unstable();
    let pairs: Vec<[Value; 2]> = times.into_iter().map(|(id, at)| [id.into(), at.into()]).collect();
    for some in pairs.chunks(ROWS) {
        if run(tx, |rows| sql::later(table, rows), some).await? < some.len() as u64 {
            run(tx, |rows| sql::first(table, rows), some).await?;
        }
    }
    Ok(())
}

/// Runs a statement about some pairs, filled up with pairs about nothing, so that there are few different statements.
/// Returns how many rows it changed.
async fn run(tx: &mut Tx, statement: impl Fn(usize) -> String, pairs: &[[Value; 2]]) -> Result<u64> {
    let rows = pairs.len().next_power_of_two();
    let nothing = [Value::from(0), Value::from(0)];
    let filled = pairs.iter().chain(std::iter::repeat_n(&nothing, rows - pairs.len()));
    let values: Vec<Value> = filled.flatten().cloned().collect();
    Ok(tx.execute(&statement(rows), &values).await?)
}

impl Pulls {
    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts what could not be written before what came since.
    fn put_back(&self, left: Gathered) {
        let mut gathered = self.gathered();
        for (id, before) in left.repositories {
            let served = gathered.repositories.entry(id).or_default();
            served.pulls += before.pulls;
            for (all, more) in [(&mut served.artifacts, before.artifacts), (&mut served.tags, before.tags)] {
                for (id, at) in more {
                    touch(all, id, at);
                }
            }
        }
        let mut lines = left.lines;
        lines.append(&mut gathered.lines);
        let lost = lines.len().saturating_sub(MOST_LINES);
        lines.truncate(MOST_LINES);
        gathered.lines = lines;
        gathered.lost += lost as u64;
    }
}
