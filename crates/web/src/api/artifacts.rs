//! `/projects/{project_name}/repositories/{repository_name}/artifacts`.

use super::{repository, require, shapes};
use crate::caller::Asked;
use crate::kit::{ApiResult, Json, Paged, Params, Path, RepositoryPath, Routes};
use crate::state::Web;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use haven_core::Error;
use haven_core::catalog::{self, Include};
use haven_oci::Reference;
use http::StatusCode;
use serde_json::Value;

pub(super) fn routes() -> Routes<Web> {
    const ALL: &str = "/projects/{project_name}/repositories/{repository_name}/artifacts";
    const ONE: &str = "/projects/{project_name}/repositories/{repository_name}/artifacts/{reference}";
    Routes::new("/api/v2.0")
        .get("listArtifacts", ALL, list)
        .get("getArtifact", ONE, get)
        .delete("deleteArtifact", ONE, delete)
        .get("listAccessories", &format!("{ONE}/accessories"), accessories)
}

/// What can be neither tag nor digest names nothing that exists.
pub(super) fn reference(text: &str) -> ApiResult<Reference> {
    Ok(text.parse().map_err(|_| Error::not_found(format!("artifact {text} not found")))?)
}

fn include(params: &mut Params) -> Include {
    // What this version does not compute is accepted and left out.
    for name in ["with_label", "with_scan_overview", "with_sbom_overview", "with_immutable_status"] {
        params.boolean(name, false);
    }
    params.boolean("with_inherited_accessory", false);
    Include { tags: params.boolean("with_tag", true), accessories: params.boolean("with_accessory", false) }
}

async fn list(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path((project, path)): Path<(String, RepositoryPath)>,
    mut params: Params,
) -> ApiResult<Response> {
    let query = params.list();
    let include = include(&mut params);
    params.finish()?;
    let grant = require(&web, &caller, &project).await?;
    let name = repository(&grant.project.name, path.as_str())?;
    let (found, total) = catalog::list_artifacts(&web.app, &grant, &name, query, include).await?;
    let items: Vec<Value> = found.iter().map(shapes::artifact).collect();
    Ok(Paged::new(items, total).into_response())
}

async fn get(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path((project, path, text)): Path<(String, RepositoryPath, String)>,
    mut params: Params,
) -> ApiResult<Json<Value>> {
    let include = include(&mut params);
    params.finish()?;
    let grant = require(&web, &caller, &project).await?;
    let name = repository(&grant.project.name, path.as_str())?;
    let found = catalog::artifact(&web.app, &grant, &name, &reference(&text)?, include).await?;
    Ok(Json(shapes::artifact(&found)))
}

async fn delete(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path((project, path, text)): Path<(String, RepositoryPath, String)>,
) -> ApiResult<StatusCode> {
    let grant = require(&web, &caller, &project).await?;
    let name = repository(&grant.project.name, path.as_str())?;
    catalog::delete_artifact(&web.app, &grant, &name, &reference(&text)?).await?;
    Ok(StatusCode::OK)
}

async fn accessories(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path((project, path, text)): Path<(String, RepositoryPath, String)>,
    mut params: Params,
) -> ApiResult<Response> {
    let query = params.list();
    params.finish()?;
    let grant = require(&web, &caller, &project).await?;
    let name = repository(&grant.project.name, path.as_str())?;
    let (found, total) = catalog::accessories(&web.app, &grant, &name, &reference(&text)?, &query).await?;
    let items: Vec<Value> = found.iter().map(shapes::accessory).collect();
    Ok(Paged::new(items, total).into_response())
}
