//! Settings that administrators change while Haven runs. Owns `setting`.
//!
//! Values are rows; a process may answer from what it read up to three seconds ago, and at once from what it wrote.

mod sql;

use crate::access::SystemGrant;
use crate::{App, Code, Error, Result};
use haven_db::params;
use moka::sync::Cache;
use serde::Deserialize;
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
    /// Visitors of the portal may make an account for themselves.
    pub self_registration: bool,
    /// Minutes after its last use that a session of the portal ends.
    pub session_timeout: i64,
    /// Days that a new access token may hold at most; -1 without limit.
    pub access_token_max_days: i64,
}

impl Default for Values {
    fn default() -> Self {
        Self {
            read_only: false,
            token_expiration: 30,
            project_creation_restriction: "everyone".into(),
            banner_message: String::new(),
            self_registration: false,
            session_timeout: 60,
            access_token_max_days: 365,
        }
    }
}

/// A change: only what is given changes. As JSON, null counts as absent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Change {
    pub read_only: Option<bool>,
    pub token_expiration: Option<i64>,
    pub project_creation_restriction: Option<String>,
    pub banner_message: Option<String>,
    pub self_registration: Option<bool>,
    pub session_timeout: Option<i64>,
    pub access_token_max_days: Option<i64>,
}

impl Change {
    /// The names that a change may hold.
    pub const NAMES: [&str; 7] = [
        "read_only",
        "token_expiration",
        "project_creation_restriction",
        "banner_message",
        "self_registration",
        "session_timeout",
        "access_token_max_days",
    ];
}

/// What the configuration says of settings.
#[derive(Clone, Debug, Default)]
pub struct Configured {
    /// In force until somebody changes them.
    pub defaults: Values,
    /// In force whatever the rows say; nothing can be changed over the API then.
    pub overwrite: Option<Change>,
}

/// What this process read lately.
pub(crate) struct Settings {
    configured: Configured,
    recent: Cache<(), Arc<Values>>,
}

impl Settings {
    /// # Errors
    /// `BadRequest` when the configuration overwrites a setting with a value out of its range.
    pub(crate) fn new(configured: Configured) -> Result<Self> {
        checked(configured.overwrite.clone().unwrap_or_default())?;
        let recent = Cache::builder().max_capacity(1).time_to_live(Duration::from_secs(3)).build();
        Ok(Self { configured, recent })
    }
}

/// Whether settings can be changed, or the configuration has the last word.
pub fn editable(app: &App) -> bool {
    app.settings.configured.overwrite.is_none()
}

/// The settings in force, at most three seconds old.
///
/// # Errors
/// When the database fails.
pub async fn get(app: &App) -> Result<Arc<Values>> {
    if let Some(values) = app.settings.recent.get(&()) {
        return Ok(values);
    }
    let mut values = app.settings.configured.defaults.clone();
    for row in app.db.query(sql::ALL, params![]).await? {
        let (name, value): (String, String) = (row.get(0)?, row.get(1)?);
        put(&mut values, &name, value);
    }
    for (name, value) in checked(app.settings.configured.overwrite.clone().unwrap_or_default())? {
        put(&mut values, name, value);
    }
    let values = Arc::new(values);
    app.settings.recent.insert((), Arc::clone(&values));
    Ok(values)
}

/// A row of a version that knows more settings is none of ours.
fn put(values: &mut Values, name: &str, value: String) {
    match name {
        "read_only" => values.read_only = value == "true",
        "token_expiration" => values.token_expiration = value.parse().unwrap_or(values.token_expiration),
        "project_creation_restriction" => values.project_creation_restriction = value,
        "banner_message" => values.banner_message = value,
        "self_registration" => values.self_registration = value == "true",
        "session_timeout" => values.session_timeout = value.parse().unwrap_or(values.session_timeout),
        "access_token_max_days" => {
            values.access_token_max_days = value.parse().unwrap_or(values.access_token_max_days);
        }
        _ => {}
    }
}

/// Changes settings, all or none.
///
/// # Errors
/// `BadRequest` for a value out of its range, `Forbidden` when the configuration has the last word.
pub async fn set(app: &App, _grant: &SystemGrant, change: Change) -> Result<()> {
    if !editable(app) {
        let text = "current config is init by env variable: CONFIG_OVERWRITE_JSON, it cannot be updated";
        return Err(Error::new(Code::Forbidden, text));
    }
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
        rows.push(("token_expiration", in_range("token_expiration", value, 1)?));
    }
    if let Some(value) = change.session_timeout {
        rows.push(("session_timeout", in_range("session_timeout", value, 1)?));
    }
    if let Some(value) = change.access_token_max_days {
        let least = if value == -1 { -1 } else { 1 };
        rows.push(("access_token_max_days", in_range("access_token_max_days", value, least)?));
    }
    if let Some(value) = change.self_registration {
        rows.push(("self_registration", value.to_string()));
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

fn in_range(name: &str, value: i64, least: i64) -> Result<String> {
    if (least..=9_999_999_999).contains(&value) {
        return Ok(value.to_string());
    }
    Err(Error::bad_request(format!("bad request: item name {name}: {value} is out of range")))
}
