//! The servers under load, as `bench/run.sh` describes them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use http::Uri;
use serde::Deserialize;

use crate::client::Connector;
use crate::{Error, Result};

/// What every measure is told.
#[derive(Args)]
pub(crate) struct Common {
    /// The servers: a file with one JSON object to a line.
    #[arg(long)]
    pub(crate) peers: PathBuf,
    /// How often each server is measured; they take turns.
    #[arg(long, default_value_t = 1)]
    pub(crate) rounds: u32,
    /// The certificate of the servers, PEM.
    #[arg(long)]
    pub(crate) ca: Option<PathBuf>,
    /// What is measured, in the words of the report, where one measure serves several rows.
    #[arg(long, default_value = "")]
    pub(crate) case: String,
}

impl Common {
    /// The servers, each with a way to connect to it.
    pub(crate) fn open(&self) -> Result<Vec<Peer>> {
        let connector = Arc::new(Connector::new(self.ca.as_deref())?);
        let text = std::fs::read_to_string(&self.peers)?;
        text.lines().map(|line| Peer::parse(line, Arc::clone(&connector))).collect()
    }
}

/// How a server without a token service of its own is convinced: tokens that the load program signs.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Signer {
    /// RSA, PEM.
    pub(crate) key: PathBuf,
    /// Its certificate, PEM, which the server trusts.
    pub(crate) certificate: PathBuf,
    pub(crate) issuer: String,
    pub(crate) service: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    url: String,
    user: Option<String>,
    password: Option<String>,
    signer: Option<Signer>,
    storage: Option<PathBuf>,
    folder: Option<PathBuf>,
    pid: Option<u32>,
    #[serde(default)]
    projects: bool,
    artifacts: Option<u64>,
    records: Option<u64>,
}

/// One server.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) tls: bool,
    /// Host and port.
    pub(crate) host: String,
    pub(crate) credentials: Option<(String, String)>,
    pub(crate) signer: Option<Signer>,
    /// Where a registry keeps its blobs, to remove again what a push left.
    pub(crate) storage: Option<PathBuf>,
    /// The folder of a server that takes no pushes: blobs are put there as files.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) pid: Option<u32>,
    /// Whether projects exist and have to be made over the REST API.
    pub(crate) projects: bool,
    /// How many artifacts `fill` or `estate` made there.
    pub(crate) artifacts: Option<u64>,
    /// How many lines of the audit log `estate` made for each project, where it was told a number.
    pub(crate) records: Option<u64>,
    pub(crate) connector: Arc<Connector>,
}

impl Peer {
    pub(crate) fn parse(line: &str, connector: Arc<Connector>) -> Result<Self> {
        let line: Line = serde_json::from_str(line)?;
        let uri: Uri = line.url.parse()?;
        let host = uri.authority().ok_or("the URL of a server has no host")?.to_string();
        Ok(Self {
            name: line.name,
            tls: uri.scheme_str() == Some("https"),
            host,
            credentials: line.user.zip(line.password),
            signer: line.signer,
            storage: line.storage,
            folder: line.folder,
            pid: line.pid,
            projects: line.projects,
            artifacts: line.artifacts,
            records: line.records,
            connector,
        })
    }

    /// The repository for what belongs together under `name`; every registry knows the project.
    pub(crate) fn repository(name: &str) -> String {
        format!("library/{name}")
    }

    /// An error of this server.
    pub(crate) fn wrong(&self, what: impl std::fmt::Display) -> Error {
        format!("{}: {what}", self.name).into()
    }

    /// Takes the bytes of a blob off the disk, so that a long measurement does not fill it. The registry goes on
    /// believing in it, so the digest must not be used again.
    pub(crate) fn forget(&self, repository: &str, digest: &str) -> Result<()> {
        let Some(storage) = &self.storage else { return Ok(()) };
        let hex = digest.rsplit(':').next().unwrap_or(digest);
        let pair = hex.get(..2).unwrap_or(hex);
        let places = [
            storage.join("docker/registry/v2/blobs/sha256").join(pair).join(hex).join("data"),
            storage.join(repository).join("blobs/sha256").join(hex),
        ];
        match places.iter().find(|place| Path::exists(place)) {
            Some(place) => Ok(std::fs::remove_file(place)?),
            None => Err(self.wrong(format!("the blob {digest} is not in {}", storage.display()))),
        }
    }
}
