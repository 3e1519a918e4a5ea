//! Removing artifacts, and the steps that removal is made of.

use super::sql;
use super::told::{self, Place};
use crate::access::{Grant, permissions::DeleteArtifact};
use crate::{App, Code, Error, Result, registry};
use haven_db::list::{batches, in_list};
use haven_db::{Timestamp, Tx, params};
use haven_oci::{Digest, Reference, RepositoryName, TagName};
use std::collections::BTreeSet;

/// Deletes the artifact that a tag or digest names, with all its tags, what hangs on it, and the children that nothing
/// else holds.
///
/// # Errors
/// `NotFound`; `Referenced` when an index contains it.
pub async fn delete_artifact(
    app: &App,
    grant: &Grant<DeleteArtifact>,
    repository: &RepositoryName,
    reference: &Reference,
) -> Result<()> {
    let now = app.clock.now();
    let unknown = || super::artifacts::unknown(repository, reference);
    let mut tx = app.db.begin().await?;
    let locked = super::lock_repository(&mut tx, grant.project.id, repository, now).await?;
    let id = locked.ok_or_else(unknown)?;
    let artifact = match reference {
        Reference::Digest(digest) => artifact_by_digest(&mut tx, id, digest).await?,
        Reference::Tag(tag) => match tx.query_opt(sql::ARTIFACT_BY_TAG, params![id, tag.as_str()]).await? {
            Some(row) => Some(row.get(0)?),
            None => None,
        },
    };
    let place = Place::new(grant, repository, id, now);
    let freed = told::delete_artifact(app, &mut tx, &place, artifact.ok_or_else(unknown)?).await?;
    registry::unlink(&mut tx, grant.project.id, &freed).await?;
    Ok(tx.commit().await?)
}

/// The artifact of a digest.
pub(crate) async fn artifact_by_digest(tx: &mut Tx, repository: i64, digest: &Digest) -> Result<Option<i64>> {
    let row = tx.query_opt(sql::ARTIFACT_BY_DIGEST, params![repository, digest.as_str()]).await?;
    Ok(row.map(|row| row.get(0)).transpose()?)
}

/// Takes a tag away and returns what it named.
pub(crate) async fn remove_tag(tx: &mut Tx, repository: i64, tag: &TagName) -> Result<Option<i64>> {
    let Some(row) = tx.query_opt(sql::REMOVE_TAG, params![repository, tag.as_str()]).await? else {
        return Ok(None);
    };
    tx.execute(sql::REMOVE_TAG_PULL, params![row.get::<i64>(0)?]).await?;
    Ok(Some(row.get(1)?))
}

/// Removes an artifact and everything that is there only for it; returns the digests that it needed.
///
/// What goes is found level by level: what hangs on an artifact of this level, and parts of an index that nothing else
/// holds, are the next one. Each level takes the same few statements, however wide it is.
///
/// # Errors
/// `Referenced` when an index contains it.
pub(crate) async fn remove_artifact(
    tx: &mut Tx,
    repository: i64,
    artifact: i64,
    now: Timestamp,
) -> Result<BTreeSet<String>> {
    if tx.query_opt(sql::PARENTS, params![artifact]).await?.is_some() {
        return Err(Error::new(Code::Referenced, "the deleting artifact is referenced by others"));
    }
    let mut freed = BTreeSet::new();
    let mut change = 0i64;
    let mut level = BTreeSet::from([artifact]);
    while !level.is_empty() {
        let hanging = ids_in(tx, sql::HANGING_ON, &level).await?;
        let children = ids_in(tx, sql::CHILDREN_OF, &level).await?;
        for statement in sql::DELETE_ARTIFACTS {
            for (marks, values) in batches(level.iter().copied()) {
                tx.execute(&in_list(statement, &marks), &values).await?;
            }
        }
        for (marks, values) in batches(level.iter().copied()) {
            for row in tx.query(&in_list(sql::DELETE_NEEDS, &marks), &values).await? {
                freed.insert(row.get(0)?);
            }
            for row in tx.query(&in_list(sql::DELETE_ARTIFACT_ROWS, &marks), &values).await? {
                change -= i64::from(row.get::<bool>(0)?);
            }
        }
        // What hangs on a subject may also be part of an index, and stays for that.
        level = ids_in(tx, sql::IN_NO_INDEX, &hanging).await?;
        level.extend(ids_in(tx, sql::ORPHANED, &children).await?);
    }
    tx.execute(sql::COUNT_ARTIFACTS, params![repository, change, now]).await?;
    Ok(freed)
}

/// The ids that a statement answers about some ids, in batches.
pub(super) async fn ids_in(tx: &mut Tx, statement: &str, ids: &BTreeSet<i64>) -> Result<BTreeSet<i64>> {
    let mut found = BTreeSet::new();
    for (marks, values) in batches(ids.iter().copied()) {
        for row in tx.query(&in_list(statement, &marks), &values).await? {
            found.insert(row.get(0)?);
        }
    }
    Ok(found)
}
