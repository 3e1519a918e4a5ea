//! The pool of PostgreSQL: which connection a caller gets.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::testing;
use crate::{Db, Engine, Options, PostgresOptions};

const HOUR: Duration = Duration::from_secs(3600);

/// The server's process that serves the connection we are given.
async fn backend(db: &Db) -> i64 {
    let row = db.query_one("SELECT CAST(pg_backend_pid() AS BIGINT)", &[]).await.unwrap();
    row.get(0).unwrap()
}

async fn open(options: &PostgresOptions, lifetime: Option<Duration>) -> Db {
    let options = PostgresOptions { lifetime, max_connections: 3, ..options.clone() };
    Db::open(Options::Postgres(options)).await.unwrap()
}

#[tokio::test]
async fn a_connection_that_has_reached_its_age_is_replaced() {
    let Some(db) = testing::empty(Engine::Postgres).await else { return };
    let Options::Postgres(options) = db.options() else { unreachable!() };
    for (lifetime, different) in [(None, 1), (Some(HOUR), 1), (Some(Duration::ZERO), 4)] {
        let pool = open(&options, lifetime).await;
        let mut backends = BTreeSet::new();
        for _ in 0..4 {
            backends.insert(backend(&pool).await);
        }
        assert_eq!(backends.len(), different, "{lifetime:?}");
    }
}

#[tokio::test]
async fn age_does_not_end_a_transaction_and_frees_its_place() {
    let Some(db) = testing::empty(Engine::Postgres).await else { return };
    let Options::Postgres(options) = db.options() else { unreachable!() };
    let pool = open(&options, Some(Duration::ZERO)).await;
    for _ in 0..4 {
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(pool.begin().await.unwrap());
        }
        for mut tx in held {
            tx.query("SELECT 1", &[]).await.unwrap();
            tx.commit().await.unwrap();
        }
    }
}
