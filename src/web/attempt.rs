//! Attempts to sign in: how often a password was wrong for an account, whether or not there is such an account. Bounded in
//! memory, never written down; the account is known by a hash of its address only. What an address on the network may
//! try is counted by `stranger`. Each process counts for itself: with several the limit is that many times as high.
//!
//! A limit per account lets anybody keep its owner out for a while; a one-time link is the way in meanwhile.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use sha2::{Digest, Sha256};

use crate::domain::time::{MINUTE, Time};

/// Wrong passwords for one account in `WITHIN`.
pub const WRONG_MAX: usize = 10;
pub const WITHIN: Duration = Duration::from_secs(15 * MINUTE.as_secs());
/// Accounts remembered. When there are more the one that was wrong longest ago is forgotten.
const ACCOUNTS_MAX: usize = 10_000;

#[derive(Default)]
pub struct Attempts(Mutex<HashMap<[u8; 32], Vec<Time>>>);

fn key(email: &str) -> [u8; 32] {
    Sha256::digest(email.trim().to_lowercase().as_bytes()).into()
}

impl Attempts {
    /// Whether this account has had its wrong passwords for now.
    pub fn is_shut(&self, email: &str, now: Time) -> bool {
        self.with(|known| {
            known
                .get(&key(email))
                .is_some_and(|at| at.iter().filter(|at| now.since(**at) < WITHIN).count() >= WRONG_MAX)
        })
    }

    /// Counts an attempt before it is looked at, so that many at once are counted too.
    pub fn note(&self, email: &str, now: Time) {
        self.with(|known| {
            if known.len() >= ACCOUNTS_MAX && !known.contains_key(&key(email)) {
                let oldest = known.iter().min_by_key(|(_, at)| at.last().copied()).map(|(key, _)| *key);
                if let Some(oldest) = oldest {
                    known.remove(&oldest);
                }
            }
            let at = known.entry(key(email)).or_default();
            at.retain(|at| now.since(*at) < WITHIN);
            at.push(now);
        });
    }

    /// The password was right: what was wrong before was a person's slip.
    pub fn forgive(&self, email: &str) {
        self.with(|known| drop(known.remove(&key(email))));
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<[u8; 32], Vec<Time>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(|broken| broken.into_inner()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_shut_for_a_while() {
        let (attempts, now) = (Attempts::default(), Time::from_seconds(6_000));
        for _ in 0..WRONG_MAX {
            assert!(!attempts.is_shut("ana@example.com", now));
            attempts.note(" Ana@example.com", now);
        }
        assert!(attempts.is_shut("ana@example.com", now));
        assert!(!attempts.is_shut("bo@example.com", now));
        assert!(!attempts.is_shut("ana@example.com", now + WITHIN));
        attempts.forgive("ana@example.com");
        assert!(!attempts.is_shut("ana@example.com", now));
    }

    #[test]
    fn memory_is_bounded() {
        let (attempts, now) = (Attempts::default(), Time::from_seconds(6_000));
        attempts.note("first@example.com", now);
        for number in 0..ACCOUNTS_MAX + 20 {
            attempts.note(&format!("{number}@example.com"), now + Duration::from_secs(1));
        }
        assert_eq!(attempts.with(|known| known.len()), ACCOUNTS_MAX);
        assert!(attempts.with(|known| !known.contains_key(&key("first@example.com"))));
    }
}
