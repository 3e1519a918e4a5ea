//! What is shown of projects beside the row itself.

use super::metadata::{self, Metadata, PUBLIC};
use super::{Project, sql};
use crate::access::{Action, Caller, Grant, Resource, Role, Standing, permissions::ReadProject};
use crate::allowlists::{self, Allowlist, Length};
use crate::quota::{self, Usage};
use crate::{App, Error, Result, members, settings};
use haven_db::{FromCell, Read, Row, params};
use std::collections::HashMap;

/// A project with what lists and `GET /projects/{x}` show of it.
#[derive(Debug)]
pub struct Detail {
    pub project: Project,
    /// The caller's roles, strongest first.
    pub roles: Vec<Role>,
    pub repositories: i64,
    /// What is left out where a list shall be short.
    pub more: Option<More>,
}

/// The longer part.
#[derive(Debug)]
pub struct More {
    pub owner_name: String,
    /// As on the wire, `public` included.
    pub metadata: Metadata,
    /// None where it is too long to be shown among others.
    pub allowlist: Option<Allowlist>,
}

/// How much is told of each project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telling {
    /// No [`More`].
    Brief,
    /// As a search does, of which anybody may ask for a thousand: no allowlist with anything in it.
    Found,
    /// As a list does: allowlists as far as they are short.
    Listed,
    Whole,
}

/// What `GET /projects/{x}/summary` tells.
#[derive(Debug)]
pub struct Summary {
    pub repositories: i64,
    /// Members by role, in the order of [`Role::ALL`]. None when the caller may not see members.
    pub members: Option<[i64; Role::ALL.len()]>,
    /// What it may store and stores. None when the caller may not see it, or quotas are off.
    pub quota: Option<Usage>,
}

/// Adds what lists show, in one statement for each kind of fact.
///
/// # Errors
/// When the database fails.
pub async fn details(
    app: &App,
    caller: &Caller,
    projects: Vec<Project>,
    telling: Telling,
) -> Result<Vec<Detail>> {
    let (brief, length) = match telling {
        Telling::Brief => (true, Length::Empty),
        Telling::Found => (false, Length::Empty),
        Telling::Listed => (false, Length::Short),
        Telling::Whole => (false, Length::Any),
    };
    let ids: Vec<i64> = projects.iter().map(|project| project.id).collect();
    let owners = projects.iter().map(|project| project.owner_id);
    let [repositories, roles, metadata, names, allowlists] = app
        .db
        .read([
            Read::about(sql::REPOSITORIES_OF, ids.iter().copied(), &[]),
            caller
                .person()
                .map_or_else(|| Ok(Read::nothing()), |person| members::roles_in(app, person, &ids))?,
            Read::about(sql::METADATA_OF, ids.iter().copied(), &[]).only_if(!brief),
            Read::about(sql::NAMES_OF, owners, &[]).only_if(!brief),
            allowlists::about(&ids, length).only_if(!brief),
        ])
        .await?;
    let repositories = pairs::<i64>(&repositories)?;
    let mut roles = members::by_project(&roles)?;
    let mut more = if brief { HashMap::new() } else { longer(&projects, &metadata, &names, &allowlists)? };
    let detail = |project: Project| Detail {
        roles: roles.remove(&project.id).unwrap_or_default(),
        repositories: repositories.get(&project.id).copied().unwrap_or(0),
        more: more.remove(&project.id),
        project,
    };
    Ok(projects.into_iter().map(detail).collect())
}

fn longer(
    projects: &[Project],
    metadata: &[Row],
    names: &[Row],
    allowlists: &[Row],
) -> Result<HashMap<i64, More>> {
    let mut properties: HashMap<i64, Metadata> = HashMap::new();
    for row in metadata {
        let key: String = row.get(1)?;
        let value = metadata::shown(&key, row.get(2)?);
        properties.entry(row.get(0)?).or_default().insert(key, value);
    }
    let names = pairs::<String>(names)?;
    let mut allowlists = allowlists::by_project(allowlists)?;
    let more = |project: &Project| {
        let mut metadata = properties.remove(&project.id).unwrap_or_default();
        metadata.insert(PUBLIC.to_owned(), project.public.to_string());
        let more = More {
            owner_name: names.get(&project.owner_id).cloned().unwrap_or_default(),
            metadata,
            allowlist: allowlists.remove(&project.id).unwrap_or_else(|| Some(Allowlist::default())),
        };
        (project.id, more)
    };
    Ok(projects.iter().map(more).collect())
}

/// What rows say of an id.
fn pairs<T: FromCell>(rows: &[Row]) -> Result<HashMap<i64, T>> {
    rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?))).collect()
}

/// One project with all that `GET /projects/{x}` tells.
///
/// # Errors
/// When the database fails.
pub async fn get(app: &App, caller: &Caller, grant: &Grant<ReadProject>) -> Result<Detail> {
    let mut found = details(app, caller, vec![grant.project.clone()], Telling::Whole).await?;
    found.pop().ok_or_else(|| Error::internal("a project without details"))
}

/// Counts of a project.
///
/// # Errors
/// When the database fails.
pub async fn summary(app: &App, caller: &Caller, grant: &Grant<ReadProject>) -> Result<Summary> {
    let project = &grant.project;
    let repositories = app.db.query_one(sql::COUNT_REPOSITORIES, params![project.id]).await?.get(0)?;
    let standing = Standing::of(app, caller, project).await?;
    let mut members = None;
    if standing.may(Resource::Member, Action::List) {
        members = Some(members::count_by_role(app, project.id).await?);
    }
    let mut usage = None;
    if standing.may(Resource::Quota, Action::Read) && settings::get(app).await?.quota_per_project_enable {
        usage = quota::usage(app, project.id).await?;
    }
    Ok(Summary { repositories, members, quota: usage })
}
