//! Books: our orders against the shop's own, how far the two are apart, what differs and what mends it.

use askama::Template;
use jiff::tz::TimeZone;

use super::{
    Page, Tone,
    format::{self, Shown as _},
    words::{self, filters, say, t},
};
use crate::domain::{
    audit::{Grade, State as How, Summary, Told},
    time::Time,
};

#[derive(Clone, Debug, Template)]
#[template(path = "page/books.html")]
pub struct Books {
    pub page: Page,
    /// Why the shop's orders cannot be fetched; they can without it.
    pub cannot: Option<String>,
    /// The newest comparison that came to its end.
    pub last: Option<Last>,
    pub running: Option<RunRow>,
    /// The newest first.
    pub runs: Vec<RunRow>,
    /// What stands open, by kind.
    pub groups: Vec<Group>,
    pub ignored: Vec<FindingRow>,
    /// Open findings whose orders can be fetched.
    pub fillable: u64,
    /// As they are typed: per cent with two decimals.
    pub small: String,
    pub large: String,
    pub may_change: bool,
}

#[derive(Clone, Debug)]
pub struct Last {
    pub at: Time,
    pub from: Time,
    pub to: Time,
    pub summary: Summary,
}

/// A run that looks, fetches or heals.
#[derive(Clone, Debug)]
pub struct RunRow {
    pub id: String,
    pub what: What,
    pub begun_at: Time,
    pub by: String,
    pub done: u64,
    /// 0 where nobody tells.
    pub total: u64,
    pub state: RunState,
    pub found: Option<Summary>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Compare,
    Heal,
    Fill,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    Running,
    Done,
    Stopped,
    CutShort { why: String },
}

/// Findings of one kind.
#[derive(Clone, Debug)]
pub struct Group {
    pub title: String,
    pub cause: String,
    pub mend: String,
    /// How many there are; `rows` are the first of them.
    pub count: u64,
    pub rows: Vec<FindingRow>,
}

#[derive(Clone, Debug)]
pub struct FindingRow {
    pub id: String,
    pub number: String,
    /// Its page here, where we have the order.
    pub ours_href: Option<String>,
    /// Its page in the shop's own pages.
    pub theirs_href: Option<String>,
    pub kind: String,
    pub ours: String,
    pub theirs: String,
    pub since: Time,
    pub reason: String,
    pub by: String,
}

/// One side of a difference, in the reader's words.
pub fn told(side: &Told, zone: &TimeZone) -> String {
    match side {
        Told::Nothing => t("not there").to_owned(),
        Told::Money(money) => money.shown(),
        Told::At(at) => format::moment(*at, zone),
        Told::On(day) => format::date_year(*day),
        Told::State(how) => state(*how).to_owned(),
        Told::Times(times) => format::number_of(u64::from(*times), "time", "times"),
    }
}

fn state(how: How) -> &'static str {
    match how {
        How::Bought => t("bought"),
        How::NotBought => t("not bought"),
        How::Cancelled => t("cancelled"),
        How::NotCancelled => t("not cancelled"),
        How::Test => t("a test"),
        How::NoTest => t("no test"),
        How::WithToken => t("carries our link"),
        How::Uncredited => t("neither credited nor explained"),
    }
}

/// Hundredths of a per cent as per cent.
pub fn share(hundredths: u32) -> String {
    let (whole, rest) = ((hundredths / 100).to_string(), format!("{:02}", hundredths % 100));
    format!("{} %", format::decimal(&whole, &rest))
}

fn grade(grade: Grade) -> (&'static str, Tone) {
    match grade {
        Grade::Agree => (t("They agree"), Tone::Good),
        Grade::Small => (t("A small gap"), Tone::Good),
        Grade::Notable => (t("Worth a look"), Tone::Live),
        Grade::Large => (t("Red flag"), Tone::Bad),
    }
}

impl Books {
    pub fn answer(&self) -> String {
        let Some(last) = &self.last else {
            return match &self.cannot {
                Some(_) => t("Not compared yet: the shop's orders cannot be fetched.").to_owned(),
                None => t("Not compared yet: it is done every night, or now.").to_owned(),
            };
        };
        let score = &last.summary.score;
        let orders = format::number_of(score.compared, "order", "orders");
        let part = format::out_of(score.faulty, score.compared);
        match last.summary.grade {
            Grade::Agree => {
                say("Our books and the shop's agree: {orders} compared, none differs.", &[("orders", &orders)])
            }
            Grade::Small => {
                say("{part} orders differ from the shop's books: a small gap, which is normal.", &[("part", &part)])
            }
            Grade::Notable => say("{part} orders differ from the shop's books: worth a look.", &[("part", &part)]),
            Grade::Large => say("{part} orders differ from the shop's books: something is broken.", &[("part", &part)]),
        }
    }

    /// What the fill button does.
    pub fn filling(&self) -> String {
        let orders = format::number_of(self.fillable, "order", "orders");
        say(
            "{orders} can be fetched from the shop and read in as if their webhooks had come: no text goes to who has bought, and credit follows.",
            &[("orders", &orders)],
        )
    }
}

impl Last {
    pub fn grade(&self) -> &'static str {
        grade(self.summary.grade).0
    }

    pub fn tone(&self) -> Tone {
        grade(self.summary.grade).1
    }

    pub fn by_orders(&self) -> String {
        share(self.summary.score.by_orders)
    }

    pub fn by_value(&self) -> String {
        share(self.summary.score.by_value)
    }

    pub fn counts(&self) -> String {
        let (ours, theirs) = (format::count(self.summary.ours), format::count(self.summary.theirs));
        say("{ours} in ours, {theirs} in the shop's", &[("ours", &ours), ("theirs", &theirs)])
    }
}

impl RunRow {
    pub fn is_running(&self) -> bool {
        self.state == RunState::Running
    }

    pub fn label(&self) -> &'static str {
        match self.what {
            What::Compare => t("Comparison"),
            What::Heal => t("Healing of quiet webhooks"),
            What::Fill => t("Fetching"),
        }
    }

    pub fn progress(&self) -> String {
        match self.total {
            0 => format::number_of(self.done, "order", "orders"),
            total => say("{part} orders", &[("part", &format::out_of(self.done, total))]),
        }
    }

    /// Never more than the whole: an order that came twice is counted twice on the way.
    pub fn part(&self) -> u64 {
        self.done.min(self.total)
    }

    pub fn outcome(&self) -> String {
        match (&self.state, &self.found) {
            (RunState::Running, _) => t("Under way").to_owned(),
            (RunState::Stopped, _) => t("Stopped").to_owned(),
            (RunState::CutShort { why }, _) => format::sentence_case(why),
            (RunState::Done, Some(found)) => grade(found.grade).0.to_owned(),
            (RunState::Done, None) => t("Done").to_owned(),
        }
    }

    pub fn tone(&self) -> Tone {
        match (&self.state, &self.found) {
            (RunState::Running, _) => Tone::Live,
            (RunState::Stopped, _) => Tone::Quiet,
            (RunState::CutShort { .. }, _) => Tone::Bad,
            (RunState::Done, Some(found)) => grade(found.grade).1,
            (RunState::Done, None) => Tone::Good,
        }
    }

    pub fn drift(&self) -> String {
        self.found.as_ref().map_or_else(|| "–".to_owned(), |found| share(found.score.drift()))
    }
}

impl Group {
    pub fn heading(&self) -> String {
        format!("{} · {}", self.title, format::count(self.count))
    }

    /// How many are not shown.
    pub fn further(&self) -> Option<String> {
        let more = self.count.saturating_sub(self.rows.len() as u64);
        (more > 0).then(|| say("and {count} more: cartback audit show", &[("count", &format::count(more))]))
    }
}
