//! Object storage that answers with errors, late, in part or not at all, as clients and operators see it.
//!
//! These stories need a bucket (`scripts/with-s3.sh`, `scripts/with-azure.sh`); between it and the application stands a proxy.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod removals;
mod silence;

use crate::at_rest;
use crate::uploads::count;
use haven_blobs::object::testing::{Asked, Fault, Proxy, Rule, bucket, impatient, on_azure};
use haven_blobs::verify;
use haven_core::fsck::{self, Event, Finding, Installation, Options};
use haven_core::registry::{Purge, purge_uploads};
use haven_db::testing::engines;
use haven_oci::Digest;
use haven_testkit::{Answer, Client, Image, TestApp, image};
use http::Method;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tracing::subscriber::DefaultGuard;

const UPLOADS: &str = "/v2/library/app/blobs/uploads/";
/// How long an answer of the storage is waited for: longer than the server of the tests takes for one on a busy machine.
const PATIENCE: Duration = Duration::from_secs(2);
/// A few such waits, on a busy machine.
const SOON: Duration = Duration::from_secs(25);
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
