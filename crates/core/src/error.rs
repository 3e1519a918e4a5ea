//! The product's one error: a code, a message fit for the caller, and a private cause.
//!
//! `web` alone turns a code into a status and a body; everything below only says what kind of thing went wrong.

use std::error::Error as StdError;

/// What kind of refusal or failure this is. The names are those of the REST API and of the OCI distribution
/// specification; `web` maps each to a status and to the code printed in either body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    BadRequest,
    Unauthorized,
    Forbidden,
    Denied,
    NotFound,
    MethodNotAllowed,
    Conflict,
    Precondition,
    /// The object is referenced by another one (`VIOLATE_FOREIGN_KEY_CONSTRAINT`).
    Referenced,
    PolicyViolation,
    TooLarge,
    Unprocessable,
    TooManyRequests,
    Unavailable,
    /// The storage has no room left, which only an operator can change.
    Full,
    Internal,
    BlobUnknown,
    BlobUploadInvalid,
    BlobUploadUnknown,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestUnknown,
    NameInvalid,
    NameUnknown,
    RangeInvalid,
    SizeInvalid,
    TagInvalid,
    Unsupported,
}

type BoxError = Box<dyn StdError + Send + Sync>;

/// An error of the product. Messages are lower case and name the thing; the cause never leaves the server.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub code: Code,
    pub message: String,
    /// Shown to clients of the distribution API as `detail`, one error for each element of an array.
    pub detail: Option<serde_json::Value>,
    #[source]
    source: Option<BoxError>,
}

/// The result of every operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with a message of its own and no cause.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), detail: None, source: None }
    }

    /// Adds machine-readable detail.
    #[must_use]
    pub fn detail(mut self, detail: serde_json::Value) -> Self {
        self.detail = Some(detail);
        self
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn because(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// A failure of ours: the caller sees only that something went wrong.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, message)
    }

    /// The thing does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message)
    }

    /// The request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Code::BadRequest, message)
    }
}

impl From<haven_oci::Error> for Error {
    fn from(error: haven_oci::Error) -> Self {
        use haven_oci::ErrorCode as Oci;
        let code = match error.code {
            Oci::BlobUnknown => Code::BlobUnknown,
            Oci::BlobUploadInvalid => Code::BlobUploadInvalid,
            Oci::BlobUploadUnknown => Code::BlobUploadUnknown,
            Oci::DigestInvalid => Code::DigestInvalid,
            Oci::ManifestBlobUnknown => Code::ManifestBlobUnknown,
            Oci::ManifestInvalid => Code::ManifestInvalid,
            Oci::ManifestUnknown => Code::ManifestUnknown,
            Oci::NameInvalid => Code::NameInvalid,
            Oci::NameUnknown => Code::NameUnknown,
            Oci::SizeInvalid => Code::SizeInvalid,
            Oci::TagInvalid => Code::TagInvalid,
            Oci::Unauthorized => Code::Unauthorized,
            Oci::Denied => Code::Denied,
            Oci::Unsupported => Code::Unsupported,
            Oci::TooManyRequests => Code::TooManyRequests,
            Oci::RangeInvalid => Code::RangeInvalid,
        };
        Self::new(code, error.message)
    }
}

impl From<haven_db::Error> for Error {
    fn from(error: haven_db::Error) -> Self {
        use haven_db::Kind;
        let (code, message) = match error.kind {
            Kind::Conflict => (Code::Conflict, "resource conflict"),
            Kind::ForeignKey => (Code::Referenced, "the object is referenced by others"),
            Kind::Unavailable | Kind::Refused | Kind::Busy => {
                (Code::Unavailable, "the database cannot be reached")
            }
            Kind::Corrupt | Kind::TooNew | Kind::Internal => (Code::Internal, "database"),
        };
        Self::new(code, message).because(error)
    }
}

impl From<haven_blobs::Error> for Error {
    fn from(error: haven_blobs::Error) -> Self {
        use haven_blobs::Kind;
        let (code, message) = match error.kind {
            Kind::NotFound => (Code::BlobUnknown, "blob unknown to registry"),
            Kind::DigestMismatch => (Code::DigestInvalid, "provided digest did not match uploaded content"),
            Kind::TooLarge => (Code::SizeInvalid, "provided length did not match content length"),
            Kind::Interrupted => (Code::BlobUploadInvalid, "the request body ended before it was complete"),
            Kind::Full => (Code::Full, "the storage has no room left"),
            Kind::Unavailable => (Code::Unavailable, "the storage cannot take or give bytes now"),
            Kind::Invalid => (Code::BlobUploadInvalid, "blob upload invalid"),
            Kind::Corrupt => (Code::Internal, "stored bytes are damaged"),
        };
        Self::new(code, message).because(error)
    }
}
