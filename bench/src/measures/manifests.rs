//! Manifests by tag, over connections that stay open.

use std::time::{Duration, Instant};

use clap::Args;

use super::pull::row;
use super::{Found, Latencies, in_turn, rates, together};
use crate::client::{Registry, expect};
use crate::growth;
use crate::measures::images::Image;
use crate::peer::{Common, Peer};
use crate::{Result, blob};

/// By how many, for how long, and which.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    common: Common,
    /// The table that the values belong to.
    #[arg(long, default_value = "manifests")]
    measure: String,
    /// How many connections at once.
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// How long a run takes.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// In a database that `fill` made: how many different tags are asked for, all by default.
    #[arg(long)]
    distinct: Option<u64>,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let peers = options.common.open()?;
    for peer in peers.iter().filter(|peer| peer.artifacts.is_none()) {
        let mut registry = Registry::open(peer, &Peer::repository("bench"), "pull,push").await?;
        Image::new(0).push(&mut registry, "latest").await.map_err(|error| peer.wrong(error))?;
    }
    in_turn(&options.common, &options.measure, &peers, async |peer, _| once(peer, options).await).await
}

async fn once(peer: &Peer, options: &Options) -> Result<Found> {
    let mut open = Vec::new();
    for client in 0..options.clients {
        let mut registry = Registry::open(peer, &Peer::repository("bench"), "pull").await?;
        let names = Names::new(peer, options, client as u64);
        check(&mut registry, &names).await?;
        open.push((registry, names));
    }
    let began = Instant::now();
    let end = began + Duration::from_secs_f64(options.seconds);
    let clients = open.into_iter().map(|(mut registry, mut names)| async move {
        let mut latencies = Latencies::until(end);
        while latencies.go_on() {
            let request = registry.request("GET", &names.next_path(), ACCEPT);
            let began = Instant::now();
            let connection = registry.connection();
            connection.send(request.as_bytes()).await?;
            let head = connection.head().await?;
            expect(head.status, 200, "GET of a manifest", b"")?;
            let length = connection.discard(&head).await?;
            latencies.since(began);
            if length < MANIFEST {
                return Err(format!("a manifest of {length} bytes").into());
            }
        }
        Ok(latencies)
    });
    let latencies = together(clients).await?;
    Ok(rates(&row(options.clients), latencies, began.elapsed()))
}

const ACCEPT: &str = "Accept: application/vnd.oci.image.manifest.v1+json\r\n";
/// No manifest here is shorter.
const MANIFEST: u64 = 300;

/// One answer held against the digest that it claims.
async fn check(registry: &mut Registry, names: &Names) -> Result<()> {
    let request = registry.request("GET", &names.clone().next_path(), ACCEPT);
    let connection = registry.connection();
    connection.send(request.as_bytes()).await?;
    let head = connection.head().await?;
    let body = connection.body(&head).await?;
    expect(head.status, 200, "GET of a manifest", &body)?;
    let (claimed, digest) = (head.get("docker-content-digest"), blob::digest(&body));
    if claimed == Some(&digest) { Ok(()) } else { Err(format!("{digest} came as {claimed:?}").into()) }
}

/// The manifests that a client asks for, in an order of its own.
#[derive(Clone)]
struct Names {
    /// How many artifacts there are, and how many of them are asked for; none in a server that was not filled.
    filled: Option<(u64, u64)>,
    state: u64,
}

impl Names {
    fn new(peer: &Peer, options: &Options, client: u64) -> Self {
        let filled = peer.artifacts.map(|all| (all, options.distinct.unwrap_or(all).clamp(1, all.max(1))));
        Self { filled, state: client + 1 }
    }

    fn next_path(&mut self) -> String {
        let Some((all, distinct)) = self.filled else {
            return format!("/v2/{}/manifests/latest", Peer::repository("bench"));
        };
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The tags that are asked for lie evenly among all.
        let number = (self.state >> 33) % distinct * (all / distinct);
        let (repository, tag) = growth::name(number);
        format!("/v2/{repository}/manifests/{tag}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_drawn_from_all_over() {
        let mut names = Names { filled: Some((1_000_000, 100)), state: 1 };
        let drawn: std::collections::BTreeSet<_> = (0..2_000).map(|_| names.next_path()).collect();
        assert_eq!(drawn.len(), 100);
        let last = growth::name(990_000);
        assert!(drawn.contains(&format!("/v2/{}/manifests/{}", last.0, last.1)));
    }
}
