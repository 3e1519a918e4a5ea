//! Settings that administrators change while Haven runs. Owns `setting`.
//!
//! Values are rows; a process may answer from what it read up to three seconds ago, and at once from what it wrote.
//! Secrets among them are encrypted with the installation's key.

mod change;
mod items;
mod shape;
mod sql;
#[cfg(test)]
mod tests;

pub use change::Change;
pub use items::{Hidden, ITEMS, Values};
pub use shape::{Item, Shape};

use crate::access::{SystemGrant, permissions::Administer};
use crate::audit::{self, Act, Entry};
use crate::{App, Code, Error, Result};
use haven_db::{Row, Tx, params};
use moka::sync::Cache;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the configuration says of settings.
#[derive(Clone, Default)]
pub struct Configured {
    /// In force until somebody changes them.
    pub defaults: Values,
    /// In force whatever the rows say; nothing can be changed over the API then.
    pub overwrite: Option<Change>,
}

impl Configured {
    /// # Errors
    /// `BadRequest` when the configuration overwrites a setting with a value out of its range, or with some that do not agree.
    pub fn check(&self) -> Result<()> {
        let mut values = self.defaults.clone();
        overlay(&mut values, self)?;
        if self.overwrite.is_some() { change::agree(&values) } else { Ok(()) }
    }
}

/// What this process read lately.
pub(crate) struct Settings {
    configured: Configured,
    recent: Cache<(), Arc<Values>>,
    /// How often this process has changed them: what was read before a change is not remembered after it.
    changes: Mutex<u64>,
}

impl Settings {
    /// # Errors
    /// `BadRequest` when the configuration overwrites a setting with a value out of its range.
    pub(crate) fn new(configured: Configured) -> Result<Self> {
        configured.check()?;
        let recent = Cache::builder().max_capacity(1).time_to_live(Duration::from_secs(3)).build();
        Ok(Self { configured, recent, changes: Mutex::default() })
    }

    fn changes(&self) -> MutexGuard<'_, u64> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, values: &Arc<Values>, changes: u64) {
        let now = self.changes();
        if *now == changes {
            self.recent.insert((), Arc::clone(values));
        }
    }

    fn forget(&self) {
        let mut changes = self.changes();
        *changes += 1;
        self.recent.invalidate_all();
    }
}

fn overlay(values: &mut Values, configured: &Configured) -> Result<()> {
    for (item, text) in configured.overwrite.clone().unwrap_or_default().texts()? {
        values.put(item.name, &text);
    }
    Ok(())
}

/// Whether settings can be changed, or the configuration has the last word.
pub fn editable(app: &App) -> bool {
    app.settings.configured.overwrite.is_none()
}

/// Whether the way of logging in can be changed: not once there are people who logged in by another.
///
/// # Errors
/// When the database fails.
pub async fn mode_editable(app: &App) -> Result<bool> {
    Ok(editable(app) && app.db.query_opt(sql::PEOPLE, params![]).await?.is_none())
}

/// The settings in force, at most three seconds old.
///
/// # Errors
/// When the database fails.
pub async fn get(app: &App) -> Result<Arc<Values>> {
    if let Some(values) = app.settings.recent.get(&()) {
        return Ok(values);
    }
    let changes = *app.settings.changes();
    let values = in_force(app, &app.db.query(sql::ALL, params![]).await?)?;
    app.settings.remember(&values, changes);
    Ok(values)
}

/// As [`get`], for a step: who has a transaction must not wait for another connection.
pub(crate) async fn within(app: &App, tx: &mut Tx) -> Result<Arc<Values>> {
    match app.settings.recent.get(&()) {
        Some(values) => Ok(values),
        None => in_force(app, &tx.query(sql::ALL, params![]).await?),
    }
}

fn in_force(app: &App, rows: &[Row]) -> Result<Arc<Values>> {
    let mut values = from_rows(app, rows)?;
    overlay(&mut values, &app.settings.configured)?;
    Ok(Arc::new(values))
}

fn from_rows(app: &App, rows: &[Row]) -> Result<Values> {
    let mut values = app.settings.configured.defaults.clone();
    for row in rows {
        let (name, mut text): (String, String) = (row.get(0)?, row.get(1)?);
        if ITEMS.iter().any(|item| item.name == name && item.shape == Shape::Secret) {
            text = app.vault.open_text(&text)?;
        }
        values.put(&name, &text);
    }
    Ok(values)
}

/// Changes settings, all or none.
///
/// # Errors
/// `BadRequest` for a value out of its range or one that does not agree with the others, `Forbidden` when the
/// configuration has the last word.
pub async fn set(app: &App, grant: &SystemGrant<Administer>, change: Change) -> Result<()> {
    if !editable(app) {
        let text = "current config is init by env variable: CONFIG_OVERWRITE_JSON, it cannot be updated";
        return Err(Error::new(Code::Forbidden, text));
    }
    let changes = change.texts()?;
    for (item, text) in &changes {
        // Who sends all settings back may do so while that server is away.
        if item.shape == Shape::Endpoint && !text.is_empty() && get(app).await?.json(item.name) != *text {
            audit::probe(text).await?;
        }
    }
    let mut tx = app.db.begin().await?;
    tx.execute(sql::TAKE_TURN, params![]).await?;
    let before = from_rows(app, &tx.query(sql::ALL, params![]).await?)?;
    let mut after = before.clone();
    for (item, text) in &changes {
        after.put(item.name, text);
        let stored = if item.shape == Shape::Secret { app.vault.seal_text(text)? } else { text.clone() };
        tx.execute(sql::PUT, params![item.name, stored]).await?;
    }
    change::agree(&after)?;
    if before.auth_mode != after.auth_mode && tx.query_opt(sql::PEOPLE, params![]).await?.is_some() {
        return Err(Error::bad_request(
            "bad request: the auth mode cannot be modified as new users have been inserted into database",
        ));
    }
    let entry = Entry::new(Act::UpdateConfiguration, &grant.actor, "configuration");
    audit::record_under(app, &mut tx, &before, entry).await?;
    tx.commit().await?;
    app.settings.forget();
    Ok(())
}
