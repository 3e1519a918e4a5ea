//! Blobs that are not as their rows say, and what brings them back.
//!
//! Bytes cannot be made again. What can be done is to say honestly that they are gone: then clients are told so when they
//! ask, send the blob with their next push, and everything that needs it is whole again.

use super::compare::Recorded;
use super::{Check, Fault, Finding, Repair, blobs, needed, sql};
use crate::registry::{self, Doomed, Removed, Watch};
use crate::{Code, Error, Result};
use bytes::Bytes;
use futures::TryStreamExt as _;
use haven_blobs::verify;
use haven_db::params;
use haven_oci::Digest;

const DECLARE_LOST: &str = "record it as lost, so that the next push brings it back";
const DECLARED_LOST: Repair = Repair::NeedsPush("recorded as lost: the next push brings it back");
const FROM_ROW: Repair = Repair::Done("written again from the database");
const ARRIVED: Repair = Repair::Done("it was pushed meanwhile");
const PUSH: Repair = Repair::NeedsPush("push the artifact again, or one with the same blob");

/// The row is there, the bytes are not.
pub(super) async fn missing(check: &mut Check<'_, '_>, row: &Recorded) -> Result<()> {
    if check.on.blobs.size(&row.digest).await?.is_some() {
        return Ok(());
    }
    match blobs::row(check, &row.digest).await? {
        Some(now) if !now.lost => {}
        _ => return Ok(()),
    }
    let offer = if row.manifest { "write it again from the database" } else { DECLARE_LOST };
    let fault = if row.manifest { Fault::MissingManifest } else { Fault::MissingBlob };
    let repair = check.mend(offer, mend_missing(check, &row.digest)).await;
    let detail = format!("{} bytes by its row, nothing in storage", row.size);
    tell(check, fault, &row.digest, detail, repair).await
}

async fn mend_missing(check: &Check<'_, '_>, digest: &Digest) -> Result<Repair> {
    if restore_manifest(check, digest).await? {
        return Ok(FROM_ROW);
    }
    let lost = registry::declare_lost(&check.on.db, &*check.on.blobs, digest).await?;
    Ok(if lost { DECLARED_LOST } else { ARRIVED })
}

/// The row says that the bytes are lost, and so they are. Nobody misses them unless an artifact needs them.
pub(super) async fn lost(check: &mut Check<'_, '_>, row: &Recorded) -> Result<()> {
    let (needed_by, more) = needed::by(check, &row.digest).await?;
    if needed_by.is_empty() {
        return Ok(());
    }
    let repair = match check.options.repair && restore_manifest(check, &row.digest).await? {
        true => FROM_ROW,
        false => PUSH,
    };
    let detail = "recorded as lost by an earlier repair".to_owned();
    let subject = row.digest.to_string();
    check.found(&Finding { fault: Fault::LostBlob, subject, detail, needed_by, more, repair });
    Ok(())
}

/// The row says that the bytes are lost, and there are some: somebody brought them back by hand.
pub(super) async fn regained(check: &mut Check<'_, '_>, row: &Recorded, size: u64) -> Result<()> {
    if !matches!(blobs::row(check, &row.digest).await?, Some(now) if now.lost) {
        return Ok(());
    }
    let repair =
        check.mend("read it, and take it back if it is right", take_or_remove(check, row, size)).await;
    let detail = format!("recorded as lost, but storage has {size} bytes of that name");
    tell(check, Fault::LostBlob, &row.digest, detail, repair).await
}

/// Row and storage tell different sizes.
pub(super) async fn sizes(check: &mut Check<'_, '_>, row: &Recorded, size: u64) -> Result<()> {
    let now = check.on.blobs.size(&row.digest).await?;
    if now == Some(row.size) || blobs::row(check, &row.digest).await?.as_ref() != Some(row) {
        return Ok(());
    }
    let offer = "read it, and correct the row or record the blob as lost";
    let repair = check.mend(offer, take_or_remove(check, row, now.unwrap_or(size))).await;
    let detail = format!("{} bytes by its row, {size} in storage", row.size);
    tell(check, Fault::WrongSize, &row.digest, detail, repair).await
}

/// What is in storage decides: right bytes correct the row, wrong ones go.
async fn take_or_remove(check: &Check<'_, '_>, row: &Recorded, size: u64) -> Result<Repair> {
    let on = check.on;
    let watch = registry::watch(&on.db, &*on.blobs, &row.digest, on.clock.now()).await?;
    if verify(&*on.blobs, &row.digest, size, |_| {}).await? {
        registry::find_again(&on.db, &watch, size, on.clock.now()).await?;
        return Ok(Repair::Done("the bytes are right, the row was corrected"));
    }
    remove(check, &row.digest, &watch, size).await
}

/// The bytes were read since `watch` and are not those of the digest.
pub(super) async fn wrong_content(check: &mut Check<'_, '_>, row: &Recorded, watch: &Watch) -> Result<()> {
    let offer = if row.manifest { "write it again from the database" } else { DECLARE_LOST };
    let repair = check.mend(offer, remove(check, &row.digest, watch, row.size)).await;
    let detail = "the bytes in storage are not those of the digest".to_owned();
    tell(check, Fault::WrongContent, &row.digest, detail, repair).await
}

async fn remove(check: &Check<'_, '_>, digest: &Digest, watch: &Watch, size: u64) -> Result<Repair> {
    let on = check.on;
    // A fault of this machine's memory must not cost good bytes.
    if verify(&*on.blobs, digest, size, |_| {}).await? {
        let text = "a second reading was right: the machine that reads may be at fault, not the blob";
        return Ok(Repair::ByHand(text.to_owned()));
    }
    let removed = registry::remove(&on.db, &*on.blobs, watch, Doomed::Damaged, on.clock.now()).await?;
    if removed == Removed::Overtaken {
        return Ok(ARRIVED);
    }
    Ok(if restore_manifest(check, digest).await? { FROM_ROW } else { DECLARED_LOST })
}

/// Storage gives an error. It may be a disk or a network that is better tomorrow, so nothing is done.
pub(super) async fn unreadable(
    check: &mut Check<'_, '_>,
    row: &Recorded,
    error: &haven_blobs::Error,
) -> Result<()> {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    let text = "should it stay so, move the bytes out of the way and repair again".to_owned();
    let detail = format!("{error}{cause}");
    tell(check, Fault::UnreadableBlob, &row.digest, detail, Repair::ByHand(text)).await
}

/// The bytes of a manifest in the database.
pub(super) async fn manifest_row(check: &mut Check<'_, '_>, row: &Recorded) -> Result<()> {
    match manifest(check, &row.digest).await? {
        Some(content) if Digest::of(row.digest.algorithm(), &content) != row.digest => {}
        _ => return Ok(()),
    }
    let repair = check.mend("write it again from storage", mend_row(check, &row.digest)).await;
    let detail = "the manifest in the database is not that of the digest".to_owned();
    tell(check, Fault::WrongManifest, &row.digest, detail, repair).await
}

async fn mend_row(check: &Check<'_, '_>, digest: &Digest) -> Result<Repair> {
    Ok(match stored_manifest(check, digest).await? {
        Some(content) => {
            registry::mend_manifest(&check.on.db, digest, &content).await?;
            Repair::Done("written again from storage")
        }
        None => Repair::ByHand("storage has no better one: push the manifest again".to_owned()),
    })
}

/// The manifest as storage has it, if it is right.
pub(super) async fn stored_manifest(check: &Check<'_, '_>, digest: &Digest) -> Result<Option<Bytes>> {
    let store = &check.on.blobs;
    let Some(size) = store.size(digest).await? else { return Ok(None) };
    if size > haven_oci::Manifest::MAX_BYTES as u64 {
        return Ok(None);
    }
    let body = store.read(digest, size, 0..size).await?;
    let broken = |error| Error::new(Code::Unavailable, "a manifest cannot be read").because(error);
    let bytes: Vec<Bytes> = body.try_collect().await.map_err(broken)?;
    let content = Bytes::from(bytes.concat());
    Ok((Digest::of(digest.algorithm(), &content) == *digest).then_some(content))
}

/// Writes a manifest into storage, if the database has it and has it right.
pub(super) async fn restore_manifest(check: &Check<'_, '_>, digest: &Digest) -> Result<bool> {
    let on = check.on;
    let content = manifest(check, digest).await?;
    let right = content.filter(|content| Digest::of(digest.algorithm(), content) == *digest);
    let Some(content) = right else { return Ok(false) };
    registry::keep_manifest(&on.db, &*on.blobs, digest, content, on.clock.now()).await?;
    Ok(true)
}

async fn manifest(check: &Check<'_, '_>, digest: &Digest) -> Result<Option<Bytes>> {
    let row = check.on.db.query_opt(sql::MANIFEST, params![digest.as_str()]).await?;
    Ok(row.map(|row| row.get(0)).transpose()?)
}

async fn tell(
    check: &mut Check<'_, '_>,
    fault: Fault,
    digest: &Digest,
    detail: String,
    repair: Repair,
) -> Result<()> {
    let (needed_by, more) = needed::by(check, digest).await?;
    let repair = match repair {
        Repair::NeedsPush(done) if needed_by.is_empty() => Repair::Done(done),
        repair => repair,
    };
    check.found(&Finding { fault, subject: digest.to_string(), detail, needed_by, more, repair });
    Ok(())
}
