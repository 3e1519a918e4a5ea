//! One request that writes to a session: it holds the session's row by a lease while bytes flow.

use super::links::admit;
use super::orphans::{end_session, note};
use super::removal::watch;
use super::sql;
use super::uploads::{Chunk, busy, record, to_i64, unknown};
use crate::{App, Code, Error, Result};
use haven_blobs::Upload;
use haven_db::params;
use haven_oci::Digest;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long a session stays taken by a request whose process died. A live one renews well before.
const LEASE: Duration = Duration::from_secs(15);
const RENEWAL: Duration = Duration::from_secs(4);
/// No more than this may the clocks of two replicas differ.
pub(super) const SKEW: Duration = Duration::from_secs(60);

pub(super) struct Claim {
    id: String,
    lease: String,
    pub(super) upload: Upload,
    /// The blobs in whose place bytes of the session lie, or may lie, that have no row yet.
    placed: BTreeSet<Digest>,
}

pub(super) async fn claim(app: &App, id: &str) -> Result<Claim> {
    let lease = uuid::Uuid::new_v4().simple().to_string();
    let now = app.clock.now();
    let claimed = params![id, lease.as_str(), now + LEASE, now, now + LEASE + SKEW];
    let Some(row) = app.db.query_opt(sql::CLAIM_UPLOAD, claimed).await? else {
        app.db.query_opt(sql::UPLOAD, params![id]).await?.ok_or_else(unknown)?;
        return Err(busy());
    };
    let state: Vec<u8> = row.get(0)?;
    let upload = Upload::from_bytes(&state)?;
    let placed = app.blobs.placed(&upload).into_iter().collect();
    Ok(Claim { id: id.to_owned(), lease, upload, placed })
}

impl Claim {
    /// Takes in a chunk; says whether storage still knows the session.
    pub(super) async fn append(&mut self, app: &App, chunk: Chunk) -> Result<bool> {
        let before = self.upload.clone();
        if let Some(from) = chunk.from.filter(|from| *from != before.size) {
            let text = format!("the upload stands at {}, the chunk begins at {from}", before.size);
            return Err(Error::new(Code::RangeInvalid, text));
        }
        let limit = chunk.length.map(|length| before.size.saturating_add(length));
        let (id, lease) = (self.id.clone(), self.lease.clone());
        let work = app.blobs.append(&mut self.upload, chunk.body, limit);
        let appended = renewing(app, &id, &lease, work).await;
        self.placed.extend(self.upload.take_placing());
        let size = match appended? {
            Err(error) if error.kind == haven_blobs::Kind::NotFound => return Ok(false),
            done => done?,
        };
        if limit.is_some_and(|limit| size != limit) {
            // The store drops what is beyond the session's size when it is opened again.
            self.upload = before;
            return Err(Error::new(Code::SizeInvalid, "provided length did not match content length"));
        }
        Ok(true)
    }

    /// Takes in the last bytes and makes the blob of all of them.
    pub(super) async fn finish(
        &mut self,
        app: &App,
        project: i64,
        digest: &Digest,
        chunk: Chunk,
    ) -> Result<u64> {
        self.upload.expect(digest);
        // Before the bytes come: storage that knows the digest may put them in place at once.
        let watch = watch(&app.db, &*app.blobs, digest, app.clock.now()).await?;
        let length = chunk.length;
        if let Some(length) = length {
            admit(app, project, digest, self.upload.size.saturating_add(length)).await?;
        }
        // Bytes that are gone may have become the blob just before a crash, and then the commit still succeeds.
        let known = self.append(app, chunk).await?;
        if length.is_none() {
            admit(app, project, digest, self.upload.size).await?;
        }
        let commit = app.blobs.commit(self.upload.clone(), digest);
        let committed = renewing(app, &self.id, &self.lease, commit).await;
        if !matches!(&committed, Ok(Err(error)) if error.kind == haven_blobs::Kind::DigestMismatch) {
            self.placed.insert(digest.clone());
        }
        let size = match committed? {
            Err(error) if error.kind == haven_blobs::Kind::NotFound => return Err(unknown().because(error)),
            // Not the client's mistake: what it sent had nowhere to go.
            Err(error) if error.kind == haven_blobs::Kind::DigestMismatch && !known => {
                return Err(unknown().because(error));
            }
            done => done?,
        };
        let ending = (sql::DELETE_CLAIMED, [self.id.as_str().into(), self.lease.as_str().into()]);
        record(app, ending, project, &watch, size).await?;
        self.placed.remove(digest);
        Ok(size)
    }

    /// Records what is there now and lets go of the session.
    ///
    /// # Errors
    /// `BlobUploadUnknown` when it was cancelled or taken over meanwhile: nothing of what was received counts then.
    pub(super) async fn save(mut self, app: &App) -> Result<()> {
        let placed = app.blobs.placed(&self.upload);
        let row = params![
            self.id.as_str(),
            self.lease.as_str(),
            self.upload.to_bytes(),
            to_i64(self.upload.size)?,
            app.clock.now(),
            placed.as_ref().map(Digest::as_str).unwrap_or_default(),
        ];
        let saved = app.db.execute(sql::SAVE_UPLOAD, row).await;
        if let (Ok(1..), Some(placed)) = (&saved, &placed) {
            self.placed.remove(placed);
        }
        self.let_go(app).await;
        match saved? {
            0 => Err(unknown()),
            _ => Ok(()),
        }
    }

    /// Ends the session, of which nothing can become any more.
    pub(super) async fn end(self, app: &App) -> Result<()> {
        let session = [self.id.as_str().into(), self.lease.as_str().into()];
        if !end_session(&app.db, sql::END_CLAIMED, &session, &self.placed, app.clock.now()).await? {
            self.let_go(app).await;
        }
        Ok(())
    }

    /// Notes what neither a session nor a blob knows any more.
    pub(super) async fn let_go(&self, app: &App) {
        note(app, &self.placed).await;
    }
}

/// Runs storage work while keeping the lease.
///
/// # Errors
/// `BlobUploadUnknown` when the lease was lost, and then the work is given up.
async fn renewing<T>(app: &App, id: &str, lease: &str, work: impl Future<Output = T>) -> Result<T> {
    tokio::pin!(work);
    loop {
        if let Ok(done) = tokio::time::timeout(RENEWAL, &mut work).await {
            return Ok(done);
        }
        let now = app.clock.now();
        match app.db.execute(sql::RENEW_UPLOAD, params![id, lease, now + LEASE, now]).await {
            Ok(0) => return Err(unknown()),
            Ok(_) => {}
            // A moment without database must not cost a long upload; whoever records the end looks at the lease.
            Err(error) => {
                tracing::warn!(upload.id = id, error = &error as &dyn std::error::Error, "lease not renewed");
            }
        }
    }
}
