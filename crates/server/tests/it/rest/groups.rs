//! Groups of people, and what their members may.

use super::{API, refusal, told};
use crate::on_each_engine;
use haven_core::access::Role;
use haven_db::params;
use haven_testkit::{Answer, TestApp};
use serde_json::{Value, json};

const GROUPS: &str = "/api/v2.0/usergroups";

fn body(name: &str, kind: i64) -> Value {
    json!({ "group_name": name, "group_type": kind })
}

async fn make(app: &TestApp, name: &str) -> i64 {
    let made = app.admin().post(GROUPS, &body(name, 3)).await;
    assert_eq!((made.status, made.text().as_str()), (201, ""));
    made.header("location").strip_prefix("/api/v2.0/usergroups/").unwrap().parse().unwrap()
}

fn names(page: &Answer) -> Vec<String> {
    assert_eq!(page.status, 200, "{}", page.text());
    let items = page.json();
    items.as_array().unwrap().iter().map(|group| group["group_name"].as_str().unwrap().to_owned()).collect()
}

/// As a directory would, once it has said that somebody is in a group.
async fn join(app: &TestApp, group: i64, name: &str) {
    let join = "INSERT INTO user_group_member (user_id, group_id) SELECT id, g.gid FROM user_account,
        (SELECT CAST($1 AS BIGINT) AS gid) g WHERE username = $2";
    app.db().execute(join, params![group, name]).await.unwrap();
}

async fn give_role(app: &TestApp, group: i64, project: i64, role: Role) {
    let give =
        "INSERT INTO project_member (project_id, entity_type, entity_id, role_id, created_at, updated_at)
        VALUES ($1, 'g', $2, $3, 1, 1)";
    app.db().execute(give, params![project, group, role.id()]).await.unwrap();
}

#[tokio::test]
async fn groups_are_made_read_renamed_and_deleted() {
    on_each_engine(async |app| {
        let (admin, id) = (app.admin(), make(&app, "devs").await);
        let one = format!("{GROUPS}/{id}");
        let shown = json!({ "id": id, "group_name": "devs", "group_type": 3 });
        assert_eq!(admin.get(&one).await.json(), shown);
        assert_eq!(admin.get(GROUPS).await.json(), json!([shown]));
        assert_eq!(
            admin.put(&one, &json!({ "group_name": "developers", "group_type": 1 })).await.status,
            200
        );
        let renamed = json!({ "id": id, "group_name": "developers", "group_type": 3 });
        assert_eq!(admin.get(&one).await.json(), renamed, "only the name changes");
        assert_eq!(admin.delete(&one).await.status, 200);
        let words = format!("the user group with id {id} is not found");
        assert_eq!(refusal(&admin.get(&one).await), told(404, "NOT_FOUND", &words));
        assert_eq!(
            refusal(&admin.put(&one, &json!({ "group_name": "x" })).await),
            told(404, "NOT_FOUND", &words)
        );
        assert_eq!(admin.delete(&one).await.status, 200, "gone already");
        assert_eq!(admin.get(GROUPS).await.text(), "[]\n");
    })
    .await;
}

#[tokio::test]
async fn groups_that_cannot_be_are_refused() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let devs = make(&app, "devs").await;
        make(&app, "tests").await;
        for (body, words) in [
            (json!({}), "the group name is missing"),
            (json!({ "group_name": "", "group_type": 3 }), "the group name is missing"),
            (json!({ "group_name": " ", "group_type": 3 }), "the group name is missing"),
            (
                json!({ "group_name": "x".repeat(256), "group_type": 3 }),
                "the group name has more than 255 bytes",
            ),
            (json!({ "group_name": "x" }), "unknown group type: 0"),
            (json!({ "group_name": "x", "group_type": 4 }), "unknown group type: 4"),
            (
                json!({ "group_name": "x", "group_type": 1, "ldap_group_dn": "cn=x,dc=example,dc=com" }),
                "LDAP Group DN is not found: DN:cn=x,dc=example,dc=com",
            ),
            (json!({ "group_name": "x", "group_type": 1, "ldap_group_dn": "x" }), "invalid DN syntax. DN: x"),
        ] {
            assert_eq!(refusal(&admin.post(GROUPS, &body).await), told(400, "BAD_REQUEST", words), "{body}");
        }
        assert_eq!(admin.request(http::Method::POST, GROUPS, &[], "").await.status, 400, "without a body");
        let taken = told(409, "CONFLICT", "user group devs already exists");
        assert_eq!(refusal(&admin.post(GROUPS, &body("devs", 3)).await), taken);
        assert_eq!(refusal(&admin.post(GROUPS, &body("devs", 2)).await), taken, "whatever type it is of");
        let rename = async |id: i64, name: &str| {
            refusal(&admin.put(&format!("{GROUPS}/{id}"), &json!({ "group_name": name })).await)
        };
        assert_eq!(rename(devs, "tests").await, told(409, "CONFLICT", "user group tests already exists"));
        assert_eq!(rename(devs, "").await.0, 400);
        assert_eq!(
            admin.put(&format!("{GROUPS}/{devs}"), &json!({ "group_name": "devs" })).await.status,
            200
        );
        for id in ["0", "-1"] {
            assert_eq!(admin.get(&format!("{GROUPS}/{id}")).await.status, 400);
        }
        assert_eq!(admin.get(&format!("{GROUPS}/x")).await.status, 422);
        assert_eq!(admin.post(GROUPS, &body("a\0b", 3)).await.status, 422);
    })
    .await;
}

#[tokio::test]
async fn groups_are_found_and_only_administrators_list_them() {
    on_each_engine(async |app| {
        for name in ["developers", "dev", "a-devs", "tests"] {
            make(&app, name).await;
        }
        let (admin, ann) = (app.admin(), app.person("ann").await);
        let list = async |query: &str| names(&admin.get(&format!("{GROUPS}?{query}")).await);
        assert_eq!(list("group_name=DEV").await, ["developers", "dev", "a-devs"]);
        assert_eq!(list("q=group_name%3Ddev&ldap_group_dn=x").await, ["dev"]);
        assert_eq!(list("sort=-group_name&page_size=1").await, ["tests"]);
        assert_eq!(list("page=2&page_size=3").await, ["tests"]);
        let found = ann.get(&format!("{GROUPS}/search?groupname=dev&page_size=2&page=3")).await;
        assert_eq!(
            (names(&found), found.header("x-total-count")),
            (vec!["dev".into(), "a-devs".into()], "3")
        );
        assert_eq!(found.json()[0].as_object().unwrap().len(), 3);
        assert_eq!(ann.get(&format!("{GROUPS}/search?groupname=")).await.status, 422);
        assert_eq!(app.anonymous().get(&format!("{GROUPS}/search?groupname=d")).await.status, 401);
        for (method, path) in [("GET", ""), ("POST", ""), ("GET", "/1"), ("PUT", "/1"), ("DELETE", "/1")] {
            let path = format!("{GROUPS}{path}");
            let ask = async |client: &haven_testkit::Client| {
                client.request(method.parse().unwrap(), &path, &[], "").await
            };
            assert_eq!(refusal(&ask(&ann).await), told(403, "FORBIDDEN", "ann"), "{method} {path}");
            assert_eq!(ask(&app.anonymous()).await.status, 401);
        }
    })
    .await;
}

#[tokio::test]
async fn members_of_a_group_may_what_the_group_may() {
    on_each_engine(async |app| {
        let (team, group) = (app.project("team", false).await, make(&app, "devs").await);
        let ann = app.person("ann").await;
        let (project, projects) = (format!("{API}/projects/team"), format!("{API}/projects?public=false"));
        give_role(&app, group, team, Role::Developer).await;
        assert_eq!(ann.get(&project).await.status, 403);
        join(&app, group, "ann").await;
        let shown = ann.get(&project).await.json();
        assert_eq!(
            (&shown["current_user_role_id"], &shown["current_user_role_ids"]),
            (&json!(2), &json!([2]))
        );
        assert_eq!(ann.get(&projects).await.json()[0]["name"], "team");
        assert_eq!(ann.push("team/web", "v1", &haven_testkit::image("one")).await.status, 201);
        assert_eq!(ann.get(&format!("{API}/repositories")).await.json()[0]["name"], "team/web");
        let token = ann.token(&["repository:team/web:pull,push"]).await;
        assert_eq!(token.get("/v2/team/web/manifests/v1").await.status, 200);
        let delete = format!("{project}/repositories/web");
        assert_eq!(ann.delete(&delete).await.status, 403, "a developer");
        // The stronger of two roles counts, and the same one twice is one.
        let more = make(&app, "leads").await;
        join(&app, more, "ann").await;
        for (group, role) in [(more, Role::ProjectAdmin)] {
            give_role(&app, group, team, role).await;
        }
        let shown = ann.get(&project).await.json();
        assert_eq!(
            (&shown["current_user_role_id"], &shown["current_user_role_ids"]),
            (&json!(1), &json!([1, 2]))
        );
        assert_eq!(ann.delete(&delete).await.status, 200);
        for id in [group, more] {
            assert_eq!(app.admin().delete(&format!("{GROUPS}/{id}")).await.status, 200);
        }
        assert_eq!(ann.get(&project).await.status, 403, "with the group goes what it may");
        assert_eq!(ann.get(&projects).await.text(), "[]\n");
    })
    .await;
}
