//! Removals beside pushes of the same bytes, step by step, on both engines.

use super::removal::{Doomed, Removed, remove, try_watch, watch};
use super::{declare_lost, find_again, keep_manifest, sql};
use crate::Code;
use bytes::Bytes;
use haven_blobs::{BlobStore, Memory, Unreliable};
use haven_db::testing::{TestDb, engines, fresh};
use haven_db::{Timestamp, Tx, params};
use haven_oci::Digest;
use std::sync::Arc;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const LATER: Duration = Duration::from_secs(900);
const BYTES: Bytes = Bytes::from_static(b"some bytes");

struct Place {
    db: TestDb,
    blobs: Arc<Memory>,
    digest: Digest,
}

/// A database on each engine, and storage that has the bytes already.
async fn places() -> Vec<Place> {
    let mut places = Vec::new();
    for engine in engines() {
        let (db, blobs) = (fresh(engine).await.unwrap(), Arc::new(Memory::new()));
        let digest = Digest::sha256(&BYTES);
        blobs.put(&digest, BYTES).await.unwrap();
        places.push(Place { db, blobs, digest });
    }
    places
}

impl Place {
    async fn watch(&self) -> super::Watch {
        watch(&self.db, &*self.blobs, &self.digest, NOW).await.unwrap()
    }

    async fn remove(&self, watch: &super::Watch, why: Doomed) -> Removed {
        remove(&self.db, &*self.blobs, watch, why, NOW).await.unwrap()
    }

    /// What a push does last.
    async fn write_row(&self, tx: &mut Tx, watch: &super::Watch) -> crate::Result<()> {
        tx.execute(sql::INSERT_BLOB, params![self.digest.as_str(), 10, NOW]).await?;
        watch.check(tx).await
    }

    async fn has_bytes(&self) -> bool {
        self.blobs.size(&self.digest).await.unwrap().is_some()
    }

    /// Whether the row is there, and whether it says that the bytes are lost.
    async fn row(&self) -> Option<bool> {
        let row = self.db.query_opt("SELECT lost FROM blob", &[]).await.unwrap();
        row.map(|row| row.get(0).unwrap())
    }

    async fn push(&self) {
        let watch = self.watch().await;
        self.blobs.put(&self.digest, BYTES).await.unwrap();
        let mut tx = self.db.begin().await.unwrap();
        self.write_row(&mut tx, &watch).await.unwrap();
        tx.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_push_whose_bytes_were_taken_from_under_it_is_refused() {
    for place in places().await {
        let push = place.watch().await;
        let sweeper = place.watch().await;
        assert_eq!(place.remove(&sweeper, Doomed::Orphaned).await, Removed::Gone);
        assert!(!place.has_bytes().await && place.row().await.is_none());
        let mut tx = place.db.begin().await.unwrap();
        let refused = place.write_row(&mut tx, &push).await.unwrap_err();
        assert_eq!(refused.code, Code::Unavailable);
        drop(tx);
        place.push().await;
        assert_eq!((place.has_bytes().await, place.row().await), (true, Some(false)));
    }
}

#[tokio::test]
async fn a_removal_that_a_push_has_overtaken_removes_nothing() {
    for place in places().await {
        let sweeper = place.watch().await;
        place.push().await;
        assert_eq!(place.remove(&sweeper, Doomed::Orphaned).await, Removed::Overtaken);
        assert!(place.has_bytes().await);
        place.push().await;
    }
}

#[tokio::test]
async fn a_removal_waits_for_the_push_that_is_writing_its_row() {
    for place in places().await {
        let (push, sweeper) = (place.watch().await, place.watch().await);
        let mut tx = place.db.begin().await.unwrap();
        place.write_row(&mut tx, &push).await.unwrap();
        let place = Arc::new(place);
        let other = Arc::clone(&place);
        let removal = tokio::spawn(async move { other.remove(&sweeper, Doomed::Orphaned).await });
        // Whether it has come as far as the row by now makes no difference to what must follow.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(place.has_bytes().await);
        tx.commit().await.unwrap();
        assert_eq!(removal.await.unwrap(), Removed::Overtaken);
        assert_eq!((place.has_bytes().await, place.row().await), (true, Some(false)));
    }
}

#[tokio::test]
async fn a_removal_that_crashed_is_ended_by_the_next_push() {
    for place in places().await {
        let sweeper = place.watch().await;
        let announced = params![place.digest.as_str(), 0, NOW];
        let odd: i64 = place.db.query_one(sql::ANNOUNCE_REMOVAL, announced).await.unwrap().get(0).unwrap();
        assert_eq!(odd, 1);
        place.push().await;
        assert_eq!(place.row().await, Some(false));
        // The owner of the removal lives after all.
        let late = super::removal::remove_announced(
            &place.db,
            &*place.blobs,
            &place.digest,
            odd,
            Doomed::Damaged,
            NOW,
        );
        assert_eq!(late.await.unwrap(), Removed::Overtaken);
        assert_eq!(place.remove(&sweeper, Doomed::Damaged).await, Removed::Overtaken);
        assert!(place.has_bytes().await);
    }
}

/// Storage whose first removal fails, and as much as `lingers` later nobody knows how it ended.
async fn failing(place: &Place, lingers: Duration) -> Unreliable<Memory> {
    let store = Unreliable::new(Memory::new(), 1).lingering(lingers);
    store.put(&place.digest, BYTES).await.unwrap_err();
    store.put(&place.digest, BYTES).await.unwrap();
    let sweeper = place.watch().await;
    // The look before it fails, too.
    remove(&place.db, &store, &sweeper, Doomed::Orphaned, NOW).await.unwrap_err();
    assert_eq!(place.row().await, None, "nothing is held any more");
    store
}

#[tokio::test]
async fn a_removal_that_may_still_come_to_pass_bars_the_way_until_it_cannot() {
    for place in places().await {
        let store = failing(&place, LATER).await;
        for now in [NOW, NOW + (LATER - Duration::from_secs(1))] {
            assert!(try_watch(&place.db, &store, &place.digest, now).await.unwrap().is_none());
            let refused = watch(&place.db, &store, &place.digest, now).await.unwrap_err();
            assert_eq!(refused.code, Code::Unavailable);
        }
        let then = NOW + LATER;
        let push = watch(&place.db, &store, &place.digest, then).await.unwrap();
        let mut tx = place.db.begin().await.unwrap();
        place.write_row(&mut tx, &push).await.unwrap();
        tx.commit().await.unwrap();
        let sweeper = watch(&place.db, &store, &place.digest, then).await.unwrap();
        let removed = remove(&place.db, &store, &sweeper, Doomed::Damaged, then).await;
        assert_eq!(removed.unwrap(), Removed::Gone);
        assert!(
            try_watch(&place.db, &store, &place.digest, then).await.unwrap().is_some(),
            "this one has ended"
        );
    }
}

#[tokio::test]
async fn a_removal_that_failed_for_certain_bars_nothing() {
    for place in places().await {
        let store = failing(&place, Duration::ZERO).await;
        assert!(try_watch(&place.db, &store, &place.digest, NOW).await.unwrap().is_some());
        place.push().await;
    }
}

/// When somebody announced it whose clock was an hour ahead of what it is now.
#[tokio::test]
async fn a_removal_from_before_the_clock_was_turned_back_bars_the_way_no_longer_than_another() {
    let hour = Duration::from_secs(3600);
    for place in places().await {
        for (lingers, barred) in
            [(LATER, [NOW, NOW + (LATER - Duration::from_secs(1))].as_slice()), (Duration::ZERO, &[])]
        {
            let store = Unreliable::new(Memory::new(), 0).lingering(lingers);
            let seen = watch(&place.db, &store, &place.digest, NOW).await.unwrap();
            let announced = params![place.digest.as_str(), seen.generation(), NOW + (hour + lingers)];
            place.db.execute(sql::ANNOUNCE_REMOVAL, announced).await.unwrap();
            for now in barred {
                assert!(try_watch(&place.db, &store, &place.digest, *now).await.unwrap().is_none());
            }
            let then = NOW + lingers;
            assert!(
                try_watch(&place.db, &store, &place.digest, then).await.unwrap().is_some(),
                "{lingers:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_transaction_does_not_wait_for_a_silent_storage() {
    let silence = || std::future::pending::<haven_blobs::Result<()>>();
    let network = Unreliable::new(Memory::new(), 0).lingering(LATER);
    let error = super::removal::briefly(&network, silence()).await.unwrap_err();
    assert_eq!(error.code, Code::Unavailable);
    let disk = Memory::new();
    let waiting = super::removal::briefly(&disk, silence());
    tokio::time::timeout(LATER, waiting).await.expect_err("what our own machine does is not given up");
}

#[tokio::test]
async fn damaged_bytes_go_and_come_back_with_a_push() {
    for place in places().await {
        place.push().await;
        let first = place.watch().await;
        let second = place.watch().await;
        assert_eq!(place.remove(&first, Doomed::Damaged).await, Removed::Gone);
        assert_eq!((place.has_bytes().await, place.row().await), (false, Some(true)));
        place.push().await;
        assert_eq!((place.has_bytes().await, place.row().await), (true, Some(false)));
        // Somebody who looked at the damaged bytes does not get at the new ones.
        assert_eq!(place.remove(&second, Doomed::Damaged).await, Removed::Overtaken);
        assert_eq!((place.has_bytes().await, place.row().await), (true, Some(false)));
    }
}

#[tokio::test]
async fn only_bytes_that_are_not_there_are_declared_lost() {
    for place in places().await {
        assert!(!declare_lost(&place.db, &*place.blobs, &place.digest).await.unwrap(), "no row");
        place.push().await;
        assert!(!declare_lost(&place.db, &*place.blobs, &place.digest).await.unwrap(), "bytes");
        assert_eq!(place.row().await, Some(false));
        place.blobs.delete(&place.digest).await.unwrap();
        assert!(declare_lost(&place.db, &*place.blobs, &place.digest).await.unwrap());
        assert_eq!(place.row().await, Some(true));
        keep_manifest(&place.db, &*place.blobs, &place.digest, BYTES, NOW).await.unwrap();
        assert_eq!((place.has_bytes().await, place.row().await), (true, Some(false)));
    }
}

#[tokio::test]
async fn bytes_that_were_removed_since_are_not_found_again() {
    for place in places().await {
        place.push().await;
        let seen = place.watch().await;
        assert_eq!(place.remove(&place.watch().await, Doomed::Damaged).await, Removed::Gone);
        assert_eq!(find_again(&place.db, &seen, 10, NOW).await.unwrap_err().code, Code::Unavailable);
        assert_eq!(place.row().await, Some(true));
    }
}
