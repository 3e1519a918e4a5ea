//! Quotas: exact whatever happens at once, refused in the words that clients know, and back at nothing in the end.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use crate::on_each_engine;
use haven_core::access::{self, Role};
use haven_core::quota;
use haven_db::params;
use haven_oci::Digest;
use haven_testkit::{Answer, Client, Image, TestApp, image};
use http::Method;
use serde_json::{Value, json};

/// A private project with this limit, and the id of its quota.
async fn limited(app: &TestApp, name: &str, bytes: i64) -> i64 {
    let body = json!({ "project_name": name, "storage_limit": bytes });
    let made = app.admin().post("/api/v2.0/projects", &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    quota_of(app, name).await["id"].as_i64().unwrap()
}

async fn quota_of(app: &TestApp, name: &str) -> Value {
    let all = app.admin().get("/api/v2.0/quotas?page_size=100").await.json();
    all.as_array().unwrap().iter().find(|quota| quota["ref"]["name"] == name).unwrap().clone()
}

async fn used(app: &TestApp, name: &str) -> i64 {
    quota_of(app, name).await["used"]["storage"].as_i64().unwrap()
}

/// All bytes of an image.
fn size(image: &Image) -> i64 {
    (image.manifest.len() + image.blobs.iter().map(Vec::len).sum::<usize>()) as i64
}

fn is_refused(answer: &Answer) -> bool {
    let refused = answer.status == 403 && answer.code() == "DENIED";
    assert!(refused || answer.status < 300, "{} {}", answer.status, answer.text());
    refused
}

/// The quota is what the blobs say.
async fn is_exact(app: &TestApp) {
    let wrong = quota::recount(&app.app, &access::operator()).await.unwrap();
    assert_eq!(wrong, []);
}

#[tokio::test]
async fn use_is_the_distinct_bytes_of_a_project_and_nothing_in_the_end() {
    on_each_engine(async |app| {
        let (admin, web) = (app.admin(), image("web"));
        for name in ["team", "other"] {
            limited(&app, name, -1).await;
        }
        admin.push("team/web", "v1", &web).await;
        assert_eq!(used(&app, "team").await, size(&web));
        // Again, under another tag, and in another repository: nothing is added.
        admin.push("team/web", "v2", &web).await;
        admin.push("team/copy", "v1", &web).await;
        assert_eq!(used(&app, "team").await, size(&web));
        let mount =
            format!("/v2/other/web/blobs/uploads/?mount={}&from=team/web", Digest::sha256(&web.blobs[1]));
        assert_eq!(admin.request(Method::POST, &mount, &[], "").await.status, 201);
        assert_eq!(used(&app, "other").await, web.blobs[1].len() as i64);
        quota::fold(&app.app).await.unwrap();
        assert_eq!(used(&app, "team").await, size(&web), "summing up changes nothing");
        is_exact(&app).await;

        admin.delete("/api/v2.0/projects/team/repositories/web/artifacts/v1/tags/v1").await;
        assert_eq!(used(&app, "team").await, size(&web), "a tag weighs nothing");
        assert_eq!(admin.delete("/api/v2.0/projects/team/repositories/web/artifacts/v2").await.status, 200);
        assert_eq!(used(&app, "team").await, size(&web), "the copy needs all of it");
        assert_eq!(admin.delete("/api/v2.0/projects/team/repositories/copy").await.status, 200);
        assert_eq!(used(&app, "team").await, 0);
        let blob = format!("/v2/other/web/blobs/{}", Digest::sha256(&web.blobs[1]));
        assert_eq!(admin.delete(&blob).await.status, 202);
        assert_eq!(used(&app, "other").await, 0);
        is_exact(&app).await;
    })
    .await;
}

#[tokio::test]
async fn indexes_and_what_hangs_on_them_go_with_their_bytes() {
    on_each_engine(async |app| {
        let admin = app.admin();
        limited(&app, "team", 1 << 30).await;
        let children = [image("one"), image("two")];
        for child in &children {
            assert_eq!(admin.push("team/web", &child.digest(), child).await.status, 201);
        }
        let index = Image::index(&[&children[0], &children[1]]);
        assert_eq!(admin.push("team/web", "all", &index).await.status, 201);
        let all = children.iter().map(size).sum::<i64>() + index.manifest.len() as i64;
        assert_eq!(used(&app, "team").await, all);
        let digest = index.digest();
        assert_eq!(admin.delete(&format!("/v2/team/web/manifests/{digest}")).await.status, 202);
        assert_eq!(used(&app, "team").await, 0);
        is_exact(&app).await;
    })
    .await;
}

#[tokio::test]
async fn a_push_beyond_the_limit_is_refused_in_the_known_words_and_leaves_nothing() {
    on_each_engine(async |app| {
        let id = limited(&app, "team", 4096).await;
        let (admin, bob) = (app.admin(), app.member("team", "bob", Role::Developer).await);
        assert_eq!(bob.push_blob("team/web", &[1; 4096]).await.status, 201, "the limit itself is allowed");
        let refused = bob.push_blob("team/web", &[2; 1536]).await;
        assert_eq!((refused.status, refused.code().as_str()), (403, "DENIED"));
        let words = "adding 1.5 KiB of storage resource, which when updated to current usage of 4.0 KiB will exceed the \
            configured upper limit of 4.0 KiB.";
        assert_eq!(refused.message(), words);
        assert_eq!(bob.push_blob("team/web", &[1; 4096]).await.status, 201, "what is there already costs nothing");
        let in_one_go = bob.request(Method::POST, "/v2/team/web/blobs/uploads/", &[], "").await;
        assert_eq!(in_one_go.status, 202, "full is not too full");
        let session = in_one_go.header("location").replace("http://haven.test", "");
        let big = vec![3; 300 << 10];
        let put = format!("{session}?digest={}", Digest::sha256(&big));
        assert!(is_refused(&bob.request(Method::PUT, &put, &[], big).await));
        app.project("rich", true).await;
        admin.push_blob("rich/web", &[9; 10]).await;
        let mount = format!("/v2/team/web/blobs/uploads/?mount={}&from=rich/web", Digest::sha256(&[9; 10]));
        assert!(is_refused(&bob.request(Method::POST, &mount, &[], "").await));
        assert_eq!(used(&app, "team").await, 4096);

        let lower = json!({ "hard": { "storage": 1024 } });
        assert_eq!(admin.put(&format!("/api/v2.0/quotas/{id}"), &lower).await.status, 200);
        assert_eq!((used(&app, "team").await, quota_of(&app, "team").await["hard"]["storage"].as_i64()), (4096, Some(1024)));
        assert!(is_refused(&bob.request(Method::POST, "/v2/team/web/blobs/uploads/", &[], "").await), "too full");
        is_exact(&app).await;
        let off = json!({ "quota_per_project_enable": false });
        assert_eq!(admin.put("/api/v2.0/configurations", &off).await.status, 200);
        assert_eq!(bob.push_blob("team/web", &[2; 1536]).await.status, 201);
        assert_eq!(used(&app, "team").await, 4096 + 1536, "counted all the same");
        is_exact(&app).await;
    })
    .await;
}

#[tokio::test]
async fn a_limit_is_as_large_as_storage_may_be() {
    on_each_engine(async |app| {
        for (name, bytes) in [("large", 5_i64 << 30), ("largest", 1 << 50)] {
            limited(&app, name, bytes).await;
            assert_eq!(
                app.admin().push_blob(&format!("{name}/web"), &[1; 4096]).await.status,
                201,
                "{bytes}"
            );
            assert_eq!(used(&app, name).await, 4096);
        }
        is_exact(&app).await;
    })
    .await;
}

#[tokio::test]
async fn a_manifest_needs_room_too() {
    on_each_engine(async |app| {
        let web = image("web");
        limited(&app, "team", size(&web) - 1).await;
        let admin = app.admin();
        assert!(is_refused(&admin.push("team/web", "v1", &web).await));
        assert_eq!(admin.get("/v2/team/web/manifests/v1").await.status, 404);
        assert_eq!(used(&app, "team").await, size(&web) - web.manifest.len() as i64);
        is_exact(&app).await;
    })
    .await;
}

#[tokio::test]
async fn pushes_at_once_fill_a_project_exactly_to_its_limit() {
    on_each_engine(async |app| {
        const SIZE: i64 = 1000;
        limited(&app, "team", 20 * SIZE).await;
        let replica = app.replica().await;
        let push = |number: u8| {
            let client: Client = if number.is_multiple_of(2) { app.admin() } else { replica.clone() };
            tokio::spawn(async move { client.push_blob("team/web", &[number; SIZE as usize]).await })
        };
        let pushes: Vec<_> = (0..32).map(push).collect();
        let mut stored = 0;
        for push in pushes {
            stored += i64::from(!is_refused(&push.await.unwrap()));
        }
        assert_eq!((stored, used(&app, "team").await), (20, 20 * SIZE));
        assert!(is_refused(&app.admin().push_blob("team/web", b"x").await));
        is_exact(&app).await;
    })
    .await;
}

#[tokio::test]
async fn the_same_blob_from_many_counts_once() {
    on_each_engine(async |app| {
        for (name, limit) in [("team", 5000), ("free", -1)] {
            limited(&app, name, limit).await;
            let push = |_| {
                let client = app.admin();
                tokio::spawn(async move { client.push_blob(&format!("{name}/web"), &[7; 4000]).await.status })
            };
            for push in (0..12).map(push).collect::<Vec<_>>() {
                assert_eq!(push.await.unwrap(), 201);
            }
            assert_eq!(used(&app, name).await, 4000);
        }
        is_exact(&app).await;
    })
    .await;
}

#[tokio::test]
async fn limits_change_beside_pushes_and_deletions_without_losing_count() {
    on_each_engine(async |app| {
        let id = limited(&app, "team", 1 << 20).await;
        let path = format!("/api/v2.0/quotas/{id}");
        let change = {
            let admin = app.admin();
            tokio::spawn(async move {
                for limit in [-1, 1 << 20, -1, 2 << 20, 1 << 19, -1] {
                    let body = json!({ "hard": { "storage": limit } });
                    assert_eq!(admin.put(&path, &body).await.status, 200);
                }
            })
        };
        let work = |number: usize| {
            let admin = app.admin();
            tokio::spawn(async move {
                let (repository, web) = (format!("team/web{number}"), image(&format!("text {number}")));
                assert_eq!(admin.push(&repository, "v1", &web).await.status, 201);
                let gone = format!("/api/v2.0/projects/team/repositories/web{number}");
                assert_eq!(admin.delete(&gone).await.status, 200);
            })
        };
        for work in (0..12).map(work).collect::<Vec<_>>() {
            work.await.unwrap();
        }
        change.await.unwrap();
        quota::fold(&app.app).await.unwrap();
        assert_eq!(used(&app, "team").await, 0);
        is_exact(&app).await;
    })
    .await;
}

#[tokio::test]
async fn an_artifact_deleted_beside_a_push_of_the_same_blobs_leaves_the_push_whole() {
    on_each_engine(async |app| {
        limited(&app, "team", -1).await;
        for round in 0..8 {
            let (admin, web) = (app.admin(), image(&format!("shared {round}")));
            admin.push("team/old", "v1", &web).await;
            let pushing = {
                let (admin, web) = (admin.clone(), web.clone());
                tokio::spawn(async move { admin.push_manifest("team/new", "v1", &web).await })
            };
            let deleted = admin.delete("/api/v2.0/projects/team/repositories/old").await.status;
            assert_eq!(deleted, 200);
            let pushed = pushing.await.unwrap();
            match pushed.status {
                201 => {
                    let layer = format!("/v2/team/new/blobs/{}", Digest::sha256(&web.blobs[1]));
                    assert_eq!(admin.get(&layer).await.status, 200);
                    admin.delete("/api/v2.0/projects/team/repositories/new").await;
                }
                _ => assert_eq!(pushed.code(), "MANIFEST_BLOB_UNKNOWN", "the client sends it again"),
            }
            assert_eq!(used(&app, "team").await, 0);
        }
        is_exact(&app).await;
    })
    .await;
}

#[tokio::test]
async fn what_was_counted_wrong_is_found_and_mended() {
    on_each_engine(async |app| {
        limited(&app, "team", 1 << 20).await;
        limited(&app, "free", -1).await;
        let admin = app.admin();
        for name in ["team", "free"] {
            assert_eq!(admin.push_blob(&format!("{name}/web"), &[1; 100]).await.status, 201);
        }
        for statement in [
            "UPDATE quota_slot SET room = room - 7 WHERE slot = 3",
            "UPDATE quota SET base = base + 5 WHERE hard < 0",
        ] {
            app.db().execute(statement, params![]).await.unwrap();
        }
        let wrong = quota::recount(&app.app, &access::operator()).await.unwrap();
        let found: Vec<_> =
            wrong.iter().map(|wrong| (wrong.project.as_str(), wrong.before, wrong.after)).collect();
        assert_eq!(found, [("library", 5, 0), ("team", 107, 100), ("free", 105, 100)]);
        assert_eq!((used(&app, "team").await, used(&app, "free").await), (100, 100));
        is_exact(&app).await;
    })
    .await;
}

#[tokio::test]
async fn quotas_are_listed_sorted_found_and_refused() {
    on_each_engine(async |app| {
        let admin = app.admin();
        for (name, limit) in [("small", 1000), ("large", 9000), ("free", -1)] {
            limited(&app, name, limit).await;
        }
        admin.push_blob("large/web", &[1; 50]).await;
        let names = async |query: &str| {
            let page = admin.get(&format!("/api/v2.0/quotas{query}")).await;
            assert_eq!(page.status, 200, "{}", page.text());
            let page = page.json();
            let name = |quota: &Value| quota["ref"]["name"].as_str().unwrap().to_owned();
            page.as_array().unwrap().iter().map(name).collect::<Vec<_>>()
        };
        assert_eq!(names("?sort=hard.storage").await[..2], ["small", "large"]);
        assert_eq!(names("?sort=-used.storage&page_size=1").await, ["large"]);
        let small = quota_of(&app, "small").await;
        let project = small["ref"]["id"].as_i64().unwrap();
        assert_eq!(names(&format!("?reference=project&reference_id={project}")).await, ["small"]);
        assert!(names("?reference=user").await.is_empty());
        assert_eq!(admin.get("/api/v2.0/quotas/?page=2&page_size=3").await.header("x-total-count"), "4");
        assert_eq!(small["ref"]["owner_name"], "admin");
        let unknown = admin.get("/api/v2.0/quotas/999").await;
        assert_eq!((unknown.status, unknown.message()), (404, "quota 999 not found".to_owned()));
        let path = format!("/api/v2.0/quotas/{}", small["id"]);
        for (body, words) in [
            (json!({}), "hard required in body"),
            (json!({ "hard": {} }), "hard required in body"),
            (json!({ "hard": { "count": 1 } }), "resource count not support"),
            (json!({ "hard": { "storage": null } }), "resource storage not found"),
            (json!({ "hard": { "storage": 0 } }), "invalid non-positive value for quota limit, value=0"),
            (json!({ "hard": { "storage": -2 } }), "invalid non-positive value for quota limit, value=-2"),
            (json!({ "hard": { "storage": (1_i64 << 50) + 1 } }), "1024TB"),
        ] {
            let refused = admin.put(&path, &body).await;
            assert!(refused.status == 400 && refused.message().contains(words), "{body}: {}", refused.text());
        }
        let no_number = json!({ "hard": { "storage": "1000" } });
        for body in [no_number, json!({ "hard": { "storage": 1.5 } }), json!({ "hard": 5 })] {
            assert_eq!(admin.put(&path, &body).await.status, 422, "{body}");
        }
        assert_eq!(quota_of(&app, "small").await["hard"]["storage"], 1000);
        assert_eq!(admin.delete("/api/v2.0/projects/small").await.status, 200);
        assert_eq!(admin.get(&path).await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn whose_owner_is_gone_is_nobodys() {
    on_each_engine(async |app| {
        let (admin, ann) = (app.admin(), app.person("ann").await);
        let made = ann.post("/api/v2.0/projects", &json!({ "project_name": "hers" })).await;
        assert_eq!(made.status, 201, "{}", made.text());
        assert_eq!(quota_of(&app, "hers").await["ref"]["owner_name"], "ann");
        let id = ann.get("/api/v2.0/users/current").await.json()["user_id"].as_i64().unwrap();
        assert_eq!(admin.delete(&format!("/api/v2.0/users/{id}")).await.status, 200);
        assert_eq!(quota_of(&app, "hers").await["ref"]["owner_name"], "");
    })
    .await;
}

#[tokio::test]
async fn a_new_project_gets_the_limit_that_settings_and_its_maker_allow() {
    on_each_engine(async |app| {
        let (admin, ann) = (app.admin(), app.person("ann").await);
        let make = async |client: &Client, name: &str, limit: Value| {
            let body = json!({ "project_name": name, "storage_limit": limit });
            client.post("/api/v2.0/projects", &body).await
        };
        let setting = json!({ "storage_per_project": 5000 });
        assert_eq!(admin.put("/api/v2.0/configurations", &setting).await.status, 200);
        for (client, name, limit, hard) in [
            (&admin, "a", json!(null), 5000),
            (&admin, "b", json!(0), 5000),
            (&admin, "c", json!(-1), -1),
            (&admin, "d", json!(123), 123),
            (&ann, "e", json!(-1), 5000),
        ] {
            assert_eq!(make(client, name, limit).await.status, 201);
            assert_eq!(quota_of(&app, name).await["hard"]["storage"], hard, "{name}");
        }
        let refused = make(&admin, "f", json!(-5)).await;
        assert_eq!(refused.status, 400, "{}", refused.text());
        let summary = ann.get("/api/v2.0/projects/e/summary").await.json();
        assert_eq!(summary["quota"], json!({ "hard": { "storage": 5000 }, "used": { "storage": 0 } }));
        app.project("open", true).await;
        assert_eq!(ann.get("/api/v2.0/projects/open/summary").await.json().get("quota"), None);
    })
    .await;
}
