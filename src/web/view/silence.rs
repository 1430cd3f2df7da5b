//! Silence, for people: one sentence and what to do about it, on a page and in a letter to owners.

use askama::Template;

use super::{
    format,
    words::{self, filters, say, t},
};
use crate::{
    domain::{silence::Silence, time::Time},
    pipeline::watch::Named,
};

/// Something that should have happened and did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quiet {
    pub silence: Silence,
    /// The shop's or the gateway's; "" for what concerns everybody.
    pub name: String,
    pub shop: String,
    pub since: Time,
}

impl Quiet {
    pub fn of(named: &Named) -> Quiet {
        let silent = &named.silent;
        Quiet { silence: silent.silence, name: named.name.clone(), shop: silent.shop.to_string(), since: silent.since }
    }

    pub fn sentence(&self, now: &Time) -> String {
        let span = format::span(now.since(self.since));
        let with: [(&str, &dyn std::fmt::Display); 2] = [("name", &self.name), ("span", &span)];
        match self.silence {
            Silence::Database => say("The database has not answered for {span}", &with[1..]),
            Silence::Work => say("Work is due and nobody has done it for {span}", &with[1..]),
            Silence::Sweep => say("Nobody has looked for lost work for {span}", &with[1..]),
            Silence::Disk => t("Less than a tenth of the disk is free").to_owned(),
            Silence::Gateway => say("{name} has taken no texts for {span}", &with),
            Silence::Receipts => say("{name} takes texts and has told of none for {span}", &with),
            Silence::Webhooks => say("No webhook has come from {name} for {span}, far longer than usual", &with),
        }
    }

    /// What the page's link says, which leads to `href`.
    pub fn action(&self) -> &'static str {
        match self.silence {
            Silence::Gateway | Silence::Receipts | Silence::Webhooks => t("Check the connection"),
            Silence::Database | Silence::Work | Silence::Sweep | Silence::Disk => t("See what waits"),
        }
    }

    /// What to do about it, for a letter.
    pub fn what_now(&self) -> &'static str {
        match self.silence {
            Silence::Database => t("See whether the database runs and can be reached"),
            Silence::Work | Silence::Sweep => t("See the log, and start Cartback again"),
            Silence::Disk => t("Make room: webhooks are refused when it is full"),
            Silence::Gateway => t("See what it answers"),
            Silence::Receipts => t("See whether its receipts still find the way here"),
            Silence::Webhooks => t("Check the connection"),
        }
    }

    pub fn href(&self) -> String {
        match self.silence {
            Silence::Gateway | Silence::Receipts => "/gateways".to_owned(),
            Silence::Webhooks => format!("/shops/{}", self.shop),
            Silence::Database | Silence::Work | Silence::Sweep | Silence::Disk => "/inbox".to_owned(),
        }
    }
}

/// A letter to an owner.
#[derive(Clone, Debug, Template)]
#[template(path = "mail/silence.html")]
pub struct Alarm {
    pub silences: Vec<Quiet>,
    pub now: Time,
    pub overview_url: String,
}

impl Alarm {
    pub fn language(&self) -> &'static str {
        words::language().tag()
    }

    pub fn subject(&self) -> String {
        match self.silences.as_slice() {
            [one] => one.sentence(&self.now),
            several => say("{count} things are silent", &[("count", &format::count(several.len() as u64))]),
        }
    }

    pub fn text(&self) -> String {
        let lines =
            self.silences.iter().map(|quiet| format!("{}.\n{}.\n\n", quiet.sentence(&self.now), quiet.what_now()));
        format!("{}{}: {}\n", lines.collect::<String>(), t("Overview"), self.overview_url)
    }
}
