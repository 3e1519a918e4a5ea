//! `…/artifacts/{reference}/tags`.

use super::artifacts::reference;
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
    const ALL: &str = "/projects/{project_name}/repositories/{repository_name}/artifacts/{reference}/tags";
    Routes::new("/api/v2.0").get("listTags", ALL, list).post("createTag", ALL, create).delete(
        "deleteTag",
        &format!("{ALL}/{{tag_name}}"),
        delete,
    )
}

#[derive(Deserialize)]
struct Body {
    name: Option<String>,
}

async fn list(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path((project, path, text)): Path<(String, RepositoryPath, String)>,
    mut params: Params,
) -> ApiResult<Response> {
    let query = params.list();
    params.boolean("with_signature", false);
    params.boolean("with_immutable_status", false);
    params.finish()?;
    let grant = require(&web, &caller, &project).await?;
    let name = repository(&grant.project.name, path.as_str())?;
    let (found, total) = catalog::list_tags(&web.app, &grant, &name, &reference(&text)?, &query).await?;
    let items: Vec<Value> = found.iter().map(shapes::tag).collect();
    Ok(Paged::new(items, total).into_response())
}

async fn create(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path((project, path, text)): Path<(String, RepositoryPath, String)>,
    Json(body): Json<Body>,
) -> ApiResult<StatusCode> {
    let grant = require(&web, &caller, &project).await?;
    let name = repository(&grant.project.name, path.as_str())?;
    let tag = body.name.unwrap_or_default();
    catalog::create_tag(&web.app, &grant, &name, &reference(&text)?, &tag).await?;
    Ok(StatusCode::CREATED)
}

async fn delete(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path((project, path, text, tag)): Path<(String, RepositoryPath, String, String)>,
) -> ApiResult<StatusCode> {
    let grant = require(&web, &caller, &project).await?;
    let name = repository(&grant.project.name, path.as_str())?;
    catalog::delete_tag(&web.app, &grant, &name, &reference(&text)?, &tag).await?;
    Ok(StatusCode::OK)
}
