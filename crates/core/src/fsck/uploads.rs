//! Upload sessions against what storage holds of them, both ways.
//!
//! A row is written while its bytes come, so a row with a lease that holds is left alone: whoever is writing knows best.

use super::{Check, Fault, Finding, Repair, Stage, blobs, sql};
use crate::Result;
use crate::registry;
use haven_blobs::Upload;
use haven_db::{Row, Timestamp, params};
use haven_oci::Digest;
use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, SystemTime};

const AT_ONCE: i64 = 100;
/// However short the grace is: the request that begins an upload has written its row by then, or never will.
const LEAST_GRACE: Duration = Duration::from_secs(60);

/// A session as its row tells it.
struct Session {
    id: String,
    repository: String,
    state: Vec<u8>,
    size: u64,
    lease_until: Timestamp,
}

/// Compares both; `suspicious` when this seems to be the wrong database for the storage.
pub(super) async fn check(check: &mut Check<'_, '_>, suspicious: bool) -> Result<()> {
    // Storage first: an upload that begins in between then has its row.
    let stored = check.on.blobs.uploads().await?;
    let mut strays: BTreeMap<String, SystemTime> =
        stored.into_iter().map(|upload| (upload.id, upload.modified)).collect();
    let total: i64 = check.on.db.query_one(sql::COUNT_UPLOADS, params![]).await?.get(0)?;
    let (mut after, mut done) = (String::new(), 0);
    loop {
        let sessions = page(check, &after).await?;
        let Some(last) = sessions.last() else { break };
        last.id.clone_into(&mut after);
        done += sessions.len() as u64;
        for session in &sessions {
            strays.remove(&session.id);
            one(check, session).await?;
        }
        check.progress(Stage::Uploads, done, total.unsigned_abs().max(done));
    }
    let grace = check.options.grace.max(LEAST_GRACE);
    for (id, modified) in strays {
        if blobs::is_older(check, modified, grace) && row(check, &id).await?.is_none() {
            stray(check, &id, suspicious).await;
        }
    }
    Ok(())
}

/// The blobs as which open uploads have put their bytes in place already. Whoever removes them ends those uploads.
pub(super) async fn placed(check: &Check<'_, '_>) -> Result<HashSet<Digest>> {
    let mut placed = HashSet::new();
    let mut after = String::new();
    loop {
        let sessions = page(check, &after).await?;
        let Some(last) = sessions.last() else { return Ok(placed) };
        last.id.clone_into(&mut after);
        let uploads = sessions.iter().filter_map(|session| Upload::from_bytes(&session.state).ok());
        placed.extend(uploads.filter_map(|upload| check.on.blobs.placed(&upload)));
    }
}

async fn page(check: &Check<'_, '_>, after: &str) -> Result<Vec<Session>> {
    let rows = check.on.db.query(sql::NEXT_UPLOADS, params![after, AT_ONCE]).await?;
    rows.iter().map(of).collect()
}

async fn row(check: &Check<'_, '_>, id: &str) -> Result<Option<Session>> {
    check.on.db.query_opt(sql::ONE_UPLOAD, params![id]).await?.as_ref().map(of).transpose()
}

fn of(row: &Row) -> Result<Session> {
    let size: i64 = row.get(3)?;
    Ok(Session {
        id: row.get(0)?,
        repository: row.get(1)?,
        state: row.get(2)?,
        size: size.unsigned_abs(),
        lease_until: row.get(4)?,
    })
}

/// Why a session cannot go on, if it cannot.
async fn broken(check: &Check<'_, '_>, session: &Session) -> Result<Option<String>> {
    use haven_blobs::Kind;
    let unreadable = || Ok(Some("what its row says of its bytes cannot be read".to_owned()));
    let Ok(upload) = Upload::from_bytes(&session.state) else { return unreadable() };
    if upload.id != session.id || upload.size != session.size {
        return unreadable();
    }
    match check.on.blobs.holds(&upload).await {
        Ok(true) => Ok(None),
        Ok(false) => {
            let (size, repository) = (session.size, &session.repository);
            Ok(Some(format!("{size} bytes for {repository} by its row, and storage does not have them")))
        }
        Err(error) if error.kind == Kind::Invalid => unreadable(),
        Err(error) => Err(error.into()),
    }
}

async fn one(check: &mut Check<'_, '_>, session: &Session) -> Result<()> {
    if session.lease_until >= check.on.clock.now() {
        return Ok(());
    }
    let Some(detail) = broken(check, session).await? else { return Ok(()) };
    // It may have gone on, or come to its end, since its row was read.
    match row(check, &session.id).await? {
        Some(now) if now.state == session.state && now.lease_until == session.lease_until => {}
        _ => return Ok(()),
    }
    let repair = check.mend("end it, so that its client begins again", end(check, session)).await;
    if repair != Repair::Done(WENT_ON) {
        tell(check, Fault::LostUpload, &session.id, detail, repair);
    }
    Ok(())
}

const WENT_ON: &str = "it went on meanwhile";

async fn end(check: &Check<'_, '_>, session: &Session) -> Result<Repair> {
    let on = check.on;
    let now = on.clock.now();
    let ended = registry::end_upload(&on.db, &*on.blobs, &session.id, &session.state, now).await?;
    Ok(Repair::Done(if ended { "ended: its client begins again" } else { WENT_ON }))
}

async fn stray(check: &mut Check<'_, '_>, id: &str, suspicious: bool) {
    let repair = if check.options.repair && suspicious {
        Repair::ByHand("this seems not to be the storage's database; --force removes it".to_owned())
    } else {
        check.mend("remove it", remove(check, id)).await
    };
    let detail = "bytes of an upload that no row knows".to_owned();
    tell(check, Fault::StrayUpload, id, detail, repair);
}

async fn remove(check: &Check<'_, '_>, id: &str) -> Result<Repair> {
    check.on.blobs.abort(id).await?;
    Ok(Repair::Done("removed"))
}

fn tell(check: &mut Check<'_, '_>, fault: Fault, id: &str, detail: String, repair: Repair) {
    let subject = format!("upload {id}");
    check.found(&Finding { fault, subject, detail, needed_by: Vec::new(), more: false, repair });
}
