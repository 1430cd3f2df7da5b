//! Gateways: which accounts send texts, which are paused, why, and how to resume.

use askama::Template;

use super::{
    Page, Tone,
    form::Field,
    format::{self, Shown as _},
    health::Check,
    words::{filters, noted, say, t},
};
use crate::{
    domain::{message::Cost, time::Time},
    gateway,
};

#[derive(Clone, Debug, Template)]
#[template(path = "page/gateways.html")]
pub struct Gateways {
    pub page: Page,
    pub rows: Vec<GatewayRow>,
    pub kinds: Vec<String>,
}

/// The form that connects one.
#[derive(Clone, Debug, Template)]
#[template(path = "page/gateway_add.html")]
pub struct Add {
    pub page: Page,
    /// Kind and name of what can be connected.
    pub kinds: Vec<(String, String)>,
    pub kind: String,
    pub fields: Vec<Field>,
    /// What every account is told, whoever its provider is.
    pub sending: Vec<Field>,
    pub problems: Vec<String>,
    pub about: About,
}

/// What a provider can do and cannot, from its connector.
#[derive(Clone, Debug, Default)]
pub struct About {
    pub can: Vec<String>,
    /// In the connector's own English.
    pub limits: &'static [&'static str],
}

impl About {
    pub fn of(kind: &dyn gateway::Gateway) -> About {
        let can = kind.can().said().into_iter().map(|words| t(words).to_owned()).collect();
        About { can, limits: kind.spec().limits }
    }
}

impl Add {
    /// What a person has to mend there must be seen.
    fn opens_sending(&self) -> bool {
        self.sending.iter().any(|field| field.problem.is_some())
    }

    pub fn answer(&self) -> String {
        let count = format::number_of(self.kinds.len() as u64, "kind of gateway", "kinds of gateway");
        say("{count} can be connected.", &[("count", &format::sentence_case(&count))])
    }

    pub fn provider(&self, kind: &str) -> String {
        self.page.href(&format!("/gateways/add?kind={kind}"))
    }
}

/// One gateway's own page: whether it is well, how it is set, and a test.
#[derive(Clone, Debug, Template)]
#[template(path = "page/gateway.html")]
pub struct Gateway {
    pub page: Page,
    pub row: GatewayRow,
    pub health: Vec<Check>,
    pub fields: Vec<Field>,
    pub sending: Vec<Field>,
    pub problems: Vec<String>,
    /// Where the provider reports to, and what to do with it.
    pub callback_url: String,
    pub steps: Vec<String>,
    pub about: About,
    /// It is the one that sends for the chosen shop.
    pub sends: bool,
    pub phone: String,
}

impl Gateway {
    pub fn left(&self, left: &Cost, at: &Time) -> String {
        say("{left} left, as of {when}", &[("left", &left.shown()), ("when", &format::ago(*at, self.page.now))])
    }

    /// What was set there, or has to be mended, is seen.
    fn opens_sending(&self) -> bool {
        self.sending.iter().any(|field| field.problem.is_some())
    }

    pub fn answer(&self) -> String {
        let (name, delivered) = (&self.row.name, self.row.delivered());
        match &self.row.paused {
            Some(_) => say(
                "{name} is paused; {texts} for it.",
                &[("name", name), ("texts", &format::number_of(self.row.waiting, "text waits", "texts wait"))],
            ),
            None => say(
                "{name} is ready; {delivered} texts were delivered today.",
                &[("name", name), ("delivered", &delivered)],
            ),
        }
    }

    pub fn at(&self, place: &str) -> String {
        self.page.href(&format!("/gateways/{}{place}", self.row.id))
    }
}

/// Asked before one is removed.
#[derive(Clone, Debug, Template)]
#[template(path = "page/gateway_remove.html")]
pub struct Remove {
    pub page: Page,
    pub id: String,
    pub name: String,
    pub waiting: u64,
    /// Who sends then; `None` when nobody does.
    pub then: Option<String>,
}

impl Remove {
    pub fn answer(&self) -> String {
        match &self.then {
            Some(then) => say(
                "{texts} for {name}; {then} sends them then.",
                &[
                    ("texts", &format::sentence_case(&format::number_of(self.waiting, "text waits", "texts wait"))),
                    ("name", &self.name),
                    ("then", then),
                ],
            ),
            None => say(
                "{texts} for {name}, and no other gateway can send them.",
                &[
                    ("texts", &format::sentence_case(&format::number_of(self.waiting, "text waits", "texts wait"))),
                    ("name", &self.name),
                ],
            ),
        }
    }

    pub fn action(&self) -> String {
        self.page.href(&format!("/gateways/{}/remove", self.id))
    }
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
    /// What is left on the account, and when its provider told.
    pub balance: Option<(Cost, Time)>,
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
        t(if self.paused.is_some() { noted("Paused") } else { noted("Ready") })
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
            (0, _) => t("No gateway is connected yet, so no text can leave.").to_owned(),
            (all, 0) => say(
                "{gateways}; {texts} went out today.",
                &[
                    (
                        "gateways",
                        &format::sentence_case(&format::number_of(all, "gateway is ready", "gateways are ready")),
                    ),
                    ("texts", &format::number_of(texts, "text", "texts")),
                ],
            ),
            (all, _) => say(
                "{part} gateways are paused; {texts} for them.",
                &[
                    ("part", &format::out_of(paused, all)),
                    ("texts", &format::number_of(waiting, "text waits", "texts wait")),
                ],
            ),
        }
    }

    pub fn providers(&self) -> String {
        format::list(self.kinds.iter().cloned())
    }
}
