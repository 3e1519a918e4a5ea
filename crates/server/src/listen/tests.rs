//! The listeners over real sockets: what a client sees of them, good clients and bad ones.

use std::{
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Extension, Router,
    body::{Body, Bytes, to_bytes},
    routing::{get, put},
};
use http::{Request, StatusCode, Version, header};
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::sync::CancellationToken;

use super::*;

const SOON: Duration = Duration::from_secs(5);

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

/// Limits short enough to be waited for, those given apart.
fn quick() -> Limits {
    let long = Duration::from_secs(30);
    Limits { header_timeout: long, idle_timeout: long, stall_timeout: long, ..Limits::default() }
}

const SHORT: Duration = Duration::from_millis(200);

fn hello() -> Router {
    Router::new().route(
        "/",
        get(|Extension(info): Extension<ConnInfo>| async move { format!("{} {}", info.peer.ip(), info.tls) }),
    )
}

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
    let server = Server::start(refuse, quick()).await;
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

mod tls {
    use super::*;

    struct Issued {
        certificate: String,
        key: String,
    }

    fn issue() -> Issued {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        Issued { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }

    fn write(folder: &Path, issued: &Issued) -> Certificates {
        std::fs::write(folder.join("tls.crt"), &issued.certificate).unwrap();
        std::fs::write(folder.join("tls.key"), &issued.key).unwrap();
        Certificates::load(&folder.join("tls.crt"), &folder.join("tls.key")).unwrap()
    }

    /// Connects with trust in exactly this certificate.
    async fn connect(server: &Server, trust: &Issued, alpn: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(trust.certificate.as_bytes()).unwrap()).unwrap();
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, server.connect().await).await
    }

    #[tokio::test]
    async fn http2_is_negotiated() {
        let (folder, issued) = (tempfile::tempdir().unwrap(), issue());
        let listener = Listener::tls(loopback().await, write(folder.path(), &issued));
        let server = Server::with(listener, hello(), quick());
        let stream = connect(&server, &issued, b"h2").await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.unwrap();
        tokio::spawn(connection);
        let request = Request::builder().uri("https://localhost/").body(Empty::<Bytes>::new()).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "127.0.0.1 true");
        drop(sender);
        assert_eq!(server.stop().await, Stopped::Drained);
    }

    #[tokio::test]
    async fn http1_is_served_to_those_who_ask_for_it() {
        let (folder, issued) = (tempfile::tempdir().unwrap(), issue());
        let listener = Listener::tls(loopback().await, write(folder.path(), &issued));
        let server = Server::with(listener, hello(), quick());
        let stream = connect(&server, &issued, b"http/1.1").await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let response = sender.send_request(request("/")).await.unwrap();
        assert_eq!(response.version(), Version::HTTP_11);
    }

    #[tokio::test]
    async fn a_handshake_that_does_not_go_on_is_cut() {
        let (folder, issued) = (tempfile::tempdir().unwrap(), issue());
        let listener = Listener::tls(loopback().await, write(folder.path(), &issued));
        let server = Server::with(listener, hello(), Limits { handshake_timeout: SHORT, ..quick() });
        assert!(until_closed(&mut server.connect().await).await.is_empty());
    }

    #[tokio::test]
    async fn a_new_certificate_is_taken_up_and_a_bad_one_is_not() {
        let (folder, old, new) = (tempfile::tempdir().unwrap(), issue(), issue());
        let certificates = write(folder.path(), &old);
        let server = Server::with(Listener::tls(loopback().await, certificates.clone()), hello(), quick());
        assert!(connect(&server, &old, b"h2").await.is_ok());
        assert!(!certificates.reload().unwrap(), "nothing changed");

        std::fs::write(folder.path().join("tls.crt"), &new.certificate).unwrap();
        let error = certificates.reload().unwrap_err();
        assert!(matches!(error, TlsError::Pair { .. }), "{error}");
        assert!(!certificates.reload().unwrap(), "complained about once");
        assert!(connect(&server, &old, b"h2").await.is_ok(), "the former pair stays");

        std::fs::write(folder.path().join("tls.key"), &new.key).unwrap();
        assert!(certificates.reload().unwrap());
        assert!(connect(&server, &new, b"h2").await.is_ok());
        assert!(connect(&server, &old, b"h2").await.is_err());

        std::fs::write(folder.path().join("tls.crt"), "no certificate").unwrap();
        assert!(matches!(certificates.reload(), Err(TlsError::Content { .. })));
        std::fs::remove_file(folder.path().join("tls.key")).unwrap();
        assert!(matches!(certificates.reload(), Err(TlsError::Read { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn the_files_are_followed() {
        let (folder, new) = (tempfile::tempdir().unwrap(), issue());
        let certificates = write(folder.path(), &issue());
        let stop = CancellationToken::new();
        let following = tokio::spawn(super::super::tls::follow(vec![certificates.clone()], stop.clone()));
        tokio::time::sleep(Duration::from_secs(1)).await;
        std::fs::write(folder.path().join("tls.crt"), &new.certificate).unwrap();
        std::fs::write(folder.path().join("tls.key"), &new.key).unwrap();
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert!(!certificates.reload().unwrap(), "taken up already");
        stop.cancel();
        following.await.unwrap();
    }

    #[tokio::test]
    async fn a_configuration_is_opened() {
        let (folder, issued) = (tempfile::tempdir().unwrap(), issue());
        write(folder.path(), &issued);
        let tls = config::Tls {
            certificate: folder.path().join("tls.crt"),
            private_key: folder.path().join("tls.key"),
        };
        let addr = ([127, 0, 0, 1], 0).into();
        let wanted = [Serves::Http, Serves::Https, Serves::Redirect { https_port: 8443 }]
            .map(|serves| config::Listen { addr, serves });
        assert_eq!(open(&wanted, Some(&tls)).await.unwrap().len(), 3);
        assert!(matches!(open(&wanted, None).await, Err(OpenError::NoCertificate(_))));
        let taken = loopback().await;
        let wanted = [config::Listen { addr: taken.local_addr().unwrap(), serves: Serves::Http }];
        assert!(matches!(open(&wanted, None).await, Err(OpenError::Bind { .. })));
    }
}

#[tokio::test]
async fn plain_http1_and_http2_are_told_apart() {
    let server = Server::start(hello(), quick()).await;
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
    let server = Server::with(Listener::redirect(loopback().await, 8443), hello(), quick());
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
    let server = Server::start(app, quick()).await;
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
        let limits = Limits { shutdown_grace: SHORT, ..quick() };
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

#[tokio::test]
async fn a_client_that_has_closed_its_side_gets_the_whole_answer() {
    const LONG: usize = 32 << 20;
    let late = get(|| async {
        tokio::time::sleep(SHORT).await;
        vec![7; LONG]
    });
    let server = Server::start(Router::new().route("/", late), quick()).await;
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
    let limits = Limits { max_connections: 1, ..quick() };
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
    let server = Server::start(hello(), quick()).await;
    let mut big = request("/");
    big.headers_mut().insert("x-big", "a".repeat(70_000).parse().unwrap());
    let (status, _) = http1_request(server.connect().await, big).await;
    assert_eq!(status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}
