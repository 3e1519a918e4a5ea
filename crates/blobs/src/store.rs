//! The one interface to bytes, whatever keeps them.

use std::collections::HashSet;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::Stream;
use haven_oci::{Algorithm, Digest};

use crate::error::{Error, Kind, Result};
use crate::upload::Upload;

/// Bytes on their way in or out.
pub type ByteStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// A blob as the storage has it, whatever the rows say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    /// When it came here, by the storage's own clock.
    pub modified: SystemTime,
}

/// How much room there is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    pub total: u64,
    /// What is left for us.
    pub free: u64,
}

/// What the storage has of an upload, whatever the rows say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredUpload {
    pub id: String,
    /// When something of it was last written, by the storage's own clock.
    pub modified: SystemTime,
}

/// A place for blobs.
///
/// Committed blobs never change: they appear whole under the digest of their content, and vanish whole.
/// An upload is one caller's at a time; a second one that appends to the same upload is refused or waits.
#[async_trait]
pub trait BlobStore: Send + Sync + 'static {
    /// How long the blob is, or `None` if it is not here.
    async fn size(&self, digest: &Digest) -> Result<Option<u64>>;

    /// Streams `range` of a blob that should be `size` bytes long. One that turns out shorter is `Corrupt`,
    /// before a byte of it is sent.
    async fn read(&self, digest: &Digest, size: u64, range: Range<u64>) -> Result<ByteStream>;

    /// As [`BlobStore::read`], for a socket. Nobody may look at these bytes on the way: they may merely show a file, which
    /// [`Origin`](crate::Origin) finds again, and a file that fails to deliver ends the process that touches them.
    async fn send(&self, digest: &Digest, size: u64, range: Range<u64>) -> Result<ByteStream> {
        self.read(digest, size, range).await
    }

    /// Keeps a small blob (a manifest) at once, if the digest is that of the bytes. Twice is once.
    async fn put(&self, digest: &Digest, bytes: Bytes) -> Result<()>;

    /// Removes a blob; says whether it was there. Readers that have begun are not disturbed.
    async fn delete(&self, digest: &Digest) -> Result<bool>;

    /// Opens an upload. Ids are `[a-z0-9-]{1,64}` and are not used twice.
    async fn begin(&self, id: &str, algorithm: Algorithm) -> Result<Upload>;

    /// Adds `body` to the upload and returns the new size; then these bytes outlive a crash of the machine.
    ///
    /// Bytes beyond `upload.size` that an earlier, unacknowledged attempt left behind are dropped first. When the
    /// body breaks off (`Interrupted`) or the storage gives up, `upload` describes exactly what was kept: save it, and
    /// the upload can go on. More than `limit` bytes *in the whole upload* is `TooLarge`, and nothing of `body` counts.
    async fn append(&self, upload: &mut Upload, body: ByteStream, limit: Option<u64>) -> Result<u64>;

    /// Makes the upload the blob `digest` and returns its size. Content that has another digest is dropped
    /// (`DigestMismatch`). Several uploads may become the same blob, even at once. A commit whose answer was lost may
    /// be repeated, if the digest is of the session's own algorithm.
    async fn commit(&self, upload: Upload, digest: &Digest) -> Result<u64>;

    /// Drops an upload; an absent one is fine. Who holds its state and goes on regardless finds it gone, or writes what
    /// the next sweep removes: whether an upload is open is for the caller's own record to say.
    async fn abort(&self, id: &str) -> Result<()>;

    /// Drops an upload to which nothing was ever appended: what [`BlobStore::begin`] made of it, if it made anything.
    async fn abort_untouched(&self, id: &str) -> Result<()> {
        self.abort(id).await
    }

    /// Removes what crashes left behind: uploads whose id is not `known`, and drafts, if nothing was written to them
    /// for `older_than`. Returns how many. Anything that is not ours stays.
    async fn sweep(&self, older_than: Duration, known: &HashSet<String>) -> Result<u64>;

    /// The blobs whose hash begins with the byte `prefix`, by digest: the 256 shelves on which every layout keeps them.
    /// One that comes or goes meanwhile may be listed or not. Whatever is not a blob is passed over.
    async fn list(&self, algorithm: Algorithm, prefix: u8) -> Result<Vec<Stored>>;

    /// As [`BlobStore::list`], all blobs of an algorithm at once: for storage where each list is a journey. `None` when
    /// they are more than `most`, or when shelf by shelf is as good.
    async fn list_few(&self, algorithm: Algorithm, most: usize) -> Result<Option<Vec<Stored>>> {
        let _ = (algorithm, most);
        Ok(None)
    }

    /// What lies here of uploads, by id, be they open or left behind. An open one may have nothing here; a draft of a
    /// blob is no upload.
    async fn uploads(&self) -> Result<Vec<StoredUpload>>;

    /// Whether the bytes of an upload are there that it had when this state was written: then it can go on, or it has
    /// become the blob of its hash already and its commit can be repeated.
    async fn holds(&self, upload: &Upload) -> Result<bool>;

    /// The blob as which the bytes of an open upload are in their place already, though nobody has asked for it yet.
    fn placed(&self, upload: &Upload) -> Option<Digest> {
        let _ = upload;
        None
    }

    /// Whether the storage can be written to, right now.
    async fn check(&self) -> Result<()>;

    /// How much room there is, where the storage knows.
    async fn space(&self) -> Result<Option<Space>> {
        Ok(None)
    }

    /// How long a request that was given up may still be carried out. Until then a removal that failed may come to pass.
    fn lingers(&self) -> Duration {
        Duration::ZERO
    }

    /// A URL under which anybody can read the blob for `lifetime`, from storage that has such. Whether the blob is there
    /// is not looked at.
    async fn link(&self, digest: &Digest, lifetime: Duration) -> Result<Option<String>> {
        let _ = (digest, lifetime);
        Ok(None)
    }
}

/// Refuses a range that runs backwards or beyond the end.
pub(crate) fn check_range(size: u64, range: &Range<u64>) -> Result<()> {
    if range.start <= range.end && range.end <= size {
        return Ok(());
    }
    let context = format!("bytes {}..{} of a blob of {size} bytes", range.start, range.end);
    Err(Error::new(Kind::Invalid, context))
}
