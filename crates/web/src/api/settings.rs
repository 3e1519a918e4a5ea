//! `GET` and `PUT /configurations`.

use crate::caller::Asked;
use crate::kit::{ApiResult, Json, Routes};
use crate::state::Web;
use axum::extract::State;
use haven_core::access::{permissions::ReadConfiguration, require_system};
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
    require_system::<ReadConfiguration>(&caller)?;
    let values = settings::get(&web.app).await?;
    let (editable, mode_editable) = (settings::editable(&web.app), settings::mode_editable(&web.app).await?);
    let shown = settings::ITEMS.iter().filter(|item| item.shown).map(|item| {
        let editable = if item.name == "auth_mode" { mode_editable } else { editable };
        (item.name.to_owned(), json!({ "value": values.json(item.name), "editable": editable }))
    });
    Ok(Json(Value::Object(shown.collect())))
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
