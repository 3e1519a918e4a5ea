//! What a good caller does with an unreliable store: try again, and go on from what was kept.

use std::collections::HashSet;
use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use haven_oci::{Algorithm, Digest};

use crate::{BlobStore, ByteStream, Error, Kind, Memory, Result, Stored, StoredUpload, Unreliable, Upload};

pub(crate) struct Patient<S>(pub(crate) S);

/// Evaluates the operation until it is no longer `Unavailable`.
macro_rules! persist {
    ($operation:expr) => {
        loop {
            match $operation.await {
                Err(Error { kind: Kind::Unavailable, .. }) => {}
                outcome => break outcome,
            }
        }
    };
}

#[async_trait]
impl<S: BlobStore> BlobStore for Patient<S> {
    async fn size(&self, digest: &Digest) -> Result<Option<u64>> {
        persist!(self.0.size(digest))
    }

    /// A read that breaks off is begun again.
    async fn read(&self, digest: &Digest, size: u64, range: Range<u64>) -> Result<ByteStream> {
        loop {
            let body = persist!(self.0.read(digest, size, range.clone()))?;
            if let Ok(slices) = body.try_collect::<Vec<Bytes>>().await {
                return Ok(stream::iter(slices.into_iter().map(Ok)).boxed());
            }
        }
    }

    async fn put(&self, digest: &Digest, bytes: Bytes) -> Result<()> {
        persist!(self.0.put(digest, bytes.clone()))
    }

    /// An attempt whose answer was lost may have removed it, so whether it was there is asked before.
    async fn delete(&self, digest: &Digest) -> Result<bool> {
        let was_there = persist!(self.0.size(digest))?.is_some();
        persist!(self.0.delete(digest)).map(|_| was_there)
    }

    async fn begin(&self, id: &str, algorithm: Algorithm) -> Result<Upload> {
        persist!(self.0.begin(id, algorithm))
    }

    async fn append(&self, upload: &mut Upload, body: ByteStream, limit: Option<u64>) -> Result<u64> {
        let before = upload.clone();
        let chunks: Vec<_> = body.collect().await;
        let ours = chunks.iter().any(std::result::Result::is_err);
        let sent: Bytes = chunks.into_iter().flatten().collect::<Vec<_>>().concat().into();
        loop {
            let done = usize::try_from(upload.size - before.size).unwrap_or_default();
            let rest = sent.slice(done..);
            let error = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
            let end = stream::iter(ours.then_some(Err(error)));
            let body = stream::once(async { Ok(rest) }).chain(end).boxed();
            match self.0.append(upload, body, limit).await {
                Err(error) if error.kind == Kind::Interrupted && !ours => {}
                Err(error) if error.kind == Kind::Unavailable => {}
                Err(error) if error.kind == Kind::TooLarge => {
                    *upload = before;
                    return Err(error);
                }
                outcome => return outcome,
            }
        }
    }

    async fn commit(&self, upload: Upload, digest: &Digest) -> Result<u64> {
        persist!(self.0.commit(upload.clone(), digest))
    }

    async fn abort(&self, id: &str) -> Result<()> {
        persist!(self.0.abort(id))
    }

    async fn abort_untouched(&self, id: &str) -> Result<()> {
        persist!(self.0.abort_untouched(id))
    }

    async fn sweep(&self, older_than: Duration, known: &HashSet<String>) -> Result<u64> {
        persist!(self.0.sweep(older_than, known))
    }

    async fn list(&self, algorithm: Algorithm, prefix: u8) -> Result<Vec<Stored>> {
        persist!(self.0.list(algorithm, prefix))
    }

    async fn list_few(&self, algorithm: Algorithm, most: usize) -> Result<Option<Vec<Stored>>> {
        persist!(self.0.list_few(algorithm, most))
    }

    async fn uploads(&self) -> Result<Vec<StoredUpload>> {
        persist!(self.0.uploads())
    }

    async fn holds(&self, upload: &Upload) -> Result<bool> {
        persist!(self.0.holds(upload))
    }

    fn placed(&self, upload: &Upload) -> Option<Digest> {
        self.0.placed(upload)
    }

    async fn check(&self) -> Result<()> {
        persist!(self.0.check())
    }

    async fn link(&self, digest: &Digest, lifetime: Duration) -> Result<Option<String>> {
        persist!(self.0.link(digest, lifetime))
    }
}

#[tokio::test]
async fn a_caller_that_goes_on_loses_nothing() {
    let store = Patient(Unreliable::new(Memory::new(), 4));
    let mut upload = store.begin("a", Algorithm::Sha256).await.unwrap();
    let bytes = crate::conformance::content(1, 1000);
    store.append(&mut upload, crate::conformance::body(&bytes, 10), None).await.unwrap();
    assert_eq!(store.commit(upload, &Digest::sha256(&bytes)).await.unwrap(), 1000);
}
