//! What can go wrong with bytes, sorted by what the caller would do about it.

use std::io;

use haven_oci::Digest;

/// The result of every operation here.
pub type Result<T> = std::result::Result<T, Error>;

/// What a caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// No such blob or upload.
    NotFound,
    /// The bytes are not those that the digest names.
    DigestMismatch,
    /// The body is longer than the caller allows.
    TooLarge,
    /// The body broke off; the upload describes what was kept, and can go on from there.
    Interrupted,
    /// The storage has no room left.
    Full,
    /// The storage cannot be used at the moment; trying again later may help.
    Unavailable,
    /// The storage holds something else than it was told to keep.
    Corrupt,
    /// The request itself makes no sense, whatever the storage holds.
    Invalid,
}

/// A failed operation: its kind, what it was about, and the cause.
#[derive(Debug, thiserror::Error)]
#[error("{context}")]
pub struct Error {
    pub kind: Kind,
    pub context: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: Kind, context: impl Into<String>) -> Self {
        Self { kind, context: context.into(), source: None }
    }

    pub(crate) fn with_source(
        kind: Kind,
        context: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { kind, context: context.into(), source: Some(source.into()) }
    }

    /// An error of the operating system, while doing `context`.
    pub(crate) fn io(context: impl Into<String>, source: io::Error) -> Self {
        Self::with_source(kind_of(&source), context, source)
    }

    pub(crate) fn no_blob(digest: &Digest) -> Self {
        Self::new(Kind::NotFound, format!("blob {digest} is not in the store"))
    }

    pub(crate) fn no_upload(id: &str) -> Self {
        Self::new(Kind::NotFound, format!("upload {id} is not in the store"))
    }

    pub(crate) fn id_taken(id: &str) -> Self {
        Self::new(Kind::Invalid, format!("upload {id} exists already"))
    }

    pub(crate) fn shorter(digest: &Digest, found: u64, expected: u64) -> Self {
        Self::new(
            Kind::Corrupt,
            format!("blob {digest} has {found} bytes in the store, {expected} on record"),
        )
    }

    pub(crate) fn upload_shorter(id: &str, found: u64, expected: u64) -> Self {
        Self::new(Kind::Corrupt, format!("upload {id} has {found} bytes in the store, {expected} on record"))
    }

    pub(crate) fn mismatch(digest: &Digest) -> Self {
        Self::new(Kind::DigestMismatch, format!("the content is not that of {digest}"))
    }

    pub(crate) fn too_large(limit: u64) -> Self {
        Self::new(Kind::TooLarge, format!("the upload would grow beyond {limit} bytes"))
    }

    pub(crate) fn interrupted(id: &str, source: io::Error) -> Self {
        Self::with_source(Kind::Interrupted, format!("the body for upload {id} broke off"), source)
    }
}

/// A full disk and a vanished file need different answers; all else is the storage being out of order.
pub(crate) fn kind_of(error: &io::Error) -> Kind {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Kind::Full,
        io::ErrorKind::NotFound => Kind::NotFound,
        _ => Kind::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use rustix::io::Errno;

    use super::*;

    #[test]
    fn errors_of_the_system_are_sorted_by_what_helps() {
        let kind = |errno: Errno| Error::io("write blob", errno.into()).kind;
        assert_eq!(kind(Errno::NOSPC), Kind::Full);
        assert_eq!(kind(Errno::DQUOT), Kind::Full);
        assert_eq!(kind(Errno::NOENT), Kind::NotFound);
        for errno in [Errno::ROFS, Errno::ACCESS, Errno::IO, Errno::STALE, Errno::MFILE] {
            assert_eq!(kind(errno), Kind::Unavailable, "{errno}");
        }
    }

    #[test]
    fn an_error_names_the_thing_and_keeps_its_cause() {
        let error = Error::io("create upload 7", Errno::ROFS.into());
        assert_eq!(error.to_string(), "create upload 7");
        assert!(error.source().is_some());
    }
}
