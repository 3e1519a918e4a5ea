//! Uploads that nobody knows any more: the row is gone, or a crash came between the folder and the row.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::time::Duration;

use super::list::{Entry, entries};
use super::{Filesystem, blocking};
use crate::error::{Error, Result};

impl Filesystem {
    pub(super) async fn sweep_uploads(&self, older_than: Duration, known: &HashSet<String>) -> Result<u64> {
        let layout = self.layout.clone();
        let failed = |error| Error::io("sweep uploads", error);
        // The file system stamps its entries by its own clock.
        let (now, mut old) = blocking(move || {
            let now = layout.probe().map_err(failed)?;
            Ok((now, entries(&layout).map_err(failed)?))
        })
        .await?;
        let is_old = |entry: &Entry| now.duration_since(entry.modified).is_ok_and(|age| age >= older_than);
        old.retain(|entry| is_old(entry) && !known.contains(&entry.name));
        let layout = self.layout.clone();
        blocking(move || {
            for entry in &old {
                match entry.is_draft {
                    true => match fs::remove_file(layout.uploads.join(&entry.name)) {
                        // Another process may sweep at the same time.
                        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                        _ => {}
                    },
                    false => layout.remove_upload(&entry.name)?,
                }
            }
            Ok(old.len() as u64)
        })
        .await
    }
}
