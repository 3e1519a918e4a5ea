//! Quotas over REST: the list, one of them, a new limit.

use super::{room, sql};
use crate::access::{
    SystemGrant,
    permissions::{ListQuotas, ReadQuota, UpdateQuota},
};
use crate::{App, Error, Result};
use haven_db::list::{Column, Kind, Query, Select};
use haven_db::{Row, Timestamp, params};

/// The most that a limit can say: 1024 TiB.
pub const MOST_BYTES: i64 = 1 << 50;

/// A project's quota as lists show it.
#[derive(Clone, Debug)]
pub struct Quota {
    pub id: i64,
    pub project_id: i64,
    pub project: String,
    /// The name of the project's owner; empty when they are gone.
    pub owner: String,
    /// Bytes; -1: no limit.
    pub hard: i64,
    /// Bytes.
    pub used: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

const COLUMNS: &[Column] = &[
    Column { key: "hard.storage", sql: sql::HARD_ORDER, kind: Kind::Int, sortable: true },
    Column { key: "used.storage", sql: sql::USED, kind: Kind::Int, sortable: true },
    Column { key: "creation_time", sql: "p.created_at", kind: Kind::Time, sortable: true },
    Column { key: "update_time", sql: sql::UPDATED, kind: Kind::Time, sortable: true },
];

/// Quotas, newest project first, with their number; of one project if it is given.
///
/// # Errors
/// When the database fails.
pub async fn list(
    app: &App,
    _grant: &SystemGrant<ListQuotas>,
    project: Option<i64>,
    query: &Query,
) -> Result<(Vec<Quota>, i64)> {
    let mut select = Select::new(sql::columns(), sql::FROM);
    if let Some(project) = project {
        select = select.filter("q.project_id = ?", project);
    }
    let select = select.apply(COLUMNS, query).default_order("p.created_at DESC, q.id DESC");
    let (rows, total) = select.fetch_page(&app.db).await?;
    Ok((rows.iter().map(quota).collect::<Result<_>>()?, total))
}

/// One quota.
///
/// # Errors
/// `NotFound`.
pub async fn get(app: &App, _grant: &SystemGrant<ReadQuota>, id: i64) -> Result<Quota> {
    let select = Select::new(sql::columns(), sql::FROM).filter("q.id = ?", id);
    quota(select.fetch(&app.db).await?.first().ok_or_else(|| unknown(id))?)
}

fn unknown(id: i64) -> Error {
    Error::not_found(format!("quota {id} not found"))
}

fn quota(row: &Row) -> Result<Quota> {
    Ok(Quota {
        id: row.get(0)?,
        project_id: row.get(1)?,
        project: row.get(2)?,
        owner: row.get(3)?,
        hard: row.get(4)?,
        used: row.get(5)?,
        created_at: row.get(6)?,
        updated_at: row.get(7)?,
    })
}

/// Whether a number of bytes can be a limit.
///
/// # Errors
/// `BadRequest`.
pub fn check_limit(bytes: i64) -> Result<()> {
    match bytes {
        -1 | 1..=MOST_BYTES => Ok(()),
        ..=0 => Err(Error::bad_request(format!("invalid non-positive value for quota limit, value={bytes}"))),
        _ => Err(Error::bad_request(format!("1024TB is the maximum storage value, value={bytes}"))),
    }
}

/// Changes a limit, -1 for none. One below what is used already is fine: it only stops what comes.
///
/// # Errors
/// `BadRequest` for what is no limit, `NotFound`.
pub async fn set(app: &App, _grant: &SystemGrant<UpdateQuota>, id: i64, hard: i64) -> Result<()> {
    check_limit(hard)?;
    let mut tx = app.db.begin().await?;
    let row = tx.query_opt(sql::PROJECT_OF, params![id]).await?.ok_or_else(|| unknown(id))?;
    let project: i64 = row.get(0)?;
    let before = room::hold(&mut tx, project).await?.ok_or_else(|| unknown(id))?;
    let changed = room::take_changes(&mut tx, project).await?;
    let used = if before < 0 {
        tx.query_one(sql::BASE, params![project]).await?.get(0)?
    } else {
        before - room::left(&mut tx, project).await?
    };
    let used = used + changed;
    tx.execute(sql::DELETE_SLOTS, params![project]).await?;
    tx.execute(sql::SET, params![project, hard, used, app.clock.now()]).await?;
    if hard >= 0 {
        room::spread(&mut tx, project, hard - used).await?;
    }
    Ok(tx.commit().await?)
}
