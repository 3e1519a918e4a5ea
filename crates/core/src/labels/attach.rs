//! Labels on artifacts.

use super::{Scope, by_id, sql, unknown};
use crate::access::{
    Grant,
    permissions::{AddLabel, RemoveLabel},
};
use crate::catalog::find_artifact;
use crate::{App, Code, Error, Result};
use haven_db::{Kind, params};
use haven_oci::{Reference, RepositoryName};

/// So many labels an artifact carries at most: lists show them all.
const MOST: i64 = 100;

/// Gives an artifact a label: one of the registry, or one of the artifact's project.
///
/// # Errors
/// `NotFound` without the artifact or the label, `Conflict` when it has it already, `BadRequest` when it has too many others.
pub async fn add(
    app: &App,
    grant: &Grant<AddLabel>,
    repository: &RepositoryName,
    reference: &Reference,
    label: i64,
) -> Result<()> {
    let artifact = find_artifact(app, grant.project.id, repository, reference).await?;
    let found = by_id(app, label).await?.ok_or_else(|| unknown(label))?;
    if !matches!(found.scope, Scope::Global) && found.scope != Scope::Project(grant.project.id) {
        return Err(unknown(label));
    }
    match app.db.execute(sql::ADD, params![artifact, label, app.clock.now(), MOST]).await {
        Ok(0) if app.db.query_opt(sql::IS_FULL, params![artifact, label, MOST]).await?.is_some() => {
            let message = format!("the artifact {reference} has {MOST} labels already, which is the most");
            Err(Error::bad_request(message))
        }
        // It was there then, though somebody may have taken it away since.
        Ok(0) => {
            let message = format!("label {} is already on the artifact {reference}", found.name);
            Err(Error::new(Code::Conflict, message))
        }
        Ok(_) => Ok(()),
        // One of the two went since it was looked at.
        Err(error) if error.kind == Kind::ForeignKey => Err(unknown(label).because(error)),
        Err(error) => Err(error.into()),
    }
}

/// Takes a label from an artifact.
///
/// # Errors
/// `NotFound` without the artifact, or when it does not carry the label.
pub async fn remove(
    app: &App,
    grant: &Grant<RemoveLabel>,
    repository: &RepositoryName,
    reference: &Reference,
    label: i64,
) -> Result<()> {
    let artifact = find_artifact(app, grant.project.id, repository, reference).await?;
    match app.db.execute(sql::REMOVE, params![artifact, label]).await? {
        0 => Err(Error::not_found(format!("label {label} is not on the artifact {reference}"))),
        _ => Ok(()),
    }
}
