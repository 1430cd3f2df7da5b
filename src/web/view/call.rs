//! Calls: which came in on the numbers that texts show, which of them count, and the pool of numbers.

use std::time::Duration;

use askama::Template;

use super::{
    Page, Tone,
    format::{self, Shown as _},
    words::{self, filters, say, t},
};
use crate::domain::{
    call::{State, Tie},
    time::Time,
};

#[derive(Clone, Debug, Template)]
#[template(path = "page/calls.html")]
pub struct Calls {
    pub page: Page,
    /// By sequence; what belongs to none first.
    pub sums: Vec<SumRow>,
    /// The newest of the period.
    pub calls: Vec<CallRow>,
    pub numbers: Vec<NumberRow>,
    /// Each sequence's id and name.
    pub sequences: Vec<(String, String)>,
    pub least_seconds: u32,
    /// The shop has a key of its own for calls.
    pub has_token: bool,
    /// Some key is known, so that calls can be believed.
    pub can_verify: bool,
    /// Calls told by somebody who is not Twilio.
    pub refused: u64,
    /// Where Twilio tells of calls.
    pub hook: String,
    pub problems: Vec<String>,
    pub may_change: bool,
}

#[derive(Clone, Debug)]
pub struct SumRow {
    /// Its name; "" for calls of none.
    pub sequence: String,
    pub calls: u64,
    pub answered: u64,
    pub counted: u64,
    pub by_phone: u64,
}

#[derive(Clone, Debug)]
pub struct NumberRow {
    pub id: String,
    pub number: String,
    pub answers: String,
    /// Its name; "" for every other.
    pub sequence: String,
}

#[derive(Clone, Debug)]
pub struct CallRow {
    pub number: String,
    pub called_at: Time,
    pub state: State,
    pub seconds: u32,
    pub is_hidden: bool,
    pub tie: Tie,
    pub message: Option<String>,
    pub sequence: String,
    pub counts: bool,
}

impl Calls {
    pub fn answer(&self) -> String {
        if self.numbers.is_empty() && self.sums.is_empty() {
            return t("0 numbers take calls: show one in your texts, and see who rings instead of tapping.").to_owned();
        }
        let (calls, counted) = self.sums.iter().fold((0, 0), |sum, row| (sum.0 + row.calls, sum.1 + row.counted));
        let period = self.page.days.phrase();
        if calls == 0 {
            return say("0 calls came in {period}.", &[("period", &period)]);
        }
        say("{part} calls count {period}.", &[("part", &format::out_of(counted, calls)), ("period", &period)])
    }
}

impl Calls {
    /// How the words of a text show the number, and how where there may be none.
    pub fn variable(&self) -> &'static str {
        "{{ call_number }}"
    }

    pub fn condition(&self) -> &'static str {
        "{% if call_number %}…{% endif %}"
    }
}

impl SumRow {
    pub fn name(&self) -> &str {
        if self.sequence.is_empty() { t("of no sequence") } else { &self.sequence }
    }

    pub fn answered_part(&self) -> String {
        format::out_of(self.answered, self.calls)
    }
}

impl NumberRow {
    pub fn shown_by(&self) -> &str {
        if self.sequence.is_empty() { t("every other sequence") } else { &self.sequence }
    }
}

impl CallRow {
    pub fn label(&self) -> String {
        match self.state {
            State::Ringing => t("ringing").to_owned(),
            State::Missed => t("not answered").to_owned(),
            State::Answered => {
                let span = format::span(Duration::from_secs(self.seconds.into()));
                say("talked for {span}", &[("span", &span)])
            }
        }
    }

    pub fn tone(&self) -> Tone {
        match (self.state, self.counts) {
            (State::Ringing, _) => Tone::Live,
            (_, true) => Tone::Good,
            _ => Tone::Quiet,
        }
    }

    pub fn known_by(&self) -> String {
        match (self.tie, self.is_hidden) {
            (Tie::Phone, _) => t("the phone was texted").to_owned(),
            (Tie::Sequence, _) => say("only {sequence} shows this number", &[("sequence", &self.sequence)]),
            (Tie::Unknown, true) => t("a hidden number").to_owned(),
            (Tie::Unknown, false) => t("nobody texted in the week before").to_owned(),
        }
    }
}
