//! The measures, one file each, and the order in which servers take their turns.

pub(crate) mod images;
pub(crate) mod lists;
pub(crate) mod manifests;
pub(crate) mod memory;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod tokens;
pub(crate) mod yardstick;

use std::time::{Duration, Instant};

use crate::noise::{Noise, Watch};
use crate::peer::{Common, Peer};
use crate::sample::{Sample, Unit, say};
use crate::{Error, Result};

/// What one run of a measure found out: row, value, unit.
pub(crate) type Found = Vec<(String, f64, Unit)>;

/// Measures every server once, then every server again, and so on, so that a machine that changes its mood changes it
/// for all of them.
pub(crate) async fn in_turn(
    common: &Common,
    measure: &str,
    peers: &[Peer],
    run: impl AsyncFn(&Peer, u32) -> Result<Found>,
) -> Result<()> {
    for round in 0..common.rounds {
        for peer in peers {
            let watch = Watch::begin()?;
            let found = run(peer, round).await.map_err(|error| peer.wrong(error))?;
            let noise = watch.end()?;
            report(common, measure, &peer.name, found, noise)?;
        }
    }
    Ok(())
}

/// Says what a run found out.
fn report(common: &Common, measure: &str, peer: &str, found: Found, noise: Noise) -> Result<()> {
    for (row, value, unit) in found {
        let case = match (common.case.as_str(), row.as_str()) {
            (case, "") => case.to_owned(),
            ("", row) => row.to_owned(),
            (case, row) => format!("{case}, {row}"),
        };
        let (measure, peer) = (measure.to_owned(), peer.to_owned());
        say(&Sample { measure, case, peer, value, unit, noise })?;
    }
    Ok(())
}

/// Runs tasks side by side and gives what each returned; the first error ends it.
pub(crate) async fn together<T: Send + 'static>(
    tasks: impl IntoIterator<Item = impl Future<Output = Result<T>> + Send + 'static>,
) -> Result<Vec<T>> {
    let running: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    let mut done = Vec::with_capacity(running.len());
    for task in running {
        done.push(task.await.map_err(Error::from)??);
    }
    Ok(done)
}

/// Bytes in a time, as millions for each second.
pub(crate) fn speed(bytes: u64, time: Duration) -> f64 {
    bytes as f64 / 1e6 / time.as_secs_f64()
}

/// The latencies of one client, from a loop that ends with its time.
pub(crate) struct Latencies {
    end: Instant,
    all: Vec<Duration>,
}

impl Latencies {
    pub(crate) fn until(end: Instant) -> Self {
        Self { end, all: Vec::new() }
    }

    /// Whether there is time for another request.
    pub(crate) fn go_on(&self) -> bool {
        Instant::now() < self.end
    }

    /// One request took from then until now.
    pub(crate) fn since(&mut self, began: Instant) {
        self.took(began.elapsed());
    }

    /// One request took so long.
    pub(crate) fn took(&mut self, time: Duration) {
        self.all.push(time);
    }
}

/// Rate, median and 99th percentile of all clients of a run.
pub(crate) fn rates(row: &str, clients: Vec<Latencies>, took: Duration) -> Found {
    rates_within(row, &[50, 99], clients, took)
}

/// Rate and percentiles of all clients of a run.
pub(crate) fn rates_within(row: &str, parts: &[usize], clients: Vec<Latencies>, took: Duration) -> Found {
    let mut all: Vec<Duration> = clients.into_iter().flat_map(|client| client.all).collect();
    all.sort_unstable();
    let percentile = |part: usize| {
        let found = all.get((all.len() * part / 100).min(all.len().saturating_sub(1)));
        found.map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    let mut found = vec![(row.to_owned(), all.len() as f64 / took.as_secs_f64(), Unit::Rate)];
    for part in parts {
        let words = if *part == 50 { "half".to_owned() } else { format!("{part} %") };
        found.push((format!("{row}: {words} within"), percentile(*part), Unit::Time));
    }
    found
}
