//! Work that runs beside requests. For now reconcilers: loops without input that look at the database and make the
//! world agree with it.
//!
//! A reconciler is woken on a timer, so what one pass misses the next one finds; passes must be idempotent, because every
//! replica runs them.

use std::fmt::Display;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Runs `pass` at once and then `every` so often, until `stop`. A failing pass is logged, and the next one comes in time.
pub async fn reconcile<F, P, T, E>(name: &'static str, every: Duration, stop: CancellationToken, mut pass: F)
where
    F: FnMut() -> P,
    P: Future<Output = Result<T, E>>,
    T: Display,
    E: Display,
{
    loop {
        match pass().await {
            Ok(done) => tracing::debug!(reconciler = name, %done, "pass"),
            Err(error) => tracing::error!(reconciler = name, %error, "pass failed"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::reconcile;
    use std::time::Duration;
    use tokio_util::sync::CancellationToken;

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
            std::future::ready(if passes == 1 { Err("once") } else { Ok(passes) })
        };
        reconcile("test", Duration::from_secs(60), stop, pass).await;
        assert_eq!(passes, 3);
    }
}
