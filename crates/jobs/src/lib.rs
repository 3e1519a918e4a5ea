//! Work that runs beside requests. For now reconcilers: loops without input that look at the database and make the
//! world agree with it.
//!
//! A reconciler is woken on a timer, so what one pass misses the next one finds; passes must be idempotent, because every
//! replica runs them. One that should not wait for its timer is woken as well by whoever has made work for it; a wake-up
//! that is lost costs time and never work.

use std::error::Error;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Wakes the reconciler that waits for it. Clones wake the same one; a wake-up during a pass is kept for the next.
#[derive(Clone, Debug, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// There is work.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

/// When the passes of a reconciler come.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm {
    /// At the latest after so long.
    pub every: Duration,
    /// So long after a wake-up, so that many of them make one pass.
    pub gather: Duration,
}

/// The pause after a first failure; it doubles with each further one, up to the time between two passes.
const RETRY: Duration = Duration::from_secs(5);

/// Runs `pass` at once and then `every` so often, until `stop`. A failing pass is logged, and the next one comes sooner:
/// most of what fails is over in a moment, and the next regular pass may be a day away.
pub async fn reconcile<F, P, T, E>(name: &'static str, every: Duration, stop: CancellationToken, pass: F)
where
    F: FnMut() -> P,
    P: Future<Output = Result<T, E>>,
    T: Display,
    E: Error + 'static,
{
    let rhythm = Rhythm { every, gather: Duration::ZERO };
    reconcile_woken(name, rhythm, &Wake::default(), stop, pass).await;
}

/// As [`reconcile`], and also when it is woken. After a failure only time counts: whoever makes work while the database is
/// ill must not make it worse.
pub async fn reconcile_woken<F, P, T, E>(
    name: &'static str,
    rhythm: Rhythm,
    wake: &Wake,
    stop: CancellationToken,
    mut pass: F,
) where
    F: FnMut() -> P,
    P: Future<Output = Result<T, E>>,
    T: Display,
    E: Error + 'static,
{
    let mut failures = 0;
    loop {
        match pass().await {
            Ok(done) => {
                tracing::debug!(reconciler = name, %done, "pass");
                failures = 0;
            }
            Err(error) => {
                failures += 1;
                tracing::error!(reconciler = name, failures, error = &error as &dyn Error, "pass failed");
            }
        }
        let woken = async {
            wake.0.notified().await;
            tokio::time::sleep(rhythm.gather).await;
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause(rhythm.every, failures)) => {}
            () = woken, if failures == 0 => {}
        }
    }
}

/// How long the next pass waits for its timer after so many failures in a row.
fn pause(every: Duration, failures: u32) -> Duration {
    match failures.checked_sub(1) {
        Some(before) => every.min(RETRY.saturating_mul(2_u32.saturating_pow(before))),
        None => every,
    }
}

#[cfg(test)]
mod tests {
    use super::{Rhythm, Wake, pause, reconcile, reconcile_woken};
    use std::io;
    use std::time::Duration;
    use tokio::time::Instant;
    use tokio_util::sync::CancellationToken;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_failing_pass_does_not_end_the_loop() {
        let stop = CancellationToken::new();
        let mut passes = 0;
        let stopper = stop.clone();
        let pass = || {
            passes += 1;
            if passes == 3 {
                stopper.cancel();
            }
            std::future::ready(if passes == 1 { Err(io::Error::other("once")) } else { Ok(passes) })
        };
        reconcile("test", MINUTE, stop, pass).await;
        assert_eq!(passes, 3);
    }

    /// The seconds at which passes come, when the first `woken` ones each make work for the next, and some of them fail.
    async fn passes(woken: usize, failing: &[usize]) -> Vec<u64> {
        let (stop, wake, start) = (CancellationToken::new(), Wake::default(), Instant::now());
        let mut times = Vec::new();
        let (stopper, waker) = (stop.clone(), wake.clone());
        let pass = || {
            times.push(start.elapsed().as_secs());
            if times.len() <= woken {
                waker.wake();
                waker.wake();
            }
            if times.len() == 4 {
                stopper.cancel();
            }
            std::future::ready(if failing.contains(&times.len()) {
                Err(io::Error::other("ill"))
            } else {
                Ok(times.len())
            })
        };
        let rhythm = Rhythm { every: MINUTE, gather: Duration::from_secs(1) };
        reconcile_woken("test", rhythm, &wake, stop, pass).await;
        times
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_work_need_not_wait_for_the_timer() {
        assert_eq!(passes(0, &[]).await, [0, 60, 120, 180]);
        assert_eq!(passes(2, &[]).await, [0, 1, 2, 62], "two wake-ups make one pass");
        assert_eq!(passes(2, &[1]).await, [0, 5, 6, 66], "after a failure it does");
    }

    #[tokio::test(start_paused = true)]
    async fn what_failed_is_tried_again_before_its_time_and_ever_more_patiently() {
        assert_eq!(passes(0, &[1, 2, 3]).await, [0, 5, 15, 35]);
        assert_eq!(passes(0, &[1, 3]).await, [0, 5, 65, 70], "a pass that went well ends the hurry");
        assert_eq!(pause(MINUTE, 40), MINUTE, "never more rarely than by the timer");
    }
}
