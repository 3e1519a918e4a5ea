//! Tokens for somebody with a password: how many for each second, and how long the first one takes.

use std::time::{Duration, Instant};

use clap::Args;

use super::pull::row;
use super::{Found, Latencies, in_turn, rates, together};
use crate::Result;
use crate::auth;
use crate::client::{Connection, expect};
use crate::peer::{Common, Peer};
use crate::sample::Unit;

/// By how many, and for how long.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    common: Common,
    /// How many connections at once.
    #[arg(long, default_value_t = 16)]
    clients: usize,
    /// How long a run takes.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Only the first token after the start of the server, when no password was checked yet.
    #[arg(long)]
    cold: bool,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let peers = options.common.open()?;
    in_turn(&options.common, "tokens", &peers, async |peer, _| {
        if options.cold { cold(peer).await } else { warm(peer, options).await }
    })
    .await
}

async fn cold(peer: &Peer) -> Result<Found> {
    let mut connection = Connection::open(peer).await?;
    let request = request(peer, &mut connection).await?;
    let began = Instant::now();
    token(&mut connection, &request).await?;
    Ok(vec![("the first one".to_owned(), began.elapsed().as_secs_f64() * 1e3, Unit::Time)])
}

async fn warm(peer: &Peer, options: &Options) -> Result<Found> {
    let mut open = Vec::new();
    for _ in 0..options.clients {
        let mut connection = Connection::open(peer).await?;
        let request = request(peer, &mut connection).await?;
        token(&mut connection, &request).await?;
        open.push((connection, request));
    }
    let began = Instant::now();
    let end = began + Duration::from_secs_f64(options.seconds);
    let clients = open.into_iter().map(|(mut connection, request)| async move {
        let mut latencies = Latencies::until(end);
        while latencies.go_on() {
            let began = Instant::now();
            token(&mut connection, &request).await?;
            latencies.since(began);
        }
        Ok(latencies)
    });
    let latencies = together(clients).await?;
    Ok(rates(&row(options.clients), latencies, began.elapsed()))
}

/// What the challenge of the registry tells a client to ask.
async fn request(peer: &Peer, connection: &mut Connection) -> Result<String> {
    let request = format!("GET /v2/ HTTP/1.1\r\nHost: {}\r\n\r\n", peer.host);
    connection.send(request.as_bytes()).await?;
    let head = connection.head().await?;
    let challenge = head.get("www-authenticate").unwrap_or_default().to_owned();
    connection.body(&head).await?;
    auth::token_request(peer, &challenge, &Peer::repository("bench"), "pull")?
        .ok_or_else(|| "there is no token service".into())
}

async fn token(connection: &mut Connection, request: &str) -> Result<()> {
    connection.send(request.as_bytes()).await?;
    let head = connection.head().await?;
    let body = connection.body(&head).await?;
    expect(head.status, 200, "the token service", &body)?;
    // A JSON Web Token begins with the letters of `{"`.
    let holds = |text: &[u8]| body.windows(text.len()).any(|bytes| bytes == text);
    if holds(b"\"token\":\"ey") { Ok(()) } else { Err("an answer without a token".into()) }
}
