//! Where the bytes lie: a folder, or a bucket behind a relay.

use crate::relay;
use haven_blobs::{BlobStore, Filesystem, ObjectStorage, conformance, object};
use haven_oci::Digest;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The storage of the program under test, as we look at it.
pub(crate) struct Storage {
    store: Arc<dyn BlobStore>,
    /// What the program is told of it.
    pub(crate) environment: Vec<(String, String)>,
    /// The folder of the uploads, if there is one to look into.
    uploads: Option<PathBuf>,
    /// The folder in which the S3 server keeps its own files.
    server: Option<PathBuf>,
    pub(crate) is_bucket: bool,
}

/// Below the root of either kind.
const TREE: &str = "docker/registry/v2";

impl Storage {
    /// A folder in the data folder.
    pub(crate) fn folder(data: &Path) -> Self {
        let root = data.join("registry");
        Self {
            store: Arc::new(Filesystem::open(&root).unwrap()),
            environment: Vec::new(),
            uploads: Some(root.join(TREE).join("uploads")),
            server: None,
            is_bucket: false,
        }
    }

    /// A bucket on the server of this run, if there is one. Parts and copies are as small as they may be.
    pub(crate) async fn bucket(name: &str, server: Option<PathBuf>) -> Option<Self> {
        let options = object::testing::bucket_named(name)?;
        let store = ObjectStorage::open(&options).unwrap();
        // The first write makes the bucket.
        store.check().await.unwrap();
        let setting = |name: &str| {
            let found = options.settings.iter().rfind(|(known, _)| known == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let endpoint = setting("endpoint");
        let address = endpoint.strip_prefix("http://").unwrap_or(&endpoint).to_owned();
        let near = relay::open(address).await;
        let mut environment = vec![
            ("HAVEN_STORAGE_SERVICE__REDIRECT__DISABLE".to_owned(), "true".to_owned()),
            ("HAVEN_STORAGE_SERVICE__S3__BUCKET".to_owned(), options.bucket.clone()),
            ("HAVEN_STORAGE_SERVICE__S3__REGIONENDPOINT".to_owned(), format!("http://{near}")),
            ("HAVEN_STORAGE_SERVICE__S3__REGION".to_owned(), setting("region")),
            ("HAVEN_STORAGE_SERVICE__S3__ACCESSKEY".to_owned(), setting("access_key_id")),
            ("HAVEN_STORAGE_SERVICE__S3__SECRETKEY".to_owned(), setting("secret_access_key")),
            ("HAVEN_STORAGE_SERVICE__S3__CHUNKSIZE".to_owned(), (5 << 20).to_string()),
            ("HAVEN_STORAGE_SERVICE__S3__MULTIPARTCOPYTHRESHOLDSIZE".to_owned(), (13 << 20).to_string()),
            ("HAVEN_STORAGE_SERVICE__S3__MULTIPARTCOPYCHUNKSIZE".to_owned(), (5 << 20).to_string()),
        ];
        if !options.root.is_empty() {
            let name = "HAVEN_STORAGE_SERVICE__S3__ROOTDIRECTORY".to_owned();
            environment.push((name, options.root.clone()));
        }
        let tree = server.as_ref().map(|server| server.join(&options.bucket).join(&options.root).join(TREE));
        Some(Self {
            store: Arc::new(store),
            environment,
            uploads: tree.map(|tree| tree.join("uploads")),
            server,
            is_bucket: true,
        })
    }

    /// Leaves a blob as a crash does that comes just before its row.
    pub(crate) async fn leave(&self, digest: &str, content: &[u8]) {
        self.store.put(&digest.parse().unwrap(), content.to_vec().into()).await.unwrap();
    }

    /// The bytes in the place of a blob.
    pub(crate) async fn stored(&self, digest: &str) -> Option<Vec<u8>> {
        let digest: Digest = digest.parse().unwrap();
        let size = self.store.size(&digest).await.unwrap()?;
        Some(conformance::read_all(&*self.store, &digest, size, 0..size).await.unwrap())
    }

    /// How many uploads have something here.
    pub(crate) async fn uploads(&self) -> usize {
        self.store.uploads().await.unwrap().len()
    }

    /// Makes everything of uploads look as if it had been written so long ago; false where that is out of reach.
    pub(crate) fn age_uploads(&self, by: Duration) -> bool {
        let Some(uploads) = &self.uploads else { return false };
        age(uploads, SystemTime::UNIX_EPOCH + since_epoch() - by);
        true
    }

    /// How many multiparts the server still has under way that have parts; none where nobody can look.
    pub(crate) fn open_multiparts(&self) -> usize {
        let Some(server) = &self.server else { return 0 };
        let names: Vec<String> = fs::read_dir(server)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        let ids = names.iter().filter_map(|name| name.strip_prefix(".upload-")?.strip_suffix(".json"));
        let has_parts =
            |id: &&str| names.iter().any(|name| name.starts_with(&format!(".upload_id-{id}.part-")));
        ids.filter(has_parts).count()
    }
}

fn since_epoch() -> Duration {
    let now = haven_db::Clock::system().now().0;
    Duration::from_micros(now.unsigned_abs())
}

fn age(path: &Path, time: SystemTime) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            age(&entry.unwrap().path(), time);
        }
    }
    File::open(path).unwrap().set_modified(time).unwrap();
}
