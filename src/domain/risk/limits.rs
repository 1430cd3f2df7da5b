//! The limits of a shop, part of its rules. Each has a default that leaves an honest shop alone and a fake checkout poor
//! (product.md, reliability.md 3H), and bounds within which a shopkeeper may move it.

use serde::{Deserialize, Serialize};

/// Stored as JSON within the rules; a missing field has its default, an unknown one is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Texts in any hour to carts from one network (see `ip_key`): 1 to 1,000.
    pub per_ip_hour: u32,
    /// Texts in any hour to numbers that differ in their last four digits only: 1 to 1,000. The prefix is paused then.
    pub per_prefix_hour: u32,
    /// Texts in any 24 hours to one phone, from all shops of this house together: 1 to 10. Every shop holds to its own.
    pub per_phone_day: u32,
    /// Texts in any hour below which no volume is unusual: 1 to 100,000.
    pub texts_per_hour: u32,
    /// How many times its usual hour a shop may text before it is held: 1 to 100.
    pub usual_factor: u32,
    /// Most to spend in one of the shop's days, in millionths of the money its gateway charges in: 100_000_000 is 100.00.
    /// 0 to 1,000,000.00.
    pub spend_per_day_micros: i64,
    /// What a part of a text is taken to cost while its gateway has not told, in the same millionths: 0 to 10.00.
    pub price_per_part_micros: i64,
    /// Texts in a row to one prefix or country that nobody taps, after which it is paused: 10 to 100,000.
    pub quiet_texts: u32,
    /// Most pieces of one thing in a cart that is not held: 1 to 1,000,000.
    pub quantity_most: u32,
    /// Seconds from made to last touched below which nobody typed it: 0 to 60.
    pub least_seconds: u32,
    /// Whether test numbers and test addresses are texted: for trying things out with a gateway that charges nothing.
    pub allow_tests: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            per_ip_hour: 5,
            per_prefix_hour: 10,
            per_phone_day: 1,
            texts_per_hour: 100,
            usual_factor: 3,
            spend_per_day_micros: 100_000_000,
            price_per_part_micros: 80_000,
            quiet_texts: 300,
            quantity_most: 999,
            least_seconds: 5,
            allow_tests: false,
        }
    }
}

/// Rules under which invented shoppers with invented numbers are texted as often as they like: for the demo and for stories,
/// whose texts go nowhere.
pub const FOR_TRIALS: [(&str, &str); 9] = [
    ("limits.allow_tests", "yes"),
    ("limits.per_ip_hour", "1000"),
    ("limits.per_prefix_hour", "1000"),
    ("limits.per_phone_day", "10"),
    ("limits.texts_per_hour", "100000"),
    ("limits.spend_per_day_micros", "1000000000000"),
    ("limits.quiet_texts", "100000"),
    ("limits.quantity_most", "1000000"),
    ("limits.least_seconds", "0"),
];

impl Limits {
    /// What is out of bounds, each problem in a line of its own.
    pub fn problems(&self) -> Vec<String> {
        let bounds = [
            ("per_ip_hour", i64::from(self.per_ip_hour), 1, 1_000),
            ("per_prefix_hour", i64::from(self.per_prefix_hour), 1, 1_000),
            ("per_phone_day", i64::from(self.per_phone_day), 1, 10),
            ("texts_per_hour", i64::from(self.texts_per_hour), 1, 100_000),
            ("usual_factor", i64::from(self.usual_factor), 1, 100),
            ("spend_per_day_micros", self.spend_per_day_micros, 0, 1_000_000_000_000),
            ("price_per_part_micros", self.price_per_part_micros, 0, 10_000_000),
            ("quiet_texts", i64::from(self.quiet_texts), 10, 100_000),
            ("quantity_most", i64::from(self.quantity_most), 1, 1_000_000),
            ("least_seconds", i64::from(self.least_seconds), 0, 60),
        ];
        let outside = bounds.iter().filter(|(_, value, least, most)| !(least..=most).contains(&value));
        outside.map(|(name, _, least, most)| format!("limits.{name}: must be {least} to {most}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_within_their_own_bounds() {
        assert_eq!(Limits::default().problems(), Vec::<String>::new());
        assert_eq!(serde_json::from_str::<Limits>("{}").unwrap(), Limits::default());
        assert!(serde_json::from_str::<Limits>(r#"{"per_planet_hour":1}"#).is_err());
    }

    #[test]
    fn every_bound_is_told() {
        let least = Limits {
            per_ip_hour: 0,
            per_prefix_hour: 0,
            per_phone_day: 0,
            texts_per_hour: 0,
            usual_factor: 0,
            spend_per_day_micros: -1,
            price_per_part_micros: -1,
            quiet_texts: 9,
            quantity_most: 0,
            least_seconds: 61,
            allow_tests: true,
        };
        assert_eq!(least.problems().len(), 10);
        let odd = Limits { per_phone_day: 11, ..Limits::default() };
        assert_eq!(odd.problems(), ["limits.per_phone_day: must be 1 to 10"]);
    }
}
