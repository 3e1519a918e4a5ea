//! The switch that lets nobody change anything (`read_only` of `/configurations`).

use crate::kit::ApiError;
use crate::state::Web;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use haven_core::{Code, Error, settings};
use http::Method;

/// Logging in and turning the switch off again must pass.
const EXEMPT: [&str; 4] = ["/api/v2.0/configurations", "/service/token", "/c/login", "/c/userExists"];

/// Refuses while the switch is on.
pub(crate) async fn check(web: &Web) -> Result<(), Error> {
    if settings::get(&web.app).await?.read_only {
        let message = "The system is in read only mode. Any modification is prohibited.";
        return Err(Error::new(Code::Denied, message));
    }
    Ok(())
}

/// The same for the REST API.
pub(crate) async fn layer(State(web): State<Web>, request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if !reads
        && !EXEMPT.contains(&request.uri().path())
        && let Err(refusal) = check(&web).await
    {
        return ApiError(refusal).into_response();
    }
    next.run(request).await
}
