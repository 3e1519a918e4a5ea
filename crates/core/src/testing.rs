//! An application for tests of slices: a real database on each engine, blobs in memory, a clock that the test moves.

use crate::settings::{self, Change, Configured};
use crate::{App, Options, access};
use haven_blobs::Memory;
use haven_db::testing::{TestDb, engines, fresh};
use haven_db::{Clock, Db, Timestamp};
use rsa::RsaPrivateKey;
use rsa::pkcs1::{EncodeRsaPrivateKey as _, LineEnding};
use serde_json::Value;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// Made once, for it takes longer than most tests.
static KEY: LazyLock<String> = LazyLock::new(|| {
    let key = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).unwrap();
    key.to_pkcs1_pem(LineEnding::LF).unwrap().to_string()
});

/// An installation with one replica.
pub(crate) struct Place {
    pub(crate) app: Arc<App>,
    pub(crate) db: TestDb,
    pub(crate) clock: Clock,
}

/// One on each engine that is here.
pub(crate) async fn places() -> Vec<Place> {
    let mut places = Vec::new();
    for engine in engines() {
        let db = fresh(engine).await.unwrap();
        let clock = Clock::manual(Timestamp::from_secs(1_700_000_000));
        places.push(Place { app: open(db.db(), clock.clone()).await, db, clock });
    }
    places
}

impl Place {
    /// Another replica.
    pub(crate) async fn replica(&self) -> Arc<App> {
        open(Db::open(self.db.options()).await.unwrap(), self.clock.clone()).await
    }

    /// Changes settings: an object of their names, those that only the configuration changes included.
    pub(crate) async fn set(&self, change: Value) {
        let Value::Object(change) = change else { panic!("{change}") };
        let change = Change::overwrite(change).unwrap();
        settings::set(&self.app, &access::operator(), change).await.unwrap();
    }

    /// The one number that a statement answers.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.db.query_one(sql, &[]).await.unwrap().get(0).unwrap()
    }

    /// The lines of one text each that a statement answers.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<String> {
        let rows = self.db.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0).unwrap()).collect()
    }
}

async fn open(db: Db, clock: Clock) -> Arc<App> {
    let options = Options {
        db,
        blobs: Arc::new(Memory::new()),
        clock,
        secret_key: [7; 32],
        signing_key_pem: Some(KEY.clone()),
        login_delay: Duration::ZERO,
        settings: Configured::default(),
        storage_name: "memory",
    };
    Arc::new(App::new(options).await.unwrap())
}
