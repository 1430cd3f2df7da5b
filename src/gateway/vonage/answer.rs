//! Vonage's answer to a send: one element per part of the text, each with a status of its own.

use serde_json::Value;

use super::wire;
use crate::{
    domain::{
        message::{Cost, RefusalClass, SendOutcome},
        money::{Currency, decimal},
    },
    http::Response,
};

/// Prices are told without a currency, and are in euros (docs, "Send an SMS").
const CURRENCY: &str = "EUR";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Refused(RefusalClass),
    /// Too much at once: the part did not leave.
    Passing,
    /// The part may have left.
    Unsure,
}

/// From `sms.yml`, `x-errors`. A status that is not listed may mean anything.
const CODES: &[(u32, Meaning)] = {
    use Meaning::{Passing, Refused, Unsure};
    use RefusalClass::{Account, Number, Other};
    &[
        (1, Passing),           // throttled
        (2, Refused(Other)),    // a parameter is missing
        (3, Refused(Other)),    // a parameter is wrong
        (4, Refused(Account)),  // credentials
        (5, Unsure),            // internal error
        (6, Refused(Number)),   // no route to such a number
        (7, Refused(Number)),   // number barred
        (8, Refused(Account)),  // account barred
        (9, Refused(Account)),  // no credit
        (10, Passing),          // too many connections at once, "back off and retry"
        (11, Refused(Account)), // account not enabled for this API
        (12, Refused(Other)),   // too long
        (14, Refused(Account)), // wrong signature
        (15, Refused(Account)), // sender not ours
        (22, Refused(Other)),   // network code
        (23, Refused(Other)),   // callback address
        (29, Refused(Account)), // demo account, number not listed
        (32, Refused(Account)), // signed and with a secret
        (33, Refused(Number)),  // number de-activated
    ]
};

/// Never `Later` unless every part was told to wait, and unknown whenever one may have left while another did not.
pub fn outcome(answer: &Response) -> SendOutcome {
    let parts = parts(&answer.body);
    let taken = |answer: &Response| parts.as_deref().map_or_else(wire::names_nothing, |parts| judge(answer, parts));
    wire::judge(answer, taken, |answer| refused(answer, parts.as_deref().unwrap_or_default()))
}

/// One element of the answer.
struct Part {
    status: Option<String>,
    id: Option<String>,
    price: Option<i64>,
}

impl Part {
    /// Taken, with a name to know it by.
    fn is_taken(&self) -> bool {
        self.status.as_deref() == Some("0") && self.id.is_some()
    }

    fn meaning(&self) -> Meaning {
        let number = self.status.as_deref().and_then(|status| status.parse::<u32>().ok());
        let known = number.and_then(|number| CODES.iter().find(|(known, _)| *known == number));
        known.map_or(Meaning::Unsure, |&(_, meaning)| meaning)
    }
}

/// The elements, at least one.
fn parts(body: &[u8]) -> Option<Vec<Part>> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let parts = body.get("messages")?.as_array()?.iter().map(|part| Part {
        status: wire::text(part, "status"),
        id: wire::text(part, "message-id"),
        price: wire::text(part, "message-price").and_then(|price| decimal(&price, 6).ok()),
    });
    Some(parts.collect()).filter(|parts: &Vec<Part>| !parts.is_empty())
}

fn judge(answer: &Response, parts: &[Part]) -> SendOutcome {
    let taken = parts.iter().filter(|part| part.is_taken()).count();
    if taken == parts.len() {
        return SendOutcome::Accepted {
            reference: parts.first().and_then(|part| part.id.as_deref()).map(wire::short),
            segments: u32::try_from(taken).ok(),
            cost: cost(parts),
        };
    }
    let failed = parts.iter().find(|part| !part.is_taken());
    let why = failed.map_or_else(|| "no status".to_owned(), shown);
    if taken > 0 {
        return wire::unknown(&format!("{taken} of {} parts taken, then {why}", parts.len()));
    }
    let meanings: Vec<Meaning> = parts.iter().map(Part::meaning).collect();
    if let Some(unsure) = parts.iter().find(|part| part.meaning() == Meaning::Unsure) {
        return wire::unknown(&shown(unsure));
    }
    if meanings.iter().all(|meaning| *meaning == Meaning::Passing) {
        return wire::later(answer, &why);
    }
    first_refusal(parts).unwrap_or_else(|| wire::unknown(&why))
}

/// A 4xx with the same elements, or with anything else inside. Only what every element says makes it `Later`.
fn refused(answer: &Response, parts: &[Part]) -> SendOutcome {
    if !parts.is_empty() && parts.iter().all(|part| part.meaning() == Meaning::Passing) {
        return wire::later(answer, &parts.first().map(shown).unwrap_or_default());
    }
    first_refusal(parts).unwrap_or_else(|| wire::refused(answer))
}

fn first_refusal(parts: &[Part]) -> Option<SendOutcome> {
    parts.iter().find_map(|part| match part.meaning() {
        Meaning::Refused(class) => Some(SendOutcome::Refused { class, code: shown(part) }),
        _ => None,
    })
}

/// The status as people see it; whatever is no number is not repeated.
fn shown(part: &Part) -> String {
    let number = part.status.as_deref().and_then(|status| status.parse::<u16>().ok());
    number.map_or_else(|| "no status".to_owned(), |number| format!("status {number}"))
}

/// The sum over all parts, if every part tells its price.
fn cost(parts: &[Part]) -> Option<Cost> {
    let sum = parts.iter().try_fold(0i64, |sum, part| sum.checked_add(part.price?.saturating_abs()))?;
    Some(Cost { micros: sum, currency: Currency::parse(CURRENCY).ok()? })
}
