//! The nouns of the OCI specifications: digests, names, references, descriptors, manifests, ranges and error codes.
//!
//! Pure: nothing here waits, reads a clock or touches a disk. Text from outside becomes one of these types once, at
//! the edge; a value of such a type is valid by construction and is never checked again.

mod descriptor;
mod digest;
mod error;
mod manifest;
pub mod media_type;
mod names;
pub mod range;
mod reference;
mod text;

pub use descriptor::{Descriptor, Platform};
pub use digest::{Algorithm, Digest};
pub use error::{Error, ErrorCode};
pub use manifest::{Manifest, ManifestKind};
pub use names::{ProjectName, RepositoryName, TagName};
pub use reference::Reference;
