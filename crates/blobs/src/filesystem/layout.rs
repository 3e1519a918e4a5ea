//! Where things lie, and how they get there for good.
//!
//! The tree is that of the distribution registry, so that a volume can be taken over from one:
//! `docker/registry/v2/blobs/<algorithm>/<2 hex>/<hex>/data`. Ours alone is `docker/registry/v2/uploads/<id>/data`.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use haven_oci::{Algorithm, Digest};

use crate::error::{Error, Kind, Result, kind_of};
use crate::store::Space;
use crate::upload::check_id;

const DIRECTORY_MODE: u32 = 0o750;
const FILE_MODE: u32 = 0o640;
/// No upload id has a dot, so files of this ending are never taken for one.
pub(super) const TEMPORARY: &str = "tmp";

/// The two trees under one root.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    blobs: PathBuf,
    pub(super) uploads: PathBuf,
    shelves: Arc<Shelves>,
}

/// The shelves of which this process knows that they are on the disk: nobody takes one away.
#[derive(Debug, Default)]
struct Shelves(Mutex<HashSet<PathBuf>>);

impl Shelves {
    fn know(&self, shelf: &Path) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(shelf)
    }

    fn learn(&self, shelf: &Path) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(shelf.to_owned());
    }
}

impl Layout {
    /// The tree under `root`, whether or not it is there.
    pub(super) fn at(root: &Path) -> Self {
        let base = root.join("docker/registry/v2");
        Self { blobs: base.join("blobs"), uploads: base.join("uploads"), shelves: Arc::default() }
    }

    /// Finds or makes the tree under `root` and makes sure that it can be used.
    pub(super) fn open(root: &Path) -> Result<Self> {
        let layout = Self::at(root);
        let context = || format!("blob folder {} cannot be used", root.display());
        for directory in [&layout.blobs, &layout.uploads] {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(DIRECTORY_MODE);
            builder.create(directory).map_err(|error| unusable(&context(), error))?;
        }
        match layout.probe() {
            Ok(_) => {}
            // What is there can be pulled, and when there is room again, pushes go on without a restart.
            Err(error) if kind_of(&error) == Kind::Full => {
                tracing::warn!(error = %error, folder = %root.display(), "the blob folder has no room left");
            }
            Err(error) => return Err(unusable(&context(), error)),
        }
        let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev());
        let devices = (device(&layout.blobs), device(&layout.uploads));
        match devices {
            (Ok(blobs), Ok(uploads)) if blobs == uploads => Ok(layout),
            (Ok(_), Ok(_)) => {
                let why = "its blobs and uploads must be on one file system";
                Err(Error::new(Kind::Invalid, format!("{}: {why}", context())))
            }
            (Err(error), _) | (_, Err(error)) => Err(unusable(&context(), error)),
        }
    }

    /// Writes a file and removes it; returns the time that the file system gave it.
    pub(super) fn probe(&self) -> io::Result<std::time::SystemTime> {
        let (path, mut file) = self.create_temporary()?;
        let written = io::Write::write_all(&mut file, b"probe").and_then(|()| file.metadata()?.modified());
        fs::remove_file(path)?;
        written
    }

    /// The room of the file system, and what of it is left to those who are not root.
    pub(super) fn space(&self) -> Result<Space> {
        let found = rustix::fs::statvfs(&self.blobs);
        let found = found.map_err(|error| Error::io("room of the blob folder", error.into()))?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok(Space { total: bytes(found.f_blocks), free: bytes(found.f_bavail) })
    }

    /// A new file beside the uploads, on the file system of the blobs.
    pub(super) fn create_temporary(&self) -> io::Result<(PathBuf, File)> {
        loop {
            let random = RandomState::new().hash_one(std::process::id());
            let path = self.uploads.join(format!("{random:016x}.{TEMPORARY}"));
            match create_file(&path) {
                Ok(file) => return Ok((path, file)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn blob(&self, digest: &Digest) -> PathBuf {
        self.directories(digest)[2].join("data")
    }

    /// The folder of the blobs whose hash begins with `prefix`.
    pub(super) fn shelf(&self, algorithm: Algorithm, prefix: u8) -> PathBuf {
        self.blobs.join(algorithm.as_str()).join(format!("{prefix:02x}"))
    }

    /// The folder of an upload.
    pub(super) fn upload(&self, id: &str) -> Result<PathBuf> {
        check_id(id)?;
        Ok(self.uploads.join(id))
    }

    /// The size of a blob, if it is here.
    pub(super) fn size(&self, digest: &Digest) -> Result<Option<u64>> {
        match fs::metadata(self.blob(digest)) {
            Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
            Ok(_) => Err(Error::new(Kind::Corrupt, format!("blob {digest} is not a file"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(format!("look for blob {digest}"), error)),
        }
    }

    /// Opens an empty upload.
    pub(super) fn create_upload(&self, id: &str) -> Result<()> {
        let directory = self.upload(id)?;
        let created = DirBuilder::new().mode(DIRECTORY_MODE).create(&directory);
        match created.and_then(|()| create_file(&directory.join("data"))) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Error::id_taken(id)),
            Err(error) => {
                // A folder may still have been possible where a file is not. What could be made is empty.
                let _ = fs::remove_dir(&directory);
                Err(Error::io(format!("create upload {id}"), error))
            }
        }
    }

    /// Removes an upload and whatever it holds.
    pub(super) fn remove_upload(&self, id: &str) -> Result<()> {
        match fs::remove_dir_all(self.upload(id)?) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io(format!("remove upload {id}"), error))
            }
            _ => Ok(()),
        }
    }

    /// Gives the synced file `from` its place as blob `digest`, so that it is still there after a power failure.
    ///
    /// A blob that is already there in full length stays, and `from` is left where it is.
    pub(super) fn place(&self, from: &Path, size: u64, digest: &Digest) -> Result<()> {
        let directories = self.directories(digest);
        let [algorithm, shelf, directory] = &directories;
        let mut is_known = self.shelves.know(shelf);
        if self.size(digest)? != Some(size) {
            let placed = retry_while_missing(|| {
                match create_directory(directory) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        is_known = false;
                        directories.iter().try_for_each(|directory| create_directory(directory))?;
                    }
                    created => created?,
                }
                fs::rename(from, directory.join("data"))
            });
            placed.map_err(|error| Error::io(format!("place blob {digest}"), error))?;
        }
        let sync = |directory: &Path| {
            sync_directory(directory).map_err(|error| Error::io(format!("sync blob {digest}"), error))
        };
        // Also for a blob that was here before: who put it may not have got as far as this.
        sync(directory)?;
        sync(shelf)?;
        if !is_known {
            sync(algorithm)?;
            sync(&self.blobs)?;
            self.shelves.learn(shelf);
        }
        Ok(())
    }

    /// Removes a blob and its folder; says whether it was there.
    pub(super) fn remove_blob(&self, digest: &Digest) -> Result<bool> {
        let [_, prefix, directory] = self.directories(digest);
        match fs::remove_file(directory.join("data")) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::io(format!("remove blob {digest}"), error)),
        }
        // Fails when somebody has just put the blob back, and that is fine.
        let _ = fs::remove_dir(&directory);
        let synced = sync_directory(&directory).and_then(|()| sync_directory(&prefix));
        synced.map_err(|error| Error::io(format!("sync removal of blob {digest}"), error))?;
        Ok(true)
    }

    /// The folders above a blob, outermost first.
    fn directories(&self, digest: &Digest) -> [PathBuf; 3] {
        let algorithm = self.blobs.join(digest.algorithm().as_str());
        let prefix = algorithm.join(digest.hex().get(..2).unwrap_or_default());
        let directory = prefix.join(digest.hex());
        [algorithm, prefix, directory]
    }
}

fn unusable(context: &str, error: io::Error) -> Error {
    Error::with_source(Kind::Unavailable, format!("{context}: {error}"), error)
}

fn create_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)
}

fn create_directory(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// A folder that vanished meanwhile was removed with its blob, and has nothing left to be synced.
fn sync_directory(path: &Path) -> io::Result<()> {
    match File::open(path).and_then(|directory| directory.sync_all()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// A removal of the same blob may take the folder away between its making and its use.
fn retry_while_missing(mut step: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    for _ in 0..8 {
        match step() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            done => return done,
        }
    }
    step()
}
