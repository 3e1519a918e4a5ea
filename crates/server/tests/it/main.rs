//! The application's test suite: one binary, every test on every engine that is here.

mod access;
mod audit;
mod blobs;
mod buckets;
mod command_line;
mod contract;
mod ends;
mod events;
mod faults;
mod fsck;
mod graphs;
mod guesses;
mod hostile;
mod interrupted_uploads;
mod lately;
mod lock_order;
mod orphans;
mod passwords;
mod processes;
mod pulls;
mod push_and_pull;
mod quotas;
mod races;
mod random;
mod redirects;
mod referrers;
mod replicas;
mod rest;
mod robots;
mod sessions;
mod settings;
mod short_uploads;
mod starts;
mod storage_faults;
mod tokens;
mod uploads;

use haven_db::testing::engines;
use haven_testkit::TestApp;

/// As [`on_each_engine`], for a story that looks into the folder of the storage; there is none with `HAVEN_TEST_S3`.
async fn on_files<F: Future<Output = ()>>(story: impl Fn(TestApp) -> F) {
    if haven_blobs::object::testing::bucket().is_none() {
        on_each_engine(story).await;
    }
}

/// Waits until nothing goes on any more beside requests that have been answered or given up.
async fn at_rest(app: &TestApp) {
    app.app.tasks.close();
    app.app.tasks.wait().await;
    app.app.tasks.reopen();
}

/// Runs a story on each engine, with an application of its own each time.
async fn on_each_engine<F: Future<Output = ()>>(story: impl Fn(TestApp) -> F) {
    for engine in engines() {
        story(TestApp::start(engine).await).await;
    }
}
