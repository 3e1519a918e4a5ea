//! SQLite inside the process: reads in place, writes through one thread.

mod error;
mod frozen;
mod readers;
mod statement;
mod writer;

use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use crate::{Answer, Error, Kind, Result, Row, SqliteOptions, Value};
use error::{closed, failure};
use frozen::Frozen;
use readers::Readers;
use writer::{Request, Step, Work};

/// An open file: readers, and the way to the writer.
pub(crate) struct Sqlite {
    readers: Readers,
    requests: Sender<Request>,
    thread: Mutex<Option<JoinHandle<()>>>,
    wait: Duration,
    /// Of a file that nobody must write while it is read.
    frozen: Option<Frozen>,
}

impl Sqlite {
    pub(crate) async fn open(options: SqliteOptions) -> Result<Self> {
        tokio::task::spawn_blocking(move || Self::open_blocking(&options))
            .await
            .map_err(|error| Error::internal("opening the database was interrupted").because(error))?
    }

    fn open_blocking(options: &SqliteOptions) -> Result<Self> {
        if options.look && frozen::is_read_only(&options.path) {
            return Self::open_for_reading(options);
        }
        create(&options.path)?;
        let writer = open_writer(options)?;
        let readers = open_readers(options, None)?;
        let (requests, thread) = writer::start(writer, options.idle, options.wait)?;
        Ok(Self { readers, requests, thread: Mutex::new(Some(thread)), wait: options.wait, frozen: None })
    }

    /// Without a writer: whatever would write finds the database closed.
    fn open_for_reading(options: &SqliteOptions) -> Result<Self> {
        let frozen = Frozen::if_needed(&options.path, options.wait)?;
        let (requests, _) = channel();
        let readers = open_readers(options, frozen.as_ref())?;
        Ok(Self { readers, requests, thread: Mutex::default(), wait: options.wait, frozen })
    }

    pub(crate) async fn query(&self, sql: &str, params: &[Value]) -> Result<Vec<Row>> {
        match self.readers.query(sql, params).await? {
            Some(rows) => {
                self.frozen.as_ref().map_or(Ok(()), Frozen::check)?;
                Ok(rows)
            }
            None => self.once(sql, params).await.map(|answer| answer.rows),
        }
    }

    pub(crate) async fn execute(&self, sql: &str, params: &[Value]) -> Result<u64> {
        self.once(sql, params).await.map(|answer| answer.changed)
    }

    async fn once(&self, sql: &str, params: &[Value]) -> Result<Answer> {
        let (done, answer) = oneshot::channel();
        let work = Work::new(sql, params);
        self.requests.send(Request::Once { work, done, since: Instant::now() }).map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    pub(crate) async fn begin(&self) -> Result<SqliteTx> {
        let (granted, grant) = oneshot::channel();
        self.requests.send(Request::Begin { granted, since: Instant::now() }).map_err(|_| closed())?;
        let steps = tokio::time::timeout(self.wait, grant)
            .await
            .map_err(|_| Error::new(Kind::Busy, "the writer is busy"))?
            .map_err(|_| closed())??;
        Ok(SqliteTx { steps })
    }

    pub(crate) async fn close(&self) {
        self.readers.close();
        let (closed, done) = oneshot::channel();
        if self.requests.send(Request::Close { closed }).is_ok() {
            let _ = done.await;
        }
        let thread = self.thread.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

/// The client's end of a transaction that runs on the writer's thread. Dropping it hangs up, and the writer rolls back.
pub(crate) struct SqliteTx {
    steps: Sender<Step>,
}

impl SqliteTx {
    pub(crate) async fn run(&mut self, sql: &str, params: &[Value]) -> Result<Answer> {
        let (done, answer) = oneshot::channel();
        self.steps.send(Step::Run { work: Work::new(sql, params), done }).map_err(|_| forgotten())?;
        answer.await.map_err(|_| forgotten())?
    }

    pub(crate) async fn batch(&mut self, sql: &str) -> Result<()> {
        let (done, answer) = oneshot::channel();
        self.steps.send(Step::Run { work: Work::batch(sql), done }).map_err(|_| forgotten())?;
        answer.await.map_err(|_| forgotten())?.map(drop)
    }

    pub(crate) async fn commit(self) -> Result<()> {
        let (done, answer) = oneshot::channel();
        self.steps.send(Step::Commit { done }).map_err(|_| forgotten())?;
        answer.await.map_err(|_| forgotten())?
    }
}

/// The writer no longer listens: it has waited too long for us, or it is gone.
fn forgotten() -> Error {
    Error::unavailable("the transaction was rolled back because it stood idle or the database was closed")
}

/// Makes the file, readable for nobody else: it holds password hashes.
fn create(path: &Path) -> Result<()> {
    let cannot = |error: std::io::Error| {
        Error::unavailable(format!("cannot create {}", path.display())).because(error)
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(cannot)?;
    }
    let mut file = std::fs::OpenOptions::new();
    file.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    file.open(path).map(drop).map_err(cannot)
}

fn open_writer(options: &SqliteOptions) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let synchronous = if options.durable { "FULL" } else { "OFF" };
    let prepare = || {
        let conn = Connection::open_with_flags(&options.path, flags)?;
        conn.busy_timeout(options.wait)?;
        use_wal(&conn, options.wait)?;
        conn.pragma_update(None, "synchronous", synchronous)?;
        conn.pragma_update(None, "foreign_keys", "ON")?;
        // What a large transaction changes stays there until it is written once.
        conn.pragma_update(None, "cache_size", "-32768")?;
        conn.pragma_update(None, "journal_size_limit", "67108864")?;
        conn.set_prepared_statement_cache_capacity(256);
        Ok(conn)
    };
    prepare().map_err(failure)
}

/// Several processes that open a new file together are told at once that it is locked, busy timeout or not.
fn use_wal(conn: &Connection, wait: Duration) -> rusqlite::Result<()> {
    let started = Instant::now();
    loop {
        match conn.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
                    && started.elapsed() < wait =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            done => return done,
        }
    }
}

fn open_readers(options: &SqliteOptions, frozen: Option<&Frozen>) -> Result<Readers> {
    let open = |_| match frozen {
        Some(frozen) => open_reader(&frozen.uri(), OpenFlags::SQLITE_OPEN_URI, options.wait),
        None => open_reader(&options.path, OpenFlags::empty(), options.wait),
    };
    let connections = (0..options.readers.max(1)).map(open).collect::<Result<_>>()?;
    Ok(Readers::new(connections, options.wait))
}

fn open_reader(path: &Path, more: OpenFlags, wait: Duration) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
    let prepare = || {
        let conn = Connection::open_with_flags(path, flags)?;
        conn.busy_timeout(wait)?;
        conn.pragma_update(None, "cache_size", "-8192")?;
        conn.set_prepared_statement_cache_capacity(256);
        Ok(conn)
    };
    prepare().map_err(failure)
}
