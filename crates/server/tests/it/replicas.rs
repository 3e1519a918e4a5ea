//! Several replicas on one database and one storage: any of them takes the next request.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

use crate::on_each_engine;
use crate::uploads::{count, dripping};
use axum::body::Bytes;
use haven_oci::Digest;
use haven_testkit::{Answer, Client, Image, TestApp, image};
use http::Method;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

const UPLOADS: &str = "/v2/library/app/blobs/uploads/";
/// At once, in the stories of crowds.
const CLIENTS: usize = 32;

fn path(answer: &Answer) -> String {
    answer.header("location").replace("http://haven.test", "")
}

#[tokio::test]
async fn an_upload_goes_on_at_another_replica_with_every_request() {
    on_each_engine(async |app| {
        let (one, two) = (app.admin(), app.replica().await);
        let session = path(&one.request(Method::POST, UPLOADS, &[], "").await);
        for (client, piece, stands) in [(&two, "abc", "0-2"), (&one, "def", "0-5"), (&two, "ghi", "0-8")] {
            let appended = client.request(Method::PATCH, &session, &[], piece).await;
            assert_eq!((appended.status, appended.header("range")), (202, stands));
        }
        assert_eq!(one.get(&session).await.header("range"), "0-8");
        let digest = Digest::sha256(b"abcdefghijkl");
        let done = one.request(Method::PUT, &format!("{session}?digest={digest}"), &[], "jkl").await;
        assert_eq!(done.status, 201, "{}", done.text());
        assert_eq!(two.get(&format!("/v2/library/app/blobs/{digest}")).await.body, "abcdefghijkl");
    })
    .await;
}

#[tokio::test]
async fn only_one_replica_writes_to_an_upload_at_a_time() {
    on_each_engine(async |app| {
        let (one, two) = (app.admin(), app.replica().await);
        let session = path(&one.request(Method::POST, UPLOADS, &[], "").await);
        let (sender, body) = dripping();
        sender.send(Ok(Bytes::from_static(b"abc"))).unwrap();
        let (at, other) = (session.clone(), one.clone());
        let writing = tokio::spawn(async move { other.request(Method::PATCH, &at, &[], body).await });
        while count_leases(&app).await == 0 {
            tokio::task::yield_now().await;
        }
        let refused = two.request(Method::PATCH, &session, &[], "xyz").await;
        assert_eq!((refused.status, refused.code().as_str()), (429, "TOOMANYREQUESTS"));
        assert!(!refused.header("retry-after").is_empty(), "a client that is told when comes back");
        drop(sender);
        assert_eq!(writing.await.unwrap().header("range"), "0-2");
        assert_eq!(two.request(Method::PATCH, &session, &[], "def").await.header("range"), "0-5");
    })
    .await;
}

async fn count_leases(app: &TestApp) -> i64 {
    let row = app.db().query_one("SELECT COUNT(*) FROM upload WHERE lease <> ''", &[]).await.unwrap();
    row.get(0).unwrap()
}

#[tokio::test]
async fn what_one_replica_does_the_other_sees_at_once() {
    on_each_engine(async |app| {
        let (one, two) = (app.admin(), app.replica().await);
        let (first, second) = (image("first"), image("second"));
        let token = one.fetch_token(&["repository:library/app:pull,push"]).await;
        assert_eq!(two.with_token(&token).push("library/app", "v1", &first).await.status, 201);
        assert_eq!(one.get("/v2/library/app/manifests/v1").await.body, first.manifest);
        assert_eq!(two.get("/v2/library/app/manifests/v1").await.body, first.manifest);
        assert_eq!(one.push("library/app", "v1", &second).await.status, 201);
        assert_eq!(two.get("/v2/library/app/manifests/v1").await.body, second.manifest, "the tag moved");
        let gone = format!("/v2/library/app/manifests/{}", first.digest());
        assert_eq!(two.get(&gone).await.status, 200);
        assert_eq!(one.delete(&gone).await.status, 202);
        assert_eq!((two.get(&gone).await.status, two.head(&gone).await.status), (404, 404));
        app.project("team", false).await;
        assert_eq!(two.push("team/app", "v1", &first).await.status, 201);
    })
    .await;
}

/// Does something until it is done, as clients do: they come back after 429 and 5xx, and after nothing else.
async fn insisting<F: Future<Output = Answer>>(act: impl Fn() -> F) -> Answer {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(120) {
        let answer = act().await;
        if answer.status != 429 && answer.status < 500 {
            return answer;
        }
        assert!(!answer.header("retry-after").is_empty(), "{} {}", answer.status, answer.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never succeeds");
}

async fn push_blob_in_pieces(client: &Client, content: &'static str) -> Answer {
    let session = path(&insisting(|| client.request(Method::POST, UPLOADS, &[], "")).await);
    let (head, tail) = content.split_at(content.len() / 2);
    let appended = insisting(|| client.request(Method::PATCH, &session, &[], head)).await;
    assert_eq!(appended.status, 202, "{}", appended.text());
    let end = format!("{session}?digest={}", Digest::sha256(content.as_bytes()));
    insisting(|| client.request(Method::PUT, &end, &[], tail)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_pushes_the_same_blob_and_there_is_one() {
    on_each_engine(async |app| {
        let doors = [app.admin(), app.replica().await];
        let crowd = (0..CLIENTS).map(|n| {
            let client = doors[n % 2].clone();
            tokio::spawn(async move { push_blob_in_pieces(&client, "the same bytes for everybody").await })
        });
        for pushed in crowd.collect::<Vec<_>>() {
            let pushed = pushed.await.unwrap();
            assert_eq!(pushed.status, 201, "{}", pushed.text());
        }
        assert_eq!((count(&app, "blob").await, count(&app, "project_blob").await), (1, 1));
        assert_eq!(
            (count(&app, "upload").await, app.files()),
            (0, usize::from(app.on_files())),
            "nothing is left of the others"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_moves_the_same_tag_and_one_of_them_is_last() {
    on_each_engine(async |app| {
        let doors = [app.admin(), app.replica().await];
        let blobs = image("").blobs;
        for blob in &blobs {
            assert_eq!(doors[0].push_blob("library/app", blob).await.status, 201);
        }
        let version = |n: usize| {
            let more = json!({ "annotations": { "n": n.to_string() } });
            Image::of("application/vnd.oci.image.config.v1+json", &blobs[0], &[blobs[1].as_slice()], more)
        };
        let versions: Vec<Image> = (0..CLIENTS).map(version).collect();
        let crowd = versions.iter().cloned().enumerate().map(|(n, version)| {
            let client = doors[n % 2].clone();
            tokio::spawn(
                async move { insisting(|| client.push_manifest("library/app", "v1", &version)).await },
            )
        });
        for pushed in crowd.collect::<Vec<_>>() {
            let pushed = pushed.await.unwrap();
            assert_eq!(pushed.status, 201, "{}", pushed.text());
        }
        let (at_one, at_two) = (
            doors[0].get("/v2/library/app/manifests/v1").await.body,
            doors[1].get("/v2/library/app/manifests/v1").await.body,
        );
        assert_eq!(at_one, at_two);
        let known: BTreeSet<&[u8]> = versions.iter().map(|version| version.manifest.as_slice()).collect();
        assert!(known.contains(at_one.as_ref()));
        assert_eq!((count(&app, "tag").await, count(&app, "artifact").await), (1, CLIENTS as i64));
        let listed = doors[1].get("/api/v2.0/projects/library/repositories/app").await.json();
        assert_eq!(listed["artifact_count"], CLIENTS, "each is there, tagged or not");
    })
    .await;
}
