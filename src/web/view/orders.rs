//! Orders: what each was worth and which text it is credited to, if any.

use askama::Template;

use super::words::{self, filters, noted, t};
use super::{
    Choice, Page, Tone,
    format::Shown as _,
    listing::{self, Listing},
};
use crate::domain::{money::Money, time::Time};

#[derive(Clone, Debug, Template)]
#[template(path = "page/orders.html")]
pub struct Orders {
    pub page: Page,
    pub filter: Filter,
    /// Whether no order has come at all.
    pub is_new: bool,
    pub rows: Vec<OrderRow>,
    pub list: Listing,
}

#[derive(Clone, Debug)]
pub struct OrderRow {
    pub id: String,
    /// As people call it: `#1093`.
    pub number: String,
    pub placed_at: Time,
    pub value: Money,
    pub cancelled: bool,
    pub credit: Option<Credit>,
}

#[derive(Clone, Debug)]
pub struct Credit {
    /// Assisted otherwise, which is shown apart.
    pub recovered: bool,
    pub step: u32,
    pub message_id: String,
    /// After what went back.
    pub net: Money,
}

impl OrderRow {
    pub fn label(&self) -> &'static str {
        match &self.credit {
            Some(credit) if credit.recovered => t("Recovered"),
            Some(_) => t("Assisted"),
            None => t("By itself"),
        }
    }

    pub fn tone(&self) -> Tone {
        match &self.credit {
            Some(credit) if credit.recovered => Tone::Good,
            Some(_) => Tone::Live,
            None => Tone::Quiet,
        }
    }
}

/// What the answer says of those that figures lead to, for `told`.
const _: [&str; 5] = [
    noted("{things} came of an abandoned cart before any text"),
    noted("{things} came of an abandoned cart after a text nobody tapped"),
    noted("{things} came of an abandoned cart through a text’s link"),
    noted("{things} were set right by hand"),
    noted("{things} was set right by hand"),
];

/// What `/orders?state=` understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    #[default]
    All,
    Recovered,
    Assisted,
    Other,
    /// Of a cart that had been abandoned before: with no text, after one, through its link.
    Alone,
    AfterText,
    ThroughLink,
    /// Set right by hand.
    Corrected,
}

impl Filter {
    pub const ALL: [Filter; 8] = [
        Filter::All,
        Filter::Recovered,
        Filter::Assisted,
        Filter::Other,
        Filter::Alone,
        Filter::AfterText,
        Filter::ThroughLink,
        Filter::Corrected,
    ];

    /// What every list offers; the others are led to by the figures they stand behind.
    const OFFERED: [Filter; 4] = [Filter::All, Filter::Recovered, Filter::Assisted, Filter::Other];

    /// Anything unknown is every order.
    pub fn parse(text: &str) -> Filter {
        Filter::ALL.into_iter().find(|filter| filter.name() == text).unwrap_or_default()
    }

    pub fn name(&self) -> &'static str {
        match self {
            Filter::All => "",
            Filter::Recovered => "recovered",
            Filter::Assisted => "assisted",
            Filter::Other => "other",
            Filter::Alone => "alone",
            Filter::AfterText => "after_text",
            Filter::ThroughLink => "through_link",
            Filter::Corrected => "corrected",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Filter::All => t("All"),
            Filter::Recovered => t("Recovered"),
            Filter::Assisted => t("Assisted"),
            Filter::Other => t("By itself"),
            Filter::Alone => t("Came back alone"),
            Filter::AfterText => t("After a text"),
            Filter::ThroughLink => t("Through the link"),
            Filter::Corrected => t("Set right by hand"),
        }
    }

    fn phrase(self) -> &'static str {
        match self {
            Filter::All => "in all",
            Filter::Recovered => "were recovered",
            Filter::Assisted => "came after a text that nobody tapped",
            Filter::Other => "came without our help",
            Filter::Alone => "came of an abandoned cart before any text",
            Filter::AfterText => "came of an abandoned cart after a text nobody tapped",
            Filter::ThroughLink => "came of an abandoned cart through a text’s link",
            Filter::Corrected => "were set right by hand",
        }
    }
}

impl Orders {
    pub fn answer(&self) -> String {
        if self.is_new {
            return t("No order has arrived yet.").to_owned();
        }
        format!("{}.", listing::agree(self.list.count, "order", "orders", self.filter.phrase()))
    }

    pub fn choices(&self) -> Vec<Choice> {
        let choice = |filter: Filter| Choice {
            label: filter.label(),
            href: self.list.with(&self.page, "state", filter.name()),
            current: filter == self.filter,
            count: None,
        };
        let led_to = Some(self.filter).filter(|filter| !Filter::OFFERED.contains(filter));
        Filter::OFFERED.into_iter().chain(led_to).map(choice).collect()
    }
}
