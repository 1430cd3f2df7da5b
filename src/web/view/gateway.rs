//! Gateways: which accounts send texts, which are paused, why, and how to resume.

use askama::Template;

use super::{
    Page, Tone,
    format::{self, Shown as _},
};
use crate::domain::{message::Cost, time::Time};

#[derive(Clone, Debug, Template)]
#[template(path = "page/gateways.html")]
pub struct Gateways {
    pub page: Page,
    pub rows: Vec<GatewayRow>,
    pub kinds: Vec<String>,
    /// How to add one: `cartback gateway add twilio --name …`.
    pub add_command: String,
}

#[derive(Clone, Debug)]
pub struct GatewayRow {
    pub id: String,
    pub name: String,
    /// `Twilio`
    pub kind: String,
    /// `every shop` or the shop's name.
    pub serves: String,
    pub paused: Option<Paused>,
    pub texts_today: u64,
    pub delivered_today: u64,
    pub unknown: u64,
    pub cost_today: Vec<Cost>,
    pub last_receipt_at: Option<Time>,
    /// Texts that wait for it.
    pub waiting: u64,
}

#[derive(Clone, Debug)]
pub struct Paused {
    pub at: Time,
    /// `authentication failed (20003)`
    pub why: String,
    /// What to do before resuming, in a sentence.
    pub remedy: String,
}

impl GatewayRow {
    pub fn label(&self) -> &'static str {
        if self.paused.is_some() { "Paused" } else { "Ready" }
    }

    pub fn tone(&self) -> Tone {
        if self.paused.is_some() { Tone::Bad } else { Tone::Good }
    }

    pub fn delivered(&self) -> String {
        format::out_of(self.delivered_today, self.texts_today)
    }
}

impl Gateways {
    pub fn answer(&self) -> String {
        let paused = self.rows.iter().filter(|row| row.paused.is_some()).count() as u64;
        let waiting: u64 = self.rows.iter().filter(|row| row.paused.is_some()).map(|row| row.waiting).sum();
        let texts: u64 = self.rows.iter().map(|row| row.texts_today).sum();
        match (self.rows.len() as u64, paused) {
            (0, _) => "No gateway is connected yet, so no text can leave.".to_owned(),
            (_, 0) => format!(
                "{} ready; {} went out today.",
                format::sentence_case(&format::number_of(self.rows.len() as u64, "gateway is", "gateways are")),
                format::number_of(texts, "text", "texts")
            ),
            (all, _) => format!(
                "{} {} paused; {} for it.",
                format::out_of(paused, all),
                if all == 1 { "gateway is" } else { "gateways are" },
                format::number_of(waiting, "text waits", "texts wait")
            ),
        }
    }
}
