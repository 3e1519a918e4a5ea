//! Upload sessions: from `POST …/uploads/` to a linked blob.
//!
//! A session is a row with the blob store's state, so it survives a restart and any replica takes its next request. One
//! request writes at a time: it claims the row with a lease and renews it while bytes flow. Bytes pass outside any
//! transaction, in a task of their own, so that what a vanished client left behind is still recorded.

use super::claims::claim;
use super::links::link;
use super::orphans::end_session;
use super::removal::Watch;
use super::{short, sql};
use crate::access::{
    Grant,
    permissions::{Pull, Push},
};
use crate::{App, Code, Error, Result, quota};
use haven_blobs::ByteStream;
use haven_db::{Row, Timestamp, Value, params};
use haven_oci::{Algorithm, Digest, RepositoryName};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tracing::Instrument as _;

/// The longest that anybody waits for bytes to go that nobody needs.
const MOMENT: Duration = Duration::from_secs(2);

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

pub(super) fn unknown() -> Error {
    Error::new(Code::BlobUploadUnknown, "blob upload unknown to registry")
}

pub(super) fn busy() -> Error {
    Error::new(Code::TooManyRequests, "another request is writing to this upload")
}

/// Opens a session.
///
/// # Errors
/// `Denied` when the project stores more than it may, and when database or storage fail.
pub async fn start(
    app: &App,
    grant: &Grant<Push>,
    repository: &RepositoryName,
    algorithm: Algorithm,
) -> Result<Session> {
    quota::check(app, grant).await?;
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
        app.blobs.abort_untouched(&id).await?;
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
/// `BlobUploadUnknown`; `RangeInvalid` when `from` is not where the session stands; `TooManyRequests` while another
/// request is writing; `SizeInvalid` when other than `length` bytes come, and then none of them count. What was received
/// before the client went away stays.
pub async fn append(
    app: &Arc<App>,
    grant: &Grant<Push>,
    repository: &RepositoryName,
    id: &str,
    chunk: Chunk,
) -> Result<Session> {
    find(app, grant, repository, id).await?;
    let id = id.to_owned();
    in_task(app, |app| async move {
        let mut claim = claim(&app, &id).await?;
        if chunk.from.is_some() {
            // Clients that send a blob in one go do not say where it begins.
            claim.upload.expect_more();
        }
        let appended = claim.append(&app, chunk).await;
        let size = claim.upload.size;
        claim.save(&app).await?;
        if !appended? {
            return Err(unknown());
        }
        Ok(Session { id, size })
    })
    .await
}

/// Adds the last bytes, checks the digest and links the blob to the project.
///
/// # Errors
/// As [`append`]; `DigestInvalid` when the content is another, and then the session is gone; `Denied` when the project may
/// not store so much.
pub async fn finish(
    app: &Arc<App>,
    grant: &Grant<Push>,
    repository: &RepositoryName,
    id: &str,
    digest: Digest,
    chunk: Chunk,
) -> Result<u64> {
    let is_untouched = is_untouched(&find(app, grant, repository, id).await?, app.clock.now())?;
    let (id, project) = (id.to_owned(), grant.project.id);
    in_task(app, move |app| async move { end(&app, project, &id, is_untouched, &digest, chunk).await }).await
}

/// Takes in the last bytes of a session and makes the blob of it.
pub(super) async fn end(
    app: &App,
    project: i64,
    id: &str,
    is_untouched: bool,
    digest: &Digest,
    chunk: Chunk,
) -> Result<u64> {
    let chunk = match if is_untouched { short::collect(chunk).await } else { Err(chunk) } {
        Ok(bytes) => return short::finish(app, project, id, digest, bytes).await,
        Err(chunk) => chunk,
    };
    let mut claim = claim(app, id).await?;
    match claim.finish(app, project, digest, chunk).await {
        // Whatever was wrong with the content, or if it is gone: the session cannot become the blob any more.
        Err(error) if matches!(error.code, Code::DigestInvalid | Code::BlobUploadUnknown) => {
            claim.end(app).await?;
            Err(error)
        }
        // Also when only the rows could not be written: the same request may then come again.
        Err(error) => {
            claim.save(app).await?;
            Err(error)
        }
        done => {
            claim.let_go(app).await;
            done
        }
    }
}

/// Ends a session and drops what it received, whoever opened it: the right to delete decides.
///
/// The session has ended with its row. A storage that does not drop the bytes at once is not waited for, and what it
/// keeps, the next sweep removes.
///
/// # Errors
/// `BlobUploadUnknown`.
pub async fn cancel<P>(
    app: &Arc<App>,
    grant: &Grant<P>,
    repository: &RepositoryName,
    id: &str,
) -> Result<()> {
    let owner = owner(app, repository, id).await?;
    owner.filter(|owner| owner.project == grant.project.id).ok_or_else(unknown)?;
    end_session(&app.db, sql::DELETE_UPLOAD, params![id], [], app.clock.now()).await?;
    drop_bytes(app, id).for_a_moment().await;
    Ok(())
}

/// Bytes that go, whether or not anybody waits for it.
pub(super) struct Dropping(JoinHandle<()>);

impl Dropping {
    pub(super) async fn for_a_moment(self) {
        let _ = tokio::time::timeout(MOMENT, self.0).await;
    }
}

/// Begins to drop what was received of a session whose row is gone. What fails, the next sweep does.
pub(super) fn drop_bytes(app: &Arc<App>, id: &str) -> Dropping {
    let (on, id) = (Arc::clone(app), id.to_owned());
    let work = async move {
        if let Err(error) = on.blobs.abort(&id).await {
            tracing::warn!(upload.id = id, error = &error as &dyn std::error::Error, "upload not removed");
        }
    };
    Dropping(app.tasks.spawn(work.in_current_span()))
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

/// Whether nothing has come to it and nobody is writing.
fn is_untouched(row: &Row, now: Timestamp) -> Result<bool> {
    let (size, lease, lease_until): (i64, String, Timestamp) = (row.get(4)?, row.get(5)?, row.get(6)?);
    Ok(size == 0 && (lease.is_empty() || lease_until < now))
}

/// One transaction: the end of the session by a statement with two parameters, the blob's row, its link to the project.
///
/// # Errors
/// `BlobUploadUnknown` when the statement finds no session that is ours to finish.
pub(super) async fn record(
    app: &App,
    (ending, session): (&str, [Value; 2]),
    project: i64,
    watch: &Watch,
    size: u64,
) -> Result<()> {
    let limits = quota::limits(app).await?;
    let (digest, now) = (watch.digest(), app.clock.now());
    let mut tx = app.db.begin().await?;
    // Cancelled or taken over meanwhile: then it is not ours to finish.
    if tx.execute(ending, &session).await? == 0 {
        return Err(unknown());
    }
    tx.execute(sql::INSERT_BLOB, params![digest.as_str(), to_i64(size)?, now]).await?;
    watch.check(&mut tx).await?;
    let added = link(&mut tx, project, digest, to_i64(size)?, now).await?;
    if tx.query_opt(sql::LIVE_PROJECT, params![project]).await?.is_none() {
        return Err(unknown());
    }
    quota::charge(&mut tx, limits, project, added).await?;
    Ok(tx.commit().await?)
}

pub(super) fn to_i64(size: u64) -> Result<i64> {
    i64::try_from(size).map_err(|error| Error::internal("upload size").because(error))
}

/// Runs to its end even if the request that asked for it is dropped.
pub(super) async fn in_task<T, F>(app: &Arc<App>, work: impl FnOnce(Arc<App>) -> F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let task = app.tasks.spawn(work(Arc::clone(app)).in_current_span());
    task.await.map_err(|error| Error::internal("upload task").because(error))?
}
