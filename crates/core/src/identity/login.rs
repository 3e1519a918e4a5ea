//! From a name and a secret to a person or a robot.
//!
//! A verified password is remembered for a minute as a keyed hash tied to the version of the account's row, which every
//! log-in reads: a changed password counts at once on every replica, and a burst of pulls pays for Argon2 once.

use super::{password, sql};
use crate::access::{Caller, Person};
use crate::{App, Error, Result, robots};
use haven_db::{Row, params};
use hmac::{Hmac, KeyInit, Mac};
use moka::sync::Cache;
use sha2::Sha256;
use std::net::IpAddr;
use std::time::Duration;

/// Longer secrets are nobody's and would only cost hashing.
const MAX_SECRET: usize = 1024;
/// Longer names are nobody's, not even a robot's with project and prefix.
const MAX_PRINCIPAL: usize = 512;

/// A name and a secret, as somebody presents them.
#[derive(Debug)]
pub struct Credentials<'a> {
    pub principal: &'a str,
    pub secret: &'a str,
    /// Where they came from; failures are damped for this address only, so nobody can lock somebody else out.
    pub address: IpAddr,
}

/// Whose secret it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    Person(i64),
    Robot(i64),
}

/// Somebody to whom a name may belong, and what the secret must be like.
pub(crate) struct Candidate {
    pub(crate) caller: Caller,
    pub(crate) holder: Holder,
    /// Of the row; it grows when the secret changes.
    pub(crate) version: i64,
    /// A PHC string.
    pub(crate) stored: String,
}

/// What one process remembers of log-ins, for seconds.
pub struct Passwords {
    key: [u8; 32],
    verified: Cache<Holder, (i64, [u8; 32])>,
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

    /// The one of these whose secret this was moments ago.
    fn remembered(&self, candidates: &[Candidate], secret: &str) -> Result<Option<Caller>> {
        for candidate in candidates {
            let Some((at, hash)) = self.verified.get(&candidate.holder) else { continue };
            // verify_slice compares in constant time.
            if at == candidate.version && self.keyed(secret)?.verify_slice(&hash).is_ok() {
                return Ok(Some(candidate.caller.clone()));
            }
        }
        Ok(None)
    }

    fn remember(&self, candidate: &Candidate, secret: &str) -> Result<()> {
        let hash = self.keyed(secret)?.finalize().into_bytes();
        self.verified.insert(candidate.holder, (candidate.version, hash.into()));
        Ok(())
    }
}

/// What came of an attempt.
enum Outcome {
    Known(Caller),
    Wrong,
    /// Not looked at, because another one has just failed.
    Damped,
}

/// Whose names count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Among {
    People,
    /// Robots too, and they come first.
    All,
}

/// Which person a name and a password belong to; none when to nobody, after a delay.
///
/// # Errors
/// When the database fails.
pub async fn login(app: &App, credentials: &Credentials<'_>) -> Result<Option<Person>> {
    match attempt(app, credentials, Among::People).await? {
        Some(Caller::Person(person)) => Ok(Some(person)),
        _ => Ok(None),
    }
}

/// Who a name and a secret belong to, a robot or else a person; anonymous when to nobody, after a delay.
///
/// # Errors
/// When the database fails.
pub async fn authenticate(app: &App, credentials: &Credentials<'_>) -> Result<Caller> {
    Ok(attempt(app, credentials, Among::All).await?.unwrap_or(Caller::Anonymous))
}

async fn attempt(app: &App, credentials: &Credentials<'_>, among: Among) -> Result<Option<Caller>> {
    let principal = credentials.principal;
    // Not every database can look for a NUL.
    let possible = (1..=MAX_PRINCIPAL).contains(&principal.len()) && !principal.contains('\0');
    if !possible || credentials.secret.len() > MAX_SECRET {
        return Ok(None);
    }
    let mut outcome = verified(app, credentials, among).await?;
    if matches!(outcome, Outcome::Damped) {
        // Not refused but slowed: whoever mistyped, or whose client tried twice, gets in all the same.
        tokio::time::sleep(app.passwords.delay).await;
        outcome = verified(app, credentials, among).await?;
    } else if matches!(outcome, Outcome::Wrong) {
        tokio::time::sleep(app.passwords.delay).await;
    }
    match outcome {
        Outcome::Known(caller) => Ok(Some(caller)),
        Outcome::Wrong | Outcome::Damped => Ok(None),
    }
}

async fn verified(app: &App, credentials: &Credentials<'_>, among: Among) -> Result<Outcome> {
    let (passwords, secret) = (&app.passwords, credentials.secret);
    let mut candidates = Vec::new();
    if among == Among::All {
        match robots::find(app, credentials.principal, secret).await? {
            // Nobody guesses a made-up secret, so it is not damped.
            robots::Found::Known(robot) => return Ok(Outcome::Known(Caller::Robot(robot))),
            robots::Found::Chosen(candidate) => candidates.push(*candidate),
            robots::Found::Nothing => {}
        }
    }
    let attempt = (credentials.principal.to_owned(), credentials.address);
    if passwords.failed.contains_key(&attempt) {
        return Ok(Outcome::Damped);
    }
    let row = app.db.query_opt(sql::FOR_LOGIN, params![credentials.principal]).await?;
    candidates.extend(row.as_ref().map(account).transpose()?);
    if let Some(caller) = passwords.remembered(&candidates, secret)? {
        return Ok(Outcome::Known(caller));
    }
    let turn = password::turn().await?;
    // Of guesses that came together only those pass that were being checked when the first one failed.
    if passwords.failed.contains_key(&attempt) {
        return Ok(Outcome::Damped);
    }
    // A burst of log-ins pays once.
    if let Some(caller) = passwords.remembered(&candidates, secret)? {
        return Ok(Outcome::Known(caller));
    }
    if candidates.is_empty() {
        // As long for an unknown name as for a known one, so that time does not tell names.
        password::verify(&turn, secret, "").await?;
    }
    for candidate in candidates {
        if password::verify(&turn, secret, &candidate.stored).await? {
            passwords.remember(&candidate, secret)?;
            return Ok(Outcome::Known(candidate.caller));
        }
    }
    passwords.failed.insert(attempt, ());
    Ok(Outcome::Wrong)
}

/// The person with the stored hash and the version of the row.
fn account(row: &Row) -> Result<Candidate> {
    let id = row.get(0)?;
    let person = Person { id, username: row.get(1)?, sysadmin: row.get(2)?, groups: Vec::new() };
    Ok(Candidate {
        caller: Caller::Person(person),
        holder: Holder::Person(id),
        version: row.get(4)?,
        stored: row.get(3)?,
    })
}
