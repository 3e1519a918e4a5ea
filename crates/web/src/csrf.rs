//! Requests that another site makes a browser send: tokens against them, as Harbor's portal and its clients know them.
//!
//! A browser holds a secret in a cookie, and shows with each change a token that only a page of ours can have read: the
//! secret under a mask that is another one each time. The cookie is signed with a key of the installation, so that every
//! replica takes those of the others, and none that somebody made up.

use crate::conn::Origin;
use crate::cookies::{self, Kept, SameSite};
use crate::kit::body;
use crate::kit::{ApiError, query};
use crate::session;
use crate::state::Web;
use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use haven_core::{App, Code, Error};
use haven_db::Timestamp;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use ring::hmac;
use std::convert::Infallible;
use subtle::ConstantTimeEq as _;

const COOKIE: &str = "_gorilla_csrf";
const HEADER: HeaderName = HeaderName::from_static("x-harbor-csrf-token");
/// The same in a form.
const FIELD: &str = "gorilla.csrf.Token";
/// Seconds that a cookie holds.
const LIFETIME: u32 = 43_200;
/// Seconds that clocks of replicas may differ.
const LEEWAY: i64 = 60;
const SECRET: usize = 32;
/// A larger form has no token that we would look for.
const MAX_FORM: usize = 64 * 1024;

/// What signs the cookies.
pub(crate) struct Csrf(hmac::Key);

/// The request came with a token, so a page of ours made it.
#[derive(Clone, Copy)]
struct Proved;

/// Whether a page of ours made the request, as far as that can be known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FromPortal(pub(crate) bool);

impl<S: Sync> FromRequestParts<S> for FromPortal {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.extensions.get::<Proved>().is_some()))
    }
}

/// What is to be done about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Concern {
    /// It carries nothing that a browser would send by itself.
    Nothing,
    /// The answer brings a token for later.
    Offer,
    /// Without a good token it is refused.
    Check,
    /// It may show a token, and then counts as one of the portal.
    Notice,
}

impl Concern {
    fn of(method: &Method, path: &str, headers: &HeaderMap) -> Self {
        let is_safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
        let is_open = path.starts_with("/api/") && !headers.contains_key(header::AUTHORIZATION);
        match (path.starts_with("/c/") || session::is_carried(headers), is_safe) {
            (true, true) => Self::Offer,
            (true, false) => Self::Check,
            // The portal begins with such a request, and goes on with the token.
            (false, true) if is_open => Self::Offer,
            (false, false) if is_open && headers.contains_key(HEADER) => Self::Notice,
            (false, _) => Self::Nothing,
        }
    }
}

impl Csrf {
    pub(crate) fn new(app: &App) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &app.derived_key("forged requests")))
    }

    /// The value of a cookie for this secret. It contains no `=`, at which a client cuts it.
    fn seal(&self, secret: [u8; SECRET], now: Timestamp) -> String {
        let mut sealed = [secret.as_slice(), now.as_secs().to_be_bytes().as_slice()].concat();
        let tag = hmac::sign(&self.0, &sealed);
        sealed.extend_from_slice(tag.as_ref());
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// The secret of a cookie that we made, and not too long ago.
    fn open(&self, value: &str, now: Timestamp) -> Option<[u8; SECRET]> {
        let bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
        let (said, tag) = bytes.split_at_checked(SECRET + 8)?;
        hmac::verify(&self.0, said, tag).ok()?;
        let (secret, made_at) = said.split_first_chunk::<SECRET>()?;
        let age = now.as_secs() - i64::from_be_bytes(made_at.try_into().ok()?);
        (-LEEWAY..i64::from(LIFETIME)).contains(&age).then_some(*secret)
    }
}

/// The secret of a browser, and whether it has yet to be given to it.
struct Held {
    secret: [u8; SECRET],
    is_new: bool,
}

impl Held {
    fn by(csrf: &Csrf, headers: &HeaderMap, now: Timestamp) -> Result<Self, Error> {
        if let Some(secret) = cookies::get(headers, COOKIE).and_then(|value| csrf.open(value, now)) {
            return Ok(Self { secret, is_new: false });
        }
        Ok(Self { secret: random()?, is_new: true })
    }

    /// A token under a mask of its own.
    fn token(&self) -> Result<String, Error> {
        let pad = random()?;
        Ok(STANDARD.encode([pad, masked(self.secret, pad)].concat()))
    }

    /// Whether a token is this secret under any mask.
    fn matches(&self, token: &str) -> bool {
        let Ok(bytes) = STANDARD.decode(token.trim()) else { return false };
        let Ok(bytes) = <[u8; 2 * SECRET]>::try_from(bytes) else { return false };
        let (mut pad, mut rest) = ([0; SECRET], [0; SECRET]);
        pad.copy_from_slice(&bytes[..SECRET]);
        rest.copy_from_slice(&bytes[SECRET..]);
        !self.is_new && bool::from(masked(rest, pad).ct_eq(&self.secret))
    }
}

fn random() -> Result<[u8; SECRET], Error> {
    let mut bytes = [0; SECRET];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::internal("random bytes").because(error.to_string()))?;
    Ok(bytes)
}

fn masked(mut secret: [u8; SECRET], pad: [u8; SECRET]) -> [u8; SECRET] {
    secret.iter_mut().zip(pad).for_each(|(byte, mask)| *byte ^= mask);
    secret
}

/// As a layer around routes.
pub(crate) async fn layer(State(web): State<Web>, origin: Origin, request: Request, next: Next) -> Response {
    guard(&web, &origin, request, |request| next.run(request)).await
}

/// Refuses what was not shown to come from a page of ours, where that matters, and hands out tokens.
pub(crate) async fn guard<F: Future<Output = Response>>(
    web: &Web,
    origin: &Origin,
    request: Request,
    serve: impl FnOnce(Request) -> F,
) -> Response {
    let concern = Concern::of(request.method(), request.uri().path(), request.headers());
    if concern == Concern::Nothing {
        return serve(request).await;
    }
    let held = match Held::by(&web.csrf, request.headers(), web.app.clock().now()) {
        Ok(held) => held,
        Err(error) => return ApiError(error).into_response(),
    };
    let mut response = match admit(concern, &held, request).await {
        Ok(request) => serve(request).await,
        Err(refusal) => ApiError(refusal).into_response(),
    };
    if concern != Concern::Notice
        && let Err(error) = hand_out(web, origin, &held, response.headers_mut())
    {
        return ApiError(error).into_response();
    }
    response
}

/// The request, marked when it showed a good token.
async fn admit(concern: Concern, held: &Held, request: Request) -> Result<Request, Error> {
    if concern == Concern::Offer {
        return Ok(request);
    }
    let (token, mut request) = token_of(request).await?;
    let refusal = match token {
        Some(token) if held.matches(&token) => {
            request.extensions_mut().insert(Proved);
            return Ok(request);
        }
        Some(_) => "CSRF token invalid",
        None => "CSRF token not found in request",
    };
    match concern {
        Concern::Notice => Ok(request),
        _ => Err(Error::new(Code::Forbidden, refusal)),
    }
}

/// The token of a request, from the header or else from a form, whose body is put back.
async fn token_of(request: Request) -> Result<(Option<String>, Request), Error> {
    let sent = request.headers().get(HEADER).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let sent = sent.filter(|value| !value.is_empty()).map(std::borrow::Cow::into_owned);
    if sent.is_some() || !crate::kit::form::is_form(request.headers()) {
        return Ok((sent, request));
    }
    let (parts, body) = request.into_parts();
    let bytes = body::collect(body, MAX_FORM).await.map_err(body::Unread::into_error)?;
    let pairs = std::str::from_utf8(&bytes).ok().and_then(|text| query::parse(text).ok()).unwrap_or_default();
    let token = pairs.into_iter().find(|(name, value)| name == FIELD && !value.is_empty());
    Ok((token.map(|(_, value)| value), Request::from_parts(parts, Body::from(bytes))))
}

fn hand_out(web: &Web, origin: &Origin, held: &Held, headers: &mut HeaderMap) -> Result<(), Error> {
    if let Ok(token) = HeaderValue::from_str(&held.token()?) {
        headers.insert(HEADER, token);
    }
    headers.append(header::VARY, HeaderValue::from_static("Cookie"));
    if held.is_new {
        let value = web.csrf.seal(held.secret, web.app.clock().now());
        let (kept, secure) = (Kept::Seconds(LIFETIME), origin.is_secure());
        cookies::set(headers, (COOKIE, &value), kept, SameSite::Never, secure);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
