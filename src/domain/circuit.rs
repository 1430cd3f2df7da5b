//! Circuit breaker: a gateway that does not answer, or that nobody reaches, is left alone for a while. One text tries it then; when
//! that is answered, the others follow, slowly at first ([`super::pace::RAMP`]). What a gateway refuses it has answered.

use std::time::Duration;

use super::{
    message::SendOutcome,
    time::{MINUTE, Time},
};

/// What is known of a gateway's health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Circuit {
    /// Failures without an answer in between.
    pub failures: u32,
    /// Since when it is left alone.
    pub open_at: Option<Time>,
    /// When the next text may try it.
    pub probe_at: Option<Time>,
    /// When it came back.
    pub closed_at: Option<Time>,
    /// It asked for a pause until this moment.
    pub hold_until: Option<Time>,
}

/// What it says to a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    Go,
    /// One text may try, and only one.
    Probe,
    Wait(Time),
}

/// A text of unknown outcome is never sent again: three lost ones are enough.
const FAILURES_MOST: u32 = 3;
const PROBE_FIRST: Duration = Duration::from_secs(30);
const PROBE_MOST: Duration = MINUTE.saturating_mul(15);
/// A probe has this long to be answered before another text may try: more than any call lasts.
pub const PROBE_TAKES: Duration = MINUTE;

impl Circuit {
    pub fn is_open(&self) -> bool {
        self.open_at.is_some()
    }

    pub fn leave(&self, now: Time) -> Leave {
        let held = self.hold_until.filter(|until| *until > now);
        match (self.probe_at.filter(|_| self.is_open()), held) {
            (Some(probe_at), held) if probe_at > now || held.is_some() => {
                Leave::Wait(probe_at.max(held.unwrap_or(now)))
            }
            (Some(_), _) => Leave::Probe,
            (None, Some(until)) => Leave::Wait(until),
            (None, None) => Leave::Go,
        }
    }

    /// What it is after this outcome; the same where nothing is to be kept.
    pub fn after(self, outcome: &SendOutcome, now: Time) -> Circuit {
        match outcome {
            SendOutcome::Accepted { .. } | SendOutcome::Refused { .. } if self.failures > 0 || self.is_open() => {
                Circuit {
                    failures: 0,
                    open_at: None,
                    probe_at: None,
                    closed_at: self.open_at.map_or(self.closed_at, |_| Some(now)),
                    hold_until: None,
                }
            }
            SendOutcome::Accepted { .. } | SendOutcome::Refused { .. } => self,
            // It answered, and said when it wants to be asked again.
            SendOutcome::Later { after: Some(wait), .. } => {
                let until = (now + *wait).max(self.hold_until.unwrap_or(now));
                Circuit { hold_until: Some(until), ..self }
            }
            SendOutcome::Later { after: None, .. } | SendOutcome::Unknown { .. } => self.failed(now),
        }
    }

    fn failed(self, now: Time) -> Circuit {
        let failures = self.failures.saturating_add(1);
        if failures < FAILURES_MOST {
            return Circuit { failures, ..self };
        }
        // As long again as it has been away: many that fail at once open it once.
        let away = self.open_at.map_or(Duration::ZERO, |at| now.since(at));
        let wait = away.clamp(PROBE_FIRST, PROBE_MOST);
        Circuit { failures, open_at: self.open_at.or(Some(now)), probe_at: Some(now + wait), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::message::RefusalClass;

    fn at(seconds: i64) -> Time {
        Time::from_seconds(1_790_000_000 + seconds)
    }

    fn not_sent() -> SendOutcome {
        SendOutcome::Later { why: "no connection".into(), after: None }
    }

    fn accepted() -> SendOutcome {
        SendOutcome::Accepted { reference: None, segments: None, cost: None }
    }

    #[test]
    fn it_opens_after_three_failures_and_lets_one_text_try() {
        let mut circuit = Circuit::default();
        for second in 0..2 {
            circuit = circuit.after(&SendOutcome::Unknown { why: "no answer in time".into() }, at(second));
            assert_eq!(circuit.leave(at(second)), Leave::Go);
        }
        circuit = circuit.after(&not_sent(), at(2));
        assert_eq!(circuit.leave(at(3)), Leave::Wait(at(32)));
        assert_eq!(circuit.leave(at(32)), Leave::Probe);
        // Those that were under way with it say nothing new.
        circuit = circuit.after(&not_sent(), at(4));
        assert_eq!(circuit.leave(at(5)), Leave::Wait(at(34)));
        // A probe that fails: as long again as it has been away, up to a quarter of an hour.
        let mut now = 34;
        let waits: Vec<_> = (0..8)
            .map(|_| {
                circuit = circuit.after(&not_sent(), at(now));
                let wait = circuit.probe_at.unwrap().since(at(now)).as_secs();
                now += i64::try_from(wait).unwrap();
                wait
            })
            .collect();
        assert_eq!(waits, [32, 64, 128, 256, 512, 900, 900, 900]);
        circuit = circuit.after(&accepted(), at(9_000));
        assert_eq!((circuit.leave(at(9_000)), circuit.closed_at, circuit.failures), (Leave::Go, Some(at(9_000)), 0));
    }

    #[test]
    fn what_is_refused_is_answered() {
        let mut circuit = Circuit::default().after(&not_sent(), at(0)).after(&not_sent(), at(0));
        circuit = circuit.after(&SendOutcome::Refused { class: RefusalClass::Number, code: "21614".into() }, at(1));
        assert_eq!(circuit, Circuit::default());
        circuit = circuit.after(&not_sent(), at(2)).after(&not_sent(), at(2));
        assert!(!circuit.is_open());
        // Who was well has no outage to recover from.
        assert_eq!(circuit.after(&accepted(), at(3)).closed_at, None);
    }

    #[test]
    fn a_pause_that_was_asked_for_is_kept() {
        let later =
            |seconds| SendOutcome::Later { why: "too many requests".into(), after: Some(Duration::from_secs(seconds)) };
        let circuit = Circuit::default().after(&later(60), at(0)).after(&later(5), at(1));
        assert_eq!(circuit.leave(at(2)), Leave::Wait(at(60)));
        assert_eq!(circuit.leave(at(60)), Leave::Go);
        assert!(!circuit.is_open());
    }
}
