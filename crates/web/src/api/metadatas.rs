//! `/projects/{project_name_or_id}/metadatas/`.

use super::require_project;
use crate::caller::Asked;
use crate::kit::{ApiResult, Json, Path, ProjectNameOrId, Routes};
use crate::state::Web;
use axum::extract::State;
use haven_core::access::permissions::DeleteMetadata;
use haven_core::projects::{self, Metadata};
use http::StatusCode;

pub(super) fn routes() -> Routes<Web> {
    const ALL: &str = "/projects/{project_name_or_id}/metadatas/";
    const ONE: &str = "/projects/{project_name_or_id}/metadatas/{meta_name}";
    Routes::new("/api/v2.0")
        .get("listProjectMetadatas", ALL, list)
        .post("addProjectMetadatas", ALL, add)
        .get("getProjectMetadata", ONE, get)
        .put("updateProjectMetadata", ONE, update)
        .delete("deleteProjectMetadata", ONE, delete)
}

/// Without a body nothing is given, which the rules then refuse.
fn given(body: Option<Json<Metadata>>) -> Metadata {
    body.map(|Json(metadata)| metadata).unwrap_or_default()
}

async fn list(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
) -> ApiResult<Json<Metadata>> {
    let grant = require_project(&web, &caller, &project).await?;
    Ok(Json(projects::list_metadata(&web.app, &grant).await?))
}

async fn add(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
    body: Option<Json<Metadata>>,
) -> ApiResult<StatusCode> {
    let grant = require_project(&web, &caller, &project).await?;
    projects::add_metadata(&web.app, &grant, &given(body)).await?;
    Ok(StatusCode::OK)
}

async fn get(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
    Path((_, name)): Path<(String, String)>,
) -> ApiResult<Json<Metadata>> {
    let grant = require_project(&web, &caller, &project).await?;
    let value = projects::metadata(&web.app, &grant, &name).await?;
    Ok(Json(value.map(|value| (name, value)).into_iter().collect()))
}

async fn update(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
    Path((_, name)): Path<(String, String)>,
    body: Option<Json<Metadata>>,
) -> ApiResult<StatusCode> {
    let grant = require_project(&web, &caller, &project).await?;
    projects::set_metadata(&web.app, &grant, &name, &given(body)).await?;
    Ok(StatusCode::OK)
}

async fn delete(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
    Path((_, name)): Path<(String, String)>,
) -> ApiResult<StatusCode> {
    let grant = require_project::<DeleteMetadata>(&web, &caller, &project).await?;
    projects::remove_metadata(&web.app, &grant, &name).await?;
    Ok(StatusCode::OK)
}
