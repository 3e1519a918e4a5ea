//! Lists of projects and what they show.

use super::{Project, sql};
use crate::access::{Caller, Person, Role, Viewer};
use crate::{App, Error, Result};
use haven_db::Value;
use haven_db::list::{Column, Kind, Match, Query, Select};
use haven_oci::ProjectName;
use std::collections::{BTreeMap, HashMap};

/// Which projects a list is about, beside the query language.
#[derive(Debug, Default)]
pub struct Visible {
    pub name: Option<String>,
    pub owner: Option<String>,
    pub public: Option<bool>,
}

/// A project with what lists and `GET /projects/{x}` show of it.
#[derive(Debug)]
pub struct Detail {
    pub project: Project,
    pub owner_name: String,
    /// The caller's roles, strongest first.
    pub roles: Vec<Role>,
    pub repositories: i64,
    /// As on the wire, `public` included.
    pub metadata: BTreeMap<String, String>,
}

const COLUMNS: &[Column] = &[
    Column { key: "project_id", sql: "p.id", kind: Kind::Int, sortable: true },
    Column { key: "name", sql: "p.name", kind: Kind::Text, sortable: true },
    Column { key: "owner_id", sql: "p.owner_id", kind: Kind::Int, sortable: true },
    Column { key: "creation_time", sql: "p.created_at", kind: Kind::Time, sortable: true },
    Column { key: "update_time", sql: "p.updated_at", kind: Kind::Time, sortable: true },
];

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
    let mut select =
        Select::new(sql::COLUMNS, "FROM project p").filter_many("p.deleted_at IS NULL", Vec::new());
    if let Some(name) = visible.name {
        let term = haven_db::list::Term { key: "name".into(), value: Match::Fuzzy(name) };
        query.terms.push(term);
    }
    if let Some(owner) = owner {
        select = select.filter(sql::OWNED_BY, owner);
    }
    let viewer = caller.viewer();
    select = match (&viewer, public) {
        (Viewer::Person(person, _), None) if person.sysadmin => select,
        (Viewer::Person(person, _), Some(public)) if person.sysadmin => select.filter("p.public = ?", public),
        (Viewer::Robot(None), None) => select,
        (Viewer::Robot(None), Some(public)) => select.filter("p.public = ?", public),
        (_, Some(true)) => select.filter("p.public = ?", true),
        (Viewer::Person(person, _), None) => mine(select, sql::PUBLIC_OR_MINE, person),
        (Viewer::Person(person, _), Some(false)) => mine(select, sql::PRIVATE_AND_MINE, person),
        (Viewer::Robot(Some(ids)), None) => {
            select.filter_list(sql::PUBLIC_OR_NAMED, Vec::new(), values(ids))
        }
        (Viewer::Robot(Some(ids)), Some(false)) => {
            select.filter_list(sql::PRIVATE_AND_NAMED, Vec::new(), values(ids))
        }
        (Viewer::Everybody, None) => select.filter("p.public = ?", true),
        (Viewer::Everybody, Some(false)) => return Ok((Vec::new(), 0)),
    };
    if let Viewer::Person(_, Some(only)) = viewer {
        select = select.filter_in("p.id", only.iter().map(|id| Value::from(*id)).collect());
    }
    let select = select.apply(COLUMNS, &query).default_order("p.name ASC");
    let (rows, total) = select.fetch_page(&app.db).await?;
    Ok((rows.iter().map(sql::project).collect::<Result<_>>()?, total))
}

/// Adds a condition about a person and their groups.
fn mine(select: Select, sql: &'static str, person: &Person) -> Select {
    select.filter_list(sql, vec![person.id.into()], values(&person.groups))
}

fn values(ids: &[i64]) -> Vec<Value> {
    ids.iter().map(|id| Value::from(*id)).collect()
}

/// Whether a project of that name exists, visible or not (`HEAD /projects`).
///
/// # Errors
/// When the database fails.
pub async fn exists(app: &App, name: &str) -> Result<bool> {
    let Ok(name) = name.parse::<ProjectName>() else { return Ok(false) };
    Ok(super::by_name(app, &name).await?.is_some())
}

/// Adds what lists show, in one statement for each kind of fact.
///
/// # Errors
/// When the database fails.
pub async fn details(app: &App, caller: &Caller, projects: Vec<Project>) -> Result<Vec<Detail>> {
    let ids: Vec<i64> = projects.iter().map(|project| project.id).collect();
    let mut metadata: HashMap<i64, BTreeMap<String, String>> = HashMap::new();
    for row in app.db.query_in(sql::METADATA_OF, ids.iter().copied(), &[]).await? {
        metadata.entry(row.get(0)?).or_default().insert(row.get(1)?, row.get(2)?);
    }
    let mut repositories: HashMap<i64, i64> = HashMap::new();
    for row in app.db.query_in(sql::REPOSITORIES_OF, ids.iter().copied(), &[]).await? {
        repositories.insert(row.get(0)?, row.get(1)?);
    }
    let owners: Vec<i64> = projects.iter().map(|project| project.owner_id).collect();
    let mut names: HashMap<i64, String> = HashMap::new();
    for row in app.db.query_in(sql::NAMES_OF, owners.iter().copied(), &[]).await? {
        names.insert(row.get(0)?, row.get(1)?);
    }
    let mut roles = my_roles(app, caller, &ids).await?;
    let detail = |project: Project| {
        let mut metadata = metadata.remove(&project.id).unwrap_or_default();
        metadata.insert("public".into(), project.public.to_string());
        Detail {
            owner_name: names.get(&project.owner_id).cloned().unwrap_or_default(),
            roles: roles.remove(&project.id).unwrap_or_default(),
            repositories: repositories.get(&project.id).copied().unwrap_or(0),
            metadata,
            project,
        }
    };
    Ok(projects.into_iter().map(detail).collect())
}

async fn my_roles(app: &App, caller: &Caller, ids: &[i64]) -> Result<HashMap<i64, Vec<Role>>> {
    let mut roles: HashMap<i64, Vec<Role>> = HashMap::new();
    let Some(person) = caller.person() else { return Ok(roles) };
    let select =
        Select::new(sql::ROLE_COLUMNS, "FROM project_member m").filter_in("m.project_id", values(ids));
    for row in mine(select, sql::MINE, person).fetch(&app.db).await? {
        roles.entry(row.get(0)?).or_default().extend(Role::from_id(row.get(1)?));
    }
    for mine in roles.values_mut() {
        mine.sort_by_key(|role| Role::ALL.iter().position(|known| known == role));
        mine.dedup();
    }
    Ok(roles)
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

/// The project's name as the REST API is given it: an id, or a name.
///
/// # Errors
/// `BadRequest` when it is a name that no project can have.
pub fn parse_name(text: &str) -> Result<ProjectName> {
    text.parse().map_err(|_| Error::bad_request(format!("invalid project name: '{text}'")))
}
