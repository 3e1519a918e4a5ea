//! `GET` and `PUT /configurations`.

use crate::caller::Asked;
use crate::kit::{ApiResult, Json, Routes};
use crate::state::Web;
use axum::extract::State;
use haven_core::access::require_system;
use haven_core::settings::{self, Change};
use http::StatusCode;
use serde_json::{Value, json};

pub(super) fn routes() -> Routes<Web> {
    Routes::new("/api/v2.0").get("getConfigurations", "/configurations", get).put(
        "updateConfigurations",
        "/configurations",
        put,
    )
}

async fn get(State(web): State<Web>, Asked(caller): Asked) -> ApiResult<Json<Value>> {
    require_system(&caller)?;
    let values = settings::get(&web.app).await?;
    let editable = settings::editable(&web.app);
    Ok(Json(json!({
        "access_token_max_days": { "value": values.access_token_max_days, "editable": editable },
        "auth_mode": { "value": "db_auth", "editable": false },
        "banner_message": { "value": values.banner_message, "editable": editable },
        "project_creation_restriction": { "value": values.project_creation_restriction, "editable": editable },
        "read_only": { "value": values.read_only, "editable": editable },
        "self_registration": { "value": values.self_registration, "editable": editable },
        "session_timeout": { "value": values.session_timeout, "editable": editable },
        "token_expiration": { "value": values.token_expiration, "editable": editable },
    })))
}

async fn put(
    State(web): State<Web>,
    Asked(caller): Asked,
    Json(change): Json<Change>,
) -> ApiResult<StatusCode> {
    let grant = require_system(&caller)?;
    settings::set(&web.app, &grant, change).await?;
    Ok(StatusCode::OK)
}
