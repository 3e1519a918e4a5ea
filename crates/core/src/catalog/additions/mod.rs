//! Additions: what can be read about an artifact beyond its row, as a chart's values or an image's build history.
//!
//! Owns `manifest_addition`. An addition is made when it is first asked for and kept by the manifest's digest, so that
//! every later read is one row. Archives come from outside: what is taken out of them, how much is unpacked and how many
//! are unpacked at once is bounded, and one that went beyond is remembered as such.

mod archive;
mod build;
mod chart;
mod model;
mod sql;

use super::artifacts::unknown;
use crate::access::{Grant, permissions::ReadAddition};
use crate::registry::read_whole;
use crate::{App, Code, Error, Result};
use build::{Made, Problem, Source};
use bytes::Bytes;
use haven_blobs::ByteStream;
use haven_db::{Kind, params};
use haven_oci::{Descriptor, Digest, Manifest, Reference, RepositoryName, media_type};
use tokio::sync::Semaphore;

/// Unpacking keeps a processor busy and holds an archive in memory; more at once would let a few requests take the machine.
static WORK: Semaphore = Semaphore::const_new(2);

/// An addition that the REST API knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdditionName {
    BuildHistory,
    Values,
    Readme,
    Dependencies,
    Sbom,
    License,
    Files,
}

impl AdditionName {
    /// In the order in which refusals tell them.
    pub const ALL: [Self; 7] = [
        Self::BuildHistory,
        Self::Values,
        Self::Readme,
        Self::Dependencies,
        Self::Sbom,
        Self::License,
        Self::Files,
    ];

    /// The last segment of its path.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BuildHistory => "build_history",
            Self::Values => "values.yaml",
            Self::Readme => "readme.md",
            Self::Dependencies => "dependencies",
            Self::Sbom => "sbom",
            Self::License => "license",
            Self::Files => "files",
        }
    }

    /// The addition of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::BuildHistory | Self::Dependencies | Self::Files => "application/json; charset=utf-8",
            Self::Values | Self::License => "text/plain; charset=utf-8",
            Self::Readme => "text/markdown; charset=utf-8",
            Self::Sbom => "application/vnd.goharbor.harbor.sbom.v1",
        }
    }
}

/// An addition on its way out.
pub struct Addition {
    pub content_type: &'static str,
    pub content: Content,
}

/// What it consists of.
pub enum Content {
    Whole(Bytes),
    /// As long as the layer that it is.
    Stream(ByteStream, u64),
}

/// The additions that a kind of artifact has. An index has none.
pub fn offered(kind: &str, manifest_media_type: &str) -> &'static [AdditionName] {
    use AdditionName::{BuildHistory, Dependencies, Files, License, Readme, Sbom, Values};
    match kind {
        _ if media_type::is_index(manifest_media_type) => &[],
        "IMAGE" | "WASM" => &[BuildHistory],
        "CHART" => &[Values, Readme, Dependencies],
        "CNAI" => &[Readme, License, Files],
        "SBOM" => &[Sbom],
        _ => &[],
    }
}

/// One addition of an artifact.
///
/// # Errors
/// `NotFound` without the artifact, or when it has no such document; `BadRequest` when its kind has no such addition;
/// `TooLarge` when the document, or the archive it is in, is larger than is unpacked.
pub async fn addition(
    app: &App,
    grant: &Grant<ReadAddition>,
    repository: &RepositoryName,
    reference: &Reference,
    name: AdditionName,
) -> Result<Addition> {
    let (statement, text) = match reference {
        Reference::Tag(tag) => (sql::BY_TAG, tag.as_str()),
        Reference::Digest(digest) => (sql::BY_DIGEST, digest.as_str()),
    };
    let found = params![repository.as_str(), grant.project.id, text, name.as_str()];
    let row = app.db.query_opt(statement, found).await?;
    let row = row.ok_or_else(|| unknown(repository, reference))?;
    let (digest, kind, media_type): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    if !offered(&kind, &media_type).contains(&name) {
        return Err(Error::bad_request(format!("addition {} isn't supported for {kind}", name.as_str())));
    }
    let content = match (row.get::<Option<String>>(3)?, row.get::<Option<Bytes>>(4)?) {
        (Some(problem), Some(content)) => Content::Whole(Made::restore(&problem, content).told(name)?),
        _ => make(app, &digest, &media_type, name).await?,
    };
    Ok(Addition { content_type: name.content_type(), content })
}

/// Makes an addition out of the artifact's blobs, and keeps it unless it is a layer as it is.
async fn make(app: &App, digest: &str, media_type: &str, name: AdditionName) -> Result<Content> {
    let row = app.db.query_one(sql::MANIFEST, params![digest]).await?;
    let content: Bytes = row.get(0)?;
    let manifest = Manifest::parse(media_type, &content)?;
    if name == AdditionName::Sbom {
        return stream(app, &manifest, name).await;
    }
    let made = match build::source(name, &manifest) {
        Source::Nothing => Made::Problem(Problem::Missing),
        Source::Manifest => Made::Content(model::files(&manifest)),
        Source::Blob(blob) if blob.size > build::MAX_BLOB => Made::Problem(Problem::TooLarge),
        Source::Blob(blob) => build_from(app, name, &manifest, blob).await?,
    };
    keep(app, digest, name, &made).await;
    Ok(Content::Whole(made.told(name)?))
}

async fn build_from(app: &App, name: AdditionName, manifest: &Manifest, blob: &Descriptor) -> Result<Made> {
    let interrupted = |error| Error::internal("an addition was not made").because(error);
    let _turn = WORK.acquire().await.map_err(|error| Error::internal("no turn").because(error))?;
    let (mut digest, mut size): (Digest, u64) = (blob.digest.clone(), blob.size);
    loop {
        let bytes = read_whole(app, &digest, size).await?;
        let owned = manifest.clone();
        let work = move || build::build(name, &owned, &digest, &bytes);
        match tokio::task::spawn_blocking(work).await.map_err(interrupted)? {
            build::Step::Done(made) => return Ok(made),
            build::Step::Read(next) if next.size > build::MAX_BLOB => {
                return Ok(Made::Problem(Problem::TooLarge));
            }
            build::Step::Read(next) => (digest, size) = (next.digest, next.size),
        }
    }
}

/// The only layer of a manifest, as it is. One that is to be had elsewhere may be nobody's here, or somebody else's.
async fn stream(app: &App, manifest: &Manifest, name: AdditionName) -> Result<Content> {
    let [layer] = manifest.layers.as_slice() else { return Err(Problem::Missing.error(name)) };
    if !layer.urls.is_empty() {
        return Err(Problem::Missing.error(name));
    }
    let stream = app.blobs.read(&layer.digest, layer.size, 0..layer.size).await?;
    Ok(Content::Stream(stream, layer.size))
}

/// An addition that could not be kept is made again next time.
async fn keep(app: &App, digest: &str, name: AdditionName, made: &Made) {
    let (problem, content) = made.row();
    match app.db.execute(sql::KEEP, params![digest, name.as_str(), problem, content]).await {
        Ok(_) => {}
        // The manifest went meanwhile.
        Err(error) if error.kind == Kind::ForeignKey => {}
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "an addition was not kept");
        }
    }
}

impl Problem {
    fn error(self, name: AdditionName) -> Error {
        let name = name.as_str();
        match self {
            Self::Missing => Error::not_found(format!("the artifact has no {name}")),
            Self::Unreadable => Error::not_found(format!("{name} cannot be read: its archive is damaged")),
            Self::TooLarge => Error::new(
                Code::TooLarge,
                format!("{name}, or the archive it is in, is too large to be shown"),
            ),
        }
    }
}

impl Made {
    fn told(self, name: AdditionName) -> Result<Bytes> {
        match self {
            Self::Content(content) => Ok(content),
            Self::Problem(problem) => Err(problem.error(name)),
        }
    }
}
