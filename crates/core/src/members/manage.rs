//! The list of members, and changes of it.

use super::sought::Named;
use super::{Member, enlist, sql, unknown};
use crate::access::{
    Grant, Role,
    permissions::{CreateMember, DeleteMember, ListMembers, ReadMember, ReadProject, UpdateMember},
};
use crate::audit::{self, Act, Entry};
use crate::{App, Code, Error, Result, projects};
use haven_db::list::{Page, Select};
use haven_db::{Tx, params};

/// Somebody who is to be a member.
#[derive(Clone, Debug, Default)]
pub struct NewMember {
    pub who: Named,
    /// The role's number.
    pub role: i64,
}

/// The members of a project by name, with their number; only those of exactly this name, if one is given.
///
/// # Errors
/// When the database fails.
pub async fn list(
    app: &App,
    grant: &Grant<ListMembers>,
    name: Option<String>,
    page: Page,
) -> Result<(Vec<Member>, i64)> {
    let mut select = members(grant.project.id).default_order(sql::BY_NAME).page(page);
    if let Some(name) = name {
        select = select.filter(sql::IS_NAMED, name);
    }
    let (rows, total) = select.fetch_page(&app.db).await?;
    Ok((rows.iter().map(sql::member).collect::<Result<_>>()?, total))
}

/// One member.
///
/// # Errors
/// `BadRequest` for a number that none can have, `NotFound`.
pub async fn get(app: &App, grant: &Grant<ReadMember>, id: i64) -> Result<Member> {
    possible(id)?;
    let rows = members(grant.project.id).filter("m.id = ?", id).fetch(&app.db).await?;
    sql::member(rows.first().ok_or_else(|| unknown(id))?)
}

/// The name of a member, for the audit log.
///
/// # Errors
/// When the database fails.
pub async fn name(app: &App, grant: &Grant<ReadProject>, id: i64) -> Result<Option<String>> {
    let rows = members(grant.project.id).filter("m.id = ?", id).fetch(&app.db).await?;
    rows.first().map(|row| Ok(sql::member(row)?.name)).transpose()
}

fn members(project: i64) -> Select {
    Select::new(sql::COLUMNS, sql::FROM)
        .filter("m.project_id = ?", project)
        .filter_many(sql::IS_SOMEBODY, Vec::new())
}

/// Gives a user or a group a role, and returns the member's number.
///
/// # Errors
/// `BadRequest` when it is not said who, for an unknown number of a user or group, and for an unknown role; `NotFound` for
/// an unknown name; `Conflict` for somebody who is a member already.
pub async fn create(app: &App, grant: &Grant<CreateMember>, new: &NewMember) -> Result<i64> {
    let entity = new.who.find(app).await?;
    let project = grant.project.id;
    let conflict = || Error::new(Code::Conflict, "The project member specified already exist");
    let Ok(role) = parse_role(new.role) else {
        let known = app.db.query_opt(sql::IS_MEMBER, params![project, entity.letter(), entity.id()]).await?;
        return Err(if known.is_some() { conflict() } else { unknown_role(new.role) });
    };
    let mut tx = app.db.begin().await?;
    let id = enlist(&mut tx, project, entity, role, app.clock.now()).await?.ok_or_else(conflict)?;
    projects::check_live(&mut tx, &grant.project).await?;
    let name = name_of(&mut tx, id).await?;
    record(app, &mut tx, grant, Act::CreateMember, name).await?;
    tx.commit().await?;
    Ok(id)
}

/// Gives a member another role.
///
/// # Errors
/// `BadRequest` for an unknown role, `NotFound` for an unknown member.
pub async fn update(app: &App, grant: &Grant<UpdateMember>, id: i64, role: i64) -> Result<()> {
    possible(id)?;
    let role = parse_role(role)?;
    let mut tx = app.db.begin().await?;
    if tx.execute(sql::UPDATE, params![id, grant.project.id, role.id(), app.clock.now()]).await? == 0 {
        return Err(unknown(id));
    }
    let name = name_of(&mut tx, id).await?;
    record(app, &mut tx, grant, Act::UpdateMember, name).await?;
    Ok(tx.commit().await?)
}

/// Takes a member's role away, also that of the last administrator. Taking away what is not there is no error.
///
/// # Errors
/// `BadRequest` for a number that none can have.
pub async fn delete(app: &App, grant: &Grant<DeleteMember>, id: i64) -> Result<()> {
    possible(id)?;
    let mut tx = app.db.begin().await?;
    let name = name_of(&mut tx, id).await?;
    if tx.execute(sql::DELETE, params![id, grant.project.id]).await? > 0 {
        record(app, &mut tx, grant, Act::DeleteMember, name).await?;
    }
    Ok(tx.commit().await?)
}

/// What a member is and the user's or the group's name, which is empty for nobody's.
async fn name_of(tx: &mut Tx, member: i64) -> Result<(&'static str, String)> {
    let Some(row) = tx.query_opt(sql::NAME_OF, params![member]).await? else {
        return Ok(("user", String::new()));
    };
    let kind: String = row.get(1)?;
    Ok((if kind == "g" { "group" } else { "user" }, row.get(0)?))
}

async fn record<P>(
    app: &App,
    tx: &mut Tx,
    grant: &Grant<P>,
    act: Act,
    (kind, name): (&str, String),
) -> Result<()> {
    let project = &grant.project;
    let what = format!("{kind} member {name} in project {}", project.name);
    audit::record(app, tx, Entry::new(act, &grant.actor, name).in_project(project.id).about(&what)).await
}

fn possible(id: i64) -> Result<()> {
    if id > 0 { Ok(()) } else { Err(Error::bad_request(format!("invalid project member id: {id}"))) }
}

fn parse_role(id: i64) -> Result<Role> {
    Role::from_id(id).ok_or_else(|| unknown_role(id))
}

fn unknown_role(id: i64) -> Error {
    Error::bad_request(format!("invalid role id: {id}, it is one of 1, 2, 3, 4 and 5"))
}
