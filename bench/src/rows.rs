//! Many rows in one statement.

use haven_db::{Row, Tx, Value};

use crate::Result;

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
    let rows: Vec<String> = (0..values.len() / columns).map(row).collect();
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    Ok(tx.query(&format!("{head} VALUES {} {tail}", rows.join(", ")), &values).await?)
}
