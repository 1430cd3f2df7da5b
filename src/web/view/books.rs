//! Books: our orders against the shop's own, how far the two are apart, what differs and what mends it.

use askama::Template;
use jiff::tz::TimeZone;

#[cfg(test)]
use super::words::noted;
use super::{
    Page, Tone,
    format::{self, Shown as _},
    words::{filters, say, t},
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
    Carts,
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
            What::Heal => t("Orders asked for again"),
            What::Carts => t("Carts asked for"),
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

    /// As `further`, where no list of them is kept.
    pub fn and_more(&self) -> Option<String> {
        let more = self.count.saturating_sub(self.rows.len() as u64);
        (more > 0).then(|| say("and {count} more", &[("count", &format::count(more))]))
    }
}

/// What the domain says of each kind, for the catalogue: `t` is asked for it by value.
#[cfg(test)]
const OF_KINDS: &[&str] = &[
    noted("Missing in our books"),
    noted("Missing in the shop's books"),
    noted("Twice in our books"),
    noted("Twice in the shop's list"),
    noted("Another amount"),
    noted("With and without tax or shipping"),
    noted("Another currency"),
    noted("Bought, and we do not know it"),
    noted("Not bought, and we count it"),
    noted("Cancelled, and we do not know it"),
    noted("Not cancelled, and we took it off"),
    noted("Other refunds"),
    noted("Placed at another time"),
    noted("Shifted by a time zone"),
    noted("A test in one of the books"),
    noted("Credit without an order"),
    noted("Credit larger than the order"),
    noted("Credited to two texts"),
    noted("Came by our link, not credited"),
    noted(
        "No webhook told of it: the webhook was switched off or removed, Cartback was down, or the order came in by a channel that sends none.",
    ),
    noted("It was deleted or archived in the shop, the list left it out, or it was told by another shop's webhook."),
    noted("The shop gave the order a new id, after a move or an import, and both were told under one number."),
    noted("The list was exported with a line for each item, or two exports were joined where they overlap."),
    noted("The order was edited after it was placed, and no webhook told of it."),
    noted("One book counts with tax or shipping and the other without: a setting of the shop or of the export."),
    noted("One book counts in the currency the buyer paid in, the other in the shop's own."),
    noted("The payment came later, and no webhook told of it."),
    noted("The payment failed or was taken back after the order had been told as bought."),
    noted("It was cancelled, and the webhook for cancelled orders is missing or came to nothing."),
    noted("It was cancelled and restored, or the shop's staff opened it again."),
    noted("Something was refunded, and the webhook for refunds is missing or came to nothing."),
    noted("The order was imported or placed by hand, and the books note different moments of it."),
    noted("The list is written in another time zone than the shop's, so that orders near midnight lie on another day."),
    noted("The order was paid with a test gateway, and only one of the books knows."),
    noted("The order it was earned with was deleted in the shop, or never was one of this shop's."),
    noted("The order shrank after it was credited, and the credit was not worked out again."),
    noted("A defect of ours: an order is credited once or not at all."),
    noted("The order reached us without the link it came by, or has not been judged yet."),
    noted("Fetch it now. If there are many: look at the shop's webhooks, and whether they are still there."),
    noted("Look for it in the shop. If it is gone there, ignore this with the reason; if not, compare a longer span."),
    noted("Ignore the older of the two with the reason, and check where the new id came from."),
    noted("Export one line for each order, and one span at a time."),
    noted("Fetch it now. If there are many: add the webhook for updated orders."),
    noted("Choose the same basis for both. Fetching it again helps where our amount is the older one."),
    noted("Export amounts in the shop's own currency. Fetching it again helps where ours is wrong."),
    noted("If it was never paid, cancel it in the shop: a cancelled order takes its credit back."),
    noted("Fetch it now. If there are many: add the webhook for cancelled orders."),
    noted(
        "A cancelled order stays cancelled here, so that no credit comes back by itself. Ignore it with the reason, or place it anew.",
    ),
    noted("Fetch it now. If there are many: add the webhook for refunds."),
    noted("Nothing, if the order was imported. Windows are counted from the moment in our books."),
    noted("Set the shop's time zone to the one its reports use, or name the list's zone when it is read."),
    noted("Fetch it now: a test order earns no credit."),
    noted("Look for the order in the shop. If it is gone, cancel it here or correct the credit by hand."),
    noted("Have the credits of these days worked out again, and compare once more."),
    noted("Have the credits of these days worked out again, and report it if it comes back."),
    noted("Fetch it now: it is judged again with the link it carries."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audit::Kind;

    #[test]
    fn every_kind_is_in_the_catalogue() {
        for kind in Kind::ALL {
            for words in [kind.title(), kind.cause(), kind.mend()] {
                assert!(OF_KINDS.contains(&words), "{words}");
            }
        }
        let all = Kind::ALL.iter().flat_map(|kind| [kind.title(), kind.cause(), kind.mend()]).collect::<Vec<_>>();
        assert!(OF_KINDS.iter().all(|words| all.contains(words)));
    }

    #[test]
    fn shares_are_per_cent() {
        assert_eq!(
            (share(0), share(7), share(150), share(10_000)),
            ("0.00 %".into(), "0.07 %".into(), "1.50 %".into(), "100.00 %".into())
        );
    }
}
