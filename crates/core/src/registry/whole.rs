//! A blob that comes whole in the request that opens its session.
//!
//! The client is never told of the session. So nobody can go on with it, and it ends with the request: also when that
//! breaks off because the client has gone, and nobody waits for the end any more.

use super::orphans::end_session;
use super::sql;
use super::uploads::{Chunk, drop_bytes, end, in_task, start};
use crate::access::{Grant, permissions::Push};
use crate::{App, Code, Result};
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
        if let Err(error) = &taken {
            drop_session(&app, &session.id, error.code == Code::Unavailable).await;
        }
        taken
    })
    .await
}

/// It may have gone already. A storage that has just failed the client is not waited for once more.
async fn drop_session(app: &Arc<App>, id: &str, is_ill: bool) {
    let ended = end_session(&app.db, sql::DELETE_UPLOAD, params![id], [], app.clock.now()).await;
    if let Err(error) = ended {
        // The purge finds the row.
        let error = &error as &dyn std::error::Error;
        tracing::warn!(upload.id = id, error, "upload not removed");
        return;
    }
    let dropping = drop_bytes(app, id);
    if !is_ill {
        dropping.for_a_moment().await;
    }
}
