//! People: the latest entries of the consent and the opt-out ledger, finding one person, lists in and out.

use askama::Template;

use super::words::{filters, t};
use super::{
    Choice, Page, Tone,
    format::Shown as _,
    listing::{self, Listing},
};
use crate::domain::time::Time;

#[derive(Clone, Debug, Template)]
#[template(path = "page/people.html")]
pub struct People {
    pub page: Page,
    pub show: Show,
    pub rows: Vec<PersonRow>,
    pub list: Listing,
    pub may_change: bool,
}

/// Which ledger is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Show {
    #[default]
    OptOuts,
    Consents,
}

impl Show {
    /// Anything unknown is the opt-outs.
    pub fn parse(text: &str) -> Show {
        if text == Show::Consents.name() { Show::Consents } else { Show::OptOuts }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Show::OptOuts => "",
            Show::Consents => "consents",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Show::OptOuts => t("Opt-outs"),
            Show::Consents => t("Consents"),
        }
    }
}

/// An entry of a ledger.
#[derive(Clone, Debug)]
pub struct PersonRow {
    /// `…4455`, where a text or a reply tells the number; else the beginning of its keyed hash.
    pub who: String,
    /// The ledger of that phone.
    pub href: String,
    pub said: String,
    pub tone: Tone,
    pub at: Time,
    pub source: String,
    /// What there is to prove it with, in a few words.
    pub proof: String,
}

impl PersonRow {
    pub fn label(&self) -> &str {
        &self.said
    }

    pub fn tone(&self) -> Tone {
        self.tone
    }
}

impl People {
    pub fn answer(&self) -> String {
        match self.show {
            Show::OptOuts => {
                format!(
                    "{}.",
                    listing::agree(self.list.count, "opt-out", "opt-outs", "are on record and hold for good")
                )
            }
            Show::Consents => format!("{}.", listing::agree(self.list.count, "consent", "consents", "are on record")),
        }
    }

    pub fn choices(&self) -> Vec<Choice> {
        let choice = |show: Show| Choice {
            label: show.label(),
            href: self.list.with(&self.page, "show", show.name()),
            current: show == self.show,
            count: None,
        };
        [Show::OptOuts, Show::Consents].into_iter().map(choice).collect()
    }

    pub fn is_opt_outs(&self) -> bool {
        self.show == Show::OptOuts
    }
}
