//! Repositories: what pushes leave behind.

use super::{API, names, refusal, told};
use crate::on_each_engine;
use haven_core::access::Role;
use haven_testkit::image;
use serde_json::json;
use std::time::Duration;

const LIBRARY: &str = "/api/v2.0/projects/library/repositories";

#[tokio::test]
async fn a_nested_name_is_encoded_once_or_twice() {
    on_each_engine(async |app| {
        let admin = app.admin();
        assert_eq!(admin.push("library/a/b-c/d", "v1", &image("one")).await.status, 201);
        for name in ["a%252Fb-c%252Fd", "a%2Fb-c%2Fd", "a%252fb-c%2Fd"] {
            let shown = admin.get(&format!("{LIBRARY}/{name}")).await;
            assert_eq!(
                (shown.status, shown.json()["name"].as_str()),
                (200, Some("library/a/b-c/d")),
                "{name}"
            );
            let listed = admin.get(&format!("{LIBRARY}/{name}/artifacts")).await;
            assert_eq!(listed.header("x-total-count"), "1", "{name}");
            let one = admin.get(&format!("{LIBRARY}/{name}/artifacts/v1")).await.json();
            assert_eq!(one["repository_name"], "library/a/b-c/d");
        }
        assert_eq!(admin.get(&format!("{LIBRARY}/a/b-c/d")).await.status, 404, "no such path");
        for (name, status) in [("a%252Fb", 404), ("A%252Fb", 400), ("a%252F..%252Fb", 400), ("a%25zz", 400)] {
            assert_eq!(admin.get(&format!("{LIBRARY}/{name}")).await.status, status, "{name}");
        }
        assert_eq!(admin.delete(&format!("{LIBRARY}/a%252Fb-c%252Fd")).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn repositories_are_listed_newest_first() {
    on_each_engine(async |app| {
        let admin = app.admin();
        for name in ["one/web", "two", "three"] {
            assert_eq!(admin.push(&format!("library/{name}"), "v1", &image(name)).await.status, 201);
            app.clock.advance(Duration::from_secs(10));
        }
        for (query, found) in [
            ("", "library/three library/two library/one/web"),
            ("?sort=name", "library/one/web library/three library/two"),
            ("?sort=-name,creation_time", "library/two library/three library/one/web"),
            ("?q=name%3D~tw", "library/two"),
            ("?q=name%3D~Library/O", "library/one/web"),
            ("?q=name%3Dlibrary%252Ftwo", "library/two"),
            ("?q=name%3Dtwo", ""),
            ("?q=creation_time%3D%5B2023-11-14T22:13:30~2023-11-14T22:13:30%5D", "library/two"),
            ("?page_size=1&page=2", "library/two"),
            ("?q=name%3D~library,shade%3Ddark&sort=shade", "library/three library/two library/one/web"),
        ] {
            assert_eq!(names(&admin.get(&format!("{LIBRARY}{query}")).await).join(" "), found, "{query}");
        }
        let second = admin.get(&format!("{LIBRARY}?page_size=1&page=2")).await;
        assert_eq!(second.header("x-total-count"), "3");
        assert!(second.header("link").contains("page=1") && second.header("link").contains("page=3"));
    })
    .await;
}

#[tokio::test]
async fn a_description_is_all_that_can_be_changed() {
    on_each_engine(async |app| {
        let admin = app.admin();
        assert_eq!(admin.push("library/web", "v1", &image("one")).await.status, 201);
        let one = format!("{LIBRARY}/web");
        let before = admin.get(&one).await.json();
        assert!(before.get("description").is_none(), "{before}");
        assert_eq!((&before["artifact_count"], &before["pull_count"]), (&json!(1), &json!(0)));
        assert_eq!(before["creation_time"], before["update_time"]);
        app.clock.advance(Duration::from_secs(60));
        let change = json!({ "description": "our web site", "name": "library/other", "artifact_count": 9 });
        let changed = admin.put(&one, &change).await;
        assert_eq!((changed.status, changed.text().as_str()), (200, ""));
        let after = admin.get(&one).await.json();
        assert_eq!(after["description"], "our web site");
        assert_eq!((&after["name"], &after["artifact_count"]), (&before["name"], &before["artifact_count"]));
        assert_eq!(after["creation_time"], before["creation_time"]);
        let unknown = admin.put(&format!("{LIBRARY}/nothing"), &change).await;
        assert_eq!(refusal(&unknown), told(404, "NOT_FOUND", "repository library/nothing not found"));
        assert_eq!(admin.get(&format!("{LIBRARY}/nothing")).await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn a_repository_goes_with_everything_in_it() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let (one, two) = (image("one"), image("two"));
        let index = haven_testkit::Image::index(&[&one, &two]);
        for (reference, pushed) in [("one", &one), (&two.digest(), &two), ("all", &index)] {
            assert_eq!(admin.push("library/web", reference, pushed).await.status, 201);
        }
        let note = one.referrer("application/x-note");
        assert_eq!(admin.push("library/web", &note.digest(), &note).await.status, 201);
        assert_eq!(admin.push("library/kept", "v1", &one).await.status, 201);
        let deleted = admin.delete(&format!("{LIBRARY}/web")).await;
        assert_eq!((deleted.status, deleted.text().as_str()), (200, ""));
        let unknown = admin.delete(&format!("{LIBRARY}/web")).await;
        assert_eq!(refusal(&unknown), told(404, "NOT_FOUND", "repository library/web not found"));
        assert_eq!(names(&admin.get(LIBRARY).await), ["library/kept"]);
        assert_eq!(admin.get("/v2/library/web/tags/list").await.code(), "NAME_UNKNOWN");
        for image in [&one, &two, &index, &note] {
            let path = format!("/v2/library/web/manifests/{}", image.digest());
            assert_eq!(admin.get(&path).await.status, 404);
        }
        assert_eq!(admin.get("/v2/library/kept/manifests/v1").await.status, 200);
        assert_eq!(admin.push("library/web", "v1", &two).await.status, 201, "and may come again");
        assert_eq!(admin.get(&format!("{LIBRARY}/web/artifacts")).await.header("x-total-count"), "1");
    })
    .await;
}

#[tokio::test]
async fn an_empty_repository_stays_listed() {
    on_each_engine(async |app| {
        let admin = app.admin();
        assert_eq!(admin.push("library/web", "v1", &image("one")).await.status, 201);
        app.clock.advance(Duration::from_secs(5));
        assert_eq!(admin.delete(&format!("{LIBRARY}/web/artifacts/v1")).await.status, 200);
        let listed = admin.get(LIBRARY).await.json();
        assert_eq!((&listed[0]["name"], &listed[0]["artifact_count"]), (&json!("library/web"), &json!(0)));
        assert_eq!(listed[0]["update_time"], "2023-11-14T22:13:25.000Z");
        let tags = admin.get("/v2/library/web/tags/list").await.json();
        assert_eq!(tags, json!({ "name": "library/web", "tags": [] }));
        assert_eq!(admin.get("/v2/_catalog").await.json(), json!({ "repositories": [] }));
        let summary = admin.get(&format!("{API}/projects/library/summary")).await.json();
        assert_eq!(summary["repo_count"], 1);
    })
    .await;
}

#[tokio::test]
async fn repositories_of_all_projects_show_what_the_caller_may_list() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        app.project("other", false).await;
        let member = app.member("team", "ann", Role::LimitedGuest).await;
        let foreign = app.person("fay").await;
        for name in ["library/web", "team/web", "other/web"] {
            assert_eq!(app.admin().push(name, "v1", &image("one")).await.status, 201);
            app.clock.advance(Duration::from_secs(1));
        }
        let all = format!("{API}/repositories");
        for (client, found) in [
            (app.admin(), vec!["other/web", "team/web", "library/web"]),
            (member, vec!["team/web", "library/web"]),
            (foreign, vec!["library/web"]),
            (app.anonymous(), vec!["library/web"]),
        ] {
            let page = client.get(&all).await;
            assert_eq!(names(&page), found);
            assert_eq!(page.header("x-total-count"), found.len().to_string());
            assert_eq!(
                names(&client.get(&format!("{all}?q=name%3D~WEB&sort=name")).await).len(),
                found.len()
            );
        }
        let filtered = app.anonymous().get(&format!("{all}?q=name%3Dteam%252Fweb")).await;
        assert_eq!((filtered.text().trim_end(), filtered.header("x-total-count")), ("[]", "0"));
    })
    .await;
}

#[tokio::test]
async fn the_catalog_has_what_has_a_tag() {
    on_each_engine(async |app| {
        let admin = app.admin();
        for name in ["library/b", "library/a/c", "library/a"] {
            assert_eq!(admin.push(name, "v1", &image("one")).await.status, 201);
        }
        assert_eq!(admin.push("library/bare", &image("one").digest(), &image("one")).await.status, 201);
        let catalog = async |query: &str| admin.get(&format!("/v2/_catalog{query}")).await;
        let all = json!({ "repositories": ["library/a", "library/a/c", "library/b"] });
        assert_eq!(catalog("").await.json(), all);
        let first = catalog("?n=2&shade=dark").await;
        assert_eq!(first.json()["repositories"], json!(["library/a", "library/a/c"]));
        assert_eq!(first.header("link"), "</v2/_catalog?last=library%2Fa%2Fc&n=2>; rel=\"next\"");
        let second = catalog("?last=library%2Fa%2Fc&n=2").await;
        assert_eq!(
            (second.json()["repositories"].clone(), second.header("link")),
            (json!(["library/b"]), "")
        );
        assert_eq!(catalog("?n=0").await.json()["repositories"], json!([]));
        for query in ["?n=-1", "?n=x", "?last=library%2Fnothing&n=2"] {
            assert_eq!(catalog(query).await.status, 400, "{query}");
        }
    })
    .await;
}
