//! Pushes of one blob, as docker does it: POST, one PATCH in chunks, PUT.

use std::process::Command;
use std::time::Instant;

use clap::Args;

use super::pull::row;
use super::{Found, in_turn, speed, together};
use crate::Result;
use crate::blob::Blobs;
use crate::client::Registry;
use crate::peer::{Common, Peer};
use crate::sample::Unit;

/// What is pushed, and by how many.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    common: Common,
    /// Mebibytes of the blob.
    #[arg(long, default_value_t = 1024)]
    size: usize,
    /// How many clients at once, each with a blob of its own; several numbers are measured one after the other.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    clients: Vec<usize>,
}

/// No blob is pushed twice to a server.
const SEEDS: usize = 1_000;

pub(crate) async fn run(options: &Options) -> Result<()> {
    let peers = options.common.open()?;
    let blobs = Blobs::new(options.size);
    for (set, clients) in options.clients.iter().enumerate() {
        in_turn(&options.common, "push", &peers, async |peer, round| {
            let first = (set * SEEDS + round as usize) * SEEDS + 1;
            once(peer, &blobs, first as u64, *clients).await
        })
        .await?;
    }
    Ok(())
}

async fn once(peer: &Peer, blobs: &Blobs, first: u64, clients: usize) -> Result<Found> {
    let repository = Peer::repository("pushed");
    let mut open = Vec::new();
    for _ in 0..clients {
        open.push(Registry::open(peer, &repository, "pull,push").await?);
    }
    settle()?;
    let began = Instant::now();
    let pushes = open.into_iter().zip(first..).map(|(mut registry, seed)| {
        let blobs = blobs.clone();
        async move {
            registry.push(&blobs, seed).await?;
            Ok((registry, seed))
        }
    });
    let pushed = together(pushes).await?;
    let took = began.elapsed();
    for (mut registry, seed) in pushed {
        let digest = blobs.digest(seed);
        if !registry.has(&digest).await? {
            return Err(format!("{digest} was pushed and is not there").into());
        }
        peer.forget(&repository, &digest)?;
    }
    Ok(vec![(row(clients), speed(blobs.size() * clients as u64, took), Unit::Speed)])
}

/// Nobody is to pay for what the one before left unwritten.
pub(crate) fn settle() -> Result<()> {
    if Command::new("sync").status()?.success() { Ok(()) } else { Err("sync failed".into()) }
}
