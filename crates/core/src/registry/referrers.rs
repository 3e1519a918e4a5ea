//! The referrers API: what has a digest as its subject.

use super::sql;
use crate::access::{Grant, permissions::Pull};
use crate::{App, Result};
use haven_db::{Read, params};
use haven_oci::{Digest, RepositoryName};
use serde_json::{Map, Value};

/// One manifest that refers to the subject, as the answer's descriptor tells it.
#[derive(Clone, Debug)]
pub struct Referrer {
    pub digest: String,
    pub media_type: String,
    /// Bytes of the manifest itself.
    pub size: i64,
    /// Empty for an index that names none.
    pub artifact_type: String,
    pub annotations: Map<String, Value>,
}

/// Which of them are asked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only those of this type.
    pub artifact_type: Option<String>,
    /// Only those after this position of an earlier page.
    pub after: i64,
    /// At most so many.
    pub limit: Option<usize>,
}

/// One page, in the order in which they came.
#[derive(Clone, Debug)]
pub struct Referrers {
    pub page: Vec<Referrer>,
    /// How many there are on all pages, of whatever type.
    pub total: i64,
    /// Where the next page begins, if there is one.
    pub next: Option<i64>,
}

/// The most on one page. Not every client asks for a second one, so it is more than a subject usually has.
const MAX: usize = 1000;
/// The most bytes of annotations on a page with more than one: a client of the field takes answers of up to 4 MiB.
const MAX_ANNOTATIONS: i64 = 2 << 20;

/// The referrers of a subject, which itself need not exist.
///
/// # Errors
/// When the database fails.
pub async fn referrers(
    app: &App,
    grant: &Grant<Pull>,
    repository: &RepositoryName,
    subject: &Digest,
    wanted: &Wanted,
) -> Result<Referrers> {
    let of = params![repository.as_str(), subject.as_str(), grant.project.id];
    let limit = wanted.limit.unwrap_or(MAX).min(MAX);
    let window = params![
        wanted.after,
        wanted.artifact_type.as_deref().unwrap_or_default(),
        i64::try_from(limit + 1).unwrap_or(i64::MAX),
        MAX_ANNOTATIONS,
    ];
    let page = Read::new(sql::REFERRERS, [of.as_slice(), window.as_slice()].concat());
    let [total, rows] = app.db.read([Read::new(sql::COUNT_REFERRERS, of), page]).await?;
    let total = total.first().map_or(Ok(0), |row| row.get(0))?;
    let mut page = Vec::with_capacity(rows.len().min(limit));
    let mut next = None;
    for row in rows.iter().take(limit) {
        let annotations: String = row.get(4)?;
        page.push(Referrer {
            digest: row.get(0)?,
            media_type: row.get(1)?,
            size: row.get(2)?,
            artifact_type: row.get(3)?,
            annotations: serde_json::from_str(&annotations).unwrap_or_default(),
        });
        let (id, found): (i64, i64) = (row.get(5)?, row.get(6)?);
        next = i64::try_from(page.len()).is_ok_and(|shown| shown < found).then_some(id);
    }
    Ok(Referrers { page, total, next })
}
