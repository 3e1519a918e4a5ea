//! Pulls of one blob by several clients at once, over connections that are open already.

use std::time::{Duration, Instant};

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
    /// How long a run takes.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Speak HTTP/2, which takes TLS.
    #[arg(long)]
    http2: bool,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let peers = options.common.open()?;
    let blobs = Blobs::new(options.size);
    for peer in &peers {
        provide(peer, &blobs, 0).await.map_err(|error| peer.wrong(error))?;
    }
    for clients in &options.clients {
        in_turn(&options.common, "pull", &peers, async |peer, _| once(peer, &blobs, *clients, options).await)
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

/// A client pulls the blob again and again until time is up, and says how many bytes came.
async fn over1(mut registry: Registry, digest: String, size: u64, end: Instant) -> Result<u64> {
    let request = registry.request("GET", &registry.blob(&digest), "");
    let connection = registry.connection();
    let mut read = 0;
    while Instant::now() < end {
        connection.send(request.as_bytes()).await?;
        let head = connection.head().await?;
        expect(head.status, 200, "GET of the blob", b"")?;
        whole(head.length()?.unwrap_or(0), size)?;
        read += connection.discard_until(size, end).await?;
    }
    Ok(read)
}

/// The same over HTTP/2.
async fn over2(
    (mut connection, registry): (Multiplexed, Registry),
    url: String,
    size: u64,
    end: Instant,
) -> Result<u64> {
    let mut read = 0;
    while Instant::now() < end {
        let (status, length) = connection.discard_until(&url, &registry.authorization, end).await?;
        expect(status, 200, "GET of the blob", b"")?;
        if Instant::now() < end {
            whole(length, size)?;
        }
        read += length;
    }
    Ok(read)
}

async fn once(peer: &Peer, blobs: &Blobs, clients: usize, options: &Options) -> Result<Found> {
    let (digest, size) = (blobs.digest(0), blobs.size());
    let mut open = Vec::new();
    for _ in 0..clients {
        let registry = Registry::open(peer, &Peer::repository("bench"), "pull").await?;
        let multiplexed = if options.http2 { Some(Multiplexed::open(peer).await?) } else { None };
        open.push((registry, multiplexed));
    }
    let began = Instant::now();
    let end = began + Duration::from_secs_f64(options.seconds);
    let pulls = open.into_iter().map(|(registry, multiplexed)| {
        let url = format!("https://{}{}", peer.host, registry.blob(&digest));
        let digest = digest.clone();
        async move {
            match multiplexed {
                Some(connection) => over2((connection, registry), url, size, end).await,
                None => over1(registry, digest, size, end).await,
            }
        }
    });
    let read: u64 = together(pulls).await?.iter().sum();
    Ok(vec![(row(clients), speed(read, began.elapsed()), Unit::Speed)])
}

/// The row of so many clients.
pub(crate) fn row(clients: usize) -> String {
    if clients == 1 { "1 client".to_owned() } else { format!("{clients} clients") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Connector;
    use std::io::{Read, Write};
    use std::sync::Arc;

    /// A server that answers every request with these bytes.
    fn server(body: Vec<u8>) -> (Peer, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let line = serde_json::json!({
            "name": "fixed", "url": format!("http://{}", listener.local_addr().unwrap()), "folder": folder.path(),
        });
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, body) = (stream.unwrap(), body.clone());
                std::thread::spawn(move || {
                    while stream.read(&mut [0; 4_096]).is_ok_and(|read| read > 0) {
                        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                        stream.write_all(&[head.as_bytes(), &body].concat()).unwrap_or_default();
                    }
                });
            }
        });
        let connector = Arc::new(Connector::new(None).unwrap());
        (Peer::parse(&line.to_string(), connector).unwrap(), folder)
    }

    /// Whether a run ends like this, if it is long enough for answers to come on this machine.
    async fn ends(peer: &Peer, blobs: &Blobs, like_this: impl Fn(Result<u64>) -> bool) -> bool {
        let times = (0..12).map(|n| Duration::from_millis(50 << n));
        for time in times {
            let registry = Registry::open(peer, "library/bench", "pull").await.unwrap();
            let ended = over1(registry, blobs.digest(0), blobs.size(), Instant::now() + time).await;
            if like_this(ended) {
                return true;
            }
        }
        false
    }

    #[tokio::test]
    async fn a_wrong_answer_ends_the_run() {
        let blobs = Blobs::new(1);
        let right: Vec<u8> = blobs.pieces(0).flatten().collect();
        let (peer, _folder) = server(right.clone());
        provide(&peer, &blobs, 0).await.unwrap();
        assert!(ends(&peer, &blobs, |read| read.unwrap() > 0).await);

        let (peer, _folder) = server([&right[1..], b"x"].concat());
        let error = provide(&peer, &blobs, 0).await.unwrap_err();
        assert!(error.to_string().contains("came back as"), "{error}");

        let (peer, _folder) = server(right[1..].to_vec());
        assert!(ends(&peer, &blobs, |read| read.is_err()).await);
    }
}
