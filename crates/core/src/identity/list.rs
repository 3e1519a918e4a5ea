//! Accounts as they are looked for. The administrator that the schema brings is in no list.

use super::change::is_own;
use super::{User, change, sql};
use crate::access::permissions::{ListUsers, ReadUser};
use crate::access::{Caller, SystemGrant, require_reader_of_all, require_system};
use crate::{App, Code, Error, Result, settings};
use haven_db::list::{Column, Kind, Match, Page, Query, Select, Term};
use haven_db::params;

const COLUMNS: &[Column] = &[
    Column { key: "user_id", sql: "u.id", kind: Kind::Int, sortable: true },
    Column { key: "username", sql: "u.username", kind: Kind::Text, sortable: true },
    Column { key: "email", sql: "COALESCE(u.email, '')", kind: Kind::Text, sortable: true },
    Column { key: "realname", sql: "u.realname", kind: Kind::Text, sortable: true },
    Column { key: "comment", sql: "u.comment", kind: Kind::Text, sortable: false },
    Column { key: "sysadmin_flag", sql: "u.sysadmin", kind: Kind::Bool, sortable: true },
    Column { key: "creation_time", sql: "u.created_at", kind: Kind::Time, sortable: true },
    Column { key: "update_time", sql: "u.updated_at", kind: Kind::Time, sortable: true },
    Column {
        key: EITHER,
        sql: "(u.username || ' ' || COALESCE(u.email, ''))",
        kind: Kind::Text,
        sortable: false,
    },
];
const EITHER: &str = "username_or_email";

/// What is free to know about whoever has that name or e-mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    Username,
    Email,
}

/// The accounts of a page, by name unless asked otherwise, with the number of all.
///
/// # Errors
/// When the database fails.
pub async fn list(app: &App, _grant: &SystemGrant<ListUsers>, mut query: Query) -> Result<(Vec<User>, i64)> {
    // Searched, never compared as a whole.
    if let Some(Match::Exact(text) | Match::Fuzzy(text)) = query.take(EITHER) {
        query.terms.push(Term { key: EITHER.into(), value: Match::Fuzzy(text) });
    }
    let select = listed().apply(COLUMNS, &query).default_order("u.username ASC");
    let (rows, total) = select.fetch_page(&app.db).await?;
    Ok((rows.iter().map(sql::user).collect::<Result<_>>()?, total))
}

/// The names that contain a text, shortest first, as many as a page may have, with the number of all.
///
/// # Errors
/// `Unauthorized` for nobody, `Forbidden` for a token that was not made for this.
pub async fn search(app: &App, caller: &Caller, text: &str, page: Page) -> Result<(Vec<User>, i64)> {
    require_reader_of_all(caller)?;
    let term = Term { key: "username".into(), value: Match::Fuzzy(text.to_owned()) };
    let query = Query { terms: vec![term], sort: Vec::new(), page: Page { number: 1, ..page } };
    let select = listed().apply(COLUMNS, &query).default_order(sql::SHORTEST_FIRST);
    let (rows, total) = select.fetch_page(&app.db).await?;
    Ok((rows.iter().map(sql::user).collect::<Result<_>>()?, total))
}

fn listed() -> Select {
    Select::new(sql::USER_COLUMNS, sql::USER_FROM).filter_many(sql::LISTED, Vec::new())
}

/// One account: one's own, or anybody's for an administrator.
///
/// # Errors
/// `Unauthorized`, `Forbidden` or `NotFound`.
pub async fn get(app: &App, caller: &Caller, id: i64) -> Result<User> {
    if !is_own(caller, id) {
        require_system::<ReadUser>(caller)?;
    }
    let row = app.db.query_opt(sql::BY_ID, params![id]).await?;
    row.as_ref().map(sql::user).transpose()?.ok_or_else(|| change::unknown(id))
}

/// The name of an account, for the audit log.
///
/// # Errors
/// When the database fails.
pub async fn name_of(app: &App, id: i64) -> Result<Option<String>> {
    let row = app.db.query_opt(sql::BY_ID, params![id]).await?;
    row.map(|row| Ok(sql::user(&row)?.username)).transpose()
}

/// The account of that name.
///
/// # Errors
/// `NotFound`.
pub async fn by_name(app: &App, _grant: &SystemGrant<ReadUser>, name: &str) -> Result<User> {
    let row = app.db.query_opt(sql::BY_NAME, params![name]).await?;
    row.as_ref().map(sql::user).transpose()?.ok_or_else(|| Error::not_found(format!("user {name} not found")))
}

/// Whether a name or an e-mail is taken, for forms that say so while one types.
///
/// # Errors
/// `Precondition` unless visitors may register or the caller is an administrator.
pub async fn exists(app: &App, caller: &Caller, named: Named, value: &str) -> Result<bool> {
    if !settings::get(app).await?.self_registration && !caller.is_sysadmin() {
        let text = "self registration deactivated, only sysadmin can check user existence";
        return Err(Error::new(Code::Precondition, text));
    }
    let statement = match named {
        Named::Username => sql::NAME_EXISTS,
        Named::Email => sql::EMAIL_EXISTS,
    };
    Ok(!value.contains('\0') && app.db.query_opt(statement, params![value]).await?.is_some())
}
