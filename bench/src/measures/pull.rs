//! Pulls of one blob by several clients at once, over connections that are open already.

use std::time::Instant;

use clap::Args;

use super::{Found, in_turn, speed, together};
use crate::Result;
use crate::blob::Blobs;
use crate::client::{Connection, Multiplexed, Registry, expect};
use crate::peer::{Common, Peer};
use crate::sample::Unit;

/// What is pulled, and how.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    common: Common,
    /// Mebibytes of the blob.
    #[arg(long, default_value_t = 1024)]
    size: usize,
    /// How many clients at once; several numbers are measured one after the other.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    clients: Vec<usize>,
    /// Speak HTTP/2, which takes TLS.
    #[arg(long)]
    http2: bool,
}

/// A single client has a run of several pulls, or it would be over too soon to be measured.
const PULLS: usize = 4;

pub(crate) async fn run(options: &Options) -> Result<()> {
    let peers = options.common.open()?;
    let blobs = Blobs::new(options.size);
    for peer in &peers {
        provide(peer, &blobs, 0).await.map_err(|error| peer.wrong(error))?;
    }
    for clients in &options.clients {
        in_turn(&options.common, "pull", &peers, async |peer, _| {
            if options.http2 {
                over2(peer, &blobs, *clients).await
            } else {
                over1(peer, &blobs, *clients).await
            }
        })
        .await?;
    }
    Ok(())
}

/// Brings a blob to a server, and holds what comes back against its digest.
pub(crate) async fn provide(peer: &Peer, blobs: &Blobs, seed: u64) -> Result<()> {
    let digest = blobs.digest(seed);
    let mut registry = Registry::open(peer, &Peer::repository("bench"), "pull,push").await?;
    let path = registry.blob(&digest);
    if let Some(folder) = &peer.folder {
        let file = folder.join(path.trim_start_matches('/'));
        std::fs::create_dir_all(file.parent().unwrap_or(folder))?;
        let mut out = std::fs::File::create(file)?;
        for piece in blobs.pieces(seed) {
            std::io::Write::write_all(&mut out, &piece)?;
        }
        out.sync_all()?;
    } else if !registry.has(&digest).await? {
        registry.push(blobs, seed).await?;
    }
    let request = registry.request("GET", &path, "");
    let connection = registry.connection();
    connection.send(request.as_bytes()).await?;
    let head = connection.head().await?;
    expect(head.status, 200, "GET of the blob", b"")?;
    let got = connection.digest(&head).await?;
    if got == digest { Ok(()) } else { Err(format!("{digest} came back as {got}").into()) }
}

/// One pull; the connection can be used again.
pub(crate) async fn pull(connection: &mut Connection, request: &str, size: u64) -> Result<()> {
    connection.send(request.as_bytes()).await?;
    let head = connection.head().await?;
    expect(head.status, 200, "GET of the blob", b"")?;
    whole(connection.discard(&head).await?, size)
}

fn whole(length: u64, size: u64) -> Result<()> {
    if length == size { Ok(()) } else { Err(format!("{length} bytes instead of {size}").into()) }
}

async fn over1(peer: &Peer, blobs: &Blobs, clients: usize) -> Result<Found> {
    let (digest, size, times) = (blobs.digest(0), blobs.size(), PULLS.div_ceil(clients));
    let mut open = Vec::new();
    for _ in 0..clients {
        open.push(Registry::open(peer, &Peer::repository("bench"), "pull").await?);
    }
    let began = Instant::now();
    let pulls = open.into_iter().map(|mut registry| {
        let request = registry.request("GET", &registry.blob(&digest), "");
        async move {
            for _ in 0..times {
                pull(registry.connection(), &request, size).await?;
            }
            Ok(())
        }
    });
    together(pulls).await?;
    found(clients, times, size, began)
}

async fn over2(peer: &Peer, blobs: &Blobs, clients: usize) -> Result<Found> {
    let (digest, size, times) = (blobs.digest(0), blobs.size(), PULLS.div_ceil(clients));
    let mut open = Vec::new();
    for _ in 0..clients {
        let registry = Registry::open(peer, &Peer::repository("bench"), "pull").await?;
        let url = format!("https://{}{}", peer.host, registry.blob(&digest));
        open.push((Multiplexed::open(peer).await?, url, registry.authorization));
    }
    let began = Instant::now();
    let pulls = open.into_iter().map(|(mut connection, url, authorization)| async move {
        for _ in 0..times {
            let (status, length) = connection.discard(&url, &authorization).await?;
            expect(status, 200, "GET of the blob", b"")?;
            whole(length, size)?;
        }
        Ok(())
    });
    together(pulls).await?;
    found(clients, times, size, began)
}

fn found(clients: usize, times: usize, size: u64, began: Instant) -> Result<Found> {
    let bytes = size * (clients * times) as u64;
    Ok(vec![(row(clients), speed(bytes, began.elapsed()), Unit::Speed)])
}

/// The row of so many clients.
pub(crate) fn row(clients: usize) -> String {
    if clients == 1 { "1 client".to_owned() } else { format!("{clients} clients") }
}
