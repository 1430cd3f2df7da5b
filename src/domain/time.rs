//! `Time`: a moment as epoch milliseconds. The only notion of "when" that crosses a layer or reaches the database.
//!
//! Parsing is forgiving about form (shops send five of them), never about meaning: what cannot be read is `None`,
//! and the caller falls back to when the delivery arrived.

use std::{fmt, ops::Add, ops::Sub, time::Duration};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z. Bounds: years 1970 to 9999.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(i64);

pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(60 * 60);
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// 9999-12-30T22:00:00Z, what jiff can still show in every zone.
const LATEST_MS: i64 = 253_402_207_200_000;

impl Time {
    /// The bounds themselves: a span of these two is all of time.
    pub const FIRST: Time = Time(0);
    pub const LAST: Time = Time(LATEST_MS);

    pub fn from_millis(ms: i64) -> Time {
        Time(ms.clamp(0, LATEST_MS))
    }

    pub fn from_seconds(seconds: i64) -> Time {
        Time::from_millis(seconds.saturating_mul(1000))
    }

    pub fn millis(self) -> i64 {
        self.0
    }

    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// RFC 3339 with any offset, the same without one (read as UTC, as WooCommerce's `_gmt` fields are), or with a
    /// space for the `T`.
    pub fn parse(text: &str) -> Option<Time> {
        let text = text.trim();
        let moment = text
            .parse::<Timestamp>()
            .ok()
            .or_else(|| Some(text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp()))?;
        (moment.as_millisecond() >= 0).then(|| Time::from_millis(moment.as_millisecond()))
    }

    pub fn to_timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.0).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0) as u64)
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, span: Duration) -> Time {
        Time::from_millis(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Time {
    type Output = Time;
    fn sub(self, span: Duration) -> Time {
        Time::from_millis(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// RFC 3339 in UTC, to the millisecond.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.to_timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_a_shop_sends() {
        #[track_caller]
        fn check(text: &str, millis: Option<i64>) {
            assert_eq!(Time::parse(text).map(Time::millis), millis, "{text}");
        }
        check("2026-03-01T10:00:00Z", Some(1_772_359_200_000));
        check("2026-03-01T05:00:00-05:00", Some(1_772_359_200_000));
        check("2026-03-01T10:00:00.123456789Z", Some(1_772_359_200_123));
        check("2026-03-01T10:00:00", Some(1_772_359_200_000));
        check("2026-03-01 10:00:00", Some(1_772_359_200_000));
        // Seen in a real capture: an offset that lost its sign.
        check("2024-09-16T03:50:1500:00", None);
        check("", None);
        check("yesterday", None);
        check("1815-06-18T11:35:00Z", None);
    }

    #[test]
    fn arithmetic_saturates() {
        let start = Time::from_millis(1000);
        assert_eq!(start + MINUTE, Time::from_millis(61_000));
        assert_eq!(start - MINUTE, Time::from_millis(0));
        assert_eq!(start.since(start + MINUTE), Duration::ZERO);
        assert_eq!((start + Duration::MAX).to_string().len(), 24);
    }
}
