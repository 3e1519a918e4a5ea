//! `/projects/{project_name_or_id}/robots`, the older way to manage the robots of a project.

use super::require_project;
use super::robots::{AccessBody, created, shape};
use crate::caller::Asked;
use crate::kit::{ApiResult, Json, Paged, Params, Path, ProjectNameOrId, Routes};
use crate::state::Web;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use haven_core::robots::{self, NewProjectRobot};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

pub(super) fn routes() -> Routes<Web> {
    const ALL: &str = "/projects/{project_name_or_id}/robots";
    const ONE: &str = "/projects/{project_name_or_id}/robots/{robot_id}";
    Routes::new("/api/v2.0")
        .get("listProjectRobots", ALL, list)
        .post("createProjectRobot", ALL, create)
        .get("getProjectRobot", ONE, get)
        .put("updateProjectRobot", ONE, put)
        .delete("deleteProjectRobot", ONE, delete)
}

#[derive(Deserialize)]
struct NewBody {
    name: Option<String>,
    description: Option<String>,
    expires_at: Option<i64>,
    access: Option<Vec<AccessBody>>,
}

#[derive(Deserialize)]
struct Body {
    description: Option<String>,
    disable: Option<bool>,
}

async fn list(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
    mut params: Params,
) -> ApiResult<Response> {
    let query = params.list();
    params.finish()?;
    let grant = require_project(&web, &caller, &project).await?;
    let (found, total) = robots::list_in(&web.app, &grant, query).await?;
    let items: Vec<Value> = found.iter().map(shape).collect();
    Ok(Paged::new(items, total).into_response())
}

async fn create(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
    OriginalUri(uri): OriginalUri,
    Json(body): Json<NewBody>,
) -> ApiResult<Response> {
    let new = NewProjectRobot {
        name: body.name.unwrap_or_default(),
        description: body.description.unwrap_or_default(),
        expires_at: body.expires_at.unwrap_or_default(),
        access: body.access.unwrap_or_default().into_iter().map(Into::into).collect(),
    };
    let grant = require_project(&web, &caller, &project).await?;
    let robot = robots::create_in(&web.app, &caller, &grant, new).await?;
    Ok(created(robot, uri.path().trim_end_matches('/')))
}

async fn get(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
    Path((_, id)): Path<(String, i64)>,
) -> ApiResult<Json<Value>> {
    let grant = require_project(&web, &caller, &project).await?;
    Ok(Json(shape(&robots::get_in(&web.app, &grant, id).await?)))
}

async fn put(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
    Path((_, id)): Path<(String, i64)>,
    Json(body): Json<Body>,
) -> ApiResult<StatusCode> {
    let grant = require_project(&web, &caller, &project).await?;
    robots::disable_in(&web.app, &grant, id, body.disable, body.description).await?;
    Ok(StatusCode::OK)
}

async fn delete(
    State(web): State<Web>,
    Asked(caller): Asked,
    project: ProjectNameOrId,
    Path((_, id)): Path<(String, i64)>,
) -> ApiResult<StatusCode> {
    let grant = require_project(&web, &caller, &project).await?;
    robots::delete_in(&web.app, &grant, id).await?;
    Ok(StatusCode::OK)
}
