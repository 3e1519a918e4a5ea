//! Settings that administrators change while Haven runs. Owns `setting`.
//!
//! Values are rows; a process may answer from what it read up to three seconds ago, and at once from what it wrote.

mod sql;

use crate::access::SystemGrant;
use crate::{App, Error, Result};
use haven_db::params;
use moka::sync::Cache;
use std::sync::Arc;
use std::time::Duration;

/// The settings in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Values {
    /// Nothing may be changed by anybody, pushes included.
    pub read_only: bool,
    /// Minutes that a token of the token service holds.
    pub token_expiration: i64,
    /// `everyone` or `adminonly`.
    pub project_creation_restriction: String,
    /// Shown by the portal; not interpreted here.
    pub banner_message: String,
}

impl Default for Values {
    fn default() -> Self {
        Self {
            read_only: false,
            token_expiration: 30,
            project_creation_restriction: "everyone".into(),
            banner_message: String::new(),
        }
    }
}

/// A change: only what is given changes.
#[derive(Clone, Debug, Default)]
pub struct Change {
    pub read_only: Option<bool>,
    pub token_expiration: Option<i64>,
    pub project_creation_restriction: Option<String>,
    pub banner_message: Option<String>,
}

/// What this process read lately.
pub(crate) struct Settings {
    recent: Cache<(), Arc<Values>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { recent: Cache::builder().max_capacity(1).time_to_live(Duration::from_secs(3)).build() }
    }
}

/// The settings in force, at most three seconds old.
///
/// # Errors
/// When the database fails.
pub async fn get(app: &App) -> Result<Arc<Values>> {
    if let Some(values) = app.settings.recent.get(&()) {
        return Ok(values);
    }
    let mut values = Values::default();
    for row in app.db.query(sql::ALL, params![]).await? {
        let (name, value): (String, String) = (row.get(0)?, row.get(1)?);
        match name.as_str() {
            "read_only" => values.read_only = value == "true",
            "token_expiration" => values.token_expiration = value.parse().unwrap_or(values.token_expiration),
            "project_creation_restriction" => values.project_creation_restriction = value,
            "banner_message" => values.banner_message = value,
            _ => {}
        }
    }
    let values = Arc::new(values);
    app.settings.recent.insert((), Arc::clone(&values));
    Ok(values)
}

/// Changes settings, all or none.
///
/// # Errors
/// `BadRequest` for a value out of its range.
pub async fn set(app: &App, _grant: &SystemGrant, change: Change) -> Result<()> {
    let rows = checked(change)?;
    let mut tx = app.db.begin().await?;
    for (name, value) in rows {
        tx.execute(sql::PUT, params![name, value]).await?;
    }
    tx.commit().await?;
    app.settings.recent.invalidate_all();
    Ok(())
}

fn checked(change: Change) -> Result<Vec<(&'static str, String)>> {
    let mut rows = Vec::new();
    if let Some(value) = change.read_only {
        rows.push(("read_only", value.to_string()));
    }
    if let Some(value) = change.token_expiration {
        if !(1..=9_999_999_999).contains(&value) {
            return Err(Error::bad_request(format!(
                "bad request: item name token_expiration: {value} is out of range"
            )));
        }
        rows.push(("token_expiration", value.to_string()));
    }
    if let Some(value) = change.project_creation_restriction {
        if !matches!(value.as_str(), "everyone" | "adminonly") {
            return Err(Error::bad_request(
                "bad request: item name project_creation_restriction: it is either everyone or adminonly",
            ));
        }
        rows.push(("project_creation_restriction", value));
    }
    if let Some(value) = change.banner_message {
        rows.push(("banner_message", value));
    }
    Ok(rows)
}
