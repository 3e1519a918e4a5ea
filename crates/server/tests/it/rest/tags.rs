//! Tags: given, moved, taken.

use super::{names, refusal, told};
use crate::on_each_engine;
use haven_testkit::{TestApp, image};
use serde_json::json;
use std::time::Duration;

const WEB: &str = "/api/v2.0/projects/library/repositories/web/artifacts";

async fn push(app: &TestApp, tag: &str, text: &str) {
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(app.admin().push("library/web", tag, &image(text)).await.status, 201);
}

#[tokio::test]
async fn a_tag_is_given_once_in_a_repository() {
    on_each_engine(async |app| {
        push(&app, "v1", "one").await;
        push(&app, "v2", "two").await;
        let tags = format!("{WEB}/v1/tags");
        let give = async |name: &str| app.admin().post(&tags, &json!({ "name": name, "id": 9 })).await;
        let given = give("stable").await;
        assert_eq!((given.status, given.text().as_str(), given.header("location")), (201, "", ""));
        assert_eq!(refusal(&give("stable").await), told(409, "CONFLICT", "tag stable already exists"));
        assert_eq!(refusal(&give("v2").await), told(409, "CONFLICT", "tag v2 already exists"));
        assert_eq!(give("v1").await.status, 409, "the same artifact");
        for name in ["", ".bad", "-bad", "a b", "a/b", "a:b", "é", &"x".repeat(129)] {
            let refused = give(name).await;
            assert_eq!(refusal(&refused), told(400, "BAD_REQUEST", &format!("invalid tag name: {name}")));
        }
        assert_eq!(app.admin().post(&tags, &json!({})).await.status, 400);
        assert_eq!(give(&"x".repeat(128)).await.status, 201);
        let pulled = app.admin().get("/v2/library/web/manifests/stable").await;
        assert_eq!(pulled.header("docker-content-digest"), image("one").digest());
        let other = app.admin().post(&format!("{WEB}/v3/tags"), &json!({ "name": "new" })).await;
        assert_eq!(refusal(&other), told(404, "NOT_FOUND", "artifact library/web:v3 not found"));
        let nowhere = WEB.replace("/web/", "/nothing/");
        assert_eq!(
            app.admin().post(&format!("{nowhere}/v1/tags"), &json!({ "name": "new" })).await.status,
            404
        );
        assert_eq!(app.admin().push("library/other", "stable", &image("one")).await.status, 201);
    })
    .await;
}

#[tokio::test]
async fn the_tags_of_an_artifact_are_listed_newest_first() {
    on_each_engine(async |app| {
        for tag in ["v1.0", "v1.1", "latest"] {
            push(&app, tag, "one").await;
        }
        push(&app, "other", "two").await;
        let list = async |query: &str| app.admin().get(&format!("{WEB}/latest/tags{query}")).await;
        assert_eq!(names(&list("").await), ["latest", "v1.1", "v1.0"]);
        assert_eq!(names(&list("?sort=name").await), ["latest", "v1.0", "v1.1"]);
        assert_eq!(names(&list("?q=name%3D~V1").await), ["v1.1", "v1.0"]);
        assert_eq!(names(&list("?q=name%3Dv1.1&with_immutable_status=true").await), ["v1.1"]);
        let second = list("?page_size=1&page=2").await;
        assert_eq!((names(&second), second.header("x-total-count")), (vec!["v1.1".to_owned()], "3"));
        assert!(second.header("link").contains("rel=\"prev\" , <"));
        let tag = list("?q=name%3Dv1.0").await.json()[0].clone();
        assert_eq!(tag["push_time"], "2023-11-14T22:14:20.000Z");
        assert_eq!(tag["pull_time"], "0001-01-01T00:00:00.000Z");
        assert_eq!(tag["immutable"], false);
        let artifact = app.admin().get(&format!("{WEB}/latest")).await.json();
        assert_eq!(artifact["tags"][2], tag);
        assert_eq!(
            (&tag["artifact_id"], &tag["repository_id"]),
            (&artifact["id"], &artifact["repository_id"])
        );
    })
    .await;
}

#[tokio::test]
async fn a_tag_is_taken_from_its_own_artifact_only() {
    on_each_engine(async |app| {
        push(&app, "v1", "one").await;
        push(&app, "v2", "two").await;
        let refused = app.admin().delete(&format!("{WEB}/v1/tags/v2")).await;
        let words = "tag v2 attached to artifact v1 not found";
        assert_eq!(refusal(&refused), told(404, "NOT_FOUND", words));
        assert_eq!(app.admin().get("/v2/library/web/manifests/v2").await.status, 200, "still there");
        for path in ["v1/tags/v3", "v3/tags/v1", "v1/tags/-x", "v1/tags/a%2Fb"] {
            assert_eq!(app.admin().delete(&format!("{WEB}/{path}")).await.status, 404, "{path}");
        }
        let digest = image("one").digest();
        let taken = app.admin().delete(&format!("{WEB}/{digest}/tags/v1")).await;
        assert_eq!((taken.status, taken.text().as_str()), (200, ""));
        assert_eq!(app.admin().get(&format!("{WEB}/v1")).await.status, 404);
        let bare = app.admin().get(&format!("{WEB}/{digest}")).await.json();
        assert_eq!((&bare["digest"], bare.get("tags")), (&json!(digest), Some(&json!(null))));
        let listed = app.admin().get(WEB).await;
        assert_eq!(listed.header("x-total-count"), "2", "without a tag it stays listed");
        let tags = app.admin().get(&format!("{WEB}/{digest}/tags")).await;
        assert_eq!((tags.status, tags.text().trim_end(), tags.header("x-total-count")), (200, "[]", "0"));
    })
    .await;
}

#[tokio::test]
async fn only_a_tag_that_moves_is_new() {
    on_each_engine(async |app| {
        push(&app, "v1", "one").await;
        let time = async || app.admin().get(&format!("{WEB}/v1/tags")).await.json()[0]["push_time"].clone();
        let id = async |of: &str| app.admin().get(&format!("{WEB}/{of}")).await.json()["id"].clone();
        let (first, one) = (time().await, id("v1").await);
        push(&app, "v1", "one").await;
        assert_eq!((time().await, id("v1").await), (first.clone(), one.clone()), "pushed again, not moved");
        push(&app, "v1", "two").await;
        assert_eq!(time().await, "2023-11-14T22:16:20.000Z");
        assert_ne!(id("v1").await, one);
        assert_eq!(id(&image("one").digest()).await, one, "what it named is still there");
        push(&app, "v1", "one").await;
        assert_eq!((time().await, id("v1").await), (json!("2023-11-14T22:17:20.000Z"), one));
        let shown = app.admin().get(&format!("{WEB}/v1")).await.json();
        assert_eq!(shown["push_time"], "2023-11-14T22:14:20.000Z", "an artifact is pushed once");
    })
    .await;
}

#[tokio::test]
async fn the_registry_lists_tags_in_byte_order_by_pages() {
    on_each_engine(async |app| {
        for tag in ["b", "a", "B", "_c", "a.1", "10", "9"] {
            push(&app, tag, "one").await;
        }
        let all = ["10", "9", "B", "_c", "a", "a.1", "b"];
        let list = async |query: &str| app.admin().get(&format!("/v2/library/web/tags/list{query}")).await;
        assert_eq!(list("").await.json(), json!({ "name": "library/web", "tags": all }));
        let (mut query, mut seen) = ("?n=3".to_owned(), Vec::new());
        while !query.is_empty() {
            let page = list(&query).await;
            let tags = page.json()["tags"].as_array().unwrap().clone();
            assert!(tags.len() <= 3);
            seen.extend(tags);
            let link = page.header("link").strip_suffix(">; rel=\"next\"").unwrap_or_default();
            query = link.strip_prefix("</v2/library/web/tags/list").unwrap_or_default().to_owned();
        }
        assert_eq!(seen, all);
        assert_eq!(list("?last=a").await.json()["tags"], json!(["a.1", "b"]));
        assert_eq!(list("?last=aa&n=1").await.json()["tags"], json!(["b"]), "last need not be there");
        assert_eq!(list("?n=7").await.header("link"), "");
        assert_eq!(list("?n=0").await.json()["tags"], json!([]));
        for n in ["-1", "x", "1.5"] {
            assert_eq!(list(&format!("?n={n}")).await.status, 400, "{n}");
        }
        let unknown = app.admin().get("/v2/library/nothing/tags/list").await;
        assert_eq!((unknown.status, unknown.code().as_str()), (404, "NAME_UNKNOWN"));
        assert_eq!(app.admin().get("/v2/library/nothing/tags/list?n=0").await.status, 200);
    })
    .await;
}
