//! Messages: every text, where it stands, why, and what it cost. Those whose outcome nobody knows come first.

use askama::Template;

use super::words::{self, filters, say, t};
use super::{
    Choice, Page, Tone,
    format::{self, Shown as _},
    listing::{self, Listing},
};
use crate::domain::{
    message::{Cost, MessageState},
    time::Time,
};

#[derive(Clone, Debug, Template)]
#[template(path = "page/messages.html")]
pub struct Messages {
    pub page: Page,
    pub filter: Option<Filter>,
    /// Whether there is no text at all.
    pub is_new: bool,
    /// Texts with unknown outcome, newest first; shown above the rest on the first page.
    pub unknown: Vec<MessageRow>,
    pub unknown_total: u64,
    pub rows: Vec<MessageRow>,
    /// Of all that the filter leaves, per currency; empty where they are too many to be added up here.
    pub cost: Vec<Cost>,
    pub list: Listing,
}

/// What `/messages?state=` understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    State(MessageState),
    /// The gateway took it, whatever came after.
    Sent,
    /// A person opened its link.
    Tapped,
}

impl Filter {
    pub fn name(self) -> &'static str {
        match self {
            Filter::State(state) => state.name(),
            Filter::Sent => "sent",
            Filter::Tapped => "tapped",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            // Beside every text that was sent, whatever became of it.
            Filter::State(MessageState::Accepted) => t("No receipt yet"),
            Filter::State(state) => state_label(state),
            Filter::Sent => t("Sent"),
            Filter::Tapped => t("Tapped"),
        }
    }

    fn phrase(self) -> &'static str {
        match self {
            Filter::State(state) => phrase(state),
            Filter::Sent => "were sent",
            Filter::Tapped => "had their link tapped",
        }
    }
}

#[derive(Clone, Debug)]
pub struct MessageRow {
    pub id: String,
    /// The cart it is about, if it is about one.
    pub cart_id: Option<String>,
    /// `…4455, SI`
    pub to: String,
    /// `Text 1 of “EU gentle”`
    pub step: String,
    pub gateway: String,
    pub state: MessageState,
    /// Why it stands there, in a sentence; "" where the state says it all.
    pub why: String,
    pub parts: Option<u64>,
    pub cost: Option<Cost>,
    /// By the account's price list: its provider told none.
    pub cost_listed: bool,
    pub at: Time,
    /// When the carrier reported on it.
    pub receipt: Option<Time>,
}

impl MessageRow {
    pub fn label(&self) -> String {
        state_label(self.state).to_owned()
    }

    pub fn tone(&self) -> Tone {
        match self.state {
            MessageState::Delivered => Tone::Good,
            MessageState::Queued | MessageState::Sending | MessageState::Accepted => Tone::Live,
            MessageState::Cancelled => Tone::Quiet,
            MessageState::Unknown | MessageState::Undelivered | MessageState::Refused | MessageState::Expired => {
                Tone::Bad
            }
        }
    }

    /// Its own page.
    pub fn href(&self) -> String {
        format!("/messages/{}", self.id)
    }

    /// What never left costs nothing, however many parts it would have had.
    pub fn price(&self) -> String {
        let parts = self.parts.filter(|_| self.may_have_left()).map(|parts| format::number_of(parts, "part", "parts"));
        let listed = self.cost_listed.then(|| t("by your price list").to_owned());
        let cost = self.cost.map(|cost| cost.shown());
        let said: Vec<String> = cost.into_iter().chain(listed).chain(parts).collect();
        if said.is_empty() { "–".to_owned() } else { said.join(" · ") }
    }

    fn may_have_left(&self) -> bool {
        !matches!(
            self.state,
            MessageState::Queued | MessageState::Refused | MessageState::Cancelled | MessageState::Expired
        )
    }
}

/// Those always offered as a filter; the others show up when a link led to them.
const OFFERED: [Filter; 8] = [
    Filter::State(MessageState::Unknown),
    Filter::State(MessageState::Queued),
    Filter::Sent,
    Filter::State(MessageState::Delivered),
    Filter::Tapped,
    Filter::State(MessageState::Undelivered),
    Filter::State(MessageState::Refused),
    Filter::State(MessageState::Cancelled),
];

pub fn state_label(state: MessageState) -> &'static str {
    match state {
        MessageState::Queued => t("Queued"),
        MessageState::Sending => t("Being sent"),
        MessageState::Unknown => t("Outcome unknown"),
        MessageState::Accepted => t("Sent"),
        MessageState::Delivered => t("Delivered"),
        MessageState::Undelivered => t("Not delivered"),
        MessageState::Refused => t("Refused"),
        MessageState::Cancelled => t("Cancelled"),
        MessageState::Expired => t("Too late"),
    }
}

/// Ends the phrase "412 texts …".
fn phrase(state: MessageState) -> &'static str {
    match state {
        MessageState::Queued => "wait to be sent",
        MessageState::Sending => "are being sent",
        MessageState::Unknown => "have an unknown outcome",
        MessageState::Accepted => "were sent and wait for a receipt",
        MessageState::Delivered => "were delivered",
        MessageState::Undelivered => "were not delivered",
        MessageState::Refused => "were refused",
        MessageState::Cancelled => "were cancelled before sending",
        MessageState::Expired => "came too late to be sent",
    }
}

/// What `/messages?state=` understands; anything else is every text.
pub fn parse_state(text: &str) -> Option<Filter> {
    let state = MessageState::ALL.into_iter().map(Filter::State);
    state.chain([Filter::Sent, Filter::Tapped]).find(|filter| filter.name() == text)
}

impl Messages {
    pub fn answer(&self) -> String {
        let texts = match self.list.count {
            listing::Count { rows, more: false, looked_at: None } => {
                format::sentence_case(&format::number_of(rows, "text", "texts"))
            }
            count => format::sentence_case(&format!("{} {}", count.words(), t("texts"))),
        };
        let priced = |told: String| match self.cost.is_empty() {
            true => told,
            false => say("{texts}, for {cost}", &[("texts", &told), ("cost", &self.cost.shown())]),
        };
        match self.filter {
            _ if self.is_new => t("No text has been sent yet.").to_owned(),
            Some(filter) => priced(listing::agree(self.list.count, "text", "texts", filter.phrase())) + ".",
            None if self.unknown_total > 0 => say(
                "{texts}; the outcome of {count} is unknown.",
                &[("texts", &priced(texts)), ("count", &format::count(self.unknown_total))],
            ),
            None => say("{texts}; the outcome of every one is known.", &[("texts", &priced(texts))]),
        }
    }

    pub fn choices(&self) -> Vec<Choice> {
        let unknown = Some(Filter::State(MessageState::Unknown));
        std::iter::once(None)
            .chain(OFFERED.map(Some))
            .chain(self.filter.filter(|state| !OFFERED.contains(state)).map(Some))
            .map(|state| Choice {
                label: state.map_or_else(|| t("All"), Filter::label),
                href: self.list.with(&self.page, "state", state.map_or("", Filter::name)),
                current: state == self.filter,
                count: (state == unknown && self.unknown_total > 0).then_some(self.unknown_total),
            })
            .collect()
    }

    pub fn heading(&self) -> &'static str {
        self.filter.map_or_else(|| t("Every text"), Filter::label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::view::sample;

    #[test]
    fn the_first_line_names_what_is_unknown() {
        #[track_caller]
        fn check(messages: Messages, expected: &str) {
            assert_eq!(messages.answer(), expected);
        }
        let list = |rows: u64| Listing { count: rows.into(), ..sample::messages().list };
        check(
            Messages { list: list(1_204), unknown_total: 2, ..sample::messages() },
            "1,204 texts, for €61.20; the outcome of 2 is unknown.",
        );
        check(
            Messages { list: list(3), unknown_total: 0, cost: Vec::new(), ..sample::messages() },
            "3 texts; the outcome of every one is known.",
        );
        check(Messages { is_new: true, ..sample::messages() }, "No text has been sent yet.");
        let filter = parse_state("refused");
        check(Messages { list: list(4), filter, cost: Vec::new(), ..sample::messages() }, "4 texts were refused.");
    }
}
