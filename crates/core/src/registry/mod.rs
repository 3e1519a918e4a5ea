//! The distribution API's acts: uploads, blobs, push, pull, referrers, tags and the catalog (the OCI
//! distribution specification 1.1).
//!
//! Owns `upload`, `blob`, `blob_removal`, `orphan_blob`, `project_blob` and `manifest`; what a push means for repositories,
//! artifacts and tags is said by the steps of [`crate::catalog`].

mod blobs;
mod catalog;
mod claims;
mod delete;
mod links;
mod lost;
mod mount;
mod orphans;
mod pull;
mod push;
mod referrers;
mod removal;
mod short;
mod sql;
mod sweep;
#[cfg(test)]
mod tests;
mod uploads;
mod whole;

pub use blobs::{
    Blob, delete as delete_blob, link as link_blob, open as open_blob, send as send_blob, stat as stat_blob,
};
pub use catalog::{Listing, repositories, tags};
pub use delete::delete as delete_manifest;
pub use mount::mount;
pub use orphans::remove_orphans;
pub use pull::{ManifestCache, Pulled, count_pull, manifest};
pub use push::{Pushed, push};
pub use referrers::{Referrer, Referrers, Wanted, referrers};
pub use sweep::{Purge, purge_uploads};
pub use uploads::{
    Chunk, Owner, Session, append, cancel, count as count_uploads, finish, owner, start, status,
};
pub use whole::push_blob;

pub(crate) use blobs::read_whole;
pub(crate) use links::{link_needed, relink, unlink};
pub(crate) use lost::{declare_lost, end_upload, find_again, keep_manifest, make_lost, mend_manifest};
pub(crate) use removal::{Doomed, Removed, Watch, remove, try_watch, watch};
pub(crate) use sweep::abandon_uploads;
