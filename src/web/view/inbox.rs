//! The inbox: every raw body that arrived, what was made of it, and a way to try again.

use askama::Template;

use super::words::{self, filters, say, t};
use super::{
    Choice, Page, Tone,
    format::{self, Shown as _},
    listing::Listing,
};
use crate::domain::time::Time;

#[derive(Clone, Debug, Template)]
#[template(path = "page/inbox.html")]
pub struct Inbox {
    pub page: Page,
    pub filter: Filter,
    /// How many the filter leaves, of the last 24 hours.
    pub today: u64,
    pub unreadable_today: u64,
    /// Whether anything arrived ever.
    pub is_new: bool,
    pub rows: Vec<DeliveryRow>,
    pub list: Listing,
    /// Replays of many, the newest first.
    pub runs: Vec<Run>,
    pub may_change: bool,
}

/// A replay of many deliveries.
#[derive(Clone, Debug)]
pub struct Run {
    pub id: String,
    pub begun_at: Time,
    pub by: String,
    pub done: u64,
    pub state: RunState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    Running,
    Done,
    Stopped,
}

impl Run {
    pub fn is_running(&self) -> bool {
        self.state == RunState::Running
    }

    pub fn words(&self) -> String {
        let deliveries = format::number_of(self.done, "delivery", "deliveries");
        match self.state {
            RunState::Running => say("{deliveries} so far", &[("deliveries", &deliveries)]),
            RunState::Done => say("{deliveries}, done", &[("deliveries", &deliveries)]),
            RunState::Stopped => say("{deliveries}, then stopped", &[("deliveries", &deliveries)]),
        }
    }
}

#[derive(Clone, Debug)]
pub struct DeliveryRow {
    /// `dlv_…`
    pub id: String,
    /// Who sent it: the shop's or the gateway's name.
    pub from: String,
    /// In the sender's words; "" where it has none.
    pub topic: String,
    pub bytes: u64,
    pub received_at: Time,
    pub verdict: Verdict,
    /// How often it was applied again by hand.
    pub replays: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Waiting,
    Applied {
        events: u64,
    },
    /// A topic that means nothing to us.
    Ignored,
    /// Kept; the bytes can be read again once the reader learnt how.
    Unreadable {
        why: String,
    },
}

impl DeliveryRow {
    pub fn label(&self) -> &'static str {
        match self.verdict {
            Verdict::Waiting => t("Waiting"),
            Verdict::Applied { .. } => t("Applied"),
            Verdict::Ignored => t("Ignored"),
            Verdict::Unreadable { .. } => t("Unreadable"),
        }
    }

    pub fn tone(&self) -> Tone {
        match self.verdict {
            Verdict::Waiting => Tone::Live,
            Verdict::Applied { .. } => Tone::Good,
            Verdict::Ignored => Tone::Quiet,
            Verdict::Unreadable { .. } => Tone::Bad,
        }
    }

    pub fn detail(&self) -> String {
        let said = match &self.verdict {
            Verdict::Waiting => t("its turn comes within seconds").to_owned(),
            Verdict::Applied { events } => format::number_of(*events, "event", "events"),
            Verdict::Ignored => t("not a topic we use").to_owned(),
            Verdict::Unreadable { why } => why.clone(),
        };
        match self.replays {
            0 => said,
            times => format!("{said} · {}", format::number_of(times, "replay", "replays")),
        }
    }

    pub fn size(&self) -> String {
        format::size(self.bytes)
    }

    /// Applying a delivery twice changes nothing, so anything that had its turn may have another.
    pub fn can_replay(&self) -> bool {
        self.verdict != Verdict::Waiting
    }
}

/// What `/inbox?verdict=` understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    #[default]
    All,
    Unreadable,
    Waiting,
    Applied,
    Ignored,
}

impl Filter {
    pub const ALL: [Filter; 5] = [Filter::All, Filter::Unreadable, Filter::Waiting, Filter::Applied, Filter::Ignored];

    pub fn parse(text: &str) -> Filter {
        Filter::ALL.into_iter().find(|filter| filter.name() == text).unwrap_or_default()
    }

    pub fn name(&self) -> &'static str {
        match self {
            Filter::All => "",
            Filter::Unreadable => "unreadable",
            Filter::Waiting => "waiting",
            Filter::Applied => "applied",
            Filter::Ignored => "ignored",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Filter::All => t("All"),
            Filter::Unreadable => t("Unreadable"),
            Filter::Waiting => t("Waiting"),
            Filter::Applied => t("Applied"),
            Filter::Ignored => t("Ignored"),
        }
    }
}

impl Inbox {
    pub fn answer(&self) -> String {
        if self.is_new {
            return t("Nothing has arrived yet.").to_owned();
        }
        let deliveries = format::sentence_case(&format::number_of(self.today, "delivery", "deliveries"));
        match self.unreadable_today {
            0 => say("{deliveries} in the last 24 h, every one readable.", &[("deliveries", &deliveries)]),
            some => say(
                "{deliveries} in the last 24 h; {count} could not be read.",
                &[("deliveries", &deliveries), ("count", &format::count(some))],
            ),
        }
    }

    pub fn choices(&self) -> Vec<Choice> {
        Filter::ALL
            .into_iter()
            .map(|filter| Choice {
                label: filter.label(),
                href: self.list.with(&self.page, "verdict", filter.name()),
                current: filter == self.filter,
                count: (filter == Filter::Unreadable && self.unreadable_today > 0).then_some(self.unreadable_today),
            })
            .collect()
    }
}
