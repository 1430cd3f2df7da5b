//! Calls: people who dial a number a text showed them instead of tapping its link. Decides which number of a pool a text
//! shows, how surely a call came of a text, and which calls count. Pure.
//!
//! - A call counts when it was answered, talked for long enough, and is its caller's first that counted that day.
//! - It is a text's when its caller's phone got that text at most [`WITHIN`] before: the newest one.
//! - A hidden caller is nobody: the call counts for the sequence its number stands for, where it stands for one.

use std::time::Duration;

use super::{
    id::{CallNumberId, MessageId},
    time::{DAY, Time},
};

/// A text longer before a call than this is not considered.
pub const WITHIN: Duration = Duration::from_secs(7 * DAY.as_secs());
/// Seconds a call must have been talked to count, unless the shop says otherwise, and the most it can say.
pub const LEAST_SECONDS: u32 = 30;
pub const LEAST_SECONDS_MOST: u32 = 3_600;
/// Numbers of one shop.
pub const NUMBERS_MOST: usize = 50;

/// A number of the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    pub id: CallNumberId,
    /// E.164: the rented one, and the one the shop answers on.
    pub number: String,
    pub answers: String,
    /// The sequence whose texts show it; "" for every other.
    pub sequence: String,
    pub added_at: Time,
    pub removed_at: Option<Time>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Ringing,
    Answered,
    Missed,
}

impl State {
    pub const ALL: [State; 3] = [State::Ringing, State::Answered, State::Missed];

    pub fn name(self) -> &'static str {
        match self {
            State::Ringing => "ringing",
            State::Answered => "answered",
            State::Missed => "missed",
        }
    }
}

/// How surely a call came of a text, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tie {
    /// The caller's own phone was texted.
    Phone,
    /// Only one sequence shows this number.
    Sequence,
    Unknown,
}

impl Tie {
    pub const ALL: [Tie; 3] = [Tie::Phone, Tie::Sequence, Tie::Unknown];

    pub fn name(self) -> &'static str {
        match self {
            Tie::Phone => "phone",
            Tie::Sequence => "sequence",
            Tie::Unknown => "unknown",
        }
    }
}

/// The number a text of this sequence shows: those that stand for it, else those that stand for none; of several each
/// text one, always the same. `None` where there is none.
pub fn shown<'n>(numbers: &'n [Number], sequence: &str, message: MessageId) -> Option<&'n Number> {
    let of = |wanted: &str| -> Vec<&'n Number> {
        numbers.iter().filter(|number| number.removed_at.is_none() && number.sequence == wanted).collect()
    };
    let own = of(sequence);
    let pool = if own.is_empty() { of("") } else { own };
    // Ids grow with time: their place in the day is spread well enough, mixed so that neighbours differ.
    let mixed = message.get().unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let count = u64::try_from(pool.len()).ok().filter(|count| *count > 0)?;
    pool.get(usize::try_from(mixed % count).ok()?).copied()
}

/// A text to the caller's phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub message: MessageId,
    pub sequence: String,
    pub accepted_at: Time,
}

/// How surely a call came of a text, of which, and the sequence it is counted for.
pub fn tie(number: &Number, texts: &[Text], called_at: Time) -> (Tie, Option<MessageId>, String) {
    let before = texts.iter().filter(|text| text.accepted_at <= called_at && called_at < text.accepted_at + WITHIN);
    if let Some(text) = before.max_by_key(|text| (text.accepted_at, text.message)) {
        return (Tie::Phone, Some(text.message), text.sequence.clone());
    }
    match number.sequence.is_empty() {
        false => (Tie::Sequence, None, number.sequence.clone()),
        true => (Tie::Unknown, None, String::new()),
    }
}

/// Whether a call counts, where its caller has no other that counted this day.
pub fn counts(state: State, seconds: u32, least_seconds: u32) -> bool {
    state == State::Answered && seconds >= least_seconds
}

/// A number as it is typed for the pool: E.164. `Err` in words for the shopkeeper.
pub fn typed(field: &str, text: &str) -> Result<String, String> {
    let bare: String = text.chars().filter(|sign| !matches!(sign, ' ' | '-' | '(' | ')' | '.' | '/')).collect();
    let digits = bare.strip_prefix('+').unwrap_or_default();
    let good = (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if good && !digits.starts_with('0') {
        Ok(bare)
    } else {
        Err(format!("{field}: must be a phone number with its country, as in +38615551234"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::HOUR;

    fn number(id: i64, sequence: &str) -> Number {
        Number {
            id: CallNumberId::new(id),
            number: format!("+3861555000{id}"),
            answers: "+38615559999".into(),
            sequence: sequence.into(),
            added_at: Time::FIRST,
            removed_at: None,
        }
    }

    #[test]
    fn a_text_shows_its_sequences_number_and_always_the_same() {
        let pool = [number(1, "eu"), number(2, "eu"), number(3, "")];
        let of = |sequence, message| shown(&pool, sequence, MessageId::new(message)).map(|number| number.id.get());
        assert_eq!(of("us", 1), Some(3));
        let eu: Vec<_> = (0..50).map(|message| of("eu", message)).collect();
        assert!(eu.contains(&Some(1)) && eu.contains(&Some(2)) && !eu.contains(&Some(3)));
        assert_eq!(eu, (0..50).map(|message| of("eu", message)).collect::<Vec<_>>());
        let gone = [Number { removed_at: Some(Time::FIRST), ..number(1, "") }];
        assert_eq!(shown(&gone, "eu", MessageId::new(1)), None);
    }

    #[test]
    fn a_call_is_the_newest_texts_within_a_week() {
        let now = Time::from_seconds(100_000_000);
        let text = |id, before: Duration| Text {
            message: MessageId::new(id),
            sequence: format!("s{id}"),
            accepted_at: now - before,
        };
        let texts = [text(1, HOUR * 5), text(2, HOUR), text(3, DAY * 7)];
        assert_eq!(tie(&number(1, "eu"), &texts, now), (Tie::Phone, Some(MessageId::new(2)), "s2".into()));
        assert_eq!(tie(&number(1, "eu"), &texts[2..], now), (Tie::Sequence, None, "eu".into()));
        assert_eq!(tie(&number(1, ""), &[], now), (Tie::Unknown, None, String::new()));
        // A text after the call had no part in it.
        assert_eq!(tie(&number(1, ""), &texts[..2], now - HOUR * 9).0, Tie::Unknown);
        assert!(counts(State::Answered, 30, 30) && !counts(State::Answered, 29, 30) && !counts(State::Missed, 99, 30));
    }

    #[test]
    fn numbers_are_typed_with_their_country() {
        assert_eq!(typed("number", "+386 (1) 555-12-34"), Ok("+38615551234".into()));
        for wrong in ["", "+", "015551234", "+0155512345", "+386", "+1234567890123456", "+38615551234 ext 2", "+<Dial>"]
        {
            assert!(typed("number", wrong).is_err(), "{wrong}");
        }
    }
}
