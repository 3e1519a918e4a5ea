//! From a name and a secret to whoever they belong to: a person, a robot, or a token that a person made.
//!
//! A verified password is remembered for a minute as a keyed hash tied to the version of the account's row, which every
//! log-in reads: a changed password counts at once on every replica, and a burst of pulls pays for Argon2 once.

use super::damping::{self, Attempt, Standing, network};
use super::lately::{self, Lately};
use super::password;
use super::sql;
use super::turns::{Turn, Turns};
use crate::access::{Caller, Person};
use crate::{App, Error, Result, access_tokens, robots};
use haven_db::{Timestamp, params};
use hmac::{Hmac, KeyInit, Mac};
use moka::sync::Cache;
use sha2::Sha256;
use std::net::IpAddr;
use std::time::Duration;

/// Longer secrets are nobody's and would only cost hashing.
const MAX_SECRET: usize = 1024;
/// Longer names are nobody's, not even a robot's with project and prefix.
const MAX_PRINCIPAL: usize = 512;
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
    /// The program that it came from, as that says; empty when it says nothing.
    pub program: &'a str,
}

impl Credentials<'_> {
    /// Whether they could be anybody's; others are refused without a look, and so without a delay.
    pub(crate) fn are_possible(&self) -> bool {
        // Not every database can look for a NUL.
        let named = (1..=MAX_PRINCIPAL).contains(&self.principal.len()) && !self.principal.contains('\0');
        named && self.secret.len() <= MAX_SECRET
    }
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
    /// A PHC string; empty when there is no password here.
    pub(crate) stored: String,
}

/// What one process remembers of log-ins, for minutes, and whose turn it is.
pub struct Passwords {
    key: [u8; 32],
    verified: Cache<Holder, (i64, [u8; 32])>,
    /// How often the remembered one was missed.
    missed: Cache<Attempt, u32>,
    lately: Lately,
    turns: Turns,
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
            lately: Lately::new(),
            turns: Turns::new(),
            delay,
        })
    }

    pub(super) fn delay(&self) -> Duration {
        self.delay
    }

    pub(super) fn turns(&self) -> &Turns {
        &self.turns
    }

    fn keyed(&self, secret: &str) -> Result<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key)
            .map_err(|error| Error::internal("keyed hash").because(error.to_string()))?;
        mac.update(secret.as_bytes());
        Ok(mac)
    }

    /// By which the same credentials are known again, without keeping them.
    fn presented(&self, credentials: &Credentials<'_>) -> Result<[u8; 32]> {
        let mut mac = self.keyed(credentials.secret)?;
        mac.update(&[0]);
        mac.update(credentials.principal.as_bytes());
        mac.update(&[0]);
        mac.update(network(credentials.address).as_bytes());
        Ok(mac.finalize().into_bytes().into())
    }

    /// Which of these has a secret that was this one moments ago.
    fn remembered(&self, candidates: &[Candidate], secret: &str) -> Result<Option<usize>> {
        for (index, candidate) in candidates.iter().enumerate() {
            let Some((at, hash)) = self.verified.get(&candidate.holder) else { continue };
            // verify_slice compares in constant time.
            if at == candidate.version && self.keyed(secret)?.verify_slice(&hash).is_ok() {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    fn remember(&self, candidate: &Candidate, given: &Credentials<'_>, attempt: Attempt) -> Result<()> {
        let hash = self.keyed(given.secret)?.finalize().into_bytes();
        self.verified.insert(candidate.holder, (candidate.version, hash.into()));
        self.missed.invalidate(&attempt);
        self.note(candidate, given)
    }

    /// A client was right.
    fn note(&self, candidate: &Candidate, given: &Credentials<'_>) -> Result<()> {
        if let Some(client) = self.client(given)? {
            let hash = self.keyed(given.secret)?.finalize().into_bytes();
            self.lately.note(client, candidate, hash.into());
        }
        Ok(())
    }

    /// Which of these candidates was here lately with the same from the same client.
    fn was_right_lately(&self, candidates: &[Candidate], given: &Credentials<'_>) -> Result<Option<usize>> {
        let (Some(client), secret) = (self.client(given)?, self.keyed(given.secret)?) else {
            return Ok(None);
        };
        // verify_slice compares in constant time.
        Ok(self.lately.again(client, candidates, |hash| secret.verify_slice(hash).is_ok()))
    }

    /// What a client is known again by; nothing when it does not say what program it is.
    fn client(&self, given: &Credentials<'_>) -> Result<Option<lately::Client>> {
        let kind = Credentials { secret: given.program, ..*given };
        if given.program.is_empty() { Ok(None) } else { Ok(Some(self.presented(&kind)?)) }
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

/// What came of a look at an attempt.
enum Outcome {
    Known(Box<Candidate>),
    Wrong,
    /// Not looked at, because another one has just failed; it might have been one of these.
    Later(Duration, Vec<Candidate>),
}

/// Somebody whose password was right, with the version of the account that this is true of.
#[derive(Debug)]
pub(crate) struct Entered {
    pub(crate) person: Person,
    pub(crate) version: i64,
}

/// Whose names count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Among {
    People,
    /// Robots too, and they come first.
    All,
}

/// Whoever credentials belong to: a robot or a person by a secret, or a token that a person made for a program. Nobody when
/// they are wrong, after a delay.
///
/// # Errors
/// `Unavailable` when too many passwords wait to be checked, which is no failure of whoever came with them.
pub async fn authenticate(app: &App, credentials: &Credentials<'_>) -> Result<Caller> {
    if access_tokens::looks_like_one(credentials.secret) {
        return access_tokens::caller(app, credentials.secret, Some(credentials.principal)).await;
    }
    let known = attempt(app, credentials, Among::All).await?;
    Ok(known.map_or(Caller::Anonymous, |candidate| candidate.caller))
}

/// Which person a name and a password belong to; none when to nobody, after a delay.
pub(crate) async fn enter(app: &App, credentials: &Credentials<'_>) -> Result<Option<Entered>> {
    Ok(match attempt(app, credentials, Among::People).await? {
        Some(Candidate { caller: Caller::Person(person), version, .. }) => Some(Entered { person, version }),
        _ => None,
    })
}

async fn attempt(app: &App, credentials: &Credentials<'_>, among: Among) -> Result<Option<Candidate>> {
    if !credentials.are_possible() {
        return Ok(None);
    }
    let attempt = Attempt::new(app, credentials.principal, credentials.address);
    let mut is_known = true;
    for _ in 0..LOOKS {
        match look(app, credentials, among, attempt).await? {
            Outcome::Known(candidate) => return Ok(Some(*candidate)),
            Outcome::Wrong => {
                tokio::time::sleep(app.passwords.delay).await;
                return Ok(None);
            }
            // Not refused but slowed: whoever mistyped, or whose client tried twice, gets in all the same.
            Outcome::Later(wait, mut candidates) => {
                // Once, because a miss counts.
                if std::mem::take(&mut is_known)
                    && let Some(index) = app.passwords.was_right_lately(&candidates, credentials)?
                {
                    return Ok(Some(candidates.swap_remove(index)));
                }
                tokio::time::sleep(wait).await;
            }
        }
    }
    Ok(None)
}

async fn look(app: &App, credentials: &Credentials<'_>, among: Among, attempt: Attempt) -> Result<Outcome> {
    let (passwords, secret) = (&app.passwords, credentials.secret);
    let mut candidates = Vec::new();
    if among == Among::All {
        match robots::find(app, credentials.principal, secret).await? {
            // Nobody guesses a made-up secret, so it is not damped.
            robots::Found::Known(robot) => return Ok(Outcome::Known(robot)),
            robots::Found::Chosen(candidate) => candidates.push(*candidate),
            robots::Found::Nothing => {}
        }
    }
    let (person, standing) = find(app, credentials.principal, attempt).await?;
    candidates.extend(person);
    if let Standing::Waiting(wait) = standing {
        return Ok(Outcome::Later(wait, candidates));
    }
    if !candidates.is_empty() && standing == Standing::Clear && passwords.may_compare(attempt) {
        if let Some(index) = passwords.remembered(&candidates, secret)? {
            passwords.note(&candidates[index], credentials)?;
            return Ok(known(candidates, index));
        }
        passwords.missed(attempt);
    }
    let mut alone = passwords.turns.alone(passwords.presented(credentials)?).await;
    // Whoever went before came with the same, and was let in: nothing is guessed by that.
    if alone.follows_one_that_got_in()
        && let Some(index) = passwords.remembered(&candidates, secret)?
    {
        passwords.note(&candidates[index], credentials)?;
        return Ok(known(candidates, index));
    }
    let mut turn = passwords.turns.next(Some(credentials.address)).await?;
    // Of guesses that came together only those pass that were being checked when the first one failed.
    let standing = damping::standing(app, attempt).await?;
    if !damping::claim(app, attempt, standing).await? {
        let wait = if let Standing::Waiting(wait) = standing { wait } else { passwords.delay };
        return Ok(Outcome::Later(wait, candidates));
    }
    match ask(app, &mut turn, &candidates, secret).await? {
        Some(index) => {
            passwords.remember(&candidates[index], credentials, attempt)?;
            alone.got_in();
            damping::succeeded(app, attempt, standing).await?;
            Ok(known(candidates, index))
        }
        None => {
            damping::failed(app, attempt, standing).await?;
            Ok(Outcome::Wrong)
        }
    }
}

/// Whose secret it is, asked in the places where people and robots are known, in order. There is one: accounts that have a
/// password here.
async fn ask(app: &App, turn: &mut Turn, candidates: &[Candidate], secret: &str) -> Result<Option<usize>> {
    // A burst of log-ins pays once.
    if let Some(index) = app.passwords.remembered(candidates, secret)? {
        return Ok(Some(index));
    }
    if candidates.is_empty() {
        // As long for an unknown name as for a known one, so that time does not tell names.
        password::verify(turn, secret, "").await?;
    }
    for (index, candidate) in candidates.iter().enumerate() {
        if password::verify(turn, secret, &candidate.stored).await? {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

fn known(mut candidates: Vec<Candidate>, index: usize) -> Outcome {
    Outcome::Known(Box::new(candidates.swap_remove(index)))
}

/// The account of a name, and how things stand for who tries it.
async fn find(app: &App, principal: &str, attempt: Attempt) -> Result<(Option<Candidate>, Standing)> {
    let Some(row) = app.db.query_opt(sql::FOR_LOGIN, params![principal, attempt.key()]).await? else {
        return Ok((None, damping::standing(app, attempt).await?));
    };
    let person = sql::person(&row, 0)?;
    let holder = Holder::Person(person.id);
    let account =
        Candidate { caller: Caller::Person(person), holder, version: row.get(5)?, stored: row.get(4)? };
    let failure: Option<(i64, Timestamp)> = sql::failure(&row, 6)?;
    Ok((Some(account), damping::standing_of(app, failure)))
}

/// Whether this is the password of an account, damped as a log-in is.
pub(super) async fn confirm(app: &App, credentials: &Credentials<'_>, id: i64) -> Result<bool> {
    let entered = enter(app, credentials).await?;
    Ok(entered.is_some_and(|entered| entered.person.id == id))
}
