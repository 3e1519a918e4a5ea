//! Access tokens: what people give to their programs instead of a password. Owns `access_token`.
//!
//! A token stands in the place of the password, and reaches no further than it was told to. It can be recognised by how it
//! begins. Its first part finds the row; the rest is random, so that a fast hash protects it. It is shown once.

mod create;
mod secret;
mod sql;

pub use create::{MAX_TOKENS, Made, NewToken, create};
pub use secret::looks_like_one;

use crate::access::permissions::UpdateUser;
use crate::access::{Caller, Limited, Limits, Reach, require_login, require_system};
use crate::{App, Error, Result, identity};
use haven_db::list::{Page, Select};
use haven_db::{Row, Timestamp, Tx, params};
use secret::Secret;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often its use is written down at most.
const STEP: Duration = Duration::from_secs(5 * 60);
/// For so long somebody waits for that at most.
const PATIENCE: Duration = Duration::from_millis(100);
/// For so long an expired token is still shown, so that its owner sees why something failed.
const SHOWN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A token as its owner sees it again.
#[derive(Clone, Debug)]
pub struct Token {
    pub id: i64,
    pub name: String,
    pub description: String,
    /// The part that is no secret.
    pub lookup: String,
    pub reach: Vec<Reach>,
    /// The names of the projects that it is for, as far as they are there; none: all.
    pub projects: Option<Vec<String>>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// To within some minutes.
    pub used_at: Option<Timestamp>,
}

impl Token {
    /// How it begins, for people to recognise it.
    pub fn beginning(&self) -> String {
        secret::beginning(&self.lookup)
    }
}

/// Whoever a token stands for; nobody when it is none of ours, is over, or came with somebody else's name. A wrong one costs
/// nothing and delays nobody, for it cannot be guessed.
///
/// # Errors
/// When the database fails.
pub async fn caller(app: &App, secret: &str, principal: Option<&str>) -> Result<Caller> {
    let Some(secret) = Secret::parse(secret) else { return Ok(Caller::Anonymous) };
    let Some(row) = app.db.query_opt(sql::FIND, params![secret.lookup()]).await? else {
        return Ok(Caller::Anonymous);
    };
    let (salt, hash): (Vec<u8>, Vec<u8>) = (row.get(6)?, row.get(7)?);
    if !secret.matches(&salt, &hash) {
        return Ok(Caller::Anonymous);
    }
    let limited = limited(&row)?;
    let email: String = row.get(4)?;
    let is_named = |name: &str| name == limited.person.username || name == email && !email.is_empty();
    let now = app.clock.now();
    let is_over = limited.limits.expires_at.is_some_and(|end| end <= now);
    if is_over || !principal.is_none_or(is_named) {
        return Ok(Caller::Anonymous);
    }
    note_use(app, &row, now).await?;
    Ok(Caller::Limited(limited))
}

fn limited(row: &Row) -> Result<Limited> {
    let (scopes, projects): (String, String) = (row.get(8)?, row.get(9)?);
    let limits = Limits {
        reach: sql::reach(&scopes),
        projects: sql::projects(&projects)?,
        expires_at: sql::ever(row.get(10)?),
    };
    Ok(Limited { person: identity::sql::person(row, 0)?, limits })
}

/// Which tokens this process is writing down the use of.
#[derive(Clone, Default)]
pub(crate) struct Noting(Arc<Mutex<HashSet<i64>>>);

impl Noting {
    fn ids(&self) -> MutexGuard<'_, HashSet<i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes down that a token is used, unless that was done lately. A clock that was turned back is believed. Who comes with
/// the token waits for no writer, and does not fail with one: it may be for a pull.
async fn note_use(app: &App, row: &Row, now: Timestamp) -> Result<()> {
    let (id, before): (i64, Timestamp) = (row.get(5)?, row.get(11)?);
    if before <= now && now.since(before) < STEP || !app.noting.ids().insert(id) {
        return Ok(());
    }
    let (db, noting) = (app.db.clone(), app.noting.clone());
    let task = app.tasks.spawn(async move {
        if let Err(error) = db.execute(sql::USED, params![id, before, now]).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the use of an access token was not written down");
        }
        noting.ids().remove(&id);
    });
    // Usually it is done at once, and then a list shows it.
    let _ = tokio::time::timeout(PATIENCE, task).await;
    Ok(())
}

/// The tokens of somebody, newest first, with their number: one's own after a log-in with a password, or anybody's for
/// an administrator.
///
/// # Errors
/// `Unauthorized`, `Forbidden`, `NotFound` when there is no such account.
pub async fn list(app: &App, caller: &Caller, user: i64, page: Page) -> Result<(Vec<Token>, i64)> {
    may_see(app, caller, user).await?;
    let select = Select::new(sql::COLUMNS, sql::FROM).filter("t.user_id = ?", user);
    let (rows, total) = select.default_order("t.id DESC").page(page).fetch_page(&app.db).await?;
    Ok((with_projects(app, &rows).await?, total))
}

/// One token of somebody.
///
/// # Errors
/// As [`list`], and `NotFound` when there is no such token.
pub async fn get(app: &App, caller: &Caller, user: i64, id: i64) -> Result<Token> {
    may_see(app, caller, user).await?;
    let rows = app.db.query(sql::ONE, params![id, user]).await?;
    with_projects(app, &rows).await?.pop().ok_or_else(|| unknown(id))
}

/// Ends a token at once.
///
/// # Errors
/// As [`get`].
pub async fn revoke(app: &App, caller: &Caller, user: i64, id: i64) -> Result<()> {
    may_see(app, caller, user).await?;
    if caller.person().is_none_or(|person| person.id != user) {
        require_system::<UpdateUser>(caller)?;
        identity::guard_administrators(app, caller, user).await?;
    }
    let mut tx = app.db.begin().await?;
    if tx.execute(sql::DELETE, params![id, user]).await? == 0 {
        return Err(unknown(id));
    }
    Ok(tx.commit().await?)
}

async fn may_see(app: &App, caller: &Caller, user: i64) -> Result<()> {
    if caller.person().is_some_and(|person| person.id == user) {
        require_login(caller)?;
    }
    identity::get(app, caller, user).await?;
    Ok(())
}

/// Adds the names of projects, in one statement for all.
async fn with_projects(app: &App, rows: &[Row]) -> Result<Vec<Token>> {
    let found = rows.iter().map(sql::token).collect::<Result<Vec<_>>>()?;
    let ids: Vec<i64> = found.iter().filter_map(|(_, only)| only.as_ref()).flatten().copied().collect();
    let mut names: HashMap<i64, String> = HashMap::new();
    for row in app.db.query_in(sql::PROJECT_NAMES, ids, &[]).await? {
        names.insert(row.get(0)?, row.get(1)?);
    }
    let named = |(token, only): (Token, Option<Vec<i64>>)| {
        let projects = only.map(|ids| ids.iter().filter_map(|id| names.get(id).cloned()).collect());
        Token { projects, ..token }
    };
    Ok(found.into_iter().map(named).collect())
}

/// Ends all tokens of an account, because it goes.
pub(crate) async fn revoke_all(tx: &mut Tx, user: i64) -> Result<()> {
    tx.execute(sql::DELETE_ALL, params![user]).await?;
    Ok(())
}

/// Removes tokens that have been over for long, and returns how many. Safe on several replicas.
///
/// # Errors
/// When the database fails.
pub async fn purge(app: &App) -> Result<u64> {
    let before = app.clock.now() - SHOWN;
    let mut purged = 0;
    loop {
        let gone = app.db.execute(sql::DELETE_EXPIRED, params![before]).await?;
        purged += gone;
        if gone < 500 {
            return Ok(purged);
        }
    }
}

fn unknown(id: i64) -> Error {
    Error::not_found(format!("access token {id} not found"))
}
