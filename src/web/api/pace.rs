//! Pace: how often a token may ask in a minute. Bounded in memory by the number of tokens, forgotten by the minute.

use std::{collections::HashMap, sync::Mutex};

use crate::{domain::time::Time, store::token::TokenHash};

/// Requests of one token in one minute. A list holds 500 entries: that is 60,000 consents a minute.
const REQUESTS_MAX: u32 = 120;

#[derive(Default)]
pub struct Pace(Mutex<(i64, HashMap<TokenHash, u32>)>);

impl Pace {
    /// Counts a request; `false` when this token has had its share of this minute.
    pub fn allows(&self, token: &TokenHash, now: Time) -> bool {
        let mut minute = self.0.lock().unwrap_or_else(|broken| broken.into_inner());
        let number = now.seconds() / 60;
        if minute.0 != number {
            *minute = (number, HashMap::new());
        }
        let asked = minute.1.entry(*token).or_default();
        *asked = asked.saturating_add(1);
        *asked <= REQUESTS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_its_share_of_each_minute() {
        let (pace, now) = (Pace::default(), Time::from_seconds(600));
        for _ in 0..REQUESTS_MAX {
            assert!(pace.allows(&[1; 32], now));
        }
        assert!(!pace.allows(&[1; 32], now));
        assert!(pace.allows(&[2; 32], now));
        assert!(pace.allows(&[1; 32], Time::from_seconds(660)));
    }
}
