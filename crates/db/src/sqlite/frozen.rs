//! A file that can be read and not written, as on a mount for reading only.
//!
//! Beside a process that writes there are a log (`-wal`) and an index of it (`-shm`), and with both SQLite reads such a file
//! as any other. Without the index it reads nothing, unless it is told that nobody writes; then it looks neither into the
//! log nor for changes, so we do.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::{Connection, OpenFlags};

use super::open_reader;
use crate::{Error, Result};

/// A file of which SQLite is told that nobody writes to it.
pub(super) struct Frozen {
    path: PathBuf,
    log: PathBuf,
    seen: Option<(u64, SystemTime)>,
}

/// Whether the file cannot be written, by us or by anybody here.
pub(super) fn is_read_only(path: &Path) -> bool {
    let opened = std::fs::OpenOptions::new().append(true).open(path);
    opened.is_err_and(|error| {
        matches!(error.kind(), ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied)
    })
}

impl Frozen {
    /// None where SQLite can read the file beside others.
    pub(super) fn if_needed(path: &Path, wait: Duration) -> Result<Option<Self>> {
        let reads =
            |reader: Connection| reader.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |_| Ok(()));
        if open_reader(path, OpenFlags::empty(), wait).is_ok_and(|reader| reads(reader).is_ok()) {
            return Ok(None);
        }
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let frozen = Self { path: path.to_owned(), log: log.into(), seen: seen(path) };
        if frozen.is_logged() {
            let message = format!(
                "{} cannot be read without being written: it holds what is not in the database yet",
                frozen.log.display()
            );
            return Err(Error::unavailable(message));
        }
        Ok(Some(frozen))
    }

    /// The name by which SQLite opens it.
    pub(super) fn uri(&self) -> PathBuf {
        let path = percent_encode(self.path.as_os_str().as_bytes(), NON_ALPHANUMERIC);
        format!("file:{path}?immutable=1").into()
    }

    /// What was read until now is right only if nobody has begun to write: by another mount, say.
    pub(super) fn check(&self) -> Result<()> {
        if self.is_logged() || seen(&self.path) != self.seen {
            let message = format!("somebody else has begun to write to {}", self.path.display());
            return Err(Error::unavailable(message));
        }
        Ok(())
    }

    fn is_logged(&self) -> bool {
        self.log.metadata().is_ok_and(|log| log.len() > 0)
    }
}

fn seen(path: &Path) -> Option<(u64, SystemTime)> {
    let seen = |file: Metadata| Some((file.len(), file.modified().ok()?));
    path.metadata().ok().and_then(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_of_somebody_else_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, log) = (folder.path().join("a b.db"), folder.path().join("a b.db-wal"));
        std::fs::write(&path, "as it was").unwrap();
        std::fs::write(&log, "").unwrap();
        let frozen = Frozen { path: path.clone(), log: log.clone(), seen: seen(&path) };
        frozen.check().unwrap();
        std::fs::write(&log, "new").unwrap();
        assert!(frozen.check().unwrap_err().to_string().contains("somebody else has begun to write"));
        std::fs::remove_file(&log).unwrap();
        frozen.check().unwrap();
        std::fs::write(&path, "as it is now").unwrap();
        assert!(frozen.check().is_err());
    }
}
