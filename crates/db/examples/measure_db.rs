//! Point reads and small write transactions per second, with 1 and 16 tasks, on both engines:
//! `cargo run -p haven-db --example measure_db -- FOLDER [postgres://..]`, with `--release` for figures that count.
//!
//! FOLDER should be on the disk that matters; the PostgreSQL database gets a table `measured`, dropped at the end.

#![expect(clippy::print_stdout, reason = "an example speaks on standard output")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use haven_db::{Db, Error, Options, PostgresOptions, Result, SqliteOptions, params};

const ROWS: i64 = 100_000;
const TIME: Duration = Duration::from_secs(3);

#[derive(Clone, Copy)]
enum Work {
    Read,
    Statement,
    Transaction,
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| ".".to_owned());
    let path = std::path::Path::new(&folder).join("measured.db");
    let db = Db::open(Options::Sqlite(SqliteOptions::new(&path))).await?;
    measure("sqlite", &db).await?;
    db.close().await;
    let _ = std::fs::remove_file(path);
    if let Some(url) = arguments.next() {
        let db = Db::open(Options::Postgres(PostgresOptions::new(url))).await?;
        measure("postgres", &db).await?;
        db.close().await;
    }
    Ok(())
}

async fn measure(name: &str, db: &Db) -> Result<()> {
    fill(db).await?;
    for (work, title) in [
        (Work::Read, "point reads"),
        (Work::Statement, "single-statement writes"),
        (Work::Transaction, "read + update + commit"),
    ] {
        for tasks in [1, 16] {
            let done = run(db, work, tasks).await?;
            println!("{name:9} {title:24} {tasks:3} tasks {:9.0} /s", done as f64 / TIME.as_secs_f64());
        }
    }
    db.execute("DROP TABLE measured", &[]).await.map(drop)
}

async fn fill(db: &Db) -> Result<()> {
    db.execute("DROP TABLE IF EXISTS measured", &[]).await?;
    db.execute("CREATE TABLE measured (id BIGINT PRIMARY KEY, name TEXT NOT NULL, n BIGINT NOT NULL)", &[])
        .await?;
    let mut tx = db.begin().await?;
    for id in 0..ROWS {
        tx.execute("INSERT INTO measured VALUES ($1, $2, 0)", params![id, format!("row number {id}")])
            .await?;
    }
    tx.commit().await
}

async fn run(db: &Db, work: Work, tasks: usize) -> Result<u64> {
    let done = Arc::new(AtomicU64::new(0));
    let end = Instant::now() + TIME;
    let running = (0..tasks).map(|task| {
        let (db, done) = (db.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            let mut seed = task as u64 + 1;
            while Instant::now() < end {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                once(&db, work, (seed >> 33) as i64 % ROWS).await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, Error>(())
        })
    });
    for task in running.collect::<Vec<_>>() {
        if let Ok(finished) = task.await {
            finished?;
        }
    }
    Ok(done.load(Ordering::Relaxed))
}

async fn once(db: &Db, work: Work, id: i64) -> Result<()> {
    const READ: &str = "SELECT name, n FROM measured WHERE id = $1";
    const WRITE: &str = "UPDATE measured SET n = n + 1 WHERE id = $1";
    match work {
        Work::Read => db.query_one(READ, params![id]).await?.get::<String>(0).map(drop),
        Work::Statement => db.execute(WRITE, params![id]).await.map(drop),
        Work::Transaction => {
            let mut tx = db.begin().await?;
            tx.query_one(READ, params![id]).await?;
            tx.execute(WRITE, params![id]).await?;
            tx.commit().await
        }
    }
}
