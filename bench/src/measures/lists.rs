//! Lists and searches over the REST API, over connections that stay open, in a database that `estate` filled.

mod asked;

use std::time::{Duration, Instant};

use clap::Args;

use self::asked::{Dice, KINDS, Kind, Size};
use super::{Found, Latencies, in_turn, rates_within, together};
use crate::auth;
use crate::client::{Connection, expect};
use crate::estate::{ARTIFACTS, RECORDS, REPOSITORIES};
use crate::peer::{Common, Peer};
use crate::{Error, Result};

/// By how many, for how long, over what.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    common: Common,
    /// How many connections at once.
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// How long a run takes, for each kind of list.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Only the kinds of lists that have this in their name.
    #[arg(long, default_value = "")]
    only: String,
    /// The table of the report.
    #[arg(long, default_value = "lists")]
    measure: String,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let peers = options.common.open()?;
    // Both sizes of an estate are asked for one kind of list, then for the next, so that they meet the same moods of the
    // machine.
    for kind in KINDS.into_iter().filter(|kind| kind.0.contains(&options.only)) {
        in_turn(&options.common, &options.measure, &peers, async |peer, round| {
            once(peer, options, kind, round).await.map_err(|error| format!("{}: {error}", kind.0).into())
        })
        .await?;
    }
    Ok(())
}

async fn once(peer: &Peer, options: &Options, kind: Kind, round: u32) -> Result<Found> {
    let size = Size {
        projects: peer.artifacts.ok_or("how many projects are there?")? / (REPOSITORIES * ARTIFACTS),
        records: peer.records.unwrap_or(RECORDS),
    };
    let authorization = auth::basic(peer).ok_or("there is no password")?;
    let mut open = Vec::new();
    for client in 0..options.clients {
        let mut client = Client {
            connection: Connection::open(peer).await?,
            dice: Dice::new(client as u64, round.into()),
            rest: format!("HTTP/1.1\r\nHost: {}\r\nAuthorization: {authorization}\r\n\r\n", peer.host),
            kind,
            size,
        };
        client.ask().await?;
        open.push(client);
    }
    let began = Instant::now();
    let end = began + Duration::from_secs_f64(options.seconds);
    let clients = open.into_iter().map(|mut client| async move {
        let mut latencies = Latencies::until(end);
        while latencies.go_on() {
            latencies.took(client.ask().await?);
        }
        Ok(latencies)
    });
    let latencies = together(clients).await?;
    Ok(rates_within(kind.0, &[95], latencies, began.elapsed()))
}

/// One connection and what it asks for.
struct Client {
    connection: Connection,
    dice: Dice,
    rest: String,
    kind: Kind,
    size: Size,
}

impl Client {
    /// Asks once, holds the answer against what is known of the estate, and says how long the answer took.
    async fn ask(&mut self) -> Result<Duration> {
        let asked = (self.kind.1)(&mut self.dice, self.size);
        let request = format!("GET /api/v2.0{} {}", asked.path, self.rest);
        let began = Instant::now();
        self.connection.send(request.as_bytes()).await?;
        let head = self.connection.head().await?;
        let body = self.connection.body(&head).await?;
        let took = began.elapsed();
        expect(head.status, 200, &asked.path, &body)?;
        let total = head.get("x-total-count").map(str::parse).transpose()?;
        asked.check(&body, total).map_err(|error| -> Error { format!("{}: {error}", asked.path).into() })?;
        Ok(took)
    }
}
