//! How orders are credited: the headline beside other rules over the same texts, what other windows would change, how
//! orders of abandoned carts came about, and whether taps can be believed.

use std::fmt::Display;

use askama::Template;

use super::{
    Page, Tone,
    format::{self, Shown as _},
    words::{self, filters, noted, say, t},
};
use crate::domain::{money::Money, time::Time};

#[derive(Clone, Debug, Template)]
#[template(path = "page/attribution.html")]
pub struct Attribution {
    pub page: Page,
    /// The headline first.
    pub rows: Vec<Row>,
    /// What is left for each text of a sequence, by our own models.
    pub steps: Vec<Step>,
    /// Orders a text was considered for.
    pub orders: u64,
    /// The last order looked at, where there were too many.
    pub stopped_at: Option<Time>,
    pub windows: Hours,
    pub proposed: Option<Proposed>,
    /// What was typed and cannot be.
    pub problems: Vec<String>,
    /// While orders are judged again.
    pub progress: Option<Progress>,
    pub runs: Vec<Run>,
    /// Given by hand, and taken.
    pub corrected: (u64, u64),
    pub ways: Vec<Came>,
    pub taps: Taps,
}

/// Hours within which an order is credited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hours {
    pub click: u32,
    pub sent: u32,
}

#[derive(Clone, Debug)]
pub struct Row {
    /// As a lens is called.
    pub id: String,
    /// `None` for our own.
    pub imitates: Option<Imitated>,
    pub hours: Hours,
    pub from_sent: bool,
    pub orders: u64,
    /// Per currency, the shop's own first.
    pub gross: Vec<Money>,
    pub refunded: Vec<Money>,
    pub net: Vec<Money>,
    pub texts: u64,
    pub differs: u64,
}

#[derive(Clone, Debug)]
pub struct Imitated {
    pub name: &'static str,
    pub source: &'static str,
    /// The day its page was read.
    pub on: &'static str,
}

#[derive(Clone, Debug)]
pub struct Step {
    pub step: u32,
    /// In the order of `Attribution::models`.
    pub net: Vec<Vec<Money>>,
}

/// Other windows, tried out.
#[derive(Clone, Debug)]
pub struct Proposed {
    pub hours: Hours,
    pub strict: Row,
    pub assisted: Row,
    pub would_change: u64,
    pub differing: Vec<Differing>,
}

#[derive(Clone, Debug)]
pub struct Differing {
    pub id: String,
    pub number: String,
    pub at: Time,
    pub net: Money,
    pub now: Option<u32>,
    pub then: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub judged: u64,
    pub orders: u64,
}

/// A change of windows that history followed.
#[derive(Clone, Debug)]
pub struct Run {
    pub at: Time,
    pub by: String,
    pub before: Hours,
    pub after: Hours,
    pub orders: u64,
}

/// How orders of abandoned carts came about.
#[derive(Clone, Debug)]
pub struct Came {
    /// `alone`, `after_text` or `through_link`.
    pub way: &'static str,
    pub orders: u64,
}

/// Openings of links, and those by people.
#[derive(Clone, Debug, Default)]
pub struct Taps {
    pub raw: u64,
    pub human: u64,
    /// The newest first.
    pub days: Vec<TapDay>,
    /// What stands as an alarm.
    pub alarm: Option<String>,
}

#[derive(Clone, Debug)]
pub struct TapDay {
    pub day: String,
    pub raw: u64,
    pub human: u64,
}

impl TapDay {
    pub fn share(&self) -> String {
        format::rate(self.human, self.raw)
    }
}

impl Step {
    /// Each model's heading with what it leaves this text.
    pub fn cells(&self) -> Vec<(&'static str, &Vec<Money>)> {
        MODELS.iter().map(|(_, name)| t(name)).zip(&self.net).collect()
    }
}

impl Came {
    pub fn label(&self) -> &'static str {
        match self.way {
            "alone" => t("Came back alone"),
            "after_text" => t("After a text"),
            _ => t("Through the link"),
        }
    }

    pub fn means(&self) -> &'static str {
        match self.way {
            "alone" => t("No text had left for the cart before the order."),
            "after_text" => t("A text had left, and nobody opened its link before the order."),
            _ => t("Somebody opened the link of a text before the order."),
        }
    }

    pub fn href(&self) -> String {
        format!("/orders?state={}", self.way)
    }
}

impl Differing {
    pub fn now(&self) -> String {
        given(self.now)
    }

    pub fn then(&self) -> String {
        given(self.then)
    }
}

fn given(step: Option<u32>) -> String {
    step.map_or_else(|| t("no text").to_owned(), |step| say("text {step}", &[("step", &step)]))
}

/// Days and hours as people say them: `5 days`, `24 hours`.
pub fn window(hours: u32) -> String {
    match hours {
        days if days % 24 == 0 && days > 24 => format::number_of(u64::from(days / 24), "day", "days"),
        hours => format::number_of(u64::from(hours), "hour", "hours"),
    }
}

impl Hours {
    pub fn said(&self) -> String {
        let (click, sent) = (window(self.click), window(self.sent));
        match self.sent {
            0 => say("{click} after a tap, never without one", &[("click", &click)]),
            _ => say("{click} after a tap, {sent} after an untapped text", &[("click", &click), ("sent", &sent)]),
        }
    }
}

/// Our own models, as a heading calls each.
const MODELS: [(&str, &str); 5] = [
    ("strict", noted("Strict")),
    ("assisted", noted("Click and assisted")),
    ("first", noted("First text")),
    ("linear", noted("Alike")),
    ("position", noted("40 / 20 / 40")),
];

/// What a lens is called: one of ours, or the service it imitates.
pub fn label(id: &str, imitates: Option<&str>) -> String {
    if let Some(name) = imitates {
        return say("As {name} counts", &[("name", &name)]);
    }
    let own = MODELS.iter().find(|(known, _)| *known == id);
    own.map_or_else(|| id.to_owned(), |(_, name)| t(name).to_owned())
}

impl Row {
    pub fn is_headline(&self) -> bool {
        self.id == "strict"
    }

    pub fn label(&self) -> String {
        label(&self.id, self.imitates.as_ref().map(|of| of.name))
    }

    /// What it counts, and why that is more or less than the headline.
    pub fn says(&self) -> String {
        if let Some(of) = &self.imitates {
            let values: [(&str, &dyn Display); 3] = [("name", &of.name), ("day", &of.on), ("hours", &self.hours())];
            return say("Imitates {name} as documented on {day}: the newest touch, {hours}.", &values);
        }
        t(match self.id.as_str() {
            "strict" => "The headline: somebody tapped the text, then bought; the strongest tie wins.",
            "assisted" => {
                "Also orders after a text nobody tapped. Larger, because many of those would have come anyway."
            }
            "first" => "The same orders, each given to the first text that could have earned it.",
            "linear" => "The same orders, shared alike by every text that could have earned them.",
            _ => "The same orders: 40 % to the first text, 40 % to the last, 20 % to those between.",
        })
        .to_owned()
    }

    fn hours(&self) -> String {
        let (click, sent) = (window(self.hours.click), window(self.hours.sent));
        let values: [(&str, &dyn Display); 2] = [("click", &click), ("sent", &sent)];
        match (self.hours.sent, self.from_sent) {
            (0, _) => say("tapped, and bought within {click} of sending; never untapped", &values),
            (_, true) => say("tapped and within {click} of sending, or untapped within {sent}", &values),
            (_, false) => say("within {click} of a tap, or untapped within {sent}", &values),
        }
    }
}

/// What `says` says, for `t`.
const _: [&str; 5] = [
    noted("The headline: somebody tapped the text, then bought; the strongest tie wins."),
    noted("Also orders after a text nobody tapped. Larger, because many of those would have come anyway."),
    noted("The same orders, each given to the first text that could have earned it."),
    noted("The same orders, shared alike by every text that could have earned them."),
    noted("The same orders: 40 % to the first text, 40 % to the last, 20 % to those between."),
];

impl Attribution {
    pub fn answer(&self) -> String {
        let Some(strict) = self.rows.first().filter(|_| self.orders > 0) else {
            return say("No order {days} came after a text.", &[("days", &self.page.days.phrase())]);
        };
        let net = if strict.net.is_empty() { t("nothing").to_owned() } else { strict.net.brief() };
        let orders = format::number_of(strict.orders, "order", "orders");
        let looked_at = format::number_of(self.orders, "order", "orders");
        let most = self.rows.iter().map(|row| row.orders).max().unwrap_or(0);
        let values: [(&str, &dyn Display); 5] = [
            ("net", &net),
            ("orders", &orders),
            ("all", &looked_at),
            ("days", &self.page.days.phrase()),
            ("most", &format::count(most)),
        ];
        say(
            "{net} net from {orders} is credited to texts {days}; other rules would say up to {most} of {all}.",
            &values,
        )
    }

    pub fn is_empty(&self) -> bool {
        self.orders == 0
    }

    pub fn models(&self) -> Vec<&'static str> {
        MODELS.iter().map(|(_, name)| t(name)).collect()
    }

    pub fn looked_at(&self) -> String {
        let orders = format::number_of(self.orders, "order", "orders");
        say(
            "Over {orders} placed in this period after a text, with whatever went back of them until now.",
            &[("orders", &orders)],
        )
    }

    pub fn stopped(&self) -> Option<String> {
        let at = format::moment(self.stopped_at?, &self.page.zone);
        Some(say(
            "There are more orders than one page looks at: those placed after {moment} are not in it.",
            &[("moment", &at)],
        ))
    }

    pub fn progress(&self) -> Option<String> {
        let Progress { judged, orders } = self.progress?;
        let of = format::out_of(judged.min(orders), orders);
        Some(say("History is being judged again: {of} orders. Figures follow within minutes.", &[("of", &of)]))
    }

    pub fn by_hand(&self) -> Option<String> {
        let (given, taken) = self.corrected;
        let values: [(&str, &dyn Display); 2] = [("given", &format::count(given)), ("taken", &format::count(taken))];
        (given + taken > 0).then(|| {
            say("Set right by hand, under every rule alike: {given} given to a text, {taken} taken from one.", &values)
        })
    }

    pub fn would_change(&self, proposed: &Proposed) -> String {
        let orders = format::number_of(proposed.would_change, "order", "orders");
        let values: [(&str, &dyn Display); 2] = [("orders", &orders), ("hours", &proposed.hours.said())];
        say("With {hours}, {orders} of this period would be credited otherwise.", &values)
    }

    /// Whether there is something to change.
    pub fn is_new(&self, proposed: &Proposed) -> bool {
        proposed.hours != self.windows
    }

    pub fn taps_said(&self) -> String {
        let Taps { raw, human, .. } = &self.taps;
        if *raw == 0 {
            return t("No link was opened in the last 30 days.").to_owned();
        }
        let values: [(&str, &dyn Display); 2] =
            [("human", &format::out_of(*human, *raw)), ("share", &format::rate(*human, *raw))];
        say("{human} openings of the last 30 days were a person’s ({share}); only those are counted.", &values)
    }

    pub fn tone(&self) -> Tone {
        if self.taps.alarm.is_some() { Tone::Bad } else { Tone::Quiet }
    }

    fn hidden_shop(&self) -> Option<&str> {
        self.page.shop_field()
    }
}
