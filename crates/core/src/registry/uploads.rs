//! Upload sessions: from `POST …/uploads/` to a linked blob.
//!
//! A session is a row with the blob store's state, so it survives a restart and any replica takes its next request. One
//! request writes at a time: it claims the row with a lease and renews it while bytes flow. Bytes pass outside any
//! transaction, in a task of their own, so that what a vanished client left behind is still recorded.

use super::sql;
use crate::access::{
    Grant,
    permissions::{Pull, Push},
};
use crate::{App, Code, Error, Result};
use haven_blobs::{ByteStream, Upload};
use haven_db::{Row, params};
use haven_oci::{Algorithm, Digest, RepositoryName};
use std::sync::Arc;
use std::time::Duration;

const LEASE: Duration = Duration::from_secs(60);
const RENEWAL: Duration = Duration::from_secs(20);

/// An open session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: String,
    /// Bytes received and kept.
    pub size: u64,
}

/// Who opened a session, for a caller whose token has expired since.
#[derive(Debug)]
pub struct Owner {
    pub actor: String,
    pub project: i64,
}

fn unknown() -> Error {
    Error::new(Code::BlobUploadUnknown, "blob upload unknown to registry")
}

/// Opens a session.
///
/// # Errors
/// When database or storage fail.
pub async fn start(
    app: &App,
    grant: &Grant<Push>,
    repository: &RepositoryName,
    algorithm: Algorithm,
) -> Result<Session> {
    let id = uuid::Uuid::new_v4().to_string();
    let upload = app.blobs.begin(&id, algorithm).await?;
    let row = params![
        id.as_str(),
        grant.project.id,
        repository.as_str(),
        grant.actor.as_str(),
        upload.to_bytes(),
        app.clock.now(),
    ];
    if let Err(error) = app.db.execute(sql::INSERT_UPLOAD, row).await {
        app.blobs.abort(&id).await?;
        return Err(error.into());
    }
    Ok(Session { id, size: 0 })
}

/// Where a session stands.
///
/// # Errors
/// `BlobUploadUnknown`.
pub async fn status(
    app: &App,
    grant: &Grant<Pull>,
    repository: &RepositoryName,
    id: &str,
) -> Result<Session> {
    let row = find(app, grant, repository, id).await?;
    size(id, &row)
}

/// Adds bytes to a session.
///
/// # Errors
/// `BlobUploadUnknown`; `RangeInvalid` when `from` is not where the session stands or another request is writing;
/// `SizeInvalid` when more than `length` bytes come. What was received before a failure of the client stays.
pub async fn append(
    app: &Arc<App>,
    grant: &Grant<Push>,
    repository: &RepositoryName,
    id: &str,
    chunk: Chunk,
) -> Result<Session> {
    find(app, grant, repository, id).await?;
    let mut claim = claim(app, id).await?;
    if let Err(error) = claim.expect(&chunk) {
        claim.save(app).await?;
        return Err(error);
    }
    in_task(app, |app| async move {
        let appended = claim.append(&app, chunk).await;
        claim.save(&app).await?;
        appended?;
        Ok(Session { id: claim.id, size: claim.upload.size })
    })
    .await
}

/// Adds the last bytes, checks the digest and links the blob to the project.
///
/// # Errors
/// As [`append`]; `DigestInvalid` when the content is another, and then the session is gone.
pub async fn finish(
    app: &Arc<App>,
    grant: &Grant<Push>,
    repository: &RepositoryName,
    id: &str,
    digest: Digest,
    chunk: Chunk,
) -> Result<u64> {
    find(app, grant, repository, id).await?;
    let mut claim = claim(app, id).await?;
    if let Err(error) = claim.expect(&chunk) {
        claim.save(app).await?;
        return Err(error);
    }
    let project = grant.project.id;
    in_task(app, move |app| async move {
        if let Err(error) = claim.append(&app, chunk).await {
            claim.save(&app).await?;
            return Err(error);
        }
        let committed = claim.renewing(&app, app.blobs.commit(claim.upload.clone(), &digest)).await;
        match committed {
            Ok(size) => record(&app, project, &claim.id, &digest, size).await,
            // Whatever was wrong with the content, the session cannot become the blob any more.
            Err(error) if error.code == Code::DigestInvalid => {
                app.db.execute(sql::DELETE_UPLOAD, params![claim.id.as_str()]).await?;
                Err(error)
            }
            Err(error) => {
                claim.save(&app).await?;
                Err(error)
            }
        }
    })
    .await
}

/// One transaction: the blob's row, its link to the project, the end of the session.
async fn record(app: &App, project: i64, id: &str, digest: &Digest, size: u64) -> Result<u64> {
    let now = app.clock.now();
    let bytes = i64::try_from(size).map_err(|error| Error::internal("blob size").because(error))?;
    let mut tx = app.db.begin().await?;
    tx.execute(sql::INSERT_BLOB, params![digest.as_str(), bytes, now]).await?;
    tx.execute(sql::LINK_BLOB, params![project, digest.as_str(), now]).await?;
    if tx.query_opt(sql::LIVE_PROJECT, params![project]).await?.is_none() {
        return Err(unknown());
    }
    tx.execute(sql::DELETE_UPLOAD, params![id]).await?;
    tx.commit().await?;
    Ok(size)
}

/// Ends a session and drops what it received.
///
/// # Errors
/// `BlobUploadUnknown`.
pub async fn cancel<P>(app: &App, grant: &Grant<P>, repository: &RepositoryName, id: &str) -> Result<()> {
    find(app, grant, repository, id).await?;
    app.db.execute(sql::DELETE_UPLOAD, params![id]).await?;
    app.blobs.abort(id).await?;
    Ok(())
}

/// Who opened a session of a repository; none when there is none.
///
/// # Errors
/// When the database fails.
pub async fn owner(app: &App, repository: &RepositoryName, id: &str) -> Result<Option<Owner>> {
    let Some(row) = app.db.query_opt(sql::UPLOAD, params![id]).await? else { return Ok(None) };
    let (project, at, actor): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    Ok((at == repository.as_str()).then_some(Owner { actor, project }))
}

/// How many sessions are open, of whomever.
///
/// # Errors
/// When the database fails.
pub async fn count(app: &App) -> Result<u64> {
    let count: i64 = app.db.query_one(sql::COUNT_UPLOADS, params![]).await?.get(0)?;
    Ok(count.unsigned_abs())
}

/// Bytes that a request brings for a session.
pub struct Chunk {
    /// Where the client says they begin, if it says so.
    pub from: Option<u64>,
    /// How many they are, if the client said so.
    pub length: Option<u64>,
    pub body: ByteStream,
}

/// A session is known only in its repository and to whoever opened it.
async fn find<P>(app: &App, grant: &Grant<P>, repository: &RepositoryName, id: &str) -> Result<Row> {
    let row = app.db.query_opt(sql::UPLOAD, params![id]).await?.ok_or_else(unknown)?;
    let (project, at, actor): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let theirs = project == grant.project.id && at == repository.as_str() && actor == grant.actor;
    if theirs { Ok(row) } else { Err(unknown()) }
}

fn size(id: &str, row: &Row) -> Result<Session> {
    let size: i64 = row.get(4)?;
    Ok(Session { id: id.to_owned(), size: size.unsigned_abs() })
}

struct Claim {
    id: String,
    lease: String,
    upload: Upload,
}

async fn claim(app: &App, id: &str) -> Result<Claim> {
    let lease = uuid::Uuid::new_v4().simple().to_string();
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let claimed = tx.query_opt(sql::CLAIM_UPLOAD, params![id, lease.as_str(), now + LEASE, now]).await?;
    let Some(row) = claimed else {
        return Err(Error::new(Code::RangeInvalid, "another request is writing to this upload"));
    };
    tx.commit().await?;
    let state: Vec<u8> = row.get(0)?;
    Ok(Claim { id: id.to_owned(), lease, upload: Upload::from_bytes(&state)? })
}

impl Claim {
    fn expect(&self, chunk: &Chunk) -> Result<()> {
        match chunk.from {
            Some(from) if from != self.upload.size => Err(Error::new(
                Code::RangeInvalid,
                format!("the upload stands at {}, the chunk begins at {from}", self.upload.size),
            )),
            _ => Ok(()),
        }
    }

    async fn append(&mut self, app: &App, chunk: Chunk) -> Result<()> {
        let before = self.upload.size;
        let (id, lease) = (self.id.clone(), self.lease.clone());
        let limit = chunk.length.map(|length| before.saturating_add(length));
        let work = app.blobs.append(&mut self.upload, chunk.body, limit);
        let size = renewing(app, &id, &lease, work).await?;
        match chunk.length {
            Some(length) if size - before != length => {
                Err(Error::new(Code::SizeInvalid, "provided length did not match content length"))
            }
            _ => Ok(()),
        }
    }

    async fn renewing<T>(
        &self,
        app: &App,
        work: impl Future<Output = Result<T, haven_blobs::Error>>,
    ) -> Result<T> {
        renewing(app, &self.id, &self.lease, work).await
    }

    /// Records what is there now and lets go of the session.
    async fn save(&self, app: &App) -> Result<()> {
        let size =
            i64::try_from(self.upload.size).map_err(|error| Error::internal("upload size").because(error))?;
        let row =
            params![self.id.as_str(), self.lease.as_str(), self.upload.to_bytes(), size, app.clock.now()];
        app.db.execute(sql::SAVE_UPLOAD, row).await?;
        Ok(())
    }
}

/// Runs storage work while keeping the lease.
async fn renewing<T>(
    app: &App,
    id: &str,
    lease: &str,
    work: impl Future<Output = Result<T, haven_blobs::Error>>,
) -> Result<T> {
    tokio::pin!(work);
    loop {
        match tokio::time::timeout(RENEWAL, &mut work).await {
            Ok(done) => return Ok(done?),
            Err(_) => {
                let now = app.clock.now();
                app.db.execute(sql::RENEW_UPLOAD, params![id, lease, now + LEASE, now]).await?;
            }
        }
    }
}

/// Runs to its end even if the request that asked for it is dropped.
async fn in_task<T, F>(app: &Arc<App>, work: impl FnOnce(Arc<App>) -> F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let task = app.tasks.spawn(work(Arc::clone(app)));
    task.await.map_err(|error| Error::internal("upload task").because(error))?
}
