//! Robots that would make themselves, or others, stronger than they are.

use super::{Made, ROBOTS, can, in_project, make, on_system, project, refusal, registry, told};
use crate::on_each_engine;
use serde_json::{Value, json};

const MANAGES: &[&str] = &["robot:create", "robot:list", "robot:read", "robot:delete", "repository:pull"];

async fn refused(by: &Made, robot: &Value) -> (u16, String) {
    let answer = by.client.post(ROBOTS, robot).await;
    (answer.status, answer.code())
}

fn denied() -> (u16, String) {
    (403, "DENIED".to_owned())
}

fn forbidden() -> (u16, String) {
    (403, "FORBIDDEN".to_owned())
}

#[tokio::test]
async fn a_robot_makes_robots_within_its_own_permissions() {
    on_each_engine(async |app| {
        project(&app, "team", false).await;
        project(&app, "other", false).await;
        let manager = make(&app.admin(), &in_project("manager", "team", MANAGES)).await;
        let made = make(&manager.client, &in_project("ci", "team", &["repository:pull"])).await;
        assert_eq!(registry(&made.client, "team").await, (200, 401, 401));
        let shown = manager.client.get(&made.path()).await.json();
        assert_eq!((&shown["creator_type"], &shown["creator_ref"]), (&json!("robot"), &json!(manager.id)));
        let same = make(&manager.client, &in_project("same", "team", MANAGES)).await;
        make(&same.client, &in_project("child", "team", &["robot:create"])).await;
        make(&manager.client, &in_project("less", "team", &["repository:pull", "-tag:list"])).await;
        for more in [&["repository:push"][..], &["repository:pull", "tag:list"], &["metadata:list"]] {
            assert_eq!(refused(&manager, &in_project("more", "team", more)).await, denied(), "{more:?}");
        }
        let answer = manager.client.post(ROBOTS, &in_project("more", "team", &["tag:list"])).await;
        let words = "permission scope is invalid. robot$team+manager can grant only what it has itself";
        assert_eq!(refusal(&answer), told(403, "DENIED", words));
        assert_eq!(refused(&manager, &in_project("ci", "other", &["repository:pull"])).await, forbidden());
        assert_eq!(
            refused(&manager, &on_system("ci", &[can("team", &["repository:pull"])])).await,
            forbidden()
        );
        assert_eq!(refused(&manager, &on_system("ci", &[can("/", &["user:list"])])).await, forbidden());
        let legacy = json!({ "name": "old", "access": [{ "resource": "tag", "action": "list" }] });
        let answer = manager.client.post("/api/v2.0/projects/team/robots", &legacy).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "DENIED"));
    })
    .await;
}

#[tokio::test]
async fn no_robot_changes_a_robot() {
    on_each_engine(async |app| {
        project(&app, "team", false).await;
        let manager = make(&app.admin(), &in_project("manager", "team", MANAGES)).await;
        let other = make(&app.admin(), &in_project("other", "team", &["repository:pull"])).await;
        for target in [&manager, &other] {
            let mut body = manager.client.get(&target.path()).await.json();
            body["permissions"] = json!([can("team", &["repository:push"])]);
            let answers = [
                manager.client.put(&target.path(), &body).await,
                manager.client.patch(&target.path(), &json!({})).await,
                manager.client.patch(&target.path(), &json!({ "secret": "Chosen-by-me-1" })).await,
                manager
                    .client
                    .put(
                        &format!("/api/v2.0/projects/team/robots/{}", target.id),
                        &json!({ "disable": true }),
                    )
                    .await,
            ];
            for answer in answers {
                assert_eq!(refusal(&answer), told(403, "FORBIDDEN", "forbidden"));
            }
        }
        assert_eq!(registry(&other.client, "team").await, (200, 401, 401));
        assert_eq!(manager.client.delete(&other.path()).await.status, 200, "which it was granted");
        assert_eq!(manager.client.delete(&manager.path()).await.status, 200, "itself too");
        assert_eq!(manager.client.get(ROBOTS).await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn a_robot_of_the_system_grants_only_where_it_may_itself() {
    on_each_engine(async |app| {
        for name in ["team", "other"] {
            project(&app, name, false).await;
        }
        let own = [
            can("/", &["robot:create", "user:list"]),
            can("team", &["repository:pull", "repository:push", "robot:create"]),
        ];
        let named = make(&app.admin(), &on_system("named", &own)).await;
        make(&named.client, &on_system("a", &own)).await;
        make(&named.client, &on_system("b", &[can("/", &["user:list"])])).await;
        make(&named.client, &in_project("c", "team", &["repository:push"])).await;
        let table = [
            on_system("x", &[can("/", &["user:create"])]),
            on_system("x", &[can("team", &["repository:delete"])]),
            on_system("x", &[can("other", &["repository:pull"])]),
            on_system("x", &[can("*", &["repository:pull"])]),
            on_system("x", &[can("nowhere", &["repository:pull"])]),
            on_system("x", &[can("/", &["user:list"]), can("other", &["repository:pull"])]),
        ];
        for robot in table {
            assert_eq!(refused(&named, &robot).await, denied(), "{robot}");
        }
        let star = [can("/", &["robot:create"]), can("*", &["repository:pull", "robot:create"])];
        let star = make(&app.admin(), &on_system("star", &star)).await;
        make(&star.client, &on_system("d", &[can("*", &["repository:pull"])])).await;
        make(&star.client, &on_system("e", &[can("other", &["repository:pull"])])).await;
        make(&star.client, &in_project("f", "other", &["repository:pull"])).await;
        assert_eq!(refused(&star, &on_system("x", &[can("*", &["repository:push"])])).await, denied());
        assert_eq!(refused(&star, &in_project("x", "other", &["repository:push"])).await, denied());
        let missing = star.client.post(ROBOTS, &in_project("x", "nowhere", &["repository:pull"])).await;
        assert_eq!(missing.status, 404, "it may know of every project");
    })
    .await;
}

#[tokio::test]
async fn what_is_denied_or_implied_is_counted_too() {
    on_each_engine(async |app| {
        for name in ["team", "other"] {
            project(&app, name, false).await;
        }
        let admin = app.admin();
        let manage = can("/", &["robot:create"]);
        // In a project a push brings a pull, which this one has not.
        let pushes = [manage.clone(), can("team", &["repository:push", "robot:create"])];
        let pushes = make(&admin, &on_system("pushes", &pushes)).await;
        assert_eq!(refused(&pushes, &in_project("x", "team", &["repository:push"])).await, denied());
        make(&pushes.client, &in_project("a", "team", &["repository:push", "-repository:pull"])).await;
        make(&pushes.client, &on_system("b", &[can("team", &["repository:push"])])).await;
        let inside = make(&admin, &in_project("inside", "team", &["repository:push", "robot:create"])).await;
        make(&inside.client, &in_project("c", "team", &["repository:push", "repository:pull"])).await;
        // What it may do everywhere but in one project it cannot pass on for everywhere.
        let but = [manage, can("*", &["repository:pull"]), can("team", &["-repository:pull"])];
        let but = make(&admin, &on_system("but", &but)).await;
        for permissions in [can("*", &["repository:pull"]), can("team", &["repository:pull"])] {
            assert_eq!(refused(&but, &on_system("x", &[permissions])).await, denied());
        }
        make(&but.client, &on_system("d", &[can("other", &["repository:pull"])])).await;
    })
    .await;
}

#[tokio::test]
async fn a_project_that_is_made_again_is_another_one() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let admin = app.admin();
        let inside = make(&admin, &in_project("ci", "team", MANAGES)).await;
        let manage = [can("/", &["robot:create"]), can("team", MANAGES)];
        let outside = make(&admin, &on_system("ci", &manage)).await;
        let token = outside.client.token(&["repository:team/app:pull"]).await;
        assert_eq!(admin.delete("/api/v2.0/projects/team").await.status, 200);
        app.clock.advance(std::time::Duration::from_secs(120));
        project(&app, "team", false).await;
        assert_eq!(registry(&inside.client, "team").await, (401, 401, 401));
        assert_eq!(registry(&outside.client, "team").await, (401, 401, 401));
        assert_eq!(registry(&token, "team").await, (401, 401, 401));
        assert_eq!(outside.client.get("/api/v2.0/projects/team").await.status, 403);
        assert_eq!(refused(&outside, &in_project("x", "team", &["repository:pull"])).await, forbidden());
        assert_eq!(refused(&outside, &on_system("x", &[can("team", &["repository:pull"])])).await, denied());
        let names = outside.client.get("/api/v2.0/projects").await.text();
        assert!(!names.contains("\"team\""), "{names}");
    })
    .await;
}
