//! Bytes that a push has put in place and that got no row: they go, and nobody else's push is disturbed by that.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use crate::on_each_engine;
use crate::uploads::{count, dripping, finish, is, open, told};
use axum::body::Bytes;
use haven_core::access::Role;
use haven_core::registry::{Purge, purge_uploads, remove_orphans};
use haven_oci::Digest;
use haven_testkit::{Client, Image, TestApp};
use http::Method;
use serde_json::json;
use std::time::Duration;

const UPLOADS: &str = "/v2/team/app/blobs/uploads/";
const HOUR: Duration = Duration::from_secs(3600);

/// More than a bucket keeps in a row, and less than it makes a multipart for.
fn content(seed: u8) -> Vec<u8> {
    vec![seed; 200_000]
}

/// A project that may store less than one [`content`], and its administrator.
async fn limited(app: &TestApp) -> Client {
    let body = json!({ "project_name": "team", "storage_limit": 100_000 });
    assert_eq!(app.admin().post("/api/v2.0/projects", &body).await.status, 201);
    app.member("team", "mia", Role::Maintainer).await
}

/// A session of this repository to which a whole body has come.
async fn sent(client: &Client, repository: &str, bytes: &[u8]) -> String {
    let session = open(client, &format!("/v2/{repository}/blobs/uploads/")).await;
    let patched = client.request(Method::PATCH, &session, &[], bytes.to_vec()).await;
    assert_eq!(patched.status, 202, "{}", patched.text());
    session
}

/// An hour later a pass has been through; says how many blobs it has removed.
async fn an_hour_later(app: &TestApp) -> u64 {
    app.clock.advance(HOUR);
    remove_orphans(&app.app).await.unwrap()
}

/// Nothing is left of these blobs, nor a note.
async fn are_gone(app: &TestApp, blobs: &[Vec<u8>]) {
    an_hour_later(app).await;
    for bytes in blobs {
        assert!(app.stored(&Digest::sha256(bytes)).await.is_none(), "seed {}", bytes[0]);
    }
    for table in ["upload", "blob", "orphan_blob"] {
        assert_eq!(count(app, table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn what_the_quota_refuses_does_not_stay() {
    on_each_engine(async |app| {
        let mia = limited(&app).await;
        let blobs: Vec<_> = (1..5).map(content).collect();
        let session = sent(&mia, "team/app", &blobs[0]).await;
        let refused = finish(&mia, &session, &Digest::sha256(&blobs[0]), "").await;
        assert_eq!(told(&refused), is(403, "DENIED"));
        assert_eq!(mia.delete(&session).await.status, 204);
        // In one request, which says how long it is, or does not; and as the body of the last one.
        assert_eq!(told(&mia.push_blob("team/app", &blobs[1]).await), is(403, "DENIED"));
        assert!(app.stored(&Digest::sha256(&blobs[1])).await.is_none(), "it was never put in place");
        let (sender, body) = dripping();
        sender.send(Ok(Bytes::from(blobs[2].clone()))).unwrap();
        drop(sender);
        let whole = format!("{UPLOADS}?digest={}", Digest::sha256(&blobs[2]));
        assert_eq!(told(&mia.request(Method::POST, &whole, &[], body).await), is(403, "DENIED"));
        let session = open(&mia, UPLOADS).await;
        let put = finish(&mia, &session, &Digest::sha256(&blobs[3]), blobs[3].clone()).await;
        assert_eq!(told(&put), is(403, "DENIED"));
        assert_eq!(mia.delete(&session).await.status, 204);
        are_gone(&app, &blobs).await;
    })
    .await;
}

#[tokio::test]
async fn a_manifest_that_the_quota_refuses_does_not_stay() {
    on_each_engine(async |app| {
        let mia = limited(&app).await;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [],
            "annotations": { "much": "x".repeat(200_000) },
        });
        let large = Image { manifest: manifest.to_string().into_bytes(), ..Image::index(&[]) };
        assert_eq!(told(&mia.push_manifest("team/app", "v1", &large).await), is(403, "DENIED"));
        are_gone(&app, &[large.manifest]).await;
    })
    .await;
}

#[tokio::test]
async fn what_a_session_placed_and_did_not_become_goes() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let admin = app.admin();
        let blobs: Vec<_> = (1..5).map(content).collect();
        let session = sent(&admin, "team/app", &blobs[0]).await;
        assert_eq!(admin.delete(&session).await.status, 204);
        let session = sent(&admin, "team/app", &blobs[1]).await;
        let wrong = finish(&admin, &session, &Digest::sha256(b"another"), "").await;
        assert_eq!(told(&wrong), is(400, "DIGEST_INVALID"));
        sent(&admin, "team/app", &blobs[2]).await;
        app.clock.advance(HOUR);
        let purge = Purge { age: HOUR / 2, dry_run: false };
        assert_eq!(purge_uploads(&app.app, purge).await.unwrap(), 1);
        are_gone(&app, &blobs[..3]).await;

        // What was all there was so far, and then more came.
        let session = sent(&admin, "team/app", &blobs[3]).await;
        assert_eq!(admin.request(Method::PATCH, &session, &[], "more").await.status, 202);
        let all = [blobs[3].as_slice(), b"more", b"!"].concat();
        assert_eq!(finish(&admin, &session, &Digest::sha256(&all), "!").await.status, 201);
        an_hour_later(&app).await;
        assert!(app.stored(&Digest::sha256(&all[..all.len() - 1])).await.is_none());
        assert!(app.stored(&Digest::sha256(&blobs[3])).await.is_none());
        assert_eq!(app.stored(&Digest::sha256(&all)).await, Some(all));
        assert_eq!(count(&app, "orphan_blob").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_session_that_is_cancelled_under_its_last_request_leaves_nothing() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let (admin, bytes) = (app.admin(), content(1));
        for last in [false, true] {
            let session = open(&admin, UPLOADS).await;
            let (sender, body) = dripping();
            let (client, at, digest) = (admin.clone(), session.clone(), Digest::sha256(&bytes));
            let writing = tokio::spawn(async move {
                if last {
                    return finish(&client, &at, &digest, body).await;
                }
                client.request(Method::PATCH, &at, &[], body).await
            });
            while count(&app, "upload WHERE lease <> ''").await == 0 {
                tokio::task::yield_now().await;
            }
            sender.send(Ok(Bytes::from(bytes.clone()))).unwrap();
            assert_eq!(admin.delete(&session).await.status, 204);
            drop(sender);
            assert_eq!(told(&writing.await.unwrap()), is(404, "BLOB_UPLOAD_UNKNOWN"), "PUT: {last}");
            are_gone(&app, std::slice::from_ref(&bytes)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn of_many_last_requests_to_one_session_the_losers_leave_nothing() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let admin = app.admin();
        let session = open(&admin, UPLOADS).await;
        let blobs: Vec<Vec<u8>> = (1..6).map(|seed| vec![seed; 1000]).collect();
        let put =
            async |bytes: &Vec<u8>| finish(&admin, &session, &Digest::sha256(bytes), bytes.clone()).await;
        let puts = blobs.iter().map(put);
        let answers = futures::future::join_all(puts).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        an_hour_later(&app).await;
        for (bytes, answer) in blobs.iter().zip(answers) {
            assert_eq!(app.stored(&Digest::sha256(bytes)).await.is_some(), answer.status == 201);
        }
    })
    .await;
}

#[tokio::test]
async fn an_open_session_keeps_what_lies_in_place() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let (admin, bytes) = (app.admin(), content(1));
        let digest = Digest::sha256(&bytes);
        let [cancelled, kept] =
            [sent(&admin, "team/app", &bytes).await, sent(&admin, "library/app", &bytes).await];
        assert_eq!(admin.delete(&cancelled).await.status, 204);
        assert_eq!(an_hour_later(&app).await, 0);
        assert_eq!(finish(&admin, &kept, &digest, "").await.status, 201);
        assert_eq!(an_hour_later(&app).await, 0);
        assert_eq!(admin.get(&format!("/v2/library/app/blobs/{digest}")).await.body, bytes);
        assert_eq!(count(&app, "orphan_blob").await, 0);
    })
    .await;
}

#[tokio::test]
async fn who_pushes_and_cancels_all_the_time_keeps_nobody_from_pushing() {
    on_each_engine(async |app| {
        app.project("team", false).await;
        let (admin, bytes) = (app.admin(), content(1));
        let (sender, body) = dripping();
        let path = format!("/v2/library/app/blobs/uploads/?digest={}", Digest::sha256(&bytes));
        let (client, before) = (admin.clone(), count(&app, "upload").await);
        let slow = tokio::spawn(async move { client.request(Method::POST, &path, &[], body).await });
        sender.send(Ok(Bytes::from(bytes[..1000].to_vec()))).unwrap();
        while count(&app, "upload").await == before {
            tokio::task::yield_now().await;
        }
        for _ in 0..20 {
            let session = sent(&admin, "team/app", &bytes).await;
            assert_eq!(admin.delete(&session).await.status, 204);
            app.clock.advance(Duration::from_secs(60));
            assert_eq!(remove_orphans(&app.app).await.unwrap(), 0);
        }
        sender.send(Ok(Bytes::from(bytes[1000..].to_vec()))).unwrap();
        drop(sender);
        let pushed = slow.await.unwrap();
        assert_eq!(pushed.status, 201, "{}", pushed.text());
        an_hour_later(&app).await;
        assert_eq!(app.stored(&Digest::sha256(&bytes)).await, Some(bytes));
    })
    .await;
}
