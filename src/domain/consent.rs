//! Standing: may this phone be texted by this shop, as the ledgers say? Pure reading of append-only entries.

use serde::{Deserialize, Serialize};

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

/// What the ledgers amount to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Granted and not taken back since.
    Consented(Consent),
    /// Opted out, or consent withdrawn, and not granted again since.
    OptedOut(OptOut),
    /// Asked, not confirmed.
    Pending,
    /// Nothing on record.
    Unknown,
}

/// Reads both ledgers. A consent counts only when it is newer than every opt-out; at the same moment the opt-out wins.
pub fn standing(consents: &[Consent], opt_outs: &[OptOut]) -> Standing {
    let withdrawn = consents
        .iter()
        .filter(|entry| entry.state == ConsentState::Withdrawn)
        .map(|entry| OptOut { at: entry.at, source: entry.proof.source.clone() });
    let last_out = opt_outs.iter().cloned().chain(withdrawn).max_by_key(|entry| entry.at);
    let newest = |state| consents.iter().filter(move |entry| entry.state == state).max_by_key(|entry| entry.at);
    match (newest(ConsentState::Granted), last_out) {
        (Some(granted), Some(out)) if granted.at <= out.at => Standing::OptedOut(out),
        (None, Some(out)) => Standing::OptedOut(out),
        (Some(granted), _) => Standing::Consented(granted.clone()),
        (None, None) if newest(ConsentState::Pending).is_some() => Standing::Pending,
        (None, None) => Standing::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(state: ConsentState, at: i64) -> Consent {
        Consent { state, at: Time::from_millis(at), proof: ConsentProof::default() }
    }

    #[test]
    fn the_last_word_counts_and_a_tie_is_a_no() {
        use ConsentState::*;
        #[track_caller]
        fn check(consents: &[(ConsentState, i64)], outs: &[i64], expected: &str) {
            let consents: Vec<_> = consents.iter().map(|&(state, at)| said(state, at)).collect();
            let outs: Vec<_> =
                outs.iter().map(|&at| OptOut { at: Time::from_millis(at), source: "reply".into() }).collect();
            let found = match standing(&consents, &outs) {
                Standing::Consented(_) => "yes",
                Standing::OptedOut(_) => "out",
                Standing::Pending => "pending",
                Standing::Unknown => "unknown",
            };
            assert_eq!(found, expected, "{consents:?} {outs:?}");
        }
        check(&[], &[], "unknown");
        check(&[(Granted, 1)], &[], "yes");
        check(&[(Granted, 1)], &[2], "out");
        check(&[(Granted, 3)], &[2], "yes");
        check(&[(Granted, 2)], &[2], "out");
        check(&[], &[2], "out");
        check(&[(Granted, 1), (Withdrawn, 2)], &[], "out");
        check(&[(Withdrawn, 2), (Granted, 3)], &[], "yes");
        check(&[(Pending, 5)], &[], "pending");
        check(&[(Granted, 1), (Pending, 5)], &[], "yes");
        check(&[(NotGiven, 9)], &[], "unknown");
        check(&[(Granted, 1), (NotGiven, 9)], &[], "yes");
    }
}
