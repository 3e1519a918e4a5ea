//! Points in time, and the one clock that tells them.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const SECOND: i64 = 1_000_000;
/// How the zero time is written on the wire; clients know it from Go.
const ZERO_TEXT: &str = "0001-01-01T00:00:00";
/// 0001-01-01T00:00:00Z, which reads back as [`Timestamp::ZERO`].
const YEAR_ONE: i64 = -62_135_596_800 * SECOND;

/// Microseconds since 1970-01-01T00:00:00Z, as they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// "Never": the time of what has not happened.
    pub const ZERO: Self = Self(0);

    /// The time so many seconds after the epoch.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(SECOND))
    }

    /// Whole seconds since the epoch.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// True for [`Timestamp::ZERO`].
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// `2024-05-01T08:00:00.000Z`, always with three decimals.
    pub fn rfc3339_millis(self) -> String {
        let millis = self.0.rem_euclid(SECOND) / 1000;
        format!("{}.{millis:03}Z", self.civil())
    }

    /// `2024-05-01T08:00:00Z`.
    pub fn rfc3339_secs(self) -> String {
        format!("{}Z", self.civil())
    }

    /// Reads any RFC 3339 time; digits beyond microseconds are dropped. Go's zero time is [`Timestamp::ZERO`].
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let micros = jiff::Timestamp::from_str(text).ok()?.as_microsecond();
        Some(if micros == YEAR_ONE { Self::ZERO } else { Self(micros) })
    }

    /// How long ago `earlier` was; zero if it is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0).try_into().unwrap_or(0))
    }

    fn civil(self) -> String {
        if self.is_zero() {
            return ZERO_TEXT.to_owned();
        }
        let seconds = jiff::Timestamp::from_second(self.as_secs()).unwrap_or_default();
        seconds.strftime("%Y-%m-%dT%H:%M:%S").to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339_millis())
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }
}

impl Sub for Timestamp {
    type Output = Duration;

    /// The same as [`Timestamp::since`].
    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

fn micros(duration: Duration) -> i64 {
    duration.as_micros().try_into().unwrap_or(i64::MAX)
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.rfc3339_millis())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse_rfc3339(&text).ok_or_else(|| serde::de::Error::custom("not an RFC 3339 time"))
    }
}

/// Where the time comes from: the system, or a test's hand. Clones of a manual clock move together.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is moved.
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(start.0))))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => system_now(),
            Source::Manual(micros) => Timestamp(micros.load(Ordering::SeqCst)),
        }
    }

    /// Turns a manual clock back.
    pub fn turn_back(&self, duration: Duration) {
        if let Source::Manual(now) = &self.0 {
            now.fetch_sub(micros(duration), Ordering::SeqCst);
        }
    }

    /// Moves a manual clock; the system's goes its own way.
    pub fn advance(&self, duration: Duration) {
        if let Source::Manual(now) = &self.0 {
            now.fetch_add(micros(duration), Ordering::SeqCst);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the clock is the one place that may ask the system")]
fn system_now() -> Timestamp {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => Timestamp(micros(since)),
        Err(before) => Timestamp(-micros(before.duration())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_harbor_does() {
        let time = Timestamp(1_714_550_400_123_999);
        assert_eq!(time.rfc3339_millis(), "2024-05-01T08:00:00.123Z");
        assert_eq!(time.rfc3339_secs(), "2024-05-01T08:00:00Z");
        assert_eq!(Timestamp::ZERO.rfc3339_millis(), "0001-01-01T00:00:00.000Z");
        assert_eq!(Timestamp(-1).rfc3339_millis(), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn reads_what_it_prints() {
        let time = Timestamp(1_714_550_400_123_000);
        assert_eq!(Timestamp::parse_rfc3339(&time.rfc3339_millis()), Some(time));
        assert_eq!(Timestamp::parse_rfc3339("2024-05-01T10:00:00.123+02:00"), Some(time));
        assert_eq!(Timestamp::parse_rfc3339("0001-01-01T00:00:00Z"), Some(Timestamp::ZERO));
        assert_eq!(Timestamp::parse_rfc3339("yesterday"), None);
    }

    #[test]
    fn a_manual_clock_moves_for_all_its_clones() {
        let clock = Clock::manual(Timestamp::from_secs(10));
        clock.clone().advance(Duration::from_secs(5));
        assert_eq!(clock.now(), Timestamp::from_secs(15));
        assert_eq!(clock.now() - Timestamp::from_secs(10), Duration::from_secs(5));
    }
}
