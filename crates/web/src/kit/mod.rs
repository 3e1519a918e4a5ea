//! What every handler is written on: errors, parameters, bodies, pages, routes and the outer layers.
//!
//! Nothing here knows a resource. A handler reads with the extractors, calls an operation, and answers.

mod accept;
pub(crate) mod body;
pub mod context;
pub mod error;
pub mod form;
pub mod json;
pub mod page;
pub mod params;
pub mod path;
pub mod query;
pub mod routes;
pub mod stack;
mod tracked;

pub use context::RequestContext;
pub use error::{ApiError, ApiResult, OciError, OciResult};
pub use form::Form;
pub use json::Json;
pub use page::Paged;
pub use params::{Params, Problems};
pub use path::{Path, ProjectNameOrId, RepositoryPath};
pub use routes::{Operation, Routes};
