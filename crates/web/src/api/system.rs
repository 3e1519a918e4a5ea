//! `/ping`, `/health`, `/systeminfo` and what is below it, `/openapi.json` and `/api/version`.

use crate::caller::Asked;
use crate::conn::Origin;
use crate::kit::{ApiResult, Json, Routes};
use crate::state::Web;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use haven_core::access::{require_reader, require_system};
use haven_core::{Error, settings, system};
use http::header;
use serde_json::{Value, json};

pub(super) fn routes() -> Routes<Web> {
    Routes::new("/api/v2.0")
        .get("getPing", "/ping", ping)
        .get("getHealth", "/health", health)
        .get("getSystemInfo", "/systeminfo", info)
        .get("getVolumes", "/systeminfo/volumes", volumes)
        .get("getCert", "/systeminfo/getcert", certificate)
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
        "auth_mode": settings.auth_mode,
        "primary_auth_mode": settings.primary_auth_mode,
        "self_registration": settings.self_registration,
        "banner_message": settings.banner_message,
        "oidc_provider_name": if settings.auth_mode == "oidc_auth" { &settings.oidc_name } else { "" },
    });
    if let (true, Some(info)) = (require_reader(&caller).is_ok(), info.as_object_mut()) {
        let (host, url) = match &web.external_url {
            Some(configured) => (configured.host.clone(), configured.to_string()),
            None => (origin.host.clone().unwrap_or_default(), origin.base_url()),
        };
        info.insert("current_time".into(), web.app.clock().now().rfc3339_millis().into());
        info.insert("registry_url".into(), host.into());
        info.insert("external_url".into(), url.into());
        info.insert(
            "project_creation_restriction".into(),
            settings.project_creation_restriction.clone().into(),
        );
        info.insert("has_ca_root".into(), web.ca_certificate.is_some().into());
        info.insert("harbor_version".into(), format!("v2.16.0-haven-{}", web.version).into());
        info.insert("registry_storage_provider_name".into(), system::storage_name(&web.app).into());
        info.insert("read_only".into(), settings.read_only.into());
        info.insert("notification_enable".into(), settings.notification_enable.into());
    }
    Ok(Json(info))
}

/// For administrators. A bucket has no end, and so no entry.
async fn volumes(State(web): State<Web>, Asked(caller): Asked) -> ApiResult<Json<Value>> {
    let grant = require_system(&caller)?;
    let space = system::volumes(&web.app, &grant).await?;
    let storage: Vec<Value> =
        space.iter().map(|space| json!({ "total": space.total, "free": space.free })).collect();
    Ok(Json(json!({ "storage": storage })))
}

/// For everybody: whoever has to trust the authority cannot have logged in yet.
async fn certificate(State(web): State<Web>) -> ApiResult<Response> {
    let pem = web.ca_certificate.clone().ok_or_else(|| Error::not_found("there is no certificate"))?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, "attachment; filename=ca.crt"),
    ];
    Ok((headers, pem).into_response())
}
