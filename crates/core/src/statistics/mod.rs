//! How much there is in all. Owns no table.

mod sql;

use crate::access::{Caller, require_reader};
use crate::projects::{Rows, only_seen};
use crate::{App, Result};
use haven_db::list::Select;
use haven_db::{Row, params};
use moka::sync::Cache;
use std::time::Duration;

/// What `GET /statistics` tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    pub public: Count,
    /// For others than administrators: of those that the person is a member of.
    pub private: Count,
    /// Only for administrators, as the bytes are.
    pub total: Count,
    /// Bytes in storage, each blob once.
    pub storage: i64,
}

/// Projects, and the repositories in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub projects: i64,
    pub repositories: i64,
}

/// The bytes in storage as this process summed them up lately: that walks over every blob.
pub(crate) struct Storage(Cache<(), i64>);

/// How old that sum may be.
const RECENT: Duration = Duration::from_secs(10);

impl Default for Storage {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(1).time_to_live(RECENT).build())
    }
}

/// Counts what the caller may know of.
///
/// # Errors
/// `Unauthorized` for nobody, `Forbidden` for a token that was not made for this.
pub async fn statistics(app: &App, caller: &Caller) -> Result<Statistics> {
    require_reader(caller)?;
    let public = counted(app, counts(sql::PUBLIC)).await?;
    let private = private_of(app, caller).await?;
    if !caller.is_sysadmin() {
        return Ok(Statistics { public, private, ..Statistics::default() });
    }
    let total = Count {
        projects: public.projects + private.projects,
        repositories: public.repositories + private.repositories,
    };
    Ok(Statistics { public, private, total, storage: storage(app).await? })
}

async fn private_of(app: &App, caller: &Caller) -> Result<Count> {
    match only_seen(counts(sql::LIVE), Rows::Projects, &caller.viewer(), Some(false)) {
        Some(select) => counted(app, select).await,
        None => Ok(Count::default()),
    }
}

/// The projects of which this holds, and their repositories.
fn counts(condition: &'static str) -> Select {
    Select::new(sql::COUNTS, sql::FROM).filter_many(condition, Vec::new())
}

async fn counted(app: &App, select: Select) -> Result<Count> {
    select.fetch(&app.db).await?.first().map(count).transpose().map(Option::unwrap_or_default)
}

async fn storage(app: &App) -> Result<i64> {
    if let Some(bytes) = app.storage.0.get(&()) {
        return Ok(bytes);
    }
    let bytes = app.db.query_one(sql::STORAGE, params![]).await?.get(0)?;
    app.storage.0.insert((), bytes);
    Ok(bytes)
}

fn count(row: &Row) -> Result<Count> {
    Ok(Count { projects: row.get(0)?, repositories: row.get(1)? })
}
