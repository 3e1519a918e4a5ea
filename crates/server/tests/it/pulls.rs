//! How often and when things were pulled: exactly, and without a write on the way of a pull.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use crate::on_each_engine;
use crate::processes::{Haven, answer, ask};
use crate::uploads::count;
use haven_core::App;
use haven_core::catalog::flush_pulls;
use haven_db::testing::{empty, engines};
use haven_db::{Engine, Timestamp, params};
use haven_testkit::{Client, Image, TestApp, image};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

const PULLS: usize = 1_000;
const CLIENTS: usize = 20;
const WEB: &str = "/api/v2.0/projects/library/repositories/web";
const NEVER: &str = "0001-01-01T00:00:00.000Z";

async fn pull(client: &Client, reference: &str) {
    assert_eq!(client.get(&format!("/v2/library/web/manifests/{reference}")).await.status, 200);
}

/// A crowd that pulls at these doors, so often in all.
async fn crowd(doors: &[Client], pulls: usize) {
    let mut crowd = JoinSet::new();
    for n in 0..CLIENTS {
        let client = doors[n % doors.len()].clone();
        crowd.spawn(async move {
            for _ in 0..pulls / CLIENTS {
                pull(&client, "v1").await;
            }
        });
    }
    crowd.join_all().await;
}

async fn pull_count(app: &TestApp) -> Value {
    app.admin().get(WEB).await.json()["pull_count"].clone()
}

/// When an artifact and its tag were pulled, as the API tells.
async fn times(app: &TestApp, reference: &str) -> (String, Vec<String>) {
    let artifact = app.admin().get(&format!("{WEB}/artifacts/{reference}")).await.json();
    let text = |of: &Value| of["pull_time"].as_str().unwrap().to_owned();
    let tags = artifact["tags"].as_array().map(|tags| tags.iter().map(text).collect());
    (text(&artifact), tags.unwrap_or_default())
}

/// Until a transaction in PostgreSQL waits for another one.
pub(crate) async fn until_somebody_waits(app: &TestApp) {
    let waiting = "SELECT COUNT(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while app.db().query_one(waiting, &[]).await.unwrap().get::<i64>(0).unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn flush(app: &Arc<App>) -> i64 {
    flush_pulls(app).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_pulls_at_two_replicas_are_a_thousand() {
    on_each_engine(async |app| {
        assert_eq!(app.admin().push("library/web", "v1", &image("one")).await.status, 201);
        let other = app.another().await;
        crowd(&[app.admin(), TestApp::door(&other)], PULLS).await;
        assert_eq!(pull_count(&app).await, 0, "not yet");
        let (one, two) = tokio::join!(flush(&app.app), flush(&other));
        assert_eq!((one + two, pull_count(&app).await), (PULLS as i64, json!(PULLS)));
        assert_eq!(count(&app, "audit_log_ext").await, PULLS as i64 + 1, "with the push");
        assert_eq!((flush(&app.app).await, flush(&other).await), (0, 0), "once");
        assert_eq!(pull_count(&app).await, PULLS);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pull_writes_nothing() {
    on_each_engine(async |app| {
        assert_eq!(app.admin().push("library/web", "v1", &image("one")).await.status, 201);
        let token = app.admin().token(&["repository:library/web:pull"]).await;
        let asked = json!({ "name": "ci", "scopes": ["pull"] });
        let made = app.admin().post("/api/v2.0/users/current/tokens", &asked).await.json();
        let program = app.with_password("admin", made["token"].as_str().unwrap());
        // While this is open nobody can write, and whoever tries waits for it, for twice as long as we do.
        let mut tx = app.db().begin().await.unwrap();
        if app.db().engine() == Engine::Postgres {
            let tables = app
                .db()
                .query("SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = 'public'", &[]);
            for row in tables.await.unwrap() {
                let table: String = row.get(0).unwrap();
                tx.execute(&format!("LOCK TABLE {table} IN EXCLUSIVE MODE"), &[]).await.unwrap();
            }
        }
        let doors = [token, app.admin(), program];
        let pulling = crowd(&doors, 200);
        tokio::time::timeout(Duration::from_secs(60), pulling).await.unwrap();
        drop(tx);
        assert_eq!((flush(&app.app).await, pull_count(&app).await), (200, json!(200)));
    })
    .await;
}

#[tokio::test]
async fn times_are_those_of_the_last_pull_of_what_was_asked_for() {
    on_each_engine(async |app| {
        let (admin, web) = (app.admin(), image("one"));
        for tag in ["v1", "v2"] {
            app.clock.advance(Duration::from_secs(1));
            assert_eq!(admin.push("library/web", tag, &web).await.status, 201);
        }
        assert_eq!(times(&app, "v1").await, (NEVER.into(), vec![NEVER.into(), NEVER.into()]));
        app.clock.advance(Duration::from_secs(60));
        let first = app.clock.now().rfc3339_millis();
        pull(&admin, "v1").await;
        app.clock.advance(Duration::from_secs(60));
        let second = app.clock.now().rfc3339_millis();
        pull(&admin, &web.digest()).await;
        assert_eq!(admin.head("/v2/library/web/manifests/v2").await.status, 200);
        flush(&app.app).await;
        assert_eq!(times(&app, "v1").await, (second.clone(), vec![NEVER.into(), first.clone()]));
        // What comes late does not turn the time back.
        let other = app.another().await;
        app.clock.turn_back(Duration::from_secs(90));
        pull(&TestApp::door(&other), "v1").await;
        flush(&other).await;
        assert_eq!(times(&app, "v1").await, (second, vec![NEVER.into(), first]));
        assert_eq!(pull_count(&app).await, 3);
    })
    .await;
}

#[tokio::test]
async fn a_pull_of_a_part_is_one_of_its_index() {
    on_each_engine(async |app| {
        let (admin, one, two) = (app.admin(), image("one"), image("two"));
        let index = Image::index(&[&one, &two]);
        for child in [&one, &two] {
            assert_eq!(admin.push("library/web", &child.digest(), child).await.status, 201);
        }
        assert_eq!(admin.push("library/web", "v1", &index).await.status, 201);
        pull(&admin, "v1").await;
        app.clock.advance(Duration::from_secs(60));
        pull(&admin, &two.digest()).await;
        flush(&app.app).await;
        let last = app.clock.now().rfc3339_millis();
        assert_eq!(times(&app, &two.digest()).await.0, last);
        assert_eq!(times(&app, "v1").await.0, last, "the index too");
        assert_eq!(times(&app, &one.digest()).await.0, NEVER);
        assert_eq!(pull_count(&app).await, 2, "as docker pulls it: the index and its part");
    })
    .await;
}

#[tokio::test]
async fn settings_say_what_is_kept_of_pulls() {
    on_each_engine(async |app| {
        let admin = app.admin();
        assert_eq!(admin.push("library/web", "v1", &image("one")).await.status, 201);
        for (setting, pulls, timed, lines) in [
            ("pull_count_update_disable", 0, true, 1),
            ("pull_time_update_disable", 1, false, 2),
            ("pull_audit_log_disable", 2, true, 2),
        ] {
            // Only the configuration sets these; it is one with rows.
            let set = "INSERT INTO setting (name, value) VALUES ($1, 'true')";
            app.db().execute(set, params![setting]).await.unwrap();
            let other = app.another().await;
            app.clock.advance(Duration::from_secs(60));
            pull(&TestApp::door(&other), "v1").await;
            flush(&other).await;
            assert_eq!(pull_count(&app).await, pulls, "{setting}");
            let now = app.clock.now().rfc3339_millis();
            assert_eq!(times(&app, "v1").await == (now.clone(), vec![now]), timed, "{setting}");
            let pulled = admin.get("/api/v2.0/auditlog-exts?q=operation%3Dpull").await;
            assert_eq!(pulled.header("x-total-count"), lines.to_string(), "{setting}");
            app.db().execute("DELETE FROM setting", &[]).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn lists_sort_and_filter_by_the_time_of_the_last_pull() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let images = [("v1", image("one")), ("v2", image("two")), ("v3", image("three"))];
        for (tag, what) in &images {
            assert_eq!(admin.push("library/web", tag, what).await.status, 201);
        }
        for tag in ["v3", "v1"] {
            app.clock.advance(Duration::from_secs(60));
            pull(&admin, tag).await;
        }
        flush(&app.app).await;
        let digests = |order: &[usize]| -> Vec<Value> {
            order.iter().map(|at| images[*at].1.digest().into()).collect()
        };
        let last = app.clock.now().rfc3339_millis().replace(".000Z", "");
        let since = format!("q=pull_time%3D%5B{last}~%5D");
        let ever = "q=pull_time%3D%5B1970-01-02T00:00:00~%5D&sort=pull_time";
        for (query, order) in [
            ("sort=-pull_time", &[0, 2, 1][..]),
            ("sort=pull_time", &[1, 2, 0]),
            (&since, &[0]),
            (ever, &[2, 0]),
        ] {
            for list in [format!("{WEB}/artifacts"), "/api/v2.0/projects/library/artifacts".into()] {
                let page = admin.get(&format!("{list}?{query}")).await;
                let found: Vec<Value> =
                    page.json().as_array().unwrap().iter().map(|one| one["digest"].clone()).collect();
                assert_eq!(found, digests(order), "{list}?{query}");
                assert_eq!(page.header("x-total-count"), order.len().to_string(), "{list}?{query}");
            }
        }
        assert_eq!(admin.push("library/web", "again", &images[0].1).await.status, 201);
        let tags = admin.get(&format!("{WEB}/artifacts/v1/tags?sort=-pull_time")).await.json();
        assert_eq!((&tags[0]["name"], &tags[1]["name"]), (&json!("v1"), &json!("again")));
        let pulled = admin.get(&format!("{WEB}/artifacts/v1/tags?{since}")).await;
        assert_eq!(pulled.header("x-total-count"), "1");
    })
    .await;
}

/// By itself, with its artifact, with its repository, and when it was gone before its pull is written down.
#[tokio::test]
async fn what_goes_takes_its_times_along() {
    on_each_engine(async |app| {
        let admin = app.admin();
        let left = async || (count(&app, "artifact_pull").await, count(&app, "tag_pull").await);
        for (tag, what) in [("v1", "one"), ("v2", "two"), ("v3", "three")] {
            assert_eq!(admin.push("library/web", tag, &image(what)).await.status, 201);
            pull(&admin, tag).await;
        }
        flush(&app.app).await;
        assert_eq!(left().await, (3, 3));
        assert_eq!(admin.delete(&format!("{WEB}/artifacts/v1/tags/v1")).await.status, 200);
        assert_eq!(left().await, (3, 2));
        pull(&admin, "v2").await;
        assert_eq!(admin.delete(&format!("{WEB}/artifacts/v2")).await.status, 200);
        flush(&app.app).await;
        assert_eq!(left().await, (2, 1));
        pull(&admin, "v3").await;
        assert_eq!(admin.delete(WEB).await.status, 200);
        flush(&app.app).await;
        assert_eq!(left().await, (0, 0));
    })
    .await;
}

/// A copy holds two repositories, in the order of their names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pulls_and_a_copy_do_not_wait_for_each_other() {
    on_each_engine(async |app| {
        if app.db().engine() == Engine::Sqlite {
            return;
        }
        let admin = app.admin();
        for name in ["library/b", "library/a"] {
            assert_eq!(admin.push(name, "v1", &image("one")).await.status, 201);
            assert_eq!(admin.get(&format!("/v2/{name}/manifests/v1")).await.status, 200);
        }
        let hold = |name: &str| format!("UPDATE repository SET pull_count = 0 WHERE name = 'library/{name}'");
        let mut copying = app.db().begin().await.unwrap();
        copying.execute(&hold("a"), &[]).await.unwrap();
        let flushed = app.app.clone();
        let flushing = tokio::spawn(async move { flush_pulls(&flushed).await.unwrap() });
        until_somebody_waits(&app).await;
        copying.execute(&hold("b"), &[]).await.unwrap();
        copying.commit().await.unwrap();
        assert_eq!(flushing.await.unwrap(), 2);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_written_is_kept_for_the_next_time() {
    on_each_engine(async |app| {
        let admin = app.admin();
        assert_eq!(admin.push("library/web", "v1", &image("one")).await.status, 201);
        let other = app.another().await;
        pull(&TestApp::door(&other), "v1").await;
        app.db().execute("ALTER TABLE audit_log_ext RENAME TO elsewhere", &[]).await.unwrap();
        assert!(flush_pulls(&other).await.is_err());
        assert_eq!(pull_count(&app).await, 1, "as far as it could");
        pull(&TestApp::door(&other), "v1").await;
        app.db().execute("ALTER TABLE elsewhere RENAME TO audit_log_ext", &[]).await.unwrap();
        assert_eq!((flush(&other).await, pull_count(&app).await), (1, json!(2)));
        let lines = "SELECT COUNT(*) FROM audit_log_ext WHERE operation = 'pull'";
        assert_eq!(app.db().query_one(lines, &[]).await.unwrap().get::<i64>(0).unwrap(), 2);
        // What was pulled may be gone by the time it is counted.
        pull(&admin, "v1").await;
        assert_eq!(admin.delete(WEB).await.status, 200);
        assert_eq!(flush(&app.app).await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_graceful_end_loses_no_pull() {
    for engine in engines() {
        let db = empty(engine).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let haven = Haven::start(folder.path(), &db.options()).await;
        let web = image("one");
        let mut stream = TcpStream::connect(haven.addr).await.unwrap();
        for blob in &web.blobs {
            let digest = haven_oci::Digest::sha256(blob);
            let path = format!("/v2/library/web/blobs/uploads/?digest={digest}");
            ask(&mut stream, "POST", &path, "", blob).await.unwrap();
            assert_eq!(answer(&mut stream).await.0, 201);
        }
        let kind = format!("content-type: {}\r\n", web.media_type);
        ask(&mut stream, "PUT", "/v2/library/web/manifests/v1", &kind, &web.manifest).await.unwrap();
        assert_eq!(answer(&mut stream).await.0, 201);
        let mut crowd = JoinSet::new();
        for _ in 0..CLIENTS {
            let mut stream = TcpStream::connect(haven.addr).await.unwrap();
            crowd.spawn(async move {
                for _ in 0..PULLS / CLIENTS {
                    ask(&mut stream, "GET", "/v2/library/web/manifests/v1", "", b"").await.unwrap();
                    assert_eq!(answer(&mut stream).await.0, 200);
                }
            });
        }
        crowd.join_all().await;
        haven.stop().await;
        let row = db.query_one("SELECT pull_count FROM repository", &[]).await.unwrap();
        assert_eq!(row.get::<i64>(0).unwrap(), PULLS as i64, "{engine:?}");
        let lines = "SELECT COUNT(*), MAX(happened_at) FROM audit_log_ext WHERE operation = 'pull'";
        let row = db.query_one(lines, &[]).await.unwrap();
        assert_eq!(row.get::<i64>(0).unwrap(), PULLS as i64, "{engine:?}");
        let last: Timestamp = row.get(1).unwrap();
        let touched = db
            .query_one("SELECT a.pulled_at, t.pulled_at FROM artifact_pull a, tag_pull t", &[])
            .await
            .unwrap();
        assert_eq!((touched.get(0).unwrap(), touched.get(1).unwrap()), (last, last), "{engine:?}");
    }
}
