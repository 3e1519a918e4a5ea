//! Who belongs to a project, and as what. Owns `project_member`.
//!
//! Nothing remembers roles: one that was given or taken counts with the next request, on every replica.

mod manage;
mod sought;
mod sql;

pub use manage::{NewMember, create, delete, get, list, name, update};
pub use sought::{Named, NamedGroup, NamedUser};

use crate::access::{Person, Role};
use crate::{App, Error, Result};
use haven_db::list::Select;
use haven_db::{Read, Row, Timestamp, Tx, Value, params};
use std::collections::HashMap;

/// Who can be a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entity {
    User(i64),
    Group(i64),
}

impl Entity {
    /// The letter on the wire and in the database.
    pub fn letter(self) -> &'static str {
        match self {
            Self::User(_) => "u",
            Self::Group(_) => "g",
        }
    }

    /// The number of the user or the group.
    pub fn id(self) -> i64 {
        match self {
            Self::User(id) | Self::Group(id) => id,
        }
    }
}

/// Somebody's place in a project.
#[derive(Clone, Debug)]
pub struct Member {
    pub id: i64,
    pub project_id: i64,
    pub entity: Entity,
    /// The user's or the group's.
    pub name: String,
    pub role: Role,
}

/// Projects asked about in one statement.
const BATCH: usize = 512;

/// The roles that a person has in a project, by themselves and by their groups, in one statement.
pub(crate) async fn roles_of(app: &App, project: i64, person: &Person) -> Result<Vec<Role>> {
    let rows = if person.groups.is_empty() {
        app.db.query(sql::ROLES_OF, params![project, person.id]).await?
    } else {
        let groups = person.groups.iter().copied();
        app.db.query_in(sql::ROLES_WITH_GROUPS, groups, params![project, person.id]).await?
    };
    rows.iter().map(|row| sql::role(row.get(0)?)).collect()
}

/// Whether a person administers any project, by themselves or by their groups.
pub(crate) async fn administers_any(app: &App, person: &Person) -> Result<bool> {
    // No group has the number 0: without any, the person alone is asked about.
    let groups = person.groups.iter().copied().chain([0]);
    let found =
        app.db.query_in(sql::ADMINISTERS, groups, params![person.id, Role::ProjectAdmin.id()]).await?;
    Ok(!found.is_empty())
}

/// The question for the roles that a person has in each of these projects.
pub(crate) fn roles_in(app: &App, person: &Person, projects: &[i64]) -> Result<Read> {
    let of = |batch: &[i64]| {
        let ids = batch.iter().map(|id| Value::from(*id)).collect();
        let select = Select::new(sql::ROLES, sql::ROLES_FROM).filter_in("m.project_id", ids);
        Ok(only_of(select, sql::IS, person).read(&app.db)?)
    };
    projects.chunks(BATCH).map(of).collect()
}

/// The roles in its answer, by project, strongest first.
pub(crate) fn by_project(rows: &[Row]) -> Result<HashMap<i64, Vec<Role>>> {
    let mut roles: HashMap<i64, Vec<Role>> = HashMap::new();
    for row in rows {
        roles.entry(row.get(0)?).or_default().push(sql::role(row.get(1)?)?);
    }
    for mine in roles.values_mut() {
        mine.sort_by_key(|role| Role::ALL.iter().position(|known| known == role));
        mine.dedup();
    }
    Ok(roles)
}

/// Adds a condition about the rows of `project_member` that are a person's: `sql` has a mark for the person's number, and
/// `{list}` for those of their groups.
pub(crate) fn only_of(select: Select, sql: &'static str, person: &Person) -> Select {
    let groups = person.groups.iter().map(|id| Value::from(*id)).collect();
    select.filter_list(sql, vec![person.id.into()], groups)
}

/// The roles that a person has, by themselves and by their groups, with the projects they are for.
pub(crate) async fn memberships(app: &App, person: &Person) -> Result<Vec<(i64, Role)>> {
    // No group has the number 0: without any, the person alone is asked about.
    let groups = person.groups.iter().copied().chain([0]);
    let rows = app.db.query_in(sql::MEMBERSHIPS, groups, params![person.id]).await?;
    rows.iter().map(|row| Ok((row.get(0)?, sql::role(row.get(1)?)?))).collect()
}

/// How many members have each role, in the order of [`Role::ALL`].
pub(crate) async fn count_by_role(app: &App, project: i64) -> Result<[i64; Role::ALL.len()]> {
    let mut counts = [0; Role::ALL.len()];
    for row in app.db.query(sql::COUNT_BY_ROLE, params![project]).await? {
        let role = sql::role(row.get(0)?)?;
        if let Some(at) = Role::ALL.iter().position(|known| *known == role) {
            counts[at] = row.get(1)?;
        }
    }
    Ok(counts)
}

/// Gives somebody a role and returns the member's number; none when they have one already.
pub(crate) async fn enlist(
    tx: &mut Tx,
    project: i64,
    entity: Entity,
    role: Role,
    now: Timestamp,
) -> Result<Option<i64>> {
    let row = params![project, entity.letter(), entity.id(), role.id(), now];
    let inserted = tx.query_opt(sql::INSERT, row).await?;
    Ok(inserted.map(|row| row.get(0)).transpose()?)
}

/// Takes everybody's role in a project away.
pub(crate) async fn dismiss_all(tx: &mut Tx, project: i64) -> Result<()> {
    tx.execute(sql::DELETE_ALL, params![project]).await?;
    Ok(())
}

/// Takes a user or a group out of all projects, because it goes.
pub(crate) async fn leave_all(tx: &mut Tx, entity: Entity) -> Result<()> {
    tx.execute(sql::DELETE_EVERYWHERE, params![entity.letter(), entity.id()]).await?;
    Ok(())
}

fn unknown(id: i64) -> Error {
    Error::not_found(format!("project member {id} not found"))
}
