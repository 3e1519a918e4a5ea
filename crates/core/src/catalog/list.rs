//! Lists of artifacts: of a repository, and of all repositories of a project.

use super::{Artifact, Include, fill, sql};
use crate::access::{Grant, permissions::ListArtifacts};
use crate::{App, Error, Result};
use haven_db::list::{Column, Kind, Match, Page, Query, Scalar, Select};
use haven_db::{Read, Value, params};
use haven_oci::RepositoryName;
use std::collections::BTreeSet;

/// Whose artifacts are listed.
#[derive(Clone, Copy)]
enum Scope {
    Repository(i64),
    Project(i64),
}

/// An artifact may say 64 kilobytes of itself twice over, so whoever asks for all gets the first of them, and how many there
/// are.
const MOST: i64 = 500;

/// More labels than anybody would ask for at once.
const MAX_LABELS: usize = 64;

const COLUMNS: &[Column] = &[
    Column { key: "id", sql: "a.id", kind: Kind::Int, sortable: true },
    Column { key: "type", sql: "a.type", kind: Kind::Text, sortable: true },
    Column { key: "media_type", sql: "a.media_type", kind: Kind::Text, sortable: true },
    Column { key: "artifact_type", sql: "a.artifact_type", kind: Kind::Text, sortable: true },
    Column { key: "manifest_media_type", sql: "a.manifest_media_type", kind: Kind::Text, sortable: true },
    Column { key: "digest", sql: "a.digest", kind: Kind::Text, sortable: true },
    Column { key: "icon", sql: "a.icon", kind: Kind::Text, sortable: false },
    Column { key: "size", sql: "a.size", kind: Kind::Int, sortable: true },
    Column { key: "repository_id", sql: "a.repository_id", kind: Kind::Int, sortable: true },
    Column { key: "push_time", sql: "a.pushed_at", kind: Kind::Time, sortable: true },
    Column { key: "pull_time", sql: "COALESCE(p.pulled_at, 0)", kind: Kind::Time, sortable: true },
];

/// The artifacts of a repository, newest first, with their number; none for an unknown repository.
///
/// # Errors
/// `BadRequest` for a filter that makes no sense.
pub async fn list_artifacts(
    app: &App,
    grant: &Grant<ListArtifacts>,
    repository: &RepositoryName,
    query: Query,
    include: Include,
) -> Result<(Vec<Artifact>, i64)> {
    let query = bounded(query);
    let named = params![grant.project.id, repository.as_str()];
    if query.terms.is_empty() {
        return everything(app, (sql::IN_NAMED, sql::LISTED_IN), named, &query, include).await;
    }
    let found = app.db.query_opt(sql::LISTED_IN, named).await?;
    // A filter that makes no sense is refused all the same.
    let scope = Scope::Repository(found.map_or(Ok(0), |row| row.get(1))?);
    page(app, scope, query, include).await
}

/// The artifacts of all repositories of a project. `latest` leaves of each repository only what was pushed last of the
/// type that the query names.
///
/// # Errors
/// `BadRequest` for a filter that makes no sense, and for `latest` without exactly one type.
pub async fn list_project_artifacts(
    app: &App,
    grant: &Grant<ListArtifacts>,
    query: Query,
    include: Include,
    latest: bool,
) -> Result<(Vec<Artifact>, i64)> {
    let (project, query) = (grant.project.id, bounded(query));
    if latest {
        return newest(app, project, query, include).await;
    }
    if query.terms.is_empty() {
        let scope = (sql::IN_PROJECT, sql::LISTED_IN_PROJECT);
        return everything(app, scope, params![project], &query, include).await;
    }
    page(app, Scope::Project(project), query, include).await
}

/// A page of everything that a scope lists, which is a condition and a question for the number. Most lists are not filtered,
/// so that it is worth while to ask for both at once.
async fn everything(
    app: &App,
    (condition, total): (&'static str, &'static str),
    of: &[Value],
    query: &Query,
    include: Include,
) -> Result<(Vec<Artifact>, i64)> {
    let select = Select::new(sql::ARTIFACT_COLUMNS, sql::ARTIFACT_FROM)
        .filter_many(condition, of.to_vec())
        .filter_many("a.listed", Vec::new())
        .apply(COLUMNS, query)
        .default_order(NEWEST_FIRST);
    let [total, rows] = app.db.read([Read::new(total, of), select.read(&app.db)?]).await?;
    let total = total.first().map_or(Ok(0), |row| row.get(0))?;
    Ok((artifacts(app, &rows, include).await?, total))
}

fn bounded(mut query: Query) -> Query {
    if query.page.size <= 0 || query.page.size > MOST {
        query.page = Page { number: 1, size: MOST };
    }
    query
}

async fn page(app: &App, scope: Scope, mut query: Query, include: Include) -> Result<(Vec<Artifact>, i64)> {
    let select = filtered(scope, &mut query)?.apply(COLUMNS, &query).default_order(NEWEST_FIRST);
    let (rows, total) = select.fetch_page(&app.db).await?;
    Ok((artifacts(app, &rows, include).await?, total))
}

const NEWEST_FIRST: &str = "a.pushed_at DESC, a.id DESC";

/// Of each repository only what was pushed last of one type. The order asked for is ignored, as clients expect.
async fn newest(app: &App, project: i64, mut query: Query, include: Include) -> Result<(Vec<Artifact>, i64)> {
    let refused =
        "latest_in_repository needs exactly one of media_type and artifact_type in q, as media_type=text";
    let (statement, of) = match (query.take("media_type"), query.take("artifact_type")) {
        (Some(Match::Exact(of)), None) => (sql::NEWEST_OF_MEDIA_TYPE, of),
        (None, Some(Match::Exact(of))) => (sql::NEWEST_OF_ARTIFACT_TYPE, of),
        _ => return Err(Error::bad_request(refused)),
    };
    query.sort.clear();
    let values = vec![of.as_str().into(), project.into(), of.into()];
    let select = filtered(Scope::Project(project), &mut query)?.filter_many(statement, values);
    let (rows, total) = select.apply(COLUMNS, &query).default_order(NEWEST_FIRST).fetch_page(&app.db).await?;
    Ok((artifacts(app, &rows, include).await?, total))
}

async fn artifacts(app: &App, rows: &[haven_db::Row], include: Include) -> Result<Vec<Artifact>> {
    let mut artifacts = rows.iter().map(sql::artifact).collect::<Result<Vec<_>>>()?;
    fill::fill(app, &mut artifacts, include, fill::LISTED).await?;
    Ok(artifacts)
}

/// The filters that are no columns, and the scope.
fn filtered(scope: Scope, query: &mut Query) -> Result<Select> {
    let select = Select::new(sql::ARTIFACT_COLUMNS, sql::ARTIFACT_FROM);
    let mut select = match scope {
        Scope::Repository(id) => select.filter(sql::IN_REPOSITORY, id),
        Scope::Project(id) => select.filter(sql::IN_PROJECT, id),
    };
    select = match query.take("base") {
        None => select.filter_many("a.listed", Vec::new()),
        Some(Match::Exact(all)) if all == "*" => select.filter_many("NOT a.accessory", Vec::new()),
        Some(_) => return Err(Error::bad_request("invalid value for base: only * is supported")),
    };
    if let Some(tags) = query.take("tags") {
        select = by_tags(select, scope, tags)?;
    }
    match query.take("labels") {
        Some(labels) => by_labels(select, labels),
        None => Ok(select),
    }
}

fn by_tags(select: Select, scope: Scope, tags: Match) -> Result<Select> {
    let (id, named, like) = match scope {
        Scope::Repository(id) => (id, sql::TAG_IS, sql::TAG_CONTAINS),
        Scope::Project(id) => (id, sql::TAG_IS_IN_PROJECT, sql::TAG_CONTAINS_IN_PROJECT),
    };
    Ok(match tags {
        Match::Exact(any) if any == "*" => select.filter_many(sql::TAGGED, Vec::new()),
        Match::Exact(none) if none == "nil" => select.filter_many(sql::UNTAGGED, Vec::new()),
        Match::Exact(name) => select.filter_many(named, vec![id.into(), name.into()]),
        Match::Fuzzy(part) => select.filter_many(like, vec![id.into(), contains(&part).into()]),
        _ => return Err(Error::bad_request("the value of tags is *, nil, a name or ~part of a name")),
    })
}

/// A LIKE pattern for text anywhere in a value.
fn contains(part: &str) -> String {
    let mut pattern = String::from("%");
    for letter in part.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

/// Only what carries all of these labels.
fn by_labels(select: Select, labels: Match) -> Result<Select> {
    let refused = || Error::bad_request("the value of labels must be a list of ids: labels=(1 2)");
    let Match::AllOf(items) = labels else { return Err(refused()) };
    let mut ids = BTreeSet::new();
    for item in items {
        let Scalar::Int(id) = item else { return Err(refused()) };
        ids.insert(id);
    }
    if ids.len() > MAX_LABELS {
        return Err(Error::bad_request(format!("labels has more than {MAX_LABELS} ids")));
    }
    if ids.is_empty() {
        return Ok(select);
    }
    let count = i64::try_from(ids.len()).unwrap_or(i64::MAX);
    let ids: Vec<Value> = ids.into_iter().map(Into::into).collect();
    Ok(select.filter_list(sql::CARRIES_ALL, vec![count.into()], ids))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn labels_are_a_list_of_ids() {
        let select = || Select::new("SELECT a.id", "FROM artifact a");
        let all = |items: Vec<Scalar>| by_labels(select(), Match::AllOf(items));
        assert!(all(vec![Scalar::Int(1), Scalar::Int(1)]).is_ok() && all(vec![]).is_ok());
        assert!(all((0..65).map(Scalar::Int).collect()).is_err());
        assert!(all(vec![Scalar::Text("x".into())]).is_err());
        for other in [Match::Exact("1".into()), Match::AnyOf(vec![Scalar::Int(1)]), Match::Range(None, None)]
        {
            assert!(by_labels(select(), other).is_err());
        }
    }

    proptest! {
        #[test]
        fn a_pattern_means_its_text(part in "[a-c%_\\\\]{0,8}") {
            let pattern = contains(&part);
            let inside = pattern.strip_prefix('%').and_then(|rest| rest.strip_suffix('%')).unwrap();
            let mut plain = String::new();
            let mut letters = inside.chars();
            while let Some(letter) = letters.next() {
                prop_assert!(!matches!(letter, '%' | '_'));
                plain.push(if letter == '\\' { letters.next().unwrap() } else { letter });
            }
            prop_assert_eq!(plain, part);
        }
    }
}
