//! Values in, the same values out.

use bytes::Bytes;

use super::on_both;
use crate::testing::TestDb;
use crate::{Engine, Kind, Timestamp, Value, params};

on_both![
    values_come_back,
    nulls_fit_any_column,
    integers_fit_where_they_stand,
    booleans_are_booleans,
    unique_keys_are_named,
    primary_keys_are_named,
    foreign_keys,
    wrong_types_and_counts_are_mistakes,
    numbers_bind_by_their_number,
    a_select_may_lock,
    one_row_means_one,
];

async fn everything(db: &TestDb) {
    let bytes = if db.engine() == Engine::Sqlite { "BLOB" } else { "BYTEA" };
    let sql = format!(
        "CREATE TABLE everything (id BIGINT PRIMARY KEY, i BIGINT, s INT, f DOUBLE PRECISION, b BOOLEAN, t TEXT, y {bytes})"
    );
    db.execute(&sql, &[]).await.unwrap();
}

const INSERT: &str = "INSERT INTO everything (id, i, s, f, b, t, y) VALUES ($1, $2, $3, $4, $5, $6, $7)";

async fn values_come_back(db: TestDb) {
    everything(&db).await;
    let text = "ü ' % \\ \u{1F980}";
    let values = params![1, i64::MAX, -7, 1.5, true, text, vec![0_u8, 255, 1]];
    assert_eq!(db.execute(INSERT, values).await.unwrap(), 1);
    let row =
        db.query_one("SELECT i, s, f, b, t, y FROM everything WHERE id = $1", params![1_i64]).await.unwrap();
    assert_eq!(row.len(), 6);
    assert_eq!(row.get::<i64>(0).unwrap(), i64::MAX);
    assert_eq!(row.get::<Timestamp>(0).unwrap(), Timestamp(i64::MAX));
    assert_eq!(row.get::<i64>(1).unwrap(), -7);
    assert!((row.get::<f64>(2).unwrap() - 1.5).abs() < f64::EPSILON);
    assert!(row.get::<bool>(3).unwrap());
    assert_eq!(row.get::<String>(4).unwrap(), text);
    assert_eq!(row.get::<Vec<u8>>(5).unwrap(), [0, 255, 1]);
    assert_eq!(row.get::<Bytes>(5).unwrap(), Bytes::from_static(&[0, 255, 1]));
    assert!(row.get::<u32>(0).is_err(), "too big");
    assert!(row.get::<i64>(4).is_err(), "a text");
    assert!(row.get::<i64>(9).is_err(), "no such column");

    let empty = params![2, 0, 0, 0.0, false, "", Vec::<u8>::new()];
    db.execute(INSERT, empty).await.unwrap();
    let row = db.query_one("SELECT t, y FROM everything WHERE id = 2", &[]).await.unwrap();
    assert_eq!((row.get::<String>(0).unwrap(), row.get::<Vec<u8>>(1).unwrap()), (String::new(), vec![]));
}

async fn nulls_fit_any_column(db: TestDb) {
    everything(&db).await;
    let none = Value::from(None::<i64>);
    let values = [1.into(), none.clone(), none.clone(), none.clone(), none.clone(), none.clone(), none];
    db.execute(INSERT, &values).await.unwrap();
    let typed =
        params![2, None::<Timestamp>, None::<i32>, None::<f64>, None::<bool>, None::<&str>, None::<Vec<u8>>];
    db.execute(INSERT, typed).await.unwrap();
    for id in [1, 2] {
        let row =
            db.query_one("SELECT i, s, f, b, t, y FROM everything WHERE id = $1", params![id]).await.unwrap();
        assert_eq!(row.get::<Option<i64>>(0).unwrap(), None);
        assert_eq!(row.get::<Option<bool>>(3).unwrap(), None);
        assert_eq!(row.get::<Option<String>>(4).unwrap(), None);
        assert_eq!(row.get::<Option<Vec<u8>>>(5).unwrap(), None);
        assert!(row.get::<String>(4).is_err());
    }
    let found =
        db.query("SELECT id FROM everything WHERE i IS NOT DISTINCT FROM $1", params![None::<i64>]).await;
    assert_eq!(found.unwrap().len(), 2);
}

async fn integers_fit_where_they_stand(db: TestDb) {
    everything(&db).await;
    db.execute(INSERT, params![1, 10_i64, 5_i64, 2_i64, 1_i64, 7_i64, b"x"]).await.unwrap();
    let row =
        db.query_one("SELECT i, s, f, b, t FROM everything LIMIT $1 OFFSET $2", params![1, 0]).await.unwrap();
    assert!((row.get::<f64>(2).unwrap() - 2.0).abs() < f64::EPSILON);
    assert!(row.get::<bool>(3).unwrap());
    assert_eq!(row.get::<String>(4).unwrap(), "7");
    db.execute("UPDATE everything SET i = i + $1, s = s + $2", params![1_i64 << 40, 1_i64]).await.unwrap();
    let row =
        db.query_one("SELECT COUNT(*), CAST(SUM(i) AS BIGINT), MAX(s) FROM everything", &[]).await.unwrap();
    assert_eq!(row.get::<i64>(0).unwrap(), 1);
    assert_eq!(row.get::<i64>(1).unwrap(), 10 + (1 << 40));
    assert_eq!(row.get::<i64>(2).unwrap(), 6);
}

async fn booleans_are_booleans(db: TestDb) {
    everything(&db).await;
    for (id, truth) in [(1, true), (2, false)] {
        db.execute("INSERT INTO everything (id, b) VALUES ($1, $2)", params![id, truth]).await.unwrap();
    }
    for sql in [
        "SELECT id FROM everything WHERE b",
        "SELECT id FROM everything WHERE b = TRUE",
        "SELECT id FROM everything WHERE b IS TRUE",
    ] {
        assert_eq!(db.query_one(sql, &[]).await.unwrap().get::<i64>(0).unwrap(), 1, "{sql}");
    }
    let row = db.query_one("SELECT id FROM everything WHERE b = $1", params![false]).await.unwrap();
    assert_eq!(row.get::<i64>(0).unwrap(), 2);
    let row =
        db.query_one("SELECT EXISTS (SELECT 1 FROM everything WHERE b = $1)", params![true]).await.unwrap();
    assert!(row.get::<bool>(0).unwrap());
}

async fn unique_keys_are_named(db: TestDb) {
    super::counters(&db).await;
    let twice =
        db.execute("INSERT INTO counter (id, name, n) VALUES ($1, $2, $3)", params![2, "one", 0]).await;
    let error = twice.unwrap_err();
    assert_eq!(error.kind, Kind::Conflict);
    assert_eq!(error.constraint.as_deref(), Some("counter.name, counter.n"));
    assert!(error.violates("counter", &["name", "n"]) && !error.violates("counter", &["name"]));

    db.execute("CREATE UNIQUE INDEX counter_lower ON counter (lower(name))", &[]).await.unwrap();
    let twice =
        db.execute("INSERT INTO counter (id, name, n) VALUES ($1, $2, $3)", params![2, "ONE", 0]).await;
    let error = twice.unwrap_err();
    assert_eq!((error.kind, error.constraint.as_deref()), (Kind::Conflict, Some("counter_lower")));
}

async fn primary_keys_are_named(db: TestDb) {
    super::counters(&db).await;
    let twice = db.execute("INSERT INTO counter (id, name, n) VALUES ($1, $2, $3)", params![1, "x", 0]).await;
    assert!(twice.unwrap_err().violates("counter", &["id"]));
}

async fn foreign_keys(db: TestDb) {
    db.execute("CREATE TABLE parent (id BIGINT PRIMARY KEY)", &[]).await.unwrap();
    for (table, action) in [("child", ""), ("strict", "ON DELETE RESTRICT")] {
        let sql = format!("CREATE TABLE {table} (parent BIGINT NOT NULL REFERENCES parent (id) {action})");
        db.execute(&sql, &[]).await.unwrap();
    }
    let orphan = db.execute("INSERT INTO child (parent) VALUES ($1)", params![1]).await.unwrap_err();
    assert_eq!(orphan.kind, Kind::ForeignKey);
    for table in ["child", "strict"] {
        db.execute("INSERT INTO parent (id) VALUES (1)", &[]).await.unwrap();
        db.execute(&format!("INSERT INTO {table} (parent) VALUES (1)"), &[]).await.unwrap();
        let used = db.execute("DELETE FROM parent WHERE id = 1", &[]).await.unwrap_err();
        assert_eq!(used.kind, Kind::ForeignKey);
        db.execute(&format!("DELETE FROM {table}"), &[]).await.unwrap();
        assert_eq!(db.execute("DELETE FROM parent WHERE id = 1", &[]).await.unwrap(), 1);
    }
}

async fn wrong_types_and_counts_are_mistakes(db: TestDb) {
    super::counters(&db).await;
    for (sql, values) in [
        ("SELECT n FROM counter WHERE id = $1", vec![]),
        ("SELECT n FROM counter WHERE id = $1", vec![1.into(), 2.into()]),
        ("SELECT nothing FROM counter", vec![]),
        ("SELEKT 1", vec![]),
    ] {
        let error = db.query(sql, &values).await.unwrap_err();
        assert_eq!(error.kind, Kind::Internal);
        assert!(error.to_string().ends_with(sql), "{error}");
    }
}

async fn numbers_bind_by_their_number(db: TestDb) {
    let sql = "SELECT CAST($2 AS TEXT), CAST($1 AS TEXT), CAST($2 AS TEXT)";
    let row = db.query_one(sql, params!["a", "b"]).await.unwrap();
    let texts = [0, 1, 2].map(|index| row.get::<String>(index).unwrap());
    assert_eq!(texts, ["b", "a", "b"]);
}

async fn a_select_may_lock(db: TestDb) {
    super::counters(&db).await;
    let mut tx = db.begin().await.unwrap();
    let row = tx.query_one("SELECT n FROM counter WHERE id = $1 FOR UPDATE", params![1]).await.unwrap();
    assert_eq!(row.get::<i64>(0).unwrap(), 0);
    let claim = "UPDATE counter SET n = n + 1 WHERE id IN (
        SELECT id FROM counter WHERE n = 0 LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id";
    assert_eq!(tx.query(claim, &[]).await.unwrap().len(), 1);
    tx.commit().await.unwrap();
}

async fn one_row_means_one(db: TestDb) {
    super::counters(&db).await;
    assert_eq!(
        db.query_one("SELECT 1 FROM counter WHERE id = 9", &[]).await.unwrap_err().kind,
        Kind::Internal
    );
    assert_eq!(db.query_opt("SELECT 1 FROM counter WHERE id = 9", &[]).await.unwrap(), None);
    assert!(db.query_opt("SELECT 1 UNION ALL SELECT 2", &[]).await.is_err());
    db.ping().await.unwrap();
}
