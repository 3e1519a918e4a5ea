//! `PUT /projects/{x}`.

use super::metadata::{self, Metadata};
use super::{gone, sql};
use crate::access::{Grant, permissions::UpdateProject};
use crate::allowlists::{self, NewAllowlist};
use crate::{App, Error, Result};
use haven_db::params;

/// What is to change of a project.
#[derive(Debug, Default)]
pub struct ProjectChange {
    /// What is not in here stays as it is.
    pub metadata: Metadata,
    /// The whole list, if there is one: it takes the place of the old one.
    pub allowlist: Option<NewAllowlist>,
    /// The project that the list is said to be of; zero is any.
    pub allowlist_of: i64,
}

/// Changes a project, all or nothing.
///
/// # Errors
/// `BadRequest` for a property that cannot be, `NotFound` when the project has been deleted meanwhile.
pub async fn update(app: &App, grant: &Grant<UpdateProject>, change: ProjectChange) -> Result<()> {
    let id = grant.project.id;
    if change.allowlist_of != 0 && change.allowlist_of != id {
        let message = format!("the allowlist is that of the project {}, not of {id}", change.allowlist_of);
        return Err(Error::bad_request(message));
    }
    let public = metadata::public(&change.metadata)?;
    let properties = metadata::rows(&change.metadata)?;
    let allowlist = change.allowlist.map(NewAllowlist::check).transpose()?;

    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    if tx.execute(sql::UPDATE, params![id, public, now]).await? == 0 {
        return Err(gone(&grant.project));
    }
    metadata::check_retention(&change.metadata, &metadata::retention(&mut tx, id).await?)?;
    for (key, value) in properties {
        metadata::put(&mut tx, id, key, &value).await?;
    }
    if let Some(allowlist) = &allowlist {
        allowlists::put(&mut tx, id, allowlist, now).await?;
    }
    super::record_update(app, &mut tx, grant).await?;
    Ok(tx.commit().await?)
}
