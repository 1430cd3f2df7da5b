//! Outbound webhooks: where events are sent, whether they arrive, and what one says. `/webhooks` is all endpoints and what
//! there is to hear; `/webhooks/{sink_…}` is one of them with its log.

use askama::Template;

use super::{
    Choice, Page, Pager, Tone,
    format::{self, Shown as _},
    query,
    words::{filters, say, t},
};
use crate::domain::{
    outbox::{Fact, Topic},
    time::Time,
};

#[derive(Clone, Debug, Template)]
#[template(path = "page/webhooks.html")]
pub struct Webhooks {
    pub page: Page,
    pub rows: Vec<EndpointRow>,
    /// The form to add one, with what was typed.
    pub form: EndpointForm,
    pub problems: Vec<String>,
    /// Kind and name of each advertising platform that can be told.
    pub platforms: Vec<(&'static str, &'static str)>,
}

#[derive(Clone, Debug, Template)]
#[template(path = "page/webhook.html")]
pub struct Webhook {
    pub page: Page,
    pub row: EndpointRow,
    pub form: EndpointForm,
    pub problems: Vec<String>,
    /// A secret that was made just now, shown this once.
    pub secret: Option<String>,
    /// What came of a test just now.
    pub tested: Option<AttemptRow>,
    pub filter: Filter,
    pub log: Vec<EventRow>,
    pub pager: Pager,
}

#[derive(Clone, Debug)]
pub struct EndpointRow {
    /// `sink_…`
    pub id: String,
    pub name: String,
    /// Where it lives; the rest of the address may be a secret.
    pub host: String,
    pub events: u64,
    pub personal: bool,
    pub failing_since: Option<Time>,
    pub off: Option<Off>,
    /// Until when the secret before the newest signs too.
    pub both_until: Option<Time>,
    pub delivered: u64,
    pub waiting: u64,
    pub failed: u64,
    pub missed: u64,
    pub withheld: u64,
    /// With an address and secrets of its own; else an advertising platform.
    pub is_webhook: bool,
}

#[derive(Clone, Debug)]
pub struct Off {
    pub at: Time,
    pub why: String,
}

/// What a person typed, or what stands there.
#[derive(Clone, Debug, Default)]
pub struct EndpointForm {
    pub url: String,
    pub name: String,
    pub topics: Vec<Topic>,
    pub personal: bool,
}

#[derive(Clone, Debug)]
pub struct EventRow {
    /// `evt_…`
    pub id: String,
    pub topic: &'static str,
    pub at: Time,
    pub state: State,
    pub next_at: Option<Time>,
    pub attempts: Vec<AttemptRow>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Waiting,
    Retrying,
    Delivered,
    Failed,
    Missed,
    Withheld,
}

#[derive(Clone, Debug)]
pub struct AttemptRow {
    pub number: u32,
    pub at: Time,
    pub took_ms: u64,
    pub status: Option<u16>,
    /// "" when it was taken.
    pub why: String,
    pub answer: String,
}

impl AttemptRow {
    /// `200 after 31 ms`
    pub fn outcome(&self) -> String {
        match self.status {
            Some(status) => {
                say("{status} after {time} ms", &[("status", &status), ("time", &format::count(self.took_ms))])
            }
            None => self.why.clone(),
        }
    }
}

impl EventRow {
    pub fn label(&self) -> &'static str {
        match self.state {
            State::Waiting => t("Waiting"),
            State::Retrying => t("Retrying"),
            State::Delivered => t("Delivered"),
            State::Failed => t("Failed"),
            State::Missed => t("Missed"),
            State::Withheld => t("Kept back"),
        }
    }

    pub fn tone(&self) -> Tone {
        match self.state {
            State::Waiting | State::Retrying => Tone::Live,
            State::Delivered => Tone::Good,
            State::Failed => Tone::Bad,
            State::Missed | State::Withheld => Tone::Quiet,
        }
    }

    /// A test is a matter of the moment.
    pub fn can_replay(&self) -> bool {
        self.topic != Topic::Test.name() && self.state != State::Waiting
    }

    pub fn last(&self) -> Option<&AttemptRow> {
        self.attempts.last()
    }

    pub fn tries(&self) -> String {
        format::number_of(self.attempts.len() as u64, "attempt", "attempts")
    }
}

impl EndpointRow {
    pub fn label(&self) -> &'static str {
        match (&self.off, self.failing_since) {
            (Some(_), _) => t("Off"),
            (None, Some(_)) => t("Failing"),
            (None, None) => t("On"),
        }
    }

    pub fn tone(&self) -> Tone {
        match (&self.off, self.failing_since) {
            (Some(_), _) => Tone::Quiet,
            (None, Some(_)) => Tone::Bad,
            (None, None) => Tone::Good,
        }
    }

    pub fn href(&self, page: &Page) -> String {
        page.object("webhooks", &self.id)
    }

    /// What could be told again.
    pub fn lost(&self) -> u64 {
        self.failed + self.missed
    }
}

/// What `/webhooks/{id}?state=` understands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    #[default]
    All,
    Under,
    Delivered,
    Failed,
    Missed,
    Withheld,
}

impl Filter {
    pub const ALL: [Filter; 6] =
        [Filter::All, Filter::Under, Filter::Delivered, Filter::Failed, Filter::Missed, Filter::Withheld];

    pub fn parse(text: &str) -> Filter {
        Filter::ALL.into_iter().find(|filter| filter.name() == text).unwrap_or_default()
    }

    pub fn name(&self) -> &'static str {
        match self {
            Filter::All => "",
            Filter::Under => "retrying",
            Filter::Delivered => "delivered",
            Filter::Failed => "failed",
            Filter::Missed => "missed",
            Filter::Withheld => "withheld",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Filter::All => t("All"),
            Filter::Under => t("Retrying"),
            Filter::Delivered => t("Delivered"),
            Filter::Failed => t("Failed"),
            Filter::Missed => t("Missed"),
            Filter::Withheld => t("Kept back"),
        }
    }
}

impl EndpointForm {
    pub fn hears(&self, topic: &Topic) -> bool {
        self.topics.contains(topic)
    }

    pub fn topics(&self) -> Vec<Topic> {
        Topic::choices().collect()
    }
}

/// One kind of event, for those who read them.
#[derive(Clone, Debug)]
pub struct Described {
    pub topic: Topic,
    pub fields: &'static [Fact],
}

impl Described {
    pub fn name(&self) -> &'static str {
        self.topic.name()
    }

    pub fn words(&self) -> &'static str {
        self.topic.words()
    }
}

impl Webhooks {
    pub fn answer(&self) -> String {
        let all = self.rows.len() as u64;
        if all == 0 {
            return t("No other system is told what happens here.").to_owned();
        }
        let delivered: u64 = self.rows.iter().map(|row| row.delivered).sum();
        let lost: u64 = self.rows.iter().map(EndpointRow::lost).sum();
        let told = format::sentence_case(&format::number_of(delivered, "event", "events"));
        let to = format::number_of(all, "endpoint", "endpoints");
        match lost {
            0 => say("{told} delivered to {to}; none was lost.", &[("told", &told), ("to", &to)]),
            lost => say(
                "{told} delivered to {to}; {lost} did not arrive.",
                &[("told", &told), ("to", &to), ("lost", &format::count(lost))],
            ),
        }
    }

    pub fn described(&self) -> Vec<Described> {
        Topic::choices().map(|topic| Described { topic, fields: topic.fields() }).collect()
    }
}

impl Webhook {
    pub fn answer(&self) -> String {
        let (name, row) = (&self.row.name, &self.row);
        match &row.off {
            Some(off) => say("{name} is off: {why}.", &[("name", name), ("why", &off.why)]),
            None if row.failing_since.is_some() => {
                let waiting = format::number_of(row.waiting, "event waits", "events wait");
                let values: [(&str, &dyn std::fmt::Display); 2] = [("name", name), ("waiting", &waiting)];
                say("{name} does not take events at the moment; {waiting} for it.", &values)
            }
            None => {
                let events = format::number_of(row.delivered, "event", "events");
                let kept = format::count(row.withheld);
                match row.withheld {
                    0 => say("{name} took {events}.", &[("name", name), ("events", &events)]),
                    _ => say(
                        "{name} took {events}; kept back: {kept}.",
                        &[("name", name), ("events", &events), ("kept", &kept)],
                    ),
                }
            }
        }
    }

    /// Where an advertising platform's settings are changed.
    pub fn settings(&self) -> String {
        self.page.href(&format!("/platforms/{}", self.row.id))
    }

    pub fn act(&self, what: &str) -> String {
        self.page.href(&format!("/webhooks/{}/{what}", self.row.id))
    }

    pub fn choices(&self) -> Vec<Choice> {
        let count = |filter| match filter {
            Filter::Failed => self.row.failed,
            Filter::Missed => self.row.missed,
            _ => 0,
        };
        Filter::ALL
            .into_iter()
            .map(|filter| Choice {
                label: filter.label(),
                href: self.list_href(filter, ""),
                current: filter == self.filter,
                count: Some(count(filter)).filter(|count| *count > 0),
            })
            .collect()
    }

    pub fn first_href(&self) -> String {
        self.list_href(self.filter, "")
    }

    pub fn next_href(&self) -> Option<String> {
        self.pager.next.as_deref().map(|after| self.list_href(self.filter, after))
    }

    fn list_href(&self, filter: Filter, after: &str) -> String {
        let path = format!("/webhooks/{}", self.row.id);
        format!("{}#log", self.page.href(&query(&path, &[("state", filter.name()), ("after", after)])))
    }
}
