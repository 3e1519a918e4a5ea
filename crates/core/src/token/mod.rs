//! The token service: RS256 bearer tokens for `/v2` (the distribution project's token specification).
//! Owns `keyring`.

mod issue;
mod keys;
mod scope;
mod sql;
#[cfg(test)]
mod tests;

pub use issue::{Issued, SERVICE, Tokens, issue, verify};
pub use scope::Scope;

use crate::{Options, Result};

/// Loads the signing key, or makes the one that all replicas will use.
pub(crate) async fn load(options: &Options) -> Result<Tokens> {
    let key = match &options.signing_key_pem {
        Some(pem) => keys::from_pem(pem)?,
        None => keys::shared(options).await?,
    };
    Tokens::new(&key)
}
