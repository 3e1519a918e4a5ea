//! Making, reading, changing and deleting robots.

use super::{ROBOTS, can, in_project, make, on_system, project, refusal, told};
use crate::on_each_engine;
use haven_core::access::Role;
use serde_json::{Value, json};
use std::time::Duration;

const PULL: &[&str] = &["repository:pull"];

#[tokio::test]
async fn a_robot_is_made_with_a_secret_that_nothing_tells_again() {
    on_each_engine(async |app| {
        project(&app, "team", false).await;
        let admin = app.member("team", "ann", Role::ProjectAdmin).await;
        let mut robot = in_project("ci", "team", &["repository:pull", "repository:push", "-tag:delete"]);
        (robot["description"], robot["duration"], robot["secret"]) =
            (json!("builds"), json!(30), json!("mine"));
        robot["disable"] = json!(true);
        let answer = admin.post(ROBOTS, &robot).await;
        assert_eq!((answer.status, answer.header("cache-control")), (201, "no-store"), "{}", answer.text());
        let made = answer.json();
        let (id, secret) = (made["id"].as_i64().unwrap(), made["secret"].as_str().unwrap());
        assert_eq!(answer.header("location"), format!("{ROBOTS}/{id}"));
        assert_eq!((&made["name"], secret.len()), (&json!("robot$team+ci"), 32));
        assert_ne!(secret, "mine", "a secret is never taken from the one who asks for a robot");
        let expires = 1_700_000_000 + 30 * 86_400;
        assert_eq!(made["expires_at"], expires);
        let shown = admin.get(&format!("{ROBOTS}/{id}")).await;
        let expected = json!({
            "id": id,
            "name": "robot$team+ci",
            "description": "builds",
            "level": "project",
            "duration": 30,
            "editable": true,
            "disable": false,
            "expires_at": expires,
            "permissions": [can("team", &["repository:pull", "repository:push", "-tag:delete"])],
            "creator_type": "local",
            "creator_ref": 3,
            "creation_time": "2023-11-14T22:13:20.000Z",
            "update_time": "2023-11-14T22:13:20.000Z",
        });
        assert_eq!(shown.json(), expected);
        let rows = app.db().query("SELECT secret_hash FROM robot", &[]).await.unwrap();
        let stored: String = rows[0].get(0).unwrap();
        for told_again in [shown.text(), admin.get(ROBOTS).await.text(), stored] {
            assert!(!told_again.contains(secret));
        }
        let of_system =
            make(&app.admin(), &on_system("ops", &[can("/", &["user:list"]), can("*", PULL)])).await;
        let shown = app.admin().get(&of_system.path()).await.json();
        assert_eq!((&shown["name"], &shown["level"]), (&json!("robot$ops"), &json!("system")));
        assert_eq!((&shown["expires_at"], &shown["creator_ref"]), (&json!(-1), &json!(1)));
        assert_eq!(shown["permissions"], json!([can("/", &["user:list"]), can("*", PULL)]));
        assert_eq!(shown.get("description"), None);
    })
    .await;
}

#[tokio::test]
async fn names_are_lower_case_and_taken_once_in_each_place() {
    on_each_engine(async |app| {
        let (one, _) = (project(&app, "one", false).await, project(&app, "two", false).await);
        let admin = app.admin();
        let words = "robot name is not in lower case or contains illegal characters";
        let long = "a".repeat(256);
        for name in ["", "CI", "a+b", "robot$ci", "a--b", "-a", "a b", "a/b", "é", "a\n", long.as_str()] {
            let refused = admin.post(ROBOTS, &in_project(name, "one", PULL)).await;
            assert_eq!(refusal(&refused), told(400, "BAD_REQUEST", words), "{name:?}");
        }
        let refused = admin.post(ROBOTS, &in_project(&"a".repeat(252), "one", PULL)).await;
        let words = "robot name is longer than 255 bytes with that of its project";
        assert_eq!(refusal(&refused), told(400, "BAD_REQUEST", words));
        make(&admin, &in_project(&"a".repeat(251), "one", PULL)).await;
        for robot in
            [in_project("ci", "one", PULL), in_project("ci", "two", PULL), on_system("ci", &[can("*", PULL)])]
        {
            make(&admin, &robot).await;
        }
        let again = admin.post(ROBOTS, &in_project("ci", "one", PULL)).await;
        let words = format!("robot account {one}:one+ci already exists");
        assert_eq!(refusal(&again), told(409, "CONFLICT", &words));
        let again = admin.post(ROBOTS, &on_system("ci", &[can("*", PULL)])).await;
        assert_eq!(refusal(&again), told(409, "CONFLICT", "robot account 0:ci already exists"));
    })
    .await;
}

#[tokio::test]
async fn what_no_robot_can_be_is_refused() {
    on_each_engine(async |app| {
        project(&app, "team", false).await;
        let admin = app.admin();
        let duration = |days: i64| {
            let text = format!(
                "bad request error duration input: {days}, duration must be either -1(Never) or a positive integer"
            );
            (json!({ "duration": days }), text)
        };
        let permissions = |permissions: Value, text: &str| (json!({ "permissions": permissions }), text.to_owned());
        let of_kind = |kind: &str| json!([{ "kind": kind, "namespace": "team", "access": can("team", PULL)["access"] }]);
        let table = [
            duration(0),
            duration(-2),
            duration(2_147_483_647),
            (json!({ "duration": null }), duration(0).1),
            (json!({ "level": "none" }), "bad request error level input: none".to_owned()),
            (json!({ "level": null }), "bad request error level input: ".to_owned()),
            permissions(json!([]), "bad request empty permission"),
            permissions(json!(null), "bad request empty permission"),
            permissions(json!([can("team", &[])]), "bad request empty access"),
            permissions(of_kind("none"), "bad request permission level: none"),
            permissions(of_kind("system"), "bad request permission level: system"),
            permissions(json!([can("*", PULL)]), "invalid project name: '*'"),
            permissions(json!([can("team", &["repository:fly"])]), "bad request permission: repository:fly"),
            permissions(json!([can("team", &["user:list"])]), "bad request permission: user:list"),
            permissions(json!([can("team", &["robot:update"])]), "bad request permission: robot:update"),
            permissions(
                json!([can("team", &["repository:scanner-pull"])]),
                "bad request permission: repository:scanner-pull",
            ),
            permissions(
                json!([can("team", PULL), can("team", PULL)]),
                "bad request permission: a robot of a project has exactly one",
            ),
        ];
        for (change, words) in table {
            let mut robot = in_project("ci", "team", PULL);
            for (member, value) in change.as_object().unwrap() {
                robot[member] = value.clone();
            }
            let refused = admin.post(ROBOTS, &robot).await;
            assert_eq!(refusal(&refused), told(400, "BAD_REQUEST", &words), "{change}");
        }
        let left: i64 = app.db().query_one("SELECT COUNT(*) FROM robot", &[]).await.unwrap().get(0).unwrap();
        assert_eq!(left, 0);
    })
    .await;
}

#[tokio::test]
async fn what_no_robot_of_the_system_can_be_is_refused_and_so_is_what_is_odd() {
    on_each_engine(async |app| {
        project(&app, "team", false).await;
        let admin = app.admin();
        let of_system = [
            (can("/", &["configuration:update"]), "bad request permission: configuration:update"),
            (can("/", &["repository:pull"]), "bad request permission: repository:pull"),
            (
                json!({ "kind": "system", "namespace": "*", "access": can("/", &["user:list"])["access"] }),
                "unknown namespace",
            ),
        ];
        for (permission, words) in of_system {
            let refused = admin.post(ROBOTS, &on_system("ops", &[permission])).await;
            assert_eq!(refusal(&refused), told(400, "BAD_REQUEST", words));
        }
        let mut odd = in_project("ci", "team", PULL);
        odd["permissions"][0]["access"][0]["effect"] = json!("perhaps");
        let refused = admin.post(ROBOTS, &odd).await;
        assert_eq!(refusal(&refused), told(400, "BAD_REQUEST", "bad request permission effect: perhaps"));
        let mut long = in_project("ci", "team", PULL);
        long["description"] = "d".repeat(1025).into();
        assert_eq!(admin.post(ROBOTS, &long).await.status, 400);
        let left: i64 = app.db().query_one("SELECT COUNT(*) FROM robot", &[]).await.unwrap().get(0).unwrap();
        assert_eq!(left, 0);
    })
    .await;
}

#[tokio::test]
async fn only_whoever_may_makes_robots_there() {
    on_each_engine(async |app| {
        project(&app, "team", false).await;
        project(&app, "other", true).await;
        let (ann, robot) =
            (app.member("team", "ann", Role::ProjectAdmin).await, in_project("ci", "other", PULL));
        assert_eq!(refusal(&ann.post(ROBOTS, &robot).await), told(403, "FORBIDDEN", "forbidden"));
        assert_eq!(app.anonymous().post(ROBOTS, &robot).await.status, 401);
        let of_system = on_system("ops", &[can("team", PULL)]);
        assert_eq!(refusal(&ann.post(ROBOTS, &of_system).await), told(403, "FORBIDDEN", "ann"));
        let missing = in_project("ci", "nowhere", PULL);
        assert_eq!(ann.post(ROBOTS, &missing).await.status, 403, "she does not learn that there is none");
        let refused = app.admin().post(ROBOTS, &missing).await;
        assert_eq!(refusal(&refused), told(404, "NOT_FOUND", "project nowhere not found"));
        let refused = app.admin().post(ROBOTS, &on_system("ops", &[can("nowhere", PULL)])).await;
        assert_eq!(refusal(&refused), told(404, "NOT_FOUND", "project nowhere not found"));
        make(&ann, &in_project("ci", "team", PULL)).await;
        let id = make(&app.admin(), &in_project("ci", "other", PULL)).await.id;
        let elsewhere = format!("{ROBOTS}/{id}");
        for status in [
            ann.get(&elsewhere).await.status,
            ann.patch(&elsewhere, &json!({})).await.status,
            ann.delete(&elsewhere).await.status,
        ] {
            assert_eq!(status, 403);
        }
        assert_eq!(app.anonymous().get(&elsewhere).await.status, 401);
        for client in [&ann, &app.admin()] {
            let unknown = client.get(&format!("{ROBOTS}/999")).await;
            assert_eq!(refusal(&unknown), told(404, "NOT_FOUND", "robot 999 not found"));
        }
        assert_eq!(app.admin().get(&format!("{ROBOTS}/x")).await.status, 422);
    })
    .await;
}

#[tokio::test]
async fn a_change_keeps_level_name_and_project() {
    on_each_engine(async |app| {
        project(&app, "team", false).await;
        project(&app, "other", false).await;
        let admin = app.admin();
        let robot = make(&admin, &in_project("ci", "team", PULL)).await;
        let change = |name: &str, level: &str, namespace: &str| {
            json!({ "name": name, "level": level, "permissions": [can(namespace, PULL)] })
        };
        let words = "cannot update the level or name of robot";
        for (name, level) in
            [("ci", "project"), ("team+ci", "project"), ("robot$team+cd", "project"), ("robot$team+ci", "system")]
        {
            let refused = admin.put(&robot.path(), &change(name, level, "team")).await;
            assert_eq!(refusal(&refused), told(400, "BAD_REQUEST", words), "{name} {level}");
        }
        for namespace in ["other", "nowhere"] {
            let refused = admin.put(&robot.path(), &change("robot$team+ci", "project", namespace)).await;
            assert_eq!(refusal(&refused), told(400, "BAD_REQUEST", "cannot update the project id of robot"));
        }
        for permissions in [json!(null), json!([]), json!([can("team", &[])]), json!([can("team", &["a:b"])])] {
            let change = json!({ "name": "robot$team+ci", "level": "project", "permissions": permissions });
            assert_eq!(admin.put(&robot.path(), &change).await.status, 400);
        }
        let mut short = change("robot$team+ci", "project", "team");
        short["duration"] = json!(0);
        assert_eq!(admin.put(&robot.path(), &short).await.status, 400);
        let unknown = admin.put(&format!("{ROBOTS}/999"), &change("robot$team+ci", "project", "team")).await;
        assert_eq!(unknown.status, 404);
        assert_eq!(admin.get(&robot.path()).await.json()["permissions"], json!([can("team", PULL)]));
    })
    .await;
}

#[tokio::test]
async fn a_change_replaces_the_rest() {
    on_each_engine(async |app| {
        project(&app, "team", false).await;
        let admin = app.admin();
        let mut new = in_project("ci", "team", PULL);
        (new["duration"], new["description"]) = (json!(10), json!("text"));
        let robot = make(&admin, &new).await;
        app.clock.advance(Duration::from_secs(86_400));
        let made = 1_700_000_000;
        let mut change = json!({ "id": 77, "name": robot.name, "level": "project", "secret": "Harbor12345", "editable": false,
            "expires_at": 5, "creation_time": "2020-01-01T00:00:00.000Z", "permissions": [can("team", &["tag:list"])] });
        for (duration, disable, expires, days) in [
            (json!(null), json!(true), made + 10 * 86_400, 10),
            (json!(20), json!(null), made + 20 * 86_400, 20),
            (json!(20), json!(false), made + 20 * 86_400, 20),
            (json!(-1), json!(false), -1, -1),
            (json!(3), json!(false), made + 3 * 86_400, 3),
        ] {
            (change["duration"], change["disable"]) = (duration, disable.clone());
            let answer = admin.put(&robot.path(), &change).await;
            assert_eq!((answer.status, answer.text().as_str()), (200, ""));
            let shown = admin.get(&robot.path()).await.json();
            assert_eq!((&shown["expires_at"], &shown["duration"]), (&json!(expires), &json!(days)));
            assert_eq!(shown["disable"], disable.as_bool().unwrap_or(false));
            assert_eq!(shown.get("description"), None, "what is absent is cleared");
            assert_eq!(shown["permissions"], json!([can("team", &["tag:list"])]));
            assert_eq!(shown["creation_time"], "2023-11-14T22:13:20.000Z");
            assert_eq!(shown["update_time"], "2023-11-15T22:13:20.000Z");
        }
        assert_eq!(robot.client.get("/v2/").await.status, 200, "the secret is as it was");
        // Its days were counted from when it was made, so they may be over at once.
        app.clock.advance(Duration::from_secs(86_400));
        change["duration"] = json!(1);
        assert_eq!(admin.put(&robot.path(), &change).await.status, 200);
        assert_eq!(robot.client.get("/v2/").await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn a_deleted_project_takes_its_robots_with_it() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        app.project("kept", false).await;
        let admin = app.admin();
        let robot = make(&admin, &in_project("ci", "team", PULL)).await;
        let both = on_system("ops", &[can("team", PULL), can("kept", PULL)]);
        let both = make(&admin, &both).await;
        let only = make(&admin, &on_system("only", &[can("team", PULL)])).await;
        assert_eq!(admin.delete("/api/v2.0/projects/team").await.status, 200);
        let gone = admin.get(&robot.path()).await;
        assert_eq!(refusal(&gone), told(404, "NOT_FOUND", &format!("robot {} not found", robot.id)));
        assert_eq!(robot.client.get("/v2/").await.status, 401);
        for again in [false, true] {
            // Permissions in what is gone are not shown, also when there is another project of that name.
            if again {
                project(&app, "team", false).await;
            }
            assert_eq!(admin.get(&both.path()).await.json()["permissions"], json!([can("kept", PULL)]));
            assert_eq!(admin.get(&only.path()).await.json()["permissions"], json!([]));
            assert_eq!(admin.get(ROBOTS).await.json().as_array().unwrap().len(), 2);
            let there = format!("/v2/team/app/blobs/{}", haven_oci::Digest::sha256(b"blob"));
            assert_eq!(both.client.head(&there).await.status, 401);
            assert_eq!(only.client.get("/v2/").await.status, 200, "it is still somebody");
        }
        let again = make(&admin, &in_project("ci", "team", PULL)).await;
        assert_ne!(again.id, robot.id);
        assert_eq!(robot.client.get("/v2/").await.status, 401, "the name is the same, the secret is not");
    })
    .await;
}
