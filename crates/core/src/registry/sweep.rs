//! Abandoned uploads go after a while (`upload_purging` in the configuration).

use super::orphans::end_session;
use super::{removal, sql};
use crate::{App, Result};
use haven_db::{Timestamp, Tx, params};
use std::collections::HashSet;
use std::time::Duration;

/// When an upload counts as abandoned.
#[derive(Clone, Copy, Debug)]
pub struct Purge {
    /// Nothing was received for this long.
    pub age: Duration,
    /// Only say what would go.
    pub dry_run: bool,
}

/// After so many sessions whose bytes could not be removed, the fault is hardly theirs.
const MOST_FAILURES: usize = 3;

/// Removes abandoned sessions and returns how many. Safe on several replicas: the row decides, and its bytes go after it.
///
/// # Errors
/// When database or storage fail; the next run goes on where this one ended.
pub async fn purge_uploads(app: &App, purge: Purge) -> Result<u64> {
    let now = app.clock.now();
    let before = now - purge.age;
    let mut purged = 0;
    loop {
        let rows = app.db.query(sql::STALE_UPLOADS, params![before, now]).await?;
        let ids = rows.iter().map(|row| Ok(row.get(0)?)).collect::<Result<Vec<String>>>()?;
        if purge.dry_run {
            ids.iter().for_each(|id| tracing::info!(upload.id = %id, "an abandoned upload would be purged"));
            return Ok(0);
        }
        purged += purge_few(app, &ids, before).await?;
        if ids.len() < 100 {
            break;
        }
    }
    removal::forget_old(&app.db, now).await?;
    Ok(purged + sweep_strays(app, purge.age).await?)
}

/// Removes those of these sessions that still are older. One whose bytes cannot be removed does not protect the others:
/// without its row it is a stray, which a later pass finds.
async fn purge_few(app: &App, ids: &[String], before: Timestamp) -> Result<u64> {
    let (mut purged, mut failures) = (0, Vec::new());
    for id in ids {
        let stale = params![id.as_str(), before];
        if !end_session(&app.db, sql::DELETE_STALE_UPLOAD, stale, [], app.clock.now()).await? {
            continue;
        }
        match app.blobs.abort(id).await {
            Ok(()) => purged += 1,
            Err(error) => failures.push(error),
        }
        if failures.len() >= MOST_FAILURES {
            break;
        }
    }
    match failures.into_iter().next() {
        Some(error) => Err(error.into()),
        None => Ok(purged),
    }
}

/// Lets go of what is being uploaded to a project that is no more: the next purge takes it.
pub(crate) async fn abandon_uploads(tx: &mut Tx, project: i64) -> Result<()> {
    tx.execute(sql::ABANDON_UPLOADS, params![project]).await?;
    Ok(())
}

/// What a crash between a row and its bytes left in storage.
async fn sweep_strays(app: &App, age: Duration) -> Result<u64> {
    let rows = app.db.query(sql::UPLOAD_IDS, params![]).await?;
    let known = rows.iter().map(|row| Ok(row.get(0)?)).collect::<Result<HashSet<String>>>()?;
    Ok(app.blobs.sweep(age, &known).await?)
}
