//! Blobs as objects in a bucket, under the keys of the distribution registry: S3 and its like, Google Cloud Storage,
//! Azure.
//!
//! Storage in the network is paid for by the request, in time and in money. So an upload begins without one, a small
//! blob is one, and of a large one the parts travel while the client still sends. What was acknowledged is in the
//! bucket or in the state that the caller keeps, and nothing is remembered here between two calls.

mod answers;
mod buffer;
mod commit;
mod connect;
mod container;
mod copy;
mod failure;
mod hashing;
mod holds;
mod intake;
mod keys;
mod options;
mod parts;
mod read;
mod request;
mod state;
mod sweep;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
pub(crate) mod tests;
mod write;

use std::collections::HashSet;
use std::future::ready;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use haven_oci::{Algorithm, Digest};
use object_store::ObjectMeta;
use object_store::path::Path;
use object_store::signer::Method;
use tokio::sync::Semaphore;

use self::connect::Bucket;
pub use self::container::read_container_token;
use self::failure::failed;
use self::keys::Keys;
pub use self::options::{Copies, Options, Patience, Service};
use self::state::State;
use crate::error::{Error, Kind, Result};
use crate::store::{BlobStore, ByteStream, Stored, StoredUpload};
use crate::upload::{Upload, check_id};

const LARGE_UPLOADS: usize = 256;
/// A signed request is good for a quarter of an hour, however long it rested on its way.
const LINGERS: Duration = Duration::from_secs(15 * 60);

/// A store in a bucket. Any number of processes may share it.
#[derive(Clone)]
pub struct ObjectStorage {
    bucket: Bucket,
    /// The bucket's own.
    name: String,
    keys: Keys,
    part_size: Option<u64>,
    copies: Copies,
    patience: Patience,
    /// For uploads that keep more than a little in memory.
    seats: Arc<Semaphore>,
    /// What parts on their way may take, in MiB, beside one for each upload that waits for it.
    spare: Arc<Semaphore>,
    service: Service,
}

impl ObjectStorage {
    /// Makes ready to use a bucket; nothing is asked of it yet.
    ///
    /// # Errors
    /// `Invalid` for options that make no sense.
    pub fn open(options: &Options) -> Result<Self> {
        if options.part_size.is_some_and(|size| size < intake::LEAST_PART) {
            return Err(Error::new(Kind::Invalid, "a part has at least 5 MiB"));
        }
        Ok(Self {
            bucket: connect::connect(options)?,
            name: options.bucket.clone(),
            keys: Keys::new(&options.root)?,
            part_size: options.part_size,
            copies: options.copies,
            patience: options.patience,
            seats: Arc::new(Semaphore::new(options.large_uploads.unwrap_or(LARGE_UPLOADS))),
            spare: Arc::new(Semaphore::new(parts::SPARE)),
            service: options.service,
        })
    }

    /// Whether parts belong to one multipart. Where they belong to a key, those of two uploads could mix.
    fn parts_are_private(&self) -> bool {
        self.service != Service::Azure
    }

    /// Whether the service may answer before it has copied.
    fn copies_later(&self) -> bool {
        self.service == Service::Azure
    }

    /// Looks whether the bucket can be used, before anybody depends on it.
    ///
    /// # Errors
    /// `Invalid` when it refuses our credentials, does not exist or cannot be trusted, and trying again is of no use; else
    /// as [`BlobStore::check`].
    pub async fn prove(&self) -> Result<()> {
        // To list comes first: there are services that make a bucket for whoever writes to it.
        let listed = self.bucket.objects.list(Some(&self.keys.probe())).try_next().await;
        let listed = listed.map_err(|error| failed("list the bucket", error));
        let proven = match listed {
            Ok(_) => self.probe().await,
            Err(error) => Err(error),
        };
        let Err(error) = proven else { return Ok(()) };
        let context = if failure::is_bucket_missing(&error) {
            format!("bucket {} does not exist", self.name)
        } else if failure::is_refused(&error) {
            format!("bucket {} refuses our credentials, or may not be written to with them", self.name)
        } else if failure::is_untrusted(&error) {
            let what = "its certificate is not trusted; storage_service.ca_bundle can name its authority";
            format!("bucket {} cannot be used: {what}", self.name)
        } else {
            return Err(error);
        };
        Err(Error::with_source(Kind::Invalid, context, error))
    }

    /// The blobs below a key.
    fn blobs_below(&self, algorithm: Algorithm, key: &Path) -> BoxStream<'static, Result<Stored>> {
        let context = format!("list {key}");
        let objects = self.bucket.objects.list(Some(key));
        let objects = objects.map_err(move |error| failed(context.as_str(), error));
        let keys = self.keys.clone();
        let blob = move |object: ObjectMeta| {
            let digest = keys.digest(algorithm, &object.location)?;
            Some(Stored { digest, size: object.size, modified: object.last_modified.into() })
        };
        objects.try_filter_map(move |object| ready(Ok(blob(object)))).boxed()
    }
}

#[async_trait]
impl BlobStore for ObjectStorage {
    async fn size(&self, digest: &Digest) -> Result<Option<u64>> {
        self.certain_size(&self.keys.blob(digest)).await
    }

    async fn read(&self, digest: &Digest, size: u64, range: Range<u64>) -> Result<ByteStream> {
        self.read_blob(digest, size, range).await
    }

    async fn put(&self, digest: &Digest, bytes: Bytes) -> Result<()> {
        if Digest::of(digest.algorithm(), &bytes) != *digest {
            return Err(Error::mismatch(digest));
        }
        self.write(&self.keys.blob(digest), bytes.into()).await
    }

    async fn delete(&self, digest: &Digest) -> Result<bool> {
        let key = self.keys.blob(digest);
        // A removal does not say whether there was anything.
        if self.certain_size(&key).await?.is_none() {
            return Ok(false);
        }
        self.remove(&key).await?;
        Ok(true)
    }

    async fn begin(&self, id: &str, algorithm: Algorithm) -> Result<Upload> {
        Upload::new(id, algorithm)
    }

    async fn append(&self, upload: &mut Upload, body: ByteStream, limit: Option<u64>) -> Result<u64> {
        self.append_body(upload, body, limit).await
    }

    async fn commit(&self, upload: Upload, digest: &Digest) -> Result<u64> {
        self.commit_upload(upload, digest).await
    }

    async fn abort(&self, id: &str) -> Result<()> {
        check_id(id)?;
        self.discard(id).await
    }

    async fn abort_untouched(&self, id: &str) -> Result<()> {
        // Nothing was made when it began.
        check_id(id)
    }

    async fn sweep(&self, older_than: Duration, known: &HashSet<String>) -> Result<u64> {
        self.sweep_uploads(older_than, known).await
    }

    async fn list(&self, algorithm: Algorithm, prefix: u8) -> Result<Vec<Stored>> {
        let shelf = self.keys.shelf(algorithm, prefix);
        let mut blobs: Vec<Stored> = self.blobs_below(algorithm, &shelf).try_collect().await?;
        blobs.sort_unstable_by(|a, b| a.digest.cmp(&b.digest));
        Ok(blobs)
    }

    async fn list_few(&self, algorithm: Algorithm, most: usize) -> Result<Option<Vec<Stored>>> {
        let mut stored = self.blobs_below(algorithm, &self.keys.blob_folder(algorithm));
        let mut blobs = Vec::new();
        while let Some(blob) = stored.try_next().await? {
            if blobs.len() >= most {
                return Ok(None);
            }
            blobs.push(blob);
        }
        blobs.sort_unstable_by(|a, b| a.digest.cmp(&b.digest));
        Ok(Some(blobs))
    }

    async fn uploads(&self) -> Result<Vec<StoredUpload>> {
        let (written, _) = self.written_uploads().await?;
        Ok(written.into_iter().map(|(id, modified)| StoredUpload { id, modified }).collect())
    }

    async fn holds(&self, upload: &Upload) -> Result<bool> {
        self.holds_upload(upload).await
    }

    fn placed(&self, upload: &Upload) -> Option<Digest> {
        State::of(upload).ok()?.placed()
    }

    async fn check(&self) -> Result<()> {
        self.probe().await
    }

    fn lingers(&self) -> Duration {
        LINGERS
    }

    async fn link(&self, digest: &Digest, lifetime: Duration) -> Result<Option<String>> {
        let Some(signer) = &self.bucket.signer else { return Ok(None) };
        let url = signer.signed_url(Method::GET, &self.keys.blob(digest), lifetime).await;
        url.map(|url| Some(url.into()))
            .map_err(|error| failed(format!("sign a link to blob {digest}"), error))
    }
}
