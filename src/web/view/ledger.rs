//! The record of one phone: where it stands, every consent and opt-out with what stands behind it, and what it replied.

use askama::Template;

use super::{
    Page, Tone, format,
    words::{filters, say, t},
};
use crate::domain::time::Time;

#[derive(Clone, Debug, Template)]
#[template(path = "page/ledger.html")]
pub struct Ledger {
    pub page: Page,
    /// The keyed hash in the address.
    pub phone: String,
    /// Masked; "" when nothing says which number it is any more.
    pub number: String,
    /// Where it stands, in a sentence.
    pub standing: String,
    pub may_be_texted: bool,
    pub opted_out: bool,
    /// Since when an unclear reply holds texts.
    pub held_since: Option<Time>,
    /// Newest first.
    pub entries: Vec<Entry>,
    pub may_change: bool,
}

/// One line of either ledger, or a reply.
#[derive(Clone, Debug)]
pub struct Entry {
    pub at: Time,
    pub what: String,
    pub tone: Tone,
    /// Its source: a system, a link, a person.
    pub source: String,
    /// What stands behind it, by name.
    pub proof: Vec<(&'static str, String)>,
}

impl Entry {
    pub fn label(&self) -> &str {
        &self.what
    }

    pub fn tone(&self) -> Tone {
        self.tone
    }
}

impl Ledger {
    pub fn answer(&self) -> String {
        self.standing.clone()
    }

    pub fn name(&self) -> &str {
        if self.number.is_empty() { t("An erased phone") } else { &self.number }
    }

    /// Why no text goes to it for now.
    pub fn held(&self, since: &Time) -> String {
        let moment = format::moment(*since, &self.page.zone);
        say("A reply of {moment} waits to be read; until then no text goes to this phone.", &[("moment", &moment)])
    }

    pub fn opt_out_href(&self) -> String {
        self.page.href(&format!("/phones/{}/opt-out", self.phone))
    }
}
