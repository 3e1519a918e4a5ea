//! Search and statistics: by whom what is found, and what is counted.

use super::{API, refusal, told};
use crate::on_each_engine;
use haven_core::access::Role;
use haven_db::params;
use haven_testkit::{Client, TestApp, image};
use serde_json::{Value, json};

/// A public and two private projects with a repository each; `team` has two members, by user and by group.
async fn furnish(app: &TestApp) -> (Client, Client) {
    for (name, public) in [("open", true), ("team", false), ("other", false)] {
        app.project(name, public).await;
        assert_eq!(app.admin().push(&format!("{name}/web"), "v1", &image(name)).await.status, 201);
    }
    assert_eq!(app.admin().push("team/tools/ci", "v1", &image("ci")).await.status, 201);
    let ann = app.member("team", "ann", Role::Guest).await;
    let bob = app.person("bob").await;
    for statement in [
        "INSERT INTO user_group (name, type, created_at, updated_at) VALUES ('devs', 3, 1, 1)",
        "INSERT INTO user_group_member (user_id, group_id) SELECT id, 1 FROM user_account WHERE username = 'bob'",
        "INSERT INTO project_member (project_id, entity_type, entity_id, role_id, created_at, updated_at)
            SELECT id, 'g', 1, 2, 1, 1 FROM project WHERE name = 'team'",
    ] {
        app.db().execute(statement, &[]).await.unwrap();
    }
    (ann, bob)
}

/// The names that are found, projects first.
async fn found(client: &Client, text: &str) -> String {
    let answer = client.get(&format!("{API}/search?q={text}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let names = |kind: &str, name: &str| {
        let found = answer.json()[kind].clone();
        let names = found.as_array().unwrap().iter().map(|one| one[name].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>().join(" ")
    };
    format!("{} | {}", names("project", "name"), names("repository", "repository_name"))
}

#[tokio::test]
async fn everybody_finds_what_they_may_see() {
    on_each_engine(async |app| {
        let (ann, bob) = furnish(&app).await;
        let (admin, nobody, fay) = (app.admin(), app.anonymous(), app.person("fay").await);
        for (text, all, mine, public) in [
            ("web", " | open/web other/web team/web", " | open/web team/web", " | open/web"),
            ("WEB", " | open/web other/web team/web", " | open/web team/web", " | open/web"),
            (
                "e",
                "open other team | open/web other/web team/tools/ci team/web",
                "open team | open/web team/tools/ci team/web",
                "open | open/web",
            ),
            ("team", "team | team/tools/ci team/web", "team | team/tools/ci team/web", " | "),
            ("Team", " | team/tools/ci team/web", " | team/tools/ci team/web", " | "),
            ("m/tools/c", " | team/tools/ci", " | team/tools/ci", " | "),
            ("open", "open | open/web", "open | open/web", "open | open/web"),
            ("_", " | ", " | ", " | "),
            ("%25", " | ", " | ", " | "),
            ("team%23", " | ", " | ", " | "),
            ("no%20such", " | ", " | ", " | "),
        ] {
            assert_eq!(found(&admin, text).await, all, "{text}");
            for member in [&ann, &bob] {
                assert_eq!(found(member, text).await, mine, "{text}");
            }
            for stranger in [&nobody, &fay] {
                assert_eq!(found(stranger, text).await, public, "{text}");
            }
        }
        let long = format!("{API}/search?q={}", "a".repeat(300));
        assert_eq!(nobody.get(&long).await.json(), json!({ "project": [], "repository": [] }));
    })
    .await;
}

#[tokio::test]
async fn what_is_found_is_told_as_elsewhere() {
    on_each_engine(async |app| {
        let (ann, _) = furnish(&app).await;
        let found = ann.get(&format!("{API}/search?q=team")).await.json();
        assert_eq!(found["project"][0], ann.get(&format!("{API}/projects/team")).await.json());
        assert_eq!(
            (&found["project"][0]["repo_count"], &found["project"][0]["current_user_role_id"]),
            (&json!(2), &json!(3))
        );
        let id = &found["project"][0]["project_id"];
        let repository = json!({
            "project_id": id, "project_name": "team", "repository_name": "team/web", "artifact_count": 1,
        });
        assert_eq!(found["repository"][1], repository, "what is zero or false is left out");
        let open = app.anonymous().get(&format!("{API}/search?q=open")).await.json();
        assert_eq!(open["repository"][0]["project_public"], true);
    })
    .await;
}

#[tokio::test]
async fn a_search_wants_a_text() {
    on_each_engine(async |app| {
        let words = "validation failure list:\nq in query is required";
        for query in ["", "?q=", "?text=web"] {
            let refused = app.anonymous().get(&format!("{API}/search{query}")).await;
            assert_eq!(refusal(&refused), told(422, "UNPROCESSABLE_ENTITY", words), "{query}");
        }
        for query in ["?q=a;b", "?q=%zz", "?q=%00", "?q=%ff"] {
            assert_eq!(app.anonymous().get(&format!("{API}/search{query}")).await.status, 400, "{query}");
        }
        let odd = app.anonymous().get(&format!("{API}/search?q=%27%20OR%201%3D1--")).await;
        assert_eq!(odd.json(), json!({ "project": [], "repository": [] }));
    })
    .await;
}

#[tokio::test]
async fn what_is_found_is_bounded() {
    on_each_engine(async |app| {
        let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
            INSERT INTO repository (project_id, name, created_at, updated_at)
            SELECT 1, 'library/app' || CAST(10000 + i AS TEXT), 1, 1 FROM n";
        app.db().execute(many, &[]).await.unwrap();
        let parts = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 24)
            INSERT INTO repository_part (part, repository_id)
            SELECT DISTINCT substr(r.name, i, 24), r.id FROM repository r JOIN n ON i <= length(r.name)";
        app.db().execute(parts, &[]).await.unwrap();
        let few = app.anonymous().get(&format!("{API}/search?q=app1100")).await.json();
        assert_eq!(few["repository"].as_array().unwrap().len(), 10);
        let found = app.anonymous().get(&format!("{API}/search?q=app")).await.json();
        let repositories = found["repository"].as_array().unwrap();
        assert_eq!(repositories.len(), 1000);
        assert_eq!(repositories[0]["repository_name"], "library/app10001");
        assert_eq!(repositories[999]["repository_name"], "library/app11000");
    })
    .await;
}

#[tokio::test]
async fn what_was_deleted_leaves_nothing_to_find() {
    on_each_engine(async |app| {
        furnish(&app).await;
        let long = format!("team/{}/{}", "tool".repeat(10), "x".repeat(200));
        assert_eq!(app.admin().push(&long, "v1", &image("long")).await.status, 201);
        let parts = async |of: &str| {
            let count = "SELECT COUNT(*) FROM repository_part s JOIN repository r ON r.id = s.repository_id
                WHERE r.name = $1";
            app.db().query_one(count, params![of]).await.unwrap().get::<i64>(0).unwrap()
        };
        assert_eq!(parts("team/tools/ci").await, 13);
        // Longer than what is kept of it; and two texts that only begin alike.
        let middle = format!("{}/{}", "tool".repeat(8), "x".repeat(150));
        assert_eq!(found(&app.admin(), &middle).await, format!(" | {long}"));
        assert_eq!(found(&app.admin(), &format!("{}y", "tool".repeat(8))).await, " | ");
        let all = async |of: &str| app.db().query_one(of, &[]).await.unwrap().get::<i64>(0).unwrap();
        for (project, name) in [("team", "tools%252Fci"), ("team", "web"), ("open", "web"), ("other", "web")]
        {
            let path = format!("{API}/projects/{project}/repositories/{name}");
            assert_eq!(app.admin().delete(&path).await.status, 200);
        }
        assert_eq!(found(&app.admin(), "web").await, " | ");
        assert_eq!(all("SELECT COUNT(*) FROM repository_part").await, parts(&long).await);
        assert_eq!(app.admin().push("team/web", "v1", &image("again")).await.status, 201);
        assert_eq!(found(&app.admin(), "web").await, " | team/web");
    })
    .await;
}

async fn statistics(client: &Client) -> Value {
    let answer = client.get(&format!("{API}/statistics")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn counts(public: (i64, i64), private: (i64, i64), total: (i64, i64), bytes: i64) -> Value {
    json!({
        "public_project_count": public.0, "public_repo_count": public.1,
        "private_project_count": private.0, "private_repo_count": private.1,
        "total_project_count": total.0, "total_repo_count": total.1,
        "total_storage_consumption": bytes,
    })
}

#[tokio::test]
async fn everybody_counts_what_they_may_see() {
    on_each_engine(async |app| {
        let (ann, bob) = furnish(&app).await;
        let bytes = "SELECT CAST(SUM(size) AS BIGINT) FROM blob";
        let bytes: i64 = app.db().query_one(bytes, &[]).await.unwrap().get(0).unwrap();
        assert!(bytes > 0);
        assert_eq!(statistics(&app.admin()).await, counts((2, 1), (2, 3), (4, 4), bytes));
        for member in [&ann, &bob] {
            assert_eq!(statistics(member).await, counts((2, 1), (1, 2), (0, 0), 0));
        }
        let fay = app.person("fay").await;
        assert_eq!(statistics(&fay).await, counts((2, 1), (0, 0), (0, 0), 0));
        assert_eq!(app.anonymous().get(&format!("{API}/statistics")).await.status, 401);
        let projects = format!("{API}/projects");
        assert_eq!(app.admin().delete(&format!("{projects}/team/repositories/web")).await.status, 200);
        assert_eq!(app.admin().delete(&format!("{projects}/open/repositories/web")).await.status, 200);
        assert_eq!(app.admin().delete(&format!("{projects}/open")).await.status, 200);
        assert_eq!(statistics(&app.replica().await).await, counts((1, 0), (2, 2), (3, 2), bytes));
        assert_eq!(statistics(&bob).await, counts((1, 0), (1, 1), (0, 0), 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repositories_are_counted_right_however_they_come_and_go() {
    on_each_engine(async |app| {
        let id = app.project("team", false).await;
        let doors = [app.admin(), app.replica().await];
        let pushed = image("one");
        // One stays, so that the blobs do, whoever comes first.
        assert_eq!(doors[0].push("team/kept", "v1", &pushed).await.status, 201);
        let crowd = (0..24).map(|n| {
            let (client, pushed) = (doors[n % 2].clone(), pushed.clone());
            tokio::spawn(async move {
                let repository = format!("team/app{}", n % 6);
                for _ in 0..20 {
                    let answer = client.push_manifest(&repository, &format!("v{n}"), &pushed).await;
                    if answer.status != 429 && answer.status < 500 {
                        assert_eq!(answer.status, 201, "{}", answer.text());
                        break;
                    }
                }
                if n % 3 == 0 {
                    let gone = client.delete(&format!("{API}/projects/team/repositories/app{}", n % 6)).await;
                    assert!(matches!(gone.status, 200 | 404 | 503), "{}", gone.text());
                }
            })
        });
        for one in crowd.collect::<Vec<_>>() {
            one.await.unwrap();
        }
        let there = "SELECT COUNT(*) FROM repository WHERE project_id = $1";
        let there: i64 = app.db().query_one(there, params![id]).await.unwrap().get(0).unwrap();
        assert_eq!(doors[0].get(&format!("{API}/projects/team")).await.json()["repo_count"], there);
        assert_eq!(doors[1].get(&format!("{API}/projects/team/summary")).await.json()["repo_count"], there);
        assert_eq!(statistics(&doors[1]).await["private_repo_count"], there);
    })
    .await;
}
