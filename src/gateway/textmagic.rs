//! TextMagic, REST API v2 (textmagic.com/docs/api: "Send text messages", "Receive text messages"; the models of
//! textmagic-rest-python-v2; delivery status letters of its "SMS delivery notification codes").
//!
//! Our reference travels as `referenceId`, which comes back in every delivery notification; there is no callback address
//! for each text, the two addresses stand in the account. Nothing TextMagic calls is signed: the secret path proves it.
//!
//! A settled text is asked what it cost. That is told without a currency, which a person says. A deleted message stays in
//! the models as one marked `deleted`, so deleting is not forgetting, and nothing is redacted here.
//!
//! Notifications are described as JSON and as posted parameters, so both are read.

use serde_json::Value;

use super::{Can, Dispatch, Gateway, LookUp, Price, Priced, wire};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Unreadable},
        message::{Cost, GatewayEvent, MessageRef, Outgoing, Receipt, ReceiptStatus, SendOutcome},
        money::Currency,
        time::Time,
    },
    http::{Request, Response},
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
            help: "a number of yours at TextMagic (+44…), or a sender ID of up to 11 letters and digits, to which nobody \
                   can reply; several with commas, and each person always hears from the same one",
            check: |list| wire::check_senders(list, check_sender),
            ..wire::SENDER
        },
        Field {
            key: "currency",
            label: "Currency of the account",
            help: "GBP, EUR, …, as the balance is shown in TextMagic; with it, what a text costs is kept",
            check: |code| Currency::parse(code).map(drop).map_err(|_| "be a currency code like GBP or EUR"),
            ..Field::TEXT
        },
        Field { default: Some(API), ..wire::API_ADDRESS },
    ],
    connect: &[
        "Open the API page of TextMagic.",
        "As the callback URL for delivery notifications paste {url}",
        "As the callback URL for incoming messages paste {url}",
    ],
    topics: &[],
    limits: &[
        "It tells costs without their currency: they are asked for once that of the account is set here.",
        "A text of more than six parts is refused.",
        "Why a text was not delivered is not told, nor who opted out.",
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

static CAN: Can = Can { replies: true, look_up: true, price: Price::Asked, ..Can::SEND };

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
            ("phones", sms.to.digits()),
            ("from", wire::bare(wire::sender(settings, &sms.to))),
            ("referenceId", &reference),
            ("partsCount", PARTS_MAX),
            ("cutExtra", "0"),
        ];
        Dispatch::Http(signed_in(settings, Request::form(messages(settings), form)))
    }

    fn outcome(&self, _settings: &Settings, answer: &Response) -> SendOutcome {
        wire::judge(answer, taken, refused)
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
        Ok(wire::kept(delivery, topic, fields.get("id"), fields.get("status")))
    }

    fn read(&self, _settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
        let fields = fields(delivery);
        match topic {
            "receipt" => Ok(vec![GatewayEvent::Receipt(receipt(delivery, &fields)?)]),
            "reply" => {
                let (from, to, text) = (fields.get("sender"), fields.get("receiver"), fields.raw("text"));
                Ok(vec![GatewayEvent::Reply(wire::reply(delivery, from, to, text, fields.get("id"))?)])
            }
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

    /// Without the currency there is nothing to learn. The reference was told by TextMagic, and becomes a part of the
    /// address only where it cannot lead elsewhere.
    fn ask_price(&self, settings: &Settings, gateway_ref: &str) -> Option<Request> {
        settings.given("currency")?;
        let id = wire::in_path(gateway_ref)?;
        Some(signed_in(settings, Request::get(format!("{}/{id}", messages(settings)))))
    }

    /// All parts together. Of a text that is not settled there, zero is a price that is not known yet.
    fn price(&self, settings: &Settings, answer: &Response) -> Option<Priced> {
        let message = wire::json(answer)?;
        let cost = wire::cost(&wire::text(&message, "price")?, settings.given("currency")?)?;
        let (status, _) = told(&wire::text(&message, "status")?);
        let settled = !matches!(status, ReceiptStatus::Accepted | ReceiptStatus::Unknown);
        (settled || cost.micros > 0).then(|| Priced { cost, segments: segments(&message) })
    }

    fn ask_balance(&self, settings: &Settings) -> Option<Request> {
        Some(signed_in(settings, Request::get(format!("{}/api/v2/user", wire::api(settings, API)))))
    }

    /// What is left, below zero where the account owes; here the currency is told.
    fn balance(&self, _settings: &Settings, answer: &Response) -> Option<Cost> {
        let user = wire::json(answer)?;
        wire::left(&wire::text(&user, "balance")?, &wire::text(user.get("currency")?, "id")?)
    }
}

fn messages(settings: &Settings) -> String {
    format!("{}/api/v2/messages", wire::api(settings, API))
}

fn signed_in(settings: &Settings, request: Request) -> Request {
    let request = request.header("x-tm-username", settings.get("username")).header("x-tm-key", settings.get("api_key"));
    Request { private: wire::stands_in(settings, API), ..request }
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
fn refused(answer: &Response) -> SendOutcome {
    match complaint(answer) {
        Some(about) => {
            SendOutcome::Refused { class: wire::class(answer.status), code: format!("HTTP {} {about}", answer.status) }
        }
        None => wire::refused(answer),
    }
}

/// Only what names one message is taken: a session or a schedule alone says nothing of ours.
fn taken(answer: &Response) -> SendOutcome {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let named = |name| wire::text(&body, name).filter(|id| id != "0");
    let is_message = wire::text(&body, "type").as_deref() == Some("message");
    match named("messageId").or_else(|| named("id").filter(|_| is_message)) {
        Some(id) => SendOutcome::Accepted { reference: Some(wire::short(&id)), segments: None, cost: None },
        None => wire::names_nothing(),
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
    let reference = fields.get("referenceId").and_then(|text| text.parse().ok());
    let receipt = wire::about(reference.or_else(|| wire::reference(delivery)), fields.get("id"))?;
    let (status, code) = told(fields.get("status").unwrap_or_default());
    Ok(Receipt { status, code, segments: fields.get("partsCount").and_then(wire::parts), ..receipt })
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
    let body = wire::json(answer).unwrap_or_default();
    match body.get("resources").and_then(Value::as_array) {
        Some(list) if list.is_empty() => LookUp::Absent,
        Some(list) => list.iter().find(|message| is_ours(sms, message)).map_or(LookUp::Unclear, |message| {
            LookUp::Found(Box::new(GatewayEvent::Receipt(found(*reference, message))))
        }),
        None => LookUp::Unclear,
    }
}

fn is_ours(sms: &Outgoing, message: &Value) -> bool {
    if let Some(reference) = wire::text(message, "referenceId") {
        return reference == sms.reference.to_string();
    }
    let number =
        wire::text(message, "receiver").or_else(|| wire::text(message, "phone")).map(|number| wire::with_plus(&number));
    let made = wire::text(message, "messageTime").and_then(|date| Time::parse(&date));
    number.as_deref() == Some(sms.to.e164())
        && wire::text(message, "text").is_some_and(|words| words == sms.text.trim())
        && made.is_some_and(|made| made >= sms.attempted_at - CLOCK_SLACK)
}

fn found(reference: MessageRef, message: &Value) -> Receipt {
    let (status, code) = told(&wire::text(message, "status").unwrap_or_default());
    Receipt {
        reference: Some(reference),
        gateway_ref: wire::text(message, "id").map(|id| wire::short(&id)),
        status,
        code,
        class: None,
        cost: None,
        segments: segments(message),
    }
}

fn segments(message: &Value) -> Option<u32> {
    wire::parts(&wire::text(message, "partsCount")?)
}

#[cfg(test)]
mod tests;
