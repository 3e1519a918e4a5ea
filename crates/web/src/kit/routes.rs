//! The route table: built once, remembered as a list of operations, and turned into a router.
//!
//! The list is what the contract test compares with the OpenAPI document, and where the metrics' names come from.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::Router;
use axum::extract::{OriginalUri, Request};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, MethodRouter};
use haven_core::{Code, Error};
use http::{HeaderValue, Method, StatusCode, header};

use super::accept;
use super::context::RequestContext;
use super::error::ApiError;
use super::page;
use crate::contract;

/// One operation of the API, as routed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    pub method: Method,
    /// The whole path template as it was registered, with its prefix.
    pub path: String,
    pub id: &'static str,
}

/// Builds a router from operations under one prefix. Whether a path ends in a slash makes no difference.
pub struct Routes<S> {
    prefix: &'static str,
    operations: Vec<Operation>,
    paths: BTreeMap<String, (Vec<Method>, MethodRouter<S, Infallible>)>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes yet, all to come below `prefix`, e.g. `/api/v2.0`.
    pub fn new(prefix: &'static str) -> Self {
        Self { prefix, operations: Vec::new(), paths: BTreeMap::new() }
    }

    /// Routes `GET`; `HEAD` does not follow from it.
    #[must_use]
    pub fn get<T: 'static>(self, id: &'static str, path: &str, handler: impl Handler<T, S>) -> Self {
        self.on(Method::GET, id, path, handler)
    }

    /// Routes `HEAD`.
    #[must_use]
    pub fn head<T: 'static>(self, id: &'static str, path: &str, handler: impl Handler<T, S>) -> Self {
        self.on(Method::HEAD, id, path, handler)
    }

    /// Routes `POST`.
    #[must_use]
    pub fn post<T: 'static>(self, id: &'static str, path: &str, handler: impl Handler<T, S>) -> Self {
        self.on(Method::POST, id, path, handler)
    }

    /// Routes `PUT`.
    #[must_use]
    pub fn put<T: 'static>(self, id: &'static str, path: &str, handler: impl Handler<T, S>) -> Self {
        self.on(Method::PUT, id, path, handler)
    }

    /// Routes `PATCH`.
    #[must_use]
    pub fn patch<T: 'static>(self, id: &'static str, path: &str, handler: impl Handler<T, S>) -> Self {
        self.on(Method::PATCH, id, path, handler)
    }

    /// Routes `DELETE`.
    #[must_use]
    pub fn delete<T: 'static>(self, id: &'static str, path: &str, handler: impl Handler<T, S>) -> Self {
        self.on(Method::DELETE, id, path, handler)
    }

    /// Takes over the routes of another table with the same prefix. Panics on a path with the same method in both.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.operations.extend(other.operations);
        for (path, (methods, router)) in other.paths {
            let (all, merged) = self.paths.remove(&path).unwrap_or_default();
            let all = all.into_iter().chain(methods).collect();
            self.paths.insert(path, (all, merged.merge(router)));
        }
        self
    }

    /// All operations, in the order registered.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The router. Below the prefix, unknown paths are 404 and known paths with another method 405.
    pub fn into_router(self) -> Router<S> {
        let mut router = Router::new();
        for (path, (methods, methods_router)) in self.paths {
            router = router.route(&path, finish(methods, methods_router));
        }
        let router = router.route(&format!("{}/{{*rest}}", self.prefix), axum::routing::any(not_found));
        router.layer(from_fn(page::add_link))
    }

    fn on<T: 'static>(
        mut self,
        method: Method,
        id: &'static str,
        path: &str,
        handler: impl Handler<T, S>,
    ) -> Self {
        let path = format!("{}{path}", self.prefix);
        let routed = path.trim_end_matches('/').to_owned();
        let (methods, router) = self.paths.entry(routed).or_default();
        let named = handler.layer(from_fn(move |request: Request, next: Next| async move {
            RequestContext::of(request.extensions()).set_operation(id);
            match accept::check(request.headers(), contract::produced(id)) {
                Ok(()) => next.run(request).await,
                Err(error) => ApiError(error).into_response(),
            }
        }));
        *router = std::mem::take(router).on(filter(&method), named);
        methods.push(method.clone());
        self.operations.push(Operation { method, path, id });
        self
    }
}

/// Adds what every path answers beyond its operations: `OPTIONS`, and 405 for the rest.
fn finish<S: Clone + Send + Sync + 'static>(
    mut methods: Vec<Method>,
    router: MethodRouter<S, Infallible>,
) -> MethodRouter<S, Infallible> {
    methods.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    let has_head = methods.contains(&Method::HEAD);
    let allowed: Vec<_> = methods.iter().map(Method::as_str).collect();
    let allowed = allowed.join(",");
    let options = allowed.clone();
    let refuse = move |method: Method| async move { not_allowed(&method, &allowed) };
    let options = move || async move { (StatusCode::NO_CONTENT, [(header::ALLOW, options)]) };
    let router = router.on(MethodFilter::OPTIONS, options);
    let router = if has_head { router } else { router.on(MethodFilter::HEAD, refuse.clone()) };
    router.fallback(refuse)
}

fn not_allowed(method: &Method, allowed: &str) -> Response {
    let message = format!("method {method} is not allowed, but [{allowed}] are");
    let mut response = ApiError(Error::new(Code::MethodNotAllowed, message)).into_response();
    if let Ok(allowed) = HeaderValue::from_str(allowed) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

/// The answer for a path that nobody serves.
pub async fn not_found(OriginalUri(uri): OriginalUri) -> ApiError {
    ApiError(Error::not_found(format!("path {} was not found", uri.path())))
}

fn filter(method: &Method) -> MethodFilter {
    match *method {
        Method::HEAD => MethodFilter::HEAD,
        Method::POST => MethodFilter::POST,
        Method::PUT => MethodFilter::PUT,
        Method::PATCH => MethodFilter::PATCH,
        Method::DELETE => MethodFilter::DELETE,
        _ => MethodFilter::GET,
    }
}

#[cfg(test)]
mod tests;
