//! One connection, from its handshake to its end.

use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use http::{HeaderMap, Request, Response, StatusCode, Version};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service as _;

use super::{
    ConnInfo, Limits,
    body::{InFlight, Received, Sent},
    file::FileSender,
    linger::Linger,
    shown::Reading,
    stream::Watched,
    watch::{Activity, Reason, Verdict},
};

/// The most bytes of all header fields of a request.
const MAX_HEADER_BYTES: u32 = 64 * 1024;
/// HTTP/2: requests at once on one connection, and how far a client may send ahead of what is read.
const MAX_STREAMS: u32 = 128;
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// How long a connection that is asked to end may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// What the connections of one socket have in common.
#[derive(Clone)]
pub(super) struct Handler {
    pub(super) router: Router,
    pub(super) acceptor: Option<TlsAcceptor>,
    pub(super) limits: Limits,
    /// No further requests, please.
    pub(super) stop: CancellationToken,
    /// The end, whatever is in flight.
    pub(super) cut: CancellationToken,
    pub(super) tasks: TaskTracker,
}

impl Handler {
    /// Serves one connection to its end.
    pub(super) async fn run(self, stream: TcpStream, peer: SocketAddr) {
        let activity = Arc::new(Activity::new());
        let Some(acceptor) = self.acceptor.clone() else {
            let stream = Watched::new(FileSender::new(stream), Arc::clone(&activity), self.tasks.clone());
            return self.serve(stream, ConnInfo { peer, tls: false }, activity).await;
        };
        let stream = Watched::new(stream, Arc::clone(&activity), self.tasks.clone());
        let handshake = tokio::time::timeout(self.limits.handshake_timeout, acceptor.accept(stream));
        let outcome = tokio::select! {
            outcome = handshake => outcome,
            () = self.stop.cancelled() => return,
        };
        match outcome {
            Ok(Ok(stream)) => {
                activity.restart();
                self.serve(Reading::new(stream), ConnInfo { peer, tls: true }, activity).await;
            }
            Ok(Err(error)) => tracing::debug!(%peer, error = %error, "TLS handshake refused"),
            Err(_) => tracing::debug!(%peer, "TLS handshake took too long"),
        }
    }

    async fn serve<S>(self, stream: S, info: ConnInfo, activity: Arc<Activity>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // Whatever HTTP/2 has spawned for this connection ends with it.
        let own = self.cut.child_token();
        let _guard = own.clone().drop_guard();
        let builder = builder(Streams { tasks: self.tasks.clone(), cut: own });
        let (router, tasks, shared) = (self.router.clone(), self.tasks.clone(), Arc::clone(&activity));
        let service = service_fn(move |request| {
            respond(router.clone(), request, info, tasks.clone(), Arc::clone(&shared))
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let mut asked_to_end = false;
        loop {
            let verdict = activity.verdict(&self.limits);
            let wait = match verdict {
                Verdict::Wait(left) => left.min(tick(&self.limits)),
                Verdict::Close(Reason::Idle) if !asked_to_end => {
                    asked_to_end = true;
                    connection.as_mut().graceful_shutdown();
                    GOODBYE
                }
                Verdict::Close(reason) => {
                    tracing::debug!(peer = %info.peer, ?reason, "connection closed");
                    return;
                }
            };
            tokio::select! {
                outcome = connection.as_mut() => {
                    if let Err(error) = outcome {
                        tracing::debug!(peer = %info.peer, error, "connection broke");
                    }
                    return;
                }
                () = self.stop.cancelled(), if !asked_to_end => {
                    asked_to_end = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = self.cut.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

/// How often a connection is looked at: often enough to be exact, seldom enough to cost nothing.
fn tick(limits: &Limits) -> Duration {
    let shortest = limits.header_timeout.min(limits.idle_timeout).min(limits.stall_timeout);
    (shortest / 4).clamp(Duration::from_millis(10), Duration::from_secs(5))
}

fn builder(streams: Streams) -> Builder<Streams> {
    let mut builder = Builder::new(streams);
    // hyper's own time limit for heads would also cut connections that rest between requests.
    // A client that has said all may close its side and still gets the whole answer; one that has gone is found out by writing.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).half_close(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(MAX_HEADER_BYTES)
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    builder
}

/// Spawns what HTTP/2 needs spawned, so that the drain waits for it and the cut ends it.
#[derive(Clone)]
struct Streams {
    tasks: TaskTracker,
    cut: CancellationToken,
}

impl<F> hyper::rt::Executor<F> for Streams
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, work: F) {
        let cut = self.cut.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                _ = work => {}
                () = cut.cancelled() => {}
            }
        });
    }
}

async fn respond(
    mut router: Router,
    request: Request<Incoming>,
    info: ConnInfo,
    tasks: TaskTracker,
    activity: Arc<Activity>,
) -> Result<Response<Sent>, Infallible> {
    let in_flight = InFlight::new(Arc::clone(&activity), request.version() == Version::HTTP_2);
    if is_too_large(request.headers()) {
        let mut response = Response::new(Sent::new(Body::empty(), in_flight));
        *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Ok(response);
    }
    let linger = Linger::over(request.version(), request.headers(), &tasks);
    let mut request = request.map(|body| Body::new(Received::new(body, activity, linger)));
    request.extensions_mut().insert(info);
    // A router is always ready.
    let response = router.call(request).await?;
    Ok(response.map(|body| Sent::new(body, in_flight)))
}

/// HTTP/1 has no limit of its own below its read buffer, which is large for the sake of bodies.
fn is_too_large(headers: &HeaderMap) -> bool {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
    bytes > MAX_HEADER_BYTES as usize
}
