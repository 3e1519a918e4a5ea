//! What nobody achieves with odd names, secrets and bodies.

use super::{ROBOTS, can, in_project, make, on_system, project};
use crate::on_each_engine;
use http::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn odd_names_and_secrets_are_nobodys() {
    on_each_engine(async |app| {
        project(&app, "team", false).await;
        let robot = make(&app.admin(), &in_project("ci", "team", &["repository:pull"])).await;
        let names = [
            "robot$team+ci' OR '1'='1".to_owned(),
            "robot$%".to_owned(),
            "robot$team+c_".to_owned(),
            "robot$team+ci\0".to_owned(),
            "robot$team+cí".to_owned(),
            "robot$robot$team+ci".to_owned(),
            "robot$../team+ci".to_owned(),
            "team+ci".to_owned(),
            "ci".to_owned(),
            format!("robot${}", "a".repeat(100_000)),
            format!("robot${}", "+".repeat(255)),
        ];
        for name in names {
            let client = app.with_password(&name, &robot.secret);
            assert_eq!(client.get("/v2/").await.status, 401, "{name:.40}");
            assert_eq!(client.get("/api/v2.0/users/current").await.status, 401, "{name:.40}");
        }
        for secret in ["\0".to_owned(), "s".repeat(100_000), format!("{}\n", robot.secret)] {
            assert_eq!(app.with_password(&robot.name, &secret).get("/v2/").await.status, 401);
        }
        assert_eq!(robot.client.get("/v2/").await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn bodies_of_another_form_are_validation_problems() {
    on_each_engine(async |app| {
        project(&app, "team", false).await;
        let robot = make(&app.admin(), &in_project("ci", "team", &["repository:pull"])).await;
        let bodies = [
            "",
            "null",
            "[]",
            "1",
            "{",
            "\"x\"",
            r#"{"name":1}"#,
            r#"{"name":"ci","duration":"30"}"#,
            r#"{"name":"ci","duration":1.5}"#,
            r#"{"name":"ci","duration":99999999999999999999}"#,
            r#"{"name":"ci","permissions":{}}"#,
            r#"{"name":"ci","permissions":[1]}"#,
            r#"{"name":"ci","permissions":[{"access":{}}]}"#,
            r#"{"name":"ci","permissions":[{"access":[["a","b"]],"kind":true}]}"#,
            r#"{"name":"c\u0000i"}"#,
        ];
        let json = [("content-type", "application/json")];
        for body in bodies {
            for client in [app.admin(), app.anonymous()] {
                let post = client.request(Method::POST, ROBOTS, &json, body).await;
                let put = client.request(Method::PUT, &robot.path(), &json, body).await;
                assert_eq!((post.status, put.status), (422, 422), "{body}");
            }
        }
        for body in ["", "null", "[]", r#"{"secret":1}"#] {
            assert_eq!(
                app.admin().request(Method::PATCH, &robot.path(), &json, body).await.status,
                422,
                "{body}"
            );
        }
        for id in ["0", "-1", "9223372036854775807"] {
            assert_eq!(app.admin().get(&format!("{ROBOTS}/{id}")).await.status, 404, "{id}");
        }
        assert_eq!(app.admin().get(&format!("{ROBOTS}/9223372036854775808")).await.status, 422);
        assert_eq!(
            app.admin().get(&robot.path()).await.json()["permissions"],
            json!([can("team", &["repository:pull"])])
        );
    })
    .await;
}

#[tokio::test]
async fn many_permissions_come_down_to_what_they_say() {
    on_each_engine(async |app| {
        project(&app, "team", false).await;
        let admin = app.admin();
        let many: Vec<Value> = (0..2_000).map(|_| can("*", &["repository:pull", "repository:pull"])).collect();
        let robot = make(&admin, &on_system("many", &many)).await;
        assert_eq!(admin.get(&robot.path()).await.json()["permissions"], json!([can("*", &["repository:pull"])]));
        let unknown: Vec<Value> = (0..2_000).map(|number| can(&format!("p{number}"), &["repository:pull"])).collect();
        assert_eq!(admin.post(ROBOTS, &on_system("unknown", &unknown)).await.status, 404);
        let deep = json!({ "name": "deep", "level": "system", "duration": -1, "permissions": [
            { "kind": "project", "namespace": "n".repeat(500_000), "access": [{ "resource": "repository", "action": "pull" }] }] });
        assert_eq!(admin.post(ROBOTS, &deep).await.status, 400);
        let large = json!({ "name": "large", "description": "d".repeat(2 << 20) });
        assert_eq!(admin.post(ROBOTS, &large).await.status, 413);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_changed_while_the_registry_is_read_only() {
    on_each_engine(async |app| {
        project(&app, "team", false).await;
        let admin = app.admin();
        let robot = make(&admin, &in_project("ci", "team", &["repository:pull"])).await;
        assert_eq!(admin.put("/api/v2.0/configurations", &json!({ "read_only": true })).await.status, 200);
        for answer in [
            admin.post(ROBOTS, &in_project("cd", "team", &["repository:pull"])).await,
            admin.patch(&robot.path(), &json!({})).await,
            admin.delete(&robot.path()).await,
        ] {
            assert_eq!((answer.status, answer.code().as_str()), (403, "DENIED"));
        }
        assert_eq!(robot.client.get("/v2/").await.status, 200, "logging in writes nothing");
    })
    .await;
}
