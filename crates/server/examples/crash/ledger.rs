//! What the server said it has, and what it was asked to take.

use axum::body::Bytes;
use haven_oci::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// An image to be pushed, as a client knows it.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) repository: String,
    pub(crate) tag: String,
    pub(crate) manifest: Bytes,
    pub(crate) media_type: &'static str,
    /// Config and layers; nothing for an index.
    pub(crate) blobs: Vec<Bytes>,
}

impl Image {
    pub(crate) fn digest(&self) -> String {
        Digest::sha256(&self.manifest).to_string()
    }
}

/// An upload that the server told the place of.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) location: String,
    pub(crate) repository: String,
    pub(crate) content: Bytes,
    /// How many bytes were acknowledged.
    pub(crate) kept: usize,
    /// The request that ends it was sent.
    pub(crate) finishing: bool,
    /// In a bucket its bytes may lie in the place of a blob that no row knows, and such blobs were removed meanwhile. Then
    /// it may be gone, and its client has to begin again.
    pub(crate) exposed: bool,
}

impl Session {
    /// The server's name for it.
    pub(crate) fn id(&self) -> &str {
        self.location.rsplit('/').next().unwrap()
    }

    /// Whether a crash or a removal may have taken its bytes while its row is still there.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.finishing || self.exposed
    }
}

/// A tag of one client, or one that several clients fight for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tag {
    /// The last one that was acknowledged, when nobody else writes to it.
    pub(crate) acknowledged: Option<String>,
    /// What it may be as well.
    pub(crate) possible: BTreeSet<String>,
}

/// Everything that must be true after a crash.
#[derive(Default)]
pub(crate) struct Ledger {
    /// Sizes by digest, of whatever was sent.
    pub(crate) universe: BTreeMap<String, usize>,
    /// Repository and digest of blobs with a 201.
    pub(crate) blobs: BTreeSet<(String, String)>,
    /// Manifests with a 201, with their media type.
    pub(crate) manifests: BTreeMap<(String, String), &'static str>,
    pub(crate) tags: BTreeMap<(String, String), Tag>,
    /// Pushes that were not acknowledged to their end.
    pub(crate) unfinished: Vec<Image>,
    /// Uploads by their location.
    pub(crate) sessions: BTreeMap<String, Session>,
    /// Since the last look.
    pub(crate) fresh_blobs: Vec<(String, String)>,
    pub(crate) fresh_manifests: Vec<(String, String)>,
    pub(crate) acknowledged: u64,
}

impl Ledger {
    /// Content is on its way.
    pub(crate) fn sent(&mut self, content: &Bytes) -> String {
        let digest = Digest::sha256(content).to_string();
        self.universe.insert(digest.clone(), content.len());
        digest
    }

    /// Whether these bytes are those of the digest, and somebody sent them.
    pub(crate) fn knows(&self, digest: &str, bytes: &[u8]) -> bool {
        self.universe.get(digest) == Some(&bytes.len()) && Digest::sha256(bytes).to_string() == digest
    }

    /// Bytes that no row knows are about to be removed, however young they are.
    pub(crate) fn expose(&mut self) {
        self.sessions.values_mut().for_each(|session| session.exposed = true);
    }

    /// Whether an upload may have a row without bytes, or bytes without a row. Of most nobody was told the name.
    pub(crate) fn may_be_half(&self, id: &str) -> bool {
        self.sessions.values().find(|session| session.id() == id).is_none_or(Session::is_doubtful)
    }

    pub(crate) fn blob_acknowledged(&mut self, repository: &str, digest: &str) {
        let key = (repository.to_owned(), digest.to_owned());
        self.acknowledged += 1;
        if self.blobs.insert(key.clone()) {
            self.fresh_blobs.push(key);
        }
    }

    /// A manifest is on its way.
    pub(crate) fn manifest_sent(&mut self, image: &Image) {
        let digest = self.sent(&image.manifest);
        let key = (image.repository.clone(), image.tag.clone());
        self.tags.entry(key).or_default().possible.insert(digest);
    }

    /// `alone`: nobody else writes to this tag, so nothing older may be there any more.
    pub(crate) fn manifest_acknowledged(&mut self, image: &Image, alone: bool) {
        let digest = image.digest();
        let key = (image.repository.clone(), digest.clone());
        self.acknowledged += 1;
        if self.manifests.insert(key.clone(), image.media_type).is_none() {
            self.fresh_manifests.push(key);
        }
        let tag = self.tags.entry((image.repository.clone(), image.tag.clone())).or_default();
        if alone {
            *tag = Tag { acknowledged: Some(digest.clone()), possible: BTreeSet::from([digest]) };
        } else {
            tag.acknowledged = Some(digest);
        }
    }
}
