//! Uploads that nobody knows any more: the row is gone, or a crash came between the folder and the row.

use std::collections::HashSet;
use std::fs::{self, DirEntry};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::layout::{Layout, TEMPORARY};
use super::{Filesystem, blocking};
use crate::error::{Error, Result};
use crate::upload::check_id;

impl Filesystem {
    pub(super) async fn sweep_uploads(&self, older_than: Duration, known: &HashSet<String>) -> Result<u64> {
        let layout = self.layout.clone();
        let failed = |error| Error::io("sweep uploads", error);
        let mut old = blocking(move || old_entries(&layout, older_than).map_err(failed)).await?;
        old.retain(|name| !known.contains(name));
        let layout = self.layout.clone();
        blocking(move || {
            for name in &old {
                match Path::new(name).extension() {
                    Some(_) => match fs::remove_file(layout.uploads.join(name)) {
                        // Another process may sweep at the same time.
                        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                        _ => {}
                    },
                    None => layout.remove_upload(name)?,
                }
            }
            Ok(old.len() as u64)
        })
        .await
    }
}

/// The names of our own entries that are old by the clock of the file system, which is the one that stamps them.
fn old_entries(layout: &Layout, older_than: Duration) -> io::Result<Vec<String>> {
    let now = layout.probe()?;
    let mut names = Vec::new();
    for entry in fs::read_dir(&layout.uploads)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let temporary = Path::new(&name).extension().is_some_and(|extension| extension == TEMPORARY);
        if !temporary && check_id(&name).is_err() {
            continue;
        }
        let Some(modified) = last_written(&entry) else { continue };
        if now.duration_since(modified).is_ok_and(|age| age >= older_than) {
            names.push(name);
        }
    }
    Ok(names)
}

/// An entry may vanish while we look; then it needs no sweeping.
fn last_written(entry: &DirEntry) -> Option<SystemTime> {
    let data = fs::metadata(entry.path().join("data"));
    data.or_else(|_| entry.metadata()).and_then(|metadata| metadata.modified()).ok()
}
