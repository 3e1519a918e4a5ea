//! Lists of the distribution API: a repository's tags, and the repositories of the installation.

use super::sql;
use crate::access::{
    Grant, SystemGrant,
    permissions::{Pull, ReadCatalog},
};
use crate::{App, Code, Error, Result};
use haven_db::params;
use haven_oci::RepositoryName;

/// One page of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    pub names: Vec<String>,
    /// Names follow the last one.
    pub more: bool,
}

/// More names than any answer holds, for a request that sets no limit.
const MAX: usize = 100_000;

/// The tags of a repository in byte order, at most `limit`, after `last`.
///
/// # Errors
/// `NameUnknown` when there is no such repository, unless nothing is asked for.
pub async fn tags(
    app: &App,
    grant: &Grant<Pull>,
    repository: &RepositoryName,
    limit: Option<usize>,
    last: &str,
) -> Result<Listing> {
    if limit == Some(0) {
        return Ok(Listing::default());
    }
    let found = app.db.query_opt(sql::REPOSITORY_IN, params![repository.as_str(), grant.project.id]).await?;
    let Some(row) = found else {
        return Err(Error::new(Code::NameUnknown, format!("repository {repository} not found")));
    };
    page(app, sql::TAGS, Some(row.get(0)?), limit, last).await
}

/// The repositories that have a tag, in byte order.
///
/// # Errors
/// `BadRequest` when `last` is not one of them.
pub async fn repositories(
    app: &App,
    _grant: &SystemGrant<ReadCatalog>,
    limit: Option<usize>,
    last: &str,
) -> Result<Listing> {
    if limit == Some(0) {
        return Ok(Listing::default());
    }
    if !last.is_empty() && app.db.query_opt(sql::REPOSITORY, params![last]).await?.is_none() {
        return Err(Error::bad_request(format!("the repository {last} of last is unknown")));
    }
    page(app, sql::CATALOG, None, limit, last).await
}

/// The limit is bound, not written out: statements are kept prepared, one for each text.
async fn page(
    app: &App,
    statement: &str,
    of: Option<i64>,
    limit: Option<usize>,
    last: &str,
) -> Result<Listing> {
    let limit = limit.unwrap_or(MAX).min(MAX);
    let one_more = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let rows = match of {
        Some(of) => app.db.query(statement, params![of, last, one_more]).await?,
        None => app.db.query(statement, params![last, one_more]).await?,
    };
    let more = rows.len() > limit;
    let names = rows.iter().take(limit).map(|row| Ok(row.get(0)?)).collect::<Result<_>>()?;
    Ok(Listing { names, more })
}
