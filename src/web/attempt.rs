//! Attempts to prove who one is: how many were wrong for an account, whether or not there is such an account, and from an
//! address on the network. A few are free; from then on each wrong one makes the next wait, twice as long each time. Who
//! comes before the wait is over is not looked at, and prolongs nothing. Bounded in memory, never written down; an account
//! is known by a hash of its name only. Each process counts for itself: with several the limit is that many times as high.
//!
//! A limit per account must not be a way to keep its owner out. Three ways stay open to them meanwhile: a browser that
//! signed in before has a count of its own (`known`), whoever types the code of a second proof beside the password is
//! looked at (`page::sign_in`), and a one-time link is no password.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use sha2::{Digest, Sha256};

use crate::domain::time::{DAY, HOUR, MINUTE, Time};

/// How many wrong ones are free, and how long the next ones wait.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub free: u32,
    pub first: Duration,
    pub most: Duration,
    /// Without a wrong one for so long, it is as if there had never been any.
    pub forgotten_after: Duration,
}

/// Of one account: five at once, then 30 seconds, a minute, two … a quarter of an hour. A thousand guesses in an hour are
/// twelve that are looked at.
pub const OF_ACCOUNT: Pace = Pace {
    free: 5,
    first: Duration::from_secs(30),
    most: Duration::from_secs(15 * MINUTE.as_secs()),
    forgotten_after: DAY,
};
/// Of one address on the network, behind which a whole office may be.
pub const OF_ADDRESS: Pace =
    Pace { free: 20, first: MINUTE, most: Duration::from_secs(15 * MINUTE.as_secs()), forgotten_after: HOUR };

impl Pace {
    /// How long after the last of so many wrong ones the next may come.
    fn wait(&self, wrong: u32) -> Duration {
        match wrong.checked_sub(self.free) {
            None => Duration::ZERO,
            Some(over) => self.first.saturating_mul(2_u32.saturating_pow(over)).min(self.most),
        }
    }
}

/// Accounts or addresses remembered. When there are more the one that was wrong longest ago is forgotten.
const REMEMBERED_MAX: usize = 10_000;

pub struct Attempts {
    pace: Pace,
    known: Mutex<HashMap<[u8; 32], Tries>>,
}

#[derive(Clone, Copy)]
struct Tries {
    wrong: u32,
    last: Time,
}

fn key(who: &str) -> [u8; 32] {
    Sha256::digest(who.trim().to_lowercase().as_bytes()).into()
}

impl Attempts {
    pub fn at(pace: Pace) -> Attempts {
        Attempts { pace, known: Mutex::default() }
    }

    /// Lets an attempt be looked at, or says how long the next must wait. It counts as wrong from here on, so that many at
    /// once are counted too; `right` or `take_back` once it was not.
    pub fn begin(&self, who: &str, now: Time) -> Result<(), Duration> {
        let key = key(who);
        self.with(|known| {
            let before = known.get(&key).copied().filter(|tries| now.since(tries.last) < self.pace.forgotten_after);
            if let Some(tries) = before {
                let left = self.pace.wait(tries.wrong).saturating_sub(now.since(tries.last));
                if !left.is_zero() {
                    return Err(left);
                }
            }
            if known.len() >= REMEMBERED_MAX && !known.contains_key(&key) {
                let oldest = known.iter().min_by_key(|(_, tries)| tries.last).map(|(key, _)| *key);
                if let Some(oldest) = oldest {
                    known.remove(&oldest);
                }
            }
            known.insert(key, Tries { wrong: before.map_or(0, |tries| tries.wrong).saturating_add(1), last: now });
            Ok(())
        })
    }

    /// It was right, and so was who made it: what was wrong before was a person's slip.
    pub fn right(&self, who: &str) {
        self.with(|known| known.remove(&key(who)));
    }

    /// This one was right, which says nothing of those before it.
    pub fn take_back(&self, who: &str) {
        self.with(|known| {
            if let Some(tries) = known.get_mut(&key(who)) {
                tries.wrong = tries.wrong.saturating_sub(1);
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<[u8; 32], Tries>) -> T) -> T {
        act(&mut self.known.lock().unwrap_or_else(|broken| broken.into_inner()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wrong_one_makes_the_next_wait_longer() {
        let (attempts, mut now) = (Attempts::at(OF_ACCOUNT), Time::from_seconds(600_000));
        for _ in 0..OF_ACCOUNT.free {
            assert_eq!(attempts.begin(" Ana@example.com", now), Ok(()));
        }
        assert_eq!(attempts.begin("bo@example.com", now), Ok(()));
        for seconds in [30, 60, 120, 240, 480, 900, 900] {
            let wait = Duration::from_secs(seconds);
            assert_eq!(attempts.begin("ana@example.com", now), Err(wait));
            now = now + wait;
            // Knocking too early prolonged nothing.
            assert_eq!(attempts.begin("ana@example.com", now - MINUTE / 60), Err(MINUTE / 60));
            assert_eq!(attempts.begin("ana@example.com", now), Ok(()));
        }
        attempts.right("ana@example.com");
        for _ in 0..OF_ACCOUNT.free {
            assert_eq!(attempts.begin("ana@example.com", now), Ok(()));
        }
        assert!(attempts.begin("ana@example.com", now).is_err());
        assert_eq!(attempts.begin("ana@example.com", now + DAY), Ok(()));
    }

    #[test]
    fn what_was_right_is_not_counted_and_forgives_nothing() {
        let (attempts, now) = (Attempts::at(OF_ADDRESS), Time::from_seconds(600_000));
        for _ in 0..100 {
            assert_eq!(attempts.begin("203.0.113.7", now), Ok(()));
            attempts.take_back("203.0.113.7");
        }
        for _ in 0..OF_ADDRESS.free {
            assert_eq!(attempts.begin("203.0.113.7", now), Ok(()));
        }
        assert_eq!(attempts.begin("203.0.113.7", now), Err(MINUTE));
    }

    #[test]
    fn a_thousand_guesses_in_an_hour_are_a_handful() {
        let (attempts, begun) = (Attempts::at(OF_ACCOUNT), Time::from_seconds(600_000));
        let looked_at = (0..1_000)
            .filter(|number| attempts.begin("ana@example.com", begun + Duration::from_millis(3_600 * number)).is_ok());
        assert_eq!(looked_at.count(), 12);
    }

    #[test]
    fn memory_is_bounded() {
        let (attempts, now) = (Attempts::at(OF_ACCOUNT), Time::from_seconds(600_000));
        let _ = attempts.begin("first@example.com", now);
        for number in 0..REMEMBERED_MAX + 20 {
            let _ = attempts.begin(&format!("{number}@example.com"), now + Duration::from_secs(1));
        }
        assert_eq!(attempts.with(|known| known.len()), REMEMBERED_MAX);
        assert!(attempts.with(|known| !known.contains_key(&key("first@example.com"))));
    }
}
