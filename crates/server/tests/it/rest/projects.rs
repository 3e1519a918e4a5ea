//! Projects: made, asked about, deleted.

use super::{API, refusal, told};
use crate::on_each_engine;
use haven_core::access::Role;
use haven_testkit::image;
use http::Method;
use serde_json::json;

const PROJECTS: &str = "/api/v2.0/projects";

#[tokio::test]
async fn a_project_belongs_to_whoever_makes_it() {
    on_each_engine(async |app| {
        let ann = app.person("ann").await;
        let made = ann.post(PROJECTS, &json!({ "project_name": "team", "extra": [1] })).await;
        assert_eq!((made.status, made.text().as_str(), made.header("content-type")), (201, "", ""));
        let id: i64 = made.header("location").strip_prefix("/api/v2.0/projects/").unwrap().parse().unwrap();
        let shown = ann.get(&format!("{PROJECTS}/{id}")).await.json();
        assert_eq!(shown["name"], "team");
        assert_eq!((&shown["project_id"], &shown["owner_id"]), (&json!(id), &json!(3)));
        assert_eq!(shown["owner_name"], "ann");
        assert_eq!(shown["metadata"], json!({ "public": "false" }));
        assert_eq!((&shown["current_user_role_id"], &shown["repo_count"]), (&json!(1), &json!(0)));
        assert_eq!(shown["current_user_role_ids"], json!([1]));
        assert_eq!(shown["creation_time"], "2023-11-14T22:13:20.000Z");
        assert_eq!(shown["cve_allowlist"]["items"], json!([]));
        let again = app.admin().post(PROJECTS, &json!({ "project_name": "team" })).await;
        assert_eq!(refusal(&again), told(409, "CONFLICT", "The project named team already exists"));
        let body = json!({ "project_name": "other" }).to_string();
        let headers = [("content-type", "application/json"), ("x-resource-name-in-location", "true")];
        let made = ann.request(Method::POST, PROJECTS, &headers, body).await;
        assert_eq!((made.status, made.header("location")), (201, "/api/v2.0/projects/other"));
    })
    .await;
}

#[tokio::test]
async fn a_name_is_lower_case_and_not_too_long() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let words = "project name is not in lower case or contains illegal characters";
        for name in ["Team", "a--b", "a..b", "a b", "-a", "a-", "a/b", "a#1", "é", "a\n", ""] {
            let refused = admin.post(PROJECTS, &json!({ "project_name": name })).await;
            assert_eq!(refusal(&refused), told(400, "BAD_REQUEST", words), "{name:?}");
        }
        let refused = admin.post(PROJECTS, &json!({})).await;
        assert_eq!(refused.status, 400, "{}", refused.text());
        let long = admin.post(PROJECTS, &json!({ "project_name": "a".repeat(256) })).await;
        let words = "validation failure list:\nproject_name in body should be at most 255 chars long";
        assert_eq!(refusal(&long), told(422, "UNPROCESSABLE_ENTITY", words));
        for name in ["a".repeat(255), "a.b-c_d".into(), "0".into()] {
            assert_eq!(admin.post(PROJECTS, &json!({ "project_name": name })).await.status, 201, "{name}");
        }
        assert_eq!(admin.get(PROJECTS).await.header("x-total-count"), "4");
    })
    .await;
}

#[tokio::test]
async fn metadata_says_whether_a_project_is_public() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let table = [
            (json!({ "public": true }), "true"),
            (json!({ "public": true, "metadata": { "public": "false" } }), "false"),
            (json!({ "public": false, "metadata": { "public": "true" } }), "true"),
            (json!({ "public": true, "metadata": { "auto_scan": "true" } }), "true"),
            (json!({ "metadata": { "public": null } }), "false"),
            (json!({ "metadata": null }), "false"),
        ];
        for (number, (mut body, public)) in table.into_iter().enumerate() {
            body["project_name"] = format!("p{number}").into();
            let made = admin.post(PROJECTS, &body).await;
            assert_eq!(made.status, 201, "{body}: {}", made.text());
            let shown = admin.get(made.header("location")).await.json();
            assert_eq!(shown["metadata"]["public"], public, "{body}");
        }
        let body = json!({ "project_name": "x", "metadata": { "public": "perhaps" } });
        let words = "metadata.public should only be 'true' or 'false', but got: 'perhaps'";
        assert_eq!(refusal(&admin.post(PROJECTS, &body).await), told(400, "BAD_REQUEST", words));
        let shown = admin.get(&format!("{PROJECTS}/p3")).await.json();
        assert_eq!(shown["metadata"]["auto_scan"], "true");
    })
    .await;
}

#[tokio::test]
async fn limits_and_proxies_are_checked() {
    on_each_engine(async |app| {
        let (admin, ann) = (app.admin(), app.person("ann").await);
        for (limit, status) in [(-2, 400), ((1i64 << 50) + 1, 400), (-1, 201), (1 << 50, 201)] {
            let body = json!({ "project_name": format!("p{}", limit & 7), "storage_limit": limit });
            assert_eq!(admin.post(PROJECTS, &body).await.status, status, "{limit}");
        }
        let proxy = json!({ "project_name": "proxy", "registry_id": 7 });
        let words = "Only system admin can create proxy cache project";
        assert_eq!(refusal(&ann.post(PROJECTS, &proxy).await), told(403, "FORBIDDEN", words));
        assert_eq!(admin.post(PROJECTS, &proxy).await.status, 400);
        let retention = json!({ "project_name": "kept", "metadata": { "retention_id": "1" } });
        assert_eq!(admin.post(PROJECTS, &retention).await.status, 400);
        assert_eq!(admin.get(&format!("{PROJECTS}/proxy")).await.status, 404);
        assert_eq!(app.anonymous().post(PROJECTS, &json!({ "project_name": "x" })).await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn making_projects_may_be_left_to_administrators() {
    on_each_engine(async |app| {
        let ann = app.person("ann").await;
        let restrict = json!({ "project_creation_restriction": "adminonly" });
        assert_eq!(app.admin().put(&format!("{API}/configurations"), &restrict).await.status, 200);
        let refused = ann.post(PROJECTS, &json!({ "project_name": "team" })).await;
        assert_eq!(refused.status, 403);
        assert_eq!(
            refused.text().trim_end(),
            r#"{"errors":[{"code":"FORBIDDEN","message":"Only system admin can create project"}]}"#
        );
        assert_eq!(app.admin().post(PROJECTS, &json!({ "project_name": "team" })).await.status, 201);
        let everyone = json!({ "project_creation_restriction": "everyone" });
        assert_eq!(app.admin().put(&format!("{API}/configurations"), &everyone).await.status, 200);
        assert_eq!(ann.post(PROJECTS, &json!({ "project_name": "mine" })).await.status, 201);
    })
    .await;
}

#[tokio::test]
async fn a_name_can_be_looked_for_by_anybody_who_logged_in() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let ann = app.person("ann").await;
        assert_eq!(ann.head(&format!("{PROJECTS}?project_name=team")).await.status, 200);
        assert_eq!(ann.head(&format!("{PROJECTS}?project_name=nobodys")).await.status, 404);
        assert_eq!(ann.head(&format!("{PROJECTS}?project_name=NO%20NAME")).await.status, 404);
        assert_eq!(ann.head(PROJECTS).await.status, 422);
        assert_eq!(ann.head(&format!("{PROJECTS}?project_name=")).await.status, 422);
        assert_eq!(app.anonymous().head(&format!("{PROJECTS}?project_name=team")).await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn a_name_of_digits_is_told_from_an_id_by_a_header() {
    on_each_engine(async |app| {
        let id = app.project("12345678", false).await;
        let admin = app.admin();
        let one = format!("{PROJECTS}/12345678");
        assert_eq!(admin.get(&one).await.status, 404, "as an id");
        let named = admin.request(Method::GET, &one, &[("x-is-resource-name", "true")], "").await;
        assert_eq!((named.status, named.json()["project_id"].as_i64()), (200, Some(id)));
        assert_eq!(admin.get(&format!("{PROJECTS}/{id}")).await.json()["name"], "12345678");
        let by_id = admin
            .request(Method::GET, &format!("{PROJECTS}/{id}"), &[("x-is-resource-name", "false")], "")
            .await;
        assert_eq!(by_id.status, 200);
        let neither = admin.request(Method::GET, &one, &[("x-is-resource-name", "perhaps")], "").await;
        assert_eq!(neither.status, 422);
        let spaced = admin.get(&format!("{PROJECTS}/a%20b")).await;
        assert_eq!(refusal(&spaced), told(400, "BAD_REQUEST", "invalid project name: 'a b'"));
        let named = [("x-is-resource-name", "true")];
        assert_eq!(admin.request(Method::DELETE, &one, &named, "").await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_summary_counts_what_the_caller_may_see() {
    on_each_engine(async |app| {
        app.project("open", true).await;
        let guest = app.member("open", "gus", Role::Guest).await;
        let limited = app.member("open", "lea", Role::LimitedGuest).await;
        app.member("open", "dan", Role::Developer).await;
        app.member("open", "dot", Role::Developer).await;
        assert_eq!(app.admin().push("open/web", "v1", &image("one")).await.status, 201);
        let summary = format!("{PROJECTS}/open/summary");
        let quota = app.admin().get(&summary).await.json()["quota"].clone();
        assert_eq!(quota["hard"], json!({ "storage": -1 }));
        assert!(quota["used"]["storage"].as_i64().unwrap() > 100, "{quota}");
        let all = json!({
            "repo_count": 1, "project_admin_count": 1, "developer_count": 2, "guest_count": 1,
            "limited_guest_count": 1, "quota": quota,
        });
        assert_eq!(app.admin().get(&summary).await.json(), all);
        assert_eq!(guest.get(&summary).await.json(), all);
        assert_eq!(limited.get(&summary).await.json(), json!({ "repo_count": 1, "quota": quota }));
        assert_eq!(app.anonymous().get(&summary).await.json(), json!({ "repo_count": 1 }));
    })
    .await;
}

#[tokio::test]
async fn a_project_with_content_stays() {
    on_each_engine(async |app| {
        let id = app.project("team", false).await;
        let admin = app.admin();
        let (one, deletable) = (format!("{PROJECTS}/team"), format!("{PROJECTS}/team/_deletable"));
        assert_eq!(admin.get(&deletable).await.json(), json!({ "deletable": true }));
        assert_eq!(admin.push("team/web", "v1", &image("one")).await.status, 201);
        let words = "the project contains repositories, can not be deleted";
        assert_eq!(admin.get(&deletable).await.json(), json!({ "message": words }));
        let refused = admin.delete(&one).await;
        assert_eq!(refusal(&refused), told(412, "PRECONDITION", &format!("precondition failed: {words}")));
        assert_eq!(admin.get(&one).await.json()["repo_count"], 1, "nothing of it is gone");
        assert_eq!(admin.get("/v2/team/web/manifests/v1").await.status, 200);
        assert_eq!(admin.delete(&format!("{one}/repositories/web")).await.status, 200);
        let gone = admin.delete(&format!("{PROJECTS}/{id}")).await;
        assert_eq!((gone.status, gone.text().as_str()), (200, ""));
        assert_eq!(admin.get(&one).await.status, 404);
        assert_eq!(admin.delete(&one).await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn the_name_of_a_deleted_project_is_free_and_brings_nothing_back() {
    on_each_engine(async |app| {
        let first = app.project("team", true).await;
        let guest = app.member("team", "gus", Role::Guest).await;
        let blob = haven_oci::Digest::sha256(b"left behind");
        assert_eq!(app.admin().push_blob("team/web", b"left behind").await.status, 201);
        assert_eq!(app.admin().head(&format!("/v2/team/web/blobs/{blob}")).await.status, 200);
        assert_eq!(app.admin().delete(&format!("{PROJECTS}/team")).await.status, 200);
        let second = app.project("team", false).await;
        assert!(second > first);
        assert_eq!(app.admin().get(&format!("{PROJECTS}/{first}")).await.status, 404);
        assert_eq!(guest.get(&format!("{PROJECTS}/team")).await.status, 403, "no longer a member");
        assert_eq!(app.anonymous().get(&format!("{PROJECTS}/team")).await.status, 401, "no longer public");
        assert_eq!(app.admin().head(&format!("/v2/team/web/blobs/{blob}")).await.status, 404);
        let listed = app.admin().get(&format!("{PROJECTS}?name=team")).await;
        assert_eq!(super::names(&listed), ["team"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_make_the_same_project_one_does() {
    on_each_engine(async |app| {
        let doors = [app.admin(), app.replica().await, app.person("ann").await];
        let crowd = (0..18).map(|n| {
            let client = doors[n % 3].clone();
            tokio::spawn(async move { client.post(PROJECTS, &json!({ "project_name": "team" })).await })
        });
        let mut made = 0;
        for answer in crowd.collect::<Vec<_>>() {
            let answer = answer.await.unwrap();
            if answer.status == 201 {
                made += 1;
            } else {
                let words = "The project named team already exists";
                assert_eq!(refusal(&answer), told(409, "CONFLICT", words));
            }
        }
        assert_eq!(made, 1);
        assert_eq!(doors[1].get(&format!("{PROJECTS}?name=team")).await.header("x-total-count"), "1");
        let members = doors[1].get(&format!("{PROJECTS}/team/members")).await;
        assert_eq!(members.header("x-total-count"), "1", "those who came late left nothing");
    })
    .await;
}

#[tokio::test]
async fn a_limit_counts_when_an_administrator_sets_it() {
    on_each_engine(async |app| {
        let ann = app.person("ann").await;
        let of = async |client: &haven_testkit::Client, name: &str, limit: serde_json::Value| {
            client.post(PROJECTS, &json!({ "project_name": name, "storage_limit": limit })).await
        };
        for (number, limit) in [json!(-2), json!(0), json!(i64::MAX), json!(null)].into_iter().enumerate() {
            let made = of(&ann, &format!("anns{number}"), limit.clone()).await;
            assert_eq!(made.status, 201, "{limit} is not hers to set: {}", made.text());
        }
        let negative = of(&app.admin(), "x", json!(-2)).await;
        let words = "invalid non-positive value for quota limit, value=-2";
        assert_eq!(refusal(&negative), told(400, "BAD_REQUEST", words));
        let large = of(&app.admin(), "x", json!(1_125_899_906_842_625i64)).await;
        let words = "1024TB is the maximum storage value, value=1125899906842625";
        assert_eq!(refusal(&large), told(400, "BAD_REQUEST", words));
        for odd in [json!("1"), json!(1.5), json!(true)] {
            assert_eq!(of(&app.admin(), "x", odd.clone()).await.status, 422, "{odd}");
        }
        assert_eq!(app.admin().get(&format!("{PROJECTS}/x")).await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn who_comes_by_a_group_sees_and_filters_like_any_member() {
    on_each_engine(async |app| {
        let id = app.project("team", false).await;
        app.project("other", false).await;
        let ann = app.person("ann").await;
        for statement in [
            "INSERT INTO user_group (name, type, created_at, updated_at) VALUES ('devs', 3, 1, 1)",
            "INSERT INTO user_group_member (user_id, group_id) SELECT id, 1 FROM user_account WHERE username = 'ann'",
        ] {
            app.db().execute(statement, &[]).await.unwrap();
        }
        let body = json!({ "role_id": 1, "member_group": { "id": 1 } });
        assert_eq!(app.admin().post(&format!("{PROJECTS}/{id}/members"), &body).await.status, 201);
        for (query, seen) in [
            ("", "library team"),
            ("?public=false", "team"),
            ("?public=true", "library"),
            ("?name=e", "team"),
            ("?owner=admin", "library team"),
            ("?owner=ann", ""),
            ("?sort=-name", "team library"),
            ("?q=project_id%3D2", "team"),
            ("?with_detail=false", "library team"),
        ] {
            let page = ann.get(&format!("{PROJECTS}{query}")).await;
            assert_eq!(super::names(&page).join(" "), seen, "{query}");
            assert_eq!(page.header("x-total-count"), seen.split_whitespace().count().to_string(), "{query}");
        }
        assert_eq!(ann.get(&format!("{PROJECTS}?name=team")).await.json()[0]["current_user_role_ids"], json!([1]));
        assert_eq!(ann.delete(&format!("{PROJECTS}/team")).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_project_that_goes_takes_everything_with_it() {
    on_each_engine(async |app| {
        let id = app.project("team", true).await;
        app.member("team", "ann", Role::Guest).await;
        let change = json!({
            "metadata": { "auto_scan": "true" }, "cve_allowlist": { "items": [{ "cve_id": "CVE-1" }] },
        });
        assert_eq!(app.admin().put(&format!("{PROJECTS}/team"), &change).await.status, 200);
        assert_eq!(app.replica().await.delete(&format!("{PROJECTS}/team")).await.status, 200);
        for table in ["project_member", "project_metadata", "cve_allowlist", "project_blob"] {
            let left = format!("SELECT COUNT(*) FROM {table} WHERE project_id = $1");
            let left: i64 = app.db().query_one(&left, haven_db::params![id]).await.unwrap().get(0).unwrap();
            assert_eq!(left, 0, "{table}");
        }
        let change = json!({ "metadata": { "auto_scan": "true" } });
        for path in [format!("{PROJECTS}/{id}"), format!("{PROJECTS}/team")] {
            assert_eq!(app.admin().put(&path, &change).await.status, 404);
            assert_eq!(app.admin().get(&format!("{path}/members")).await.status, 404);
        }
        assert_eq!(
            app.admin().get(&format!("{PROJECTS}/team%23{id}")).await.status,
            400,
            "no name is like that"
        );
        let again = app.project("team", false).await;
        let shown = app.admin().get(&format!("{PROJECTS}/{again}")).await.json();
        assert_eq!(shown["metadata"], json!({ "public": "false" }));
        assert_eq!(shown["cve_allowlist"]["items"], json!([]));
    })
    .await;
}
