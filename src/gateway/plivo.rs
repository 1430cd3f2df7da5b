//! Plivo Messaging, API v1 (plivo.com/docs/messaging/api/messages, "Message status callbacks"; signature as the PyPI
//! package plivo 4.63 checks it, `signature_v3`).
//!
//! Sending is not idempotent, and Plivo's list of messages has neither the words nor a reference of ours, so what stays
//! unknown is settled by its receipt alone: our reference travels in the query of the callback address. Callbacks are
//! signed (V3) over address, fields and a nonce; there is no time in it, a replay is caught by its key. A long text may
//! be reported in parts, which share the `ParentMessageUUID` that the send was answered with.

use data_encoding::BASE64;
use hmac::Hmac;
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Can, Dispatch, Gateway, Price, Proof, signed::made_by, wire};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Unreadable},
        message::{Cost, GatewayEvent, Outgoing, Receipt, ReceiptStatus, RefusalClass, SendOutcome},
    },
    http::{Request, Response},
};

pub struct Plivo;

const API: &str = "https://api.plivo.com";

static SPEC: Spec = Spec {
    kind: "plivo",
    name: "Plivo",
    fields: &[
        Field {
            key: "auth_id",
            label: "Auth ID",
            help: "MA… or, of a subaccount, SA…; 20 letters and digits, on the first page of the Plivo console",
            required: true,
            check: check_auth_id,
            ..Field::TEXT
        },
        Field {
            key: "auth_token",
            label: "Auth Token",
            help: "beside the Auth ID; it verifies callbacks. While it is being replaced, list both with a comma, the \
                   one to send with first; with a subaccount the main account's token may follow too",
            secret: true,
            required: true,
            ..Field::TEXT
        },
        Field {
            help: "a number (+1…), a short code, a name of up to 11 letters, or the UUID of a Powerpack (under \
                   Messaging, Powerpack); several with commas, and each person always hears from the same one",
            check: |list| wire::check_senders(list, check_sender),
            ..wire::SENDER
        },
        Field { default: Some(API), ..wire::API_ADDRESS },
    ],
    connect: &[
        "Receipts need nothing: every text carries their address.",
        "For replies open Messaging, Applications, XML in the Plivo console and add an application.",
        "Set its Message URL to {url} with the method POST.",
        "Choose that application at the number, or in the Powerpack the number is in.",
    ],
    topics: &[],
    limits: &[
        "A text of unknown outcome stays so until its receipt comes: Plivo cannot be asked by words or by reference.",
        "Where a long text is reported in parts, its price and its number of parts stay unknown.",
        "The balance of a subaccount is not told: it is its main account's.",
        "At numbers of the USA and Canada Plivo answers HELP and STOP by itself: a person may get two answers.",
    ],
};

static CAN: Can = Can {
    proof: Proof::Signed,
    replies: true,
    tells_opt_outs: true,
    price: Price::InReceipt,
    validity: true,
    ..Can::SEND
};

/// Bounds of `message_expiry` (support.plivo.com, "Message Expiry"); without it a text waits three hours at most.
const EXPIRY_SECONDS_MIN: u64 = 5;
const EXPIRY_SECONDS_MAX: u64 = 10_799;

impl Gateway for Plivo {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn can(&self) -> &'static Can {
        &CAN
    }

    /// Numbers go without their `+`, as Plivo writes them.
    fn dispatch(&self, settings: &Settings, sms: &Outgoing) -> Dispatch {
        let sender = wire::sender(settings, &sms.to);
        let sent_by = if is_powerpack(sender) { "powerpack_uuid" } else { "src" };
        let mut body = json!({
            sent_by: wire::bare(sender),
            "dst": sms.to.digits(),
            "text": sms.text,
            "type": "sms",
            "message_expiry": sms.valid_for.as_secs().clamp(EXPIRY_SECONDS_MIN, EXPIRY_SECONDS_MAX),
        });
        if let (Some(callback), Some(body)) = (&sms.callback_url, body.as_object_mut()) {
            body.insert("url".into(), callback.as_str().into());
            body.insert("method".into(), "POST".into());
        }
        Dispatch::Http(signed_in(settings, Request::json(format!("{}Message/", account(settings)), &body)))
    }

    fn sender_name(&self, settings: &Settings) -> Option<String> {
        let is_name = |sender: &&str| !is_powerpack(sender) && sender.contains(char::is_alphabetic);
        settings.list("sender").find(is_name).map(str::to_owned)
    }

    fn outcome(&self, _settings: &Settings, answer: &Response) -> SendOutcome {
        // A refusal has no code, only a sentence that may quote the number.
        wire::judge(answer, taken, wire::refused)
    }

    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        check_signature(settings.list("auth_token"), delivery)?;
        let fields = fields(delivery);
        // The address of replies carries no reference of ours; were a receipt to quote the words, it still is no reply.
        let topic = match fields.get("Status") {
            Some(_) if wire::reference(delivery).is_some() || !fields.has("Text") => "receipt",
            _ if fields.has("Text") && fields.has("From") => "reply",
            _ => "other",
        };
        Ok(wire::kept(delivery, topic, fields.get("MessageUUID"), fields.get("Status")))
    }

    fn read(&self, _settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
        let fields = fields(delivery);
        match topic {
            "receipt" => Ok(vec![GatewayEvent::Receipt(receipt(delivery, &fields)?)]),
            "reply" => {
                let (from, to, text) = (fields.get("From"), fields.get("To"), fields.raw("Text"));
                Ok(vec![GatewayEvent::Reply(wire::reply(delivery, from, to, text, fields.get("MessageUUID"))?)])
            }
            _ => Ok(Vec::new()),
        }
    }

    fn ask_balance(&self, settings: &Settings) -> Option<Request> {
        Some(signed_in(settings, Request::get(account(settings))))
    }

    /// What is left, below zero where the account owes.
    fn balance(&self, _settings: &Settings, answer: &Response) -> Option<Cost> {
        wire::left(&wire::text(&wire::json(answer)?, "cash_credits")?, CURRENCY)
    }
}

fn account(settings: &Settings) -> String {
    format!("{}/v1/Account/{}/", wire::api(settings, API), settings.get("auth_id"))
}

fn signed_in(settings: &Settings, request: Request) -> Request {
    let token = settings.list("auth_token").next().unwrap_or_default();
    let request = request.basic_auth(settings.get("auth_id"), token);
    Request { private: wire::stands_in(settings, API), ..request }
}

/// It becomes part of a path.
fn check_auth_id(text: &str) -> Result<(), &'static str> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if plain { Ok(()) } else { Err("be the 20 letters and digits that begin with MA or SA") }
}

fn check_sender(text: &str) -> Result<(), &'static str> {
    let digits = |text: &str, from: usize, to: usize| {
        (from..=to).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let name = text.len() <= 11
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b' ');
    let number = text.strip_prefix('+').is_some_and(|rest| digits(rest, 7, 15));
    if number || digits(text, 3, 8) || name || is_powerpack(text) {
        Ok(())
    } else {
        Err("be a number with its +, a short code, a name of up to 11 letters and digits, or the UUID of a Powerpack")
    }
}

/// 8-4-4-4-12 hexadecimal digits.
fn is_powerpack(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// One text to one number has one id in the list.
fn taken(answer: &Response) -> SendOutcome {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match body.get("message_uuid").and_then(|ids| wire::scalar(ids.get(0)?)).filter(|id| !id.trim().is_empty()) {
        Some(id) => SendOutcome::Accepted { reference: Some(wire::short(&id)), segments: None, cost: None },
        None => wire::names_nothing(),
    }
}

/// The account's own signature and that of the main account above it; callbacks of texts are known to come with either.
const SIGNATURES: [&str; 2] = ["x-plivo-signature-v3", "x-plivo-signature-ma-v3"];
const NONCE: &str = "x-plivo-signature-v3-nonce";

/// base64(HMAC-SHA256(token, what was called ‖ "." ‖ nonce)); one header may hold several, with commas. V2 does not
/// cover the fields and counts for nothing.
fn check_signature<'a>(tokens: impl Iterator<Item = &'a str>, delivery: &Delivery) -> Result<(), Refusal> {
    let tokens: Vec<&str> = tokens.collect();
    if tokens.is_empty() {
        return Err(Refusal::NoKey);
    }
    let sent: Vec<&str> = SIGNATURES.iter().filter_map(|name| delivery.header(name)).collect();
    let nonce = delivery.header(NONCE).map(str::trim).filter(|nonce| !nonce.is_empty());
    let nonce = nonce.filter(|_| !sent.is_empty()).ok_or(Refusal::Unsigned)?;
    let signed = format!("{}.{nonce}", called(delivery));
    let decoded = |text: &str| BASE64.decode(text.trim().as_bytes()).ok();
    let sent: Vec<Vec<u8>> = sent.iter().flat_map(|list| list.split(',')).filter_map(decoded).collect();
    let pieces = [signed.as_bytes()];
    let holds =
        sent.iter().any(|signature| tokens.iter().any(|token| made_by::<Hmac<Sha256>>(token, &pieces, signature)));
    if holds { Ok(()) } else { Err(Refusal::WrongSignature) }
}

/// The call as it is signed: the address, its query sorted and decoded, then the fields of a form, sorted, each name
/// right before its value. A form without a query leaves a bare `?`, a query without a form no final dot.
fn called(delivery: &Delivery) -> String {
    let sorted = |mut pairs: Vec<(String, String)>| {
        pairs.sort_unstable();
        pairs
    };
    let address = delivery.url.split(['?', '#']).next().unwrap_or_default();
    let query: Vec<String> =
        sorted(delivery.query_pairs()).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let query = query.join("&");
    let form: String = sorted(form(delivery)).into_iter().flat_map(|(name, value)| [name, value]).collect();
    match (query.is_empty(), form.is_empty()) {
        (true, true) => address.to_owned(),
        (false, true) => format!("{address}?{query}"),
        (true, false) => format!("{address}?{form}"),
        (false, false) => format!("{address}?{query}.{form}"),
    }
}

/// A GET carries everything in its query: whatever its body holds is not signed.
fn form(delivery: &Delivery) -> Vec<(String, String)> {
    if delivery.method == "GET" { Vec::new() } else { delivery.form_pairs() }
}

/// What a callback says, where its signature covers it.
fn fields(delivery: &Delivery) -> wire::Fields {
    wire::Fields::new(if delivery.method == "GET" { delivery.query_pairs() } else { delivery.form_pairs() })
}

fn receipt(delivery: &Delivery, fields: &wire::Fields) -> Result<Receipt, Unreadable> {
    let gateway_ref = fields.get("ParentMessageUUID").or_else(|| fields.get("MessageUUID"));
    let receipt = wire::about(wire::reference(delivery), gateway_ref)?;
    let word = fields.get("Status").unwrap_or_default();
    let code = fields.get("ErrorCode").filter(|code| *code != NO_ERROR);
    let number = code.and_then(|code| code.parse::<u32>().ok());
    let status = match word {
        "queued" | "sent" => ReceiptStatus::Accepted,
        "delivered" | "read" => ReceiptStatus::Delivered,
        "undelivered" | "failed" if number == Some(EXPIRED) => ReceiptStatus::Expired,
        "undelivered" => ReceiptStatus::Undelivered,
        "failed" | "rejected" => ReceiptStatus::Rejected,
        _ => ReceiptStatus::Unknown,
    };
    let bad_news = matches!(status, ReceiptStatus::Undelivered | ReceiptStatus::Rejected | ReceiptStatus::Expired);
    let class = number.filter(|_| bad_news).and_then(class);
    let code = match status {
        ReceiptStatus::Unknown => Some(word),
        _ => code.filter(|_| bad_news),
    };
    let whole = is_whole(fields);
    let segments = fields.get("Units").and_then(wire::parts).filter(|_| whole);
    let last = bad_news || status == ReceiptStatus::Delivered;
    // Before the end a price of zero is one that is not known yet.
    let cost = fields.get("TotalAmount").and_then(|amount| wire::cost(amount, CURRENCY));
    let cost = cost.filter(|cost| whole && (last || cost.micros > 0));
    Ok(Receipt { status, code: code.map(wire::short), class, cost, segments, ..receipt })
}

/// Plivo counts in US dollars, and does not say so.
const CURRENCY: &str = "USD";

/// Delivered.
const NO_ERROR: &str = "000";

/// The text waited longer than `message_expiry` in Plivo's queue.
const EXPIRED: u32 = 420;

/// Codes in receipts (plivo.com/docs/messaging/troubleshooting/error-codes, "DND service"), those that say something of
/// the number, the words or the account; of the rest nothing is learned.
const CODES: &[(u32, RefusalClass)] = &[
    (30, RefusalClass::Content),   // held for spam
    (40, RefusalClass::Account),   // invalid sender
    (50, RefusalClass::Number),    // invalid destination
    (200, RefusalClass::OptedOut), // the person replied STOP
    (900, RefusalClass::Account),  // no credit
];

fn class(code: u32) -> Option<RefusalClass> {
    CODES.iter().find(|(known, _)| *known == code).map(|&(_, class)| class)
}

/// Whether this tells of the whole text, not of one part among several.
fn is_whole(fields: &wire::Fields) -> bool {
    let (id, parent) = (fields.get("MessageUUID"), fields.get("ParentMessageUUID"));
    let one_id = id.is_none() || parent.is_none() || id == parent;
    one_id && fields.get("PartInfo").is_none_or(|part| part == "1 of 1")
}

#[cfg(test)]
mod tests;
