//! A store in memory, for tests: same promises, no disk.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use haven_oci::{Algorithm, Digest};

use crate::error::{Error, Kind, Result};
use crate::hash::Hasher;
use crate::store::{BlobStore, ByteStream, Stored, StoredUpload};
use crate::upload::{Upload, check_id};

/// Slices are cut as a real store cuts them, so that callers meet more than one.
const SLICE: usize = 1 << 20;

/// Blobs and uploads in two maps.
#[derive(Default)]
pub struct Memory {
    blobs: Mutex<HashMap<Digest, Bytes>>,
    uploads: Mutex<HashMap<String, Vec<u8>>>,
}

impl Memory {
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl BlobStore for Memory {
    async fn size(&self, digest: &Digest) -> Result<Option<u64>> {
        Ok(locked(&self.blobs).get(digest).map(|bytes| bytes.len() as u64))
    }

    async fn read(&self, digest: &Digest, size: u64, range: Range<u64>) -> Result<ByteStream> {
        let blob = locked(&self.blobs).get(digest).cloned();
        let blob = blob.ok_or_else(|| Error::no_blob(digest))?;
        let range = checked_range(size, &range)?;
        if (blob.len() as u64) < size {
            return Err(Error::shorter(digest, blob.len() as u64, size));
        }
        let mut rest = blob.slice(range);
        let slices = std::iter::from_fn(move || {
            let next = rest.split_to(rest.len().min(SLICE));
            (!next.is_empty()).then_some(Ok(next))
        });
        Ok(stream::iter(slices).boxed())
    }

    async fn put(&self, digest: &Digest, bytes: Bytes) -> Result<()> {
        if Digest::of(digest.algorithm(), &bytes) != *digest {
            return Err(Error::mismatch(digest));
        }
        locked(&self.blobs).insert(digest.clone(), bytes);
        Ok(())
    }

    async fn delete(&self, digest: &Digest) -> Result<bool> {
        Ok(locked(&self.blobs).remove(digest).is_some())
    }

    async fn begin(&self, id: &str, algorithm: Algorithm) -> Result<Upload> {
        let upload = Upload::new(id, algorithm)?;
        match locked(&self.uploads).entry(id.to_owned()) {
            Entry::Occupied(_) => Err(Error::id_taken(id)),
            Entry::Vacant(entry) => {
                entry.insert(Vec::new());
                Ok(upload)
            }
        }
    }

    async fn append(&self, upload: &mut Upload, mut body: ByteStream, limit: Option<u64>) -> Result<u64> {
        locked_file(&mut locked(&self.uploads), upload)?;
        let mut received = Vec::new();
        let mut broken = None;
        while let Some(chunk) = body.next().await {
            match chunk {
                Ok(chunk) => received.extend_from_slice(&chunk),
                Err(error) => broken = Some(error),
            }
            if limit.is_some_and(|limit| upload.size + received.len() as u64 > limit) {
                return Err(Error::too_large(limit.unwrap_or_default()));
            }
            if broken.is_some() {
                break;
            }
        }
        locked_file(&mut locked(&self.uploads), upload)?.extend_from_slice(&received);
        upload.hasher.update(&received);
        upload.size += received.len() as u64;
        broken.map_or(Ok(upload.size), |error| Err(Error::interrupted(&upload.id, error)))
    }

    async fn commit(&self, upload: Upload, digest: &Digest) -> Result<u64> {
        check_id(&upload.id)?;
        let mut uploads = locked(&self.uploads);
        if !uploads.contains_key(&upload.id) {
            // A commit that is repeated because its answer was lost finds its work done.
            let done = upload.hasher.matches(digest) && locked(&self.blobs).contains_key(digest);
            return if done { Ok(upload.size) } else { Err(Error::no_upload(&upload.id)) };
        }
        let file = locked_file(&mut uploads, &upload)?;
        let mut hasher = upload.hasher;
        if hasher.algorithm() != digest.algorithm() {
            hasher = Hasher::new(digest.algorithm());
            hasher.update(file);
        }
        let bytes = Bytes::from(std::mem::take(file));
        uploads.remove(&upload.id);
        if !hasher.matches(digest) {
            return Err(Error::mismatch(digest));
        }
        locked(&self.blobs).insert(digest.clone(), bytes);
        Ok(upload.size)
    }

    async fn abort(&self, id: &str) -> Result<()> {
        check_id(id)?;
        locked(&self.uploads).remove(id);
        Ok(())
    }

    async fn sweep(&self, older_than: Duration, known: &HashSet<String>) -> Result<u64> {
        // A crash leaves nothing in memory, so everything here belongs to somebody.
        let _ = (older_than, known);
        Ok(0)
    }

    async fn list(&self, algorithm: Algorithm, prefix: u8) -> Result<Vec<Stored>> {
        let shelf = format!("{algorithm}:{prefix:02x}");
        let blobs = locked(&self.blobs);
        let here = blobs.iter().filter(|(digest, _)| digest.as_str().starts_with(&shelf));
        let stored = |(digest, bytes): (&Digest, &Bytes)| Stored {
            digest: digest.clone(),
            size: bytes.len() as u64,
            modified: SystemTime::UNIX_EPOCH,
        };
        let mut found: Vec<Stored> = here.map(stored).collect();
        found.sort_unstable_by(|a, b| a.digest.cmp(&b.digest));
        Ok(found)
    }

    async fn uploads(&self) -> Result<Vec<StoredUpload>> {
        let modified = SystemTime::UNIX_EPOCH;
        let uploads = locked(&self.uploads);
        Ok(uploads.keys().map(|id| StoredUpload { id: id.clone(), modified }).collect())
    }

    async fn holds(&self, upload: &Upload) -> Result<bool> {
        if let Some(bytes) = locked(&self.uploads).get(&upload.id) {
            return Ok(bytes.len() as u64 >= upload.size);
        }
        let became = upload.became();
        Ok(became.is_some_and(|digest| locked(&self.blobs).contains_key(&digest)))
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// The bytes of an upload, cut to what was acknowledged.
fn locked_file<'a>(uploads: &'a mut HashMap<String, Vec<u8>>, upload: &Upload) -> Result<&'a mut Vec<u8>> {
    check_id(&upload.id)?;
    let file = uploads.get_mut(&upload.id).ok_or_else(|| Error::no_upload(&upload.id))?;
    if (file.len() as u64) < upload.size {
        return Err(Error::upload_shorter(&upload.id, file.len() as u64, upload.size));
    }
    file.truncate(usize::try_from(upload.size).unwrap_or(usize::MAX));
    Ok(file)
}

/// The range as indices, if it lies within `size`.
fn checked_range(size: u64, range: &Range<u64>) -> Result<Range<usize>> {
    crate::store::check_range(size, range)?;
    let index =
        |at: u64| usize::try_from(at).map_err(|error| Error::with_source(Kind::Invalid, "range", error));
    Ok(index(range.start)?..index(range.end)?)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
