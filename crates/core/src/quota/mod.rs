//! How much each project stores, and how much it may. Owns `quota`, `quota_slot` and `quota_change`.
//!
//! Use is the size of the distinct blobs that a project has. Whoever links one to a project or takes one away says so in
//! the same transaction ([`charge`], [`release`]), so use is exact at every commit:
//!
//! - without a limit a change is a row of its own: no push waits for another;
//! - under a limit a push takes room from one of [`SLOTS`] rows, and only when that has too little does it take them all,
//!   one push at a time, and is refused if together they have too little;
//! - [`fold`] sums up rows of changes, which any replica may do at any time.

mod limits;
mod recount;
mod room;
mod sizes;
mod sql;

pub use limits::{MOST_BYTES, Quota, check_limit, get, list, set};
pub(crate) use recount::mend;
pub use recount::{Recounted, recount};
pub(crate) use room::{admit, charge, check, limits, release};

use crate::{App, Result};
use haven_db::{Timestamp, Tx, params};

/// Into so many pieces the room under a limit is cut.
const SLOTS: i64 = 8;
/// So many projects are folded in one pass.
const PASS: i64 = 100;

/// What a project may store and stores, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// -1: no limit.
    pub hard: i64,
    pub used: i64,
}

/// The use of a project; none if it has no quota, as deleted ones.
pub(crate) async fn usage(app: &App, project: i64) -> Result<Option<Usage>> {
    let row = app.db.query_opt(sql::USAGE, params![project]).await?;
    row.map(|row| Ok(Usage { hard: row.get(0)?, used: row.get(1)? })).transpose()
}

/// Begins to count for a new project.
pub(crate) async fn open(tx: &mut Tx, project: i64, hard: i64, now: Timestamp) -> Result<()> {
    tx.execute(sql::INSERT, params![project, hard, now]).await?;
    if hard >= 0 {
        room::spread(tx, project, hard).await?;
    }
    Ok(())
}

/// Forgets a project that is deleted.
pub(crate) async fn close(tx: &mut Tx, project: i64) -> Result<()> {
    for statement in [sql::DELETE_SLOTS, sql::DELETE_CHANGES, sql::DELETE] {
        tx.execute(statement, params![project]).await?;
    }
    Ok(())
}

/// Sums up the changes of some projects; says of how many. A reconciler: any replica may run it, any time.
///
/// # Errors
/// When the database fails.
pub async fn fold(app: &App) -> Result<u64> {
    let projects = app.db.query(sql::CHANGED, params![PASS]).await?;
    for row in &projects {
        let project: i64 = row.get(0)?;
        let mut tx = app.db.begin().await?;
        if let Some(hard) = room::hold(&mut tx, project).await? {
            let changed = room::take_changes(&mut tx, project).await?;
            room::shift(&mut tx, project, hard, changed).await?;
        } else {
            // The project was deleted beside a push.
            tx.execute(sql::DELETE_CHANGES, params![project]).await?;
        }
        tx.commit().await?;
    }
    Ok(projects.len() as u64)
}
