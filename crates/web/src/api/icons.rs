//! `/icons/{digest}`.

use crate::kit::{ApiResult, Json, Path, Routes};
use crate::state::Web;
use axum::extract::State;
use base64::Engine as _;
use haven_core::catalog;
use serde_json::{Value, json};

pub(super) fn routes() -> Routes<Web> {
    Routes::new("/api/v2.0").get("getIcon", "/icons/{digest}", get)
}

/// For everybody: pictures are no secret.
async fn get(State(web): State<Web>, Path(digest): Path<String>) -> ApiResult<Json<Value>> {
    let icon = catalog::icon(&web.app, &digest).await?;
    let content = base64::engine::general_purpose::STANDARD.encode(&icon.content);
    Ok(Json(json!({ "content": content, "content-type": icon.content_type })))
}
