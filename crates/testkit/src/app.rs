//! One application for one test.

use crate::browser::Browser;
use crate::client::Client;
use axum::Router;
use haven_blobs::{BlobStore, Filesystem, ObjectStorage, conformance, object};
use haven_core::access::Role;
use haven_core::settings::Configured;
use haven_core::{App, Options};
use haven_db::testing::{TestDb, fresh};
use haven_db::{Clock, Db, Engine, Timestamp, params};
use haven_oci::Digest;
use haven_web::conn::Network;
use haven_web::metrics::Metrics;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tempfile::TempDir;

/// The administrator's password, and that of everybody whom a test makes.
pub(crate) const PASSWORD: &str = "Harbor12345";

/// The signing key and the password's hash of the first installation. The others of this process get the same: making
/// them takes longer than most stories.
static SECRETS: OnceLock<(Vec<u8>, String)> = OnceLock::new();

/// The application on a database and a storage folder of its own, with a clock that only the test moves.
pub struct TestApp {
    pub app: Arc<App>,
    pub clock: Clock,
    router: Router,
    db: TestDb,
    folder: TempDir,
    /// Where storage is, if a test has said so.
    bucket: Option<object::Options>,
}

/// One process of an installation.
async fn open(db: Db, clock: Clock, blobs: Arc<dyn BlobStore>, login_delay: Duration) -> Arc<App> {
    // The first write makes the bucket.
    blobs.check().await.unwrap();
    let options = Options {
        db,
        blobs,
        clock,
        secret_key: [7; 32],
        signing_key_pem: None,
        login_delay,
        settings: Configured::default(),
        storage_name: "filesystem",
    };
    Arc::new(App::new(options).await.unwrap())
}

impl TestApp {
    /// A new installation on this engine.
    pub async fn start(engine: Engine) -> Self {
        Self::begin(engine, true, None).await
    }

    /// A new installation that shares no key with any other.
    pub async fn start_apart(engine: Engine) -> Self {
        Self::begin(engine, false, None).await
    }

    /// A new installation that keeps its blobs in this bucket, as it is reached by these options.
    pub async fn start_in(engine: Engine, bucket: object::Options) -> Self {
        Self::begin(engine, true, Some(bucket)).await
    }

    async fn begin(engine: Engine, share: bool, bucket: Option<object::Options>) -> Self {
        let db = fresh(engine).await.expect("the engine is one of engines()");
        let clock = Clock::manual(Timestamp::from_secs(1_700_000_000));
        if let (true, Some((key, hash))) = (share, SECRETS.get()) {
            let now = clock.now();
            let row = params!["token-signing-key", key.clone(), now];
            db.execute("INSERT INTO keyring (name, value, created_at) VALUES ($1, $2, $3)", row)
                .await
                .unwrap();
            let account =
                "UPDATE user_account SET password_hash = $1, created_at = $2, updated_at = $2 WHERE id = 1";
            db.execute(account, params![hash.as_str(), now]).await.unwrap();
            let project = "UPDATE project SET created_at = $1, updated_at = $1 WHERE id = 1";
            db.execute(project, params![now]).await.unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        Self::on(db, clock, folder, bucket).await
    }

    /// The same installation after a restart: nothing that was only in memory is left.
    pub async fn restart(self) -> Self {
        Self::on(self.db, self.clock, self.folder, self.bucket).await
    }

    async fn on(db: TestDb, clock: Clock, folder: TempDir, bucket: Option<object::Options>) -> Self {
        let app = open(db.db(), clock.clone(), blobs(folder.path(), bucket.as_ref()), Duration::ZERO).await;
        if app.needs_first_password().await.unwrap() {
            app.first_start(PASSWORD).await.unwrap();
        }
        if SECRETS.get().is_none() {
            let key = db.query_one("SELECT value FROM keyring", &[]).await.unwrap().get(0).unwrap();
            let hash = "SELECT password_hash FROM user_account WHERE id = 1";
            let hash = db.query_one(hash, &[]).await.unwrap().get(0).unwrap();
            let _ = SECRETS.set((key, hash));
        }
        let router = router(&app, Network::default());
        Self { app, clock, router, db, folder, bucket }
    }

    /// The administrator at the door of another replica of the same installation.
    pub async fn replica(&self) -> Client {
        self.patient_replica(Duration::ZERO).await
    }

    /// The same at a replica that answers a wrong password this much later.
    pub async fn patient_replica(&self, login_delay: Duration) -> Client {
        self.replica_within(Network::default(), login_delay).await
    }

    /// The same at one that knows this of the network besides.
    pub async fn replica_within(&self, network: Network, login_delay: Duration) -> Client {
        let app = self.another_with(login_delay).await;
        Client::new(router(&app, network), Some(("admin".to_owned(), PASSWORD.to_owned())))
    }

    /// Another replica of the same installation.
    pub async fn another(&self) -> Arc<App> {
        self.another_with(Duration::ZERO).await
    }

    async fn another_with(&self, login_delay: Duration) -> Arc<App> {
        let db = Db::open(self.db.options()).await.unwrap();
        open(db, self.clock.clone(), self.blobs(), login_delay).await
    }

    /// The administrator at the door of a replica.
    pub fn door(app: &Arc<App>) -> Client {
        Client::new(router(app, Network::default()), Some(("admin".to_owned(), PASSWORD.to_owned())))
    }

    /// Somebody in front of a browser.
    pub fn browser(&self) -> Browser {
        Browser::at(&self.anonymous())
    }

    /// Somebody who has not logged in.
    pub fn anonymous(&self) -> Client {
        Client::new(self.router.clone(), None)
    }

    /// The administrator.
    pub fn admin(&self) -> Client {
        self.with_password("admin", PASSWORD)
    }

    /// The administrator, at a front door that knows this of the network. The client is at 127.0.0.1.
    pub fn admin_within(&self, network: Network) -> Client {
        Client::new(router(&self.app, network), Some(("admin".to_owned(), PASSWORD.to_owned())))
    }

    /// Somebody with these credentials, right or wrong.
    pub fn with_password(&self, name: &str, password: &str) -> Client {
        Client::new(self.router.clone(), Some((name.to_owned(), password.to_owned())))
    }

    /// A new person without any role.
    pub async fn person(&self, name: &str) -> Client {
        self.db
            .execute(
                "INSERT INTO user_account (username, email, password_hash, created_at, updated_at)
                 SELECT $1, $2, password_hash, 1, 1 FROM user_account WHERE id = 1",
                params![name, format!("{name}@example.com")],
            )
            .await
            .unwrap();
        self.with_password(name, PASSWORD)
    }

    /// A new person with a role in a project.
    pub async fn member(&self, project: &str, name: &str, role: Role) -> Client {
        let client = self.person(name).await;
        self.db
            .execute(
                "INSERT INTO project_member (project_id, entity_type, entity_id, role_id, created_at, updated_at)
                 SELECT p.id, 'u', u.id, $3, 1, 1 FROM project p, user_account u
                 WHERE p.name = $1 AND u.username = $2",
                params![project, name, role.id()],
            )
            .await
            .unwrap();
        client
    }

    /// A project made by the administrator; returns its id.
    pub async fn project(&self, name: &str, public: bool) -> i64 {
        let body = serde_json::json!({ "project_name": name, "metadata": { "public": public.to_string() } });
        let made = self.admin().post("/api/v2.0/projects", &body).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.header("location").rsplit('/').next().unwrap().parse().unwrap()
    }

    /// The database, to look at what no answer shows.
    pub fn db(&self) -> &TestDb {
        &self.db
    }

    /// The storage, as another process sees it.
    pub fn blobs(&self) -> Arc<dyn BlobStore> {
        blobs(self.folder.path(), self.bucket.as_ref())
    }

    /// Whether storage is a folder that a test can look into. With `HAVEN_TEST_S3` it is a bucket.
    pub fn on_files(&self) -> bool {
        object::testing::bucket().is_none()
    }

    /// The storage folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The bucket that is the storage, if it is one.
    pub fn bucket(&self) -> Option<object::Options> {
        self.bucket.clone().or_else(|| bucket(self.folder.path()))
    }

    /// Puts anything, or nothing, in the place of a blob in storage.
    pub async fn damage(&self, digest: &Digest, bytes: Option<&[u8]>) {
        if let Some(bucket) = self.bucket() {
            let bytes = bytes.map(|bytes| bytes.to_vec().into());
            return ObjectStorage::open(&bucket).unwrap().damage(digest, bytes).await.unwrap();
        }
        let shelf = self.folder().join("docker/registry/v2/blobs").join(digest.algorithm().as_str());
        let path = shelf.join(&digest.hex()[..2]).join(digest.hex()).join("data");
        match bytes {
            Some(bytes) => {
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, bytes).unwrap();
            }
            None => std::fs::remove_file(path).unwrap(),
        }
    }

    /// The bytes in the place of a blob in storage, whatever they are.
    pub async fn stored(&self, digest: &Digest) -> Option<Vec<u8>> {
        let blobs = self.blobs();
        let size = blobs.size(digest).await.unwrap()?;
        Some(conformance::read_all(&*blobs, digest, size, 0..size).await.unwrap())
    }

    /// How many files storage holds, uploads included; always none in a bucket.
    pub fn files(&self) -> usize {
        fn count(dir: &Path) -> usize {
            let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
            entries.map(|path| if path.is_dir() { count(&path) } else { 1 }).sum()
        }
        count(self.folder.path())
    }
}

fn router(app: &Arc<App>, network: Network) -> Router {
    haven_web::router(haven_web::Options {
        app: Arc::clone(app),
        metrics: Metrics::new("test"),
        network,
        version: "test",
        // Longer than any answer takes on a machine that is busy with many tests.
        api_timeout: Duration::from_secs(600),
    })
}

/// Storage where the test wants it, or of the kind that this test run is about, apart from all others.
fn blobs(folder: &Path, wanted: Option<&object::Options>) -> Arc<dyn BlobStore> {
    match wanted.cloned().or_else(|| bucket(folder)) {
        None => Arc::new(Filesystem::open(folder).unwrap()),
        Some(bucket) => Arc::new(ObjectStorage::open(&bucket).unwrap()),
    }
}

fn bucket(folder: &Path) -> Option<object::Options> {
    let name = folder.file_name().unwrap().to_string_lossy().to_lowercase();
    object::testing::bucket_named(&format!("test-{}", name.trim_matches('.')))
}
