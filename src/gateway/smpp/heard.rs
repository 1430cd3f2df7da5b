//! What the session heard, as it wrote it down: receipts (SMPP 3.4, 5.2.12, 5.3.2.12, 5.3.2.35 and appendix B) and texts
//! that people sent.
//!
//! A receipt is known by its esm_class, or by the two fields that only a centre can set. What a text reads like never makes
//! it a receipt: anybody can write `stat:DELIVRD`.

use data_encoding::HEXLOWER;
use serde_json::Value;

use super::{alphabet, wire};
use crate::domain::{
    connector::{Accepted, Delivery, Unreadable},
    message::{GatewayEvent, Receipt, ReceiptStatus, RefusalClass},
};

/// Bits 5 to 2 of esm_class: what kind of text this is.
const KIND: u8 = 0b0011_1100;
const RECEIPT: u8 = 0b0000_0100;
const NOTIFICATION: u8 = 0b0010_0000;

/// What was said and the MAC over it.
pub fn envelope(delivery: &Delivery) -> Option<(String, Vec<u8>)> {
    let body: Value = serde_json::from_slice(&delivery.body).ok()?;
    let mac = HEXLOWER.decode(body.get("mac")?.as_str()?.as_bytes()).ok()?;
    Some((body.get("said")?.as_str()?.to_owned(), mac))
}

pub fn kept(delivery: &Delivery, said: &str) -> Accepted {
    let said: Value = serde_json::from_str(said).unwrap_or_default();
    let topic = topic(&said);
    if topic != "receipt" {
        return wire::kept(delivery, topic, wire::text(&said, "id").as_deref(), None);
    }
    let told = Told::of(&said);
    wire::kept(delivery, topic, told.id.as_deref(), told.state.as_deref())
}

pub fn read(
    topic: &str,
    delivery: &Delivery,
    receipt_id: &dyn Fn(&str) -> String,
) -> Result<Vec<GatewayEvent>, Unreadable> {
    let unreadable = || Unreadable::new("not what the session writes");
    let (said, _) = envelope(delivery).ok_or_else(unreadable)?;
    let said: Value = serde_json::from_str(&said).map_err(|_| unreadable())?;
    match topic {
        "receipt" => Ok(vec![GatewayEvent::Receipt(receipt(&Told::of(&said), receipt_id)?)]),
        "reply" => {
            let [from, to] = ["source", "destination"].map(|name| wire::text(&said, name));
            let id = wire::text(&said, "id");
            let reply = wire::reply(delivery, from.as_deref(), to.as_deref(), Some(&words(&said)), id.as_deref())?;
            Ok(vec![GatewayEvent::Reply(reply)])
        }
        _ => Ok(Vec::new()),
    }
}

/// A part of a text is kept so that it cannot be lost; it is read when the session has all of them.
fn topic(said: &Value) -> &'static str {
    if said.get("part").and_then(Value::as_bool) == Some(true) {
        return "other";
    }
    let named = wire::text(said, "receipted_message_id").is_some() && said.get("message_state").is_some();
    match esm_class(said) & KIND {
        RECEIPT | NOTIFICATION => "receipt",
        _ if named => "receipt",
        0 => "reply",
        _ => "other",
    }
}

fn esm_class(said: &Value) -> u8 {
    wire::number(said, "esm_class").unwrap_or_default()
}

fn words(said: &Value) -> String {
    parts(said).map(|(data_coding, octets)| alphabet::read(data_coding, &octets)).collect()
}

fn parts(said: &Value) -> impl Iterator<Item = (u8, Vec<u8>)> {
    let parts = said.get("parts").and_then(Value::as_array).into_iter().flatten();
    parts.filter_map(|part| {
        let octets = HEXLOWER.decode(part.get("octets")?.as_str()?.as_bytes()).ok()?;
        Some((wire::number(part, "data_coding").unwrap_or_default(), octets))
    })
}

/// What a receipt tells, from its fields where it has them, else from its text.
struct Told {
    id: Option<String>,
    /// The number of message_state, or the word after `stat:`.
    state: Option<String>,
    error: Option<String>,
}

impl Told {
    fn of(said: &Value) -> Told {
        let text: String = parts(said)
            .map(|(coding, octets)| match coding {
                alphabet::UCS2 => alphabet::read(coding, &octets),
                _ => alphabet::latin(&octets),
            })
            .collect();
        Told {
            id: wire::text(said, "receipted_message_id").or_else(|| after(&text, "id:")),
            state: wire::text(said, "message_state").or_else(|| after(&text, "stat:")),
            error: after(&text, "err:").or_else(|| network_error(said)),
        }
    }
}

/// The word after a label. What follows `text:` repeats the message, which may say anything.
fn after(text: &str, label: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let starts =
        |word: &str, label: &str| word.get(..label.len()).is_some_and(|start| start.eq_ignore_ascii_case(label));
    while let Some(word) = words.next() {
        if starts(word, "text:") {
            return None;
        }
        if starts(word, label) {
            let value = word.get(label.len()..).filter(|value| !value.is_empty());
            // `id: 7`; but an empty field is followed by the next label.
            let value = value.or_else(|| words.next().filter(|word| !word.contains(':')));
            return value.map(str::to_owned);
        }
    }
    None
}

/// network_error_code: an octet for the kind of network and two for its code.
fn network_error(said: &Value) -> Option<String> {
    let octets = HEXLOWER.decode(wire::text(said, "network_error_code")?.as_bytes()).ok()?;
    let [_, high, low] = octets.try_into().ok()?;
    Some(u16::from_be_bytes([high, low]).to_string())
}

/// message_state and the word for it, and what it means. `ACCEPTD` and `ENROUTE` are on their way.
const STATES: &[(&str, &str, ReceiptStatus)] = &[
    ("1", "ENROUTE", ReceiptStatus::Accepted),
    ("2", "DELIVRD", ReceiptStatus::Delivered),
    ("3", "EXPIRED", ReceiptStatus::Expired),
    ("4", "DELETED", ReceiptStatus::Undelivered),
    ("5", "UNDELIV", ReceiptStatus::Undelivered),
    ("6", "ACCEPTD", ReceiptStatus::Accepted),
    ("8", "REJECTD", ReceiptStatus::Rejected),
];

fn receipt(told: &Told, receipt_id: &dyn Fn(&str) -> String) -> Result<Receipt, Unreadable> {
    let id = told.id.as_deref().map(receipt_id);
    let state = told.state.as_deref().unwrap_or_default();
    let known = STATES.iter().find(|(number, word, _)| *number == state || word.eq_ignore_ascii_case(state));
    let (word, status) = known.map_or((state, ReceiptStatus::Unknown), |&(_, word, status)| (word, status));
    let bad_news = matches!(status, ReceiptStatus::Undelivered | ReceiptStatus::Expired | ReceiptStatus::Rejected);
    let error = told.error.as_deref().filter(|error| error.bytes().any(|byte| byte != b'0'));
    let code = match (bad_news, error) {
        (true, Some(error)) => Some(format!("{word} {error}")),
        (true, None) => Some(word.to_owned()),
        (false, _) => (status == ReceiptStatus::Unknown).then(|| format!("state {word}")),
    };
    Ok(Receipt {
        status,
        code: code.as_deref().map(wire::short),
        class: bad_news.then_some(RefusalClass::Other),
        ..wire::about(None, id.as_deref())?
    })
}
