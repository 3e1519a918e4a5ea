//! Bytes on their way out, as they come from the service.

use std::io;
use std::ops::Range;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use haven_oci::Digest;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStoreExt};

use super::ObjectStorage;
use super::failure::failed;
use crate::error::{Error, Kind, Result};
use crate::store::{ByteStream, check_range};

impl ObjectStorage {
    /// How long an object is, if it is there.
    pub(super) async fn object_size(&self, key: &Path) -> Result<Option<u64>> {
        match self.bucket.objects.head(key).await {
            Ok(found) => Ok(Some(found.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(format!("look for {key}"), error)),
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
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        match self.bucket.objects.get_opts(&key, options).await {
            Ok(found) if found.meta.size < size => Err(Error::shorter(digest, found.meta.size, size)),
            Ok(found) => Ok(found.into_stream().map_err(io::Error::from).boxed()),
            Err(object_store::Error::NotFound { .. }) => Err(Error::no_blob(digest)),
            Err(error) => {
                // A range beyond the end is refused in many ways.
                self.expect_size(digest, &key, size).await?;
                Err(failed(format!("read blob {digest}"), error))
            }
        }
    }

    async fn expect_size(&self, digest: &Digest, key: &Path, size: u64) -> Result<()> {
        match self.object_size(key).await? {
            None => Err(Error::no_blob(digest)),
            Some(found) if found < size => Err(Error::shorter(digest, found, size)),
            Some(_) => Ok(()),
        }
    }

    /// A small object as a whole.
    pub(super) async fn fetch(&self, key: &Path) -> Result<Bytes> {
        let context = || format!("read {key}");
        let found = self.bucket.objects.get(key).await.map_err(|error| failed(context(), error))?;
        found.bytes().await.map_err(|error| failed(context(), error))
    }

    /// An object of any size, slice by slice.
    pub(super) async fn stream(&self, key: &Path) -> Result<ByteStream> {
        let found = self.bucket.objects.get(key).await;
        let found = found.map_err(|error| failed(format!("read {key}"), error))?;
        Ok(found.into_stream().map_err(io::Error::from).boxed())
    }
}

/// An object that is not there means that the upload is gone.
pub(super) fn gone(id: &str, error: Error) -> Error {
    if error.kind == Kind::NotFound { Error::no_upload(id) } else { error }
}
