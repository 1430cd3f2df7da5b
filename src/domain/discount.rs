//! Discounts that belong to one person: what a code takes off, how a code reads, when somebody may have another one, and
//! what it cost the shop. Decides all of that; makes nothing in a shop (`crate::shop`) and knows no clock.
//!
//! A code of ours is good for one order, ends by itself, and is made for one text only: a code for everybody ends up on
//! coupon sites, and a discount that always comes teaches buyers to leave their carts (product.md section 2, row 11).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    id::DiscountId,
    money::{Currency, Money},
    time::{DAY, HOUR, Time},
};

/// What a single-use code is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub off: Off,
    /// The least worth of goods it is taken from, in the shop's currency, more than nothing.
    #[serde(default)]
    pub minimum: Option<Money>,
    /// Hours it is valid: 1 to 720.
    #[serde(default = "expires_hours")]
    pub expires_hours: u32,
    /// Least days between two discounts to one person: 0 to 365.
    #[serde(default = "cool_down_days")]
    pub cool_down_days: u32,
    /// Not together with other codes of the shop.
    #[serde(default = "alone")]
    pub alone: bool,
}

/// What a code takes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Off {
    /// Whole percent of the goods: 1 to 100.
    Percent(u32),
    /// More than nothing, in the shop's currency.
    Amount(Money),
    FreeShipping,
}

/// Three days: what others keep, from two days to two weeks (product.md section 0, "Code expiry").
fn expires_hours() -> u32 {
    72
}

/// "30 d between discounts" (product.md section 0, "Cool-down same person").
fn cool_down_days() -> u32 {
    30
}

fn alone() -> bool {
    true
}

const EXPIRES_HOURS_MAX: u32 = 720;
const COOL_DOWN_DAYS_MAX: u32 = 365;

impl Plan {
    /// With the defaults of a careful shop.
    pub fn new(off: Off) -> Plan {
        Plan { off, minimum: None, expires_hours: expires_hours(), cool_down_days: cool_down_days(), alone: alone() }
    }

    /// Every way in which this cannot be made in a shop of this currency, in words for the shopkeeper.
    pub fn problems(&self, currency: Currency) -> Vec<String> {
        let mut problems = Vec::new();
        let mut say = |wrong: bool, words: String| {
            if wrong {
                problems.push(words);
            }
        };
        let mut money = |name: &str, money: Money| {
            say(money.minor <= 0, format!("{name}: must be more than nothing"));
            let other = money.currency != currency;
            say(other, format!("{name}: must be in the shop's currency, {currency}, not {}", money.currency));
        };
        if let Off::Amount(amount) = self.off {
            money("amount", amount);
        }
        if let Some(minimum) = self.minimum {
            money("minimum", minimum);
        }
        if let Off::Percent(percent) = self.off {
            say(!(1..=100).contains(&percent), "percent: must be a whole number from 1 to 100".into());
        }
        let hours = 1..=EXPIRES_HOURS_MAX;
        say(!hours.contains(&self.expires_hours), format!("expires_hours: must be 1 to {EXPIRES_HOURS_MAX}"));
        let too_long = self.cool_down_days > COOL_DOWN_DAYS_MAX;
        say(too_long, format!("cool_down_days: must be 0 to {COOL_DOWN_DAYS_MAX}"));
        problems
    }

    pub fn valid_for(&self) -> Duration {
        HOUR * self.expires_hours
    }

    pub fn cool_down(&self) -> Duration {
        DAY * self.cool_down_days
    }

    /// Whether somebody whose last discount was given then may have this one now; else from when on.
    pub fn allowed(&self, last_given: Option<Time>, now: Time) -> Result<(), Time> {
        match last_given.map(|given| given + self.cool_down()) {
            Some(from) if from > now => Err(from),
            _ => Ok(()),
        }
    }
}

/// What it takes off, as a shopkeeper reads it: `10 %`, `€5.00`, `free shipping`.
impl std::fmt::Display for Off {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Off::Percent(percent) => write!(f, "{percent} %"),
            Off::Amount(amount) => amount.fmt(f),
            Off::FreeShipping => f.write_str("free shipping"),
        }
    }
}

/// A code that is to be made in the shop: known beforehand, so that making it once more makes no second one. It is good
/// for one order only, always.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCode {
    pub id: DiscountId,
    pub code: String,
    pub plan: Plan,
    pub starts_at: Time,
    pub expires_at: Time,
}

impl NewCode {
    /// What stands beside the code in the shop: tells our codes from the shopkeeper's, and each from every other.
    pub fn note(&self) -> String {
        note(self.id)
    }
}

/// The note of a discount, wherever it is looked up again.
pub fn note(id: DiscountId) -> String {
    format!("Cartback {id}")
}

/// What codes are written in: no letter or digit that reads like another one in capitals or small (0 O, 1 I L, 2 Z,
/// 5 S, 8 B, U V), and one vowel only, so that chance writes few words.
const ALPHABET: &[u8; 20] = b"CDEFGHJKMNPQRTWXY347";

const PREFIX_CHARS_MAX: usize = 3;
const DRAWN_CHARS: usize = 7;
const CODE_CHARS_MIN: usize = 8;

/// A code of 8 to 10 characters: up to three letters of the shop's name, then characters drawn from `random`, at least
/// seven of them, which makes 1.2 thousand millions. Whoever tries codes at a till finds none; that no two of a shop are
/// the same is for the store's unique key and the shop's own refusal to say, and then another one is drawn.
pub fn code(shop: &str, random: [u8; 16]) -> String {
    let name = shop.chars().map(|letter| letter.to_ascii_uppercase());
    let letters = name.filter(|letter| letter.is_ascii_uppercase() && ALPHABET.contains(&(*letter as u8)));
    let mut code: String = letters.take(PREFIX_CHARS_MAX).collect();
    let length = (code.len() + DRAWN_CHARS).max(CODE_CHARS_MIN);
    // Of 2^128 possibilities at most 20^8 are told apart: no character is likelier than another.
    let mut rest = u128::from_be_bytes(random);
    while code.len() < length {
        let place = (rest % ALPHABET.len() as u128) as usize;
        rest /= ALPHABET.len() as u128;
        code.extend(ALPHABET.get(place).map(|&letter| char::from(letter)));
    }
    code
}

/// What one code took off an order, as the shop says. Free shipping may say nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenOff {
    pub code: String,
    /// Positive or nothing.
    pub amount: Money,
}

/// Whether two spellings are one code: shops compare without case, and WooCommerce writes them small.
pub fn same_code(one: &str, other: &str) -> bool {
    one.trim().eq_ignore_ascii_case(other.trim())
}

/// What this code took off: `None` when the order does not have it.
pub fn taken_off(discounts: &[TakenOff], code: &str) -> Option<Money> {
    let mut sum: Option<Money> = None;
    for taken in discounts.iter().filter(|taken| same_code(&taken.code, code)) {
        match &mut sum {
            Some(sum) if sum.currency == taken.amount.currency => {
                sum.minor = sum.minor.saturating_add(taken.amount.minor);
            }
            Some(_) => {}
            None => sum = Some(taken.amount),
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn money(minor: i64, code: &str) -> Money {
        Money::new(minor, Currency::parse(code).unwrap())
    }

    #[test]
    fn what_cannot_be_made() {
        #[track_caller]
        fn check(plan: Plan, expected: &[&str]) {
            let found = plan.problems(Currency::parse("EUR").unwrap());
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for (found, expected) in found.iter().zip(expected) {
                assert!(found.starts_with(expected), "{found}");
            }
        }
        let plan = Plan::new(Off::Percent(10));
        check(plan.clone(), &[]);
        check(Plan::new(Off::Percent(100)), &[]);
        check(Plan::new(Off::Percent(0)), &["percent"]);
        check(Plan::new(Off::Percent(101)), &["percent"]);
        check(Plan::new(Off::FreeShipping), &[]);
        check(Plan::new(Off::Amount(money(1, "EUR"))), &[]);
        check(Plan::new(Off::Amount(money(0, "EUR"))), &["amount"]);
        check(Plan::new(Off::Amount(money(-5, "USD"))), &["amount", "amount"]);
        check(Plan { minimum: Some(money(5_000, "USD")), ..plan.clone() }, &["minimum"]);
        check(Plan { expires_hours: 720, cool_down_days: 365, ..plan.clone() }, &[]);
        check(Plan { expires_hours: 721, cool_down_days: 366, ..plan.clone() }, &["expires_hours", "cool_down_days"]);
        check(Plan { expires_hours: 0, cool_down_days: 0, ..plan }, &["expires_hours"]);
    }

    #[test]
    fn the_defaults_are_those_of_a_careful_shop() {
        let plan: Plan = serde_json::from_str(r#"{"off":{"percent":10}}"#).unwrap();
        assert_eq!(plan, Plan::new(Off::Percent(10)));
        assert_eq!((plan.expires_hours, plan.cool_down_days, plan.alone), (72, 30, true));
        assert!(serde_json::from_str::<Plan>(r#"{"off":"free_shipping","of":1}"#).is_err());
        let off: Off = serde_json::from_str(r#"{"amount":{"minor":500,"currency":"EUR"}}"#).unwrap();
        assert_eq!((off.to_string(), Off::Percent(10).to_string()), ("€5.00".into(), "10 %".into()));
    }

    #[test]
    fn nobody_gets_another_one_within_the_cool_down() {
        let plan = Plan::new(Off::Percent(10));
        let given = Time::from_seconds(1_772_359_200);
        let end = given + DAY * 30;
        assert_eq!(plan.allowed(None, given), Ok(()));
        assert_eq!(plan.allowed(Some(given), given), Err(end));
        assert_eq!(plan.allowed(Some(given), end - Duration::from_millis(1)), Err(end));
        assert_eq!(plan.allowed(Some(given), end), Ok(()));
        assert_eq!(Plan { cool_down_days: 0, ..plan }.allowed(Some(given), given), Ok(()));
    }

    #[test]
    fn codes_read_well() {
        #[track_caller]
        fn check(shop: &str, random: u128, expected: &str) {
            assert_eq!(code(shop, random.to_be_bytes()), expected, "{shop}");
        }
        check("Demo", 0, "DEMCCCCCCC");
        check("Lumen & Oak", 1, "MENDCCCCCC");
        check("日本", 20, "CDCCCCCC");
        check("Loo", u128::MAX, "XRMJQKDY");
        check("", 0, "CCCCCCCC");
    }

    proptest! {
        #[test]
        fn every_code_can_be_read_out(shop in ".{0,40}", random: [u8; 16]) {
            let code = code(&shop, random);
            prop_assert!((8..=10).contains(&code.len()), "{code}");
            prop_assert!(!code.contains(|c: char| "01258AILOSUVZB".contains(c) || c.is_ascii_lowercase()), "{code}");
        }

        #[test]
        fn another_draw_is_another_code(one in 0u128..20u128.pow(7), other in 0u128..20u128.pow(7)) {
            prop_assert_eq!(code("Demo", one.to_be_bytes()) == code("Demo", other.to_be_bytes()), one == other);
        }
    }

    #[test]
    fn what_a_code_took_off() {
        let taken = |code: &str, minor, currency| TakenOff { code: code.into(), amount: money(minor, currency) };
        let lines = [taken("dmk7f3qx", 500, "EUR"), taken("OTHER", 900, "EUR"), taken("DMK7F3QX", 95, "EUR")];
        assert_eq!(taken_off(&lines, "DMK7F3QX"), Some(money(595, "EUR")));
        assert_eq!(taken_off(&lines, "NEVER"), None);
        let mixed = [taken("a", 500, "EUR"), taken("a", 700, "USD")];
        assert_eq!(taken_off(&mixed, "A"), Some(money(500, "EUR")), "currencies are never added up");
    }
}
