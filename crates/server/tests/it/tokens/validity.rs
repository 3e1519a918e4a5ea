//! What a token opens, and when it no longer does.

use super::{BASIC, MINUTE, SECOND, SERVICE, challenge, part};
use crate::on_each_engine;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use haven_core::access::Role;
use haven_oci::Digest;
use haven_testkit::{Client, TestApp, image};
use http::Method;
use serde_json::{Value, json};

/// An upload session, as a path.
async fn open_upload(client: &Client, repository: &str) -> String {
    let opened = client.request(Method::POST, &format!("/v2/{repository}/blobs/uploads/"), &[], "").await;
    assert_eq!(opened.status, 202, "{}", opened.text());
    opened.header("location").strip_prefix("http://haven.test").unwrap().to_owned()
}

#[tokio::test]
async fn a_token_opens_its_projects_and_nothing_else() {
    on_each_engine(async |app| {
        for name in ["team", "other"] {
            app.project(name, false).await;
            assert_eq!(app.admin().push(&format!("{name}/web"), "v1", &image("one")).await.status, 201);
        }
        let token = app.admin().token(&["repository:team/web:pull"]).await;
        assert_eq!(token.get("/v2/").await.status, 200);
        assert_eq!(token.get("/v2/team/web/manifests/v1").await.status, 200);
        assert_eq!(token.push("team/second", "v1", &image("one")).await.status, 201, "it is for the project");
        assert_eq!(challenge(&token.get("/v2/other/web/manifests/v1").await), (401, BASIC));
        assert_eq!(challenge(&token.get("/v2/_catalog").await), (401, BASIC), "nobody asked for it");
        for path in ["users/current", "projects/team", "configurations", "projects/team/repositories"] {
            assert_eq!(token.get(&format!("/api/v2.0/{path}")).await.status, 401, "{path}");
        }
        assert_eq!(token.post("/api/v2.0/projects", &json!({ "project_name": "x" })).await.status, 401);
        assert_eq!(token.get("/api/v2.0/projects").await.header("x-total-count"), "1", "as nobody");
        assert_eq!(token.get(SERVICE).await.status, 401, "no token for a token");
    })
    .await;
}

#[tokio::test]
async fn only_a_token_that_an_administrator_asked_for_it_lists_the_catalog() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let member = app.member("team", "ann", Role::ProjectAdmin).await;
        assert_eq!(app.admin().push("team/web", "v1", &image("one")).await.status, 201);
        let names = json!({ "repositories": ["team/web"] });
        let scope = ["registry:catalog:*"];
        let token = app.admin().token(&scope).await;
        assert_eq!(app.admin().get("/v2/_catalog").await.json(), names);
        assert_eq!(token.get("/v2/_catalog").await.json(), names);
        assert_eq!(token.get("/v2/team/web/manifests/v1").await.status, 401, "and nothing else");
        let both = app.admin().token(&["repository:team/web:pull%20registry:catalog:*"]).await;
        assert_eq!(both.get("/v2/_catalog").await.status, 200);
        for client in [app.anonymous(), member] {
            let listed = client.token(&scope).await.get("/v2/_catalog").await;
            assert_eq!(challenge(&listed), (401, BASIC), "{:?}", client.name());
            assert_eq!(client.get("/v2/_catalog").await.status, 401);
        }
        for scope in ["registry:catalog:", "registry:other:*", "repository:catalog:*"] {
            let listed = app.admin().token(&[scope]).await.get("/v2/_catalog").await;
            assert_eq!(listed.status, 401, "{scope}");
        }
        app.clock.advance(MINUTE * 31 + SECOND);
        assert_eq!(token.get("/v2/_catalog").await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn a_token_ends_with_its_time() {
    on_each_engine(async |app| {
        assert_eq!(app.admin().push("library/web", "v1", &image("one")).await.status, 201);
        let token = app.admin().token(&["repository:library/web:pull,push"]).await;
        app.clock.advance(MINUTE * 31);
        assert_eq!(
            token.get("/v2/library/web/manifests/v1").await.status,
            200,
            "clocks may differ by a minute"
        );
        app.clock.advance(SECOND);
        let refused = token.get("/v2/library/web/manifests/v1").await;
        assert_eq!(refused.status, 401);
        assert!(refused.header("www-authenticate").starts_with("Bearer realm="), "a new one can be had");
        assert_eq!(token.get("/v2/").await.status, 401);
        let push = token.request(Method::POST, "/v2/library/web/blobs/uploads/", &[], "").await;
        assert_eq!(push.status, 401);
        let again = app.admin().token(&["repository:library/web:pull"]).await;
        assert_eq!(again.get("/v2/library/web/manifests/v1").await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_long_push_ends_although_its_token_has() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let (ann, bob) = (
            app.member("team", "ann", Role::Developer).await,
            app.member("team", "bob", Role::Maintainer).await,
        );
        let scope = ["repository:team/web:pull,push"];
        let (anns, bobs, pulls) =
            (ann.token(&scope).await, bob.token(&scope).await, app.anonymous().token(&scope).await);
        let upload = open_upload(&anns, "team/web").await;
        let other = upload.replace("/web/", "/api/");
        app.clock.advance(MINUTE * 45);
        let digest = Digest::sha256(b"long, long");
        let finish = format!("{upload}?digest={digest}");
        let patch = async |client: &Client, path: &str| {
            client.request(Method::PATCH, path, &[], "long, ").await.status
        };
        assert_eq!(patch(&bobs, &upload).await, 401, "another's expired token");
        assert_eq!(patch(&pulls, &upload).await, 401, "nobody's");
        assert_eq!(patch(&bob.token(&scope).await, &upload).await, 404, "another's good token");
        assert_eq!(patch(&anns, &other).await, 401, "another repository");
        assert_eq!(patch(&anns, &upload).await, 202);
        assert_eq!(bobs.request(Method::PUT, &finish, &[], "long").await.status, 401);
        assert_eq!(anns.request(Method::PUT, &finish, &[], "long").await.status, 201);
        let blob = format!("/v2/team/web/blobs/{digest}");
        assert_eq!(anns.head(&blob).await.status, 401, "for nothing else");
        assert_eq!(ann.token(&scope).await.head(&blob).await.header("content-length"), "10");
    })
    .await;
}

#[tokio::test]
async fn an_old_token_does_not_open_a_new_project_of_the_same_name() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let old = app.admin().token(&["repository:team/web:pull,push"]).await;
        let upload = open_upload(&old, "team/web").await;
        assert_eq!(app.admin().delete("/api/v2.0/projects/team").await.status, 200);
        assert_eq!(old.get("/v2/team/web/tags/list").await.status, 401, "there is none now");
        app.project("team", false).await;
        assert_eq!(app.admin().push("team/web", "v1", &image("one")).await.status, 201);
        assert_eq!(
            challenge(&old.get("/v2/team/web/manifests/v1").await),
            (401, BASIC),
            "at the same moment"
        );
        assert_eq!(old.push_blob("team/web", b"x").await.status, 401);
        assert_eq!(old.request(Method::PATCH, &upload, &[], "x").await.status, 401);
        let new = app.admin().token(&["repository:team/web:pull,push"]).await;
        assert_eq!(new.get("/v2/team/web/manifests/v1").await.status, 200);
        assert_eq!(new.request(Method::PATCH, &upload, &[], "x").await.status, 404, "it has no uploads yet");
    })
    .await;
}

/// What somebody may try who has a token that says little, and has seen one that says more.
fn forgeries(little: &str, more: &str) -> Vec<(String, &'static str)> {
    let (parts, seen): (Vec<_>, Vec<_>) = (little.split('.').collect(), more.split('.').collect());
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = |algorithm: &str| encode(&json!({ "alg": algorithm, "typ": "JWT" }));
    let mut claims = part(little, 1);
    claims["access"][0]["actions"] = json!(["pull", "push", "delete"]);
    vec![
        (format!("{}.{}.{}", parts[0], encode(&claims), parts[2]), "other claims"),
        (format!("{}.{}.{}", parts[0], seen[1], parts[2]), "another's claims"),
        (format!("{}.{}.", header("none"), seen[1]), "no signature"),
        (format!("{}.{}.{}", header("none"), seen[1], seen[2]), "no algorithm"),
        (format!("{}.{}.{}", header("HS256"), seen[1], seen[2]), "another algorithm"),
        (format!("{}.{}.", seen[0], seen[1]), "an empty signature"),
        (more.to_uppercase(), "another case"),
        ("x".into(), "no token"),
    ]
}

#[tokio::test]
async fn only_our_own_signature_counts() {
    on_each_engine(async |app| {
        let (scope, stranger) = (["repository:team/web:pull"], TestApp::start_apart(app.db().engine()).await);
        for app in [&app, &stranger] {
            app.project("team", false).await;
        }
        for name in ["team/web", "library/web"] {
            assert_eq!(app.admin().push(name, "v1", &image("one")).await.status, 201);
        }
        let guest = app.member("team", "gus", Role::Guest).await.fetch_token(&scope).await;
        let admin = app.admin().fetch_token(&scope).await;
        let mut forged = forgeries(&guest, &admin);
        forged.push((stranger.admin().fetch_token(&scope).await, "another key"));
        for (token, how) in forged {
            let client = app.anonymous().with_token(&token);
            assert_eq!(client.get("/v2/team/web/manifests/v1").await.status, 401, "{how}");
            assert_eq!(client.push_blob("team/web", b"x").await.status, 401, "{how}");
            assert_eq!(client.get("/v2/").await.status, 401, "{how}");
            assert_eq!(client.get("/v2/library/web/manifests/v1").await.status, 200, "{how}: as nobody");
            assert_eq!(client.push_blob("library/web", b"x").await.status, 401, "{how}");
        }
        let client = app.anonymous().with_token(&guest);
        assert_eq!(client.get("/v2/team/web/manifests/v1").await.status, 200, "the good one still does");
        assert_eq!(client.push_blob("team/web", b"x").await.status, 401);
        assert_eq!(app.anonymous().with_token(&admin).push_blob("team/web", b"x").await.status, 201);
    })
    .await;
}

#[tokio::test]
async fn a_restart_ends_no_token() {
    on_each_engine(async |app| {
        assert_eq!(app.admin().push("library/web", "v1", &image("one")).await.status, 201);
        let token = app.admin().fetch_token(&["repository:library/web:pull,push"]).await;
        let upload = open_upload(&app.anonymous().with_token(&token), "library/web").await;
        let app = app.restart().await;
        let client = app.anonymous().with_token(&token);
        assert_eq!(client.get("/v2/library/web/manifests/v1").await.status, 200);
        let digest = Digest::sha256(b"after");
        let finished = client.request(Method::PUT, &format!("{upload}?digest={digest}"), &[], "after").await;
        assert_eq!(finished.status, 201);
        let kid = |token: &str| part(token, 0)["kid"].clone();
        assert_eq!(kid(&app.admin().fetch_token(&[]).await), kid(&token));
    })
    .await;
}
