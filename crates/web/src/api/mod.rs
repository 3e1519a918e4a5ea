//! The REST API below `/api/v2.0`: one file for each noun, each with its routes at the top.

mod access_tokens;
mod additions;
mod allowlists;
mod artifacts;
mod audit;
mod groups;
mod icons;
mod labels;
mod members;
mod metadatas;
mod permissions;
mod project_robots;
mod projects;
mod quotas;
mod repositories;
mod robots;
mod search;
mod settings;
mod shapes;
mod system;
mod tags;
mod users;

use crate::kit::{ApiResult, ProjectNameOrId, Routes};
use crate::state::Web;
use haven_core::Error;
use haven_core::access::{self, Caller, Grant};
use haven_oci::{ProjectName, RepositoryName};

/// Every operation below the prefix.
pub(crate) fn routes() -> Routes<Web> {
    Routes::new("/api/v2.0")
        .merge(system::routes())
        .merge(settings::routes())
        .merge(users::routes())
        .merge(access_tokens::routes())
        .merge(groups::routes())
        .merge(projects::routes())
        .merge(quotas::routes())
        .merge(metadatas::routes())
        .merge(members::routes())
        .merge(allowlists::routes())
        .merge(search::routes())
        .merge(repositories::routes())
        .merge(artifacts::routes())
        .merge(additions::routes())
        .merge(tags::routes())
        .merge(labels::routes())
        .merge(icons::routes())
        .merge(robots::routes())
        .merge(project_robots::routes())
        .merge(permissions::routes())
        .merge(audit::routes())
}

/// `GET /api/version`, which lives outside the prefix.
pub(crate) fn version_routes() -> Routes<Web> {
    Routes::new("/api").get("getVersion", "/version", system::version)
}

/// A repository of a project, as paths name it.
fn repository(project: &ProjectName, path: &str) -> ApiResult<RepositoryName> {
    let name = format!("{project}/{path}").parse::<RepositoryName>();
    Ok(name.map_err(|_| Error::bad_request(format!("invalid repository name: {path}")))?)
}

/// Reads the project's name, then asks for a permission on it.
async fn require<P: access::Permission>(
    web: &crate::state::Web,
    caller: &Caller,
    project: &str,
) -> ApiResult<Grant<P>> {
    let name = haven_core::projects::parse_name(project)?;
    Ok(access::require(&web.app, caller, &name).await?)
}

/// The same where a path says the name or the id.
async fn require_project<P: access::Permission>(
    web: &crate::state::Web,
    caller: &Caller,
    project: &ProjectNameOrId,
) -> ApiResult<Grant<P>> {
    match project {
        ProjectNameOrId::Id(id) => Ok(access::require_by_id(&web.app, caller, *id).await?),
        ProjectNameOrId::Name(name) => require(web, caller, name).await,
    }
}
