//! Tags over REST.

use super::told::{self, Place};
use super::{artifacts, sql};
use crate::access::{
    Grant,
    permissions::{CreateTag, DeleteTag, ListTags},
};
use crate::{App, Code, Error, Result};
use haven_db::list::{Column, Kind, Query, Select};
use haven_db::{Timestamp, params};
use haven_oci::{Reference, RepositoryName, TagName};

/// A name for an artifact.
#[derive(Clone, Debug)]
pub struct Tag {
    pub id: i64,
    pub repository_id: i64,
    pub artifact_id: i64,
    pub name: String,
    pub pushed_at: Timestamp,
    pub pulled_at: Timestamp,
}

const COLUMNS: &[Column] = &[
    Column { key: "id", sql: "t.id", kind: Kind::Int, sortable: true },
    Column { key: "name", sql: "t.name", kind: Kind::Text, sortable: true },
    Column { key: "push_time", sql: "t.pushed_at", kind: Kind::Time, sortable: true },
    Column { key: "pull_time", sql: "COALESCE(p.pulled_at, 0)", kind: Kind::Time, sortable: true },
];

/// The tags of one artifact, newest first, with their number.
///
/// # Errors
/// `NotFound` when there is no such artifact.
pub async fn list_tags(
    app: &App,
    grant: &Grant<ListTags>,
    repository: &RepositoryName,
    reference: &Reference,
    query: &Query,
) -> Result<(Vec<Tag>, i64)> {
    let artifact = artifacts::find(app, grant.project.id, repository, reference).await?;
    let select = Select::new(sql::TAG_COLUMNS, sql::TAG_FROM).filter("t.artifact_id = ?", artifact);
    let select = select.apply(COLUMNS, query).default_order("t.pushed_at DESC, t.id DESC");
    let (rows, total) = select.fetch_page(&app.db).await?;
    Ok((rows.iter().map(sql::tag).collect::<Result<_>>()?, total))
}

/// Gives an artifact one more name.
///
/// # Errors
/// `BadRequest` for a bad name, `NotFound` without the artifact, `Conflict` when the repository has that tag.
pub async fn create_tag(
    app: &App,
    grant: &Grant<CreateTag>,
    repository: &RepositoryName,
    reference: &Reference,
    name: &str,
) -> Result<()> {
    let tag: TagName = name.parse().map_err(|_| Error::bad_request(format!("invalid tag name: {name}")))?;
    let now = app.clock.now();
    let artifact = artifacts::find(app, grant.project.id, repository, reference).await?;
    let mut tx = app.db.begin().await?;
    let locked = super::lock_repository(&mut tx, grant.project.id, repository, now).await?;
    let id = locked.ok_or_else(|| artifacts::unknown(repository, reference))?;
    if tx.query_opt(sql::ARTIFACT_STILL, params![artifact]).await?.is_none() {
        return Err(artifacts::unknown(repository, reference));
    }
    if tx.execute(sql::ADD_TAG, params![id, artifact, tag.as_str(), now]).await? == 0 {
        return Err(Error::new(Code::Conflict, format!("tag {tag} already exists")));
    }
    super::relist(&mut tx, id, artifact, &[], now).await?;
    let place = Place::new(grant, repository, id, now);
    told::tagged(app, &mut tx, &place, artifact, &tag).await?;
    Ok(tx.commit().await?)
}

/// Takes a name from an artifact, which stays.
///
/// # Errors
/// `NotFound` when the artifact does not have that tag.
pub async fn delete_tag(
    app: &App,
    grant: &Grant<DeleteTag>,
    repository: &RepositoryName,
    reference: &Reference,
    name: &str,
) -> Result<()> {
    let unknown = || Error::not_found(format!("tag {name} attached to artifact {reference} not found"));
    let tag: TagName = name.parse().map_err(|_| unknown())?;
    let now = app.clock.now();
    let artifact = artifacts::find(app, grant.project.id, repository, reference).await?;
    let mut tx = app.db.begin().await?;
    let locked = super::lock_repository(&mut tx, grant.project.id, repository, now).await?;
    let id = locked.ok_or_else(unknown)?;
    // Rolled back unless the tag was this artifact's.
    if super::remove_tag(&mut tx, id, &tag).await? != Some(artifact) {
        return Err(unknown());
    }
    super::relist(&mut tx, id, artifact, &[], now).await?;
    let place = Place::new(grant, repository, id, now);
    told::untagged(app, &mut tx, &place, artifact, &tag).await?;
    Ok(tx.commit().await?)
}
