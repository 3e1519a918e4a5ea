//! How long a connection may take for what, and that it is cut then and not before.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::{Body, to_bytes};
use http_body::Frame;
use tokio::sync::mpsc;

use super::*;

/// A body without end that tells when it is dropped.
struct Endless(mpsc::UnboundedSender<()>);

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::convert::Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[7; 65536])))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.0.send(()).ok();
    }
}

fn endless() -> (Router, mpsc::UnboundedReceiver<()>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Router::new().route("/", get(|| async move { Body::new(Endless(sender)) })), receiver)
}

#[tokio::test]
async fn a_head_must_come_in_time() {
    let server = Server::start(hello(), Limits { header_timeout: SHORT, ..quick() }).await;
    let mut silent = server.connect().await;
    assert!(until_closed(&mut silent).await.is_empty());

    let mut half = server.connect().await;
    half.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nx-").await.unwrap();
    assert!(until_closed(&mut half).await.is_empty());

    let mut second = server.connect().await;
    second.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    tokio::time::sleep(SHORT * 2).await;
    second.write_all(b"GET / HTTP/1.1\r\nhost").await.unwrap();
    let got = String::from_utf8(until_closed(&mut second).await).unwrap();
    assert_eq!(got.matches("HTTP/1.1 200").count(), 1, "{got}");
}

#[tokio::test]
async fn a_connection_may_rest_but_not_for_ever() {
    let server = Server::start(hello(), Limits { idle_timeout: SHORT * 3, ..quick() }).await;
    let mut stream = server.connect().await;
    for _ in 0..2 {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        tokio::time::sleep(SHORT).await;
    }
    let got = String::from_utf8(until_closed(&mut stream).await).unwrap();
    assert_eq!(got.matches("HTTP/1.1 200").count(), 2, "{got}");
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut() {
    let (app, mut dropped) = endless();
    let server = Server::start(app, Limits { stall_timeout: SHORT, ..quick() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    timeout(SOON, dropped.recv()).await.expect("the body is given up");
}

#[tokio::test]
async fn a_client_that_takes_its_time_is_not_cut() {
    let (app, mut dropped) = endless();
    let server = Server::start(app, Limits { stall_timeout: SHORT * 2, ..quick() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut piece = vec![0; 4 << 20];
    for _ in 0..20 {
        stream.read_exact(&mut piece).await.unwrap();
        tokio::time::sleep(SHORT / 4).await;
    }
    assert!(dropped.try_recv().is_err());
}

#[tokio::test]
async fn a_stalled_http2_stream_is_cut_despite_pings() {
    let (app, mut dropped) = endless();
    let server = Server::start(app, Limits { stall_timeout: SHORT, ..quick() }).await;
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(hyper_util::rt::TokioTimer::new())
        .keep_alive_interval(SHORT / 10)
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
    let server = Server::start(app, Limits { stall_timeout: SHORT, ..quick() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf").await.unwrap();
    assert!(until_closed(&mut stream).await.is_empty());
}

#[tokio::test]
async fn a_slow_answer_is_waited_for() {
    let app = Router::new().route(
        "/",
        get(|| async {
            tokio::time::sleep(SHORT * 4).await;
            "late"
        }),
    );
    let limits = Limits { stall_timeout: SHORT, idle_timeout: SHORT, header_timeout: SHORT, ..quick() };
    let server = Server::start(app, limits).await;
    let (status, body) = http1_request(server.connect().await, request("/")).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "late"));
}
