//! One order's credit: which text earned it, on what evidence, and why the other candidates lost.

use std::fmt::Display;

use askama::Template;

use super::{
    Page, Tone,
    attribution::Hours,
    cart::{Entry, TimelineDay, by_day},
    format::{self, Shown as _},
    words::{self, filters, say, t},
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
    /// The windows it was judged by.
    pub windows: Option<Hours>,
    /// What people said of its credit, oldest first.
    pub said: Vec<Said>,
    /// Texts it may be given to by hand; "none" and "rules" beside them.
    pub choices: Vec<(String, String)>,
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
    /// `high`, `medium`, `low`
    pub confidence: String,
    /// What makes it that.
    pub rule: String,
    pub by_hand: bool,
}

/// What a person said of the credit.
#[derive(Clone, Debug)]
pub struct Said {
    pub at: Time,
    pub by: String,
    /// `to text 2`, `to no text`, `back to the rules`
    pub to: String,
    pub reason: String,
}

#[derive(Clone, Debug)]
pub struct Candidate {
    /// `Tap on text 1`
    pub touch: String,
    pub at: Time,
    pub won: bool,
    /// `same checkout, 7 min before the order` or `delivered only: weaker than a tap`.
    pub why: String,
    /// When it left, how often its link was opened, by what it is known to be of the same person.
    pub facts: Vec<String>,
    pub href: Option<String>,
}

impl Candidate {
    pub fn label(&self) -> &'static str {
        if self.won { t("Won") } else { t("Lost") }
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
        let (number, value) = (&self.number, self.value.shown());
        if let Some(credit) = &self.credit {
            let values: [(&str, &dyn Display); 4] =
                [("amount", &credit.net.shown()), ("number", number), ("to", &credit.to), ("why", &credit.why)];
            return say("{amount} of order {number} is credited to {to}: {why}.", &values);
        }
        let touches = self.candidates.len() as u64;
        let values: [(&str, &dyn Display); 3] =
            [("number", number), ("value", &value), ("count", &format::count(touches))];
        match touches {
            0 => say("Order {number} ({value}) is credited to no text: 0 touches came before it.", &values),
            1 => say("Order {number} ({value}) is credited to no text: 1 touch was looked at, none counts.", &values),
            _ => say(
                "Order {number} ({value}) is credited to no text: {count} touches were looked at, none counts.",
                &values,
            ),
        }
    }

    fn credit_path(&self) -> String {
        format!("/orders/{}/credit", self.id)
    }

    pub fn placed(&self) -> String {
        say("Placed {moment}.", &[("moment", &format::moment(self.placed_at, &self.page.zone))])
    }

    pub fn days(&self) -> Vec<TimelineDay<'_>> {
        by_day(&self.evidence, &self.page)
    }
}
