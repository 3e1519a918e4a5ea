//! Writing lines.

use super::act::Act;
use super::{NO_PROJECT, forward, sql};
use crate::settings::{self, Values};
use crate::{App, Result};
use haven_db::{Timestamp, Tx, Value};

/// Who has no name.
const NOBODY: &str = "anonymous";
/// Letters of a name that are kept.
const MOST_NAME: usize = 255;
/// Letters of a thing's name that are kept: more than any name here has. Whoever is refused may have sent any text, and a
/// line must fit into a datagram.
const MOST_RESOURCE: usize = 1_024;
/// Rows of one statement.
const ROWS: usize = 32;

/// A line to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub(super) act: Act,
    pub(super) username: String,
    pub(super) resource: String,
    pub(super) project_id: i64,
    pub(super) description: String,
    pub(super) succeeded: bool,
}

/// When it happened, for what is recorded later.
pub(crate) type At = (Timestamp, Entry);

impl Entry {
    /// Somebody did something to a thing; an empty name is nobody's.
    pub fn new(act: Act, username: &str, resource: impl Into<String>) -> Self {
        let (operation, resource_type) = act.parts();
        let resource = beginning(resource.into(), MOST_RESOURCE);
        let username = if username.is_empty() { NOBODY } else { username };
        Self {
            act,
            username: beginning(username.into(), MOST_NAME),
            description: format!("{operation} {resource_type}: {resource}"),
            resource,
            project_id: NO_PROJECT,
            succeeded: true,
        }
    }

    /// It concerns a project, whose administrators may see it; 0 is none.
    #[must_use]
    pub fn in_project(self, project_id: i64) -> Self {
        Self { project_id, ..self }
    }

    /// More of what was done, such as `change user password`.
    #[must_use]
    pub fn with(mut self, more: &str) -> Self {
        self.description.push_str(", ");
        self.description.push_str(more);
        self
    }

    /// What was done it to, in place of its kind and name.
    #[must_use]
    pub(crate) fn about(self, what: &str) -> Self {
        let (operation, _) = self.act.parts();
        Self { description: format!("{operation} {what}"), ..self }
    }

    /// It was not allowed, or did not work.
    #[must_use]
    pub fn refused(self) -> Self {
        Self { succeeded: false, ..self }
    }
}

/// So many letters of a text.
fn beginning(mut text: String, letters: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(letters) {
        text.truncate(end);
    }
    text
}

/// Writes a line in the transaction of what it tells.
pub(crate) async fn record(app: &App, tx: &mut Tx, entry: Entry) -> Result<()> {
    record_all(app, tx, vec![(app.clock.now(), entry)]).await
}

/// As [`record`], for many.
pub(crate) async fn record_all(app: &App, tx: &mut Tx, entries: Vec<At>) -> Result<()> {
    let settings = settings::within(app, tx).await?;
    write(app, tx, &settings, entries).await
}

/// As [`record`], as these settings say: who turns the log off is still in it.
pub(crate) async fn record_under(app: &App, tx: &mut Tx, settings: &Values, entry: Entry) -> Result<()> {
    write(app, tx, settings, vec![(app.clock.now(), entry)]).await
}

async fn write(app: &App, tx: &mut Tx, settings: &Values, mut entries: Vec<At>) -> Result<()> {
    entries.retain(|(_, entry)| is_wanted(settings, entry.act));
    if !settings.audit_log_forward_endpoint.is_empty() {
        forward::enqueue(app, tx, &entries).await?;
    }
    // A log that goes nowhere else is kept, whatever the settings say of it.
    if settings.skip_audit_log_database && !settings.audit_log_forward_endpoint.is_empty() {
        return Ok(());
    }
    for some in entries.chunks(ROWS) {
        let values: Vec<Value> = some.iter().flat_map(columns).collect();
        tx.execute(&sql::insert_lines(some.len()), &values).await?;
    }
    Ok(())
}

/// Records that something was refused, or did not work; what it would have written is rolled back already.
///
/// # Errors
/// When the database fails.
pub async fn record_refusal(app: &App, entry: Entry) -> Result<()> {
    let mut tx = app.db.begin().await?;
    record(app, &mut tx, entry.refused()).await?;
    Ok(tx.commit().await?)
}

fn is_wanted(settings: &Values, act: Act) -> bool {
    let disabled = act == Act::PullArtifact && settings.pull_audit_log_disable;
    !disabled && !act.is_in(&settings.disabled_audit_log_event_types)
}

fn columns((at, entry): &At) -> [Value; 8] {
    let (operation, resource_type) = entry.act.parts();
    [
        entry.project_id.into(),
        entry.username.as_str().into(),
        operation.into(),
        resource_type.into(),
        entry.resource.as_str().into(),
        entry.description.as_str().into(),
        entry.succeeded.into(),
        (*at).into(),
    ]
}
