//! The rows of an artifact, made again from its manifest: for when they are found wrong.

use super::expected::{Expected, to_i64, total_size};
use super::push::{NewArtifact, children, link};
use super::sql;
use crate::{Error, Result};
use haven_db::{Db, Timestamp, Tx, params};
use haven_oci::Digest;

/// Makes an artifact say again what its manifest says, and what follows from that in its repository. Tags stay, and so do
/// the attributes that come from the config. False when there is no such artifact any more.
///
/// # Errors
/// `ManifestInvalid` when the manifest cannot be read; `ManifestBlobUnknown` when it needs what is not there.
pub(crate) async fn remake(db: &Db, artifact: i64) -> Result<bool> {
    let mut tx = db.begin().await?;
    let Some(row) = tx.query_opt(sql::HOME_OF, params![artifact]).await? else { return Ok(false) };
    let repository: i64 = row.get(0)?;
    // Before anything is read that another write could change.
    tx.execute(sql::HOLD_REPOSITORY, params![repository]).await?;
    let Some(row) = tx.query_opt(sql::PUSHED, params![artifact]).await? else { return Ok(false) };
    let (project, digest, pushed_as): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let (pushed_at, content): (Timestamp, Vec<u8>) = (row.get(3)?, row.get(4)?);
    let digest: Digest = digest.parse()?;
    let expected = Expected::of(&pushed_as, &content);
    let expected = expected.ok_or_else(|| {
        Error::new(crate::Code::ManifestInvalid, format!("the manifest {digest} cannot be read"))
    })?;
    let children = children(&mut tx, repository, &expected.manifest).await?;
    let new = NewArtifact {
        project_id: project,
        repository_id: repository,
        digest: &digest,
        manifest: &expected.manifest,
        class: &expected.class,
        children: &children,
    };
    describe(&mut tx, artifact, &new).await?;
    for statement in sql::FORGET_NEEDS {
        tx.execute(statement, params![artifact]).await?;
    }
    link(&mut tx, &new, artifact).await?;
    hang(&mut tx, artifact, repository, &expected, pushed_at).await?;
    for statement in sql::RECOMPUTE {
        tx.execute(statement, params![repository]).await?;
    }
    tx.commit().await?;
    Ok(true)
}

async fn describe(tx: &mut Tx, artifact: i64, new: &NewArtifact<'_>) -> Result<()> {
    let row = params![
        artifact,
        new.class.kind.as_str(),
        new.class.media_type.as_str(),
        new.class.artifact_type.as_str(),
        new.manifest.media_type.as_str(),
        to_i64(new.manifest.size)?,
        total_size(new.manifest, new.children.iter().map(|child| child.size))?,
        new.class.icon.as_ref(),
        serde_json::json!(new.manifest.annotations).to_string(),
    ];
    tx.execute(sql::DESCRIBE_ARTIFACT, row).await?;
    Ok(())
}

/// What it hangs on, as the manifest says, or as a tag can have said it.
async fn hang(
    tx: &mut Tx,
    artifact: i64,
    repository: i64,
    expected: &Expected,
    pushed_at: Timestamp,
) -> Result<()> {
    for row in tx.query(sql::HANGS_ON, params![artifact]).await? {
        let (id, subject, kind): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if !expected.allows(&subject, &kind) {
            tx.execute(sql::DELETE_ACCESSORY, params![id]).await?;
        }
    }
    if let Some((subject, kind)) = &expected.subject {
        let row = params![artifact, repository, subject.as_str(), *kind, pushed_at];
        tx.execute(sql::INSERT_ACCESSORY, row).await?;
    }
    tx.execute(sql::MARK_IF_ACCESSORY, params![artifact]).await?;
    Ok(())
}
