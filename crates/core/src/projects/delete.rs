//! `DELETE /projects/{x}` and the question before it.

use super::{gone, sql};
use crate::access::{Grant, permissions::DeleteProject};
use crate::audit::{self, Act, Entry};
use crate::events::{self, Event};
use crate::{App, Code, Error, Result, allowlists, labels, members, quota, robots};
use haven_db::params;

/// Why a project with content stays.
pub const NOT_EMPTY: &str = "the project contains repositories, can not be deleted";

/// Whether a project may be deleted: nothing is in it.
///
/// # Errors
/// When the database fails.
pub async fn deletable(app: &App, grant: &Grant<DeleteProject>) -> Result<bool> {
    Ok(app.db.query_opt(sql::ANY_REPOSITORY, params![grant.project.id]).await?.is_none())
}

/// Deletes an empty project; its name is free again at once.
///
/// # Errors
/// `Precondition` when it has repositories, `NotFound` when another request deleted it first.
pub async fn delete(app: &App, grant: &Grant<DeleteProject>) -> Result<()> {
    let id = grant.project.id;
    let mut tx = app.db.begin().await?;
    if tx.execute(sql::SOFT_DELETE, params![id, app.clock.now()]).await? == 0 {
        return Err(gone(&grant.project));
    }
    // After the row is locked: a push that was first is seen here.
    if tx.query_opt(sql::ANY_REPOSITORY, params![id]).await?.is_some() {
        return Err(Error::new(Code::Precondition, format!("precondition failed: {NOT_EMPTY}")));
    }
    // The row stays for what is told of the past; whatever depends on it goes.
    members::dismiss_all(&mut tx, id).await?;
    allowlists::remove(&mut tx, id).await?;
    labels::forget_project(&mut tx, id).await?;
    tx.execute(sql::DELETE_METADATA, params![id]).await?;
    tx.execute(sql::DELETE_BLOBS, params![id]).await?;
    quota::close(&mut tx, id).await?;
    robots::remove_of_project(&mut tx, id).await?;
    let name = grant.project.name.as_str();
    let entry = Entry::new(Act::DeleteProject, &grant.actor, name).in_project(id);
    audit::record(app, &mut tx, entry).await?;
    let event = Event::ProjectDeleted { name: name.to_owned() };
    events::emit(app, &mut tx, id, &grant.actor, &event).await?;
    Ok(tx.commit().await?)
}
