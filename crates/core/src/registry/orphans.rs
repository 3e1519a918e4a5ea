//! Bytes without a row: what a push has put in place before it came to nothing.
//!
//! A push places bytes before their row. Where no row follows, because the quota refuses it, the session was cancelled or
//! the digest is another, the bytes are nobody's, and count for nobody. Whoever knows of such says so in a row; a pass
//! removes them when nobody has said so again for a while. Not at once: a removal makes whoever pushes the same bytes at
//! that moment begin again, and may bar their digest for as long as the storage lingers. Somebody who pushes and cancels
//! all the time would keep others from pushing; so he merely keeps the bytes from being removed.

use super::removal::{Doomed, Removed, remove, try_watch};
use super::sql;
use crate::{App, Result};
use haven_db::{Db, Timestamp, Value, params};
use haven_oci::Digest;
use std::collections::BTreeSet;
use std::time::Duration;

/// How long bytes are left alone after the last push that left them, beyond the time in which a request to the storage may
/// still be carried out.
const QUIET: Duration = Duration::from_secs(5 * 60);
/// When storage has refused to remove something, it is not asked again for so long.
const PUT_OFF: Duration = Duration::from_secs(24 * 3600);
/// After so many that could not be removed, the fault is hardly theirs.
const MOST_FAILURES: usize = 3;

/// Says of blobs that a push has placed them, or may have, and wrote no row.
///
/// A failure is only logged: the push has failed for reasons of its own, and `haven fsck` finds the bytes, too.
pub(super) async fn note(app: &App, placed: impl IntoIterator<Item = &Digest>) {
    for digest in placed {
        let noted = app.db.execute(sql::NOTE_ORPHAN, params![digest.as_str(), app.clock.now()]).await;
        if let Err(error) = noted {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(blob.digest = %digest, error, "bytes without a row are not noted");
        }
    }
}

/// Ends a session by a statement that answers the blob in whose place its bytes lie, and notes them; also those that were
/// placed besides. False when there is no such session.
pub(super) async fn end_session<'a>(
    db: &Db,
    statement: &str,
    session: &[Value],
    placed: impl IntoIterator<Item = &'a Digest>,
    now: Timestamp,
) -> Result<bool> {
    let mut tx = db.begin().await?;
    let Some(row) = tx.query_opt(statement, session).await? else { return Ok(false) };
    let known: String = row.get(0)?;
    let mut orphans: BTreeSet<&str> = placed.into_iter().map(Digest::as_str).collect();
    orphans.extend((!known.is_empty()).then_some(known.as_str()));
    for digest in orphans {
        tx.execute(sql::NOTE_ORPHAN, params![digest, now]).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// Removes bytes without a row that nobody has placed again for a while; returns how many. Safe on several replicas and
/// beside pushes of the same bytes.
///
/// # Errors
/// When database or storage fail; the next run goes on.
pub async fn remove_orphans(app: &App) -> Result<u64> {
    let now = app.clock.now();
    let before = now - (app.blobs.lingers() + QUIET);
    let (mut after, mut removed, mut failures) = (String::new(), 0, Vec::new());
    while failures.len() < MOST_FAILURES {
        let due = app.db.query(sql::DUE_ORPHANS, params![after.as_str(), before]).await?;
        let Some(last) = due.last() else { break };
        after = last.get(0)?;
        for row in &due {
            let (digest, noted_at): (String, Timestamp) = (row.get(0)?, row.get(1)?);
            match remove_one(app, &digest, noted_at).await {
                Ok(gone) => removed += u64::from(gone),
                Err(error) => failures.push(error),
            }
            if failures.len() >= MOST_FAILURES {
                break;
            }
        }
    }
    failures.into_iter().next().map_or(Ok(removed), Err)
}

/// Removes the bytes of one blob, unless they have a row by now, and forgets it.
async fn remove_one(app: &App, digest: &str, noted_at: Timestamp) -> Result<bool> {
    let forget = params![digest, noted_at];
    let Ok(parsed) = digest.parse::<Digest>() else {
        app.db.execute(sql::FORGET_ORPHAN, forget).await?;
        return Ok(false);
    };
    let now = app.clock.now();
    let Some(watch) = try_watch(&app.db, &*app.blobs, &parsed, now).await? else { return Ok(false) };
    let has_row = app.db.query_opt(sql::BLOB_ROW, params![digest]).await?.is_some();
    // Asked before anybody is barred: a storage that does not answer removes nothing either.
    if has_row || app.blobs.size(&parsed).await?.is_none() {
        app.db.execute(sql::FORGET_ORPHAN, forget).await?;
        return Ok(false);
    }
    match remove(&app.db, &*app.blobs, &watch, Doomed::Orphaned, now).await {
        Ok(Removed::Gone) => {
            app.db.execute(sql::FORGET_ORPHAN, forget).await?;
            Ok(true)
        }
        // By a push, or by another replica of which nobody knows how far it gets: the next pass looks again.
        Ok(Removed::Overtaken) => Ok(false),
        Err(error) => {
            // Whoever pushes it meanwhile finds the way barred, and not again and again.
            app.db.execute(sql::NOTE_ORPHAN, params![digest, now + PUT_OFF]).await?;
            Err(error)
        }
    }
}
