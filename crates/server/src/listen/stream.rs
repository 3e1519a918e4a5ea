//! A socket that tells what moves over it.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};
use tokio_util::task::TaskTracker;

use super::watch::Activity;

/// What all connections together read at once, shared evenly: a few uploads are faster with large reads, and a crowd of
/// them would hold as much for each.
const READ_MEMORY: usize = 64 << 20;
/// The least and the most that one of them reads. A little less than powers of two, or hyper would take twice as much from
/// the allocator for each read.
const LEAST_READ: usize = 60 << 10;
const MOST_READ: usize = 508 << 10;

/// A stream that keeps its connection's [`Activity`], and reads in pieces of bounded size.
pub(super) struct Watched<S> {
    inner: Take<S>,
    activity: Arc<Activity>,
    /// All connections, and what HTTP/2 does on them.
    all: TaskTracker,
}

impl<S: AsyncRead> Watched<S> {
    pub(super) fn new(inner: S, activity: Arc<Activity>, all: TaskTracker) -> Self {
        Self { inner: inner.take(0), activity, all }
    }

    fn share(&self) -> u64 {
        (READ_MEMORY / self.all.len().max(1)).clamp(LEAST_READ, MOST_READ) as u64
    }

    fn written(&self, outcome: &Poll<io::Result<usize>>) {
        match outcome {
            Poll::Ready(Ok(bytes)) => self.activity.wrote(*bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.activity.write_blocked(),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let share = self.share();
        self.inner.set_limit(share);
        let outcome = Pin::new(&mut self.inner).poll_read(cx, buffer);
        if outcome.is_ready() {
            self.activity.read(buffer.filled().len() - before);
        }
        outcome
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(self.inner.get_mut()).poll_write(cx, bytes);
        self.written(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(self.inner.get_mut()).poll_write_vectored(cx, slices);
        self.written(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.get_ref().is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.inner.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.inner.get_mut()).poll_shutdown(cx)
    }
}
