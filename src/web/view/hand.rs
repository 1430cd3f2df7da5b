//! Acts by hand that are asked about first: what they will do, in words, before anything is done.

use askama::Template;

use super::words::{self, filters, noted, say, t};
use super::{Page, cart::Gate, format, message::MessageRow};
use crate::domain::time::Time;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    SendNow,
    Dismiss,
}

/// Before an act on a cart.
#[derive(Clone, Debug, Template)]
#[template(path = "page/cart_ask.html")]
pub struct CartAsk {
    pub page: Page,
    pub id: String,
    pub who: String,
    pub what: What,
    /// The text that would be sent.
    pub step: u32,
    /// When it would be sent by itself, while that is to come.
    pub due_at: Option<Time>,
    /// What every gate says now.
    pub gates: Vec<Gate>,
    /// Why it cannot be done.
    pub refused: Option<String>,
    /// Until when a gate makes it wait.
    pub waits_until: Option<Time>,
}

impl CartAsk {
    pub fn answer(&self) -> String {
        let said = match (self.what, &self.refused, &self.waits_until) {
            (What::SendNow, Some(_), _) => noted("No text can be sent to {who} now: {why}."),
            (What::SendNow, None, Some(_)) => noted("Text {step} to {who} would leave at {moment}."),
            (What::SendNow, None, None) => noted("Text {step} to {who} would leave within seconds."),
            (What::Dismiss, Some(_), _) => noted("This cart of {who} cannot be dismissed: {why}."),
            (What::Dismiss, None, _) => noted("No further text of this cart would go to {who}."),
        };
        let moment = self.waits_until.map_or(String::new(), |until| format::moment(until, &self.page.zone));
        let why = self.refused.as_deref().unwrap_or_default();
        say(said, &[("who", &self.who), ("step", &self.step), ("moment", &moment), ("why", &why)])
    }

    /// What sending now leaves out, and when it would be sent by itself.
    pub fn passed_over(&self) -> String {
        match self.due_at {
            Some(due) => say(
                "Only the waiting time of the text is passed over; by itself it would go at {moment}.",
                &[("moment", &format::moment(due, &self.page.zone))],
            ),
            None => t("Only the waiting time of the text is passed over.").to_owned(),
        }
    }

    pub fn is_send(&self) -> bool {
        self.what == What::SendNow
    }
}

/// One text: where it stands, and, while its outcome is unknown, what a person may say about it.
#[derive(Clone, Debug, Template)]
#[template(path = "page/message.html")]
pub struct Message {
    pub page: Page,
    pub row: MessageRow,
    /// The words as they looked, without the part that opens the cart; "" once they were erased.
    pub words: String,
    pub timeline: Vec<super::cart::Entry>,
    pub may_settle: bool,
    pub may_change: bool,
}

impl Message {
    pub fn answer(&self) -> String {
        let (step, to) = (&self.row.step, &self.row.to);
        let state = self.row.label().to_lowercase();
        match self.row.why.as_str() {
            "" => say("{text} to {to}: {state}.", &[("text", step), ("to", to), ("state", &state)]),
            why => {
                say("{text} to {to}: {state} ({why}).", &[("text", step), ("to", to), ("state", &state), ("why", &why)])
            }
        }
    }

    pub fn days(&self) -> Vec<super::cart::TimelineDay<'_>> {
        super::cart::by_day(&self.timeline, &self.page)
    }
}
