//! Many small images, pushed by many clients into one project or into as many projects as there are clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Args;
use serde_json::json;

use super::{Found, in_turn, together};
use crate::client::{Connection, Registry, expect};
use crate::peer::{Common, Peer};
use crate::sample::Unit;
use crate::{Result, auth, blob};

/// How many, by whom, where to.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    common: Common,
    /// Images of a run.
    #[arg(long, default_value_t = 500)]
    images: u64,
    /// How many clients at once.
    #[arg(long, default_value_t = 32)]
    clients: u64,
}

/// An image of one layer, different from every image with another number.
pub(crate) struct Image {
    /// Configuration and layer, each with its digest.
    blobs: [(Vec<u8>, String); 2],
    manifest: String,
}

const LAYER: usize = 16 << 10;

impl Image {
    pub(crate) fn new(number: u64) -> Self {
        let mut layer = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes().repeat(LAYER / 8);
        layer.extend_from_slice(&number.to_le_bytes());
        let labels = json!({ "number": number.to_string() });
        let config = json!({ "os": "linux", "architecture": "amd64", "config": { "Labels": labels } });
        let blobs = [config.to_string().into_bytes(), layer].map(|content| {
            let digest = blob::digest(&content);
            (content, digest)
        });
        let described = |at: usize, media_type: &str| {
            let (content, digest) = &blobs[at];
            json!({ "mediaType": media_type, "digest": digest, "size": content.len() })
        };
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": described(0, "application/vnd.oci.image.config.v1+json"),
            "layers": [described(1, "application/vnd.oci.image.layer.v1.tar")],
        });
        Self { manifest: manifest.to_string(), blobs }
    }

    /// Asks for each blob, pushes what is not there, then the manifest.
    pub(crate) async fn push(&self, registry: &mut Registry, tag: &str) -> Result<()> {
        for (content, digest) in &self.blobs {
            if !registry.has(digest).await? {
                registry.push_small(content, digest).await?;
            }
        }
        registry.put_manifest(tag, &self.manifest).await
    }
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let peers = options.common.open()?;
    in_turn(&options.common, "images", &peers, async |peer, round| {
        let mut found = Vec::new();
        // Each is first as often as the other: what a server has stored so far counts for both alike.
        let order = if round % 2 == 0 { [false, true] } else { [true, false] };
        for spread in order {
            found.extend(once(peer, options, spread, u64::from(round)).await?);
        }
        Ok(found)
    })
    .await
}

async fn once(peer: &Peer, options: &Options, spread: bool, round: u64) -> Result<Found> {
    let project = |client: u64| if spread { format!("spread{client}") } else { "library".to_owned() };
    if spread && peer.projects && round == 0 {
        for client in 0..options.clients {
            make_project(peer, &project(client)).await?;
        }
    }
    let first = (round * 2 + u64::from(spread)) * options.images + 1;
    let images: Arc<Vec<Image>> = Arc::new((0..options.images).map(|at| Image::new(first + at)).collect());
    let next = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let clients = (0..options.clients).map(|client| {
        let (peer, next, images) = (peer.clone(), Arc::clone(&next), Arc::clone(&images));
        let repository = format!("{}/app{client}", project(client));
        async move {
            let mut registry = Registry::open(&peer, &repository, "pull,push").await?;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(image) = usize::try_from(number).ok().and_then(|at| images.get(at)) else {
                    return Ok(());
                };
                image.push(&mut registry, &format!("v{}", first + number)).await?;
            }
        }
    });
    together(clients).await?;
    let rate = options.images as f64 / began.elapsed().as_secs_f64();
    let row =
        if spread { format!("into {} projects", options.clients) } else { "into one project".to_owned() };
    Ok(vec![(row, rate, Unit::Rate)])
}

async fn make_project(peer: &Peer, name: &str) -> Result<()> {
    let body = json!({ "project_name": name }).to_string();
    let authorization = auth::basic(peer).ok_or("projects are made by somebody with a password")?;
    let request = format!(
        "POST /api/v2.0/projects HTTP/1.1\r\nHost: {}\r\nAuthorization: {authorization}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        peer.host,
        body.len()
    );
    let mut connection = Connection::open(peer).await?;
    connection.send(request.as_bytes()).await?;
    let head = connection.head().await?;
    let body = connection.body(&head).await?;
    expect(head.status, 201, "POST of a project", &body)
}
