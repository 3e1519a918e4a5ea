//! Content-addressed bytes: blobs by digest, and the upload sessions that make them.
//!
//! A store knows nothing of projects, links or quotas: those are rows, and the rows say which blob exists and how
//! long it is. Here are only bytes: one trait, [`BlobStore`], its back ends, and one suite that every back end passes.

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
mod error;
mod filesystem;
mod hash;
mod mapping;
mod memory;
pub mod object;
mod origin;
mod store;
#[cfg(any(test, feature = "testing"))]
mod unreliable;
mod upload;
mod verify;

pub use error::{Error, Kind, Result};
pub use filesystem::Filesystem;
pub use memory::Memory;
pub use object::ObjectStorage;
pub use origin::Origin;
pub use store::{BlobStore, ByteStream, Space, Stored, StoredUpload};
#[cfg(any(test, feature = "testing"))]
pub use unreliable::Unreliable;
pub use upload::Upload;
pub use verify::verify;

#[cfg(test)]
mod tests;
