//! The file of an upload: opened by one at a time, and trusted only while every sync of it succeeds.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use haven_oci::Digest;
use rustix::io::Errno;

use super::blocking;
use super::layout::Layout;
use crate::error::{Error, Kind, Result};
use crate::hash::Hasher;
use crate::upload::Upload;

const LOCK_PAUSE: Duration = Duration::from_millis(25);
const LOCK_TRIES: u32 = 200;
const HASH_BUFFER: usize = 1 << 20;

/// The file of an upload, for its owner alone.
pub(super) struct Opened {
    pub(super) file: File,
    /// Whether bytes that nobody acknowledged were cut off, so that the file is not on the disk as it is.
    pub(super) is_cut: bool,
}

/// Opens the file of an upload for its owner alone, cut to what was acknowledged.
///
/// A request that was dropped may have a write under way on another thread. It holds the lock until it is done, so it
/// can neither land in the middle of what comes next nor in a committed blob.
pub(super) async fn open(layout: &Layout, upload: &Upload) -> Result<Opened> {
    let path = layout.upload(&upload.id)?.join("data");
    for _ in 0..LOCK_TRIES {
        let (path, id, size) = (path.clone(), upload.id.clone(), upload.size);
        match blocking(move || try_open(&path, &id, size)).await? {
            Some(opened) => return Ok(opened),
            None => tokio::time::sleep(LOCK_PAUSE).await,
        }
    }
    Err(Error::new(Kind::Unavailable, format!("upload {} is in use by another request", upload.id)))
}

/// `None` while somebody else is at it.
fn try_open(path: &Path, id: &str, size: u64) -> Result<Option<Opened>> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Error::no_upload(id),
        _ => Error::io(format!("open upload {id}"), error),
    };
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) if !lacks_locks(&error) => return Err(failed(error)),
        _ => {}
    }
    // Whoever had the lock may have made a blob of this very file, and a blob is not written to.
    let (ours, there) = (file.metadata().map_err(failed)?, path.metadata().map_err(failed)?);
    if (ours.dev(), ours.ino()) != (there.dev(), there.ino()) {
        return Err(Error::no_upload(id));
    }
    if ours.len() < size {
        return Err(Error::upload_shorter(id, ours.len(), size));
    }
    let is_cut = ours.len() > size;
    if is_cut {
        file.set_len(size).map_err(failed)?;
    }
    Ok(Some(Opened { file, is_cut }))
}

/// Some network file systems have no locks; one process on such a volume does well enough without.
fn lacks_locks(error: &io::Error) -> bool {
    let without = [Errno::NOTSUP, Errno::NOSYS, Errno::NOLCK].map(|errno| Some(errno.raw_os_error()));
    without.contains(&error.raw_os_error())
}

/// Brings the file to the disk. After a failed sync nobody knows what the disk holds, and a second sync would
/// succeed all the same: so the file is emptied, and whoever goes on with the upload finds it too short.
pub(super) fn sync(file: &File, id: &str) -> Result<()> {
    file.sync_data().map_err(|error| {
        let _ = file.set_len(0);
        Error::io(format!("sync upload {id}"), error)
    })
}

/// Whether the upload has the content that `digest` names. Only a digest of another kind than the hash that ran
/// along makes a second reading necessary.
pub(super) fn verify(file: &mut File, upload: Upload, digest: &Digest) -> Result<bool> {
    if upload.algorithm() == digest.algorithm() {
        return Ok(upload.hasher.matches(digest));
    }
    let failed = |error| Error::io(format!("read upload {}", upload.id), error);
    let mut hasher = Hasher::new(digest.algorithm());
    let mut buffer = vec![0; HASH_BUFFER];
    file.rewind().map_err(failed)?;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.matches(digest)),
            Ok(count) => hasher.update(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
}
