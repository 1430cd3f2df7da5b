//! Infobip SMS, API version 3 (`POST /sms/3/messages`; models of infobip-api-python-client 6.0.0, status codes as Infobip
//! publishes them).
//!
//! Our reference is the message's own id there: a second text of one id is rejected with code 23, which means that the
//! first one left, and the log of the last 48 hours can be asked for it. An answer of 200 may still carry a rejection.
//! Receipts and replies come as arrays, unsigned unless Infobip sets it up, so the secret path proves them. One state has
//! a treacherous name: `DELIVERED_TO_OPERATOR` belongs to the group DELIVERED and is not final.

use serde_json::{Value, json};

use super::{Can, Dispatch, Gateway, LookUp, Price, wire};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Unreadable},
        message::{Cost, GatewayEvent, MessageRef, Outgoing, Receipt, ReceiptStatus, RefusalClass, Reply, SendOutcome},
    },
    http::{Request, Response},
};

pub struct Infobip;

static SPEC: Spec = Spec {
    kind: "infobip",
    name: "Infobip",
    fields: &[
        Field {
            key: "api_base",
            label: "Base URL",
            help: "of your account alone, as xxxxx.api.infobip.com; on the first page of the Infobip portal",
            required: true,
            check: |text| wire::check_address(&whole_address(text)),
            ..Field::TEXT
        },
        Field {
            key: "api_key",
            label: "API key",
            help: "on the first page of the Infobip portal, or under Developer Tools, API keys; it needs the scopes \
                   sms:message:send and sms:logs:read",
            secret: true,
            required: true,
            ..Field::TEXT
        },
        Field {
            help: "a number, a short code, or a name of up to 11 letters, as under Channels and Numbers; several with \
                   commas, and each person always hears from the same one",
            ..wire::SENDER
        },
    ],
    connect: &[
        "Receipts need nothing: every text carries their address.",
        "For replies open Channels and Numbers, Numbers in the Infobip portal, choose the number, and under SMS its \
         default keyword.",
        "Add the action Forward to HTTP (POST, format JSON) and paste {url}",
    ],
    topics: &[],
    limits: &[
        "A text of unknown outcome can be looked for during 48 hours.",
        "A text waits for a phone at most 48 hours.",
        "What is left on the account is shown only where the API key may read it.",
        "By default Infobip rejects more than 6 equal or 20 different texts to one number in an hour.",
    ],
};

/// The longest validity; Infobip shortens what is longer to it.
const VALID_SECONDS_MAX: u64 = 48 * 60 * 60;

static CAN: Can =
    Can { replies: true, tells_opt_outs: true, look_up: true, price: Price::InReceipt, validity: true, ..Can::SEND };

impl Gateway for Infobip {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn can(&self) -> &'static Can {
        &CAN
    }

    /// Infobip chooses Unicode by the text itself. Numbers go without their `+`.
    fn dispatch(&self, settings: &Settings, sms: &Outgoing) -> Dispatch {
        let reference = sms.reference.to_string();
        let mut webhooks = json!({ "contentType": "application/json", "callbackData": reference });
        if let (Some(callback), Some(webhooks)) = (&sms.callback_url, webhooks.as_object_mut()) {
            webhooks.insert("delivery".into(), json!({ "url": callback }));
        }
        let message = json!({
            "sender": wire::bare(wire::sender(settings, &sms.to)),
            "destinations": [{ "to": sms.to.digits(), "messageId": reference }],
            "content": { "text": sms.text },
            "options": {
                "validityPeriod": {
                    "amount": sms.valid_for.as_secs().clamp(1, VALID_SECONDS_MAX),
                    "timeUnit": "SECONDS",
                },
            },
            "webhooks": webhooks,
        });
        let url = format!("{}/sms/3/messages", base(settings));
        Dispatch::Http(signed_in(settings, Request::json(url, &json!({ "messages": [message] }))))
    }

    fn outcome(&self, _settings: &Settings, answer: &Response) -> SendOutcome {
        wire::judge(answer, taken, wire::refused)
    }

    fn verify(&self, _settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        let results = results(&delivery.body).unwrap_or_default();
        let topic = match results.first() {
            Some(first) if first.get("status").is_some_and(Value::is_object) => "receipt",
            Some(first) if first.get("from").is_some() => "reply",
            _ => "other",
        };
        let key = match results.as_slice() {
            [only] => key(topic, only),
            _ => None,
        };
        Ok(Accepted::Keep { topic: topic.into(), key: key.unwrap_or_else(|| wire::fingerprint(delivery)) })
    }

    fn read(&self, _settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
        if !matches!(topic, "receipt" | "reply") {
            return Ok(Vec::new());
        }
        let results = results(&delivery.body).ok_or_else(|| Unreadable::new("no list of results"))?;
        // The address names one message: in a list of several it may be that of another.
        let asked = match results.as_slice() {
            [_] => wire::reference(delivery),
            _ => None,
        };
        // One that cannot be read must not take the others with it.
        let events: Vec<GatewayEvent> = match topic {
            "receipt" => results.iter().filter_map(|one| Some(GatewayEvent::Receipt(receipt(one, asked)?))).collect(),
            _ => results.iter().filter_map(|one| Some(GatewayEvent::Reply(reply(one, delivery)?))).collect(),
        };
        match events.is_empty() {
            true if topic == "receipt" => Err(Unreadable::new("a receipt that names no message")),
            true => Err(Unreadable::new("a text from nobody")),
            false => Ok(events),
        }
    }

    fn look_up(&self, settings: &Settings, sms: &Outgoing) -> Option<Request> {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("messageId", &sms.reference.to_string())
            .finish();
        Some(signed_in(settings, Request::get(format!("{}/sms/3/logs?{query}", base(settings)))))
    }

    /// Asked by our own id, so an empty list is an answer. A log of a rejected repetition says nothing of the first text.
    fn looked_up(&self, _sms: &Outgoing, reference: &MessageRef, answer: &Response) -> LookUp {
        let Some(results) = answer.is_success().then(|| results(&answer.body)).flatten() else {
            return LookUp::Unclear;
        };
        if results.is_empty() {
            return LookUp::Absent;
        }
        let ours = |one: &&Value| wire::text(one, "messageId").as_deref() == Some(reference.to_string().as_str());
        let found = results.iter().filter(ours).filter(|one| status_id(one) != Some(DUPLICATE));
        match found.filter_map(|one| receipt(one, Some(*reference))).next() {
            Some(receipt) => LookUp::Found(Box::new(GatewayEvent::Receipt(receipt))),
            None => LookUp::Unclear,
        }
    }

    fn ask_balance(&self, settings: &Settings) -> Option<Request> {
        Some(signed_in(settings, Request::get(format!("{}/account/1/balance", base(settings)))))
    }

    /// What is left, below zero where the account owes.
    fn balance(&self, _settings: &Settings, answer: &Response) -> Option<Cost> {
        let body = wire::json(answer)?;
        wire::left(&wire::text(&body, "balance")?, &wire::text(&body, "currency")?)
    }
}

/// The portal shows the address without `https://`. A word without a dot is no address of Infobip's, and stays wrong.
fn whole_address(text: &str) -> String {
    if text.contains("://") || !text.contains('.') { text.to_owned() } else { format!("https://{text}") }
}

fn base(settings: &Settings) -> String {
    whole_address(settings.get("api_base").trim_end_matches('/'))
}

fn signed_in(settings: &Settings, request: Request) -> Request {
    let host = url::Url::parse(&request.url).ok().and_then(|url| url.host_str().map(str::to_owned));
    // Only a stand-in for Infobip may live in a private network.
    let private = !host.is_some_and(|host| host.ends_with(".infobip.com"));
    Request { private, ..request.header("authorization", format!("App {}", settings.get("api_key"))) }
        .header("accept", "application/json")
}

/// The state of a repeated message id: the text of that id left before.
const DUPLICATE: u32 = 23;

/// Left for the operator, not yet with the person, though its group is DELIVERED.
const WITH_OPERATOR: u32 = 2;

/// Why a text is not delivered, by the id of its state (Infobip's published list of status codes). What is not listed says
/// nothing about the person, the words or the account.
const CODES: &[(u32, RefusalClass)] = {
    use RefusalClass::{Account, Content, Number, OptedOut};
    &[
        (4, Content),   // refused by the operator
        (8, Number),    // prefix missing
        (10, OptedOut), // on the list of those who want none
        (11, Account),  // sender
        (12, Account),  // credit
        (13, Account),  // sender
        (14, OptedOut), // blocked for this destination
        (19, Account),  // no route
        (20, Content),  // too many texts to one number
        (51, Number),   // destination
        (52, Number),   // destination
    ]
};

fn class(id: Option<u32>) -> Option<RefusalClass> {
    CODES.iter().find(|(known, _)| Some(*known) == id).map(|&(_, class)| class)
}

/// We send one text to one number, so the first message is ours.
fn taken(answer: &Response) -> SendOutcome {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let message = body.as_ref().and_then(|body| body.get("messages")?.get(0));
    let Some(message) = message else { return wire::names_nothing() };
    match (state(message), wire::text(message, "messageId")) {
        (State::Duplicate, _) => wire::unknown("this text was handed over before"),
        (State::Told(ReceiptStatus::Accepted | ReceiptStatus::Delivered), Some(id)) => SendOutcome::Accepted {
            reference: Some(wire::short(&id)),
            segments: message.get("details").and_then(segments),
            cost: None,
        },
        (State::Told(ReceiptStatus::Undelivered | ReceiptStatus::Expired | ReceiptStatus::Rejected), _) => {
            SendOutcome::Refused {
                class: class(status_id(message)).unwrap_or(RefusalClass::Other),
                code: code(message).unwrap_or_else(|| "rejected".into()),
            }
        }
        (_, None) => wire::names_nothing(),
        _ => wire::unknown("an answer with a state we do not know"),
    }
}

enum State {
    Told(ReceiptStatus),
    Duplicate,
}

/// What the `status` of a message says: by its id where that differs from its group, else by the group.
fn state(message: &Value) -> State {
    match status_id(message) {
        Some(DUPLICATE) => return State::Duplicate,
        Some(WITH_OPERATOR) => return State::Told(ReceiptStatus::Accepted),
        _ => {}
    }
    let group = message.get("status").and_then(|status| wire::text(status, "groupName")).unwrap_or_default();
    State::Told(match group.to_ascii_uppercase().as_str() {
        "ACCEPTED" | "PENDING" => ReceiptStatus::Accepted,
        "DELIVERED" => ReceiptStatus::Delivered,
        "UNDELIVERABLE" => ReceiptStatus::Undelivered,
        "EXPIRED" => ReceiptStatus::Expired,
        "REJECTED" => ReceiptStatus::Rejected,
        _ => ReceiptStatus::Unknown,
    })
}

fn status_id(message: &Value) -> Option<u32> {
    wire::number(message.get("status")?, "id")
}

/// The name of the error, else of the state, else its number; never the description, which is free text.
fn code(message: &Value) -> Option<String> {
    let name = |part: &str| wire::text(message.get(part)?, "name").filter(|name| is_word(name));
    let error = name("error").filter(|name| name != "NO_ERROR");
    let group =
        || message.get("status").and_then(|status| wire::text(status, "groupName")).filter(|name| is_word(name));
    error
        .or_else(|| name("status"))
        .or_else(|| status_id(message).map(|id| id.to_string()))
        .or_else(group)
        .map(|code| wire::short(&code))
}

/// Infobip's codes have no spaces, and no number of a person has a letter.
fn is_word(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn results(body: &[u8]) -> Option<Vec<Value>> {
    let Value::Object(mut body) = serde_json::from_slice(body).ok()? else { return None };
    match body.remove("results") {
        Some(Value::Array(results)) => Some(results),
        _ => None,
    }
}

/// What tells one delivery of one message from the next. An id too long to show whole is left to the fingerprint.
fn key(topic: &str, result: &Value) -> Option<String> {
    let id = wire::text(result, "messageId").filter(|id| wire::short(id) == *id)?;
    let state = match topic {
        "receipt" => status_id(result).map(|id| id.to_string())?,
        _ => topic.to_owned(),
    };
    Some(format!("{id}:{state}"))
}

/// A receipt, or a line of the log. Our reference is told twice, as the id and as what the text carried along.
fn receipt(result: &Value, asked: Option<MessageRef>) -> Option<Receipt> {
    let id = wire::text(result, "messageId");
    let told = wire::text(result, "callbackData").and_then(|text| text.parse().ok());
    let reference = told.or_else(|| id.as_deref()?.parse().ok()).or(asked);
    let receipt = wire::about(reference, id.as_deref()).ok()?;
    // A rejected repetition has the id of the text that left, and says nothing about it.
    let status = match state(result) {
        State::Told(status) => status,
        State::Duplicate => ReceiptStatus::Unknown,
    };
    let bad_news = matches!(status, ReceiptStatus::Undelivered | ReceiptStatus::Expired | ReceiptStatus::Rejected);
    let told = bad_news || status == ReceiptStatus::Unknown;
    Some(Receipt {
        status,
        code: if told { code(result) } else { None },
        class: class(status_id(result)).filter(|_| bad_news),
        cost: cost(result),
        segments: segments(result),
        ..receipt
    })
}

/// `pricePerMessage` is the price of one part; `messageCount` is how many there were. A price of zero is a price.
fn cost(result: &Value) -> Option<Cost> {
    let price = result.get("price")?;
    let each = wire::cost(&wire::text(price, "pricePerMessage")?, &wire::text(price, "currency")?)?;
    Some(Cost { micros: each.micros.saturating_mul(i64::from(segments(result).unwrap_or(1))), ..each })
}

fn reply(result: &Value, delivery: &Delivery) -> Option<Reply> {
    let field = |name| wire::text(result, name);
    // `cleanText` is without the keyword; we want all the person wrote.
    let words = result.get("text").and_then(wire::scalar);
    let id = field("messageId");
    wire::reply(delivery, field("from").as_deref(), field("to").as_deref(), words.as_deref(), id.as_deref()).ok()
}

fn segments(of: &Value) -> Option<u32> {
    wire::parts(&wire::text(of, "messageCount")?)
}

#[cfg(test)]
mod tests;
