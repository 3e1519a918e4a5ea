//! What the installation tells about itself: health and versions.

use crate::access::{SystemGrant, permissions::ReadVolumes};
use crate::{App, Result};
use haven_blobs::Space;
use moka::sync::Cache;
use std::error::Error as StdError;
use std::time::Duration;
use tokio::sync::Mutex;

/// A part that takes longer to answer is ill.
const PATIENCE: Duration = Duration::from_secs(5);

/// One part of the program and what is wrong with it, if anything is.
#[derive(Clone, Debug)]
pub struct Component {
    pub name: &'static str,
    pub error: Option<String>,
}

/// The last look at health; asking often must not cost the database or the disk.
pub(crate) struct Health {
    recent: Cache<(), Vec<Component>>,
    /// One look at a time: those who ask meanwhile share it.
    looking: Mutex<()>,
}

impl Default for Health {
    fn default() -> Self {
        let recent = Cache::builder().max_capacity(1).time_to_live(Duration::from_secs(2)).build();
        Self { recent, looking: Mutex::default() }
    }
}

/// How each part is, under the names that clients of Harbor know, sorted. The cause of a failure goes to the log only.
///
/// # Errors
/// None today; a failing part is told in the answer.
pub async fn health(app: &App) -> Result<Vec<Component>> {
    if let Some(recent) = app.health.recent.get(&()) {
        return Ok(recent);
    }
    let _looking = app.health.looking.lock().await;
    if let Some(recent) = app.health.recent.get(&()) {
        return Ok(recent);
    }
    let (database, storage) = tokio::join!(
        failure("the database does not answer", app.db.ping()),
        failure("the storage cannot be written", app.blobs.check()),
    );
    let component = |name, error: &Option<String>| Component { name, error: error.clone() };
    let components = vec![
        component("core", &None),
        component("database", &database),
        component("jobservice", &None),
        component("portal", &None),
        component("registry", &storage),
        component("registryctl", &storage),
    ];
    app.health.recent.insert((), components.clone());
    Ok(components)
}

/// What is wrong with a part, if anything is.
async fn failure<E>(what: &'static str, check: impl Future<Output = Result<(), E>>) -> Option<String>
where
    E: StdError + 'static,
{
    match tokio::time::timeout(PATIENCE, check).await {
        Ok(Ok(())) => return None,
        Ok(Err(error)) => tracing::warn!(error = &error as &dyn StdError, "{what}"),
        Err(_) => tracing::warn!(seconds = PATIENCE.as_secs(), "{what} in time"),
    }
    Some(format!("failed to check health: {what}"))
}

/// How much room the storage has; none where that cannot be said, as in a bucket.
///
/// # Errors
/// When the storage fails.
pub async fn volumes(app: &App, _grant: &SystemGrant<ReadVolumes>) -> Result<Option<Space>> {
    Ok(app.blobs.space().await?)
}

/// The storage back end's name, as `GET /systeminfo` tells it.
pub fn storage_name(app: &App) -> &'static str {
    app.storage_name
}
