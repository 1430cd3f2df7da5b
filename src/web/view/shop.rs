//! Shops: is each one connected, and how to connect it. The steps are the connector's own (`Spec::connect`).

use askama::Template;

use super::{
    Page, Tone,
    format::{self, Shown as _},
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
    /// How to add one: `cartback shop add shopify --name Acme`.
    pub add_command: String,
}

#[derive(Clone, Debug)]
pub struct ShopRow {
    pub id: String,
    pub name: String,
    /// `Shopify`
    pub kind: String,
    pub connection: Connection,
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

    fn is_failing(&self) -> bool {
        self.last_failure.as_ref().is_some_and(|failure| self.last_webhook_at.is_none_or(|good| failure.at >= good))
    }

    pub fn label(&self, now: &Time) -> String {
        match self.last_webhook_at {
            _ if self.is_failing() => "Signatures fail".to_owned(),
            None => "Waiting for the first webhook".to_owned(),
            Some(_) if self.is_quiet(now) => "Quiet".to_owned(),
            Some(_) => "Connected".to_owned(),
        }
    }

    pub fn tone(&self, now: &Time) -> Tone {
        match self.last_webhook_at {
            _ if self.is_failing() => Tone::Bad,
            None => Tone::Live,
            Some(_) if self.is_quiet(now) => Tone::Bad,
            Some(_) => Tone::Good,
        }
    }

    fn is_well(&self, now: &Time) -> bool {
        self.tone(now) == Tone::Good
    }
}

impl Shops {
    pub fn answer(&self) -> String {
        let well = self.rows.iter().filter(|row| row.connection.is_well(&self.page.now)).count() as u64;
        match self.rows.len() as u64 {
            0 => "No shop is connected yet.".to_owned(),
            1 if well == 1 => "1 shop is connected and well.".to_owned(),
            all if well == all => format!("All {} shops are connected and well.", format::count(all)),
            all => format!(
                "{} are connected and well.",
                format::out_of(well, all) + if all == 1 { " shop" } else { " shops" }
            ),
        }
    }
}

/// One shop's page: what to paste where, and whether it works.
#[derive(Clone, Debug, Template)]
#[template(path = "page/shop.html")]
pub struct Shop {
    pub page: Page,
    pub id: String,
    pub name: String,
    pub kind: String,
    pub connection: Connection,
    pub webhook_url: String,
    /// False while our public address is not one the shop can reach.
    pub reachable: bool,
    /// `Spec::connect`, with `{url}` filled in.
    pub steps: Vec<String>,
    pub topics: Vec<Topic>,
    /// What was set, secrets as `set` or `missing`.
    pub settings: Vec<Setting>,
    /// How to change one: `cartback shop set 1 key=value`.
    pub set_command: String,
}

#[derive(Clone, Debug)]
pub struct Topic {
    /// In the shop's words: `checkouts/create`.
    pub name: String,
    /// What it is for: `carts`.
    pub purpose: String,
    pub last_at: Option<Time>,
    pub today: u64,
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
        match self.connection.last_webhook_at {
            _ if self.connection.is_failing() => format!(
                "{} from {name} failed the signature check in the last 24 h.",
                format::sentence_case(&format::number_of(self.connection.signature_failures, "webhook", "webhooks"))
            ),
            None => format!(
                "{name} has sent 0 webhooks so far: {} to go.",
                format::number_of(self.steps.len() as u64, "step", "steps")
            ),
            Some(at) if self.connection.is_quiet(now) => {
                format!("{name} has been quiet for {}, {today} today.", format::span(now.since(at)))
            }
            Some(at) => format!("{name} is connected: {today} today, the last {}.", format::ago(at, *now)),
        }
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
