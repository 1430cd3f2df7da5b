//! Pace: how often a token may ask in a minute, per process. Bounded in memory by the number of tokens, forgotten by the
//! minute. What is left is told in the header fields of draft-ietf-httpapi-ratelimit-headers.

use std::{collections::HashMap, sync::Mutex};

use crate::{domain::time::Time, store::token::TokenHash};

/// Requests of one token in one minute, unless the operator says otherwise. A list holds 500 entries: that is 300,000
/// consents a minute.
pub const REQUESTS_A_MINUTE: u32 = 600;
const MINUTE_SECONDS: i64 = 60;

pub struct Pace {
    most: u32,
    minute: Mutex<(i64, HashMap<TokenHash, u32>)>,
}

impl Default for Pace {
    fn default() -> Pace {
        Pace::of(REQUESTS_A_MINUTE)
    }
}

/// What is left of a token's minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    pub most: u32,
    pub left: u32,
    /// Whether this request is beyond it.
    pub is_over: bool,
    /// Until the next minute: 1 to 60.
    pub reset_seconds: u64,
}

impl Pace {
    /// So many requests of one token in one minute.
    pub fn of(most: u32) -> Pace {
        Pace { most, minute: Mutex::default() }
    }

    /// Counts a request.
    pub fn count(&self, token: &TokenHash, now: Time) -> Share {
        let mut minute = self.minute.lock().unwrap_or_else(|broken| broken.into_inner());
        let number = now.seconds() / MINUTE_SECONDS;
        if minute.0 != number {
            *minute = (number, HashMap::new());
        }
        let asked = minute.1.entry(*token).or_default();
        *asked = asked.saturating_add(1);
        Share {
            most: self.most,
            left: self.most.saturating_sub(*asked),
            is_over: *asked > self.most,
            reset_seconds: (MINUTE_SECONDS - now.seconds() % MINUTE_SECONDS).unsigned_abs(),
        }
    }
}

impl Share {
    /// `RateLimit-Policy` and `RateLimit`.
    pub fn headers(&self) -> [(&'static str, String); 2] {
        [
            ("ratelimit-policy", format!("\"minute\";q={};w={MINUTE_SECONDS}", self.most)),
            ("ratelimit", format!("\"minute\";r={};t={}", self.left, self.reset_seconds)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_its_share_of_each_minute() {
        let (pace, now) = (Pace::of(3), Time::from_seconds(610));
        let left: Vec<u32> = (0..3).map(|_| pace.count(&[1; 32], now).left).collect();
        assert_eq!(left, [2, 1, 0]);
        let over = pace.count(&[1; 32], now);
        assert_eq!(over, Share { most: 3, left: 0, is_over: true, reset_seconds: 50 });
        assert!(!pace.count(&[2; 32], now).is_over);
        assert!(!pace.count(&[1; 32], Time::from_seconds(660)).is_over);
        let told = over.headers().map(|(_, value)| value);
        assert_eq!(told, ["\"minute\";q=3;w=60", "\"minute\";r=0;t=50"]);
    }
}
