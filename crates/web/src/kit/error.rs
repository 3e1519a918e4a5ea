//! The one table from a [`Code`] to statuses and printed codes, and the two bodies an error may have.
//!
//! Operations return [`haven_core::Error`]; `?` in a handler turns it into [`ApiError`] or [`OciError`]. A failure
//! of ours is logged here, once, with its causes, and told to nobody.

use std::error::Error as StdError;

use axum::response::{IntoResponse, Response};
use haven_core::{Code, Error};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

/// The result of a handler of the REST API.
pub type ApiResult<T> = Result<T, ApiError>;
/// The result of a handler of the distribution API.
pub type OciResult<T> = Result<T, OciError>;

/// An error printed in the shape of the REST API.
#[derive(Debug)]
pub struct ApiError(pub Error);

/// An error printed in the shape of the distribution API.
#[derive(Debug)]
pub struct OciError(pub Error);

/// The code printed in an error body, left in the response's extensions for the access log.
#[derive(Clone, Copy, Debug)]
pub struct PrintedCode(pub &'static str);

/// How a code is told: its status, and its name in either API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    pub status: StatusCode,
    pub harbor: &'static str,
    pub oci: &'static str,
}

/// Seconds after which a client that met 503 or 429 may come back.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");
const REGISTRY_2: HeaderValue = HeaderValue::from_static("registry/2.0");
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// The table. Where the two APIs would differ in status, the distribution clients decide, for they branch on it.
pub fn told(code: Code) -> Told {
    let (status, harbor, oci) = match code {
        Code::BadRequest => (400, "BAD_REQUEST", "BAD_REQUEST"),
        Code::Unauthorized => (401, "UNAUTHORIZED", "UNAUTHORIZED"),
        Code::Forbidden => (403, "FORBIDDEN", "DENIED"),
        Code::Denied => (403, "DENIED", "DENIED"),
        Code::NotFound => (404, "NOT_FOUND", "NOT_FOUND"),
        Code::MethodNotAllowed => (405, "METHOD_NOT_ALLOWED", "UNSUPPORTED"),
        Code::Conflict => (409, "CONFLICT", "CONFLICT"),
        Code::Precondition => (412, "PRECONDITION", "PRECONDITION"),
        Code::Referenced => (412, "VIOLATE_FOREIGN_KEY_CONSTRAINT", "VIOLATE_FOREIGN_KEY_CONSTRAINT"),
        Code::PolicyViolation => (412, "PROJECTPOLICYVIOLATION", "PROJECTPOLICYVIOLATION"),
        Code::TooLarge => (413, "REQUEST_ENTITY_TOO_LARGE", "SIZE_INVALID"),
        Code::Unprocessable => (422, "UNPROCESSABLE_ENTITY", "UNPROCESSABLE_ENTITY"),
        Code::TooManyRequests => (429, "TOO_MANY_REQUEST", "TOOMANYREQUESTS"),
        // Not 507: clients come back after 503, and the distribution specification knows no other.
        Code::Unavailable | Code::Full => (503, "UNAVAILABLE", "UNAVAILABLE"),
        Code::Internal => (500, "UNKNOWN", "UNKNOWN"),
        Code::BlobUnknown => (404, "NOT_FOUND", "BLOB_UNKNOWN"),
        Code::BlobUploadInvalid => (404, "NOT_FOUND", "BLOB_UPLOAD_INVALID"),
        Code::BlobUploadUnknown => (404, "NOT_FOUND", "BLOB_UPLOAD_UNKNOWN"),
        Code::DigestInvalid => (400, "DIGEST_INVALID", "DIGEST_INVALID"),
        Code::ManifestBlobUnknown => (400, "BAD_REQUEST", "MANIFEST_BLOB_UNKNOWN"),
        Code::ManifestInvalid => (400, "MANIFEST_INVALID", "MANIFEST_INVALID"),
        Code::ManifestUnknown => (404, "NOT_FOUND", "MANIFEST_UNKNOWN"),
        Code::NameInvalid => (400, "BAD_REQUEST", "NAME_INVALID"),
        Code::NameUnknown => (404, "NOT_FOUND", "NAME_UNKNOWN"),
        Code::RangeInvalid => (416, "BAD_REQUEST", "RANGE_INVALID"),
        Code::SizeInvalid => (400, "BAD_REQUEST", "SIZE_INVALID"),
        Code::TagInvalid => (400, "BAD_REQUEST", "TAG_INVALID"),
        Code::Unsupported => (400, "UNSUPPORTED", "UNSUPPORTED"),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Told { status, harbor, oci }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<Error> for OciError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<ApiError> for OciError {
    fn from(error: ApiError) -> Self {
        Self(error.0)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let told = told(self.0.code);
        let entry = match masked(&self.0, told.status) {
            Some(message) => json!({ "code": told.harbor, "message": message }),
            None => json!({ "code": told.harbor, "message": self.0.message }),
        };
        render(told.status, told.harbor, &[entry])
    }
}

impl IntoResponse for OciError {
    fn into_response(self) -> Response {
        let told = told(self.0.code);
        let entries = match masked(&self.0, told.status) {
            Some(message) => vec![json!({ "code": told.oci, "message": message })],
            None => entries(told.oci, &self.0.message, self.0.detail),
        };
        let mut response = render(told.status, told.oci, &entries);
        response.headers_mut().insert(API_VERSION, REGISTRY_2);
        response
    }
}

/// One error, or one for each element when the detail is an array.
fn entries(code: &str, message: &str, detail: Option<Value>) -> Vec<Value> {
    match detail {
        None => vec![json!({ "code": code, "message": message })],
        Some(Value::Array(details)) if !details.is_empty() => details
            .into_iter()
            .map(|detail| json!({ "code": code, "message": message, "detail": detail }))
            .collect(),
        Some(detail) => vec![json!({ "code": code, "message": message, "detail": detail })],
    }
}

/// Logs a failure of ours and gives the text that stands for it; a refusal keeps its own.
fn masked(error: &Error, status: StatusCode) -> Option<&'static str> {
    if !status.is_server_error() {
        return None;
    }
    tracing::error!(http.status = status.as_u16(), error = %chain(error), "request failed");
    Some(match error.code {
        Code::Unavailable => "service unavailable",
        // Whoever pushes can tell the operator.
        Code::Full => "the storage has no room left",
        _ => "internal server error",
    })
}

/// The message and all its causes, outermost first. Many an error says what its cause says already; that is not repeated.
pub(super) fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = inner.source();
    }
    text
}

fn render(status: StatusCode, code: &'static str, entries: &[Value]) -> Response {
    let mut body = json!({ "errors": entries }).to_string();
    body.push('\n');
    let mut response = (status, [(header::CONTENT_TYPE, JSON)], body).into_response();
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
    }
    response.extensions_mut().insert(PrintedCode(code));
    response
}

#[cfg(test)]
mod tests;
