//! Haven's rules: one folder for each capability.
//!
//! An *operation* is public, takes the [`App`] and a grant, and commits one transaction. A *step* is private to the
//! crate, takes a transaction, and is how capabilities compose. Nothing here knows HTTP, the environment or SQL engines.

pub mod access;
pub mod access_tokens;
pub mod allowlists;
mod app;
pub mod audit;
pub mod catalog;
mod error;
pub mod events;
pub mod fsck;
pub mod groups;
pub mod identity;
pub mod labels;
pub mod members;
pub mod projects;
pub mod quota;
pub mod registry;
pub mod robots;
pub mod search;
pub mod sessions;
pub mod settings;
pub mod statistics;
pub mod system;
#[cfg(test)]
mod testing;
pub mod token;
mod vault;

pub use app::{App, Options};
pub use error::{Code, Error, Result};
