//! When a connection has cost enough: what it has been doing, and how long it may go on.
//!
//! The server waits for its client in three places: for the bytes of a request body, for room in the socket, and
//! for a response body to be asked for its next piece. Only such waiting counts as stalling; a client that waits
//! for the server is never cut.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::Limits;

/// Fewer bytes than these are no progress: a stalled HTTP/2 client may still answer pings.
const PROGRESS: usize = 1024;

/// Why a connection is closed by the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The head of a request did not come in time.
    Header,
    /// There was no request for a while, which is nobody's fault.
    Idle,
    /// The client neither sends nor takes what it asked for.
    Stalled,
}

/// What to do with a connection now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing for at least so long, if nothing happens.
    Wait(Duration),
    Close(Reason),
}

/// What one connection has been doing.
#[derive(Debug)]
pub(super) struct Activity(Mutex<State>);

#[derive(Clone, Copy, Debug)]
struct State {
    opened: Instant,
    http2: bool,
    /// Whether a first request has come.
    used: bool,
    in_flight: usize,
    last_end: Instant,
    /// When bytes came while no request was in flight.
    head_since: Option<Instant>,
    write_blocked: bool,
    /// Bodies of either direction that wait for the client.
    waiting: usize,
    waiting_since: Instant,
    progress_at: Instant,
    moved: usize,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State::new(Instant::now())))
    }

    /// The handshake is over; what came before does not count.
    pub(super) fn restart(&self) {
        *self.state() = State::new(Instant::now());
    }

    pub(super) fn read(&self, bytes: usize) {
        let mut state = self.state();
        if bytes > 0 && state.in_flight == 0 && state.head_since.is_none() {
            state.head_since = Some(Instant::now());
        }
        state.advance(bytes);
    }

    pub(super) fn wrote(&self, bytes: usize) {
        let mut state = self.state();
        state.write_blocked = false;
        state.advance(bytes);
    }

    pub(super) fn write_blocked(&self) {
        let mut state = self.state();
        if !state.write_blocked {
            state.begin_waiting();
            state.write_blocked = true;
        }
    }

    pub(super) fn request_begins(&self, http2: bool) {
        let mut state = self.state();
        state.used = true;
        state.http2 = http2;
        state.in_flight += 1;
        state.head_since = None;
    }

    pub(super) fn request_ends(&self) {
        let mut state = self.state();
        state.in_flight = state.in_flight.saturating_sub(1);
        state.last_end = Instant::now();
    }

    /// A body begins to wait for the client.
    pub(super) fn body_waits(&self) {
        let mut state = self.state();
        state.begin_waiting();
        state.waiting += 1;
    }

    /// A body got what it waited for, or was given up.
    pub(super) fn body_goes_on(&self) {
        let mut state = self.state();
        state.waiting = state.waiting.saturating_sub(1);
        state.progress_at = Instant::now();
    }

    pub(super) fn verdict(&self, limits: &Limits) -> Verdict {
        self.state().verdict(Instant::now(), limits)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new(now: Instant) -> Self {
        Self {
            opened: now,
            http2: false,
            used: false,
            in_flight: 0,
            last_end: now,
            head_since: None,
            write_blocked: false,
            waiting: 0,
            waiting_since: now,
            progress_at: now,
            moved: 0,
        }
    }

    fn begin_waiting(&mut self) {
        if self.waiting == 0 && !self.write_blocked {
            self.waiting_since = Instant::now();
        }
    }

    fn advance(&mut self, bytes: usize) {
        self.moved += bytes;
        if self.moved >= PROGRESS {
            self.moved = 0;
            self.progress_at = Instant::now();
        }
    }

    fn verdict(&self, now: Instant, limits: &Limits) -> Verdict {
        let (since, allowed, reason) = if self.in_flight == 0 && !self.write_blocked {
            match self.head_since {
                _ if !self.used => (self.opened, limits.header_timeout, Reason::Header),
                // On HTTP/2 the bytes may as well be a ping.
                Some(since) if !self.http2 => (since, limits.header_timeout, Reason::Header),
                _ => (self.last_end.max(self.progress_at), limits.idle_timeout, Reason::Idle),
            }
        } else if self.write_blocked || self.waiting > 0 {
            (self.waiting_since.max(self.progress_at), limits.stall_timeout, Reason::Stalled)
        } else {
            return Verdict::Wait(limits.stall_timeout);
        };
        match allowed.checked_sub(now.saturating_duration_since(since)) {
            Some(left) if !left.is_zero() => Verdict::Wait(left),
            _ => Verdict::Close(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u64, change: impl FnOnce(&mut State)) -> Verdict {
        let start = Instant::now();
        let mut state = State::new(start);
        change(&mut state);
        state.verdict(start + Duration::from_secs(seconds), &Limits::default())
    }

    #[test]
    fn the_table_of_verdicts() {
        let used = |state: &mut State| state.used = true;
        let busy = |state: &mut State| (state.used, state.in_flight) = (true, 1);
        assert_eq!(after(29, |_| {}), Verdict::Wait(Duration::from_secs(1)), "no request yet");
        assert_eq!(after(30, |_| {}), Verdict::Close(Reason::Header), "no first request at all");
        assert_eq!(after(74, used), Verdict::Wait(Duration::from_secs(1)), "kept alive");
        assert_eq!(after(75, used), Verdict::Close(Reason::Idle), "rested long enough");
        let head = |state: &mut State| (state.used, state.head_since) = (true, Some(state.opened));
        assert_eq!(after(30, head), Verdict::Close(Reason::Header), "half a head");
        let ping = |state: &mut State| {
            head(state);
            state.http2 = true;
        };
        assert!(matches!(after(30, ping), Verdict::Wait(_)), "a ping is no head");
        assert!(matches!(after(3600, busy), Verdict::Wait(_)), "the server takes its time");
        let body = |state: &mut State| {
            busy(state);
            state.waiting = 1;
        };
        assert!(matches!(after(59, body), Verdict::Wait(_)));
        assert_eq!(after(60, body), Verdict::Close(Reason::Stalled), "no body comes");
        let tail = |state: &mut State| (state.used, state.write_blocked) = (true, true);
        assert_eq!(after(60, tail), Verdict::Close(Reason::Stalled), "the end of a response is not taken");
    }

    #[test]
    fn progress_puts_the_end_off() {
        let moving = |state: &mut State| {
            (state.used, state.in_flight, state.waiting) = (true, 1, 1);
            state.progress_at += Duration::from_secs(50);
        };
        assert_eq!(after(100, moving), Verdict::Wait(Duration::from_secs(10)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_bytes_are_no_progress() {
        let activity = Activity::new();
        activity.request_begins(true);
        activity.body_waits();
        for _ in 0..20 {
            tokio::time::advance(Duration::from_secs(3)).await;
            activity.wrote(17);
        }
        assert_eq!(activity.verdict(&Limits::default()), Verdict::Close(Reason::Stalled));
        activity.wrote(PROGRESS);
        assert!(matches!(activity.verdict(&Limits::default()), Verdict::Wait(_)));
    }
}
