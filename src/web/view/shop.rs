//! Shops: is each one connected, and how to connect it. The steps are the connector's own (`Spec::connect`).

use askama::Template;

use super::{
    Page, Tone,
    connect::Arrivals,
    format::{self, Shown as _},
    health::{self, Check, Run},
    words::{filters, noted, say, t},
};
use crate::domain::time::{HOUR, Time};

/// An hour in which a busy shop sends nothing is not quiet yet; three are.
const QUIET_HOURS: u32 = 3;

#[derive(Clone, Debug, Template)]
#[template(path = "page/shops.html")]
pub struct Shops {
    pub page: Page,
    pub rows: Vec<ShopRow>,
    /// What can be connected, by name.
    pub kinds: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct ShopRow {
    pub id: String,
    pub name: String,
    /// `Shopify`
    pub kind: String,
    pub sending: Sending,
    pub connection: Connection,
}

impl ShopRow {
    pub fn label(&self, now: &Time) -> String {
        match self.sending {
            Sending::Live => self.connection.label(now),
            Sending::SettingUp => t("Being set up").to_owned(),
            Sending::Paused => t("Paused").to_owned(),
            Sending::Disconnected => t("Disconnected").to_owned(),
        }
    }

    pub fn tone(&self, now: &Time) -> Tone {
        match self.sending {
            Sending::Live => self.connection.tone(now),
            Sending::SettingUp => Tone::Live,
            Sending::Paused | Sending::Disconnected => Tone::Quiet,
        }
    }

    fn is_well(&self, now: &Time) -> bool {
        self.tone(now) == Tone::Good
    }
}

/// What the inbox knows of a shop.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// The last webhook whose signature was right.
    pub last_webhook_at: Option<Time>,
    pub webhooks_today: u64,
    /// How many an hour this shop usually sends; `None` while too few came to tell.
    pub usual_per_hour: Option<u64>,
    /// In the last 24 hours.
    pub signature_failures: u64,
    pub last_failure: Option<Failure>,
}

#[derive(Clone, Debug)]
pub struct Failure {
    pub at: Time,
    /// `the signature does not match: is the signing key the shop's?`
    pub why: String,
}

impl Connection {
    pub fn is_quiet(&self, now: &Time) -> bool {
        self.last_webhook_at.is_some_and(|at| now.since(at) >= HOUR * QUIET_HOURS)
            && self.usual_per_hour.is_some_and(|usual| usual > 0)
    }

    pub fn is_failing(&self) -> bool {
        self.last_failure.as_ref().is_some_and(|failure| self.last_webhook_at.is_none_or(|good| failure.at >= good))
    }

    pub fn label(&self, now: &Time) -> String {
        let words = match self.last_webhook_at {
            _ if self.is_failing() => noted("Signatures fail"),
            None => noted("Waiting for the first webhook"),
            Some(_) if self.is_quiet(now) => noted("Quiet"),
            Some(_) => noted("Connected"),
        };
        t(words).to_owned()
    }

    pub fn tone(&self, now: &Time) -> Tone {
        match self.last_webhook_at {
            _ if self.is_failing() => Tone::Bad,
            None => Tone::Live,
            Some(_) if self.is_quiet(now) => Tone::Bad,
            Some(_) => Tone::Good,
        }
    }
}

impl Shops {
    pub fn answer(&self) -> String {
        let well = self.rows.iter().filter(|row| row.is_well(&self.page.now)).count() as u64;
        match self.rows.len() as u64 {
            0 => t("No shop is connected yet.").to_owned(),
            1 if well == 1 => t("1 shop is connected and well.").to_owned(),
            all => say("{part} shops are connected and well.", &[("part", &format::out_of(well, all))]),
        }
    }

    pub fn platforms(&self) -> String {
        format::list(self.kinds.iter().cloned())
    }
}

/// One shop's page: whether its connection is well, what mends it, and how it is set.
#[derive(Clone, Debug, Template)]
#[template(path = "page/shop.html")]
pub struct Shop {
    pub page: Page,
    pub id: String,
    pub name: String,
    pub kind: String,
    pub connection: Connection,
    /// Whether it may text, and why not.
    pub sending: Sending,
    pub health: Vec<Check>,
    pub webhook_url: String,
    pub arrivals: Arrivals,
    /// What was set, secrets as `set` or `missing`.
    pub settings: Vec<Setting>,
    pub self_test: Option<Run>,
}

/// Whether a shop sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sending {
    #[default]
    Live,
    /// It is being set up and has never been live.
    SettingUp,
    Paused,
    Disconnected,
}

#[derive(Clone, Debug)]
pub struct Setting {
    pub label: String,
    pub value: String,
    pub missing: bool,
}

impl Shop {
    pub fn answer(&self) -> String {
        let (name, now) = (&self.name, &self.page.now);
        let today = format::number_of(self.connection.webhooks_today, "webhook", "webhooks");
        let trouble = health::bad(&self.health);
        match (self.sending, self.connection.last_webhook_at) {
            (Sending::Disconnected, _) => say("{name} is disconnected: 0 texts are sent.", &[("name", name)]),
            (Sending::SettingUp, _) => say("{name} is being set up: 0 texts are sent yet.", &[("name", name)]),
            (Sending::Paused, _) => say("{name} is paused: 0 texts are sent.", &[("name", name)]),
            (Sending::Live, None) => say("{name} has sent 0 webhooks so far.", &[("name", name)]),
            (Sending::Live, Some(_)) if trouble > 0 => say(
                "{name}: {checks} to look at; {today} today.",
                &[("name", name), ("checks", &format::number_of(trouble, "thing", "things")), ("today", &today)],
            ),
            (Sending::Live, Some(at)) => say(
                "{name} is connected and well: {today} today, the last {ago}.",
                &[("name", name), ("today", &today), ("ago", &format::ago(at, *now))],
            ),
        }
    }

    pub fn at(&self, place: &str) -> String {
        self.page.href(&format!("/shops/{}/{place}", self.id))
    }

    pub fn is_live(&self) -> bool {
        self.sending == Sending::Live
    }

    pub fn is_setting_up(&self) -> bool {
        self.sending == Sending::SettingUp
    }

    pub fn is_gone(&self) -> bool {
        self.sending == Sending::Disconnected
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::MINUTE;

    #[test]
    fn a_connection_is_what_its_webhooks_say() {
        let now = Time::from_seconds(1_000_000);
        let failure = |at| Some(Failure { at, why: String::new() });
        let check = |connection: Connection, label: &str| assert_eq!(connection.label(&now), label);
        let good =
            Connection { last_webhook_at: Some(now - MINUTE), usual_per_hour: Some(40), ..Connection::default() };
        check(Connection::default(), "Waiting for the first webhook");
        check(good.clone(), "Connected");
        check(Connection { last_webhook_at: Some(now - HOUR * 3), ..good.clone() }, "Quiet");
        check(Connection { last_webhook_at: Some(now - HOUR * 3), usual_per_hour: None, ..good.clone() }, "Connected");
        check(Connection { last_failure: failure(now), ..good.clone() }, "Signatures fail");
        check(Connection { last_failure: failure(now - HOUR), ..good }, "Connected");
        check(Connection { last_failure: failure(now), ..Connection::default() }, "Signatures fail");
    }
}
