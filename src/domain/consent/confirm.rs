//! Confirm: the double opt-in by text. One request, one reminder at most, `YES` only while it is pending, then silence.
//!
//! Source: compliance.md 1.4 and 2.2 gate 6 (carriers' programmes: "nothing else until Y/YES"; asked once, then silent
//! for 30 days). The hours between request and reminder and the 72 hours a `YES` counts are our own choice.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::time::{DAY, HOUR, Time};

/// From the request to its one reminder.
pub const REMIND_AFTER: Duration = Duration::from_secs(22 * 60 * 60);
/// So long after the newest request a `YES` confirms.
pub const PENDING_FOR: Duration = Duration::from_secs(72 * 60 * 60);
/// So long after the newest request nobody is asked again.
pub const SILENT_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// A reminder belongs to the cart that asked: later than this after the request it is not sent.
const REMIND_WITHIN: Duration = Duration::from_secs(48 * 60 * 60);

/// What is to be done about a confirmation that is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is", content = "at")]
pub enum Request {
    /// Send the request (`confirmation`).
    Ask,
    /// Send its one reminder (`confirmation_again`).
    Remind,
    /// Asked; the reminder is due then.
    RemindAt(Time),
    /// Asked as often as we do; until then nothing more.
    SilentUntil(Time),
}

/// Whether a `YES` said now answers a request of ours.
pub fn is_pending(asked: &[Time], now: Time) -> bool {
    newest(asked, now).is_some_and(|at| now < at + PENDING_FOR)
}

/// What follows for somebody whose confirmation is needed. `asked` are the moments of earlier requests and reminders, in
/// any order; `deadline` is when the cart's time is up, after which no reminder is of use.
pub fn next(asked: &[Time], deadline: Option<Time>, now: Time) -> Request {
    let Some(last) = newest(asked, now) else { return Request::Ask };
    let silent_until = last + SILENT_FOR;
    if now >= silent_until {
        return Request::Ask;
    }
    // Between two rounds lie 30 days, so what is newer than that before the last one belongs to its round.
    let round = asked.iter().filter(|at| **at <= now && **at + SILENT_FOR > last).count();
    let remind_at = last + REMIND_AFTER;
    let too_late = (last + REMIND_WITHIN).min(deadline.unwrap_or(Time::LAST));
    if round > 1 || now >= too_late || remind_at >= too_late {
        Request::SilentUntil(silent_until)
    } else if now < remind_at {
        Request::RemindAt(remind_at)
    } else {
        Request::Remind
    }
}

fn newest(asked: &[Time], now: Time) -> Option<Time> {
    asked.iter().copied().filter(|at| *at <= now).max()
}

/// The longest a request is worth sending after it was made.
pub const REQUEST_VALID_FOR: Duration = HOUR.saturating_mul(4);

/// How far back requests matter at all.
pub const LOOK_BACK: Duration = DAY.saturating_mul(60);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(hours: u32) -> Time {
        Time::from_seconds(1_700_000_000) + HOUR * hours
    }

    #[track_caller]
    fn check(asked: &[u32], deadline: Option<u32>, now: u32, expected: Request) {
        let moments: Vec<Time> = asked.iter().copied().map(at).collect();
        assert_eq!(next(&moments, deadline.map(at), at(now)), expected, "{asked:?} {deadline:?} {now}");
    }

    #[test]
    fn asked_once_reminded_once_then_silence() {
        use Request::*;
        check(&[], Some(48), 0, Ask);
        check(&[0], Some(48), 1, RemindAt(at(22)));
        check(&[0], Some(48), 22, Remind);
        check(&[0], Some(48), 47, Remind);
        check(&[0], Some(48), 48, SilentUntil(at(720)));
        check(&[0, 22], Some(48), 23, SilentUntil(at(742)));
        check(&[0, 22], Some(48), 741, SilentUntil(at(742)));
        check(&[0, 22], Some(900), 742, Ask);
        // The second round is a round of its own.
        check(&[0, 22, 742], Some(900), 743, RemindAt(at(764)));
        check(&[0, 22, 742, 764], Some(900), 765, SilentUntil(at(1484)));
    }

    #[test]
    fn a_reminder_keeps_to_the_carts_time() {
        use Request::*;
        check(&[0], Some(20), 1, SilentUntil(at(720)));
        check(&[0], Some(22), 1, SilentUntil(at(720)));
        check(&[0], Some(30), 23, Remind);
        check(&[0], Some(30), 30, SilentUntil(at(720)));
        check(&[0], None, 47, Remind);
        // A later cart does not stretch it: the reminder is about the request.
        check(&[0], Some(200), 60, SilentUntil(at(720)));
    }

    #[test]
    fn a_yes_counts_for_three_days() {
        #[track_caller]
        fn check(asked: &[u32], now: u32, expected: bool) {
            let moments: Vec<Time> = asked.iter().copied().map(at).collect();
            assert_eq!(is_pending(&moments, at(now)), expected, "{asked:?} {now}");
        }
        check(&[], 1, false);
        check(&[5], 4, false);
        check(&[5], 5, true);
        check(&[0], 71, true);
        check(&[0], 72, false);
        check(&[0, 22], 93, true);
        check(&[0, 22], 94, false);
    }

    proptest! {
        /// Carts every so many hours for a year, every one of them willing to ask: never more than two requests within 30
        /// days, never two within 22 hours.
        #[test]
        fn nobody_is_pestered(gaps in prop::collection::vec(1_u32..200, 1..120)) {
            let mut asked: Vec<Time> = Vec::new();
            let mut now = 0;
            for gap in gaps {
                now += gap;
                if matches!(next(&asked, Some(at(now + 48)), at(now)), Request::Ask | Request::Remind) {
                    asked.push(at(now));
                }
            }
            for (place, first) in asked.iter().enumerate() {
                let within = |span| asked.iter().skip(place).filter(|later| **later < *first + span).count();
                prop_assert!(within(SILENT_FOR) <= 2);
                prop_assert!(within(REMIND_AFTER) <= 1);
            }
        }
    }
}
