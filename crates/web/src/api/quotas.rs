//! `/quotas`.

use crate::caller::Asked;
use crate::kit::{ApiResult, Json, Paged, Params, Path, Routes};
use crate::state::Web;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use haven_core::Error;
use haven_core::access::require_system;
use haven_core::quota::{self, Quota};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The one thing that is counted.
const STORAGE: &str = "storage";

pub(super) fn routes() -> Routes<Web> {
    Routes::new("/api/v2.0").get("listQuotas", "/quotas", list).get("getQuota", "/quotas/{id}", get).put(
        "updateQuota",
        "/quotas/{id}",
        put,
    )
}

#[derive(Deserialize)]
struct Body {
    hard: Option<BTreeMap<String, Option<i64>>>,
}

async fn list(State(web): State<Web>, Asked(caller): Asked, mut params: Params) -> ApiResult<Response> {
    let query = params.list();
    let reference = params.text("reference");
    let project = params.text("reference_id");
    params.finish()?;
    let grant = require_system(&caller)?;
    // Quotas are of projects; what is no project's id is nobody's.
    let project = match (reference.as_deref(), project) {
        (None | Some("project"), None) => None,
        (None | Some("project"), Some(id)) => Some(id.parse().unwrap_or(0)),
        (Some(_), _) => Some(0),
    };
    let (found, total) = quota::list(&web.app, &grant, project, &query).await?;
    Ok(Paged::new(found.iter().map(shape).collect(), total).into_response())
}

async fn get(State(web): State<Web>, Asked(caller): Asked, Path(id): Path<i64>) -> ApiResult<Json<Value>> {
    let grant = require_system(&caller)?;
    Ok(Json(shape(&quota::get(&web.app, &grant, id).await?)))
}

async fn put(
    State(web): State<Web>,
    Asked(caller): Asked,
    Path(id): Path<i64>,
    Json(body): Json<Body>,
) -> ApiResult<StatusCode> {
    let grant = require_system(&caller)?;
    let hard = storage(&body.hard.unwrap_or_default())?;
    quota::set(&web.app, &grant, id, hard).await?;
    Ok(StatusCode::OK)
}

/// The limit on storage, which is all that there can be.
fn storage(hard: &BTreeMap<String, Option<i64>>) -> ApiResult<i64> {
    if hard.is_empty() {
        return Err(Error::bad_request("hard required in body").into());
    }
    if let Some(other) = hard.keys().find(|name| *name != STORAGE) {
        return Err(Error::bad_request(format!("resource {other} not support")).into());
    }
    let limit = hard.get(STORAGE).copied().flatten();
    Ok(limit.ok_or_else(|| Error::bad_request("resource storage not found"))?)
}

fn shape(quota: &Quota) -> Value {
    json!({
        "id": quota.id,
        "ref": { "id": quota.project_id, "name": quota.project, "owner_name": quota.owner },
        "hard": { "storage": quota.hard },
        "used": { "storage": quota.used },
        "creation_time": quota.created_at.rfc3339_millis(),
        "update_time": quota.updated_at.rfc3339_millis(),
    })
}
