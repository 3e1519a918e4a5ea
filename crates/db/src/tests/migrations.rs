//! The schema comes up to date once, whoever else is at it.

use super::on_both;
use crate::migrate::{MIGRATIONS, Migration, run};
use crate::testing::TestDb;
use crate::{Db, Kind, params};

on_both![
    twice_is_once,
    several_start_together,
    a_newer_schema_is_refused,
    an_edited_step_is_refused,
    a_failing_step_leaves_nothing,
    the_real_ones_apply,
    names_that_were_there_have_parts,
    times_of_pulls_that_were_there_stay,
];

const FIRST: &str = "CREATE TABLE a (id {{id}}, y {{bytes}} NOT NULL); INSERT INTO a (y) VALUES ('');";
const SECOND: &str = "CREATE TABLE b (a BIGINT NOT NULL REFERENCES a (id)); INSERT INTO b (a) VALUES (1);";
const STEPS: &[Migration] = &[(1, "first", FIRST, FIRST), (2, "second", SECOND, SECOND)];

async fn rows(db: &Db, table: &str) -> i64 {
    db.query_one(&format!("SELECT COUNT(*) FROM {table}"), &[]).await.unwrap().get(0).unwrap()
}

async fn twice_is_once(db: TestDb) {
    run(&db, &STEPS[..1]).await.unwrap();
    run(&db, STEPS).await.unwrap();
    run(&db, STEPS).await.unwrap();
    assert_eq!((rows(&db, "a").await, rows(&db, "b").await, rows(&db, "schema_migration").await), (1, 1, 2));
    let row = db.query_one("INSERT INTO a (y) VALUES ($1) RETURNING id", params![b"x"]).await.unwrap();
    assert_eq!(row.get::<i64>(0).unwrap(), 2);
}

async fn several_start_together(db: TestDb) {
    let starting = (0..8).map(|_| {
        let options = db.options();
        tokio::spawn(async move {
            let db = Db::open(options).await.unwrap();
            run(&db, STEPS).await.unwrap();
            assert_eq!(rows(&db, "b").await, 1);
            db.close().await;
        })
    });
    for start in starting.collect::<Vec<_>>() {
        start.await.unwrap();
    }
    assert_eq!((rows(&db, "a").await, rows(&db, "schema_migration").await), (1, 2));
}

async fn a_newer_schema_is_refused(db: TestDb) {
    run(&db, STEPS).await.unwrap();
    let error = run(&db, &STEPS[..1]).await.unwrap_err();
    assert_eq!(error.kind, Kind::TooNew);
    assert!(error.to_string().contains("schema version 2 (second)"), "{error}");
}

async fn an_edited_step_is_refused(db: TestDb) {
    run(&db, STEPS).await.unwrap();
    let edited: &[Migration] = &[(1, "first", SECOND, SECOND), STEPS[1]];
    let error = run(&db, edited).await.unwrap_err();
    assert_eq!(error.kind, Kind::Internal);
    assert!(error.to_string().contains("schema version 1 (first)"), "{error}");
}

async fn a_failing_step_leaves_nothing(db: TestDb) {
    let broken = "CREATE TABLE c (id BIGINT); INSERT INTO nowhere VALUES (1);";
    let error = run(&db, &[STEPS[0], (2, "broken", broken, broken)]).await.unwrap_err();
    assert_eq!(error.kind, Kind::Internal);
    assert!(db.query("SELECT id FROM c", &[]).await.is_err());
    assert_eq!(rows(&db, "schema_migration").await, 1);
    run(&db, STEPS).await.unwrap();
    assert_eq!(rows(&db, "b").await, 1);
}

async fn the_real_ones_apply(db: TestDb) {
    db.migrate().await.unwrap();
    db.migrate().await.unwrap();
    assert_eq!(usize::try_from(rows(&db, "schema_migration").await).unwrap(), MIGRATIONS.len());
    let fresh = crate::testing::fresh(db.engine()).await.unwrap();
    fresh.migrate().await.unwrap();
}

async fn names_that_were_there_have_parts(db: TestDb) {
    run(&db, &MIGRATIONS[..9]).await.unwrap();
    let insert = "INSERT INTO repository (project_id, name, created_at, updated_at) VALUES (1, $1, 1, 1)";
    for name in ["library/aaa", &format!("library/{}", "x".repeat(247))] {
        db.execute(insert, params![name]).await.unwrap();
    }
    run(&db, MIGRATIONS).await.unwrap();
    let parts = "SELECT part FROM repository_part WHERE repository_id = $1 ORDER BY part";
    let rows = db.query(parts, params![1]).await.unwrap();
    let found: Vec<String> = rows.iter().map(|row| row.get(0).unwrap()).collect();
    let expected =
        ["/aaa", "a", "aa", "aaa", "ary/aaa", "brary/aaa", "ibrary/aaa", "library/aaa", "rary/aaa"];
    assert_eq!(found, [&expected[..], &["ry/aaa", "y/aaa"]].concat());
    // Of the long one: a part for each of the first letters, and each run of x that is not cut off.
    assert_eq!(db.query(parts, params![2]).await.unwrap().len(), 8 + 24);
}

async fn times_of_pulls_that_were_there_stay(db: TestDb) {
    run(&db, &MIGRATIONS[..11]).await.unwrap();
    let rows = [
        "INSERT INTO repository (project_id, name, created_at, updated_at) VALUES (1, 'library/web', 1, 1)",
        "INSERT INTO manifest (digest, content) VALUES ('a', ''), ('b', '')",
        "INSERT INTO artifact (project_id, repository_id, digest, type, media_type, manifest_media_type,
            manifest_size, size, pushed_at, pulled_at) VALUES
            (1, 1, 'a', '', '', '', 1, 1, 1, 7), (1, 1, 'b', '', '', '', 1, 1, 1, 0)",
        "INSERT INTO tag (repository_id, artifact_id, name, pushed_at, pulled_at)
            VALUES (1, 1, 'v1', 1, 5), (1, 2, 'v2', 1, 0)",
    ];
    for row in rows {
        db.execute(row, &[]).await.unwrap();
    }
    run(&db, MIGRATIONS).await.unwrap();
    for (table, expected) in
        [("artifact_id, pulled_at FROM artifact_pull", (1, 7)), ("tag_id, pulled_at FROM tag_pull", (1, 5))]
    {
        let rows = db.query(&format!("SELECT {table}"), &[]).await.unwrap();
        let found: Vec<(i64, i64)> =
            rows.iter().map(|row| (row.get(0).unwrap(), row.get(1).unwrap())).collect();
        assert_eq!(found, [expected], "{table}");
    }
}

/// Numbers count up from one, and every file in the folder is listed.
#[test]
fn every_step_is_listed_in_order() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
    let mut files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.split_once('.').map(|(stem, _)| stem.to_owned()))
        .collect::<Vec<_>>();
    files.sort();
    files.dedup();
    let listed =
        MIGRATIONS.iter().map(|(version, name, ..)| format!("{version:04}_{name}")).collect::<Vec<_>>();
    assert_eq!(listed, files);
    assert!(MIGRATIONS.iter().enumerate().all(|(index, step)| step.0 as usize == index + 1));
}
