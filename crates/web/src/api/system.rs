//! `/ping`, `/health`, `/systeminfo`, `/openapi.json` and `/api/version`.

use crate::caller::Asked;
use crate::conn::Origin;
use crate::kit::{ApiResult, Json, Routes};
use crate::state::Web;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use haven_core::{settings, system};
use serde_json::{Value, json};

pub(super) fn routes() -> Routes<Web> {
    Routes::new("/api/v2.0")
        .get("getPing", "/ping", ping)
        .get("getHealth", "/health", health)
        .get("getSystemInfo", "/systeminfo", info)
        .get("getOpenApi", "/openapi.json", openapi)
}

pub(super) async fn version() -> Json<Value> {
    Json(json!({ "version": "v2.0" }))
}

async fn ping() -> Response {
    "Pong".into_response()
}

async fn openapi() -> Json<&'static Value> {
    Json(crate::contract::openapi())
}

/// Always 200, so that a monitor reads which part is ill.
async fn health(State(web): State<Web>) -> ApiResult<Json<Value>> {
    let parts = system::health(&web.app).await?;
    let word = |error: &Option<String>| if error.is_none() { "healthy" } else { "unhealthy" };
    let worst = parts.iter().find_map(|part| part.error.clone());
    let components: Vec<Value> = parts
        .iter()
        .map(|part| match &part.error {
            None => json!({ "name": part.name, "status": "healthy" }),
            Some(error) => json!({ "name": part.name, "status": "unhealthy", "error": error }),
        })
        .collect();
    Ok(Json(json!({ "status": word(&worst), "components": components })))
}

/// Who has not logged in learns only what the log-in page needs.
async fn info(State(web): State<Web>, Asked(caller): Asked, origin: Origin) -> ApiResult<Json<Value>> {
    let settings = settings::get(&web.app).await?;
    let mut info = json!({
        "auth_mode": "db_auth",
        "primary_auth_mode": false,
        "self_registration": settings.self_registration,
        "banner_message": settings.banner_message,
        "oidc_provider_name": "",
    });
    if let (Some(_), Some(info)) = (caller.person(), info.as_object_mut()) {
        let host = origin.host.clone().unwrap_or_default();
        info.insert("current_time".into(), web.app.clock().now().rfc3339_millis().into());
        info.insert("registry_url".into(), host.into());
        info.insert("external_url".into(), origin.base_url().into());
        info.insert(
            "project_creation_restriction".into(),
            settings.project_creation_restriction.clone().into(),
        );
        info.insert("has_ca_root".into(), false.into());
        info.insert("harbor_version".into(), format!("v2.16.0-haven-{}", web.version).into());
        info.insert("registry_storage_provider_name".into(), system::storage_name(&web.app).into());
        info.insert("read_only".into(), settings.read_only.into());
        info.insert("notification_enable".into(), false.into());
    }
    Ok(Json(info))
}
