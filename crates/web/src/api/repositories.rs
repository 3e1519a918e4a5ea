//! `/repositories` and `/projects/{project_name}/repositories`.

use super::{repository, require, shapes};
use crate::caller::Asked;
use crate::kit::{ApiResult, Json, Paged, Params, Path, RepositoryPath, Routes};
use crate::state::Web;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use haven_core::catalog;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

pub(super) fn routes() -> Routes<Web> {
    const ONE: &str = "/projects/{project_name}/repositories/{repository_name}";
    Routes::new("/api/v2.0")
        .get("listAllRepositories", "/repositories", list_all)
        .get("listRepositories", "/projects/{project_name}/repositories", list)
        .get("getRepository", ONE, get)
        .put("updateRepository", ONE, put)
        .delete("deleteRepository", ONE, delete)
}

#[derive(Deserialize)]
struct Body {
    description: Option<String>,
}

async fn list_all(State(web): State<Web>, Asked(caller): Asked, mut params: Params) -> ApiResult<Response> {
    let query = params.list();
    params.finish()?;
    let (found, total) = catalog::list_all_repositories(&web.app, &caller, &query).await?;
    let items: Vec<Value> = found.iter().map(shapes::repository).collect();
    Ok(Paged::new(items, total).into_response())
}

async fn list(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path(project): Path<String>,
    mut params: Params,
) -> ApiResult<Response> {
    let query = params.list();
    params.finish()?;
    let grant = require(&web, &caller, &project).await?;
    let (found, total) = catalog::list_repositories(&web.app, &grant, &query).await?;
    let items: Vec<Value> = found.iter().map(shapes::repository).collect();
    Ok(Paged::new(items, total).into_response())
}

async fn get(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path((project, path)): Path<(String, RepositoryPath)>,
) -> ApiResult<Json<Value>> {
    let grant = require(&web, &caller, &project).await?;
    let name = repository(&grant.project.name, path.as_str())?;
    let found = catalog::repository(&web.app, &grant, &name).await?;
    Ok(Json(shapes::repository(&found)))
}

async fn put(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path((project, path)): Path<(String, RepositoryPath)>,
    Json(body): Json<Body>,
) -> ApiResult<StatusCode> {
    let grant = require(&web, &caller, &project).await?;
    let name = repository(&grant.project.name, path.as_str())?;
    let description = body.description.unwrap_or_default();
    catalog::describe_repository(&web.app, &grant, &name, &description).await?;
    Ok(StatusCode::OK)
}

async fn delete(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path((project, path)): Path<(String, RepositoryPath)>,
) -> ApiResult<StatusCode> {
    let grant = require(&web, &caller, &project).await?;
    let name = repository(&grant.project.name, path.as_str())?;
    catalog::delete_repository(&web.app, &grant, &name).await?;
    Ok(StatusCode::OK)
}
