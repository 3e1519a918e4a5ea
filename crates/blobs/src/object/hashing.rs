//! A hash that runs beside the network, and remembers where it stood at the end of each part.

use std::collections::VecDeque;

use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::error::{Error, Kind, Result};
use crate::hash::Hasher;

/// Fewer bytes are hashed sooner than another thread is asked.
const HOP: usize = 64 << 10;

/// One hash at work.
pub(super) struct HashLine {
    /// Present while no thread has it.
    hasher: Option<Hasher>,
    task: Option<JoinHandle<Hasher>>,
    /// Whether the state after the block at work is to be kept.
    mark: bool,
    marks: VecDeque<Hasher>,
}

impl HashLine {
    pub(super) fn new(hasher: Hasher) -> Self {
        Self { hasher: Some(hasher), task: None, mark: false, marks: VecDeque::new() }
    }

    /// Hashes a block after those before it; with `mark` the state after it is kept.
    pub(super) async fn feed(&mut self, block: Bytes, mark: bool) -> Result<()> {
        let mut hasher = self.take().await?;
        self.mark = mark;
        if block.len() < HOP {
            hasher.update(&block);
            self.put(hasher);
        } else {
            self.task = Some(spawn_blocking(move || {
                hasher.update(&block);
                hasher
            }));
        }
        Ok(())
    }

    /// Keeps the state as it is now.
    pub(super) async fn mark(&mut self) -> Result<()> {
        let hasher = self.take().await?;
        self.mark = true;
        self.put(hasher);
        Ok(())
    }

    /// The earliest state that was kept and not yet taken.
    pub(super) async fn next_mark(&mut self) -> Result<Hasher> {
        let hasher = self.take().await?;
        self.put(hasher);
        self.marks.pop_front().ok_or_else(|| Error::new(Kind::Unavailable, "no hash at the end of a part"))
    }

    /// The state after everything.
    pub(super) async fn finish(&mut self) -> Result<Hasher> {
        let hasher = self.take().await?;
        self.put(hasher.clone());
        Ok(hasher)
    }

    async fn take(&mut self) -> Result<Hasher> {
        if let Some(task) = self.task.take() {
            let hasher = task.await;
            let hasher =
                hasher.map_err(|error| Error::with_source(Kind::Unavailable, "hash of an upload", error))?;
            self.put(hasher);
        }
        self.hasher.take().ok_or_else(|| Error::new(Kind::Unavailable, "the hash of an upload was lost"))
    }

    fn put(&mut self, hasher: Hasher) {
        if std::mem::take(&mut self.mark) {
            self.marks.push_back(hasher.clone());
        }
        self.hasher = Some(hasher);
    }
}
