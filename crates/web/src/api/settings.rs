//! `GET` and `PUT /configurations`.

use crate::caller::Asked;
use crate::kit::{ApiResult, Json, Routes};
use crate::state::Web;
use axum::extract::State;
use haven_core::access::require_system;
use haven_core::settings::{self, Change};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) fn routes() -> Routes<Web> {
    Routes::new("/api/v2.0").get("getConfigurations", "/configurations", get).put(
        "updateConfigurations",
        "/configurations",
        put,
    )
}

/// Null counts as absent.
#[derive(Deserialize)]
struct Body {
    read_only: Option<bool>,
    token_expiration: Option<i64>,
    project_creation_restriction: Option<String>,
    banner_message: Option<String>,
}

async fn get(State(web): State<Web>, Asked(caller): Asked) -> ApiResult<Json<Value>> {
    require_system(&caller)?;
    let values = settings::get(&web.app).await?;
    Ok(Json(json!({
        "auth_mode": { "value": "db_auth", "editable": false },
        "banner_message": { "value": values.banner_message, "editable": true },
        "project_creation_restriction": { "value": values.project_creation_restriction, "editable": true },
        "read_only": { "value": values.read_only, "editable": true },
        "token_expiration": { "value": values.token_expiration, "editable": true },
    })))
}

async fn put(State(web): State<Web>, Asked(caller): Asked, Json(body): Json<Body>) -> ApiResult<StatusCode> {
    let grant = require_system(&caller)?;
    let change = Change {
        read_only: body.read_only,
        token_expiration: body.token_expiration,
        project_creation_restriction: body.project_creation_restriction,
        banner_message: body.banner_message,
    };
    settings::set(&web.app, &grant, change).await?;
    Ok(StatusCode::OK)
}
