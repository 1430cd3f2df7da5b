//! Chance: what a seed makes happen, so that the same seed is the same sixty days. Not random in any sense that matters to
//! a key: those come from `clock::random`.

use std::time::Duration;

use crate::domain::{stats, time::MINUTE};

#[derive(Clone, Debug)]
pub struct Chance(stats::Chance);

impl Chance {
    pub fn new(seed: u64) -> Chance {
        Chance(stats::Chance::new(seed))
    }

    pub fn number(&mut self) -> u64 {
        self.0.number()
    }

    /// 0 to `most`, both possible.
    pub fn up_to(&mut self, most: u64) -> u64 {
        self.number() % (most + 1)
    }

    /// Whether something happens that does so in `per_mille` of a thousand cases.
    pub fn happens(&mut self, per_mille: u64) -> bool {
        self.up_to(999) < per_mille
    }

    /// A span between these minutes.
    pub fn minutes(&mut self, least: u64, most: u64) -> Duration {
        let (least, most) = (MINUTE * least as u32, MINUTE * most as u32);
        let spread = most.saturating_sub(least).as_millis() as u64;
        least + Duration::from_millis(self.up_to(spread))
    }

    /// The same, mostly near the shorter end: how long people take.
    pub fn soon(&mut self, least: u64, most: u64) -> Duration {
        let longest = self.minutes(least, most).as_millis() as u64;
        let least = (MINUTE * least as u32).as_millis() as u64;
        Duration::from_millis(least + self.up_to(longest.saturating_sub(least)))
    }

    /// One of these; `None` of none.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let last = u64::try_from(of.len().checked_sub(1)?).ok()?;
        of.get(usize::try_from(self.up_to(last)).ok()?)
    }

    /// The place of one of these weights, as often as it weighs.
    pub fn weighed(&mut self, weights: impl Iterator<Item = u64> + Clone) -> usize {
        let mut left = self.up_to(weights.clone().sum::<u64>().saturating_sub(1));
        for (place, weight) in weights.enumerate() {
            if left < weight {
                return place;
            }
            left -= weight;
        }
        0
    }

    /// `#` becomes a digit.
    pub fn digits(&mut self, pattern: &str) -> String {
        pattern.chars().map(|c| if c == '#' { char::from(b'0' + self.up_to(9) as u8) } else { c }).collect()
    }

    /// Sixteen hex digits.
    pub fn hex(&mut self) -> String {
        format!("{:016x}", self.number())
    }

    /// In the form Shopify gives its delivery ids.
    pub fn uuid(&mut self) -> String {
        let (a, b) = (self.hex(), self.hex());
        let part = |text: &str, from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
        [part(&a, 0, 8), part(&a, 8, 12), part(&a, 12, 16), part(&b, 0, 4), part(&b, 4, 16)].join("-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_is_the_same_story() {
        let story = |seed| {
            let mut chance = Chance::new(seed);
            (0..50).map(|_| chance.number()).collect::<Vec<_>>()
        };
        assert_eq!(story(7), story(7));
        assert_ne!(story(7), story(8));
    }

    #[test]
    fn spans_and_choices_stay_within_their_bounds() {
        let mut chance = Chance::new(1);
        for _ in 0..2_000 {
            assert!((MINUTE * 3..=MINUTE * 9).contains(&chance.minutes(3, 9)));
            assert!((MINUTE * 3..=MINUTE * 9).contains(&chance.soon(3, 9)));
            assert!(chance.weighed([0, 5, 0, 1].into_iter()) % 2 == 1);
        }
        assert_eq!(chance.one::<u8>(&[]), None);
        assert!((0..1_000).filter(|_| chance.happens(100)).count() < 150);
        assert_eq!(chance.uuid().len(), 36);
        assert!(chance.digits("+38641000###").bytes().skip(1).all(|byte| byte.is_ascii_digit()));
    }
}
