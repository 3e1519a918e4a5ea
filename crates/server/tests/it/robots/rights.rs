//! What a robot may do with what it was given.

use super::{ROBOTS, can, in_project, make, on_system, project, refusal, registry, told};
use crate::access::matrix::{all_in, all_on_system};
use crate::on_each_engine;
use haven_db::params;
use serde_json::json;

const PROJECTS: &str = "/api/v2.0/projects";

#[tokio::test]
async fn a_robot_of_a_project_reaches_no_other() {
    on_each_engine(async |app| {
        for (name, public) in [("team", false), ("other", false), ("open", true)] {
            project(&app, name, public).await;
        }
        let all =
            json!({ "name": "ci", "level": "project", "duration": -1, "permissions": [all_in("team")] });
        let robot = make(&app.admin(), &all).await;
        assert_eq!(registry(&robot.client, "team").await, (200, 201, 404));
        assert_eq!(registry(&robot.client, "other").await, (401, 401, 401));
        assert_eq!(registry(&robot.client, "open").await, (200, 401, 401), "what everybody may");
        assert_eq!(robot.client.get("/v2/_catalog").await.status, 401);
        for (path, status) in [("team", 200), ("open", 200), ("other", 403), ("nowhere", 403)] {
            assert_eq!(robot.client.get(&format!("{PROJECTS}/{path}")).await.status, status, "{path}");
        }
        let denied = robot.client.get("/v2/other/app/tags/list").await;
        let words = "unauthorized to access repository: other/app, action: pull: \
                     unauthorized to access repository: other/app, action: pull";
        assert_eq!(refusal(&denied), told(401, "UNAUTHORIZED", words));
        assert_eq!(denied.header("www-authenticate"), "Basic realm=\"harbor\"");
        let mount = "/v2/team/app/blobs/uploads/?mount={d}&from=other/app";
        let digest = haven_oci::Digest::sha256(b"only there");
        assert_eq!(app.admin().push_blob("other/app", b"only there").await.status, 201);
        let mount = mount.replace("{d}", digest.as_str());
        assert_eq!(robot.client.post(&mount, &json!({})).await.status, 202, "nothing was mounted");
    })
    .await;
}

#[tokio::test]
async fn a_star_is_every_project_there_is_or_will_be() {
    on_each_engine(async |app| {
        project(&app, "team", false).await;
        let admin = app.admin();
        let star = make(&admin, &on_system("star", &[can("*", &["repository:pull", "project:read"])])).await;
        let one = make(&admin, &on_system("one", &[can("team", &["repository:pull"])])).await;
        project(&app, "later", false).await;
        assert_eq!(registry(&star.client, "team").await, (200, 401, 401));
        assert_eq!(registry(&star.client, "later").await, (200, 401, 401));
        assert_eq!(registry(&one.client, "team").await, (200, 401, 401));
        assert_eq!(registry(&one.client, "later").await, (401, 401, 401));
        let missing = star.client.get(&format!("{PROJECTS}/nowhere")).await;
        assert_eq!(refusal(&missing), told(404, "NOT_FOUND", "project nowhere not found"));
        assert_eq!(one.client.get(&format!("{PROJECTS}/nowhere")).await.status, 403);
    })
    .await;
}

#[tokio::test]
async fn a_push_brings_the_pull_only_in_a_project() {
    on_each_engine(async |app| {
        project(&app, "team", false).await;
        let admin = app.admin();
        let inside = make(&admin, &in_project("ci", "team", &["repository:push"])).await;
        assert_eq!(registry(&inside.client, "team").await, (200, 201, 401));
        let token = inside.client.token(&["repository:team/app:pull,push"]).await;
        assert_eq!(registry(&token, "team").await, (200, 201, 401));
        let outside = make(&admin, &on_system("ci", &[can("team", &["repository:push"])])).await;
        assert_eq!(registry(&outside.client, "team").await, (401, 201, 401));
        let denied = make(&admin, &in_project("cd", "team", &["repository:push", "-repository:pull"])).await;
        assert_eq!(registry(&denied.client, "team").await, (401, 201, 401));
    })
    .await;
}

#[tokio::test]
async fn what_is_denied_is_denied_whatever_allows_it() {
    on_each_engine(async |app| {
        for (name, public) in [("team", false), ("open", true)] {
            project(&app, name, public).await;
        }
        let (admin, pull) = (app.admin(), "repository:pull");
        let table = [
            (vec![can("*", &[pull]), can("team", &["-repository:pull"])], (401, 200)),
            (vec![can("team", &[pull]), can("*", &["-repository:pull"])], (401, 401)),
            (vec![can("team", &[pull, "-repository:pull"])], (401, 200)),
            (vec![can("open", &["-repository:pull"])], (401, 401)),
            (vec![can("team", &[pull]), can("open", &["-tag:list"])], (200, 200)),
        ];
        for (number, (permissions, expected)) in table.into_iter().enumerate() {
            let robot = make(&admin, &on_system(&format!("r{number}"), &permissions)).await;
            let seen = (registry(&robot.client, "team").await.0, registry(&robot.client, "open").await.0);
            assert_eq!(seen, expected, "{permissions:?}");
        }
        let silent = make(&admin, &on_system("ops", &[can("/", &["catalog:read", "-catalog:read"])])).await;
        assert_eq!(silent.client.get("/v2/_catalog").await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn a_permission_on_the_system_is_as_good_as_an_administrators() {
    on_each_engine(async |app| {
        project(&app, "team", false).await;
        let admin = app.admin();
        let reader = make(&admin, &on_system("reader", &[can("/", &["catalog:read"])])).await;
        let other = make(&admin, &on_system("other", &[can("/", &["user:list"]), can("*", &["repository:pull"])])).await;
        assert_eq!(reader.client.get("/v2/_catalog").await.status, 200);
        assert_eq!(reader.client.token(&["registry:catalog:*"]).await.get("/v2/_catalog").await.status, 200);
        assert_eq!(other.client.get("/v2/_catalog").await.status, 401);
        assert_eq!(other.client.token(&["registry:catalog:*"]).await.get("/v2/_catalog").await.status, 401);
        assert_eq!(reader.client.get(&format!("{PROJECTS}/team")).await.status, 403, "and good for nothing else");
        let all = json!({ "name": "all", "level": "system", "duration": -1, "permissions": [all_on_system(), all_in("*")] });
        let all = make(&admin, &all).await;
        let refused = all.client.get("/api/v2.0/configurations").await;
        assert_eq!(refusal(&refused), told(403, "FORBIDDEN", "robot$all"), "nobody can be granted that");
        let words = "forbidden: only admins(system and project) can access permissions";
        let refused = all.client.get("/api/v2.0/permissions").await;
        assert_eq!(refusal(&refused), told(403, "FORBIDDEN", words));
    })
    .await;
}

#[tokio::test]
async fn projects_are_made_by_robots_of_the_system_only() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let admin = app.admin();
        let all =
            json!({ "name": "ci", "level": "project", "duration": -1, "permissions": [all_in("team")] });
        let inside = make(&admin, &all).await;
        let refused = inside.client.post(PROJECTS, &json!({ "project_name": "new" })).await;
        assert_eq!(refusal(&refused), told(403, "FORBIDDEN", "Only system level robot can create project"));
        let maker = make(&admin, &on_system("maker", &[can("/", &["project:create"])])).await;
        let without = make(&admin, &on_system("without", &[can("/", &["project:list"])])).await;
        for (number, restriction) in ["everyone", "adminonly"].into_iter().enumerate() {
            let settings = json!({ "project_creation_restriction": restriction });
            assert_eq!(admin.put("/api/v2.0/configurations", &settings).await.status, 200);
            let refused = without.client.post(PROJECTS, &json!({ "project_name": "new" })).await;
            assert_eq!(refusal(&refused), told(403, "FORBIDDEN", "Only system admin can create project"));
            let made = maker.client.post(PROJECTS, &json!({ "project_name": format!("new{number}") })).await;
            assert_eq!(made.status, 201, "{}", made.text());
            let shown = admin.get(made.header("location")).await.json();
            assert_eq!((&shown["owner_id"], &shown["current_user_role_id"]), (&json!(1), &json!(1)));
        }
        assert_eq!(maker.client.get(&format!("{PROJECTS}/new0")).await.status, 403, "to make is not to have");
        assert_eq!(maker.client.head(&format!("{PROJECTS}?project_name=new0")).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_robot_never_has_more_than_the_catalogue() {
    on_each_engine(async |app| {
        let id = project(&app, "team", false).await;
        let admin = app.admin();
        let inside = make(&admin, &in_project("ci", "team", &["quota:read"])).await;
        let outside = make(&admin, &on_system("ci", &[can("/", &["user:list"])])).await;
        let too_much = |resources: &[(&str, &str)]| {
            let access =
                resources.iter().map(|(resource, action)| json!({ "resource": resource, "action": action }));
            access.collect::<Vec<_>>()
        };
        let odd = too_much(&[
            ("robot", "update"),
            ("repository", "scanner-pull"),
            ("configuration", "update"),
            ("unheard", "of"),
            ("repository", "fly"),
        ]);
        for (robot, permissions) in [
            (&inside, json!([{ "kind": "project", "project": id, "access": odd }])),
            (&outside, json!([{ "kind": "system", "access": odd }, { "kind": "project", "access": odd }])),
        ] {
            let write = "UPDATE robot SET permissions = $2 WHERE id = $1";
            app.db().execute(write, params![robot.id, permissions.to_string()]).await.unwrap();
            for target in [&inside, &outside] {
                assert_eq!(robot.client.patch(&target.path(), &json!({})).await.status, 403);
            }
            assert_eq!(robot.client.get("/api/v2.0/configurations").await.status, 403);
            assert_eq!(registry(&robot.client, "team").await, (401, 401, 401));
            assert_eq!(admin.get(&robot.path()).await.status, 200, "it is shown as it is");
        }
        // A robot of a project that names others, as no request can make one.
        let beyond = json!([{ "kind": "project", "access": too_much(&[("repository", "pull")]) },
            { "kind": "system", "access": too_much(&[("catalog", "read"), ("robot", "list")]) }]);
        let write = "UPDATE robot SET permissions = $2 WHERE id = $1";
        app.db().execute(write, params![inside.id, beyond.to_string()]).await.unwrap();
        project(&app, "other", false).await;
        assert_eq!(registry(&inside.client, "other").await, (401, 401, 401));
        assert_eq!(registry(&inside.client, "team").await, (200, 401, 401));
        assert_eq!(inside.client.get("/v2/_catalog").await.status, 401);
        assert_eq!(inside.client.get(ROBOTS).await.status, 403);
    })
    .await;
}
