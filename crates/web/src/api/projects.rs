//! `/projects`.

use super::allowlists::AllowlistBody;
use super::{require_project, shapes};
use crate::caller::Asked;
use crate::kit::params::Problems;
use crate::kit::{ApiResult, Json, Paged, Params, ProjectNameOrId, Routes};
use crate::state::Web;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use haven_core::access::{permissions, require_reader_of_all};
use haven_core::projects::{self, Metadata, NewProject, ProjectChange, Telling, Visible};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) fn routes() -> Routes<Web> {
    const ONE: &str = "/projects/{project_name_or_id}";
    Routes::new("/api/v2.0")
        .get("listProjects", "/projects", list)
        .head("headProject", "/projects", head)
        .post("createProject", "/projects", create)
        .get("getProject", ONE, get)
        .put("updateProject", ONE, update)
        .delete("deleteProject", ONE, delete)
        .get("getProjectDeletable", &format!("{ONE}/_deletable"), deletable)
        .get("getProjectSummary", &format!("{ONE}/summary"), summary)
}

#[derive(Deserialize)]
struct Body {
    project_name: Option<String>,
    public: Option<bool>,
    metadata: Option<BTreeMap<String, Option<String>>>,
    cve_allowlist: Option<AllowlistBody>,
    storage_limit: Option<i64>,
    registry_id: Option<i64>,
}

/// A client that sends null for a property says nothing about it.
fn given(metadata: Option<BTreeMap<String, Option<String>>>) -> Metadata {
    metadata.unwrap_or_default().into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
}

async fn list(State(web): State<Web>, Asked(caller): Asked, mut params: Params) -> ApiResult<Response> {
    let query = params.list();
    let public = params.text("public").map(|_| params.boolean("public", false));
    let telling = if params.boolean("with_detail", true) { Telling::Listed } else { Telling::Brief };
    let visible = Visible { name: params.text("name"), owner: params.text("owner"), public };
    params.finish()?;
    let (found, total) = projects::list(&web.app, &caller, visible, query).await?;
    let details = projects::details(&web.app, &caller, found, telling).await?;
    let items: Vec<Value> = details.iter().map(shapes::project).collect();
    Ok(Paged::new(items, total).into_response())
}

/// Whether a name is taken, for anybody who has logged in; a token must reach beyond single projects.
async fn head(State(web): State<Web>, Asked(caller): Asked, mut params: Params) -> ApiResult<StatusCode> {
    let name = params.required("project_name");
    params.finish()?;
    require_reader_of_all(&caller)?;
    let exists = projects::exists(&web.app, &name).await?;
    Ok(if exists { StatusCode::OK } else { StatusCode::NOT_FOUND })
}

async fn create(
    State(web): State<Web>,
    Asked(caller): Asked,
    mut params: Params,
    Json(body): Json<Body>,
) -> ApiResult<Response> {
    let by_name = params.boolean_header("X-Resource-Name-In-Location", false);
    params.finish()?;
    let name = body.project_name.unwrap_or_default();
    check_length(&name)?;
    let new = NewProject {
        name: name.clone(),
        public: body.public,
        metadata: given(body.metadata),
        allowlist: body.cve_allowlist.unwrap_or_default().read(),
        storage_limit: body.storage_limit,
        registry_id: body.registry_id,
    };
    let id = projects::create(&web.app, &caller, new).await?;
    let last = if by_name { name } else { id.to_string() };
    Ok((StatusCode::CREATED, [(header::LOCATION, format!("/api/v2.0/projects/{last}"))]).into_response())
}

/// The one rule about names that the contract states as a limit.
fn check_length(name: &str) -> ApiResult<()> {
    let mut problems = Problems::default();
    if name.len() > 255 {
        problems.add("project_name in body should be at most 255 chars long");
    }
    problems.finish()
}

async fn get(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
) -> ApiResult<Json<Value>> {
    let grant = require_project(&web, &caller, &project).await?;
    let detail = projects::get(&web.app, &caller, &grant).await?;
    Ok(Json(shapes::project(&detail)))
}

async fn update(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
    Json(body): Json<Body>,
) -> ApiResult<StatusCode> {
    check_length(body.project_name.as_deref().unwrap_or_default())?;
    let grant = require_project(&web, &caller, &project).await?;
    let change = ProjectChange {
        metadata: given(body.metadata),
        allowlist_of: body.cve_allowlist.as_ref().map_or(0, AllowlistBody::project),
        allowlist: body.cve_allowlist.map(AllowlistBody::read),
    };
    projects::update(&web.app, &grant, change).await?;
    Ok(StatusCode::OK)
}

async fn delete(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
) -> ApiResult<StatusCode> {
    let grant = require_project::<permissions::DeleteProject>(&web, &caller, &project).await?;
    projects::delete(&web.app, &grant).await?;
    Ok(StatusCode::OK)
}

async fn deletable(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
) -> ApiResult<Json<Value>> {
    let grant = require_project::<permissions::DeleteProject>(&web, &caller, &project).await?;
    let deletable = projects::deletable(&web.app, &grant).await?;
    Ok(Json(if deletable { json!({ "deletable": true }) } else { json!({ "message": projects::NOT_EMPTY }) }))
}

async fn summary(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
) -> ApiResult<Json<Value>> {
    let grant = require_project(&web, &caller, &project).await?;
    let summary = projects::summary(&web.app, &caller, &grant).await?;
    Ok(Json(shapes::summary(&summary)))
}
