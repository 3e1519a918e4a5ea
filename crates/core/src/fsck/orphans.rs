//! Bytes that no row knows.
//!
//! They come last: only when everything was compared is it known whether they are a few that crashes left behind, or
//! whether this is the wrong database for the storage.

use super::blobs::Orphans;
use super::{Check, Fault, Finding, Repair, Shelf, blobs, uploads};
use crate::Result;
use crate::registry::{self, Doomed, Removed};
use haven_blobs::Stored;

/// Up to so many may be most of what there is without anybody being surprised.
const FEW: u64 = 100;

/// Whether there is rather the wrong database than a crash to blame, and nobody has said that it is the right one.
pub(super) fn suspicious(check: &Check<'_, '_>, orphans: &Orphans) -> bool {
    too_many(orphans.count, check.summary.blobs) && !check.options.force
}

/// Looks again at the shelves that had some.
pub(super) async fn check(check: &mut Check<'_, '_>, orphans: Orphans, suspicious: bool) -> Result<()> {
    if orphans.count == 0 {
        return Ok(());
    }
    let placed = uploads::placed(check).await?;
    for shelf in orphans.shelves {
        for orphan in on_shelf(check, shelf).await? {
            // An open upload has put its bytes there, and will ask for them.
            if !placed.contains(&orphan.digest) {
                tell(check, &orphan, suspicious).await;
            }
        }
    }
    Ok(())
}

/// Whether so many of all blobs are a mistake.
fn too_many(orphans: u64, all: u64) -> bool {
    (all > 0 && orphans == all) || (orphans > FEW && orphans > all / 2)
}

async fn on_shelf(check: &Check<'_, '_>, shelf: Shelf) -> Result<Vec<Stored>> {
    let mut orphans = Vec::new();
    for stored in blobs::stored(check, shelf).await? {
        let is_old = blobs::is_older(check, stored.modified, check.options.grace);
        if is_old && blobs::row(check, &stored.digest).await?.is_none() {
            orphans.push(stored);
        }
    }
    Ok(orphans)
}

async fn tell(check: &mut Check<'_, '_>, orphan: &Stored, suspicious: bool) {
    let repair = if check.options.repair && suspicious {
        Repair::ByHand("so many suggest that this is not the storage's database; --force removes them".into())
    } else {
        check.mend("remove it", remove(check, orphan)).await
    };
    // Overtaken by a push: there is nothing to tell.
    if repair == Repair::Done(OVERTAKEN) {
        return;
    }
    check.found(&Finding {
        fault: Fault::OrphanedBlob,
        subject: orphan.digest.to_string(),
        detail: format!("{} bytes in storage that no row knows", orphan.size),
        needed_by: Vec::new(),
        more: false,
        repair,
    });
}

const OVERTAKEN: &str = "overtaken by a push";
const PENDING: &str = "somebody else has begun to remove it, and that may still come to pass: run again in a quarter of an hour";

async fn remove(check: &Check<'_, '_>, orphan: &Stored) -> Result<Repair> {
    let on = check.on;
    let Some(watch) = registry::try_watch(&on.db, &*on.blobs, &orphan.digest, on.clock.now()).await? else {
        return Ok(Repair::ByHand(PENDING.to_owned()));
    };
    let removed = registry::remove(&on.db, &*on.blobs, &watch, Doomed::Orphaned, on.clock.now()).await?;
    Ok(Repair::Done(match removed {
        Removed::Gone => "removed",
        Removed::Overtaken => OVERTAKEN,
    }))
}

#[cfg(test)]
mod tests {
    use super::too_many;

    #[test]
    fn a_few_are_of_a_crash_and_most_are_of_a_mistake() {
        for (orphans, all) in [(0, 0), (1, 2), (99, 100), (1_000, 1_000_000), (500, 1_000)] {
            assert!(!too_many(orphans, all), "{orphans} of {all}");
        }
        for (orphans, all) in [(1, 1), (5_000, 5_000), (501, 1_000)] {
            assert!(too_many(orphans, all), "{orphans} of {all}");
        }
    }
}
