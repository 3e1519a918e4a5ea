//! The suite on a real server, and what only objects can go through.

mod azure;
mod faults;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use haven_oci::{Algorithm, Digest};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};
use object_store::memory::InMemory;

use super::connect::{Bucket, connect_by};
use super::testing::{bucket, knows_sha512, s3_bucket};
use super::*;
use crate::conformance::{self, Traits, body, broken_body, content, read_all};

const MEBIBYTE: usize = 1 << 20;

/// The same code on the client library's own store, for what is only arithmetic.
pub(crate) fn in_memory() -> ObjectStorage {
    ObjectStorage {
        bucket: Bucket::of(InMemory::new()),
        name: "memory".to_owned(),
        keys: Keys::new("").unwrap(),
        part_size: None,
        copies: Copies::default(),
        patience: Patience::default(),
        seats: Arc::new(tokio::sync::Semaphore::new(LARGE_UPLOADS)),
        spare: Arc::new(tokio::sync::Semaphore::new(parts::SPARE)),
        service: Service::S3,
    }
}

/// A store on the server and what it asks of it.
fn watched() -> Option<(ObjectStorage, Arc<Watch>)> {
    bucket().map(|options| watched_with(&options))
}

/// The same, for stories in the words of S3.
fn watched_s3() -> Option<(ObjectStorage, Arc<Watch>)> {
    s3_bucket().map(|options| watched_with(&options))
}

fn watched_with(options: &Options) -> (ObjectStorage, Arc<Watch>) {
    let watch = Arc::new(Watch::default());
    let bucket = connect_by(options, Arc::new(Watched(Arc::clone(&watch)))).unwrap();
    (ObjectStorage { bucket, ..ObjectStorage::open(options).unwrap() }, watch)
}

/// The requests that went to the server, and those that may not.
#[derive(Default, Debug)]
struct Watch {
    seen: Mutex<Vec<String>>,
    /// Requests with this in them break off.
    breaks: Mutex<Option<&'static str>>,
    /// How many have been sent, how many are on their way, and how many were at most.
    parts_sent: AtomicUsize,
    parts: AtomicUsize,
    most_parts: AtomicUsize,
}

impl Watch {
    /// The requests since the last look, as `PUT data` or `PUT data?partNumber=1`.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    fn has(&self, text: &str) -> bool {
        self.seen.lock().unwrap().iter().any(|seen| seen.contains(text))
    }
}

#[derive(Debug, Clone)]
struct Watched(Arc<Watch>);

impl HttpConnector for Watched {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(WatchedClient(ReqwestConnector::default().connect(options)?, Arc::clone(&self.0))))
    }
}

#[derive(Debug)]
struct WatchedClient(HttpClient, Arc<Watch>);

#[async_trait]
impl HttpService for WatchedClient {
    async fn call(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let key = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        let query = request.uri().query().unwrap_or_default();
        let query: Vec<&str> =
            query.split('&').filter(|word| !word.starts_with("X-Amz") && !word.is_empty()).collect();
        let name = if key.ends_with(".multipart") { "marker" } else { &key };
        let line = format!("{} {name}?{}", request.method(), query.join("&"));
        let line = line.trim_end_matches('?').to_owned();
        let breaks = self.1.breaks.lock().unwrap().is_some_and(|text| line.contains(text));
        let part = line.contains("partNumber=") || line.contains("comp=block&");
        self.1.seen.lock().unwrap().push(line);
        if breaks {
            return Err(HttpError::new(
                HttpErrorKind::Unknown,
                std::io::Error::other("breaks off on purpose"),
            ));
        }
        if part {
            self.1.parts_sent.fetch_add(1, Ordering::SeqCst);
            let now = self.1.parts.fetch_add(1, Ordering::SeqCst) + 1;
            self.1.most_parts.fetch_max(now, Ordering::SeqCst);
        }
        let answer = self.0.execute(request).await;
        if part {
            self.1.parts.fetch_sub(1, Ordering::SeqCst);
        }
        answer
    }
}

/// What lies below the uploads.
async fn litter(store: &ObjectStorage) -> Vec<String> {
    let prefix = store.keys.uploads();
    let found = store.bucket.objects.list(Some(&prefix));
    let found: Vec<_> = found.map_ok(|object| object.location.to_string()).try_collect().await.unwrap();
    found.into_iter().filter(|key| !key.ends_with("/probe.tmp")).collect()
}

async fn begin(store: &ObjectStorage, id: &str) -> Upload {
    store.begin(id, Algorithm::Sha256).await.unwrap()
}

async fn whole(store: &ObjectStorage, digest: &Digest, size: usize) -> Vec<u8> {
    read_all(store, digest, size as u64, 0..size as u64).await.unwrap()
}

fn resumed(upload: &Upload) -> Upload {
    Upload::from_bytes(&upload.to_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn object_storage_conforms() {
    let traits = Traits { remembers_uploads: false, ..Traits::default() };
    conformance::run_with(&in_memory(), traits).await;
    let Some((store, _)) = watched() else { return };
    conformance::run_with(&store, Traits { knows_sha512: knows_sha512(), is_slow: true, ..traits }).await;
    let left = litter(&store).await;
    assert!(left.iter().all(|key| key.contains("story-13-") || key.contains("story-18-")), "{left:?}");
}

#[tokio::test]
async fn a_small_blob_is_one_put() {
    let Some((store, watch)) = watched_s3() else { return };
    for (size, known, requests) in [
        (5_000, false, &["PUT data"][..]),
        (5_000, true, &["PUT data"]),
        (3 * MEBIBYTE, true, &["PUT data"]),
        (12 * MEBIBYTE, true, &["PUT data"]),
    ] {
        let bytes = content(size as u64, size);
        let digest = Digest::sha256(&bytes);
        let mut upload = begin(&store, "small").await;
        if known {
            upload.expect(&digest);
        }
        store.append(&mut upload, body(&bytes, 60_000), None).await.unwrap();
        store.commit(upload, &digest).await.unwrap();
        assert_eq!(watch.take(), requests, "{size} bytes, digest known: {known}");
        assert!(whole(&store, &digest, size).await == bytes);
        watch.take();
    }
}

#[tokio::test]
async fn a_small_blob_in_two_requests_is_one_put_and_one_look() {
    let Some((store, watch)) = watched_s3() else { return };
    let bytes = content(1, 3 * MEBIBYTE);
    let digest = Digest::sha256(&bytes);
    let mut upload = begin(&store, "a").await;
    store.append(&mut upload, body(&bytes, 60_000), None).await.unwrap();
    let mut upload = resumed(&upload);
    store.append(&mut upload, stream::empty().boxed(), Some(bytes.len() as u64)).await.unwrap();
    store.commit(resumed(&upload), &digest).await.unwrap();
    assert_eq!(watch.take(), ["PUT data", "HEAD data"]);
    // Bytes that somebody has removed meanwhile were acknowledged, but are no blob.
    store.delete(&digest).await.unwrap();
    assert_eq!(store.commit(resumed(&upload), &digest).await.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test]
async fn pieces_of_a_small_blob_leave_no_blob_of_their_own() {
    let Some((store, _)) = watched() else { return };
    let bytes = content(2, 2 * MEBIBYTE);
    let mut upload = begin(&store, "a").await;
    upload.expect_more();
    let head = bytes.slice(..MEBIBYTE);
    store.append(&mut upload, body(&head, 60_000), None).await.unwrap();
    assert_eq!(store.size(&Digest::sha256(&head)).await.unwrap(), None);
    let mut upload = resumed(&upload);
    store.append(&mut upload, body(&bytes.slice(MEBIBYTE..), 60_000), None).await.unwrap();
    store.commit(upload, &Digest::sha256(&bytes)).await.unwrap();
    assert!(whole(&store, &Digest::sha256(&bytes), bytes.len()).await == bytes);
    assert_eq!(litter(&store).await.len(), 0);
}

#[tokio::test]
async fn parts_travel_while_the_client_still_sends() {
    let Some((store, watch)) = watched() else { return };
    let bytes = content(3, 60 * MEBIBYTE);
    let digest = Digest::sha256(&bytes);
    let seen = Arc::clone(&watch);
    let (head, tail) = (bytes.slice(..14 * MEBIBYTE), bytes.slice(14 * MEBIBYTE..));
    let wait = stream::once(async move {
        while seen.parts_sent.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        Ok(Bytes::new())
    });
    let sent = body(&head, 100_000).chain(wait).chain(body(&tail, 100_000)).boxed();
    let mut upload = begin(&store, "a").await;
    store.append(&mut upload, sent, None).await.unwrap();
    let most = watch.most_parts.load(Ordering::SeqCst);
    assert!((2..=3).contains(&most), "{most} parts at once");
    store.commit(upload, &digest).await.unwrap();
    assert!(whole(&store, &digest, bytes.len()).await == bytes);
    assert_eq!(litter(&store).await.len(), 0);
}

#[tokio::test]
async fn a_large_blob_whose_digest_is_known_is_not_copied() {
    let Some((store, watch)) = watched_s3() else { return };
    let bytes = content(4, 30 * MEBIBYTE);
    let digest = Digest::sha256(&bytes);
    let mut upload = begin(&store, "a").await;
    upload.expect(&digest);
    store.append(&mut upload, broken_body(&bytes.slice(..21 * MEBIBYTE), 100_000), None).await.unwrap_err();
    assert_eq!(store.size(&digest).await.unwrap(), None, "not before it is verified");
    let mut upload = resumed(&upload);
    assert_eq!(upload.size, 21 << 20);
    store.append(&mut upload, body(&bytes.slice(21 * MEBIBYTE..), 100_000), None).await.unwrap();
    // Another digest than the expected one has no way to these parts.
    let other = Digest::sha256(b"other");
    assert_eq!(store.commit(upload.clone(), &digest).await.unwrap(), bytes.len() as u64);
    assert_eq!(store.commit(upload.clone(), &digest).await.unwrap(), bytes.len() as u64);
    assert_eq!(store.commit(upload, &other).await.unwrap_err().kind, Kind::DigestMismatch);
    assert!(!watch.take().iter().any(|line| line.contains("copy")));
    assert!(whole(&store, &digest, bytes.len()).await == bytes);
    assert_eq!(litter(&store).await.len(), 0);
}

#[tokio::test]
async fn another_replica_goes_on_and_pieces_of_any_size_do() {
    let Some(options) = bucket() else { return };
    let bytes = content(5, 40 * MEBIBYTE);
    let digest = Digest::sha256(&bytes);
    let mut upload = begin(&ObjectStorage::open(&options).unwrap(), "a").await;
    let ends = [9, 11, 12, 26, 27, 40];
    for (number, end) in ends.into_iter().enumerate() {
        let replica = ObjectStorage::open(&options).unwrap();
        upload = resumed(&upload);
        let start = usize::try_from(upload.size).unwrap();
        let piece = bytes.slice(start..end * MEBIBYTE);
        if number % 2 == 0 {
            upload.expect_more();
            replica.append(&mut upload, body(&piece, 77_777), None).await.unwrap();
        } else {
            replica.append(&mut upload, broken_body(&piece, 77_777), None).await.unwrap_err();
        }
        assert_eq!(upload.size, (end * MEBIBYTE) as u64);
    }
    let replica = ObjectStorage::open(&options).unwrap();
    replica.commit(resumed(&upload), &digest).await.unwrap();
    replica.commit(resumed(&upload), &digest).await.unwrap();
    assert!(whole(&replica, &digest, bytes.len()).await == bytes);
    assert_eq!(litter(&replica).await.len(), 0);
}

#[tokio::test]
async fn a_part_that_fails_costs_only_what_came_after_the_last_good_one() {
    let Some(mut options) = s3_bucket() else { return };
    options.patience.retries = 0;
    let (store, watch) = watched_with(&options);
    let bytes = content(6, 40 * MEBIBYTE);
    let digest = Digest::sha256(&bytes);
    let mut upload = begin(&store, "a").await;
    *watch.breaks.lock().unwrap() = Some("partNumber=2&");
    let error = store.append(&mut upload, body(&bytes, 100_000), None).await.unwrap_err();
    assert_eq!((error.kind, upload.size), (Kind::Unavailable, 8 << 20));
    *watch.breaks.lock().unwrap() = None;
    let mut upload = resumed(&upload);
    store.append(&mut upload, body(&bytes.slice(8 * MEBIBYTE..), 100_000), None).await.unwrap();
    *watch.breaks.lock().unwrap() = Some("POST data?uploadId");
    assert_eq!(store.commit(upload.clone(), &digest).await.unwrap_err().kind, Kind::Unavailable);
    *watch.breaks.lock().unwrap() = None;
    store.commit(upload, &digest).await.unwrap();
    assert!(whole(&store, &digest, bytes.len()).await == bytes);
}

#[tokio::test]
async fn a_commit_that_broke_off_after_any_step_can_be_repeated() {
    let Some(mut options) = s3_bucket() else { return };
    (options.patience.retries, options.copies.single) = (0, 1 << 40);
    let (store, watch) = watched_with(&options);
    let bytes = content(7, 20 * MEBIBYTE);
    let digest = Digest::sha256(&bytes);
    let mut upload = begin(&store, "a").await;
    store.append(&mut upload, body(&bytes, 100_000), None).await.unwrap();
    for step in ["POST data?uploadId", "DELETE marker", "PUT data"] {
        *watch.breaks.lock().unwrap() = Some(step);
        let kind = store.commit(resumed(&upload), &digest).await.unwrap_err().kind;
        assert_eq!(kind, Kind::Unavailable, "{step}");
        assert_eq!(store.size(&digest).await.unwrap(), None, "{step}");
    }
    *watch.breaks.lock().unwrap() = None;
    assert_eq!(store.commit(resumed(&upload), &digest).await.unwrap(), bytes.len() as u64);
    assert!(whole(&store, &digest, bytes.len()).await == bytes);
    assert_eq!(litter(&store).await.len(), 0);
}

#[tokio::test]
async fn after_a_commit_that_nobody_noted_the_upload_is_gone_and_not_in_disorder() {
    let Some(mut options) = s3_bucket() else { return };
    options.patience.retries = 0;
    let (store, watch) = watched_with(&options);
    for (number, step) in [Some("DELETE marker"), Some("PUT data"), None].into_iter().enumerate() {
        let bytes = content(11 + number as u64, 16 * MEBIBYTE);
        let digest = Digest::sha256(&bytes);
        let (head, tail) = (bytes.slice(..9 * MEBIBYTE), bytes.slice(9 * MEBIBYTE..));
        let mut upload = begin(&store, &format!("noted-{number}")).await;
        upload.expect_more();
        store.append(&mut upload, body(&head, 100_000), None).await.unwrap();
        let noted = resumed(&upload);
        assert!(store.holds(&noted).await.unwrap());
        store.append(&mut upload, body(&tail, 100_000), None).await.unwrap();
        *watch.breaks.lock().unwrap() = step;
        assert_eq!(store.commit(resumed(&upload), &digest).await.is_err(), step.is_some());
        *watch.breaks.lock().unwrap() = None;
        assert!(!store.holds(&noted).await.unwrap() && store.holds(&upload).await.unwrap(), "{step:?}");
        let mut again = resumed(&noted);
        again.expect(&digest);
        let error = store.append(&mut again, body(&tail, 100_000), None).await.unwrap_err();
        assert_eq!(error.kind, Kind::NotFound, "{step:?}");
    }
}

#[tokio::test]
async fn parts_that_a_rule_of_the_bucket_has_ended_are_missed() {
    let Some((store, watch)) = watched_s3() else { return };
    let bytes = content(14, 20 * MEBIBYTE);
    let mut upload = begin(&store, "ended").await;
    upload.expect_more();
    store.append(&mut upload, body(&bytes, 100_000), None).await.unwrap();
    assert!(store.holds(&resumed(&upload)).await.unwrap());
    watch.take();
    let multipart = State::of(&upload).unwrap().multipart.unwrap();
    let key = store.target_key("ended", None).unwrap();
    store.bucket.multiparts.abort_multipart(&key, &multipart.id).await.unwrap();
    assert!(!store.holds(&resumed(&upload)).await.unwrap());
    // A service that does not tell its parts is believed as long as the multipart is remembered.
    *watch.breaks.lock().unwrap() = Some("GET data?uploadId");
    assert_eq!(store.holds(&resumed(&upload)).await.unwrap_err().kind, Kind::Unavailable);
}

#[tokio::test]
async fn what_is_too_large_for_one_copy_is_copied_in_pieces() {
    let Some(mut options) = s3_bucket() else { return };
    options.copies = Copies { single: 6 << 20, piece: 5 << 20, at_once: 3 };
    let (store, watch) = watched_with(&options);
    let bytes = content(8, 17 * MEBIBYTE);
    let digest = Digest::sha256(&bytes);
    let mut upload = begin(&store, "a").await;
    store.append(&mut upload, body(&bytes, 100_000), None).await.unwrap();
    watch.take();
    store.commit(upload, &digest).await.unwrap();
    assert!(whole(&store, &digest, bytes.len()).await == bytes);
    let seen = watch.take();
    assert_eq!(seen.iter().filter(|line| line.starts_with("PUT data?partNumber=")).count(), 4, "{seen:?}");
    assert!(!seen.contains(&"PUT data".to_owned()), "{seen:?}");
    assert_eq!(litter(&store).await.len(), 0);
}

#[tokio::test]
async fn what_nobody_finishes_is_swept_with_its_multipart() {
    let Some((store, watch)) = watched_s3() else { return };
    let mut ids = Vec::new();
    for (id, size) in [("large", 20 * MEBIBYTE), ("small", MEBIBYTE)] {
        let mut upload = begin(&store, id).await;
        let _ = store.append(&mut upload, broken_body(&content(9, size), 100_000), None).await;
        ids.push(id.to_owned());
    }
    assert_eq!(litter(&store).await.len(), 2, "a marker and a tail");
    assert_eq!(store.sweep(Duration::from_secs(3600), &HashSet::new()).await.unwrap(), 0);
    assert_eq!(store.sweep(Duration::ZERO, &ids.iter().cloned().collect()).await.unwrap(), 0);
    watch.take();
    assert_eq!(store.sweep(Duration::ZERO, &HashSet::from(["small".to_owned()])).await.unwrap(), 1);
    assert!(watch.has("DELETE data?uploadId="), "the multipart is ended");
    store.abort("small").await.unwrap();
    assert_eq!(litter(&store).await.len(), 0);
}

#[tokio::test]
async fn a_bucket_that_is_of_no_use_is_told_from_one_that_is_out_of_reach() {
    let Some(options) = bucket() else { return };
    ObjectStorage::open(&options).unwrap().prove().await.unwrap();
    let wrong = match options.service {
        Service::Azure => options.clone().with("account_key", "d3Jvbmc="),
        Service::Gcs => options.clone().with("bearer_token", "wrong"),
        Service::S3 => options.clone().with("secret_access_key", "wrong"),
    };
    let mut missing = options.clone();
    "no-such-bucket".clone_into(&mut missing.bucket);
    let endpoint = if options.service == Service::Gcs { "base_url" } else { "endpoint" };
    let mut away = options.clone().with(endpoint, "http://127.0.0.1:1");
    away.patience.retries = 0;
    for (options, kind, word) in [
        (wrong, Kind::Invalid, "credentials"),
        (missing, Kind::Invalid, "does not exist"),
        (away, Kind::Unavailable, "list"),
    ] {
        let error = ObjectStorage::open(&options).unwrap().prove().await.unwrap_err();
        assert_eq!(error.kind, kind, "{error:?}");
        assert!(error.to_string().contains(word), "{error}");
        let told = format!("{error:?}{options:?}");
        assert!(!told.contains("haven-test-secret") && !told.contains("aGF2ZW4tdGVzdC1zZWNyZXQ"), "{told}");
    }
}

#[tokio::test]
async fn a_link_is_good_for_whoever_has_it() {
    // Who has no more than a token of Google's cannot sign one.
    let Some((store, _)) = watched().filter(|(store, _)| store.service != Service::Gcs) else { return };
    let bytes = content(10, 1000);
    let digest = Digest::sha256(&bytes);
    store.put(&digest, bytes.clone()).await.unwrap();
    let link = store.link(&digest, Duration::from_secs(60)).await.unwrap().unwrap();
    let answer = reqwest::get(&link).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.bytes().await.unwrap()), (200, bytes));
    // For longer, or for more.
    let tampered = link.replace("X-Amz-Expires=60", "X-Amz-Expires=6000").replace("sp=r&", "sp=rw&");
    assert_ne!(link, tampered);
    assert_eq!(reqwest::get(&tampered).await.unwrap().status().as_u16(), 403);
}

#[test]
fn parts_grow_so_that_ten_thousand_hold_a_large_blob() {
    let most: u64 = (0..10_000).map(|index| parts::part_size(None, index)).sum();
    assert_eq!(most >> 30, 234);
    assert_eq!(parts::part_size(Some(7 << 20), 9_999), 7 << 20);
}

#[tokio::test]
async fn an_upload_that_gets_no_share_of_the_memory_sends_one_part_after_the_other() {
    let Some((store, watch)) = watched() else { return };
    let none = Arc::new(tokio::sync::Semaphore::new(0));
    let store = ObjectStorage { spare: none, ..store };
    let bytes = content(15, 60 * MEBIBYTE);
    let mut upload = begin(&store, "a").await;
    store.append(&mut upload, body(&bytes, 100_000), None).await.unwrap();
    assert_eq!(watch.most_parts.load(Ordering::SeqCst), 1);
    store.commit(upload, &Digest::sha256(&bytes)).await.unwrap();
    assert!(whole(&store, &Digest::sha256(&bytes), bytes.len()).await == bytes);
}
