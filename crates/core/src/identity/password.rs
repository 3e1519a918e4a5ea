//! Hashes of passwords, the rule for new ones, and making one.

use super::turns::Turn;
use crate::{App, Error, Result};
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

const LOWER: &[u8] = b"abcdefghijkmnpqrstuvwxyz";
const UPPER: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
const DIGITS: &[u8] = b"23456789";

/// The hash to store, as a PHC string (Argon2id, RFC 9106).
///
/// # Errors
/// `Unavailable` when too many passwords wait to be checked.
pub(crate) async fn hash(app: &App, password: &str) -> Result<String> {
    let turn = app.passwords.turns().next(None).await?;
    hash_now(&turn, password).await
}

async fn hash_now(_turn: &Turn<'_>, password: &str) -> Result<String> {
    let password = password.to_owned();
    off_thread(move || {
        let hash = Argon2::default().hash_password(password.as_bytes());
        hash.map(|hash| hash.to_string())
            .map_err(|error| Error::internal("password hash").because(error.to_string()))
    })
    .await?
}

/// Whether a password belongs to a stored hash. Without a hash the same time is spent, and the answer is no.
pub(super) async fn verify(_turn: &Turn<'_>, password: &str, stored: &str) -> Result<bool> {
    let (password, stored) = (password.to_owned(), stored.to_owned());
    off_thread(move || match PasswordHash::new(&stored) {
        Ok(hash) => Argon2::default().verify_password(password.as_bytes(), &hash).is_ok(),
        Err(_) => {
            let _ = Argon2::default().hash_password(password.as_bytes());
            false
        }
    })
    .await
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::internal("password check").because(error))
}

/// The rule for passwords and secrets that people choose, the same as in Harbor.
///
/// # Errors
/// `BadRequest` with the rule.
pub fn check_rule(password: &str) -> Result<()> {
    let has = |test: fn(&u8) -> bool| password.bytes().any(|byte| test(&byte));
    let good = (8..=128).contains(&password.len())
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit);
    if good {
        return Ok(());
    }
    Err(Error::bad_request(
        "the password or secret must be 8-128, inclusively, characters long with at least 1 uppercase letter, \
         1 lowercase letter and 1 number",
    ))
}

/// A random password of 24 characters (over 130 bits) without look-alikes, which satisfies the rule.
///
/// # Errors
/// When the system gives no random bytes.
pub fn generate() -> Result<String> {
    random(24)
}

/// As [`generate`], with another length, of up to 40 characters.
pub(crate) fn random(length: usize) -> Result<String> {
    let alphabet: Vec<u8> = [LOWER, UPPER, DIGITS].concat();
    loop {
        let made = random_text(&alphabet, length)?;
        if check_rule(&made).is_ok() {
            return Ok(made);
        }
    }
}

/// A text of so many random characters, each as likely as the others.
pub(crate) fn random_text(alphabet: &[u8], length: usize) -> Result<String> {
    // Bytes beyond the last whole multiple would favour the first letters.
    let fair = 256 - 256 % alphabet.len();
    let mut made = String::with_capacity(length);
    while made.len() < length {
        let mut random = [0u8; 64];
        getrandom::fill(&mut random)
            .map_err(|error| Error::internal("random bytes").because(error.to_string()))?;
        let letters = random.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < fair);
        made.extend(
            letters.take(length - made.len()).map(|byte| char::from(alphabet[byte % alphabet.len()])),
        );
    }
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::super::turns::Turns;
    use super::{check_rule, generate, hash_now, verify};

    #[test]
    fn the_rule_wants_length_and_three_kinds() {
        for (password, good) in [
            ("Harbor12345", true),
            ("Harbor1", false),
            ("harbor12345", false),
            ("HARBOR12345", false),
            ("HarborHarbor", false),
            (&"Aa1".repeat(43), false),
        ] {
            assert_eq!(check_rule(password).is_ok(), good, "{password}");
        }
    }

    #[test]
    fn made_passwords_are_good_and_differ() {
        let (one, two) = (generate().unwrap(), generate().unwrap());
        assert!(check_rule(&one).is_ok() && one != two);
    }

    #[tokio::test]
    async fn only_the_right_password_verifies() {
        let turns = Turns::new();
        let turn = turns.next(None).await.unwrap();
        let stored = hash_now(&turn, "Harbor12345").await.unwrap();
        assert!(stored.starts_with("$argon2id$"));
        assert!(verify(&turn, "Harbor12345", &stored).await.unwrap());
        assert!(!verify(&turn, "Harbor12346", &stored).await.unwrap());
        assert!(!verify(&turn, "", "").await.unwrap(), "no hash, no log-in");
    }
}
