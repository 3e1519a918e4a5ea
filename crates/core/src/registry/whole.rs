//! A blob that comes whole in the request that opens its session.
//!
//! The client is never told of the session. So nobody can go on with it, and it ends with the request: also when that
//! breaks off because the client has gone, and nobody waits for the end any more.

use super::orphans::end_session;
use super::sql;
use super::uploads::{Chunk, end, in_task, start};
use crate::access::{Grant, permissions::Push};
use crate::{App, Result};
use haven_db::params;
use haven_oci::{Digest, RepositoryName};
use std::sync::Arc;

/// Takes in the blob `digest` and links it to the project. Nothing is left of one that does not come whole.
///
/// # Errors
/// As those of [`super::finish`].
pub async fn push_blob(
    app: &Arc<App>,
    grant: &Grant<Push>,
    repository: &RepositoryName,
    digest: Digest,
    chunk: Chunk,
) -> Result<u64> {
    let (grant, repository) = (grant.clone(), repository.clone());
    in_task(app, move |app| async move {
        let session = start(&app, &grant, &repository, digest.algorithm()).await?;
        let taken = end(&app, grant.project.id, &session.id, true, &digest, chunk).await;
        if taken.is_err()
            && let Err(error) = drop_session(&app, &session.id).await
        {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(upload.id = session.id, error, "upload not removed");
        }
        taken
    })
    .await
}

/// It may have gone already.
async fn drop_session(app: &App, id: &str) -> Result<()> {
    end_session(&app.db, sql::DELETE_UPLOAD, params![id], [], app.clock.now()).await?;
    Ok(app.blobs.abort(id).await?)
}
