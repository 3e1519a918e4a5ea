//! `/search` and `/statistics`.

use super::shapes;
use crate::caller::Asked;
use crate::kit::{ApiResult, Json, Params, Routes};
use crate::state::Web;
use axum::extract::State;
use haven_core::{search, statistics};
use serde_json::Value;

pub(super) fn routes() -> Routes<Web> {
    Routes::new("/api/v2.0").get("search", "/search", find).get("getStatistic", "/statistics", count)
}

async fn find(State(web): State<Web>, Asked(caller): Asked, mut params: Params) -> ApiResult<Json<Value>> {
    let text = params.required("q");
    params.finish()?;
    Ok(Json(shapes::found(&search::search(&web.app, &caller, &text).await?)))
}

async fn count(State(web): State<Web>, Asked(caller): Asked) -> ApiResult<Json<Value>> {
    Ok(Json(shapes::statistics(&statistics::statistics(&web.app, &caller).await?)))
}
