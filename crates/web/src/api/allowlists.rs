//! `/system/CVEAllowlist`, and allowlists as requests send them.

use super::shapes;
use crate::caller::Asked;
use crate::kit::{ApiResult, Json, Routes};
use crate::state::Web;
use axum::extract::State;
use haven_core::access::{permissions::Administer, require_system};
use haven_core::allowlists::{self, NewAllowlist};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

pub(super) fn routes() -> Routes<Web> {
    const ONE: &str = "/system/CVEAllowlist";
    Routes::new("/api/v2.0").get("getSystemCVEAllowlist", ONE, get).put("putSystemCVEAllowlist", ONE, put)
}

/// A list in a request. Whatever it leaves out is empty.
#[derive(Default, Deserialize)]
pub(super) struct AllowlistBody {
    project_id: Option<i64>,
    expires_at: Option<i64>,
    items: Option<Vec<Item>>,
}

#[derive(Deserialize)]
struct Item {
    cve_id: Option<String>,
}

impl AllowlistBody {
    /// The project that it is said to be of; zero when that is not said.
    pub(super) fn project(&self) -> i64 {
        self.project_id.unwrap_or_default()
    }

    pub(super) fn read(self) -> NewAllowlist {
        let items = self.items.unwrap_or_default().into_iter();
        let items = items.map(|item| item.cve_id.unwrap_or_default()).collect();
        NewAllowlist { items, expires_at: self.expires_at }
    }
}

async fn get(State(web): State<Web>, Asked(caller): Asked) -> ApiResult<Json<Value>> {
    Ok(Json(shapes::allowlist(&allowlists::system(&web.app, &caller).await?)))
}

async fn put(
    State(web): State<Web>,
    Asked(caller): Asked,
    Json(body): Json<AllowlistBody>,
) -> ApiResult<StatusCode> {
    let grant = require_system::<Administer>(&caller)?;
    allowlists::set_system(&web.app, &grant, body.read()).await?;
    Ok(StatusCode::OK)
}
