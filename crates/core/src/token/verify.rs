//! From a token to the caller behind it.

use super::claims::{Access, Claims, ISSUER};
use super::issue::SERVICE;
use super::{MAX_REMEMBERED, Tokens};
use crate::App;
use crate::access::{TokenAccess, TokenCaller};
use haven_db::Timestamp;
use moka::sync::Cache;
use ring::digest;
use std::sync::Arc;
use std::time::Duration;

/// Seconds that clocks may differ.
const LEEWAY: i64 = 60;
/// No token of ours is longer; anything longer is refused before it is looked at.
const MAX_LENGTH: usize = 64 * 1024;

/// What has been verified lately, by SHA-256 of the token. Only what the signature covers; time is looked at on every
/// use.
pub(super) struct Verified(Cache<[u8; 32], Arc<Known>>);

impl Default for Verified {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(4_096).time_to_live(Duration::from_secs(60)).build())
    }
}

/// A token of ours, as of no particular time.
struct Known {
    not_before: i64,
    expires: i64,
    caller: TokenCaller,
}

/// The caller behind a token, or none when the token is not ours, of another algorithm, or not yet valid.
pub fn verify(app: &App, token: &str) -> Option<TokenCaller> {
    let known = app.tokens.known(token)?;
    let now = app.clock.now().as_secs();
    if known.not_before > now + LEEWAY {
        return None;
    }
    Some(TokenCaller { expired: known.expires + LEEWAY < now, ..known.caller.clone() })
}

impl Tokens {
    fn known(&self, token: &str) -> Option<Arc<Known>> {
        if token.len() > MAX_LENGTH {
            return None;
        }
        let hash = digest::digest(&digest::SHA256, token.as_bytes());
        let hash: [u8; 32] = hash.as_ref().try_into().ok()?;
        if let Some(known) = self.verified.0.get(&hash) {
            return Some(known);
        }
        let claims: Claims = serde_json::from_slice(&self.key.open(token)?).ok()?;
        if claims.iss != ISSUER || claims.aud != SERVICE {
            return None;
        }
        let known = Arc::new(Known::from(claims));
        if token.len() <= MAX_REMEMBERED {
            self.verified.0.insert(hash, Arc::clone(&known));
        }
        Some(known)
    }

    #[cfg(test)]
    pub(super) fn reads(&self, token: &str) -> bool {
        self.known(token).is_some()
    }
}

impl From<Claims> for Known {
    fn from(claims: Claims) -> Self {
        let entries = claims.access.unwrap_or_default();
        // Such an entry is issued only to whoever may read the catalog.
        let opens_catalog = |entry: &Access| {
            entry.kind == "registry"
                && entry.name == "catalog"
                && entry.actions.iter().any(|action| action == "*")
        };
        let catalog = entries.iter().any(opens_catalog);
        let repositories = entries.into_iter().filter(|entry| entry.kind == "repository");
        let access = repositories.filter_map(|entry| {
            let project = entry.name.split_once('/')?.0.to_owned();
            Some(TokenAccess { project, project_id: entry.project_id, actions: entry.actions })
        });
        Self {
            not_before: claims.nbf,
            expires: claims.exp,
            caller: TokenCaller {
                subject: claims.sub,
                issued_at: Timestamp::from_secs(claims.iat),
                expired: false,
                catalog,
                access: access.collect(),
            },
        }
    }
}
