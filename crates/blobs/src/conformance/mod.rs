//! One suite for every back end: what [`BlobStore`] promises, told as short stories.
//!
//! A new promise is added here first. Every story brings its own content, so that a store may be used more than once.

#![expect(clippy::unwrap_used, reason = "this is a test suite that happens to be a library")]

mod bodies;

use std::ops::Range;

use bytes::Bytes;
use futures::StreamExt;
use haven_oci::{Algorithm, Digest};

use self::bodies::send_all;
pub use self::bodies::{body, broken_body, content, read_all};
use crate::error::Kind;
use crate::store::BlobStore;
use crate::upload::Upload;

const MEBIBYTE: usize = 1 << 20;

/// What a store may leave to its callers.
#[derive(Clone, Copy, Debug)]
pub struct Traits {
    /// Whether the store itself knows which uploads are open. Otherwise the state that the caller holds is the upload.
    pub remembers_uploads: bool,
    /// Whether names are long enough for the longer hash; the server of a test may not have such.
    pub knows_sha512: bool,
    /// Whether reads take long, so that a few ranges must do.
    pub is_slow: bool,
}

impl Default for Traits {
    fn default() -> Self {
        Self { remembers_uploads: true, knows_sha512: true, is_slow: false }
    }
}

/// Tells `store` all stories, one after the other.
pub async fn run(store: &dyn BlobStore) {
    run_with(store, Traits::default()).await;
}

/// Tells all stories to a store that is not quite like the others.
pub async fn run_with(store: &dyn BlobStore, traits: Traits) {
    let store = Suite { store, salt: salt(), traits };
    store.an_absent_blob_is_no_error().await;
    store.a_put_blob_can_be_read_and_deleted().await;
    store.a_put_of_other_bytes_is_refused().await;
    store.any_range_of_a_large_blob_can_be_read().await;
    store.a_shorter_blob_than_recorded_is_corrupt().await;
    store.a_reader_is_not_disturbed_by_a_removal().await;
    store.an_upload_becomes_a_blob().await;
    store.an_empty_upload_becomes_the_empty_blob().await;
    store.an_upload_goes_on_from_its_saved_state().await;
    store.a_broken_body_keeps_what_came().await;
    store.unacknowledged_bytes_are_dropped().await;
    store.more_than_the_limit_counts_for_nothing().await;
    store.a_wrong_digest_drops_the_upload().await;
    store.another_algorithm_than_the_sessions_is_verified_too().await;
    store.a_commit_can_be_repeated().await;
    store.a_lost_upload_is_no_way_to_a_blob().await;
    store.the_same_content_can_be_committed_at_once().await;
    store.an_aborted_upload_is_gone().await;
    store.an_upload_that_was_only_begun_is_dropped().await;
    store.an_id_is_used_once_and_cannot_wander().await;
    store.a_shelf_lists_its_blobs().await;
    store.a_state_tells_whether_its_bytes_are_there().await;
    store.store.check().await.unwrap();
}

/// A number that no earlier run on the same store has used.
fn salt() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

struct Suite<'a> {
    store: &'a dyn BlobStore,
    salt: u64,
    traits: Traits,
}

impl Suite<'_> {
    fn content(&self, story: u64, size: usize) -> (Bytes, Digest) {
        let bytes = content(self.salt.wrapping_add(story), size);
        let digest = Digest::sha256(&bytes);
        (bytes, digest)
    }

    async fn begin(&self, story: u64) -> Upload {
        let id = format!("story-{story}-{:x}", self.salt);
        self.store.begin(&id, Algorithm::Sha256).await.unwrap()
    }

    async fn whole(&self, digest: &Digest, size: usize) -> Vec<u8> {
        read_all(self.store, digest, size as u64, 0..size as u64).await.unwrap()
    }

    async fn an_absent_blob_is_no_error(&self) {
        let (_, digest) = self.content(1, 10);
        assert_eq!(self.store.size(&digest).await.unwrap(), None);
        assert!(!self.store.delete(&digest).await.unwrap());
        let error = read_all(self.store, &digest, 10, 0..10).await.unwrap_err();
        assert_eq!(error.kind, Kind::NotFound);
    }

    async fn a_put_blob_can_be_read_and_deleted(&self) {
        for size in [0, 1, 5000] {
            let (bytes, digest) = self.content(2, size);
            self.store.put(&digest, bytes.clone()).await.unwrap();
            self.store.put(&digest, bytes.clone()).await.unwrap();
            assert_eq!(self.store.size(&digest).await.unwrap(), Some(size as u64));
            assert_eq!(self.whole(&digest, size).await, bytes);
            assert!(self.store.delete(&digest).await.unwrap());
            assert_eq!(self.store.size(&digest).await.unwrap(), None);
        }
    }

    async fn a_put_of_other_bytes_is_refused(&self) {
        let (bytes, digest) = self.content(3, 100);
        let error = self.store.put(&digest, bytes.slice(1..)).await.unwrap_err();
        assert_eq!(error.kind, Kind::DigestMismatch);
        assert_eq!(self.store.size(&digest).await.unwrap(), None);
    }

    async fn any_range_of_a_large_blob_can_be_read(&self) {
        let (bytes, digest) = self.content(4, 21 * MEBIBYTE + 77);
        self.store.put(&digest, bytes.clone()).await.unwrap();
        let size = bytes.len();
        let edges = [0, 1, 4095, MEBIBYTE, 8 * MEBIBYTE - 1, 8 * MEBIBYTE, 16 * MEBIBYTE + 5, size - 1, size];
        let step = if self.traits.is_slow { 4 } else { 1 };
        for (index, &start) in edges.iter().enumerate() {
            for &end in edges.iter().skip(index).step_by(step) {
                let range = start as u64..end as u64;
                let found = read_all(self.store, &digest, size as u64, range.clone()).await.unwrap();
                assert!(found == bytes[start..end], "bytes {start}..{end}");
                let sent = send_all(self.store, &digest, size as u64, range).await.unwrap();
                assert!(sent == bytes[start..end], "bytes {start}..{end} for a socket");
            }
        }
        for range in [0..size as u64 + 1, Range { start: 2, end: 1 }] {
            let error = read_all(self.store, &digest, size as u64, range.clone()).await.unwrap_err();
            assert_eq!(error.kind, Kind::Invalid);
            let error = send_all(self.store, &digest, size as u64, range).await.unwrap_err();
            assert_eq!(error.kind, Kind::Invalid);
        }
        self.store.delete(&digest).await.unwrap();
    }

    async fn a_shorter_blob_than_recorded_is_corrupt(&self) {
        let (bytes, digest) = self.content(5, 300_000);
        self.store.put(&digest, bytes).await.unwrap();
        for range in [0..10, 0..300_001] {
            let error = read_all(self.store, &digest, 300_001, range.clone()).await.unwrap_err();
            assert_eq!(error.kind, Kind::Corrupt);
            let error = send_all(self.store, &digest, 300_001, range).await.unwrap_err();
            assert_eq!(error.kind, Kind::Corrupt);
        }
    }

    async fn a_reader_is_not_disturbed_by_a_removal(&self) {
        let (bytes, digest) = self.content(6, 20 * MEBIBYTE);
        self.store.put(&digest, bytes.clone()).await.unwrap();
        let size = bytes.len() as u64;
        let mut stream = self.store.read(&digest, size, 0..size).await.unwrap();
        let mut found = stream.next().await.unwrap().unwrap().to_vec();
        assert!(self.store.delete(&digest).await.unwrap());
        while let Some(slice) = stream.next().await {
            found.extend_from_slice(&slice.unwrap());
        }
        assert!(found == bytes);
    }

    async fn an_upload_becomes_a_blob(&self) {
        let (bytes, digest) = self.content(7, 5 * MEBIBYTE + 3);
        let mut upload = self.begin(7).await;
        let (head, tail) = (bytes.slice(..MEBIBYTE + 1), bytes.slice(MEBIBYTE + 1..));
        assert_eq!(self.store.append(&mut upload, body(&head, 700), None).await.unwrap(), head.len() as u64);
        assert_eq!(self.store.size(&digest).await.unwrap(), None, "nothing shows before the commit");
        self.store.append(&mut upload, body(&tail, 65_536), Some(bytes.len() as u64)).await.unwrap();
        assert_eq!(upload.size, bytes.len() as u64);
        assert_eq!(self.store.commit(upload, &digest).await.unwrap(), bytes.len() as u64);
        assert!(self.whole(&digest, bytes.len()).await == bytes);
    }

    async fn an_empty_upload_becomes_the_empty_blob(&self) {
        let digest = Digest::sha256(b"");
        let mut upload = self.begin(8).await;
        assert_eq!(self.store.append(&mut upload, body(&Bytes::new(), 1), Some(0)).await.unwrap(), 0);
        assert_eq!(self.store.commit(upload, &digest).await.unwrap(), 0);
        assert_eq!(self.store.size(&digest).await.unwrap(), Some(0));
        assert_eq!(self.whole(&digest, 0).await, b"");
    }

    async fn an_upload_goes_on_from_its_saved_state(&self) {
        let (bytes, digest) = self.content(9, 100_000);
        let mut saved = self.begin(9).await.to_bytes();
        for at in (0..bytes.len()).step_by(33_333) {
            let mut upload = Upload::from_bytes(&saved).unwrap();
            let part = bytes.slice(at..bytes.len().min(at + 33_333));
            self.store.append(&mut upload, body(&part, 1000), None).await.unwrap();
            saved = upload.to_bytes();
        }
        let upload = Upload::from_bytes(&saved).unwrap();
        self.store.commit(upload, &digest).await.unwrap();
        assert_eq!(self.whole(&digest, bytes.len()).await, bytes);
    }

    async fn a_broken_body_keeps_what_came(&self) {
        let (bytes, digest) = self.content(10, 3 * MEBIBYTE);
        let mut upload = self.begin(10).await;
        let head = bytes.slice(..2 * MEBIBYTE + 17);
        let error = self.store.append(&mut upload, broken_body(&head, 10_000), None).await.unwrap_err();
        assert_eq!(error.kind, Kind::Interrupted);
        assert_eq!(upload.size, head.len() as u64);
        let rest = bytes.slice(head.len()..);
        self.store.append(&mut upload, body(&rest, 10_000), None).await.unwrap();
        self.store.commit(upload, &digest).await.unwrap();
        assert!(self.whole(&digest, bytes.len()).await == bytes);
    }

    async fn unacknowledged_bytes_are_dropped(&self) {
        let (bytes, digest) = self.content(11, 50_000);
        let mut upload = self.begin(11).await;
        self.store.append(&mut upload, body(&bytes.slice(..20_000), 999), None).await.unwrap();
        let saved = upload.to_bytes();
        self.store.append(&mut upload, body(&content(1, 70_000), 999), None).await.unwrap();
        let mut upload = Upload::from_bytes(&saved).unwrap();
        self.store.append(&mut upload, body(&bytes.slice(20_000..), 999), None).await.unwrap();
        assert_eq!(self.store.commit(upload, &digest).await.unwrap(), 50_000);
        assert_eq!(self.whole(&digest, bytes.len()).await, bytes);
    }

    async fn more_than_the_limit_counts_for_nothing(&self) {
        let (bytes, digest) = self.content(12, 3 * MEBIBYTE);
        let mut upload = self.begin(12).await;
        self.store.append(&mut upload, body(&bytes.slice(..100), 10), Some(100)).await.unwrap();
        let limit = Some(bytes.len() as u64);
        let error = self.store.append(&mut upload, body(&bytes, 100_000), limit).await.unwrap_err();
        assert_eq!((error.kind, upload.size), (Kind::TooLarge, 100));
        self.store.append(&mut upload, body(&bytes.slice(100..), 100_000), limit).await.unwrap();
        self.store.commit(upload, &digest).await.unwrap();
        assert!(self.whole(&digest, bytes.len()).await == bytes);
    }

    async fn a_wrong_digest_drops_the_upload(&self) {
        let (bytes, digest) = self.content(13, 1000);
        let mut upload = self.begin(13).await;
        self.store.append(&mut upload, body(&bytes.slice(1..), 100), None).await.unwrap();
        let mut again = upload.clone();
        assert_eq!(self.store.commit(upload, &digest).await.unwrap_err().kind, Kind::DigestMismatch);
        assert_eq!(self.store.size(&digest).await.unwrap(), None);
        self.is_gone(&mut again).await;
    }

    /// Where nobody knows any more what was dropped, it still must not become visible by itself.
    async fn is_gone(&self, upload: &mut Upload) {
        let bytes = content(self.salt.wrapping_add(99), 100);
        let appended = self.store.append(upload, body(&bytes, 100), None).await;
        if self.traits.remembers_uploads {
            assert_eq!(appended.unwrap_err().kind, Kind::NotFound);
        }
        assert_eq!(self.store.size(&Digest::sha256(&bytes)).await.unwrap(), None);
    }

    async fn another_algorithm_than_the_sessions_is_verified_too(&self) {
        let (bytes, _) = self.content(14, 2 * MEBIBYTE + 9);
        let digest = Digest::of(Algorithm::Sha512, &bytes);
        if self.traits.knows_sha512 {
            let mut upload = self.begin(14).await;
            self.store.append(&mut upload, body(&bytes, 4096), None).await.unwrap();
            self.store.commit(upload, &digest).await.unwrap();
            assert!(self.whole(&digest, bytes.len()).await == bytes);
        }
        let mut upload = self.begin(1014).await;
        self.store.append(&mut upload, body(&bytes, 4096), None).await.unwrap();
        let other = Digest::of(Algorithm::Sha512, b"something else");
        assert_eq!(self.store.commit(upload, &other).await.unwrap_err().kind, Kind::DigestMismatch);
    }

    async fn a_commit_can_be_repeated(&self) {
        let (bytes, digest) = self.content(15, 1000);
        let mut upload = self.begin(15).await;
        self.store.append(&mut upload, body(&bytes, 100), None).await.unwrap();
        let again = upload.clone();
        self.store.commit(upload, &digest).await.unwrap();
        assert_eq!(self.store.commit(again, &digest).await.unwrap(), 1000);
    }

    async fn a_lost_upload_is_no_way_to_a_blob(&self) {
        let (bytes, digest) = self.content(16, 1000);
        self.store.put(&digest, bytes.clone()).await.unwrap();
        let long = Digest::of(Algorithm::Sha512, &bytes);
        if self.traits.knows_sha512 {
            self.store.put(&long, bytes).await.unwrap();
        }
        for (story, digest) in [(16, digest), (1016, long)] {
            let mut upload = self.begin(story).await;
            self.store.append(&mut upload, body(&content(story, 1000), 100), None).await.unwrap();
            self.store.abort(&upload.id).await.unwrap();
            let kind = self.store.commit(upload, &digest).await.unwrap_err().kind;
            let refused = kind == Kind::DigestMismatch && !self.traits.remembers_uploads;
            assert!(refused || kind == Kind::NotFound, "{kind:?}");
        }
    }

    async fn the_same_content_can_be_committed_at_once(&self) {
        let (bytes, digest) = self.content(17, 100_000);
        let commits = (0..8).map(|number| {
            let (bytes, digest) = (bytes.clone(), digest.clone());
            async move {
                let mut upload = self.begin(1700 + number).await;
                self.store.append(&mut upload, body(&bytes, 9999), None).await.unwrap();
                self.store.commit(upload, &digest).await.unwrap()
            }
        });
        assert_eq!(futures::future::join_all(commits).await, [100_000; 8]);
        assert_eq!(self.whole(&digest, bytes.len()).await, bytes);
    }

    async fn an_aborted_upload_is_gone(&self) {
        let mut upload = self.begin(18).await;
        self.store.append(&mut upload, body(&content(18, 10), 3), None).await.unwrap();
        self.store.abort(&upload.id).await.unwrap();
        self.store.abort(&upload.id).await.unwrap();
        self.is_gone(&mut upload).await;
    }

    async fn an_upload_that_was_only_begun_is_dropped(&self) {
        let mut upload = self.begin(21).await;
        self.store.abort_untouched(&upload.id).await.unwrap();
        self.store.abort_untouched(&upload.id).await.unwrap();
        self.is_gone(&mut upload).await;
    }

    async fn an_id_is_used_once_and_cannot_wander(&self) {
        let mut upload = self.begin(19).await;
        if self.traits.remembers_uploads {
            let error = self.store.begin(&upload.id, Algorithm::Sha256).await.unwrap_err();
            assert_eq!(error.kind, Kind::Invalid);
        }
        for id in ["", "..", "../a", "a/b", "A"] {
            assert_eq!(self.store.begin(id, Algorithm::Sha256).await.unwrap_err().kind, Kind::Invalid);
            assert_eq!(self.store.abort(id).await.unwrap_err().kind, Kind::Invalid);
            id.clone_into(&mut upload.id);
            let appended = self.store.append(&mut upload, body(&content(19, 3), 3), None).await;
            assert_eq!(appended.unwrap_err().kind, Kind::Invalid);
        }
    }

    async fn a_shelf_lists_its_blobs(&self) {
        let (bytes, digest) = self.content(20, 4321);
        let prefix = u8::from_str_radix(&digest.hex()[..2], 16).unwrap();
        let listed = async |algorithm, prefix| {
            let blobs = self.store.list(algorithm, prefix).await.unwrap();
            assert!(blobs.is_sorted_by(|a, b| a.digest < b.digest));
            blobs.into_iter().find(|blob| blob.digest == digest).map(|blob| blob.size)
        };
        assert_eq!(listed(Algorithm::Sha256, prefix).await, None);
        self.store.put(&digest, bytes).await.unwrap();
        assert_eq!(listed(Algorithm::Sha256, prefix).await, Some(4321));
        assert_eq!(listed(Algorithm::Sha256, prefix.wrapping_add(1)).await, None);
        assert_eq!(listed(Algorithm::Sha512, prefix).await, None);
        if let Some(all) = self.store.list_few(Algorithm::Sha256, usize::MAX).await.unwrap() {
            assert!(all.is_sorted_by(|a, b| a.digest < b.digest));
            assert!(all.iter().any(|blob| blob.digest == digest && blob.size == 4321));
            assert_eq!(self.store.list_few(Algorithm::Sha256, all.len() - 1).await.unwrap(), None);
        }
        self.store.delete(&digest).await.unwrap();
        assert_eq!(listed(Algorithm::Sha256, prefix).await, None);
    }

    async fn a_state_tells_whether_its_bytes_are_there(&self) {
        let (bytes, digest) = self.content(21, 600_000);
        let mut upload = self.begin(21).await;
        assert!(self.store.holds(&upload).await.unwrap(), "nothing is all there");
        upload.expect_more();
        self.store.append(&mut upload, body(&bytes.slice(..400_000), 10_000), None).await.unwrap();
        let uploads = self.store.uploads().await.unwrap();
        assert!(uploads.iter().any(|stored| stored.id == upload.id), "{uploads:?}");
        assert!(self.store.holds(&upload).await.unwrap());
        let mut other = self.begin(1021).await;
        other.expect_more();
        self.store.append(&mut other, body(&bytes.slice(..400_000), 10_000), None).await.unwrap();
        self.store.abort(&other.id).await.unwrap();
        assert!(!self.store.holds(&other).await.unwrap(), "it was dropped");
        let uploads = self.store.uploads().await.unwrap();
        assert!(!uploads.iter().any(|stored| stored.id == other.id), "{uploads:?}");
        let half = upload.clone();
        self.store.append(&mut upload, body(&bytes.slice(400_000..), 10_000), None).await.unwrap();
        let whole = upload.clone();
        self.store.commit(upload, &digest).await.unwrap();
        assert!(self.store.holds(&whole).await.unwrap(), "it is the blob, and the commit can be repeated");
        assert!(!self.store.holds(&half).await.unwrap(), "it cannot go on any more");
        self.store.delete(&digest).await.unwrap();
        assert!(!self.store.holds(&whole).await.unwrap());
    }
}
