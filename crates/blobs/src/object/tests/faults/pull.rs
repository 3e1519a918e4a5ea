//! Reads that meet a fault before their first byte, and after it.

use futures::TryStreamExt;

use super::*;

const SIZE: usize = 3 * MEBIBYTE;

async fn with_blob(seed: u64, retries: usize) -> Option<(Case, Bytes, Digest)> {
    let case = case(CALM, retries).await?;
    let bytes = content(seed, SIZE);
    let digest = Digest::sha256(&bytes);
    case.store.put(&digest, bytes.clone()).await.unwrap();
    case.proxy.take();
    Some((case, bytes, digest))
}

/// All that comes, and whether it broke off.
async fn read(store: &ObjectStorage, digest: &Digest, start: usize) -> (Vec<u8>, Option<std::io::Error>) {
    let mut body = store.read(digest, SIZE as u64, start as u64..SIZE as u64).await.unwrap();
    let mut found = Vec::new();
    loop {
        match body.try_next().await {
            Ok(Some(slice)) => found.extend_from_slice(&slice),
            Ok(None) => return (found, None),
            Err(error) => return (found, Some(error)),
        }
    }
}

#[tokio::test]
async fn before_the_first_byte_a_read_fails_or_is_not_disturbed() {
    let Some((case, bytes, digest)) = with_blob(20, 0).await else { return };
    for fault in fit(FAULTS, Asked::Get) {
        case.proxy.inject(Rule::on(Asked::Get, fault));
        match read_all(&case.store, &digest, SIZE as u64, 7..SIZE as u64).await {
            // Half of the answer is more than its head.
            Ok(found) => assert!(fault == Fault::CutAnswer && found == bytes[7..], "{fault:?}"),
            Err(error) => assert_eq!(error.kind, Kind::Unavailable, "{fault:?}: {error:?}"),
        }
        let asked = case.proxy.take();
        let more = match fault {
            Fault::CutAnswer => vec![Asked::Get],
            // An answer, if a strange one: how long is the blob really?
            Fault::Garbage if !on_azure() => vec![Asked::Head],
            _ => vec![],
        };
        assert_eq!(asked, [vec![Asked::Get], more].concat(), "{fault:?}: an outage is not asked twice");
    }
    assert!(read_all(&case.store, &digest, SIZE as u64, 7..SIZE as u64).await.unwrap() == bytes[7..]);
}

#[tokio::test]
async fn a_read_that_is_cut_goes_on_where_it_was() {
    let Some((case, bytes, digest)) = with_blob(21, 0).await else { return };
    for start in [0, 1_234_567] {
        for fault in [Fault::CutAnswer, Fault::ShortenAnswer] {
            case.proxy.inject(Rule::on(Asked::Get, fault).times(4));
            let (found, broken) = read(&case.store, &digest, start).await;
            assert!(broken.is_none() && found == bytes[start..], "{fault:?} {start}: {broken:?}");
            case.proxy.calm();
        }
    }
    assert!(case.proxy.struck() >= 16);
}

#[tokio::test]
async fn a_read_that_cannot_go_on_breaks_off_and_is_never_short() {
    let Some((case, bytes, digest)) = with_blob(22, 0).await else { return };
    for after in [Fault::Answer(503, "SlowDown"), Fault::Cut, Fault::Garbage, Fault::Answer(404, "NoSuchKey")]
    {
        case.proxy.inject(Rule::on(Asked::Get, Fault::CutAnswer));
        case.proxy.inject(Rule::on(Asked::Get, after).always());
        let (found, broken) = read(&case.store, &digest, 0).await;
        assert!(broken.is_some() && !found.is_empty() && found.len() < SIZE, "{after:?}: {}", found.len());
        assert!(bytes.starts_with(&found), "{after:?}");
        case.proxy.calm();
    }
}

#[tokio::test]
async fn only_the_storage_can_say_that_a_blob_is_gone() {
    let Some((case, _, digest)) = with_blob(23, 0).await else { return };
    for (fault, kind) in [
        (Fault::Answer(404, "NoSuchKey"), Kind::NotFound),
        (Fault::Answer(404, "NoSuchBucket"), Kind::Unavailable),
        (Fault::Misrouted, Kind::Unavailable),
    ] {
        case.proxy.inject(Rule::on(Asked::Get, fault));
        let error = case.store.read(&digest, SIZE as u64, 0..10).await.err().unwrap();
        assert_eq!(error.kind, kind, "{fault:?}");
    }
    let other = Digest::sha256(b"other");
    assert_eq!(case.store.read(&other, 5, 0..5).await.err().unwrap().kind, Kind::NotFound);
}

#[tokio::test]
async fn what_the_storage_does_not_know_is_told_from_what_it_does_not_tell() {
    let Some((case, _, digest)) = with_blob(24, 0).await else { return };
    for fault in fit(FAULTS, Asked::Head) {
        case.proxy.inject(Rule::on(Asked::Head, fault));
        assert_eq!(case.store.size(&digest).await.unwrap_err().kind, Kind::Unavailable, "{fault:?}");
    }
    // What a HEAD cannot tell is asked in another way.
    for fault in [Fault::Misrouted, Fault::Answer(404, "NoSuchBucket")] {
        case.proxy.inject(Rule::on(Asked::Head, fault));
        assert_eq!(case.store.size(&digest).await.unwrap(), Some(SIZE as u64), "{fault:?}");
        case.proxy.inject(Rule::any(fault).always());
        assert_eq!(case.store.size(&digest).await.unwrap_err().kind, Kind::Unavailable, "{fault:?}");
        assert_eq!(case.store.delete(&digest).await.unwrap_err().kind, Kind::Unavailable, "{fault:?}");
        case.proxy.calm();
    }
    for fault in fit(FAULTS, Asked::List) {
        case.proxy.inject(Rule::on(Asked::List, fault));
        let prefix = u8::from_str_radix(&digest.hex()[..2], 16).unwrap();
        let listed = case.store.list(digest.algorithm(), prefix).await;
        assert_eq!(listed.unwrap_err().kind, Kind::Unavailable, "{fault:?}");
        assert_eq!(case.store.list(digest.algorithm(), prefix).await.unwrap().len(), 1);
    }
}
