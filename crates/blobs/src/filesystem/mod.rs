//! Blobs as files, in the tree of the distribution registry.
//!
//! What was acknowledged is on the disk: bytes before an upload says that it has them, names before a blob says that
//! it exists. Nothing here is found by walking, except to compare it with the rows, which know what there is.

mod hashing;
mod layout;
mod list;
mod read;
mod session;
mod sweep;
mod write;

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use haven_oci::{Algorithm, Digest};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, spawn_blocking};

use crate::error::{Error, Kind, Result};
use crate::store::{BlobStore, ByteStream, Space, Stored, StoredUpload};
use crate::upload::Upload;
use layout::Layout;

/// A store in a folder. Several processes may share it, if its file system has locks.
#[derive(Clone, Debug)]
pub struct Filesystem {
    layout: Layout,
    /// See [`write::LARGE_BATCHES`].
    large: Arc<Semaphore>,
}

impl Filesystem {
    /// Opens the store in `root`, which is made if it is not there. One that cannot be written to is refused.
    pub fn open(root: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::with(Layout::open(root.as_ref())?))
    }

    /// The store in `root` as it is, for those who look at it: nothing is made, and it need not be writable.
    pub fn look_at(root: impl AsRef<Path>) -> Self {
        Self::with(Layout::at(root.as_ref()))
    }

    fn with(layout: Layout) -> Self {
        Self { layout, large: Arc::new(Semaphore::new(write::LARGE_BATCHES)) }
    }

    async fn with_layout<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Layout) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let layout = self.layout.clone();
        blocking(move || job(&layout)).await
    }
}

#[async_trait]
impl BlobStore for Filesystem {
    async fn size(&self, digest: &Digest) -> Result<Option<u64>> {
        let digest = digest.clone();
        self.with_layout(move |layout| layout.size(&digest)).await
    }

    async fn read(&self, digest: &Digest, size: u64, range: Range<u64>) -> Result<ByteStream> {
        read::read(&self.layout, digest, size, range, read::Way::Copied).await
    }

    async fn send(&self, digest: &Digest, size: u64, range: Range<u64>) -> Result<ByteStream> {
        read::read(&self.layout, digest, size, range, read::Way::Mapped).await
    }

    async fn put(&self, digest: &Digest, bytes: Bytes) -> Result<()> {
        let digest = digest.clone();
        self.with_layout(move |layout| put(layout, &digest, &bytes)).await
    }

    async fn delete(&self, digest: &Digest) -> Result<bool> {
        let digest = digest.clone();
        self.with_layout(move |layout| layout.remove_blob(&digest)).await
    }

    async fn begin(&self, id: &str, algorithm: Algorithm) -> Result<Upload> {
        let upload = Upload::new(id, algorithm)?;
        let id = id.to_owned();
        self.with_layout(move |layout| layout.create_upload(&id)).await?;
        Ok(upload)
    }

    async fn append(&self, upload: &mut Upload, body: ByteStream, limit: Option<u64>) -> Result<u64> {
        write::append(&self.layout, &self.large, upload, body, limit).await
    }

    async fn commit(&self, upload: Upload, digest: &Digest) -> Result<u64> {
        let digest = digest.clone();
        let opened = match session::open(&self.layout, &upload).await {
            Err(error) if error.kind == Kind::NotFound => {
                return self
                    .with_layout(move |layout| committed_before(layout, upload, &digest, error))
                    .await;
            }
            opened => opened?,
        };
        self.with_layout(move |layout| commit(layout, opened, upload, &digest)).await
    }

    async fn abort(&self, id: &str) -> Result<()> {
        let id = id.to_owned();
        self.with_layout(move |layout| layout.remove_upload(&id)).await
    }

    async fn sweep(&self, older_than: Duration, known: &HashSet<String>) -> Result<u64> {
        self.sweep_uploads(older_than, known).await
    }

    async fn list(&self, algorithm: Algorithm, prefix: u8) -> Result<Vec<Stored>> {
        self.with_layout(move |layout| list::list(layout, algorithm, prefix)).await
    }

    async fn uploads(&self) -> Result<Vec<StoredUpload>> {
        self.with_layout(list::uploads).await
    }

    async fn holds(&self, upload: &Upload) -> Result<bool> {
        let upload = upload.clone();
        self.with_layout(move |layout| session::holds(layout, &upload)).await
    }

    async fn check(&self) -> Result<()> {
        let probe =
            |layout: &Layout| layout.probe().map_err(|error| Error::io("write to the blob folder", error));
        self.with_layout(probe).await.map(drop)
    }

    async fn space(&self) -> Result<Option<Space>> {
        self.with_layout(|layout| layout.space().map(Some)).await
    }
}

fn commit(layout: &Layout, opened: session::Opened, upload: Upload, digest: &Digest) -> Result<u64> {
    let session::Opened { mut file, is_cut } = opened;
    let (id, size) = (upload.id.clone(), upload.size);
    if !session::verify(&mut file, upload, digest)? {
        layout.remove_upload(&id)?;
        return Err(Error::mismatch(digest));
    }
    // What was acknowledged is on the disk already, and to ask once more would cost as much as the first time.
    if is_cut || size == 0 {
        session::sync(&file, &id)?;
    }
    layout.place(&layout.upload(&id)?.join("data"), size, digest)?;
    layout.remove_upload(&id)?;
    Ok(size)
}

/// A commit that is repeated because its answer was lost finds its work done. The hash of the session proves that the
/// caller had the content: otherwise a lost upload would be a way to other people's blobs.
fn committed_before(layout: &Layout, upload: Upload, digest: &Digest, otherwise: Error) -> Result<u64> {
    let size = upload.size;
    if upload.hasher.matches(digest) && layout.size(digest)? == Some(size) {
        layout.remove_upload(&upload.id)?;
        return Ok(size);
    }
    Err(otherwise)
}

fn put(layout: &Layout, digest: &Digest, bytes: &[u8]) -> Result<()> {
    if Digest::of(digest.algorithm(), bytes) != *digest {
        return Err(Error::mismatch(digest));
    }
    let failed = |error| Error::io(format!("write blob {digest}"), error);
    let (path, mut file) = layout.create_temporary().map_err(failed)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed);
    let placed = written.and_then(|()| layout.place(&path, bytes.len() as u64, digest));
    // Gone already when it has become the blob.
    let _ = fs::remove_file(path);
    placed
}

/// Does what may wait for the disk on a thread that may.
async fn blocking<T: Send + 'static>(job: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    joined(spawn_blocking(job).await)?
}

fn joined<T>(outcome: std::result::Result<T, JoinError>) -> Result<T> {
    outcome.map_err(|error| Error::with_source(Kind::Unavailable, "a task of the blob store died", error))
}
