//! Messages: every text, where it stands, why, and what it cost. Those whose outcome nobody knows come first.

use askama::Template;

use super::{
    Choice, Page, Pager, Tone,
    format::{self, Shown as _},
    query,
};
use crate::domain::{
    message::{Cost, MessageState},
    time::Time,
};

#[derive(Clone, Debug, Template)]
#[template(path = "page/messages.html")]
pub struct Messages {
    pub page: Page,
    pub filter: Option<MessageState>,
    /// How many the filter leaves.
    pub total: u64,
    /// How many texts the shop has at all.
    pub all: u64,
    /// Texts with unknown outcome, newest first; shown above the rest on the first page.
    pub unknown: Vec<MessageRow>,
    pub unknown_total: u64,
    pub rows: Vec<MessageRow>,
    /// Of all that the filter leaves, per currency.
    pub cost: Vec<Cost>,
    pub pager: Pager,
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
    pub at: Time,
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

    /// Its place in its cart's story.
    pub fn href(&self) -> String {
        self.cart_id
            .as_ref()
            .map_or_else(|| format!("/messages#{}", self.id), |cart| format!("/carts/{cart}#{}", self.id))
    }

    /// What never left costs nothing, however many parts it would have had.
    pub fn price(&self) -> String {
        let parts = self.parts.filter(|_| self.may_have_left()).map(|parts| format::number_of(parts, "part", "parts"));
        let said: Vec<String> = self.cost.map(|cost| cost.shown()).into_iter().chain(parts).collect();
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
const OFFERED: [MessageState; 7] = [
    MessageState::Unknown,
    MessageState::Queued,
    MessageState::Accepted,
    MessageState::Delivered,
    MessageState::Undelivered,
    MessageState::Refused,
    MessageState::Cancelled,
];

pub fn state_label(state: MessageState) -> &'static str {
    match state {
        MessageState::Queued => "Queued",
        MessageState::Sending => "Being sent",
        MessageState::Unknown => "Outcome unknown",
        MessageState::Accepted => "Sent",
        MessageState::Delivered => "Delivered",
        MessageState::Undelivered => "Not delivered",
        MessageState::Refused => "Refused",
        MessageState::Cancelled => "Cancelled",
        MessageState::Expired => "Too late",
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
pub fn parse_state(text: &str) -> Option<MessageState> {
    MessageState::ALL.into_iter().find(|state| state.name() == text)
}

impl Messages {
    pub fn answer(&self) -> String {
        let texts = format::sentence_case(&format::number_of(self.total, "text", "texts"));
        let cost = if self.cost.is_empty() { String::new() } else { format!(", for {}", self.cost.shown()) };
        match self.filter {
            _ if self.all == 0 => "No text has been sent yet.".to_owned(),
            Some(state) => format!("{}{cost}.", format::agree(self.total, "text", "texts", phrase(state))),
            None if self.unknown_total > 0 => {
                format!("{texts}{cost}; the outcome of {} is unknown.", format::count(self.unknown_total))
            }
            None => format!("{texts}{cost}; the outcome of every one is known."),
        }
    }

    pub fn choices(&self) -> Vec<Choice> {
        std::iter::once(None)
            .chain(OFFERED.map(Some))
            .chain(self.filter.filter(|state| !OFFERED.contains(state)).map(Some))
            .map(|state| Choice {
                label: state.map_or("All", state_label),
                href: self.page.href(&query("/messages", &[("state", state.map_or("", |state| state.name()))])),
                current: state == self.filter,
                count: (state == Some(MessageState::Unknown) && self.unknown_total > 0).then_some(self.unknown_total),
            })
            .collect()
    }

    pub fn heading(&self) -> &'static str {
        self.filter.map_or("Every text", state_label)
    }

    pub fn first_href(&self) -> String {
        self.list_href("")
    }

    pub fn next_href(&self) -> Option<String> {
        self.pager.next.as_deref().map(|after| self.list_href(after))
    }

    fn list_href(&self, after: &str) -> String {
        let state = self.filter.map_or("", |state| state.name());
        self.page.href(&query("/messages", &[("state", state), ("after", after)]))
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
        check(
            Messages { total: 1_204, unknown_total: 2, ..sample::messages() },
            "1,204 texts, for €61.20; the outcome of 2 is unknown.",
        );
        check(
            Messages { total: 3, unknown_total: 0, cost: Vec::new(), ..sample::messages() },
            "3 texts; the outcome of every one is known.",
        );
        check(Messages { all: 0, ..sample::messages() }, "No text has been sent yet.");
        let refused = Messages { total: 4, filter: parse_state("refused"), cost: Vec::new(), ..sample::messages() };
        check(refused, "4 texts were refused.");
    }
}
