//! Which object lies under which key.
//!
//! Blobs have the keys that the distribution registry gives them, so that a bucket can be taken over from one:
//! `docker/registry/v2/blobs/<algorithm>/<2 hex>/<hex>/data`, below the root that was configured. Ours alone is
//! `docker/registry/v2/uploads/<id>/`.

use haven_oci::{Algorithm, Digest};
use object_store::path::Path;

use crate::error::{Error, Kind, Result};
use crate::upload::check_id;

/// The name, below an upload, of the object that a multipart makes.
const WHOLE: &str = "data";
/// Ends the name of an object that says which multipart belongs to an upload.
const MARKER: &str = "multipart";

/// The keys below one root.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    base: Path,
}

impl Keys {
    /// `root` as it is written in a configuration: with or without slashes around it.
    pub(super) fn new(root: &str) -> Result<Self> {
        let root = Path::parse(root.trim_matches('/')).map_err(|error| {
            Error::with_source(Kind::Invalid, format!("{root:?} cannot begin the keys of objects"), error)
        })?;
        Ok(Self { base: root.join("docker").join("registry").join("v2") })
    }

    pub(super) fn blob(&self, digest: &Digest) -> Path {
        self.blob_folder(digest.algorithm())
            .join(digest.hex().get(..2).unwrap_or_default())
            .join(digest.hex())
            .join("data")
    }

    /// What the keys of the blobs whose hash begins with `prefix` begin with.
    pub(super) fn shelf(&self, algorithm: Algorithm, prefix: u8) -> Path {
        self.blob_folder(algorithm).join(format!("{prefix:02x}"))
    }

    /// The digest of the blob under a key, unless the object is a stranger.
    pub(super) fn digest(&self, algorithm: Algorithm, key: &Path) -> Option<Digest> {
        let mut parts = key.prefix_match(&self.blob_folder(algorithm))?;
        let (shelf, hex, data) = (parts.next()?, parts.next()?, parts.next()?);
        if data.as_ref() != "data" || parts.next().is_some() {
            return None;
        }
        let digest: Digest = format!("{algorithm}:{}", hex.as_ref()).parse().ok()?;
        (digest.hex().get(..2) == Some(shelf.as_ref())).then_some(digest)
    }

    /// What the keys of all uploads begin with.
    pub(super) fn uploads(&self) -> Path {
        self.base.clone().join("uploads")
    }

    /// What the keys of one upload begin with.
    pub(super) fn upload(&self, id: &str) -> Result<Path> {
        check_id(id)?;
        Ok(self.uploads().join(id))
    }

    /// The object that a multipart of the upload becomes when its digest was not known at the start.
    pub(super) fn whole(&self, id: &str) -> Result<Path> {
        Ok(self.upload(id)?.join(WHOLE))
    }

    /// An object of the upload by its name.
    pub(super) fn piece(&self, id: &str, name: &str) -> Result<Path> {
        Ok(self.upload(id)?.join(name))
    }

    /// A name for the object that remembers a multipart.
    pub(super) fn marker(random: &str) -> String {
        format!("{random}.{MARKER}")
    }

    pub(super) fn is_marker(key: &Path) -> bool {
        key.extension() == Some(MARKER)
    }

    /// The upload to which an object belongs. Ids have no dot, so that nothing else is taken for one.
    pub(super) fn id_of(&self, key: &Path) -> Option<String> {
        let mut parts = key.prefix_match(&self.uploads())?;
        let id = parts.next()?.as_ref().to_owned();
        let inside = parts.next().is_some();
        (inside && check_id(&id).is_ok()).then_some(id)
    }

    /// Written to see whether the storage takes anything, and what time it is there.
    pub(super) fn probe(&self) -> Path {
        self.uploads().join("probe.tmp")
    }

    /// What the keys of all blobs of an algorithm begin with.
    pub(super) fn blob_folder(&self, algorithm: Algorithm) -> Path {
        self.base.clone().join("blobs").join(algorithm.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_lie_where_distribution_puts_them() {
        let digest = Digest::sha256(b"");
        let tail = "docker/registry/v2/blobs/sha256/e3/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855/data";
        for (root, begin) in [("", ""), ("/", ""), ("/harbor/images/", "harbor/images/"), ("a", "a/")] {
            let keys = Keys::new(root).unwrap();
            assert_eq!(keys.blob(&digest).as_ref(), format!("{begin}{tail}"));
            assert_eq!(keys.digest(Algorithm::Sha256, &keys.blob(&digest)), Some(digest.clone()));
            assert_eq!(keys.digest(Algorithm::Sha512, &keys.blob(&digest)), None);
            let elsewhere = keys.blob(&digest).as_ref().replace("/e3/", "/e4/");
            assert_eq!(keys.digest(Algorithm::Sha256, &Path::parse(elsewhere).unwrap()), None);
        }
        assert_eq!(Keys::new("a//b").unwrap_err().kind, Kind::Invalid);
        assert_eq!(Keys::new("../a").unwrap_err().kind, Kind::Invalid);
    }

    #[test]
    fn strangers_are_not_taken_for_ours() {
        let keys = Keys::new("r").unwrap();
        let path = |text: &str| Path::parse(format!("r/docker/registry/v2/{text}")).unwrap();
        for stranger in ["blobs/sha256/e3/short/data", "blobs/sha256/e3/data", "blobs/sha256/e3"] {
            assert_eq!(keys.digest(Algorithm::Sha256, &path(stranger)), None, "{stranger}");
        }
        assert_eq!(keys.id_of(&path("uploads/3f-1/data")).as_deref(), Some("3f-1"));
        for stranger in ["uploads/probe.tmp", "uploads/3f-1", "uploads/A/data", "blobs/3f/data"] {
            assert_eq!(keys.id_of(&path(stranger)), None, "{stranger}");
        }
    }
}
