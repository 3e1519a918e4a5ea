//! `/projects`.

use super::shapes;
use crate::caller::Asked;
use crate::kit::params::Problems;
use crate::kit::{ApiResult, Json, Paged, Params, ProjectNameOrId, Routes};
use crate::state::Web;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use haven_core::access::{self, Caller, Grant, Permission, permissions, require_known};
use haven_core::projects::{self, NewProject, Visible};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub(super) fn routes() -> Routes<Web> {
    Routes::new("/api/v2.0")
        .get("listProjects", "/projects", list)
        .head("headProject", "/projects", head)
        .post("createProject", "/projects", create)
        .get("getProject", "/projects/{project_name_or_id}", get)
        .delete("deleteProject", "/projects/{project_name_or_id}", delete)
        .get("getProjectDeletable", "/projects/{project_name_or_id}/_deletable", deletable)
        .get("getProjectSummary", "/projects/{project_name_or_id}/summary", summary)
}

#[derive(Deserialize)]
struct Body {
    project_name: Option<String>,
    public: Option<bool>,
    metadata: Option<BTreeMap<String, Option<String>>>,
    storage_limit: Option<i64>,
    registry_id: Option<i64>,
}

async fn list(State(web): State<Web>, Asked(caller): Asked, mut params: Params) -> ApiResult<Response> {
    let query = params.list();
    let public = params.text("public").map(|_| params.boolean("public", false));
    let brief = !params.boolean("with_detail", true);
    let visible = Visible { name: params.text("name"), owner: params.text("owner"), public };
    params.finish()?;
    let (found, total) = projects::list(&web.app, &caller, visible, query).await?;
    let details = projects::details(&web.app, &caller, found).await?;
    let items: Vec<Value> = details.iter().map(|detail| shapes::project(detail, brief)).collect();
    Ok(Paged::new(items, total).into_response())
}

/// Whether a name is taken, for anybody who has logged in.
async fn head(State(web): State<Web>, Asked(caller): Asked, mut params: Params) -> ApiResult<StatusCode> {
    let name = params.required("project_name");
    params.finish()?;
    require_known(&caller)?;
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
    if name.len() > 255 {
        let mut problems = Problems::default();
        problems.add("project_name in body should be at most 255 chars long");
        problems.finish()?;
    }
    let metadata = body.metadata.unwrap_or_default();
    let new = NewProject {
        name: name.clone(),
        public: body.public,
        metadata: metadata.into_iter().filter_map(|(key, value)| Some((key, value?))).collect(),
        storage_limit: body.storage_limit,
        registry_id: body.registry_id,
    };
    let id = projects::create(&web.app, &caller, new).await?;
    let last = if by_name { name } else { id.to_string() };
    Ok((StatusCode::CREATED, [(header::LOCATION, format!("/api/v2.0/projects/{last}"))]).into_response())
}

async fn get(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
) -> ApiResult<Json<Value>> {
    let grant = require(&web, &caller, &project).await?;
    let detail = projects::get(&web.app, &caller, &grant).await?;
    Ok(Json(shapes::project(&detail, false)))
}

async fn delete(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
) -> ApiResult<StatusCode> {
    let grant = require::<permissions::DeleteProject>(&web, &caller, &project).await?;
    projects::delete(&web.app, &grant).await?;
    Ok(StatusCode::OK)
}

async fn deletable(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
) -> ApiResult<Json<Value>> {
    let grant = require::<permissions::DeleteProject>(&web, &caller, &project).await?;
    let deletable = projects::deletable(&web.app, &grant).await?;
    Ok(Json(if deletable { json!({ "deletable": true }) } else { json!({ "message": projects::NOT_EMPTY }) }))
}

async fn summary(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
) -> ApiResult<Json<Value>> {
    const NAMES: [&str; 5] =
        ["project_admin_count", "maintainer_count", "developer_count", "guest_count", "limited_guest_count"];
    let grant = require(&web, &caller, &project).await?;
    let summary = projects::summary(&web.app, &caller, &grant).await?;
    let mut shape = Map::new();
    shape.insert("repo_count".into(), summary.repositories.into());
    for (name, count) in NAMES.into_iter().zip(summary.members.unwrap_or_default()) {
        if count > 0 {
            shape.insert(name.into(), count.into());
        }
    }
    Ok(Json(shape.into()))
}

async fn require<P: Permission>(
    web: &Web,
    caller: &Caller,
    project: &ProjectNameOrId,
) -> ApiResult<Grant<P>> {
    match project {
        ProjectNameOrId::Id(id) => Ok(access::require_by_id(&web.app, caller, *id).await?),
        ProjectNameOrId::Name(name) => super::require(web, caller, name).await,
    }
}
