//! `/c/…`: what the portal asks for before it is known who sits in front of it.

use crate::caller::{self, Asked};
use crate::conn::Origin;
use crate::kit::{ApiResult, Form, Json, Routes};
use crate::session::{self, Carried};
use crate::state::Web;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use haven_core::identity::{self, Credentials, Named};
use haven_core::{Code, Error, sessions};
use http::{HeaderMap, StatusCode};

pub(crate) fn routes() -> Routes<Web> {
    Routes::new("/c").post("logIn", "/login", log_in).get("logOut", "/log_out", log_out).post(
        "userExists",
        "/userExists",
        user_exists,
    )
}

/// A new session for name and password of the form; 401 without a body when they are wrong.
async fn log_in(
    State(web): State<Web>,
    origin: Origin,
    Carried(before): Carried,
    headers: HeaderMap,
    form: Form,
) -> ApiResult<Response> {
    let (principal, secret) = (form.text("principal"), form.text("password"));
    let program = caller::program(&headers);
    let credentials = Credentials { principal, secret, address: origin.client_ip, program };
    let session = sessions::begin(&web.app, &credentials, before.as_ref()).await?;
    web.metrics.login(session.is_some());
    let Some(session) = session else { return Ok(StatusCode::UNAUTHORIZED.into_response()) };
    let mut response = StatusCode::OK.into_response();
    session::give(response.headers_mut(), &session, origin.is_secure());
    Ok(response)
}

async fn log_out(State(web): State<Web>, origin: Origin, Carried(session): Carried) -> ApiResult<Response> {
    if let Some(session) = session {
        sessions::end(&web.app, &session).await?;
    }
    let mut response = StatusCode::OK.into_response();
    session::take_back(response.headers_mut(), origin.is_secure());
    Ok(response)
}

/// Whether a name or an e-mail is taken. A refusal is plain text here.
async fn user_exists(State(web): State<Web>, Asked(caller): Asked, form: Form) -> ApiResult<Response> {
    let named = match form.text("target") {
        "username" => Named::Username,
        "email" => Named::Email,
        other => return Err(Error::bad_request(format!("unsupported target: {other}")).into()),
    };
    match identity::exists(&web.app, &caller, named, form.text("value")).await {
        Err(error) if error.code == Code::Precondition => {
            Ok((StatusCode::PRECONDITION_FAILED, error.message).into_response())
        }
        found => Ok(Json(found?).into_response()),
    }
}
