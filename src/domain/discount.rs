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
    /// The least worth of goods it is taken from, in the shop's currency; not less than an amount it takes off.
    #[serde(default)]
    pub minimum: Option<Money>,
    /// Hours it is valid: 1 to 2,160.
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
    /// Whole percent of the goods: 1 to 90.
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
pub(in crate::domain) fn cool_down_days() -> u32 {
    30
}

fn alone() -> bool {
    true
}

/// More is a gift, and most often a slip of the finger.
const PERCENT_MOST: u32 = 90;
/// The longest life of a link: nothing applies the code after it.
const EXPIRES_HOURS_MOST: u32 = 2_160;
const COOL_DOWN_DAYS_MOST: u32 = 365;

impl Plan {
    /// With the defaults of a careful shop.
    pub fn new(off: Off) -> Plan {
        Plan { off, minimum: None, expires_hours: expires_hours(), cool_down_days: cool_down_days(), alone: alone() }
    }

    /// What is out of bounds, every problem on its own, in words for the shopkeeper.
    pub fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        match self.off {
            Off::Percent(percent) if !(1..=PERCENT_MOST).contains(&percent) => {
                problems.push(format!("off.percent: must be 1 to {PERCENT_MOST}"));
            }
            Off::Amount(amount) if amount.minor <= 0 => problems.push("off.amount: must be more than nothing".into()),
            Off::Amount(amount) => {
                if self.minimum.is_some_and(|minimum| minimum.currency != amount.currency) {
                    problems.push("minimum: must be in the currency of the discount".into());
                }
                if self.minimum.is_some_and(|minimum| minimum.minor < amount.minor) {
                    problems.push("minimum: must not be less than the discount".into());
                }
            }
            Off::Percent(_) | Off::FreeShipping => {}
        }
        if self.minimum.is_some_and(|minimum| minimum.minor < 0) {
            problems.push("minimum: must not be negative".into());
        }
        if !(1..=EXPIRES_HOURS_MOST).contains(&self.expires_hours) {
            problems.push(format!("expires_hours: must be 1 to {EXPIRES_HOURS_MOST}"));
        }
        if self.cool_down_days > COOL_DOWN_DAYS_MOST {
            problems.push(format!("cool_down_days: must be 0 to {COOL_DOWN_DAYS_MOST}"));
        }
        problems
    }

    /// Why no shop of this currency can make it, in words for the shopkeeper: shops know no amounts of other currencies.
    pub fn misfit(&self, currency: Currency) -> Option<String> {
        let amount = if let Off::Amount(amount) = self.off { Some(amount) } else { None };
        let foreign = [amount, self.minimum].into_iter().flatten().find(|money| money.currency != currency)?;
        Some(format!("a discount of this shop must be in {currency}, not in {}", foreign.currency))
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
    fn bounds() {
        #[track_caller]
        fn check(plan: Plan, expected: &[&str]) {
            assert_eq!(plan.check(), expected);
        }
        let plan = Plan::new(Off::Percent(10));
        let five = Off::Amount(money(500, "EUR"));
        check(plan.clone(), &[]);
        check(Plan::new(Off::Percent(90)), &[]);
        check(Plan::new(Off::Percent(0)), &["off.percent: must be 1 to 90"]);
        check(Plan::new(Off::Percent(91)), &["off.percent: must be 1 to 90"]);
        check(Plan::new(Off::Amount(money(0, "EUR"))), &["off.amount: must be more than nothing"]);
        check(Plan { minimum: Some(money(500, "EUR")), ..Plan::new(five) }, &[]);
        let less = "minimum: must not be less than the discount";
        check(Plan { minimum: Some(money(499, "EUR")), ..Plan::new(five) }, &[less]);
        check(Plan { minimum: Some(money(-1, "EUR")), ..plan.clone() }, &["minimum: must not be negative"]);
        check(Plan { expires_hours: 2_160, cool_down_days: 365, ..plan.clone() }, &[]);
        let (hours, days) = ("expires_hours: must be 1 to 2160", "cool_down_days: must be 0 to 365");
        check(Plan { expires_hours: 2_161, cool_down_days: 366, ..plan.clone() }, &[hours, days]);
        check(Plan { expires_hours: 0, cool_down_days: 0, ..plan }, &[hours]);
    }

    #[test]
    fn a_shop_knows_its_own_currency_only() {
        let euro = Currency::parse("EUR").unwrap();
        let fits = |plan: Plan| plan.misfit(euro).is_none();
        assert!(fits(Plan::new(Off::Percent(10))) && fits(Plan::new(Off::Amount(money(1, "EUR")))));
        assert!(!fits(Plan::new(Off::Amount(money(1, "USD")))));
        assert!(!fits(Plan { minimum: Some(money(1, "USD")), ..Plan::new(Off::FreeShipping) }));
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
