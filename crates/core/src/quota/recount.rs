//! Counting again from the blobs, for when something went wrong beside the program.

use super::{room, sql};
use crate::access::{SystemGrant, permissions::UpdateQuota};
use crate::{App, Result};
use haven_db::{Tx, params};

/// A project whose use was not what its blobs say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recounted {
    pub project: String,
    /// Bytes, before and after.
    pub before: i64,
    pub after: i64,
}

/// Compares the use of every project with its blobs and mends it, beside pushes; returns what was wrong.
///
/// # Errors
/// When the database fails.
pub async fn recount(app: &App, _grant: &SystemGrant<UpdateQuota>) -> Result<Vec<Recounted>> {
    let mut wrong = Vec::new();
    for row in app.db.query(sql::PROJECTS, params![]).await? {
        let (project, name): (i64, String) = (row.get(0)?, row.get(1)?);
        let mut tx = app.db.begin().await?;
        let Some((before, after)) = mend(&mut tx, project).await? else { continue };
        if before != after {
            tx.commit().await?;
            wrong.push(Recounted { project: name, before, after });
        }
    }
    Ok(wrong)
}

/// Counts one project again, as the last step of a transaction; says what its use was and is. None if it has no quota.
pub(crate) async fn mend(tx: &mut Tx, project: i64) -> Result<Option<(i64, i64)>> {
    // One at a time, or two would both mend the same.
    let Some(hard) = room::hold(tx, project).await? else { return Ok(None) };
    // One statement, so that use and blobs are of the same moment; what commits later changes both.
    let row = tx.query_one(sql::COMPARE, params![project]).await?;
    let (before, after): (i64, i64) = (row.get(0)?, row.get(1)?);
    if before != after {
        room::shift(tx, project, hard, after - before).await?;
    }
    Ok(Some((before, after)))
}
