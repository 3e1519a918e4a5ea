//! `PUT` of a manifest: the product's main act.
//!
//! Everything it means happens in one transaction: the repository, the manifest's bytes, the artifact with what it
//! refers to, the tag, and its place under a subject.

use super::links::link;
use super::orphans::note;
use super::removal::{Watch, watch};
use super::sql;
use super::uploads::in_task;
use crate::access::{Grant, permissions::Push};
use crate::catalog::told::{self, Place};
use crate::catalog::{self, Class, NewArtifact};
use crate::{App, Code, Error, Result, quota};
use bytes::Bytes;
use haven_db::params;
use haven_oci::{Algorithm, Descriptor, Digest, Manifest, Reference, RepositoryName, TagName};
use std::collections::HashMap;
use std::sync::Arc;

/// What was pushed.
#[derive(Clone, Debug)]
pub struct Pushed {
    pub digest: Digest,
    /// The manifest's subject, which the answer names (`OCI-Subject`).
    pub subject: Option<Digest>,
}

/// Stores a manifest under a tag or its digest.
///
/// # Errors
/// `TooLarge`, `ManifestInvalid`, `DigestInvalid`, `ManifestBlobUnknown` for what the repository does not have,
/// `SizeInvalid` when a descriptor's size is not that of its blob, `Denied` when the project may not store so much.
/// Nothing is stored then.
pub async fn push(
    app: &Arc<App>,
    grant: &Grant<Push>,
    repository: &RepositoryName,
    reference: &Reference,
    content_type: &str,
    content: Bytes,
) -> Result<Pushed> {
    if content.len() > Manifest::MAX_BYTES {
        return Err(Error::new(Code::TooLarge, "manifest is larger than 4 MiB"));
    }
    let manifest = Manifest::parse(content_type, &content)?;
    let digest = digest_of(reference, &content)?;
    let blobs = sizes_of(app, grant.project.id, &manifest).await?;
    check_blobs(&manifest, &blobs)?;
    catalog::check_children(app, repository, &manifest).await?;
    let class = catalog::classify(app, repository, &manifest, &blobs).await?;

    let subject = manifest.subject.as_ref().map(|subject| subject.digest.clone());
    let new =
        New { grant: grant.clone(), repository: repository.clone(), digest: digest.clone(), manifest, class };
    let tag = tag_of(reference).cloned();
    in_task(app, |app| async move { keep(&app, &new, tag.as_ref(), content).await }).await?;
    Ok(Pushed { digest, subject })
}

/// A manifest that may be stored.
struct New {
    grant: Grant<Push>,
    repository: RepositoryName,
    digest: Digest,
    manifest: Manifest,
    class: Class,
}

/// Puts the bytes in place and writes the rows. Where no rows follow, because of the quota say, the bytes are noted; so
/// this goes on when the client has gone.
async fn keep(app: &App, new: &New, tag: Option<&TagName>, content: Bytes) -> Result<()> {
    let watch = watch(&app.db, &*app.blobs, &new.digest, app.clock.now()).await?;
    let kept = match app.blobs.put(&new.digest, content.clone()).await {
        Ok(()) => write_rows(app, new, tag, &content, &watch).await,
        Err(error) => Err(error.into()),
    };
    if kept.is_err() {
        note(app, [&new.digest]).await;
    }
    kept
}

async fn write_rows(
    app: &App,
    new: &New,
    tag: Option<&TagName>,
    content: &Bytes,
    watch: &Watch,
) -> Result<()> {
    let New { grant, repository, digest, manifest, class } = new;
    let now = app.clock.now();
    let limits = quota::limits(app).await?;
    let mut tx = app.db.begin().await?;
    let repository_id = catalog::open_repository(&mut tx, grant.project.id, repository, now).await?;
    if tx.query_opt(sql::LIVE_PROJECT, params![grant.project.id]).await?.is_none() {
        return Err(Error::not_found(format!("project {} not found", grant.project.name)));
    }
    let children = catalog::children(&mut tx, repository_id, manifest).await?;
    let size =
        i64::try_from(content.len()).map_err(|error| Error::internal("manifest size").because(error))?;
    tx.execute(sql::INSERT_MANIFEST, params![digest.as_str(), content.to_vec()]).await?;
    tx.execute(sql::INSERT_BLOB, params![digest.as_str(), size, now]).await?;
    watch.check(&mut tx).await?;
    let added = link(&mut tx, grant.project.id, digest, size, now).await?;
    let made = NewArtifact {
        project_id: grant.project.id,
        repository_id,
        digest,
        manifest,
        class,
        children: &children,
    };
    let artifact = catalog::put_artifact(&mut tx, &made, now).await?;
    if let Some(tag) = tag {
        catalog::put_tag(&mut tx, repository_id, artifact, tag, now).await?;
    }
    catalog::attach(&mut tx, &made, artifact, tag, now).await?;
    catalog::relist(&mut tx, repository_id, artifact, &children, now).await?;
    let place = Place::new(grant, repository, repository_id, now);
    told::pushed(app, &mut tx, &place, (artifact, digest), tag).await?;
    quota::charge(&mut tx, limits, grant.project.id, added).await?;
    Ok(tx.commit().await?)
}

fn tag_of(reference: &Reference) -> Option<&TagName> {
    match reference {
        Reference::Tag(tag) => Some(tag),
        Reference::Digest(_) => None,
    }
}

/// The digest to store under: that of the reference, checked, or SHA-256.
fn digest_of(reference: &Reference, content: &[u8]) -> Result<Digest> {
    match reference {
        Reference::Tag(_) => Ok(Digest::of(Algorithm::Sha256, content)),
        Reference::Digest(expected) => {
            let computed = Digest::of(expected.algorithm(), content);
            if computed == *expected {
                return Ok(computed);
            }
            Err(Error::new(Code::DigestInvalid, "provided digest did not match uploaded content"))
        }
    }
}

/// The sizes of those of the manifest's blobs that the project has.
async fn sizes_of(app: &App, project: i64, manifest: &Manifest) -> Result<HashMap<String, u64>> {
    let mut sizes = HashMap::new();
    let digests = manifest.blobs().map(|blob| blob.digest.as_str());
    for row in app.db.query_in(sql::BLOBS_OF, digests, params![project]).await? {
        let size: i64 = row.get(1)?;
        sizes.insert(row.get(0)?, size.unsigned_abs());
    }
    Ok(sizes)
}

fn check_blobs(manifest: &Manifest, sizes: &HashMap<String, u64>) -> Result<()> {
    let missing: Vec<&Descriptor> =
        manifest.required_blobs().filter(|blob| !sizes.contains_key(blob.digest.as_str())).collect();
    if !missing.is_empty() {
        return Err(catalog::missing(missing.into_iter().map(|blob| &blob.digest)));
    }
    for blob in manifest.blobs() {
        match sizes.get(blob.digest.as_str()) {
            Some(size) if *size != blob.size => {
                return Err(Error::new(
                    Code::SizeInvalid,
                    format!("{} has {size} bytes, the manifest says {}", blob.digest, blob.size),
                ));
            }
            _ => {}
        }
    }
    Ok(())
}
