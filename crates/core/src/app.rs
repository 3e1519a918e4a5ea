//! The application's one value: what every operation is handed instead of globals.

use crate::access_tokens::Noting;
use crate::identity::Passwords;
use crate::registry::ManifestCache;
use crate::settings::{Configured, Settings};
use crate::statistics::Storage;
use crate::token::{self, Tokens};
use crate::vault::Vault;
use crate::{Result, audit, catalog, identity, projects, system};
use haven_blobs::BlobStore;
use haven_db::{Clock, Db};
use haven_jobs::Wake;
use ring::hmac;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// What the application is built from.
pub struct Options {
    pub db: Db,
    pub blobs: Arc<dyn BlobStore>,
    pub clock: Clock,
    /// 32 bytes, the same on every replica of one installation; encrypts what is secret in the database.
    pub secret_key: [u8; 32],
    /// PKCS#1 or PKCS#8 PEM of the RSA key that signs tokens; none: one is made and kept in the database.
    pub signing_key_pem: Option<String>,
    /// How long a failed log-in is delayed. Harbor's 1.5 s outside tests.
    pub login_delay: Duration,
    /// What the configuration says of settings.
    pub settings: Configured,
    /// The name of the storage back end, as `GET /systeminfo` tells it.
    pub storage_name: &'static str,
}

/// Everything an operation may use.
pub struct App {
    pub(crate) db: Db,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) clock: Clock,
    pub(crate) settings: Settings,
    pub(crate) passwords: Passwords,
    pub(crate) tokens: Tokens,
    pub(crate) manifests: ManifestCache,
    pub(crate) health: system::Health,
    pub(crate) storage: Storage,
    pub(crate) events: Wake,
    pub(crate) forwarding: audit::Forwarding,
    pub(crate) pulls: catalog::Pulls,
    pub(crate) noting: Noting,
    pub(crate) storage_name: &'static str,
    pub(crate) vault: Vault,
    secret_key: [u8; 32],
    /// Work that must end before the process does, even when its client has gone.
    pub tasks: TaskTracker,
}

impl App {
    /// Builds the application on a migrated database, loading or making the key that signs tokens.
    ///
    /// # Errors
    /// When the database fails, or when its keys were encrypted with another secret key.
    pub async fn new(options: Options) -> Result<Self> {
        let tokens = token::load(&options).await?;
        Ok(Self {
            settings: Settings::new(options.settings)?,
            passwords: Passwords::new(options.login_delay)?,
            tokens,
            manifests: ManifestCache::default(),
            health: system::Health::default(),
            storage: Storage::default(),
            events: Wake::default(),
            forwarding: audit::Forwarding::default(),
            pulls: catalog::Pulls::default(),
            noting: Noting::default(),
            storage_name: options.storage_name,
            vault: Vault::new(&options.secret_key),
            secret_key: options.secret_key,
            tasks: TaskTracker::new(),
            db: options.db,
            blobs: options.blobs,
            clock: options.clock,
        })
    }

    /// The clock that dates everything.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// A key for one purpose, made of the installation's secret key: the same on every replica and after every restart.
    pub fn derived_key(&self, purpose: &str) -> [u8; 32] {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.secret_key), purpose.as_bytes());
        let mut key = [0; 32];
        key.copy_from_slice(tag.as_ref());
        key
    }

    /// Completes a new installation: times of the first rows, and the administrator's password if none is set yet.
    /// Returns whether that password was set now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn first_start(&self, admin_password: &str) -> Result<bool> {
        projects::date_first(self).await?;
        identity::set_first_password(self, admin_password).await
    }

    /// Whether the administrator still has no password.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn needs_first_password(&self) -> Result<bool> {
        identity::needs_first_password(self).await
    }

    /// Whether this is the administrator's password, for a start that made it up and does not know whether it counts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_admin_password(&self, password: &str) -> Result<bool> {
        identity::is_first_password(self, password).await
    }
}
