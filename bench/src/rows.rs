//! Many rows in few statements.

use haven_db::{Row, Tx, Value};

use crate::Result;

/// Values of one statement. SQLite looks for the name of each parameter among all before it, so that a statement with ten
/// times as many takes a hundred times as long.
const VALUES: usize = 1_000;

/// Inserts rows of so many columns: `head` up to `VALUES`, and what comes after the rows.
pub(crate) async fn insert(
    tx: &mut Tx,
    head: &str,
    tail: &str,
    columns: usize,
    values: Vec<Value>,
) -> Result<Vec<Row>> {
    let row = |n: usize| {
        let marks: Vec<String> = (1..=columns).map(|at| format!("${}", n * columns + at)).collect();
        format!("({})", marks.join(", "))
    };
    let mut returned = Vec::new();
    for some in values.chunks(VALUES / columns * columns) {
        let rows: Vec<String> = (0..some.len() / columns).map(row).collect();
        returned.extend(tx.query(&format!("{head} VALUES {} {tail}", rows.join(", ")), some).await?);
    }
    Ok(returned)
}
