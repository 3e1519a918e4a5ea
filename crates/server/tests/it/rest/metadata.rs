//! What projects say of themselves: changed as a whole, and one property at a time.

use super::{refusal, told};
use crate::on_each_engine;
use haven_core::access::Role;
use haven_testkit::{Answer, Client};
use http::Method;
use serde_json::{Value, json};

const TEAM: &str = "/api/v2.0/projects/team";

async fn shown(client: &Client) -> Value {
    let answer = client.get(TEAM).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["metadata"].clone()
}

fn done(answer: &Answer) {
    assert_eq!((answer.status, answer.text().as_str()), (200, ""));
    assert_eq!(answer.header("content-type"), "");
}

#[tokio::test]
async fn a_change_touches_only_what_it_names() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let admin = app.admin();
        let change =
            json!({ "metadata": { "auto_scan": "true", "severity": "HIGH", "prevent_vul": "true" } });
        done(&admin.put(TEAM, &change).await);
        let all =
            json!({ "public": "false", "auto_scan": "true", "severity": "high", "prevent_vul": "true" });
        assert_eq!(shown(&admin).await, all);
        let change = json!({ "metadata": { "auto_scan": null, "prevent_vul": "false", "public": "true" } });
        done(&admin.put(TEAM, &change).await);
        let all =
            json!({ "public": "true", "auto_scan": "true", "severity": "high", "prevent_vul": "false" });
        assert_eq!(shown(&admin).await, all);
        assert_eq!(app.anonymous().get(TEAM).await.status, 200, "it is public at once");
        for nothing in [json!({}), json!({ "metadata": null }), json!({ "metadata": {} })] {
            done(&admin.put(TEAM, &nothing).await);
            assert_eq!(shown(&admin).await, all);
        }
    })
    .await;
}

#[tokio::test]
async fn what_belongs_to_others_is_not_changed_here() {
    on_each_engine(async |app| {
        let id = app.project("team", false).await;
        let admin = app.admin();
        let change = json!({
            "project_name": "other", "public": true, "storage_limit": 7, "registry_id": 9, "owner_id": 3,
            "metadata": {
                "colour": "red", "proxy_speed_kb": "7", "max_upstream_conn": "x", "proxy_referrer_api": "true",
                "proxy_cache_filter_pattern": "(", "proxy_cache_filter_kind": "regex", "public": "",
            },
        });
        done(&admin.put(TEAM, &change).await);
        let project = admin.get(TEAM).await.json();
        assert_eq!((&project["project_id"], &project["owner_id"]), (&json!(id), &json!(1)));
        assert_eq!(project["metadata"], json!({ "public": "false" }));
    })
    .await;
}

#[tokio::test]
async fn a_change_that_is_refused_leaves_nothing() {
    on_each_engine(async |app| {
        let id = app.project("team", false).await;
        let admin = app.admin();
        let words = "metadata.public should only be 'true' or 'false', but got: 'TRUE'";
        let change = json!({ "metadata": { "auto_scan": "true", "public": "TRUE" } });
        assert_eq!(refusal(&admin.put(TEAM, &change).await), told(400, "BAD_REQUEST", words));
        let change = json!({ "metadata": { "auto_scan": "true", "retention_id": "1" } });
        assert_eq!(admin.put(TEAM, &change).await.status, 400);
        let change = json!({ "metadata": { "auto_scan": "x".repeat(256) } });
        assert_eq!(admin.put(TEAM, &change).await.status, 400);
        let list = json!({ "project_id": id + 1, "items": [{ "cve_id": "CVE-1" }] });
        let change = json!({ "metadata": { "auto_scan": "true" }, "cve_allowlist": list });
        let words = format!("the allowlist is that of the project {}, not of {id}", id + 1);
        assert_eq!(refusal(&admin.put(TEAM, &change).await), told(400, "BAD_REQUEST", &words));
        for body in [r#"{"metadata":{"auto_scan":true}}"#, r#"{"metadata":[]}"#, r#"{"metadata""#, "", "[]"] {
            let headers = [("content-type", "application/json")];
            let refused = admin.request(Method::PUT, TEAM, &headers, body).await;
            assert_eq!((refused.status, refused.code().as_str()), (422, "UNPROCESSABLE_ENTITY"), "{body}");
        }
        let long = json!({ "project_name": "a".repeat(256) });
        assert_eq!(admin.put(TEAM, &long).await.status, 422);
        assert_eq!(shown(&admin).await, json!({ "public": "false" }));
        assert_eq!(admin.get(TEAM).await.json()["cve_allowlist"]["items"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn rules_of_retention_may_be_sent_back() {
    on_each_engine(async |app| {
        let id = app.project("team", false).await;
        let rule = "INSERT INTO project_metadata (project_id, name, value) VALUES ($1, 'retention_id', '7')";
        app.db().execute(rule, haven_db::params![id]).await.unwrap();
        let admin = app.admin();
        let mut back = shown(&admin).await;
        assert_eq!(back["retention_id"], "7");
        back["auto_scan"] = json!("true");
        done(&admin.put(TEAM, &json!({ "metadata": back })).await);
        assert_eq!(admin.put(TEAM, &json!({ "metadata": { "retention_id": "8" } })).await.status, 400);
        for method in [Method::PUT, Method::POST] {
            let path =
                format!("{TEAM}/metadatas/{}", if method == Method::PUT { "retention_id" } else { "" });
            let body = json!({ "retention_id": "7" }).to_string();
            let refused = admin.request(method, &path, &[("content-type", "application/json")], body).await;
            assert_eq!(refusal(&refused), told(400, "BAD_REQUEST", "invalid key: retention_id"));
        }
        done(&admin.delete(&format!("{TEAM}/metadatas/retention_id")).await);
        assert_eq!(shown(&admin).await, json!({ "public": "false", "auto_scan": "true" }));
    })
    .await;
}

#[tokio::test]
async fn a_change_moves_the_time_and_is_seen_on_every_replica() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let (admin, replica) = (app.admin(), app.replica().await);
        let before = admin.get(TEAM).await.json();
        app.clock.advance(std::time::Duration::from_secs(60));
        done(&admin.put(TEAM, &json!({ "metadata": { "auto_scan": "true" } })).await);
        let after = replica.get(TEAM).await.json();
        assert_eq!(after["metadata"]["auto_scan"], "true");
        assert_eq!(after["creation_time"], before["creation_time"]);
        assert_eq!(after["update_time"], "2023-11-14T22:14:20.000Z");
        app.clock.advance(std::time::Duration::from_secs(60));
        done(&replica.post(&format!("{TEAM}/metadatas"), &json!({ "severity": "low" })).await);
        assert_eq!(admin.get(TEAM).await.json()["update_time"], "2023-11-14T22:15:20.000Z");
    })
    .await;
}

#[tokio::test]
async fn an_unknown_severity_is_seen_as_such() {
    on_each_engine(async |app| {
        let made =
            json!({ "project_name": "team", "metadata": { "severity": "Awful", "auto_scan": "perhaps" } });
        assert_eq!(app.admin().post("/api/v2.0/projects", &made).await.status, 201);
        let all = json!({ "public": "false", "severity": "unknown", "auto_scan": "perhaps" });
        assert_eq!(shown(&app.admin()).await, all);
        for (severity, seen) in [("Negligible", "none"), ("CRITICAL", "critical"), ("none", "none")] {
            done(&app.admin().put(TEAM, &json!({ "metadata": { "severity": severity } })).await);
            assert_eq!(shown(&app.admin()).await["severity"], seen);
            let one = app.admin().get(&format!("{TEAM}/metadatas/severity")).await;
            assert_eq!(one.json(), json!({ "severity": seen }));
        }
    })
    .await;
}

#[tokio::test]
async fn properties_come_and_go_one_at_a_time() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let (admin, all) = (app.admin(), format!("{TEAM}/metadatas"));
        assert_eq!(admin.get(&all).await.json(), json!({ "public": "false" }));
        assert_eq!(admin.get(&format!("{all}/auto_scan")).await.json(), json!({}));
        done(&admin.post(&format!("{all}/"), &json!({ "auto_scan": "T" })).await);
        assert_eq!(admin.get(&format!("{all}/auto_scan")).await.json(), json!({ "auto_scan": "true" }));
        let again = admin.post(&all, &json!({ "auto_scan": "false" })).await;
        assert_eq!(refusal(&again), told(409, "CONFLICT", "the metadata auto_scan already exists"));
        let public = admin.post(&all, &json!({ "public": "true" })).await;
        assert_eq!(refusal(&public), told(409, "CONFLICT", "the metadata public already exists"));
        done(&admin.put(&format!("{all}/auto_scan"), &json!({ "auto_scan": "0" })).await);
        done(&admin.put(&format!("{all}/prevent_vul"), &json!({ "prevent_vul": "1" })).await);
        done(&admin.put(&format!("{all}/public"), &json!({ "public": "TRUE" })).await);
        let now = json!({ "public": "true", "auto_scan": "false", "prevent_vul": "true" });
        assert_eq!(admin.get(&format!("{all}/")).await.json(), now);
        assert_eq!(app.anonymous().get(TEAM).await.status, 200);
        for name in ["auto_scan", "auto_scan", "never_there", "public"] {
            done(&admin.delete(&format!("{all}/{name}")).await);
        }
        assert_eq!(admin.get(&all).await.json(), json!({ "public": "false", "prevent_vul": "true" }));
        assert_eq!(app.anonymous().get(TEAM).await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn one_property_is_checked() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let (admin, all) = (app.admin(), format!("{TEAM}/metadatas"));
        let one = "only allow one key/value pair";
        for body in [json!({}), json!({ "auto_scan": "true", "severity": "low" }), Value::Null] {
            assert_eq!(refusal(&admin.post(&all, &body).await), told(400, "BAD_REQUEST", one), "{body}");
            let refused = admin.put(&format!("{all}/auto_scan"), &body).await;
            assert_eq!(refusal(&refused), told(400, "BAD_REQUEST", one), "{body}");
        }
        assert_eq!(admin.request(Method::POST, &all, &[], "").await.status, 400);
        for (key, value, words) in [
            ("auto_scan", "yes", "invalid value: yes"),
            ("severity", "awful", "invalid value: awful"),
            ("public", "", "invalid value: "),
            ("colour", "red", "invalid key: colour"),
            ("proxy_speed_kb", "100", "invalid key: proxy_speed_kb"),
            ("max_upstream_conn", "1", "invalid key: max_upstream_conn"),
            ("proxy_cache_filter_kind", "regex", "invalid key: proxy_cache_filter_kind"),
        ] {
            let refused = admin.post(&all, &json!({ key: value })).await;
            assert_eq!(refusal(&refused), told(400, "BAD_REQUEST", words));
            let refused = admin.put(&format!("{all}/{key}"), &json!({ key: value })).await;
            assert_eq!(refusal(&refused), told(400, "BAD_REQUEST", words));
        }
        let other = admin.put(&format!("{all}/auto_scan"), &json!({ "prevent_vul": "true" })).await;
        assert_eq!(refusal(&other), told(400, "BAD_REQUEST", "invalid key: prevent_vul"));
        assert_eq!(admin.post(&all, &json!({ "auto_scan": true })).await.status, 422);
        let long = admin.post(&all, &json!({ "k".repeat(100_000): "v" })).await;
        assert!(long.status == 400 && long.body.len() < 1000, "an answer is not as long as the request");
        assert_eq!(admin.get(&all).await.json(), json!({ "public": "false" }));
    })
    .await;
}

#[tokio::test]
async fn only_administrators_of_the_installation_list_all_properties() {
    on_each_engine(async |app| {
        app.project("team", true).await;
        let all = format!("{TEAM}/metadatas/");
        let admin = app.member("team", "pam", Role::ProjectAdmin).await;
        let maintainer = app.member("team", "max", Role::Maintainer).await;
        assert_eq!(admin.get(&all).await.status, 403);
        assert_eq!(maintainer.get(&format!("{all}public")).await.json(), json!({ "public": "true" }));
        assert_eq!(maintainer.put(&format!("{all}public"), &json!({ "public": "false" })).await.status, 403);
        done(&admin.put(&format!("{all}public"), &json!({ "public": "false" })).await);
        for client in [app.anonymous(), app.person("fay").await] {
            let (here, nowhere) = (client.get(&all).await, client.get(&all.replace("team", "nobodys")).await);
            assert_eq!(here.text(), nowhere.text());
        }
        assert_eq!(app.admin().get(&all.replace("team", "nobodys")).await.status, 404);
        assert_eq!(app.admin().get(&all.replace("team", "NO")).await.status, 400);
    })
    .await;
}
