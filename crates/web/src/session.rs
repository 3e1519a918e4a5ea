//! The session that a browser carries, and the cookie it is carried in.

use crate::cookies::{self, Kept, SameSite};
use crate::state::Web;
use axum::extract::FromRequestParts;
use haven_core::access::Caller;
use haven_core::sessions::{self, SessionId};
use haven_core::{App, Result};
use http::HeaderMap;
use http::request::Parts;
use std::convert::Infallible;

const COOKIE: &str = "sid";
/// What polls in the background says so, and then nobody stays logged in for it.
const NO_RENEWAL: &str = "x-harbor-no-session-renewal";

/// Whether a request carries a session, whatever it is worth.
pub(crate) fn is_carried(headers: &HeaderMap) -> bool {
    cookies::get(headers, COOKIE).is_some()
}

/// The session that came with a request, if what came can be one.
#[derive(Clone, Debug)]
pub(crate) struct Carried(pub(crate) Option<SessionId>);

impl Carried {
    fn in_headers(headers: &HeaderMap) -> Self {
        Self(cookies::get(headers, COOKIE).and_then(SessionId::parse))
    }
}

impl FromRequestParts<Web> for Carried {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Web) -> Result<Self, Infallible> {
        Ok(Self::in_headers(&parts.headers))
    }
}

/// Whoever the session of a request belongs to.
pub(crate) async fn caller(app: &App, headers: &HeaderMap) -> Result<Caller> {
    let Carried(Some(session)) = Carried::in_headers(headers) else { return Ok(Caller::Anonymous) };
    let renew = headers.get(NO_RENEWAL).is_none_or(http::HeaderValue::is_empty);
    let person = sessions::find(app, &session, renew).await?;
    Ok(person.map_or(Caller::Anonymous, Caller::Person))
}

/// Gives a session to the browser.
pub(crate) fn give(headers: &mut HeaderMap, session: &SessionId, secure: bool) {
    cookies::set(headers, (COOKIE, session.as_str()), Kept::Session, SameSite::Lax, secure);
}

/// Has the browser forget its session.
pub(crate) fn take_back(headers: &mut HeaderMap, secure: bool) {
    cookies::set(headers, (COOKIE, ""), Kept::Seconds(0), SameSite::Lax, secure);
}
