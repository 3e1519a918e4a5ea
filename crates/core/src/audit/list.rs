//! Lists of lines, and who sees which.

use super::{NO_PROJECT, sql};
use crate::access::{self, Action, Caller, Extent, Grant, SystemResource, permissions::ListLogs};
use crate::{App, Result};
use haven_db::Timestamp;
use haven_db::list::{Column, Kind, Page, Query, Select, same_key};

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub id: i64,
    pub username: String,
    pub operation: String,
    pub resource_type: String,
    pub resource: String,
    pub happened_at: Timestamp,
    /// Empty in lines of Harbor's earlier versions.
    pub description: String,
    pub succeeded: bool,
}

/// Whose lines somebody may see. Only this module makes one.
#[derive(Clone, Debug)]
pub struct Scope(Extent);

/// One of the two logs.
struct Log {
    columns: &'static str,
    from: &'static str,
    known: &'static [Column],
    /// Whether the number of its lines is kept.
    is_counted: bool,
}

const LOG: Log = Log { columns: sql::COLUMNS, from: sql::FROM, known: COLUMNS, is_counted: true };
const EARLIER_LOG: Log = Log {
    columns: sql::EARLIER_COLUMNS,
    from: sql::EARLIER_FROM,
    known: COLUMNS.split_at(EARLIER).0,
    is_counted: false,
};

/// Those that both logs have come first.
const EARLIER: usize = 7;
const COLUMNS: &[Column] = &[
    Column { key: "id", sql: "a.id", kind: Kind::Int, sortable: true },
    Column { key: "project_id", sql: "a.project_id", kind: Kind::Int, sortable: false },
    Column { key: "username", sql: "a.username", kind: Kind::Text, sortable: true },
    Column { key: "resource", sql: "a.resource", kind: Kind::Text, sortable: true },
    Column { key: "resource_type", sql: "a.resource_type", kind: Kind::Text, sortable: true },
    Column { key: "operation", sql: "a.operation", kind: Kind::Text, sortable: true },
    Column { key: "op_time", sql: "a.happened_at", kind: Kind::Time, sortable: true },
    Column { key: "operation_description", sql: "a.description", kind: Kind::Text, sortable: false },
    Column { key: "operation_result", sql: "a.succeeded", kind: Kind::Bool, sortable: false },
];

const NEWEST_FIRST: &str = "a.happened_at DESC, a.id DESC";
const OLDEST_FIRST: &str = "a.happened_at ASC, a.id ASC";
/// Of lines that match a filter, so many behind the page are counted.
const COUNTED_AHEAD: i64 = 10_000;
/// A page that asks for everything has so many; the log may have more than any client can take.
const MOST_LINES: i64 = 10_000;

/// What somebody may see of the whole log: an administrator everything, others what concerns the projects whose log they
/// may see.
///
/// # Errors
/// `Unauthorized` for nobody, `Forbidden` for a token that was not made for this.
pub async fn visible(app: &App, caller: &Caller) -> Result<Scope> {
    access::require_reader(caller)?;
    if access::may_system(caller, SystemResource::AuditLog, Action::List) {
        return Ok(Scope(Extent::Everywhere));
    }
    Ok(Scope(access::extent::<ListLogs>(app, caller).await?))
}

/// The log of a project.
pub fn of_project(grant: &Grant<ListLogs>) -> Scope {
    Scope(Extent::In(vec![grant.project.id]))
}

/// The log, newest first, with the number of its lines. That of lines which match a filter may be too low, but never
/// so low that there seems to be no next page.
///
/// # Errors
/// When the database fails.
pub async fn lines(app: &App, scope: &Scope, query: Query) -> Result<(Vec<Line>, i64)> {
    page(app, &LOG, scope, query).await
}

/// The same of the log of Harbor's earlier versions, to which nothing is added.
///
/// # Errors
/// When the database fails.
pub async fn earlier_lines(app: &App, scope: &Scope, query: Query) -> Result<(Vec<Line>, i64)> {
    page(app, &EARLIER_LOG, scope, query).await
}

async fn page(app: &App, log: &Log, scope: &Scope, query: Query) -> Result<(Vec<Line>, i64)> {
    let query = understood(log, query);
    let Some(select) = statement(log, scope, &query) else { return Ok((Vec::new(), 0)) };
    let rows = select.fetch(&app.db).await?;
    let total = match query.page.total(rows.len()) {
        Some(total) => total,
        None if log.is_counted && query.terms.is_empty() => total(app, scope).await?,
        None => {
            let most = query.page.offset().saturating_add(query.page.size + COUNTED_AHEAD);
            select.count_up_to(&app.db, most).await?
        }
    };
    Ok((rows.iter().map(sql::line).collect::<Result<_>>()?, total))
}

/// What of a query counts.
fn understood(log: &Log, mut query: Query) -> Query {
    let column = |key: &str| log.known.iter().find(|column| same_key(column.key, key));
    query.terms.retain(|term| column(&term.key).is_some());
    query.sort.retain(|sort| column(&sort.key).is_some_and(|column| column.sortable));
    if query.page.size <= 0 {
        query.page = Page { number: 1, size: MOST_LINES };
    }
    query
}

/// None when nothing can be seen.
fn statement(log: &Log, scope: &Scope, query: &Query) -> Option<Select> {
    let select = Select::new(log.columns, log.from);
    let select = match &scope.0 {
        Extent::Everywhere => select,
        Extent::EveryProjectBut(others) => {
            let others = others.iter().chain(&[NO_PROJECT]).map(|id| (*id).into()).collect();
            select.filter_list("a.project_id NOT IN ({list})", Vec::new(), others)
        }
        Extent::In(projects) if projects.is_empty() => return None,
        Extent::In(projects) => {
            select.filter_in("a.project_id", projects.iter().map(|id| (*id).into()).collect())
        }
    };
    match query.sort.first().filter(|first| same_key(&first.key, "op_time")) {
        None => Some(select.apply(log.known, query).default_order(NEWEST_FIRST)),
        // Further keys would only decide between lines of the same microsecond, and keep the index from being used.
        Some(first) => {
            let order = if first.descending { NEWEST_FIRST } else { OLDEST_FIRST };
            let unsorted = Query { sort: Vec::new(), ..query.clone() };
            Some(select.apply(log.known, &unsorted).default_order(order))
        }
    }
}

/// All lines of a scope, from the kept counts.
async fn total(app: &App, scope: &Scope) -> Result<i64> {
    match &scope.0 {
        Extent::Everywhere => total_of_all(app).await,
        Extent::EveryProjectBut(others) => {
            let others: Vec<i64> = others.iter().copied().chain([NO_PROJECT]).collect();
            Ok(total_of_all(app).await? - total_of(app, &others).await?)
        }
        Extent::In(projects) => total_of(app, projects).await,
    }
}

async fn total_of_all(app: &App) -> Result<i64> {
    Ok(app.db.query_one(sql::TOTAL, &[]).await?.get(0)?)
}

async fn total_of(app: &App, projects: &[i64]) -> Result<i64> {
    let mut total = 0;
    for row in app.db.query_in(sql::TOTAL_OF, projects.iter().copied(), &[]).await? {
        total += row.get::<i64>(0)?;
    }
    Ok(total)
}

/// How the engine carries a list out.
#[cfg(test)]
pub(super) async fn plan(app: &App, projects: Option<Vec<i64>>, query: Query) -> String {
    let scope = Scope(projects.map_or(Extent::Everywhere, Extent::In));
    let select = statement(&LOG, &scope, &understood(&LOG, query)).unwrap();
    select.plan(&app.db).await.unwrap()
}
