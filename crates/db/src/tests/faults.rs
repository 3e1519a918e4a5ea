//! What happens when the database is locked, silent or gone: an end in bounded time, and then as before.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{SOON, count, counters};
use crate::testing::{self, TestDb};
use crate::{Db, Engine, Kind, Options, PostgresOptions, SqliteOptions, params};

/// Short to wait for, and long for a statement that need not wait, on a busy machine.
const SHORT: Duration = Duration::from_secs(2);
const ADD: &str = "UPDATE counter SET n = n + 1 WHERE id = $1";

/// Another handle on the same database, whose patience is short.
async fn impatient(db: &TestDb) -> Db {
    Db::open(match db.options() {
        Options::Sqlite(options) => Options::Sqlite(SqliteOptions { wait: SHORT, ..options }),
        Options::Postgres(options) => Options::Postgres(PostgresOptions {
            lock_timeout: SHORT,
            statement_timeout: SHORT * 3,
            ..options
        }),
    })
    .await
    .unwrap()
}

super::on_both![a_lock_of_somebody_else_is_waited_for_but_not_for_ever];

async fn a_lock_of_somebody_else_is_waited_for_but_not_for_ever(db: TestDb) {
    counters(&db).await;
    let other = impatient(&db).await;
    let mut held = db.begin().await.unwrap();
    held.execute(ADD, params![1]).await.unwrap();
    let started = Instant::now();
    let refused = other.execute(ADD, params![1]).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Busy, "{refused}");
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    assert_eq!(count(&other).await, 0, "who only reads does not wait");
    held.commit().await.unwrap();
    other.execute(ADD, params![1]).await.unwrap();
    assert_eq!(count(&db).await, 2);
}

/// As long as the caller has said: another process may have much to write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_write_of_another_process_is_outlasted() {
    let db = testing::empty(Engine::Sqlite).await.unwrap();
    counters(&db).await;
    let other = Db::open(db.options()).await.unwrap();
    let mut held = db.begin().await.unwrap();
    held.execute(ADD, params![1]).await.unwrap();
    let adding = tokio::spawn(async move { add(&other).await });
    tokio::time::sleep(Duration::from_secs(6)).await;
    held.commit().await.unwrap();
    assert_eq!(adding.await.unwrap().unwrap(), 1);
    assert_eq!(count(&db).await, 2);
}

/// A way to the server that can be made to swallow everything.
async fn way(server: String) -> (String, watch::Sender<bool>) {
    let (open, is_open) = watch::channel(true);
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((client, _)) = socket.accept().await {
            let Ok(server) = TcpStream::connect(&server).await else { continue };
            let ((from, to), (back, forth)) = (client.into_split(), server.into_split());
            tokio::spawn(pass(from, forth, is_open.clone()));
            tokio::spawn(pass(back, to, is_open.clone()));
        }
    });
    (address, open)
}

async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut is_open: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 16384];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if is_open.wait_for(|open| *open).await.is_err() || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

async fn add(db: &Db) -> crate::Result<u64> {
    db.execute(ADD, params![1]).await
}

/// `host:port` in a URL, and what is before and behind it.
fn taken_apart(url: &str) -> (&str, &str, &str) {
    let start = url.find('@').map_or_else(|| url.find("://").unwrap() + 3, |at| at + 1);
    let end = url[start..].find('/').map_or(url.len(), |at| start + at);
    (&url[..start], &url[start..end], &url[end..])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_falls_silent_is_given_up_and_found_again() {
    let Some(db) = testing::empty(Engine::Postgres).await else { return };
    counters(&db).await;
    let Options::Postgres(options) = db.options() else { unreachable!() };
    let (before, server, behind) = taken_apart(&options.url);
    let (address, open) = way(server.to_owned()).await;
    let far = Db::open(Options::Postgres(PostgresOptions {
        url: format!("{before}{address}{behind}"),
        max_connections: 2,
        connect_timeout: SHORT,
        statement_timeout: SHORT,
        lock_timeout: SHORT,
        ..options.clone()
    }))
    .await
    .unwrap();
    far.execute(ADD, params![1]).await.unwrap();
    let mut tx = far.begin().await.unwrap();
    tx.execute(ADD, params![1]).await.unwrap();
    open.send(false).unwrap();
    let started = Instant::now();
    let (read, write, committed) = tokio::join!(far.ping(), add(&far), tx.commit());
    for kind in [read.unwrap_err().kind, write.unwrap_err().kind, committed.unwrap_err().kind] {
        assert_eq!(kind, Kind::Unavailable);
    }
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    open.send(true).unwrap();
    far.ping().await.unwrap();
    far.execute(ADD, params![1]).await.unwrap();
    assert!((2..=4).contains(&count(&far).await), "what was not answered may have happened or not");
}

#[tokio::test]
async fn a_connection_is_replaced_when_it_is_old() {
    let Some(db) = testing::empty(Engine::Postgres).await else { return };
    let Options::Postgres(options) = db.options() else { unreachable!() };
    for (lifetime, same) in
        [(None, true), (Some(Duration::from_secs(60)), true), (Some(Duration::ZERO), false)]
    {
        let one = PostgresOptions { max_connections: 1, lifetime, ..options.clone() };
        let db = Db::open(Options::Postgres(one)).await.unwrap();
        let server = async || -> i64 {
            db.query_one("SELECT CAST(pg_backend_pid() AS BIGINT)", &[]).await.unwrap().get(0).unwrap()
        };
        assert_eq!(server().await == server().await, same, "{lifetime:?}");
    }
}

#[tokio::test]
async fn nobody_waits_for_a_statement_that_was_given_up() {
    let Some(db) = testing::empty(Engine::Postgres).await else { return };
    counters(&db).await;
    let Options::Postgres(options) = db.options() else { unreachable!() };
    let db = Db::open(Options::Postgres(PostgresOptions { max_connections: 2, ..options })).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    tx.execute(ADD, params![1]).await.unwrap();
    let slow = tx.query("SELECT 1 FROM pg_sleep(14)", &[]);
    assert!(tokio::time::timeout(SHORT, slow).await.is_err());
    drop(tx);
    let started = Instant::now();
    for _ in 0..3 {
        assert_eq!(count(&db).await, 0);
    }
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    let (one, two) = tokio::join!(add(&db), add(&db));
    assert_eq!((one.unwrap(), two.unwrap(), count(&db).await), (1, 1, 2), "and what it had begun is undone");
}
