//! After a crash: nothing acknowledged is lost, nothing half-written is seen, and what broke off can be done again.

use crate::ledger::{Image, Session};
use crate::push::{Client, PROJECTS};
use crate::wire::Api;
use haven_oci::{Digest, media_type};
use http::Method;
use serde_json::Value;
use std::collections::BTreeSet;

const ACCEPT: (&str, &str) = ("accept", "*/*");
/// How many of the older ones are looked at again each time.
const SAMPLE: usize = 40;

/// What was seen and done.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) blobs: u64,
    pub(crate) manifests: u64,
    pub(crate) tags: u64,
    pub(crate) retried: u64,
    pub(crate) resumed: u64,
    pub(crate) waiting: u64,
}

pub(crate) struct Verifier {
    pub(crate) client: Client,
    pub(crate) counts: Counts,
}

impl Verifier {
    pub(crate) fn new(client: Client) -> Self {
        Self { client, counts: Counts::default() }
    }

    fn api(&self) -> &Api {
        &self.client.api
    }

    /// What was acknowledged since the last look, and some of what was before; everything at the end.
    pub(crate) async fn acknowledged(&mut self, everything: bool) {
        let (blobs, manifests) = {
            let mut ledger = self.client.ledger.lock().unwrap();
            let mut blobs = std::mem::take(&mut ledger.fresh_blobs);
            let mut manifests = std::mem::take(&mut ledger.fresh_manifests);
            let dice = &mut self.client.dice;
            let mut some =
                |length: usize| if everything { 0 } else { dice.below(length.saturating_sub(SAMPLE)) };
            let most = if everything { usize::MAX } else { SAMPLE };
            blobs.extend(ledger.blobs.iter().skip(some(ledger.blobs.len())).take(most).cloned());
            let from = some(ledger.manifests.len());
            manifests.extend(ledger.manifests.keys().skip(from).take(most).cloned());
            (blobs, manifests)
        };
        for (repository, digest) in blobs {
            assert!(
                self.blob(&repository, &digest).await,
                "an acknowledged blob is gone: {repository} {digest}"
            );
            self.counts.blobs += 1;
        }
        for (repository, digest) in manifests {
            let here = self.manifest(&repository, &digest).await;
            assert!(here.is_some(), "an acknowledged manifest is gone: {repository} {digest}");
            self.counts.manifests += 1;
        }
        self.tags().await;
    }

    /// Whether the blob is there; if so it must be whole.
    async fn blob(&self, repository: &str, digest: &str) -> bool {
        let answer = self.api().get(&format!("/v2/{repository}/blobs/{digest}")).await.unwrap();
        match answer.status {
            200 => {
                let ledger = self.client.ledger.lock().unwrap();
                assert!(ledger.knows(digest, &answer.body), "another content: {repository} {digest}");
                true
            }
            404 => false,
            other => panic!("{other} for {repository} {digest}: {}", answer.text()),
        }
    }

    /// The digest of a manifest, by digest or tag; its bytes must be those that were sent, and all it names be there.
    async fn manifest(&self, repository: &str, reference: &str) -> Option<String> {
        let path = format!("/v2/{repository}/manifests/{reference}");
        let answer = self.api().send(Method::GET, &path, &[ACCEPT], "".into()).await.unwrap();
        if answer.status == 404 {
            return None;
        }
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let digest = Digest::sha256(&answer.body).to_string();
        assert_eq!(answer.header("docker-content-digest"), digest);
        assert!(
            self.client.ledger.lock().unwrap().universe.contains_key(&digest),
            "nobody sent {path} {digest}"
        );
        let manifest: Value = serde_json::from_slice(&answer.body).unwrap();
        let of = |value: &Value| value["digest"].as_str().unwrap().to_owned();
        if answer.header("content-type") == media_type::OCI_INDEX {
            for child in manifest["manifests"].as_array().unwrap() {
                let child = Box::pin(self.manifest(repository, &of(child))).await;
                assert!(child.is_some(), "{path} without a part of it");
            }
            return Some(digest);
        }
        let layers = manifest["layers"].as_array().unwrap();
        for blob in layers.iter().chain([&manifest["config"]]) {
            assert!(self.blob(repository, &of(blob)).await, "{path} without {}", of(blob));
        }
        Some(digest)
    }

    /// Every tag names what it was last said to name, or what was on its way when the server died.
    async fn tags(&mut self) {
        let tags: Vec<_> = {
            let ledger = self.client.ledger.lock().unwrap();
            ledger.tags.iter().map(|(key, tag)| (key.clone(), tag.clone())).collect()
        };
        for ((repository, name), tag) in tags {
            if tag.possible.len() == 1 && tag.acknowledged.is_some() && self.client.dice.below(4) > 0 {
                continue;
            }
            let named = self.manifest(&repository, &name).await;
            match &named {
                Some(digest) => {
                    assert!(tag.possible.contains(digest), "{repository}:{name} is {digest}, not of {tag:?}");
                }
                None => assert!(tag.acknowledged.is_none(), "{repository}:{name} is gone"),
            }
            self.counts.tags += 1;
            let mut ledger = self.client.ledger.lock().unwrap();
            let tag = ledger.tags.get_mut(&(repository, name)).unwrap();
            tag.possible = named.iter().cloned().collect::<BTreeSet<_>>();
            tag.acknowledged = named;
        }
    }

    /// What broke off is not there or whole, and is then pushed as docker does it: what is there is not sent.
    pub(crate) async fn retry(&mut self) {
        let unfinished = std::mem::take(&mut self.client.ledger.lock().unwrap().unfinished);
        for image in unfinished {
            self.manifest(&image.repository, &image.digest()).await;
            for content in &image.blobs {
                let digest = Digest::sha256(content).to_string();
                for project in PROJECTS {
                    self.blob(&format!("{project}/source"), &digest).await;
                }
                if !self.blob(&image.repository, &digest).await {
                    self.client.monolithic(&image.repository, content).await.unwrap();
                }
            }
            self.push_manifest(&image).await;
            self.counts.retried += 1;
        }
    }

    async fn push_manifest(&self, image: &Image) {
        self.client.manifest(image).await.unwrap();
    }

    /// Uploads stand where they were acknowledged, or further, and go on from there.
    pub(crate) async fn resume(&mut self) {
        let sessions: Vec<Session> = self.client.ledger.lock().unwrap().sessions.values().cloned().collect();
        self.counts.waiting = 0;
        for session in sessions {
            self.resume_one(session).await;
        }
    }

    async fn resume_one(&mut self, session: Session) {
        let answer = self.api().get(&session.location).await.unwrap();
        if answer.status == 404 {
            assert!(session.is_doubtful(), "an upload is gone: {}", session.location);
            let digest = Digest::sha256(&session.content).to_string();
            if !self.blob(&session.repository, &digest).await {
                // It was ended because its bytes were gone.
                assert!(session.exposed, "an upload ended without its blob: {digest}");
                self.begin_again(&session).await;
            }
            self.forget(&session);
            return;
        }
        assert_eq!(answer.status, 204, "{}", answer.text());
        let end: usize = answer.header("range").strip_prefix("0-").unwrap().parse().unwrap();
        let size = if end == 0 { 0 } else { end + 1 };
        assert!(size >= session.kept && size <= session.content.len(), "{size} bytes of {session:?}");
        let digest = Digest::sha256(&session.content).to_string();
        let path = format!("{}?digest={digest}", session.location);
        let rest = session.content.slice(size..);
        let octets = ("content-type", "application/octet-stream");
        let answer = self.api().send(Method::PUT, &path, &[octets], rest).await.unwrap();
        match answer.status {
            201 => {
                self.client.ledger.lock().unwrap().blob_acknowledged(&session.repository, &digest);
                assert!(self.blob(&session.repository, &digest).await);
                self.counts.resumed += 1;
                self.forget(&session);
            }
            // The claim of the request that died holds for a while.
            429 => self.counts.waiting += 1,
            // The bytes had become the blob, and the row was not written, or they were removed: clients begin again.
            404 if session.is_doubtful() => {
                self.begin_again(&session).await;
                self.forget(&session);
            }
            // Its bytes were just being removed.
            503 if self.client.swept => {
                self.client.monolithic(&session.repository, &session.content).await.unwrap();
                self.forget(&session);
            }
            other => panic!("{other}: {} for {}", answer.text(), session.location),
        }
    }

    async fn begin_again(&mut self, session: &Session) {
        self.client.monolithic(&session.repository, &session.content).await.unwrap();
        self.counts.resumed += 1;
    }

    fn forget(&self, session: &Session) {
        self.client.ledger.lock().unwrap().sessions.remove(&session.location);
    }
}
