//! Tokens: what they say, what they open, and when they no longer do.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod validity;

use crate::on_each_engine;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use haven_core::access::{Role, operator};
use haven_core::identity;
use haven_testkit::{Answer, Client, TestApp, image};
use http::Method;
use serde_json::{Value, json};
use std::time::Duration;

const SERVICE: &str = "/service/token?service=harbor-registry";
const BASIC: &str = "Basic realm=\"harbor\"";
const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// Header (0) or claims (1) of a token.
fn part(token: &str, number: usize) -> Value {
    let text = token.split('.').nth(number).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

/// What a token says that its bearer may do: the entries of `access`.
async fn access(client: &Client, scopes: &[&str]) -> Value {
    part(&client.fetch_token(scopes).await, 1)["access"].clone()
}

fn challenge(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.header("www-authenticate"))
}

#[tokio::test]
async fn a_token_says_who_what_and_how_long() {
    on_each_engine(async |app| {
        let answer = app.admin().get(&format!("{SERVICE}&scope=repository:library/web:pull&account=x")).await;
        let (body, token) = (answer.json(), answer.json()["token"].as_str().unwrap().to_owned());
        assert_eq!((&body["access_token"], &body["expires_in"]), (&json!(""), &json!(1800)));
        assert_eq!(body["issued_at"], "2023-11-14T22:13:20Z");
        let (header, claims) = (part(&token, 0), part(&token, 1));
        assert_eq!((&header["typ"], &header["alg"]), (&json!("JWT"), &json!("RS256")));
        let kid: Vec<_> = header["kid"].as_str().unwrap().split(':').collect();
        let base32 =
            |four: &&str| four.len() == 4 && four.bytes().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'));
        assert!(kid.len() == 12 && kid.iter().all(base32), "{header}");
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!("harbor-token-issuer"), &json!("admin")));
        assert_eq!(claims["aud"], "harbor-registry", "a text, no list");
        assert_eq!((&claims["iat"], &claims["nbf"]), (&json!(1_700_000_000), &json!(1_700_000_000)));
        assert_eq!(claims["exp"], 1_700_001_800);
        assert_eq!(claims["jti"].as_str().unwrap().len(), 16);
        let entry = &claims["access"][0];
        assert_eq!((&entry["type"], &entry["name"]), (&json!("repository"), &json!("library/web")));
        assert_eq!(entry["project_id"], 1, "which of all that ever had the name");
        let settings = json!({ "token_expiration": 5 });
        assert_eq!(app.admin().put("/api/v2.0/configurations", &settings).await.status, 200);
        let short = app.admin().get(SERVICE).await.json();
        assert_eq!(short["expires_in"], 300);
        let claims = part(short["token"].as_str().unwrap(), 1);
        assert_eq!((&claims["exp"], &claims["access"]), (&json!(1_700_000_300), &json!(null)));
    })
    .await;
}

#[tokio::test]
async fn whoever_asks_badly_is_told_so() {
    on_each_engine(async |app| {
        let anonymous = app.anonymous();
        let nothing = anonymous.get(SERVICE).await;
        assert_eq!((nothing.status, nothing.text().as_str()), (401, ""), "docker prints its own words then");
        for (query, shown) in [("?service=%3Cx%3E%27", "&lt;x&gt;&#39;"), ("", ""), ("?service=", "")] {
            let refused = app.admin().get(&format!("/service/token{query}")).await;
            assert_eq!(refused.status, 400);
            assert!(refused.header("content-type").starts_with("text/plain"));
            assert_eq!(refused.text().trim_end(), format!("Unable to handle service: {shown}").trim_end());
        }
        for read_only in [false, true] {
            let settings = json!({ "read_only": read_only });
            assert_eq!(app.admin().put("/api/v2.0/configurations", &settings).await.status, 200);
            for client in [app.anonymous(), app.admin()] {
                let form = [("content-type", "application/x-www-form-urlencoded")];
                let posted =
                    client.request(Method::POST, "/service/token", &form, "grant_type=password").await;
                assert_eq!(posted.status, 405, "containerd goes on with GET then");
            }
            assert_eq!(app.admin().get(SERVICE).await.status, 200);
        }
        let wrong = app.with_password("admin", "wrong");
        let refused = wrong.get(SERVICE).await;
        assert_eq!((refused.status, refused.text().as_str()), (401, ""));
        let token = wrong.fetch_token(&["repository:library/web:pull"]).await;
        assert_eq!(part(&token, 1).get("sub"), None, "a wrong password is nobody");
    })
    .await;
}

#[tokio::test]
async fn scopes_become_what_the_caller_may_do() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let guest = app.member("team", "gus", Role::Guest).await;
        let developer = app.member("team", "dan", Role::Developer).await;
        let foreign = app.person("fay").await;
        let all = ["delete", "pull", "push"];
        let table: [(&Client, &str, &[&str]); 13] = [
            (&guest, "repository:team/web:pull,push", &["pull"]),
            (&developer, "repository:team/web:pull", &["pull", "push"]),
            (&developer, "repository:team/a/b:*", &["pull", "push"]),
            (&app.admin(), "repository:team/web:pull", &all),
            (&foreign, "repository:team/web:pull", &[]),
            (&foreign, "repository:library/web:push", &["pull"]),
            (&app.anonymous(), "repository:library/web:pull,push,delete", &["pull"]),
            (&app.anonymous(), "repository:team/web:pull", &[]),
            (&app.admin(), "repository:nobody/web:pull", &[]),
            (&app.admin(), "repository:library:pull", &[]),
            (&app.admin(), "registry:catalog:*", &["*"]),
            (&foreign, "registry:catalog:*", &[]),
            (&app.admin(), "plugin:library/web:pull", &[]),
        ];
        for (client, scope, expected) in table {
            let entry = access(client, &[scope]).await[0].clone();
            let mut actions: Vec<_> =
                entry["actions"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
            actions.sort_unstable();
            assert_eq!(actions, expected, "{scope} for {:?}", client.name());
            assert_eq!(
                format!("{}:{}", entry["type"].as_str().unwrap(), entry["name"].as_str().unwrap()),
                scope.rsplit_once(':').unwrap().0
            );
        }
        let several =
            access(&guest, &["repository:team/a:pull%20repository:library/b:pull", "repository:x/y:pull"])
                .await;
        let names: Vec<_> = several.as_array().unwrap().iter().map(|entry| &entry["name"]).collect();
        assert_eq!(names, ["team/a", "library/b", "x/y"]);
    })
    .await;
}

#[tokio::test]
async fn a_token_is_for_a_hundred_scopes_at_most() {
    on_each_engine(async |app| {
        let scope = |n: usize| format!("&scope=repository:library/a{n}:pull");
        for (count, status) in [(100, 200), (101, 400)] {
            let scopes: String = (0..count).map(scope).collect();
            let answer = app.admin().get(&format!("{SERVICE}{scopes}")).await;
            assert_eq!(answer.status, status, "{}", answer.text());
        }
    })
    .await;
}

#[tokio::test]
async fn reading_without_credentials_leads_to_a_token() {
    on_each_engine(async |app| {
        assert_eq!(app.admin().push("library/web", "v1", &image("one")).await.status, 201);
        let anonymous = app.anonymous();
        let bearer = |scope: &str| {
            let scope =
                if scope.is_empty() { String::new() } else { format!(",scope=\"repository:{scope}\"") };
            format!("Bearer realm=\"http://haven.test/service/token\",service=\"harbor-registry\"{scope}")
        };
        let refused = anonymous.get("/v2/library/web/manifests/v1").await;
        assert_eq!(challenge(&refused), (401, bearer("library/web:pull").as_str()));
        assert_eq!(refused.header("docker-distribution-api-version"), "registry/2.0");
        let words = "unauthorized to access repository: library/web, action: pull";
        assert_eq!(
            (refused.code().as_str(), refused.message()),
            ("UNAUTHORIZED", format!("{words}: {words}"))
        );
        assert_eq!(challenge(&anonymous.get("/v2/").await), (401, bearer("").as_str()));
        assert_eq!(challenge(&anonymous.get("/v2/_catalog").await), (401, BASIC));
        let uploads = "/v2/library/web/blobs/uploads/";
        let started = anonymous.request(Method::POST, uploads, &[], "").await;
        assert_eq!(challenge(&started), (401, bearer("library/web:pull,push").as_str()));
        let deleted = anonymous.delete("/v2/library/web/manifests/v1").await;
        assert_eq!(challenge(&deleted), (401, bearer("library/web:delete").as_str()));
        let mount = format!("{uploads}?mount={}&from=team/web", image("one").digest());
        let mounted = anonymous.request(Method::POST, &mount, &[], "").await;
        assert_eq!(
            challenge(&mounted),
            (401, bearer("library/web:pull,push repository:team/web:pull").as_str())
        );
        let elsewhere = anonymous.request(Method::GET, "/v2/", &[("host", "other.test:81")], "").await;
        assert!(elsewhere.header("www-authenticate").starts_with("Bearer realm=\"http://other.test:81/"));
        let nobody = anonymous.token(&["repository:library/web:pull"]).await;
        assert_eq!(nobody.get("/v2/library/web/manifests/v1").await.status, 200);
        assert_eq!(challenge(&nobody.push_blob("library/web", b"x").await), (401, BASIC));
        assert_eq!(nobody.get("/v2/").await.status, 401, "a token of nobody is nobody");
    })
    .await;
}

#[tokio::test]
async fn a_password_serves_as_well_as_a_token() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let developer = app.member("team", "dan", Role::Developer).await;
        assert_eq!(developer.get("/v2/").await.json(), json!({}));
        assert_eq!(developer.push("team/web", "v1", &image("one")).await.status, 201);
        assert_eq!(developer.get("/v2/team/web/manifests/v1").await.status, 200);
        assert_eq!(challenge(&developer.get("/v2/_catalog").await), (401, BASIC));
        assert_eq!(developer.get("/v2/_catalog").await.json().get("repositories"), None);
        let deleted = developer.delete("/v2/team/web/manifests/v1").await;
        assert_eq!(challenge(&deleted), (401, BASIC));
        let missing = app.admin().get("/v2/nobody/web/manifests/v1").await;
        assert_eq!(challenge(&missing), (401, ""));
        assert_eq!(missing.message(), "project nobody not found: project nobody not found");
        let stranger = app.person("fay").await.get("/v2/nobody/web/manifests/v1").await;
        assert!(!stranger.message().contains("not found"), "{}", stranger.message());
        let wrong = app.with_password("dan", "wrong");
        assert_eq!(challenge(&wrong.get("/v2/").await), (401, BASIC));
        assert_eq!(wrong.get("/api/v2.0/projects").await.json()[0]["name"], "library", "as nobody");
        assert_eq!(wrong.get("/api/v2.0/projects/library").await.status, 200);
        assert_eq!(wrong.get("/api/v2.0/projects/team").await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn a_token_that_says_the_same_is_given_out_again_for_moments() {
    on_each_engine(async |app| {
        let scope = ["repository:library/web:pull"];
        let (admin, other) = (app.admin(), app.person("fay").await);
        let first = admin.fetch_token(&scope).await;
        app.clock.advance(SECOND * 9);
        let again = admin.get(&format!("{SERVICE}&scope={}", scope[0])).await.json();
        assert_eq!(again["token"], first.as_str());
        assert_eq!(
            (&again["issued_at"], &again["expires_in"]),
            (&json!("2023-11-14T22:13:20Z"), &json!(1800))
        );
        for (client, scope, why) in [
            (&other, &scope[..], "another person"),
            (&app.anonymous(), &scope, "nobody"),
            (&admin, &["repository:library/web2:pull"], "another repository"),
            (&admin, &[scope[0], "registry:catalog:*"], "more"),
            (&admin, &[], "less"),
        ] {
            assert_ne!(client.fetch_token(scope).await, first, "{why}");
        }
        app.clock.advance(SECOND);
        let fresh = admin.fetch_token(&scope).await;
        assert_ne!(fresh, first, "its moments are over");
        let settings = json!({ "token_expiration": 5 });
        assert_eq!(admin.put("/api/v2.0/configurations", &settings).await.status, 200);
        let short = admin.fetch_token(&scope).await;
        assert_eq!(part(&short, 1)["exp"], 1_700_000_310, "the new lifetime counts at once");
    })
    .await;
}

#[tokio::test]
async fn a_right_that_was_taken_away_is_in_no_token_from_then_on() {
    on_each_engine(async |app| {
        let id = app.project("team", false).await;
        let developer = app.member("team", "dan", Role::Developer).await;
        let scope = ["repository:team/web:pull,push"];
        let before = developer.fetch_token(&scope).await;
        assert_eq!(part(&before, 1)["access"][0]["actions"], json!(["pull", "push"]));
        let change = async |sql: &str| app.db().execute(sql, &[id.into()]).await.unwrap();
        change("UPDATE project_member SET role_id = 3 WHERE project_id = $1 AND entity_id <> 1").await;
        let guest = developer.fetch_token(&scope).await;
        assert_eq!(part(&guest, 1)["access"][0]["actions"], json!(["pull"]));
        change("DELETE FROM project_member WHERE project_id = $1 AND entity_id <> 1").await;
        assert_eq!(access(&developer, &scope).await[0]["actions"], json!([]));
        change("UPDATE project SET public = TRUE WHERE id = $1").await;
        assert_eq!(access(&developer, &scope).await[0]["actions"], json!(["pull"]));
        app.db().execute("UPDATE user_account SET deleted_at = 1 WHERE username = 'dan'", &[]).await.unwrap();
        let claims = part(&developer.fetch_token(&scope).await, 1);
        assert_eq!(claims.get("sub"), None, "the account is gone, though its password was remembered");
    })
    .await;
}

#[tokio::test]
async fn tokens_asked_for_at_once_are_each_their_own_callers() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let mut asking = Vec::new();
        for number in 0..8 {
            let client = app.member("team", &format!("p{number}"), Role::Guest).await;
            for _ in 0..4 {
                let client = client.clone();
                asking.push(tokio::spawn(async move {
                    let token = client.fetch_token(&["repository:team/web:pull"]).await;
                    (client.name().map(str::to_owned), part(&token, 1)["sub"].as_str().map(str::to_owned))
                }));
            }
        }
        for asked in asking {
            let (who, subject) = asked.await.unwrap();
            assert_eq!(who, subject);
        }
    })
    .await;
}

async fn reset(app: &TestApp, password: &str) -> haven_core::Result<()> {
    identity::reset_password(&app.app, &operator(), 1, password).await
}

#[tokio::test]
async fn a_new_password_counts_at_once() {
    on_each_engine(async |app| {
        let (old, new) = (app.admin(), app.with_password("admin@example.com", "N3wPassword"));
        let token = old.token(&["repository:library/web:pull"]).await;
        assert_eq!(old.get("/api/v2.0/users/current").await.status, 200, "remembered from now on");
        let weak = reset(&app, "short").await;
        assert!(weak.is_err());
        assert_eq!(old.get("/api/v2.0/users/current").await.status, 200);
        reset(&app, "N3wPassword").await.unwrap();
        assert_eq!(old.get("/api/v2.0/users/current").await.status, 401);
        assert_eq!(old.get("/v2/").await.status, 401);
        assert_eq!(new.get("/api/v2.0/users/current").await.status, 200);
        assert_eq!(token.get("/v2/").await.status, 200, "a token has its own time");
    })
    .await;
}
