//! Uploads, from the first byte to the blob.
//!
//! Whatever is refused must leave nothing behind: rows and files are counted around it.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must fail")]

use crate::{at_rest, on_each_engine};
use axum::body::{Body, Bytes};
use haven_core::access::Role;
use haven_oci::{Algorithm, Digest};
use haven_testkit::{Answer, Client, Image, TestApp, image};
use http::Method;
use http_body::Frame;
use serde_json::json;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

const UPLOADS: &str = "/v2/library/app/blobs/uploads/";
const NOBODYS: &str = "/v2/library/app/blobs/uploads/b5b0c9f2-5d0f-4b39-9a5c-0a1b2c3d4e5f";
const TABLES: [&str; 9] = [
    "repository",
    "manifest",
    "artifact",
    "artifact_blob",
    "tag",
    "accessory",
    "blob",
    "project_blob",
    "upload",
];

/// How many rows each table has that a push writes to, and how many files there are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    rows: Vec<(&'static str, i64)>,
    files: usize,
}

pub(crate) async fn count(app: &TestApp, table: &str) -> i64 {
    let row = app.db().query_one(&format!("SELECT COUNT(*) FROM {table}"), &[]).await.unwrap();
    row.get(0).unwrap()
}

pub(crate) async fn stored(app: &TestApp) -> Stored {
    // A request waits for its cleaning for a moment only.
    at_rest(app).await;
    let mut rows = Vec::new();
    for table in TABLES {
        rows.push((table, count(app, table).await));
    }
    Stored { rows, files: app.files() }
}

/// Asserts how many files there are. Another storage is looked into by its own tests.
pub(crate) fn holds(app: &TestApp, files: usize) {
    if app.on_files() {
        assert_eq!(app.files(), files);
    }
}

/// A body that comes when the test sends it; it breaks off with an error, and ends when the sender is dropped.
pub(crate) struct Dripping(mpsc::UnboundedReceiver<io::Result<Bytes>>);

impl http_body::Body for Dripping {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(cx).map(|next| next.map(|bytes| bytes.map(Frame::data)))
    }
}

pub(crate) fn dripping() -> (mpsc::UnboundedSender<io::Result<Bytes>>, Body) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, Body::new(Dripping(receiver)))
}

/// A body without a length that consists of these pieces.
pub(crate) fn pieces(all: &[&'static str]) -> Body {
    let (sender, body) = dripping();
    all.iter().for_each(|piece| sender.send(Ok(Bytes::from_static(piece.as_bytes()))).unwrap());
    body
}

pub(crate) fn broken_off() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, "the client has gone")
}

pub(crate) fn location(answer: &Answer) -> String {
    answer.header("location").strip_prefix("http://haven.test").expect("an absolute URL of ours").to_owned()
}

pub(crate) async fn open(client: &Client, path: &str) -> String {
    let opened = client.request(Method::POST, path, &[], "").await;
    assert_eq!(opened.status, 202, "{}", opened.text());
    location(&opened)
}

pub(crate) async fn patch(client: &Client, session: &str, range: &str, body: impl Into<Body>) -> Answer {
    let headers: &[(&str, &str)] = if range.is_empty() { &[] } else { &[("content-range", range)] };
    client.request(Method::PATCH, session, headers, body).await
}

pub(crate) async fn finish(client: &Client, session: &str, digest: &Digest, body: impl Into<Body>) -> Answer {
    client.request(Method::PUT, &format!("{session}?digest={digest}"), &[], body).await
}

pub(crate) fn told(answer: &Answer) -> (u16, String) {
    (answer.status, answer.code())
}

/// What a session says of itself: status and range.
pub(crate) async fn standing(client: &Client, session: &str) -> (u16, String) {
    let status = client.get(session).await;
    (status.status, status.header("range").to_owned())
}

pub(crate) fn is(status: u16, text: &str) -> (u16, String) {
    (status, text.to_owned())
}

#[tokio::test]
async fn a_session_is_told_where_it_is_and_how_far() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let opened = admin.request(Method::POST, UPLOADS, &[], "").await;
        assert_eq!((opened.status, opened.header("range"), opened.body.len()), (202, "0-0", 0));
        let id = opened.header("docker-upload-uuid").to_owned();
        assert_eq!(opened.header("location"), format!("http://haven.test{UPLOADS}{id}"));
        assert_eq!(opened.header("docker-distribution-api-version"), "registry/2.0");
        let session = location(&opened);
        let added = patch(&admin, &session, "", "hello").await;
        assert_eq!((added.status, added.header("range")), (202, "0-4"));
        assert_eq!(added.header("docker-upload-uuid"), id);
        assert_eq!(standing(&admin, &location(&added)).await, is(204, "0-4"));
        assert_eq!(admin.head(&session).await.status, 204);
        let more = admin.request(Method::POST, "/v2/library/app/blobs/uploads", &[], "").await;
        assert_eq!(more.status, 202, "with or without a slash at the end");
    })
    .await;
}

#[tokio::test]
async fn chunks_in_order_become_a_blob() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let digest = Digest::sha256(b"hello world");
        let session = open(&admin, UPLOADS).await;
        assert_eq!(patch(&admin, &session, "0-4", "hello").await.status, 202);
        assert_eq!(patch(&admin, &session, "bytes 5-5/11", " ").await.header("range"), "0-5");
        assert_eq!(patch(&admin, &session, "", pieces(&["wo", "", "r"])).await.header("range"), "0-8");
        let done = finish(&admin, &session, &digest, "ld").await;
        assert_eq!(done.status, 201, "{}", done.text());
        assert_eq!(location(&done), format!("/v2/library/app/blobs/{digest}"));
        assert_eq!(done.header("docker-content-digest"), digest.to_string());
        let blob = admin.get(&location(&done)).await;
        assert_eq!((blob.status, blob.text().as_str()), (200, "hello world"));
        assert_eq!(told(&admin.get(&session).await), is(404, "BLOB_UPLOAD_UNKNOWN"));
        assert_eq!(count(&app, "upload").await, 0);
        holds(&app, 1);
    })
    .await;
}

#[tokio::test]
async fn every_way_to_send_a_blob_at_once_works() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let whole = admin.push_blob("library/app", b"in one post").await;
        assert_eq!(whole.status, 201);
        let (digest, session) = (Digest::sha256(b"in one put"), open(&admin, UPLOADS).await);
        assert_eq!(finish(&admin, &session, &digest, "in one put").await.status, 201);
        let (digest, session) = (Digest::sha256(b"unsized"), open(&admin, UPLOADS).await);
        assert_eq!(finish(&admin, &session, &digest, pieces(&["un", "sized"])).await.status, 201);
        let (digest, session) = (Digest::sha256(b"patched"), open(&admin, UPLOADS).await);
        patch(&admin, &session, "", "patched").await;
        assert_eq!(finish(&admin, &session, &digest, "").await.status, 201);
        assert_eq!((count(&app, "blob").await, count(&app, "upload").await), (4, 0));
        holds(&app, 4);
    })
    .await;
}

#[tokio::test]
async fn a_blob_of_no_bytes_is_a_blob() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let digest = Digest::sha256(b"");
        let asked = admin.request(Method::POST, &format!("{UPLOADS}?digest={digest}"), &[], "").await;
        assert_eq!(asked.status, 202, "without a body the client goes on with PUT");
        assert_eq!(finish(&admin, &location(&asked), &digest, "").await.status, 201);
        let blob = admin.get(&format!("/v2/library/app/blobs/{digest}")).await;
        assert_eq!((blob.status, blob.header("content-length"), blob.body.len()), (200, "0", 0));
        let part = [("range", "bytes=0-")];
        let path = format!("/v2/library/app/blobs/{digest}");
        assert_eq!(admin.request(Method::GET, &path, &part, "").await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn chunks_out_of_order_are_refused_and_change_nothing() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let session = open(&admin, UPLOADS).await;
        assert_eq!(told(&patch(&admin, &session, "5-9", "world").await), is(416, "RANGE_INVALID"));
        assert_eq!(patch(&admin, &session, "0-4", "hello").await.status, 202);
        for range in
            ["0-4", "4-8", "6-10", "5", "5-", "-5", "x-y", "9-5", "items 5-9/10", "99999999999999999999-1"]
        {
            let refused = patch(&admin, &session, range, "world").await;
            assert_eq!(told(&refused), is(416, "RANGE_INVALID"), "{range}");
        }
        let digest = Digest::sha256(b"helloworld");
        let path = format!("{session}?digest={digest}");
        let late = admin.request(Method::PUT, &path, &[("content-range", "6-10")], "world").await;
        assert_eq!(told(&late), is(416, "RANGE_INVALID"));
        assert_eq!(standing(&admin, &session).await, is(204, "0-4"));
        let last = admin.request(Method::PUT, &path, &[("content-range", "5-9")], "world").await;
        assert_eq!(last.status, 201, "{}", last.text());
    })
    .await;
}

#[tokio::test]
async fn a_chunk_that_is_not_as_long_as_it_says_leaves_nothing() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let session = open(&admin, UPLOADS).await;
        assert_eq!(patch(&admin, &session, "0-4", "hello").await.status, 202);
        let lie = [("content-range", "5-9"), ("content-length", "3")];
        let refused = admin.request(Method::PATCH, &session, &lie, "abc").await;
        assert_eq!(told(&refused), is(400, "SIZE_INVALID"));
        for body in [pieces(&["wor"]), pieces(&["world", "and more"]), pieces(&[])] {
            let refused = patch(&admin, &session, "5-9", body).await;
            assert_eq!(told(&refused), is(400, "SIZE_INVALID"));
            assert_eq!(standing(&admin, &session).await, is(204, "0-4"));
        }
        assert_eq!(patch(&admin, &session, "5-9", pieces(&["wor", "ld"])).await.status, 202);
        let digest = Digest::sha256(b"helloworld");
        assert_eq!(finish(&admin, &session, &digest, "").await.status, 201);
    })
    .await;
}

#[tokio::test]
async fn content_of_another_digest_ends_the_session_and_leaves_nothing() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let before = stored(&app).await;
        let other = Digest::sha256(b"other");
        let long = Digest::of(Algorithm::Sha512, b"other");
        for digest in [&other, &long] {
            let session = open(&admin, UPLOADS).await;
            patch(&admin, &session, "", "hello").await;
            let refused = finish(&admin, &session, digest, " world").await;
            assert_eq!(told(&refused), is(400, "DIGEST_INVALID"));
            assert_eq!(told(&admin.get(&session).await), is(404, "BLOB_UPLOAD_UNKNOWN"));
            let path = format!("{UPLOADS}?digest={digest}");
            let refused = admin.request(Method::POST, &path, &[], "hello").await;
            assert_eq!(told(&refused), is(400, "DIGEST_INVALID"));
            assert_eq!(admin.get(&format!("/v2/library/app/blobs/{digest}")).await.status, 404);
        }
        assert_eq!(stored(&app).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_session_outlives_a_digest_that_is_none() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let session = open(&admin, UPLOADS).await;
        patch(&admin, &session, "", "hello").await;
        let upper = Digest::sha256(b"hello").to_string().to_uppercase();
        let bad = [
            "",
            "?digest=",
            "?digest=sha256:abc",
            "?digest=md5:0",
            "?digest=hello",
            &format!("?digest={upper}"),
        ];
        for query in bad {
            let refused = admin.request(Method::PUT, &format!("{session}{query}"), &[], "x").await;
            assert_eq!(told(&refused), is(400, "DIGEST_INVALID"), "{query}");
            let refused = admin.request(Method::POST, &format!("{UPLOADS}?mount=sha256:abc"), &[], "").await;
            assert_eq!(told(&refused), is(400, "DIGEST_INVALID"));
        }
        assert_eq!(standing(&admin, &session).await, is(204, "0-4"));
        assert_eq!(finish(&admin, &session, &Digest::sha256(b"hello"), "").await.status, 201);
    })
    .await;
}

#[tokio::test]
async fn a_session_that_nobody_opened_is_unknown() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let before = stored(&app).await;
        let digest = Digest::sha256(b"x");
        let finish = format!("{NOBODYS}?digest={digest}");
        let not_an_id = format!("{UPLOADS}..%2f..%2fhaven.db");
        for (method, path, status) in [
            (Method::GET, NOBODYS, 404),
            (Method::PATCH, NOBODYS, 404),
            (Method::PUT, &finish, 404),
            (Method::DELETE, NOBODYS, 404),
            (Method::PATCH, &format!("{UPLOADS}nope"), 404),
            (Method::PATCH, &not_an_id, 404),
            (Method::POST, NOBODYS, 405),
        ] {
            let answer = admin.request(method.clone(), path, &[], "x").await;
            assert_eq!(answer.status, status, "{method} {path} {}", answer.text());
        }
        assert_eq!(told(&admin.get(NOBODYS).await), is(404, "BLOB_UPLOAD_UNKNOWN"));
        assert_eq!(stored(&app).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_session_is_its_openers_in_its_repository_alone() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let ann = app.member("team", "ann", Role::Developer).await;
        let bob = app.member("team", "bob", Role::Developer).await;
        let session = open(&ann, "/v2/team/app/blobs/uploads/").await;
        let id = session.rsplit('/').next().unwrap();
        patch(&ann, &session, "", "hello").await;
        let digest = Digest::sha256(b"hello");
        for (client, path) in [
            (&bob, session.clone()),
            (&ann, format!("/v2/team/other/blobs/uploads/{id}")),
            (&app.admin(), format!("/v2/library/app/blobs/uploads/{id}")),
        ] {
            assert_eq!(told(&client.get(&path).await), is(404, "BLOB_UPLOAD_UNKNOWN"), "{path}");
            assert_eq!(told(&patch(client, &path, "", "!").await), is(404, "BLOB_UPLOAD_UNKNOWN"));
            assert_eq!(told(&finish(client, &path, &digest, "").await), is(404, "BLOB_UPLOAD_UNKNOWN"));
        }
        let stranger = app.person("eve").await;
        assert_eq!(told(&patch(&stranger, &session, "", "!").await), is(401, "UNAUTHORIZED"));
        assert_eq!(told(&patch(&app.anonymous(), &session, "", "!").await), is(401, "UNAUTHORIZED"));
        assert_eq!(standing(&ann, &session).await, is(204, "0-4"));
    })
    .await;
}

#[tokio::test]
async fn only_who_may_delete_may_cancel() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let before = stored(&app).await;
        let ann = app.member("team", "ann", Role::Developer).await;
        let mia = app.member("team", "mia", Role::Maintainer).await;
        let session = open(&ann, "/v2/team/app/blobs/uploads/").await;
        patch(&ann, &session, "", "hello").await;
        assert_eq!(told(&ann.delete(&session).await), is(401, "UNAUTHORIZED"));
        assert_eq!(standing(&ann, &session).await, is(204, "0-4"));
        let elsewhere = session.replace("/app/", "/other/");
        assert_eq!(told(&mia.delete(&elsewhere).await), is(404, "BLOB_UPLOAD_UNKNOWN"));
        assert_eq!(mia.delete(&session).await.status, 204);
        assert_eq!(told(&patch(&ann, &session, "", "!").await), is(404, "BLOB_UPLOAD_UNKNOWN"));
        assert_eq!(told(&mia.delete(&session).await), is(404, "BLOB_UPLOAD_UNKNOWN"));
        assert_eq!(stored(&app).await, before);
    })
    .await;
}

#[tokio::test]
async fn sha512_goes_all_the_way() {
    on_each_engine(async |app| {
        if !haven_blobs::object::testing::knows_sha512() {
            return;
        }
        let admin = app.admin();
        let long = |bytes: &[u8]| Digest::of(Algorithm::Sha512, bytes);
        let session = open(&admin, UPLOADS).await;
        patch(&admin, &session, "", "la").await;
        assert_eq!(finish(&admin, &session, &long(b"layer"), "yer").await.status, 201);
        let path = format!("{UPLOADS}?digest={}", long(b"{}"));
        assert_eq!(admin.request(Method::POST, &path, &[], "{}").await.status, 201);
        let blob = admin.get(&format!("/v2/library/app/blobs/{}", long(b"layer"))).await;
        assert_eq!((blob.status, blob.text().as_str()), (200, "layer"));
        let short = Digest::sha256(b"layer");
        assert_eq!(admin.get(&format!("/v2/library/app/blobs/{short}")).await.status, 404);
        let part = |bytes: &[u8]| json!({ "mediaType": "a/b", "digest": long(bytes), "size": bytes.len() });
        let manifest =
            json!({ "schemaVersion": 2, "config": part(b"{}"), "layers": [part(b"layer")] }).to_string();
        let digest = long(manifest.as_bytes());
        let image = Image { manifest: manifest.into_bytes(), ..image("") };
        let pushed = admin.push_manifest("library/app", digest.as_str(), &image).await;
        assert_eq!((pushed.status, pushed.header("docker-content-digest")), (201, digest.as_str()));
        let pulled = admin.get(&format!("/v2/library/app/manifests/{digest}")).await;
        assert_eq!((pulled.status, pulled.body.to_vec()), (200, image.manifest.clone()));
        assert_eq!(admin.delete(&format!("/v2/library/app/manifests/{digest}")).await.status, 202);
    })
    .await;
}
