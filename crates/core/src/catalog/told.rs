//! What is told of changes: a line in the audit log and an event, in the transaction of each.

use super::sql;
use crate::access::Grant;
use crate::audit::{self, Act, Entry};
use crate::events::{self, Event};
use crate::{App, Result};
use haven_db::{Timestamp, Tx, params};
use haven_oci::{Digest, RepositoryName, TagName};
use std::collections::BTreeSet;

/// A repository whose row is held, and who is changing what is in it.
pub(crate) struct Place<'a> {
    project_id: i64,
    repository_id: i64,
    repository: &'a RepositoryName,
    actor: &'a str,
    now: Timestamp,
}

/// An artifact was pushed, under a tag or its digest.
pub(crate) async fn pushed(
    app: &App,
    tx: &mut Tx,
    place: &Place<'_>,
    artifact: (i64, &Digest),
    tag: Option<&TagName>,
) -> Result<()> {
    let (artifact_id, digest) = artifact;
    let name = match tag {
        Some(tag) => format!("{}:{tag}", place.repository),
        None => format!("{}@{digest}", place.repository),
    };
    place.record(app, tx, Act::CreateArtifact, name).await?;
    let event = Event::ArtifactPushed {
        repository: place.repository.to_string(),
        artifact_id,
        digest: digest.to_string(),
        tag: tag.map(ToString::to_string),
    };
    place.emit(app, tx, &event).await
}

/// Removes an artifact as somebody asked for it; what goes with it is not told. Returns the digests that it needed.
///
/// # Errors
/// `Referenced` when an index contains it.
pub(crate) async fn delete_artifact(
    app: &App,
    tx: &mut Tx,
    place: &Place<'_>,
    artifact: i64,
) -> Result<BTreeSet<String>> {
    let digest = digest(tx, artifact).await?;
    let rows = tx.query(sql::TAG_NAMES, params![artifact]).await?;
    let tags = rows.iter().map(|row| Ok(row.get(0)?)).collect::<Result<Vec<String>>>()?;
    let freed = super::remove_artifact(tx, place.repository_id, artifact, place.now).await?;
    place.record(app, tx, Act::DeleteArtifact, format!("{}@{digest}", place.repository)).await?;
    let event = Event::ArtifactDeleted { repository: place.repository.to_string(), digest, tags };
    place.emit(app, tx, &event).await?;
    Ok(freed)
}

/// A repository was deleted with all that was in it, which is not told one by one.
pub(super) async fn repository_deleted(app: &App, tx: &mut Tx, place: &Place<'_>) -> Result<()> {
    place.record(app, tx, Act::DeleteRepository, place.repository.to_string()).await?;
    place.emit(app, tx, &Event::RepositoryDeleted { name: place.repository.to_string() }).await
}

/// An artifact got a tag by itself, not by a push.
pub(crate) async fn tagged(
    app: &App,
    tx: &mut Tx,
    place: &Place<'_>,
    artifact: i64,
    tag: &TagName,
) -> Result<()> {
    place.record(app, tx, Act::CreateTag, format!("{}:{tag}", place.repository)).await?;
    let digest = digest(tx, artifact).await?;
    let (repository, tag) = (place.repository.to_string(), tag.to_string());
    place.emit(app, tx, &Event::TagCreated { repository, digest, tag }).await
}

/// A tag was taken from an artifact, which stays.
pub(crate) async fn untagged(
    app: &App,
    tx: &mut Tx,
    place: &Place<'_>,
    artifact: i64,
    tag: &TagName,
) -> Result<()> {
    place.record(app, tx, Act::DeleteTag, format!("{}:{tag}", place.repository)).await?;
    let digest = digest(tx, artifact).await?;
    let (repository, tag) = (place.repository.to_string(), tag.to_string());
    place.emit(app, tx, &Event::TagDeleted { repository, digest, tag }).await
}

impl<'a> Place<'a> {
    /// The repository of this id, being changed by whoever has the grant.
    pub(crate) fn new<P>(
        grant: &'a Grant<P>,
        repository: &'a RepositoryName,
        repository_id: i64,
        now: Timestamp,
    ) -> Self {
        Self { project_id: grant.project.id, repository_id, repository, actor: &grant.actor, now }
    }

    /// A line about what is in the repository, or about itself.
    pub(super) async fn record(&self, app: &App, tx: &mut Tx, act: Act, resource: String) -> Result<()> {
        audit::record(app, tx, Entry::new(act, self.actor, resource).in_project(self.project_id)).await
    }

    async fn emit(&self, app: &App, tx: &mut Tx, event: &Event) -> Result<()> {
        events::emit(app, tx, self.project_id, self.actor, event).await
    }
}

async fn digest(tx: &mut Tx, artifact: i64) -> Result<String> {
    Ok(tx.query_one(sql::DIGEST, params![artifact]).await?.get(0)?)
}
