//! Uploads that break off, outlive their process, are given up, or meet others of the same.

use crate::uploads::{broken_off, count, dripping, finish, holds, is, open, patch, standing, stored, told};
use crate::{at_rest, on_each_engine, on_files};
use axum::body::Bytes;
use haven_blobs::{BlobStore as _, Filesystem, Upload};
use haven_core::registry::{Purge, purge_uploads};
use haven_db::params;
use haven_oci::Digest;
use http::Method;
use std::time::Duration;

const UPLOADS: &str = "/v2/library/app/blobs/uploads/";

#[tokio::test]
async fn a_session_survives_a_restart() {
    on_each_engine(async |app| {
        let session = open(&app.admin(), UPLOADS).await;
        patch(&app.admin(), &session, "0-4", "hello").await;
        let app = app.restart().await;
        let admin = app.admin();
        assert_eq!(standing(&admin, &session).await, is(204, "0-4"));
        assert_eq!(patch(&admin, &session, "5-10", " world").await.header("range"), "0-10");
        let app = app.restart().await;
        let done = finish(&app.admin(), &session, &Digest::sha256(b"hello world"), "").await;
        assert_eq!(done.status, 201, "{}", done.text());
    })
    .await;
}

#[tokio::test]
async fn a_crash_between_the_blob_and_its_row_is_made_good_by_asking_again() {
    on_files(async |app| {
        let admin = app.admin();
        let session = open(&admin, UPLOADS).await;
        patch(&admin, &session, "", "hello").await;
        let digest = Digest::sha256(b"hello");
        let row = app.db().query_one("SELECT state FROM upload", &[]).await.unwrap();
        let upload = Upload::from_bytes(&row.get::<Vec<u8>>(0).unwrap()).unwrap();
        Filesystem::open(app.folder()).unwrap().commit(upload, &digest).await.unwrap();
        let path = format!("/v2/library/app/blobs/{digest}");
        assert_eq!(admin.get(&path).await.status, 404, "bytes without a row are nobody's");
        let app = app.restart().await;
        assert_eq!(finish(&app.admin(), &session, &digest, "").await.status, 201);
        assert_eq!(app.admin().get(&path).await.text(), "hello");
        assert_eq!(count(&app, "upload").await, 0);
        holds(&app, 1);
    })
    .await;
}

#[tokio::test]
async fn a_session_whose_bytes_are_lost_is_unknown() {
    on_each_engine(async |app| {
        let admin = app.admin();
        // More than a bucket's session keeps in its row.
        let bytes = vec![7; 100_000];
        let whole = Digest::sha256(&[bytes.as_slice(), b"!"].concat());
        for digest in [whole, Digest::sha256(&bytes)] {
            let session = open(&admin, UPLOADS).await;
            assert_eq!(patch(&admin, &session, "0-99999", bytes.clone()).await.status, 202);
            let id = session.rsplit('/').next().unwrap();
            app.blobs().abort(id).await.unwrap();
            assert_eq!(told(&patch(&admin, &session, "", "!").await), is(404, "BLOB_UPLOAD_UNKNOWN"));
            let last = if digest == Digest::sha256(&bytes) { "" } else { "!" };
            let done = finish(&admin, &session, &digest, last).await;
            assert_eq!(told(&done), is(404, "BLOB_UPLOAD_UNKNOWN"));
            assert_eq!(told(&admin.get(&session).await), is(404, "BLOB_UPLOAD_UNKNOWN"), "it is over");
        }
        assert_eq!(count(&app, "upload").await, 0);
    })
    .await;
}

#[tokio::test]
async fn abandoned_sessions_go_and_others_stay() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let before = stored(&app).await;
        let day = Duration::from_secs(24 * 3600);
        let old = open(&admin, UPLOADS).await;
        patch(&admin, &old, "", "hello").await;
        app.clock.advance(6 * day);
        let young = open(&admin, UPLOADS).await;
        app.clock.advance(2 * day);
        let purge = |dry_run| purge_uploads(&app.app, Purge { age: 7 * day, dry_run });
        assert_eq!((purge(true).await.unwrap(), standing(&admin, &old).await.0), (0, 204));
        let (one, two) = tokio::join!(purge(false), purge(false));
        assert_eq!(one.unwrap() + two.unwrap(), 1, "two replicas at once");
        assert_eq!((standing(&admin, &old).await.0, standing(&admin, &young).await.0), (404, 204));
        app.clock.advance(6 * day);
        assert_eq!(purge(false).await.unwrap(), 1);
        assert_eq!(stored(&app).await, before);
    })
    .await;
}

#[tokio::test]
async fn one_request_at_a_time_writes_to_a_session() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let session = open(&admin, UPLOADS).await;
        let (sender, body) = dripping();
        let (client, at) = (admin.clone(), session.clone());
        let first = tokio::spawn(async move { patch(&client, &at, "", body).await });
        while count(&app, "upload WHERE lease <> ''").await == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(told(&patch(&admin, &session, "0-1", "no").await), is(429, "TOOMANYREQUESTS"));
        let early = finish(&admin, &session, &Digest::sha256(b""), "").await;
        assert_eq!(told(&early), is(429, "TOOMANYREQUESTS"));
        sender.send(Ok(Bytes::from_static(b"hello"))).unwrap();
        drop(sender);
        assert_eq!(first.await.unwrap().header("range"), "0-4");
        assert_eq!(finish(&admin, &session, &Digest::sha256(b"hello"), "").await.status, 201);
    })
    .await;
}

#[tokio::test]
async fn what_a_vanished_client_sent_is_kept_and_can_be_gone_on_with() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let session = open(&admin, UPLOADS).await;
        let (sender, body) = dripping();
        let (client, at) = (admin.clone(), session.clone());
        let request = tokio::spawn(async move { patch(&client, &at, "", body).await });
        while count(&app, "upload WHERE lease <> ''").await == 0 {
            tokio::task::yield_now().await;
        }
        request.abort();
        assert!(request.await.is_err());
        sender.send(Ok(Bytes::from_static(b"hel"))).unwrap();
        sender.send(Err(broken_off())).unwrap();
        at_rest(&app).await;
        assert_eq!(standing(&admin, &session).await, is(204, "0-2"));
        assert_eq!(patch(&admin, &session, "3-4", "lo").await.status, 202);
        assert_eq!(finish(&admin, &session, &Digest::sha256(b"hello"), "").await.status, 201);
    })
    .await;
}

#[tokio::test]
async fn a_session_that_is_cancelled_under_a_request_does_not_come_back() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let before = stored(&app).await;
        for last in [false, true] {
            let session = open(&admin, UPLOADS).await;
            let (sender, body) = dripping();
            let (client, at) = (admin.clone(), session.clone());
            let digest = Digest::sha256(b"hello");
            let writing = tokio::spawn(async move {
                if last {
                    finish(&client, &at, &digest, body).await
                } else {
                    patch(&client, &at, "", body).await
                }
            });
            while count(&app, "upload WHERE lease <> ''").await == 0 {
                tokio::task::yield_now().await;
            }
            sender.send(Ok(Bytes::from_static(b"hello"))).unwrap();
            assert_eq!(admin.delete(&session).await.status, 204);
            drop(sender);
            assert_eq!(told(&writing.await.unwrap()), is(404, "BLOB_UPLOAD_UNKNOWN"), "PUT: {last}");
        }
        assert_eq!(stored(&app).await, before);
    })
    .await;
}

#[tokio::test]
async fn the_claim_of_a_process_that_died_ends() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let session = open(&admin, UPLOADS).await;
        patch(&admin, &session, "", "hel").await;
        let until = app.clock.now() + Duration::from_secs(60);
        app.db().execute("UPDATE upload SET lease = 'dead', lease_until = $1", params![until]).await.unwrap();
        assert_eq!(told(&patch(&admin, &session, "3-4", "lo").await), is(429, "TOOMANYREQUESTS"));
        app.clock.advance(Duration::from_secs(61));
        assert_eq!(patch(&admin, &session, "3-4", "lo").await.status, 202);
        assert_eq!(finish(&admin, &session, &Digest::sha256(b"hello"), "").await.status, 201);
    })
    .await;
}

#[tokio::test]
async fn the_same_blob_may_come_many_times_at_once() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let digest = Digest::sha256(b"same");
        let mut pushes = Vec::new();
        for n in 0..8 {
            let (client, repository) = (admin.clone(), format!("library/app{}", n % 3));
            pushes.push(tokio::spawn(async move { client.push_blob(&repository, b"same").await.status }));
        }
        for push in pushes {
            assert_eq!(push.await.unwrap(), 201);
        }
        assert_eq!(admin.get(&format!("/v2/library/app/blobs/{digest}")).await.text(), "same");
        assert_eq!((count(&app, "blob").await, count(&app, "upload").await), (1, 0));
        holds(&app, 1);
    })
    .await;
}

#[tokio::test]
async fn a_monolithic_upload_that_breaks_off_leaves_nothing() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let before = stored(&app).await;
        let (sender, body) = dripping();
        sender.send(Ok(Bytes::from_static(b"hel"))).unwrap();
        sender.send(Err(broken_off())).unwrap();
        let path = format!("{UPLOADS}?digest={}", Digest::sha256(b"hello"));
        let broken = admin.request(Method::POST, &path, &[], body).await;
        assert!((400..500).contains(&broken.status), "{}", broken.text());
        assert_eq!(stored(&app).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_monolithic_upload_whose_client_has_gone_leaves_nothing() {
    on_each_engine(async |app| {
        let before = stored(&app).await;
        for range in [Some("0-8"), Some("0-599999"), None] {
            let admin = app.admin();
            let (sender, body) = dripping();
            sender.send(Ok(Bytes::from_static(b"hel"))).unwrap();
            let path = format!("{UPLOADS}?digest={}", Digest::sha256(b"hello"));
            let sending = tokio::spawn(async move {
                let headers = range.map(|range| ("content-range", range));
                admin.request(Method::POST, &path, headers.as_slice(), body).await
            });
            while count(&app, "upload").await == 0 {
                tokio::task::yield_now().await;
            }
            sending.abort();
            assert!(sending.await.unwrap_err().is_cancelled());
            sender.send(Err(broken_off())).unwrap();
            at_rest(&app).await;
            assert_eq!(stored(&app).await, before, "nobody knows of the session");
        }
    })
    .await;
}
