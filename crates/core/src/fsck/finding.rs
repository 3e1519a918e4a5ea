//! What is found, in words for people and for programs.

use serde::Serialize;

/// What kind of damage it is. The names are part of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// A row knows the blob, storage does not.
    MissingBlob,
    /// The blob is known to be lost, and artifacts need it.
    LostBlob,
    /// Storage has bytes that no row knows.
    OrphanedBlob,
    /// Row and storage tell different sizes.
    WrongSize,
    /// The bytes in storage are not those of the digest.
    WrongContent,
    /// Storage gives an error instead of the bytes.
    UnreadableBlob,
    /// A manifest is in the database alone, without its copy in storage.
    MissingManifest,
    /// The bytes of a manifest in the database are not those of the digest.
    WrongManifest,
    /// An open upload whose bytes are gone.
    LostUpload,
    /// Storage has bytes of an upload that no row knows.
    StrayUpload,
    /// The rows of an artifact do not say what its manifest says.
    WrongArtifact,
    /// A row refers to one that is not there.
    DanglingRow,
    /// A value that follows from other rows does not.
    StaleRow,
}

impl Fault {
    /// Its name in the output.
    pub fn name(self) -> &'static str {
        match self {
            Self::MissingBlob => "missing-blob",
            Self::LostBlob => "lost-blob",
            Self::OrphanedBlob => "orphaned-blob",
            Self::WrongSize => "wrong-size",
            Self::WrongContent => "wrong-content",
            Self::UnreadableBlob => "unreadable-blob",
            Self::MissingManifest => "missing-manifest",
            Self::WrongManifest => "wrong-manifest",
            Self::LostUpload => "lost-upload",
            Self::StrayUpload => "stray-upload",
            Self::WrongArtifact => "wrong-artifact",
            Self::DanglingRow => "dangling-row",
            Self::StaleRow => "stale-row",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub fault: Fault,
    /// A digest, or a row's table and key.
    pub subject: String,
    /// What is wrong with it.
    pub detail: String,
    /// Artifacts that need it: the first few.
    pub needed_by: Vec<Needed>,
    /// There are more of them.
    pub more: bool,
    pub repair: Repair,
}

/// An artifact that needs the thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Needed {
    pub repository: String,
    pub digest: String,
    /// One of its tags, or nothing.
    pub tag: String,
}

/// What was done about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Repair {
    /// Nothing; this would be done.
    Offered(&'static str),
    Done(&'static str),
    /// What could be done; the artifacts that need it are whole again when it is pushed.
    NeedsPush(&'static str),
    /// Nothing could be done; this is why, or what helps.
    ByHand(String),
}

/// How it all went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Blobs in storage.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes that were read and compared with their digest.
    pub read: u64,
    /// Blobs without a row that are too young to be taken for orphans.
    pub young: u64,
    pub findings: u64,
    pub repaired: u64,
}

impl Summary {
    /// Whether nothing is wrong any more.
    pub fn is_clean(&self) -> bool {
        self.findings == self.repaired
    }
}
