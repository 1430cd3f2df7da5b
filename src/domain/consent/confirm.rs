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
