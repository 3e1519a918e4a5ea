//! Turns at checking passwords. Each check takes a core for a while and 19 MiB (Argon2id), so few are made at once, and
//! few requests wait for theirs: whoever floods the door is sent away, and does not keep everybody else waiting.

use super::line::{Line, Whence};
use super::password::Memory;
use crate::{Code, Error, Result};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, oneshot};

/// More at once would let a burst of log-ins take the machine.
const AT_ONCE: usize = 2;

/// Who may check a password in this process, and who waits for it.
pub(super) struct Turns {
    desk: Desk,
    /// The credentials that somebody has come with, as keyed hashes.
    presented: Mutex<HashMap<[u8; 32], Arc<AsyncMutex<bool>>>>,
}

/// Where turns are taken and given back.
#[derive(Clone)]
struct Desk(Arc<Mutex<OnDesk>>);

struct OnDesk {
    /// What belongs to the turns that nobody has. Nobody waits while there is any.
    resting: Vec<Memory>,
    line: Line<oneshot::Sender<Turn>>,
}

/// The right to check one password now.
pub(super) struct Turn(Option<Held>);

/// What a turn is about: memory to work in, which goes to whoever is next.
struct Held {
    memory: Memory,
    desk: Desk,
}

/// A place in the line, which is left when its request goes on or is given up.
struct Place<'a> {
    desk: &'a Desk,
    ticket: u64,
}

/// What somebody gets who asks for a turn.
enum Given<'a> {
    Turn(Turn),
    Place(Place<'a>, oneshot::Receiver<Turn>),
}

/// The only request with its credentials that goes on; others that have come with the same wait for it.
pub(super) struct Alone<'a> {
    turns: &'a Turns,
    presented: [u8; 32],
    /// Whether the last one before it got in.
    held: Option<OwnedMutexGuard<bool>>,
}

impl Turns {
    pub(super) fn new() -> Self {
        let resting = (0..AT_ONCE).map(|_| Memory::new()).collect();
        let desk = Desk(Arc::new(Mutex::new(OnDesk { resting, line: Line::default() })));
        Self { desk, presented: Mutex::default() }
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
    /// `Unavailable` when too many wait: at once, or later when others come who are fewer.
    pub(super) async fn next(&self, address: Option<IpAddr>) -> Result<Turn> {
        let given = self.desk.ask(&address.map(Whence::from).unwrap_or_default());
        match given.ok_or_else(too_many)? {
            Given::Turn(turn) => Ok(turn),
            Given::Place(_place, called) => called.await.map_err(|_| too_many()),
        }
    }
}

fn too_many() -> Error {
    Error::new(Code::Unavailable, "too many passwords wait to be checked")
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, OnDesk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A turn, or else a place in the line, if there is one.
    fn ask(&self, from: &Whence) -> Option<Given<'_>> {
        let mut on_desk = self.lock();
        if let Some(memory) = on_desk.resting.pop() {
            return Some(Given::Turn(Turn(Some(Held { memory, desk: self.clone() }))));
        }
        let (call, called) = oneshot::channel();
        // Whoever has to go for this one hears that nobody will call them.
        let ticket = on_desk.line.join(from, call)?.ticket;
        Some(Given::Place(Place { desk: self, ticket }, called))
    }

    /// Calls whoever is next.
    fn give_back(&self, memory: Memory) {
        let mut on_desk = self.lock();
        let Some(next) = on_desk.line.next() else {
            on_desk.resting.push(memory);
            return;
        };
        drop(on_desk);
        // If they have just gone away, the turn is dropped here, and so comes back.
        drop(next.send(Turn(Some(Held { memory, desk: self.clone() }))));
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
        self.desk.give_back(std::mem::take(&mut self.memory));
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
        self.desk.lock().line.leave(self.ticket);
    }
}

#[cfg(test)]
mod tests {
    use super::super::line::{OF_ONE_NETWORK, WAITING};
    use super::{AT_ONCE, Turn, Turns};
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
        let mut newcomer = Box::pin(turns.next(from(200)));
        assert!((&mut newcomer).now_or_never().is_none());
        let mut last = waiting.remove(OF_ONE_NETWORK - 1);
        assert!((&mut last).now_or_never().unwrap().is_err(), "the last of many goes for one of few");
        assert!(turns.next(from(1)).now_or_never().unwrap().is_err(), "no more of any");
        drop(waiting.pop());
        let mut other = Box::pin(turns.next(from(2)));
        assert!((&mut other).now_or_never().is_none(), "who gave up leaves room");
        drop((waiting, newcomer, other, held));
        assert!(turns.next(from(1)).now_or_never().unwrap().is_ok());
        let mut on_desk = turns.desk.lock();
        assert!(on_desk.resting.len() == AT_ONCE && on_desk.line.next().is_none());
    }

    #[test]
    fn a_turn_that_nobody_takes_goes_to_the_next() {
        let turns = Turns::new();
        let mut held = [turns.next(None), turns.next(None)].map(|turn| turn.now_or_never().unwrap().unwrap());
        let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(turns.next(None))).collect();
        assert!(waiting.iter_mut().all(|waits| waits.now_or_never().is_none()));
        held[0] = Turn(None);
        drop(waiting.remove(0));
        assert!(waiting.remove(0).now_or_never().unwrap().is_ok(), "called, and gone before they heard it");
        assert!(waiting.remove(0).now_or_never().unwrap().is_ok());
        drop(held);
        assert_eq!(turns.desk.lock().resting.len(), AT_ONCE);
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
        assert_eq!(turns.desk.lock().resting.len(), AT_ONCE);
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
