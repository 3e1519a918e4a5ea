//! Which bucket, under which name and with whose rights.

use std::fmt;
use std::time::Duration;

/// Services whose protocol is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Amazon S3, and whatever speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

/// Everything that it takes to use a bucket.
#[derive(Clone, PartialEq, Eq)]
pub struct Options {
    pub service: Service,
    /// The name of the bucket or container, for messages.
    pub bucket: String,
    /// What all keys begin with; may be empty.
    pub root: String,
    /// Names and values as the client knows them (`access_key_id`, `endpoint`); the last of a name counts. Unknown names
    /// change nothing, so an environment can be passed as it is, in lower case.
    pub settings: Vec<(String, String)>,
    /// Certificates in PEM that are trusted beside those of the system.
    pub ca_bundle: Option<Vec<u8>>,
    /// Whether `http://` is allowed.
    pub allow_http: bool,
    /// Whether any certificate will do.
    pub skip_verify: bool,
    /// What a part of a multipart holds, in bytes; without it parts grow with the blob.
    pub part_size: Option<u64>,
    pub copies: Copies,
    /// How many uploads may keep more than a little in memory at once; without it 256. Each keeps up to
    /// [`Options::MOST_MEMORY`].
    pub large_uploads: Option<usize>,
    pub patience: Patience,
}

/// How large objects are copied where the service copies only so much at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copies {
    /// Objects up to this size, in bytes, are copied by one request.
    pub single: u64,
    /// What one request copies of a larger one, in bytes.
    pub piece: u64,
    /// How many such requests run at once.
    pub at_once: usize,
}

impl Default for Copies {
    fn default() -> Self {
        Self { single: 256 << 20, piece: 128 << 20, at_once: 8 }
    }
}

/// How long an answer is waited for, and how often a request is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    pub connect: Duration,
    /// From the first byte of a request to the first of its answer, and between two reads of the answer.
    pub answer: Duration,
    pub retries: usize,
    /// Before the first repetition; every further one waits about twice as long.
    pub pause: Duration,
    /// No request is begun again after this time.
    pub give_up: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(30),
            retries: 5,
            pause: Duration::from_millis(100),
            give_up: Duration::from_secs(60),
        }
    }
}

impl Options {
    /// What an upload keeps in memory, in bytes, unless parts are large: those on their way, and one that is collected.
    pub const MOST_MEMORY: u64 = 37 << 20;

    /// A bucket with nothing said about how to reach it.
    pub fn new(service: Service, bucket: impl Into<String>) -> Self {
        Self {
            service,
            bucket: bucket.into(),
            root: String::new(),
            settings: Vec::new(),
            ca_bundle: None,
            allow_http: false,
            skip_verify: false,
            part_size: None,
            copies: Copies::default(),
            large_uploads: None,
            patience: Patience::default(),
        }
    }

    /// Adds a setting of the client.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings.push((name.to_owned(), value.into()));
        self
    }

    /// The setting of this very name, if there is one.
    pub(super) fn told(&self, name: &str) -> Option<&str> {
        self.settings.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Options {
    /// The settings by name only, for some are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.settings.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Options")
            .field("service", &self.service)
            .field("bucket", &self.bucket)
            .field("root", &self.root)
            .field("settings", &names)
            .finish_non_exhaustive()
    }
}
