//! Sequences ready to switch on. Each is a starting point a careful shop would choose; what the law of a country asks
//! besides (double opt-in, caps, hours) holds for every one of them and is not written here.

use super::{Conditions, Exits, Sequence, Step};
use crate::domain::time::Time;

/// Every preset's name, what it is called and what it does, in one sentence.
pub const PRESETS: &[(&str, &str, &str)] = &[
    (
        "us",
        "United States",
        "One text half an hour after the cart went quiet, never later than 48 hours: what US carriers allow.",
    ),
    ("eu", "Europe", "A reminder, and a second text the day after to which a discount may be added."),
    ("gentle", "Gentle", "One text four hours later, and nothing more once the shopper looked again."),
    ("three-step", "Three steps", "A reminder, a second chance the day after and a last call, all within 48 hours."),
];

/// The EU, the rest of the EEA, Switzerland and the United Kingdom.
const EUROPE: &[&str] = &[
    "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GR", "HR", "HU", "IE", "IS", "IT",
    "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
];

const HOUR: u32 = 60;

/// The ready-made sequence of this name, switched off.
pub fn preset(name: &str) -> Option<Sequence> {
    let (id, title, _) = *PRESETS.iter().find(|(known, ..)| *known == name)?;
    let base = Sequence { id: id.into(), name: title.into(), ..Sequence::default() };
    let made = match id {
        // CTIA and the carriers: one text per abandoned cart, within 48 hours (compliance.md section 1.4).
        "us" => Sequence {
            when: Conditions { countries: vec!["US".into()], ..Conditions::default() },
            steps: vec![step(0, Some(48 * HOUR))],
            ..base
        },
        "eu" => Sequence {
            when: Conditions {
                countries: EUROPE.iter().map(|&code| code.to_owned()).collect(),
                ..Conditions::default()
            },
            steps: vec![step(0, Some(24 * HOUR)), step(24 * HOUR, Some(24 * HOUR))],
            ..base
        },
        // It waits for the morning: a text at four in the night is skipped by nobody's wish, and one that comes a day
        // late is not gentle.
        "gentle" => Sequence {
            steps: vec![step(4 * HOUR, Some(20 * HOUR))],
            exits: Exits { clicked: true, ..Exits::default() },
            rest_days: 14,
            ..base
        },
        "three-step" => Sequence {
            steps: vec![step(0, Some(20 * HOUR)), step(24 * HOUR, Some(16 * HOUR)), step(44 * HOUR, Some(4 * HOUR))],
            exits: Exits { clicked: true, ..Exits::default() },
            ..base
        },
        _ => return None,
    };
    Some(made)
}

/// What a shop has that never chose: a text when the cart is abandoned and one a day later, for every cart.
pub fn default_sequence() -> Sequence {
    Sequence {
        id: "default".into(),
        name: "Reminder and second chance".into(),
        on_since: Some(Time::FIRST),
        steps: vec![step(0, None), step(24 * HOUR, None)],
        rest_days: 0,
        ..Sequence::default()
    }
}

fn step(after_minutes: u32, deadline_minutes: Option<u32>) -> Step {
    Step { after_minutes, deadline_minutes, ..Step::default() }
}
