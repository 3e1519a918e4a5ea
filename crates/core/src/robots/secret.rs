//! Secrets of robots, and what is stored of them.
//!
//! One that is made up here has over 180 random bits, which no fast hash gives away, so a burst of log-ins costs next to
//! nothing. One that somebody chose may be a weak one, and is hashed and checked as a password is.

use crate::{Error, Result, identity};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Characters of a secret that is made up.
const LENGTH: usize = 32;
const SALT: usize = 16;
/// What is stored of such a one begins with this; then come the salt and the hash.
const MADE: &str = "$hmac-sha256$";

/// A new secret, and what to store of it.
pub(super) fn make() -> Result<(String, String)> {
    let secret = identity::random(LENGTH)?;
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt).map_err(|error| Error::internal("random bytes").because(error.to_string()))?;
    let hash = keyed(&salt, &secret)?.finalize().into_bytes();
    let stored = format!("{MADE}{}${}", STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
    Ok((secret, stored))
}

/// Whether this is the secret that was made up, if one was.
pub(super) fn is_made(stored: &str, secret: &str) -> Result<Option<bool>> {
    let Some(rest) = stored.strip_prefix(MADE) else { return Ok(None) };
    let parts = rest.split_once('$').and_then(|(salt, hash)| {
        Some((STANDARD_NO_PAD.decode(salt).ok()?, STANDARD_NO_PAD.decode(hash).ok()?))
    });
    let Some((salt, hash)) = parts else { return Ok(Some(false)) };
    // verify_slice compares in constant time.
    Ok(Some(keyed(&salt, secret)?.verify_slice(&hash).is_ok()))
}

fn keyed(salt: &[u8], secret: &str) -> Result<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(salt)
        .map_err(|error| Error::internal("keyed hash").because(error.to_string()))?;
    mac.update(secret.as_bytes());
    Ok(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_itself_is_it() {
        let (secret, stored) = make().unwrap();
        assert_eq!(secret.len(), 32);
        assert!(identity::check_rule(&secret).is_ok());
        assert!(!stored.contains(&secret));
        assert_eq!(is_made(&stored, &secret).unwrap(), Some(true));
        for wrong in ["", "Harbor12345", &secret[1..], &format!("{secret} ")] {
            assert_eq!(is_made(&stored, wrong).unwrap(), Some(false), "{wrong:?}");
        }
        assert_eq!(is_made("$argon2id$v=19$m=1", &secret).unwrap(), None, "checked elsewhere");
        for damaged in ["$hmac-sha256$", "$hmac-sha256$$", "$hmac-sha256$!$!", &stored[..stored.len() - 2]] {
            assert_eq!(is_made(damaged, &secret).unwrap(), Some(false), "{damaged}");
        }
    }

    #[test]
    fn the_same_secret_is_stored_differently_each_time() {
        let ((one, first), (two, second)) = (make().unwrap(), make().unwrap());
        assert_ne!(one, two);
        assert_ne!(first.split('$').nth(2), second.split('$').nth(2));
    }
}
