//! Lenses: other rules over the same stored facts, side by side with the headline. A lens never finds a text the verdict
//! did not consider, never credits an order more than once, and never gives away more than the order is worth: what is left
//! of an order is split anew after each refund, by the largest remainder, so that every cent has one place.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use serde::{Deserialize, Serialize};

use super::{Attribution, Candidate, Class, Considered, OrderFacts, Windows};
use crate::domain::{
    event::{Channel, Refund},
    id::MessageId,
    money::Currency,
    time::Time,
};

/// How an order is given to the texts that could have earned it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The headline: one tapped text, by the strongest tie.
    Strict,
    /// The headline, and where that credits none the untapped text.
    Assisted,
    /// The first text sent of those that could have earned it.
    First,
    /// Alike to every text that could have earned it.
    Linear,
    /// 40 % to the first, 40 % to the last, 20 % to those between.
    Position,
    /// The newest touch, whatever ties it: as other services do.
    Last,
}

/// Rules with windows, under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lens {
    /// `strict`, `klaviyo` …
    pub id: String,
    pub rule: Rule,
    pub windows: Windows,
    /// What it imitates.
    pub preset: Option<&'static Preset>,
}

/// How another service credits, from its own help pages.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    pub id: String,
    pub name: String,
    click_hours: u32,
    sent_hours: u32,
    #[serde(default)]
    click_from_sent: bool,
    #[serde(default)]
    code_always: bool,
    pub source: String,
    /// The day its page was read, YYYY-MM-DD.
    pub on: String,
    pub note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Presets {
    preset: Vec<Preset>,
}

const TEXT: &str = include_str!("../../../assets/data/attribution.toml");

/// A test reads the file; one that could not be read would be no presets.
static PRESETS: LazyLock<Vec<Preset>> =
    LazyLock::new(|| toml::from_str::<Presets>(TEXT).map(|presets| presets.preset).unwrap_or_default());

pub fn presets() -> &'static [Preset] {
    &PRESETS
}

impl Lens {
    pub fn own(id: &str, rule: Rule, windows: Windows) -> Lens {
        Lens { id: id.to_owned(), rule, windows, preset: None }
    }

    /// The headline first, then our other models, then the presets.
    pub fn all(windows: Windows) -> Vec<Lens> {
        let own = [
            ("strict", Rule::Strict),
            ("assisted", Rule::Assisted),
            ("first", Rule::First),
            ("linear", Rule::Linear),
            ("position", Rule::Position),
        ];
        let mut all: Vec<Lens> = own.into_iter().map(|(id, rule)| Lens::own(id, rule, windows)).collect();
        all.extend(presets().iter().map(|preset| Lens {
            id: preset.id.clone(),
            rule: Rule::Last,
            windows: Windows {
                click_hours: preset.click_hours,
                sent_hours: preset.sent_hours,
                click_from_sent: preset.click_from_sent,
                code_always: preset.code_always,
            },
            preset: Some(preset),
        }));
        all
    }

    /// The texts an order is given to, each with its weight; none when it earns nothing. What a person said of the order
    /// holds under every lens.
    pub fn shares(&self, facts: &Facts) -> Vec<Share> {
        if facts.verdict.excluded.is_some() || facts.order.placed_at.is_none() {
            return Vec::new();
        }
        if facts.verdict.corrected.is_some() {
            let won = facts.verdict.winner.filter(|won| self.counts(won.class));
            return won.map(|won| Share { message: won.message, step: won.step, weight: 1 }).into_iter().collect();
        }
        let candidates: Vec<Candidate> = facts.verdict.considered.iter().map(Considered::candidate).collect();
        let judged = super::judged(&facts.order, &candidates, &self.windows);
        let whole = |each: &Considered| vec![Share { message: each.message, step: each.step, weight: 1 }];
        // Sent first comes first; two of one moment as they were made.
        let mut touches: Vec<&Considered> = judged.considered.iter().filter(|each| each.class.is_some()).collect();
        touches.sort_by_key(|each| (each.accepted_at, each.message));
        match self.rule {
            Rule::Strict | Rule::Assisted => {
                let won = judged.considered.iter().find(|each| each.won);
                won.filter(|each| each.class.is_some_and(|class| self.counts(class))).map(whole).unwrap_or_default()
            }
            Rule::Last => {
                let newest = |each: &&&Considered| (each.tapped_at.or(each.accepted_at), each.message);
                touches.iter().max_by_key(newest).map(|each| whole(each)).unwrap_or_default()
            }
            Rule::First => touches.first().map(|each| whole(each)).unwrap_or_default(),
            Rule::Linear | Rule::Position => {
                let weights = if self.rule == Rule::Linear { vec![1; touches.len()] } else { positions(touches.len()) };
                let shared = touches.iter().zip(weights);
                shared.map(|(each, weight)| Share { message: each.message, step: each.step, weight }).collect()
            }
        }
    }

    fn counts(&self, class: Class) -> bool {
        class == Class::Credited || self.rule != Rule::Strict
    }

    /// The order's entries, split: what it was and what went back of it.
    pub fn ledger(&self, facts: &Facts) -> Vec<Part> {
        let shares = self.shares(facts);
        let weights: Vec<u64> = shares.iter().map(|share| share.weight).collect();
        let mut held = vec![0i64; shares.len()];
        let mut left = 0i64;
        let mut parts = Vec::new();
        if shares.is_empty() {
            return parts;
        }
        for entry in super::entries(&facts.order) {
            left = left.saturating_add(entry.amount_minor);
            let now = split(left, &weights);
            for ((share, before), after) in shares.iter().zip(&mut held).zip(now) {
                let amount_minor = after.saturating_sub(*before);
                *before = after;
                let of = &entry.entry;
                parts.push(Part {
                    entry: of.clone(),
                    at: entry.at,
                    message: share.message,
                    step: share.step,
                    amount_minor,
                });
            }
        }
        parts
    }
}

/// 40, 20, 40, with the 20 shared by whatever stands between.
fn positions(touches: usize) -> Vec<u64> {
    match touches {
        0 => Vec::new(),
        1 => vec![1],
        2 => vec![1, 1],
        more => {
            let between = more as u64 - 2;
            let ends = between.saturating_mul(2);
            (0..more).map(|place| if place == 0 || place == more - 1 { ends } else { 1 }).collect()
        }
    }
}

/// Splits an amount by weights, to the last unit: each gets its whole part, and what is left over goes one by one to the
/// largest remainders, the earlier first where they are alike. Nothing to split, or no weight, is zeros.
pub fn split(amount: i64, weights: &[u64]) -> Vec<i64> {
    let whole: u128 = weights.iter().map(|&weight| u128::from(weight)).sum();
    let amount = u128::from(amount.max(0).unsigned_abs());
    if whole == 0 {
        return vec![0; weights.len()];
    }
    let mut parts: Vec<(u128, u128)> = weights
        .iter()
        .map(|&weight| {
            let exact = amount.saturating_mul(u128::from(weight));
            (exact / whole, exact % whole)
        })
        .collect();
    let mut over = amount.saturating_sub(parts.iter().map(|(part, _)| part).sum());
    let mut by_remainder: Vec<usize> = (0..parts.len()).collect();
    by_remainder.sort_by_key(|&place| std::cmp::Reverse(parts.get(place).map(|(_, remainder)| *remainder)));
    for place in by_remainder {
        if over == 0 {
            break;
        }
        if let Some((part, _)) = parts.get_mut(place) {
            *part += 1;
            over -= 1;
        }
    }
    parts.into_iter().map(|(part, _)| i64::try_from(part).unwrap_or(i64::MAX)).collect()
}

/// A text with its part in an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    pub message: MessageId,
    pub step: u32,
    /// Out of the sum of all.
    pub weight: u64,
}

/// One text's part of one entry of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// As in `super::Entry`.
    pub entry: String,
    pub at: Time,
    pub message: MessageId,
    pub step: u32,
    pub amount_minor: i64,
}

/// An order with the texts considered for it, as they are stored.
#[derive(Clone, Debug)]
pub struct Facts {
    pub order: OrderFacts,
    pub verdict: Attribution,
}

impl Facts {
    /// From a stored verdict, which knows whether the order is excluded.
    pub fn stored(
        placed_at: Option<Time>,
        cancelled_at: Option<Time>,
        (total_minor, currency): (i64, Currency),
        refunds: Vec<Refund>,
        verdict: Attribution,
    ) -> Facts {
        let order = OrderFacts {
            placed_at,
            cancelled_at,
            total_minor,
            currency,
            channel: Channel::Web,
            test: false,
            refunds,
            after_abandoned: verdict.way.is_some(),
            corrected: verdict.corrected,
        };
        Facts { order, verdict }
    }
}

/// Money of one currency under a lens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    pub orders: u64,
    pub gross_minor: i64,
    /// Counted up.
    pub refunded_minor: i64,
}

impl Sums {
    pub fn net_minor(&self) -> i64 {
        self.gross_minor.saturating_sub(self.refunded_minor)
    }
}

/// What a lens says of many orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub money: BTreeMap<Currency, Sums>,
    /// What is left for each step of a sequence.
    pub steps: BTreeMap<(u32, Currency), i64>,
    texts: BTreeSet<MessageId>,
    /// Orders the headline gives to another text, to none, or only in part.
    pub differs: u64,
}

impl Tally {
    /// Texts that earned anything.
    pub fn texts(&self) -> u64 {
        self.texts.len() as u64
    }

    pub fn add(&mut self, lens: &Lens, facts: &Facts) {
        let headline = facts.verdict.winner.filter(|won| won.class == Class::Credited).map(|won| won.message);
        let parts = lens.ledger(facts);
        let given: BTreeSet<MessageId> = parts.iter().map(|part| part.message).collect();
        if given != headline.into_iter().collect() {
            self.differs += 1;
        }
        if parts.is_empty() {
            return;
        }
        self.texts.extend(given);
        let currency = facts.order.currency;
        let sums = self.money.entry(currency).or_default();
        sums.orders += 1;
        for part in &parts {
            if part.entry == "order" {
                sums.gross_minor = sums.gross_minor.saturating_add(part.amount_minor);
            } else {
                sums.refunded_minor = sums.refunded_minor.saturating_sub(part.amount_minor);
            }
            let step = self.steps.entry((part.step, currency)).or_default();
            *step = step.saturating_add(part.amount_minor);
        }
    }
}

#[cfg(test)]
mod tests;
