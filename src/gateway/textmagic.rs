//! TextMagic, REST API v2 (textmagic.com/docs/api: "Send text messages", "Receive text messages"; the models of
//! textmagic-rest-python-v2; delivery status letters of its "SMS delivery notification codes").
//!
//! Our reference travels as `referenceId`, which comes back in every delivery notification; there is no callback address
//! for each text, the two addresses stand in the account. Nothing TextMagic calls is signed: the secret path proves it.
//!
//! Notifications are described as JSON and as posted parameters, so both are read.

use serde_json::Value;

use super::{Can, Dispatch, Gateway, LookUp, no_answer, wire};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Unreadable},
        message::{GatewayEvent, MessageRef, Outgoing, Receipt, ReceiptStatus, RefusalClass, Reply, SendOutcome},
        time::Time,
    },
    http::{HttpError, Request, Response},
};

pub struct TextMagic;

const API: &str = "https://rest.textmagic.com";

static SPEC: Spec = Spec {
    kind: "textmagic",
    name: "TextMagic",
    fields: &[
        Field {
            key: "username",
            label: "Username",
            help: "the one you sign in to TextMagic with, shown on the API page",
            required: true,
            ..Field::TEXT
        },
        Field {
            key: "api_key",
            label: "API key",
            help: "made on the API page of TextMagic with \"Add new API key\"",
            secret: true,
            required: true,
            ..Field::TEXT
        },
        Field {
            key: "sender",
            label: "Sender",
            help: "a number of yours at TextMagic (+44…), or a sender ID of up to 11 letters and digits, to which nobody \
                   can reply; several with commas, and each person always hears from the same one",
            required: true,
            check: |list| wire::check_senders(list, check_sender),
            ..Field::TEXT
        },
        Field {
            key: "api_base",
            label: "API address",
            help: "only to send through a proxy or a stand-in",
            default: Some(API),
            check: wire::check_address,
            ..Field::TEXT
        },
    ],
    connect: &[
        "Open the API page of TextMagic.",
        "As the callback URL for delivery notifications paste {url}",
        "As the callback URL for incoming messages paste {url}",
    ],
    topics: &[],
    limits: &[
        "TextMagic tells a price only on request and without its currency, so no cost is kept here.",
        "A text of more than six parts is refused.",
        "A text cannot be told to expire: one that waits for a phone to come back may arrive late.",
        "Why a text was not delivered is not told, nor who opted out.",
        "What TextMagic sends us is not signed: it is trusted by the secret in its address.",
    ],
};

/// The most a text may have (docs, `partsCount`).
const PARTS_MAX: &str = "6";

/// Rows asked for in a look-up; its own reference should leave one.
const PAGE_SIZE: &str = "100";

/// A hundred texts of several parts each are more than an ordinary answer.
const PAGE_BYTES_MAX: usize = 256 * 1024;

/// Their clock and ours may differ by this much.
const CLOCK_SLACK: std::time::Duration = std::time::Duration::from_secs(60);

static CAN: Can = Can { replies: true, look_up: true, ..Can::SEND };

impl Gateway for TextMagic {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn can(&self) -> &'static Can {
        &CAN
    }

    /// Numbers go without their `+`. `cutExtra` is off: half a text would lack its link or its way out.
    fn dispatch(&self, settings: &Settings, sms: &Outgoing) -> Dispatch {
        let reference = sms.reference.to_string();
        let form = [
            ("text", sms.text.as_str()),
            ("phones", sms.to.e164().trim_start_matches('+')),
            ("from", wire::sender(settings, &sms.to).trim_start_matches('+')),
            ("referenceId", &reference),
            ("partsCount", PARTS_MAX),
            ("cutExtra", "0"),
        ];
        Dispatch::Http(signed_in(settings, Request::form(messages(settings), form)))
    }

    fn sender_name(&self, settings: &Settings) -> Option<String> {
        settings.list("sender").find(|sender| sender.contains(char::is_alphabetic)).map(str::to_owned)
    }

    fn outcome(&self, answer: Result<&Response, &HttpError>) -> SendOutcome {
        match answer {
            Ok(answer) => judge(answer),
            Err(error) => no_answer(error),
        }
    }

    fn verify(&self, _settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        let fields = fields(delivery);
        // A text sent has words and a sender too, so the status decides.
        let topic = if fields.has("status") {
            "receipt"
        } else if fields.has("sender") && fields.has("text") {
            "reply"
        } else {
            "other"
        };
        let key = match fields.get("id") {
            Some(id) if topic == "receipt" => {
                format!("{}:{}", wire::short(id), wire::short(fields.get("status").unwrap_or_default()))
            }
            Some(id) => format!("{}:{topic}", wire::short(id)),
            None => wire::fingerprint(delivery),
        };
        Ok(Accepted::Keep { topic: topic.into(), key })
    }

    fn read(&self, _settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
        let fields = fields(delivery);
        match topic {
            "receipt" => Ok(vec![GatewayEvent::Receipt(receipt(delivery, &fields)?)]),
            "reply" => Ok(vec![GatewayEvent::Reply(Reply {
                from: wire::with_plus(fields.get("sender").ok_or_else(|| Unreadable::new("a text from nobody"))?),
                to: wire::with_plus(fields.get("receiver").unwrap_or_default()),
                text: fields.raw("text").unwrap_or_default().to_owned(),
                gateway_ref: fields.get("id").map_or_else(|| wire::fingerprint(delivery), str::to_owned),
                answered: false,
            })]),
            _ => Ok(Vec::new()),
        }
    }

    fn look_up(&self, settings: &Settings, sms: &Outgoing) -> Option<Request> {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("referenceId", &sms.reference.to_string())
            .append_pair("limit", PAGE_SIZE)
            .finish();
        let request = signed_in(settings, Request::get(format!("{}?{query}", messages(settings))));
        Some(Request { room: PAGE_BYTES_MAX, ..request })
    }

    fn looked_up(&self, sms: &Outgoing, reference: &MessageRef, answer: &Response) -> LookUp {
        search(sms, reference, answer)
    }
}

fn messages(settings: &Settings) -> String {
    format!("{}/api/v2/messages", settings.given("api_base").unwrap_or(API).trim_end_matches('/'))
}

fn signed_in(settings: &Settings, request: Request) -> Request {
    let request = request.header("x-tm-username", settings.get("username")).header("x-tm-key", settings.get("api_key"));
    // Only a stand-in for TextMagic may live in a private network.
    let private = settings.given("api_base").is_some_and(|base| base.trim_end_matches('/') != API);
    Request { private, ..request }
}

fn check_sender(text: &str) -> Result<(), &'static str> {
    let digits = |text: &str, least: usize, most: usize| {
        (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let number = digits(text.strip_prefix('+').unwrap_or(text), 7, 15);
    let name = text.len() <= 11
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" -_".contains(&byte));
    if number || digits(text, 3, 8) || name {
        Ok(())
    } else {
        Err("be a number, a short code, or a sender ID of up to 11 letters and digits")
    }
}

/// TextMagic repeats the HTTP status as its code and explains it in words, which are not kept.
const CODES: &[(u16, RefusalClass)] = &[
    (400, RefusalClass::Other),
    (401, RefusalClass::Account),
    (402, RefusalClass::Account),
    (403, RefusalClass::Account),
    (404, RefusalClass::Account),
];

fn judge(answer: &Response) -> SendOutcome {
    let shown = format!("HTTP {}", answer.status);
    match answer.status {
        200..=299 => taken(answer),
        408 => SendOutcome::Unknown { why: shown },
        429 => wire::later(answer, &shown),
        status @ 400..=499 => {
            let class =
                CODES.iter().find(|(known, _)| *known == status).map_or(RefusalClass::Other, |&(_, class)| class);
            let code = complaint(answer).map_or_else(|| shown.clone(), |about| format!("{shown} {about}"));
            SendOutcome::Refused { class, code }
        }
        _ => SendOutcome::Unknown { why: shown },
    }
}

/// Only what names one message is taken: a session or a schedule alone says nothing of ours.
fn taken(answer: &Response) -> SendOutcome {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let named = |name| text(&body, name).filter(|id| id != "0");
    let is_message = text(&body, "type").as_deref() == Some("message");
    match named("messageId").or_else(|| named("id").filter(|_| is_message)) {
        Some(id) => SendOutcome::Accepted { reference: Some(wire::short(&id)), segments: None, cost: None },
        None => SendOutcome::Unknown { why: "an answer that names no message".into() },
    }
}

/// Which of our own fields a refusal is about.
fn complaint(answer: &Response) -> Option<&'static str> {
    const FIELDS: &[&str] = &["phones", "from", "text", "referenceId", "partsCount"];
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let fields = body.get("errors")?.get("fields")?;
    FIELDS.iter().copied().find(|field| fields.get(field).is_some())
}

fn fields(delivery: &Delivery) -> wire::Fields {
    wire::Fields::of_json(&delivery.body).unwrap_or_else(|| wire::Fields::new(delivery.form_pairs()))
}

fn receipt(delivery: &Delivery, fields: &wire::Fields) -> Result<Receipt, Unreadable> {
    let query = wire::Fields::new(delivery.query_pairs());
    let reference =
        [fields.get("referenceId"), query.get("ref")].into_iter().flatten().find_map(|text| text.parse().ok());
    let gateway_ref = fields.get("id").map(wire::short);
    if reference.is_none() && gateway_ref.is_none() {
        return Err(Unreadable::new("a receipt that names no message"));
    }
    let (status, code) = told(fields.get("status").unwrap_or_default());
    let segments = fields.get("partsCount").and_then(parts);
    Ok(Receipt { reference, gateway_ref, status, code, class: None, cost: None, segments })
}

/// A status letter, and itself as the code with bad news or where we do not know it.
fn told(letter: &str) -> (ReceiptStatus, Option<String>) {
    let status = match letter {
        // Queued, scheduled, sent to the operator, acknowledged by it, buffered by it.
        "q" | "s" | "r" | "a" | "b" => ReceiptStatus::Accepted,
        "d" => ReceiptStatus::Delivered,
        "f" => ReceiptStatus::Undelivered,
        // An error while sending; rejected by the operator.
        "e" | "j" => ReceiptStatus::Rejected,
        _ => ReceiptStatus::Unknown,
    };
    let quiet = matches!(status, ReceiptStatus::Accepted | ReceiptStatus::Delivered);
    (status, (!quiet).then(|| wire::short(letter)))
}

/// What the list narrowed to our reference shows. Rows need not repeat the reference; then words, number and time must
/// be ours, so that a list that was not narrowed finds nothing wrong. Only an empty one says that it is not there.
fn search(sms: &Outgoing, reference: &MessageRef, answer: &Response) -> LookUp {
    let body: Value =
        if answer.is_success() { serde_json::from_slice(&answer.body).unwrap_or_default() } else { Value::Null };
    match body.get("resources").and_then(Value::as_array) {
        Some(list) if list.is_empty() => LookUp::Absent,
        Some(list) => list.iter().find(|message| is_ours(sms, message)).map_or(LookUp::Unclear, |message| {
            LookUp::Found(Box::new(GatewayEvent::Receipt(found(*reference, message))))
        }),
        None => LookUp::Unclear,
    }
}

fn is_ours(sms: &Outgoing, message: &Value) -> bool {
    if let Some(reference) = text(message, "referenceId") {
        return reference == sms.reference.to_string();
    }
    let number = text(message, "receiver").or_else(|| text(message, "phone")).map(|number| wire::with_plus(&number));
    let made = text(message, "messageTime").and_then(|date| Time::parse(&date));
    number.as_deref() == Some(sms.to.e164())
        && text(message, "text").is_some_and(|words| words == sms.text.trim())
        && made.is_some_and(|made| made >= sms.attempted_at - CLOCK_SLACK)
}

fn found(reference: MessageRef, message: &Value) -> Receipt {
    let (status, code) = told(&text(message, "status").unwrap_or_default());
    Receipt {
        reference: Some(reference),
        gateway_ref: text(message, "id").map(|id| wire::short(&id)),
        status,
        code,
        class: None,
        cost: None,
        segments: text(message, "partsCount").and_then(|count| parts(&count)),
    }
}

fn parts(count: &str) -> Option<u32> {
    count.parse().ok().filter(|&count| count > 0)
}

fn text(value: &Value, name: &str) -> Option<String> {
    let text = value.get(name).and_then(wire::scalar)?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
