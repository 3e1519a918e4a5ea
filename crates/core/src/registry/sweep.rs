//! Abandoned uploads go after a while (`upload_purging` in the configuration).

use super::{removal, sql};
use crate::{App, Result};
use haven_db::{Tx, params};
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
        for row in &rows {
            let id: String = row.get(0)?;
            if purge.dry_run {
                tracing::info!(upload.id = %id, "an abandoned upload would be purged");
            } else if app.db.execute(sql::DELETE_STALE_UPLOAD, params![id.as_str(), before]).await? > 0 {
                app.blobs.abort(&id).await?;
                purged += 1;
            }
        }
        if rows.len() < 100 || purge.dry_run {
            break;
        }
    }
    if !purge.dry_run {
        removal::forget_old(&app.db, now).await?;
        purged += sweep_strays(app, purge.age).await?;
    }
    Ok(purged)
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
