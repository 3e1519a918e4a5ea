//! The table as a router: names, unknown paths, other methods.

use axum::body::{Body, to_bytes};
use http::Request as HttpRequest;
use tower::ServiceExt;

use super::*;

fn table() -> Routes<()> {
    let projects = Routes::new("/api/v2.0")
        .get("listProjects", "/projects", || async { "list" })
        .head("headProject", "/projects", || async { "" })
        .get("getProject", "/projects/{project_name_or_id}", || async { "one" });
    Routes::new("/api/v2.0")
        .get("listMetadata", "/projects/{project_name_or_id}/metadatas/", || async { "metadata" })
        .get("listRepositories", "/projects/{project_name}/repositories", || async { "repositories" })
        .merge(projects)
        .merge(Routes::new("/api/v2.0").post("createProject", "/projects", || async { StatusCode::CREATED }))
}

async fn answer(method: &str, path: &str) -> (u16, Option<String>, String, &'static str) {
    let context = RequestContext::new(String::new(), tracing::Span::none());
    let request = HttpRequest::builder().method(method).uri(path).extension(context.clone());
    let response = table().into_router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let allow = response.headers().get("allow").map(|v| v.to_str().unwrap().to_owned());
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, allow, String::from_utf8_lossy(&body).trim_end().to_owned(), context.operation())
}

#[test]
fn operations_are_remembered_as_registered() {
    let routes = table();
    let listed: Vec<_> =
        routes.operations().iter().map(|o| format!("{} {} {}", o.method, o.path, o.id)).collect();
    assert_eq!(
        listed,
        [
            "GET /api/v2.0/projects/{project_name_or_id}/metadatas/ listMetadata",
            "GET /api/v2.0/projects/{project_name}/repositories listRepositories",
            "GET /api/v2.0/projects listProjects",
            "HEAD /api/v2.0/projects headProject",
            "GET /api/v2.0/projects/{project_name_or_id} getProject",
            "POST /api/v2.0/projects createProject",
        ]
    );
}

#[tokio::test]
async fn requests_reach_their_operation() {
    for (method, path, status, body, id) in [
        ("GET", "/api/v2.0/projects", 200, "list", "listProjects"),
        ("HEAD", "/api/v2.0/projects", 200, "", "headProject"),
        ("POST", "/api/v2.0/projects", 201, "", "createProject"),
        ("GET", "/api/v2.0/projects/7", 200, "one", "getProject"),
        ("GET", "/api/v2.0/projects/7/metadatas", 200, "metadata", "listMetadata"),
        ("GET", "/api/v2.0/projects/7/repositories", 200, "repositories", "listRepositories"),
    ] {
        let (got, _, text, operation) = answer(method, path).await;
        assert_eq!((got, text.as_str(), operation), (status, body, id), "{method} {path}");
    }
}

#[tokio::test]
async fn unknown_paths_are_named() {
    for path in ["/api/v2.0/moon", "/api/v2.0/projects/7/moon", "/api/v2.0/projects/a%2Fb/x/y"] {
        let (status, _, body, operation) = answer("GET", path).await;
        let want =
            format!("{{\"errors\":[{{\"code\":\"NOT_FOUND\",\"message\":\"path {path} was not found\"}}]}}");
        assert_eq!((status, body, operation), (404, want, "unknown"));
    }
}

#[tokio::test]
async fn other_methods_are_told_what_is_allowed() {
    let (status, allow, body, _) = answer("DELETE", "/api/v2.0/projects").await;
    assert_eq!((status, allow.as_deref()), (405, Some("GET,HEAD,POST")));
    assert!(body.contains("\"METHOD_NOT_ALLOWED\""), "{body}");
    assert!(body.contains("method DELETE is not allowed, but [GET,HEAD,POST] are"), "{body}");
    let (status, allow, ..) = answer("HEAD", "/api/v2.0/projects/7").await;
    assert_eq!((status, allow.as_deref()), (405, Some("GET")));
    let (status, allow, ..) = answer("BREW", "/api/v2.0/projects/7").await;
    assert_eq!((status, allow.as_deref()), (405, Some("GET")));
    let (status, allow, ..) = answer("OPTIONS", "/api/v2.0/projects").await;
    assert_eq!((status, allow.as_deref()), (204, Some("GET,HEAD,POST")));
}
