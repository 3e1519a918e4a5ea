//! The artifact model: repositories, artifacts, tags, and what hangs on what.
//!
//! Owns `repository`, `repository_part`, `artifact`, `artifact_reference`, `artifact_blob`, `tag`, `accessory` and
//! `manifest_addition`. Every write takes the repository's row first, so that writes to one repository come one after the other and in one order.

mod additions;
mod artifacts;
mod class;
mod config;
mod copy;
mod delete;
mod expected;
mod fill;
mod icons;
mod list;
mod parts;
mod process;
mod pulls;
mod push;
mod recompute;
mod remake;
mod repositories;
mod sql;
mod tags;
pub(crate) mod told;

pub use additions::{Addition, AdditionName, Content, addition, offered as additions_of};
pub use artifacts::{Accessory, Artifact, Include, Reference, accessories, artifact, expect_artifact};
pub use copy::{Source, copy};
pub use delete::delete_artifact;
pub use icons::{Icon, icon};
pub use list::{list_artifacts, list_project_artifacts};
pub use pulls::{Pulls, flush_pulls, pulls_wake};
pub use repositories::{
    Repository, delete_repository, describe_repository, list_all_repositories, list_repositories, repository,
};
pub use tags::{Tag, create_tag, delete_tag, list_tags};

pub(crate) use artifacts::find as find_artifact;
pub(crate) use class::Class;
pub(crate) use delete::{artifact_by_digest, remove_artifact, remove_tag};
pub(crate) use expected::{Expected, total_size};
pub(crate) use parts::{found as parts_found, question as parts_question};
pub(crate) use process::classify;
pub(crate) use pulls::{Pull, note_pull};
pub(crate) use push::{
    NewArtifact, attach, check_children, children, lock_repository, missing, open_repository, put_artifact,
    put_tag, relist,
};
pub(crate) use recompute::recompute;
pub(crate) use remake::remake;
