//! Access tokens: how they are made and ended, and that they never do more than they were made for.

use super::{API, refusal, told};
use crate::{at_rest, on_each_engine};
use haven_core::access::Role;
use haven_core::access_tokens;
use haven_testkit::{Answer, Client, TestApp, image};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;

const MINE: &str = "/api/v2.0/users/current/tokens";
const CURRENT: &str = "/api/v2.0/users/current";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn make(owner: &Client, body: &Value) -> Value {
    let made = owner.post(MINE, body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()
}

/// A client of the owner's with a new token of these scopes in the place of the password.
async fn client(app: &TestApp, owner: &Client, scopes: &[&str], projects: Option<&[&str]>) -> Client {
    let name = format!("{} {projects:?}", scopes.join(" "));
    let made = make(owner, &json!({ "name": name, "scopes": scopes, "projects": projects })).await;
    app.with_password(owner.name().unwrap(), made["token"].as_str().unwrap())
}

async fn status(client: &Client, method: &str, path: &str, body: &str) -> u16 {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    client.request(method, path, &[("content-type", "application/json")], body.to_owned()).await.status
}

#[tokio::test]
async fn a_token_is_shown_once_and_stands_in_the_place_of_the_password() {
    on_each_engine(async |app| {
        let ann = app.person("ann").await;
        let asked =
            json!({ "name": "ci", "description": "builds", "scopes": ["api", "pull", "api"], "duration": 7 });
        let answer = ann.post(MINE, &asked).await;
        assert_eq!((answer.status, answer.header("cache-control")), (201, "no-store"));
        let made = answer.json();
        let token = made["token"].as_str().unwrap().to_owned();
        let mut shown = json!({
            "id": made["id"], "name": "ci", "description": "builds", "beginning": token[..22],
            "scopes": ["pull", "api"], "creation_time": "2023-11-14T22:13:20.000Z",
            "expiration_time": "2023-11-21T22:13:20.000Z", "token": token,
        });
        assert_eq!(made, shown);
        shown.as_object_mut().unwrap().remove("token");
        let path = answer.header("location").to_owned();
        assert_eq!(path, format!("{MINE}/{}", made["id"]));
        assert_eq!(ann.get(&path).await.json(), shown);
        assert_eq!(ann.get(MINE).await.json(), json!([shown]));
        for name in ["ann", "ann@example.com"] {
            assert_eq!(app.with_password(name, &token).get(CURRENT).await.json()["username"], "ann");
        }
        assert_eq!(app.anonymous().with_token(&token).get(CURRENT).await.json()["username"], "ann");
        assert_eq!(app.with_password("ann", &token).get("/v2/").await.status, 200);
        let replica = app.replica().await.with_password("ann", &token);
        assert_eq!(replica.get(CURRENT).await.status, 200);
        for name in ["admin", "ANN", "", "admin@example.com"] {
            assert_eq!(app.with_password(name, &token).get(CURRENT).await.status, 401, "{name}");
        }
        assert_eq!(ann.delete(&path).await.status, 200);
        assert_eq!(replica.get(CURRENT).await.status, 401, "at once");
        assert_eq!(refusal(&ann.delete(&path).await).0, 404);
        assert_eq!(ann.get(MINE).await.text(), "[]\n");
    })
    .await;
}

#[tokio::test]
async fn texts_that_are_no_token_open_nothing() {
    on_each_engine(async |app| {
        let made = make(&app.admin(), &json!({ "name": "x", "scopes": ["api"] })).await;
        let token = made["token"].as_str().unwrap();
        let last = if token.ends_with('a') { "b" } else { "a" };
        let other_secret = format!("{}{last}", &token[..53]);
        let unknown = format!("haven_pat_{}", "0".repeat(44));
        for wrong in [
            other_secret.as_str(),
            &unknown,
            &token[..53],
            &format!("{token}x"),
            &token.to_lowercase(),
            &token[10..],
            "haven_pat_",
        ] {
            for client in [app.with_password("admin", wrong), app.anonymous().with_token(wrong)] {
                assert_eq!(client.get(CURRENT).await.status, 401, "{wrong}");
                assert_eq!(client.get("/v2/").await.status, 401, "{wrong}");
            }
        }
        let stored = app.db().query("SELECT lookup, hash, salt FROM access_token", &[]).await.unwrap();
        let (hash, salt): (Vec<u8>, Vec<u8>) = (stored[0].get(1).unwrap(), stored[0].get(2).unwrap());
        assert_eq!((hash.len(), salt.len()), (32, 16));
        assert_eq!(stored[0].get::<String>(0).unwrap(), token[10..22]);
    })
    .await;
}

#[tokio::test]
async fn requests_that_make_no_sense_make_no_token() {
    on_each_engine(async |app| {
        let ann = app.person("ann").await;
        app.project("secret", false).await;
        make(&ann, &json!({ "name": "taken", "scopes": ["pull"] })).await;
        let good = json!({ "name": "ci", "scopes": ["pull"] });
        for (member, value, status) in [
            ("name", json!(""), 400),
            ("name", json!(null), 400),
            ("name", json!(" ci"), 400),
            ("name", json!("a\nb"), 400),
            ("name", json!("x".repeat(256)), 400),
            ("name", json!("taken"), 409),
            ("name", json!(7), 422),
            ("description", json!("x".repeat(1025)), 400),
            ("scopes", json!([]), 400),
            ("scopes", json!(null), 400),
            ("scopes", json!(["pull", "root"]), 400),
            ("scopes", json!("pull"), 422),
            ("projects", json!([]), 400),
            ("projects", json!(["secret"]), 400),
            ("projects", json!(["nobodys"]), 400),
            ("projects", json!(["Not A Name"]), 400),
            ("projects", json!(vec!["library"; 51]), 400),
            ("duration", json!(0), 400),
            ("duration", json!(-1), 400),
            ("duration", json!(366), 400),
            ("duration", json!(i64::MAX), 400),
            ("duration", json!(1.5), 422),
        ] {
            let mut body = good.clone();
            body[member] = value;
            assert_eq!(ann.post(MINE, &body).await.status, status, "{body}");
        }
        let hidden =
            ann.post(MINE, &json!({ "name": "x", "scopes": ["pull"], "projects": ["secret"] })).await;
        let missing =
            ann.post(MINE, &json!({ "name": "x", "scopes": ["pull"], "projects": ["secre"] })).await;
        assert_eq!(hidden.message().replace("secret", "secre"), missing.message(), "what exists is not told");
        assert_eq!(ann.get(MINE).await.header("x-total-count"), "1");
        let settings = json!({ "access_token_max_days": -1 });
        assert_eq!(app.admin().put(&format!("{API}/configurations"), &settings).await.status, 200);
        let endless = make(&ann, &json!({ "name": "endless", "scopes": ["pull"], "duration": -1 })).await;
        assert!(endless.get("expiration_time").is_none());
    })
    .await;
}

#[tokio::test]
async fn an_account_has_only_so_many() {
    on_each_engine(async |app| {
        let ann = app.person("ann").await;
        let fill =
            "INSERT INTO access_token (user_id, name, lookup, salt, hash, scopes, created_at, expires_at)
            VALUES (3, $1, $1, $2, $2, 'pull', 0, 0)";
        for n in 0..99 {
            app.db().execute(fill, &[format!("t{n}").into(), vec![0_u8].into()]).await.unwrap();
        }
        let asked: Vec<_> = (0..4)
            .map(|n| {
                let ann = ann.clone();
                let body = json!({ "name": format!("n{n}"), "scopes": ["pull"] });
                tokio::spawn(async move { ann.post(MINE, &body).await.status })
            })
            .collect();
        let mut statuses = Vec::new();
        for asked in asked {
            statuses.push(asked.await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 412, 412, 412], "however many ask at once");
        let bob = app.person("bob").await;
        assert_eq!(bob.post(MINE, &json!({ "name": "n", "scopes": ["pull"] })).await.status, 201);
    })
    .await;
}

#[tokio::test]
async fn the_registry_lets_a_token_do_what_its_scopes_say() {
    on_each_engine(async |app| {
        for (project, public) in [("team", false), ("side", false), ("open", true)] {
            app.project(project, public).await;
            let pushed = app.admin().push(&format!("{project}/web"), "v1", &image(project)).await;
            assert_eq!(pushed.status, 201);
        }
        let ann = app.member("team", "ann", Role::Maintainer).await;
        let may = async |client: &Client, project: &str| {
            let repository = format!("{project}/web");
            let pull = client.get(&format!("/v2/{repository}/manifests/v1")).await.status == 200;
            let push = client.push_blob(&repository, b"more").await.status == 201;
            let delete = client.delete(&format!("/v2/{repository}/manifests/v1")).await.status == 202;
            if delete {
                app.admin().push(&repository, "v1", &image(project)).await;
            }
            (pull, push, delete)
        };
        let all = ["pull", "push", "delete"].map(|action| format!("repository:team/web:{action}"));
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        for (scopes, projects, want) in [
            (["pull"].as_slice(), None, (true, false, false)),
            (&["push"], None, (true, true, false)),
            (&["read"], None, (false, false, false)),
            (&["pull", "read"], None, (true, false, false)),
            (&["api"], None, (true, true, true)),
            (&["api"], Some(["team", "open"].as_slice()), (true, true, true)),
            (&["push"], Some(&["team"]), (true, true, false)),
            (&["api"], Some(&["open"]), (false, false, false)),
        ] {
            let basic = client(&app, &ann, scopes, projects).await;
            let bearer = basic.token(&all).await;
            assert_eq!(may(&basic, "team").await, want, "{scopes:?} {projects:?}");
            assert_eq!(may(&bearer, "team").await, want, "{scopes:?} {projects:?} by the token service");
            assert_eq!(may(&basic, "side").await, (false, false, false), "never more than its owner");
            assert_eq!(may(&basic, "open").await, (true, false, false), "what everybody may");
        }
    })
    .await;
}

#[tokio::test]
async fn the_api_lets_a_token_do_what_its_scopes_say() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        app.project("side", false).await;
        app.admin().push("team/web", "v1", &image("one")).await;
        let ann = app.member("team", "ann", Role::ProjectAdmin).await;
        let join =
            "INSERT INTO project_member (project_id, entity_type, entity_id, role_id, created_at, updated_at)
            VALUES (3, 'u', 3, 1, 1, 1)";
        app.db().execute(join, &[]).await.unwrap();
        let mut wrong = Vec::new();
        for (scopes, projects, reads, writes, makes) in [
            (["pull", "push"].as_slice(), None, false, false, false),
            (&["read"], None, true, false, false),
            (&["api"], None, true, true, true),
            (&["api"], Some(["team"].as_slice()), true, true, false),
            (&["read"], Some(&["side"]), false, false, false),
        ] {
            let client = client(&app, &ann, scopes, projects).await;
            let seen = client.get(&format!("{API}/projects?public=false")).await.json();
            let seen: Vec<&str> =
                seen.as_array().unwrap().iter().filter_map(|one| one["name"].as_str()).collect();
            let sees = match (scopes, projects) {
                (["pull", ..], _) => vec![],
                (_, None) => vec!["side", "team"],
                (_, Some(only)) => only.to_vec(),
            };
            assert_eq!(seen, sees, "{scopes:?} {projects:?}");
            let repository = format!("{API}/projects/team/repositories/web");
            let project = json!({ "project_name": format!("new-{}", wrong.len()) }).to_string();
            for (method, path, body, allowed, success) in [
                ("GET", format!("{API}/projects/team"), "", reads, 200),
                ("GET", format!("{repository}/artifacts/v1"), "", reads, 200),
                ("PUT", repository.clone(), "{\"description\":\"x\"}", writes, 200),
                ("DELETE", format!("{repository}/artifacts/v1/tags/none"), "", writes, 404),
                ("POST", format!("{API}/projects"), project.as_str(), makes, 201),
                ("GET", CURRENT.to_owned(), "", true, 200),
                ("GET", format!("{API}/users"), "", false, 0),
            ] {
                let got = status(&client, method, &path, body).await;
                let want = if allowed { success } else { 403 };
                if got != want {
                    wrong.push(format!("{method} {path} with {scopes:?} {projects:?}: {got}, not {want}"));
                }
            }
            if makes {
                app.admin().delete(&format!("{API}/projects/new-{}", wrong.len())).await;
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    })
    .await;
}

#[tokio::test]
async fn what_needs_no_permission_needs_a_token_for_reading() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let ann = app.member("team", "ann", Role::ProjectAdmin).await;
        let mut wrong = Vec::new();
        for (scopes, projects, in_projects, of_all) in [
            (["pull"].as_slice(), None, false, false),
            (&["push"], Some(["team"].as_slice()), false, false),
            (&["read"], None, true, true),
            (&["push", "read"], None, true, true),
            (&["read"], Some(&["team"]), true, false),
            (&["api"], Some(&["team"]), true, false),
            (&["api"], None, true, true),
        ] {
            let client = client(&app, &ann, scopes, projects).await;
            for (method, path, allowed) in [
                ("GET", "users/current", true),
                ("GET", "projects?public=true", true),
                ("GET", "statistics", in_projects),
                ("GET", "auditlog-exts", in_projects),
                ("GET", "audit-logs", in_projects),
                ("GET", "users/search?username=a", of_all),
                ("GET", "usergroups/search?groupname=a", of_all),
                ("HEAD", "projects?project_name=team", of_all),
                ("GET", "system/CVEAllowlist", of_all),
            ] {
                let got = status(&client, method, &format!("{API}/{path}"), "").await;
                let want = if allowed { 200 } else { 403 };
                if got != want {
                    wrong.push(format!("{method} {path} with {scopes:?} {projects:?}: {got}, not {want}"));
                }
            }
            let info = client.get(&format!("{API}/systeminfo")).await.json();
            assert_eq!(info.get("harbor_version").is_some(), in_projects, "{scopes:?} {projects:?}");
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    })
    .await;
}

#[tokio::test]
async fn a_token_never_touches_the_credentials_of_its_owner() {
    on_each_engine(async |app| {
        let (admin, ann) = (app.admin(), app.person("ann").await);
        let token = client(&app, &admin, &["api"], None).await;
        assert_eq!(token.get(&format!("{API}/users")).await.status, 200, "an administrator's");
        let words = "forbidden: an access token cannot do this, log in with a password";
        let password = json!({ "old_password": "Harbor12345", "new_password": "Harbor54321" });
        let change = token.put(&format!("{API}/users/1/password"), &password).await;
        assert_eq!(refusal(&change), told(403, "FORBIDDEN", words));
        let further = token.post(MINE, &json!({ "name": "more", "scopes": ["pull"] })).await;
        assert_eq!(refusal(&further), told(403, "FORBIDDEN", words));
        for (method, path) in [
            ("GET", MINE.to_owned()),
            ("GET", format!("{MINE}/1")),
            ("DELETE", format!("{MINE}/1")),
            ("GET", format!("{API}/users/1/tokens")),
            ("DELETE", format!("{API}/users/1/tokens/1")),
        ] {
            assert_eq!(status(&token, method, &path, "").await, 403, "{method} {path}");
        }
        let theirs = make(&ann, &json!({ "name": "x", "scopes": ["pull"] })).await;
        let listed = token.get(&format!("{API}/users/3/tokens")).await.json();
        assert_eq!(listed[0]["id"], theirs["id"], "what administrators do, it does");
        let limited = client(&app, &admin, &["api"], Some(&["library"])).await;
        assert_eq!(
            limited.get(&format!("{API}/users")).await.status,
            403,
            "in one project nobody is an administrator"
        );
        assert_eq!(limited.get("/v2/_catalog").await.status, 401);
        assert_eq!(token.get("/v2/_catalog").await.status, 200);
        // It opens no session.
        let browser = app.browser();
        let secret = make(&admin, &json!({ "name": "s", "scopes": ["api"] })).await["token"].clone();
        assert_eq!(browser.log_in("admin", secret.as_str().unwrap()).await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn administrators_see_and_revoke_what_others_made() {
    on_each_engine(async |app| {
        let (ann, bob) = (app.person("ann").await, app.person("bob").await);
        let made = make(&ann, &json!({ "name": "ci", "scopes": ["pull"] })).await;
        let (tokens, id) = (format!("{API}/users/3/tokens"), made["id"].clone());
        let listed = app.admin().get(&tokens).await;
        assert_eq!((listed.json()[0]["name"].as_str(), listed.header("x-total-count")), (Some("ci"), "1"));
        assert!(listed.json()[0].get("token").is_none());
        assert_eq!(ann.get(&tokens).await.json(), listed.json(), "also by one's own number");
        assert_eq!(refusal(&bob.get(&tokens).await), told(403, "FORBIDDEN", "bob"));
        assert_eq!(bob.delete(&format!("{tokens}/{id}")).await.status, 403);
        assert_eq!(bob.get(&format!("{MINE}/{id}")).await.status, 404);
        assert_eq!(bob.delete(&format!("{MINE}/{id}")).await.status, 404);
        assert_eq!(app.admin().get(&format!("{API}/users/999/tokens")).await.status, 404);
        assert_eq!(app.admin().delete(&format!("{API}/users/4/tokens/{id}")).await.status, 404, "not bob's");
        assert_eq!(app.admin().delete(&format!("{tokens}/{id}")).await.status, 200);
        let token = app.with_password("ann", made["token"].as_str().unwrap());
        assert_eq!(token.get(CURRENT).await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn a_robot_that_looks_after_accounts_ends_no_token_of_an_administrator() {
    on_each_engine(async |app| {
        let (admin, ann) = (app.admin(), app.person("ann").await);
        let access: Vec<Value> =
            ["read", "update"].map(|action| json!({ "resource": "user", "action": action })).into();
        let robot = json!({ "name": "people", "level": "system", "duration": 1, "permissions": [
            { "kind": "system", "namespace": "/", "access": access }] });
        let made = admin.post(&format!("{API}/robots"), &robot).await.json();
        let robot = app.with_password(made["name"].as_str().unwrap(), made["secret"].as_str().unwrap());
        for (owner, user, expected) in [(&admin, 1, 403), (&ann, 3, 200)] {
            let token = make(owner, &json!({ "name": "ci", "scopes": ["pull"] })).await;
            let path = format!("{API}/users/{user}/tokens/{}", token["id"]);
            assert_eq!(robot.delete(&path).await.status, expected, "{user}");
            let works = owner.get(&format!("{MINE}/{}", token["id"])).await.status == 200;
            assert_eq!(works, expected == 403, "{user}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_ends_with_its_time_and_with_its_owner() {
    on_each_engine(async |app| {
        let ann = app.person("ann").await;
        let made = make(&ann, &json!({ "name": "ci", "scopes": ["pull"], "duration": 1 })).await;
        let token = app.with_password("ann", made["token"].as_str().unwrap());
        app.clock.advance(DAY - Duration::from_secs(60));
        assert_eq!(token.get(CURRENT).await.status, 200);
        let answer: Answer = token.get("/service/token?service=harbor-registry").await;
        assert_eq!(answer.json()["expires_in"], 60, "nothing that is fetched with it lasts longer");
        app.clock.advance(Duration::from_secs(60));
        assert_eq!(token.get(CURRENT).await.status, 401);
        assert_eq!(token.get("/v2/").await.status, 401);
        assert_eq!(ann.get(MINE).await.header("x-total-count"), "1", "it is still shown");
        assert_eq!(access_tokens::purge(&app.app).await.unwrap(), 0);
        app.clock.advance(DAY * 31);
        assert_eq!(access_tokens::purge(&app.app).await.unwrap(), 1);
        let made = make(&ann, &json!({ "name": "ci", "scopes": ["pull"] })).await;
        let token = app.with_password("ann", made["token"].as_str().unwrap());
        assert_eq!(token.get(CURRENT).await.status, 200);
        assert_eq!(app.admin().delete(&format!("{API}/users/3")).await.status, 200);
        assert_eq!(token.get(CURRENT).await.status, 401);
        let left = app.db().query_one("SELECT COUNT(*) FROM access_token", &[]).await.unwrap();
        assert_eq!(left.get::<i64>(0).unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn its_use_is_seen_and_seldom_written_down() {
    on_each_engine(async |app| {
        let made = make(&app.admin(), &json!({ "name": "ci", "scopes": ["pull"] })).await;
        let token = app.with_password("admin", made["token"].as_str().unwrap());
        let used = async || {
            app.admin().get(&format!("{MINE}/{}", made["id"])).await.json().get("last_used_time").cloned()
        };
        // Its use is written down beside the request, which waits for that for a moment only.
        let use_it = async || {
            token.get("/v2/").await;
            at_rest(&app).await;
        };
        assert_eq!(used().await, None);
        use_it().await;
        let first = used().await;
        assert_eq!(first, Some(json!("2023-11-14T22:13:20.000Z")));
        app.clock.advance(Duration::from_secs(299));
        use_it().await;
        assert_eq!(used().await, first);
        app.clock.advance(Duration::from_secs(1));
        use_it().await;
        assert_eq!(used().await, Some(json!("2023-11-14T22:18:20.000Z")));
    })
    .await;
}

#[tokio::test]
async fn a_project_of_the_same_name_is_another_one() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let token = client(&app, &app.admin(), &["api"], Some(&["team"])).await;
        assert_eq!(token.get(&format!("{API}/projects/team")).await.status, 200);
        assert_eq!(app.admin().delete(&format!("{API}/projects/team")).await.status, 200);
        app.project("team", false).await;
        assert_eq!(token.get(&format!("{API}/projects/team")).await.status, 403);
        assert_eq!(token.get(&format!("{API}/projects?public=false")).await.text(), "[]\n");
        assert_eq!(app.admin().get(MINE).await.json()[0]["projects"], json!([]), "in none, and not in all");
    })
    .await;
}

#[tokio::test]
async fn what_a_token_makes_is_its_owners() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let ann = app.member("team", "ann", Role::ProjectAdmin).await;
        for (scope, project, expected) in [
            ("pull", None, (403, 403)),
            ("read", None, (403, 200)),
            ("api", Some(&["team"][..]), (403, 200)),
            ("api", None, (201, 200)),
        ] {
            let token = client(&app, &ann, &[scope], project).await;
            let made = token.post(&format!("{API}/projects"), &json!({ "project_name": "made" })).await;
            let catalogue = token.get(&format!("{API}/permissions")).await;
            assert_eq!((made.status, catalogue.status), expected, "{scope} {project:?}");
        }
        assert_eq!(ann.get(&format!("{API}/projects/made")).await.json()["owner_name"], "ann");
        assert_eq!(ann.get(&format!("{API}/projects/made/members")).await.json()[0]["entity_name"], "ann");
    })
    .await;
}
