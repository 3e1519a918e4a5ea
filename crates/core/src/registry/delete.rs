//! `DELETE` of a manifest: by tag only the tag goes, by digest the artifact.

use crate::access::{Grant, permissions::DeleteRepository};
use crate::catalog::told::{self, Place};
use crate::{App, Code, Error, Result, catalog};
use haven_oci::{Reference, RepositoryName};

/// Removes a tag, or an artifact with its tags and what hangs on it.
///
/// # Errors
/// `ManifestUnknown`; `Referenced` when an index contains the artifact.
pub async fn delete(
    app: &App,
    grant: &Grant<DeleteRepository>,
    repository: &RepositoryName,
    reference: &Reference,
) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let unknown =
        || Error::new(Code::ManifestUnknown, format!("artifact {repository} {reference} not found"));
    let Some(id) = catalog::lock_repository(&mut tx, grant.project.id, repository, now).await? else {
        return Err(unknown());
    };
    let place = Place::new(grant, repository, id, now);
    match reference {
        Reference::Tag(tag) => {
            let artifact = catalog::remove_tag(&mut tx, id, tag).await?.ok_or_else(unknown)?;
            catalog::relist(&mut tx, id, artifact, &[], now).await?;
            told::untagged(app, &mut tx, &place, artifact, tag).await?;
        }
        Reference::Digest(digest) => {
            let artifact = catalog::artifact_by_digest(&mut tx, id, digest).await?.ok_or_else(unknown)?;
            let freed = told::delete_artifact(app, &mut tx, &place, artifact).await?;
            super::unlink(&mut tx, grant.project.id, &freed).await?;
        }
    }
    Ok(tx.commit().await?)
}
