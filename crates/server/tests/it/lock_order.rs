//! Rows that several transactions want are taken in one order, so that they wait for each other in a row and never in a
//! circle. There are such rows on PostgreSQL only: on SQLite one transaction writes at a time.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use crate::on_each_engine;
use crate::pulls::until_somebody_waits;
use haven_db::{Engine, Value};
use haven_oci::Digest;
use haven_testkit::{Client, Image, TestApp};
use serde_json::json;
use std::cmp::Reverse;
use tokio::task::JoinHandle;

/// Takes the keys of links in project `$1`: that of the digest `$2`, or all others.
const HOLD: &str = "SELECT digest FROM project_blob WHERE project_id = $1 AND digest {is} $2 FOR UPDATE";
/// The same of links that are not there yet, to what project 2 has.
const BRING: &str = "INSERT INTO project_blob (project_id, digest, created_at)
    SELECT CAST($1 AS BIGINT), l.digest, 1 FROM project_blob l WHERE l.project_id = 2 AND l.digest {is} $2";
/// The planner sorts nothing that nobody has asked to be sorted.
const UNSORTED: &str = "DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET enable_sort = off', current_database()); END $$";

/// Two images whose layers are in `team` and came from the last to the first in the order of their digests; those of the
/// first image are the later ones.
async fn upload(admin: &Client) -> [Image; 2] {
    let mut layers: Vec<Vec<u8>> = (0..20).map(|n| format!("layer {n}").into_bytes()).collect();
    layers.sort_by_key(|layer| Reverse(Digest::sha256(layer).to_string()));
    for blob in layers.iter().chain([&b"{}".to_vec()]) {
        assert_eq!(admin.push_blob("team/web", blob).await.status, 201);
    }
    let layers: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
    let of =
        |layers: &[&[u8]]| Image::of("application/vnd.oci.image.config.v1+json", b"{}", layers, json!({}));
    [of(&layers[..10]), of(&layers[10..])]
}

fn first<'a>(blobs: impl IntoIterator<Item = &'a Vec<u8>>) -> String {
    blobs.into_iter().map(|blob| Digest::sha256(blob).to_string()).min().unwrap()
}

/// While the first key is held, somebody who waits for it has taken none of the others.
async fn takes_the_first_key_first(
    app: &TestApp,
    (statement, project, first): (&str, i64, &str),
    act: impl FnOnce() -> JoinHandle<u16>,
) {
    let values: [Value; 2] = [project.into(), first.into()];
    let mut holder = app.db().begin().await.unwrap();
    holder.execute(&statement.replace("{is}", "="), &values).await.unwrap();
    let acting = act();
    until_somebody_waits(app).await;
    let mut other = app.db().begin().await.unwrap();
    other.execute("SET LOCAL lock_timeout = '1s'", &[]).await.unwrap();
    let free = other.execute(&statement.replace("{is}", "<>"), &values).await;
    assert!(free.is_ok_and(|rows| rows >= 20), "all others are free");
    drop(other);
    drop(holder);
    assert_eq!(acting.await.unwrap(), 201);
}

fn copy(admin: &Client, to: &'static str) -> JoinHandle<u16> {
    let admin = admin.clone();
    tokio::spawn(async move {
        let path = format!("/api/v2.0/projects/{to}/repositories/copy/artifacts?from=team/web:v1");
        admin.post(&path, &json!({})).await.status
    })
}

#[tokio::test]
async fn pushes_and_copies_take_the_keys_of_links_in_their_order() {
    on_each_engine(async |app| {
        if app.db().engine() == Engine::Sqlite {
            return;
        }
        let (team, side) = (app.project("team", false).await, app.project("side", false).await);
        app.db().execute(UNSORTED, &[]).await.unwrap();
        let admin = app.replica().await;
        let [late, early] = upload(&admin).await;
        assert_eq!(admin.push_manifest("team/web", &late.digest(), &late).await.status, 201);
        takes_the_first_key_first(&app, (HOLD, team, &first(&early.blobs)), || {
            let (admin, early) = (admin.clone(), early.clone());
            tokio::spawn(async move { admin.push_manifest("team/web", &early.digest(), &early).await.status })
        })
        .await;
        let both = Image::index(&[&late, &early]);
        assert_eq!(admin.push_manifest("team/web", "v1", &both).await.status, 201);
        let manifests = [&late.manifest, &early.manifest, &both.manifest];
        let first = first(late.blobs.iter().chain(&early.blobs).chain(manifests));
        takes_the_first_key_first(&app, (BRING, side, &first), || copy(&admin, "side")).await;
        takes_the_first_key_first(&app, (HOLD, team, &first), || copy(&admin, "team")).await;
        for repository in ["side/copy", "team/copy"] {
            assert_eq!(admin.get(&format!("/v2/{repository}/manifests/v1")).await.status, 200);
        }
    })
    .await;
}
