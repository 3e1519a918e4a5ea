//! Bytes on their way in: collecting, writing and hashing side by side, in constant memory.
//!
//! While one batch comes from the network, those before are written and hashed on two blocking threads. Threads are
//! held only while they work, so that a thousand slow clients cost no thread, and those that pause no memory for what they
//! sent. Every [`FLUSH_EVERY`] bytes a sync starts beside all this, so that little is left for the last one to do.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use super::hashing::Hashing;
use super::layout::Layout;
use super::{blocking, joined, session};
use crate::error::{Error, Kind, Result};
use crate::hash::Hasher;
use crate::store::ByteStream;
use crate::upload::Upload;

/// Enough to drown the cost of a hop to another thread.
const BATCH_BYTES: u64 = 1 << 20;
/// Tiny chunks may each hold a larger buffer in place, so their number is bounded too.
const BATCH_CHUNKS: usize = 128;
/// When a client pauses, this much is not kept for it in memory but written.
const PAUSED_BYTES: u64 = 64 << 10;
const PAUSE: Duration = Duration::from_millis(200);
/// Batches at work at once: one, and the next one, so that the hash has something to go on with.
const STEPS: usize = 2;
const FLUSH_EVERY: u64 = 64 << 20;

/// See [`crate::BlobStore::append`].
pub(super) async fn append(
    layout: &Layout,
    upload: &mut Upload,
    mut body: ByteStream,
    limit: Option<u64>,
) -> Result<u64> {
    // The last request of a push brings no bytes as a rule, and then there is nothing to be done. But to wait for the first
    // byte before the file is ours would be to leave it to others meanwhile.
    let first = match body.next().now_or_never() {
        Some(None) => return Ok(upload.size),
        first => first.flatten(),
    };
    let body = stream::iter(first).chain(body).boxed();
    let file = Arc::new(session::open(layout, upload).await?.file);
    let mut intake = Intake::new(Arc::clone(&file), upload);
    let outcome = intake.run(body, limit).await;
    intake.drain().await;
    // Of a body that found no room nothing is kept, so that the room it had taken is there for others.
    if outcome.as_ref().is_err_and(|error| matches!(error.kind, Kind::TooLarge | Kind::Full)) {
        let (size, id) = (upload.size, upload.id.clone());
        let cut = blocking(move || file.set_len(size).map_err(|error| failed(&id, error)));
        cut.await?;
        return outcome.map(|()| upload.size);
    }
    if intake.size > upload.size {
        intake.sync(file).await?;
        upload.size = intake.size;
        upload.hasher = intake.hasher;
    }
    outcome.map(|()| upload.size)
}

/// One body on its way into a file.
struct Intake {
    file: Arc<File>,
    id: String,
    /// What has been both written and hashed; never more than is in the file.
    size: u64,
    hasher: Hasher,
    hashing: Hashing,
    steps: VecDeque<Step>,
    flush: Option<JoinHandle<Result<()>>>,
    flushed: u64,
}

/// One batch being written and hashed.
struct Step {
    write: JoinHandle<io::Result<()>>,
    hash: oneshot::Receiver<Hasher>,
    size: u64,
}

impl Intake {
    fn new(file: Arc<File>, upload: &Upload) -> Self {
        Self {
            file,
            id: upload.id.clone(),
            size: upload.size,
            hasher: upload.hasher.clone(),
            hashing: Hashing::new(upload.hasher.clone()),
            steps: VecDeque::with_capacity(STEPS),
            flush: None,
            flushed: upload.size,
        }
    }

    /// Takes in the body up to its end, its breaking off, or the limit.
    async fn run(&mut self, mut body: ByteStream, limit: Option<u64>) -> Result<()> {
        let mut room = limit.map(|limit| (limit.saturating_sub(self.size), limit));
        loop {
            let batch = Batch::collect(&mut body).await;
            if let Some((left, limit)) = &mut room {
                *left = left.checked_sub(batch.size).ok_or_else(|| Error::too_large(*limit))?;
            }
            let end = batch.end;
            while self.steps.len() >= STEPS {
                self.settle_one().await?;
            }
            self.start(batch.chunks, batch.size);
            match end {
                None => {}
                Some(End::Complete) => return self.settle().await,
                Some(End::Broken(error)) => {
                    self.settle().await?;
                    return Err(Error::interrupted(&self.id, error));
                }
            }
        }
    }

    /// Sets both threads to work on one batch.
    fn start(&mut self, chunks: Vec<Bytes>, size: u64) {
        if chunks.is_empty() {
            return;
        }
        let mut at = self.size + self.steps.iter().map(|step| step.size).sum::<u64>();
        let (file, written) = (Arc::clone(&self.file), chunks.clone());
        let hash = self.hashing.add(chunks);
        let write = spawn_blocking(move || {
            for chunk in written {
                file.write_all_at(&chunk, at)?;
                at += chunk.len() as u64;
            }
            Ok(())
        });
        self.steps.push_back(Step { write, hash, size });
    }

    /// Waits for the batches at work.
    async fn settle(&mut self) -> Result<()> {
        while !self.steps.is_empty() {
            self.settle_one().await?;
        }
        Ok(())
    }

    /// Waits for the oldest batch; it counts only if it is both in the file and in the hash.
    async fn settle_one(&mut self) -> Result<()> {
        let Some(step) = self.steps.pop_front() else { return Ok(()) };
        let (hashed, written) = (step.hash.await, step.write.await);
        joined(written)?.map_err(|error| failed(&self.id, error))?;
        self.hasher =
            hashed.map_err(|error| Error::with_source(Kind::Unavailable, "the hash died", error))?;
        self.size += step.size;
        self.flush_early().await
    }

    /// Waits until nothing is being written any more. How it fares is of no interest: what comes after a failure does
    /// not count.
    async fn drain(&mut self) {
        while let Some(step) = self.steps.pop_front() {
            let _ = step.write.await;
        }
    }

    /// Lets the disk start on what is written, unless it still has its hands full.
    async fn flush_early(&mut self) -> Result<()> {
        if self.size - self.flushed < FLUSH_EVERY
            || self.flush.as_ref().is_some_and(|flush| !flush.is_finished())
        {
            return Ok(());
        }
        self.finish_flush().await?;
        let (file, id) = (Arc::clone(&self.file), self.id.clone());
        self.flush = Some(spawn_blocking(move || session::sync(&file, &id)));
        self.flushed = self.size;
        Ok(())
    }

    async fn finish_flush(&mut self) -> Result<()> {
        let Some(flush) = self.flush.take() else { return Ok(()) };
        joined(flush.await)?
    }

    /// What was taken in is on the disk when this returns, and nothing else is in the file.
    async fn sync(&mut self, file: Arc<File>) -> Result<()> {
        self.finish_flush().await?;
        let (id, size) = (self.id.clone(), self.size);
        blocking(move || {
            // A write that failed half-way leaves a tail that nobody counts.
            if file.metadata().map_err(|error| failed(&id, error))?.len() > size {
                file.set_len(size).map_err(|error| failed(&id, error))?;
            }
            session::sync(&file, &id)
        })
        .await
    }
}

/// What the network delivers before the next hop to the blocking threads is worth it.
struct Batch {
    chunks: Vec<Bytes>,
    size: u64,
    end: Option<End>,
}

enum End {
    Complete,
    Broken(io::Error),
}

impl Batch {
    async fn collect(body: &mut ByteStream) -> Self {
        let mut batch = Self { chunks: Vec::new(), size: 0, end: None };
        while batch.size < BATCH_BYTES && batch.chunks.len() < BATCH_CHUNKS && batch.end.is_none() {
            let next = match body.next().now_or_never() {
                Some(next) => next,
                None if batch.size < PAUSED_BYTES => body.next().await,
                None => match timeout(PAUSE, body.next()).await {
                    Ok(next) => next,
                    Err(_) => break,
                },
            };
            match next {
                Some(Ok(chunk)) if chunk.is_empty() => {}
                Some(Ok(chunk)) => {
                    batch.size += chunk.len() as u64;
                    batch.chunks.push(chunk);
                }
                Some(Err(error)) => batch.end = Some(End::Broken(error)),
                None => batch.end = Some(End::Complete),
            }
        }
        batch
    }
}

fn failed(id: &str, error: io::Error) -> Error {
    Error::io(format!("write upload {id}"), error)
}
