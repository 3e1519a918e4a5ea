//! The outbox on both engines: what is told once, what is told again, and what is set aside.

use super::dispatch::dispatch_with;
use super::{Event, Occurred, emit, put_back, set_aside, waiting};
use crate::testing::{Place, places};
use crate::{App, Code, Error, Result};
use futures::future::BoxFuture;
use haven_db::{Tx, params};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

type Following<'a> = BoxFuture<'a, Result<()>>;

/// Projects whose events share a lane.
const ONE: i64 = 1;
const NINE: i64 = 9;

fn tagged(tag: &str) -> Event {
    Event::TagCreated { repository: "library/app".into(), digest: "sha256:1".into(), tag: tag.into() }
}

async fn tell(app: &App, project: i64, tag: &str) {
    let mut tx = app.db.begin().await.unwrap();
    emit(app, &mut tx, project, "ann", &tagged(tag)).await.unwrap();
    tx.commit().await.unwrap();
}

/// What reactions write is seen here; an event that comes twice breaks the key.
async fn watched() -> Vec<Place> {
    let places = places().await;
    for place in &places {
        let table = "CREATE TABLE seen (event BIGINT PRIMARY KEY, project BIGINT NOT NULL, n BIGINT NOT NULL,
            tag TEXT NOT NULL)";
        place.db.execute(table, &[]).await.unwrap();
    }
    places
}

/// A reaction that writes down what it was told, and in which order within the project.
fn note<'a>(tx: &'a mut Tx, occurred: &'a Occurred) -> Following<'a> {
    Box::pin(async move {
        let Event::TagCreated { tag, .. } = &occurred.event else {
            return Err(Error::internal("another event than was told"));
        };
        let row = params![occurred.id, occurred.project_id, tag.as_str()];
        let insert = "INSERT INTO seen (event, project, n, tag) VALUES ($1, $2,
            (SELECT COUNT(*) FROM seen s WHERE s.project = $2), $3)";
        tx.execute(insert, row).await?;
        Ok(())
    })
}

/// Fails at the event that is called bad, after it has written.
fn choke<'a>(tx: &'a mut Tx, occurred: &'a Occurred) -> Following<'a> {
    Box::pin(async move {
        note(tx, occurred).await?;
        match occurred.event == tagged("bad") {
            true => Err(Error::internal("cannot be done").because(std::io::Error::other("no such thing"))),
            false => Ok(()),
        }
    })
}

fn panic_at<'a>(tx: &'a mut Tx, occurred: &'a Occurred) -> Following<'a> {
    Box::pin(async move {
        note(tx, occurred).await?;
        assert!(occurred.event != tagged("bad"), "as it was told to");
        Ok(())
    })
}

fn be_busy<'a>(_: &'a mut Tx, _: &'a Occurred) -> Following<'a> {
    Box::pin(async { Err(Error::new(Code::Unavailable, "the database cannot be reached")) })
}

async fn tags_seen(place: &Place) -> Vec<String> {
    place.texts("SELECT tag FROM seen ORDER BY event").await
}

async fn attempts(place: &Place) -> i64 {
    place.number("SELECT COALESCE(MAX(attempts), -1) FROM event").await
}

#[tokio::test]
async fn what_was_rolled_back_is_never_told() {
    for place in watched().await {
        let mut tx = place.app.db.begin().await.unwrap();
        emit(&place.app, &mut tx, ONE, "ann", &tagged("v1")).await.unwrap();
        drop(tx);
        assert_eq!(waiting(&place.app).await.unwrap().due, 0);
        assert_eq!(dispatch_with(&place.app, note).await.unwrap(), 0);
        tell(&place.app, ONE, "v2").await;
        assert_eq!(waiting(&place.app).await.unwrap().due, 1);
        assert_eq!(dispatch_with(&place.app, note).await.unwrap(), 1);
        assert_eq!((tags_seen(&place).await, waiting(&place.app).await.unwrap().due), (vec!["v2".into()], 0));
        assert_eq!(dispatch_with(&place.app, note).await.unwrap(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_dies_in_between_leaves_everything_to_the_next() {
    static REACHED: Notify = Notify::const_new();
    fn die<'a>(tx: &'a mut Tx, occurred: &'a Occurred) -> Following<'a> {
        Box::pin(async move {
            note(tx, occurred).await?;
            if occurred.event == tagged("v2") {
                REACHED.notify_one();
                std::future::pending::<()>().await;
            }
            Ok(())
        })
    }
    for place in watched().await {
        for tag in ["v1", "v2", "v3"] {
            tell(&place.app, ONE, tag).await;
        }
        let doomed = place.replica().await;
        let dying = tokio::spawn(async move { dispatch_with(&doomed, die).await });
        REACHED.notified().await;
        dying.abort();
        assert!(dying.await.unwrap_err().is_cancelled());
        // The server may take a moment to learn that nobody holds the lane any more.
        while dispatch_with(&place.app, note).await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(tags_seen(&place).await, ["v1", "v2", "v3"], "each once, and none was lost");
        assert_eq!(waiting(&place.app).await.unwrap().due, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_share_a_thousand_events_and_each_happens_once() {
    const EVENTS: i64 = 1_000;
    const PROJECTS: i64 = 20;
    for place in watched().await {
        for n in 0..EVENTS {
            tell(&place.app, n % PROJECTS, &format!("v{n}")).await;
        }
        let work = |app: Arc<App>| {
            tokio::spawn(async move {
                let mut done = 0;
                while waiting(&app).await.unwrap().due > 0 {
                    done += dispatch_with(&app, note).await.unwrap();
                    tokio::task::yield_now().await;
                }
                done
            })
        };
        let (one, two) = (work(Arc::clone(&place.app)), work(place.replica().await));
        let (one, two) = (one.await.unwrap(), two.await.unwrap());
        assert_eq!(one + two, EVENTS as u64, "{one} and {two}");
        let mut order: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        let rows = "SELECT project, event FROM seen ORDER BY project, n";
        for row in place.db.query(rows, &[]).await.unwrap() {
            order.entry(row.get(0).unwrap()).or_default().push(row.get(1).unwrap());
        }
        assert_eq!(order.len() as i64, PROJECTS);
        for (project, events) in order {
            assert_eq!(events.len() as i64, EVENTS / PROJECTS);
            assert!(events.is_sorted(), "project {project} in order");
        }
    }
}

#[tokio::test]
async fn an_event_that_fails_holds_up_its_project_only_and_not_for_ever() {
    for place in watched().await {
        for (project, tag) in [(ONE, "v1"), (ONE, "bad"), (ONE, "v2"), (NINE, "other")] {
            tell(&place.app, project, tag).await;
        }
        assert_eq!(dispatch_with(&place.app, choke).await.unwrap(), 2);
        assert_eq!(tags_seen(&place).await, ["v1", "other"], "what the bad one wrote is undone");
        assert_eq!((attempts(&place).await, dispatch_with(&place.app, choke).await.unwrap()), (1, 0));
        place.clock.advance(Duration::from_secs(2));
        assert_eq!((dispatch_with(&place.app, choke).await.unwrap(), attempts(&place).await), (0, 2));
        place.clock.advance(Duration::from_secs(2));
        assert_eq!(
            (dispatch_with(&place.app, choke).await.unwrap(), attempts(&place).await),
            (0, 2),
            "ever slower"
        );
        tell(&place.app, ONE, "v3").await;
        for _ in 0..6 {
            assert_eq!(waiting(&place.app).await.unwrap().set_aside, 0);
            place.clock.advance(Duration::from_secs(300));
            dispatch_with(&place.app, choke).await.unwrap();
        }
        assert_eq!(tags_seen(&place).await, ["v1", "v2", "other", "v3"]);
        let waits = waiting(&place.app).await.unwrap();
        assert_eq!((waits.due, waits.set_aside), (0, 1));
        let aside = set_aside(&place.app, 10).await.unwrap();
        assert_eq!((aside[0].actor.as_str(), aside[0].attempts), ("ann", 8));
        assert_eq!(aside[0].error, "cannot be done: no such thing");
        assert!(aside[0].payload.contains("\"tag\":\"bad\""), "{}", aside[0].payload);
        assert!(put_back(&place.app, &aside[0]).await.unwrap());
        assert!(!put_back(&place.app, &aside[0]).await.unwrap(), "once");
        assert_eq!(dispatch_with(&place.app, note).await.unwrap(), 1);
        assert_eq!(tags_seen(&place).await, ["v1", "bad", "v2", "other", "v3"]);
        assert_eq!(waiting(&place.app).await.unwrap().set_aside, 0);
    }
}

#[tokio::test]
async fn a_panic_and_an_event_of_a_newer_version_are_failures_like_others() {
    for place in watched().await {
        tell(&place.app, ONE, "bad").await;
        let newer = "INSERT INTO event (lane, project_id, actor, payload, happened_at)
            VALUES (1, 9, '', '{\"moon_risen\":{}}', 0)";
        place.db.execute(newer, &[]).await.unwrap();
        tell(&place.app, 2, "v1").await;
        assert_eq!(dispatch_with(&place.app, panic_at).await.unwrap(), 1);
        assert_eq!(tags_seen(&place).await, ["v1"]);
        let errors = place.texts("SELECT error FROM event ORDER BY id").await;
        assert_eq!(errors[0], "a reaction panicked");
        assert!(errors[1].starts_with("an event that cannot be read: unknown variant"), "{}", errors[1]);
    }
}

#[tokio::test]
async fn nothing_is_set_aside_because_the_database_is_busy() {
    for place in watched().await {
        tell(&place.app, ONE, "v1").await;
        for attempt in 1..=20 {
            assert_eq!(dispatch_with(&place.app, be_busy).await.unwrap(), 0);
            assert_eq!(attempts(&place).await, attempt);
            place.clock.advance(Duration::from_secs(300));
        }
        assert_eq!(waiting(&place.app).await.unwrap().set_aside, 0);
        assert_eq!(dispatch_with(&place.app, note).await.unwrap(), 1);
    }
}
