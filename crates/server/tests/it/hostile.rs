//! What a hostile, careless or unlucky client must not achieve.
//!
//! Whatever is refused must leave nothing behind: rows and files are counted around it.

use crate::on_each_engine;
use crate::uploads::{broken_off, count, dripping, is, stored, told};
use axum::body::Bytes;
use haven_core::access::Role;
use haven_oci::{Digest, media_type};
use haven_testkit::{Answer, Client, Image, image};
use http::Method;
use serde_json::{Value, json};

pub(crate) const MANIFESTS: &str = "/v2/library/app/manifests";
pub(crate) const ARTIFACTS: &str = "/api/v2.0/projects/library/repositories/app/artifacts";

pub(crate) fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": Digest::sha256(bytes), "size": bytes.len() })
}

/// A manifest of this type with these bytes, without blobs of its own.
pub(crate) fn raw(media_type: &str, manifest: impl Into<Vec<u8>>) -> Image {
    Image { media_type: media_type.into(), manifest: manifest.into(), blobs: Vec::new() }
}

pub(crate) async fn put(
    client: &Client,
    reference: &str,
    media_type: &str,
    manifest: impl Into<Vec<u8>>,
) -> Answer {
    client.push_manifest("library/app", reference, &raw(media_type, manifest)).await
}

pub(crate) async fn listed(client: &Client) -> (String, i64) {
    let repository = client.get("/api/v2.0/projects/library/repositories/app").await.json();
    let count = repository["artifact_count"].as_i64().unwrap_or_default();
    (client.get(ARTIFACTS).await.header("x-total-count").to_owned(), count)
}

#[tokio::test]
async fn a_manifest_that_names_missing_blobs_is_refused_for_each_of_them() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let image = Image::of(media_type::OCI_CONFIG, b"{}", &[b"one", b"two"], json!({}));
        admin.push_blob("library/app", b"one").await;
        let before = stored(&app).await;
        let refused = admin.push_manifest("library/app", "v1", &image).await;
        assert_eq!(refused.status, 400);
        let errors = refused.json()["errors"].as_array().unwrap().clone();
        let missing: Vec<String> =
            errors.iter().map(|error| error["detail"].as_str().unwrap().to_owned()).collect();
        assert_eq!(missing, [Digest::sha256(b"{}").to_string(), Digest::sha256(b"two").to_string()]);
        assert!(errors.iter().all(|error| error["code"] == "MANIFEST_BLOB_UNKNOWN"));
        app.project("other", false).await;
        for blob in &image.blobs {
            admin.push_blob("other/app", blob).await;
        }
        let elsewhere = admin.push_manifest("library/app", "v1", &image).await;
        assert_eq!(told(&elsewhere), is(400, "MANIFEST_BLOB_UNKNOWN"), "another project has them");
        assert_eq!((count(&app, "repository").await, count(&app, "manifest").await), (0, 0));
        admin.delete("/api/v2.0/projects/other").await;
        assert_ne!(stored(&app).await, before, "the blobs of the other project");
    })
    .await;
}

#[tokio::test]
async fn an_index_of_missing_children_leaves_no_row_and_no_file() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let (here, gone) = (image("here"), image("gone"));
        assert_eq!(admin.push("library/app", "v1", &here).await.status, 201);
        let before = stored(&app).await;
        let index = Image::index(&[&here, &gone]);
        let refused = admin.push_manifest("library/app", "multi", &index).await;
        assert_eq!(told(&refused), is(400, "MANIFEST_BLOB_UNKNOWN"));
        assert_eq!(refused.json()["errors"][0]["detail"], gone.digest());
        let elsewhere = admin.push_manifest("library/new", "multi", &Image::index(&[&here])).await;
        assert_eq!(told(&elsewhere), is(400, "MANIFEST_BLOB_UNKNOWN"), "another repository has it");
        assert_eq!(stored(&app).await, before);
    })
    .await;
}

/// What is wrong with each of these is not its blobs, which are all there.
fn no_manifests(good: &str) -> Vec<(&'static str, String)> {
    let oci = media_type::OCI_MANIFEST;
    let deep = format!(r#"{{"schemaVersion":2,"x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let config = descriptor("a/b", b"{}");
    let many = json!({ "schemaVersion": 2, "config": config, "layers": vec![config.clone(); 10_000] });
    let mut negative = json!({ "schemaVersion": 2, "config": config });
    negative["config"]["size"] = (-1).into();
    vec![
        (oci, String::new()),
        (oci, "null".into()),
        (oci, "{}".into()),
        (oci, deep),
        (oci, many.to_string()),
        (oci, negative.to_string()),
        (oci, good.replacen("\"config\"", "\"manifests\":[],\"config\"", 1)),
        (oci, good.replacen('{', "{\"schemaVersion\":2,", 1)),
        (media_type::OCI_INDEX, good.into()),
        ("application/json", good.into()),
        ("text/html", good.into()),
        ("", good.into()),
    ]
}

#[tokio::test]
async fn what_is_no_manifest_is_refused_and_leaves_nothing() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let good = image("good");
        assert_eq!(admin.push("library/app", "v1", &good).await.status, 201);
        let before = stored(&app).await;
        for (media_type, manifest) in no_manifests(&String::from_utf8(good.manifest).unwrap()) {
            let refused = put(&admin, "v2", media_type, manifest).await;
            assert_eq!(told(&refused), is(400, "MANIFEST_INVALID"), "{media_type} {}", refused.text());
        }
        assert_eq!(put(&admin, "v2", media_type::OCI_MANIFEST, b"\xff\xfe".to_vec()).await.status, 400);
        assert_eq!(stored(&app).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_manifest_may_have_four_mebibytes_and_no_byte_more() {
    on_each_engine(async |app| {
        let admin = app.admin();
        admin.push_blob("library/app", b"{}").await;
        let manifest = |size: usize| {
            let head =
                json!({ "schemaVersion": 2, "config": descriptor(media_type::OCI_EMPTY, b"{}") }).to_string();
            let padding = size - head.len();
            head + &" ".repeat(padding)
        };
        let before = stored(&app).await;
        let refused = put(&admin, "v1", media_type::OCI_MANIFEST, manifest((4 << 20) + 1)).await;
        assert_eq!(refused.status, 413, "{}", refused.text());
        let (sender, body) = dripping();
        for _ in 0..5 {
            sender.send(Ok(Bytes::from(vec![b' '; 1 << 20]))).unwrap();
        }
        let oci = [("content-type", media_type::OCI_MANIFEST)];
        let endless = admin.request(Method::PUT, &format!("{MANIFESTS}/v1"), &oci, body).await;
        assert_eq!(endless.status, 413, "without a length, and without an end");
        assert_eq!(stored(&app).await, before);
        let whole = manifest(4 << 20);
        assert_eq!(put(&admin, "v1", media_type::OCI_MANIFEST, whole.clone()).await.status, 201);
        assert_eq!(admin.get(&format!("{MANIFESTS}/v1")).await.body, whole);
    })
    .await;
}

#[tokio::test]
async fn digests_and_sizes_must_be_true() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let good = image("good");
        for blob in &good.blobs {
            admin.push_blob("library/app", blob).await;
        }
        let before = stored(&app).await;
        let other = Digest::sha256(b"other").to_string();
        let refused = admin.push_manifest("library/app", &other, &good).await;
        assert_eq!(told(&refused), is(400, "DIGEST_INVALID"));
        let mut manifest: Value = serde_json::from_slice(&good.manifest).unwrap();
        manifest["layers"][0]["size"] = 1.into();
        let refused = put(&admin, "v1", &good.media_type, manifest.to_string()).await;
        assert_eq!(told(&refused), is(400, "SIZE_INVALID"));
        let (sender, body) = dripping();
        sender.send(Ok(Bytes::from(good.manifest.clone()))).unwrap();
        sender.send(Err(broken_off())).unwrap();
        let typed = [("content-type", good.media_type.as_str())];
        let broken = admin.request(Method::PUT, &format!("{MANIFESTS}/v1"), &typed, body).await;
        assert_eq!(told(&broken), is(400, "MANIFEST_INVALID"), "whole, but not known to be");
        assert_eq!(stored(&app).await, before);
    })
    .await;
}

const NOWHERE: [(&str, u16); 17] = [
    ("/v2/library/../secret/manifests/v1", 400),
    ("/v2/library/%2e%2e/manifests/v1", 400),
    ("/v2/library/..%2f..%2f/manifests/v1", 400),
    ("/v2/Library/app/manifests/v1", 400),
    ("/v2/library/-app/manifests/v1", 400),
    ("/v2/library/app%00/manifests/v1", 400),
    ("/v2/library/app/manifests/v1%00", 400),
    ("/v2/library/app/manifests/v1%0d%0aset-cookie:x", 400),
    ("/v2/library/%ff/manifests/v1", 404),
    ("/v2/app/manifests/v1", 400),
    ("/v2/library/app/manifests/-v1", 400),
    ("/v2/library/app/manifests/..", 404),
    ("/v2/library/app/manifests/sha256:../../../etc/passwd", 404),
    ("/v2/library/app/manifests/sha256:abc", 400),
    ("/v2/library/app/manifests/sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709", 400),
    ("/v2/library/app/nouns/v1", 404),
    ("/v2/lib__x/app/manifests/v1", 400),
];

#[tokio::test]
async fn names_and_paths_lead_nowhere() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let before = stored(&app).await;
        let long = format!("/v2/library/{}/manifests/v1", "a".repeat(300));
        let tag = format!("{MANIFESTS}/{}", "t".repeat(129));
        let good = image("x");
        let long = [(long.as_str(), 400), (tag.as_str(), 400)];
        for (path, status) in NOWHERE.into_iter().chain(long) {
            let answer = admin
                .request(Method::PUT, path, &[("content-type", &good.media_type)], good.manifest.clone())
                .await;
            assert_eq!(answer.status, status, "{path} {}", answer.text());
            assert!(answer.header("set-cookie").is_empty());
        }
        assert_eq!(stored(&app).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_tag_may_be_as_long_as_the_grammar_says() {
    on_each_engine(async |app| {
        let admin = app.admin();
        for tag in ["t".repeat(128), "_".into(), "0".into(), "A.b-c_d".into(), "uploads".into()] {
            assert_eq!(admin.push("library/app", &tag, &image("x")).await.status, 201, "{tag}");
            assert_eq!(admin.get(&format!("{MANIFESTS}/{tag}")).await.status, 200);
        }
        let name =
            format!("library/{}", ["manifests", "blobs", "uploads", "tags", "list", "referrers"].join("/"));
        assert_eq!(admin.push(&name, "list", &image("x")).await.status, 201);
        let tags = admin.get(&format!("/v2/{name}/tags/list")).await.json();
        assert_eq!(tags, json!({ "name": name, "tags": ["list"] }));
        let longest = format!("library/{}", "a".repeat(247));
        assert_eq!(admin.push(&longest, "v1", &image("x")).await.status, 201);
        let artifacts = format!("/api/v2.0/projects/library/repositories/{}/artifacts", "a".repeat(247));
        assert_eq!(admin.get(&artifacts).await.header("x-total-count"), "1");
    })
    .await;
}

/// Asks for the same in a project that is hidden and in one that is not there.
async fn looks_absent(client: &Client, path: &str) {
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE] {
        let there = client.request(method.clone(), &format!("/v2/secret/web/{path}"), &[], "").await;
        let nowhere = client.request(method.clone(), &format!("/v2/nowhere/web/{path}"), &[], "").await;
        assert_eq!(there.status, nowhere.status, "{method} {path}");
        assert!(matches!(there.status, 401 | 405), "{method} {path} {}", there.text());
        assert_eq!(there.text().replace("secret", "?"), nowhere.text().replace("nowhere", "?"));
        let challenge = |answer: &Answer| answer.header("www-authenticate").to_owned();
        assert_eq!(challenge(&there).replace("secret", "?"), challenge(&nowhere).replace("nowhere", "?"));
    }
}

#[tokio::test]
async fn what_is_anothers_looks_like_what_is_not_there() {
    on_each_engine(async |app| {
        app.project("secret", false).await;
        let web = image("web");
        app.admin().push("secret/web", "v1", &web).await;
        let layer = Digest::sha256(&web.blobs[1]);
        let eve = app.person("eve").await;
        let token = eve.token(&["repository:secret/web:pull,push", "repository:nowhere/web:pull,push"]).await;
        for client in [&eve, &token, &app.anonymous(), &app.anonymous().with_token("a.b.c")] {
            for path in [
                "manifests/v1".to_owned(),
                format!("manifests/{}", web.digest()),
                format!("blobs/{layer}"),
                "tags/list".into(),
                format!("referrers/{}", web.digest()),
                "blobs/uploads/b5b0c9f2-5d0f-4b39-9a5c-0a1b2c3d4e5f".into(),
            ] {
                looks_absent(client, &path).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn lists_are_paged_and_their_parameters_checked() {
    on_each_engine(async |app| {
        let admin = app.admin();
        for tag in ["b", "a", "B", "c"] {
            admin.push("library/app", tag, &image("x")).await;
        }
        let tags = "/v2/library/app/tags/list";
        for bad in ["-1", "x", "1.5", "99999999999999999999999"] {
            assert_eq!(told(&admin.get(&format!("{tags}?n={bad}")).await), is(400, "BAD_REQUEST"), "{bad}");
            assert_eq!(admin.get(&format!("/v2/_catalog?n={bad}")).await.status, 400);
        }
        assert_eq!(admin.get(tags).await.json()["tags"], json!(["B", "a", "b", "c"]));
        let first = admin.get(&format!("{tags}?n=3&other=x")).await;
        assert_eq!(first.json()["tags"], json!(["B", "a", "b"]));
        assert_eq!(first.header("link"), format!("<{tags}?last=b&n=3>; rel=\"next\""));
        let rest = admin.get(&format!("{tags}?last=b&n=3")).await;
        assert_eq!((rest.json()["tags"].clone(), rest.header("link")), (json!(["c"]), ""));
        for (query, shown) in [
            ("n=0", json!([])),
            ("n=18446744073709551615", json!(["B", "a", "b", "c"])),
            ("last=zz", json!([])),
        ] {
            assert_eq!(admin.get(&format!("{tags}?{query}")).await.json()["tags"], shown, "{query}");
        }
        assert_eq!(told(&admin.get("/v2/library/none/tags/list").await), is(404, "NAME_UNKNOWN"));
        assert_eq!(admin.get("/v2/_catalog?n=5&last=library/none").await.status, 400);
        assert_eq!(admin.get(&format!("{tags}?last=%00")).await.status, 400);
    })
    .await;
}

#[tokio::test]
async fn a_nul_is_refused_wherever_it_comes_in() {
    on_each_engine(async |app| {
        let admin = app.admin();
        for path in [
            "/api/v2.0/projects?q=name%3D%2500",
            "/api/v2.0/projects?q=name%3D~%2500",
            "/api/v2.0/projects?q=%2500%3D1",
            "/api/v2.0/projects?name=%00",
            "/api/v2.0/projects/a%00",
            "/api/v2.0/projects/library/repositories/a%2500",
            "/v2/library/app/tags/list?last=%00",
        ] {
            assert_eq!(admin.get(path).await.status, 400, "{path}");
        }
        let nobody = app.with_password("ad\0min", "Harbor12345");
        assert_eq!(nobody.get("/v2/").await.status, 401);
        admin.push_blob("library/app", b"{}").await;
        let odd = json!({ "a\0b": "c\0d", "org.opencontainers.artifactType": "x/y\0z" });
        let index = json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [], "annotations": odd });
        let pushed = put(&admin, "v1", media_type::OCI_INDEX, index.to_string()).await;
        assert_eq!(pushed.status, 201, "{}", pushed.text());
        let shown = admin.get(&format!("{ARTIFACTS}/v1")).await.json();
        assert_eq!(shown["annotations"]["a\0b"], "c\0d");
    })
    .await;
}

#[tokio::test]
async fn headers_and_queries_play_no_tricks() {
    on_each_engine(async |app| {
        let admin = app.admin();
        admin.push("library/app", "v1", &image("x")).await;
        for host in ["a b", "evil.test/x", "a\"b", "user@evil.test", "evil.test:99999", "<x>", "a,b"] {
            let answer =
                admin.request(Method::POST, "/v2/library/app/blobs/uploads/", &[("host", host)], "").await;
            assert_eq!((answer.status, answer.header("location")), (400, ""), "{host}");
        }
        for query in ["digest=a;digest=b", "digest=%zz", "digest=%ff"] {
            let answer = admin
                .request(Method::POST, &format!("/v2/library/app/blobs/uploads/?{query}"), &[], "")
                .await;
            assert_eq!(told(&answer), is(400, "BAD_REQUEST"), "{query}");
        }
        let forwarded = [("x-forwarded-host", "evil.test"), ("x-forwarded-proto", "https")];
        let opened = admin.request(Method::POST, "/v2/library/app/blobs/uploads/", &forwarded, "").await;
        assert!(opened.header("location").starts_with("http://haven.test/"), "{:?}", opened.headers);
        let traced = admin.request(Method::GET, "/v2/", &[("x-request-id", "a b\tc")], "").await;
        assert!(traced.header("x-request-id").len() == 36, "{:?}", traced.headers);
        let two = [("authorization", "Bearer x.y.z"), ("authorization", "Basic YWRtaW46SGFyYm9yMTIzNDU=")];
        assert_eq!(app.anonymous().request(Method::GET, "/v2/", &two, "").await.status, 401);
        let overridden = [("x-http-method-override", "DELETE")];
        assert_eq!(admin.request(Method::GET, &format!("{MANIFESTS}/v1"), &overridden, "").await.status, 200);
    })
    .await;
}

/// Every way to change something.
fn writes(session: &str, web: &Image) -> Vec<(Method, String)> {
    let digest = Digest::sha256(b"x");
    vec![
        (Method::POST, "/v2/library/app/blobs/uploads/".to_owned()),
        (Method::POST, format!("//v2//library/app/blobs/uploads/?mount={digest}")),
        (Method::PATCH, session.to_owned()),
        (Method::PUT, format!("{session}?digest={digest}")),
        (Method::DELETE, session.to_owned()),
        (Method::PUT, format!("{MANIFESTS}/v2")),
        (Method::DELETE, format!("{MANIFESTS}/v1")),
        (Method::DELETE, format!("{MANIFESTS}/{}", web.digest())),
        (Method::DELETE, format!("/v2/library/app/blobs/{}", Digest::sha256(&web.blobs[1]))),
        (Method::POST, "/api/v2.0/projects/".into()),
        (Method::DELETE, format!("/api//v2.0{}", ARTIFACTS.trim_start_matches("/api/v2.0"))),
        (Method::DELETE, format!("{ARTIFACTS}/v1")),
        (Method::POST, format!("{ARTIFACTS}?from=library/app:v1")),
        (Method::POST, format!("{ARTIFACTS}/v1/labels")),
        (Method::POST, "/api/v2.0/labels".into()),
        (Method::PUT, "/api/v2.0/labels/1".into()),
    ]
}

#[tokio::test]
async fn nothing_changes_while_it_is_read_only() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let web = image("web");
        admin.push("library/app", "v1", &web).await;
        let opened = admin.request(Method::POST, "/v2/library/app/blobs/uploads/", &[], "").await;
        let session = opened.header("location").replace("http://haven.test", "");
        assert_eq!(admin.put("/api/v2.0/configurations", &json!({ "read_only": true })).await.status, 200);
        let before = stored(&app).await;
        for (method, path) in writes(&session, &web) {
            let refused = admin.request(method.clone(), &path, &[], "x").await;
            assert_eq!(told(&refused), is(403, "DENIED"), "{method} {path}");
        }
        assert_eq!(stored(&app).await, before);
        assert_eq!(admin.get(&format!("{MANIFESTS}/v1")).await.status, 200);
        assert_eq!(admin.request(Method::POST, "/service/token", &[], "").await.status, 405);
        assert_eq!(admin.put("/api/v2.0/configurations", &json!({ "read_only": false })).await.status, 200);
        assert_eq!(admin.request(Method::PATCH, &session, &[], "x").await.status, 202);
    })
    .await;
}

#[tokio::test]
async fn lists_take_any_filter_and_order_without_falling_over() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let many = format!("q=id%3D{{{}}}", "1+".repeat(2_000));
        let terms: String = (0..500).map(|n| format!("k{n}%3D1,")).collect();
        for (query, status) in [
            ("page=9223372036854775807&page_size=100".to_owned(), 200),
            ("page=-5&page_size=-5".into(), 200),
            ("page_size=101".into(), 422),
            ("q=creation_time%3D[9223372036854775807~]".into(), 200),
            ("q=project_id__gt%3D9223372036854775807".into(), 200),
            ("q=project_id%3D99999999999999999999".into(), 200),
            (format!("sort={}", "name,-name,".repeat(500)), 200),
            (many, 400),
            (format!("q={terms}k%3D1"), 400),
            ("q=name%3D~%25%27%3B--".into(), 200),
        ] {
            let answer = admin.get(&format!("/api/v2.0/projects?{query}")).await;
            assert_eq!(answer.status, status, "{} {}", query.get(..60).unwrap_or(&query), answer.text());
        }
    })
    .await;
}

#[tokio::test]
async fn every_role_is_refused_in_the_same_words() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let guest = app.member("team", "gus", Role::LimitedGuest).await;
        let before = stored(&app).await;
        let web = image("web");
        for client in [&guest, &guest.token(&["repository:team/web:pull,push,delete"]).await] {
            let refused = client.push_blob("team/web", b"x").await;
            let words = "unauthorized to access repository: team/web, action: push";
            assert_eq!(refused.message(), format!("{words}: {words}"));
            assert_eq!(told(&client.push_manifest("team/web", "v1", &web).await), is(401, "UNAUTHORIZED"));
            assert_eq!(client.delete("/v2/team/web/manifests/v1").await.status, 401);
            assert_eq!(told(&client.get("/v2/_catalog").await), is(401, "UNAUTHORIZED"));
        }
        assert_eq!(stored(&app).await, before);
    })
    .await;
}
