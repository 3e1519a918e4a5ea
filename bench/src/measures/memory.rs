//! Memory of a server while some clients push and others pull.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;

use super::pull::{provide, pull};
use super::{Found, in_turn, together};
use crate::Result;
use crate::blob::Blobs;
use crate::client::Registry;
use crate::peer::{Common, Peer};
use crate::sample::Unit;

/// How much at once.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    common: Common,
    /// Mebibytes of each blob.
    #[arg(long, default_value_t = 1024)]
    size: usize,
    /// How many push, and as many pull.
    #[arg(long, default_value_t = 16)]
    clients: u64,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let peers = options.common.open()?;
    let blobs = Blobs::new(options.size);
    for peer in &peers {
        provide(peer, &blobs, 0).await.map_err(|error| peer.wrong(error))?;
    }
    in_turn(&options.common, "memory", &peers, async |peer, round| {
        once(peer, &blobs, options.clients, u64::from(round)).await
    })
    .await
}

async fn once(peer: &Peer, blobs: &Blobs, clients: u64, round: u64) -> Result<Found> {
    let pid = peer.pid.ok_or("no process to look at")?;
    let idle = Memory::now(pid)?;
    let done = Arc::new(AtomicBool::new(false));
    let looking = tokio::spawn(watch(pid, Arc::clone(&done)));
    let first = (round + 1) * 1_000;
    let worked = work(peer, blobs, first..first + clients).await;
    done.store(true, Ordering::Relaxed);
    let peak = looking.await??;
    worked?;
    for seed in first..first + clients {
        peer.forget(&Peer::repository("bench"), &blobs.digest(seed))?;
    }
    Ok(vec![
        ("anonymous, before".to_owned(), idle.anonymous, Unit::Size),
        ("anonymous, most".to_owned(), peak.anonymous, Unit::Size),
        ("of files, most".to_owned(), peak.files, Unit::Size),
        ("resident in all, most".to_owned(), peak.resident, Unit::Size),
    ])
}

/// Each seed is pushed, and for each the blob that is there already is pulled.
async fn work(peer: &Peer, blobs: &Blobs, seeds: std::ops::Range<u64>) -> Result<()> {
    let repository = Peer::repository("bench");
    let (digest, size) = (blobs.digest(0), blobs.size());
    let tasks = seeds.flat_map(|seed| [(seed, true), (seed, false)]).map(|(seed, pushes)| {
        let (peer, repository, digest, blobs) =
            (peer.clone(), repository.clone(), digest.clone(), blobs.clone());
        async move {
            let mut registry = Registry::open(&peer, &repository, "pull,push").await?;
            if pushes {
                return registry.push(&blobs, seed).await;
            }
            let request = registry.request("GET", &registry.blob(&digest), "");
            pull(registry.connection(), &request, size).await
        }
    });
    together(tasks).await.map(drop)
}

/// Resident memory, in millions of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Memory {
    anonymous: f64,
    files: f64,
    resident: f64,
}

impl Memory {
    fn now(pid: u32) -> Result<Self> {
        Ok(Self::parse(&std::fs::read_to_string(format!("/proc/{pid}/status"))?))
    }

    fn parse(status: &str) -> Self {
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kibibytes =
                line.and_then(|line| line.split_whitespace().next()).and_then(|text| text.parse().ok());
            kibibytes.map_or(0.0, |value: f64| value * 1024.0 / 1e6)
        };
        Self { anonymous: field("RssAnon:"), files: field("RssFile:"), resident: field("VmRSS:") }
    }

    fn max(self, other: Self) -> Self {
        Self {
            anonymous: self.anonymous.max(other.anonymous),
            files: self.files.max(other.files),
            resident: self.resident.max(other.resident),
        }
    }
}

async fn watch(pid: u32, done: Arc<AtomicBool>) -> Result<Memory> {
    let mut peak = Memory::default();
    while !done.load(Ordering::Relaxed) {
        peak = peak.max(Memory::now(pid)?);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(peak)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_the_status_of_a_process() {
        let status = "Name:\thaven\nVmRSS:\t  2000 kB\nRssAnon:\t    1000 kB\nRssFile:\t 750 kB\n";
        let found = Memory::parse(status);
        assert_eq!(found, Memory { anonymous: 1.024, files: 0.768, resident: 2.048 });
        assert_eq!(Memory::default().max(found), found);
    }
}
