//! What the crate promises, on both engines.

mod faults;
mod group;
mod lists;
mod migrations;
mod pool;
mod together;
mod transactions;
mod types;

/// Makes a test per engine of each function; PostgreSQL is passed over if there is no server.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use crate::{Engine, testing};

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                super::$name(testing::empty(Engine::Sqlite).await.unwrap()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(db) = testing::empty(Engine::Postgres).await {
                    super::$name(db).await;
                }
            }
        }
    )+};
}
use on_both;

use crate::{Db, params};
use std::time::Duration;

/// Short of the patience of a test's database, and long for everything that does not wait for just that.
const SOON: Duration = Duration::from_secs(60);

/// A table to play with.
async fn counters(db: &Db) {
    db.execute("CREATE TABLE counter (id BIGINT NOT NULL PRIMARY KEY, name TEXT, n BIGINT NOT NULL, UNIQUE (name, n))", &[])
        .await
        .unwrap();
    db.execute("INSERT INTO counter (id, name, n) VALUES ($1, $2, $3)", params![1, "one", 0]).await.unwrap();
}

async fn count(db: &Db) -> i64 {
    db.query_one("SELECT n FROM counter WHERE id = $1", params![1]).await.unwrap().get(0).unwrap()
}
