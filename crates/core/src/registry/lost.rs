//! Blobs and uploads whose bytes are missing or damaged, and how they come back.
//!
//! A row that says `lost` answers like none: a client that asks is told to send the blob, and the row counts again when
//! it has come. Links and artifacts stay, so that a push heals them all.

use super::orphans::end_session;
use super::removal::{Watch, briefly, watch};
use super::sql;
use crate::{Error, Result};
use bytes::Bytes;
use haven_blobs::BlobStore;
use haven_db::{Db, Timestamp, params};
use haven_oci::Digest;

/// Records that the bytes of a blob are missing; false when they are there after all, or when there is no such row.
///
/// Storage is asked while the row is held: a push that brings the bytes is either seen here or sees that they were lost.
pub(crate) async fn declare_lost(db: &Db, blobs: &dyn BlobStore, digest: &Digest) -> Result<bool> {
    let mut tx = db.begin().await?;
    let known = tx.execute(sql::LOSE_BLOB, params![digest.as_str()]).await? > 0;
    if !known || briefly(blobs, blobs.size(digest)).await?.is_some() {
        return Ok(false);
    }
    tx.commit().await?;
    Ok(true)
}

/// Records that the whole blob is in storage with this size, as was seen since the watch began. A row is made if there is
/// none.
///
/// # Errors
/// `Unavailable` when the bytes were removed meanwhile.
pub(crate) async fn find_again(db: &Db, watch: &Watch, size: u64, now: Timestamp) -> Result<()> {
    let size = i64::try_from(size).map_err(|error| Error::internal("blob size").because(error))?;
    let digest = watch.digest().as_str();
    let mut tx = db.begin().await?;
    tx.execute(sql::INSERT_BLOB, params![digest, size, now]).await?;
    watch.check(&mut tx).await?;
    tx.execute(sql::FIND_BLOB, params![digest, size]).await?;
    Ok(tx.commit().await?)
}

/// Brings the storage's copy of a manifest back, with its row.
///
/// # Errors
/// As those of storage and database.
pub(crate) async fn keep_manifest(
    db: &Db,
    blobs: &dyn BlobStore,
    digest: &Digest,
    content: Bytes,
    now: Timestamp,
) -> Result<()> {
    let watch = watch(db, blobs, digest, now).await?;
    let size = content.len() as u64;
    blobs.put(digest, content).await?;
    find_again(db, &watch, size, now).await
}

/// Makes the row of a blob that others refer to, as one whose bytes are lost; leaves one that is there.
///
/// # Errors
/// When the database fails.
pub(crate) async fn make_lost(db: &Db, digest: &Digest, now: Timestamp) -> Result<()> {
    db.execute(sql::HOLD_BLOB, params![digest.as_str(), now]).await?;
    Ok(())
}

/// Ends a session whose bytes are gone, unless anything came to it since it was in `state`; then false.
///
/// # Errors
/// When database or storage fail.
pub(crate) async fn end_upload(
    db: &Db,
    blobs: &dyn BlobStore,
    id: &str,
    state: &[u8],
    now: Timestamp,
) -> Result<bool> {
    let session = params![id, state.to_vec(), now];
    if !end_session(db, sql::END_LOST_UPLOAD, session, [], now).await? {
        return Ok(false);
    }
    blobs.abort(id).await?;
    Ok(true)
}

/// Makes or mends the row of a manifest; the caller knows that the bytes are those of the digest.
///
/// # Errors
/// When the database fails.
pub(crate) async fn mend_manifest(db: &Db, digest: &Digest, content: &Bytes) -> Result<()> {
    db.execute(sql::INSERT_MANIFEST, params![digest.as_str(), content]).await?;
    Ok(())
}
