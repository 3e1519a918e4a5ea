//! What is known of one request beyond its bytes: its id, its span, and which operation it turned out to be.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use haven_core::access::Caller;
use http::Extensions;
use http::request::Parts;
use tracing::Span;

/// The operation of a URL that no handler claims.
pub const UNKNOWN_OPERATION: &str = "unknown";

/// Shared by the outer layer, which makes it, and the handlers, which fill it in.
#[derive(Clone, Debug)]
pub struct RequestContext(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    id: String,
    span: Span,
    operation: OnceLock<&'static str>,
    caller: OnceLock<String>,
    asked: OnceLock<Caller>,
    subject: OnceLock<String>,
}

impl RequestContext {
    /// The context of a request that arrives now.
    pub fn new(id: String, span: Span) -> Self {
        let (operation, caller) = (OnceLock::new(), OnceLock::new());
        let (asked, subject) = (OnceLock::new(), OnceLock::new());
        Self(Arc::new(Inner { id, span, operation, caller, asked, subject }))
    }

    /// The context of the request whose extensions these are. Without the outer layer it belongs to nobody.
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get().cloned().unwrap_or_else(|| Self::new(String::new(), Span::none()))
    }

    /// The id that the client sees as `X-Request-Id`.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The span of the whole request.
    pub fn span(&self) -> &Span {
        &self.0.span
    }

    /// Names the operation for the metrics and the log. The first name stays.
    pub fn set_operation(&self, id: &'static str) {
        if self.0.operation.set(id).is_ok() {
            self.0.span.record("operation", id);
        }
    }

    /// The operation, or `unknown`.
    pub fn operation(&self) -> &'static str {
        self.0.operation.get().copied().unwrap_or(UNKNOWN_OPERATION)
    }

    /// Names the caller for the log. The first name stays.
    pub fn set_caller(&self, name: &str) {
        if self.0.caller.set(name.to_owned()).is_ok() {
            self.0.span.record("caller", name);
        }
    }

    /// The caller's name; empty for nobody.
    pub fn caller(&self) -> &str {
        self.0.caller.get().map_or("", String::as_str)
    }

    /// Says who asks an operation of the REST API that changes something, and names them for the log.
    pub fn set_asked(&self, caller: &Caller) {
        self.set_caller(&caller.actor());
        let _ = self.0.asked.set(caller.clone());
    }

    /// Who asks, once that is known.
    pub fn asked(&self) -> Option<&Caller> {
        self.0.asked.get()
    }

    /// Says whom a request is about that names them in its body, for the line of the audit log in case that it is refused. The
    /// first word stays.
    pub fn set_subject(&self, name: impl Into<String>) {
        let _ = self.0.subject.set(name.into());
    }

    /// Whom the request is about, if its handler has said so.
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.get().map(String::as_str)
    }
}

impl<S: Sync> FromRequestParts<S> for RequestContext {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}
