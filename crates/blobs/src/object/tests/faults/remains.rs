//! What failed pushes leave behind, and that it goes in the end.

use super::*;

/// Leaves small uploads, each with its rest.
async fn abandon(case: &Case, names: &[&str]) {
    for name in names {
        let mut upload = begin(&case.store, name).await;
        upload.expect_more();
        case.store.append(&mut upload, body(&content(30, 200_000), 100_000), None).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_that_fails_is_finished_by_the_next() {
    let asked = [Asked::List, Asked::Get, Asked::Abort, Asked::Delete];
    let fit = |asked| fit(FEW, asked).chain([Fault::Misrouted, Fault::Answer(404, "NoSuchBucket")]);
    let known = asked.iter().filter(|asked| is_known(**asked));
    let all = known.flat_map(|asked| fit(*asked).map(|fault| (*asked, fault)));
    let sweep = |(asked, fault): (Asked, Fault)| async move {
        let Some(case) = case(CALM, 0).await else { return };
        abandon(&case, &["small"]).await;
        case.store.begin_multipart("large", None).await.unwrap();
        assert_eq!(case.proxy.multiparts(), usize::from(is_known(Asked::Create)));
        case.proxy.inject(Rule::on(asked, fault));
        let first = case.store.sweep(Duration::ZERO, &HashSet::new()).await;
        assert_eq!(case.proxy.struck(), 1, "{asked:?} {fault:?}");
        match first {
            // Half of an answer and the rest by another one is a whole.
            Ok(swept) => assert_eq!((asked, fault, swept), (Asked::Get, Fault::CutAnswer, 2)),
            Err(error) => assert_eq!(error.kind, Kind::Unavailable, "{asked:?} {fault:?} {error:?}"),
        }
        case.is_tidy(0, &format!("{asked:?} {fault:?}")).await;
    };
    stream::iter(all.map(sweep)).buffer_unordered(4).collect::<()>().await;
}

#[tokio::test]
async fn an_upload_that_cannot_be_removed_protects_no_other() {
    let Some(case) = case_with_multiparts(CALM, 0).await else { return };
    abandon(&case, &["small-1", "small-2", "small-3"]).await;
    for name in ["stuck", "large"] {
        case.store.begin_multipart(name, None).await.unwrap();
    }
    case.proxy.inject(Rule::on(Asked::Abort, Fault::Answer(503, "SlowDown")).within("/stuck/").always());
    let error = case.store.sweep(Duration::ZERO, &HashSet::new()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
    let left = litter(&case.store).await;
    assert!(!left.is_empty() && left.iter().all(|key| key.contains("/stuck/")), "{left:?}");
    case.is_tidy(0, "the stuck one").await;
}

/// Where a policy leaves the ending of multiparts to a rule of the bucket, and where a service answers so for one that it
/// no longer knows.
#[tokio::test]
async fn a_multipart_that_may_not_be_ended_does_not_keep_its_upload() {
    let Some(case) = case_with_multiparts(CALM, 0).await else { return };
    case.store.begin_multipart("large", None).await.unwrap();
    case.proxy.inject(Rule::on(Asked::Abort, Fault::Answer(403, "AccessDenied")).always());
    case.store.abort("large").await.unwrap();
    assert!(litter(&case.store).await.is_empty());
}

#[tokio::test]
async fn a_storage_that_refuses_every_removal_keeps_the_multipart_remembered() {
    let Some(case) = case(CALM, 0).await else { return };
    case.store.begin_multipart("large", None).await.unwrap();
    for asked in [Asked::Abort, Asked::Delete] {
        case.proxy.inject(Rule::on(asked, Fault::Answer(403, "AccessDenied")).always());
    }
    case.store.abort("large").await.unwrap_err();
    assert!(!litter(&case.store).await.is_empty());
    case.is_tidy(0, "a time of wrong credentials").await;
}

#[tokio::test]
async fn a_storage_that_removes_nothing_is_not_asked_for_ever() {
    let Some(case) = case(CALM, 0).await else { return };
    let names: Vec<String> = (0..8).map(|number| format!("small-{number}")).collect();
    abandon(&case, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    case.proxy.inject(Rule::on(Asked::Delete, Fault::Answer(503, "SlowDown")).always());
    case.proxy.take();
    case.store.sweep(Duration::ZERO, &HashSet::new()).await.unwrap_err();
    let deletes = case.proxy.take().into_iter().filter(|asked| *asked == Asked::Delete).count();
    assert_eq!(deletes, 3);
    case.is_tidy(0, "eight small ones").await;
}

#[tokio::test]
async fn a_removal_whose_connection_breaks_is_asked_for_once_more() {
    for fault in [Fault::Cut, Fault::Reset, Fault::LoseAnswer] {
        for asked in [Asked::Abort, Asked::Delete].into_iter().filter(|asked| is_known(*asked)) {
            let Some(case) = case(CALM, 1).await else { return };
            case.store.begin_multipart("large", None).await.unwrap();
            case.proxy.inject(Rule::on(asked, fault));
            case.store.abort("large").await.unwrap();
            assert_eq!((case.proxy.struck(), case.proxy.multiparts()), (1, 0), "{asked:?} {fault:?}");
        }
    }
}

#[tokio::test]
async fn more_than_the_limit_leaves_nothing_even_then() {
    let Some(case) = case(CALM, 0).await else { return };
    let mut upload = begin(&case.store, "a").await;
    case.proxy.inject(Rule::on(Asked::Part, Fault::LoseAnswer));
    let sent = body(&content(31, 2 * LARGE), 100_000);
    let error = case.store.append(&mut upload, sent, Some(LARGE as u64 + 1)).await.unwrap_err();
    assert!(matches!(error.kind, Kind::TooLarge | Kind::Unavailable), "{error:?}");
    assert_eq!(upload.size % PART, 0, "whole parts, or none");
    case.store.abort("a").await.unwrap();
    assert_eq!((litter(&case.store).await.len(), case.proxy.multiparts()), (0, 0));
}
