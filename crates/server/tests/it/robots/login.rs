//! Logging in: by which name, with which secret, until when, at which replica.

use super::{Made, ROBOTS, can, in_project, make, on_system, project, refusal, registry, told};
use crate::on_each_engine;
use haven_testkit::{Client, TestApp};
use serde_json::{Value, json};
use std::time::Duration;

const BOTH: &[&str] = &["repository:pull", "repository:push"];
const SCOPE: &str = "repository:team/app:pull,push";

/// Whether these credentials are taken: by REST, by the token service and by the registry.
async fn taken(client: &Client) -> [bool; 3] {
    let rest = client.get("/api/v2.0/users/current/permissions").await.status;
    let token = client.get("/service/token?service=harbor-registry").await.status;
    let registry = client.get("/v2/").await.status;
    [rest, token, registry].map(|status| {
        assert!(matches!(status, 200 | 401), "{status}");
        status == 200
    })
}

const YES: [bool; 3] = [true; 3];
const NO: [bool; 3] = [false; 3];

async fn team(app: &TestApp) -> Made {
    project(app, "team", false).await;
    make(&app.admin(), &in_project("ci", "team", BOTH)).await
}

async fn change(app: &TestApp, robot: &Made, change: &Value) {
    let mut body = app.admin().get(&robot.path()).await.json();
    for (member, value) in change.as_object().unwrap() {
        body[member] = value.clone();
    }
    let answer = app.admin().put(&robot.path(), &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn the_full_name_and_the_secret_open_everything() {
    on_each_engine(async |app| {
        let robot = team(&app).await;
        assert_eq!(taken(&robot.client).await, YES);
        assert_eq!(registry(&robot.client, "team").await, (200, 201, 401));
        for name in [
            "team+ci",
            "robot$ci",
            "robot$TEAM+ci",
            "Robot$team+ci",
            "robot$team+ci ",
            "robot$",
            "robot$team+",
        ] {
            assert_eq!(taken(&robot.client.with_password(name, &robot.secret)).await, NO, "{name}");
        }
        for secret in ["", "Harbor12345", &robot.secret[1..], &robot.secret.to_lowercase()] {
            assert_eq!(taken(&robot.client.with_password(&robot.name, secret)).await, NO, "{secret}");
        }
        let current = robot.client.get("/api/v2.0/users/current").await;
        let words = "get current user not available for security context: robot";
        assert_eq!(refusal(&current), told(412, "PRECONDITION", words));
        let info = robot.client.get("/api/v2.0/systeminfo").await.json();
        assert!(info["harbor_version"].is_string(), "it has logged in");
    })
    .await;
}

#[tokio::test]
async fn a_token_is_the_robots_by_its_full_name() {
    on_each_engine(async |app| {
        let robot = team(&app).await;
        let token = robot.client.fetch_token(&[SCOPE]).await;
        let claims = token.split('.').nth(1).unwrap();
        let claims =
            base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["sub"], "robot$team+ci");
        assert_eq!(claims["access"][0]["actions"], json!(["pull", "push"]));
        let bearer = robot.client.with_token(&token);
        assert_eq!(bearer.get("/v2/").await.status, 200);
        assert_eq!(registry(&bearer, "team").await, (200, 201, 401));
        assert_eq!(bearer.get("/api/v2.0/projects/team").await.status, 401, "a token is for the registry");
    })
    .await;
}

#[tokio::test]
async fn what_ends_a_robot_counts_at_once_and_a_token_lives_on() {
    on_each_engine(async |app| {
        project(&app, "team", false).await;
        let admin = app.admin();
        for (number, how) in ["disabled", "refreshed", "deleted", "expired"].into_iter().enumerate() {
            let mut robot = in_project(&format!("r{number}"), "team", BOTH);
            robot["duration"] = json!(1);
            let robot = make(&admin, &robot).await;
            let bearer = robot.client.token(&[SCOPE]).await;
            assert_eq!(taken(&robot.client).await, YES);
            match how {
                "disabled" => change(&app, &robot, &json!({ "disable": true })).await,
                "refreshed" => assert_eq!(admin.patch(&robot.path(), &json!({})).await.status, 200),
                "deleted" => assert_eq!(admin.delete(&robot.path()).await.status, 200),
                // Which is longer than a token lives.
                _ => app.clock.advance(Duration::from_secs(86_400)),
            }
            assert_eq!(taken(&robot.client).await, NO, "{how}");
            assert_eq!(registry(&robot.client, "team").await, (401, 401, 401), "{how}");
            let expected = if how == "expired" { (401, 401, 401) } else { (200, 201, 401) };
            assert_eq!(registry(&bearer, "team").await, expected, "{how}: a token is good for its own time");
        }
    })
    .await;
}

#[tokio::test]
async fn a_robot_ends_to_the_second() {
    on_each_engine(async |app| {
        project(&app, "team", false).await;
        let mut robot = in_project("ci", "team", BOTH);
        robot["duration"] = json!(1);
        let robot = make(&app.admin(), &robot).await;
        app.clock.advance(Duration::from_secs(86_399));
        let bearer = robot.client.token(&[SCOPE]).await;
        assert_eq!(taken(&robot.client).await, YES);
        app.clock.advance(Duration::from_secs(1));
        assert_eq!(taken(&robot.client).await, NO);
        assert_eq!(registry(&bearer, "team").await, (200, 201, 401), "for the rest of its half hour");
        app.clock.advance(Duration::from_secs(2_000));
        assert_eq!(registry(&bearer, "team").await, (401, 401, 401));
        // Whoever may can give it more time.
        change(&app, &robot, &json!({ "duration": 2 })).await;
        assert_eq!(taken(&robot.client).await, YES);
    })
    .await;
}

#[tokio::test]
async fn rights_that_are_taken_away_are_gone_with_the_next_request() {
    on_each_engine(async |app| {
        let robot = team(&app).await;
        assert_eq!(registry(&robot.client, "team").await, (200, 201, 401));
        change(&app, &robot, &json!({ "permissions": [can("team", &["repository:pull"])] })).await;
        assert_eq!(registry(&robot.client, "team").await, (200, 401, 401));
        change(&app, &robot, &json!({ "permissions": [can("team", &["repository:delete"])] })).await;
        assert_eq!(registry(&robot.client, "team").await, (401, 401, 404));
        let token = robot.client.fetch_token(&[SCOPE]).await;
        assert_eq!(registry(&robot.client.with_token(&token), "team").await, (401, 401, 404));
    })
    .await;
}

#[tokio::test]
async fn a_secret_is_changed_for_one_that_is_made_up_or_chosen() {
    on_each_engine(async |app| {
        let robot = team(&app).await;
        let admin = app.admin();
        let mut known = vec![robot.secret.clone()];
        for body in [json!({}), json!({ "secret": "" }), json!({ "secret": null })] {
            let answer = admin.patch(&robot.path(), &body).await;
            assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
            let secret = answer.json()["secret"].as_str().unwrap().to_owned();
            assert!(secret.len() == 32 && !known.contains(&secret));
            known.push(secret);
        }
        for (chosen, told) in [("Chosen-by-me-1", "{}\n"), ("Another-one-2", "{}\n")] {
            let answer = admin.patch(&robot.path(), &json!({ "secret": chosen })).await;
            assert_eq!((answer.status, answer.text().as_str()), (200, told), "what was chosen is not told again");
            known.push(chosen.to_owned());
        }
        let words = "the password or secret must be 8-128, inclusively, characters long with at least 1 uppercase \
                     letter, 1 lowercase letter and 1 number";
        for bad in ["short1A", "no-capitals-1", "NO-SMALL-1", "No-digits", &"Aa1".repeat(43)] {
            let refused = admin.patch(&robot.path(), &json!({ "secret": bad })).await;
            assert_eq!(refusal(&refused), told(400, "BAD_REQUEST", words), "{bad}");
        }
        let last = known.pop().unwrap();
        for _ in 0..2 {
            assert_eq!(taken(&robot.client.with_password(&robot.name, &last)).await, YES);
        }
        for old in known {
            assert_eq!(taken(&robot.client.with_password(&robot.name, &old)).await, NO);
        }
        let stored: String =
            app.db().query_one("SELECT secret_hash FROM robot", &[]).await.unwrap().get(0).unwrap();
        assert!(stored.starts_with("$argon2id$"), "what people choose is hashed as a password");
        // A chosen secret is remembered for a while, but not beyond the next change.
        assert_eq!(admin.patch(&robot.path(), &json!({ "secret": "A-third-one-3" })).await.status, 200);
        assert_eq!(taken(&robot.client.with_password(&robot.name, &last)).await, NO);
        assert_eq!(taken(&robot.client.with_password(&robot.name, "A-third-one-3")).await, YES);
        change(&app, &robot, &json!({ "disable": true })).await;
        assert_eq!(taken(&robot.client.with_password(&robot.name, "A-third-one-3")).await, NO);
    })
    .await;
}

#[tokio::test]
async fn logging_in_writes_nothing() {
    on_each_engine(async |app| {
        let robot = team(&app).await;
        let row = async || {
            let columns = "SELECT CAST(version AS TEXT) || CAST(updated_at AS TEXT) || secret_hash || permissions FROM robot";
            let row = app.db().query_one(columns, &[]).await.unwrap();
            row.get::<String>(0).unwrap()
        };
        let before = row().await;
        app.clock.advance(Duration::from_secs(100));
        assert_eq!(taken(&robot.client).await, YES);
        assert_eq!(registry(&robot.client, "team").await, (200, 201, 401));
        assert_eq!(row().await, before);
    })
    .await;
}

#[tokio::test]
async fn another_prefix_gives_all_robots_other_names() {
    on_each_engine(async |app| {
        let robot = team(&app).await;
        let ops = make(&app.admin(), &on_system("ops", &[can("*", BOTH)])).await;
        let settings = async |value: Value| {
            let body = json!({ "robot_name_prefix": value });
            app.admin().put("/api/v2.0/configurations", &body).await.status
        };
        for bad in [json!(""), json!("  "), json!("a:b"), json!("a\tb"), json!("p".repeat(129))] {
            assert_eq!(settings(bad).await, 400);
        }
        assert_eq!(settings(json!("  bot- ")).await, 200);
        let shown = app.admin().get("/api/v2.0/configurations").await.json();
        assert_eq!(shown["robot_name_prefix"], json!({ "value": "bot-", "editable": true }));
        for (made, name) in [(&robot, "bot-team+ci"), (&ops, "bot-ops")] {
            assert_eq!(taken(&made.client).await, NO, "the old name is nobody's");
            assert_eq!(taken(&made.client.with_password(name, &made.secret)).await, YES);
            assert_eq!(app.admin().get(&made.path()).await.json()["name"], name);
        }
        // A person may have such a name too: of the two, each gets in with their own.
        let person = app.person("bot-ops").await;
        assert_eq!(person.get("/api/v2.0/users/current").await.json()["username"], "bot-ops");
        let (chosen, admin) = (json!({ "secret": "Chosen-by-me-1" }), app.admin());
        assert_eq!(admin.patch(&ops.path(), &chosen).await.status, 200);
        assert_eq!(person.get("/api/v2.0/users/current").await.status, 200);
        let robot = ops.client.with_password("bot-ops", "Chosen-by-me-1");
        assert_eq!(robot.get("/api/v2.0/users/current").await.status, 412);
    })
    .await;
}

#[tokio::test]
async fn replicas_agree_at_once() {
    on_each_engine(async |app| {
        let robot = team(&app).await;
        let replica = app.replica().await;
        let there = replica.with_password(&robot.name, &robot.secret);
        assert_eq!((taken(&robot.client).await, taken(&there).await), (YES, YES));
        change(&app, &robot, &json!({ "disable": true })).await;
        assert_eq!((taken(&robot.client).await, taken(&there).await), (NO, NO));
        let mut body = replica.get(&robot.path()).await.json();
        body["disable"] = json!(false);
        assert_eq!(replica.put(&robot.path(), &body).await.status, 200);
        assert_eq!((taken(&robot.client).await, taken(&there).await), (YES, YES));
        // A chosen secret is remembered at both, and forgotten at both.
        assert_eq!(
            app.admin().patch(&robot.path(), &json!({ "secret": "Chosen-by-me-1" })).await.status,
            200
        );
        let chosen =
            [&robot.client, &there].map(|client| client.with_password(&robot.name, "Chosen-by-me-1"));
        for client in &chosen {
            assert_eq!(taken(client).await, YES);
        }
        assert_eq!(replica.patch(&robot.path(), &json!({})).await.status, 200);
        for client in &chosen {
            assert_eq!(taken(client).await, NO);
        }
        let made: Vec<_> = (0..8)
            .map(|number| {
                let by = if number % 2 == 0 { app.admin() } else { replica.clone() };
                tokio::spawn(async move { by.post(ROBOTS, &in_project("same", "team", BOTH)).await.status })
            })
            .collect();
        let mut statuses = Vec::new();
        for made in made {
            statuses.push(made.await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    })
    .await;
}

#[tokio::test]
async fn a_project_that_goes_leaves_no_robot_that_is_made_meanwhile() {
    on_each_engine(async |app| {
        let replica = app.replica().await;
        for round in 0..6 {
            let name = format!("p{round}");
            let id = app.project(&name, false).await;
            let (maker, robot) = (replica.clone(), in_project("ci", &name, BOTH));
            let making = tokio::spawn(async move { maker.post(ROBOTS, &robot).await.status });
            let deleted = app.admin().delete(&format!("/api/v2.0/projects/{name}")).await.status;
            let made = making.await.unwrap();
            assert!(deleted == 200 && matches!(made, 201 | 404), "{deleted} {made}");
            let count = "SELECT COUNT(*) FROM robot WHERE project_id = $1";
            let left: i64 = app.db().query_one(count, haven_db::params![id]).await.unwrap().get(0).unwrap();
            assert_eq!(left, 0);
        }
    })
    .await;
}
