//! The steps of a push inside its transaction.

use super::class::Class;
use super::expected::{to_i64, total_size};
use super::{parts, sql};
use crate::{App, Code, Error, Result};
use haven_db::list::{batches, in_list};
use haven_db::{Kind, Timestamp, Tx, Value, params};
use haven_oci::{Digest, Manifest, RepositoryName, TagName};
use std::collections::{BTreeSet, HashMap, HashSet};

/// A manifest on its way to become an artifact.
pub(crate) struct NewArtifact<'a> {
    pub(crate) project_id: i64,
    pub(crate) repository_id: i64,
    pub(crate) digest: &'a Digest,
    pub(crate) manifest: &'a Manifest,
    pub(crate) class: &'a Class,
    pub(crate) children: &'a [Child],
}

/// An artifact that an index contains.
#[derive(Clone, Debug)]
pub(crate) struct Child {
    pub(crate) id: i64,
    pub(super) size: i64,
}

/// The repository's id; made if it is new. Holds its row until the transaction ends.
pub(crate) async fn open_repository(
    tx: &mut Tx,
    project: i64,
    name: &RepositoryName,
    now: Timestamp,
) -> Result<i64> {
    let row = tx.query_one(sql::OPEN_REPOSITORY, params![project, name.as_str(), now]).await?;
    let (id, created_at): (i64, Timestamp) = (row.get(0)?, row.get(1)?);
    // One that was made at this very moment by another transaction has them already, which does no harm.
    if created_at == now {
        parts::put(tx, id).await?;
    }
    Ok(id)
}

/// The repository's id, with its row held until the transaction ends; none if there is no such repository.
pub(crate) async fn lock_repository(
    tx: &mut Tx,
    project: i64,
    name: &RepositoryName,
    now: Timestamp,
) -> Result<Option<i64>> {
    let row = tx.query_opt(sql::LOCK_REPOSITORY, params![project, name.as_str(), now]).await?;
    Ok(row.map(|row| row.get(0)).transpose()?)
}

/// The refusal of a manifest that names what the repository does not have: one error for each digest.
pub(crate) fn missing<'a>(digests: impl Iterator<Item = &'a Digest>) -> Error {
    let digests: Vec<&str> = digests.map(Digest::as_str).collect();
    Error::new(Code::ManifestBlobUnknown, "blob unknown to registry").detail(serde_json::json!(digests))
}

/// The artifacts that an index names, in its order.
///
/// # Errors
/// `ManifestBlobUnknown` for those that the repository does not have.
pub(crate) async fn children(tx: &mut Tx, repository: i64, manifest: &Manifest) -> Result<Vec<Child>> {
    let mut found = HashMap::new();
    for (marks, mut values) in batches(manifest.manifests.iter().map(|child| child.digest.as_str())) {
        values.push(repository.into());
        for row in tx.query(&in_list(sql::ARTIFACTS_BY_DIGEST, &marks), &values).await? {
            found.insert(row.get::<String>(0)?, Child { id: row.get(1)?, size: row.get(2)? });
        }
    }
    in_order(manifest, &found)
}

/// Asks before anything is written what [`children`] asks again in the transaction, so that a refusal leaves nothing.
///
/// # Errors
/// As [`children`].
pub(crate) async fn check_children(app: &App, name: &RepositoryName, manifest: &Manifest) -> Result<()> {
    let mut found = HashMap::new();
    let digests = manifest.manifests.iter().map(|child| child.digest.as_str());
    for row in app.db.query_in(sql::CHILDREN_NAMED, digests, params![name.as_str()]).await? {
        found.insert(row.get::<String>(0)?, Child { id: 0, size: 0 });
    }
    in_order(manifest, &found).map(drop)
}

fn in_order(manifest: &Manifest, found: &HashMap<String, Child>) -> Result<Vec<Child>> {
    let mut children = Vec::with_capacity(manifest.manifests.len());
    let mut absent = Vec::new();
    for child in &manifest.manifests {
        match found.get(child.digest.as_str()) {
            Some(child) => children.push(child.clone()),
            None => absent.push(&child.digest),
        }
    }
    if absent.is_empty() { Ok(children) } else { Err(missing(absent.into_iter())) }
}

/// The artifact's id; made with all that it refers to if it is new.
pub(crate) async fn put_artifact(tx: &mut Tx, new: &NewArtifact<'_>, now: Timestamp) -> Result<i64> {
    if let Some(row) =
        tx.query_opt(sql::ARTIFACT_BY_DIGEST, params![new.repository_id, new.digest.as_str()]).await?
    {
        return Ok(row.get(0)?);
    }
    let text = |value: &serde_json::Value| value.to_string();
    let inserted = tx
        .query_one(
            sql::INSERT_ARTIFACT,
            params![
                new.project_id,
                new.repository_id,
                new.digest.as_str(),
                new.class.kind.as_str(),
                new.class.media_type.as_str(),
                new.class.artifact_type.as_str(),
                new.manifest.media_type.as_str(),
                to_i64(new.manifest.size)?,
                total_size(new.manifest, new.children.iter().map(|child| child.size))?,
                new.class.icon.as_ref(),
                new.class.own_icon,
                text(&serde_json::json!(new.manifest.annotations)),
                text(&serde_json::json!(new.class.extra_attrs)),
                now,
            ],
        )
        .await?;
    let id: i64 = inserted.get(0)?;
    link(tx, new, id).await?;
    Ok(id)
}

/// What the artifact needs: its own bytes, its blobs, its children.
///
/// # Errors
/// `ManifestBlobUnknown` when a blob was taken from the project since it was looked for.
pub(super) async fn link(tx: &mut Tx, new: &NewArtifact<'_>, id: i64) -> Result<()> {
    let mut needed = BTreeSet::from([new.digest.as_str()]);
    needed.extend(new.manifest.blobs().map(|blob| blob.digest.as_str()));
    let mut linked = HashSet::new();
    for (marks, mut values) in batches(needed) {
        values.extend([id.into(), new.project_id.into()]);
        // Foreign layers may have no blob here; the statement links only what the project has.
        let rows = tx.query(&in_list(sql::INSERT_ARTIFACT_BLOBS, &marks), &values).await;
        for row in rows.map_err(gone)? {
            linked.insert(row.get::<String>(0)?);
        }
    }
    let absent: Vec<&Digest> = new
        .manifest
        .required_blobs()
        .map(|blob| &blob.digest)
        .filter(|digest| !linked.contains(digest.as_str()))
        .collect();
    if !absent.is_empty() {
        return Err(missing(absent.into_iter()));
    }
    refer(tx, new, id).await
}

/// PostgreSQL waits for whoever takes a blob away at this moment, and then finds the key broken.
fn gone(error: haven_db::Error) -> Error {
    match error.kind {
        Kind::ForeignKey => Error::new(Code::ManifestBlobUnknown, "blob unknown to registry").because(error),
        _ => error.into(),
    }
}

/// Records the children in their order, many rows to a statement.
async fn refer(tx: &mut Tx, new: &NewArtifact<'_>, id: i64) -> Result<()> {
    const ROWS: usize = 64;
    let mut rows = Vec::with_capacity(new.children.len());
    for (position, (child, descriptor)) in new.children.iter().zip(&new.manifest.manifests).enumerate() {
        let platform = descriptor.platform.as_ref().map(|platform| serde_json::json!(platform));
        let annotations =
            (!descriptor.annotations.is_empty()).then(|| serde_json::json!(descriptor.annotations));
        let urls = (!descriptor.urls.is_empty()).then(|| serde_json::json!(descriptor.urls));
        let json =
            |value: Option<serde_json::Value>| value.map(|value| value.to_string()).unwrap_or_default();
        rows.push([
            id.into(),
            i64::try_from(position).unwrap_or(i64::MAX).into(),
            child.id.into(),
            descriptor.digest.as_str().into(),
            json(platform).into(),
            json(annotations).into(),
            json(urls).into(),
        ]);
    }
    for some in rows.chunks(ROWS) {
        let values: Vec<Value> = some.iter().flatten().cloned().collect();
        tx.execute(&sql::insert_references(some.len()), &values).await?;
    }
    Ok(())
}

/// Points a tag at an artifact; its push time changes only when the tag is new or moves.
pub(crate) async fn put_tag(
    tx: &mut Tx,
    repository: i64,
    artifact: i64,
    tag: &TagName,
    now: Timestamp,
) -> Result<()> {
    let moved_from = tx.query_opt(sql::TAG, params![repository, tag.as_str()]).await?;
    tx.execute(sql::PUT_TAG, params![repository, artifact, tag.as_str(), now]).await?;
    if let Some(row) = moved_from {
        let before: i64 = row.get(1)?;
        if before != artifact {
            relist(tx, repository, before, &[], now).await?;
        }
    }
    Ok(())
}

/// Records what the artifact hangs on, and tells those that already hang on it that it is here.
pub(crate) async fn attach(
    tx: &mut Tx,
    new: &NewArtifact<'_>,
    artifact: i64,
    tag: Option<&TagName>,
    now: Timestamp,
) -> Result<()> {
    if let Some(attachment) = new.class.attachment(new.manifest, tag) {
        let subject = attachment.subject.as_str();
        let row = params![artifact, new.repository_id, subject, attachment.kind, now];
        tx.execute(sql::INSERT_ACCESSORY, row).await?;
        tx.execute(sql::MARK_ACCESSORY, params![artifact]).await?;
    }
    tx.execute(sql::RESOLVE_SUBJECT, params![artifact, new.repository_id, new.digest.as_str()]).await?;
    Ok(())
}

/// Brings up to date whether an artifact and its children belong in lists, and the repository's count of those that do.
pub(crate) async fn relist(
    tx: &mut Tx,
    repository: i64,
    artifact: i64,
    children: &[Child],
    now: Timestamp,
) -> Result<()> {
    let ids = std::iter::once(artifact).chain(children.iter().map(|child| child.id)).collect();
    relist_all(tx, repository, &ids, now).await
}

/// As [`relist`], of any artifacts of the repository.
pub(super) async fn relist_all(
    tx: &mut Tx,
    repository: i64,
    ids: &BTreeSet<i64>,
    now: Timestamp,
) -> Result<()> {
    let mut change = 0i64;
    for (marks, values) in batches(ids.iter().copied()) {
        for row in tx.query(&in_list(sql::RELIST, &marks), &values).await? {
            change += if row.get::<bool>(0)? { 1 } else { -1 };
        }
    }
    tx.execute(sql::COUNT_ARTIFACTS, params![repository, change, now]).await?;
    Ok(())
}
