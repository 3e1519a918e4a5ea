//! What one answer may cost, whatever somebody has stored: lists show the first of what is many, and tell where the rest is.

use super::API;
use crate::on_each_engine;
use haven_core::access::Role;
use haven_db::params;
use haven_testkit::{Client, TestApp, image};
use serde_json::{Value, json};

const WEB: &str = "/api/v2.0/projects/library/repositories/web/artifacts";

/// So many vulnerabilities, and a client who may give them to a project.
async fn with_list(app: &TestApp, project: &str, vulnerabilities: usize) -> Client {
    app.project(project, true).await;
    let owner = app.member(project, &format!("{project}-owner"), Role::ProjectAdmin).await;
    let items: Value =
        (0..vulnerabilities).map(|n| json!({ "cve_id": format!("CVE-2026-{n:0>51}") })).collect();
    let change = json!({ "cve_allowlist": { "items": items } });
    assert_eq!(owner.put(&format!("{API}/projects/{project}"), &change).await.status, 200);
    owner
}

fn length(project: &Value) -> Option<usize> {
    project["cve_allowlist"]["items"].as_array().map(Vec::len)
}

#[tokio::test]
async fn a_list_of_projects_leaves_long_allowlists_out_and_a_search_all_that_say_something() {
    on_each_engine(async |app| {
        with_list(&app, "long", 1_000).await;
        with_list(&app, "short", 100).await;
        app.project("none", true).await;
        let nobody = app.anonymous();
        let lengths = async |path: &str, at: &str| {
            let answer = nobody.get(&format!("{API}/{path}")).await;
            assert!(answer.body.len() < 20_000, "{path}: {}", answer.body.len());
            let found = answer.json();
            let found = found.pointer(at).unwrap().as_array().unwrap().clone();
            found
                .iter()
                .map(|one| (one["name"].as_str().unwrap().to_owned(), length(one)))
                .collect::<Vec<_>>()
        };
        let named = |name: &str, length: Option<usize>| (name.to_owned(), length);
        let listed = lengths("projects", "").await;
        let expected = [
            named("library", Some(0)),
            named("long", None),
            named("none", Some(0)),
            named("short", Some(100)),
        ];
        assert_eq!(listed, expected);
        let found = lengths("search?q=o", "/project").await;
        assert_eq!(found, [named("long", None), named("none", Some(0)), named("short", None)]);
        let whole = nobody.get(&format!("{API}/projects/long")).await.json();
        assert_eq!(length(&whole), Some(1_000), "one by itself is shown whole");
    })
    .await;
}

#[tokio::test]
async fn what_was_left_out_of_a_list_is_not_lost_when_it_is_sent_back() {
    on_each_engine(async |app| {
        let owner = with_list(&app, "long", 1_000).await;
        let listed = owner.get(&format!("{API}/projects?name=long")).await.json()[0].clone();
        assert_eq!(owner.put(&format!("{API}/projects/long"), &listed).await.status, 200);
        assert_eq!(length(&owner.get(&format!("{API}/projects/long")).await.json()), Some(1_000));
    })
    .await;
}

#[tokio::test]
async fn of_an_artifact_a_list_shows_the_newest_tags_and_the_oldest_accessories() {
    on_each_engine(async |app| {
        let (admin, web) = (app.admin(), image("web"));
        assert_eq!(admin.push("library/web", "first", &web).await.status, 201);
        assert_eq!(admin.push("library/web", "other", &image("other")).await.status, 201);
        app.db()
            .execute(
                "INSERT INTO tag (repository_id, artifact_id, name, pushed_at)
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1001)
                SELECT t.repository_id, t.artifact_id, 'v' || n.i, t.pushed_at + n.i FROM n
                JOIN tag t ON t.name = 'first'",
                params![],
            )
            .await
            .unwrap();
        for number in 0..101 {
            let referrer = web.referrer(&format!("application/vnd.a.b{number}"));
            assert_eq!(admin.push("library/web", &referrer.digest(), &referrer).await.status, 201);
        }
        let listed = admin.get(&format!("{WEB}?with_accessory=true&sort=push_time")).await.json();
        let first = listed.as_array().unwrap().iter().find(|one| one["digest"] == web.digest()).unwrap();
        let tags = first["tags"].as_array().unwrap();
        assert_eq!(
            (tags.len(), &tags[0]["name"], &tags[999]["name"]),
            (1_000, &json!("v1001"), &json!("v2"))
        );
        assert_eq!(first["accessories"].as_array().unwrap().len(), 100);
        let other = listed.as_array().unwrap().iter().find(|one| one["digest"] != web.digest()).unwrap();
        assert_eq!((&other["tags"][0]["name"], &other["accessories"]), (&json!("other"), &Value::Null));
        let alone = admin.get(&format!("{WEB}/first?with_accessory=true")).await.json();
        assert_eq!(alone["tags"].as_array().unwrap().len(), 1_002, "one by itself is shown whole");
        assert_eq!(alone["accessories"].as_array().unwrap().len(), 101);
        let all = admin.get(&format!("{WEB}/first/accessories?page_size=0")).await;
        assert_eq!((all.header("x-total-count"), all.header("link")), ("101", ""));
    })
    .await;
}

#[tokio::test]
async fn a_page_of_everything_has_an_end_and_tells_where_it_goes_on() {
    on_each_engine(async |app| {
        app.db()
            .execute(
                "INSERT INTO label (name, description, color, scope, project_id, created_at, updated_at)
                WITH RECURSIVE n(i) AS (SELECT 10001 UNION ALL SELECT i + 1 FROM n WHERE i < 20003)
                SELECT 'l' || n.i, '', '', 'g', 0, 1, 1 FROM n",
                params![],
            )
            .await
            .unwrap();
        let labels = format!("{API}/labels?scope=g&sort=name");
        let all = app.anonymous().get(&format!("{labels}&page_size=0&page=5")).await;
        let names = super::names(&all);
        assert_eq!((names.len(), names[0].as_str(), names[9_999].as_str()), (10_000, "l10001", "l20000"));
        assert_eq!(all.header("x-total-count"), "10003");
        let next = "/api/v2.0/labels?page=101&page_size=100&scope=g&sort=name";
        assert_eq!(all.header("link"), format!("<{next}>; rel=\"next\""));
        assert_eq!(super::names(&app.anonymous().get(next).await), ["l20001", "l20002", "l20003"]);
    })
    .await;
}
