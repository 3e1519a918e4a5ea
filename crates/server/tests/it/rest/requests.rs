//! What is true of every request: paths, methods, bodies, ids and the read-only switch.

use super::{API, refusal, told};
use crate::on_each_engine;
use haven_testkit::image;
use http::Method;
use serde_json::json;

const PROJECTS: &str = "/api/v2.0/projects";
const JSON: (&str, &str) = ("content-type", "application/json");
const READ_ONLY: &str = "The system is in read only mode. Any modification is prohibited.";

#[tokio::test]
async fn a_body_that_is_none_is_a_validation_problem() {
    on_each_engine(async |app| {
        let send = async |headers: &[(&str, &str)], body: &'static str| {
            let refused = app.anonymous().request(Method::POST, PROJECTS, headers, body).await;
            assert_eq!((refused.status, refused.code().as_str()), (422, "UNPROCESSABLE_ENTITY"), "{body}");
            refused.message()
        };
        assert!(send(&[JSON], "{\"project_name\":").await.contains("parsing body body from \"\" failed"));
        assert!(send(&[JSON], "{\"project_name\":7}").await.contains("failed, because"));
        let list = "[\"team\",null,null,null,null,null]";
        assert!(send(&[JSON], list).await.ends_with("an object is expected, not a list"));
        assert!(send(&[JSON], "").await.ends_with("\nbody in body is required"));
        assert!(send(&[], "").await.ends_with("\nbody in body is required"));
        let body = "{\"project_name\":\"team\"}";
        assert!(send(&[], body).await.contains("unsupported media type"));
        let typed = send(&[("content-type", "text/plain")], body).await;
        assert!(typed.contains("unsupported media type \"text/plain\""), "{typed}");
        let html = app.admin().request(Method::GET, PROJECTS, &[("accept", "text/html")], "").await;
        assert_eq!(html.status, 422, "nothing of ours is acceptable");
        let ignored = app.admin().request(Method::GET, PROJECTS, &[JSON], "null").await;
        assert_eq!((ignored.status, ignored.header("x-total-count")), (200, "1"));
    })
    .await;
}

#[tokio::test]
async fn slashes_too_many_make_no_difference() {
    on_each_engine(async |app| {
        let admin = app.admin();
        for path in ["/projects/", "//projects", "/projects/library/", "/projects//library", "/ping/"] {
            assert_eq!(admin.get(&format!("{API}{path}")).await.status, 200, "{path}");
        }
        assert_eq!(admin.get("/api/version/").await.json(), json!({ "version": "v2.0" }));
        assert_eq!(admin.head(&format!("{PROJECTS}/?project_name=library")).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told() {
    on_each_engine(async |app| {
        for path in ["/api/v2.0/nothing", "/api/v2.0/projects/library/nothing", "/api/v1/projects", "/x%2Fy"]
        {
            let refused = app.anonymous().get(path).await;
            let words = format!("path {path} was not found");
            assert_eq!(refusal(&refused), told(404, "NOT_FOUND", &words));
        }
        let table = [
            (Method::PATCH, "/projects", "[GET,HEAD,POST]", "GET,HEAD,POST"),
            (Method::POST, "/projects/library", "[DELETE,GET,PUT]", "DELETE,GET,PUT"),
            (Method::POST, "/configurations", "[GET,PUT]", "GET,PUT"),
            (Method::DELETE, "/ping", "[GET]", "GET"),
        ];
        for (method, path, told_methods, allow) in table {
            let refused = app.admin().request(method.clone(), &format!("{API}{path}"), &[], "").await;
            let words = format!("method {method} is not allowed, but {told_methods} are");
            assert_eq!(refusal(&refused), told(405, "METHOD_NOT_ALLOWED", &words));
            assert_eq!(refused.header("allow"), allow);
        }
        let error = app.anonymous().get("/api/v2.0/nothing").await;
        assert_eq!(error.header("content-type"), "application/json; charset=utf-8");
        assert!(error.text().ends_with("}\n"));
        assert_eq!(error.json()["errors"][0].as_object().unwrap().len(), 2, "code and message only");
    })
    .await;
}

#[tokio::test]
async fn every_answer_has_the_id_of_its_request() {
    on_each_engine(async |app| {
        for path in ["/api/v2.0/ping", "/api/v2.0/nothing", "/v2/", "/service/token", "/", "/api/v2.0/ping?;"]
        {
            let mine = app.anonymous().request(Method::GET, path, &[("x-request-id", "mine-7")], "").await;
            assert_eq!(mine.header("x-request-id"), "mine-7", "{path}");
            let (first, second) = (app.anonymous().get(path).await, app.anonymous().get(path).await);
            let (first, second) = (first.header("x-request-id"), second.header("x-request-id"));
            assert_eq!((first.len(), &first[14..15]), (36, "4"), "a random UUID: {first}");
            assert_ne!(first, second);
        }
        for bad in ["", "two words", &"x".repeat(129)] {
            let answer = app.anonymous().request(Method::GET, "/v2/", &[("x-request-id", bad)], "").await;
            assert_eq!(answer.header("x-request-id").len(), 36, "{bad:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_frozen_system_lets_nobody_change_anything() {
    on_each_engine(async |app| {
        let admin = app.admin();
        assert_eq!(admin.push("library/web", "v1", &image("one")).await.status, 201);
        let settings = format!("{API}/configurations");
        assert_eq!(admin.put(&settings, &json!({ "read_only": true })).await.status, 200);
        let (token, digest) = (admin.token(&["repository:library/web:push"]).await, image("one").digest());
        let repository = format!("{PROJECTS}/library/repositories/web");
        let denied =
            |answer: haven_testkit::Answer| assert_eq!(refusal(&answer), told(403, "DENIED", READ_ONLY));
        denied(admin.post(PROJECTS, &json!({ "project_name": "team" })).await);
        denied(admin.put(&repository, &json!({ "description": "x" })).await);
        denied(admin.delete(&repository).await);
        denied(admin.delete(&format!("{repository}/artifacts/v1")).await);
        denied(app.anonymous().delete(&format!("{PROJECTS}/library")).await);
        for client in [&admin, &token] {
            denied(client.push_blob("library/web", b"more").await);
            denied(client.push_manifest("library/web", "v2", &image("one")).await);
            denied(client.delete(&format!("/v2/library/web/manifests/{digest}")).await);
            assert_eq!(client.get("/v2/library/web/manifests/v1").await.status, 200);
        }
        assert_eq!(admin.get(&repository).await.status, 200);
        assert_eq!(app.anonymous().put(&settings, &json!({ "read_only": false })).await.status, 401);
        assert_eq!(admin.put(&format!("{settings}/"), &json!({ "read_only": false })).await.status, 200);
        assert_eq!(admin.put(&repository, &json!({ "description": "x" })).await.status, 200);
        assert_eq!(admin.push("library/web", "v2", &image("two")).await.status, 201);
    })
    .await;
}
