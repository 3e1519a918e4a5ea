//! Bytes on their way in: collecting, writing and hashing side by side, in constant memory.
//!
//! While one batch comes from the network, those before are written and hashed on two blocking threads. Threads are
//! held only while they work, so that a thousand slow clients cost no thread, and those that pause no memory for what they
//! sent; large batches share a bounded memory. Every [`FLUSH_EVERY`] bytes a sync starts beside all this, so that little is
//! left for the last one to do.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, timeout_at};

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
/// What every batch may hold.
const SMALL_BYTES: u64 = 64 << 10;
/// How many batches of all uploads may hold more at a time, those being written included. Where all are taken batches
/// stay small, which costs a crowd nothing: its many uploads keep the threads busy.
pub(super) const LARGE_BATCHES: usize = 64;
/// What a large batch waits for. When a client pauses, what it sent is not kept in memory but written.
const PAUSE: Duration = Duration::from_millis(200);
/// Large batches at work at once: one, and the next one, so that the hash has something to go on with.
const STEPS: usize = 2;
const FLUSH_EVERY: u64 = 64 << 20;

/// See [`crate::BlobStore::append`].
pub(super) async fn append(
    layout: &Layout,
    large: &Arc<Semaphore>,
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
    let mut intake = Intake::new(Arc::clone(&file), Arc::clone(large), upload);
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
    large: Arc<Semaphore>,
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
    /// Kept until nobody holds the bytes any more.
    _large: Option<OwnedSemaphorePermit>,
}

impl Intake {
    fn new(file: Arc<File>, large: Arc<Semaphore>, upload: &Upload) -> Self {
        Self {
            file,
            large,
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
            let batch = Batch::collect(&mut body, &self.large).await;
            if let Some((left, limit)) = &mut room {
                *left = left.checked_sub(batch.size).ok_or_else(|| Error::too_large(*limit))?;
            }
            let end = batch.end;
            let most = if batch.large.is_some() { STEPS } else { 1 };
            while self.steps.len() >= most {
                self.settle_one().await?;
            }
            self.start(batch.chunks, batch.size, batch.large);
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
    fn start(&mut self, chunks: Vec<Bytes>, size: u64, large: Option<OwnedSemaphorePermit>) {
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
        self.steps.push_back(Step { write, hash, size, _large: large });
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
    large: Option<OwnedSemaphorePermit>,
    end: Option<End>,
}

enum End {
    Complete,
    Broken(io::Error),
}

impl Batch {
    async fn collect(body: &mut ByteStream, large: &Arc<Semaphore>) -> Self {
        let mut batch = Self { chunks: Vec::new(), size: 0, large: None, end: None };
        while batch.size < SMALL_BYTES && batch.may_grow() {
            batch.add(body.next().await);
        }
        if !batch.may_grow() {
            return batch;
        }
        batch.large = Arc::clone(large).try_acquire_owned().ok();
        let due = Instant::now() + PAUSE;
        while batch.large.is_some() && batch.size < BATCH_BYTES && batch.may_grow() {
            match timeout_at(due, body.next()).await {
                Ok(next) => batch.add(next),
                Err(_) => break,
            }
        }
        batch
    }

    fn may_grow(&self) -> bool {
        self.chunks.len() < BATCH_CHUNKS && self.end.is_none()
    }

    fn add(&mut self, next: Option<io::Result<Bytes>>) {
        match next {
            Some(Ok(chunk)) if chunk.is_empty() => {}
            Some(Ok(chunk)) => {
                self.size += chunk.len() as u64;
                self.chunks.push(chunk);
            }
            Some(Err(error)) => self.end = Some(End::Broken(error)),
            None => self.end = Some(End::Complete),
        }
    }
}

fn failed(id: &str, error: io::Error) -> Error {
    Error::io(format!("write upload {id}"), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn much() -> ByteStream {
        stream::repeat_with(|| Ok(Bytes::from_static(&[7; 32 << 10]))).boxed()
    }

    #[tokio::test]
    async fn batches_are_large_while_there_is_memory_for_them() {
        let large = Arc::new(Semaphore::new(1));
        let mut body = much();
        let first = Batch::collect(&mut body, &large).await;
        assert_eq!(first.size, BATCH_BYTES);
        let second = Batch::collect(&mut body, &large).await;
        assert_eq!(second.size, SMALL_BYTES, "the first one is still held");
        drop(first);
        assert_eq!(Batch::collect(&mut body, &large).await.size, BATCH_BYTES);
    }

    #[tokio::test]
    async fn small_bodies_take_none_of_it() {
        let large = Arc::new(Semaphore::new(1));
        let batch = Batch::collect(&mut much().take(1).boxed(), &large).await;
        assert!(matches!(batch.end, Some(End::Complete)));
        assert_eq!((batch.size, large.available_permits()), (32 << 10, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_pausing_client_sent_is_not_kept() {
        let large = Arc::new(Semaphore::new(1));
        let mut body = much().take(3).chain(stream::pending()).boxed();
        assert_eq!(Batch::collect(&mut body, &large).await.size, 96 << 10);
    }
}
