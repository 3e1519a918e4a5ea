//! The outer layer around a small application.

use std::cell::RefCell;
use std::io::Write;

use axum::body::to_bytes;
use axum::routing::{any, get};
use http::StatusCode;
use tower::ServiceExt;

use super::*;
use crate::kit::{Json, Paged, Routes};

fn app(metrics: &Metrics) -> Router {
    let rest = Routes::new("/api/v2.0")
        .get("listThings", "/things", || async { Paged::new(vec!["x".repeat(2000)], 11) })
        .get("getPing", "/ping", || async { "Pong" })
        .get("getThing", "/things/{name}", |context: RequestContext| async move {
            context.set_caller("jane");
            Json("small")
        })
        .delete("breakThing", "/things/{name}", || async { broken() });
    let other = Router::new()
        .route("/v2/{*path}", any(|| async { Json("x".repeat(2000)) }))
        .route("/image", get(|| async { ([("content-type", "image/png")], "x".repeat(2000)) }))
        .route("/origin", get(|origin: Origin| async move { origin.base_url() }));
    let network = Network::default();
    let app = rest.into_router().merge(other).fallback(crate::kit::routes::not_found);
    wrap(app, Stack { metrics: metrics.clone(), network })
}

fn broken() -> StatusCode {
    panic!("the secret of the handler")
}

async fn send(request: http::request::Builder) -> (http::response::Parts, String) {
    let metrics = Metrics::new("test");
    let response = app(&metrics).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts, String::from_utf8_lossy(&to_bytes(body, 1 << 20).await.unwrap()).into_owned())
}

fn get_of(uri: &str) -> http::request::Builder {
    Request::builder().uri(uri)
}

#[tokio::test]
async fn every_answer_has_an_id_and_the_security_headers() {
    for uri in ["/api/v2.0/ping", "/api/v2.0/moon", "/moon", "/v2/x", "/?a=1;b=2", "/v1/search"] {
        let (head, _) = send(get_of(uri)).await;
        let id = head.headers["x-request-id"].to_str().unwrap();
        assert!(Uuid::parse_str(id).is_ok(), "{uri}");
        assert_eq!(head.headers["x-frame-options"], "DENY", "{uri}");
        assert_eq!(head.headers["content-security-policy"], "frame-ancestors 'none'", "{uri}");
        assert_eq!(head.headers["x-content-type-options"], "nosniff", "{uri}");
        assert!(!head.headers.contains_key("strict-transport-security"), "{uri}");
    }
}

#[tokio::test]
async fn a_good_id_is_echoed_and_a_bad_one_replaced() {
    let long = "x".repeat(129);
    for (given, is_kept) in
        [("abc-1", true), ("", false), ("a b", false), ("é", false), (long.as_str(), false)]
    {
        let (head, _) = send(get_of("/api/v2.0/ping").header("x-request-id", given)).await;
        assert_eq!(head.headers["x-request-id"] == given, is_kept, "{given}");
    }
}

#[tokio::test]
async fn tls_is_remembered_by_the_browser() {
    let conn = ConnInfo { tls: true, ..ConnInfo::default() };
    let (head, body) = send(get_of("/origin").header("host", "reg.example").extension(conn)).await;
    assert_eq!(head.headers["strict-transport-security"], "max-age=31536000");
    assert_eq!(body, "https://reg.example");
}

#[tokio::test]
async fn a_bad_url_is_refused_in_the_shape_of_its_api() {
    for (uri, shape) in [("/api/v2.0/ping?a=1;b=2", false), ("/v2/x?n=%zz", true), ("/moon?%", false)] {
        let (head, body) = send(get_of(uri)).await;
        assert_eq!(head.status, 400, "{uri}");
        assert!(body.contains("\"BAD_REQUEST\""), "{body}");
        assert_eq!(head.headers.contains_key("docker-distribution-api-version"), shape, "{uri}");
    }
    let (head, _) = send(get_of("/api/v2.0/ping").header("host", "a/b")).await;
    assert_eq!(head.status, 400);
}

#[tokio::test]
async fn slashes_are_tidied_before_routing() {
    for uri in ["/api/v2.0/ping", "/api/v2.0/ping/", "//api///v2.0//ping//", "/api/v2.0/ping/?a=//"] {
        assert_eq!(send(get_of(uri)).await.1, "Pong", "{uri}");
    }
    let (head, _) = send(get_of("//api/v2.0/things/?q=a//b")).await;
    let link = head.headers["link"].to_str().unwrap();
    assert_eq!(link, "</api/v2.0/things/?page=2&page_size=10&q=a//b>; rel=\"next\"");
    for (uri, status) in [("//v2//x/", 200), ("/origin/", 200), ("//", 404)] {
        assert_eq!(send(get_of(uri)).await.0.status, status, "{uri}");
    }
}

#[tokio::test]
async fn what_nobody_serves_is_named() {
    for (uri, path) in [("/v1/search", "/v1/search"), ("/v1", "/v1"), ("//moon/a%2Fb?x=1", "/moon/a%2Fb")] {
        let (head, body) = send(get_of(uri)).await;
        assert_eq!(head.status, 404);
        assert!(body.contains(&format!("path {path} was not found")), "{body}");
    }
    assert_eq!(send(Request::builder().method("OPTIONS").uri("*")).await.0.status, 404);
}

#[tokio::test]
async fn a_panic_is_one_answer_and_tells_nothing() {
    let (head, body) = send(Request::builder().method("DELETE").uri("/api/v2.0/things/a")).await;
    assert_eq!(head.status, 500);
    assert_eq!(body, "{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":\"internal server error\"}]}\n");
    assert!(head.headers.contains_key("x-request-id"));
}

#[tokio::test]
async fn only_long_texts_of_the_rest_api_are_compressed() {
    for (uri, want) in
        [("/api/v2.0/things", true), ("/api/v2.0/things/a", false), ("/v2/x", false), ("/image", false)]
    {
        let (head, _) = send(get_of(uri).header("accept-encoding", "gzip")).await;
        assert_eq!(head.headers.contains_key("content-encoding"), want, "{uri}");
        assert!(!send(get_of(uri)).await.0.headers.contains_key("content-encoding"), "{uri}");
    }
}

#[tokio::test]
async fn an_unacceptable_answer_is_not_made() {
    let (head, body) = send(get_of("/api/v2.0/ping").header("accept", "image/png")).await;
    assert_eq!(head.status, 422);
    assert!(body.contains("unsupported media type requested, only [text/plain] are available"), "{body}");
}

#[tokio::test]
async fn requests_are_counted_by_operation() {
    let metrics = Metrics::new("test");
    for (method, uri) in [("GET", "/api/v2.0/ping"), ("DELETE", "/api/v2.0/things/a"), ("GET", "/moon")] {
        let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
        let response = app(&metrics).oneshot(request).await.unwrap();
        to_bytes(response.into_body(), 1 << 20).await.unwrap();
    }
    let text = to_bytes(metrics.expose().into_body(), 1 << 20).await.unwrap();
    let text = String::from_utf8_lossy(&text);
    for line in [
        r#"haven_http_requests_total{operation="getPing",method="GET",status="2xx"} 1"#,
        r#"haven_http_requests_total{operation="breakThing",method="DELETE",status="5xx"} 1"#,
        r#"haven_http_requests_total{operation="unknown",method="GET",status="4xx"} 1"#,
        "haven_http_requests_in_flight 0",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

thread_local! {
    /// What was logged on this thread, which is the one of the test.
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_log_names_the_request_and_none_of_its_secrets() {
    // For the whole process: a subscriber of one thread may miss call sites that another thread has met first.
    tracing_subscriber::fmt().with_ansi(false).with_writer(|| Log).init();
    let request = get_of("/api/v2.0/things/a?token=sesame").header("x-request-id", "id-7");
    send(request.header("authorization", "Basic c2VzYW1l").header("cookie", "sid=sesame")).await;
    send(get_of("/api/v2.0/ping")).await;
    send(Request::builder().method("DELETE").uri("/api/v2.0/things/a")).await;
    let text = String::from_utf8(LOG.take()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    for part in [
        "request.id=\"id-7\"",
        "http.method=GET",
        "http.path=\"/api/v2.0/things/a\"",
        "caller=\"jane\"",
        "operation=\"getThing\"",
        "http.status=200",
        "answered",
    ] {
        assert!(lines[0].contains(part), "{part} is not in {}", lines[0]);
    }
    assert!(!text.contains("sesame") && !text.contains("c2VzYW1l"), "{text}");
    assert!(lines[1].contains("the secret of the handler") && lines[1].contains("ERROR"), "{}", lines[1]);
    assert!(lines[2].contains("code=\"UNKNOWN\""), "{}", lines[2]);
}

#[tokio::test]
async fn an_abandoned_request_is_counted_as_such() {
    let metrics = Metrics::new("test");
    let waiting = Router::new().route("/", get(std::future::pending::<()>));
    let app = wrap(waiting, Stack { metrics: metrics.clone(), network: Network::default() });
    let request = app.oneshot(get_of("/").body(Body::empty()).unwrap());
    assert!(tokio::time::timeout(std::time::Duration::from_millis(10), request).await.is_err());
    let text = to_bytes(metrics.expose().into_body(), 1 << 20).await.unwrap();
    assert!(String::from_utf8_lossy(&text).contains(r#"status="aborted"} 1"#));
}
