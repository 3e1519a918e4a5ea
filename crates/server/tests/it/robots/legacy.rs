//! The older way to manage the robots of a project.

use super::{ROBOTS, can, in_project, make, on_system, project, refusal, registry, told};
use crate::on_each_engine;
use haven_core::access::Role;
use haven_testkit::Answer;
use serde_json::{Value, json};

const HERE: &str = "/api/v2.0/projects/team/robots";

fn access(resource: &str) -> Value {
    json!([{ "resource": resource, "action": "pull" }, { "resource": resource, "action": "push" }])
}

fn id(answer: &Answer) -> i64 {
    answer.json()["id"].as_i64().unwrap()
}

#[tokio::test]
async fn a_robot_is_made_below_its_project() {
    on_each_engine(async |app| {
        let number = project(&app, "team", false).await;
        let ann = app.member("team", "ann", Role::ProjectAdmin).await;
        let settings = json!({ "robot_token_duration": 7 });
        assert_eq!(app.admin().put("/api/v2.0/configurations", &settings).await.status, 200);
        let now = 1_700_000_000;
        let table = [
            ("a", json!(null), now + 7 * 86_400, 7),
            ("b", json!(0), now + 7 * 86_400, 7),
            ("c", json!(-1), -1, -1),
            ("d", json!(now + 90_000), now + 90_000, 2),
        ];
        for (name, expires, expected, days) in table {
            let body = json!({ "name": name, "description": "old", "expires_at": expires, "access": access("repository") });
            let made = ann.post(HERE, &body).await;
            assert_eq!((made.status, made.header("cache-control")), (201, "no-store"), "{}", made.text());
            assert_eq!(made.header("location"), format!("{HERE}/{}", id(&made)));
            let shown = ann.get(&format!("{ROBOTS}/{}", id(&made))).await.json();
            assert_eq!((&made.json()["expires_at"], &shown["expires_at"]), (&json!(expected), &json!(expected)));
            assert_eq!((&shown["duration"], &shown["level"]), (&json!(days), &json!("project")));
            assert_eq!(shown["permissions"], json!([can("team", &["repository:pull", "repository:push"])]));
            let made = made.json();
            let robot = ann.with_password(made["name"].as_str().unwrap(), made["secret"].as_str().unwrap());
            assert_eq!(registry(&robot, "team").await, (200, 201, 401));
        }
        let long = format!("/project/{number}/repository");
        let made = ann.post(HERE, &json!({ "name": "e", "access": access(&long) })).await;
        let shown = ann.get(&format!("{HERE}/{}", id(&made))).await.json();
        assert_eq!(shown["permissions"], json!([can("team", &["repository:pull", "repository:push"])]));
        let by_number = format!("/api/v2.0/projects/{number}/robots");
        let made = ann.post(&by_number, &json!({ "name": "f", "access": access("repository") })).await;
        assert_eq!(made.header("location"), format!("{by_number}/{}", id(&made)));
    })
    .await;
}

#[tokio::test]
async fn what_no_robot_can_be_is_refused_there_too() {
    on_each_engine(async |app| {
        project(&app, "team", false).await;
        let admin = app.admin();
        let over = "bad request error expires_at input: that time is over";
        let odd = "bad request permission: /project/999/repository:pull";
        let table = [
            (
                json!({ "name": "CI", "access": access("repository") }),
                "robot name is not in lower case or contains illegal characters",
            ),
            (json!({ "name": "ci" }), "bad request empty access"),
            (json!({ "name": "ci", "access": access("user") }), "bad request permission: user:pull"),
            (json!({ "name": "ci", "access": access("/project/999/repository") }), odd),
            (json!({ "name": "ci", "access": access("repository"), "expires_at": 1_700_000_000 }), over),
            (json!({ "name": "ci", "access": access("repository"), "expires_at": -2 }), over),
        ];
        for (body, words) in table {
            let refused = admin.post(HERE, &body).await;
            assert_eq!(refusal(&refused), told(400, "BAD_REQUEST", words), "{body}");
        }
        let good = json!({ "name": "ci", "access": access("repository") });
        assert_eq!(admin.post(HERE, &good).await.status, 201);
        assert_eq!(admin.post(HERE, &good).await.status, 409);
        assert_eq!(admin.post("/api/v2.0/projects/nowhere/robots", &good).await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn only_the_robots_of_the_project_are_there() {
    on_each_engine(async |app| {
        project(&app, "team", false).await;
        project(&app, "other", false).await;
        let admin = app.admin();
        let own = make(&admin, &in_project("ci", "team", &["repository:pull"])).await;
        let strange = [
            make(&admin, &in_project("ci", "other", &["repository:pull"])).await,
            make(&admin, &on_system("ci", &[can("team", &["repository:pull"])])).await,
        ];
        let guest = app.member("team", "gus", Role::Guest).await;
        let listed = guest.get(HERE).await;
        assert_eq!((listed.status, listed.header("x-total-count")), (200, "1"));
        assert_eq!(listed.json()[0]["name"], "robot$team+ci");
        assert_eq!(guest.get("/api/v2.0/projects/other/robots").await.status, 403);
        for robot in strange {
            let path = format!("{HERE}/{}", robot.id);
            let words = format!("robot {} not found", robot.id);
            let answers = [
                admin.get(&path).await,
                admin.put(&path, &json!({ "disable": true })).await,
                admin.delete(&path).await,
            ];
            for answer in answers {
                assert_eq!(refusal(&answer), told(404, "NOT_FOUND", &words));
            }
            assert_eq!(robot.client.get("/v2/").await.status, 200);
        }
        assert_eq!(guest.put(&format!("{HERE}/{}", own.id), &json!({ "disable": true })).await.status, 403);
    })
    .await;
}

#[tokio::test]
async fn a_robot_is_switched_off_described_and_deleted() {
    on_each_engine(async |app| {
        project(&app, "team", false).await;
        let admin = app.admin();
        let robot = make(&admin, &in_project("ci", "team", &["repository:pull"])).await;
        let path = format!("{HERE}/{}", robot.id);
        for (change, disabled, description) in [
            (json!({ "disable": true }), true, None),
            (json!({ "description": "text" }), true, Some("text")),
            (json!({ "disable": false, "permissions": [], "duration": 1 }), false, Some("text")),
            (json!({ "description": "" }), false, None),
        ] {
            assert_eq!(admin.put(&path, &change).await.status, 200);
            let shown = admin.get(&path).await.json();
            assert_eq!((&shown["disable"], shown["description"].as_str()), (&json!(disabled), description));
            assert_eq!(shown["permissions"], json!([can("team", &["repository:pull"])]));
            assert_eq!(shown["duration"], -1);
            assert_eq!(robot.client.get("/v2/").await.status, if disabled { 401 } else { 200 });
        }
        let long = json!({ "description": "d".repeat(1025) });
        assert_eq!(admin.put(&path, &long).await.status, 400);
        assert_eq!(admin.delete(&path).await.status, 200);
        assert_eq!(admin.delete(&path).await.status, 404);
        assert_eq!(robot.client.get("/v2/").await.status, 401);
    })
    .await;
}
