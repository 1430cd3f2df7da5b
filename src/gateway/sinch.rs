//! Sinch SMS, the REST API at `/xms/v1` with a service plan and its token (models of sinch-sdk-python 2.3.0, Sinch's page
//! "Delivery reports").
//!
//! A text is a batch of one. Sending is not idempotent, but batches can be listed by our own `client_reference`, so a text
//! of unknown outcome is looked up by its name. Prices are never told. Callbacks are signed only where Sinch was asked to
//! sign them; until a key is set here the secret path proves them. State words come in two spellings, `Delivered` and
//! `DELIVERED`.

use std::time::Duration;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Can, Dispatch, Gateway, LookUp, Proof, no_answer, wire};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Unreadable},
        message::{GatewayEvent, MessageRef, Outgoing, Receipt, ReceiptStatus, RefusalClass, Reply, SendOutcome},
    },
    http::{HttpError, Request, Response},
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
            key: "sender",
            label: "Sender",
            help: "a number of the service plan (+1…), a short code, or a name of up to 11 letters; several with commas, \
                   and each person always hears from the same one",
            required: true,
            check: |list| wire::check_senders(list, check_sender),
            ..Field::TEXT
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
            key: "api_base",
            label: "API address",
            help: "only to send through a proxy or a stand-in; empty goes to Sinch in the region above",
            check: wire::check_address,
            ..Field::TEXT
        },
    ],
    connect: &[
        "Receipts need nothing: every text carries their address.",
        "For replies open SMS, Service APIs in the Sinch Build dashboard and choose the service plan.",
        "Under Callback URLs paste {url}",
    ],
    topics: &[],
    limits: &[
        "Sinch never tells what a text cost.",
        "Callbacks of the SMS API are signed only when Sinch's support has set it up; until then they are trusted by the \
         secret in their address.",
        "A text waits for a phone at most three days.",
        "Sinch cannot say whether a person opted out or the number is not valid when a text is deleted: both count as an \
         opt-out.",
    ],
};

/// The farthest `expire_at`, three days after the text is sent.
const VALID_SECONDS_MAX: u64 = 3 * 24 * 60 * 60;

/// Sinch's clock and ours may differ by this much. Without `start_date` the list would reach back a day only.
const CLOCK_SLACK: Duration = Duration::from_secs(5 * 60);

/// How far the time in a signature may be from ours.
const TOLERANCE_SECONDS: i64 = 300;

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

    fn sender_name(&self, settings: &Settings) -> Option<String> {
        settings.list("sender").find(|sender| sender.contains(char::is_alphabetic)).map(str::to_owned)
    }

    fn outcome(&self, answer: Result<&Response, &HttpError>) -> SendOutcome {
        match answer {
            Ok(answer) => judge(answer),
            Err(error) => no_answer(error),
        }
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
        Ok(vec![GatewayEvent::Reply(Reply {
            from: wire::with_plus(fields.get("from").ok_or_else(|| Unreadable::new("a text from nobody"))?),
            to: wire::with_plus(fields.get("to").unwrap_or_default()),
            text: fields.raw("body").unwrap_or_default().to_owned(),
            gateway_ref: fields.get("id").map_or_else(|| wire::fingerprint(delivery), str::to_owned),
            answered: false,
        })])
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
        let body: Option<Value> = if answer.is_success() { serde_json::from_slice(&answer.body).ok() } else { None };
        let Some(list) = body.as_ref().and_then(|body| body.get("batches")?.as_array()) else {
            return LookUp::Unclear;
        };
        let count = body.as_ref().and_then(|body| body.get("count")).and_then(wire::scalar);
        if list.is_empty() {
            return if count.as_deref() == Some("0") { LookUp::Absent } else { LookUp::Unclear };
        }
        let ours = reference.to_string();
        let found = list.iter().find(|batch| text(batch, "client_reference").as_deref() == Some(ours.as_str()));
        let Some((batch, id)) = found.and_then(|batch| Some((batch, text(batch, "id")?))) else {
            return LookUp::Unclear;
        };
        let cancelled = batch.get("canceled") == Some(&Value::Bool(true));
        LookUp::Found(Box::new(GatewayEvent::Receipt(Receipt {
            reference: Some(*reference),
            gateway_ref: Some(wire::short(&id)),
            status: if cancelled { ReceiptStatus::Rejected } else { ReceiptStatus::Accepted },
            code: cancelled.then(|| "cancelled".into()),
            class: None,
            cost: None,
            segments: None,
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

fn check_sender(text: &str) -> Result<(), &'static str> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let number = (3..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let name = text.len() <= 11
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" .-_&".contains(&byte));
    if number || name { Ok(()) } else { Err("be a number, a short code, or a name of up to 11 letters and digits") }
}

fn judge(answer: &Response) -> SendOutcome {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    match answer.status {
        200..=299 => match body.as_ref().and_then(|body| text(body, "id")) {
            Some(id) => SendOutcome::Accepted { reference: Some(wire::short(&id)), segments: None, cost: None },
            None => SendOutcome::Unknown { why: "an answer that names no message".into() },
        },
        408 => SendOutcome::Unknown { why: "HTTP 408".into() },
        429 => wire::later(answer, "HTTP 429"),
        status @ 400..=499 => {
            let class = match status {
                401..=404 => RefusalClass::Account,
                _ => RefusalClass::Other,
            };
            let word = body.as_ref().and_then(|body| text(body, "code")).filter(|code| is_word(code));
            SendOutcome::Refused { class, code: word.map_or(format!("HTTP {status}"), |word| wire::short(&word)) }
        }
        status => SendOutcome::Unknown { why: format!("HTTP {status}") },
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
    let holds = secrets.iter().any(|secret| {
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).is_ok_and(|mut mac| {
            let parts: [&[u8]; 5] = [&delivery.body, b".", nonce.as_bytes(), b".", timestamp.as_bytes()];
            parts.iter().for_each(|part| mac.update(part));
            mac.verify_slice(&sent).is_ok()
        })
    });
    if !holds {
        return Err(Refusal::WrongSignature);
    }
    // The signature covers the time as it was written, so it is looked at only now.
    let signed_at = timestamp.parse::<i64>().map_err(|_| Refusal::WrongSignature)?;
    let away = delivery.received_at.seconds().saturating_sub(signed_at);
    if away.saturating_abs() > TOLERANCE_SECONDS { Err(Refusal::WrongTime(away)) } else { Ok(()) }
}

/// Why a text is not delivered, by the code of its report (Sinch, "Delivery report error codes"; 413 as its Java SDK
/// explains it: the account is blocked). What is not listed says nothing about the person or the account.
const CODES: &[(u32, RefusalClass)] = &[
    (402, RefusalClass::Number),  // cannot be routed
    (410, RefusalClass::Account), // no sender of the plan fits
    (413, RefusalClass::Account), // account blocked
];

fn receipt(delivery: &Delivery, fields: &wire::Fields) -> Result<Receipt, Unreadable> {
    let query = wire::Fields::new(delivery.query_pairs());
    let named = |text: Option<&str>| text.and_then(|text| text.parse().ok());
    let reference = named(fields.get("client_reference")).or_else(|| named(query.get("ref")));
    let gateway_ref = fields.get("batch_id").map(wire::short);
    if reference.is_none() && gateway_ref.is_none() {
        return Err(Unreadable::new("a receipt that names no message"));
    }
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
    Ok(Receipt {
        reference,
        gateway_ref,
        status,
        code,
        class: class.filter(|_| bad_news),
        cost: None,
        segments: fields.get("number_of_message_parts").and_then(|count| count.parse().ok()).filter(|&count| count > 0),
    })
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

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(wire::scalar).filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests;
