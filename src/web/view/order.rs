//! One order's credit: which text earned it, on what evidence, and why the other candidates lost.

use askama::Template;

use super::{
    Page, Tone,
    cart::{Entry, TimelineDay, by_day},
    format::{self, Shown as _},
};
use crate::domain::{money::Money, time::Time};

#[derive(Clone, Debug, Template)]
#[template(path = "page/order.html")]
pub struct Order {
    pub page: Page,
    /// `ord_…`
    pub id: String,
    /// As the shop calls it: `#1093`.
    pub number: String,
    pub placed_at: Time,
    pub value: Money,
    pub refunds: Vec<Refund>,
    pub cart_id: Option<String>,
    /// `None` when no text earned it.
    pub credit: Option<Credit>,
    /// Every touch that was looked at, the winner first.
    pub candidates: Vec<Candidate>,
    /// What other common rules would have said.
    pub other_rules: Vec<OtherRule>,
    /// Everything the verdict rests on, oldest first, corrections included.
    pub evidence: Vec<Entry>,
}

#[derive(Clone, Debug)]
pub struct Refund {
    pub at: Time,
    pub amount: Money,
    /// `refund`, `cancellation`
    pub what: String,
}

#[derive(Clone, Debug)]
pub struct Credit {
    /// What is left of the order after refunds.
    pub net: Money,
    /// `text 1 of “EU gentle”`
    pub to: String,
    /// Where that text is told of: `/carts/cart_…#msg_…`.
    pub href: String,
    /// `tapped 7 min before, same checkout`
    pub why: String,
    /// `certain`, `likely` …
    pub confidence: String,
}

#[derive(Clone, Debug)]
pub struct Candidate {
    /// `Tap on text 1`
    pub touch: String,
    pub at: Time,
    pub won: bool,
    /// `same checkout, 7 min before the order` or `delivered only: weaker than a tap`.
    pub why: String,
    pub href: Option<String>,
}

impl Candidate {
    pub fn label(&self) -> &'static str {
        if self.won { "Won" } else { "Lost" }
    }

    pub fn tone(&self) -> Tone {
        if self.won { Tone::Good } else { Tone::Quiet }
    }
}

#[derive(Clone, Debug)]
pub struct OtherRule {
    /// `Any tap within 24 h`
    pub rule: String,
    /// `same`, `assisted`, `no credit`
    pub verdict: String,
}

impl Order {
    pub fn answer(&self) -> String {
        let number = &self.number;
        match &self.credit {
            Some(credit) => {
                format!("{} of order {number} is credited to {}: {}.", credit.net.shown(), credit.to, credit.why)
            }
            None => match self.candidates.len() as u64 {
                0 => {
                    format!("Order {number} ({}) is credited to no text: 0 touches came before it.", self.value.shown())
                }
                some => format!(
                    "Order {number} ({}) is credited to no text: {} looked at, none counts.",
                    self.value.shown(),
                    format::number_of(some, "touch was", "touches were")
                ),
            },
        }
    }

    pub fn days(&self) -> Vec<TimelineDay<'_>> {
        by_day(&self.evidence, &self.page)
    }
}
