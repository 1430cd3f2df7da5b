//! A sequence: for which carts, when, and in which words. A shop has several, in an order that is their priority. A cart
//! gets the first that was already on when it was abandoned and whose conditions hold, and keeps it to its end.
//!
//! Pure data and pure questions. Whether a text may go at all (hours, consent, caps) is the decision's matter; here is
//! only what the merchant wished. No reason told here holds anything personal.

mod check;
mod choose;
mod edit;
mod preset;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    discount::{self, Plan},
    money::Money,
    time::{DAY, MINUTE, Time},
};

pub use check::{MINUTES_MOST, SEQUENCES_MOST, STEPS_MOST, check_all, is_slug, span};
pub use choose::{OtherText, choose, cool_down, exit, rests};
pub use edit::{KEYS, read_span, typed_money, typed_span};
pub use preset::{PRESETS, default_sequence, preset};

/// What is said to one cart, step by step. Unknown fields are refused, missing ones have their default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sequence {
    /// What carts, messages and addresses name it by: 1 to 32 of `a-z`, `0-9` and `-`. It never changes.
    pub id: String,
    /// What the shopkeeper calls it: 1 to 64 characters.
    pub name: String,
    /// Since when it is on; `None` while it is switched off. A cart abandoned before this moment never gets it.
    pub on_since: Option<Time>,
    /// Which carts it is for.
    pub when: Conditions,
    /// 1 to 5 texts, each due later than the one before.
    pub steps: Vec<Step>,
    /// What ends it early. A purchase and an opt-out always do.
    pub exits: Exits,
    /// Least days between a text of another cart's sequence and this one's first, to one phone: 0 to 365.
    pub rest_days: u32,
}

impl Default for Sequence {
    fn default() -> Sequence {
        Sequence {
            id: String::new(),
            name: String::new(),
            on_since: None,
            when: Conditions::default(),
            steps: Vec::new(),
            exits: Exits::default(),
            rest_days: 7,
        }
    }
}

/// What a cart must be like. Every condition must hold; an empty one always does. What a shop does not tell of a cart
/// fulfils no condition about it, only the exclusions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Conditions {
    /// ISO 3166-1 alpha-2, upper case; the cart's must be one of them.
    pub countries: Vec<String>,
    /// BCP 47, lower case: `de` also takes `de-at`, `de-at` only itself.
    pub languages: Vec<String>,
    /// The cart's total, at least and at most, both included. A cart in another currency does not fulfil them.
    pub total_least: Option<Money>,
    pub total_most: Option<Money>,
    /// Words of which at least one stands in the title of at least one item, whatever its case.
    pub items: Vec<String>,
    /// Words of which none may stand in any title.
    pub without_items: Vec<String>,
    /// Tags of the customer or the cart, of which it must have at least one, whatever its case.
    pub tags: Vec<String>,
    pub buyer: Buyer,
    /// Where the cart came from, in the shop's own words (`web`, `facebook`), whatever its case.
    pub sources: Vec<String>,
    /// The least [`super::intent`] of the visitor, 1 to 100; carts of visitors nothing is known of do not fulfil it.
    pub intent_least: Option<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Buyer {
    #[default]
    Any,
    /// Has no earlier order with this shop, as far as we know.
    New,
    /// Has bought here before.
    Returning,
}

/// One text of a sequence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Step {
    /// Minutes from abandonment to this text: 0 to 43,200.
    pub after_minutes: u32,
    /// Minutes after its due moment after which it is dropped, never sent late: 1 to 43,200. `None`: only the shop's
    /// `give_up_after_hours` and the law's bound hold.
    pub deadline_minutes: Option<u32>,
    /// Asked again when the step is due; the step alone is left out when they do not hold.
    pub when: Conditions,
    /// What happens when it is due outside the hours.
    pub closed: Closed,
    /// Own words by language (BCP 47, lower case), `""` for every other; the ready-made text where none fits.
    pub texts: BTreeMap<String, String>,
    pub discount: Option<Discount>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// It waits for the next opening before its deadline.
    #[default]
    Wait,
    /// It is left out; the next step goes on.
    Skip,
}

/// What a step gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discount {
    /// A code that exists in the shop, the same for everybody.
    Fixed(FixedCode),
    /// A single-use code made in the shop for this cart.
    Unique(Plan),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedCode {
    /// 1 to 64 visible ASCII characters, without spaces.
    pub code: String,
    /// Least days between two discounts to one person: 0 to 365.
    #[serde(default = "discount::cool_down_days")]
    pub cool_down_days: u32,
}

/// What ends a sequence besides a purchase and an opt-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exits {
    /// A person (not a scanner) followed the link of an earlier text.
    pub clicked: bool,
    /// The shopper wrote back and a person of the shop answered.
    pub replied: bool,
    /// The same person began a newer cart.
    pub superseded: bool,
    /// Nothing is in the cart any more.
    pub emptied: bool,
}

impl Default for Exits {
    fn default() -> Exits {
        Exits { clicked: false, replied: true, superseded: true, emptied: true }
    }
}

/// What is asked of a cart to choose its sequence, without anything personal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CartTraits {
    /// ISO 3166-1 alpha-2, upper case.
    pub country: Option<String>,
    /// BCP 47.
    pub language: Option<String>,
    pub total: Option<Money>,
    pub item_titles: Vec<String>,
    pub tags: Vec<String>,
    /// Whether the person has bought here before.
    pub returning: bool,
    pub source: Option<String>,
    /// Asked for only where a condition needs it; `None` also when nothing is known of the visitor.
    pub intent: Option<u8>,
    pub abandoned_at: Time,
}

/// Which sequence a cart gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice<'s> {
    Chosen(&'s Sequence),
    /// No sequence took it: each one's id with the reason, in words a shopkeeper reads.
    None {
        why: Vec<(String, String)>,
    },
}

/// What happened to a cart and its person since the first text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExitFacts {
    /// The first judged tap on a text of this cart.
    pub clicked_at: Option<Time>,
    pub replied_at: Option<Time>,
    /// When the same person began the newest later cart that is still open.
    pub newer_cart_at: Option<Time>,
    /// How many things lie in the cart; `None` when the shop does not tell.
    pub items: Option<u32>,
}

impl Sequence {
    /// From abandonment to this step (1 is the first); `None` beyond the last.
    pub fn step_after(&self, step: u32) -> Option<Duration> {
        self.step(step).map(|step| MINUTE * step.after_minutes)
    }

    /// The step with this number (1 is the first).
    pub fn step(&self, step: u32) -> Option<&Step> {
        self.steps.get(usize::try_from(step).ok()?.checked_sub(1)?)
    }

    pub fn rest(&self) -> Duration {
        DAY * self.rest_days
    }
}

impl Step {
    /// The merchant's own words for a language (BCP 47): the tag itself, its language alone, then those for every other.
    pub fn text(&self, language: Option<&str>) -> Option<&str> {
        self.written_in(language.unwrap_or("")).or_else(|| self.texts.get("")).map(String::as_str)
    }

    /// Whether the merchant wrote words in this language (BCP 47) itself, not only for every other.
    pub fn speaks(&self, language: &str) -> bool {
        self.written_in(language).is_some()
    }

    fn written_in(&self, language: &str) -> Option<&String> {
        let tag = language.trim().to_lowercase().replace('_', "-");
        let primary = tag.split('-').next().unwrap_or("");
        [tag.as_str(), primary].into_iter().filter(|key| !key.is_empty()).find_map(|key| self.texts.get(key))
    }

    /// How long after its due moment it may still go.
    pub fn deadline(&self) -> Option<Duration> {
        self.deadline_minutes.map(|minutes| MINUTE * minutes)
    }
}

impl Discount {
    /// Least days between two discounts to one person.
    pub fn cool_down_days(&self) -> u32 {
        match self {
            Discount::Fixed(fixed) => fixed.cool_down_days,
            Discount::Unique(unique) => unique.cool_down_days,
        }
    }
}
