//! Which project has which blob, and what that means for its quota.

use super::sql;
use crate::{App, Error, Result, quota};
use haven_db::list::{batches, in_list};
use haven_db::{Db, Timestamp, Tx, params};
use haven_oci::Digest;
use std::collections::BTreeSet;

/// Gives a project a blob; returns the bytes that this adds to what it stores, none if it had the blob.
pub(super) async fn link(
    tx: &mut Tx,
    project: i64,
    digest: &Digest,
    size: i64,
    now: Timestamp,
) -> Result<i64> {
    let new = tx.execute(sql::LINK_BLOB, params![project, digest.as_str(), now]).await? > 0;
    Ok(if new { size } else { 0 })
}

/// Gives a project again a blob that its artifacts need, whatever its quota says: they were let in once. False when the blob
/// has no row. Nobody knows whether its use still counts the blob, so it is counted again.
pub(crate) async fn relink(db: &Db, project: i64, digest: &str) -> Result<bool> {
    let mut tx = db.begin().await?;
    if tx.execute(sql::RELINK_BLOB, params![project, digest]).await? == 0 {
        return Ok(false);
    }
    quota::mend(&mut tx, project).await?;
    tx.commit().await?;
    Ok(true)
}

/// Gives a project all blobs that some artifacts of any project need; returns the bytes that this adds to what it stores.
pub(crate) async fn link_needed(
    tx: &mut Tx,
    project: i64,
    artifacts: &BTreeSet<i64>,
    now: Timestamp,
) -> Result<i64> {
    let mut bytes = 0_i64;
    for (marks, mut values) in batches(artifacts.iter().copied()) {
        values.extend([project.into(), now.into()]);
        for row in tx.query(&in_list(sql::LINK_NEEDED, &marks), &values).await? {
            bytes = bytes.saturating_add(row.get(0)?);
        }
    }
    Ok(bytes)
}

/// Takes from a project those of the blobs that none of its artifacts needs any more, and counts its use down.
pub(crate) async fn unlink(tx: &mut Tx, project: i64, digests: &BTreeSet<String>) -> Result<()> {
    let mut bytes = 0_i64;
    for (marks, mut values) in batches(digests.iter().map(String::as_str)) {
        values.push(project.into());
        // A push that needs one of them now either is seen below or waits and finds it gone.
        tx.query(&in_list(sql::HOLD_LINKS, &marks), &values).await?;
        for row in tx.query(&in_list(sql::UNUSED_LINKS, &marks), &values).await? {
            bytes = bytes.saturating_add(row.get(0)?);
        }
        tx.execute(&in_list(sql::UNLINK_BLOBS, &marks), &values).await?;
    }
    quota::release(tx, project, bytes).await
}

/// Refuses bytes that the project may not store, before they are put in place; those that it has cost nothing.
pub(super) async fn admit(app: &App, project: i64, digest: &Digest, size: u64) -> Result<(), Error> {
    match quota::admit(app, project, size).await {
        Err(refusal) => match app.db.query_opt(sql::BLOB, params![project, digest.as_str()]).await? {
            Some(_) => Ok(()),
            None => Err(refusal),
        },
        admitted => admitted,
    }
}
