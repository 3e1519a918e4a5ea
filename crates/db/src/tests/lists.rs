//! Lists find the same rows in the same order on both engines.

use super::on_both;
use crate::list::{Column, Kind, Page, Query, Select, parse_q, parse_sort};
use crate::testing::TestDb;
use crate::{Timestamp, params};

on_both![filters, fuzzy_is_literal_and_ignores_case, order_and_pages, totals, groups, inside_a_transaction];

const COLUMNS: &[Column] = &[
    Column { key: "id", sql: "t.id", kind: Kind::Int, sortable: true },
    Column { key: "name", sql: "t.name", kind: Kind::Text, sortable: true },
    Column { key: "push_time", sql: "t.pushed_at", kind: Kind::Time, sortable: true },
    Column { key: "public", sql: "t.public", kind: Kind::Bool, sortable: false },
];

async fn tags(db: &TestDb, names: &[&str]) {
    let create = "CREATE TABLE tag (id BIGINT PRIMARY KEY, name TEXT NOT NULL, pushed_at BIGINT NOT NULL, public BOOLEAN NOT NULL)";
    db.execute(create, &[]).await.unwrap();
    for (index, name) in names.iter().enumerate() {
        let id = i64::try_from(index).unwrap() + 1;
        let pushed = Timestamp::parse_rfc3339("2024-05-01T00:00:00Z").unwrap()
            + std::time::Duration::from_secs(3600) * (id as u32);
        db.execute("INSERT INTO tag VALUES ($1, $2, $3, $4)", params![id, *name, pushed, id % 2 == 1])
            .await
            .unwrap();
    }
}

fn select(q: &str, sort: &str, page: Page) -> Select {
    let query = Query { terms: parse_q(q).unwrap(), sort: parse_sort(sort), page };
    Select::new("SELECT t.id", "FROM tag t").apply(COLUMNS, &query).default_order("t.id ASC")
}

async fn found(db: &TestDb, q: &str) -> Vec<i64> {
    let rows = select(q, "", Page::ALL).fetch(db).await.unwrap();
    rows.iter().map(|row| row.get(0).unwrap()).collect()
}

async fn filters(db: TestDb) {
    tags(&db, &["v1", "v2", "latest", "007", "7"]).await;
    for (q, ids) in [
        ("", vec![1, 2, 3, 4, 5]),
        ("name=v2", vec![2]),
        ("Name={v1 latest nothing}", vec![1, 3]),
        ("name={007}", vec![4]),
        ("name=7", vec![5]),
        ("name=[v1~v2]", vec![1, 2]),
        ("id=3", vec![3]),
        ("id=x", vec![]),
        ("id=~3", vec![3]),
        ("id=[2~4]", vec![2, 3, 4]),
        ("id=[~2]", vec![1, 2]),
        ("id__gt=4", vec![5]),
        ("ID={1 5}", vec![1, 5]),
        ("id={}", vec![]),
        ("push_time=[2024-05-01T04:00:00~]", vec![4, 5]),
        ("PushTime=2024-05-01T04:00:00", vec![4]),
        ("public=true", vec![1, 3, 5]),
        ("public=0,id=[2~4]", vec![2, 4]),
        ("nothing=1,name=~V,name=v1", vec![1]),
        ("name=(v1 v2)", vec![1, 2, 3, 4, 5]),
    ] {
        assert_eq!(found(&db, q).await, ids, "{q}");
    }
}

async fn fuzzy_is_literal_and_ignores_case(db: TestDb) {
    tags(&db, &["100%", "100x", "a_b", "axb", r"back\slash", "MiXed", "it's"]).await;
    for (q, ids) in [
        ("name=~0%25", vec![1]),
        ("name=~A_B", vec![3]),
        (r"name=~k\s", vec![5]),
        ("name=~mixED", vec![6]),
        ("name=~'", vec![7]),
        ("name=~%25", vec![1]),
    ] {
        assert_eq!(found(&db, q).await, ids, "{q}");
    }
}

async fn order_and_pages(db: TestDb) {
    tags(&db, &["b", "a", "b", "a", "c"]).await;
    let sorted = async |sort: &str, number: i64, size: i64| {
        let rows = select("", sort, Page { number, size }).fetch(&db).await.unwrap();
        rows.iter().map(|row| row.get::<i64>(0).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(sorted("name", 1, 0).await, [2, 4, 1, 3, 5]);
    assert_eq!(sorted("-Name", 1, -1).await, [5, 1, 3, 2, 4]);
    assert_eq!(sorted("public,-creation_time", 1, 0).await, [1, 2, 3, 4, 5]);
    assert_eq!(sorted("name", 1, 2).await, [2, 4]);
    assert_eq!(sorted("name", 2, 2).await, [1, 3]);
    assert_eq!(sorted("name", 3, 2).await, [5]);
    assert_eq!(sorted("name", 4, 2).await, []);
    assert_eq!(sorted("name", -1, 2).await, [2, 4]);
    assert_eq!(sorted("name", i64::MAX, 100).await, []);
}

async fn totals(db: TestDb) {
    tags(&db, &["a", "b", "c", "d", "e"]).await;
    for (number, size, shown) in
        [(1, 0, 5), (1, 2, 2), (3, 2, 1), (4, 2, 0), (1, 5, 5), (1, 10, 5), (2, 5, 0)]
    {
        let (rows, total) = select("", "", Page { number, size }).fetch_page(&db).await.unwrap();
        assert_eq!((rows.len(), total), (shown, 5), "page {number} of size {size}");
    }
    let public = select("public=true", "", Page::default());
    assert_eq!(public.count(&db).await.unwrap(), 3);
    assert_eq!(public.count_up_to(&db, 2).await.unwrap(), 2);
    assert_eq!(public.count_up_to(&db, 9).await.unwrap(), 3);
    let (rows, total) = select("id=x", "", Page::default()).fetch_page(&db).await.unwrap();
    assert_eq!((rows.len(), total), (0, 0));
}

async fn groups(db: TestDb) {
    tags(&db, &["a", "b", "a", "a"]).await;
    let select = Select::new("SELECT t.name, COUNT(*)", "FROM tag t")
        .filter_many("t.id BETWEEN ? AND ?", vec![1.into(), 3.into()])
        .group_by("t.name")
        .default_order("t.name ASC");
    let rows = select.fetch(&db).await.unwrap();
    assert_eq!((rows[0].get::<String>(0).unwrap(), rows[0].get::<i64>(1).unwrap()), ("a".to_owned(), 2));
    assert_eq!(select.count(&db).await.unwrap(), 2);
}

async fn inside_a_transaction(db: TestDb) {
    tags(&db, &["a"]).await;
    let mut tx = db.begin().await.unwrap();
    tx.execute("INSERT INTO tag VALUES (2, 'b', 0, TRUE)", &[]).await.unwrap();
    let select =
        Select::new("SELECT t.id", "FROM tag t").filter_in("t.id", vec![1.into(), 2.into(), 3.into()]);
    assert_eq!(select.fetch_in(&mut tx).await.unwrap().len(), 2);
    assert_eq!(select.fetch(&db).await.unwrap().len(), 1);
}
