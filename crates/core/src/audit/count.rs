//! How many lines there are, without counting them whenever somebody asks.
//!
//! Counts are kept up to a mark. A number that each line would change would make all pushes wait for each other; so the
//! mark is moved behind them, a little later, and the few lines after it are counted when a list is asked for.

use super::{ALL, sql};
use crate::{App, Result};
use haven_db::{Timestamp, Tx, params};
use std::collections::BTreeMap;
use std::time::Duration;

/// A line whose transaction is under way has its id already. So the mark moves to what was the last line so long ago,
/// when everything before it has been committed or rolled back.
const SETTLED: Duration = Duration::from_secs(120);
/// Lines counted in one transaction.
const CHUNK: i64 = 20_000;

/// Lines up to `counted_to` are in the counts; `seen` was the last one at `seen_at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) counted_to: i64,
    seen: i64,
    seen_at: Timestamp,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Nothing,
    /// Remember what is the last line now.
    Note,
    /// Count the lines up to this one.
    Count(i64),
}

/// Moves the mark as far as it may go, and returns how many lines it passed. Safe on several replicas.
///
/// # Errors
/// When the database fails.
pub async fn count(app: &App) -> Result<i64> {
    let mut counted = 0;
    loop {
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let mark = hold(&mut tx).await?;
        let last: i64 = tx.query_one(sql::LAST, &[]).await?.get(0)?;
        match mark.step(last, now) {
            Step::Nothing => return Ok(counted),
            Step::Note => {
                tx.execute(sql::MOVE_MARK, params![mark.counted_to, last, now]).await?;
                tx.commit().await?;
                return Ok(counted);
            }
            Step::Count(to) => {
                let rows = tx.query(sql::LINES_BETWEEN, params![mark.counted_to, to]).await?;
                let lines = rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?)));
                let lines: BTreeMap<i64, i64> = lines.collect::<Result<_>>()?;
                counted += add(&mut tx, &lines).await?;
                tx.execute(sql::MOVE_MARK, params![to, mark.seen, mark.seen_at]).await?;
                tx.commit().await?;
            }
        }
    }
}

/// The mark, which nobody else moves until the transaction ends.
pub(super) async fn hold(tx: &mut Tx) -> Result<Mark> {
    let row = tx.query_one(sql::HOLD_MARK, &[]).await?;
    Ok(Mark { counted_to: row.get(0)?, seen: row.get(1)?, seen_at: row.get(2)? })
}

/// Changes the counts of projects and that of all; returns the change of the latter. The mark must be held.
pub(super) async fn add(tx: &mut Tx, lines: &BTreeMap<i64, i64>) -> Result<i64> {
    let all: i64 = lines.values().sum();
    for (project, change) in lines.iter().map(|(project, change)| (*project, *change)).chain([(ALL, all)]) {
        if change != 0 {
            tx.execute(sql::ADD, params![project, change]).await?;
        }
    }
    Ok(all)
}

impl Mark {
    fn step(self, last: i64, now: Timestamp) -> Step {
        if self.counted_to >= self.seen {
            return if last > self.seen { Step::Note } else { Step::Nothing };
        }
        if self.seen_at > now {
            // The clock was turned back: wait from now on.
            return Step::Note;
        }
        match now.since(self.seen_at) >= SETTLED {
            true => Step::Count(self.seen.min(self.counted_to.saturating_add(CHUNK))),
            false => Step::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_follows_at_a_distance() {
        let at = |secs| Timestamp::from_secs(secs);
        let mark = |counted_to, seen| Mark { counted_to, seen, seen_at: at(1_000) };
        for (mark, last, now, step) in [
            (mark(0, 0), 0, 5_000, Step::Nothing),
            (mark(0, 0), 7, 5_000, Step::Note),
            (mark(7, 7), 7, 5_000, Step::Nothing),
            (mark(0, 7), 9, 1_119, Step::Nothing),
            (mark(0, 7), 9, 1_120, Step::Count(7)),
            (mark(0, 50_000), 60_000, 1_120, Step::Count(20_000)),
            (mark(40_000, 50_000), 60_000, 1_120, Step::Count(50_000)),
            (mark(0, 7), 9, 999, Step::Note),
        ] {
            assert_eq!(mark.step(last, at(now)), step, "{mark:?} {last} {now}");
        }
    }
}
