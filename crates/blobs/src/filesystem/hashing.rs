//! The hash of what comes in, batch after batch, on a thread that is held only while there are batches.
//!
//! The hash is what a push waits for. So a batch that is ready before the one before is done goes on the same thread
//! without being waited for: on a busy machine, waking somebody for each batch takes longer than hashing it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use crate::hash::Hasher;

/// A hash that goes on in the background.
pub(super) struct Hashing(Arc<Mutex<State>>);

struct State {
    waiting: VecDeque<Job>,
    /// The hash as it stands; none while a thread has it.
    resting: Option<Hasher>,
}

struct Job {
    chunks: Vec<Bytes>,
    done: oneshot::Sender<Hasher>,
}

impl Hashing {
    pub(super) fn new(hasher: Hasher) -> Self {
        Self(Arc::new(Mutex::new(State { waiting: VecDeque::new(), resting: Some(hasher) })))
    }

    /// Takes a batch behind those before it; the receiver gets the hash as of its end.
    pub(super) fn add(&self, chunks: Vec<Bytes>) -> oneshot::Receiver<Hasher> {
        let (done, receiver) = oneshot::channel();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting.push_back(Job { chunks, done });
        if let Some(hasher) = state.resting.take() {
            let shared = Arc::clone(&self.0);
            spawn_blocking(move || work(&shared, hasher));
        }
        receiver
    }
}

/// Hashes until nothing waits.
fn work(shared: &Mutex<State>, mut hasher: Hasher) {
    loop {
        let job = {
            let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
            match state.waiting.pop_front() {
                Some(job) => job,
                None => return state.resting = Some(hasher),
            }
        };
        job.chunks.iter().for_each(|chunk| hasher.update(chunk));
        // Nobody listens any more when the body was given up.
        let _ = job.done.send(hasher.clone());
    }
}

#[cfg(test)]
mod tests {
    use haven_oci::{Algorithm, Digest};

    use super::*;

    #[tokio::test]
    async fn each_batch_gets_the_hash_as_of_its_own_end() {
        let hashing = Hashing::new(Hasher::new(Algorithm::Sha256));
        let mut whole = Vec::new();
        for round in 0..3_u8 {
            let batches: Vec<Bytes> =
                (0..20).map(|i| vec![round ^ i; 10_000 + usize::from(i)].into()).collect();
            let receivers: Vec<_> = batches.iter().map(|batch| hashing.add(vec![batch.clone()])).collect();
            for (batch, receiver) in batches.iter().zip(receivers) {
                whole.extend_from_slice(batch);
                assert!(receiver.await.unwrap().matches(&Digest::sha256(&whole)));
            }
        }
    }
}
