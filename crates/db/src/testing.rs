//! Fresh databases for tests, on both engines. With the feature `testing`.
//!
//! SQLite lives in a folder of its own. PostgreSQL is used if `HAVEN_TEST_POSTGRES` names a server
//! (`postgres://user@host:port/postgres`) whose user may create databases. A migrated database is a copy of a template
//! that is made once.

use std::ops::Deref;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{Db, Engine, Error, Options, PostgresOptions, Result, SqliteOptions, migrate};

/// Nothing is given up sooner: a machine that is busy with many tests takes its time, and one that stands still for a moment
/// is no fault of theirs. Tests about patience set their own.
const PATIENCE: Duration = Duration::from_secs(120);

/// A database that is gone when this is dropped. Dereferences to its [`Db`].
#[derive(Debug)]
pub struct TestDb {
    db: Db,
    options: Options,
    _home: Home,
}

#[derive(Debug)]
enum Home {
    Folder { _folder: TempDir },
    Server { _database: Database },
}

impl TestDb {
    /// The handle, to hand on.
    pub fn db(&self) -> Db {
        self.db.clone()
    }

    /// Runs one statement as if there were no keys between tables: how somebody damages a database by hand.
    pub async fn without_keys(&self, sql: &str) -> Result<()> {
        match &self.options {
            Options::Sqlite(options) => {
                let failed = |error| Error::internal("damage").because(error);
                let conn = rusqlite::Connection::open(&options.path).map_err(failed)?;
                conn.execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}")).map_err(failed)
            }
            Options::Postgres(_) => {
                let mut tx = self.db.begin().await?;
                tx.batch(&format!("SET LOCAL session_replication_role = replica; {sql}")).await?;
                tx.commit().await
            }
        }
    }

    /// How to open the same database once more, as another process would.
    pub fn options(&self) -> Options {
        self.options.clone()
    }
}

impl Deref for TestDb {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

/// The engines that can be tested here: always SQLite, and PostgreSQL if there is a server.
pub fn engines() -> Vec<Engine> {
    let postgres = server().map(|_| Engine::Postgres);
    [Engine::Sqlite].into_iter().chain(postgres).collect()
}

/// A database with the whole schema. `None` if there is no such engine here.
pub async fn fresh(engine: Engine) -> Option<TestDb> {
    made(match engine {
        Engine::Sqlite => sqlite(Some(sqlite_template().await)).await,
        Engine::Postgres => match server() {
            Some(server) => postgres(&server, true).await,
            None => return None,
        },
    })
}

/// A database without any table. `None` if there is no such engine here.
pub async fn empty(engine: Engine) -> Option<TestDb> {
    made(match engine {
        Engine::Sqlite => sqlite(None).await,
        Engine::Postgres => match server() {
            Some(server) => postgres(&server, false).await,
            None => return None,
        },
    })
}

#[expect(clippy::panic, reason = "only tests come here, and they cannot go on")]
fn made<T>(made: Result<T>) -> Option<T> {
    match made {
        Ok(made) => Some(made),
        Err(error) => {
            let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            panic!("no database for this test: {error}: {source}")
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has no configuration to read")]
fn server() -> Option<String> {
    std::env::var("HAVEN_TEST_POSTGRES").ok().filter(|url| !url.is_empty())
}

async fn sqlite(template: Option<&[u8]>) -> Result<TestDb> {
    let failed = |error: std::io::Error| crate::Error::unavailable("no temporary folder").because(error);
    let folder = TempDir::new().map_err(failed)?;
    let path = folder.path().join("haven.db");
    if let Some(template) = template {
        std::fs::write(&path, template).map_err(failed)?;
    }
    let options = sqlite_options(path);
    let db = Db::open(options.clone()).await?;
    Ok(TestDb { db, options, _home: Home::Folder { _folder: folder } })
}

fn sqlite_options(path: PathBuf) -> Options {
    let (wait, idle) = (PATIENCE, PATIENCE);
    Options::Sqlite(SqliteOptions { durable: false, wait, idle, ..SqliteOptions::new(path) })
}

async fn sqlite_template() -> &'static [u8] {
    static TEMPLATE: OnceCell<Vec<u8>> = OnceCell::const_new();
    let make = async {
        let db = sqlite(None).await?;
        db.migrate().await?;
        db.close().await;
        let Options::Sqlite(options) = &db.options else { return Ok(Vec::new()) };
        std::fs::read(&options.path).map_err(|error| crate::Error::unavailable("no template").because(error))
    };
    TEMPLATE.get_or_init(|| async { made(make.await).unwrap_or_default() }).await
}

async fn postgres(server: &str, migrated: bool) -> Result<TestDb> {
    let name = format!("haven_test_{}", uuid::Uuid::new_v4().simple());
    let admin = connect(server, 1).await?;
    let template = if migrated { postgres_template(server, &admin).await? } else { "template0".to_owned() };
    admin.execute(&format!("CREATE DATABASE {name} TEMPLATE {template}"), &[]).await?;
    admin.close().await;
    let database = Database { server: server.to_owned(), name };
    let options = Options::Postgres(PostgresOptions { max_connections: 12, ..patient(database.url()) });
    let db = Db::open(options.clone()).await?;
    Ok(TestDb { db, options, _home: Home::Server { _database: database } })
}

/// Makes the template unless it is there; its name changes with the migrations. One connection holds the lock
/// meanwhile, against other test processes.
async fn postgres_template(server: &str, admin: &Db) -> Result<String> {
    let name = format!("haven_template_{}", migrate::fingerprint());
    admin.query("SELECT pg_advisory_lock(7308604896284110165)", &[]).await?;
    let found = admin.query("SELECT 1 FROM pg_database WHERE datname = $1", &[name.as_str().into()]).await?;
    if found.is_empty() {
        let building = Database { server: server.to_owned(), name: format!("{name}_building") };
        admin.execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", building.name), &[]).await?;
        admin.execute(&format!("CREATE DATABASE {} TEMPLATE template0", building.name), &[]).await?;
        let db = connect(&building.url(), 1).await?;
        db.migrate().await?;
        db.close().await;
        admin.execute(&format!("ALTER DATABASE {} RENAME TO {name}", building.name), &[]).await?;
    }
    admin.query("SELECT pg_advisory_unlock(7308604896284110165)", &[]).await?;
    Ok(name)
}

async fn connect(url: &str, max_connections: usize) -> Result<Db> {
    Db::open(Options::Postgres(PostgresOptions { max_connections, ..patient(url) })).await
}

fn patient(url: impl Into<String>) -> PostgresOptions {
    PostgresOptions {
        connect_timeout: PATIENCE,
        statement_timeout: PATIENCE,
        lock_timeout: PATIENCE,
        idle: PATIENCE,
        ..PostgresOptions::new(url)
    }
}

/// A database on the server, dropped with this.
#[derive(Debug)]
struct Database {
    server: String,
    name: String,
}

impl Database {
    /// The server's URL with this database in it.
    fn url(&self) -> String {
        let (base, query) =
            self.server.split_once('?').map_or((self.server.as_str(), None), |(a, b)| (a, Some(b)));
        let start = base.find("://").map_or(0, |at| at + 3);
        let end = base[start..].find('/').map_or(base.len(), |at| start + at);
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}/{}{query}", &base[..end], self.name)
    }
}

impl Drop for Database {
    /// On a thread of its own, because a test's runtime cannot be waited for from inside.
    fn drop(&mut self) {
        if self.name.ends_with("_building") {
            return;
        }
        let server = std::mem::take(&mut self.server);
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.map(|runtime| {
                runtime.block_on(async { connect(&server, 1).await?.execute(&sql, &[]).await }).is_ok()
            })
        });
        let _ = dropping.join();
    }
}
