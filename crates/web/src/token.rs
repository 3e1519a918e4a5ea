//! `GET /service/token` (the distribution project's token specification, as Harbor answers it).

use crate::caller::Asked;
use crate::kit::json::Json;
use crate::kit::{ApiError, ApiResult, Params};
use crate::state::Web;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use haven_core::Code;
use haven_core::token::{self, SERVICE, Scope};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

#[derive(Serialize)]
struct Answer {
    token: String,
    access_token: &'static str,
    expires_in: i64,
    issued_at: String,
}

/// Answers a token with what the caller may do; a wrong password for public content is no error.
pub(crate) async fn get(State(web): State<Web>, Asked(caller): Asked, params: Params) -> ApiResult<Response> {
    let service = params.text("service").unwrap_or_default();
    if service != SERVICE {
        let text = format!("Unable to handle service: {}\n", escape(&service));
        return Ok((StatusCode::BAD_REQUEST, text).into_response());
    }
    let asked = params.all("scope");
    let scopes = Scope::parse_all(asked.iter().map(String::as_str))?;
    match token::issue(&web.app, &caller, &scopes).await {
        Ok(issued) => {
            let answer = Answer {
                token: issued.token,
                access_token: "",
                expires_in: issued.expires_in,
                issued_at: issued.issued_at.rfc3339_secs(),
            };
            let mut response = Json(answer).into_response();
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            Ok(response)
        }
        // Without a body: docker then prints its own words, which scripts look for.
        Err(error) if error.code == Code::Unauthorized => Ok(StatusCode::UNAUTHORIZED.into_response()),
        Err(error) => Err(ApiError(error)),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
}
