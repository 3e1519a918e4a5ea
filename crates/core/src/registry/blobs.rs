//! Blobs as a project sees them. Access is by project: a digest alone opens nothing.

use super::sql;
use crate::access::{
    Grant,
    permissions::{DeleteRepository, Pull},
};
use crate::{App, Code, Error, Result, quota};
use futures::TryStreamExt as _;
use haven_blobs::ByteStream;
use haven_db::params;
use haven_oci::Digest;
use std::ops::Range;
use std::time::Duration;

/// As long as distribution's: enough to begin a large layer, too little to be passed around.
const LINK_LIFETIME: Duration = Duration::from_secs(20 * 60);

/// A blob that the project has.
#[derive(Clone, Debug)]
pub struct Blob {
    pub digest: Digest,
    pub size: u64,
}

fn unknown(digest: &Digest) -> Error {
    Error::new(Code::BlobUnknown, "blob unknown to registry").detail(serde_json::json!({ "digest": digest }))
}

/// The blob's size.
///
/// # Errors
/// `BlobUnknown` when the project does not have it.
pub async fn stat(app: &App, grant: &Grant<Pull>, digest: &Digest) -> Result<Blob> {
    let row = app.db.query_opt(sql::BLOB, params![grant.project.id, digest.as_str()]).await?;
    let size: i64 = row.ok_or_else(|| unknown(digest))?.get(0)?;
    Ok(Blob { digest: digest.clone(), size: size.unsigned_abs() })
}

/// The bytes of a part of a blob.
///
/// # Errors
/// `BlobUnknown` when storage has lost it, failures of storage.
pub async fn open(app: &App, _grant: &Grant<Pull>, blob: &Blob, range: Range<u64>) -> Result<ByteStream> {
    Ok(noticed(blob, app.blobs.read(&blob.digest, blob.size, range).await)?)
}

/// No failure for the client, who is told that there is no such blob; for the operator it is one.
fn noticed(blob: &Blob, opened: haven_blobs::Result<ByteStream>) -> haven_blobs::Result<ByteStream> {
    if opened.as_ref().is_err_and(|error| error.kind == haven_blobs::Kind::NotFound) {
        tracing::error!(blob.digest = %blob.digest, "the storage does not have a blob that it was given");
    }
    opened
}

/// All bytes of a blob that something of the project refers to. The caller bounds the size.
///
/// # Errors
/// `BlobUnknown` when storage has lost it, failures of storage.
pub(crate) async fn read_whole(app: &App, digest: &Digest, size: u64) -> Result<Vec<u8>> {
    let mut stream = app.blobs.read(digest, size, 0..size).await?;
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    let broken = |error| Error::new(Code::Unavailable, "a blob cannot be read").because(error);
    while let Some(chunk) = stream.try_next().await.map_err(broken)? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// As [`open`], for a socket to which all bytes come as they are: nobody may look at them on the way
/// ([`haven_blobs::BlobStore::send`]).
///
/// # Errors
/// As [`open`].
pub async fn send(app: &App, _grant: &Grant<Pull>, blob: &Blob, range: Range<u64>) -> Result<ByteStream> {
    Ok(noticed(blob, app.blobs.send(&blob.digest, blob.size, range).await)?)
}

/// A URL of the storage under which the blob can be read for [`LINK_LIFETIME`], where there is such a thing.
pub async fn link(app: &App, _grant: &Grant<Pull>, blob: &Blob) -> Option<String> {
    match app.blobs.link(&blob.digest, LINK_LIFETIME).await {
        Ok(link) => link,
        Err(error) => {
            // The bytes can still go through us.
            tracing::warn!(digest = %blob.digest, error = &error as &dyn std::error::Error, "no link to a blob");
            None
        }
    }
}

/// Takes a blob from a project; the bytes stay for others until nothing needs them.
///
/// # Errors
/// `BlobUnknown` when the project does not have it; `MethodNotAllowed` while an artifact of the project needs it.
pub async fn delete(app: &App, grant: &Grant<DeleteRepository>, digest: &Digest) -> Result<()> {
    let needed = || Error::new(Code::MethodNotAllowed, "the blob belongs to an artifact of the project");
    let mut tx = app.db.begin().await?;
    match tx.query_opt(sql::UNLINK_BLOB, params![grant.project.id, digest.as_str()]).await {
        Ok(None) => {}
        Ok(Some(row)) => {
            quota::release(&mut tx, grant.project.id, row.get(0)?).await?;
            return Ok(tx.commit().await?);
        }
        // A push came between the statement's look and its end.
        Err(error) if error.kind == haven_db::Kind::ForeignKey => return Err(needed()),
        Err(error) => return Err(error.into()),
    }
    drop(tx);
    match app.db.query_opt(sql::BLOB, params![grant.project.id, digest.as_str()]).await? {
        Some(_) => Err(needed()),
        None => Err(unknown(digest)),
    }
}
