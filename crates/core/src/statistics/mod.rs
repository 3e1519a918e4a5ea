//! How much there is in all. Owns no table: every figure is a count that the writes keep, summed up over the projects,
//! but for the bytes in storage.

mod sql;

use crate::access::{Caller, Person, require_person};
use crate::members::only_of;
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
/// `Unauthorized` for nobody.
pub async fn statistics(app: &App, caller: &Caller) -> Result<Statistics> {
    let person = require_person(caller)?;
    let public = count(&app.db.query_one(sql::PUBLIC, params![]).await?)?;
    if !person.sysadmin {
        let private = private_of(app, person).await?;
        return Ok(Statistics { public, private, ..Statistics::default() });
    }
    let private = count(&app.db.query_one(sql::PRIVATE, params![]).await?)?;
    let total = Count {
        projects: public.projects + private.projects,
        repositories: public.repositories + private.repositories,
    };
    Ok(Statistics { public, private, total, storage: storage(app).await? })
}

async fn private_of(app: &App, person: &Person) -> Result<Count> {
    let select = only_of(Select::new(sql::COUNTS, sql::FROM), sql::PRIVATE_AND_MINE, person);
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
