//! What somebody may do, and what robots can be granted.

use super::{API, refusal, told};
use crate::access::matrix::{PROJECT, PUBLIC, ROBOT, SHOWN, SYSTEM, SYSTEM_ROBOT, Who, action, column};
use crate::on_each_engine;
use haven_core::access::Role;
use haven_testkit::Client;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Pairs without their order; none comes twice.
fn pairs(list: &Value) -> BTreeSet<String> {
    let items = list.as_array().unwrap();
    let pairs: BTreeSet<_> = items.iter().map(Value::to_string).collect();
    assert_eq!(pairs.len(), items.len(), "each once");
    pairs
}

#[tokio::test]
async fn the_catalogue_is_for_whoever_can_make_robots() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let path = format!("{API}/permissions");
        let whole = app.admin().get(&path).await.json();
        assert_eq!(pairs(&whole["system"]), pairs(&column(&SYSTEM, SYSTEM_ROBOT).into()));
        assert_eq!(pairs(&whole["project"]), pairs(&column(&PROJECT, ROBOT).into()));
        let admin = app.member("team", "ann", Role::ProjectAdmin).await;
        let seen = admin.get(&path).await.json();
        assert_eq!((&seen["project"], seen.get("system")), (&whole["project"], None));
        let maintainer = app.member("team", "max", Role::Maintainer).await;
        let words = "forbidden: only admins(system and project) can access permissions";
        for client in [maintainer, app.person("fay").await] {
            assert_eq!(refusal(&client.get(&path).await), told(403, "FORBIDDEN", words));
        }
        assert_eq!(app.anonymous().get(&path).await.status, 401);
    })
    .await;
}

async fn mine(client: &Client, query: &str) -> Value {
    let answer = client.get(&format!("{API}/users/current/permissions?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.text());
    answer.json()
}

/// What a column of the table says, as paths of a project.
fn below(id: i64, columns: &[usize]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (resource, letters) in PROJECT {
        let path = if resource == "project" {
            format!("/project/{id}")
        } else {
            format!("/project/{id}/{resource}")
        };
        for letter in columns.iter().flat_map(|column| letters[*column].chars()) {
            all.insert(json!({ "resource": path, "action": action(letter) }).to_string());
        }
    }
    all
}

#[tokio::test]
async fn everybody_is_told_what_their_roles_say() {
    on_each_engine(async |app| {
        let (hidden, open) = (app.project("hidden", false).await, app.project("open", true).await);
        let roles = [Who::ProjectAdmin, Who::Maintainer, Who::Developer, Who::Guest, Who::LimitedGuest];
        for (role, column) in roles.into_iter().filter_map(Who::role) {
            let client = app.member("hidden", &format!("u{column}"), role).await;
            let seen = pairs(&mine(&client, &format!("scope=/project/{hidden}")).await);
            assert_eq!(seen, below(hidden, &[column]), "{role:?}");
            let public = pairs(&mine(&client, &format!("scope=/project/{open}")).await);
            assert_eq!(public, below(open, &[PUBLIC]), "{role:?}");
        }
        let admin = mine(&app.admin(), &format!("scope=/project/{hidden}")).await;
        assert_eq!(pairs(&admin), below(hidden, &[0, 1, 2, 3, 4]));
        let foreign = app.person("fay").await;
        for scope in [format!("/project/{hidden}"), "/project/999".to_owned()] {
            assert_eq!(mine(&foreign, &format!("scope={scope}")).await, json!([]));
        }
        assert_eq!(app.anonymous().get(&format!("{API}/users/current/permissions")).await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn resources_are_told_as_seen_from_the_scope() {
    on_each_engine(async |app| {
        let id = app.project("team", false).await;
        let guest = app.member("team", "gus", Role::LimitedGuest).await;
        let listed = mine(&guest, &format!("scope=/project/{id}&relative=true")).await;
        assert!(pairs(&listed).contains(&json!({ "resource": ".", "action": "read" }).to_string()));
        assert!(
            pairs(&listed)
                .contains(&json!({ "resource": "artifact-addition", "action": "read" }).to_string())
        );
        assert_eq!(listed.as_array().unwrap().len(), below(id, &[4]).len());
        let dots = |actions: &[&str]| {
            let each = actions.iter().map(|action| json!({ "resource": ".", "action": action }));
            pairs(&each.collect::<Vec<_>>().into())
        };
        for scope in [format!("/project/{id}/repository"), format!("/project/{id}/repository/")] {
            let listed = mine(&guest, &format!("scope={scope}&relative=true")).await;
            assert_eq!(pairs(&listed), dots(&["read", "list", "pull"]), "{scope}");
            let absolute = mine(&guest, &format!("scope={scope}&relative=false")).await;
            assert_eq!(pairs(&absolute), below(id, &[4]), "{scope}");
        }
        assert!(
            !mine(&app.admin(), &format!("scope=/project/{id}/repository&relative=true"))
                .await
                .as_array()
                .unwrap()
                .is_empty()
        );
        for scope in [
            "",
            "/",
            "/project",
            "/project/",
            "/project/team",
            "/project/-1",
            "/project/99999999999999999999",
            "/user",
        ] {
            assert_eq!(mine(&guest, &format!("scope={scope}")).await, json!([]), "{scope}");
        }
        let bad = guest.get(&format!("{API}/users/current/permissions?relative=perhaps")).await;
        assert_eq!(bad.status, 422);
    })
    .await;
}

#[tokio::test]
async fn the_system_is_told_to_whoever_may_something_there() {
    on_each_engine(async |app| {
        let admin = app.admin();
        assert_eq!(pairs(&mine(&admin, "scope=/system").await), pairs(&column(&SYSTEM, SHOWN).into()));
        assert_eq!(mine(&admin, "scope=/system&relative=true").await, json!([]), "they are not below it");
        assert_eq!(mine(&app.person("fay").await, "scope=/system").await, json!([]));
        let robot = json!({ "name": "ops", "level": "system", "duration": -1, "permissions": [
            { "kind": "system", "namespace": "/", "access": [{ "resource": "user", "action": "list" }] },
            { "kind": "project", "namespace": "library", "access": [{ "resource": "tag", "action": "create" }] }] });
        let made = admin.post(&format!("{API}/robots"), &robot).await.json();
        let robot = app.with_password(made["name"].as_str().unwrap(), made["secret"].as_str().unwrap());
        assert_eq!(mine(&robot, "scope=/system").await, json!([{ "resource": "user", "action": "list" }]));
        let seen = pairs(&mine(&robot, "scope=/project/1").await);
        let own = json!({ "resource": "/project/1/tag", "action": "create" }).to_string();
        assert_eq!(seen, below(1, &[PUBLIC]).into_iter().chain([own]).collect());
    })
    .await;
}
