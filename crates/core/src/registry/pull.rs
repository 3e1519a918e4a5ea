//! `GET` and `HEAD` of a manifest: one read of the database, and the bytes from memory when they were asked for lately.

use super::sql;
use crate::access::{Grant, permissions::Pull};
use crate::{App, Error, Result, catalog};
use bytes::Bytes;
use haven_db::params;
use haven_oci::{Digest, Reference, RepositoryName};
use moka::sync::Cache;

/// Manifests by digest. A digest's bytes never change, so nothing here can be out of date.
pub struct ManifestCache {
    recent: Cache<String, Bytes>,
}

const CACHE_BYTES: u64 = 16 << 20;

impl Default for ManifestCache {
    fn default() -> Self {
        let weigh =
            |digest: &String, bytes: &Bytes| u32::try_from(digest.len() + bytes.len()).unwrap_or(u32::MAX);
        Self { recent: Cache::builder().max_capacity(CACHE_BYTES).weigher(weigh).build() }
    }
}

/// A manifest as it was pushed.
#[derive(Clone, Debug)]
pub struct Pulled {
    pub digest: Digest,
    /// The media type it was pushed with.
    pub media_type: String,
    pub content: Bytes,
    artifact_id: i64,
    repository_id: i64,
    /// Where it was asked for by a tag.
    tag_id: Option<i64>,
}

/// The manifest that a tag or digest names in a repository.
///
/// # Errors
/// `NotFound`, whatever storage may still hold.
pub async fn manifest(
    app: &App,
    grant: &Grant<Pull>,
    repository: &RepositoryName,
    reference: &Reference,
) -> Result<Pulled> {
    let (statement, text, separator) = match reference {
        Reference::Tag(tag) => (sql::BY_TAG, tag.as_str(), ':'),
        Reference::Digest(digest) => (sql::BY_DIGEST, digest.as_str(), '@'),
    };
    let found = app.db.query_opt(statement, params![repository.as_str(), text, grant.project.id]).await?;
    let row = found.ok_or_else(|| {
        Error::new(crate::Code::ManifestUnknown, format!("artifact {repository}{separator}{text} not found"))
    })?;
    let digest: String = row.get(0)?;
    let content = content(app, &digest).await?;
    let digest = digest.parse().map_err(|error| Error::internal("a stored digest").because(error))?;
    Ok(Pulled {
        digest,
        media_type: row.get(1)?,
        content,
        artifact_id: row.get(2)?,
        repository_id: row.get(3)?,
        tag_id: row.get(4)?,
    })
}

/// Counts that a manifest is handed out, not only looked at: its repository's pulls, the times of artifact and tag, a line
/// in the audit log. All of that is written later.
pub fn count_pull(
    app: &App,
    grant: &Grant<Pull>,
    repository: &RepositoryName,
    reference: &Reference,
    pulled: &Pulled,
) {
    let separator = if matches!(reference, Reference::Tag(_)) { ':' } else { '@' };
    let pull = catalog::Pull {
        project_id: grant.project.id,
        repository_id: pulled.repository_id,
        artifact_id: pulled.artifact_id,
        tag_id: pulled.tag_id,
        actor: &grant.actor,
        name: format!("{repository}{separator}{reference}"),
    };
    catalog::note_pull(app, pull);
}

async fn content(app: &App, digest: &str) -> Result<Bytes> {
    if let Some(content) = app.manifests.recent.get(digest) {
        return Ok(content);
    }
    let row = app.db.query_one(sql::MANIFEST, params![digest]).await?;
    let content = Bytes::from(row.get::<Vec<u8>>(0)?);
    app.manifests.recent.insert(digest.to_owned(), content.clone());
    Ok(content)
}
