//! The report: the whole way from an abandoned cart to money kept, each figure with its definition and its rows.

use askama::Template;

use super::{
    Page,
    format::{self, Shown as _},
    funnel::Funnel,
    takings::{self, Takings},
};
use crate::domain::{message::Cost, money::Money};

#[derive(Clone, Debug, Template)]
#[template(path = "page/report.html")]
pub struct Report {
    pub page: Page,
    /// One per currency, the shop's own first.
    pub takings: Vec<Takings>,
    pub funnel: Funnel,
    pub steps: Vec<StepRow>,
    pub texts: u64,
    pub parts: u64,
    pub cost: Vec<Cost>,
    pub opt_outs: u64,
    /// Single-use codes made for texts, orders that used the code of a text, and what those codes took off.
    pub codes: u64,
    pub codes_used: u64,
    pub discount: Vec<Money>,
    /// When the figures were last brought up to date with the facts.
    pub as_of: Option<crate::domain::time::Time>,
}

/// One step of a sequence.
#[derive(Clone, Debug)]
pub struct StepRow {
    /// Counted from 1.
    pub number: u32,
    /// `Text 1 of “EU gentle”`
    pub step: String,
    pub texted: u64,
    pub delivered: u64,
    pub clicked: u64,
    pub orders: u64,
    pub net: Vec<Money>,
    pub cost: Vec<Cost>,
}

impl StepRow {
    /// Its texts that came so far.
    pub fn texts(&self, state: &str) -> String {
        format!("/messages?state={state}&purpose=reminder&step={}", self.number)
    }

    /// The orders credited to it.
    pub fn orders_href(&self) -> String {
        format!("/orders?state=recovered&step={}", self.number)
    }

    pub fn delivered(&self) -> Share {
        Share { part: self.delivered, whole: self.texted }
    }

    pub fn clicked(&self) -> Share {
        Share { part: self.clicked, whole: self.delivered }
    }

    pub fn orders(&self) -> Share {
        Share { part: self.orders, whole: self.texted }
    }
}

/// A count beside what it is out of: `1,140` with `97 %`, or `22` with `of 24` while there are too few for a percentage.
pub struct Share {
    part: u64,
    whole: u64,
}

impl Share {
    pub fn count(&self) -> String {
        format::count(self.part)
    }

    pub fn beside(&self) -> String {
        let rate = format::rate(self.part, self.whole);
        rate.split_once(" of ").map_or(rate.clone(), |(_, whole)| format!("of {whole}"))
    }
}

impl Report {
    pub fn answer(&self) -> String {
        let days = self.page.days.number();
        match takings::net_in_words(&self.takings) {
            Some(net) => format!(
                "{net} net came back in {days} days, from {} of {}.",
                format::number_of(takings::orders(&self.takings), "order", "orders"),
                format::number_of(self.abandoned(), "abandoned cart", "abandoned carts"),
            ),
            None => format!(
                "Nothing came back in {days} days, from {}.",
                format::number_of(self.abandoned(), "abandoned cart", "abandoned carts")
            ),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.funnel.is_empty() && self.texts == 0 && takings::orders(&self.takings) == 0
    }

    fn abandoned(&self) -> u64 {
        self.funnel.carts(super::funnel::Stage::Abandoned)
    }

    pub fn opt_out_rate(&self) -> String {
        format::share_of(self.opt_outs, self.texts, "texts")
    }

    pub fn return_on_cost(&self) -> Option<String> {
        self.takings.iter().find_map(|one| one.per_cost(&self.cost))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_steps_show_counts() {
        #[track_caller]
        fn check(part: u64, whole: u64, expected: &str) {
            let share = Share { part, whole };
            assert_eq!(format!("{} {}", share.count(), share.beside()), expected);
        }
        check(1_140, 1_180, "1,140 97\u{a0}%");
        check(22, 24, "22 of 24");
        check(0, 0, "0 –");
    }
}
