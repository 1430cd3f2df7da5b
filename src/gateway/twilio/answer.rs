//! Twilio's answers: to a send, to the look-up after an outcome nobody knows, and to what is asked afterwards.

use std::time::Duration;

use serde_json::Value;

use super::{
    LookUp, Priced, Redacted,
    code::{self, Meaning},
    wire,
};
use crate::{
    domain::{
        message::{Cost, GatewayEvent, MessageRef, Outgoing, Receipt, RefusalClass, SendOutcome},
        time::Time,
    },
    http::Response,
};

/// Twilio's clock and ours may differ by this much.
const CLOCK_SLACK: Duration = Duration::from_secs(60);

/// What the answer to a send means. Never `Later` for a 5xx: a repeated 500 may send twice (docs, error 20500).
pub fn outcome(answer: &Response) -> SendOutcome {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    match answer.status {
        200..=299 => taken(body.as_ref()),
        408 => SendOutcome::Unknown { why: "HTTP 408".into() },
        400..=499 => refused(answer, body.as_ref().and_then(|body| number(body, "code"))),
        status => SendOutcome::Unknown { why: format!("HTTP {status}") },
    }
}

fn taken(body: Option<&Value>) -> SendOutcome {
    let Some((body, sid)) = body.and_then(|body| Some((body, text(body, "sid")?))) else {
        return SendOutcome::Unknown { why: "an answer that names no message".into() };
    };
    // Taken and dropped in the same breath: nothing left, and the code says why.
    if text(body, "status").as_deref() == Some("failed") {
        let code = number(body, "error_code");
        let class = match code.and_then(code::meaning) {
            Some(Meaning::Refused(class)) => class,
            _ => RefusalClass::Other,
        };
        return SendOutcome::Refused { class, code: code.map_or("failed".into(), |code| code.to_string()) };
    }
    SendOutcome::Accepted { reference: Some(wire::short(&sid)), segments: segments(body), cost: cost(body) }
}

fn refused(answer: &Response, code: Option<u32>) -> SendOutcome {
    let shown = code.map_or_else(|| format!("HTTP {}", answer.status), |code| code.to_string());
    let meaning = match code.and_then(code::meaning) {
        _ if answer.status == 429 => Meaning::Passing,
        Some(meaning) => meaning,
        None if matches!(answer.status, 401 | 403 | 404) => Meaning::Refused(RefusalClass::Account),
        None => Meaning::Refused(RefusalClass::Other),
    };
    match (meaning, wire::later(answer, &shown)) {
        (Meaning::Refused(class), _) => SendOutcome::Refused { class, code: shown },
        (Meaning::Passing, SendOutcome::Later { why, after }) => {
            SendOutcome::Later { why, after: after.or_else(|| code.and_then(code::passes_after)) }
        }
        (Meaning::Passing, other) => other,
    }
}

/// Searches the list of texts to the number, newest first, for ours: the same words, made no earlier than the attempt.
pub fn looked_up(sms: &Outgoing, reference: &MessageRef, answer: &Response) -> LookUp {
    let body = wire::json(answer);
    let Some(list) = body.as_ref().and_then(|body| body.get("messages")?.as_array()) else { return LookUp::Unclear };
    let from = sms.attempted_at - CLOCK_SLACK;
    let mut all_dated = true;
    let mut reaches_back = body.as_ref().and_then(|body| body.get("next_page_uri")).is_none_or(Value::is_null);
    for message in list {
        let Some(made) = text(message, "date_created").and_then(|date| date_of(&date)) else {
            all_dated = false;
            continue;
        };
        if made < from {
            reaches_back = true;
        } else if is_ours(sms, message) {
            return LookUp::Found(Box::new(GatewayEvent::Receipt(receipt(*reference, message))));
        }
    }
    if all_dated && reaches_back { LookUp::Absent } else { LookUp::Unclear }
}

/// A trial account puts a sentence of its own before the words.
fn is_ours(sms: &Outgoing, message: &Value) -> bool {
    let inbound = text(message, "direction").is_some_and(|direction| direction.starts_with("inbound"));
    let words = sms.text.trim();
    !inbound && !words.is_empty() && text(message, "body").is_some_and(|body| body.trim().ends_with(words))
}

fn receipt(reference: MessageRef, message: &Value) -> Receipt {
    let code = message.get("error_code").and_then(wire::scalar);
    let told = code::told(&text(message, "status").unwrap_or_default(), code.as_deref());
    Receipt {
        reference: Some(reference),
        gateway_ref: text(message, "sid").map(|sid| wire::short(&sid)),
        status: told.status,
        code: told.code,
        class: told.class,
        cost: cost(message),
        segments: segments(message),
    }
}

/// `price` is null until Twilio knows it, which may be after the text is delivered.
pub fn price(answer: &Response) -> Option<Priced> {
    let message = wire::json(answer)?;
    Some(Priced { cost: cost(&message)?, segments: segments(&message) })
}

/// What is left, below zero where the account owes.
pub fn balance(answer: &Response) -> Option<Cost> {
    let body = wire::json(answer)?;
    wire::left(&wire::text(&body, "balance")?, &wire::text(&body, "currency")?)
}

/// A deletion is answered 204 without a body; 409 says that the text is still on its way (docs, error 20009).
pub fn redacted(answer: &Response) -> Redacted {
    wire::redacted(answer)
}

/// RFC 2822, as the API of 2010 writes all its times.
fn date_of(text: &str) -> Option<Time> {
    let moment = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Time::from_millis(moment.as_millisecond()))
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn number(value: &Value, name: &str) -> Option<u32> {
    value.get(name).and_then(wire::scalar)?.parse().ok()
}

/// A messaging service answers "0" until it has chosen a sender.
fn segments(message: &Value) -> Option<u32> {
    number(message, "num_segments").filter(|&count| count > 0)
}

/// Twilio writes what it took from the account: `"-0.00750"`. A price of zero is a price.
fn cost(message: &Value) -> Option<Cost> {
    wire::cost(&wire::text(message, "price")?, &wire::text(message, "price_unit")?)
}
