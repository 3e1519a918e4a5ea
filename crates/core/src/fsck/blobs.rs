//! Shelf by shelf: which blobs are on both sides, and which on one alone.

use super::compare::{Pair, Recorded, pair};
use super::{Check, Fault, Finding, Repair, Shelf, Stage, content, damage, sql};
use crate::Result;
use haven_blobs::Stored;
use haven_db::{Row, params};
use haven_oci::{Algorithm, Digest};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SHELVES: u64 = 512;
/// Up to so many blobs of an algorithm are compared at once, where storage would rather list them so.
const FEW: usize = 20_000;

/// Where bytes without a row are.
pub(super) struct Orphans {
    pub(super) count: u64,
    pub(super) shelves: Vec<Shelf>,
}

/// Compares all shelves, and reads what is on them if that is wanted.
pub(super) async fn compare_shelves(check: &mut Check<'_, '_>) -> Result<Orphans> {
    let mut orphans = Orphans { count: 0, shelves: Vec::new() };
    let total = content::total(check).await?;
    let mut done = 0;
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        // Storage first: a blob that arrives in between then has its row.
        if let Some(all) = check.on.blobs.list_few(algorithm, FEW).await? {
            compare_shelf(check, Shelf { algorithm, prefix: None }, all, &mut orphans, total).await?;
            done += SHELVES / 2;
            check.compared(done);
            continue;
        }
        for prefix in 0..=u8::MAX {
            let stored = check.on.blobs.list(algorithm, prefix).await?;
            let shelf = Shelf { algorithm, prefix: Some(prefix) };
            compare_shelf(check, shelf, stored, &mut orphans, total).await?;
            done += 1;
            check.compared(done);
        }
    }
    Ok(orphans)
}

impl Check<'_, '_> {
    /// Reading tells in bytes how far it is.
    fn compared(&mut self, shelves: u64) {
        if !self.options.deep {
            self.progress(Stage::Shelves, shelves, SHELVES);
        }
    }
}

async fn compare_shelf(
    check: &mut Check<'_, '_>,
    shelf: Shelf,
    stored: Vec<Stored>,
    orphans: &mut Orphans,
    total: u64,
) -> Result<()> {
    check.summary.blobs += stored.len() as u64;
    check.summary.bytes += stored.iter().map(|blob| blob.size).sum::<u64>();
    let rows = recorded(check, shelf).await?;
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
            Pair::Orphan(stored) if is_older(check, stored.modified, check.options.grace) => {
                orphans.count += 1;
            }
            Pair::Orphan(_) => check.summary.young += 1,
        }
    }
    if orphans.count > before {
        orphans.shelves.push(shelf);
    }
    if check.options.deep {
        content::read(check, alike, total).await?;
    }
    Ok(())
}

/// What storage has on a shelf now.
pub(super) async fn stored(check: &Check<'_, '_>, shelf: Shelf) -> Result<Vec<Stored>> {
    let blobs = &check.on.blobs;
    if let Some(prefix) = shelf.prefix {
        return Ok(blobs.list(shelf.algorithm, prefix).await?);
    }
    if let Some(all) = blobs.list_few(shelf.algorithm, FEW).await? {
        return Ok(all);
    }
    let mut all = Vec::new();
    for prefix in 0..=u8::MAX {
        all.extend(blobs.list(shelf.algorithm, prefix).await?);
    }
    Ok(all)
}

/// Whether something was written that long ago, by the storage's clock and ours.
pub(super) fn is_older(check: &Check<'_, '_>, modified: SystemTime, age: Duration) -> bool {
    let written = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = u128::try_from(check.on.clock.now().0).unwrap_or_default();
    now.saturating_sub(written.as_micros()) >= age.as_micros()
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
