//! The report: what was abandoned, texted and recovered, in figures whose definitions stand beside them.
//!
//! Sums are per currency, always. Each figure counts facts on the day they happened, in the shop's own day.

mod parts;
mod sheet;

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    money::{Currency, Money},
    time::Time,
};

pub use parts::{Breakdown, Delay, DelayGroup, Hour, Line, Parts, Stage, delay_span, parts};
pub use sheet::{Sheet, micros, sheets};

/// What is counted, with its definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    Abandoned,
    AbandonedValue,
    Reachable,
    CartsTexted,
    Texts,
    Segments,
    Delivered,
    Clicked,
    CostMicros,
    RecoveredOrders,
    Gross,
    Refunded,
    AssistedOrders,
    AssistedNet,
    OptOuts,
    Orders,
    Discounts,
    DiscountsUsed,
    DiscountValue,
}

impl Metric {
    pub const ALL: [Metric; 19] = [
        Metric::Abandoned,
        Metric::AbandonedValue,
        Metric::Reachable,
        Metric::CartsTexted,
        Metric::Texts,
        Metric::Segments,
        Metric::Delivered,
        Metric::Clicked,
        Metric::CostMicros,
        Metric::RecoveredOrders,
        Metric::Gross,
        Metric::Refunded,
        Metric::AssistedOrders,
        Metric::AssistedNet,
        Metric::OptOuts,
        Metric::Orders,
        Metric::Discounts,
        Metric::DiscountsUsed,
        Metric::DiscountValue,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Metric::Abandoned => "abandoned",
            Metric::AbandonedValue => "abandoned_value",
            Metric::Reachable => "reachable",
            Metric::CartsTexted => "carts_texted",
            Metric::Texts => "texts",
            Metric::Segments => "segments",
            Metric::Delivered => "delivered",
            Metric::Clicked => "clicked",
            Metric::CostMicros => "cost_micros",
            Metric::RecoveredOrders => "recovered_orders",
            Metric::Gross => "gross",
            Metric::Refunded => "refunded",
            Metric::AssistedOrders => "assisted_orders",
            Metric::AssistedNet => "assisted_net",
            Metric::OptOuts => "opt_outs",
            Metric::Orders => "orders",
            Metric::Discounts => "discounts",
            Metric::DiscountsUsed => "discounts_used",
            Metric::DiscountValue => "discount",
        }
    }

    /// What it counts, in a sentence.
    pub fn definition(self) -> &'static str {
        match self {
            Metric::Abandoned => "Carts without activity for the shop's threshold, on the day that was reached.",
            Metric::AbandonedValue => "The totals of those carts.",
            Metric::Reachable => "Abandoned carts with a mobile number and consent for SMS on record at that moment.",
            Metric::CartsTexted => "Carts whose first text the gateway accepted.",
            Metric::Texts => "Texts the gateway accepted.",
            Metric::Segments => "Parts those texts were billed as; an estimate until the gateway reports its own.",
            Metric::Delivered => "Texts the carrier reported as delivered.",
            Metric::Clicked => "Texts whose link a person opened, counted once; previews and scanners are left out.",
            Metric::CostMicros => "What the gateway charged, where it says so, in millionths.",
            Metric::RecoveredOrders => "Orders placed after a person tapped a text's link, inside the click window.",
            Metric::Gross => "The totals of recovered orders.",
            Metric::Refunded => {
                "What went back of recovered orders: refunds and cancellations, on the day they happened."
            }
            Metric::AssistedOrders => {
                "Orders within the delivered window of a text nobody tapped. Not part of the headline."
            }
            Metric::AssistedNet => "The totals of assisted orders after refunds. Not part of the headline.",
            Metric::OptOuts => "People who opted out.",
            Metric::Orders => "All orders of the shop, whether a text had a part in them or not.",
            Metric::Discounts => "Single-use codes made in the shop for texts.",
            Metric::DiscountsUsed => {
                "Orders that used the code of a text: its own, or a shared one where the order is credited to the text."
            }
            Metric::DiscountValue => {
                "What those codes took off, as the shop says; of free shipping shops often say nothing."
            }
        }
    }
}

/// One figure of one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure {
    /// Days since 1970-01-01 in the shop's zone.
    pub day: i64,
    pub metric: Metric,
    /// 0 where a figure has no step.
    pub step: u32,
    pub currency: Option<Currency>,
    pub value: i64,
}

/// Counts of a span; money apart, per currency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub abandoned: i64,
    pub reachable: i64,
    pub carts_texted: i64,
    pub texts: i64,
    pub segments: i64,
    pub delivered: i64,
    pub clicked: i64,
    pub recovered_orders: i64,
    pub assisted_orders: i64,
    pub opt_outs: i64,
    pub orders: i64,
    /// Codes made for texts, and orders that used the code of a text.
    pub discounts: i64,
    pub discounts_used: i64,
}

/// Money of a span in one currency, in minor units (cost: millionths).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    pub abandoned_minor: i64,
    pub gross_minor: i64,
    pub refunded_minor: i64,
    pub net_minor: i64,
    pub assisted_net_minor: i64,
    pub recovered_orders: i64,
    pub assisted_orders: i64,
    pub cost_micros: i64,
    /// What the codes of texts took off orders.
    pub discount_minor: i64,
}

impl Sums {
    pub fn net(&self, currency: Currency) -> Money {
        Money::new(self.net_minor, currency)
    }
}

/// A slice of the report: the whole, a day, or a step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Slice {
    pub counts: Counts,
    #[serde(serialize_with = "by_code")]
    pub money: BTreeMap<Currency, Sums>,
}

fn by_code<T: Serialize, S: serde::Serializer>(money: &BTreeMap<Currency, T>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(money.iter().map(|(currency, sums)| (currency.code(), sums)))
}

/// The report of a shop over a span of days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    pub shop: i64,
    pub name: String,
    /// IANA zone whose days these are.
    pub zone: String,
    /// First and last day, `YYYY-MM-DD`, both counted.
    pub from: String,
    pub to: String,
    pub total: Slice,
    /// Every day of the span, also empty ones.
    pub days: Vec<Day>,
    pub steps: BTreeMap<u32, Slice>,
    #[serde(flatten)]
    pub parts: Parts,
    /// When it was read.
    pub at: Time,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Day {
    pub day: String,
    #[serde(flatten)]
    pub slice: Slice,
}

impl Slice {
    /// Adds one figure.
    pub fn add(&mut self, figure: &Figure) {
        let counts = &mut self.counts;
        let count = match figure.metric {
            Metric::Abandoned => Some(&mut counts.abandoned),
            Metric::Reachable => Some(&mut counts.reachable),
            Metric::CartsTexted => Some(&mut counts.carts_texted),
            Metric::Texts => Some(&mut counts.texts),
            Metric::Segments => Some(&mut counts.segments),
            Metric::Delivered => Some(&mut counts.delivered),
            Metric::Clicked => Some(&mut counts.clicked),
            Metric::RecoveredOrders => Some(&mut counts.recovered_orders),
            Metric::AssistedOrders => Some(&mut counts.assisted_orders),
            Metric::OptOuts => Some(&mut counts.opt_outs),
            Metric::Orders => Some(&mut counts.orders),
            Metric::Discounts => Some(&mut counts.discounts),
            Metric::DiscountsUsed => Some(&mut counts.discounts_used),
            _ => None,
        };
        if let Some(count) = count {
            *count += figure.value;
        }
        let Some(currency) = figure.currency else { return };
        let mut sums = self.money.remove(&currency).unwrap_or_default();
        match figure.metric {
            Metric::AbandonedValue => sums.abandoned_minor += figure.value,
            Metric::Gross => {
                sums.gross_minor += figure.value;
                sums.net_minor += figure.value;
            }
            Metric::Refunded => {
                sums.refunded_minor += figure.value;
                sums.net_minor -= figure.value;
            }
            Metric::AssistedNet => sums.assisted_net_minor += figure.value,
            Metric::RecoveredOrders => sums.recovered_orders += figure.value,
            Metric::AssistedOrders => sums.assisted_orders += figure.value,
            Metric::CostMicros => sums.cost_micros += figure.value,
            Metric::DiscountValue => sums.discount_minor += figure.value,
            _ => {}
        }
        if sums != Sums::default() {
            self.money.insert(currency, sums);
        }
    }
}
