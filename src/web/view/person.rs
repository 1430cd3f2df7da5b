//! A person: what is held about whoever was typed, to hand it over or to forget it; and what people asked of their data.

use askama::Template;

use super::{
    Page, format,
    words::{self, filters, say, t},
};
use crate::domain::{message::MessageState, time::Time};

#[derive(Clone, Debug, Template)]
#[template(path = "page/person.html")]
pub struct Person {
    pub page: Page,
    pub asked: Asked,
    /// What is wrong with what was typed; "" when nothing is.
    pub problem: String,
    /// `None` before anybody was searched for.
    pub held: Option<Held>,
    /// What people asked of their data and waits for an answer.
    pub open: Vec<Request>,
    pub done: Vec<Request>,
    /// Whether this visitor may hand over and forget.
    pub may_change: bool,
}

/// The names that were typed, "" for those that were not.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub phone: String,
    pub email: String,
    pub customer: String,
    /// The request this answers.
    pub request: String,
}

/// What is held.
#[derive(Clone, Debug, Default)]
pub struct Held {
    pub words: String,
    pub is_empty: bool,
    pub carts: Vec<Cart>,
    pub texts: Vec<Text>,
}

#[derive(Clone, Debug)]
pub struct Cart {
    pub id: String,
    pub started_at: Time,
    pub state: &'static str,
}

#[derive(Clone, Debug)]
pub struct Text {
    pub id: String,
    pub step: u32,
    pub at: Time,
    pub state: MessageState,
}

impl Text {
    pub fn label(&self) -> &'static str {
        super::message::state_label(self.state)
    }
}

#[derive(Clone, Debug)]
pub struct Request {
    pub id: String,
    pub kind: &'static str,
    pub source: String,
    pub at: Time,
    pub outcome: String,
}

impl Person {
    pub fn answer(&self) -> String {
        match &self.held {
            _ if !self.problem.is_empty() => t("Nobody can be searched for by that.").to_owned(),
            Some(held) if held.is_empty => t("Nothing is held about this person.").to_owned(),
            Some(held) => say("{words} are held about this person.", &[("words", &format::sentence_case(&held.words))]),
            None if self.open.is_empty() => t("Nobody waits for an answer about their data.").to_owned(),
            None if self.open.len() == 1 => t("1 person waits for an answer about their data.").to_owned(),
            None => say(
                "{count} people wait for an answer about their data.",
                &[("count", &format::count(self.open.len() as u64))],
            ),
        }
    }

    pub fn moment(&self, at: &Time) -> String {
        format::moment(*at, &self.page.zone)
    }

    pub fn is_found(&self) -> bool {
        self.held.as_ref().is_some_and(|held| !held.is_empty)
    }
}
