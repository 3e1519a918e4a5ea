//! Removing old lines.

use super::act::Act;
use super::{count, sql};
use crate::{App, Result};
use haven_db::list::{batches, in_list};
use haven_db::{Timestamp, params};
use std::collections::BTreeMap;

/// Lines looked at, and removed, at once.
const CHUNK: i64 = 1_000;
/// Stands for all types but these.
const OTHER: &str = "other";
const NOT_OTHER: [Act; 3] = [Act::CreateArtifact, Act::DeleteArtifact, Act::PullArtifact];

/// Which lines go.
#[derive(Clone, Debug)]
pub struct Purge {
    /// Those from before.
    pub before: Timestamp,
    /// Event types, separated by commas; `other` is every one but those of artifacts.
    pub event_types: String,
    /// Only count them.
    pub dry_run: bool,
}

/// The statements about one of the two tables.
struct Table {
    old: &'static str,
    delete: &'static str,
    /// Whether its lines are in the kept counts.
    is_counted: bool,
}

const TABLES: [Table; 2] = [
    Table { old: sql::OLD, delete: sql::DELETE, is_counted: true },
    Table { old: sql::EARLIER_OLD, delete: sql::DELETE_EARLIER, is_counted: false },
];

/// Removes old lines, and returns how many. May be stopped anywhere by dropping it, and started again.
///
/// # Errors
/// When the database fails.
pub async fn purge(app: &App, purge: &Purge) -> Result<u64> {
    let mut removed = 0;
    for table in &TABLES {
        let mut last = (Timestamp(i64::MIN), 0i64);
        loop {
            let rows = app.db.query(table.old, params![last.0, last.1, purge.before, CHUNK]).await?;
            let mut doomed = Vec::new();
            for row in &rows {
                let (operation, resource_type): (String, String) = (row.get(2)?, row.get(3)?);
                if purge.includes(&operation, &resource_type) {
                    doomed.push(row.get(0)?);
                }
                last = (row.get(4)?, row.get(0)?);
            }
            removed += if purge.dry_run { doomed.len() as u64 } else { remove(app, table, doomed).await? };
            if (rows.len() as i64) < CHUNK {
                break;
            }
        }
    }
    Ok(removed)
}

async fn remove(app: &App, table: &Table, doomed: Vec<i64>) -> Result<u64> {
    if doomed.is_empty() {
        return Ok(0);
    }
    let mut tx = app.db.begin().await?;
    let mark = count::hold(&mut tx).await?;
    let mut removed = 0;
    let mut lines = BTreeMap::new();
    for (marks, values) in batches(doomed) {
        for row in tx.query(&in_list(table.delete, &marks), &values).await? {
            removed += 1;
            if table.is_counted && row.get::<i64>(0)? <= mark.counted_to {
                *lines.entry(row.get(1)?).or_insert(0) -= 1;
            }
        }
    }
    count::add(&mut tx, &lines).await?;
    tx.commit().await?;
    Ok(removed)
}

impl Purge {
    fn includes(&self, operation: &str, resource_type: &str) -> bool {
        let is_other = || NOT_OTHER.iter().all(|act| act.parts() != (operation, resource_type));
        self.event_types.split(',').map(str::trim).any(|word| {
            let named = word.strip_prefix(operation).and_then(|rest| rest.strip_prefix('_'));
            named == Some(resource_type) || word == OTHER && is_other()
        })
    }
}
