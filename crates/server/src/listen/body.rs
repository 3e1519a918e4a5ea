//! Bodies that tell when they wait for the client.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;

use super::{linger::Linger, watch::Activity};

/// A request in flight: from its head to the end of its response's body, or to its being given up.
pub(super) struct InFlight(Arc<Activity>);

impl InFlight {
    pub(super) fn new(activity: Arc<Activity>, http2: bool) -> Self {
        activity.request_begins(http2);
        Self(activity)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.request_ends();
    }
}

/// Waiting for the client, while the flag is up. Dropping it lowers the flag.
struct Waiting {
    activity: Arc<Activity>,
    up: bool,
}

impl Waiting {
    fn new(activity: Arc<Activity>) -> Self {
        Self { activity, up: false }
    }

    fn set(&mut self, up: bool) {
        if up && !self.up {
            self.activity.body_waits();
        } else if !up && self.up {
            self.activity.body_goes_on();
        }
        self.up = up;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.set(false);
    }
}

/// The body of a request: it waits for the client when it is asked and has nothing.
pub(super) struct Received {
    /// There until it is dropped.
    inner: Option<Incoming>,
    waiting: Waiting,
    linger: Option<Linger>,
}

impl Received {
    pub(super) fn new(inner: Incoming, activity: Arc<Activity>, linger: Option<Linger>) -> Self {
        Self { inner: Some(inner), waiting: Waiting::new(activity), linger }
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        if let (Some(linger), Some(rest)) = (self.linger.take(), self.inner.take()) {
            linger.begin(rest);
        }
    }
}

impl HttpBody for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(linger) = &mut self.linger {
            linger.asked();
        }
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        let outcome = Pin::new(inner).poll_frame(cx);
        self.waiting.set(outcome.is_pending());
        outcome
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

/// The body of a response: it waits for the client between giving a piece and being asked for the next one, because
/// the transport asks as soon as there is room.
pub(super) struct Sent {
    inner: Body,
    waiting: Waiting,
    _request: InFlight,
}

impl Sent {
    pub(super) fn new(inner: Body, request: InFlight) -> Self {
        Self { inner, waiting: Waiting::new(Arc::clone(&request.0)), _request: request }
    }
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.waiting.set(false);
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        self.waiting.set(frame.is_some());
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
