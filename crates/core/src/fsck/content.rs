//! Reading everything, in constant memory, and comparing it with its digest.

use super::compare::Recorded;
use super::{Check, Stage, damage, sql};
use crate::Result;
use crate::registry::{self, Watch};
use futures::StreamExt as _;
use haven_blobs::verify;
use haven_db::params;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const TICK: Duration = Duration::from_millis(200);

/// The bytes that there are to be read; zero when nothing will be.
pub(super) async fn total(check: &Check<'_, '_>) -> Result<u64> {
    if !check.options.deep {
        return Ok(0);
    }
    let total: i64 = check.on.db.query_one(sql::TOTAL_SIZE, params![]).await?.get(0)?;
    Ok(total.unsigned_abs())
}

/// Reads these blobs, some at a time.
pub(super) async fn read(check: &mut Check<'_, '_>, blobs: Vec<Recorded>, total: u64) -> Result<()> {
    let (on, before) = (check.on, check.summary.read);
    let count = AtomicU64::new(0);
    let one = async |row: Recorded| {
        let Some(watch) = registry::try_watch(&on.db, &*on.blobs, &row.digest, on.clock.now()).await? else {
            // Nobody can say yet whether the bytes are there; a later run can.
            return Ok(None);
        };
        let heard = |bytes| {
            count.fetch_add(bytes, Ordering::Relaxed);
        };
        let verified = verify(&*on.blobs, &row.digest, row.size, heard).await;
        Ok::<_, crate::Error>(Some((row, watch, verified)))
    };
    let mut reading = futures::stream::iter(blobs).map(one).buffer_unordered(check.options.readers.max(1));
    let mut tick = tokio::time::interval(TICK);
    loop {
        let next = tokio::select! {
            next = reading.next() => next,
            _ = tick.tick() => {
                check.progress(Stage::Bytes, before + count.load(Ordering::Relaxed), total);
                continue;
            }
        };
        let Some(done) = next else { break };
        if let Some((row, watch, verified)) = done? {
            told(check, &row, &watch, verified).await?;
        }
    }
    drop(reading);
    check.summary.read = before + count.into_inner();
    check.progress(Stage::Bytes, check.summary.read, total);
    Ok(())
}

async fn told(
    check: &mut Check<'_, '_>,
    row: &Recorded,
    watch: &Watch,
    verified: haven_blobs::Result<bool>,
) -> Result<()> {
    use haven_blobs::Kind;
    match verified {
        Ok(true) => {}
        Ok(false) => damage::wrong_content(check, row, watch).await?,
        Err(error) if error.kind == Kind::NotFound => damage::missing(check, row).await?,
        Err(error) => {
            // Storage that does not answer at all is not the fault of this blob.
            check.on.blobs.size(&row.digest).await?;
            damage::unreadable(check, row, &error).await?;
        }
    }
    if row.manifest {
        damage::manifest_row(check, row).await?;
    }
    Ok(())
}
