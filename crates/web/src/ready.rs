//! `/healthz`: whether this process can do its work, for whoever sends requests to it. `/api/v2.0/ping` tells only that it
//! lives, and `/api/v2.0/health` which part is ill.

use crate::kit::ApiResult;
use crate::state::Web;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use haven_core::system;
use http::{StatusCode, header};

/// 200, or 503 with what is wrong.
pub(crate) async fn get(State(web): State<Web>) -> ApiResult<Response> {
    let ill = system::health(&web.app).await?.into_iter().find_map(|part| part.error);
    Ok(match ill {
        None => "ok\n".into_response(),
        Some(error) => {
            let later = [(header::RETRY_AFTER, "5")];
            (StatusCode::SERVICE_UNAVAILABLE, later, format!("{error}\n")).into_response()
        }
    })
}
