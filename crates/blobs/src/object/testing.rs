//! The bucket that tests are given: `http://KEY:SECRET@HOST:PORT/BUCKET`, as `scripts/with-s3.sh` sets `HAVEN_TEST_S3`.
//!
//! `scripts/with-azure.sh` sets `HAVEN_TEST_AZURE` in the same form, where the key is the account. `HAVEN_TEST_GCS` is an S3
//! server again, to which the tests speak in Google's words.

mod faults;
mod google;
mod proxy;

pub use self::faults::{Asked, Fault, Rule, Storm};
pub use self::proxy::Proxy;

use std::time::Duration;

use bytes::Bytes;
use haven_oci::Digest;

use super::ObjectStorage;
use super::options::{Options, Patience, Service};
use super::parts::random;
use crate::error::Result;

/// The variables that give one, and whose protocol is spoken there.
const GIVEN: [(&str, Service); 3] =
    [("HAVEN_TEST_S3", Service::S3), ("HAVEN_TEST_GCS", Service::Gcs), ("HAVEN_TEST_AZURE", Service::Azure)];

/// The bucket of this test run, if it was given one.
pub fn bucket() -> Option<Options> {
    let (name, service, url) =
        GIVEN.into_iter().find_map(|(name, service)| Some((name, service, variable(name)?)))?;
    let bucket = Options::for_tests(service, &url);
    assert!(bucket.is_some(), "{name} is http://KEY:SECRET@HOST:PORT/BUCKET");
    bucket
}

/// The same, for stories about what only S3's protocol has.
pub fn s3_bucket() -> Option<Options> {
    bucket().filter(|bucket| bucket.service == Service::S3)
}

/// Whether it is Azure, whose parts have no numbers and belong to a key instead of a multipart.
pub fn on_azure() -> bool {
    bucket().is_some_and(|bucket| bucket.service == Service::Azure)
}

/// A place apart from all others on the server of this test run: a bucket of that name, where writing makes one as with
/// the server of `scripts/with-s3.sh`, else a root of that name in the bucket that was given.
pub fn bucket_named(name: &str) -> Option<Options> {
    let mut options = bucket()?;
    match variable("HAVEN_TEST_S3_FOLDER") {
        Some(_) => (options.bucket, options.root) = (name.to_owned(), String::new()),
        None => name.clone_into(&mut options.root),
    }
    Some(options)
}

/// For stories about storage that does not answer: nobody waits long, and a request is repeated `retries` times.
pub fn impatient(answer: Duration, retries: usize) -> Patience {
    let pause = Duration::from_millis(2);
    Patience { connect: Duration::from_secs(1), answer, retries, pause, give_up: answer * 2 }
}

/// Whether the server takes keys with a SHA-512 in them. That of `scripts/with-s3.sh` does not: beside each object it
/// keeps a file whose name would be too long.
pub fn knows_sha512() -> bool {
    bucket().is_none() || on_azure() || variable("HAVEN_TEST_S3_SHA512").is_some()
}

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment what they may use")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl ObjectStorage {
    /// Puts anything, or nothing, in the place of a blob: how a test damages one.
    ///
    /// # Errors
    /// Those of the service.
    pub async fn damage(&self, digest: &Digest, bytes: Option<Bytes>) -> Result<()> {
        let key = self.keys.blob(digest);
        match bytes {
            Some(bytes) => self.write(&key, bytes.into()).await,
            None => self.remove(&key).await,
        }
    }
}

impl Options {
    /// The bucket of such a URL, with a root of its own so that tests do not meet; none if the URL is of another form.
    fn for_tests(service: Service, url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (credentials, rest) = rest.split_once('@')?;
        let (key, secret) = credentials.split_once(':')?;
        let (host, bucket) = rest.split_once('/')?;
        let mut options = match service {
            Service::Azure => Self::new(service, bucket)
                .with("account_name", key)
                .with("account_key", secret)
                .with("endpoint", format!("{scheme}://{host}/{key}")),
            Service::S3 | Service::Gcs => Self::new(Service::S3, bucket)
                .with("access_key_id", key)
                .with("secret_access_key", secret)
                .with("region", "us-east-1")
                .with("endpoint", format!("{scheme}://{host}")),
        };
        options.allow_http = scheme == "http";
        options.root = format!("test-{}", random());
        Some(if service == Service::Gcs { google::in_words_of_google(&options) } else { options })
    }
}
