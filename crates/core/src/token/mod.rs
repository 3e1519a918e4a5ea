//! The token service: RS256 bearer tokens for `/v2` (the distribution project's token specification).
//! Owns `keyring`.

mod claims;
mod issue;
mod keys;
mod scope;
mod signature;
mod sql;
#[cfg(test)]
mod tests;
mod verify;

pub use issue::{Issued, SERVICE, issue};
pub use scope::Scope;
pub use verify::verify;

use crate::{Options, Result};
use issue::Recent;
use rsa::RsaPrivateKey;
use signature::Key;
use std::sync::Arc;
use tokio::sync::Semaphore;
use verify::Verified;

/// Longer tokens are made and verified each time: anybody can have them made of what they ask for.
const MAX_REMEMBERED: usize = 4 * 1024;

/// The signing key with what was made and verified lately.
pub struct Tokens {
    key: Arc<Key>,
    /// To sign: as many at once as there are processors, so that a burst of log-ins leaves some time to others.
    turns: Semaphore,
    recent: Recent,
    verified: Verified,
}

impl Tokens {
    fn new(key: &RsaPrivateKey) -> Result<Self> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            key: Arc::new(Key::new(key)?),
            turns: Semaphore::new(processors),
            recent: Recent::default(),
            verified: Verified::default(),
        })
    }
}

/// Loads the signing key, or makes the one that all replicas will use.
pub(crate) async fn load(options: &Options) -> Result<Tokens> {
    let key = match &options.signing_key_pem {
        Some(pem) => keys::from_pem(pem)?,
        None => keys::shared(options).await?,
    };
    Tokens::new(&key)
}
