//! Inbound HTTP: the distribution API, the token service, the REST API, pages and metrics.
//!
//! Handlers read, call one operation of `haven_core`, and answer; every rule is there. No SQL and no storage here.

mod api;
mod audited;
mod caller;
pub mod conn;
pub mod contract;
mod cookies;
mod csrf;
pub mod kit;
mod login;
pub mod metrics;
pub mod pages;
mod read_only;
mod ready;
mod session;
mod state;
mod token;
mod v2;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use conn::Network;
use haven_core::{App, Code, Error};
use kit::stack::{Stack, wrap};
use kit::{ApiError, Operation, Routes};
use metrics::Metrics;
use std::sync::Arc;
use std::time::Duration;

pub use state::Web;

/// What the HTTP side is built from.
pub struct Options {
    pub app: Arc<App>,
    pub metrics: Metrics,
    pub network: Network,
    /// Of the program.
    pub version: &'static str,
    /// How long a request of the REST API may take. Pushes and pulls have no such limit.
    pub api_timeout: Duration,
}

/// The whole application as one service.
pub fn router(options: Options) -> Router {
    let web = Web {
        csrf: Arc::new(csrf::Csrf::new(&options.app)),
        app: options.app,
        metrics: options.metrics.clone(),
        version: options.version,
        redirects: Arc::new(options.network.redirects.clone()),
        external_url: options.network.external_url.clone(),
        ca_certificate: options.network.ca_certificate.clone(),
    };
    let rest = api::version_routes().into_router().merge(rest().into_router());
    let rest = rest.merge(login::routes().into_router());
    let rest = rest.layer(from_fn_with_state(web.clone(), audited::layer));
    let rest = rest.layer(from_fn_with_state(web.clone(), read_only::layer));
    let rest = rest.layer(from_fn_with_state(options.api_timeout, in_time));
    let rest = rest.merge(tokens().into_router());
    let app = Router::new()
        .merge(rest.layer(from_fn_with_state(web.clone(), csrf::layer)))
        .merge(pages::router(options.version))
        .route("/healthz", axum::routing::get(ready::get))
        .route("/v2", any(v2::serve))
        .route("/v2/", any(v2::serve))
        .route("/v2/{*path}", any(v2::serve))
        .fallback(kit::routes::not_found)
        .with_state(web);
    wrap(app, Stack { metrics: options.metrics, network: options.network })
}

/// Gives up on a request that takes too long; what it began is rolled back.
async fn in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError(Error::new(Code::Unavailable, "the request took too long")).into_response(),
    }
}

/// Every operation of the REST API as it is routed, for the test that compares it with the OpenAPI document.
pub fn operations() -> Vec<Operation> {
    let mut operations = api::version_routes().operations().to_vec();
    operations.extend_from_slice(rest().operations());
    operations
}

fn rest() -> Routes<Web> {
    api::routes()
}

fn tokens() -> Routes<Web> {
    Routes::new("/service").get("getToken", "/token", token::get)
}
