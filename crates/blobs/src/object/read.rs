//! Bytes on their way out, as they come from the service.
//!
//! Every read asks for a range, the whole included: an answer that is not one of the storage, such as the page of a
//! proxy, is then refused for its status, and one that ends too soon for its length.

use std::io;
use std::ops::Range;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use haven_oci::Digest;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResult, ObjectStoreExt};

use super::ObjectStorage;
use super::failure::{broken, failed, is_outage};
use crate::error::{Error, Kind, Result};
use crate::store::{ByteStream, check_range};

type Body = stream::BoxStream<'static, object_store::Result<Bytes>>;

impl ObjectStorage {
    /// How long an object is, if it is there.
    pub(super) async fn object_size(&self, key: &Path) -> Result<Option<u64>> {
        match self.bucket.objects.head(key).await {
            Ok(found) => Ok(Some(found.size)),
            Err(failure) => match failed(format!("look for {key}"), failure) {
                error if error.kind == Kind::NotFound => Ok(None),
                error => Err(error),
            },
        }
    }

    /// As [`Self::object_size`], where much depends on it that nothing is there: the answer to a HEAD does not say what is
    /// missing, nor who says so.
    pub(super) async fn certain_size(&self, key: &Path) -> Result<Option<u64>> {
        if let Some(size) = self.object_size(key).await? {
            return Ok(Some(size));
        }
        match self.open_range(key, 0..1).await {
            Ok(found) => Ok(Some(found.meta.size)),
            Err(failure) => match failed(format!("look for {key}"), failure) {
                error if error.kind == Kind::NotFound => Ok(None),
                error => Err(error),
            },
        }
    }

    /// See [`crate::BlobStore::read`]. The answer to the one request says how long the object is.
    pub(super) async fn read_blob(
        &self,
        digest: &Digest,
        size: u64,
        range: Range<u64>,
    ) -> Result<ByteStream> {
        let key = self.keys.blob(digest);
        if range.is_empty() {
            // Nothing cannot be asked for, and a range that makes no sense must still be told from a missing blob.
            self.expect_size(digest, &key, size).await?;
            check_range(size, &range)?;
            return Ok(stream::empty().boxed());
        }
        if let Err(error) = check_range(size, &range) {
            self.expect_size(digest, &key, 0).await?;
            return Err(error);
        }
        match self.open_range(&key, range.clone()).await {
            Ok(found) if found.meta.size < size => Err(Error::shorter(digest, found.meta.size, size)),
            Ok(found) => Ok(Flow::new(self, key, range, found).stream()),
            Err(failure) => {
                let is_outage = is_outage(&failure);
                let error = failed(format!("read blob {digest}"), failure);
                if error.kind == Kind::NotFound {
                    return Err(Error::no_blob(digest));
                }
                if !is_outage {
                    // A range beyond the end is refused in many ways.
                    self.expect_size(digest, &key, size).await?;
                }
                Err(error)
            }
        }
    }

    async fn open_range(&self, key: &Path, range: Range<u64>) -> object_store::Result<GetResult> {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        self.bucket.objects.get_opts(key, options).await
    }

    async fn expect_size(&self, digest: &Digest, key: &Path, size: u64) -> Result<()> {
        match self.object_size(key).await? {
            None => Err(Error::no_blob(digest)),
            Some(found) if found < size => Err(Error::shorter(digest, found, size)),
            Some(_) => Ok(()),
        }
    }

    /// A small object of this size as a whole. One that is shorter comes as it is.
    pub(super) async fn fetch(&self, key: &Path, size: u64) -> Result<Bytes> {
        if size == 0 {
            return Ok(Bytes::new());
        }
        let context = || format!("read {key}");
        let found = self.open_range(key, 0..size).await.map_err(|error| failed(context(), error))?;
        let range = 0..size.min(found.meta.size);
        let slices = Flow::new(self, key.clone(), range, found).stream().try_collect::<Vec<Bytes>>().await;
        let slices = slices.map_err(|error| Error::with_source(Kind::Unavailable, context(), error))?;
        Ok(slices.concat().into())
    }

    /// An object of this size, slice by slice.
    pub(super) async fn stream(&self, key: &Path, size: u64) -> Result<ByteStream> {
        let found = self.open_range(key, 0..size).await;
        let found = found.map_err(|error| failed(format!("read {key}"), error))?;
        Ok(Flow::new(self, key.clone(), 0..size, found).stream())
    }
}

/// A long read. The connections of a storage do not live as long as some reads take, so where one breaks off after it has
/// brought something, the rest is asked for on another: what has a digest is the same every time.
struct Flow {
    storage: ObjectStorage,
    key: Path,
    /// What is still to come.
    rest: Range<u64>,
    body: Body,
    /// Whether the body has brought nothing yet.
    is_fresh: bool,
}

impl Flow {
    fn new(storage: &ObjectStorage, key: Path, rest: Range<u64>, found: GetResult) -> Self {
        Self { storage: storage.clone(), key, rest, body: found.into_stream(), is_fresh: true }
    }

    fn stream(self) -> ByteStream {
        let unfold = async |mut flow: Self| {
            let next = flow.next().await?;
            io::Result::Ok(next.map(|bytes| (bytes, flow)))
        };
        stream::try_unfold(self, unfold).boxed()
    }

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        while !self.rest.is_empty() {
            let left = self.rest.end - self.rest.start;
            let failure = match self.body.next().await {
                Some(Ok(bytes)) if bytes.len() as u64 > left => {
                    return Err(io::Error::other("the storage sends more than was asked for"));
                }
                Some(Ok(bytes)) if bytes.is_empty() => continue,
                Some(Ok(bytes)) => {
                    self.rest.start += bytes.len() as u64;
                    self.is_fresh = false;
                    return Ok(Some(bytes));
                }
                Some(Err(failure)) => broken(failure),
                None => {
                    io::Error::new(io::ErrorKind::UnexpectedEof, "the storage sends less than was asked for")
                }
            };
            if self.is_fresh {
                return Err(failure);
            }
            self.open_again(failure).await?;
        }
        Ok(None)
    }

    async fn open_again(&mut self, failure: io::Error) -> io::Result<()> {
        tracing::info!(
            key = %self.key,
            at = self.rest.start,
            error = &failure as &dyn std::error::Error,
            "a read broke off and goes on"
        );
        let opening = self.storage.open_range(&self.key, self.rest.clone());
        match tokio::time::timeout(self.storage.patience.answer, opening).await {
            Ok(Ok(found)) => {
                (self.body, self.is_fresh) = (found.into_stream(), true);
                Ok(())
            }
            // What broke the read is worth more to know than that nothing mended it.
            Ok(Err(_)) | Err(_) => Err(failure),
        }
    }
}

/// An object that is not there means that the upload is gone.
pub(super) fn gone(id: &str, error: Error) -> Error {
    if error.kind == Kind::NotFound { Error::no_upload(id) } else { error }
}
