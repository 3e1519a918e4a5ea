//! From a name and a password to a person.
//!
//! A verified password is remembered for a minute as a keyed hash tied to the version of the account's row, which every
//! log-in reads: a changed password counts at once on every replica, and a burst of pulls pays for Argon2 once.

use super::{password, sql};
use crate::access::Person;
use crate::{App, Error, Result};
use haven_db::{Row, params};
use hmac::{Hmac, KeyInit, Mac};
use moka::sync::Cache;
use sha2::Sha256;
use std::net::IpAddr;
use std::time::Duration;

/// Longer secrets are nobody's and would only cost hashing.
const MAX_SECRET: usize = 1024;

/// A name and a secret, as somebody presents them.
#[derive(Debug)]
pub struct Credentials<'a> {
    pub principal: &'a str,
    pub secret: &'a str,
    /// Where they came from; failures are damped for this address only, so nobody can lock somebody else out.
    pub address: IpAddr,
}

/// What one process remembers of log-ins, for seconds.
pub struct Passwords {
    key: [u8; 32],
    verified: Cache<i64, (i64, [u8; 32])>,
    failed: Cache<(String, IpAddr), ()>,
    delay: Duration,
}

impl Passwords {
    /// Failures are answered after `delay`, and the next attempt is looked at when it is over.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub(crate) fn new(delay: Duration) -> Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|error| Error::internal("random bytes").because(error.to_string()))?;
        Ok(Self {
            key,
            verified: Cache::builder().max_capacity(10_000).time_to_live(Duration::from_secs(60)).build(),
            failed: Cache::builder()
                .max_capacity(100_000)
                .time_to_live(delay.max(Duration::from_millis(1)))
                .build(),
            delay,
        })
    }

    fn keyed(&self, secret: &str) -> Result<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key)
            .map_err(|error| Error::internal("keyed hash").because(error.to_string()))?;
        mac.update(secret.as_bytes());
        Ok(mac)
    }

    fn remembers(&self, user: i64, version: i64, secret: &str) -> Result<bool> {
        let Some((at, hash)) = self.verified.get(&user) else { return Ok(false) };
        // verify_slice compares in constant time.
        Ok(at == version && self.keyed(secret)?.verify_slice(&hash).is_ok())
    }

    fn remember(&self, user: i64, version: i64, secret: &str) -> Result<()> {
        let hash = self.keyed(secret)?.finalize().into_bytes();
        self.verified.insert(user, (version, hash.into()));
        Ok(())
    }
}

/// What came of an attempt.
enum Outcome {
    Known(Person),
    Wrong,
    /// Not looked at, because another one has just failed.
    Damped,
}

/// Who a name and a password belong to; none when to nobody, after a delay.
///
/// # Errors
/// When the database fails.
pub async fn login(app: &App, credentials: &Credentials<'_>) -> Result<Option<Person>> {
    let principal = credentials.principal;
    // Not every database can look for a NUL.
    let possible = (1..=255).contains(&principal.len()) && !principal.contains('\0');
    if !possible || credentials.secret.len() > MAX_SECRET {
        return Ok(None);
    }
    let mut outcome = verified(app, credentials).await?;
    if matches!(outcome, Outcome::Damped) {
        // Not refused but slowed: whoever mistyped, or whose client tried twice, gets in all the same.
        tokio::time::sleep(app.passwords.delay).await;
        outcome = verified(app, credentials).await?;
    } else if matches!(outcome, Outcome::Wrong) {
        tokio::time::sleep(app.passwords.delay).await;
    }
    match outcome {
        Outcome::Known(mut person) => {
            for row in app.db.query(sql::GROUPS, params![person.id]).await? {
                person.groups.push(row.get(0)?);
            }
            Ok(Some(person))
        }
        Outcome::Wrong | Outcome::Damped => Ok(None),
    }
}

async fn verified(app: &App, credentials: &Credentials<'_>) -> Result<Outcome> {
    let passwords = &app.passwords;
    let attempt = (credentials.principal.to_owned(), credentials.address);
    if passwords.failed.contains_key(&attempt) {
        return Ok(Outcome::Damped);
    }
    let row = app.db.query_opt(sql::FOR_LOGIN, params![credentials.principal]).await?;
    let account = row.as_ref().map(account).transpose()?;
    let remembered = || match &account {
        Some((person, _, version)) => passwords.remembers(person.id, *version, credentials.secret),
        None => Ok(false),
    };
    let mut known = remembered()?;
    if !known {
        let turn = password::turn().await?;
        // Of guesses that came together only those pass that were being checked when the first one failed.
        if passwords.failed.contains_key(&attempt) {
            return Ok(Outcome::Damped);
        }
        // A burst of log-ins pays once. As long for an unknown name as for a known one, so that time does not tell names.
        let stored = account.as_ref().map_or("", |(_, stored, _)| stored);
        known = remembered()? || password::verify(&turn, credentials.secret, stored).await?;
        match &account {
            Some((person, _, version)) if known => {
                passwords.remember(person.id, *version, credentials.secret)?;
            }
            _ => passwords.failed.insert(attempt, ()),
        }
    }
    Ok(account.filter(|_| known).map_or(Outcome::Wrong, |(person, ..)| Outcome::Known(person)))
}

/// The person with the stored hash and the version of the row.
fn account(row: &Row) -> Result<(Person, String, i64)> {
    let person = Person {
        id: row.get(0)?,
        username: row.get(1)?,
        sysadmin: row.get(2)?,
        auth_admin: false,
        groups: Vec::new(),
    };
    Ok((person, row.get(3)?, row.get(4)?))
}
