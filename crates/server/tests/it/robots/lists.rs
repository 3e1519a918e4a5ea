//! Lists of robots, and lists as robots see them.

use super::{ROBOTS, can, in_project, make, on_system, project, refusal, told};
use crate::on_each_engine;
use haven_testkit::{Client, image};
use serde_json::json;
use std::time::Duration;

const PULL: &[&str] = &["repository:pull"];

async fn names(client: &Client, query: &str) -> Vec<String> {
    let page = client.get(&format!("{ROBOTS}?{query}")).await;
    assert_eq!(page.status, 200, "{query}: {}", page.text());
    page.json().as_array().unwrap().iter().map(|robot| robot["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_list_is_of_one_level() {
    on_each_engine(async |app| {
        let (team, other) = (project(&app, "team", false).await, project(&app, "other", false).await);
        let admin = app.admin();
        for name in ["b", "a"] {
            make(&admin, &in_project(name, "team", PULL)).await;
            make(&admin, &on_system(name, &[can("*", PULL)])).await;
        }
        make(&admin, &in_project("c", "other", PULL)).await;
        for query in ["", "q=", "q=Level%3Dsystem", "q=level=system,project_id=7"] {
            assert_eq!(names(&admin, query).await, ["robot$a", "robot$b"], "{query}");
        }
        let of = |id: i64| format!("q=Level%3Dproject%2CProjectID%3D{id}");
        assert_eq!(names(&admin, &of(team)).await, ["robot$team+a", "robot$team+b"]);
        assert_eq!(names(&admin, &of(other)).await, ["robot$other+c"]);
        let needs = "must with project ID when to query project robots";
        for (query, words) in [
            ("q=Level=project", needs),
            ("q=Level=project,ProjectID=0", needs),
            ("q=Level=project,ProjectID=-1", needs),
            ("q=Level=project,ProjectID=x", needs),
            ("q=Level=project,ProjectID=~1", needs),
            ("q=Level=none", "bad request error level input"),
            ("q=Level=~sys", "bad request error level input"),
        ] {
            let refused = admin.get(&format!("{ROBOTS}?{query}")).await;
            assert_eq!(refusal(&refused), told(400, "BAD_REQUEST", words), "{query}");
        }
        let missing = admin.get(&format!("{ROBOTS}?{}", of(999))).await;
        assert_eq!(refusal(&missing), told(404, "NOT_FOUND", "project 999 not found"));
    })
    .await;
}

#[tokio::test]
async fn it_is_filtered_sorted_and_paged() {
    on_each_engine(async |app| {
        let admin = app.admin();
        for (name, days) in [("gamma", 3), ("alpha", 1), ("beta", 2)] {
            let mut robot = on_system(name, &[can("*", PULL)]);
            (robot["duration"], robot["description"]) = (json!(days), json!(format!("for {name}")));
            make(&admin, &robot).await;
            app.clock.advance(Duration::from_secs(1));
        }
        for (query, expected) in [
            ("sort=-name", &["robot$gamma", "robot$beta", "robot$alpha"][..]),
            ("sort=creation_time", &["robot$gamma", "robot$alpha", "robot$beta"]),
            ("sort=-duration", &["robot$gamma", "robot$beta", "robot$alpha"]),
            ("sort=secret_hash,-expires_at", &["robot$gamma", "robot$beta", "robot$alpha"]),
            ("q=name=beta", &["robot$beta"]),
            ("q=name=~AM", &["robot$gamma"]),
            ("q=description=~for+b", &["robot$beta"]),
            ("q=duration=[2~]", &["robot$beta", "robot$gamma"]),
            ("q=disabled=true", &[]),
            ("q=creation_time=[2023-11-14T22:13:21~]", &["robot$alpha", "robot$beta"]),
            ("q=secret_hash=~a,permissions=x", &["robot$alpha", "robot$beta", "robot$gamma"]),
            ("q=name=~'%20OR%201=1", &[]),
            ("page=2&page_size=2", &["robot$gamma"]),
            ("page=9&page_size=2", &[]),
        ] {
            assert_eq!(names(&admin, query).await, expected, "{query}");
        }
        let page = admin.get(&format!("{ROBOTS}?page=2&page_size=1")).await;
        assert_eq!(page.header("x-total-count"), "3");
        let link = "</api/v2.0/robots?page=1&page_size=1>; rel=\"prev\" , </api/v2.0/robots?page=3&page_size=1>; rel=\"next\"";
        assert_eq!(page.header("link"), link);
        assert_eq!(admin.get(&format!("{ROBOTS}?page_size=101")).await.status, 422);
    })
    .await;
}

#[tokio::test]
async fn a_robot_lists_what_it_was_given_and_what_is_public() {
    on_each_engine(async |app| {
        for (name, public) in [("team", false), ("other", false), ("open", true)] {
            app.project(name, public).await;
            assert_eq!(app.admin().push(&format!("{name}/web"), "v1", &image(name)).await.status, 201);
        }
        let admin = app.admin();
        let (pull, list) = ("repository:pull", "repository:list");
        let table = [
            (in_project("a", "team", &[pull]), "library open team", "open"),
            (in_project("b", "team", &[list]), "library open team", "open team"),
            (
                on_system("c", &[can("team", &[list]), can("other", &[pull])]),
                "library open other team",
                "open team",
            ),
            (on_system("d", &[can("*", &[list])]), "library open other team", "open other team"),
            (on_system("e", &[can("*", &[pull])]), "library open other team", "open"),
            (on_system("f", &[can("/", &["project:list"])]), "library open other team", "open"),
            (on_system("g", &[can("/", &["user:list"])]), "library open", "open"),
            (on_system("h", &[can("team", &["-repository:list"])]), "library open", "open"),
        ];
        for (robot, projects, repositories) in table {
            let client = make(&admin, &robot).await.client;
            let names = async |path: &str| {
                let page = client.get(path).await;
                let names: Vec<String> =
                    page.json().as_array().unwrap().iter().map(|item| item["name"].to_string()).collect();
                assert_eq!(page.header("x-total-count"), names.len().to_string());
                names.join(" ").replace('"', "").replace("/web", "")
            };
            assert_eq!(names("/api/v2.0/projects").await, projects, "{robot}");
            assert_eq!(names("/api/v2.0/repositories?sort=name").await, repositories, "{robot}");
            let private: Vec<_> =
                projects.split(' ').filter(|name| !matches!(*name, "library" | "open")).collect();
            assert_eq!(names("/api/v2.0/projects?public=false").await, private.join(" "), "{robot}");
            assert_eq!(names("/api/v2.0/projects?public=true").await, "library open");
        }
    })
    .await;
}

/// What is denied in one project goes from the lists over all of them, public or not, and nothing else does.
#[tokio::test]
async fn lists_leave_out_what_is_denied_in_one_project() {
    on_each_engine(async |app| {
        let admin = app.admin();
        for (name, public) in [("open", true), ("shut", false), ("team", false)] {
            project(&app, name, public).await;
            assert_eq!(admin.push(&format!("{name}/app"), "v1", &image(name)).await.status, 201);
        }
        let given =
            can("*", &["repository:list", "repository:read", "repository:pull", "log:list", "project:read"]);
        let denied = &["-repository:list", "-log:list", "-project:read"];
        let total = async |robot: &Client, path: &str| {
            let answer = robot.get(&format!("/api/v2.0/{path}")).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            answer.header("x-total-count").parse::<usize>().unwrap()
        };
        let all = make(&admin, &on_system("all", std::slice::from_ref(&given))).await.client;
        for name in ["shut", "open"] {
            let robot = on_system(&format!("not-{name}"), &[given.clone(), can(name, denied)]);
            let robot = make(&admin, &robot).await.client;
            let lines = total(&admin, &format!("projects/{name}/auditlog-exts?page_size=1")).await;
            for (path, missing) in [("repositories", 1), ("projects", 1), ("auditlog-exts", lines)] {
                let (there, shown) = (total(&all, path).await, total(&robot, path).await);
                assert!(missing > 0 && there == shown + missing, "{name}: {path}: {there}, {shown}");
            }
            let found = robot.get("/api/v2.0/search?q=app").await.json();
            let found = found["repository"].as_array().unwrap().len();
            assert_eq!(found, 2, "{name}");
        }
    })
    .await;
}
