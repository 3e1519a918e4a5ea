//! `/permissions` and `/users/current/permissions`.

use crate::caller::Asked;
use crate::kit::{ApiResult, Json, Params, Routes};
use crate::state::Web;
use axum::extract::State;
use haven_core::access::{self, Catalogue};
use serde_json::{Value, json};

pub(super) fn routes() -> Routes<Web> {
    Routes::new("/api/v2.0").get("getPermissions", "/permissions", catalogue).get(
        "getCurrentUserPermissions",
        "/users/current/permissions",
        mine,
    )
}

/// What robots can be granted, for whoever can make some.
async fn catalogue(State(web): State<Web>, Asked(caller): Asked) -> ApiResult<Json<Value>> {
    let seen = access::catalogue(&web.app, &caller).await?;
    let entry = |resource: &str, action: &str| json!({ "resource": resource, "action": action });
    let in_projects: Vec<Value> =
        access::grantable().map(|(resource, action)| entry(resource.as_str(), action.as_str())).collect();
    if seen == Catalogue::Project {
        return Ok(Json(json!({ "project": in_projects })));
    }
    let on_system: Vec<Value> = access::system_grantable()
        .map(|(resource, action)| entry(resource.as_str(), action.as_str()))
        .collect();
    Ok(Json(json!({ "system": on_system, "project": in_projects })))
}

async fn mine(
    State(web): State<Web>,
    Asked(caller): Asked,
    mut params: Params,
) -> ApiResult<Json<Vec<Value>>> {
    let scope = params.text("scope").unwrap_or_default();
    let relative = params.boolean("relative", false);
    params.finish()?;
    let listed = access::permissions_of(&web.app, &caller, &scope, relative).await?;
    let entry = |listed: access::Listed| json!({ "resource": listed.resource, "action": listed.action });
    Ok(Json(listed.into_iter().map(entry).collect()))
}
