//! Which clients were right lately, and so need not wait for the wrong guesses of others in their network. One process
//! knows its own.
//!
//! Whoever compares a guess with what is remembered learns as much as from a check, so this must be no way around waiting:
//! it takes a client that says it is the same program, and after a few misses nothing is compared any more for a while. So
//! a guesser who passes for the owner's program gains those few guesses, and one who does not keeps nobody out.

use super::login::{Candidate, Holder};
use moka::sync::Cache;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A name, a network and a program, as a keyed hash.
pub(super) type Client = [u8; 32];

/// What was right is forgotten when nobody came with it for so long, and misses when the first was so long ago.
const MEMORY: Duration = Duration::from_secs(15 * 60);
const MISSES: u32 = 8;

pub(super) struct Lately {
    right: Cache<Client, Right>,
    /// Whoever is right again does not end the counting: guesses would come as fast as the owner does.
    missed: Cache<Client, Arc<Mutex<u32>>>,
}

/// What was right.
#[derive(Clone, Copy)]
struct Right {
    holder: Holder,
    version: i64,
    /// The secret, as a keyed hash.
    hash: [u8; 32],
}

impl Lately {
    pub(super) fn new() -> Self {
        Self {
            right: Cache::builder().max_capacity(10_000).time_to_idle(MEMORY).build(),
            missed: Cache::builder().max_capacity(100_000).time_to_live(MEMORY).build(),
        }
    }

    /// A client came with the right secret.
    pub(super) fn note(&self, client: Client, candidate: &Candidate, hash: [u8; 32]) {
        self.right.insert(client, Right { holder: candidate.holder, version: candidate.version, hash });
    }

    /// Which of these it is whose secret a client brings again. `is_it` compares.
    pub(super) fn again(
        &self,
        client: Client,
        candidates: &[Candidate],
        is_it: impl FnOnce(&[u8]) -> bool,
    ) -> Option<usize> {
        let right = self.right.get(&client)?;
        let is_same = |other: &Candidate| other.holder == right.holder && other.version == right.version;
        let index = candidates.iter().position(is_same)?;
        let missed = self.missed.get_with(client, Arc::default);
        // One at a time, so that many at once are not compared before they are counted.
        let mut missed = missed.lock().unwrap_or_else(PoisonError::into_inner);
        if *missed >= MISSES {
            return None;
        }
        if is_it(&right.hash) {
            return Some(index);
        }
        *missed += 1;
        None
    }
}
