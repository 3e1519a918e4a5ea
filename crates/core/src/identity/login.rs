//! From a name and a secret to whoever they belong to.
//!
//! A verified password is remembered for a minute as a keyed hash tied to the version of the account's row, which every
//! log-in reads: a changed password counts at once on every replica, and a burst of pulls pays for Argon2 once.

use super::damping::{self, Attempt, Standing};
use super::password::{self, Turn};
use super::sql;
use crate::access::{Caller, Person};
use crate::{App, Error, Result, access_tokens};
use haven_db::{Timestamp, params};
use hmac::{Hmac, KeyInit, Mac};
use moka::sync::Cache;
use sha2::Sha256;
use std::net::IpAddr;
use std::time::Duration;

/// Longer secrets are nobody's and would only cost hashing.
const MAX_SECRET: usize = 1024;
/// How often an attempt is looked at that has to wait: others who wait with it may be right and come first.
const LOOKS: usize = 3;
/// So many wrong secrets a minute may be compared with the remembered one before each has to wait for its turn.
const COMPARISONS: u32 = 8;

/// A name and a secret, as somebody presents them.
#[derive(Debug)]
pub struct Credentials<'a> {
    pub principal: &'a str,
    pub secret: &'a str,
    /// Where they came from; failures are damped for this network only, so nobody can lock somebody else out.
    pub address: IpAddr,
}

/// What one process remembers of log-ins, for a minute.
pub struct Passwords {
    key: [u8; 32],
    verified: Cache<i64, (i64, [u8; 32])>,
    /// How often the remembered one was missed.
    missed: Cache<Attempt, u32>,
    delay: Duration,
}

impl Passwords {
    /// Failures are answered after `delay`, and the next attempt is looked at when it is over.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub(crate) fn new(delay: Duration) -> Result<Self> {
        const MINUTE: Duration = Duration::from_secs(60);
        let mut key = [0; 32];
        getrandom::fill(&mut key)
            .map_err(|error| Error::internal("random bytes").because(error.to_string()))?;
        Ok(Self {
            key,
            verified: Cache::builder().max_capacity(10_000).time_to_live(MINUTE).build(),
            missed: Cache::builder().max_capacity(100_000).time_to_live(MINUTE).build(),
            delay,
        })
    }

    pub(super) fn delay(&self) -> Duration {
        self.delay
    }

    fn keyed(&self, secret: &str) -> Result<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key)
            .map_err(|error| Error::internal("keyed hash").because(error.to_string()))?;
        mac.update(secret.as_bytes());
        Ok(mac)
    }

    fn remembers(&self, account: &Account, secret: &str) -> Result<bool> {
        let Some((at, hash)) = self.verified.get(&account.person.id) else { return Ok(false) };
        // verify_slice compares in constant time.
        Ok(at == account.version && self.keyed(secret)?.verify_slice(&hash).is_ok())
    }

    fn remember(&self, account: &Account, secret: &str, attempt: Attempt) -> Result<()> {
        let hash = self.keyed(secret)?.finalize().into_bytes();
        self.verified.insert(account.person.id, (account.version, hash.into()));
        self.missed.invalidate(&attempt);
        Ok(())
    }

    /// Whether an attempt may be compared before its turn has come: comparing costs nothing, so many guesses at once
    /// must not.
    fn may_compare(&self, attempt: Attempt) -> bool {
        self.missed.get(&attempt).is_none_or(|missed| missed < COMPARISONS)
    }

    fn missed(&self, attempt: Attempt) {
        let more = |missed: u32| missed.saturating_add(1);
        self.missed.entry(attempt).and_upsert_with(|entry| entry.map_or(1, |entry| more(entry.into_value())));
    }
}

/// An account as far as a log-in is concerned.
struct Account {
    person: Person,
    /// Empty when it has no password here.
    stored: String,
    version: i64,
}

/// What came of a look at an attempt.
enum Outcome {
    Known(Entered),
    Wrong,
    /// Not looked at, because another one has just failed.
    Later(Duration),
}

/// Somebody whose password was right, with the version of the account that this is true of.
#[derive(Debug)]
pub(crate) struct Entered {
    pub(crate) person: Person,
    pub(crate) version: i64,
}

/// Whoever credentials belong to: a person by a password, or a token that a person made for a program. Nobody when they
/// are wrong, after a delay.
///
/// # Errors
/// When the database fails.
pub async fn authenticate(app: &App, credentials: &Credentials<'_>) -> Result<Caller> {
    if access_tokens::looks_like_one(credentials.secret) {
        return access_tokens::caller(app, credentials.secret, Some(credentials.principal)).await;
    }
    let person = login(app, credentials).await?;
    Ok(person.map_or(Caller::Anonymous, Caller::Person))
}

/// Who a name and a password belong to; none when to nobody, after a delay.
///
/// # Errors
/// When the database fails.
pub async fn login(app: &App, credentials: &Credentials<'_>) -> Result<Option<Person>> {
    Ok(enter(app, credentials).await?.map(|entered| entered.person))
}

/// As [`login`], for whoever wants to remember it.
pub(crate) async fn enter(app: &App, credentials: &Credentials<'_>) -> Result<Option<Entered>> {
    let principal = credentials.principal;
    // Not every database can look for a NUL.
    let possible = (1..=255).contains(&principal.len()) && !principal.contains('\0');
    if !possible || credentials.secret.len() > MAX_SECRET {
        return Ok(None);
    }
    let attempt = Attempt::new(app, principal, credentials.address);
    for _ in 0..LOOKS {
        match look(app, credentials, attempt).await? {
            Outcome::Known(entered) => return Ok(Some(entered)),
            Outcome::Wrong => {
                tokio::time::sleep(app.passwords.delay).await;
                return Ok(None);
            }
            // Not refused but slowed: whoever mistyped, or whose client tried twice, gets in all the same.
            Outcome::Later(wait) => tokio::time::sleep(wait).await,
        }
    }
    Ok(None)
}

async fn look(app: &App, credentials: &Credentials<'_>, attempt: Attempt) -> Result<Outcome> {
    let (passwords, secret) = (&app.passwords, credentials.secret);
    let (account, standing) = find(app, credentials.principal, attempt).await?;
    if let Standing::Waiting(wait) = standing {
        return Ok(Outcome::Later(wait));
    }
    if let (Some(account), Standing::Clear) = (&account, standing)
        && passwords.may_compare(attempt)
    {
        if passwords.remembers(account, secret)? {
            return Ok(known(account));
        }
        passwords.missed(attempt);
    }
    let turn = password::turn().await?;
    // Of guesses that came together only those pass that were being checked when the first one failed.
    let standing = damping::standing(app, attempt).await?;
    if !damping::claim(app, attempt, standing).await? {
        let wait = if let Standing::Waiting(wait) = standing { wait } else { passwords.delay };
        return Ok(Outcome::Later(wait));
    }
    match ask(app, &turn, account.as_ref(), secret).await? {
        Some(account) => {
            passwords.remember(account, secret, attempt)?;
            damping::succeeded(app, attempt, standing).await?;
            Ok(known(account))
        }
        None => {
            damping::failed(app, attempt, standing).await?;
            Ok(Outcome::Wrong)
        }
    }
}

/// Asks the places where people are known, in order. There is one: accounts that have a password here.
async fn ask<'a>(
    app: &App,
    turn: &Turn,
    account: Option<&'a Account>,
    secret: &str,
) -> Result<Option<&'a Account>> {
    // A burst of log-ins pays once. As long for an unknown name as for a known one, so that time does not tell names.
    let stored = match account {
        Some(account) if app.passwords.remembers(account, secret)? => return Ok(Some(account)),
        Some(account) => account.stored.as_str(),
        None => "",
    };
    let right = password::verify(turn, secret, stored).await?;
    Ok(account.filter(|_| right))
}

fn known(account: &Account) -> Outcome {
    Outcome::Known(Entered { person: account.person.clone(), version: account.version })
}

/// The account of a name, and how things stand for who tries it.
async fn find(app: &App, principal: &str, attempt: Attempt) -> Result<(Option<Account>, Standing)> {
    let Some(row) = app.db.query_opt(sql::FOR_LOGIN, params![principal, attempt.key()]).await? else {
        return Ok((None, damping::standing(app, attempt).await?));
    };
    let account = Account { person: sql::person(&row, 0)?, stored: row.get(4)?, version: row.get(5)? };
    let failure: Option<(i64, Timestamp)> = sql::failure(&row, 6)?;
    Ok((Some(account), damping::standing_of(app, failure)))
}

/// Whether this is the password of an account, damped as a log-in is.
pub(super) async fn confirm(app: &App, credentials: &Credentials<'_>, id: i64) -> Result<bool> {
    let entered = enter(app, credentials).await?;
    Ok(entered.is_some_and(|entered| entered.person.id == id))
}
