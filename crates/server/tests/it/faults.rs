//! What the application says and does while something below it is out of order.

use crate::uploads::open;
use crate::{on_each_engine, on_files};
use haven_core::registry::{Purge, purge_uploads};
use haven_testkit::{Answer, image};
use http::Method;
use std::time::Duration;

const UPLOADS: &str = "/v2/library/app/blobs/uploads/";
const HOUR: Duration = Duration::from_secs(3600);

fn path(answer: &Answer) -> String {
    answer.header("location").replace("http://haven.test", "")
}

#[tokio::test]
async fn without_its_database_it_says_so_in_both_shapes() {
    on_each_engine(async |app| {
        let (admin, nobody) = (app.admin(), app.anonymous());
        assert_eq!(nobody.get("/healthz").await.status, 200);
        app.db().close().await;
        for path in
            ["/v2/library/app/manifests/v1", "/api/v2.0/projects", "/service/token?service=harbor-registry"]
        {
            let answer = admin.get(path).await;
            assert_eq!((answer.status, answer.code().as_str()), (503, "UNAVAILABLE"), "{path}");
            assert_eq!(
                (answer.header("retry-after"), answer.message().as_str()),
                ("5", "service unavailable")
            );
            assert!(!answer.header("x-request-id").is_empty(), "{path}");
        }
        assert_eq!(nobody.get("/api/v2.0/ping").await.status, 200, "it lives");
    })
    .await;
}

#[tokio::test]
async fn health_and_readiness_tell_the_truth() {
    on_each_engine(async |app| {
        app.db().close().await;
        let nobody = app.anonymous();
        let ready = nobody.get("/healthz").await;
        assert_eq!((ready.status, ready.header("retry-after")), (503, "5"));
        let health = nobody.get("/api/v2.0/health").await;
        assert_eq!((health.status, &health.json()["status"]), (200, &"unhealthy".into()));
        let ill: Vec<String> = health.json()["components"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|part| part["status"] == "unhealthy")
            .map(|part| part["name"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(ill, ["database"]);
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_is_turned_back_locks_nobody_out() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let session = path(&admin.request(Method::POST, UPLOADS, &[], "").await);
        // A request that died: its lease is never renewed, and nobody lets go of it.
        let lease = "UPDATE upload SET lease = 'dead', lease_until = $1";
        let until = app.clock.now() + Duration::from_secs(15);
        app.db().execute(lease, &[until.into()]).await.unwrap();
        let token = admin.fetch_token(&["repository:library/app:pull,push"]).await;
        app.clock.turn_back(HOUR);
        let appended = admin.request(Method::PATCH, &session, &[], "abc").await;
        assert_eq!(appended.status, 202, "{}", appended.text());
        assert_eq!(admin.with_token(&token).get("/v2/").await.status, 401, "a token from the future");
        let token = admin.token(&["repository:library/app:pull,push"]).await;
        assert_eq!(token.push("library/app", "v1", &image("one")).await.status, 201);
        assert_eq!(token.get("/v2/library/app/manifests/v1").await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_live_lease_is_nobody_elses_even_if_clocks_differ() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let session = path(&admin.request(Method::POST, UPLOADS, &[], "").await);
        let lease = "UPDATE upload SET lease = 'live', lease_until = $1";
        // Taken by a replica whose clock is half a minute ahead.
        let until = app.clock.now() + Duration::from_secs(45);
        app.db().execute(lease, &[until.into()]).await.unwrap();
        assert_eq!(admin.request(Method::PATCH, &session, &[], "abc").await.status, 429);
    })
    .await;
}

#[tokio::test]
async fn what_a_crash_left_in_storage_is_swept() {
    on_files(async |app| {
        let known = open(&app.admin(), UPLOADS).await;
        let stray = app.folder().join("docker/registry/v2/uploads/11111111-1111-4111-8111-111111111111");
        std::fs::create_dir_all(&stray).unwrap();
        let purge = |age| purge_uploads(&app.app, Purge { age, dry_run: false });
        assert_eq!(purge(Duration::from_secs(3600)).await.unwrap(), 0);
        assert!(stray.exists(), "it may be a session that begins now");
        assert_eq!(purge(Duration::ZERO).await.unwrap(), 1);
        assert!(!stray.exists());
        assert_eq!(app.admin().get(&known).await.status, 204, "a row keeps its bytes");
    })
    .await;
}
