//! How long a connection may take for what, and that it is cut then and not before.

use std::{
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll},
};

use axum::body::{Body, to_bytes};
use http_body::Frame;
use tokio::sync::mpsc;

use super::*;

/// A body without end that counts its pieces and tells when it is dropped.
struct Endless(mpsc::UnboundedSender<()>, Arc<AtomicUsize>);

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::convert::Infallible>>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[7; 65536])))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.0.send(()).ok();
    }
}

fn endless() -> (Router, mpsc::UnboundedReceiver<()>, Arc<AtomicUsize>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let pieces = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&pieces);
    let app = Router::new().route("/", get(|| async move { Body::new(Endless(sender, count)) }));
    (app, receiver, pieces)
}

/// Time that goes on when the test says so and not otherwise, however long the machine takes; until this is dropped.
struct Held {
    _other: std::sync::mpsc::Sender<()>,
}

impl Held {
    fn hold() -> Self {
        tokio::time::pause();
        let (other, held) = std::sync::mpsc::channel::<()>();
        // A paused clock runs ahead when nobody has anything to do, and does not while another thread works.
        tokio::task::spawn_blocking(move || held.recv().is_err());
        Self { _other: other }
    }

    /// In small steps, so that whoever looks at the clock now and then does.
    async fn pass(&self, time: Duration) {
        for _ in 0..20 {
            tokio::time::advance(time / 20).await;
            settled().await;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        tokio::time::resume();
    }
}

/// Lets everybody do what can be done without waiting.
async fn settled() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// Asks on a connection that stays, and reads the answer.
async fn ask(stream: &mut TcpStream) {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"127.0.0.1 false") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "{}", String::from_utf8_lossy(&answer));
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn a_head_must_come_in_time() {
    let server = Server::start(hello(), Limits { header_timeout: SHORT, ..long() }).await;
    let mut silent = server.connect().await;
    assert!(until_closed(&mut silent).await.is_empty());

    let mut half = server.connect().await;
    half.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nx-").await.unwrap();
    assert!(until_closed(&mut half).await.is_empty());

    let held = Held::hold();
    let mut second = server.connect().await;
    for _ in 0..2 {
        ask(&mut second).await;
        held.pass(SHORT * 2).await;
    }
    drop(held);
    second.write_all(b"GET / HTTP/1.1\r\nhost").await.unwrap();
    assert!(until_closed(&mut second).await.is_empty());
}

#[tokio::test]
async fn a_connection_may_rest_but_not_for_ever() {
    let server = Server::start(hello(), Limits { idle_timeout: SHORT * 3, ..long() }).await;
    let held = Held::hold();
    let mut stream = server.connect().await;
    for _ in 0..3 {
        ask(&mut stream).await;
        held.pass(SHORT * 2).await;
    }
    drop(held);
    assert!(until_closed(&mut stream).await.is_empty());
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut() {
    let (app, mut dropped, _) = endless();
    let server = Server::start(app, Limits { stall_timeout: SHORT, ..long() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    timeout(SOON, dropped.recv()).await.expect("the body is given up");
}

#[tokio::test]
async fn a_client_that_takes_its_time_is_not_cut() {
    let (app, mut dropped, pieces) = endless();
    let server = Server::start(app, Limits { stall_timeout: SHORT * 2, ..long() }).await;
    let held = Held::hold();
    let mut stream = server.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut buffer = vec![0; 1 << 20];
    for _ in 0..20 {
        // Until the server sees that something is taken: between us are buffers of some megabytes.
        let before = pieces.load(Ordering::SeqCst);
        while pieces.load(Ordering::SeqCst) == before {
            assert_ne!(stream.read(&mut buffer).await.unwrap(), 0);
        }
        settled().await;
        held.pass(SHORT).await;
    }
    assert!(dropped.try_recv().is_err());
    drop(held);
    timeout(SOON, dropped.recv()).await.expect("it is when it takes nothing more");
}

#[tokio::test]
async fn a_stalled_http2_stream_is_cut_despite_pings() {
    let (app, mut dropped, _) = endless();
    let server = Server::start(app, Limits { stall_timeout: SHORT * 5, ..long() }).await;
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(hyper_util::rt::TokioTimer::new())
        .keep_alive_interval(SHORT / 2)
        .handshake(TokioIo::new(server.connect().await))
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = Request::builder().uri("http://reg.test/").body(Empty::<Bytes>::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    timeout(SOON, dropped.recv()).await.expect("the body is given up");
    drop(response);
}

#[tokio::test]
async fn a_client_that_sends_nothing_more_is_cut() {
    let app = Router::new()
        .route("/", put(|body: Body| async { to_bytes(body, 1000).await.map(|_| ()).is_ok().to_string() }));
    let server = Server::start(app, Limits { stall_timeout: SHORT, ..long() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf").await.unwrap();
    assert!(until_closed(&mut stream).await.is_empty());
}

#[tokio::test]
async fn a_slow_answer_is_waited_for() {
    let begun = Arc::new(Notify::new());
    let tell = Arc::clone(&begun);
    let app = Router::new().route(
        "/",
        get(|| async move {
            tell.notify_one();
            tokio::time::sleep(SHORT * 4).await;
            "late"
        }),
    );
    let limits = Limits { stall_timeout: SHORT, idle_timeout: SHORT, header_timeout: SHORT, ..long() };
    let server = Server::start(app, limits).await;
    let held = Held::hold();
    let answer = tokio::spawn(http1_request(server.connect().await, request("/")));
    begun.notified().await;
    held.pass(SHORT * 5).await;
    let (status, body) = answer.await.unwrap();
    assert_eq!((status, body.as_str()), (StatusCode::OK, "late"));
}
