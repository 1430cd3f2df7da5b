//! Sinch SMS, the REST API at `/xms/v1` with a service plan and its token (models of sinch-sdk-python 2.3.0, Sinch's page
//! "Delivery reports").
//!
//! A text is a batch of one. Sending is not idempotent, but batches can be listed by our own `client_reference`, so a text
//! of unknown outcome is looked up by its name. Prices are never told. Callbacks are signed only where Sinch was asked to
//! sign them; until a key is set here the secret path proves them. State words come in two spellings, `Delivered` and
//! `DELIVERED`.

use std::time::Duration;

use data_encoding::BASE64;
use hmac::Hmac;
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Can, Dispatch, Gateway, LookUp, Proof, signed, wire};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Unreadable},
        message::{GatewayEvent, MessageRef, Outgoing, Receipt, ReceiptStatus, RefusalClass, SendOutcome},
    },
    http::{Request, Response},
};

pub struct Sinch;

const REGION: &str = "us";

static SPEC: Spec = Spec {
    kind: "sinch",
    name: "Sinch",
    fields: &[
        Field {
            key: "service_plan_id",
            label: "Service plan ID",
            help: "in the Sinch Build dashboard under SMS, Service APIs",
            required: true,
            check: check_plan,
            ..Field::TEXT
        },
        Field {
            key: "api_token",
            label: "API token",
            help: "beside the service plan ID; Show reveals it",
            secret: true,
            required: true,
            ..Field::TEXT
        },
        Field {
            key: "region",
            label: "Region",
            help: "where the service plan was made: us, eu, au, br or ca; the first part of its base address",
            default: Some(REGION),
            check: check_region,
            ..Field::TEXT
        },
        Field {
            help: "a number of the service plan (+1…), a short code, or a name of up to 11 letters; several with commas, \
                   and each person always hears from the same one",
            ..wire::SENDER
        },
        Field {
            key: "webhook_secret",
            label: "Webhook secret",
            help: "only when Sinch signs the callbacks of your service plan, which its support sets up; while it is being \
                   replaced list both with a comma",
            secret: true,
            ..Field::TEXT
        },
        Field {
            help: "only to send through a proxy or a stand-in; empty goes to Sinch in the region above",
            ..wire::API_ADDRESS
        },
    ],
    connect: &[
        "Receipts need nothing: every text carries their address.",
        "For replies open SMS, Service APIs in the Sinch Build dashboard and choose the service plan.",
        "Under Callback URLs paste {url}",
    ],
    topics: &[],
    limits: &[
        "Callbacks of the SMS API are signed only where Sinch's support has set it up.",
        "A text waits for a phone at most three days.",
        "Sinch cannot say whether a person opted out or the number is not valid when a text is deleted: both count as an \
         opt-out.",
    ],
};

/// The farthest `expire_at`, three days after the text is sent.
const VALID_SECONDS_MAX: u64 = 3 * 24 * 60 * 60;

/// Sinch's clock and ours may differ by this much. Without `start_date` the list would reach back a day only.
const CLOCK_SLACK: Duration = Duration::from_secs(5 * 60);

static CAN: Can = Can {
    proof: Proof::SignedOnceSet,
    replies: true,
    tells_opt_outs: true,
    look_up: true,
    validity: true,
    ..Can::SEND
};

impl Gateway for Sinch {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn can(&self) -> &'static Can {
        &CAN
    }

    /// Sinch chooses Unicode by the text itself. Without an address of ours the receipts go where the plan sends them.
    fn dispatch(&self, settings: &Settings, sms: &Outgoing) -> Dispatch {
        let valid = Duration::from_secs(sms.valid_for.as_secs().clamp(1, VALID_SECONDS_MAX));
        let mut batch = json!({
            "type": "mt_text",
            "from": wire::sender(settings, &sms.to),
            "to": [sms.to.e164()],
            "body": sms.text,
            "delivery_report": "per_recipient",
            "client_reference": sms.reference.to_string(),
            "expire_at": (sms.attempted_at + valid).to_string(),
        });
        if let (Some(callback), Some(batch)) = (&sms.callback_url, batch.as_object_mut()) {
            batch.insert("callback_url".into(), json!(callback));
        }
        Dispatch::Http(signed_in(settings, Request::json(batches(settings), &batch)))
    }

    fn outcome(&self, _settings: &Settings, answer: &Response) -> SendOutcome {
        wire::judge(answer, taken, refused)
    }

    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        check_signature(settings, delivery)?;
        let fields = wire::Fields::of_json(&delivery.body).unwrap_or_default();
        let (topic, key) = match fields.get("type") {
            Some("recipient_delivery_report_sms") => {
                let status = fields.get("status").unwrap_or_default().to_ascii_lowercase();
                ("receipt", fields.get("batch_id").map(|id| format!("{}:{}", wire::short(id), wire::short(&status))))
            }
            Some("mo_text") => ("reply", fields.get("id").map(|id| format!("{}:reply", wire::short(id)))),
            _ => ("other", None),
        };
        Ok(Accepted::Keep { topic: topic.into(), key: key.unwrap_or_else(|| wire::fingerprint(delivery)) })
    }

    fn read(&self, _settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
        if !matches!(topic, "receipt" | "reply") {
            return Ok(Vec::new());
        }
        let fields = wire::Fields::of_json(&delivery.body).ok_or_else(|| Unreadable::new("not a JSON object"))?;
        if topic == "receipt" {
            return Ok(vec![GatewayEvent::Receipt(receipt(delivery, &fields)?)]);
        }
        let (from, to, text) = (fields.get("from"), fields.get("to"), fields.raw("body"));
        Ok(vec![GatewayEvent::Reply(wire::reply(delivery, from, to, text, fields.get("id"))?)])
    }

    fn look_up(&self, settings: &Settings, sms: &Outgoing) -> Option<Request> {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("client_reference", &sms.reference.to_string())
            .append_pair("start_date", &(sms.attempted_at - CLOCK_SLACK).to_string())
            .finish();
        Some(signed_in(settings, Request::get(format!("{}?{query}", batches(settings)))))
    }

    /// Asked by our own reference, so an empty list is an answer. A batch that is not ours shows that the question was not
    /// understood.
    fn looked_up(&self, _sms: &Outgoing, reference: &MessageRef, answer: &Response) -> LookUp {
        let body = wire::json(answer);
        let Some(list) = body.as_ref().and_then(|body| body.get("batches")?.as_array()) else {
            return LookUp::Unclear;
        };
        let count = body.as_ref().and_then(|body| body.get("count")).and_then(wire::scalar);
        if list.is_empty() {
            return if count.as_deref() == Some("0") { LookUp::Absent } else { LookUp::Unclear };
        }
        let ours = reference.to_string();
        let found = list.iter().find(|batch| wire::text(batch, "client_reference").as_deref() == Some(ours.as_str()));
        let Some((batch, id)) = found.and_then(|batch| Some((batch, wire::text(batch, "id")?))) else {
            return LookUp::Unclear;
        };
        let Ok(receipt) = wire::about(Some(*reference), Some(&id)) else { return LookUp::Unclear };
        let cancelled = batch.get("canceled") == Some(&Value::Bool(true));
        LookUp::Found(Box::new(GatewayEvent::Receipt(Receipt {
            status: if cancelled { ReceiptStatus::Rejected } else { ReceiptStatus::Accepted },
            code: cancelled.then(|| "cancelled".into()),
            ..receipt
        })))
    }
}

fn batches(settings: &Settings) -> String {
    let region = settings.given("region").unwrap_or(REGION);
    let base = settings.given("api_base").map(str::to_owned);
    let base = base.unwrap_or_else(|| format!("https://{region}.sms.api.sinch.com"));
    format!("{}/xms/v1/{}/batches", base.trim_end_matches('/'), settings.get("service_plan_id"))
}

fn signed_in(settings: &Settings, request: Request) -> Request {
    let host = url::Url::parse(&request.url).ok().and_then(|url| url.host_str().map(str::to_owned));
    // Only a stand-in for Sinch may live in a private network.
    let private = !host.is_some_and(|host| host.ends_with(".sinch.com"));
    Request { private, ..request.header("authorization", format!("Bearer {}", settings.get("api_token"))) }
}

/// It becomes a part of the address.
fn check_plan(text: &str) -> Result<(), &'static str> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if plain { Ok(()) } else { Err("be letters, digits, - and _ only") }
}

fn check_region(text: &str) -> Result<(), &'static str> {
    let word = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_lowercase());
    if word { Ok(()) } else { Err("be two small letters, such as us or eu") }
}

fn taken(answer: &Response) -> SendOutcome {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match wire::text(&body, "id") {
        Some(id) => SendOutcome::Accepted { reference: Some(wire::short(&id)), segments: None, cost: None },
        None => wire::names_nothing(),
    }
}

fn refused(answer: &Response) -> SendOutcome {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match wire::text(&body, "code").filter(|code| is_word(code)) {
        Some(word) => SendOutcome::Refused { class: wire::class(answer.status), code: wire::short(&word) },
        None => wire::refused(answer),
    }
}

/// Sinch's words have no spaces, and no number of a person has a letter.
fn is_word(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// base64(HMAC-SHA256(secret, body "." nonce "." timestamp)), as Sinch's SDK checks it. Holds when any of the secrets made
/// the signature; without a secret the path was the proof.
fn check_signature(settings: &Settings, delivery: &Delivery) -> Result<(), Refusal> {
    let secrets: Vec<&str> = settings.list("webhook_secret").collect();
    if secrets.is_empty() {
        return Ok(());
    }
    let header = |name| delivery.header(name).map(str::trim).ok_or(Refusal::Unsigned);
    let sent = header("x-sinch-webhook-signature")?;
    let nonce = header("x-sinch-webhook-signature-nonce")?;
    let timestamp = header("x-sinch-webhook-signature-timestamp")?;
    let algorithms = delivery.headers.iter().filter(|(name, _)| name == "x-sinch-webhook-signature-algorithm");
    for (_, algorithm) in algorithms {
        if !algorithm.trim().eq_ignore_ascii_case("HmacSHA256") {
            return Err(Refusal::WrongSignature);
        }
    }
    let sent = BASE64.decode(sent.as_bytes()).map_err(|_| Refusal::WrongSignature)?;
    let pieces: [&[u8]; 5] = [&delivery.body, b".", nonce.as_bytes(), b".", timestamp.as_bytes()];
    let holds = secrets.iter().any(|secret| signed::made_by::<Hmac<Sha256>>(secret, &pieces, &sent));
    if !holds {
        return Err(Refusal::WrongSignature);
    }
    // The signature covers the time as it was written, so it is looked at only now.
    signed::in_time(delivery, timestamp.parse().ok())
}

/// Why a text is not delivered, by the code of its report (Sinch, "Delivery report error codes"; 413 as its Java SDK
/// explains it: the account is blocked). What is not listed says nothing about the person or the account.
const CODES: &[(u32, RefusalClass)] = &[
    (402, RefusalClass::Number),  // cannot be routed
    (410, RefusalClass::Account), // no sender of the plan fits
    (413, RefusalClass::Account), // account blocked
];

fn receipt(delivery: &Delivery, fields: &wire::Fields) -> Result<Receipt, Unreadable> {
    let told = fields.get("client_reference").and_then(|text| text.parse().ok());
    let receipt = wire::about(told.or_else(|| wire::reference(delivery)), fields.get("batch_id"))?;
    let word = fields.get("status").unwrap_or_default();
    let number = fields.get("code").and_then(|code| code.parse::<u32>().ok());
    let status = status(word);
    let bad_news = matches!(status, ReceiptStatus::Undelivered | ReceiptStatus::Expired | ReceiptStatus::Rejected);
    let class = match word.to_ascii_lowercase().as_str() {
        // Sinch deletes what goes to a number that is not valid or that opted out. Neither is to be texted again.
        "deleted" => Some(RefusalClass::OptedOut),
        _ => CODES.iter().find(|(known, _)| Some(*known) == number).map(|&(_, class)| class),
    };
    let code = match status {
        ReceiptStatus::Unknown => Some(wire::short(word)),
        _ if bad_news => Some(number.map_or_else(|| wire::short(word), |number| number.to_string())),
        _ => None,
    };
    let segments = fields.get("number_of_message_parts").and_then(wire::parts);
    Ok(Receipt { status, code, class: class.filter(|_| bad_news), segments, ..receipt })
}

/// Sinch, "Delivery report statuses".
fn status(word: &str) -> ReceiptStatus {
    match word.to_ascii_lowercase().as_str() {
        // `Unknown` is Sinch's word for a text that left and of which no operator ever told more.
        "queued" | "dispatched" | "unknown" => ReceiptStatus::Accepted,
        "delivered" => ReceiptStatus::Delivered,
        "failed" | "deleted" => ReceiptStatus::Undelivered,
        "expired" => ReceiptStatus::Expired,
        "aborted" | "rejected" | "cancelled" => ReceiptStatus::Rejected,
        _ => ReceiptStatus::Unknown,
    }
}

#[cfg(test)]
mod tests;
