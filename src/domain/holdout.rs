//! Holdout: a share of the people who could be texted is not, on purpose and by chance, so that what texts earn can be
//! told from what would have happened anyway.
//!
//! What must hold:
//! - Chance decides, and it decides once: a person's place is a keyed hash of their number under the shop's own key, so it
//!   is the same for every cart, independent between shops, and nobody can guess or choose it.
//! - Raising the share leaves everybody who was held out held out.
//! - Both arms are counted by the same rule at the same moment: a cart enters when it is first found **eligible** (its
//!   number, consent and state would allow a text), before anything that texts themselves change is looked at. What then
//!   becomes of it, quiet hours, caps or a failing gateway, does not take it out again (intention to treat).
//! - A person is one unit: what counts is what they bought after their first eligible cart of the run.

use std::time::Duration;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use super::{
    seal::ShopKeys,
    time::{DAY, HOUR, Time},
};

/// The share of people held out, in percent, where it is on.
pub const PERCENT_LEAST: u32 = 5;
pub const PERCENT_MOST: u32 = 20;

/// Days after a person's first eligible cart within which what they buy is counted.
pub const HORIZONS: [u32; 3] = [7, 14, 28];
/// The longest of them.
pub const HORIZON_MOST: u32 = 28;
/// The one the first sentence speaks of.
pub const HEADLINE: u32 = 14;

/// Carts must be kept longer than the longest horizon, or what came of them could not be counted any more.
pub const CART_DAYS_LEAST: u32 = HORIZON_MOST + 1;

/// How long after the end of a horizon it is counted: orders and refunds may be told late. What is told later still is
/// counted when it comes.
pub const LATE: Duration = Duration::from_secs(6 * 60 * 60);
const _: () = assert!(LATE.as_secs() == 6 * HOUR.as_secs());

/// The end of a horizon, exclusive.
pub fn ends_at(assigned_at: Time, days: u32) -> Time {
    assigned_at + DAY * days
}

/// Which of two groups a person is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// May be texted.
    Texted,
    /// Is deliberately not.
    Held,
}

impl Arm {
    pub const ALL: [Arm; 2] = [Arm::Texted, Arm::Held];

    pub fn name(self) -> &'static str {
        match self {
            Arm::Texted => "texted",
            Arm::Held => "held",
        }
    }
}

/// Places people are spread over.
const PLACES: u64 = 1_000_000;

/// A person's place among [`PLACES`]: HMAC-SHA256 of their key under the shop's, for good. `what` separates one experiment
/// from another, so that being in an arm of one says nothing about the other.
pub fn place(keys: &ShopKeys, what: &str, person: &[u8; 16]) -> u64 {
    // Always of the first generation of the shop's key: renewing the key must not move anybody.
    let digest = keys.index("experiment", &format!("{what} {}", HEXLOWER.encode(person)));
    let [a, b, c, d, e, f, g, h, ..] = digest;
    let wide = u128::from(u64::from_be_bytes([a, b, c, d, e, f, g, h])) * u128::from(PLACES);
    u64::try_from(wide >> 64).unwrap_or(0)
}

/// The arm of a person when this share of people is held out. The person is known by the keyed hash of their number.
pub fn arm(keys: &ShopKeys, person: &[u8; 16], percent: u32) -> Arm {
    let held = place(keys, "holdout", person) < PLACES / 100 * u64::from(percent.min(100));
    if held { Arm::Held } else { Arm::Texted }
}

/// Which of these weights a person falls on in an experiment; `None` where all are 0.
pub fn weighed(keys: &ShopKeys, experiment: &str, person: &[u8; 16], weights: &[u32]) -> Option<usize> {
    let sum: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
    let mut left = u128::from(place(keys, experiment, person)) * u128::from(sum) / u128::from(PLACES);
    for (at, weight) in weights.iter().enumerate() {
        if left < u128::from(*weight) {
            return Some(at);
        }
        left -= u128::from(*weight);
    }
    None
}

/// What the decision about a text needs to know of it; `None` there while no share is held out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldoutFacts {
    /// The version of the rules the run began with.
    pub run: u64,
    pub percent: u32,
    pub arm: Arm,
    /// When this cart was counted; `None` while it was not eligible yet.
    pub assigned_at: Option<Time>,
}

/// One stretch of time with one share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The version of the rules it began with.
    pub id: u64,
    pub percent: u32,
    pub started_at: Time,
    /// Since when there is another share, or none.
    pub ended_at: Option<Time>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::id::ShopId;

    fn keys(seed: u8) -> ShopKeys {
        let key: [u8; 32] = std::array::from_fn(|at| (at as u8).wrapping_mul(37) ^ seed);
        ShopKeys::new(ShopId::new(i64::from(seed)), vec![(1, key)]).unwrap()
    }

    fn person(number: u32) -> [u8; 16] {
        let mut person = [0; 16];
        person[..4].copy_from_slice(&number.to_be_bytes());
        person
    }

    #[test]
    fn it_holds_out_the_share_it_is_told_to_and_nobody_at_nought() {
        let keys = keys(1);
        for percent in [0, 5, 10, 20] {
            let held = (0..20_000).filter(|&number| arm(&keys, &person(number), percent) == Arm::Held).count();
            let expected = 200 * percent as usize;
            assert!(held.abs_diff(expected) < 170, "{percent} %: {held} of 20,000, not about {expected}");
            assert!(percent > 0 || held == 0);
        }
    }

    #[test]
    fn places_are_spread_evenly() {
        let keys = keys(2);
        let mut tenths = [0u64; 10];
        (0..20_000).for_each(|number| tenths[(place(&keys, "holdout", &person(number)) / (PLACES / 10)) as usize] += 1);
        let even: Vec<(u64, f64)> = tenths.iter().map(|&count| (count, 1.0)).collect();
        assert!(super::super::stats::split_of(&even) > 0.001, "{tenths:?}");
    }

    #[test]
    fn two_shops_and_two_experiments_know_nothing_of_each_other() {
        let (one, other) = (keys(3), keys(4));
        let both = |a: &dyn Fn(u32) -> u64, b: &dyn Fn(u32) -> u64| {
            (0..20_000).filter(|&number| a(number) < PLACES / 5 && b(number) < PLACES / 5).count()
        };
        let of = |keys: &ShopKeys, what: &str, number| place(keys, what, &person(number));
        for met in [
            both(&|number| of(&one, "holdout", number), &|number| of(&other, "holdout", number)),
            both(&|number| of(&one, "holdout", number), &|number| of(&one, "step 1", number)),
        ] {
            assert!(met.abs_diff(800) < 120, "a fifth of a fifth of 20,000 is 800, not {met}");
        }
    }

    #[test]
    fn renewing_the_shop_s_key_moves_nobody() {
        let old = [7u8; 32].map(|byte| byte ^ 91);
        let first: [u8; 32] = std::array::from_fn(|at| at as u8 * 5 + 1);
        let before = ShopKeys::new(ShopId::new(9), vec![(1, first)]).unwrap();
        let after = ShopKeys::new(ShopId::new(9), vec![(1, first), (2, old)]).unwrap();
        assert!((0..500).all(|number| arm(&before, &person(number), 10) == arm(&after, &person(number), 10)));
    }

    proptest! {
        #[test]
        fn who_is_held_out_stays_so_when_the_share_is_raised(number: u32, seed in 1u8..200, least in 0u32..=20, more in 0u32..=20) {
            let keys = keys(seed);
            let (before, after) = (arm(&keys, &person(number), least), arm(&keys, &person(number), least + more));
            prop_assert!(before == Arm::Texted || after == Arm::Held);
            prop_assert_eq!(before, arm(&keys, &person(number), least));
        }

        #[test]
        fn every_weight_above_nothing_takes_somebody_and_none_of_nothing_does(
            number: u32, weights in prop::collection::vec(0u32..1000, 0..5)
        ) {
            let found = weighed(&keys(5), "step 1", &person(number), &weights);
            prop_assert_eq!(found.is_some(), weights.iter().any(|weight| *weight > 0));
            prop_assert!(found.is_none_or(|at| weights[at] > 0));
        }
    }
}
