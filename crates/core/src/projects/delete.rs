//! `DELETE /projects/{x}` and the question before it.

use super::sql;
use crate::access::{Grant, permissions::DeleteProject};
use crate::{App, Code, Error, Result, labels, quota, robots};
use haven_db::params;

/// Why a project with content stays.
pub const NOT_EMPTY: &str = "the project contains repositories, can not be deleted";

/// Whether a project may be deleted: nothing is in it.
///
/// # Errors
/// When the database fails.
pub async fn deletable(app: &App, grant: &Grant<DeleteProject>) -> Result<bool> {
    let count: i64 = app.db.query_one(sql::COUNT_REPOSITORIES, params![grant.project.id]).await?.get(0)?;
    Ok(count == 0)
}

/// Deletes an empty project; its name is free again at once.
///
/// # Errors
/// `Precondition` when it has repositories, `NotFound` when another request deleted it first.
pub async fn delete(app: &App, grant: &Grant<DeleteProject>) -> Result<()> {
    let id = grant.project.id;
    let mut tx = app.db.begin().await?;
    if tx.execute(sql::SOFT_DELETE, params![id, app.clock.now()]).await? == 0 {
        return Err(Error::not_found(format!("project {} not found", grant.project.name)));
    }
    // After the row is locked: a push that was first is seen here.
    let repositories: i64 = tx.query_one(sql::COUNT_REPOSITORIES, params![id]).await?.get(0)?;
    if repositories > 0 {
        return Err(Error::new(Code::Precondition, format!("precondition failed: {NOT_EMPTY}")));
    }
    tx.execute(sql::DELETE_MEMBERS, params![id]).await?;
    labels::forget_project(&mut tx, id).await?;
    tx.execute(sql::DELETE_BLOBS, params![id]).await?;
    quota::close(&mut tx, id).await?;
    robots::remove_of_project(&mut tx, id).await?;
    Ok(tx.commit().await?)
}
