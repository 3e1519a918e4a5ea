//! What is true of every request, from the first byte to the last of its answer.
//!
//! The outer layer sees a request before it is routed: it names it, checks its URL, tidies the path, and when the
//! answer is through it writes one line to the log. Nothing of a header, a body or a query value is ever logged.

use std::panic::AssertUnwindSafe;

use axum::Router;
use axum::body::Body;
use axum::extract::{OriginalUri, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use haven_core::Error;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use tower::Layer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};
use tracing::Instrument;
use uuid::Uuid;

use super::context::RequestContext;
use super::error::{ApiError, OciError};
use super::query;
use super::tracked::{Tracked, Watch};
use crate::conn::{ConnInfo, Network, Origin};
use crate::metrics::Metrics;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const DENY: HeaderValue = HeaderValue::from_static("DENY");
const NO_FRAMES: HeaderValue = HeaderValue::from_static("frame-ancestors 'none'");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const ONE_YEAR_OF_TLS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// What the outer layer needs to know.
#[derive(Clone, Debug)]
pub struct Stack {
    pub metrics: Metrics,
    pub network: Network,
}

/// Puts the outer layer around a whole application. The result is served as it is; it takes no further routes.
pub fn wrap(app: Router, stack: Stack) -> Router {
    let compressed =
        CompressionLayer::new().gzip(true).compress_when(SizeAbove::new(1024).and(is_text)).layer(app);
    let service = from_fn_with_state(stack, outer).layer(compressed);
    Router::new().fallback_service(service)
}

async fn outer(State(stack): State<Stack>, mut request: Request, next: Next) -> Response {
    let conn = request.extensions().get::<ConnInfo>().copied().unwrap_or_default();
    let id = request_id(request.headers());
    let span = span(&request, &id, conn);
    let context = RequestContext::new(id, span.clone());
    let watch = Watch::start(&request, context.clone(), stack.metrics);
    let (mut response, secure) = async {
        match prepare(&stack.network, conn, &context, &mut request) {
            Ok(secure) => (run(request, next).await, secure),
            Err(error) => (refusal(&request, error), false),
        }
    }
    .instrument(span)
    .await;
    decorate(response.headers_mut(), context.id(), secure);
    let watch = watch.answered(&response);
    response.map(|body| Body::new(Tracked::new(body, watch)))
}

/// Makes a request ready for routing; tells whether it came over TLS.
fn prepare(
    network: &Network,
    conn: ConnInfo,
    context: &RequestContext,
    request: &mut Request,
) -> Result<bool, Error> {
    query::check(request.uri().query().unwrap_or_default())?;
    let origin = Origin::read(network, conn, request.uri(), request.headers())?;
    let secure = origin.is_secure();
    if origin.client_ip != conn.peer.ip().to_canonical() {
        context.span().record("client", tracing::field::display(origin.client_ip));
    }
    let merged = with_path(request.uri(), &merge_slashes(request.uri().path()))?;
    let path = merged.path();
    if path == "/v1" || path.starts_with("/v1/") {
        return Err(Error::not_found(format!("path {path} was not found")));
    }
    let routed = if is_distribution(path) { merged.clone() } else { with_path(&merged, trim_slash(path))? };
    if is_distribution(path) {
        request.headers_mut().remove(header::ACCEPT_ENCODING); // blobs and manifests go out byte for byte
    }
    *request.uri_mut() = routed;
    request.extensions_mut().insert(OriginalUri(merged));
    request.extensions_mut().insert(origin);
    request.extensions_mut().insert(context.clone());
    Ok(secure)
}

/// Runs the application; a panic ends the request and nothing else.
async fn run(request: Request, next: Next) -> Response {
    let distribution = is_distribution(request.uri().path());
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            let said = panic.downcast_ref::<&str>().map(|said| (*said).to_owned());
            let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            let error = Error::internal(format!("a handler panicked: {said}"));
            shaped(distribution, error)
        }
    }
}

fn refusal(request: &Request, error: Error) -> Response {
    shaped(is_distribution(request.uri().path()), error)
}

fn shaped(distribution: bool, error: Error) -> Response {
    if distribution { OciError(error).into_response() } else { ApiError(error).into_response() }
}

fn is_distribution(path: &str) -> bool {
    path == "/v2" || path.starts_with("/v2/")
}

/// The span of a request. What is empty here is filled in by whoever finds it out; `client` stands behind a proxy.
fn span(request: &Request, id: &str, conn: ConnInfo) -> tracing::Span {
    tracing::info_span!(
        "request",
        request.id = id,
        http.method = %request.method(),
        http.path = shown(request.uri().path()),
        peer = %conn.peer.ip().to_canonical(),
        client = tracing::field::Empty,
        operation = tracing::field::Empty,
        caller = tracing::field::Empty,
    )
}

/// A path for the log: bounded, and free of what a terminal would obey, since a URI holds no control characters.
fn shown(path: &str) -> &str {
    path.get(..512).unwrap_or(path)
}

/// The id the client gave, if it is one we can repeat, or a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let given = given.filter(|id| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()));
    given.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

fn decorate(headers: &mut HeaderMap, id: &str, secure: bool) {
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.entry(header::X_FRAME_OPTIONS).or_insert(DENY);
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(NO_FRAMES);
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(NOSNIFF);
    if secure {
        headers.entry(header::STRICT_TRANSPORT_SECURITY).or_insert(ONE_YEAR_OF_TLS);
    }
}

/// Collapses repeated slashes.
fn merge_slashes(path: &str) -> String {
    let mut merged = String::with_capacity(path.len());
    for c in path.chars() {
        if c != '/' || !merged.ends_with('/') {
            merged.push(c);
        }
    }
    merged
}

/// Drops a slash at the end, unless it is all there is. Only the distribution API gives it a meaning.
fn trim_slash(path: &str) -> &str {
    path.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(path)
}

/// The same URL with another path; its query stays byte for byte.
fn with_path(uri: &Uri, path: &str) -> Result<Uri, Error> {
    if uri.path() == path {
        return Ok(uri.clone());
    }
    let text = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let malformed = |error: Box<dyn std::error::Error + Send + Sync>| {
        Error::bad_request("the URL is malformed").because(error)
    };
    let path_and_query: PathAndQuery =
        text.parse().map_err(|error: http::uri::InvalidUri| malformed(error.into()))?;
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path_and_query);
    Uri::from_parts(parts).map_err(|error| malformed(error.into()))
}

/// Only texts gain by compression.
fn is_text(_: http::StatusCode, _: http::Version, headers: &HeaderMap, _: &http::Extensions) -> bool {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence == "application/json" || essence.starts_with("text/") && essence != "text/event-stream"
}

#[cfg(test)]
mod tests;
