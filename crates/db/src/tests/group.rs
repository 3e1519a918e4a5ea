//! Several transactions behind one sync: SQLite's writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::Barrier;

use super::{count, counters};
use crate::testing::{TestDb, empty};
use crate::{Db, Engine, Kind, Options, SqliteOptions, params};

const ADD: &str = "UPDATE counter SET n = n + $1 WHERE id = 1";

async fn sqlite() -> TestDb {
    let db = empty(Engine::Sqlite).await.unwrap();
    counters(&db).await;
    db
}

/// Starts these while somebody else has the writer, so that they all wait and go as one group.
async fn together<F, Fut>(db: &TestDb, tasks: usize, work: F)
where
    F: Fn(usize, Db) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let first = db.begin().await.unwrap();
    let running = (0..tasks).map(|number| tokio::spawn(work(number, db.db()))).collect::<Vec<_>>();
    tokio::time::sleep(Duration::from_millis(50)).await;
    first.commit().await.unwrap();
    for task in running {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_fails_leaves_the_others_alone() {
    let db = sqlite().await;
    together(&db, 30, |number, db| async move {
        let mut tx = db.begin().await.unwrap();
        tx.execute(ADD, params![1]).await.unwrap();
        match number % 3 {
            0 => tx.commit().await.unwrap(),
            1 => {
                let failed = tx.execute("INSERT INTO counter (id, n) VALUES (1, 1)", &[]).await;
                assert_eq!(failed.unwrap_err().kind, Kind::Conflict);
                assert!(tx.commit().await.is_err());
            }
            _ => drop(tx),
        }
    })
    .await;
    assert_eq!(count(&db).await, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn single_statements_share_too() {
    let db = sqlite().await;
    together(&db, 40, |number, db| async move {
        let id = i64::try_from(number).unwrap() / 2 + 10;
        let inserted = db.execute("INSERT INTO counter (id, n) VALUES ($1, $2)", params![id, 0]).await;
        if let Err(error) = inserted {
            assert!(error.violates("counter", &["id"]));
        }
    })
    .await;
    let row = db.query_one("SELECT COUNT(*) FROM counter WHERE id >= 10", &[]).await.unwrap();
    assert_eq!(row.get::<i64>(0).unwrap(), 20);
}

/// An acknowledged commit is seen by a new reader at once, whatever else is in its group.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_means_visible() {
    let db = sqlite().await;
    let other = Db::open(db.options()).await.unwrap();
    let barrier = Arc::new(Barrier::new(16));
    let tasks = (100..116_i64).map(|id| {
        let (db, other, barrier) = (db.db(), other.clone(), Arc::clone(&barrier));
        tokio::spawn(async move {
            for round in 0..20_i64 {
                barrier.wait().await;
                let mut tx = db.begin().await.unwrap();
                let id = id * 1000 + round;
                tx.execute("INSERT INTO counter (id, n) VALUES ($1, 0)", params![id]).await.unwrap();
                tx.commit().await.unwrap();
                let found = other.query("SELECT 1 FROM counter WHERE id = $1", params![id]).await.unwrap();
                assert_eq!(found.len(), 1);
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_for_the_writer_has_an_end() {
    let db = sqlite().await;
    let Options::Sqlite(options) = db.options() else { unreachable!() };
    let wait = Duration::from_secs(2);
    let db = Db::open(Options::Sqlite(SqliteOptions { wait, ..options })).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    assert_eq!(db.begin().await.unwrap_err().kind, Kind::Busy);
    let mut late = Box::pin(async { db.execute(ADD, params![1]).await });
    assert!((&mut late).now_or_never().is_none(), "it waits from now on");
    tokio::time::sleep(wait + Duration::from_millis(100)).await;
    tx.execute(ADD, params![5]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(late.await.unwrap_err().kind, Kind::Busy);
    db.execute(ADD, params![1]).await.unwrap();
    assert_eq!(count(&db).await, 6);
}

/// When the outer commit cannot be done, nobody in the group is told that it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_fails_those_it_concerns() {
    let db = sqlite().await;
    db.execute("CREATE TABLE big (id INTEGER PRIMARY KEY, y BLOB NOT NULL)", &[]).await.unwrap();
    let pages: i64 = db.query_one("PRAGMA page_count", &[]).await.unwrap().get(0).unwrap();
    let mut tx = db.begin().await.unwrap();
    tx.query(&format!("PRAGMA max_page_count = {}", pages + 8), &[]).await.unwrap();
    tx.commit().await.unwrap();
    let acknowledged = Arc::new(AtomicI64::new(0));
    together(&db, 10, |number, db| {
        let acknowledged = Arc::clone(&acknowledged);
        async move {
            if number == 5 {
                let full = db.execute("INSERT INTO big (y) VALUES ($1)", params![vec![7_u8; 1 << 20]]).await;
                assert_eq!(full.unwrap_err().kind, Kind::Unavailable);
            } else if db.execute(ADD, params![1]).await.is_ok() {
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
        }
    })
    .await;
    assert_eq!(count(&db).await, acknowledged.load(Ordering::SeqCst));
    db.execute(ADD, params![1]).await.unwrap();
}
