//! Repositories over REST.

use super::told::{self, Place};
use super::{parts, sql};
use crate::access::{
    Caller, Grant,
    permissions::{DeleteRepository, ListRepositories, ReadRepository, UpdateRepository},
};
use crate::projects::{Rows, only_seen};
use crate::{App, Error, Result, registry};
use haven_db::list::{Column, Kind, Query, Select};
use haven_db::{Timestamp, params};
use haven_oci::RepositoryName;
use std::collections::BTreeSet;

/// A repository as lists show it.
#[derive(Clone, Debug)]
pub struct Repository {
    pub id: i64,
    pub project_id: i64,
    /// With the project.
    pub name: String,
    pub description: String,
    pub artifact_count: i64,
    pub pull_count: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

const COLUMNS: &[Column] = &[
    Column { key: "id", sql: "r.id", kind: Kind::Int, sortable: true },
    Column { key: "repository_id", sql: "r.id", kind: Kind::Int, sortable: true },
    Column { key: "project_id", sql: "r.project_id", kind: Kind::Int, sortable: true },
    Column { key: "name", sql: "r.name", kind: Kind::Text, sortable: true },
    Column { key: "description", sql: "r.description", kind: Kind::Text, sortable: false },
    Column { key: "artifact_count", sql: "r.artifact_count", kind: Kind::Int, sortable: true },
    Column { key: "pull_count", sql: "r.pull_count", kind: Kind::Int, sortable: true },
    Column { key: "creation_time", sql: "r.created_at", kind: Kind::Time, sortable: true },
    Column { key: "update_time", sql: "r.updated_at", kind: Kind::Time, sortable: true },
];
const NEWEST_FIRST: &str = "r.created_at DESC, r.id DESC";

/// The repositories of a project, newest first, with their number.
///
/// # Errors
/// When the database fails.
pub async fn list_repositories(
    app: &App,
    grant: &Grant<ListRepositories>,
    query: &Query,
) -> Result<(Vec<Repository>, i64)> {
    let select = Select::new(sql::REPOSITORY_COLUMNS, "FROM repository r")
        .filter("r.project_id = ?", grant.project.id);
    page(app, select, query).await
}

/// The repositories of all projects whose repositories the caller may see.
///
/// # Errors
/// When the database fails.
pub async fn list_all_repositories(
    app: &App,
    caller: &Caller,
    query: &Query,
) -> Result<(Vec<Repository>, i64)> {
    let select = Select::new(sql::REPOSITORY_COLUMNS, "FROM repository r");
    let viewer = caller.viewer_of::<ListRepositories>();
    let Some(select) = only_seen(select, Rows::Repositories, &viewer, None) else {
        return Ok((Vec::new(), 0));
    };
    page(app, select, query).await
}

async fn page(app: &App, select: Select, query: &Query) -> Result<(Vec<Repository>, i64)> {
    let (rows, total) = select.apply(COLUMNS, query).default_order(NEWEST_FIRST).fetch_page(&app.db).await?;
    Ok((rows.iter().map(sql::repository).collect::<Result<_>>()?, total))
}

fn unknown(name: &RepositoryName) -> Error {
    Error::not_found(format!("repository {name} not found"))
}

/// One repository.
///
/// # Errors
/// `NotFound`.
pub async fn repository(
    app: &App,
    grant: &Grant<ReadRepository>,
    name: &RepositoryName,
) -> Result<Repository> {
    let row = app.db.query_opt(sql::ONE_REPOSITORY, params![grant.project.id, name.as_str()]).await?;
    sql::repository(&row.ok_or_else(|| unknown(name))?)
}

/// Longer descriptions are somebody's book.
const MAX_DESCRIPTION: usize = 64 << 10;

/// Changes what a repository says of itself. It is kept as text for a page: what HTML would read as more is escaped.
///
/// # Errors
/// `NotFound`, `BadRequest` when it is too long.
pub async fn describe_repository(
    app: &App,
    grant: &Grant<UpdateRepository>,
    name: &RepositoryName,
    description: &str,
) -> Result<()> {
    if description.len() > MAX_DESCRIPTION {
        return Err(Error::bad_request(format!("the description is longer than {MAX_DESCRIPTION} bytes")));
    }
    let row = params![grant.project.id, name.as_str(), escaped(description), app.clock.now()];
    match app.db.execute(sql::DESCRIBE_REPOSITORY, row).await? {
        0 => Err(unknown(name)),
        _ => Ok(()),
    }
}

/// As clients of Harbor know it, down to the numbers.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Deletes a repository with all its artifacts.
///
/// # Errors
/// `NotFound`.
pub async fn delete_repository(
    app: &App,
    grant: &Grant<DeleteRepository>,
    name: &RepositoryName,
) -> Result<()> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    let locked = super::lock_repository(&mut tx, grant.project.id, name, now).await?;
    let id = locked.ok_or_else(|| unknown(name))?;
    let mut freed = BTreeSet::new();
    parts::remove(&mut tx, id).await?;
    for statement in sql::DELETE_REPOSITORY {
        for row in tx.query(statement, params![id]).await? {
            freed.insert(row.get(0)?);
        }
    }
    told::repository_deleted(app, &mut tx, &Place::new(grant, name, id, now)).await?;
    registry::unlink(&mut tx, grant.project.id, &freed).await?;
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn html_is_escaped() {
        assert_eq!(
            escaped(r#"<a href="x">it's</a> & é"#),
            "&lt;a href=&#34;x&#34;&gt;it&#39;s&lt;/a&gt; &amp; é"
        );
    }

    proptest! {
        #[test]
        fn nothing_is_left_that_html_would_read(text in "\\PC{0,40}") {
            prop_assert!(!escaped(&text).contains(['<', '>', '"', '\'']));
        }
    }
}
