//! Facts: the answered question of consent, as a decision takes and keeps it. No number, no name, no words of a person.

use serde::{Deserialize, Serialize};

use super::{Ledger, Level, Standing, Terms, confirm, confirm::Request, standing};
use crate::domain::time::Time;

/// [`Standing`] without what stands behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StandingName {
    Consented,
    SoftOptIn,
    NeedsConfirmation,
    Unproven,
    Stale,
    Pending,
    OptedOut,
    Unknown,
}

impl StandingName {
    pub fn words(self) -> &'static str {
        match self {
            StandingName::Consented => "consent is on record",
            StandingName::SoftOptIn => "a customer, where that is enough",
            StandingName::NeedsConfirmation => "consent is given and has to be confirmed by text",
            StandingName::Unproven => "consent is told, with nothing to prove it",
            StandingName::Stale => "consent is too old and has to be confirmed again",
            StandingName::Pending => "consent was asked for by the shop and not confirmed",
            StandingName::OptedOut => "opted out",
            StandingName::Unknown => "no consent is on record",
        }
    }
}

/// An opt-out in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutFact {
    pub at: Time,
    pub source: String,
}

/// Everything a decision needs to know about one phone's consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentFacts {
    pub standing: StandingName,
    /// Of the consent on record, if there is one in force.
    pub level: Option<Level>,
    pub at: Option<Time>,
    /// Which system says so.
    pub source: Option<String>,
    /// What law and shop demand.
    pub required: Level,
    /// The newest request to confirm, and how many there were in the last 60 days.
    pub asked_at: Option<Time>,
    pub asked: u32,
    /// What is to be done where a confirmation is needed (`NeedsConfirmation`, `Stale`).
    pub request: Option<Request>,
    /// Since when an unclear reply holds every text to this phone.
    pub held_since: Option<Time>,
    pub opted_out: Option<OutFact>,
    /// The earlier order a soft opt-in rests on.
    pub ordered_at: Option<Time>,
    /// Since when nothing was heard of the person, for a stale consent.
    pub idle_since: Option<Time>,
}

impl ConsentFacts {
    /// `deadline` is when the cart's time is up: no reminder of a request is due after it.
    pub fn of(ledger: &Ledger, terms: &Terms, deadline: Option<Time>, now: Time) -> ConsentFacts {
        let found = standing(ledger, now, terms);
        let recent = ledger.asked.iter().copied().filter(|at| *at <= now && now < *at + confirm::LOOK_BACK);
        let asked: Vec<Time> = recent.collect();
        let request = matches!(found, Standing::NeedsConfirmation { .. } | Standing::Stale { .. })
            .then(|| confirm::next(&asked, deadline, now));
        let blank = ConsentFacts {
            standing: StandingName::Unknown,
            level: None,
            at: None,
            source: None,
            required: terms.required,
            asked_at: asked.iter().copied().max(),
            asked: u32::try_from(asked.len()).unwrap_or(u32::MAX),
            request,
            held_since: ledger.held_since,
            opted_out: None,
            ordered_at: None,
            idle_since: None,
        };
        let granted = |name, consent: super::Consent| ConsentFacts {
            standing: name,
            level: Some(consent.level()),
            at: Some(consent.at),
            source: Some(consent.proof.source),
            ..blank.clone()
        };
        match found {
            Standing::Consented { consent, .. } => granted(StandingName::Consented, consent),
            Standing::NeedsConfirmation { consent } => granted(StandingName::NeedsConfirmation, consent),
            Standing::Unproven { consent } => granted(StandingName::Unproven, consent),
            Standing::Stale { consent, idle_since, .. } => {
                ConsentFacts { idle_since: Some(idle_since), ..granted(StandingName::Stale, consent) }
            }
            Standing::SoftOptIn { ordered_at } => {
                ConsentFacts { standing: StandingName::SoftOptIn, ordered_at: Some(ordered_at), ..blank }
            }
            Standing::Pending { since } => ConsentFacts { standing: StandingName::Pending, at: Some(since), ..blank },
            Standing::OptedOut(out) => ConsentFacts {
                standing: StandingName::OptedOut,
                opted_out: Some(OutFact { at: out.at, source: out.source }),
                ..blank
            },
            Standing::Unknown => blank,
        }
    }

    /// Whether a reminder may go, as far as consent is concerned.
    pub fn may_text(&self) -> bool {
        matches!(self.standing, StandingName::Consented | StandingName::SoftOptIn) && self.held_since.is_none()
    }
}
