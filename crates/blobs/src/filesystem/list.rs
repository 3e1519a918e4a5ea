//! What there is: on one of the shelves, and of uploads.

use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;
use std::time::SystemTime;

use haven_oci::{Algorithm, Digest};

use super::layout::{Layout, TEMPORARY};
use crate::error::{Error, Result};
use crate::store::{Stored, StoredUpload};
use crate::upload::check_id;

/// The blobs of one of the 256 folders, by digest.
pub(super) fn list(layout: &Layout, algorithm: Algorithm, prefix: u8) -> Result<Vec<Stored>> {
    let shelf = layout.shelf(algorithm, prefix);
    let failed = |error| Error::io(format!("list blobs {algorithm}:{prefix:02x}"), error);
    let entries = match fs::read_dir(shelf) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut blobs = Vec::new();
    for entry in entries {
        let found = entry.and_then(|entry| stored(&entry, algorithm, prefix)).map_err(failed)?;
        blobs.extend(found);
    }
    blobs.sort_unstable_by(|a, b| a.digest.cmp(&b.digest));
    Ok(blobs)
}

/// The blob in a folder of a shelf, unless the folder is a stranger or its blob is just being removed.
fn stored(entry: &DirEntry, algorithm: Algorithm, prefix: u8) -> io::Result<Option<Stored>> {
    let name = entry.file_name();
    let digest = name.to_str().and_then(|hex| format!("{algorithm}:{hex}").parse::<Digest>().ok());
    let here = digest.filter(|digest| digest.hex().starts_with(&format!("{prefix:02x}")));
    let Some(digest) = here else { return Ok(None) };
    match fs::metadata(entry.path().join("data")) {
        Ok(metadata) if metadata.is_file() => {
            Ok(Some(Stored { digest, size: metadata.len(), modified: metadata.modified()? }))
        }
        Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Err(error)
        }
        _ => Ok(None),
    }
}

/// The uploads that have a folder.
pub(super) fn uploads(layout: &Layout) -> Result<Vec<StoredUpload>> {
    let entries = entries(layout).map_err(|error| Error::io("list uploads", error))?;
    let uploads = entries.into_iter().filter(|entry| !entry.is_draft);
    Ok(uploads.map(|entry| StoredUpload { id: entry.name, modified: entry.modified }).collect())
}

/// Something of ours beside the blobs.
pub(super) struct Entry {
    /// The id of an upload, or the name of a draft.
    pub(super) name: String,
    pub(super) is_draft: bool,
    /// When it was last written, by the clock of the file system.
    pub(super) modified: SystemTime,
}

/// Uploads and drafts; strangers are passed over.
pub(super) fn entries(layout: &Layout) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let found = match fs::read_dir(&layout.uploads) {
        // Who only looks has made no folder.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(entries),
        found => found?,
    };
    for entry in found {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_draft = Path::new(&name).extension().is_some_and(|extension| extension == TEMPORARY);
        if !is_draft && check_id(&name).is_err() {
            continue;
        }
        if let Some(modified) = last_written(&entry) {
            entries.push(Entry { name, is_draft, modified });
        }
    }
    Ok(entries)
}

/// An entry may vanish while we look; then there is nothing to tell of it.
fn last_written(entry: &DirEntry) -> Option<SystemTime> {
    let data = fs::metadata(entry.path().join("data"));
    data.or_else(|_| entry.metadata()).and_then(|metadata| metadata.modified()).ok()
}
