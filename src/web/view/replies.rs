//! Replies: what people wrote back. Those that wait for a person stand first, with what can be done about each.

use std::fmt::Display;

use askama::Template;

use super::{
    Page, Pager, Tone,
    format::{self, Shown as _},
    query,
    words::{filters, say, t},
};
use crate::domain::{
    consent::{Meaning, heard::Rule},
    time::Time,
};

#[derive(Clone, Debug, Template)]
#[template(path = "page/replies.html")]
pub struct Replies {
    pub page: Page,
    pub waiting: Vec<ReplyRow>,
    /// All that wait, shown or not.
    pub waiting_total: u64,
    pub rows: Vec<ReplyRow>,
    pub pager: Pager,
    pub may_change: bool,
}

#[derive(Clone, Debug)]
pub struct ReplyRow {
    /// `rep_…`
    pub id: String,
    /// Masked.
    pub from: String,
    /// Where the phone's record is.
    pub phone: String,
    pub at: Time,
    pub text: String,
    pub meaning: Meaning,
    pub rule: Option<Rule>,
    pub word: String,
    pub doubtful: bool,
    /// How it was settled, and by whom; "" while it waits.
    pub settled: String,
    /// The gateway had answered it by itself.
    pub answered: bool,
}

impl ReplyRow {
    pub fn label(&self) -> &'static str {
        match self.meaning {
            Meaning::Stop if self.doubtful => t("Stop?"),
            Meaning::Stop => t("Stop"),
            Meaning::Help => t("Help"),
            Meaning::Start => t("Start"),
            Meaning::Confirm => t("Confirmed"),
            Meaning::Nothing => t("Nothing follows"),
            Meaning::Unclear => t("Unclear"),
        }
    }

    pub fn tone(&self) -> Tone {
        match self.meaning {
            Meaning::Unclear if self.settled.is_empty() => Tone::Bad,
            Meaning::Stop if self.doubtful && self.settled.is_empty() => Tone::Bad,
            Meaning::Start | Meaning::Confirm => Tone::Good,
            Meaning::Stop | Meaning::Help | Meaning::Nothing | Meaning::Unclear => Tone::Quiet,
        }
    }

    /// What was made of it.
    pub fn why(&self) -> String {
        let word: [(&str, &dyn Display); 1] = [("word", &self.word)];
        let said = match self.rule {
            Some(Rule::Exact) => say("the whole text is “{word}”", &word),
            Some(Rule::Edge) => say("begins or ends in “{word}”", &word),
            Some(Rule::Phrase) => say("says “{word}”", &word),
            Some(Rule::Anywhere) => t("the word STOP, on a US number").to_owned(),
            Some(Rule::Refused) => t("a no to the request to confirm").to_owned(),
            Some(Rule::Human) => t("read by a person").to_owned(),
            None => String::new(),
        };
        let answered = if self.answered { t("answered by the gateway") } else { "" };
        let parts = [said.as_str(), answered, self.settled.as_str()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
    }

    /// A stop is in force already; only what nobody understood can still go either way.
    pub fn is_open_question(&self) -> bool {
        self.meaning == Meaning::Unclear
    }
}

impl Replies {
    pub fn answer(&self) -> String {
        match (self.waiting_total, self.rows.is_empty()) {
            (0, true) => t("Nobody has replied yet.").to_owned(),
            (0, false) => t("Every reply has been read.").to_owned(),
            (1, _) => t("1 reply waits to be read.").to_owned(),
            (many, _) => say("{count} replies wait to be read.", &[("count", &format::count(many))]),
        }
    }

    pub fn waiting_note(&self) -> String {
        match self.waiting_total.saturating_sub(self.waiting.len() as u64) {
            0 => String::new(),
            more => say("And {count} more.", &[("count", &more.shown())]),
        }
    }

    pub fn phone_href(&self, row: &ReplyRow) -> String {
        self.page.href(&format!("/phones/{}", row.phone))
    }

    pub fn settle_href(&self, row: &ReplyRow) -> String {
        self.page.href(&format!("/replies/{}/settle", row.id))
    }

    pub fn first_href(&self) -> String {
        self.page.href("/replies")
    }

    pub fn next_href(&self) -> Option<String> {
        self.pager.next.as_deref().map(|after| self.page.href(&query("/replies", &[("after", after)])))
    }
}
