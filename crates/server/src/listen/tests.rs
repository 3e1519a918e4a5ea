//! The listeners over real sockets: what a client sees of them, good clients and bad ones.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::Bytes,
    routing::{get, put},
};
use http::{Request, StatusCode, Version, header};
use http_body_util::{BodyExt, Empty, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::*;

mod patience;
mod tls;

/// Whatever comes at all comes before, also on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// A server with its end in hand.
struct Server {
    addr: SocketAddr,
    stop: CancellationToken,
    done: JoinHandle<Stopped>,
}

impl Server {
    async fn start(app: Router, limits: Limits) -> Self {
        Self::with(Listener::plain(loopback().await), app, limits)
    }

    fn with(listener: Listener, app: Router, limits: Limits) -> Self {
        let stop = CancellationToken::new();
        let addr = listener.local_addr().unwrap();
        let done = tokio::spawn(serve(vec![listener], app, limits, stop.clone()));
        Self { addr, stop, done }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    async fn stop(self) -> Stopped {
        self.stop.cancel();
        timeout(SOON, self.done).await.unwrap().unwrap()
    }
}

async fn loopback() -> TcpListener {
    bind(([127, 0, 0, 1], 0).into()).await.unwrap()
}

/// Limits that nothing reaches, for those given apart to be the ones that are met.
fn long() -> Limits {
    let long = SOON * 60;
    Limits {
        handshake_timeout: long,
        header_timeout: long,
        idle_timeout: long,
        stall_timeout: long,
        shutdown_grace: long,
        ..Limits::default()
    }
}

const SHORT: Duration = Duration::from_millis(200);

fn hello() -> Router {
    Router::new().route(
        "/",
        get(|Extension(info): Extension<ConnInfo>| async move { format!("{} {}", info.peer.ip(), info.tls) }),
    )
}

/// One request on a connection of its own; the connection stays with the caller.
async fn http1_request(stream: TcpStream, request: Request<Full<Bytes>>) -> (StatusCode, String) {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let response = sender.send_request(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn request(path: &str) -> Request<Full<Bytes>> {
    Request::builder().uri(path).header("host", "reg.test").body(Full::default()).unwrap()
}

/// Waits until the server closes the connection; says what it sent before.
async fn until_closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut got = Vec::new();
    // A connection that is cut with unread bytes ends in a reset.
    timeout(SOON, stream.read_to_end(&mut got)).await.expect("the server closes").ok();
    got
}

/// A request whose body is refused unread, with so many bytes of it sent before the answer is looked at.
async fn refused_while_sending(server: &Server, length: usize, expect: &str) -> (Vec<u8>, TcpStream) {
    let mut client = server.connect().await;
    let head = format!("PUT / HTTP/1.1\r\nhost: a\r\n{expect}content-length: {length}\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    let body = if expect.is_empty() { length } else { 0 };
    for _ in 0..body / 65536 {
        client.write_all(&[7; 65536]).await.expect("the server takes the rest");
    }
    let mut answer = vec![0; 4096];
    let count = timeout(SOON, client.read(&mut answer)).await.unwrap().expect("an answer and no reset");
    answer.truncate(count);
    (answer, client)
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let refuse = Router::new().route("/", put(|| async { StatusCode::PAYLOAD_TOO_LARGE }));
    let server = Server::start(refuse, long()).await;
    let (answer, mut client) = refused_while_sending(&server, 16 << 20, "").await;
    assert!(answer.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer));
    client.write_all(b"PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    let mut again = [0; 12];
    timeout(SOON, client.read_exact(&mut again)).await.unwrap().expect("the connection can be used again");
    assert_eq!(&again, b"HTTP/1.1 413");
    let (answer, mut client) = refused_while_sending(&server, 16 << 20, "expect: 100-continue\r\n").await;
    assert!(answer.starts_with(b"HTTP/1.1 413"), "the body is not asked for");
    assert_eq!(until_closed(&mut client).await, b"");
    drop(client);
    assert_eq!(server.stop().await, Stopped::Drained);
}

#[tokio::test]
async fn plain_http1_and_http2_are_told_apart() {
    let server = Server::start(hello(), long()).await;
    let (status, body) = http1_request(server.connect().await, request("/")).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "127.0.0.1 false"));

    let stream = TokioIo::new(server.connect().await);
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    let request = Request::builder().uri("http://reg.test/").body(Empty::<Bytes>::new()).unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn plain_requests_are_redirected() {
    let server = Server::with(Listener::redirect(loopback().await, 8443), hello(), long());
    let (mut sender, connection) = http1::handshake(TokioIo::new(server.connect().await)).await.unwrap();
    tokio::spawn(connection);
    let response = sender.send_request(request("/v2/?a=b")).await.unwrap();
    assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
    assert_eq!(response.headers()[header::LOCATION], "https://reg.test:8443/v2/?a=b");
}

#[tokio::test]
async fn requests_in_flight_are_finished() {
    let (begun, may_end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (Arc::clone(&begun), Arc::clone(&may_end));
    let app = Router::new().route(
        "/",
        get(|| async move {
            tell.notify_one();
            wait.notified().await;
            "done"
        }),
    );
    let server = Server::start(app, long()).await;
    let addr = server.addr;
    let mut idle = server.connect().await;
    let answer = tokio::spawn(http1_request(server.connect().await, request("/")));
    timeout(SOON, begun.notified()).await.unwrap();

    server.stop.cancel();
    assert!(until_closed(&mut idle).await.is_empty(), "an idle connection is closed at once");
    let refused = async {
        while TcpStream::connect(addr).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, refused).await.expect("no new connections");
    may_end.notify_one();
    assert_eq!(answer.await.unwrap(), (StatusCode::OK, "done".to_owned()));
    assert_eq!(server.stop().await, Stopped::Drained);
}

#[tokio::test]
async fn the_grace_has_an_end() {
    let begun = Arc::new(Notify::new());
    let tell = Arc::clone(&begun);
    let app = Router::new().route(
        "/",
        get(|| async move {
            tell.notify_one();
            std::future::pending::<&'static str>().await
        }),
    );
    for http2_only in [false, true] {
        let limits = Limits { shutdown_grace: SHORT, ..long() };
        let server = Server::start(app.clone(), limits).await;
        let mut stream = server.connect().await;
        if http2_only {
            let (mut sender, connection) =
                http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            let request = Request::builder().uri("http://reg.test/").body(Empty::<Bytes>::new()).unwrap();
            tokio::spawn(sender.send_request(request));
        } else {
            stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
            tokio::spawn(async move { until_closed(&mut stream).await });
        }
        timeout(SOON, begun.notified()).await.unwrap();
        assert_eq!(server.stop().await, Stopped::Cut);
    }
}

#[tokio::test]
async fn a_client_that_has_closed_its_side_gets_the_whole_answer() {
    const LONG: usize = 32 << 20;
    let late = get(|| async {
        tokio::time::sleep(SHORT).await;
        vec![7; LONG]
    });
    let server = Server::start(Router::new().route("/", late), long()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    assert!(until_closed(&mut stream).await.len() > LONG);
    assert_eq!(server.stop().await, Stopped::Drained);
}

#[tokio::test]
async fn a_crowd_waits_outside_and_metrics_do_not() {
    let (product, metrics) = (loopback().await, loopback().await);
    let (addr, metrics_addr) = (product.local_addr().unwrap(), metrics.local_addr().unwrap());
    let listeners = vec![Listener::plain(product), Listener::separate(metrics, hello())];
    let limits = Limits { max_connections: 1, ..long() };
    tokio::spawn(serve(listeners, hello(), limits, CancellationToken::new()));

    let first = TcpStream::connect(addr).await.unwrap();
    tokio::time::sleep(SHORT).await;
    let second = tokio::spawn(http1_request(TcpStream::connect(addr).await.unwrap(), request("/")));
    let metrics = TcpStream::connect(metrics_addr).await.unwrap();
    assert_eq!(http1_request(metrics, request("/")).await.0, StatusCode::OK);
    assert!(!second.is_finished());
    drop(first);
    assert_eq!(timeout(SOON, second).await.unwrap().unwrap().0, StatusCode::OK);
}

#[tokio::test]
async fn a_huge_head_is_refused() {
    let server = Server::start(hello(), long()).await;
    let mut big = request("/");
    big.headers_mut().insert("x-big", "a".repeat(70_000).parse().unwrap());
    let (status, _) = http1_request(server.connect().await, big).await;
    assert_eq!(status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}
