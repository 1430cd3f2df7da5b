//! What a command leaves in the audit log: its words (`shop set`), never its arguments, which may be secrets or name
//! somebody. Every command is recorded unless it is listed here as one that only looks, so that a new one cannot be
//! forgotten.

use clap::ArgMatches;

use crate::{
    domain::id::ShopId,
    pipeline::{
        Core,
        trail::{self, Act},
    },
    store::trail::{Door, Outcome},
};

/// Commands that change nothing.
pub(super) const LOOKS: &[&str] = &[
    "migrate",
    "backup",
    "backup verify",
    "report",
    "dry-run",
    "doctor",
    "health",
    "explain",
    "law",
    "shop kinds",
    "shop list",
    "shop show",
    "sequence list",
    "sequence show",
    "sequence preset",
    "gateway kinds",
    "gateway list",
    "cart show",
    "message list",
    "message show",
    "order list",
    "order show",
    "offline list",
    "offline show",
    "call list",
    "call numbers",
    "attribution compare",
    "attribution progress",
    "statement list",
    "statement show",
    "statement check",
    "event list",
    "goal list",
    "goal presets",
    "funnel list",
    "reply list",
    "text list",
    "text show",
    "text preview",
    "sink kinds",
    "sink list",
    "webhook list",
    "webhook show",
    "webhook log",
    "webhook schema",
    "phone show",
    "phone replies",
    "risk list",
    "inbox list",
    "inbox show",
    "person requests",
    "opt-out export",
    "token list",
    "user list",
];

/// What was typed, as far as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    pub words: String,
    /// Named by `--shop`.
    pub shop: Option<ShopId>,
}

impl Typed {
    pub fn of(matches: &ArgMatches) -> Typed {
        let (mut words, mut shop, mut inner) = (Vec::new(), None, matches);
        while let Some((word, deeper)) = inner.subcommand() {
            words.push(word);
            inner = deeper;
            // Absent where the command has no such argument, or means several by it.
            shop = inner.try_get_one::<ShopId>("shop").ok().flatten().copied().or(shop);
        }
        Typed { words: words.join(" "), shop }
    }

    pub fn changes(&self) -> bool {
        !LOOKS.contains(&self.words.as_str())
    }
}

pub async fn record(core: &Core, typed: &Typed, done: bool) {
    if !typed.changes() {
        return;
    }
    trail::record(
        core,
        Act {
            shop: typed.shop.unwrap_or(ShopId::HOUSE),
            door: Door::Command,
            user: None,
            name: String::new(),
            address: String::new(),
            act: typed.words.clone(),
            object: String::new(),
            detail: String::new(),
            outcome: if done { Outcome::Done } else { Outcome::Refused },
        },
    )
    .await;
}
