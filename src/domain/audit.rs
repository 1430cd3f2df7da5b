//! The audit: our books against the shop's. Decides, for the orders of a span, which of them the two books tell
//! differently, in what way, and how far apart the books are as a whole.
//!
//! Pure, and careful about accusing: what the shop's list does not tell is not compared, what may still be on its way is
//! the caller's to leave out (the span's end), and what one difference explains is not told a second time as another.
//! Orders are paired by the shop's own id, and those that are left over by the number people call them.

mod kind;
mod compare;

pub use compare::compare;
pub use kind::{Kind, Weight};

use std::collections::BTreeMap;

use jiff::{civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{
    id::{MessageId, OrderId},
    money::{Currency, Money},
    time::Time,
};

/// A day as `2026-03-01`.
mod day {
    use jiff::civil::Date;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(day: &Date, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(day)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Date, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// When the shop says an order was bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Placed {
    At(Time),
    /// The shop's list tells the day only, in the shop's own zone.
    On(#[serde(with = "day")] Date),
}

/// An order as the shop's own list tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Theirs {
    /// "" where the list tells only numbers.
    pub external_id: String,
    pub number: String,
    pub total: Money,
    /// Parts of the total, or what stands on top of it, where the list tells them.
    pub tax_minor: Option<i64>,
    pub shipping_minor: Option<i64>,
    /// `None`: not bought (yet).
    pub placed: Option<Placed>,
    /// When it was begun: an order may count as bought from here on, whatever moment the list names for it now.
    pub begun_at: Option<Time>,
    pub cancelled: Option<bool>,
    /// What went back so far, at most the total.
    pub refunded_minor: Option<i64>,
    pub test: bool,
    /// It carries a recovery token of ours.
    pub token: bool,
}

/// An order as we have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ours {
    pub id: OrderId,
    pub external_id: String,
    pub number: String,
    pub total: Money,
    pub placed_at: Option<Time>,
    pub cancelled: bool,
    pub refunded_minor: i64,
    pub test: bool,
    /// It carries a recovery token of ours.
    pub token: bool,
    /// It is credited, or its evidence says why it is not.
    pub explained: bool,
}

/// The lines of the credit ledger for one order and one text, summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credited {
    pub order: OrderId,
    pub message: MessageId,
    /// What the order brought, before anything went back.
    pub gross_minor: i64,
    /// With what went back.
    pub net_minor: i64,
}

/// How the two are compared.
#[derive(Clone, Debug)]
pub struct Frame {
    /// `[from, to)` of the orders' placing. What was placed after `to` may still be on its way.
    pub from: Time,
    pub to: Time,
    /// The shop's zone: its days are what a list without hours tells.
    pub zone: TimeZone,
    pub limits: Limits,
}

/// What is left alone and what is a red flag; a shop's own to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Amounts this close are the same: shops round. In the currency's smallest unit.
    pub rounding_minor: i64,
    /// Up to this drift the books agree well enough, in hundredths of a per cent.
    pub small: u32,
    /// From this drift on something is broken.
    pub large: u32,
}

impl Default for Limits {
    /// One order in a hundred is what shops lose on the way here; one in twenty is no chance any more.
    fn default() -> Limits {
        Limits { rounding_minor: 1, small: 100, large: 500 }
    }
}

impl Limits {
    /// What is wrong with them, in the words of a form.
    pub fn problem(&self) -> Option<&'static str> {
        match self {
            Limits { rounding_minor, .. } if !(0..=1_000).contains(rounding_minor) => {
                Some("rounding_minor: must be from 0 to 1000")
            }
            Limits { large, .. } if *large > WHOLE => Some("large: must be at most 10000, which is 100 %"),
            Limits { small, large, .. } if small >= large => Some("small: must be below large"),
            _ => None,
        }
    }
}

/// All of it, in hundredths of a per cent.
pub const WHOLE: u32 = 10_000;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub kind: Kind,
    /// The shop's name for the order; "" where its list tells none and we do not know the order.
    pub external_id: String,
    pub number: String,
    /// Ours, where we have it.
    pub order: Option<OrderId>,
    /// Both sides as a person compares them: amounts, moments, words.
    pub ours: Told,
    pub theirs: Told,
    /// What the difference is worth, in this currency; never below zero.
    pub gap: Option<Money>,
    /// When the order was placed by the book that has it; ours, where both do.
    pub placed_at: Option<Time>,
}

impl Finding {
    /// What tells it from every other finding of a shop, in every run.
    pub fn key(&self) -> &str {
        if self.external_id.is_empty() { &self.number } else { &self.external_id }
    }
}

/// One side of a difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    Nothing,
    Money(Money),
    At(Time),
    On(#[serde(with = "day")] Date),
    /// How it stands there.
    State(State),
    /// So many of them.
    Times(u32),
}

/// How an order stands in one of the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Bought,
    NotBought,
    Cancelled,
    NotCancelled,
    Test,
    NoTest,
    WithToken,
    Uncredited,
}

impl State {
    pub fn words(self) -> &'static str {
        match self {
            State::Bought => "bought",
            State::NotBought => "not bought",
            State::Cancelled => "cancelled",
            State::NotCancelled => "not cancelled",
            State::Test => "a test",
            State::NoTest => "no test",
            State::WithToken => "carries our link",
            State::Uncredited => "neither credited nor explained",
        }
    }
}

/// How far apart the books are, in hundredths of a per cent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    pub compared: u64,
    pub faulty: u64,
    pub by_orders: u32,
    pub by_value: u32,
}

impl Score {
    /// The worse of the two.
    pub fn drift(&self) -> u32 {
        self.by_orders.max(self.by_value)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// No difference that counts.
    Agree,
    /// A small gap: normal.
    Small,
    /// Worth a look.
    Notable,
    /// A red flag.
    Large,
}

impl Grade {
    pub const ALL: [Grade; 4] = [Grade::Agree, Grade::Small, Grade::Notable, Grade::Large];

    pub fn name(self) -> &'static str {
        match self {
            Grade::Agree => "agree",
            Grade::Small => "small",
            Grade::Notable => "notable",
            Grade::Large => "large",
        }
    }
}

/// What both books hold in one currency, and how much of it is apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    pub currency: Currency,
    pub orders: u64,
    pub ours_minor: i64,
    pub theirs_minor: i64,
    pub gap_minor: i64,
}

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub findings: Vec<Finding>,
    pub score: Score,
    pub grade: Grade,
    pub sums: Vec<Sum>,
    /// Orders bought in the span, in either book.
    pub ours: u64,
    pub theirs: u64,
}

/// What is kept of an outcome with its run; the findings have rows of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub grade: Grade,
    pub score: Score,
    pub sums: Vec<Sum>,
    pub ours: u64,
    pub theirs: u64,
    /// How many findings of each kind.
    pub kinds: BTreeMap<Kind, u64>,
}

impl Outcome {
    pub fn summary(&self) -> Summary {
        let mut kinds = BTreeMap::new();
        for finding in &self.findings {
            *kinds.entry(finding.kind).or_default() += 1;
        }
        let Outcome { score, grade, sums, ours, theirs, .. } = self;
        Summary { grade: *grade, score: *score, sums: sums.clone(), ours: *ours, theirs: *theirs, kinds }
    }
}

#[cfg(test)]
mod tests;
