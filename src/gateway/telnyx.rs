//! Telnyx Messaging, API v2 (developers.telnyx.com, "Send a message", "Receiving webhooks"; types of the PyPI package
//! telnyx 4.189).
//!
//! The one provider here with a true idempotency key: a request that is repeated within 24 hours under the same
//! `Idempotency-Key` sends nothing twice. The key is our reference. Callbacks are signed with Ed25519 over their time and
//! raw bytes. Our reference travels in the query of `webhook_url`; what a text cost comes with its last receipt.

use data_encoding::BASE64;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};

use super::{Can, Dispatch, Gateway, Price, Proof, signed, wire};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Unreadable},
        message::{Cost, GatewayEvent, Outgoing, Receipt, ReceiptStatus, RefusalClass, Reply, SendOutcome},
    },
    http::{Request, Response},
};

pub struct Telnyx;

const API: &str = "https://api.telnyx.com";

static SPEC: Spec = Spec {
    kind: "telnyx",
    name: "Telnyx",
    fields: &[
        Field {
            key: "api_key",
            label: "API key",
            help: "KEY…, in the Telnyx portal under API Keys",
            secret: true,
            required: true,
            ..Field::TEXT
        },
        Field {
            key: "public_key",
            label: "Public key",
            help: "in the portal under Keys & Credentials, Public Key; it verifies callbacks. Two with a comma while it is \
                   being replaced",
            required: true,
            check: |list| list.split([',', '\n']).map(str::trim).try_for_each(check_key),
            ..Field::TEXT
        },
        Field {
            help: "a number of the account (+1…), a short code, or a name of up to 11 letters; several with commas, and \
                   each person always hears from the same one",
            check: |list| wire::check_senders(list, check_sender),
            ..wire::SENDER
        },
        Field {
            key: "messaging_profile_id",
            label: "Messaging profile ID",
            help: "of the profile the sender belongs to; needed when the sender is a name",
            ..Field::TEXT
        },
        Field { default: Some(API), ..wire::API_ADDRESS },
    ],
    connect: &[
        "Receipts need nothing: every text carries their address.",
        "For replies open Messaging in the Telnyx portal and the messaging profile of the sender.",
        "Under Inbound set \"Send a webhook to this URL\" to {url}",
    ],
    topics: &[],
    limits: &[
        "Texts cannot be told to expire there; Telnyx keeps what it cannot send at once for about four hours.",
        "Long codes outside 10DLC send one part in ten seconds.",
    ],
};

static CAN: Can =
    Can { proof: Proof::Signed, replies: true, tells_opt_outs: true, price: Price::InReceipt, ..Can::SEND };

impl Gateway for Telnyx {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn can(&self) -> &'static Can {
        &CAN
    }

    fn dispatch(&self, settings: &Settings, sms: &Outgoing) -> Dispatch {
        let mut body = json!({
            "from": wire::sender(settings, &sms.to),
            "to": sms.to.e164(),
            "text": sms.text,
            "type": "SMS",
        });
        let optional = [
            ("messaging_profile_id", settings.given("messaging_profile_id")),
            ("webhook_url", sms.callback_url.as_deref()),
        ];
        if let Some(body) = body.as_object_mut() {
            for (name, value) in optional {
                body.extend(value.map(|value| (name.to_owned(), value.into())));
            }
        }
        let request = Request::json(format!("{}/v2/messages", wire::api(settings, API)), &body);
        // A dot is not among what a key may hold.
        let key = sms.reference.to_string().replace('.', "-");
        Dispatch::Http(signed_in(settings, request).header("idempotency-key", key))
    }

    fn outcome(&self, _settings: &Settings, answer: &Response) -> SendOutcome {
        wire::judge(answer, taken, refused)
    }

    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        check_signature(settings, delivery)?;
        let Some(told) = Told::of(&delivery.body) else {
            return Ok(Accepted::Keep { topic: "other".into(), key: wire::fingerprint(delivery) });
        };
        let topic = match told.word("event_type").as_deref() {
            Some("message.sent" | "message.finalized") => "receipt",
            Some("message.received") => "reply",
            _ => "other",
        };
        // The event's own id is the same in every attempt to deliver it.
        let key = told.word("id").map_or_else(|| wire::fingerprint(delivery), |id| wire::short(&id));
        Ok(Accepted::Keep { topic: topic.into(), key })
    }

    fn read(&self, _settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
        if !matches!(topic, "receipt" | "reply") {
            return Ok(Vec::new());
        }
        let told = Told::of(&delivery.body).ok_or_else(|| Unreadable::new("no event of a message"))?;
        let event = if topic == "receipt" {
            GatewayEvent::Receipt(receipt(delivery, &told.payload)?)
        } else {
            GatewayEvent::Reply(reply(delivery, &told.payload)?)
        };
        Ok(vec![event])
    }

    fn ask_balance(&self, settings: &Settings) -> Option<Request> {
        Some(signed_in(settings, Request::get(format!("{}/v2/balance", wire::api(settings, API)))))
    }

    /// What is left without any credit that Telnyx grants, below zero where the account owes.
    fn balance(&self, _settings: &Settings, answer: &Response) -> Option<Cost> {
        let body = wire::json(answer)?;
        let data = body.get("data")?;
        wire::left(&wire::text(data, "balance")?, &wire::text(data, "currency")?)
    }
}

fn signed_in(settings: &Settings, request: Request) -> Request {
    let request = request.header("authorization", format!("Bearer {}", settings.get("api_key")));
    Request { private: wire::stands_in(settings, API), ..request }
}

fn check_key(text: &str) -> Result<(), &'static str> {
    match BASE64.decode(text.as_bytes()) {
        Ok(key) if key.len() == 32 => Ok(()),
        _ => Err("be the public key as the portal shows it, 44 characters that end in ="),
    }
}

fn check_sender(text: &str) -> Result<(), &'static str> {
    let digits =
        |text: &str, from: usize| (from..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let name = text.len() <= 11
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b' ');
    if name || (text.len() <= 8 && digits(text, 3)) || text.strip_prefix('+').is_some_and(|rest| digits(rest, 7)) {
        Ok(())
    } else {
        Err("be a number with its +, a short code, or a name of up to 11 letters and digits")
    }
}

/// Ed25519 over `{timestamp}|{raw body}`.
fn check_signature(settings: &Settings, delivery: &Delivery) -> Result<(), Refusal> {
    let keys: Vec<_> = settings.list("public_key").filter_map(|key| BASE64.decode(key.as_bytes()).ok()).collect();
    if keys.is_empty() {
        return Err(Refusal::NoKey);
    }
    let header = |name| delivery.header(name).map(str::trim).ok_or(Refusal::Unsigned);
    let (sent, stamp) = (header("telnyx-signature-ed25519")?, header("telnyx-timestamp")?);
    let signature = BASE64.decode(sent.as_bytes()).map_err(|_| Refusal::WrongSignature)?;
    let told = [stamp.as_bytes(), b"|", &delivery.body].concat();
    if !keys.iter().any(|key| UnparsedPublicKey::new(&ED25519, key).verify(&told, &signature).is_ok()) {
        return Err(Refusal::WrongSignature);
    }
    signed::in_time(delivery, stamp.parse().ok())
}

enum Meaning {
    Refused(RefusalClass),
    /// It passes by itself: on a send, try again later; in a receipt, nothing to learn.
    Passing,
}

/// Codes of `errors` (developers.telnyx.com, "Messaging error codes"). One that is not listed is not guessed at.
const CODES: &[(u32, Meaning)] = {
    use Meaning::{Passing, Refused};
    use RefusalClass::{Account, Content, Number, OptedOut, Other};
    &[
        (40001, Refused(Number)),   // not routable: a landline
        (40002, Refused(Content)),  // blocked as spam for now
        (40003, Refused(Content)),  // blocked as spam
        (40004, Refused(Other)),    // rejected by the destination
        (40005, Refused(Other)),    // expired
        (40006, Passing),           // the recipient's server is down
        (40008, Refused(Other)),    // undeliverable
        (40009, Refused(Other)),    // the words
        (40011, Passing),           // too many requests
        (40300, Refused(OptedOut)), // the person replied STOP
        (40310, Refused(Number)),   // invalid To
        (40318, Passing),           // the queue is full
        (10009, Refused(Account)),  // authentication failed
    ]
};

fn meaning(code: u32) -> Option<&'static Meaning> {
    CODES.iter().find(|(known, _)| *known == code).map(|(_, meaning)| meaning)
}

/// The first error of a list that we know, else the first.
fn error_code(of: &Value) -> Option<u32> {
    let codes: Vec<u32> =
        of.get("errors")?.as_array()?.iter().filter_map(|error| wire::number(error, "code")).collect();
    codes.iter().copied().find(|code| meaning(*code).is_some()).or_else(|| codes.first().copied())
}

fn taken(answer: &Response) -> SendOutcome {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let data = body.get("data").unwrap_or(&Value::Null);
    match wire::text(data, "id") {
        // What it cost is an estimate here; the last receipt has it.
        Some(id) => SendOutcome::Accepted { reference: Some(wire::short(&id)), segments: segments(data), cost: None },
        None => wire::names_nothing(),
    }
}

fn refused(answer: &Response) -> SendOutcome {
    // The same key is on its way, so what became of the first is not known yet.
    if answer.status == 409 {
        return wire::unknown("HTTP 409");
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let Some(code) = error_code(&body) else { return wire::refused(answer) };
    match meaning(code) {
        Some(Meaning::Passing) => wire::later(answer, &code.to_string()),
        Some(Meaning::Refused(class)) => SendOutcome::Refused { class: *class, code: code.to_string() },
        None => SendOutcome::Refused { class: wire::class(answer.status), code: code.to_string() },
    }
}

/// One event: `{"data": {"event_type", "id", "payload"}}`.
struct Told {
    data: Value,
    payload: Value,
}

impl Told {
    fn of(body: &[u8]) -> Option<Told> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let data = body.get("data")?.clone();
        let payload = data.get("payload")?.clone();
        payload.is_object().then_some(Told { data, payload })
    }

    fn word(&self, name: &str) -> Option<String> {
        wire::text(&self.data, name)
    }
}

fn receipt(delivery: &Delivery, payload: &Value) -> Result<Receipt, Unreadable> {
    let receipt = wire::about(wire::reference(delivery), wire::text(payload, "id").as_deref())?;
    let word = payload.get("to").and_then(|to| wire::text(to.get(0)?, "status")).unwrap_or_default();
    let status = match word.as_str() {
        "queued" | "sending" | "sent" => ReceiptStatus::Accepted,
        "delivered" => ReceiptStatus::Delivered,
        "delivery_failed" => ReceiptStatus::Undelivered,
        // It never reached a carrier.
        "sending_failed" => ReceiptStatus::Rejected,
        "expired" => ReceiptStatus::Expired,
        _ => ReceiptStatus::Unknown,
    };
    let bad_news = matches!(status, ReceiptStatus::Undelivered | ReceiptStatus::Rejected | ReceiptStatus::Expired);
    let code = error_code(payload).filter(|_| bad_news);
    let class = match code.and_then(meaning) {
        Some(Meaning::Refused(class)) => Some(*class),
        _ => None,
    };
    let good_news = matches!(status, ReceiptStatus::Accepted | ReceiptStatus::Delivered);
    let code = code.map(|code| code.to_string()).or_else(|| (!good_news).then(|| wire::short(&word)));
    Ok(Receipt { status, code, class, cost: cost(payload), segments: segments(payload), ..receipt })
}

fn reply(delivery: &Delivery, payload: &Value) -> Result<Reply, Unreadable> {
    let number = |of: Option<&Value>| wire::text(of?, "phone_number");
    let (from, to) = (number(payload.get("from")), number(payload.get("to").and_then(|to| to.get(0))));
    let (words, id) = (payload.get("text").and_then(Value::as_str), wire::text(payload, "id"));
    wire::reply(delivery, from.as_deref(), to.as_deref(), words, id.as_deref())
}

fn segments(of: &Value) -> Option<u32> {
    wire::parts(&wire::text(of, "parts")?)
}

fn cost(of: &Value) -> Option<Cost> {
    let cost = of.get("cost")?;
    wire::cost(&wire::text(cost, "amount")?, &wire::text(cost, "currency")?)
}

#[cfg(test)]
mod tests;
