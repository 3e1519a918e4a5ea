//! What a transaction keeps, and what it gives up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{SOON, count, counters, on_both};
use crate::testing::TestDb;
use crate::{Db, Engine, Kind, Options, params};

on_both![
    a_commit_lasts,
    a_dropped_transaction_is_rolled_back,
    what_waits_for_a_commit_is_done_after_it_or_never,
    it_sees_its_own_writes_and_others_do_not,
    it_is_over_at_its_first_error,
    a_write_through_query_counts,
    a_hundred_tasks_increment,
    check_then_write_behind_a_lock,
    an_attempt_that_finds_nothing_holds_nothing,
    a_forgotten_transaction_blocks_nobody_for_ever,
    a_caller_may_give_up_anywhere,
    closed_means_closed,
];

const ADD: &str = "UPDATE counter SET n = n + $1 WHERE id = 1";

async fn a_commit_lasts(db: TestDb) {
    counters(&db).await;
    let mut tx = db.begin().await.unwrap();
    assert_eq!(tx.execute(ADD, params![2]).await.unwrap(), 1);
    assert_eq!(tx.execute("UPDATE counter SET n = 0 WHERE id = 99", &[]).await.unwrap(), 0);
    tx.commit().await.unwrap();
    assert_eq!(count(&db).await, 2);
    let again = Db::open(db.options()).await.unwrap();
    assert_eq!(count(&again).await, 2);
}

async fn a_dropped_transaction_is_rolled_back(db: TestDb) {
    counters(&db).await;
    for _ in 0..20 {
        let mut tx = db.begin().await.unwrap();
        tx.execute(ADD, params![1]).await.unwrap();
        drop(tx);
        let mut tx = db.begin().await.unwrap();
        let row = tx.query_one("SELECT n FROM counter WHERE id = 1", &[]).await.unwrap();
        assert_eq!(row.get::<i64>(0).unwrap(), 0);
        drop(tx);
        assert_eq!(count(&db).await, 0);
    }
}

async fn an_attempt_that_finds_nothing_holds_nothing(db: TestDb) {
    const TAKE: &str = "UPDATE counter SET n = n - $1 WHERE id = 1 AND n >= $1";
    counters(&db).await;
    db.execute(ADD, params![5]).await.unwrap();
    let mut first = db.begin().await.unwrap();
    assert_eq!(first.attempt(TAKE, params![4]).await.unwrap(), 1);
    let waiting = {
        let db = Db::clone(&db);
        tokio::spawn(async move {
            let mut second = db.begin().await.unwrap();
            assert_eq!(second.attempt(TAKE, params![4]).await.unwrap(), 0);
            second
        })
    };
    if db.engine() == Engine::Postgres {
        tokio::time::sleep(Duration::from_millis(100)).await;
        first.commit().await.unwrap();
        let second = waiting.await.unwrap();
        // It waited for the row, which then had too little, and a third one need not wait for it.
        let third = tokio::time::timeout(SOON, db.execute(ADD, params![1])).await;
        assert_eq!(third.unwrap().unwrap(), 1);
        drop(second);
    } else {
        // The first is told when the group is on the disk, and the second may be in it.
        let (committed, ()) = tokio::join!(first.commit(), async { drop(waiting.await.unwrap()) });
        committed.unwrap();
        db.execute(ADD, params![1]).await.unwrap();
    }
    assert_eq!(count(&db).await, 2);
}

async fn what_waits_for_a_commit_is_done_after_it_or_never(db: TestDb) {
    counters(&db).await;
    let told = Arc::new(AtomicUsize::new(0));
    let tell = || {
        let told = Arc::clone(&told);
        move || {
            told.fetch_add(1, Ordering::SeqCst);
        }
    };
    let mut tx = db.begin().await.unwrap();
    tx.on_commit(tell());
    drop(tx);
    let mut tx = db.begin().await.unwrap();
    tx.on_commit(tell());
    assert!(tx.execute("UPDATE nothing SET n = 1", &[]).await.is_err());
    assert!(tx.commit().await.is_err());
    assert_eq!(told.load(Ordering::SeqCst), 0);
    let mut tx = db.begin().await.unwrap();
    tx.on_commit(tell());
    tx.on_commit(tell());
    tx.execute(ADD, params![2]).await.unwrap();
    assert_eq!(told.load(Ordering::SeqCst), 0);
    tx.commit().await.unwrap();
    assert_eq!((told.load(Ordering::SeqCst), count(&db).await), (2, 2));
}

async fn it_sees_its_own_writes_and_others_do_not(db: TestDb) {
    counters(&db).await;
    let mut tx = db.begin().await.unwrap();
    let row = tx.query_one("UPDATE counter SET n = 7 WHERE id = 1 RETURNING n", &[]).await.unwrap();
    assert_eq!(row.get::<i64>(0).unwrap(), 7);
    let row = tx.query_one("SELECT n FROM counter WHERE id = 1", &[]).await.unwrap();
    assert_eq!(row.get::<i64>(0).unwrap(), 7);
    assert_eq!(count(&db).await, 0);
    tx.commit().await.unwrap();
    assert_eq!(count(&db).await, 7);
}

async fn it_is_over_at_its_first_error(db: TestDb) {
    counters(&db).await;
    let mut tx = db.begin().await.unwrap();
    tx.execute(ADD, params![1]).await.unwrap();
    let twice = tx.execute("INSERT INTO counter (id, n) VALUES (1, 1)", &[]).await;
    assert_eq!(twice.unwrap_err().kind, Kind::Conflict);
    assert_eq!(tx.execute(ADD, params![1]).await.unwrap_err().kind, Kind::Internal);
    assert_eq!(tx.commit().await.unwrap_err().kind, Kind::Internal);
    assert_eq!(count(&db).await, 0);
}

async fn a_write_through_query_counts(db: TestDb) {
    counters(&db).await;
    let row = db.query_one("UPDATE counter SET n = n + 5 WHERE id = 1 RETURNING n", &[]).await.unwrap();
    assert_eq!(row.get::<i64>(0).unwrap(), 5);
    assert_eq!(count(&db).await, 5);
    assert_eq!(db.execute("DELETE FROM counter", &[]).await.unwrap(), 1);
}

async fn a_hundred_tasks_increment(db: TestDb) {
    counters(&db).await;
    let tasks = (0..100).map(|number| {
        let db = db.db();
        tokio::spawn(async move {
            if number % 2 == 0 {
                db.execute(ADD, params![1]).await.unwrap();
                return;
            }
            let mut tx = db.begin().await.unwrap();
            tx.execute(ADD, params![1]).await.unwrap();
            tx.query_one("SELECT n FROM counter WHERE id = 1", &[]).await.unwrap();
            tx.commit().await.unwrap();
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(count(&db).await, 100);
}

async fn check_then_write_behind_a_lock(db: TestDb) {
    counters(&db).await;
    let tasks = (0..30).map(|_| {
        let db = db.db();
        tokio::spawn(async move {
            let mut tx = db.begin().await.unwrap();
            let row = tx.query_one("SELECT n FROM counter WHERE id = 1 FOR UPDATE", &[]).await.unwrap();
            let n: i64 = row.get(0).unwrap();
            if n < 10 {
                tx.execute("UPDATE counter SET n = $1 WHERE id = 1", params![n + 1]).await.unwrap();
                tx.commit().await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(count(&db).await, 10);
}

/// The same database with little patience.
async fn hasty(db: &TestDb) -> Db {
    let patience = Duration::from_secs(2);
    Db::open(match db.options() {
        Options::Sqlite(options) => Options::Sqlite(crate::SqliteOptions { idle: patience, ..options }),
        Options::Postgres(options) => Options::Postgres(crate::PostgresOptions { idle: patience, ..options }),
    })
    .await
    .unwrap()
}

async fn a_forgotten_transaction_blocks_nobody_for_ever(db: TestDb) {
    counters(&db).await;
    let db = hasty(&db).await;
    let mut forgotten = db.begin().await.unwrap();
    forgotten.execute(ADD, params![1]).await.unwrap();
    db.execute(ADD, params![10]).await.unwrap();
    assert_eq!(count(&db).await, 10);
    let late = forgotten.execute(ADD, params![1]).await.unwrap_err();
    assert_eq!(late.kind, Kind::Unavailable, "{late:?}");
    drop(forgotten);
    assert_eq!(count(&db).await, 10);
}

async fn a_caller_may_give_up_anywhere(db: TestDb) {
    counters(&db).await;
    for patience in 0..60_u64 {
        let work = async {
            let mut tx = db.begin().await.unwrap();
            tx.execute(ADD, params![1]).await.unwrap();
            tx.execute(ADD, params![-1]).await.unwrap();
            tx.commit().await.unwrap();
        };
        let _ = tokio::time::timeout(Duration::from_micros(patience * 40), work).await;
    }
    let mut tx = db.begin().await.unwrap();
    tx.execute(ADD, params![1]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(count(&db).await, 1);
}

async fn closed_means_closed(db: TestDb) {
    counters(&db).await;
    let mut tx = db.begin().await.unwrap();
    tx.execute(ADD, params![1]).await.unwrap();
    tx.commit().await.unwrap();
    db.close().await;
    db.close().await;
    assert_eq!(db.ping().await.unwrap_err().kind, Kind::Unavailable);
    assert_eq!(db.execute(ADD, params![1]).await.unwrap_err().kind, Kind::Unavailable);
    assert_eq!(db.begin().await.unwrap_err().kind, Kind::Unavailable);
    let again = Db::open(db.options()).await.unwrap();
    assert_eq!(count(&again).await, 1);
}

#[tokio::test]
async fn nobody_listens_is_unavailable() {
    let options = crate::PostgresOptions::new("postgres://haven@127.0.0.1:1/haven");
    let db = Db::open(Options::Postgres(options)).await.unwrap();
    assert_eq!(db.engine(), Engine::Postgres);
    assert_eq!(db.ping().await.unwrap_err().kind, Kind::Unavailable);
    assert_eq!(db.begin().await.unwrap_err().kind, Kind::Unavailable);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_corrupt() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("haven.db");
    std::fs::write(&path, "this is a text, and a long one, but not at all a database. ".repeat(100)).unwrap();
    let opened = Db::open(Options::Sqlite(crate::SqliteOptions::new(path))).await;
    assert_eq!(opened.unwrap_err().kind, Kind::Corrupt);
}

/// The server ends connections that wait in the pool; a read must not notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_survives_a_restarted_server() {
    let Some(db) = crate::testing::empty(Engine::Postgres).await else { return };
    counters(&db).await;
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let killer = Db::open(db.options()).await.unwrap();
    for _ in 0..10 {
        assert_eq!(count(&db).await, 0);
        killer.query(others, &[]).await.unwrap();
        assert_eq!(count(&db).await, 0);
        killer.query(others, &[]).await.unwrap();
        let tx = db.begin().await.unwrap();
        tx.commit().await.unwrap();
    }
}
