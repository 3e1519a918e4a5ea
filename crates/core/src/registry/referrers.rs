//! The referrers API: what has a digest as its subject.

use super::sql;
use crate::access::{Grant, permissions::Pull};
use crate::{App, Result};
use haven_db::params;
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

/// Every referrer of a subject, which itself need not exist.
///
/// # Errors
/// When the database fails.
pub async fn referrers(
    app: &App,
    grant: &Grant<Pull>,
    repository: &RepositoryName,
    subject: &Digest,
) -> Result<Vec<Referrer>> {
    let rows = app
        .db
        .query(sql::REFERRERS, params![repository.as_str(), subject.as_str(), grant.project.id])
        .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let annotations: String = row.get(4)?;
        found.push(Referrer {
            digest: row.get(0)?,
            media_type: row.get(1)?,
            size: row.get(2)?,
            artifact_type: row.get(3)?,
            annotations: serde_json::from_str(&annotations).unwrap_or_default(),
        });
    }
    Ok(found)
}
