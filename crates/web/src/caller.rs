//! From the credentials of a request to a caller.
//!
//! What the `Authorization` header says comes first, then the session of a browser. Bad credentials never end a request
//! here: it goes on as anonymous, and whoever needs more refuses it.

use crate::conn::Origin;
use crate::kit::{ApiError, RequestContext};
use crate::session;
use crate::state::Web;
use axum::extract::FromRequestParts;
use base64::Engine as _;
use haven_core::access::Caller;
use haven_core::{Result, access_tokens, identity, token};
use http::header::{AUTHORIZATION, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};

/// The kind of credentials that came with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presented {
    Nothing,
    Basic,
    Bearer,
    Other,
}

/// The caller of the REST API: bearer tokens of the token service have no rights there.
#[derive(Debug)]
pub(crate) struct Asked(pub(crate) Caller);

impl FromRequestParts<Web> for Asked {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &Web) -> Result<Self, ApiError> {
        let origin = Origin::from_request_parts(parts, state).await.unwrap_or_default();
        let mut caller = match credentials(&parts.headers) {
            (Presented::Basic, Some(secret)) => basic(state, &origin, &parts.headers, &secret).await?,
            (Presented::Bearer, Some(secret)) if access_tokens::looks_like_one(&secret) => {
                access_tokens::caller(&state.app, &secret, None).await?
            }
            _ => Caller::Anonymous,
        };
        if matches!(caller, Caller::Anonymous) {
            caller = session::caller(&state.app, &parts.headers).await?;
        }
        let context = RequestContext::of(&parts.extensions);
        if parts.method.is_safe() {
            context.set_caller(&caller.actor());
        } else {
            context.set_asked(&caller);
        }
        Ok(Self(caller))
    }
}

/// The caller of the distribution API, with how they showed who they are.
pub(crate) async fn of_distribution(
    state: &Web,
    origin: &Origin,
    headers: &HeaderMap,
) -> Result<(Caller, Presented)> {
    let (presented, secret) = credentials(headers);
    let caller = match (presented, secret) {
        (Presented::Basic, Some(secret)) => basic(state, origin, headers, &secret).await?,
        (Presented::Bearer, Some(secret)) => {
            token::verify(&state.app, &secret).map_or(Caller::Anonymous, Caller::Token)
        }
        (Presented::Nothing, _) => session::caller(&state.app, headers).await?,
        _ => Caller::Anonymous,
    };
    Ok((caller, presented))
}

/// The scheme of the one `Authorization` header, and what follows it.
fn credentials(headers: &HeaderMap) -> (Presented, Option<String>) {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        let presented =
            if headers.contains_key(AUTHORIZATION) { Presented::Other } else { Presented::Nothing };
        return (presented, None);
    };
    split(value).unwrap_or((Presented::Other, None))
}

fn split(value: &HeaderValue) -> Option<(Presented, Option<String>)> {
    let (scheme, secret) = value.to_str().ok()?.split_once(' ')?;
    let presented = match scheme.to_ascii_lowercase().as_str() {
        "basic" => Presented::Basic,
        "bearer" => Presented::Bearer,
        _ => Presented::Other,
    };
    Some((presented, Some(secret.trim().to_owned())))
}

async fn basic(state: &Web, origin: &Origin, headers: &HeaderMap, encoded: &str) -> Result<Caller> {
    let Some((principal, secret)) = decode(encoded) else { return Ok(Caller::Anonymous) };
    let credentials = identity::Credentials {
        principal: &principal,
        secret: &secret,
        address: origin.client_ip,
        program: program(headers),
    };
    let caller = identity::authenticate(&state.app, &credentials).await?;
    state.metrics.login(!matches!(caller, Caller::Anonymous));
    Ok(caller)
}

/// The program that a client says it is, if anything.
pub(crate) fn program(headers: &HeaderMap) -> &str {
    headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default()
}

/// Name and secret of RFC 7617; the secret may contain colons.
fn decode(encoded: &str) -> Option<(String, String)> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (principal, secret) = text.split_once(':')?;
    Some((principal.to_owned(), secret.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_well_formed_header_counts() {
        let headers = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, HeaderValue::from_static(value));
            }
            credentials(&headers)
        };
        assert_eq!(headers(&[]), (Presented::Nothing, None));
        assert_eq!(headers(&["basic YTpi"]), (Presented::Basic, Some("YTpi".into())));
        assert_eq!(headers(&["Bearer x.y.z"]), (Presented::Bearer, Some("x.y.z".into())));
        assert_eq!(headers(&["Bearer"]).0, Presented::Other);
        assert_eq!(headers(&["Basic YTpi", "Bearer x"]).0, Presented::Other);
        assert_eq!(decode("YTpiOmM="), Some(("a".into(), "b:c".into())));
        assert_eq!(decode("%%"), None);
    }
}
