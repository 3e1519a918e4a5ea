//! Short blobs: one that comes whole in the request that ends its session.
//!
//! Its bytes are stored under their digest at once, without a file of the session and without a claim. The transaction
//! that records the blob takes the session only if nothing has come to it and nobody is writing.

use super::links::admit;
use super::orphans::note;
use super::removal::watch;
use super::uploads::{Chunk, record, unknown};
use super::{sql, uploads};
use crate::{App, Code, Error, Result};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, stream};
use haven_db::params;
use haven_oci::Digest;

/// What is longer streams, and holds more than this in memory on its way.
const SHORT: u64 = 256 << 10;

/// The bytes of a short chunk, or the chunk as it was before anything was read of it.
pub(super) async fn collect(mut chunk: Chunk) -> Result<Bytes, Chunk> {
    let Some(length) = chunk.length.filter(|length| *length <= SHORT) else { return Err(chunk) };
    if chunk.from.is_some_and(|from| from != 0) {
        return Err(chunk);
    }
    let mut bytes = BytesMut::new();
    let end = loop {
        match chunk.body.next().await {
            Some(Ok(piece)) if bytes.len() as u64 + piece.len() as u64 <= length => {
                bytes.extend_from_slice(&piece);
            }
            end => break end,
        }
    };
    if end.is_none() && bytes.len() as u64 == length {
        return Ok(bytes.freeze());
    }
    // Too short, too long or broken off: what that means is said where the bytes stream.
    let read = [Ok(bytes.freeze())].into_iter().chain(end);
    chunk.body = stream::iter(read).chain(chunk.body).boxed();
    Err(chunk)
}

/// Makes the bytes the blob `digest` and ends the session.
pub(super) async fn finish(app: &App, project: i64, id: &str, digest: &Digest, bytes: Bytes) -> Result<u64> {
    let size = bytes.len() as u64;
    admit(app, project, digest, size).await?;
    let watch = watch(&app.db, &*app.blobs, digest, app.clock.now()).await?;
    match app.blobs.put(digest, bytes).await {
        Err(error) if error.kind == haven_blobs::Kind::DigestMismatch => {
            app.db.execute(sql::DELETE_UNTOUCHED, params![id, app.clock.now()]).await?;
            abort(app, id).await;
            return Err(error.into());
        }
        Err(error) => {
            // It may have come to pass all the same.
            note(app, [digest]).await;
            return Err(error.into());
        }
        Ok(()) => {}
    }
    let ending = (sql::DELETE_UNTOUCHED, [id.into(), app.clock.now().into()]);
    if let Err(error) = record(app, ending, project, &watch, size).await {
        note(app, [digest]).await;
        let is_taken = error.code == Code::BlobUploadUnknown;
        return Err(if is_taken { taken(app, id).await? } else { error });
    }
    abort(app, id).await;
    Ok(size)
}

/// The fate of the bytes is decided, whatever becomes of the empty folder; a sweep finds that too.
async fn abort(app: &App, id: &str) {
    if let Err(error) = app.blobs.abort_untouched(id).await {
        tracing::warn!(upload.id = id, error = &error as &dyn std::error::Error, "upload not removed");
    }
}

/// Why the session could not be taken.
async fn taken(app: &App, id: &str) -> Result<Error> {
    let session = app.db.query_opt(sql::UPLOAD, params![id]).await?;
    Ok(session.map_or_else(unknown, |_| uploads::busy()))
}
