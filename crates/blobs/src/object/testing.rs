//! The bucket that tests are given: `http://KEY:SECRET@HOST:PORT/BUCKET`, as `scripts/with-s3.sh` sets it.

mod faults;
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

/// The bucket of this test run, if it was given one.
pub fn bucket() -> Option<Options> {
    let url = variable("HAVEN_TEST_S3")?;
    let bucket = Options::for_tests(&url);
    assert!(bucket.is_some(), "HAVEN_TEST_S3 is http://KEY:SECRET@HOST:PORT/BUCKET");
    bucket
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
    variable("HAVEN_TEST_S3").is_none() || variable("HAVEN_TEST_S3_SHA512").is_some()
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
    fn for_tests(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (credentials, rest) = rest.split_once('@')?;
        let (key, secret) = credentials.split_once(':')?;
        let (host, bucket) = rest.split_once('/')?;
        let mut options = Self::new(Service::S3, bucket)
            .with("access_key_id", key)
            .with("secret_access_key", secret)
            .with("region", "us-east-1")
            .with("endpoint", format!("{scheme}://{host}"));
        options.allow_http = scheme == "http";
        options.root = format!("test-{}", random());
        Some(options)
    }
}
