//! The suite on every back end, and what only files can go through.

mod files;
pub(crate) mod patient;

use proptest::prelude::*;
use tokio::runtime;

use crate::conformance::{self, body, broken_body, content, read_all};
use crate::{BlobStore, Error, Filesystem, Kind, Memory, Unreliable, Upload};
use haven_oci::{Algorithm, Digest};
use patient::Patient;

#[tokio::test]
async fn memory_conforms() {
    conformance::run(&Memory::new()).await;
}

#[tokio::test]
async fn the_filesystem_conforms() {
    let folder = tempfile::tempdir().unwrap();
    conformance::run(&Filesystem::open(folder.path()).unwrap()).await;
    conformance::run(&Filesystem::open(folder.path()).unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_filesystem_conforms_on_several_threads() {
    let folder = tempfile::tempdir().unwrap();
    conformance::run(&Filesystem::open(folder.path()).unwrap()).await;
}

#[tokio::test]
async fn patience_makes_an_unreliable_store_conform() {
    conformance::run(&Patient(Unreliable::new(Memory::new(), 3))).await;
    let folder = tempfile::tempdir().unwrap();
    conformance::run(&Patient(Unreliable::new(Filesystem::open(folder.path()).unwrap(), 2))).await;
}

#[tokio::test]
async fn an_unreliable_store_fails_as_often_as_it_says() {
    let store = Unreliable::new(Memory::new(), 2);
    let digest = Digest::sha256(b"");
    let mut kinds: Vec<Option<Kind>> = Vec::new();
    for _ in 0..3 {
        kinds.push(store.size(&digest).await.err().map(|error: Error| error.kind));
    }
    assert_eq!(kinds, [Some(Kind::Unavailable), Some(Kind::Unavailable), None]);
}

/// What happens to one piece of a body on its way.
#[derive(Clone, Debug)]
struct Piece {
    size: usize,
    chunk: usize,
    breaks: bool,
    /// The state is lost after the bytes were written, as in a crash before the row.
    forgotten: bool,
}

fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let piece = (0_usize..400_000, 1_usize..100_000, any::<bool>(), prop::bool::weighted(0.3));
    let piece = piece.prop_map(|(size, chunk, breaks, forgotten)| Piece { size, chunk, breaks, forgotten });
    prop::collection::vec(piece, 0..8)
}

async fn push_in_pieces(store: &dyn BlobStore, pieces: &[Piece], long: bool) {
    let algorithm = if long { Algorithm::Sha512 } else { Algorithm::Sha256 };
    let bytes = content(7, pieces.iter().map(|piece| piece.size).sum());
    let mut saved = store.begin(&uuid::Uuid::new_v4().to_string(), algorithm).await.unwrap().to_bytes();
    for piece in pieces {
        for attempt in 0..2 {
            let mut upload = Upload::from_bytes(&saved).unwrap();
            let start = usize::try_from(upload.size).unwrap();
            let part = bytes.slice(start..start + piece.size);
            let sent = if piece.breaks { broken_body(&part, piece.chunk) } else { body(&part, piece.chunk) };
            let kind = store.append(&mut upload, sent, None).await.err().map(|error| error.kind);
            assert_eq!(kind, piece.breaks.then_some(Kind::Interrupted));
            if attempt == 1 || !piece.forgotten {
                saved = upload.to_bytes();
                break;
            }
        }
    }
    let (digest, size) = (Digest::sha256(&bytes), bytes.len() as u64);
    assert_eq!(store.commit(Upload::from_bytes(&saved).unwrap(), &digest).await.unwrap(), size);
    assert!(read_all(store, &digest, size, 0..size).await.unwrap() == bytes);
    store.delete(&digest).await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn however_the_bytes_come_the_blob_is_the_same(pieces in pieces(), long: bool) {
        let folder = tempfile::tempdir().unwrap();
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            push_in_pieces(&Memory::new(), &pieces, long).await;
            push_in_pieces(&Filesystem::open(folder.path()).unwrap(), &pieces, long).await;
            push_in_pieces(&crate::object::tests::in_memory(), &pieces, long).await;
        });
    }
}
