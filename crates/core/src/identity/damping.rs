//! Wrong passwords make the next ones wait, on all replicas. Owns `login_failure`.
//!
//! What counts is who a password was tried for together with the network that it came from, so nobody can keep somebody
//! elsewhere out, and no account is ever locked. As long as nothing went wrong nothing is written. After a failure one
//! attempt at a time is looked at, and each claims its turn in the row before it is.

use super::sql;
use crate::{App, Result};
use haven_db::{Timestamp, params};
use ring::hmac;
use std::net::IpAddr;
use std::time::Duration;

/// So many failures wait no longer than the first: people mistype.
const PATIENT: i64 = 5;
/// How often the wait doubles then.
const DOUBLINGS: u32 = 3;
/// Failures are forgotten when none came for so long.
const MEMORY: Duration = Duration::from_secs(15 * 60);
/// Clocks of replicas may differ by this much.
const LEEWAY: Duration = Duration::from_secs(60);

/// Who a password is tried for, from where.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Attempt([u8; 32]);

/// What a row says of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing went wrong lately.
    Clear,
    /// So often, and the wait is over; who comes now may try to claim the turn.
    Open { failures: i64, since: Timestamp },
    /// To be looked at later.
    Waiting(Duration),
}

impl Attempt {
    pub(super) fn new(app: &App, principal: &str, address: IpAddr) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &app.derived_key("failed log-ins"));
        let tag = hmac::sign(&key, format!("{}\0{principal}", network(address)).as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(tag.as_ref());
        Self(bytes)
    }

    /// The key of its row.
    pub(super) fn key(&self) -> &[u8] {
        &self.0
    }
}

/// The network that one client is likely to have for itself: an IPv4 address, or a /64 of IPv6.
pub(super) fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// How long the next attempt waits after so many failures.
fn wait(base: Duration, failures: i64) -> Duration {
    let doublings = u32::try_from((failures - PATIENT).max(0)).unwrap_or(DOUBLINGS).min(DOUBLINGS);
    base * 2_u32.pow(doublings)
}

/// How things stand for an attempt.
pub(super) async fn standing(app: &App, attempt: Attempt) -> Result<Standing> {
    let row = app.db.query_opt(sql::FAILURE, params![attempt.key()]).await?;
    let failure = row.as_ref().map(|row| sql::failure(row, 0)).transpose()?;
    Ok(standing_of(app, failure.flatten()))
}

/// The same, from what a row says.
pub(super) fn standing_of(app: &App, failure: Option<(i64, Timestamp)>) -> Standing {
    let Some((failures, until)) = failure else { return Standing::Clear };
    let left = until.since(app.clock.now());
    // A wait that is longer than any can be is from before the clock was turned back.
    if !left.is_zero() && left <= wait(app.passwords.delay(), i64::MAX) + LEEWAY {
        Standing::Waiting(left)
    } else {
        Standing::Open { failures, since: until }
    }
}

/// Takes the turn of an attempt for which things stand so. False: somebody else took it.
pub(super) async fn claim(app: &App, attempt: Attempt, standing: Standing) -> Result<bool> {
    match standing {
        Standing::Clear => Ok(true),
        Standing::Waiting(_) => Ok(false),
        Standing::Open { failures, since } => {
            let until = app.clock.now() + wait(app.passwords.delay(), failures);
            Ok(app.db.execute(sql::CLAIM_ATTEMPT, params![attempt.key(), since, until]).await? > 0)
        }
    }
}

/// The password was wrong. Without a delay there is nothing to remember it for.
pub(super) async fn failed(app: &App, attempt: Attempt, standing: Standing) -> Result<()> {
    let base = app.passwords.delay();
    if base.is_zero() {
        return Ok(());
    }
    let failures = 1 + if let Standing::Open { failures, .. } = standing { failures } else { 0 };
    let now = app.clock.now();
    let until = now + wait(base, failures);
    app.db.execute(sql::RECORD_FAILURE, params![attempt.key(), failures, until, now]).await?;
    Ok(())
}

/// The password was right.
pub(super) async fn succeeded(app: &App, attempt: Attempt, standing: Standing) -> Result<()> {
    if standing != Standing::Clear {
        app.db.execute(sql::FORGET_FAILURE, params![attempt.key()]).await?;
    }
    Ok(())
}

/// Forgets failures of long ago, and returns how many.
///
/// # Errors
/// When the database fails.
pub async fn forget_failures(app: &App) -> Result<u64> {
    let now = app.clock.now();
    let mut forgotten = 0;
    loop {
        let gone = app.db.execute(sql::FORGET_OLD_FAILURES, params![now - MEMORY, now + LEEWAY]).await?;
        forgotten += gone;
        if gone < 500 {
            return Ok(forgotten);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_end_growing() {
        let seconds = |failures| wait(Duration::from_millis(1500), failures).as_secs_f64();
        assert_eq!([1, 5, 6, 7, 8, 9, i64::MAX].map(seconds), [1.5, 1.5, 3.0, 6.0, 12.0, 12.0, 12.0]);
    }

    #[test]
    fn a_network_is_an_address_or_a_64() {
        let same = |one: &str, two: &str| network(one.parse().unwrap()) == network(two.parse().unwrap());
        assert!(
            same("2001:db8:1:2::1", "2001:db8:1:2:ffff::9") && !same("2001:db8:1:2::1", "2001:db8:1:3::1")
        );
        assert!(same("192.0.2.1", "::ffff:192.0.2.1") && !same("192.0.2.1", "192.0.2.2"));
    }
}
