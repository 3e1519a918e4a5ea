//! What is on one of the shelves.

use std::fs::{self, DirEntry};
use std::io;

use haven_oci::{Algorithm, Digest};

use super::layout::Layout;
use crate::error::{Error, Result};
use crate::store::Stored;

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
