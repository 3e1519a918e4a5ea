//! `/projects/{project_name}/repositories/{repository_name}/artifacts` and `/projects/{project_name_or_id}/artifacts`.

use super::require_project;
use super::{repository, require, shapes};
use crate::caller::Asked;
use crate::kit::{ApiResult, Json, Paged, Params, Path, ProjectNameOrId, RepositoryPath, Routes};
use crate::state::Web;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use haven_core::Error;
use haven_core::access::require_authenticated;
use haven_core::catalog::{self, Include, Source};
use haven_oci::Reference;
use http::{StatusCode, header};
use serde_json::Value;

pub(super) fn routes() -> Routes<Web> {
    const ALL: &str = "/projects/{project_name}/repositories/{repository_name}/artifacts";
    const ONE: &str = "/projects/{project_name}/repositories/{repository_name}/artifacts/{reference}";
    Routes::new("/api/v2.0")
        .get("listArtifactsOfProject", "/projects/{project_name_or_id}/artifacts", list_project)
        .get("listArtifacts", ALL, list)
        .post("CopyArtifact", ALL, copy)
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
    for name in ["with_scan_overview", "with_sbom_overview", "with_immutable_status", "with_signature"] {
        params.boolean(name, false);
    }
    Include {
        tags: params.boolean("with_tag", true),
        labels: params.boolean("with_label", false),
        accessories: params.boolean("with_accessory", false),
        inherited: params.boolean("with_inherited_accessory", false),
    }
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

async fn list_project(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
    mut params: Params,
) -> ApiResult<Response> {
    let query = params.list();
    let include = include(&mut params);
    let latest = params.boolean("latest_in_repository", false);
    params.finish()?;
    require_authenticated(&caller)?;
    let grant = require_project(&web, &caller, &project).await?;
    let (found, total) = catalog::list_project_artifacts(&web.app, &grant, query, include, latest).await?;
    let items: Vec<Value> = found.iter().map(shapes::artifact).collect();
    Ok(Paged::new(items, total).into_response())
}

/// Copies an artifact here from where `from` says.
async fn copy(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path((project, path)): Path<(String, RepositoryPath)>,
    mut params: Params,
) -> ApiResult<Response> {
    let from = params.required("from");
    params.finish()?;
    let source: Source = from.parse()?;
    let to = require(&web, &caller, &project).await?;
    let name = repository(&to.project.name, path.as_str())?;
    let from = require(&web, &caller, source.repository.project()).await?;
    catalog::copy(&web.app, &to, &from, &name, &source).await?;
    let location = format!("{}/{}", shapes::artifacts_path(name.as_str()), source.reference);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)]).into_response())
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
