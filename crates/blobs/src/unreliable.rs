//! A store that fails before it works, for the tests of those who must cope with that.

use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use haven_oci::{Algorithm, Digest};

use crate::error::{Error, Kind, Result};
use crate::store::{BlobStore, ByteStream, Space, Stored, StoredUpload};
use crate::upload::Upload;

/// Fails the first few tries of each operation on each blob or upload.
///
/// A failing `append` takes the first chunk of its body and then breaks off, and a failing `commit` loses its answer
/// every other time rather than its work: the two failures that are easiest to get wrong.
pub struct Unreliable<S> {
    inner: S,
    failures: u32,
    lingers: Duration,
    tries: Mutex<HashMap<(&'static str, String), u32>>,
}

impl<S: BlobStore> Unreliable<S> {
    /// `inner`, whose every operation succeeds only after `failures` tries.
    pub fn new(inner: S, failures: u32) -> Self {
        let lingers = inner.lingers();
        Self { inner, failures, lingers, tries: Mutex::default() }
    }

    /// The same, of which nobody knows for so long whether what has failed comes to pass after all.
    #[must_use]
    pub fn lingering(self, lingers: Duration) -> Self {
        Self { lingers, ..self }
    }

    /// Which try of the operation this is, if it is one that fails.
    fn failing(&self, operation: &'static str, subject: &str) -> Option<u32> {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        let count = tries.entry((operation, subject.to_owned())).or_insert(0);
        *count += 1;
        (*count <= self.failures).then_some(*count)
    }

    fn pass(&self, operation: &'static str, subject: &str) -> Result<()> {
        match self.failing(operation, subject) {
            Some(_) => Err(Error::new(Kind::Unavailable, format!("{operation} {subject} fails on purpose"))),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl<S: BlobStore> BlobStore for Unreliable<S> {
    async fn size(&self, digest: &Digest) -> Result<Option<u64>> {
        self.pass("size", digest.as_str())?;
        self.inner.size(digest).await
    }

    async fn read(&self, digest: &Digest, size: u64, range: Range<u64>) -> Result<ByteStream> {
        self.pass("read", digest.as_str())?;
        self.inner.read(digest, size, range).await
    }

    async fn send(&self, digest: &Digest, size: u64, range: Range<u64>) -> Result<ByteStream> {
        self.pass("send", digest.as_str())?;
        self.inner.send(digest, size, range).await
    }

    async fn put(&self, digest: &Digest, bytes: Bytes) -> Result<()> {
        self.pass("put", digest.as_str())?;
        self.inner.put(digest, bytes).await
    }

    async fn delete(&self, digest: &Digest) -> Result<bool> {
        self.pass("delete", digest.as_str())?;
        self.inner.delete(digest).await
    }

    async fn begin(&self, id: &str, algorithm: Algorithm) -> Result<Upload> {
        self.pass("begin", id)?;
        self.inner.begin(id, algorithm).await
    }

    async fn append(&self, upload: &mut Upload, body: ByteStream, limit: Option<u64>) -> Result<u64> {
        if self.failing("append", &upload.id).is_none() {
            return self.inner.append(upload, body, limit).await;
        }
        let broken = stream::once(async { Err(io::Error::other("breaks off on purpose")) });
        self.inner.append(upload, body.take(1).chain(broken).boxed(), limit).await
    }

    async fn commit(&self, upload: Upload, digest: &Digest) -> Result<u64> {
        let answer_lost = match self.failing("commit", &upload.id) {
            None => return self.inner.commit(upload, digest).await,
            // Of a digest that the session did not hash, a repetition cannot be recognised.
            Some(count) => count % 2 == 0 && upload.algorithm() == digest.algorithm(),
        };
        if answer_lost {
            self.inner.commit(upload, digest).await?;
        }
        Err(Error::new(Kind::Unavailable, "commit fails on purpose"))
    }

    async fn abort(&self, id: &str) -> Result<()> {
        self.pass("abort", id)?;
        self.inner.abort(id).await
    }

    async fn abort_untouched(&self, id: &str) -> Result<()> {
        self.pass("abort_untouched", id)?;
        self.inner.abort_untouched(id).await
    }

    async fn sweep(&self, older_than: Duration, known: &HashSet<String>) -> Result<u64> {
        self.pass("sweep", "")?;
        self.inner.sweep(older_than, known).await
    }

    async fn list(&self, algorithm: Algorithm, prefix: u8) -> Result<Vec<Stored>> {
        self.pass("list", &format!("{algorithm}:{prefix:02x}"))?;
        self.inner.list(algorithm, prefix).await
    }

    async fn list_few(&self, algorithm: Algorithm, most: usize) -> Result<Option<Vec<Stored>>> {
        self.pass("list", algorithm.as_str())?;
        self.inner.list_few(algorithm, most).await
    }

    async fn uploads(&self) -> Result<Vec<StoredUpload>> {
        self.pass("uploads", "")?;
        self.inner.uploads().await
    }

    async fn holds(&self, upload: &Upload) -> Result<bool> {
        self.pass("holds", &upload.id)?;
        self.inner.holds(upload).await
    }

    fn placed(&self, upload: &Upload) -> Option<Digest> {
        self.inner.placed(upload)
    }

    async fn check(&self) -> Result<()> {
        self.pass("check", "")?;
        self.inner.check().await
    }

    async fn space(&self) -> Result<Option<Space>> {
        self.pass("space", "")?;
        self.inner.space().await
    }

    fn lingers(&self) -> Duration {
        self.lingers
    }

    async fn link(&self, digest: &Digest, lifetime: Duration) -> Result<Option<String>> {
        self.pass("link", digest.as_str())?;
        self.inner.link(digest, lifetime).await
    }
}
