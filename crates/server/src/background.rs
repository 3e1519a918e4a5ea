//! What runs beside requests for their sake: events, pulls, and the audit log.

use haven_core::{App, Result, audit, catalog, events, registry};
use haven_jobs::{Rhythm, Wake};
use haven_web::metrics::Metrics;
use std::error::Error as StdError;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What follows from events begins at once, and at another replica's after so long. The pause gathers those of a burst, so
/// that a push does not wait for what follows from the one before.
const EVENTS: Rhythm = Rhythm { every: Duration::from_secs(2), gather: Duration::from_millis(100) };
const FORWARDING: Rhythm = Rhythm { every: Duration::from_secs(5), gather: Duration::from_millis(200) };
/// What was pulled shows after so long, and is lost for so long when the process is killed.
const PULLS: Rhythm = Rhythm { every: Duration::from_secs(2), gather: Duration::from_millis(10) };
const COUNTING: Duration = Duration::from_secs(30);
const GAUGES: Duration = Duration::from_secs(30);
/// How often it is looked for bytes that pushes have left in place without a row.
const ORPHANS: Duration = Duration::from_secs(5 * 60);
/// For what is left at the end.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Starts it all; it goes on until `stop`.
pub(crate) fn start(app: &Arc<App>, stop: &CancellationToken) {
    let never = Wake::default();
    let counting = Rhythm { every: COUNTING, gather: Duration::ZERO };
    spawn(
        app,
        stop,
        ("events", EVENTS),
        events::wake(app),
        |app| async move { events::dispatch(&app).await },
    );
    spawn(app, stop, ("audit forwarding", FORWARDING), audit::wake(app), |app| async move {
        audit::forward(&app).await
    });
    spawn(app, stop, ("pulls", PULLS), catalog::pulls_wake(app), |app| async move {
        catalog::flush_pulls(&app).await
    });
    let tidying = Rhythm { every: ORPHANS, gather: Duration::ZERO };
    spawn(app, stop, ("orphaned blobs", tidying), &never, |app| async move {
        registry::remove_orphans(&app).await
    });
    spawn(app, stop, ("audit counts", counting), &never, |app| async move { audit::count(&app).await });
}

/// Keeps the gauges of events near the truth, which other replicas change too.
pub(crate) fn gauge(app: &Arc<App>, metrics: &Metrics, stop: &CancellationToken) {
    let metrics = metrics.clone();
    let rhythm = Rhythm { every: GAUGES, gather: Duration::ZERO };
    spawn(app, stop, ("waiting events", rhythm), &Wake::default(), move |app| {
        let metrics = metrics.clone();
        async move {
            let waiting = events::waiting(&app).await?;
            metrics.set_events(waiting.due, waiting.set_aside);
            Ok(waiting.due)
        }
    });
}

/// Writes down what was pulled last, when no request is left.
pub(crate) async fn finish(app: &App) {
    match tokio::time::timeout(LAST_WORDS, catalog::flush_pulls(app)).await {
        Ok(Ok(pulls)) => tracing::debug!(pulls, "the last pulls are counted"),
        Ok(Err(error)) => {
            let error = &error as &dyn StdError;
            tracing::error!(error, "the last pulls are not counted");
        }
        Err(_) => tracing::error!("the last pulls are not counted: the database takes too long"),
    }
}

fn spawn<P, T>(
    app: &Arc<App>,
    stop: &CancellationToken,
    (name, rhythm): (&'static str, Rhythm),
    wake: &Wake,
    pass: impl Fn(Arc<App>) -> P + Send + 'static,
) where
    P: Future<Output = Result<T>> + Send + 'static,
    T: Display + Send + 'static,
{
    let (worker, stop, wake) = (Arc::clone(app), stop.clone(), wake.clone());
    app.tasks.spawn(async move {
        haven_jobs::reconcile_woken(name, rhythm, &wake, stop, move || pass(Arc::clone(&worker))).await;
    });
}
