//! One application for one test.

use crate::client::Client;
use axum::Router;
use haven_blobs::{BlobStore, Filesystem, ObjectStorage, object};
use haven_core::access::Role;
use haven_core::settings::Configured;
use haven_core::{App, Options};
use haven_db::testing::{TestDb, fresh};
use haven_db::{Clock, Db, Engine, Timestamp, params};
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
}

/// One process of an installation.
async fn open(db: Db, clock: Clock, folder: &Path) -> Arc<App> {
    let blobs = blobs(folder);
    let options = Options {
        db,
        blobs,
        clock,
        secret_key: [7; 32],
        signing_key_pem: None,
        login_delay: Duration::ZERO,
        settings: Configured::default(),
        storage_name: "filesystem",
    };
    Arc::new(App::new(options).await.unwrap())
}

impl TestApp {
    /// A new installation on this engine.
    pub async fn start(engine: Engine) -> Self {
        Self::begin(engine, true).await
    }

    /// A new installation that shares no key with any other.
    pub async fn start_apart(engine: Engine) -> Self {
        Self::begin(engine, false).await
    }

    async fn begin(engine: Engine, share: bool) -> Self {
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
        Self::on(db, clock, folder).await
    }

    /// The same installation after a restart: nothing that was only in memory is left.
    pub async fn restart(self) -> Self {
        Self::on(self.db, self.clock, self.folder).await
    }

    async fn on(db: TestDb, clock: Clock, folder: TempDir) -> Self {
        let app = open(db.db(), clock.clone(), folder.path()).await;
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
        Self { app, clock, router, db, folder }
    }

    /// The administrator at the door of another replica of the same installation.
    pub async fn replica(&self) -> Client {
        Self::door(&self.another().await)
    }

    /// Another replica of the same installation.
    pub async fn another(&self) -> Arc<App> {
        let db = Db::open(self.db.options()).await.unwrap();
        open(db, self.clock.clone(), self.folder.path()).await
    }

    /// The administrator at the door of a replica.
    pub fn door(app: &Arc<App>) -> Client {
        Client::new(router(app, Network::default()), Some(("admin".to_owned(), PASSWORD.to_owned())))
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

    /// Whether storage is a folder that a test can look into. With `HAVEN_TEST_S3` it is a bucket.
    pub fn on_files(&self) -> bool {
        object::testing::bucket().is_none()
    }

    /// The storage folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
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
        api_timeout: Duration::from_secs(60),
    })
}

/// Storage of the kind that this test run is about, apart from all others.
fn blobs(folder: &Path) -> Arc<dyn BlobStore> {
    let Some(mut bucket) = object::testing::bucket() else {
        return Arc::new(Filesystem::open(folder).unwrap());
    };
    bucket.root = folder.file_name().unwrap().to_string_lossy().replace('.', "");
    Arc::new(ObjectStorage::open(&bucket).unwrap())
}
