//! Sessions against what storage holds of them, both ways.

use super::{LOOK, REPAIR, clean, damage, run, run_at, told_and_mended};
use crate::on_each_engine;
use crate::uploads::{count, dripping, finish, is, open, standing};
use axum::body::Bytes;
use haven_core::fsck::{Fault, Options, Repair};
use haven_db::{Clock, Value, params};
use haven_oci::Digest;
use haven_testkit::{Client, TestApp};
use http::Method;
use std::time::Duration;

const UPLOADS: &str = "/v2/library/app/blobs/uploads/";
/// More than the row of a session keeps itself.
const SIZE: usize = 100_000;
const AT_ONCE: Options = Options { grace: Duration::ZERO, ..LOOK };

fn bytes(of: u8) -> Vec<u8> {
    vec![of; SIZE]
}

/// A session with that many bytes, as one piece of several or as all there are.
async fn begun(client: &Client, of: u8, piece: bool) -> String {
    let session = open(client, UPLOADS).await;
    let range = format!("0-{}", SIZE - 1);
    let headers: &[(&str, &str)] = if piece { &[("content-range", &range)] } else { &[] };
    let added = client.request(Method::PATCH, &session, headers, bytes(of)).await;
    assert_eq!(added.status, 202, "{}", added.text());
    session
}

fn id(session: &str) -> &str {
    session.rsplit('/').next().unwrap()
}

/// When everything that was written by now is two hours old.
fn later() -> Clock {
    Clock::manual(Clock::system().now() + Duration::from_secs(2 * 3600))
}

async fn found_later(app: &TestApp, options: Options) -> Vec<haven_core::fsck::Finding> {
    run_at(app, options, later()).await.0
}

#[tokio::test]
async fn open_sessions_are_as_they_should_be() {
    on_each_engine(async |app| {
        let admin = app.admin();
        open(&admin, UPLOADS).await;
        let sessions = [begun(&admin, 1, true).await, begun(&admin, 2, false).await];
        let (found, _) = run(&app, AT_ONCE).await;
        assert!(found.is_empty(), "{found:#?}");
        let found = found_later(&app, REPAIR).await;
        assert!(found.is_empty(), "however old they are: {found:#?}");
        for (session, of) in sessions.iter().zip([1, 2]) {
            assert_eq!(finish(&admin, session, &Digest::sha256(&bytes(of)), "").await.status, 201);
        }
        clean(&app).await;
    })
    .await;
}

#[tokio::test]
async fn a_session_whose_bytes_are_gone_is_told_and_ended() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let (whole, gone) = (begun(&admin, 1, true).await, begun(&admin, 2, true).await);
        app.blobs().abort(id(&gone)).await.unwrap();
        told_and_mended(&app, LOOK, Fault::LostUpload, "ended").await;
        assert_eq!(standing(&admin, &gone).await.0, 404, "so its client begins again");
        assert_eq!(standing(&admin, &whole).await, is(204, "0-99999"));
        assert_eq!(finish(&admin, &whole, &Digest::sha256(&bytes(1)), "").await.status, 201);
        clean(&app).await;
    })
    .await;
}

#[tokio::test]
async fn a_session_whose_row_makes_no_sense_is_told_and_ended() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let nonsense = vec![Value::from(b"no state".to_vec())];
        for (damage, values) in
            [("UPDATE upload SET size = size + 1", vec![]), ("UPDATE upload SET state = $1", nonsense)]
        {
            let session = begun(&admin, 1, true).await;
            app.db().execute(damage, &values).await.unwrap();
            told_and_mended(&app, LOOK, Fault::LostUpload, "ended").await;
            assert_eq!(standing(&admin, &session).await.0, 404);
            assert!(app.blobs().uploads().await.unwrap().is_empty(), "its bytes went too");
        }
        clean(&app).await;
    })
    .await;
}

#[tokio::test]
async fn a_session_that_is_being_written_to_is_left_alone() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let session = begun(&admin, 1, true).await;
        let (sender, body) = dripping();
        let (client, at) = (admin.clone(), session.clone());
        let writing = tokio::spawn(async move { client.request(Method::PATCH, &at, &[], body).await });
        while count(&app, "upload WHERE lease <> ''").await == 0 {
            tokio::task::yield_now().await;
        }
        sender.send(Ok(Bytes::from_static(b"more"))).unwrap();
        let (found, _) = run_at(&app, Options { repair: true, ..AT_ONCE }, app.clock.clone()).await;
        assert!(found.is_empty(), "{found:#?}");
        drop(sender);
        assert_eq!(writing.await.unwrap().header("range"), "0-100003");
        let whole = [bytes(1), b"more".to_vec()].concat();
        assert_eq!(finish(&admin, &session, &Digest::sha256(&whole), "").await.status, 201);
        clean(&app).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_left_of_a_session_without_a_row_goes_when_it_is_old() {
    on_each_engine(async |app| {
        let admin = app.admin();
        assert_eq!(admin.push_blob("library/app", b"something").await.status, 201);
        let (stray, other) = (begun(&admin, 1, true).await, begun(&admin, 2, true).await);
        app.db().execute("DELETE FROM upload WHERE id = $1", params![id(&stray)]).await.unwrap();
        let (found, _) = run(&app, Options { repair: true, ..AT_ONCE }).await;
        assert!(found.is_empty(), "its row may still be on its way: {found:#?}");
        for _ in 0..2 {
            let found = found_later(&app, LOOK).await;
            assert!(found.len() == 1 && found[0].fault == Fault::StrayUpload, "{found:#?}");
            assert_eq!(found[0].subject, format!("upload {}", id(&stray)));
            assert!(matches!(found[0].repair, Repair::Offered(_)));
        }
        assert_eq!(found_later(&app, REPAIR).await[0].repair, Repair::Done("removed"));
        assert!(found_later(&app, LOOK).await.is_empty());
        let left: Vec<_> = app.blobs().uploads().await.unwrap().into_iter().map(|upload| upload.id).collect();
        assert_eq!(left, [id(&other)]);
    })
    .await;
}

#[tokio::test]
async fn uploads_of_another_database_are_not_removed() {
    on_each_engine(async |app| {
        let admin = app.admin();
        begun(&admin, 1, true).await;
        damage(&app, b"somebody's", Some(b"somebody's")).await;
        app.db().execute("DELETE FROM upload", &[]).await.unwrap();
        let found = found_later(&app, REPAIR).await;
        let by_hand = |f: &haven_core::fsck::Finding| matches!(f.repair, Repair::ByHand(_));
        assert!(found.len() == 2 && found.iter().all(by_hand), "{found:#?}");
        let found = found_later(&app, Options { force: true, ..REPAIR }).await;
        assert!(found.len() == 2 && !found.iter().any(by_hand), "{found:#?}");
        assert!(found_later(&app, LOOK).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_an_open_upload_has_put_in_place_is_no_orphan() {
    on_each_engine(async |app| {
        if app.on_files() {
            return;
        }
        let admin = app.admin();
        assert_eq!(admin.push_blob("library/app", b"something").await.status, 201);
        let session = begun(&admin, 1, false).await;
        assert_eq!(app.stored(&Digest::sha256(&bytes(1))).await, Some(bytes(1)));
        let repair = Options { repair: true, ..AT_ONCE };
        assert!(run(&app, repair).await.0.is_empty());
        let given_up = begun(&admin, 2, false).await;
        assert_eq!(admin.delete(&given_up).await.status, 204);
        told_and_mended(&app, AT_ONCE, Fault::OrphanedBlob, "removed").await;
        assert_eq!(finish(&admin, &session, &Digest::sha256(&bytes(1)), "").await.status, 201);
        clean(&app).await;
    })
    .await;
}
