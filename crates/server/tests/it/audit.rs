//! The audit log through the front door: what is recorded, and who may read it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use crate::on_each_engine;
use haven_core::access::Role;
use haven_core::audit::forward;
use haven_core::catalog::flush_pulls;
use haven_db::params;
use haven_testkit::{Answer, Client, TestApp, image};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

const API: &str = "/api/v2.0";
const LOG: &str = "/api/v2.0/auditlog-exts";
const WEB: &str = "/api/v2.0/projects/team/repositories/web";
const TEAM_LOG: &str = "/api/v2.0/projects/team/auditlog-exts";
const SETTINGS: &str = "/api/v2.0/configurations";

/// The lines of a page: who did what to what, with a mark for what was refused.
fn lines(page: &Answer) -> Vec<String> {
    assert_eq!(page.status, 200, "{}", page.text());
    let line = |line: &Value| {
        let [who, operation, kind, resource] =
            ["username", "operation", "resource_type", "resource"].map(|name| line[name].as_str().unwrap());
        let refused = if line["operation_result"] == true { "" } else { " (refused)" };
        format!("{who} {operation} {kind} {resource}{refused}")
    };
    page.json().as_array().unwrap().iter().map(line).collect()
}

async fn read(client: &Client, path: &str) -> Vec<String> {
    lines(&client.get(path).await)
}

/// Whatever comes after has a later time.
fn later(app: &TestApp) {
    app.clock.advance(Duration::from_secs(1));
}

#[tokio::test]
async fn each_operation_has_its_line_as_soon_as_it_is_answered() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let (ann, web) = (app.member("team", "ann", Role::ProjectAdmin).await, image("one"));
        let digest = web.digest();
        let newest = async || read(&app.admin(), &format!("{LOG}?page_size=1")).await.remove(0);
        later(&app);
        let token = ann.token(&["repository:team/web:pull,push,delete"]).await;
        assert_eq!(token.push("team/web", "v1", &web).await.status, 201);
        assert_eq!(newest().await, "ann create artifact team/web:v1");
        later(&app);
        assert_eq!(ann.push("team/web", &digest, &web).await.status, 201);
        assert_eq!(newest().await, format!("ann create artifact team/web@{digest}"));
        later(&app);
        let tags = format!("{WEB}/artifacts/{digest}/tags");
        assert_eq!(ann.post(&tags, &json!({ "name": "v2" })).await.status, 201);
        assert_eq!(newest().await, "ann create tag team/web:v2");
        later(&app);
        assert_eq!(ann.delete(&format!("{tags}/v1")).await.status, 200);
        assert_eq!(newest().await, "ann delete tag team/web:v1");
        later(&app);
        assert_eq!(ann.delete(&format!("{WEB}/artifacts/v2")).await.status, 200);
        assert_eq!(newest().await, format!("ann delete artifact team/web@{digest}"));
        later(&app);
        for (tag, text) in [("a", "a"), ("b", "b")] {
            assert_eq!(ann.push("team/web", tag, &image(text)).await.status, 201);
        }
        later(&app);
        assert_eq!(ann.delete(WEB).await.status, 200);
        assert_eq!(newest().await, "ann delete repository team/web", "which says all");
        later(&app);
        assert_eq!(ann.delete(&format!("{API}/projects/team")).await.status, 200);
        assert_eq!(newest().await, "ann delete project team");
        later(&app);
        assert_eq!(app.admin().put(SETTINGS, &json!({ "banner_message": "x" })).await.status, 200);
        assert_eq!(newest().await, "admin update configuration configuration");
    })
    .await;
}

#[tokio::test]
async fn a_line_looks_as_clients_read_it() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let page = app.admin().get(LOG).await;
        assert_eq!(page.header("x-total-count"), "1");
        let expected = json!([{
            "id": 1, "username": "admin", "resource": "team", "resource_type": "project", "operation": "create",
            "operation_description": "create project: team", "operation_result": true,
            "op_time": "2023-11-14T22:13:20.000Z",
        }]);
        assert_eq!(page.json(), expected);
        let types = app.admin().get(&format!("{LOG}/events")).await.json();
        let types: Vec<&str> =
            types.as_array().unwrap().iter().map(|kind| kind["event_type"].as_str().unwrap()).collect();
        assert_eq!(types[..4], ["create_artifact", "delete_artifact", "pull_artifact", "create_project"]);
        assert_eq!((types.len(), types[17]), (18, "update_project"));
    })
    .await;
}

#[tokio::test]
async fn a_refusal_is_recorded_where_it_matters() {
    on_each_engine(async |app| {
        let (admin, ann) = (app.admin(), app.person("ann").await);
        let change = json!({ "banner_message": "x" });
        assert_eq!(ann.put(SETTINGS, &change).await.status, 403);
        assert_eq!(admin.put(SETTINGS, &json!({ "token_expiration": 0 })).await.status, 400);
        assert_eq!(admin.put(SETTINGS, &json!({ "token_expiration": "x" })).await.status, 422);
        assert_eq!(app.anonymous().put(SETTINGS, &change).await.status, 401);
        assert_eq!(admin.delete(&format!("{API}/projects/nothing")).await.status, 404);
        let expected = [
            "admin update configuration configuration (refused)",
            "admin update configuration configuration (refused)",
            "ann update configuration configuration (refused)",
        ];
        assert_eq!(read(&admin, LOG).await, expected, "nobody's attempts are not");
    })
    .await;
}

/// What four people are refused, in the order in which they try.
async fn be_refused(app: &TestApp, team: i64, [admin, pam, gus, eve]: [&Client; 4]) {
    let members = pam.get(&format!("{API}/projects/team/members")).await.json();
    let member = |name: &str| {
        let found = members.as_array().unwrap().iter().find(|one| one["entity_name"] == name).unwrap();
        format!("{API}/projects/team/members/{}", found["id"])
    };
    let (one, by_id) = (format!("{API}/projects/team"), format!("{API}/projects/{team}"));
    let bad = json!({ "metadata": { "public": "perhaps" } });
    let ghost = json!({ "role_id": 2, "member_user": { "username": "ghost" } });
    for (client, method, path, body, status) in [
        (pam, Method::PUT, one.clone(), bad.clone(), 400),
        (pam, Method::PUT, by_id.clone(), json!({ "metadata": 7 }), 422),
        (gus, Method::DELETE, format!("{by_id}/metadatas/auto_scan"), json!({}), 403),
        (pam, Method::POST, format!("{one}/members"), ghost.clone(), 404),
        (pam, Method::PUT, member("gus"), json!({ "role_id": 9 }), 400),
        (gus, Method::DELETE, member("pam"), json!({}), 403),
        (eve, Method::PUT, one.clone(), bad, 403),
        (eve, Method::POST, format!("{one}/members"), ghost, 403),
        (eve, Method::DELETE, format!("{API}/users/1"), json!({}), 403),
        (admin, Method::POST, format!("{API}/users"), json!({ "username": "fay" }), 400),
        (
            admin,
            Method::PUT,
            format!("{API}/users/9999"),
            json!({ "email": "a@b.example", "realname": "A" }),
            404,
        ),
    ] {
        let headers = [("content-type", "application/json")];
        let answer = client.request(method.clone(), &path, &headers, body.to_string()).await;
        assert_eq!(answer.status, status, "{method} {path} {}", answer.text());
        later(app);
    }
}

#[tokio::test]
async fn a_refusal_names_what_it_is_about_and_its_project() {
    on_each_engine(async |app| {
        let team = app.project("team", false).await;
        let (admin, pam) = (app.admin(), app.member("team", "pam", Role::ProjectAdmin).await);
        let (gus, eve) = (app.member("team", "gus", Role::Guest).await, app.person("eve").await);
        later(&app);
        let before = read(&admin, LOG).await.len();
        be_refused(&app, team, [&admin, &pam, &gus, &eve]).await;
        let all = read(&admin, &format!("{LOG}?page_size=50")).await;
        let expected = [
            "admin update user 9999 (refused)",
            "admin create user fay (refused)",
            "eve delete user admin (refused)",
            "eve create member ghost (refused)",
            "eve update project team (refused)",
            "gus delete member pam (refused)",
            "pam update member gus (refused)",
            "pam create member ghost (refused)",
            "gus update project team (refused)",
            "pam update project team (refused)",
            "pam update project team (refused)",
        ];
        assert_eq!(all[..all.len() - before], expected);
        let mut own = read(&pam, &format!("{TEAM_LOG}?page_size=50&q=operation_result%3Dfalse")).await;
        own.sort();
        let mut of_project = expected[5..].to_vec();
        of_project.sort_unstable();
        assert_eq!(own, of_project, "what strangers tried is for administrators");
    })
    .await;
}

#[tokio::test]
async fn descriptions_say_what_harbors_say() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let (admin, ann) = (app.admin(), app.person("ann").await);
        let user = ann.get(&format!("{API}/users/current")).await.json()["user_id"].clone();
        let newest = async || {
            later(&app);
            let page = admin.get(&format!("{LOG}?page_size=1")).await.json();
            page[0]["operation_description"].as_str().unwrap().to_owned()
        };
        let password = json!({ "new_password": "Harbor54321" });
        assert_eq!(admin.put(&format!("{API}/users/{user}/password"), &password).await.status, 200);
        assert_eq!(newest().await, "update user: ann, change user password");
        for (flag, words) in [(true, "add"), (false, "remove")] {
            let rank = json!({ "sysadmin_flag": flag });
            assert_eq!(admin.put(&format!("{API}/users/{user}/sysadmin"), &rank).await.status, 200);
            assert_eq!(newest().await, format!("update user: ann, {words} user as system administrator"));
        }
        let members = format!("{API}/projects/team/members");
        let new = json!({ "role_id": 2, "member_user": { "username": "ann" } });
        let made = admin.post(&members, &new).await;
        assert_eq!(made.status, 201);
        assert_eq!(newest().await, "create user member ann in project team");
        let one = made.header("location").to_owned();
        assert_eq!(admin.put(&one, &json!({ "role_id": 3 })).await.status, 200);
        assert_eq!(newest().await, "update user member ann in project team");
        assert_eq!(admin.delete(&one).await.status, 200);
        assert_eq!(newest().await, "delete user member ann in project team");
    })
    .await;
}

#[tokio::test]
async fn the_log_of_a_project_named_by_digits_is_found_by_its_name() {
    on_each_engine(async |app| {
        let id = app.project("1", false).await;
        let admin = app.admin();
        for log in ["1/auditlog-exts".to_owned(), format!("{id}/auditlog-exts")] {
            assert_eq!(
                read(&admin, &format!("{API}/projects/{log}")).await,
                ["admin create project 1"],
                "{log}"
            );
        }
        let ann = app.member("1", "ann", Role::ProjectAdmin).await;
        for log in ["logs", "auditlog-exts"] {
            assert_eq!(ann.get(&format!("{API}/projects/1/{log}")).await.status, 200);
        }
    })
    .await;
}

#[tokio::test]
async fn pulls_are_recorded_as_they_were_asked_for() {
    on_each_engine(async |app| {
        app.project("open", true).await;
        let (admin, web) = (app.admin(), image("one"));
        assert_eq!(admin.push("open/web", "v1", &web).await.status, 201);
        later(&app);
        let manifest = |reference: &str| format!("/v2/open/web/manifests/{reference}");
        let nobody = app.anonymous().token(&["repository:open/web:pull"]).await;
        assert_eq!(nobody.get(&manifest("v1")).await.status, 200);
        later(&app);
        assert_eq!(admin.get(&manifest(&web.digest())).await.status, 200);
        assert_eq!(admin.head(&manifest("v1")).await.status, 200);
        assert_eq!(admin.get(&manifest("v2")).await.status, 404);
        let agent = [("user-agent", "harbor-registry-client")];
        assert_eq!(admin.request(Method::GET, &manifest("v1"), &agent, "").await.status, 200);
        let known = format!("\"{}\"", web.digest());
        let known = [("if-none-match", known.as_str())];
        assert_eq!(admin.request(Method::GET, &manifest("v1"), &known, "").await.status, 304);
        flush_pulls(&app.app).await.unwrap();
        let pulls = read(&admin, &format!("{LOG}?q=operation%3Dpull")).await;
        let expected = [
            format!("admin pull artifact open/web@{}", web.digest()),
            "anonymous pull artifact open/web:v1".into(),
        ];
        assert_eq!(pulls, expected);
        let off = json!({ "disabled_audit_log_event_types": "pull_artifact" });
        assert_eq!(admin.put(SETTINGS, &off).await.status, 200);
        assert_eq!(admin.get(&manifest("v1")).await.status, 200);
        flush_pulls(&app.app).await.unwrap();
        assert_eq!(read(&admin, &format!("{LOG}?q=operation%3Dpull")).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn everybody_reads_the_log_of_what_they_administer() {
    on_each_engine(async |app| {
        for project in ["team", "other"] {
            app.project(project, true).await;
        }
        let ann = app.member("team", "ann", Role::ProjectAdmin).await;
        let max = app.member("team", "max", Role::Maintainer).await;
        assert_eq!(app.admin().put(SETTINGS, &json!({ "banner_message": "x" })).await.status, 200);
        assert_eq!(read(&app.admin(), LOG).await.len(), 3);
        assert_eq!(read(&ann, LOG).await, ["admin create project team"]);
        assert_eq!(ann.get(LOG).await.header("x-total-count"), "1");
        assert_eq!(read(&max, LOG).await, [""; 0], "no log, no lines");
        assert_eq!(max.get(LOG).await.header("x-total-count"), "0");
        assert_eq!(app.anonymous().get(LOG).await.status, 401);
        let of = |project: &str| format!("{API}/projects/{project}/auditlog-exts");
        assert_eq!(read(&ann, &of("team")).await, ["admin create project team"]);
        assert_eq!(read(&ann, &of("2")).await, ["admin create project team"], "by its id");
        assert_eq!((ann.get(&of("other")).await.status, max.get(&of("team")).await.status), (403, 403));
        let by_name = [("x-is-resource-name", "true")];
        assert_eq!(app.admin().request(Method::GET, &of("2"), &by_name, "").await.status, 404);
        // Whoever makes a project of the same name later reads nothing of the one before.
        assert_eq!(app.admin().delete(&format!("{API}/projects/team")).await.status, 200);
        assert_eq!(read(&ann, LOG).await, [""; 0]);
        later(&app);
        assert_eq!(
            ann.post(&format!("{API}/projects"), &json!({ "project_name": "team" })).await.status,
            201
        );
        assert_eq!(read(&ann, &of("team")).await, ["ann create project team"]);
        assert_eq!(read(&ann, &format!("{LOG}?q=project_id%3D2")).await, [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn the_earlier_log_shows_what_was_taken_over_and_nothing_new() {
    on_each_engine(async |app| {
        let earlier = format!("{API}/audit-logs");
        let id = app.project("team", false).await;
        let ann = app.member("team", "ann", Role::ProjectAdmin).await;
        let empty = app.admin().get(&earlier).await;
        assert_eq!((empty.text().trim_end(), empty.header("x-total-count")), ("[]", "0"));
        let insert = "INSERT INTO audit_log (project_id, username, operation, resource_type, resource, happened_at)
            VALUES ($1, 'max', 'pull', 'artifact', 'team/web:v1', 1000000), ($2, 'max', 'pull', 'artifact', 'x/y:1', 1)";
        app.db().execute(insert, params![id, id + 1]).await.unwrap();
        let shown = json!([{
            "id": 1, "username": "max", "resource": "team/web:v1", "resource_type": "artifact", "operation": "pull",
            "op_time": "1970-01-01T00:00:01.000Z",
        }]);
        assert_eq!(ann.get(&earlier).await.json(), shown);
        assert_eq!(ann.get(&format!("{API}/projects/team/logs")).await.json(), shown);
        assert_eq!(app.admin().get(&earlier).await.header("x-total-count"), "2");
        assert_eq!(app.anonymous().get(&earlier).await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn lines_are_filtered_sorted_and_paged() {
    on_each_engine(async |app| {
        for name in ["one", "two", "three"] {
            later(&app);
            app.project(name, false).await;
        }
        let ann = app.person("ann").await;
        later(&app);
        assert_eq!(
            ann.post(&format!("{API}/projects"), &json!({ "project_name": "four" })).await.status,
            201
        );
        for (query, found) in [
            ("", "four three two one"),
            ("?sort=-creation_time", "four three two one"),
            ("?sort=op_time", "one two three four"),
            ("?sort=-op_time,resource", "four three two one"),
            ("?sort=resource", "four one three two"),
            ("?sort=id&page_size=2&page=2", "three four"),
            ("?q=username%3Dann", "four"),
            ("?q=resource%3D~T", "three two"),
            ("?q=operation%3Dcreate,resource_type%3Dproject,resource%3D~o", "four two one"),
            ("?q=operation%3Ddelete", ""),
            ("?q=operation_result%3Dfalse", ""),
            ("?q=op_time%3D%5B2023-11-14T22:13:22~2023-11-14T22:13:23%5D", "three two"),
            ("?q=colour%3Dred", "four three two one"),
            ("?page_size=0", "four three two one"),
        ] {
            let page = app.admin().get(&format!("{LOG}{query}")).await;
            let names: Vec<String> =
                lines(&page).iter().map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect();
            assert_eq!(names.join(" "), found, "{query}");
        }
        let page = app.admin().get(&format!("{LOG}?page_size=3")).await;
        assert_eq!(page.header("x-total-count"), "4");
        assert_eq!(page.header("link"), "</api/v2.0/auditlog-exts?page=2&page_size=3>; rel=\"next\"");
        let refused = app.admin().get(&format!("{LOG}?q=resource")).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "BAD_REQUEST"));
        assert_eq!(app.anonymous().get(&format!("{LOG}?page_size=101")).await.status, 422);
    })
    .await;
}

#[tokio::test]
async fn the_log_must_go_somewhere() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let only = json!({ "skip_audit_log_database": true });
        let refused = admin.put(SETTINGS, &only).await;
        assert_eq!(refused.status, 400);
        assert!(refused.message().contains("should be configured before"), "{}", refused.message());
        for endpoint in ["127.0.0.1:1", "nothing", "ftp://127.0.0.1:21"] {
            let refused = admin.put(SETTINGS, &json!({ "audit_log_forward_endpoint": endpoint })).await;
            assert_eq!((refused.status, refused.code().as_str()), (400, "BAD_REQUEST"), "{endpoint}");
        }
        let both = json!({ "audit_log_forward_endpoint": address, "skip_audit_log_database": true });
        assert_eq!(admin.put(SETTINGS, &both).await.status, 200);
        let before = read(&admin, LOG).await.len();
        app.project("team", false).await;
        assert_eq!(read(&admin, LOG).await.len(), before);
        let waits = "SELECT line FROM audit_forward ORDER BY id DESC LIMIT 1";
        let line: String = app.db().query_one(waits, &[]).await.unwrap().get(0).unwrap();
        assert!(line.contains("operation_description:create project: team"), "{line}");
        assert_eq!(admin.put(SETTINGS, &json!({ "audit_log_forward_endpoint": "" })).await.status, 400);
        let neither = json!({ "audit_log_forward_endpoint": "", "skip_audit_log_database": false });
        assert_eq!(admin.put(SETTINGS, &neither).await.status, 200);
        let shown = admin.get(SETTINGS).await.json();
        assert_eq!(shown["audit_log_forward_endpoint"], json!({ "value": "", "editable": true }));
    })
    .await;
}

/// What nobody's name or password can be is refused at no cost, so a line for each would let anybody fill the log.
#[tokio::test]
async fn only_log_ins_that_were_looked_at_are_recorded() {
    on_each_engine(async |app| {
        let browser = app.browser();
        let (name, secret) = ("x".repeat(513), "x".repeat(1025));
        for (name, secret) in [("", "x"), (name.as_str(), "x"), ("ann", secret.as_str()), ("ann", "x")] {
            assert_eq!(browser.log_in(name, secret).await.status, 401);
        }
        assert_eq!(read(&app.admin(), LOG).await, ["ann login user ann (refused)"]);
    })
    .await;
}

#[tokio::test]
async fn a_name_that_fails_to_log_in_forges_no_forwarded_line() {
    on_each_engine(async |app| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = json!({ "audit_log_forward_endpoint": listener.local_addr().unwrap().to_string() });
        assert_eq!(app.admin().put(SETTINGS, &endpoint).await.status, 200);
        drop(listener.accept().await.unwrap());
        app.db().execute("DELETE FROM audit_forward", &[]).await.unwrap();
        let name = "eve, operation_description:x, operation_result:true\n<110>1 - - audit - - - operator=\"ann\"";
        assert_eq!(app.browser().log_in(name, "x").await.status, 401);
        let receive = async {
            let mut text = String::new();
            listener.accept().await.unwrap().0.read_to_string(&mut text).await.unwrap();
            text
        };
        let (sent, text) = tokio::join!(forward(&app.app), receive);
        assert_eq!((sent.unwrap(), text.lines().count()), (1, 1), "{text}");
        let said = r#"eve, operation_description:x, operation_result:true\n<110>1 - - audit - - - operator=\"ann\""#;
        let end = format!(
            "operator=\"{said}\" time=\"2023-11-14T22:13:20.000Z\" resourceType=\"user\" action:login, resource:\"{said}\", \
             operation_description:\"login user: {said}\", operation_result:false\n"
        );
        assert!(text.ends_with(&end), "{text}");
    })
    .await;
}
