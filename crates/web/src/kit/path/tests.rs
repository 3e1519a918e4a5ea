//! Path parameters through a real router.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::routing::get;
use http::Request;
use serde::Deserialize;
use tower::ServiceExt;

use super::*;

#[derive(Deserialize)]
struct Names {
    project_name: String,
    repository_name: RepositoryPath,
}

async fn repository(Path(names): Path<Names>) -> String {
    format!("{} {}", names.project_name, names.repository_name.as_str())
}

async fn project(project: ProjectNameOrId) -> String {
    format!("{project:?}")
}

async fn number(Path(id): Path<i64>) -> String {
    id.to_string()
}

async fn pair(Path((id, name)): Path<(i32, String)>) -> String {
    format!("{id} {name}")
}

async fn answer(path: &str, header: Option<&str>) -> String {
    let router = Router::new()
        .route("/projects/{project_name_or_id}", get(project))
        .route("/projects/{project_name}/repositories/{repository_name}", get(repository))
        .route("/robots/{robot_id}", get(number))
        .route("/pairs/{left}/{right}", get(pair));
    let mut request = Request::builder().uri(path);
    if let Some(header) = header {
        request = request.header(IS_RESOURCE_NAME, header);
    }
    let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    format!("{status} {}", String::from_utf8_lossy(&body).trim_end())
}

#[tokio::test]
async fn repository_names_are_decoded_twice() {
    for (segment, want) in [
        ("a%252Fb", "200 p a/b"),
        ("a%2Fb", "200 p a/b"),
        ("a", "200 p a"),
        ("a%252Fb%2Fc", "200 p a/b/c"),
        ("a+b", "200 p a+b"),
    ] {
        assert_eq!(answer(&format!("/projects/p/repositories/{segment}"), None).await, want);
    }
}

#[tokio::test]
async fn what_is_no_text_is_refused() {
    for segment in ["%ff", "a%25ff", "a%25zz", "%00", "a%2500"] {
        let told = answer(&format!("/projects/p/repositories/{segment}"), None).await;
        assert!(told.starts_with("400 {\"errors\":[{\"code\":\"BAD_REQUEST\""), "{segment}: {told}");
    }
}

#[tokio::test]
async fn a_number_that_is_none_is_a_validation_problem() {
    let table = [
        ("/robots/x", r#"robot_id in path must be of type int64: \"x\""#),
        ("/pairs/x/y", r#"left in path must be of type int32: \"x\""#),
    ];
    for (path, line) in table {
        let want = format!(
            "422 {{\"errors\":[{{\"code\":\"UNPROCESSABLE_ENTITY\",\"message\":\"validation failure list:\\n{line}\"}}]}}"
        );
        assert_eq!(answer(path, None).await, want);
    }
    assert_eq!(answer("/robots/7", None).await, "200 7");
    assert_eq!(answer("/pairs/7/x%2Fy", None).await, "200 7 x/y");
}

#[tokio::test]
async fn a_number_is_an_id_unless_the_header_says_name() {
    for (path, header, want) in [
        ("/projects/7", None, "200 Id(7)"),
        ("/projects/7", Some("false"), "200 Id(7)"),
        ("/projects/7", Some(""), "200 Id(7)"),
        ("/projects/7", Some("true"), "200 Name(\"7\")"),
        ("/projects/+7", None, "200 Name(\"+7\")"),
        ("/projects/library", None, "200 Name(\"library\")"),
        ("/projects/99999999999999999999", None, "200 Name(\"99999999999999999999\")"),
    ] {
        assert_eq!(answer(path, header).await, want, "{path} {header:?}");
    }
    let told = answer("/projects/7", Some("perhaps")).await;
    assert!(
        told.starts_with("422") && told.contains("X-Is-Resource-Name in header must be of type bool"),
        "{told}"
    );
}
