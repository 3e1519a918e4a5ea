//! Copies within the service, of any size.
//!
//! S3 copies at most 5 GiB by one request, and takes its time over it. Larger objects are copied piece by piece as the
//! parts of a new multipart.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use haven_oci::Digest;
use object_store::ObjectStoreExt;
use object_store::client::HttpClient;
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::signer::{Method, Signer};

use super::ObjectStorage;
use super::failure::failed;
use super::request::Signed;
use crate::error::{Kind, Result};

/// What S3 copies by one request.
const MOST_AT_ONCE: u64 = 5 << 30;
const MOST_PIECES: u64 = 10_000;
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(200);

impl ObjectStorage {
    /// Gives the object of an upload, of `size` bytes, its place as a blob.
    pub(super) async fn copy(&self, id: &str, digest: &Digest, size: u64) -> Result<()> {
        let (from, to) = (&self.keys.whole(id)?, &self.keys.blob(digest));
        if let (Some(http), Some(signer)) = (&self.bucket.http, &self.bucket.signer)
            && size > self.copies.single
        {
            let pieces = Pieces { storage: self, http, signer: signer.as_ref(), from, to };
            match pieces.copy(id, digest, size).await {
                Err(error) if size <= MOST_AT_ONCE => {
                    // Not every service that speaks the protocol has this request.
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "copy in pieces failed, copying at once"
                    );
                }
                outcome => return outcome,
            }
        }
        let copied = self.bucket.objects.copy(from, to).await;
        copied.map_err(|error| failed(format!("copy {from} to {to}"), error))
    }
}

/// One object on its way to another key.
struct Pieces<'a> {
    storage: &'a ObjectStorage,
    http: &'a HttpClient,
    signer: &'a dyn Signer,
    from: &'a Path,
    to: &'a Path,
}

impl Pieces<'_> {
    async fn copy(&self, upload: &str, digest: &Digest, size: u64) -> Result<()> {
        let multipart = self.storage.begin_multipart(upload, Some(digest.clone())).await?;
        let copied = match self.parts(&multipart.id, size).await {
            Ok(parts) => {
                let completed =
                    self.storage.bucket.multiparts.complete_multipart(self.to, &multipart.id, parts).await;
                completed
                    .map(drop)
                    .map_err(|error| failed(format!("copy {} to {}", self.from, self.to), error))
            }
            Err(error) => Err(error),
        };
        match copied {
            Ok(()) => self.storage.remove(&self.storage.keys.piece(upload, &multipart.marker)?).await,
            Err(error) => {
                let _ = self.storage.drop_multipart(upload, &multipart).await;
                Err(error)
            }
        }
    }

    async fn parts(&self, id: &str, size: u64) -> Result<Vec<PartId>> {
        let copies = self.storage.copies;
        let piece = copies.piece.max(size.div_ceil(MOST_PIECES));
        let pieces = (0..size).step_by(usize::try_from(piece).unwrap_or(usize::MAX)).enumerate();
        let copied = pieces.map(|(index, start)| {
            let last = (start + piece).min(size) - 1;
            async move { self.part(id, index + 1, format!("bytes={start}-{last}")).await }
        });
        stream::iter(copied).buffered(copies.at_once.max(1)).try_collect().await
    }

    async fn part(&self, id: &str, number: usize, range: String) -> Result<PartId> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_part(id, number, &range).await {
                Err(error) if error.kind == Kind::Unavailable && tries < TRIES => {
                    tracing::info!(error = &error as &dyn std::error::Error, tries, "copying a piece again");
                    tokio::time::sleep(PAUSE * 2_u32.pow(tries)).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn try_part(&self, id: &str, number: usize, range: &str) -> Result<PartId> {
        let source = format!("{}/{}", self.storage.name, self.from);
        let request = Signed {
            method: Method::PUT,
            key: self.to,
            query: vec![("partNumber", number.to_string()), ("uploadId", id.to_owned())],
            headers: vec![("x-amz-copy-source", source), ("x-amz-copy-source-range", range.to_owned())],
            context: format!("copy {range} of {} to {}", self.from, self.to),
        };
        let answer = request.send(self.http, self.signer).await?;
        match tag(&answer.text).filter(|_| answer.status.is_success()) {
            Some(tag) => Ok(PartId { content_id: tag }),
            None => Err(answer.refused()),
        }
    }
}

/// The tag in `<CopyPartResult><ETag>"…"</ETag>…`, as it goes into the list of parts.
fn tag(answer: &str) -> Option<String> {
    let (_, rest) = answer.split_once("<ETag>")?;
    let (tag, _) = rest.split_once("</ETag>")?;
    let bare = tag.replace("&quot;", "").replace("&#34;", "").replace('"', "");
    (!bare.is_empty()).then(|| format!("\"{bare}\""))
}
