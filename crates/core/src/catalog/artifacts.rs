//! Artifacts over REST: one of them, and what hangs on it.

use super::{Tag, fill, sql};
use crate::access::{
    Grant,
    permissions::{ListAccessories, ReadAddition, ReadArtifact},
};
use crate::labels::Label;
use crate::{App, Error, Result};
use haven_db::list::{Column, Kind, Query, Select};
use haven_db::{Timestamp, params};
use haven_oci::{Reference as Name, RepositoryName};
use serde_json::Value as Json;

/// An artifact with as much as was asked for.
#[derive(Clone, Debug, Default)]
pub struct Artifact {
    pub id: i64,
    pub kind: String,
    pub media_type: String,
    pub manifest_media_type: String,
    pub artifact_type: String,
    pub project_id: i64,
    pub repository_id: i64,
    /// With the project.
    pub repository: String,
    pub digest: String,
    pub size: i64,
    pub icon: String,
    pub pushed_at: Timestamp,
    pub pulled_at: Timestamp,
    pub extra_attrs: Json,
    pub annotations: Json,
    pub references: Vec<Reference>,
    /// Newest first.
    pub tags: Vec<Tag>,
    pub labels: Vec<Label>,
    pub accessories: Vec<Accessory>,
    /// Signatures of the indexes that it is part of, when it has none of its own.
    pub inherited: Vec<Accessory>,
}

/// An index's child. The JSON parts are null when absent.
#[derive(Clone, Debug)]
pub struct Reference {
    pub parent_id: i64,
    pub child_id: i64,
    pub child_digest: String,
    pub platform: Json,
    pub annotations: Json,
    pub urls: Json,
}

/// What hangs on a subject.
#[derive(Clone, Debug)]
pub struct Accessory {
    pub id: i64,
    pub artifact_id: i64,
    /// None while the subject does not exist.
    pub subject_artifact_id: Option<i64>,
    pub subject_digest: String,
    pub repository: String,
    pub size: i64,
    pub digest: String,
    pub kind: String,
    pub created_at: Timestamp,
}

impl Accessory {
    /// Digest of the picture that stands for it; may be empty.
    pub fn icon(&self) -> &'static str {
        super::class::accessory_icon(&self.kind)
    }
}

/// What an answer adds to the rows.
#[derive(Clone, Copy, Debug)]
pub struct Include {
    pub tags: bool,
    pub labels: bool,
    pub accessories: bool,
    /// Signatures of the indexes that an artifact is part of.
    pub inherited: bool,
}

const ACCESSORY_FILTERS: &[Column] = &[
    Column { key: "id", sql: "x.id", kind: Kind::Int, sortable: true },
    Column { key: "artifact_id", sql: "x.artifact_id", kind: Kind::Int, sortable: true },
    Column { key: "type", sql: "x.type", kind: Kind::Text, sortable: true },
    Column { key: "digest", sql: "a.digest", kind: Kind::Text, sortable: true },
    Column { key: "size", sql: "a.size", kind: Kind::Int, sortable: true },
    Column { key: "creation_time", sql: "x.created_at", kind: Kind::Time, sortable: true },
];

pub(super) fn unknown(repository: &RepositoryName, reference: &Name) -> Error {
    let separator = if matches!(reference, Name::Tag(_)) { ':' } else { '@' };
    Error::not_found(format!("artifact {repository}{separator}{reference} not found"))
}

/// One artifact by tag or digest.
///
/// # Errors
/// `NotFound`.
pub async fn artifact(
    app: &App,
    grant: &Grant<ReadArtifact>,
    repository: &RepositoryName,
    reference: &Name,
    include: Include,
) -> Result<Artifact> {
    let id = find(app, grant.project.id, repository, reference).await?;
    let row = app.db.query_opt(sql::ONE_ARTIFACT, params![id]).await?;
    let mut found = vec![sql::artifact(&row.ok_or_else(|| unknown(repository, reference))?)?];
    fill::fill(app, &mut found, include, fill::WHOLE).await?;
    found.pop().ok_or_else(|| unknown(repository, reference))
}

/// Whether the artifact is there, for answers that say nothing else of it.
///
/// # Errors
/// `NotFound`.
pub async fn expect_artifact(
    app: &App,
    grant: &Grant<ReadAddition>,
    repository: &RepositoryName,
    reference: &Name,
) -> Result<()> {
    find(app, grant.project.id, repository, reference).await.map(drop)
}

/// What hangs on an artifact, with their number.
///
/// # Errors
/// `NotFound`.
pub async fn accessories(
    app: &App,
    grant: &Grant<ListAccessories>,
    repository: &RepositoryName,
    reference: &Name,
    query: &Query,
) -> Result<(Vec<Accessory>, i64)> {
    let id = find(app, grant.project.id, repository, reference).await?;
    let select =
        Select::new(sql::ACCESSORY_COLUMNS, sql::ACCESSORY_FROM).filter("x.subject_artifact_id = ?", id);
    let (rows, total) =
        select.apply(ACCESSORY_FILTERS, query).default_order("x.id ASC").fetch_page(&app.db).await?;
    Ok((rows.iter().map(sql::accessory).collect::<Result<_>>()?, total))
}

/// The id behind a tag or digest.
pub(crate) async fn find(
    app: &App,
    project: i64,
    repository: &RepositoryName,
    reference: &Name,
) -> Result<i64> {
    let (statement, text) = match reference {
        Name::Tag(tag) => (sql::ID_BY_TAG, tag.as_str()),
        Name::Digest(digest) => (sql::ID_BY_DIGEST, digest.as_str()),
    };
    let row = app.db.query_opt(statement, params![project, repository.as_str(), text]).await?;
    Ok(row.ok_or_else(|| unknown(repository, reference))?.get(0)?)
}
