//! Members of projects: given a role, given another, sent away.

use super::{API, refusal, told};
use crate::on_each_engine;
use haven_core::access::Role;
use haven_db::params;
use haven_testkit::{Answer, Client, TestApp, image};
use http::Method;
use serde_json::{Value, json};

const TEAM: &str = "/api/v2.0/projects/team";
const MEMBERS: &str = "/api/v2.0/projects/team/members";

fn user(name: &str, role: i64) -> Value {
    json!({ "role_id": role, "member_user": { "username": name } })
}

/// The number at the end of the address of what was made.
fn id(made: &Answer) -> i64 {
    assert_eq!((made.status, made.text().as_str()), (201, ""));
    made.header("location").rsplit('/').next().unwrap().parse().unwrap()
}

/// A group with these people in it; returns its id.
async fn group(app: &TestApp, name: &str, kind: i64, people: &[&str]) -> i64 {
    let dn = if kind == 1 { format!("cn={name},dc=example") } else { String::new() };
    let make = "INSERT INTO user_group (name, type, ldap_dn, created_at, updated_at) VALUES ($1, $2, $3, 1, 1) RETURNING id";
    let id: i64 = app.db().query_one(make, params![name, kind, dn]).await.unwrap().get(0).unwrap();
    for person in people {
        let join = "INSERT INTO user_group_member (user_id, group_id) SELECT u.id, $2 FROM user_account u WHERE u.username = $1";
        app.db().execute(join, params![*person, id]).await.unwrap();
    }
    id
}

/// `name:role` of a page of members.
fn shown(page: &Answer) -> String {
    assert_eq!(page.status, 200, "{}", page.text());
    let items = page.json();
    let one = |item: &Value| {
        format!("{}:{}", item["entity_name"].as_str().unwrap(), item["role_name"].as_str().unwrap())
    };
    items.as_array().unwrap().iter().map(one).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn a_member_is_shown_with_name_and_role() {
    on_each_engine(async |app| {
        let project = app.project("team", false).await;
        app.person("ann").await;
        let made = app.admin().post(MEMBERS, &user("ann", 2)).await;
        let member = id(&made);
        assert_eq!(made.header("location"), format!("{MEMBERS}/{member}"));
        let whole = json!({
            "id": member, "project_id": project, "entity_name": "ann", "entity_id": 3, "entity_type": "u",
            "role_id": 2, "role_name": "developer",
        });
        assert_eq!(app.admin().get(made.header("location")).await.json(), whole);
        assert_eq!(shown(&app.admin().get(MEMBERS).await), "admin:projectAdmin ann:developer");
        let by_id = app.admin().post(&format!("{API}/projects/{project}/members"), &user("nobody", 2)).await;
        assert_eq!(by_id.status, 404);
        app.person("bob").await;
        let by_id = app.admin().post(&format!("{API}/projects/{project}/members/"), &user("bob", 3)).await;
        assert_eq!(by_id.header("location"), format!("{API}/projects/{project}/members/{}", member + 1));
        let headers = [("content-type", "application/json"), ("x-is-resource-name", "true")];
        let named = app.admin().request(Method::POST, MEMBERS, &headers, user("ann", 2).to_string()).await;
        assert_eq!(named.status, 409);
    })
    .await;
}

#[tokio::test]
async fn every_role_can_be_given_and_counts_at_once() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let (admin, ann, replica) = (app.admin(), app.person("ann").await, app.replica().await);
        assert_eq!(ann.get(TEAM).await.status, 403);
        let member = format!("{MEMBERS}/{}", id(&admin.post(MEMBERS, &user("ann", 5)).await));
        let names = ["projectAdmin", "developer", "guest", "maintainer", "limitedGuest"];
        for (role, name) in (1..=5).zip(names) {
            let put =
                replica.put(&member, &json!({ "role_id": role, "member_user": { "username": "x" } })).await;
            assert_eq!((put.status, put.text().as_str(), put.header("content-type")), (200, "", ""));
            assert_eq!(admin.get(&member).await.json()["role_name"], name);
            assert_eq!(ann.get(TEAM).await.json()["current_user_role_ids"], json!([role]));
            let may_push = matches!(role, 1 | 2 | 4);
            let pushed = ann.push_manifest("team/web", "v1", &image("none")).await.status;
            assert_eq!(pushed == 401, !may_push, "{name}: {pushed}");
            assert_eq!(ann.get(MEMBERS).await.status == 403, role == 5, "{name}");
            assert_eq!(ann.put(TEAM, &json!({})).await.status == 200, role == 1, "{name}");
        }
        assert_eq!(replica.delete(&member).await.status, 200);
        assert_eq!(ann.get(TEAM).await.status, 403, "the next request is refused");
        assert_eq!(admin.get(&member).await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn somebody_is_named_by_number_or_by_name() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        app.person("ann").await;
        app.person("bob").await;
        let (ldap, oidc) = (group(&app, "ops", 1, &[]).await, group(&app, "devs", 3, &[]).await);
        let entity = async |who: Value| {
            let mut body = who.clone();
            body["role_id"] = json!(3);
            let made = app.admin().post(MEMBERS, &body).await;
            let member = app.admin().get(&format!("{MEMBERS}/{}", id(&made))).await.json();
            assert_eq!(app.admin().delete(made.header("location")).await.status, 200);
            format!("{}{}", member["entity_type"].as_str().unwrap(), member["entity_id"])
        };
        let both = json!({ "member_user": { "user_id": 3, "username": "bob" }, "member_group": { "id": ldap } });
        assert_eq!(entity(both).await, "u3", "a number of a user counts first");
        let both = json!({ "member_user": { "username": "bob" }, "member_group": { "id": ldap, "group_name": "x" } });
        assert_eq!(entity(both).await, format!("g{ldap}"), "then that of a group");
        let both = json!({ "member_user": { "username": "bob" }, "member_group": { "group_name": "devs", "group_type": 3 } });
        assert_eq!(entity(both).await, "u4", "then the name of a user");
        let terraform = json!({ "member_user": { "username": "bob" }, "member_group": {} });
        assert_eq!(entity(terraform).await, "u4");
        let terraform = json!({ "member_user": {}, "member_group": { "group_name": "devs", "group_type": 3 } });
        assert_eq!(entity(terraform).await, format!("g{oidc}"));
        let nulls = json!({ "member_user": null, "member_group": { "id": null, "ldap_group_dn": " CN=Ops,DC=example " } });
        assert_eq!(entity(nulls).await, format!("g{ldap}"));
        let dn = json!({ "member_group": { "ldap_group_dn": "cn=ops,dc=example", "group_name": "another name" } });
        assert_eq!(entity(dn).await, format!("g{ldap}"));
    })
    .await;
}

/// Requests that name nobody, with what they are told.
fn nobodies() -> Vec<(Value, u16, &'static str)> {
    let none = "at least one of member_user or member_group must be provided";
    let by_user = |user: Value| json!({ "role_id": 2, "member_user": user });
    let by_group = |group: Value| json!({ "role_id": 2, "member_group": group });
    vec![
        (json!({ "role_id": 2 }), 400, none),
        (json!({}), 400, none),
        (Value::Null, 400, none),
        (json!({ "role_id": 2, "member_user": {}, "member_group": {} }), 400, none),
        (by_group(json!({ "group_type": 3 })), 400, none),
        (by_user(json!({ "user_id": 99 })), 400, "user 99 is not found"),
        (by_user(json!({ "user_id": -1 })), 400, "user -1 is not found"),
        (by_user(json!({ "user_id": 2 })), 400, "user 2 is not found"),
        (by_group(json!({ "id": 99 })), 400, "the user group with id 99 is not found"),
        (user("nobody", 2), 404, "user nobody is not found"),
        (user("ANN", 2), 404, "user ANN is not found"),
        (user("ann@example.com", 2), 404, "user ann@example.com is not found"),
        (by_group(json!({ "group_name": "ops", "group_type": 3 })), 404, "ops not found"),
        (by_group(json!({ "group_name": "devs", "group_type": 2 })), 404, "devs not found"),
        (by_group(json!({ "ldap_group_dn": "cn=x" })), 404, "LDAP group cn=x is not found"),
    ]
}

#[tokio::test]
async fn nobody_unknown_becomes_a_member() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        app.person("ann").await;
        group(&app, "devs", 3, &[]).await;
        for (body, status, words) in nobodies() {
            let code = if status == 404 { "NOT_FOUND" } else { "BAD_REQUEST" };
            assert_eq!(refusal(&app.admin().post(MEMBERS, &body).await), told(status, code, words), "{body}");
        }
        assert_eq!(app.admin().request(Method::POST, MEMBERS, &[], "").await.status, 400);
        for name in ["x".repeat(500_000), "' OR 1=1 --".to_owned(), "ann\n".to_owned(), "ann%".to_owned()] {
            let refused = app.admin().post(MEMBERS, &user(&name, 2)).await;
            assert!(refused.status == 404 && refused.body.len() < 1000, "{}", refused.text());
        }
        assert_eq!(app.admin().post(MEMBERS, &user("ann\0", 2)).await.status, 422);
        for body in [
            json!({ "role_id": "2" }),
            json!({ "member_user": "ann" }),
            json!({ "member_user": { "user_id": "3" } }),
        ] {
            assert_eq!(app.admin().post(MEMBERS, &body).await.status, 422, "{body}");
        }
        assert_eq!(shown(&app.admin().get(MEMBERS).await), "admin:projectAdmin");
    })
    .await;
}

#[tokio::test]
async fn somebody_is_a_member_once_and_with_a_role_that_there_is() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        app.person("ann").await;
        let admin = app.admin();
        let already = told(409, "CONFLICT", "The project member specified already exist");
        for role in [0, 6, -1, 1 << 40] {
            let words = format!("invalid role id: {role}, it is one of 1, 2, 3, 4 and 5");
            assert_eq!(
                refusal(&admin.post(MEMBERS, &user("ann", role)).await),
                told(400, "BAD_REQUEST", &words)
            );
        }
        let member = format!("{MEMBERS}/{}", id(&admin.post(MEMBERS, &user("ann", 2)).await));
        assert_eq!(refusal(&admin.post(MEMBERS, &user("ann", 3)).await), already);
        assert_eq!(
            refusal(&admin.post(MEMBERS, &user("ann", 9)).await),
            already,
            "looked at before the role"
        );
        for body in [json!({ "role_id": 9 }), json!({}), json!({ "role_id": null })] {
            let refused = admin.put(&member, &body).await;
            assert_eq!((refused.status, refused.code().as_str()), (400, "BAD_REQUEST"), "{body}");
        }
        assert_eq!(admin.request(Method::PUT, &member, &[], "").await.status, 400);
        assert_eq!(admin.get(&member).await.json()["role_id"], 2);
    })
    .await;
}

#[tokio::test]
async fn a_number_of_a_member_counts_in_its_own_project_only() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        app.project("other", false).await;
        app.person("ann").await;
        let admin = app.admin();
        let member = id(&admin.post(MEMBERS, &user("ann", 2)).await);
        let astray = format!("{API}/projects/other/members/{member}");
        let unknown = told(404, "NOT_FOUND", &format!("project member {member} not found"));
        assert_eq!(refusal(&admin.get(&astray).await), unknown);
        assert_eq!(refusal(&admin.put(&astray, &json!({ "role_id": 1 })).await), unknown);
        assert_eq!(admin.delete(&astray).await.status, 200, "nothing is there, and nothing goes");
        assert_eq!(admin.get(&format!("{MEMBERS}/{member}")).await.json()["role_id"], 2);
        for (number, status) in [("0", 400), ("-1", 400), ("999", 404), ("9223372036854775807", 404)] {
            let one = format!("{MEMBERS}/{number}");
            assert_eq!(admin.get(&one).await.status, status, "{number}");
            assert_eq!(admin.put(&one, &json!({ "role_id": 1 })).await.status, status, "{number}");
            let gone = if status == 404 { 200 } else { status };
            assert_eq!(admin.delete(&one).await.status, gone, "{number}");
        }
        for number in ["x", "1.5", "9223372036854775808", "%31x", "1%00"] {
            let status = admin.get(&format!("{MEMBERS}/{number}")).await.status;
            assert!(matches!(status, 400 | 422), "{number}: {status}");
        }
        let typed = admin.get(&format!("{MEMBERS}/x")).await.message();
        assert_eq!(typed, "validation failure list:\nmid in path must be of type int64: \"x\"");
    })
    .await;
}

#[tokio::test]
async fn the_list_is_in_order_and_in_pages() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        for name in ["zoe", "ben", "Ann"] {
            app.member("team", name, Role::Guest).await;
        }
        let devs = group(&app, "devs", 3, &[]).await;
        let admin = app.admin();
        let body = json!({ "role_id": 2, "member_group": { "id": devs } });
        assert_eq!(admin.post(MEMBERS, &body).await.status, 201);
        let all = admin.get(MEMBERS).await;
        assert_eq!(shown(&all), "Ann:guest admin:projectAdmin ben:guest devs:developer zoe:guest");
        assert_eq!(all.header("x-total-count"), "5");
        let second = admin.get(&format!("{MEMBERS}?page=2&page_size=2")).await;
        assert_eq!(shown(&second), "ben:guest devs:developer");
        assert_eq!(second.header("x-total-count"), "5");
        let link = format!(
            "<{MEMBERS}?page=1&page_size=2>; rel=\"prev\" , <{MEMBERS}?page=3&page_size=2>; rel=\"next\""
        );
        assert_eq!(second.header("link"), link);
        assert_eq!(shown(&admin.get(&format!("{MEMBERS}?page=9")).await), "");
        assert_eq!(shown(&admin.get(&format!("{MEMBERS}?entityname=devs")).await), "devs:developer");
        let one = admin.get(&format!("{MEMBERS}?entityname=ben&page=1")).await;
        assert_eq!((shown(&one).as_str(), one.header("x-total-count")), ("ben:guest", "1"));
        for none in ["be", "BEN", "%25", "b_n"] {
            assert_eq!(shown(&admin.get(&format!("{MEMBERS}?entityname={none}")).await), "", "{none}");
        }
        assert_eq!(admin.get(&format!("{MEMBERS}?page_size=101")).await.status, 422);
    })
    .await;
}

#[tokio::test]
async fn a_group_brings_its_role_to_everybody_in_it() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let (ann, bob) = (app.person("ann").await, app.person("bob").await);
        let devs = group(&app, "devs", 3, &["ann"]).await;
        let ops = group(&app, "ops", 3, &["ann", "bob"]).await;
        let admin = app.admin();
        let of_group = async |id: i64, role: i64| {
            let body = json!({ "role_id": role, "member_group": { "id": id } });
            let made = admin.post(MEMBERS, &body).await;
            assert_eq!(made.status, 201, "{}", made.text());
            made.header("location").to_owned()
        };
        let roles = async |client: &Client| client.get(TEAM).await.json()["current_user_role_ids"].clone();
        assert_eq!(ann.get(TEAM).await.status, 403);
        let through_devs = of_group(devs, 2).await;
        assert_eq!((roles(&ann).await, bob.get(TEAM).await.status), (json!([2]), 403));
        of_group(ops, 3).await;
        assert_eq!(admin.post(MEMBERS, &user("ann", 5)).await.status, 201);
        assert_eq!((roles(&ann).await, roles(&bob).await), (json!([2, 3, 5]), json!([3])));
        assert_eq!(ann.get(TEAM).await.json()["current_user_role_id"], 2, "the strongest");
        assert_eq!(ann.push("team/web", "v1", &image("one")).await.status, 201);
        assert_eq!(bob.push_manifest("team/web", "v2", &image("one")).await.status, 401);
        assert_eq!(bob.get("/v2/team/web/manifests/v1").await.status, 200);
        let token = bob.token(&["repository:team/web:pull"]).await;
        assert_eq!(token.get("/v2/team/web/manifests/v1").await.status, 200);
        for list in ["projects?name=team", "projects?public=false", "repositories", "search?q=web"] {
            assert!(bob.get(&format!("{API}/{list}")).await.text().contains("team"), "{list}");
        }
        assert_eq!(app.replica().await.delete(&through_devs).await.status, 200);
        assert_eq!(roles(&ann).await, json!([3, 5]));
        assert_eq!(ann.push_manifest("team/web", "v2", &image("one")).await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn the_last_administrator_may_go() {
    on_each_engine(async |app| {
        let pam = app.person("pam").await;
        assert_eq!(
            pam.post(&format!("{API}/projects"), &json!({ "project_name": "team" })).await.status,
            201
        );
        let member = pam.get(MEMBERS).await.json()[0]["id"].as_i64().unwrap();
        assert_eq!(pam.delete(&format!("{MEMBERS}/{member}")).await.status, 200);
        assert_eq!(pam.get(TEAM).await.status, 403, "its owner is nobody in it now");
        assert_eq!(shown(&app.admin().get(MEMBERS).await), "");
        assert_eq!(app.admin().get(TEAM).await.json()["owner_name"], "pam");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_add_the_same_member_one_does() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        app.person("ann").await;
        let doors = [app.admin(), app.replica().await];
        let crowd = (0..16).map(|n| {
            let client = doors[n % 2].clone();
            tokio::spawn(async move { client.post(MEMBERS, &user("ann", 1 + n as i64 % 5)).await.status })
        });
        let mut made = 0;
        for status in crowd.collect::<Vec<_>>() {
            match status.await.unwrap() {
                201 => made += 1,
                status => assert_eq!(status, 409),
            }
        }
        assert_eq!(made, 1);
        assert_eq!(doors[1].get(MEMBERS).await.header("x-total-count"), "2");
    })
    .await;
}

#[tokio::test]
async fn strangers_do_not_learn_who_is_a_member() {
    on_each_engine(async |app| {
        app.project("open", true).await;
        app.project("team", false).await;
        let open = MEMBERS.replace("team", "open");
        let lea = app.member("open", "lea", Role::LimitedGuest).await;
        let gus = app.member("open", "gus", Role::Guest).await;
        assert_eq!(app.anonymous().get(&open).await.status, 401, "not even where everybody may pull");
        assert_eq!(app.person("fay").await.get(&open).await.status, 403);
        assert_eq!(lea.get(&open).await.status, 403);
        assert_eq!(shown(&gus.get(&open).await), "admin:projectAdmin gus:guest lea:limitedGuest");
        for client in [app.anonymous(), gus.clone()] {
            for path in ["", "/1", "/999"] {
                let hidden = client.get(&format!("{MEMBERS}{path}")).await;
                let missing = client.get(&format!("{}{path}", MEMBERS.replace("team", "nobodys"))).await;
                assert_eq!((hidden.status, hidden.text()), (missing.status, missing.text()));
            }
        }
        assert_eq!(gus.post(&open, &user("fay", 3)).await.status, 403);
        assert_eq!(app.admin().get(&MEMBERS.replace("team", "nobodys")).await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn the_summary_counts_whom_the_list_shows() {
    on_each_engine(async |app| {
        let (project, admin) = (app.project("team", false).await, app.admin());
        app.person("ann").await;
        assert_eq!(admin.post(MEMBERS, &user("ann", 2)).await.status, 201);
        // As left by somebody who becomes a member in the moment in which their account goes.
        let late =
            "INSERT INTO project_member (project_id, entity_type, entity_id, role_id, created_at, updated_at)
            VALUES ($1, $2, 2, $3, 1, 1)";
        for (kind, role) in [("u", 2), ("g", 3)] {
            app.db().execute(late, params![project, kind, role]).await.unwrap();
        }
        let summary = admin.get(&format!("{TEAM}/summary")).await.json();
        assert_eq!(admin.get(MEMBERS).await.header("x-total-count"), "2");
        let counts =
            ["project_admin_count", "developer_count", "guest_count"].map(|role| summary[role].as_i64());
        assert_eq!(counts, [Some(1), Some(1), None], "{summary}");
    })
    .await;
}
