//! Vulnerabilities that keep nobody from pulling: the list of the system and those of projects.

use super::{refusal, told};
use crate::on_each_engine;
use haven_core::access::Role;
use haven_testkit::{Client, TestApp};
use serde_json::{Value, json};
use std::time::Duration;

const SYSTEM: &str = "/api/v2.0/system/CVEAllowlist";
const PROJECTS: &str = "/api/v2.0/projects";
const TEAM: &str = "/api/v2.0/projects/team";

fn items(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "cve_id": name })).collect()
}

async fn list(client: &Client) -> Value {
    client.get(TEAM).await.json()["cve_allowlist"].clone()
}

/// Every kind of list that is refused, with the words.
fn refused() -> Vec<(Value, &'static str)> {
    let many: Value = (0..10_001).map(|n| json!({ "cve_id": format!("CVE-{n}") })).collect();
    let long: Value = (0..1_025).map(|n| json!({ "cve_id": format!("{n:0>64}") })).collect();
    vec![
        (json!({ "items": long }), "the CVE IDs of an allowlist have at most 65536 bytes together"),
        (json!({ "items": items(&["CVE-1", "CVE-2", "CVE-1"]) }), "duplicate CVE ID: \"CVE-1\""),
        (json!({ "items": items(&["CVE-1", ""]) }), "invalid CVE ID: \"\""),
        (json!({ "items": items(&["CVE-1 "]) }), "invalid CVE ID: \"CVE-1 \""),
        (json!({ "items": items(&["CVE\n1"]) }), "invalid CVE ID: \"CVE\\n1\""),
        (json!({ "items": [{}] }), "invalid CVE ID: \"\""),
        (json!({ "items": [{ "cve_id": null }] }), "invalid CVE ID: \"\""),
        (json!({ "items": many }), "an allowlist has at most 10000 items"),
        (json!({ "expires_at": -1 }), "invalid expires_at: -1"),
        (json!({ "expires_at": 253_402_300_800i64 }), "invalid expires_at: 253402300800"),
    ]
}

#[tokio::test]
async fn everybody_who_logged_in_reads_the_list_of_the_system_and_administrators_change_it() {
    on_each_engine(async |app| {
        let (admin, ann) = (app.admin(), app.person("ann").await);
        let first = ann.get(SYSTEM).await.json();
        let never = "0001-01-01T00:00:00.000Z";
        assert_eq!((&first["items"], &first["update_time"]), (&json!([]), &json!(never)));
        assert!(first.get("project_id").is_none() && first.get("expires_at").is_none(), "{first}");
        app.clock.advance(Duration::from_secs(1));
        let new = json!({ "items": items(&["CVE-2021-44228", "GHSA-jfh8-c2jp-5v3q"]), "expires_at": 1_893_456_000 });
        let put = admin.put(SYSTEM, &new).await;
        assert_eq!((put.status, put.text().as_str(), put.header("content-type")), (200, "", ""));
        let now = app.replica().await.get(SYSTEM).await.json();
        assert_eq!((&now["items"], &now["expires_at"]), (&new["items"], &new["expires_at"]));
        assert_eq!(now["id"], first["id"]);
        assert_eq!((&now["creation_time"], &now["update_time"]), (&now["update_time"], &json!("2023-11-14T22:13:21.000Z")));
        let back = admin.put(SYSTEM, &now).await;
        assert_eq!(back.status, 200, "what was read can be sent back");
        assert_eq!(admin.put(SYSTEM, &json!({ "expires_at": null })).await.status, 200);
        let cleared = ann.get(SYSTEM).await.json();
        assert_eq!(cleared["items"], json!([]));
        assert!(cleared.get("expires_at").is_none(), "{cleared}");
        assert_eq!(admin.put(SYSTEM, &json!({ "expires_at": 0 })).await.status, 200);
        assert_eq!(ann.get(SYSTEM).await.json()["expires_at"], 0, "long ago, and not never");
    })
    .await;
}

#[tokio::test]
async fn the_list_of_the_system_is_checked() {
    on_each_engine(async |app| {
        let (admin, ann) = (app.admin(), app.person("ann").await);
        let good = json!({ "items": items(&["CVE-1"]) });
        assert_eq!(admin.put(SYSTEM, &good).await.status, 200);
        for (list, words) in refused() {
            assert_eq!(refusal(&admin.put(SYSTEM, &list).await), told(400, "BAD_REQUEST", words));
        }
        for body in
            [json!({ "items": "CVE-1" }), json!({ "items": ["CVE-1"] }), json!({ "expires_at": "soon" })]
        {
            assert_eq!(admin.put(SYSTEM, &body).await.status, 422, "{body}");
        }
        assert_eq!(ann.put(SYSTEM, &json!({})).await.status, 403);
        assert_eq!(app.anonymous().put(SYSTEM, &json!({})).await.status, 401);
        assert_eq!(app.anonymous().get(SYSTEM).await.status, 401);
        assert_eq!(ann.get(SYSTEM).await.json()["items"], good["items"], "nothing has changed");
    })
    .await;
}

#[tokio::test]
async fn the_list_of_a_project_is_replaced_as_a_whole() {
    on_each_engine(async |app| {
        let id = app.project("team", false).await;
        let pam = app.member("team", "pam", Role::ProjectAdmin).await;
        let empty = list(&pam).await;
        assert_eq!((&empty["project_id"], &empty["items"]), (&json!(id), &json!([])));
        assert!(pam.get(TEAM).await.json()["metadata"].get("reuse_sys_cve_allowlist").is_none());
        let new =
            json!({ "project_id": id, "items": items(&["CVE-2", "CVE-1"]), "expires_at": 1_893_456_000 });
        assert_eq!(pam.put(TEAM, &json!({ "cve_allowlist": new })).await.status, 200);
        let now = list(&pam).await;
        assert_eq!((&now["items"], &now["expires_at"]), (&new["items"], &new["expires_at"]));
        assert_eq!(now["id"], empty["id"]);
        for nothing in
            [json!({}), json!({ "cve_allowlist": null }), json!({ "metadata": { "auto_scan": "true" } })]
        {
            assert_eq!(pam.put(TEAM, &nothing).await.status, 200);
            assert_eq!(list(&pam).await["items"], new["items"], "{nothing}");
        }
        assert_eq!(
            pam.put(TEAM, &json!({ "cve_allowlist": { "items": items(&["CVE-3"]) } })).await.status,
            200
        );
        assert!(list(&pam).await.get("expires_at").is_none());
        assert_eq!(pam.put(TEAM, &json!({ "cve_allowlist": {} })).await.status, 200);
        assert_eq!(list(&pam).await["items"], json!([]));
        assert_eq!(app.admin().get(SYSTEM).await.json()["items"], json!([]), "the system has its own");
    })
    .await;
}

#[tokio::test]
async fn the_list_of_a_project_is_checked() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let pam = app.member("team", "pam", Role::ProjectAdmin).await;
        let good = json!({ "cve_allowlist": { "project_id": 0, "items": items(&["CVE-1"]) } });
        assert_eq!(pam.put(TEAM, &good).await.status, 200);
        for (list, words) in refused() {
            let change = json!({ "metadata": { "auto_scan": "true" }, "cve_allowlist": list });
            assert_eq!(refusal(&pam.put(TEAM, &change).await), told(400, "BAD_REQUEST", words));
        }
        let maintainer = app.member("team", "max", Role::Maintainer).await;
        assert_eq!(maintainer.put(TEAM, &good).await.status, 403);
        let now = pam.get(TEAM).await.json();
        assert_eq!(now["cve_allowlist"]["items"], items(&["CVE-1"]));
        assert_eq!(now["metadata"], json!({ "public": "false" }));
    })
    .await;
}

async fn create(app: &TestApp, list: &Value) -> u16 {
    app.admin().post(PROJECTS, &json!({ "project_name": "team", "cve_allowlist": list })).await.status
}

#[tokio::test]
async fn a_new_project_has_the_list_that_it_is_made_with_and_nothing_of_an_old_one() {
    on_each_engine(async |app| {
        for (list, _) in refused() {
            assert_eq!(create(&app, &list).await, 400);
        }
        assert_eq!(app.admin().get(TEAM).await.status, 404, "nothing was made");
        assert_eq!(create(&app, &json!({ "items": items(&["CVE-1"]) })).await, 201);
        assert_eq!(list(&app.admin()).await["items"], items(&["CVE-1"]));
        assert_eq!(app.admin().delete(TEAM).await.status, 200);
        assert_eq!(create(&app, &json!({})).await, 201);
        assert_eq!(list(&app.admin()).await["items"], json!([]));
    })
    .await;
}
