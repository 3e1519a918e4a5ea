//! One request as the log and the metrics see it, until the last byte of its answer or until it is given up.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::response::Response;
use http::{Method, StatusCode, header};
use http_body::{Frame, SizeHint};

use super::context::RequestContext;
use super::error::{PrintedCode, chain};
use crate::metrics::{InFlight, Metrics};

/// Paths that are asked so often, and say so little, that they are logged for debugging only.
const QUIET: [&str; 4] = ["/metrics", "/api/v2.0/ping", "/api/v2.0/health", "/healthz"];

/// Measures one request, and tells of it when dropped.
pub(super) struct Watch {
    context: RequestContext,
    metrics: Metrics,
    method: Method,
    is_quiet: bool,
    started: Instant,
    status: Option<StatusCode>,
    code: Option<&'static str>,
    bytes: u64,
    /// The length promised to the client; the body is not asked for more once it is reached.
    length: Option<u64>,
    is_complete: bool,
    _in_flight: InFlight,
}

impl Watch {
    /// Begins when the head of the request is there.
    pub(super) fn start(request: &Request, context: RequestContext, metrics: Metrics) -> Self {
        Self {
            _in_flight: metrics.in_flight(),
            context,
            metrics,
            method: request.method().clone(),
            is_quiet: QUIET.contains(&request.uri().path()),
            started: Instant::now(),
            status: None,
            code: None,
            bytes: 0,
            length: None,
            is_complete: false,
        }
    }

    /// The head of the answer is there; its body follows.
    pub(super) fn answered(mut self, response: &Response) -> Self {
        self.status = Some(response.status());
        self.code = response.extensions().get::<PrintedCode>().map(|code| code.0);
        let promised = response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        self.length = promised.and_then(|length| length.parse().ok());
        self.is_complete = response.body().is_end_stream() || self.method == Method::HEAD;
        self
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let took = self.started.elapsed();
        self.metrics.request(self.context.operation(), &self.method, self.status, took);
        let status = self.status.map(|status| status.as_u16());
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let is_complete = self.is_complete || self.length == Some(self.bytes);
        let message = if is_complete { "answered" } else { "given up" };
        let _entered = self.context.span().enter();
        let is_quiet = self.is_quiet && self.status.is_some_and(|status| status.is_success());
        if is_quiet {
            tracing::debug!(
                http.status = status,
                code = self.code,
                bytes = self.bytes,
                duration_ms,
                "{message}"
            );
        } else {
            tracing::info!(
                http.status = status,
                code = self.code,
                bytes = self.bytes,
                duration_ms,
                "{message}"
            );
        }
    }
}

/// A body that counts its bytes, and within whose span errors of reading are logged.
pub(super) struct Tracked {
    body: Body,
    watch: Watch,
}

impl Tracked {
    pub(super) fn new(body: Body, watch: Watch) -> Self {
        Self { body, watch }
    }
}

impl HttpBody for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let _entered = this.watch.context.span().enter();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                this.watch.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                this.watch.is_complete |= this.body.is_end_stream();
            }
            Poll::Ready(Some(Err(error))) => {
                tracing::error!(error = %chain(error), "the body of an answer broke off");
            }
            Poll::Ready(None) => this.watch.is_complete = true,
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
