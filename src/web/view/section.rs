//! The places of the dashboard: which there are, what they are called, and how the navigation groups them.

use super::words::{noted, t};

/// The places of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Overview,
    Carts,
    Messages,
    Orders,
    People,
    Replies,
    Sequences,
    Texts,
    Report,
    Digest,
    Earned,
    Ledger,
    Experiments,
    Attribution,
    Events,
    Goals,
    Funnels,
    Shops,
    Gateways,
    Inbox,
    Books,
    Offline,
    Calls,
    Webhooks,
    Tokens,
    Api,
    Risk,
    Law,
    Team,
    Audit,
    /// Not in the navigation: the visitor's name leads there.
    Account,
}

/// Places that belong together in the menu behind the daily ones.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    name: &'static str,
    pub sections: &'static [Section],
}

impl Group {
    pub fn label(&self) -> &'static str {
        t(self.name)
    }
}

impl Section {
    /// The places of every day, always in sight.
    pub const DAILY: &[Section] = &[
        Section::Overview,
        Section::Carts,
        Section::Messages,
        Section::Replies,
        Section::Orders,
        Section::People,
        Section::Texts,
        Section::Report,
        Section::Earned,
    ];

    /// What is set up once and looked at when something is wrong.
    pub const GROUPS: &[Group] = &[
        Group {
            name: noted("Rules"),
            sections: &[Section::Sequences, Section::Attribution, Section::Risk, Section::Law],
        },
        Group { name: noted("Results"), sections: &[Section::Ledger, Section::Experiments] },
        Group {
            name: noted("Conversions"),
            sections: &[Section::Goals, Section::Funnels, Section::Events, Section::Offline, Section::Calls],
        },
        Group {
            name: noted("Connections"),
            sections: &[Section::Shops, Section::Gateways, Section::Inbox, Section::Books, Section::Webhooks],
        },
        Group { name: noted("Programs"), sections: &[Section::Tokens, Section::Api] },
        Group { name: noted("House"), sections: &[Section::Team, Section::Audit, Section::Digest, Section::Account] },
    ];

    pub fn label(&self) -> &'static str {
        t(match self {
            Section::Overview => noted("Overview"),
            Section::Carts => noted("Carts"),
            Section::Messages => noted("Messages"),
            Section::Orders => noted("Orders"),
            Section::People => noted("People"),
            Section::Replies => noted("Replies"),
            Section::Sequences => noted("Sequences"),
            Section::Texts => noted("Texts"),
            Section::Report => noted("Report"),
            Section::Digest => noted("Digest"),
            Section::Earned => noted("Earned"),
            Section::Ledger => noted("Net ledger"),
            Section::Experiments => noted("Experiments"),
            Section::Attribution => noted("Attribution"),
            Section::Events => noted("Events"),
            Section::Goals => noted("Goals"),
            Section::Funnels => noted("Funnels"),
            Section::Shops => noted("Shops"),
            Section::Gateways => noted("Gateways"),
            Section::Risk => noted("Risk"),
            Section::Inbox => noted("Inbox"),
            Section::Books => noted("Books"),
            Section::Offline => noted("Offline sales"),
            Section::Calls => noted("Calls"),
            Section::Webhooks => noted("Webhooks"),
            Section::Tokens => noted("API tokens"),
            Section::Api => noted("API"),
            Section::Law => noted("Law"),
            Section::Team => noted("Team"),
            Section::Audit => noted("Audit log"),
            Section::Account => noted("You"),
        })
    }

    pub fn path(&self) -> &'static str {
        match self {
            Section::Overview => "/",
            Section::Carts => "/carts",
            Section::Messages => "/messages",
            Section::Orders => "/orders",
            Section::People => "/people",
            Section::Replies => "/replies",
            Section::Sequences => "/sequences",
            Section::Texts => "/texts",
            Section::Report => "/report",
            Section::Digest => "/digest",
            Section::Earned => "/earned",
            Section::Ledger => "/ledger",
            Section::Experiments => "/experiments",
            Section::Attribution => "/attribution",
            Section::Events => "/events",
            Section::Goals => "/goals",
            Section::Funnels => "/funnels",
            Section::Shops => "/shops",
            Section::Gateways => "/gateways",
            Section::Risk => "/risk",
            Section::Inbox => "/inbox",
            Section::Books => "/books",
            Section::Offline => "/offline",
            Section::Calls => "/calls",
            Section::Webhooks => "/webhooks",
            Section::Tokens => "/tokens",
            Section::Api => "/api",
            Section::Law => "/law",
            Section::Team => "/team",
            Section::Audit => "/audit",
            Section::Account => "/account",
        }
    }

    /// Whether its figures are of a period.
    pub(super) fn has_period(self) -> bool {
        use Section::{Attribution, Calls, Events, Funnels, Goals, Ledger, Offline, Overview, Report};
        matches!(self, Overview | Report | Attribution | Events | Goals | Funnels | Ledger | Offline | Calls)
    }
}
