//! Shelf by shelf: which blobs are on both sides, and which on one alone.

use super::compare::{Pair, Recorded, pair};
use super::{Check, Fault, Finding, Repair, Shelf, Stage, content, damage, sql};
use crate::Result;
use haven_blobs::Stored;
use haven_db::{Row, params};
use haven_oci::Digest;
use std::time::UNIX_EPOCH;

/// Where bytes without a row are.
pub(super) struct Orphans {
    pub(super) count: u64,
    pub(super) shelves: Vec<Shelf>,
}

/// Compares all shelves, and reads what is on them if that is wanted.
pub(super) async fn compare_shelves(check: &mut Check<'_, '_>) -> Result<Orphans> {
    let mut orphans = Orphans { count: 0, shelves: Vec::new() };
    let total = content::total(check).await?;
    let shelves: Vec<Shelf> = Shelf::all().collect();
    for (done, shelf) in shelves.iter().enumerate() {
        // Storage first: a blob that arrives in between then has its row.
        let stored = check.on.blobs.list(shelf.algorithm, shelf.prefix).await?;
        check.summary.blobs += stored.len() as u64;
        check.summary.bytes += stored.iter().map(|blob| blob.size).sum::<u64>();
        let rows = recorded(check, *shelf).await?;
        let before = orphans.count;
        let mut alike = Vec::new();
        for pair in pair(rows, stored) {
            match pair {
                Pair::Same(row) if row.lost => damage::regained(check, &row, row.size).await?,
                Pair::Same(row) => alike.push(row),
                Pair::Sizes(row, stored) if row.lost => damage::regained(check, &row, stored.size).await?,
                Pair::Sizes(row, stored) => damage::sizes(check, &row, stored.size).await?,
                Pair::Missing(row) if row.lost => damage::lost(check, &row).await?,
                Pair::Missing(row) => damage::missing(check, &row).await?,
                Pair::Orphan(stored) if is_old(check, &stored) => orphans.count += 1,
                Pair::Orphan(_) => check.summary.young += 1,
            }
        }
        if orphans.count > before {
            orphans.shelves.push(*shelf);
        }
        if check.options.deep {
            content::read(check, alike, total).await?;
        } else {
            check.progress(Stage::Shelves, done as u64 + 1, shelves.len() as u64);
        }
    }
    Ok(orphans)
}

/// Whether it is older than the grace, by the storage's clock and ours.
pub(super) fn is_old(check: &Check<'_, '_>, stored: &Stored) -> bool {
    let written = stored.modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = u128::try_from(check.on.clock.now().0).unwrap_or_default();
    now.saturating_sub(written.as_micros()) >= check.options.grace.as_micros()
}

/// The row of a blob as it is now.
pub(super) async fn row(check: &Check<'_, '_>, digest: &Digest) -> Result<Option<Recorded>> {
    let row = check.on.db.query_opt(sql::BLOB, params![digest.as_str()]).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(of(&row, digest)?))
}

async fn recorded(check: &mut Check<'_, '_>, shelf: Shelf) -> Result<Vec<Recorded>> {
    let (low, high) = shelf.bounds();
    let rows = check.on.db.query(sql::SHELF, params![low, high]).await?;
    let mut all = Vec::with_capacity(rows.len());
    for row in rows {
        let text: String = row.get(0)?;
        match text.parse() {
            Ok(digest) => all.push(of(&row, &digest)?),
            Err(_) => check.found(&Finding {
                fault: Fault::DanglingRow,
                subject: format!("blob {text}"),
                detail: "the key of this row is not a digest".to_owned(),
                needed_by: Vec::new(),
                more: false,
                repair: Repair::ByHand("nothing of Haven writes such a row: look where it comes from".into()),
            }),
        }
    }
    Ok(all)
}

fn of(row: &Row, digest: &Digest) -> Result<Recorded> {
    let size: i64 = row.get(1)?;
    let digest = digest.clone();
    Ok(Recorded { digest, size: size.unsigned_abs(), lost: row.get(2)?, manifest: row.get(3)? })
}
