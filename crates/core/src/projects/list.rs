//! Lists of projects.

use super::seen::{Rows, only_seen};
use super::{Project, sql};
use crate::access::{Caller, Viewer};
use crate::{App, Result};
use haven_db::list::{Column, Kind, Match, Page, Query, Select, Term};
use haven_db::{Read, Row};
use haven_oci::ProjectName;

/// Which projects a list is about, beside the query language.
#[derive(Debug, Default)]
pub struct Visible {
    pub name: Option<String>,
    pub owner: Option<String>,
    pub public: Option<bool>,
}

const COLUMNS: &[Column] = &[
    Column { key: "project_id", sql: "p.id", kind: Kind::Int, sortable: true },
    Column { key: "name", sql: "p.name", kind: Kind::Text, sortable: true },
    Column { key: "owner_id", sql: "p.owner_id", kind: Kind::Int, sortable: true },
    Column { key: "creation_time", sql: "p.created_at", kind: Kind::Time, sortable: true },
    Column { key: "update_time", sql: "p.updated_at", kind: Kind::Time, sortable: true },
];
const BY_NAME: &str = "p.name ASC";

/// The projects that a caller may see, with their number.
///
/// # Errors
/// When the database fails.
pub async fn list(
    app: &App,
    caller: &Caller,
    visible: Visible,
    mut query: Query,
) -> Result<(Vec<Project>, i64)> {
    let public = query.take("public").and_then(as_bool).or(visible.public);
    let owner = query.take("owner").and_then(as_text).or(visible.owner);
    if let Some(name) = visible.name {
        query.terms.push(Term { key: "name".into(), value: Match::Fuzzy(name) });
    }
    let Some(mut select) = seen_by(&caller.viewer(), public) else { return Ok((Vec::new(), 0)) };
    if let Some(owner) = owner {
        select = select.filter(sql::OWNED_BY, owner);
    }
    let select = select.apply(COLUMNS, &query).default_order(BY_NAME);
    let (rows, total) = select.fetch_page(&app.db).await?;
    Ok((found(&rows)?, total))
}

/// The question for the first projects whose name is like this, of those that a caller may see.
pub(crate) fn matching(app: &App, caller: &Caller, like: &str, most: i64) -> Result<Read> {
    let Some(select) = seen_by(&caller.viewer(), None) else { return Ok(Read::nothing()) };
    let select = select.filter(sql::NAME_LIKE, like).default_order(BY_NAME);
    Ok(select.page(Page { number: 1, size: most }).read(&app.db)?)
}

/// The projects in its answer.
pub(crate) fn found(rows: &[Row]) -> Result<Vec<Project>> {
    rows.iter().map(sql::project).collect()
}

/// The projects that somebody sees, perhaps only the public or only the private ones; none when they see none.
fn seen_by(viewer: &Viewer<'_>, public: Option<bool>) -> Option<Select> {
    let all = Select::new(sql::COLUMNS, sql::FROM).filter_many(sql::IS_LIVE, Vec::new());
    only_seen(all, Rows::Projects, viewer, public)
}

/// Whether a project of that name exists, visible or not (`HEAD /projects`).
///
/// # Errors
/// When the database fails.
pub async fn exists(app: &App, name: &str) -> Result<bool> {
    let Ok(name) = name.parse::<ProjectName>() else { return Ok(false) };
    Ok(super::by_name(app, &name).await?.is_some())
}

fn as_bool(value: Match) -> Option<bool> {
    match as_text(value)?.to_ascii_lowercase().as_str() {
        "true" | "1" | "t" => Some(true),
        "false" | "0" | "f" => Some(false),
        _ => None,
    }
}

fn as_text(value: Match) -> Option<String> {
    match value {
        Match::Exact(text) | Match::Fuzzy(text) => Some(text),
        _ => None,
    }
}
