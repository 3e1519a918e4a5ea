//! Copies within the service, of any size.
//!
//! S3 copies at most 5 GiB by one request, and takes its time over it. Larger objects are copied piece by piece as the
//! parts of a new multipart. The client library does not know that request.
//!
//! S3 says 200 before it copies, and may say further on that it has failed. So what counts is whether the copy is there.
//! Azure may answer before it has copied, so there it is waited for.

use std::io;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use haven_oci::Digest;
use http::StatusCode;
use object_store::ObjectStoreExt;
use object_store::client::{HttpClient, HttpError};
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::signer::{Method, Signer};
use tokio::time::Instant;

use super::ObjectStorage;
use super::failure::{failed, one_line};
use super::read::gone;
use super::request::{Signed, exchange};
use crate::error::{Error, Kind, Result};

/// What S3 copies by one request.
const MOST_AT_ONCE: u64 = 5 << 30;
const MOST_PIECES: u64 = 10_000;
/// Between two looks for a copy that is under way.
const MOST_PAUSE: Duration = Duration::from_secs(2);

impl ObjectStorage {
    /// Gives the object of an upload, of `size` bytes, its place as a blob.
    pub(super) async fn copy(&self, id: &str, digest: &Digest, size: u64) -> Result<()> {
        let (from, to) = (&self.keys.whole(id)?, &self.keys.blob(digest));
        if let (Some(http), Some(signer)) = (&self.bucket.http, &self.bucket.signer)
            && size > self.copies.single
        {
            let pieces = Pieces { storage: self, http, signer: signer.as_ref(), from, to };
            match pieces.copy(id, digest, size).await {
                Err(miss) if miss.is_foreign && size <= MOST_AT_ONCE => {
                    // Not every service that speaks the protocol has this request.
                    tracing::warn!(
                        error = &miss.error as &dyn std::error::Error,
                        "copy in pieces failed, copying at once"
                    );
                }
                outcome => return outcome.map_err(|miss| miss.error),
            }
        }
        let copied = self.bucket.objects.copy(from, to).await;
        copied.map_err(|error| gone(id, failed(format!("copy {from} to {to}"), error)))?;
        if self.copied_size(to).await? == Some(size) {
            return Ok(());
        }
        let context = format!("copy {from} to {to}: the storage says that it did, and did not");
        Err(Error::new(Kind::Unavailable, context))
    }

    /// How long a copy is, once it is there.
    async fn copied_size(&self, key: &Path) -> Result<Option<u64>> {
        let (began, mut pause) = (Instant::now(), self.patience.pause);
        loop {
            let found = self.object_size(key).await?;
            if found.is_some() || !self.copies_later() || began.elapsed() >= self.patience.give_up {
                return Ok(found);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(MOST_PAUSE);
        }
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

/// A piece that was not copied.
struct Miss {
    error: Error,
    /// Trying again may help.
    is_passing: bool,
    /// The service does not know the request.
    is_foreign: bool,
}

type Piece<T> = std::result::Result<T, Miss>;

impl From<Error> for Miss {
    fn from(error: Error) -> Self {
        Self { error, is_passing: false, is_foreign: false }
    }
}

impl Pieces<'_> {
    async fn copy(&self, upload: &str, digest: &Digest, size: u64) -> Piece<()> {
        let storage = self.storage;
        let multipart = storage.begin_multipart(upload, Some(digest.clone())).await?;
        let copied = match self.parts(&multipart.id, size).await {
            Ok(parts) => {
                let completed =
                    storage.bucket.multiparts.complete_multipart(self.to, &multipart.id, parts).await;
                let context = || format!("copy {} to {}", self.from, self.to);
                completed.map(drop).map_err(|error| Miss::from(failed(context(), error)))
            }
            Err(miss) => Err(miss),
        };
        match copied {
            Err(miss) if miss.is_foreign || !storage.is_there(self.to, size).await => {
                let _ = storage.briefly(storage.drop_multipart(upload, &multipart)).await;
                Err(miss)
            }
            // There, even if the answer that says so was lost.
            _ => Ok(storage.remove(&storage.keys.piece(upload, &multipart.marker)?).await?),
        }
    }

    async fn parts(&self, id: &str, size: u64) -> Piece<Vec<PartId>> {
        let copies = self.storage.copies;
        let piece = copies.piece.max(size.div_ceil(MOST_PIECES));
        let pieces = (0..size).step_by(usize::try_from(piece).unwrap_or(usize::MAX)).enumerate();
        let copied = pieces.map(|(index, start)| {
            let last = (start + piece).min(size) - 1;
            async move { self.part(id, index + 1, format!("bytes={start}-{last}")).await }
        });
        stream::iter(copied).buffered(copies.at_once.max(1)).try_collect().await
    }

    /// As patient as the library is with its own requests.
    async fn part(&self, id: &str, number: usize, range: String) -> Piece<PartId> {
        let (patience, began, mut tries) = (self.storage.patience, Instant::now(), 0);
        loop {
            match self.try_part(id, number, &range).await {
                Err(miss)
                    if miss.is_passing && tries < patience.retries && began.elapsed() < patience.give_up =>
                {
                    tries += 1;
                    let error = &miss.error as &dyn std::error::Error;
                    tracing::info!(error, tries, "copying a piece again");
                }
                outcome => return outcome,
            }
            tokio::time::sleep(patience.pause.saturating_mul(1 << tries.min(6))).await;
        }
    }

    async fn try_part(&self, id: &str, number: usize, range: &str) -> Piece<PartId> {
        let context = || format!("copy {range} of {} to {}", self.from, self.to);
        let source = format!("{}/{}", self.storage.name, self.from);
        let request = Signed {
            method: Method::PUT,
            key: self.to,
            query: vec![("partNumber", number.to_string()), ("uploadId", id.to_owned())],
            headers: vec![("x-amz-copy-source", source), ("x-amz-copy-source-range", range.to_owned())],
            context: context(),
        };
        let request = request.sign(self.signer).await?;
        let lost = |error: HttpError| {
            let error = Error::with_source(Kind::Unavailable, context(), one_line(&error));
            Miss { is_passing: true, ..Miss::from(error) }
        };
        let (status, text) = exchange(self.http, request).await.map_err(lost)?;
        if let Some(tag) = tag(&text).filter(|_| status.is_success()) {
            return Ok(PartId { content_id: tag });
        }
        let said = io::Error::other(format!("the storage answers {status}: {text}"));
        Err(Miss {
            error: Error::with_source(Kind::Unavailable, context(), one_line(&said)),
            is_passing: is_passing(status),
            is_foreign: is_foreign(status),
        })
    }
}

/// Also 200, behind which an error may stand.
fn is_passing(status: StatusCode) -> bool {
    let is_wait = matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
    is_wait || status.is_success() || (status.is_server_error() && !is_foreign(status))
}

fn is_foreign(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_REQUEST | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED)
}

/// The tag in `<CopyPartResult><ETag>"…"</ETag>…`, as it goes into the list of parts.
fn tag(answer: &str) -> Option<String> {
    let (_, rest) = answer.split_once("<ETag>")?;
    let (tag, _) = rest.split_once("</ETag>")?;
    let bare = tag.replace("&quot;", "").replace("&#34;", "").replace('"', "");
    (!bare.is_empty()).then(|| format!("\"{bare}\""))
}
