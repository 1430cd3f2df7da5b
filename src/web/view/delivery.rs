//! One delivery: what came, what was made of it, and, where it could not be read, other words to read in its place.

use askama::Template;

use super::words::{filters, noted, say};
use super::{
    Page,
    cart::Link,
    inbox::{DeliveryRow, Verdict},
};
use crate::domain::time::Time;

#[derive(Clone, Debug, Template)]
#[template(path = "page/delivery.html")]
pub struct Delivery {
    pub page: Page,
    pub row: DeliveryRow,
    /// `POST /hook/…`, without what is secret.
    pub asked: String,
    /// Name and value; what proves or names somebody is left out.
    pub headers: Vec<(String, String)>,
    /// As it came, laid out to be read.
    pub body: String,
    /// What is read instead, as it was typed.
    pub corrected: Option<String>,
    pub corrections: Vec<Correction>,
    /// What it made, with where that is.
    pub effects: Vec<Effect>,
    pub may_change: bool,
}

#[derive(Clone, Debug)]
pub struct Correction {
    pub at: Time,
    pub by: String,
}

#[derive(Clone, Debug)]
pub struct Effect {
    pub what: String,
    pub link: Option<Link>,
}

impl Delivery {
    pub fn answer(&self) -> String {
        let from = &self.row.from;
        let (said, beside): (&str, &dyn std::fmt::Display) = match &self.row.verdict {
            Verdict::Waiting => (noted("This delivery of {from} is read within seconds."), &""),
            Verdict::Ignored => (noted("This delivery of {from} changed nothing: it is not a topic we use."), &""),
            Verdict::Applied { events: 1 } => (noted("This delivery of {from} told 1 thing."), &""),
            Verdict::Applied { events } => (noted("This delivery of {from} told {count} things."), events),
            Verdict::Unreadable { why } => (noted("This delivery of {from} could not be read: {why}."), why),
        };
        say(said, &[("from", from), ("count", beside), ("why", beside)])
    }

    pub fn is_unreadable(&self) -> bool {
        matches!(self.row.verdict, Verdict::Unreadable { .. })
    }

    /// What stands in the box to mend: the last correction, else the body.
    pub fn to_mend(&self) -> &str {
        self.corrected.as_deref().unwrap_or(&self.body)
    }
}
