//! What was pushed against the rows that were made of it: the manifest of every artifact is read once more.
//!
//! Only a manifest that is the one of its digest says anything; one that is not is found by reading everything.

use super::artifact::{Part, Rows, differences, missing};
use super::{Check, Fault, Finding, Repair, Stage, blobs, rows, sql};
use crate::catalog::{self, Expected};
use crate::{Code, Result, registry};
use haven_db::list::{batches, in_list};
use haven_db::{Db, Row, Tx, Value, params};
use haven_oci::Digest;
use std::collections::HashMap;

/// So many are in memory at once, each with up to 4 MiB of manifest.
const AT_ONCE: i64 = 32;
const MADE_AGAIN: &str = "made again from the manifest";

/// Looks at every artifact.
pub(super) async fn check(check: &mut Check<'_, '_>) -> Result<()> {
    let total: i64 = check.on.db.query_one(sql::COUNT_ARTIFACTS, params![]).await?.get(0)?;
    let (mut after, mut done) = (0i64, 0);
    loop {
        let page = check.on.db.query(sql::NEXT_ARTIFACTS, params![after, AT_ONCE]).await?;
        let ids = page.iter().map(|row| Ok(row.get(0)?)).collect::<Result<Vec<i64>>>()?;
        let Some(last) = ids.last() else { return Ok(()) };
        after = *last;
        done += ids.len() as u64;
        for rows in read(&mut Source::Db(&check.on.db), &ids).await? {
            if wrong(&rows).is_some() {
                look_again(check, rows.id, rows.repository).await?;
            }
        }
        check.progress(Stage::Manifests, done, total.unsigned_abs().max(done));
    }
}

/// What is wrong with an artifact, if anything is.
enum Wrong {
    /// No reading of the manifest makes sense.
    Unreadable,
    Differs(Box<Expected>, Vec<String>),
}

fn wrong(rows: &Rows) -> Option<Wrong> {
    let digest: Digest = rows.digest.parse().ok()?;
    if Digest::of(digest.algorithm(), &rows.content) != digest {
        return None;
    }
    let Some(expected) = Expected::of(&rows.pushed_as, &rows.content) else { return Some(Wrong::Unreadable) };
    let found = differences(rows, &expected);
    (!found.is_empty()).then(|| Wrong::Differs(Box::new(expected), found))
}

/// Looks once more at one that seemed wrong, with its repository held: the rows were not read in one moment.
async fn look_again(check: &mut Check<'_, '_>, id: i64, repository: i64) -> Result<()> {
    let mut tx = check.on.db.begin().await?;
    tx.query(sql::HOLD_REPOSITORY, params![repository]).await?;
    let mut again = read(&mut Source::Tx(&mut tx), &[id]).await?;
    drop(tx);
    let Some(rows) = again.pop() else { return Ok(()) };
    let Some(wrong) = wrong(&rows) else { return Ok(()) };
    let (detail, repair) = match wrong {
        Wrong::Unreadable => {
            let detail = format!("its manifest cannot be read as {}", rows.pushed_as);
            (detail, Repair::ByHand("delete the artifact, and push it again".to_owned()))
        }
        Wrong::Differs(expected, found) => {
            let repair =
                check.mend("make its rows again from the manifest", mend(check, &rows, &expected)).await;
            (found.join("; "), repair)
        }
    };
    check.found(&Finding {
        fault: Fault::WrongArtifact,
        subject: format!("artifact {} {}@{}", rows.id, rows.name, rows.digest),
        detail,
        needed_by: Vec::new(),
        more: false,
        repair,
    });
    Ok(())
}

/// Blobs that it must hold get their rows first: as lost ones, should storage not have them.
async fn mend(check: &Check<'_, '_>, wrong: &Rows, expected: &Expected) -> Result<Repair> {
    let mut repair = Repair::Done(MADE_AGAIN);
    for digest in missing(wrong, expected) {
        if blobs::row(check, digest).await?.is_none()
            && let lost @ Repair::NeedsPush(_) = rows::make_blob(check, digest.as_str()).await?
        {
            repair = lost;
        }
        registry::relink(&check.on.db, wrong.project, digest.as_str()).await?;
    }
    match catalog::remake(&check.on.db, wrong.id).await {
        Ok(_) => Ok(repair),
        Err(error) if error.code == Code::ManifestBlobUnknown => Ok(Repair::ByHand(rows::CHILD.to_owned())),
        Err(error) => Err(error),
    }
}

/// Rows as they are now, or as a transaction sees them.
enum Source<'a> {
    Db(&'a Db),
    Tx(&'a mut Tx),
}

impl Source<'_> {
    async fn query(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>> {
        Ok(match self {
            Self::Db(db) => db.query(sql, values).await?,
            Self::Tx(tx) => tx.query(sql, values).await?,
        })
    }
}

/// The rows of some artifacts: four statements, whatever their number.
async fn read(from: &mut Source<'_>, ids: &[i64]) -> Result<Vec<Rows>> {
    let mut all = HashMap::new();
    for (marks, values) in batches(ids.iter().copied()) {
        for row in from.query(&in_list(sql::ARTIFACTS, &marks), &values).await? {
            let rows = of(&row)?;
            all.insert(rows.id, rows);
        }
        for row in from.query(&in_list(sql::NEEDS_OF, &marks), &values).await? {
            if let Some(rows) = all.get_mut(&row.get::<i64>(0)?) {
                rows.needs.insert(row.get(1)?);
            }
        }
        for row in from.query(&in_list(sql::PARTS_OF, &marks), &values).await? {
            if let Some(rows) = all.get_mut(&row.get::<i64>(0)?) {
                rows.parts.push(Part {
                    digest: row.get(1)?,
                    platform: row.get(2)?,
                    annotations: row.get(3)?,
                    urls: row.get(4)?,
                    size: row.get(5)?,
                });
            }
        }
        for row in from.query(&in_list(sql::HANGS_ON, &marks), &values).await? {
            if let Some(rows) = all.get_mut(&row.get::<i64>(0)?) {
                rows.hangs_on.push((row.get(1)?, row.get(2)?));
            }
        }
    }
    let mut all: Vec<Rows> = all.into_values().collect();
    // Parts of an index are older than it, and are mended first.
    all.sort_unstable_by_key(|rows| rows.id);
    Ok(all)
}

fn of(row: &Row) -> Result<Rows> {
    Ok(Rows {
        id: row.get(0)?,
        project: row.get(1)?,
        repository: row.get(2)?,
        name: row.get(3)?,
        digest: row.get(4)?,
        kind: row.get(5)?,
        media_type: row.get(6)?,
        artifact_type: row.get(7)?,
        pushed_as: row.get(8)?,
        manifest_size: row.get(9)?,
        size: row.get(10)?,
        annotations: row.get(11)?,
        accessory: row.get(12)?,
        content: row.get(13)?,
        ..Rows::default()
    })
}
