//! Labels: of the registry and of projects, and on artifacts.

use super::{API, digests, names, refusal, told};
use crate::on_each_engine;
use haven_core::access::Role;
use haven_testkit::{Client, TestApp, image};
use serde_json::{Value, json};
use std::time::Duration;

const LABELS: &str = "/api/v2.0/labels";
const WEB: &str = "/api/v2.0/projects/library/repositories/web/artifacts";

/// Makes a label and returns its id.
async fn make(client: &Client, body: Value) -> i64 {
    let made = client.post(LABELS, &body).await;
    assert_eq!((made.status, made.text().as_str()), (201, ""), "{}", made.text());
    made.header("location").strip_prefix("/api/v2.0/labels/").unwrap().parse().unwrap()
}

async fn global(app: &TestApp, name: &str) -> i64 {
    make(&app.admin(), json!({ "name": name, "scope": "g" })).await
}

async fn push(app: &TestApp, tag: &str) -> String {
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(app.admin().push("library/web", tag, &image(tag)).await.status, 201);
    image(tag).digest()
}

#[tokio::test]
async fn a_label_is_made_read_changed_and_deleted() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let body = json!({ "name": "prod", "description": "runs", "color": "#00AB9A", "scope": "g", "project_id": 7 });
        let id = make(&admin, body).await;
        let one = format!("{LABELS}/{id}");
        let shown = admin.get(&one).await.json();
        let time = "2023-11-14T22:13:20.000Z";
        let expected = json!({
            "id": id, "name": "prod", "description": "runs", "color": "#00AB9A", "scope": "g",
            "creation_time": time, "update_time": time,
        });
        assert_eq!(shown, expected, "one of the registry has no project");
        app.clock.advance(Duration::from_secs(60));
        let change = json!({ "name": "production", "scope": "p", "project_id": 1 });
        let changed = admin.put(&one, &change).await;
        assert_eq!((changed.status, changed.text().as_str()), (200, ""));
        let shown = admin.get(&one).await.json();
        assert_eq!((&shown["name"], &shown["scope"]), (&json!("production"), &json!("g")), "it stays where it is");
        assert!(shown.get("description").is_none() && shown.get("color").is_none(), "what is not said is cleared");
        assert_eq!((&shown["creation_time"], &shown["update_time"]), (&json!(time), &json!("2023-11-14T22:14:20.000Z")));
        assert_eq!(admin.delete(&one).await.status, 200);
        let words = format!("label {id} not found");
        for gone in [admin.get(&one).await, admin.put(&one, &change).await, admin.delete(&one).await] {
            assert_eq!(refusal(&gone), told(404, "NOT_FOUND", &words));
        }
    })
    .await;
}

#[tokio::test]
async fn a_name_is_given_once_in_a_scope() {
    on_each_engine(async |app| {
        let (admin, team) = (app.admin(), app.project("team", false).await);
        let first = global(&app, "prod").await;
        let other = global(&app, "dev").await;
        make(&admin, json!({ "name": "prod", "scope": "p", "project_id": team })).await;
        make(&admin, json!({ "name": "prod", "scope": "p", "project_id": 1 })).await;
        let conflict = told(409, "CONFLICT", "label prod already exists");
        for body in [
            json!({ "name": "prod", "scope": "g" }),
            json!({ "name": "prod", "scope": "p", "project_id": team }),
        ] {
            assert_eq!(refusal(&admin.post(LABELS, &body).await), conflict);
        }
        let renamed = admin.put(&format!("{LABELS}/{other}"), &json!({ "name": "prod" })).await;
        assert_eq!(refusal(&renamed), conflict);
        assert_eq!(admin.put(&format!("{LABELS}/{first}"), &json!({ "name": "prod" })).await.status, 200);
        assert_eq!(admin.get(&format!("{LABELS}/{other}")).await.json()["name"], "dev");
    })
    .await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    on_each_engine(async |app| {
        let admin = app.admin();
        for (body, words) in [
            (json!({ "name": "x" }), "unsupported label scope"),
            (json!({ "name": "x", "scope": "G" }), "unsupported label scope"),
            (json!({ "scope": "g" }), "label name must be 1 to 128 characters long"),
            (json!({ "name": "x".repeat(129), "scope": "g" }), "label name must be 1 to 128 characters long"),
        ] {
            assert_eq!(refusal(&admin.post(LABELS, &body).await), told(400, "BAD_REQUEST", words));
        }
        let nowhere = admin.post(LABELS, &json!({ "name": "x", "scope": "p", "project_id": 999 })).await;
        assert_eq!(refusal(&nowhere), told(404, "NOT_FOUND", "project 999 not found"));
        assert_eq!(admin.post(LABELS, &json!({ "name": "x", "scope": "p" })).await.status, 404);
        let id = global(&app, &"é".repeat(128)).await;
        let renamed = admin.put(&format!("{LABELS}/{id}"), &json!({})).await;
        assert_eq!(renamed.status, 400);
        for (query, words) in [
            ("", "invalid scope: "),
            ("?scope=x", "invalid scope: x"),
            ("?scope=p", "must with project ID when to query project labels"),
        ] {
            assert_eq!(
                refusal(&admin.get(&format!("{LABELS}{query}")).await),
                told(400, "BAD_REQUEST", words)
            );
        }
        for path in [format!("{LABELS}?scope=p&project_id=x"), format!("{LABELS}/x")] {
            assert_eq!(admin.get(&path).await.status, 422, "{path}");
        }
        assert_eq!(admin.request(http::Method::POST, LABELS, &[], "{").await.status, 422);
    })
    .await;
}

#[tokio::test]
async fn labels_are_listed_by_scope() {
    on_each_engine(async |app| {
        let (admin, team) = (app.admin(), app.project("team", false).await);
        for name in ["prod", "dev", "PRE_PROD"] {
            global(&app, name).await;
        }
        make(&admin, json!({ "name": "ours", "scope": "p", "project_id": team, "color": "#fff" })).await;
        let list = async |client: &Client, query: &str| {
            names(&client.get(&format!("{LABELS}?{query}")).await).join(" ")
        };
        for client in [&admin, &app.anonymous()] {
            assert_eq!(list(client, "scope=g").await, "prod dev PRE_PROD");
            assert_eq!(list(client, "scope=g&name=Prod").await, "prod PRE_PROD");
            assert_eq!(list(client, "scope=g&name=_").await, "PRE_PROD");
            assert_eq!(list(client, "scope=g&q=name%3Ddev&project_id=7").await, "dev");
            assert_eq!(list(client, "scope=g&sort=-name").await, "prod dev PRE_PROD");
        }
        assert_eq!(list(&admin, &format!("scope=p&project_id={team}")).await, "ours");
        let page = admin.get(&format!("{LABELS}?scope=g&page_size=2")).await;
        assert_eq!((names(&page).len(), page.header("x-total-count")), (2, "3"));
        assert!(page.header("link").contains("page=2"));
        assert_eq!(list(&admin, "scope=p&project_id=1").await, "");
        assert_eq!(app.admin().delete(&format!("{API}/projects/team")).await.status, 200);
        assert_eq!(admin.get(&format!("{LABELS}?scope=p&project_id={team}")).await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn a_projects_labels_are_its_members_business() {
    on_each_engine(async |app| {
        let team = app.project("team", false).await;
        let open = app.project("open", true).await;
        let body = |name: &str, project: i64| json!({ "name": name, "scope": "p", "project_id": project });
        let id = make(&app.admin(), body("ours", team)).await;
        let (one, all) = (format!("{LABELS}/{id}"), format!("{LABELS}?scope=p&project_id={team}"));
        let mut asked = Vec::new();
        for (name, role) in [
            ("ada", Some(Role::ProjectAdmin)),
            ("mia", Some(Role::Maintainer)),
            ("dev", Some(Role::Developer)),
            ("gus", Some(Role::Guest)),
            ("lim", Some(Role::LimitedGuest)),
            ("fay", None),
        ] {
            let client = match role {
                Some(role) => app.member("team", name, role).await,
                None => app.person(name).await,
            };
            asked.push((name, client));
        }
        asked.push(("nobody", app.anonymous()));
        for (name, client) in &asked {
            let refused = if *name == "nobody" { 401 } else { 403 };
            let (writes, reads) = match *name {
                "ada" | "mia" => (true, true),
                "dev" | "gus" => (false, true),
                _ => (false, false),
            };
            let read = if reads { 200 } else { refused };
            assert_eq!(
                (client.get(&one).await.status, client.get(&all).await.status),
                (read, read),
                "{name}"
            );
            let made = client.post(LABELS, &body(name, team)).await.status;
            assert_eq!(made, if writes { 201 } else { refused }, "{name}");
            let changed = client.put(&one, &json!({ "name": format!("of {name}") })).await.status;
            assert_eq!(changed, if writes { 200 } else { refused }, "{name}");
            assert_eq!(
                client.get(&format!("{LABELS}?scope=p&project_id={open}")).await.status,
                200,
                "{name}"
            );
            assert_eq!(
                client.post(LABELS, &json!({ "name": "all", "scope": "g" })).await.status,
                refused,
                "{name}"
            );
            let missing = if *name == "nobody" { 401 } else { 404 };
            assert_eq!(client.get(&format!("{LABELS}/999")).await.status, missing, "{name}");
            if !writes {
                assert_eq!(client.delete(&one).await.status, refused, "{name}");
            }
        }
        assert_eq!(asked[1].1.delete(&one).await.status, 200, "a maintainer");
    })
    .await;
}

#[tokio::test]
async fn an_artifact_carries_labels() {
    on_each_engine(async |app| {
        let (admin, team) = (app.admin(), app.project("team", false).await);
        let (prod, dev) = (global(&app, "prod").await, global(&app, "dev").await);
        let foreign = make(&admin, json!({ "name": "theirs", "scope": "p", "project_id": team })).await;
        let ours = make(&admin, json!({ "name": "ours", "scope": "p", "project_id": 1 })).await;
        let digest = push(&app, "v1").await;
        let labels = format!("{WEB}/v1/labels");
        let add = async |id: i64| admin.post(&labels, &json!({ "id": id, "name": "ignored" })).await;
        for id in [dev, prod, ours] {
            let added = add(id).await;
            assert_eq!((added.status, added.text().as_str()), (200, ""));
        }
        assert_eq!(
            refusal(&add(prod).await),
            told(409, "CONFLICT", "label prod is already on the artifact v1")
        );
        for id in [foreign, 999] {
            assert_eq!(refusal(&add(id).await), told(404, "NOT_FOUND", &format!("label {id} not found")));
        }
        assert_eq!(admin.post(&labels, &json!({})).await.status, 404);
        assert_eq!(admin.post(&format!("{WEB}/v2/labels"), &json!({ "id": prod })).await.status, 404);
        let shown = admin.get(&format!("{WEB}/{digest}?with_label=true")).await.json();
        let carried: Vec<_> =
            shown["labels"].as_array().unwrap().iter().map(|label| &label["name"]).collect();
        assert_eq!(carried, ["prod", "dev", "ours"], "by their age");
        assert_eq!(
            (&shown["labels"][2]["scope"], &shown["labels"][2]["project_id"]),
            (&json!("p"), &json!(1))
        );
        assert_eq!(admin.get(&format!("{WEB}?with_label=true")).await.json()[0]["labels"], shown["labels"]);
        assert_eq!(admin.get(WEB).await.json()[0].get("labels"), Some(&Value::Null));
        assert_eq!(admin.delete(&format!("{labels}/{ours}")).await.status, 200);
        let again = admin.delete(&format!("{labels}/{ours}")).await;
        assert_eq!(
            refusal(&again),
            told(404, "NOT_FOUND", &format!("label {ours} is not on the artifact v1"))
        );
        assert_eq!(admin.delete(&format!("{labels}/x")).await.status, 422);
        assert_eq!(admin.delete(&format!("{LABELS}/{prod}")).await.status, 200);
        let shown = admin.get(&format!("{WEB}/v1?with_label=true")).await.json();
        assert_eq!(shown["labels"].as_array().unwrap().len(), 1, "what is deleted is nowhere");
        assert_eq!(admin.delete(&format!("{WEB}/v1")).await.status, 200, "labels do not hold an artifact");
    })
    .await;
}

#[tokio::test]
async fn an_artifact_carries_a_hundred_labels_at_most() {
    on_each_engine(async |app| {
        let (admin, labels) = (app.admin(), format!("{WEB}/v1/labels"));
        push(&app, "v1").await;
        push(&app, "v2").await;
        let mut ids = Vec::new();
        for n in 0..102 {
            ids.push(global(&app, &format!("l{n}")).await);
        }
        for id in &ids[..100] {
            assert_eq!(admin.post(&labels, &json!({ "id": id })).await.status, 200, "{id}");
        }
        let more = json!({ "id": ids[100] });
        let full = told(400, "BAD_REQUEST", "the artifact v1 has 100 labels already, which is the most");
        assert_eq!(refusal(&admin.post(&labels, &more).await), full);
        let again = admin.post(&labels, &json!({ "id": ids[0] })).await;
        assert_eq!(again.status, 409, "that one it has");
        let shown = admin.get(&format!("{WEB}/v1?with_label=true")).await.json();
        assert_eq!(shown["labels"].as_array().unwrap().len(), 100);
        assert_eq!(admin.post(&format!("{WEB}/v2/labels"), &more).await.status, 200, "another artifact");
        assert_eq!(admin.delete(&format!("{labels}/{}", ids[7])).await.status, 200);
        assert_eq!(admin.post(&labels, &more).await.status, 200);
        assert_eq!(refusal(&admin.post(&labels, &json!({ "id": ids[101] })).await), full);
    })
    .await;
}

#[tokio::test]
async fn labels_filter_artifacts() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let (prod, dev) = (global(&app, "prod").await, global(&app, "dev").await);
        let (one, two) = (push(&app, "one").await, push(&app, "two").await);
        push(&app, "bare").await;
        for (tag, label) in [("one", prod), ("one", dev), ("two", prod)] {
            assert_eq!(admin.post(&format!("{WEB}/{tag}/labels"), &json!({ "id": label })).await.status, 200);
        }
        for of in [WEB, "/api/v2.0/projects/library/artifacts"] {
            let list = async |ids: &str| digests(&admin.get(&format!("{of}?q=labels%3D({ids})")).await);
            assert_eq!(list(&prod.to_string()).await, [&*two, &*one]);
            assert_eq!(list(&format!("{prod}%20{dev}")).await, [&*one], "all of them");
            assert_eq!(list(&format!("{prod}%20{prod}%20{dev}")).await, [&*one]);
            assert_eq!(list(&format!("{prod}%20999")).await, [""; 0]);
            assert_eq!(list("").await.len(), 3, "no label is asked for");
            for q in
                ["labels%3D1", "labels%3D%7B1%202%7D", "labels%3D(a)", "labels%3D~1", "labels%3D%5B1~2%5D"]
            {
                let refused = admin.get(&format!("{of}?q={q}")).await;
                assert_eq!((refused.status, refused.code().as_str()), (400, "BAD_REQUEST"), "{q}");
            }
            let both = admin.get(&format!("{of}?q=labels%3D({prod}),tags%3Dtwo")).await;
            assert_eq!((digests(&both), both.header("x-total-count")), (vec![two.clone()], "1"));
        }
        let many: Vec<String> = (0..65).map(|id| id.to_string()).collect();
        assert_eq!(admin.get(&format!("{WEB}?q=labels%3D({})", many.join("%20"))).await.status, 400);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_gives_a_label_while_others_take_it_is_not_told_of_too_many() {
    on_each_engine(async |app| {
        push(&app, "v1").await;
        let prod = global(&app, "prod").await;
        let labels = format!("{WEB}/v1/labels");
        for _ in 0..25 {
            let at_once = (0..12).map(|n| {
                let (admin, labels) = (app.admin(), labels.clone());
                tokio::spawn(async move {
                    match n % 2 {
                        0 => admin.post(&labels, &json!({ "id": prod })).await,
                        _ => admin.delete(&format!("{labels}/{prod}")).await,
                    }
                })
            });
            for one in at_once.collect::<Vec<_>>() {
                let answer = one.await.unwrap();
                assert!(matches!(answer.status, 200 | 404 | 409), "{}", answer.text());
            }
        }
    })
    .await;
}
