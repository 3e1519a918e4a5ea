//! What is taken from a storage that answers badly: never what somebody has, and in the end what nobody has.

use super::{DAY, DEEP, Log, PATIENCE, SOON, UPLOADS, behind, blob, fsck, is_sound, path};
use crate::uploads::count;
use haven_blobs::object::testing::{Asked, Fault, Rule};
use haven_core::fsck::Options;
use haven_core::registry::remove_orphans;
use haven_oci::Digest;
use haven_testkit::{Image, image};
use http::Method;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_repair_takes_nothing_away_because_the_storage_is_ill() {
    behind(async |app, proxy| {
        let (client, image) = (app.admin(), image("good"));
        assert_eq!(client.push("library/app", "v1", &image).await.status, 201);
        let repair = Options { repair: true, ..DEEP };
        // As if all bytes were wrong: they are read twice, and then they would go.
        proxy.inject(Rule::on(Asked::Get, Fault::ShortenAnswer).always());
        let findings = fsck(&app, repair).await;
        assert_eq!(findings.len(), 3, "{findings:#?}");
        assert!(findings.iter().all(|finding| finding.fault == fsck::Fault::UnreadableBlob), "{findings:#?}");
        proxy.calm();
        is_sound(&app, "a repair").await;
        assert_eq!(client.get(&blob(&image.blobs[1])).await.body, image.blobs[1]);
    })
    .await;
}

#[tokio::test]
async fn a_removal_that_comes_late_takes_nothing_that_was_pushed_meanwhile() {
    let (log, _guard) = Log::listen();
    behind(async |app, proxy| {
        let (client, bytes) = (app.admin(), b"nobody knows them".as_slice());
        let digest = Digest::sha256(bytes);
        assert_eq!(client.push_blob("library/app", b"another").await.status, 201);
        app.blobs().put(&digest, bytes.into()).await.unwrap();
        proxy.inject(Rule::on(Asked::Delete, Fault::Late(PATIENCE * 2)));
        let repair = Options { repair: true, force: true, grace: Duration::ZERO, ..DEEP };
        for told in ["operation timed out", "may still come to pass"] {
            let findings = fsck(&app, repair).await;
            assert_eq!(findings.len(), 1, "{findings:#?}");
            let by_hand = matches!(&findings[0].repair, fsck::Repair::ByHand(text) if text.contains(told));
            assert!(by_hand, "{told}: {findings:#?}");
        }
        // The storage still has them, and nobody knows for how long.
        log.told(&client.push_blob("library/app", bytes).await, "were just being removed");
        let began = Instant::now();
        while proxy.connections() > 0 {
            assert!(began.elapsed() < SOON);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        app.clock.advance(Duration::from_secs(15 * 60));
        assert_eq!(client.push_blob("library/app", bytes).await.status, 201);
        assert_eq!(client.get(&blob(bytes)).await.body, bytes);
        is_sound(&app, "a late removal").await;
    })
    .await;
}

#[tokio::test]
async fn what_was_placed_without_an_answer_goes() {
    let (_log, _guard) = Log::listen();
    behind(async |app, proxy| {
        let client = app.admin();
        let session = path(&client.request(Method::POST, UPLOADS, &[], "").await);
        let (patched, whole, config) = (vec![1; 200_000], vec![2; 400_000], image("new"));
        proxy.inject(Rule::on(Asked::Put, Fault::LoseAnswer).within("/blobs/").always());
        assert_eq!(client.request(Method::PATCH, &session, &[], patched.clone()).await.status, 503);
        assert_eq!(client.delete(&session).await.status, 204);
        assert_eq!(client.push_blob("library/app", &whole).await.status, 503);
        assert_eq!(client.push_blob("library/app", b"short").await.status, 503);
        let empty = Image { blobs: Vec::new(), ..Image::index(&[]) };
        assert_eq!(client.push_manifest("library/app", "v1", &empty).await.status, 503);
        proxy.calm();
        let all = [patched.as_slice(), &whole, b"short", &empty.manifest].map(Digest::sha256);
        for digest in &all {
            assert!(app.stored(digest).await.is_some(), "it came to pass");
        }
        app.clock.advance(Duration::from_secs(19 * 60));
        assert_eq!(remove_orphans(&app.app).await.unwrap(), 0, "and might do so until now");
        // The same bytes, with success.
        assert_eq!(client.push_blob("library/app", &whole).await.status, 201);
        assert_eq!(client.push("library/app", "v1", &config).await.status, 201);
        app.clock.advance(Duration::from_secs(60));
        assert_eq!(remove_orphans(&app.app).await.unwrap(), 3);
        for digest in &all {
            assert_eq!(app.stored(digest).await.is_some(), *digest == Digest::sha256(&whole), "{digest}");
        }
        assert_eq!(count(&app, "orphan_blob").await, 0);
        is_sound(&app, "answers that were lost").await;
    })
    .await;
}

#[tokio::test]
async fn bytes_that_the_storage_does_not_let_go_bar_their_digest_once_a_day() {
    let (_log, _guard) = Log::listen();
    behind(async |app, proxy| {
        let (client, bytes) = (app.admin(), vec![1; 200_000]);
        let session = path(&client.request(Method::POST, UPLOADS, &[], "").await);
        assert_eq!(client.request(Method::PATCH, &session, &[], bytes.clone()).await.status, 202);
        assert_eq!(client.delete(&session).await.status, 204);
        let (day, hour, quarter) = (DAY, DAY / 24, DAY / 96);
        app.clock.advance(hour);
        // A storage that does not even say whether they are there bars nothing.
        proxy.inject(Rule::on(Asked::Head, Fault::Answer(500, "InternalError")));
        remove_orphans(&app.app).await.unwrap_err();
        proxy.inject(Rule::on(Asked::Delete, Fault::Answer(500, "InternalError")).always());
        assert_eq!(count(&app, "blob_removal").await, 0);
        remove_orphans(&app.app).await.unwrap_err();
        assert_eq!(client.push_blob("library/app", &bytes).await.status, 503);
        for _ in 0..3 {
            app.clock.advance(quarter);
            assert_eq!(remove_orphans(&app.app).await.unwrap(), 0, "not again");
        }
        app.clock.advance(day);
        remove_orphans(&app.app).await.unwrap_err();
        app.clock.advance(quarter);
        assert_eq!(client.push_blob("library/app", &bytes).await.status, 201);
        app.clock.advance(day * 2);
        assert_eq!(remove_orphans(&app.app).await.unwrap(), 0);
        is_sound(&app, "a removal that fails").await;
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_is_turned_back_bars_no_digest_for_longer() {
    let (_log, _guard) = Log::listen();
    behind(async |app, proxy| {
        let (client, bytes) = (app.admin(), b"nobody knows them".as_slice());
        assert_eq!(client.push_blob("library/app", b"another").await.status, 201);
        app.blobs().put(&Digest::sha256(bytes), bytes.into()).await.unwrap();
        proxy.inject(Rule::on(Asked::Delete, Fault::Answer(500, "InternalError")));
        let repair = Options { repair: true, force: true, grace: Duration::ZERO, ..DEEP };
        assert_eq!(fsck(&app, repair).await.len(), 1);
        app.clock.turn_back(DAY / 24);
        assert_eq!(client.push_blob("library/app", bytes).await.status, 503, "it may still come to pass");
        app.clock.advance(DAY / 96);
        assert_eq!(client.push_blob("library/app", bytes).await.status, 201);
        is_sound(&app, "a clock turned back").await;
    })
    .await;
}
