//! Looking for projects and repositories by a part of their name. Owns no table.
//!
//! Both kinds of names are lower-case ASCII, so a text that no name can contain is answered without asking the database.

mod sql;

use crate::access::{Caller, permissions::ListRepositories};
use crate::projects::{self, Detail, Rows, Telling, only_seen};
use crate::{App, Result, catalog};
use haven_db::list::{Page, Select};
use haven_db::{Read, Value};

/// The most that is found of each kind: whoever sees so many goes on by writing more of the name.
pub const MOST: i64 = 1_000;
/// No name is longer.
const LONGEST_NAME: usize = 255;

/// What was found, each kind by name.
#[derive(Debug, Default)]
pub struct Found {
    pub projects: Vec<Detail>,
    pub repositories: Vec<Repository>,
}

/// A repository as the search shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    pub project_id: i64,
    pub project_name: String,
    pub project_public: bool,
    /// With the project.
    pub name: String,
    pub pull_count: i64,
    pub artifact_count: i64,
}

/// The projects and repositories whose name contains a text, of those that the caller may see.
///
/// # Errors
/// When the database fails.
pub async fn search(app: &App, caller: &Caller, text: &str) -> Result<Found> {
    let Some(like) = repository_pattern(text) else { return Ok(Found::default()) };
    let projects = match project_pattern(text) {
        Some(like) => projects::matching(app, caller, &like, MOST)?,
        None => Read::nothing(),
    };
    // What many names contain is soon found by walking through them in order; what few contain, only by their parts.
    let few = catalog::parts_question(&text.to_ascii_lowercase(), MOST);
    let may_be_few = few.is_some();
    let [projects, few] = app.db.read([projects, few.unwrap_or_default()]).await?;
    let few = if may_be_few { catalog::parts_found(&few, MOST)? } else { None };
    let projects = projects::details(app, caller, projects::found(&projects)?, Telling::Found).await?;
    let repositories = repositories(app, caller, like, few).await?;
    Ok(Found { projects, repositories })
}

/// Of `few`, where there are no more that may have it.
async fn repositories(
    app: &App,
    caller: &Caller,
    like: String,
    few: Option<Vec<i64>>,
) -> Result<Vec<Repository>> {
    let select = Select::new(sql::COLUMNS, sql::FROM).filter(sql::NAME_LIKE, like);
    let select = match few {
        Some(ids) if ids.is_empty() => return Ok(Vec::new()),
        Some(ids) => select.filter_in("r.id", ids.into_iter().map(Value::from).collect()),
        None => select,
    };
    let viewer = caller.viewer_of::<ListRepositories>();
    let Some(select) = only_seen(select, Rows::Projects, &viewer, None) else { return Ok(Vec::new()) };
    let select = select.default_order(sql::BY_NAME).page(Page { number: 1, size: MOST });
    select.fetch(&app.db).await?.iter().map(sql::repository).collect()
}

/// The pattern for names of projects, which are looked for as they are written.
fn project_pattern(text: &str) -> Option<String> {
    let possible = !text.contains('/') && !text.bytes().any(|byte| byte.is_ascii_uppercase());
    possible.then(|| repository_pattern(text)).flatten()
}

/// The pattern for names of repositories, with their project, whatever the case of the text.
fn repository_pattern(text: &str) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let in_names = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-/".contains(&byte);
    let possible = text.len() <= LONGEST_NAME && text.bytes().all(in_names);
    possible.then(|| format!("%{}%", text.replace('_', "\\_")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_name_is_looked_for() {
        for (text, project, repository) in [
            ("web", Some("%web%"), Some("%web%")),
            ("Web", None, Some("%web%")),
            ("team/web", None, Some("%team/web%")),
            ("a_b-c.d", Some("%a\\_b-c.d%"), Some("%a\\_b-c.d%")),
            ("%", None, None),
            ("a b", None, None),
            ("a\\b", None, None),
            ("team#7", None, None),
            ("é", None, None),
        ] {
            assert_eq!(project_pattern(text).as_deref(), project, "{text}");
            assert_eq!(repository_pattern(text).as_deref(), repository, "{text}");
        }
        assert!(repository_pattern(&"a".repeat(255)).is_some());
        assert!(repository_pattern(&"a".repeat(256)).is_none());
    }
}
