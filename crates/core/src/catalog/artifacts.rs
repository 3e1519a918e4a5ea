//! Artifacts over REST: the list, one of them, and what hangs on it.

use super::{Tag, sql};
use crate::access::{
    Grant,
    permissions::{ListAccessories, ListArtifacts, ReadArtifact},
};
use crate::{App, Error, Result};
use haven_db::list::{Column, Kind, Match, Query, Select};
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
    pub accessories: Vec<Accessory>,
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
    pub accessories: bool,
}

const COLUMNS: &[Column] = &[
    Column { key: "id", sql: "a.id", kind: Kind::Int, sortable: true },
    Column { key: "type", sql: "a.type", kind: Kind::Text, sortable: true },
    Column { key: "media_type", sql: "a.media_type", kind: Kind::Text, sortable: true },
    Column { key: "artifact_type", sql: "a.artifact_type", kind: Kind::Text, sortable: true },
    Column { key: "manifest_media_type", sql: "a.manifest_media_type", kind: Kind::Text, sortable: true },
    Column { key: "digest", sql: "a.digest", kind: Kind::Text, sortable: true },
    Column { key: "icon", sql: "a.icon", kind: Kind::Text, sortable: false },
    Column { key: "size", sql: "a.size", kind: Kind::Int, sortable: true },
    Column { key: "repository_id", sql: "a.repository_id", kind: Kind::Int, sortable: true },
    Column { key: "push_time", sql: "a.pushed_at", kind: Kind::Time, sortable: true },
    Column { key: "pull_time", sql: "a.pulled_at", kind: Kind::Time, sortable: true },
];

const ACCESSORY_FILTERS: &[Column] = &[
    Column { key: "id", sql: "x.id", kind: Kind::Int, sortable: true },
    Column { key: "type", sql: "x.type", kind: Kind::Text, sortable: true },
    Column { key: "digest", sql: "a.digest", kind: Kind::Text, sortable: true },
    Column { key: "size", sql: "a.size", kind: Kind::Int, sortable: true },
    Column { key: "creation_time", sql: "x.created_at", kind: Kind::Time, sortable: true },
];

pub(super) fn unknown(repository: &RepositoryName, reference: &Name) -> Error {
    let separator = if matches!(reference, Name::Tag(_)) { ':' } else { '@' };
    Error::not_found(format!("artifact {repository}{separator}{reference} not found"))
}

/// The artifacts of a repository, newest first, with their number; none for an unknown repository.
///
/// # Errors
/// `BadRequest` for a filter that makes no sense.
pub async fn list_artifacts(
    app: &App,
    grant: &Grant<ListArtifacts>,
    repository: &RepositoryName,
    mut query: Query,
    include: Include,
) -> Result<(Vec<Artifact>, i64)> {
    let row = app.db.query_opt(sql::ONE_REPOSITORY, params![grant.project.id, repository.as_str()]).await?;
    let Some(row) = row else { return Ok((Vec::new(), 0)) };
    let id: i64 = row.get(0)?;
    let mut select = Select::new(sql::ARTIFACT_COLUMNS, sql::ARTIFACT_FROM).filter("a.repository_id = ?", id);
    select = match query.take("base") {
        None => select.filter_many("a.listed", Vec::new()),
        Some(Match::Exact(all)) if all == "*" => select.filter_many("NOT a.accessory", Vec::new()),
        Some(_) => return Err(Error::bad_request("invalid value for base: only * is supported")),
    };
    select = by_tags(select, query.take("tags"))?;
    if let Some(labels) = query.take("labels") {
        // Nothing carries a label yet, so every list of labels matches nothing; a malformed one is still refused.
        let Match::AllOf(_) = labels else {
            return Err(Error::bad_request("the value of labels must be a list of ids: labels=(1 2)"));
        };
        return Ok((Vec::new(), 0));
    }
    let select = select.apply(COLUMNS, &query).default_order("a.pushed_at DESC, a.id DESC");
    let (rows, total) = select.fetch_page(&app.db).await?;
    let mut artifacts = rows.iter().map(sql::artifact).collect::<Result<Vec<_>>>()?;
    fill(app, &mut artifacts, include).await?;
    Ok((artifacts, total))
}

fn by_tags(select: Select, tags: Option<Match>) -> Result<Select> {
    Ok(match tags {
        None => select,
        Some(Match::Exact(any)) if any == "*" => select.filter_many(sql::TAGGED, Vec::new()),
        Some(Match::Exact(none)) if none == "nil" => select.filter_many(sql::UNTAGGED, Vec::new()),
        Some(Match::Exact(name)) => select.filter(sql::TAG_IS, name),
        Some(Match::Fuzzy(part)) => select.filter(sql::TAG_CONTAINS, contains(&part)),
        Some(_) => return Err(Error::bad_request("the value of tags is *, nil, a name or ~part of a name")),
    })
}

/// A LIKE pattern for text anywhere in a value.
fn contains(part: &str) -> String {
    let mut pattern = String::from("%");
    for letter in part.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
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
    fill(app, &mut found, include).await?;
    found.pop().ok_or_else(|| unknown(repository, reference))
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
pub(super) async fn find(
    app: &App,
    project: i64,
    repository: &RepositoryName,
    reference: &Name,
) -> Result<i64> {
    let row = app.db.query_opt(sql::ONE_REPOSITORY, params![project, repository.as_str()]).await?;
    let id: i64 = row.ok_or_else(|| unknown(repository, reference))?.get(0)?;
    let row = match reference {
        Name::Tag(tag) => app.db.query_opt(sql::ARTIFACT_BY_TAG, params![id, tag.as_str()]).await?,
        Name::Digest(digest) => {
            app.db.query_opt(sql::ARTIFACT_BY_DIGEST, params![id, digest.as_str()]).await?
        }
    };
    Ok(row.ok_or_else(|| unknown(repository, reference))?.get(0)?)
}

/// Adds children, tags and accessories: one statement each for the whole page.
async fn fill(app: &App, artifacts: &mut [Artifact], include: Include) -> Result<()> {
    let ids: Vec<i64> = artifacts.iter().map(|artifact| artifact.id).collect();
    for row in app.db.query_in(sql::REFERENCES_OF, ids.iter().copied(), &[]).await? {
        let reference = sql::reference(&row)?;
        if let Some(parent) = by_id(artifacts, reference.parent_id) {
            parent.references.push(reference);
        }
    }
    if include.tags {
        for row in app.db.query_in(sql::TAGS_OF, ids.iter().copied(), &[]).await? {
            let tag = sql::tag(&row)?;
            if let Some(artifact) = by_id(artifacts, tag.artifact_id) {
                artifact.tags.push(tag);
            }
        }
    }
    if include.accessories {
        for row in app.db.query_in(sql::ACCESSORIES_OF, ids.iter().copied(), &[]).await? {
            let accessory = sql::accessory(&row)?;
            if let Some(subject) = accessory.subject_artifact_id.and_then(|id| by_id(artifacts, id)) {
                subject.accessories.push(accessory);
            }
        }
    }
    Ok(())
}

fn by_id(artifacts: &mut [Artifact], id: i64) -> Option<&mut Artifact> {
    artifacts.iter_mut().find(|artifact| artifact.id == id)
}
