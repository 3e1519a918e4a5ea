//! Cross-repository mounts: a blob that one project has becomes another's, without its bytes passing again.

use super::links::link;
use super::{blobs::Blob, sql};
use crate::access::{self, Action, Caller, Grant, Resource, permissions::Push};
use crate::{App, Error, Result, projects, quota};
use haven_db::params;
use haven_oci::{Digest, RepositoryName};

/// Links a blob from a repository the caller may pull; without `from`, from any project that has it and lets the caller
/// pull. None when there is nothing to mount: the client then uploads.
///
/// # Errors
/// `Denied` when the project may not store so much.
pub async fn mount(
    app: &App,
    caller: &Caller,
    grant: &Grant<Push>,
    digest: &Digest,
    from: Option<&RepositoryName>,
) -> Result<Option<Blob>> {
    let mut source = has(app, grant.project.id, digest).await?;
    if source.is_none() {
        for project in candidates(app, digest, from).await? {
            let Some(project) = projects::by_id(app, project).await? else { continue };
            if access::may(app, caller, &project, Resource::Repository, Action::Pull).await? {
                source = has(app, project.id, digest).await?;
                break;
            }
        }
    }
    let Some(blob) = source else { return Ok(None) };
    let limits = quota::limits(app).await?;
    let mut tx = app.db.begin().await?;
    let size = i64::try_from(blob.size).map_err(|error| Error::internal("blob size").because(error))?;
    let added = link(&mut tx, grant.project.id, digest, size, app.clock.now()).await?;
    if tx.query_opt(sql::LIVE_PROJECT, params![grant.project.id]).await?.is_none() {
        return Ok(None);
    }
    quota::charge(&mut tx, limits, grant.project.id, added).await?;
    tx.commit().await?;
    Ok(Some(blob))
}

async fn has(app: &App, project: i64, digest: &Digest) -> Result<Option<Blob>> {
    let Some(row) = app.db.query_opt(sql::BLOB, params![project, digest.as_str()]).await? else {
        return Ok(None);
    };
    let size: i64 = row.get(0)?;
    Ok(Some(Blob { digest: digest.clone(), size: size.unsigned_abs() }))
}

async fn candidates(app: &App, digest: &Digest, from: Option<&RepositoryName>) -> Result<Vec<i64>> {
    let from = from.map_or("", RepositoryName::project);
    let rows = app.db.query(sql::PROJECTS_WITH_BLOB, params![digest.as_str(), from]).await?;
    rows.iter().map(|row| Ok(row.get(0)?)).collect()
}
