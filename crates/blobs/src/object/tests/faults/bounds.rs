//! Storage that does not answer: everybody is told in time, and nothing is left waiting.
//!
//! Stories with parts are not for Azure: the Azure server of the tests takes longer over a part than anybody waits here.

use std::time::Instant;

use futures::future::join_all;

use super::*;

/// How long an answer is waited for here: longer than the server of the tests takes for one on a busy machine.
const ANSWER: Duration = Duration::from_secs(2);
/// Two tries, a pause, and what a busy machine adds.
const SOON: Duration = Duration::from_secs(20);

async fn soon<T>(what: &str, work: impl Future<Output = crate::Result<T>>) {
    let error = tokio::time::timeout(SOON, work).await;
    let error = error.unwrap_or_else(|_| panic!("{what} waits too long")).err();
    assert_eq!(error.map(|error| error.kind), Some(Kind::Unavailable), "{what}");
}

async fn everything_ends(case: &Case) {
    let began = Instant::now();
    while case.proxy.connections() > 0 {
        assert!(began.elapsed() < SOON, "{} requests are still waited for", case.proxy.connections());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// An upload to go on with, `size` bytes long.
async fn received(case: &Case, id: &str, size: usize) -> Upload {
    let mut upload = begin(&case.store, id).await;
    upload.expect_more();
    case.store.append(&mut upload, body(&content(40, size), 100_000), None).await.unwrap();
    resumed(&upload)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_is_no_answer_to_anything() {
    let Some(case) = case_with_multiparts(ANSWER, 1).await else { return };
    let store = &case.store;
    let (small, large) = (content(40, 200_000), content(40, LARGE));
    let (one, two) = (Digest::sha256(&small), Digest::sha256(&large));
    store.put(&one, small.clone()).await.unwrap();
    let inline = received(&case, "inline", 1_000).await;
    let staged = received(&case, "staged", 200_000).await;
    let parts = received(&case, "parts", LARGE).await;
    case.proxy.inject(Rule::any(Fault::Silence).always());
    let (mut growing, nobody) = (staged.clone(), HashSet::new());
    let short = Digest::sha256(&content(40, 1_000));
    let (mut new, mut big) = (begin(store, "new").await, begin(store, "big").await);
    tokio::join!(
        soon("size", store.size(&one)),
        soon("read", store.read(&one, 200_000, 0..10)),
        soon("put", store.put(&one, small.clone())),
        soon("delete", store.delete(&one)),
        soon("append to a rest", store.append(&mut growing, body(&small, 9_999), None)),
        soon("append", store.append(&mut new, body(&small, 9_999), None)),
        soon("append parts", store.append(&mut big, body(&large, 100_000), None)),
        soon("commit", store.commit(inline.clone(), &short)),
        soon("commit a rest", store.commit(staged.clone(), &one)),
        soon("commit parts", store.commit(parts.clone(), &two)),
        soon("abort", store.abort("x")),
        soon("sweep", store.sweep(Duration::ZERO, &nobody)),
        soon("list", store.list(one.algorithm(), 0)),
        soon("check", store.check()),
        soon("prove", store.prove()),
    );
    everything_ends(&case).await;
    // No restart, no second client.
    case.proxy.calm();
    store.prove().await.unwrap();
    is_stored(store, &small, "silence").await;
    assert_eq!(store.commit(parts, &two).await.unwrap(), large.len() as u64);
    is_stored(store, &large, "silence").await;
    case.is_tidy(0, "silence").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_in_the_middle_of_a_push_is_noticed() {
    let stories = [
        (Asked::Part, Fault::SilenceAfter),
        (Asked::Complete, Fault::SilenceAfter),
        (Asked::Complete, Fault::Late(ANSWER * 2)),
        (Asked::Copy, Fault::SilenceAfter),
        (Asked::List, Fault::Silence),
    ];
    let tell = |(asked, fault)| async move {
        let Some(case) = case_with_multiparts(ANSWER, 0).await else { return };
        case.proxy.inject(Rule::on(asked, fault));
        let (bytes, began) = (content(41, LARGE), Instant::now());
        let failures = push(&case.store, begin(&case.store, "a").await, &bytes, asked != Asked::Copy).await;
        assert!(began.elapsed() < SOON * 2, "{asked:?} {fault:?}: {:?}", began.elapsed());
        all_unavailable(&failures, &format!("{asked:?} {fault:?}"));
        assert!(failures.len() <= 2, "{asked:?} {fault:?}: {failures:#?}");
        is_stored(&case.store, &bytes, "silence in the middle").await;
        everything_ends(&case).await;
    };
    join_all(stories.map(tell)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_that_is_done_does_not_wait_for_the_cleaning() {
    let Some(case) = case(ANSWER, 1).await else { return };
    let upload = received(&case, "a", 200_000).await;
    case.proxy.inject(Rule::on(Asked::List, Fault::Silence).always());
    case.proxy.take();
    let bytes = content(40, 200_000);
    assert!(push(&case.store, upload, &bytes, false).await.is_empty());
    // Somebody who has all the time in the world would ask twice.
    let lists = case.proxy.take().into_iter().filter(|asked| *asked == Asked::List).count();
    assert_eq!(lists, 1);
    case.is_tidy(0, "a silent list").await;
}

#[tokio::test]
async fn a_read_that_stops_goes_on_or_breaks_off() {
    const SIZE: usize = MEBIBYTE;
    let Some(case) = case(ANSWER, 1).await else { return };
    let bytes = content(42, SIZE);
    let digest = Digest::sha256(&bytes);
    case.store.put(&digest, bytes.clone()).await.unwrap();
    case.proxy.inject(Rule::on(Asked::Get, Fault::StallAnswer));
    assert!(read_all(&case.store, &digest, SIZE as u64, 0..SIZE as u64).await.unwrap() == bytes);
    case.proxy.inject(Rule::on(Asked::Get, Fault::StallAnswer));
    case.proxy.inject(Rule::on(Asked::Get, Fault::Silence).always());
    let mut body = case.store.read(&digest, SIZE as u64, 0..SIZE as u64).await.unwrap();
    let (mut came, began) = (0, Instant::now());
    let broken = loop {
        match body.next().await {
            Some(Ok(slice)) => came += slice.len(),
            end => break end,
        }
    };
    assert!(matches!(broken, Some(Err(_))) && came < SIZE, "{came} bytes and an end");
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    everything_ends(&case).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_does_not_fill_the_memory() {
    let Some(mut options) = bucket().filter(|_| !on_azure()) else { return };
    options.patience = impatient(ANSWER, 0);
    options.large_uploads = Some(2);
    let case = case_with(&options).await;
    let bytes = content(44, LARGE);
    case.proxy.inject(Rule::on(Asked::Part, Fault::Silence).always());
    let append = |number: usize, size: usize| {
        let (case, bytes) = (&case, bytes.slice(..size));
        async move {
            let mut upload = begin(&case.store, &format!("crowd-{number}")).await;
            case.store.append(&mut upload, body(&bytes, 100_000), None).await.err()
        }
    };
    // Two have the seats and wait for the storage; four wait for the seats, and those that bring little need none.
    let (large, small) = tokio::join!(
        join_all((0..6).map(|number| append(number, LARGE))),
        join_all((6..12).map(|number| append(number, 900_000))),
    );
    assert!(small.iter().all(Option::is_none), "{small:#?}");
    let told: Vec<Error> = large.into_iter().flatten().collect();
    all_unavailable(&told, "a crowd");
    let crowded = told.iter().filter(|error| error.context.contains("too many large uploads")).count();
    assert!(told.len() == 6 && (1..=4).contains(&crowded), "{told:#?}");
    case.proxy.calm();
    assert!(append(12, LARGE).await.is_none(), "a seat that is free again is taken");
    everything_ends(&case).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_before_a_silent_storage_is_told_and_leaves_nothing() {
    let Some(case) = case_with_multiparts(ANSWER, 1).await else { return };
    let bytes = content(43, LARGE);
    case.proxy.inject(Rule::on(Asked::Part, Fault::Silence).always());
    let pushing = (0..12).map(|number| {
        let (case, bytes) = (&case, &bytes);
        async move {
            let mut upload = begin(&case.store, &format!("crowd-{number}")).await;
            let appended = case.store.append(&mut upload, body(bytes, 100_000), None).await;
            (appended.unwrap_err().kind, resumed(&upload))
        }
    });
    let began = Instant::now();
    let told = join_all(pushing).await;
    assert!(began.elapsed() < SOON * 2, "{:?}", began.elapsed());
    everything_ends(&case).await;
    case.proxy.calm();
    let (_, upload) = told.first().unwrap();
    assert!(told.iter().all(|(kind, upload)| *kind == Kind::Unavailable && upload.size == 0));
    assert!(push(&case.store, resumed(upload), &bytes, false).await.is_empty());
    case.is_tidy(0, "a crowd").await;
}
