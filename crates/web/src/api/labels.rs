//! `/labels` and `…/artifacts/{reference}/labels`.

use super::artifacts::reference;
use super::{repository, require, shapes};
use crate::caller::Asked;
use crate::kit::{ApiResult, Json, Paged, Params, Path, RepositoryPath, Routes};
use crate::state::Web;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use haven_core::labels::{self, NewLabel, Text, Wanted};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::Value;

pub(super) fn routes() -> Routes<Web> {
    const ONE: &str = "/labels/{label_id}";
    const ON: &str = "/projects/{project_name}/repositories/{repository_name}/artifacts/{reference}/labels";
    Routes::new("/api/v2.0")
        .get("ListLabels", "/labels", list)
        .post("CreateLabel", "/labels", create)
        .get("GetLabelByID", ONE, get)
        .put("UpdateLabel", ONE, put)
        .delete("DeleteLabel", ONE, delete)
        .post("addLabel", ON, add)
        .delete("removeLabel", &format!("{ON}/{{label_id}}"), remove)
}

#[derive(Deserialize)]
struct Body {
    id: Option<i64>,
    name: Option<String>,
    description: Option<String>,
    color: Option<String>,
    scope: Option<String>,
    project_id: Option<i64>,
}

impl Body {
    fn text(self) -> Text {
        Text {
            name: self.name.unwrap_or_default(),
            description: self.description.unwrap_or_default(),
            color: self.color.unwrap_or_default(),
        }
    }
}

async fn list(State(web): State<Web>, Asked(caller): Asked, mut params: Params) -> ApiResult<Response> {
    let query = params.list();
    let wanted = Wanted {
        scope: params.text("scope").unwrap_or_default(),
        project: params.integer("project_id"),
        name: params.text("name"),
    };
    params.finish()?;
    let (found, total) = labels::list(&web.app, &caller, wanted, query).await?;
    let items: Vec<Value> = found.iter().map(shapes::label).collect();
    Ok(Paged::new(items, total).into_response())
}

async fn create(State(web): State<Web>, Asked(caller): Asked, Json(body): Json<Body>) -> ApiResult<Response> {
    let (scope, project) = (body.scope.clone().unwrap_or_default(), body.project_id.unwrap_or_default());
    let id = labels::create(&web.app, &caller, NewLabel { text: body.text(), scope, project }).await?;
    Ok((StatusCode::CREATED, [(header::LOCATION, format!("/api/v2.0/labels/{id}"))]).into_response())
}

async fn get(State(web): State<Web>, Asked(caller): Asked, Path(id): Path<i64>) -> ApiResult<Json<Value>> {
    Ok(Json(shapes::label(&labels::get(&web.app, &caller, id).await?)))
}

async fn put(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path(id): Path<i64>,
    Json(body): Json<Body>,
) -> ApiResult<StatusCode> {
    labels::update(&web.app, &caller, id, &body.text()).await?;
    Ok(StatusCode::OK)
}

async fn delete(State(web): State<Web>, Asked(caller): Asked, Path(id): Path<i64>) -> ApiResult<StatusCode> {
    labels::delete(&web.app, &caller, id).await?;
    Ok(StatusCode::OK)
}

/// Only the label's id is looked at.
async fn add(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path((project, path, text)): Path<(String, RepositoryPath, String)>,
    Json(body): Json<Body>,
) -> ApiResult<StatusCode> {
    let grant = require(&web, &caller, &project).await?;
    let name = repository(&grant.project.name, path.as_str())?;
    let label = body.id.unwrap_or_default();
    labels::add(&web.app, &grant, &name, &reference(&text)?, label).await?;
    Ok(StatusCode::OK)
}

async fn remove(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path((project, path, text, label)): Path<(String, RepositoryPath, String, i64)>,
) -> ApiResult<StatusCode> {
    let grant = require(&web, &caller, &project).await?;
    let name = repository(&grant.project.name, path.as_str())?;
    labels::remove(&web.app, &grant, &name, &reference(&text)?, label).await?;
    Ok(StatusCode::OK)
}
