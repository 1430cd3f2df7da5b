//! The audit log: who changed what, when, from where, at which shop, with what outcome.

use askama::Template;

use super::{
    Page, Pager, Tone,
    format::{self, Shown as _},
    query,
    words::{self, filters, say, t},
};
use crate::domain::time::Time;

#[derive(Clone, Debug, Template)]
#[template(path = "page/trail.html")]
pub struct Trail {
    pub page: Page,
    /// Changes of the last 30 days that fit, and how many of them were not done.
    pub lately: u64,
    pub not_done: u64,
    pub rows: Vec<EntryRow>,
    pub wanted: Wanted,
    pub people: Vec<Pick>,
    pub acts: Vec<Pick>,
    pub shops: Vec<Pick>,
    pub pager: Pager,
    /// For how many days entries are kept.
    pub days: u32,
    pub days_min: u32,
    pub days_max: u32,
    /// Whether this visitor may change that.
    pub may_keep: bool,
    pub problem: String,
}

/// How the list is narrowed, as the address says it; "" is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub person: String,
    pub act: String,
    pub of: String,
}

impl Wanted {
    fn is_everything(&self) -> bool {
        *self == Wanted::default()
    }
}

/// One value of a filter.
#[derive(Clone, Debug)]
pub struct Pick {
    pub value: String,
    pub label: String,
    pub current: bool,
}

#[derive(Clone, Debug)]
pub struct EntryRow {
    pub at: Time,
    /// A name, "an API token", "the command line".
    pub who: String,
    pub address: String,
    /// "" for the whole house.
    pub shop: String,
    pub said: String,
    /// Where what it was done to is shown; "" when nowhere.
    pub href: String,
    pub detail: String,
    pub outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Refused,
    Failed,
}

impl EntryRow {
    pub fn label(&self) -> &'static str {
        match self.outcome {
            Outcome::Done => t("Done"),
            Outcome::Refused => t("Refused"),
            Outcome::Failed => t("Failed"),
        }
    }

    pub fn tone(&self) -> Tone {
        match self.outcome {
            Outcome::Done => Tone::Good,
            Outcome::Refused => Tone::Quiet,
            Outcome::Failed => Tone::Bad,
        }
    }
}

impl Trail {
    pub fn answer(&self) -> String {
        let made = format::number_of(self.lately, "change was asked for", "changes were asked for");
        let made = format::sentence_case(&made);
        match self.not_done {
            0 => say("{changes} in the last 30 days.", &[("changes", &made)]),
            some => say(
                "{changes} in the last 30 days, {count} of them not done.",
                &[("changes", &made), ("count", &some.shown())],
            ),
        }
    }

    pub fn is_narrowed(&self) -> bool {
        !self.wanted.is_everything()
    }

    pub fn days_label(&self) -> String {
        say("Days, {least} to {most}", &[("least", &self.days_min), ("most", &self.days_max)])
    }

    pub fn csv_href(&self) -> String {
        self.page.href(&self.path("/audit.csv", ""))
    }

    pub fn first_href(&self) -> String {
        self.page.href(&self.path("/audit", ""))
    }

    pub fn next_href(&self) -> Option<String> {
        self.pager.next.as_ref().map(|next| self.page.href(&self.path("/audit", next)))
    }

    fn path(&self, path: &str, after: &str) -> String {
        let Wanted { person, act, of } = &self.wanted;
        query(path, &[("person", person), ("act", act), ("of", of), ("after", after)])
    }
}
