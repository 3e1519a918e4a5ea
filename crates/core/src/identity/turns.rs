//! Turns at checking passwords. Each check takes a core for a while and 19 MiB (Argon2id), so few are made at once, and
//! few requests wait for theirs: whoever floods the door is sent away, and does not keep everybody else waiting.

use super::damping::network;
use super::password::Memory;
use crate::{Code, Error, Result};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

/// More at once would let a burst of log-ins take the machine.
const AT_ONCE: usize = 2;
/// So many wait; that is a matter of seconds.
const WAITING: usize = 256;
/// So many of them come from one network, so that there is room for others.
const OF_ONE_NETWORK: usize = WAITING / 2;

/// Who may check a password in this process, and who waits for it.
pub(super) struct Turns {
    checks: Arc<Semaphore>,
    /// What belongs to the turns that nobody has; made when it is needed first, and never more of it than turns.
    memory: Arc<Mutex<Vec<Memory>>>,
    line: Mutex<Line>,
    /// The credentials that somebody has come with, as keyed hashes.
    presented: Mutex<HashMap<[u8; 32], Arc<AsyncMutex<bool>>>>,
}

/// How many wait, in all and by the network that they came from.
#[derive(Default)]
struct Line {
    all: usize,
    of: HashMap<String, usize>,
}

/// The right to check one password now.
pub(super) struct Turn(Option<Held>);

/// What a turn is about: memory to work in, which goes to whoever is next.
struct Held {
    memory: Memory,
    resting: Arc<Mutex<Vec<Memory>>>,
    _permit: OwnedSemaphorePermit,
}

/// The only request with its credentials that goes on; others that have come with the same wait for it.
pub(super) struct Alone<'a> {
    turns: &'a Turns,
    presented: [u8; 32],
    /// Whether the last one before it got in.
    held: Option<OwnedMutexGuard<bool>>,
}

/// A place in the line, which is left when its request goes on or is given up.
struct Place<'a> {
    turns: &'a Turns,
    network: String,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self {
            checks: Arc::new(Semaphore::new(AT_ONCE)),
            memory: Arc::default(),
            line: Mutex::default(),
            presented: Mutex::default(),
        }
    }

    /// Waits until nobody else is about to check the same credentials. A hundred machines that come at once with what all of
    /// them were given take one place in the line, and when the first is in, so are they.
    pub(super) async fn alone(&self, presented: [u8; 32]) -> Alone<'_> {
        let lock = Arc::clone(self.presented().entry(presented).or_default());
        let mut alone = Alone { turns: self, presented, held: None };
        alone.held = Some(lock.lock_owned().await);
        alone
    }

    fn presented(&self) -> MutexGuard<'_, HashMap<[u8; 32], Arc<AsyncMutex<bool>>>> {
        self.presented.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a password may be checked. Without an address it is one that somebody sets.
    ///
    /// # Errors
    /// `Unavailable` at once when too many wait already.
    pub(super) async fn next(&self, address: Option<IpAddr>) -> Result<Turn> {
        let _place = self.queue(address.map(network).unwrap_or_default())?;
        let permit = Arc::clone(&self.checks).acquire_owned().await;
        let permit = permit.map_err(|error| Error::internal("password check").because(error))?;
        let resting = Arc::clone(&self.memory);
        let memory = resting.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        Ok(Turn(Some(Held { memory, resting, _permit: permit })))
    }

    fn queue(&self, network: String) -> Result<Place<'_>> {
        let mut line = self.line();
        let of_network = line.of.get(&network).copied().unwrap_or_default();
        if line.all >= WAITING || of_network >= OF_ONE_NETWORK {
            return Err(Error::new(Code::Unavailable, "too many passwords wait to be checked"));
        }
        line.all += 1;
        line.of.insert(network.clone(), of_network + 1);
        drop(line);
        Ok(Place { turns: self, network })
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Does what takes a core for a while. It has the turn until it is done, even when nobody waits for it any more: else
    /// whoever hangs up at once could have any number done.
    pub(super) async fn spend<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T> {
        let Some(mut held) = self.0.take() else { return Err(Error::internal("the turn is over")) };
        let done = tokio::task::spawn_blocking(move || {
            let done = work(&mut held.memory);
            (held, done)
        });
        let (held, done) = done.await.map_err(|error| Error::internal("password check").because(error))?;
        self.0 = Some(held);
        Ok(done)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        self.resting.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
    }
}

impl Alone<'_> {
    /// Whether the one that went before with the same credentials got in. If it was refused, or was not looked at, nobody has
    /// paid for a comparison.
    pub(super) fn follows_one_that_got_in(&self) -> bool {
        self.held.as_deref().copied().unwrap_or_default()
    }

    pub(super) fn got_in(&mut self) {
        if let Some(got_in) = &mut self.held {
            **got_in = true;
        }
    }
}

impl Drop for Alone<'_> {
    /// The last one takes the entry away: nobody else has the lock then, or can get it meanwhile.
    fn drop(&mut self) {
        let mut presented = self.turns.presented();
        drop(self.held.take());
        if presented.get(&self.presented).is_some_and(|lock| Arc::strong_count(lock) == 1) {
            presented.remove(&self.presented);
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut line = self.turns.line();
        line.all = line.all.saturating_sub(1);
        match line.of.get_mut(&self.network) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(line.of.remove(&self.network)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AT_ONCE, OF_ONE_NETWORK, Turns, WAITING};
    use argon2::Block;
    use futures::FutureExt;
    use std::net::IpAddr;

    #[test]
    fn a_network_and_all_together_have_a_bounded_line() {
        let turns = Turns::new();
        let from = |n: u8| Some(IpAddr::from([192, 0, 2, n]));
        let held: Vec<_> =
            (0..AT_ONCE).map(|_| turns.next(from(1)).now_or_never().unwrap().unwrap()).collect();
        let mut waiting: Vec<_> = (0..OF_ONE_NETWORK).map(|_| Box::pin(turns.next(from(1)))).collect();
        assert!(waiting.iter_mut().all(|waits| waits.now_or_never().is_none()));
        assert!(turns.next(from(1)).now_or_never().unwrap().is_err(), "no more of this network");
        for n in 2..2 + u8::try_from(WAITING - OF_ONE_NETWORK).unwrap() {
            let mut other = Box::pin(turns.next(from(n)));
            assert!((&mut other).now_or_never().is_none());
            waiting.push(other);
        }
        assert!(turns.next(from(200)).now_or_never().unwrap().is_err(), "no more of any");
        drop(waiting.pop());
        assert!(turns.next(None).now_or_never().is_none(), "who gave up leaves room");
        drop(waiting);
        drop(held);
        assert!(turns.next(from(1)).now_or_never().unwrap().is_ok());
        assert!(turns.line().of.is_empty() && turns.line().all == 0);
    }

    #[tokio::test]
    async fn who_goes_away_leaves_the_turn_to_the_work() {
        let turns = Turns::new();
        let (done, until) = std::sync::mpsc::channel::<()>();
        let mut first = turns.next(None).await.unwrap();
        let second = turns.next(None).await.unwrap();
        let working = first.spend(move |memory| {
            memory.push(Block::default());
            until.recv().is_ok()
        });
        assert!(working.now_or_never().is_none(), "dropped, as the request of who hangs up");
        drop(first);
        let mut third = Box::pin(turns.next(None));
        assert!((&mut third).now_or_never().is_none(), "the work goes on");
        done.send(()).unwrap();
        let mut third = third.await.unwrap();
        assert_eq!(third.spend(|memory| memory.len()).await.unwrap(), 1, "with the same memory");
        drop((second, third));
        assert_eq!(turns.memory.lock().unwrap().len(), AT_ONCE);
    }

    #[test]
    fn the_same_credentials_are_checked_one_after_the_other() {
        let turns = Turns::new();
        let first = turns.alone([1; 32]).now_or_never().unwrap();
        let mut other = turns.alone([2; 32]).now_or_never().unwrap();
        assert!(!first.follows_one_that_got_in() && !other.follows_one_that_got_in());
        let mut second = Box::pin(turns.alone([1; 32]));
        let mut third = Box::pin(turns.alone([1; 32]));
        assert!((&mut second).now_or_never().is_none() && (&mut third).now_or_never().is_none());
        drop(first);
        let mut second = second.now_or_never().unwrap();
        assert!(!second.follows_one_that_got_in(), "the first was not looked at");
        second.got_in();
        other.got_in();
        drop(second);
        let third = third.now_or_never().unwrap();
        assert!(third.follows_one_that_got_in());
        drop(third);
        drop(other);
        assert!(turns.presented().is_empty(), "nothing is left of them");
    }
}
