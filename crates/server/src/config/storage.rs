//! Where the bytes of blobs are kept, and what happens to uploads that nobody finishes.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use haven_web::conn::Redirects;

use super::{buckets, settings::Settings};

const REDIRECT_NETWORKS: &str = "haven.redirect_networks";

/// Where the bytes are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In files.
    Filesystem {
        /// The folder that holds `docker/registry/v2`.
        root: PathBuf,
    },
    /// In a bucket.
    Bucket(Box<haven_blobs::object::Options>),
}

/// What happens to uploads that nobody finishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadPurging {
    /// Whether they are looked for at all.
    pub enabled: bool,
    /// How long one may rest before it goes.
    pub age: Duration,
    /// How often they are looked for.
    pub interval: Duration,
    /// Only log what would go.
    pub dry_run: bool,
}

pub(super) fn storage(settings: &mut Settings, env: &[(String, String)], data_dir: &Path) -> Storage {
    if let Some(bucket) = buckets::read(settings, env) {
        return Storage::Bucket(Box::new(bucket));
    }
    let root = settings.text("storage_service.filesystem.rootdirectory");
    // Harbor's registry keeps its blobs there, so that its data volume can be taken over as it is.
    let root = root.map_or_else(|| data_dir.join("registry"), PathBuf::from);
    Storage::Filesystem { root }
}

/// Which clients may be sent to the storage.
pub(super) fn redirects(settings: &mut Settings) -> Redirects {
    let disabled = settings.flag("storage_service.redirect.disable").unwrap_or(false);
    let within = settings.list(REDIRECT_NETWORKS);
    let mut networks = Vec::new();
    for item in within.iter().flatten() {
        match item.parse() {
            Ok(network) => networks.push(network),
            Err(problem) => settings.complain(REDIRECT_NETWORKS, problem),
        }
    }
    match within {
        _ if disabled => Redirects::Nobody,
        None => Redirects::Everybody,
        Some(_) => Redirects::Within(networks),
    }
}

pub(super) fn upload_purging(settings: &mut Settings) -> UploadPurging {
    UploadPurging {
        enabled: settings.flag("upload_purging.enabled").unwrap_or(true),
        age: hours(settings, "upload_purging.age", 168),
        interval: hours(settings, "upload_purging.interval", 24),
        dry_run: settings.flag("upload_purging.dryrun").unwrap_or(false),
    }
}

/// Harbor asks for at least two hours, which leaves a slow push in peace.
fn hours(settings: &mut Settings, key: &str, default: u64) -> Duration {
    let found = settings.duration(key).unwrap_or(Duration::from_secs(default * 3600));
    if found < Duration::from_secs(2 * 3600) {
        settings.complain(key, "must be `2h` or more");
    }
    found
}
