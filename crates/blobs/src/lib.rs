//! Content-addressed bytes: blobs by digest, and the upload sessions that make them.
//!
//! A store knows nothing of projects, links or quotas: those are rows, and the rows say which blob exists and how
//! long it is. Here are only bytes: one trait, [`BlobStore`], its back ends, and one suite that every back end passes.

mod error;
mod hash;
mod memory;
mod store;
mod upload;

pub use error::{Error, Kind, Result};
pub use memory::Memory;
pub use store::{BlobStore, ByteStream};
pub use upload::Upload;
