//! Groups of people, as directories and providers know them. Owns `user_group` and `user_group_member`.
//!
//! Who is in a group is for the place to say that the group is of; `user_group_member` holds what it said when each person
//! logged in last. A group can be a member of projects like a person.

mod dn;
mod sql;

use crate::access::permissions::{CreateGroup, DeleteGroup, ListGroups, ReadGroup, UpdateGroup};
use crate::access::{Caller, SystemGrant, require_reader_of_all};
use crate::members::{self, Entity};
use crate::{App, Code, Error, Result};
use haven_db::list::{Column, Kind as As, Match, Page, Query, Select, Term};
use haven_db::{Tx, params};

/// A group.
#[derive(Clone, Debug)]
pub struct Group {
    pub id: i64,
    pub name: String,
    /// The number of its [`Kind`].
    pub kind: i64,
    pub ldap_dn: String,
}

/// Where a group is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ldap = 1,
    Http = 2,
    Oidc = 3,
}

impl Kind {
    fn from_id(id: i64) -> Option<Self> {
        [Self::Ldap, Self::Http, Self::Oidc].into_iter().find(|kind| *kind as i64 == id)
    }
}

/// A group to be made.
#[derive(Clone, Debug, Default)]
pub struct NewGroup {
    pub name: String,
    pub kind: i64,
    pub ldap_dn: String,
}

const COLUMNS: &[Column] = &[
    Column { key: "id", sql: "g.id", kind: As::Int, sortable: true },
    Column { key: "group_name", sql: "g.name", kind: As::Text, sortable: true },
    Column { key: "group_type", sql: "g.type", kind: As::Int, sortable: true },
    Column { key: "ldap_group_dn", sql: "g.ldap_dn", kind: As::Text, sortable: true },
];

/// The groups of a page whose names contain a text, if one is given, with the number of all.
///
/// # Errors
/// When the database fails.
pub async fn list(
    app: &App,
    _grant: &SystemGrant<ListGroups>,
    name: Option<String>,
    mut query: Query,
) -> Result<(Vec<Group>, i64)> {
    query.terms.extend(name.map(containing));
    page(app, &query, "g.id ASC").await
}

/// The groups whose names contain a text, shortest first, as many as a page may have, with the number of all.
///
/// # Errors
/// `Unauthorized` for nobody, `Forbidden` for a token that was not made for this.
pub async fn search(app: &App, caller: &Caller, text: &str, page: Page) -> Result<(Vec<Group>, i64)> {
    require_reader_of_all(caller)?;
    let terms = vec![containing(text.to_owned())];
    let query = Query { terms, sort: Vec::new(), page: Page { number: 1, ..page } };
    self::page(app, &query, sql::SHORTEST_FIRST).await
}

fn containing(text: String) -> Term {
    Term { key: "group_name".into(), value: Match::Fuzzy(text) }
}

async fn page(app: &App, query: &Query, order: &'static str) -> Result<(Vec<Group>, i64)> {
    let select = Select::new(sql::COLUMNS, sql::FROM).apply(COLUMNS, query).default_order(order);
    let (rows, total) = select.fetch_page(&app.db).await?;
    Ok((rows.iter().map(sql::group).collect::<Result<_>>()?, total))
}

/// One group.
///
/// # Errors
/// `BadRequest` for what is no id, `NotFound`.
pub async fn get(app: &App, _grant: &SystemGrant<ReadGroup>, id: i64) -> Result<Group> {
    check_id(id)?;
    let row = app.db.query_opt(sql::BY_ID, params![id]).await?;
    row.as_ref().map(sql::group).transpose()?.ok_or_else(|| unknown(id))
}

/// Makes a group and returns its id.
///
/// # Errors
/// `BadRequest` without a name, for a type that there is not, and for a group of a directory that the directory does not know;
/// `Conflict` when the name is taken.
pub async fn create(app: &App, _grant: &SystemGrant<CreateGroup>, new: &NewGroup) -> Result<i64> {
    check_name(&new.name)?;
    match Kind::from_id(new.kind) {
        Some(Kind::Ldap) => return Err(not_in_directory(&new.ldap_dn)),
        Some(Kind::Http | Kind::Oidc) => {}
        None => return Err(Error::bad_request(format!("unknown group type: {}", new.kind))),
    }
    let mut tx = app.db.begin().await?;
    let row = params![new.name.as_str(), new.kind, app.clock.now()];
    let Some(row) = tx.query_opt(sql::INSERT, row).await? else { return Err(taken(&new.name)) };
    tx.commit().await?;
    Ok(row.get(0)?)
}

/// A group of a directory must be found there, and no directory is connected that could know it.
fn not_in_directory(name: &str) -> Error {
    let what = if dn::is_one(name) { "LDAP Group DN is not found: DN:" } else { "invalid DN syntax. DN: " };
    Error::bad_request(format!("{what}{name}"))
}

/// Gives a group another name.
///
/// # Errors
/// `BadRequest` without a name, `NotFound`, `Conflict` when the name is taken.
pub async fn rename(app: &App, _grant: &SystemGrant<UpdateGroup>, id: i64, name: &str) -> Result<()> {
    check_id(id)?;
    check_name(name)?;
    let mut tx = app.db.begin().await?;
    if tx.query_opt(sql::NAMED, params![name, id]).await?.is_some() {
        return Err(taken(name));
    }
    if tx.execute(sql::RENAME, params![id, name, app.clock.now()]).await? == 0 {
        return Err(unknown(id));
    }
    Ok(tx.commit().await?)
}

/// Deletes a group with all that it may. One that is not there is gone already.
///
/// # Errors
/// `BadRequest` for what is no id.
pub async fn delete(app: &App, _grant: &SystemGrant<DeleteGroup>, id: i64) -> Result<()> {
    check_id(id)?;
    let mut tx = app.db.begin().await?;
    members::leave_all(&mut tx, Entity::Group(id)).await?;
    tx.execute(sql::DELETE_MEMBERS, params![id]).await?;
    tx.execute(sql::DELETE, params![id]).await?;
    Ok(tx.commit().await?)
}

/// Takes a person out of all groups, because the account goes.
pub(crate) async fn leave_all(tx: &mut Tx, user: i64) -> Result<()> {
    tx.execute(sql::LEAVE_ALL, params![user]).await?;
    Ok(())
}

fn check_id(id: i64) -> Result<()> {
    if id > 0 { Ok(()) } else { Err(Error::bad_request(format!("invalid user group id: {id}"))) }
}

fn check_name(name: &str) -> Result<()> {
    match name.trim().len() {
        0 => Err(Error::bad_request("the group name is missing")),
        1..=255 => Ok(()),
        _ => Err(Error::bad_request("the group name has more than 255 bytes")),
    }
}

fn unknown(id: i64) -> Error {
    Error::not_found(format!("the user group with id {id} is not found"))
}

fn taken(name: &str) -> Error {
    Error::new(Code::Conflict, format!("user group {name} already exists"))
}
