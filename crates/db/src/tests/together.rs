//! Questions that are asked together.

use super::{counters, on_both};
use crate::testing::TestDb;
use crate::{Read, params};

on_both![
    answers_come_in_the_order_of_the_questions,
    one_that_fails_spoils_the_answer_and_not_the_connection,
    long_lists_are_one_question,
];

const NUMBER: &str = "SELECT n FROM counter WHERE id = $1";

async fn answers_come_in_the_order_of_the_questions(db: TestDb) {
    counters(&db).await;
    let [number, names, nothing, unwanted, nobody] = db
        .read([
            Read::new(NUMBER, params![1]),
            Read::about(
                "SELECT name FROM counter WHERE id IN ({list}) AND n < {next}",
                [1_i64, 2],
                params![5],
            ),
            Read::nothing(),
            Read::new("SELECT no such statement", params![]).only_if(false),
            Read::about(NUMBER, [0_i64; 0], &[]),
        ])
        .await
        .unwrap();
    assert_eq!(number[0].get::<i64>(0).unwrap(), 0);
    assert_eq!(names[0].get::<String>(0).unwrap(), "one");
    assert_eq!((number.len(), names.len(), nothing.len(), unwanted.len(), nobody.len()), (1, 1, 0, 0, 0));
}

async fn one_that_fails_spoils_the_answer_and_not_the_connection(db: TestDb) {
    counters(&db).await;
    for _ in 0..40 {
        let good = || Read::new(NUMBER, params![1]);
        let bad = Read::new("SELECT n FROM nowhere", params![]);
        db.read([good(), bad, good()]).await.unwrap_err();
        let [rows] = db.read([good()]).await.unwrap();
        assert_eq!(rows.len(), 1);
    }
}

async fn long_lists_are_one_question(db: TestDb) {
    counters(&db).await;
    for id in 2..=1300_i64 {
        db.execute("INSERT INTO counter (id, name, n) VALUES ($1, $2, $3)", params![id, "more", id])
            .await
            .unwrap();
    }
    let about = |ids| Read::about("SELECT id FROM counter WHERE id IN ({list})", ids, &[]);
    let [long, short] = db.read([about(1..=1300_i64), about(7..=8)]).await.unwrap();
    let mut ids: Vec<i64> = long.iter().map(|row| row.get(0).unwrap()).collect();
    ids.sort_unstable();
    assert_eq!((ids.len(), short.len()), (1300, 2));
    ids.dedup();
    assert_eq!(ids.len(), 1300, "and no row twice");
}
