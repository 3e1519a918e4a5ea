//! A storage that says nothing: how long everybody waits for it.

use super::{Log, SOON, behind, behind_for, blob, is_sound, large};
use crate::at_rest;
use crate::uploads::count;
use haven_blobs::object::testing::{Fault, Rule};
use haven_testkit::image;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_crowd_before_a_silent_storage_is_answered_and_leaves_nothing() {
    behind(async |app, proxy| {
        let stays = image("stays");
        assert_eq!(app.admin().push("library/app", "v1", &stays).await.status, 201);
        proxy.inject(Rule::any(Fault::Silence).always());
        let one = |number: usize| {
            let (client, stays) = (app.admin(), stays.clone());
            tokio::spawn(async move {
                match number % 3 {
                    0 => client.get(&blob(&stays.blobs[1])).await,
                    1 => client.push_blob("library/app", format!("{number}").as_bytes()).await,
                    _ => client.push_manifest("library/app", "v1", &stays).await,
                }
            })
        };
        let began = Instant::now();
        for asked in (0..48).map(one).collect::<Vec<_>>() {
            let refused = asked.await.unwrap();
            assert_eq!((refused.status, refused.header("retry-after")), (503, "5"), "{}", refused.text());
        }
        while proxy.connections() + app.app.tasks.len() > 0 {
            assert!(began.elapsed() < SOON, "{} requests wait on", proxy.connections());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        proxy.calm();
        for asked in (0..48).map(one).collect::<Vec<_>>() {
            let answer = asked.await.unwrap();
            assert!(matches!(answer.status, 200 | 201), "{} {}", answer.status, answer.text());
        }
        is_sound(&app, "a crowd").await;
    })
    .await;
}

#[tokio::test]
async fn health_follows_the_storage_both_ways() {
    behind(async |app, proxy| {
        let nobody = app.anonymous();
        for (fault, status) in [(None, 200), (Some(Fault::Silence), 503), (None, 200)] {
            proxy.calm();
            if let Some(fault) = fault {
                proxy.inject(Rule::any(fault).always());
            }
            let began = Instant::now();
            // It is not looked more often than every other second.
            while nobody.get("/healthz").await.status != status {
                assert!(began.elapsed() < SOON, "{fault:?}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_push_in_one_request_waits_once_for_a_silent_storage() {
    let (_log, _guard) = Log::listen();
    let patience = Duration::from_secs(5);
    behind_for(patience, async |app, proxy| {
        let one = async |bytes: &[u8]| {
            let began = Instant::now();
            let refused = app.admin().push_blob("library/app", bytes).await;
            assert_eq!((refused.status, refused.header("retry-after")), (503, "5"), "{}", refused.text());
            let waited = began.elapsed();
            assert!(waited >= patience && waited < patience * 2, "{} bytes: {waited:?}", bytes.len());
        };
        proxy.inject(Rule::any(Fault::Silence).always());
        let (middling, long) = (vec![7; 400_000], large(5));
        tokio::join!(one(b"eleven byte"), one(&middling), one(&long));
        at_rest(&app).await;
        proxy.calm();
        // The first part is on its way when it happens, and its multipart is to be ended.
        proxy.inject(Rule::any(Fault::Silence).after(2).always());
        one(&large(6)).await;
        at_rest(&app).await;
        assert_eq!(count(&app, "upload").await, 0);
    })
    .await;
}
