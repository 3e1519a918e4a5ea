//! Object storage that answers with errors, late, in part or not at all, as clients and operators see it.
//!
//! These stories need a bucket (`scripts/with-s3.sh`, `scripts/with-azure.sh`); between it and the application stands a proxy.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use crate::uploads::count;
use haven_blobs::object::testing::{Asked, Fault, Proxy, Rule, bucket, impatient, on_azure};
use haven_blobs::verify;
use haven_core::fsck::{self, Event, Finding, Installation, Options};
use haven_core::registry::{Purge, purge_uploads, remove_orphans};
use haven_db::testing::engines;
use haven_oci::Digest;
use haven_testkit::{Answer, Client, Image, TestApp, image};
use http::Method;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tracing::subscriber::DefaultGuard;

const UPLOADS: &str = "/v2/library/app/blobs/uploads/";
/// How long an answer of the storage is waited for.
const PATIENCE: Duration = Duration::from_millis(800);
/// An answer of ours, on a busy machine.
const SOON: Duration = Duration::from_secs(8);
const DAY: Duration = Duration::from_secs(24 * 3600);
const PART: usize = 5 << 20;
const DEEP: Options =
    Options { deep: true, repair: false, grace: Duration::from_secs(3600), force: false, readers: 2 };

/// A story on each engine, in a bucket behind a proxy.
async fn behind<F: Future<Output = ()>>(story: impl Fn(TestApp, Proxy) -> F) {
    behind_for(PATIENCE, story).await;
}

/// The same, where an answer of the storage is waited for so long.
async fn behind_for<F: Future<Output = ()>>(patience: Duration, story: impl Fn(TestApp, Proxy) -> F) {
    for engine in engines() {
        let Some(mut options) = bucket() else { return };
        options.patience = impatient(patience, 0);
        options.part_size = Some(PART as u64);
        let (proxy, options) = Proxy::before(&options).await.unwrap();
        story(TestApp::start_in(engine, options).await, proxy).await;
    }
}

/// What is logged on this thread, on which all of a story runs.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn listen() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::INFO)
            .with_writer(move || writer.clone());
        (log, tracing::subscriber::set_default(subscriber.finish()))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The failures that are logged of this request.
    fn failures(&self, answer: &Answer) -> Vec<String> {
        let id = answer.header("x-request-id");
        assert!(!id.is_empty());
        let text = self.text();
        let lines = text.lines().filter(|line| line.contains(id) && line.contains("ERROR"));
        lines.map(str::to_owned).collect()
    }

    /// Asserts that a client was told to come back, and the operator why.
    fn told(&self, refused: &Answer, cause: &str) {
        assert_eq!((refused.status, refused.code().as_str()), (503, "UNAVAILABLE"), "{}", refused.text());
        assert_eq!(refused.header("retry-after"), "5");
        let failures = self.failures(refused);
        assert_eq!(failures.len(), 1, "{failures:#?}");
        let line = &failures[0];
        assert!(line.contains("request failed") && line.contains(cause), "{cause}: {line}");
        assert!(!refused.text().contains(cause), "the cause is for the operator alone");
        assert!(!self.text().contains("haven-test-secret"));
    }
}

async fn fsck(app: &TestApp, options: Options) -> Vec<Finding> {
    let on = Installation { db: app.db().db(), blobs: app.blobs(), clock: app.clock.clone() };
    let mut findings = Vec::new();
    let mut listener = |event: Event<'_>| {
        if let Event::Found(finding) = event {
            findings.push(finding.clone());
        }
    };
    fsck::check(&on, &options, &mut listener).await.unwrap();
    findings
}

/// Asserts that the storage has, byte for byte, what was acknowledged. That is what matters here of `fsck`, which asks the
/// storage 512 times.
async fn is_sound(app: &TestApp, about: &str) {
    let blobs = app.blobs();
    let rows = app.db().query("SELECT digest, size FROM blob WHERE NOT lost", &[]).await.unwrap();
    assert!(!rows.is_empty(), "{about}");
    for row in rows {
        let (digest, size): (String, i64) = (row.get(0).unwrap(), row.get(1).unwrap());
        let digest = digest.parse().unwrap();
        let verified = verify(&*blobs, &digest, size.unsigned_abs(), |_| {}).await.unwrap();
        assert!(verified, "{about}: {digest}");
    }
}

/// Nothing goes on beside requests any more.
async fn at_rest(app: &TestApp) {
    app.app.tasks.close();
    app.app.tasks.wait().await;
    app.app.tasks.reopen();
}

fn blob(bytes: &[u8]) -> String {
    format!("/v2/library/app/blobs/{}", Digest::sha256(bytes))
}

fn path(answer: &Answer) -> String {
    answer.header("location").replace("http://haven.test", "")
}

fn large(seed: u8) -> Vec<u8> {
    (0..11 << 20).map(|at: u32| (at / 7).to_le_bytes()[0] ^ (at >> 13).to_le_bytes()[0] ^ seed).collect()
}

/// Everything that needs no bytes goes on.
async fn rows_suffice(client: &Client, image: &Image) {
    let layer = &image.blobs[1];
    assert_eq!(client.head(&blob(layer)).await.status, 200);
    assert_eq!(client.get("/v2/library/app/manifests/v1").await.body, image.manifest);
    let mount = format!("/v2/library/other/blobs/uploads/?mount={}&from=library/app", Digest::sha256(layer));
    assert_eq!(client.request(Method::POST, &mount, &[], "").await.status, 201);
    assert_eq!(client.request(Method::POST, UPLOADS, &[], "").await.status, 202);
    assert_eq!(client.get("/v2/library/app/tags/list").await.status, 200);
}

#[tokio::test]
async fn while_the_storage_is_away_clients_are_told_to_come_back_and_then_succeed() {
    let (log, _guard) = Log::listen();
    behind(async |app, proxy| {
        let (client, stays) = (app.admin(), image("stays"));
        assert_eq!(client.push("library/app", "v1", &stays).await.status, 201);
        for (fault, cause) in [
            (Fault::Answer(500, "InternalError"), "InternalError"),
            (Fault::Answer(503, "SlowDown"), "SlowDown"),
            (Fault::Answer(403, "InvalidAccessKeyId"), "the storage refuses our credentials"),
            (Fault::Answer(404, "NoSuchBucket"), "the bucket does not exist"),
            (Fault::Misrouted, "Welcome!"),
            (Fault::Cut, "HTTP error"),
            (Fault::LoseAnswer, "HTTP error"),
            (Fault::Silence, "operation timed out"),
        ] {
            let new = image(&format!("{fault:?}"));
            assert_eq!(client.push_blob("library/app", &new.blobs[0]).await.status, 201);
            proxy.inject(Rule::any(fault).always());
            let began = Instant::now();
            log.told(&client.push_blob("library/app", &new.blobs[1]).await, cause);
            log.told(&client.get(&blob(&stays.blobs[1])).await, cause);
            log.told(&client.push_manifest("library/app", "v1", &stays).await, cause);
            rows_suffice(&client, &stays).await;
            assert!(began.elapsed() < SOON, "{fault:?}: {:?}", began.elapsed());
            proxy.calm();
            assert_eq!(client.push("library/app", "v2", &new).await.status, 201, "{fault:?}");
            assert_eq!(client.get(&blob(&new.blobs[1])).await.body, new.blobs[1], "{fault:?}");
        }
        is_sound(&app, "all outages").await;
    })
    .await;
}

#[tokio::test]
async fn a_full_storage_is_told_to_whoever_pushes() {
    let (log, _guard) = Log::listen();
    behind(async |app, proxy| {
        let (client, stays) = (app.admin(), image("stays"));
        assert_eq!(client.push("library/app", "v1", &stays).await.status, 201);
        proxy.inject(Rule::on(Asked::Put, Fault::Answer(507, "XMinioStorageFull")).always());
        let refused = client.push_blob("library/app", b"one too many").await;
        assert_eq!((refused.status, refused.header("retry-after")), (503, "5"));
        assert_eq!(refused.message(), "the storage has no room left");
        assert_eq!(log.failures(&refused).len(), 1);
        assert_eq!(client.get(&blob(&stays.blobs[1])).await.body, stays.blobs[1], "pulls go on");
        proxy.calm();
        assert_eq!(client.push_blob("library/app", b"one too many").await.status, 201);
        is_sound(&app, "a full storage").await;
    })
    .await;
}

#[tokio::test]
async fn a_large_push_goes_on_at_another_replica_whatever_was_lost() {
    let (log, _guard) = Log::listen();
    behind(async |app, proxy| {
        let (one, two, bytes) = (app.admin(), app.replica().await, large(1));
        let session = path(&one.request(Method::POST, UPLOADS, &[], "").await);
        let second = Rule::on(Asked::Part, Fault::LoseAnswer);
        proxy.inject(if on_azure() { second.after(1) } else { second.within("partNumber=2&") });
        log.told(&one.request(Method::PATCH, &session, &[], bytes.clone()).await, "send part of upload");
        let stands = two.get(&session).await;
        assert_eq!((stands.status, stands.header("range")), (204, format!("0-{}", PART - 1).as_str()));
        let range = format!("{PART}-{}", bytes.len() - 1);
        let rest = bytes[PART..].to_vec();
        let appended = two.request(Method::PATCH, &session, &[("content-range", &range)], rest).await;
        assert_eq!(appended.status, 202, "{}", appended.text());
        let end = format!("{session}?digest={}", Digest::sha256(&bytes));
        // It is done, and nobody learns it: neither from the answer nor by looking.
        proxy.inject(Rule::on(Asked::Complete, Fault::LoseAnswer));
        proxy.inject(Rule::on(Asked::Head, Fault::Answer(500, "InternalError")).after(1));
        log.told(&one.request(Method::PUT, &end, &[], "").await, "complete multipart of upload");
        assert_eq!(count(&app, "blob").await, 0, "nothing is acknowledged that is not certain");
        let done = two.request(Method::PUT, &end, &[], "").await;
        assert_eq!(done.status, 201, "{}", done.text());
        assert!(one.get(&blob(&bytes)).await.body == bytes);
        assert_eq!((proxy.multiparts(), count(&app, "upload").await), (0, 0));
        is_sound(&app, "a push at two replicas").await;
    })
    .await;
}

#[tokio::test]
async fn a_copy_that_was_confirmed_and_not_made_is_not_acknowledged() {
    let (log, _guard) = Log::listen();
    behind(async |app, proxy| {
        let (client, bytes) = (app.admin(), large(2));
        let session = path(&client.request(Method::POST, UPLOADS, &[], "").await);
        assert_eq!(client.request(Method::PATCH, &session, &[], bytes.clone()).await.status, 202);
        let end = format!("{session}?digest={}", Digest::sha256(&bytes));
        proxy.inject(Rule::on(Asked::Copy, Fault::Answer(200, "ServiceUnavailable")));
        // Azure would have said so in the head.
        let cause = if on_azure() { "<Code>ServiceUnavailable" } else { "says that it did, and did not" };
        log.told(&client.request(Method::PUT, &end, &[], "").await, cause);
        assert_eq!(client.request(Method::PUT, &end, &[], "").await.status, 201);
        assert!(client.get(&blob(&bytes)).await.body == bytes);
        is_sound(&app, "a copy").await;
    })
    .await;
}

#[tokio::test]
async fn a_blob_in_one_request_that_fails_leaves_no_session_and_no_parts() {
    let (log, _guard) = Log::listen();
    behind(async |app, proxy| {
        let (client, bytes) = (app.admin(), large(3));
        for (rule, left) in [
            (Rule::on(Asked::Part, Fault::Answer(503, "SlowDown")), 0),
            // Nothing works any more once the first part is on its way.
            (Rule::any(Fault::Answer(503, "SlowDown")).after(2).always(), usize::from(!on_azure())),
        ] {
            proxy.inject(rule);
            log.told(&client.push_blob("library/app", &bytes).await, "SlowDown");
            at_rest(&app).await;
            assert_eq!((count(&app, "upload").await, proxy.multiparts()), (0, left));
            proxy.calm();
        }
        assert!(log.text().contains("upload not removed"), "what is left is told");
        purge_uploads(&app.app, Purge { age: Duration::ZERO, dry_run: false }).await.unwrap();
        assert_eq!(proxy.multiparts(), 0);
        assert_eq!(client.push_blob("library/app", &bytes).await.status, 201);
        assert!(client.get(&blob(&bytes)).await.body == bytes);
        is_sound(&app, "one request").await;
    })
    .await;
}

#[tokio::test]
async fn a_pull_is_whole_or_broken_off_and_never_short() {
    let (log, _guard) = Log::listen();
    behind(async |app, proxy| {
        let (client, bytes) = (app.admin(), large(4)[..2 << 20].to_vec());
        assert_eq!(client.push_blob("library/app", &bytes).await.status, 201);
        for (range, status, start) in [(None, 200, 0), (Some("bytes=1000-"), 206, 1000)] {
            let headers: Vec<_> = range.map(|range| ("range", range)).into_iter().collect();
            // The connection breaks and there is another: nobody notices.
            proxy.inject(Rule::on(Asked::Get, Fault::CutAnswer).times(2));
            let pulled = client.request(Method::GET, &blob(&bytes), &headers, "").await;
            assert!(pulled.status == status && pulled.body == bytes[start..], "{}", pulled.status);
            // There is no other.
            proxy.inject(Rule::on(Asked::Get, Fault::CutAnswer));
            proxy.inject(Rule::on(Asked::Get, Fault::Answer(503, "SlowDown")).always());
            let (pulled, error) = client.get_broken(&blob(&bytes), &headers).await;
            assert_eq!(pulled.status, status);
            assert_eq!(pulled.header("content-length"), (bytes.len() - start).to_string());
            assert!(bytes[start..].starts_with(&pulled.body) && !pulled.body.is_empty(), "{error}");
            let failures = log.failures(&pulled);
            assert_eq!(failures.len(), 1, "{failures:#?}");
            assert!(failures[0].contains("the body of an answer broke off"), "{failures:#?}");
            proxy.calm();
            // The client asks for the rest, as containerd and docker do.
            let rest = format!("bytes={}-", start + pulled.body.len());
            let more = client.request(Method::GET, &blob(&bytes), &[("range", &rest)], "").await;
            assert!([pulled.body, more.body].concat() == bytes[start..]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_config_that_breaks_off_is_no_fault_of_the_client() {
    let (log, _guard) = Log::listen();
    behind(async |app, proxy| {
        let (client, new) = (app.admin(), image("new"));
        for bytes in &new.blobs {
            assert_eq!(client.push_blob("library/app", bytes).await.status, 201);
        }
        proxy.inject(Rule::on(Asked::Get, Fault::CutAnswer));
        proxy.inject(Rule::on(Asked::Get, Fault::Cut).always());
        log.told(&client.push_manifest("library/app", "v1", &new).await, "a blob cannot be read");
        assert_eq!(client.get("/v2/library/app/manifests/v1").await.status, 404);
        proxy.calm();
        assert_eq!(client.push_manifest("library/app", "v1", &new).await.status, 201);
        is_sound(&app, "a config").await;
    })
    .await;
}

#[tokio::test]
async fn a_blob_that_the_storage_has_lost_is_told_to_the_operator() {
    let (log, _guard) = Log::listen();
    behind(async |app, _| {
        let client = app.admin();
        assert_eq!(client.push_blob("library/app", b"lost").await.status, 201);
        app.blobs().delete(&Digest::sha256(b"lost")).await.unwrap();
        let unknown = client.get(&blob(b"lost")).await;
        assert_eq!((unknown.status, unknown.code().as_str()), (404, "BLOB_UNKNOWN"));
        let failures = log.failures(&unknown);
        assert!(failures.len() == 1 && failures[0].contains("does not have a blob"), "{failures:#?}");
    })
    .await;
}

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
async fn a_push_in_one_request_waits_once_for_a_silent_storage() {
    let (_log, _guard) = Log::listen();
    let patience = Duration::from_secs(3);
    behind_for(patience, async |app, proxy| {
        let one = async |bytes: &[u8]| {
            let began = Instant::now();
            let refused = app.admin().push_blob("library/app", bytes).await;
            assert_eq!((refused.status, refused.header("retry-after")), (503, "5"), "{}", refused.text());
            let waited = began.elapsed();
            assert!(waited >= patience && waited < patience * 3 / 2, "{} bytes: {waited:?}", bytes.len());
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
