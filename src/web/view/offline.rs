//! Offline: what was sold at a till, with a loyalty card or by phone after a text; the files that told it, what became of
//! their lines, and another one to upload.

use askama::Template;

use super::{
    Choice, Page, Tone,
    format::{self, Shown as _},
    query,
    words::{filters, noted, say, t},
};
use crate::domain::{
    money::Money,
    offline::{Channel, Outcome, Tie, WITHIN_CHOICES},
    time::Time,
};

#[derive(Clone, Debug, Template)]
#[template(path = "page/offline.html")]
pub struct Offline {
    pub page: Page,
    /// A sale counts within so many days of a text.
    pub within: u32,
    /// One for each currency.
    pub sums: Vec<SumRow>,
    /// The newest first.
    pub uploads: Vec<UploadRow>,
    /// The newest sales after a text.
    pub sales: Vec<SaleRow>,
    pub may_change: bool,
}

/// What was sold in one currency in the period.
#[derive(Clone, Debug)]
pub struct SumRow {
    pub sales: u64,
    pub after: u64,
    pub tapped: u64,
    pub net_after: Money,
    pub refunded_after: Money,
    pub net: Money,
}

#[derive(Clone, Debug)]
pub struct UploadRow {
    pub id: String,
    pub name: String,
    pub by: String,
    pub begun_at: Time,
    pub state: State,
    pub lines: u64,
    pub done: u64,
    /// How many lines had which outcome, where any had.
    pub counts: Vec<(Outcome, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Running,
    Done,
    CutOff,
    Undone,
}

#[derive(Clone, Debug)]
pub struct SaleRow {
    pub reference: String,
    pub channel: Channel,
    pub sold_at: Time,
    pub total: Money,
    pub refunded: Money,
    /// The text before it.
    pub message: Option<String>,
    pub tie: Option<Tie>,
    pub after_seconds: u64,
    pub tapped: bool,
}

/// An outcome, in the reader's words.
pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::AfterText => t("sold after a text"),
        Outcome::Nobody => t("nobody texted before"),
        Outcome::Ambiguous => t("several people, so nobody’s"),
        Outcome::Online => t("an order of the site, counted there"),
        Outcome::Known => t("told before, nothing new"),
        Outcome::Refund => t("told before, more went back"),
        Outcome::Differs => t("told before with another amount"),
        Outcome::Wrong => t("cannot be read"),
    }
}

impl Offline {
    pub fn answer(&self) -> String {
        if self.uploads.is_empty() {
            return t("No offline sales yet: upload a file of your till, your loyalty cards or your phone orders.")
                .to_owned();
        }
        let (after, sales) = self.sums.iter().fold((0, 0), |sum, row| (sum.0 + row.after, sum.1 + row.sales));
        let period = self.page.days.phrase();
        if sales == 0 {
            return say("No offline sales {period}.", &[("period", &period)]);
        }
        let net: Vec<Money> = self.sums.iter().filter(|row| row.after > 0).map(|row| row.net_after).collect();
        if net.is_empty() {
            let sales = format::number_of(sales, "offline sale", "offline sales");
            return say(
                "None of {sales} {period} came within {days} days of a text.",
                &[("sales", &sales), ("period", &period), ("days", &self.within)],
            );
        }
        say(
            "Offline, after a text, within {days} days: {net} net from {part} sales {period}.",
            &[
                ("days", &self.within),
                ("net", &net.brief()),
                ("part", &format::out_of(after, sales)),
                ("period", &period),
            ],
        )
    }

    pub fn choices(&self) -> Vec<Choice> {
        let choice = |days: u32| {
            let typed = days.to_string();
            Choice {
                label: match days {
                    7 => t("Within 7 days of a text"),
                    14 => t("Within 14 days"),
                    _ => t("Within 30 days"),
                },
                href: self.page.href(&query("/offline", &[("within", &typed)])),
                current: days == self.within,
                count: None,
            }
        };
        WITHIN_CHOICES.into_iter().map(choice).collect()
    }

    /// A file that can be read, as short as it gets.
    pub fn example(&self) -> &'static str {
        "receipt;date;total;phone\nB-20417;2026-03-03 14:05;48.90;+386 40 555 101"
    }

    /// The one that is being matched.
    pub fn running(&self) -> Option<&UploadRow> {
        self.uploads.iter().find(|upload| upload.state == State::Running)
    }

    pub fn channels(&self) -> [(&'static str, &'static str); 4] {
        Channel::ALL.map(|channel| (channel.name(), channel_words(channel)))
    }
}

fn channel_words(channel: Channel) -> &'static str {
    t(match channel {
        Channel::Pos => noted("Till"),
        Channel::Loyalty => noted("Loyalty card"),
        Channel::Phone => noted("Phone order"),
        Channel::Other => noted("Another place"),
    })
}

impl SumRow {
    pub fn tapped_part(&self) -> String {
        format::out_of(self.tapped, self.after)
    }

    pub fn after_part(&self) -> String {
        format::out_of(self.after, self.sales)
    }
}

impl UploadRow {
    pub fn label(&self) -> &'static str {
        match self.state {
            State::Running => t("Being matched"),
            State::Done => t("Done"),
            State::CutOff => t("Cut off while it was read: undo it, then upload it again"),
            State::Undone => t("Undone"),
        }
    }

    pub fn tone(&self) -> Tone {
        match self.state {
            State::Running => Tone::Live,
            State::Done => Tone::Good,
            State::CutOff => Tone::Bad,
            State::Undone => Tone::Quiet,
        }
    }

    pub fn progress(&self) -> String {
        format::out_of(self.done, self.lines)
    }

    /// What became of its lines, in a few words.
    pub fn came_to(&self) -> String {
        let all = self.counts.iter().map(|(of, count)| format!("{} {}", format::count(*count), outcome(*of)));
        all.collect::<Vec<_>>().join(" · ")
    }

    pub fn name(&self) -> &str {
        if self.name.is_empty() { t("by the API") } else { &self.name }
    }

    /// Whether some of its lines have something to say.
    pub fn has_report(&self) -> bool {
        let quiet = |of: &Outcome| matches!(of, Outcome::AfterText | Outcome::Nobody);
        self.state != State::Undone && self.counts.iter().any(|(of, count)| *count > 0 && !quiet(of))
    }

    pub fn can_undo(&self) -> bool {
        self.state != State::Undone
    }
}

impl SaleRow {
    pub fn place(&self) -> &'static str {
        channel_words(self.channel)
    }

    pub fn known_by(&self) -> &'static str {
        match self.tie {
            Some(Tie::Phone) => t("the phone"),
            Some(Tie::Email) => t("the e-mail address"),
            Some(Tie::PhoneSha256) => t("the hashed phone"),
            Some(Tie::EmailSha256) => t("the hashed e-mail address"),
            None => "",
        }
    }

    pub fn after(&self) -> String {
        let span = format::span(std::time::Duration::from_secs(self.after_seconds));
        match self.tapped {
            true => say("{span} after, tapped", &[("span", &span)]),
            false => say("{span} after", &[("span", &span)]),
        }
    }
}
