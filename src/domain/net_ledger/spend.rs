//! What other channels cost, entered by hand or by CSV, to stand beside the texts. What a channel says it brought is
//! counted by its own rules and not by ours: the two may be compared, never added up, and both may claim one order.

use std::collections::BTreeMap;

use super::rounded;
use crate::domain::money::Currency;

pub const CHANNEL_CHARS_MAX: usize = 60;
/// Entries of one shop.
pub const SPENDS_MAX: usize = 20_000;
/// The longest span of one entry, in days.
pub const SPEND_DAYS_MAX: i64 = 731;

/// What a channel cost over some days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spend {
    pub channel: String,
    /// The first and the last day, both counted, since 1970-01-01.
    pub from_day: i64,
    pub to_day: i64,
    pub currency: Currency,
    pub amount_minor: i64,
    /// What the channel says it brought, where it does.
    pub revenue_minor: Option<i64>,
    pub orders: Option<i64>,
}

impl Spend {
    /// How much of an amount falls into the days `[from, to]`, spread evenly. The parts of spans that follow each other add
    /// up to the whole.
    pub(super) fn within(&self, amount: i64, from: i64, to: i64) -> i64 {
        let days = self.to_day - self.from_day + 1;
        let upto = |day: i64| {
            let passed = (day - self.from_day + 1).clamp(0, days);
            rounded(i128::from(amount) * i128::from(passed), i128::from(days))
        };
        upto(to.min(self.to_day)).saturating_sub(upto(from - 1))
    }

    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let chars = self.channel.chars().count();
        if chars == 0 || chars > CHANNEL_CHARS_MAX || self.channel.chars().any(char::is_control) {
            problems.push(format!("channel: must be 1 to {CHANNEL_CHARS_MAX} characters"));
        }
        if self.to_day < self.from_day || self.to_day - self.from_day >= SPEND_DAYS_MAX {
            problems.push(format!("to: must be from on, at most {SPEND_DAYS_MAX} days"));
        }
        if self.amount_minor < 0 {
            problems.push("amount: must not be below zero".to_owned());
        }
        if self.revenue_minor.is_some_and(|minor| minor < 0) {
            problems.push("revenue: must not be below zero".to_owned());
        }
        if self.orders.is_some_and(|orders| orders < 0) {
            problems.push("orders: must not be below zero".to_owned());
        }
        problems
    }
}

/// A channel over a span, in one currency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    pub channel: String,
    pub currency: Currency,
    pub spent_minor: i64,
    /// What it says it brought for that; `None` where no entry tells, or only some do.
    pub revenue_minor: Option<i64>,
    pub orders: Option<i64>,
}

impl Channel {
    /// What it says it brought for each unit spent, in hundredths.
    pub fn roas(&self) -> Option<i64> {
        let revenue = self.revenue_minor?;
        (self.spent_minor > 0).then(|| rounded(i128::from(revenue) * 100, i128::from(self.spent_minor)))
    }

    /// What is left of what it says it brought for each unit spent, in hundredths of a per cent. Goods are not in it.
    pub fn roi(&self) -> Option<i64> {
        let left = self.revenue_minor?.saturating_sub(self.spent_minor);
        (self.spent_minor > 0).then(|| rounded(i128::from(left) * 10_000, i128::from(self.spent_minor)))
    }
}

/// Every channel that cost something in the days `[from, to]`, by name and currency.
pub fn channels(spends: &[Spend], from: i64, to: i64) -> Vec<Channel> {
    let mut found: BTreeMap<(String, Currency), Channel> = BTreeMap::new();
    for spend in spends.iter().filter(|spend| spend.from_day <= to && spend.to_day >= from) {
        let key = (spend.channel.clone(), spend.currency);
        let known = found.entry(key).or_insert_with(|| Channel {
            channel: spend.channel.clone(),
            currency: spend.currency,
            spent_minor: 0,
            revenue_minor: Some(0),
            orders: Some(0),
        });
        known.spent_minor = known.spent_minor.saturating_add(spend.within(spend.amount_minor, from, to));
        let more = |sum: Option<i64>, told: Option<i64>| Some(sum?.saturating_add(spend.within(told?, from, to)));
        known.revenue_minor = more(known.revenue_minor, spend.revenue_minor);
        known.orders = more(known.orders, spend.orders);
    }
    found.into_values().collect()
}
