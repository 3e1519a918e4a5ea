//! A client that pushes images in every way that clients have, until the connection breaks.

use crate::dice::Dice;
use crate::ledger::{Image, Ledger, Session};
use crate::wire::{Answer, Api};
use axum::body::Bytes;
use haven_oci::{Digest, media_type};
use http::Method;
use serde_json::json;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

pub(crate) const PROJECTS: [&str; 2] = ["library", "other"];
const OCTETS: (&str, &str) = ("content-type", "application/octet-stream");
/// A tag that all clients write to.
pub(crate) const CONTESTED: &str = "contested";

/// From here on a blob in a bucket is made of parts.
const LARGE: usize = 8 << 20;

/// One client.
pub(crate) struct Client {
    pub(crate) api: Api,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
    pub(crate) dice: Dice,
    pub(crate) number: usize,
    /// How often a push was refused because its bytes were just being removed.
    pub(crate) refused: Arc<AtomicU64>,
    /// Whether somebody removes bytes meanwhile.
    pub(crate) swept: bool,
    /// Blobs are in a bucket: large ones as multiparts, and what seems to be all of a blob in its place at once.
    pub(crate) bucket: bool,
}

impl Client {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    /// Pushes image after image; returns when the server is gone.
    pub(crate) async fn run(mut self) {
        let mut children: Vec<Image> = Vec::new();
        loop {
            let image = self.image(&children);
            if let Err(error) = self.push(&image).await {
                assert!(!error.to_string().contains("minute"), "{error}");
                self.ledger().unfinished.push(image);
                return;
            }
            if !image.blobs.is_empty() {
                children.push(image);
            }
        }
    }

    /// A new image in one of the client's repositories, or an index of some that are there.
    fn image(&mut self, children: &[Image]) -> Image {
        let project = PROJECTS[self.dice.below(2)];
        let repository = format!("{project}/client-{}", self.number % 3);
        let tag = match self.dice.below(4) {
            0 => CONTESTED.to_owned(),
            1 => format!("new-{:x}", self.dice.next()),
            _ => format!("own-{}", self.number),
        };
        let here: Vec<&Image> = children.iter().filter(|child| child.repository == repository).collect();
        if here.len() >= 2 && self.dice.below(5) == 0 {
            return index(&repository, &tag, &here[here.len() - 2..], self.dice.next());
        }
        let config = json!({ "os": "linux", "architecture": "amd64", "nonce": self.dice.next() });
        let mut blobs = vec![Bytes::from(config.to_string())];
        for _ in 0..1 + self.dice.below(3) {
            blobs.push(self.layer());
        }
        let layers: Vec<_> = blobs[1..]
            .iter()
            .map(|layer| descriptor("application/vnd.oci.image.layer.v1.tar", layer))
            .collect();
        let manifest = json!({ "schemaVersion": 2, "mediaType": media_type::OCI_MANIFEST,
            "config": descriptor(media_type::OCI_CONFIG, &blobs[0]), "layers": layers });
        Image {
            repository,
            tag,
            manifest: manifest.to_string().into(),
            media_type: media_type::OCI_MANIFEST,
            blobs,
        }
    }

    fn layer(&mut self) -> Bytes {
        if self.bucket && self.dice.below(16) == 0 { self.dice.large() } else { self.dice.content() }
    }

    async fn push(&mut self, image: &Image) -> io::Result<()> {
        for content in &image.blobs {
            match self.dice.below(8) {
                0..3 => self.monolithic(&image.repository, content).await?,
                3..6 => self.chunked(&image.repository, content).await?,
                6 => self.put_alone(&image.repository, content).await?,
                _ => self.mounted(&image.repository, content).await?,
            }
        }
        self.manifest(image).await
    }

    pub(crate) async fn monolithic(&self, repository: &str, content: &Bytes) -> io::Result<()> {
        let digest = self.ledger().sent(content);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        let answer = self.patiently(Method::POST, &path, OCTETS, content).await?;
        assert_eq!(answer.status, 201, "blob at once: {}", answer.text());
        self.ledger().blob_acknowledged(repository, &digest);
        Ok(())
    }

    /// Again, if that is what the server asks for.
    async fn patiently(
        &self,
        method: Method,
        path: &str,
        header: (&str, &str),
        body: &Bytes,
    ) -> io::Result<Answer> {
        loop {
            let answer = self.api.send(method.clone(), path, &[header], body.clone()).await?;
            if !(self.swept && answer.status == 503) {
                return Ok(answer);
            }
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) async fn begin(&self, repository: &str, content: &Bytes) -> io::Result<String> {
        self.ledger().sent(content);
        let path = format!("/v2/{repository}/blobs/uploads/");
        let answer = self.api.send(Method::POST, &path, &[], Bytes::new()).await?;
        assert_eq!(answer.status, 202, "start: {}", answer.text());
        let location = answer.header("location").to_owned();
        let (repository, content) = (repository.to_owned(), content.clone());
        let exposed = self.bucket && self.swept;
        let at = location.clone();
        let session = Session { location: at, repository, content, kept: 0, finishing: false, exposed };
        self.ledger().sessions.insert(location.clone(), session);
        Ok(location)
    }

    async fn put_alone(&self, repository: &str, content: &Bytes) -> io::Result<()> {
        let location = self.begin(repository, content).await?;
        self.finish(&location, repository, content, content.clone()).await
    }

    async fn chunked(&mut self, repository: &str, content: &Bytes) -> io::Result<()> {
        let location = self.begin(repository, content).await?;
        // Clients that send a blob in pieces say where each begins; others do not.
        let ranges = self.dice.below(2) == 0;
        let least = if content.len() > LARGE { LARGE / 4 } else { 2 };
        let mut rest = content.clone();
        while rest.len() > 1 {
            let length = least + self.dice.below(rest.len() - 1);
            let chunk = rest.split_to(length.min(rest.len()));
            if !self.append(&location, chunk, ranges).await? {
                return self.monolithic(repository, content).await;
            }
        }
        self.finish(&location, repository, content, rest).await
    }

    /// False when the upload is gone, as those may be that are exposed.
    pub(crate) async fn append(&self, location: &str, chunk: Bytes, ranges: bool) -> io::Result<bool> {
        let length = chunk.len();
        let from = self.expect_prefix(location, length, ranges);
        let range = format!("{from}-{}", from + length - 1);
        let headers = [OCTETS, ("content-range", &range)];
        let headers = if ranges { &headers[..] } else { &headers[..1] };
        let answer = self.api.send(Method::PATCH, location, headers, chunk).await?;
        let mut ledger = self.ledger();
        if answer.status == 404 && ledger.sessions[location].exposed {
            ledger.sessions.remove(location);
            return Ok(false);
        }
        assert_eq!(answer.status, 202, "chunk: {}", answer.text());
        let session = ledger.sessions.get_mut(location).unwrap();
        session.kept += length;
        assert_eq!(answer.header("range"), format!("0-{}", session.kept - 1));
        Ok(true)
    }

    /// Where a chunk begins. In a bucket everything up to its end may become a blob of its own, when nothing says that more
    /// is to come.
    fn expect_prefix(&self, location: &str, length: usize, ranges: bool) -> usize {
        let mut ledger = self.ledger();
        let session = &ledger.sessions[location];
        let from = session.kept;
        if self.bucket && !ranges {
            let prefix = session.content.slice(..from + length);
            ledger.sent(&prefix);
        }
        from
    }

    pub(crate) async fn finish(
        &self,
        location: &str,
        repository: &str,
        content: &Bytes,
        last: Bytes,
    ) -> io::Result<()> {
        let digest = Digest::sha256(content).to_string();
        self.ledger().sessions.get_mut(location).unwrap().finishing = true;
        let path = format!("{location}?digest={digest}");
        let answer = self.api.send(Method::PUT, &path, &[OCTETS], last).await?;
        if self.swept && answer.status == 503 {
            self.refused.fetch_add(1, Ordering::Relaxed);
            self.ledger().sessions.remove(location);
            return self.monolithic(repository, content).await;
        }
        if answer.status == 404 && self.ledger().sessions[location].exposed {
            self.ledger().sessions.remove(location);
            return self.monolithic(repository, content).await;
        }
        assert_eq!(answer.status, 201, "end: {}", answer.text());
        let mut ledger = self.ledger();
        ledger.sessions.remove(location);
        ledger.blob_acknowledged(repository, &digest);
        Ok(())
    }

    /// Into the one project at once, into the other one by a mount.
    async fn mounted(&self, repository: &str, content: &Bytes) -> io::Result<()> {
        let other = if repository.starts_with(PROJECTS[0]) { PROJECTS[1] } else { PROJECTS[0] };
        let from = format!("{other}/source");
        self.monolithic(&from, content).await?;
        let digest = Digest::sha256(content).to_string();
        let path = format!("/v2/{repository}/blobs/uploads/?mount={digest}&from={from}");
        let answer = self.api.send(Method::POST, &path, &[], Bytes::new()).await?;
        assert_eq!(answer.status, 201, "mount: {}", answer.text());
        self.ledger().blob_acknowledged(repository, &digest);
        Ok(())
    }

    pub(crate) async fn manifest(&self, image: &Image) -> io::Result<()> {
        self.ledger().manifest_sent(image);
        let path = format!("/v2/{}/manifests/{}", image.repository, image.tag);
        let header = ("content-type", image.media_type);
        let answer = self.patiently(Method::PUT, &path, header, &image.manifest).await?;
        assert_eq!(answer.status, 201, "manifest: {}", answer.text());
        self.ledger().manifest_acknowledged(image, is_own(&image.tag, self.number));
        Ok(())
    }
}

/// Whether nobody else writes to the tag at the same time.
fn is_own(tag: &str, number: usize) -> bool {
    tag == format!("own-{number}") || tag.starts_with("new-")
}

fn index(repository: &str, tag: &str, children: &[&Image], nonce: u64) -> Image {
    let children: Vec<_> =
        children.iter().map(|child| descriptor(child.media_type, &child.manifest)).collect();
    let manifest = json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": children,
        "annotations": { "nonce": nonce.to_string() } });
    let (repository, tag) = (repository.to_owned(), tag.to_owned());
    let manifest = manifest.to_string().into();
    Image { repository, tag, manifest, media_type: media_type::OCI_INDEX, blobs: Vec::new() }
}

fn descriptor(media_type: &str, bytes: &[u8]) -> serde_json::Value {
    json!({ "mediaType": media_type, "digest": Digest::sha256(bytes), "size": bytes.len() })
}
