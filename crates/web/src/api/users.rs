//! `/users`.

use super::shapes;
use crate::caller::Asked;
use crate::kit::{ApiResult, Json, Routes};
use crate::state::Web;
use axum::extract::State;
use haven_core::identity;
use serde_json::Value;

pub(super) fn routes() -> Routes<Web> {
    Routes::new("/api/v2.0").get("getCurrentUserInfo", "/users/current", current)
}

/// The canonical probe of credentials.
async fn current(State(web): State<Web>, Asked(caller): Asked) -> ApiResult<Json<Value>> {
    let user = identity::current(&web.app, &caller).await?;
    Ok(Json(shapes::user(&user)))
}
