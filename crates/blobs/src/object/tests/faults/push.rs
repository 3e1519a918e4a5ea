//! Pushes of every kind, with a fault on every request that they make.

use object_store::path::Path;

use super::*;

/// A push and one of its requests.
#[derive(Clone, Copy, Debug)]
struct Story {
    asked: Asked,
    /// In the key of the request.
    within: &'static str,
    /// How many such requests come before it.
    after: usize,
    size: usize,
    /// Whether the client names the digest with the bytes.
    known: bool,
}

const BLOBS: &str = "/blobs/";
const UPLOADS: &str = "/uploads/";

const SMALL: Story = Story { asked: Asked::Put, within: BLOBS, after: 0, size: 300_000, known: true };
const KNOWN: Story = Story { asked: Asked::Create, within: "", after: 0, size: LARGE, known: true };
const COPIED: Story = Story { known: false, ..KNOWN };

const STORIES: &[Story] = &[
    SMALL,
    Story { asked: Asked::Head, known: false, ..SMALL },
    KNOWN,
    Story { asked: Asked::Put, within: UPLOADS, ..KNOWN },
    Story { asked: Asked::Part, within: "partNumber=1&", ..KNOWN },
    Story { asked: Asked::Part, within: "partNumber=2&", ..KNOWN },
    Story { asked: Asked::Head, ..KNOWN },
    Story { asked: Asked::Complete, ..KNOWN },
    Story { asked: Asked::Delete, ..KNOWN },
    Story { asked: Asked::Complete, ..COPIED },
    Story { asked: Asked::Copy, ..COPIED },
    Story { asked: Asked::Head, after: 1, ..COPIED },
    Story { asked: Asked::List, ..COPIED },
];

impl Story {
    /// Blocks of Azure have no numbers.
    fn within(self) -> &'static str {
        if self.asked == Asked::Part && on_azure() { "" } else { self.within }
    }

    /// Tells it once, with one fault.
    async fn with(self, fault: Fault, retries: usize) {
        if !is_known(self.asked) {
            return;
        }
        let Some(case) = case(CALM, retries).await else { return };
        let about = format!("{self:?} with {fault:?}, {retries} retries");
        let bytes = content(1, self.size);
        case.proxy.inject(Rule::on(self.asked, fault).within(self.within()).after(self.after));
        let failures = push(&case.store, begin(&case.store, "a").await, &bytes, self.known).await;
        assert_eq!(case.proxy.struck(), 1, "{about}: it never came to that");
        all_unavailable(&failures, &about);
        assert!(failures.len() <= 1, "{about}: one fault, one failure: {failures:#?}");
        assert!(failures.iter().all(has_a_cause), "{about}: {failures:#?}");
        is_stored(&case.store, &bytes, &about).await;
        // Nobody has ever heard the name of a multipart whose beginning was not answered. It is empty, too.
        let is_unheard = matches!(fault, Fault::LoseAnswer | Fault::CutAnswer) && self.asked == Asked::Create;
        case.is_tidy(usize::from(is_unheard), &about).await;
    }
}

fn has_a_cause(error: &Error) -> bool {
    std::error::Error::source(error).is_some() || error.context.contains("says that it did")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_request_may_meet_any_fault() {
    let faults = |story: &Story| if story.size == LARGE { FEW } else { FAULTS };
    let with_each = |story: &'static Story| fit(faults(story), story.asked).map(|fault| story.with(fault, 0));
    let all = STORIES.iter().flat_map(with_each);
    stream::iter(all).buffer_unordered(4).collect::<()>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passes_at_once_is_not_even_noticed() {
    for story in
        [SMALL, KNOWN, Story { asked: Asked::Part, ..KNOWN }, Story { asked: Asked::Delete, ..KNOWN }]
            .into_iter()
            .filter(|story| is_known(story.asked))
    {
        for fault in [Fault::Answer(503, "SlowDown"), Fault::Reset, Fault::LoseAnswer] {
            let Some(case) = case(CALM, 2).await else { return };
            case.proxy.inject(Rule::on(story.asked, fault));
            let bytes = content(2, story.size);
            let failures = push(&case.store, begin(&case.store, "a").await, &bytes, story.known).await;
            assert!(failures.is_empty(), "{story:?} with {fault:?}: {failures:#?}");
            assert_eq!(case.proxy.struck(), 1, "{story:?}");
        }
    }
}

/// S3 may say 200 and then that it has failed, in these two requests. What says so on Azure is somebody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_success_with_an_error_in_it_is_none() {
    Story { asked: Asked::Complete, ..KNOWN }.with(Fault::Answer(200, "ServiceUnavailable"), 0).await;
    for code in ["InternalError", "AccessDenied"] {
        Story { asked: Asked::Copy, ..COPIED }.with(Fault::Answer(200, code), 0).await;
    }
}

/// The store with a limit of 6 MiB for one copy.
async fn copying_in_pieces(retries: usize) -> Option<Case> {
    let mut options = s3_bucket()?;
    options.patience = impatient(CALM, retries);
    options.copies = crate::object::Copies { single: 6 << 20, piece: PART, at_once: 2 };
    Some(case_with(&options).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_in_pieces_may_meet_any_fault() {
    let refused = Fault::Answer(403, "AccessDenied");
    let errors = [Fault::Answer(200, "InternalError"), Fault::Answer(200, "AccessDenied"), refused];
    for asked in [Asked::CopyPart, Asked::Complete] {
        let wanted = [Fault::LoseAnswer, Fault::CutAnswer].into_iter().chain(errors);
        for fault in wanted {
            let Some(case) = copying_in_pieces(0).await else { return };
            let about = format!("{asked:?} with {fault:?}");
            // The first multipart is the upload's own.
            case.proxy.inject(Rule::on(asked, fault).within(BLOBS));
            let bytes = content(3, LARGE);
            let failures = push(&case.store, begin(&case.store, "a").await, &bytes, false).await;
            assert_eq!(case.proxy.struck(), 1, "{about}: it never came to that");
            all_unavailable(&failures, &about);
            is_stored(&case.store, &bytes, &about).await;
            assert!(
                !case.proxy.take().contains(&Asked::Copy),
                "{about}: only for who does not know the request"
            );
            case.is_tidy(0, &about).await;
        }
    }
}

#[tokio::test]
async fn a_piece_that_is_refused_for_a_moment_is_copied_again() {
    let Some(case) = copying_in_pieces(3).await else { return };
    for fault in [Fault::Answer(503, "SlowDown"), Fault::Answer(429, "SlowDown"), Fault::LoseAnswer] {
        case.proxy.inject(Rule::on(Asked::CopyPart, fault));
    }
    let bytes = content(4, LARGE);
    let failures = push(&case.store, begin(&case.store, "a").await, &bytes, false).await;
    assert_eq!((failures.len(), case.proxy.struck()), (0, 3), "{failures:#?}");
    is_stored(&case.store, &bytes, "a copy in pieces").await;
}

#[tokio::test]
async fn a_service_that_cannot_copy_pieces_copies_at_once() {
    for status in [400, 405, 501] {
        let Some(case) = copying_in_pieces(3).await else { return };
        case.proxy.inject(Rule::on(Asked::CopyPart, Fault::Answer(status, "NotImplemented")).always());
        let bytes = content(5, LARGE);
        let failures = push(&case.store, begin(&case.store, "a").await, &bytes, false).await;
        assert!(failures.is_empty(), "{status}: {failures:#?}");
        assert!(case.proxy.take().contains(&Asked::Copy), "{status}");
        is_stored(&case.store, &bytes, "a copy at once").await;
        case.is_tidy(0, "a copy at once").await;
    }
}

#[tokio::test]
async fn another_replica_goes_on_after_any_loss() {
    let Some(case) = case(CALM, 0).await else { return };
    let bytes = content(6, 21 * MEBIBYTE);
    let digest = Digest::sha256(&bytes);
    let mut upload = begin(&case.store, "a").await;
    upload.expect_more();
    let second = Rule::on(Asked::Part, Fault::LoseAnswer);
    case.proxy.inject(if on_azure() { second.after(1) } else { second.within("partNumber=2&") });
    let first = bytes.slice(..16 * MEBIBYTE);
    let error = case.store.append(&mut upload, body(&first, 100_000), None).await.unwrap_err();
    assert_eq!((error.kind, upload.size), (Kind::Unavailable, PART), "what came before the gap");
    let replica = case.replica();
    let mut upload = resumed(&upload);
    let rest = bytes.slice(usize::try_from(PART).unwrap()..);
    replica.append(&mut upload, body(&rest, 100_000), None).await.unwrap();
    case.proxy.inject(Rule::on(Asked::Complete, Fault::LoseAnswer));
    case.proxy.inject(Rule::on(Asked::Head, Fault::Answer(503, "SlowDown")).after(1));
    let error = replica.commit(resumed(&upload), &digest).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable, "nobody knows whether it is done");
    let third = case.replica();
    assert_eq!(third.commit(resumed(&upload), &digest).await.unwrap(), bytes.len() as u64);
    is_stored(&third, &bytes, "no part is there twice").await;
    case.is_tidy(0, "three replicas").await;
}

#[tokio::test]
async fn a_rest_that_comes_back_garbled_is_not_held_against_the_client() {
    let Some(case) = case(CALM, 0).await else { return };
    let bytes = content(7, 300_000);
    for fault in [Fault::Garbage, Fault::Misrouted, Fault::Answer(404, "NoSuchBucket"), Fault::Cut] {
        let mut upload = begin(&case.store, "a").await;
        upload.expect_more();
        case.store.append(&mut upload, body(&bytes.slice(..200_000), 9_999), None).await.unwrap();
        case.proxy.inject(Rule::on(Asked::Get, fault));
        let mut going_on = resumed(&upload);
        let rest = bytes.slice(200_000..);
        let error = case.store.append(&mut going_on, body(&rest, 9_999), None).await.unwrap_err();
        assert_eq!((error.kind, going_on.size), (Kind::Unavailable, 200_000), "{fault:?}");
        let head = Digest::sha256(&bytes[..200_000]);
        case.proxy.inject(Rule::on(Asked::Get, fault));
        assert_eq!(case.store.commit(resumed(&upload), &head).await.unwrap_err().kind, Kind::Unavailable);
        let failures = push(&case.store, resumed(&upload), &bytes, false).await;
        assert!(failures.is_empty(), "{fault:?}: {failures:#?}");
    }
    // Right in length, and yet wrong.
    let mut upload = begin(&case.store, "b").await;
    upload.expect_more();
    case.store.append(&mut upload, body(&bytes, 9_999), None).await.unwrap();
    let key = litter(&case.store).await.pop().unwrap();
    case.store.write(&Path::from(key), content(99, bytes.len()).into()).await.unwrap();
    let error = case.store.commit(resumed(&upload), &Digest::sha256(&bytes)).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
}

#[tokio::test]
async fn a_blob_that_was_placed_is_not_given_up_because_of_a_stranger() {
    for fault in [Fault::Misrouted, Fault::Answer(404, "NoSuchBucket")] {
        let Some(case) = case(CALM, 0).await else { return };
        let bytes = content(13, 300_000);
        case.proxy.inject(Rule::on(Asked::Head, fault));
        case.proxy.inject(Rule::on(Asked::Get, fault));
        let failures = push(&case.store, begin(&case.store, "a").await, &bytes, false).await;
        assert_eq!((failures.len(), failures[0].kind), (1, Kind::Unavailable), "{fault:?} {failures:#?}");
    }
}

#[tokio::test]
async fn a_multipart_that_is_gone_ends_the_upload_and_says_so() {
    let Some(case) = case(CALM, 0).await else { return };
    let bytes = content(8, LARGE);
    let mut upload = begin(&case.store, "a").await;
    case.store.append(&mut upload, body(&bytes, 100_000), None).await.unwrap();
    for (status, code) in [(400, "InvalidPart"), (400, "InvalidBlockList"), (404, "NoSuchUpload")] {
        case.proxy.inject(Rule::on(Asked::Complete, Fault::Answer(status, code)));
        let error = case.store.commit(resumed(&upload), &Digest::sha256(&bytes)).await.unwrap_err();
        assert_eq!(error.kind, Kind::NotFound, "{code}");
    }
    case.proxy.inject(Rule::on(Asked::Part, Fault::Answer(404, "NoSuchUpload")));
    let more = content(9, LARGE);
    let error = case.store.append(&mut resumed(&upload), body(&more, 100_000), None).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
}

#[tokio::test]
async fn a_multipart_that_cannot_begin_is_tried_once_and_says_why() {
    let Some(case) = case_with_multiparts(CALM, 0).await else { return };
    case.proxy.inject(Rule::on(Asked::Create, Fault::Answer(503, "SlowDown")).always());
    let mut upload = begin(&case.store, "a").await;
    // Enough for the rest to be taken for a part of its own.
    let bytes = content(10, 20 * MEBIBYTE);
    let error = case.store.append(&mut upload, body(&bytes, 100_000), None).await.unwrap_err();
    assert_eq!((error.kind, upload.size), (Kind::Unavailable, 0));
    assert!(format!("{error:?}").contains("SlowDown"), "{error:?}");
    assert_eq!(case.proxy.take(), [Asked::Create]);
}

#[tokio::test]
async fn a_storage_without_room_says_so() {
    let Some(case) = case(CALM, 0).await else { return };
    for (status, code) in [(507, "XMinioStorageFull"), (403, "QuotaExceeded")] {
        case.proxy.inject(Rule::on(Asked::Put, Fault::Answer(status, code)));
        let bytes = content(11, 1_000);
        let error = case.store.put(&Digest::sha256(&bytes), bytes.clone()).await.unwrap_err();
        assert_eq!(error.kind, Kind::Full, "{error:?}");
        case.proxy.inject(Rule::on(Asked::Part, Fault::Answer(status, code)));
        let large = content(12, LARGE);
        let mut upload = begin(&case.store, "a").await;
        let error = case.store.append(&mut upload, body(&large, 100_000), None).await.unwrap_err();
        assert_eq!(error.kind, Kind::Full, "{error:?}");
        case.store.abort("a").await.unwrap();
    }
    case.is_tidy(0, "a full storage").await;
}
