//! Standing: may this phone be texted by this shop, as the ledgers say? Pure reading of append-only entries.
//!
//! What must hold:
//! - A consent counts only when it is newer than every opt-out; at the same moment the opt-out wins. Only a START by the
//!   person ([`ConsentState::Restored`]) makes older consents count again, and it is no consent itself.
//! - Typing a number is no consent, and the ledgers are kept per number: a changed number has none until it is given anew.
//! - A shop may ask for more than the law does ([`Mode`]), never for less.
//!
//! Rooms: [`mode`] what is demanded of whom, [`confirm`] the double opt-in, [`heard`] what a reply means,
//! [`facts`] the answer a decision is made of and keeps.

pub mod confirm;
pub mod facts;
pub mod heard;
pub mod mode;

use serde::{Deserialize, Serialize};

pub use self::{
    confirm::Request,
    facts::{ConsentFacts, OutFact, StandingName},
    heard::{Heard, Meaning, hear},
    mode::{Demand, Mode, Modes, Terms},
};
use super::{
    event::{ConsentProof, ConsentState},
    time::Time,
};

/// An entry of the consent ledger for one phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    pub state: ConsentState,
    /// When the person said so, by the source's clock.
    pub at: Time,
    pub proof: ConsentProof,
}

/// An entry of the opt-out ledger for one phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptOut {
    pub at: Time,
    /// `reply`, `link`, `gateway`, `shop`, `operator`.
    pub source: String,
}

/// What stands behind an opt-out, as far as it is known (compliance.md 2.5).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutProof {
    /// The reply, word for word.
    pub text: Option<String>,
    /// The word that decided, its language, and by which rule.
    pub word: Option<String>,
    pub language: Option<String>,
    pub rule: Option<heard::Rule>,
    /// Our number or name the person wrote to.
    pub sent_to: Option<String>,
    pub received_at: Option<Time>,
    pub applied_at: Option<Time>,
    /// Our numbers for the reply, and for the text it follows or whose link was used.
    pub reply: Option<i64>,
    pub message: Option<i64>,
    /// The confirmation we queued.
    pub answer: Option<i64>,
    /// The gateway had confirmed it already.
    pub gateway_answered: bool,
    /// What the gateway said, where it was the gateway that knew.
    pub code: Option<String>,
    /// Who entered it by hand, and why.
    pub by: Option<String>,
    pub note: Option<String>,
}

impl std::fmt::Debug for OutProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OutProof({:?}, {:?})", self.rule, self.code)
    }
}

/// How well a consent is proven, weakest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Said by somebody, with nothing to show for it.
    #[default]
    Unproven,
    /// Given once: a box ticked, a word sent.
    Single,
    /// Given and confirmed from the phone itself.
    Double,
}

impl Level {
    pub fn name(self) -> &'static str {
        match self {
            Level::Unproven => "unproven",
            Level::Single => "single",
            Level::Double => "double",
        }
    }

    /// Whether it is enough where this level is demanded. Only a demand for double turns an unproven consent away
    /// (compliance.md 2.5: imported consents without proof cannot be texted in countries of double opt-in).
    pub fn meets(self, required: Level) -> bool {
        required < Level::Double || self == Level::Double
    }
}

impl Consent {
    /// The level its proof amounts to. What a source itself calls confirmed or single counts as that, unless it is an
    /// import: a list typed in later has to bring text, time and address along, or it proves nothing.
    pub fn level(&self) -> Level {
        let proof = &self.proof;
        let complete = proof.text.is_some() && proof.given_at.is_some() && proof.ip.is_some();
        if proof.source.is_empty() || is_import(&proof.source) && !complete {
            return Level::Unproven;
        }
        let told = proof.level.as_deref().unwrap_or_default().trim().to_lowercase().replace(['-', ' '], "_");
        match told.as_str() {
            "confirmed_opt_in" | "double_opt_in" | "confirmed" | "double" | "doi" => Level::Double,
            // Shopify's word for a list the shop once brought along.
            "unknown" | "unproven" if !complete => Level::Unproven,
            _ => Level::Single,
        }
    }
}

/// Sources that are lists somebody loaded: `csv`, `import`, `api`, and anything that begins like them (`csv:2026-11`).
fn is_import(source: &str) -> bool {
    let source = source.to_lowercase();
    ["csv", "import", "api"].iter().any(|kind| source.starts_with(kind))
}

/// Everything on record about one phone in one shop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    pub consents: Vec<Consent>,
    pub opt_outs: Vec<OptOut>,
    /// When requests to confirm left, or may have left, for this phone; queued ones count as of when they were made.
    pub asked: Vec<Time>,
    /// Since when an unclear reply waits for a person of the shop; it holds every text to this phone.
    pub held_since: Option<Time>,
    /// The newest sign of life: an order, a tap of ours, a reply. A cart left behind is none.
    pub active_at: Option<Time>,
    /// The newest completed order of this person, not cancelled.
    pub ordered_at: Option<Time>,
}

/// What the ledgers amount to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Granted at the demanded level and not taken back since.
    Consented { level: Level, consent: Consent },
    /// No consent, but an earlier purchase where the law and the shop let that do.
    SoftOptIn { ordered_at: Time },
    /// Granted once where double is demanded: [`confirm::next`] tells whether to ask.
    NeedsConfirmation { consent: Consent },
    /// Granted, with nothing to show for it, where double is demanded: neither texted nor asked.
    Unproven { consent: Consent },
    /// Granted, but nothing was heard of the person for so long that it has to be confirmed again.
    Stale { level: Level, consent: Consent, idle_since: Time },
    /// The source itself asks, and nobody has confirmed.
    Pending { since: Time },
    /// Opted out, or consent withdrawn, and not granted again since.
    OptedOut(OptOut),
    /// Nothing on record.
    Unknown,
}

impl Ledger {
    pub fn of(consents: Vec<Consent>, opt_outs: Vec<OptOut>) -> Ledger {
        Ledger { consents, opt_outs, ..Ledger::default() }
    }

    /// The opt-out in force, if there is one: not followed by a consent or a START.
    pub fn opted_out(&self) -> Option<OptOut> {
        let out = self.last_out()?;
        (self.grants_after(Some(out.at)).next().is_none()).then_some(out)
    }

    /// The newest opt-out or withdrawal that no later START took back.
    fn last_out(&self) -> Option<OptOut> {
        let withdrawn =
            self.said(ConsentState::Withdrawn).map(|entry| OptOut { at: entry.at, source: entry.proof.source.clone() });
        let last = self.opt_outs.iter().cloned().chain(withdrawn).max_by_key(|entry| entry.at)?;
        let restored = self.said(ConsentState::Restored).any(|entry| entry.at > last.at);
        (!restored).then_some(last)
    }

    fn said(&self, state: ConsentState) -> impl Iterator<Item = &Consent> {
        self.consents.iter().filter(move |entry| entry.state == state)
    }

    fn grants_after(&self, out: Option<Time>) -> impl Iterator<Item = &Consent> {
        self.said(ConsentState::Granted).filter(move |entry| out.is_none_or(|out| entry.at > out))
    }

    /// The grant that speaks loudest now: of those in force the best proven, of these the newest.
    pub fn grant(&self) -> Option<&Consent> {
        let out = self.last_out().map(|out| out.at);
        self.grants_after(out).max_by_key(|entry| (entry.level(), entry.at))
    }
}

/// Reads the ledgers of one phone under these terms.
pub fn standing(ledger: &Ledger, now: Time, terms: &Terms) -> Standing {
    if let Some(out) = ledger.opted_out() {
        return Standing::OptedOut(out);
    }
    let Some(consent) = ledger.grant().cloned() else { return without_consent(ledger, now, terms) };
    let level = consent.level();
    let idle_since = idle_since(ledger);
    if !level.meets(terms.required) {
        match level {
            Level::Unproven => Standing::Unproven { consent },
            Level::Single | Level::Double => Standing::NeedsConfirmation { consent },
        }
    } else if now >= idle_since + terms.stale_after {
        Standing::Stale { level, consent, idle_since }
    } else {
        Standing::Consented { level, consent }
    }
}

/// A box that was shown and left empty stands against a soft opt-in; a platform's default state does not.
fn without_consent(ledger: &Ledger, now: Time, terms: &Terms) -> Standing {
    let refused = ledger.said(ConsentState::NotGiven).any(|entry| entry.proof.text.is_some());
    let pending = ledger.said(ConsentState::Pending).map(|entry| entry.at).max();
    match (pending, ledger.ordered_at) {
        (Some(since), _) => Standing::Pending { since },
        (None, Some(ordered_at))
            if terms.soft_opt_in && !refused && ordered_at < now && now < idle_since(ledger) + terms.stale_after =>
        {
            Standing::SoftOptIn { ordered_at }
        }
        _ => Standing::Unknown,
    }
}

/// The newest moment the person is known to have had to do with the shop.
fn idle_since(ledger: &Ledger) -> Time {
    let granted = ledger.grants_after(None).map(|entry| entry.at).max();
    [granted, ledger.active_at, ledger.ordered_at].into_iter().flatten().max().unwrap_or_default()
}

#[cfg(test)]
mod tests;
