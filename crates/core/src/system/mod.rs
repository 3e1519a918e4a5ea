//! What the installation tells about itself: health and versions.

use crate::{App, Result};
use moka::sync::Cache;
use std::time::Duration;

/// One part of the program and what is wrong with it, if anything is.
#[derive(Clone, Debug)]
pub struct Component {
    pub name: &'static str,
    pub error: Option<String>,
}

/// The last look at health; asking often must not cost the database or the disk.
pub(crate) struct Health {
    recent: Cache<(), Vec<Component>>,
}

impl Default for Health {
    fn default() -> Self {
        Self { recent: Cache::builder().max_capacity(1).time_to_live(Duration::from_secs(2)).build() }
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
    let database = app.db.ping().await.err().map(|error| {
        tracing::warn!(error = %error, "the database does not answer");
        "failed to check health: the database does not answer".to_owned()
    });
    let storage = app.blobs.check().await.err().map(|error| {
        tracing::warn!(error = %error, "the storage cannot be written");
        "failed to check health: the storage cannot be written".to_owned()
    });
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

/// The storage back end's name, as `GET /systeminfo` tells it.
pub fn storage_name(app: &App) -> &'static str {
    app.storage_name
}
