//! The one thread that writes.
//!
//! Transactions come in a fair queue and run one after the other, each under a savepoint inside one outer transaction.
//! The outer one is committed, with a single sync to the disk, as soon as nobody waits or enough have gathered; only
//! then are the transactions in it acknowledged. Who was in the last group will likely be back at once, and is given a
//! fraction of a sync's time to arrive; a single client never waits.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::error::failure;
use super::statement;
use crate::{Answer, Error, Kind, Result, Value};

/// At most so many transactions share a sync, and nobody waits longer than this for company.
const GROUP: usize = 64;
const GATHER: Duration = Duration::from_millis(5);
/// At most so long is waited for those who are not there yet.
const LINGER: Duration = Duration::from_millis(1);

/// What to run.
pub(super) struct Work {
    sql: String,
    params: Vec<Value>,
    batch: bool,
}

impl Work {
    pub(super) fn new(sql: &str, params: &[Value]) -> Self {
        Self { sql: sql.to_owned(), params: params.to_vec(), batch: false }
    }

    pub(super) fn batch(sql: &str) -> Self {
        Self { sql: sql.to_owned(), params: Vec::new(), batch: true }
    }
}

/// What comes in through the queue.
pub(super) enum Request {
    /// A transaction; the answer is the way to send its steps.
    Begin { granted: oneshot::Sender<Result<Sender<Step>>>, since: Instant },
    /// A transaction of one statement.
    Once { work: Work, done: oneshot::Sender<Result<Answer>>, since: Instant },
    /// The end.
    Close { closed: oneshot::Sender<()> },
}

/// A step of a transaction. Hanging up is a rollback.
pub(super) enum Step {
    Run { work: Work, done: oneshot::Sender<Result<Answer>> },
    Commit { done: oneshot::Sender<Result<()>> },
}

/// A transaction that is done except for the outer commit.
enum Pending {
    Commit(oneshot::Sender<Result<()>>),
    Once(oneshot::Sender<Result<Answer>>, Answer),
}

/// Starts the thread. It ends with [`Request::Close`], or when all senders are gone.
pub(super) fn start(
    conn: Connection,
    idle: Duration,
    wait: Duration,
) -> Result<(Sender<Request>, JoinHandle<()>)> {
    let (requests, queue) = channel();
    let pending = Vec::new();
    let linger = Duration::ZERO;
    let writer = Writer { conn, queue, idle, wait, pending, since: Instant::now(), company: 0, linger };
    let thread = std::thread::Builder::new()
        .name("db-writer".to_owned())
        .spawn(move || writer.run())
        .map_err(|error| Error::unavailable("cannot start the writer").because(error))?;
    Ok((requests, thread))
}

struct Writer {
    conn: Connection,
    queue: Receiver<Request>,
    idle: Duration,
    wait: Duration,
    pending: Vec<Pending>,
    /// When the outer transaction began.
    since: Instant,
    /// How many were in the last group.
    company: usize,
    /// How long it pays to wait for so many again: half of what the last commit took.
    linger: Duration,
}

impl Writer {
    fn run(mut self) {
        while let Ok(request) = self.queue.recv() {
            let mut next = Some(request);
            while let Some(request) = next {
                if let Request::Close { closed } = request {
                    self.flush();
                    drop(self.conn);
                    let _ = closed.send(());
                    return;
                }
                self.serve(request);
                next = self.next();
            }
            self.flush();
        }
    }

    /// Who joins the group, if it is not time to commit.
    fn next(&self) -> Option<Request> {
        let (gathered, age) = (self.pending.len(), self.since.elapsed());
        if gathered >= GROUP || age >= GATHER {
            return None;
        }
        let waiting = self.queue.try_recv().ok();
        if waiting.is_some() || gathered == 0 || gathered >= self.company || age >= self.linger {
            return waiting;
        }
        self.queue.recv_timeout(self.linger - age).ok()
    }

    fn serve(&mut self, request: Request) {
        match request {
            Request::Begin { granted, since } => {
                if granted.is_closed() {
                    return;
                }
                match self.enter(since) {
                    Ok(()) => self.transaction(granted),
                    Err(error) => drop(granted.send(Err(error))),
                }
            }
            Request::Once { work, done, since } => {
                if done.is_closed() {
                    return;
                }
                match self.enter(since).and_then(|()| self.once(&work)) {
                    Ok(answer) => self.pending.push(Pending::Once(done, answer)),
                    Err(error) => drop(done.send(Err(error))),
                }
            }
            Request::Close { .. } => {}
        }
    }

    /// Opens the outer transaction if there is none, and a savepoint in it.
    fn enter(&mut self, since: Instant) -> Result<()> {
        if since.elapsed() > self.wait {
            return Err(Error::new(Kind::Busy, "the writer is busy"));
        }
        if self.conn.is_autocommit() {
            self.control("BEGIN IMMEDIATE")?;
            self.since = Instant::now();
        }
        self.control("SAVEPOINT one")
    }

    fn once(&mut self, work: &Work) -> Result<Answer> {
        let answer = self.work(work);
        match &answer {
            Ok(_) => self.control("RELEASE one")?,
            Err(_) => self.undo(),
        }
        answer
    }

    fn transaction(&mut self, granted: oneshot::Sender<Result<Sender<Step>>>) {
        let (sender, steps) = channel();
        if granted.send(Ok(sender)).is_err() {
            return self.undo();
        }
        loop {
            match steps.recv_timeout(self.idle) {
                Ok(Step::Run { work, done }) => {
                    let answer = self.work(&work);
                    let lost = self.conn.is_autocommit();
                    let _ = done.send(answer);
                    if lost {
                        return;
                    }
                }
                Ok(Step::Commit { done }) => {
                    match self.control("RELEASE one") {
                        Ok(()) => self.pending.push(Pending::Commit(done)),
                        Err(error) => {
                            self.undo();
                            let _ = done.send(Err(error));
                        }
                    }
                    return;
                }
                Err(RecvTimeoutError::Disconnected) => return self.undo(),
                Err(RecvTimeoutError::Timeout) => {
                    tracing::warn!(
                        idle_ms = self.idle.as_millis() as u64,
                        "rolled back a forgotten transaction"
                    );
                    return self.undo();
                }
            }
        }
    }

    fn work(&mut self, work: &Work) -> Result<Answer> {
        let answer = if work.batch {
            self.conn
                .execute_batch(&work.sql)
                .map(|()| Answer::default())
                .map_err(|error| failure(error).running(&work.sql))
        } else {
            statement::run(&self.conn, &work.sql, &work.params)
        };
        if self.conn.is_autocommit() {
            // A full or broken disk makes SQLite undo the outer transaction, and everything that waited in it.
            self.fail(|| Error::unavailable("the shared transaction was rolled back by the database"));
        }
        answer
    }

    /// Undoes the transaction under the savepoint, or everything if not even that works.
    fn undo(&mut self) {
        let undone = self.control("ROLLBACK TO one").and_then(|()| self.control("RELEASE one"));
        if undone.is_err() {
            self.abandon();
        }
    }

    /// Commits the outer transaction and acknowledges what is in it.
    fn flush(&mut self) {
        if self.conn.is_autocommit() {
            return;
        }
        let started = Instant::now();
        if let Err(error) = self.control("COMMIT") {
            tracing::error!(error = &error as &dyn std::error::Error, "cannot commit");
            let kind = error.kind;
            self.fail(|| Error::new(kind, "the database could not commit"));
            return self.abandon();
        }
        if !self.pending.is_empty() {
            self.company = self.pending.len();
            self.linger = (started.elapsed() / 2).min(LINGER);
        }
        for pending in self.pending.drain(..) {
            match pending {
                Pending::Commit(done) => drop(done.send(Ok(()))),
                Pending::Once(done, answer) => drop(done.send(Ok(answer))),
            }
        }
    }

    /// Rolls the outer transaction back.
    fn abandon(&mut self) {
        if !self.conn.is_autocommit() {
            let _ = self.control("ROLLBACK");
        }
        self.fail(|| Error::unavailable("the shared transaction was rolled back"));
    }

    fn fail(&mut self, error: impl Fn() -> Error) {
        for pending in self.pending.drain(..) {
            match pending {
                Pending::Commit(done) => drop(done.send(Err(error()))),
                Pending::Once(done, _) => drop(done.send(Err(error()))),
            }
        }
    }

    fn control(&self, sql: &str) -> Result<()> {
        statement::run(&self.conn, sql, &[]).map(drop)
    }
}
