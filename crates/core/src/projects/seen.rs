//! What somebody sees of all projects, as a condition of a list.

use crate::access::Viewer;
use crate::members::only_of;
use haven_db::Value;
use haven_db::list::Select;

/// What the list is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Rows of `project p`.
    Projects,
    /// Rows of `repository r`.
    Repositories,
}

/// The conditions, each about one of them. `?` is a person or whether a project is public; `{list}` are groups or projects.
struct Conditions {
    project: &'static str,
    public: &'static str,
    public_or_mine: &'static str,
    private_and_mine: &'static str,
    public_or_named: &'static str,
    private_and_named: &'static str,
    not_denied: &'static str,
}

macro_rules! mine {
    () => {
        "p.id IN (SELECT m.project_id FROM project_member m
        WHERE m.entity_type = 'u' AND m.entity_id = ? OR m.entity_type = 'g' AND m.entity_id IN ({list}))"
    };
}

macro_rules! conditions {
    ($project:literal, $before:literal, $after:literal) => {
        Conditions {
            project: $project,
            not_denied: concat!($project, " NOT IN ({list})"),
            public: concat!($before, "p.public = ?", $after),
            public_or_mine: concat!($before, "p.public OR ", mine!(), $after),
            private_and_mine: concat!($before, "NOT p.public AND ", mine!(), $after),
            public_or_named: concat!($before, "p.public OR p.id IN ({list})", $after),
            private_and_named: concat!($before, "NOT p.public AND p.id IN ({list})", $after),
        }
    };
}

/// Deleted projects are not public, and have neither members nor repositories.
const OF_PROJECTS: Conditions = conditions!("p.id", "", "");
const OF_REPOSITORIES: Conditions =
    conditions!("r.project_id", "r.project_id IN (SELECT p.id FROM project p WHERE ", ")");

/// Only what a viewer sees: of all projects, or only of the public or the private ones. None when that is nothing.
pub(crate) fn only_seen(
    select: Select,
    rows: Rows,
    viewer: &Viewer<'_>,
    public: Option<bool>,
) -> Option<Select> {
    let sql = match rows {
        Rows::Projects => OF_PROJECTS,
        Rows::Repositories => OF_REPOSITORIES,
    };
    let seen = match (viewer, public) {
        (Viewer::Person(person, _), None) if person.sysadmin => select,
        (Viewer::Person(person, _), Some(public)) if person.sysadmin => select.filter(sql.public, public),
        (Viewer::Nobody, _) => return None,
        (Viewer::Robot { within: None, .. }, None) => select,
        (Viewer::Robot { within: None, .. }, Some(public)) => select.filter(sql.public, public),
        (_, Some(true)) | (Viewer::Everybody, None) => select.filter(sql.public, true),
        (Viewer::Everybody, Some(false)) => return None,
        (Viewer::Person(person, _), None) => only_of(select, sql.public_or_mine, person),
        (Viewer::Person(person, _), Some(false)) => only_of(select, sql.private_and_mine, person),
        (Viewer::Robot { within: Some(ids), .. }, None) => {
            select.filter_list(sql.public_or_named, Vec::new(), numbers(ids))
        }
        (Viewer::Robot { within: Some(ids), .. }, Some(false)) => {
            select.filter_list(sql.private_and_named, Vec::new(), numbers(ids))
        }
    };
    Some(match viewer {
        Viewer::Person(_, Some(within)) => seen.filter_in(sql.project, numbers(within)),
        Viewer::Robot { denied, .. } if !denied.is_empty() => {
            seen.filter_list(sql.not_denied, Vec::new(), numbers(denied))
        }
        _ => seen,
    })
}

fn numbers(ids: &[i64]) -> Vec<Value> {
    ids.iter().map(|id| Value::from(*id)).collect()
}
