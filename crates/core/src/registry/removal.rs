//! Taking bytes out of storage, beside pushes of the same bytes.
//!
//! A push places bytes first, leaves alone those that are there already, and writes their row afterwards. Whoever removes
//! bytes in between would take them from under it. So a removal counts the digest's generation up, to an odd one before
//! it begins and to an even one when it is done, and holds the key of the blob's row while the bytes go. A push reads the
//! generation before it places bytes and again when it has that key. If the two differ, nobody knows whether the bytes
//! are there, and the push is refused. After a crash the generation is odd, and the next push of the digest ends the
//! removal: its owner, should it live after all, then finds the generation changed and removes nothing.
//!
//! Storage in the network may carry out what nobody waits for any more. There a removal that failed or crashed is ended by
//! nobody, and its digest refused, until it can no longer come to pass.

use super::claims::SKEW;
use super::sql;
use crate::{Code, Error, Result};
use haven_blobs::BlobStore;
use haven_db::{Db, Timestamp, Tx, params};
use haven_oci::Digest;
use std::time::Duration;

/// Longer than any push lies between placing bytes and writing their row.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3600);
/// A transaction waits no longer than this for storage in the network.
const BRIEF: Duration = Duration::from_secs(5);

/// The generation of a digest as somebody saw it.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    digest: Digest,
    generation: i64,
}

/// Why bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doomed {
    /// No row knows them.
    Orphaned,
    /// They are not what the digest names; the row stays and says that they are lost.
    Damaged,
}

/// How a removal ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removed {
    Gone,
    /// Somebody pushed or removed them meanwhile, so what was known of them is out of date.
    Overtaken,
}

/// Begins to watch a digest, before its bytes are placed or looked at.
///
/// # Errors
/// `Unavailable` when removals follow each other without end, or when it is not certain that one has ended.
pub(crate) async fn watch(db: &Db, blobs: &dyn BlobStore, digest: &Digest, now: Timestamp) -> Result<Watch> {
    try_watch(db, blobs, digest, now).await?.ok_or_else(removing)
}

/// As [`watch`]; none where that is refused.
pub(crate) async fn try_watch(
    db: &Db,
    blobs: &dyn BlobStore,
    digest: &Digest,
    now: Timestamp,
) -> Result<Option<Watch>> {
    for _ in 0..8 {
        let seen = generation(db, digest).await?;
        if seen % 2 == 0 {
            return Ok(Some(Watch { digest: digest.clone(), generation: seen }));
        }
        let latest = now + blobs.lingers();
        db.execute(sql::REDATE_REMOVAL, params![digest.as_str(), seen, latest, latest + SKEW]).await?;
        // Waits for one that is under way; one that crashed is over now.
        db.execute(sql::EXPIRE_REMOVAL, params![digest.as_str(), seen, now]).await?;
    }
    Ok(None)
}

async fn generation(db: &Db, digest: &Digest) -> Result<i64> {
    let row = db.query_opt(sql::GENERATION, params![digest.as_str()]).await?;
    row.map_or(Ok(0), |row| Ok(row.get(0)?))
}

fn removing() -> Error {
    Error::new(Code::Unavailable, "these bytes were just being removed from storage, send them again")
}

impl Watch {
    pub(super) fn digest(&self) -> &Digest {
        &self.digest
    }

    #[cfg(test)]
    pub(super) fn generation(&self) -> i64 {
        self.generation
    }

    /// To be asked in the transaction that wrote the blob's row, after it was written.
    ///
    /// # Errors
    /// `Unavailable` when a removal came between.
    pub(super) async fn check(&self, tx: &mut Tx) -> Result<()> {
        let row = tx.query_opt(sql::GENERATION, params![self.digest.as_str()]).await?;
        let now: i64 = row.map_or(Ok(0), |row| row.get(0))?;
        if now == self.generation { Ok(()) } else { Err(removing()) }
    }
}

/// Removes bytes that were looked at since `watch` began.
///
/// The bytes go while the transaction is open, so that a crash or a lost connection cannot leave the way to them barred.
///
/// # Errors
/// When database or storage fail; the bytes may be gone then.
pub(crate) async fn remove(
    db: &Db,
    blobs: &dyn BlobStore,
    watch: &Watch,
    why: Doomed,
    now: Timestamp,
) -> Result<Removed> {
    let digest = &watch.digest;
    let lingers = blobs.lingers();
    let announced = params![digest.as_str(), watch.generation, now + lingers];
    let Some(row) = db.query_opt(sql::ANNOUNCE_REMOVAL, announced).await? else {
        return Ok(Removed::Overtaken);
    };
    let odd: i64 = row.get(0)?;
    let removed = remove_announced(db, blobs, digest, odd, why, now).await;
    if removed.is_err() && lingers.is_zero() {
        db.execute(sql::END_REMOVAL, params![digest.as_str(), odd, now]).await?;
    }
    removed
}

pub(super) async fn remove_announced(
    db: &Db,
    blobs: &dyn BlobStore,
    digest: &Digest,
    odd: i64,
    why: Doomed,
    now: Timestamp,
) -> Result<Removed> {
    let mut tx = db.begin().await?;
    if tx.execute(sql::END_REMOVAL, params![digest.as_str(), odd, now]).await? == 0 {
        return Ok(Removed::Overtaken);
    }
    let held = match why {
        Doomed::Orphaned => tx.execute(sql::HOLD_BLOB, params![digest.as_str(), now]).await?,
        Doomed::Damaged => tx.execute(sql::LOSE_BLOB, params![digest.as_str()]).await?,
    };
    if held > 0 {
        briefly(blobs, blobs.delete(digest)).await?;
    }
    if held > 0 && why == Doomed::Orphaned {
        tx.execute(sql::DROP_HELD_BLOB, params![digest.as_str()]).await?;
    }
    tx.commit().await?;
    Ok(if held > 0 { Removed::Gone } else { Removed::Overtaken })
}

/// Storage work that a transaction waits for. That of our own machine is not given up, because then it would linger, too.
pub(super) async fn briefly<T>(
    blobs: &dyn BlobStore,
    work: impl Future<Output = haven_blobs::Result<T>>,
) -> Result<T> {
    if blobs.lingers().is_zero() {
        return Ok(work.await?);
    }
    let late = |error| Error::new(Code::Unavailable, "the storage takes too long").because(error);
    Ok(tokio::time::timeout(BRIEF, work).await.map_err(late)??)
}

/// Drops what is remembered of old removals.
///
/// # Errors
/// When the database fails.
pub(crate) async fn forget_old(db: &Db, now: Timestamp) -> Result<u64> {
    Ok(db.execute(sql::FORGET_REMOVALS, params![now - REMEMBERED]).await?)
}
