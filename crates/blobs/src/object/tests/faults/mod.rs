//! The store behind a proxy that loses, delays and garbles what it is told to.

mod bounds;
mod pull;
mod push;
mod remains;

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use haven_oci::Digest;

use super::super::testing::{Asked, Fault, Proxy, Rule, Storm, impatient};
use super::{MEBIBYTE, begin, bucket, litter, resumed, s3_bucket};
use crate::conformance::{self, Traits, body, content, read_all};
use crate::object::testing::{knows_sha512, on_azure};
use crate::object::{ObjectStorage, Options};
use crate::tests::patient::Patient;
use crate::{BlobStore, Error, Kind, Upload};

/// Parts are as small as they may be.
const PART: u64 = 5 << 20;
/// Two parts.
const LARGE: usize = 11 * MEBIBYTE;
/// Long enough for any answer that comes at all.
const CALM: Duration = Duration::from_secs(20);

/// Everything that is over at once. What is not, is a matter of [`bounds`].
const FAULTS: &[Fault] = &[
    Fault::Answer(500, "InternalError"),
    Fault::Answer(503, "SlowDown"),
    Fault::Answer(429, "TooManyRequests"),
    Fault::Answer(403, "InvalidAccessKeyId"),
    Fault::Answer(404, "NoSuchBucket"),
    Fault::Garbage,
    Fault::Misrouted,
    Fault::Cut,
    Fault::Reset,
    Fault::CutRequest,
    Fault::LoseAnswer,
    Fault::CutAnswer,
];

/// One of each sort, where each costs a large push.
const FEW: &[Fault] = &[
    Fault::Answer(503, "SlowDown"),
    Fault::Garbage,
    Fault::Reset,
    Fault::CutRequest,
    Fault::LoseAnswer,
    Fault::CutAnswer,
];

/// A store with a root of its own, behind a proxy of its own.
struct Case {
    proxy: Proxy,
    options: Options,
    store: ObjectStorage,
}

/// Requests are repeated so often, and answers waited for so long.
async fn case(answer: Duration, retries: usize) -> Option<Case> {
    let mut options = bucket()?;
    options.patience = impatient(answer, retries);
    Some(case_with(&options).await)
}

/// The same, for what Azure does not have.
async fn case_with_multiparts(answer: Duration, retries: usize) -> Option<Case> {
    if on_azure() { None } else { case(answer, retries).await }
}

/// Whether the service of the tests has such a request.
fn is_known(asked: Asked) -> bool {
    match asked {
        Asked::Create | Asked::Abort => !on_azure(),
        Asked::CopyPart => s3_bucket().is_some(),
        _ => true,
    }
}

async fn case_with(options: &Options) -> Case {
    // To hash all of it once more is what takes longest here.
    let options = Options { part_size: Some(PART), ..options.clone() }.with("unsigned_payload", "true");
    let (proxy, options) = Proxy::before(&options).await.unwrap();
    let store = ObjectStorage::open(&options).unwrap();
    Case { proxy, options, store }
}

impl Case {
    /// The same bucket, as another process sees it.
    fn replica(&self) -> ObjectStorage {
        ObjectStorage::open(&self.options).unwrap()
    }

    /// Asserts that nothing is left of any upload, once somebody has swept; `multiparts` of which nobody knows stay.
    async fn is_tidy(&self, multiparts: usize, about: &str) {
        self.proxy.calm();
        if !litter(&self.store).await.is_empty() {
            self.store.sweep(Duration::ZERO, &HashSet::new()).await.unwrap();
            assert_eq!(litter(&self.store).await, [""; 0], "{about}");
        }
        assert_eq!(self.proxy.multiparts(), multiparts, "multiparts after {about}");
    }
}

/// Those that can strike there and be noticed.
fn fit(faults: &[Fault], asked: Asked) -> impl Iterator<Item = Fault> {
    faults.iter().copied().filter(move |fault| fault.can_be_noticed(asked))
}

/// Sends the rest of `bytes` in one request and closes the upload with the next, until both are done, as clients do;
/// the state is what a row would hold. Returns what went wrong on the way.
async fn push(store: &ObjectStorage, upload: Upload, bytes: &Bytes, known: bool) -> Vec<Error> {
    let digest = Digest::sha256(bytes);
    let (mut saved, mut failures) = (upload, Vec::new());
    while saved.size < bytes.len() as u64 {
        assert!(failures.len() < 9, "{failures:#?}");
        let mut upload = resumed(&saved);
        if known {
            upload.expect(&digest);
        }
        let rest = bytes.slice(usize::try_from(upload.size).unwrap()..);
        failures.extend(store.append(&mut upload, body(&rest, 100_000), None).await.err());
        saved = resumed(&upload);
    }
    loop {
        assert!(failures.len() < 9, "{failures:#?}");
        match store.commit(saved.clone(), &digest).await {
            Ok(size) => {
                assert_eq!(size, bytes.len() as u64);
                return failures;
            }
            Err(error) => failures.push(error),
        }
        saved = resumed(&saved);
    }
}

/// Asserts that the blob has these bytes. Of a large one it looks at the ends and where the parts meet, because the server
/// of the tests takes long to read.
async fn is_stored(store: &ObjectStorage, bytes: &Bytes, about: &str) {
    let (digest, size) = (Digest::sha256(bytes), bytes.len());
    assert_eq!(store.size(&digest).await.unwrap(), Some(size as u64), "{about}");
    let meeting = (0..size).step_by(PART as usize).chain([size]);
    for at in meeting {
        let (start, end) = (at.saturating_sub(2_000), size.min(at + 2_000));
        let found = read_all(store, &digest, size as u64, start as u64..end as u64).await.unwrap();
        assert!(found == bytes[start..end], "{about}: bytes {start}..{end}");
    }
}

fn all_unavailable(failures: &[Error], about: &str) {
    assert!(failures.iter().all(|error| error.kind == Kind::Unavailable), "{about}: {failures:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_suite_holds_in_a_storm() {
    let Some(case) = case(CALM, 2).await else { return };
    case.proxy.storm(Storm { seed: 4, percent: 25, faults: FAULTS });
    let traits = Traits { remembers_uploads: false, knows_sha512: knows_sha512(), is_slow: true };
    conformance::run_with(&Patient(case.replica()), traits).await;
    assert!(case.proxy.struck() > 20, "{} faults are no storm", case.proxy.struck());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_storm_does_a_push_comes_through() {
    let push_in = |seed: u64| async move {
        let Some(case) = case(CALM, usize::from(seed.is_multiple_of(2))).await else { return };
        let storm = Storm { seed, percent: 25, faults: FAULTS };
        case.proxy.storm(storm);
        for (number, size) in [LARGE, 300_000, 1_000].into_iter().enumerate() {
            let bytes = content(seed + number as u64, size);
            for known in [true, false] {
                let store = Patient(case.replica());
                let mut upload = begin(&store.0, &format!("{number}-{known}")).await;
                if known {
                    upload.expect(&Digest::sha256(&bytes));
                }
                store.append(&mut upload, body(&bytes, 100_000), None).await.unwrap();
                store.commit(resumed(&upload), &Digest::sha256(&bytes)).await.unwrap();
                case.proxy.calm();
                is_stored(&store.0, &bytes, &format!("seed {seed}")).await;
                store.delete(&Digest::sha256(&bytes)).await.unwrap();
                case.proxy.storm(storm);
            }
        }
        case.proxy.calm();
        case.store.sweep(Duration::ZERO, &HashSet::new()).await.unwrap();
        assert_eq!(litter(&case.store).await, [""; 0], "seed {seed}");
    };
    stream::iter((0..4).map(push_in)).buffer_unordered(2).collect::<()>().await;
}
