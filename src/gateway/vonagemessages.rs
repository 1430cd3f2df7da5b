//! Vonage Messages API, `POST /v1/messages`, for SMS (Nexmo/api-specification `messages-olympus.yml`; docs "Message status
//! callbacks", "Signed webhooks", "API errors").
//!
//! A text is taken with 202 and a `message_uuid`; what became of it, and who is opted out (error 1240), is told in status
//! callbacks. Sending is not idempotent, and there is no look-up. Our reference goes along as `client_ref` and in the query
//! of the callback address.
//!
//! Every callback carries a JWT signed with the account's signature secret. A signature alone would hold for any body, so
//! the hash of the body inside it counts as well, and so does the time of signing. The address is not signed: the
//! reference in the body is believed before the one in the query.

use data_encoding::HEXLOWER_PERMISSIVE;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Can, Dispatch, Gateway, Price, Proof, Redacted, signed, vonage::account, wire};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Unreadable},
        message::{Cost, GatewayEvent, Outgoing, Receipt, ReceiptStatus, RefusalClass, SendOutcome},
        sms::Encoding,
    },
    http::{Request, Response},
};

pub struct VonageMessages;

const API: &str = "https://api.nexmo.com";

static SPEC: Spec = Spec {
    kind: "vonagemessages",
    name: "Vonage Messages API",
    fields: &[
        Field {
            key: "api_key",
            label: "API key",
            help: "at the top of API Settings in the Vonage dashboard",
            required: true,
            ..Field::TEXT
        },
        Field {
            key: "api_secret",
            label: "API secret",
            help: "on the same page, under API key secret",
            secret: true,
            required: true,
            ..Field::TEXT
        },
        Field {
            key: "signature_secret",
            label: "Signature secret",
            help: "on the same page; it verifies callbacks. While it is being replaced list both with a comma",
            secret: true,
            required: true,
            ..Field::TEXT
        },
        Field {
            help: "a number of yours with its country code, a short code, or a name of up to 11 letters; several with \
                   commas, and each person always hears from the same one",
            ..wire::SENDER
        },
        Field { default: Some(API), ..wire::API_ADDRESS },
    ],
    connect: &[
        "In the Vonage dashboard open API Settings, and under Messaging API Type choose Messages API.",
        "For receipts paste this as the status webhook, although every text carries the address too: {url}",
        "For replies paste the same as the inbound webhook: {url}",
        "A number that is linked to an application sends its callbacks where the application says: paste it there too.",
    ],
    topics: &[],
    limits: &[
        "A text may have 1000 characters.",
        "Vonage tells the price of one part; of a text in several parts the price is that times its parts.",
        "A callback that comes more than five minutes after it was signed is refused.",
        "Vonage forgets a text only after its first hour, and only once it has switched on the Redact API for the account.",
        "Only texts are read: what comes over WhatsApp or another channel is kept and left alone.",
    ],
};

/// Bounds of `ttl` in seconds, those of the SMS API.
const TTL_SECONDS: (u64, u64) = (20, 604_800);

static CAN: Can = Can {
    proof: Proof::Signed,
    replies: true,
    tells_opt_outs: true,
    price: Price::InReceipt,
    validity: true,
    redacts: true,
    ..Can::SEND
};

impl Gateway for VonageMessages {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn can(&self) -> &'static Can {
        &CAN
    }

    fn dispatch(&self, settings: &Settings, sms: &Outgoing) -> Dispatch {
        let encoding = if sms.encoding == Encoding::Gsm7 { "text" } else { "unicode" };
        let mut body = json!({
            "message_type": "text",
            "channel": "sms",
            "to": sms.to.digits(),
            "from": wire::bare(wire::sender(settings, &sms.to)),
            "text": sms.text,
            "ttl": sms.valid_for.as_secs().clamp(TTL_SECONDS.0, TTL_SECONDS.1),
            "client_ref": sms.reference.to_string(),
            "sms": { "encoding_type": encoding },
        });
        if let (Some(callback), Some(object)) = (&sms.callback_url, body.as_object_mut()) {
            object.insert("webhook_url".into(), callback.as_str().into());
            object.insert("webhook_version".into(), "v1".into());
        }
        let request = Request::json(format!("{}/v1/messages", wire::api(settings, API)), &body)
            .basic_auth(settings.get("api_key"), settings.get("api_secret"));
        Dispatch::Http(Request { private: wire::stands_in(settings, API), ..request })
    }

    fn outcome(&self, _settings: &Settings, answer: &Response) -> SendOutcome {
        wire::judge(answer, taken, refused)
    }

    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        verify(settings.list("signature_secret"), delivery)?;
        let body: Value = serde_json::from_slice(&delivery.body).unwrap_or_default();
        let status = wire::text(&body, "status");
        let topic = match (&status, wire::text(&body, "channel").as_deref()) {
            (_, Some(channel)) if !matches!(channel, "sms" | "mms") => "other",
            (Some(_), _) => "receipt",
            (None, _) if body.get("from").is_some() && body.get("message_uuid").is_some() => "reply",
            _ => "other",
        };
        Ok(wire::kept(delivery, topic, wire::text(&body, "message_uuid").as_deref(), status.as_deref()))
    }

    fn read(&self, _settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
        if !matches!(topic, "receipt" | "reply") {
            return Ok(Vec::new());
        }
        let body: Value = serde_json::from_slice(&delivery.body).map_err(|_| Unreadable::new("no JSON"))?;
        let event = if topic == "receipt" {
            GatewayEvent::Receipt(receipt(delivery, &body)?)
        } else {
            let field = |name| wire::text(&body, name);
            let (from, to, id) = (field("from"), field("to"), field("message_uuid"));
            let words = body.get("text").and_then(wire::scalar);
            GatewayEvent::Reply(wire::reply(delivery, from.as_deref(), to.as_deref(), words.as_deref(), id.as_deref())?)
        };
        Ok(vec![event])
    }

    fn ask_balance(&self, settings: &Settings) -> Option<Request> {
        Some(account::ask_balance(settings, API))
    }

    fn balance(&self, _settings: &Settings, answer: &Response) -> Option<Cost> {
        account::balance(answer)
    }

    fn redact(&self, settings: &Settings, gateway_ref: &str) -> Option<Request> {
        account::redact(settings, API, "messages", gateway_ref)
    }

    fn redacted(&self, answer: &Response) -> Redacted {
        account::redacted(answer)
    }
}

/// Holds when any of the secrets made the token, and the token is about this body and this moment.
fn verify<'a>(secrets: impl Iterator<Item = &'a str>, delivery: &Delivery) -> Result<(), Refusal> {
    let secrets: Vec<&str> = secrets.collect();
    if secrets.is_empty() {
        return Err(Refusal::NoKey);
    }
    let (scheme, token) =
        delivery.header("authorization").and_then(|value| value.trim().split_once(' ')).ok_or(Refusal::Unsigned)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::Unsigned);
    }
    let claims = signed::claims(&secrets, token.trim(), &["HS256"]).ok_or(Refusal::WrongSignature)?;
    let hash = wire::text(&claims, "payload_hash").ok_or(Refusal::WrongSignature)?;
    let hash = HEXLOWER_PERMISSIVE.decode(hash.as_bytes()).map_err(|_| Refusal::WrongSignature)?;
    if !bool::from(Sha256::digest(&delivery.body).as_slice().ct_eq(&hash)) {
        return Err(Refusal::WrongSignature);
    }
    let signed_at = wire::text(&claims, "iat").and_then(|iat| iat.split('.').next()?.parse::<i64>().ok());
    signed::in_time(delivery, signed_at)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Refused(RefusalClass),
    /// Too much at once: it did not leave.
    Throttled,
    /// It may have left; in a receipt, nothing to learn about the person.
    Unsure,
}

/// From <https://developer.vonage.com/api-errors/messages>. What passes by itself is not listed: after a refusal it is one
/// more refusal, and in a receipt it teaches nothing.
const CODES: &[(u32, Meaning)] = {
    use Meaning::{Refused, Throttled, Unsure};
    use RefusalClass::{Account, Content, Number, OptedOut, Other};
    &[
        (1000, Throttled),
        (1010, Refused(Other)),    // a parameter is missing
        (1020, Refused(Other)),    // a parameter is wrong
        (1030, Unsure),            // internal error
        (1040, Refused(Number)),   // no route to such a number
        (1050, Refused(Number)),   // number barred
        (1060, Refused(Account)),  // account barred
        (1070, Refused(Account)),  // no credit
        (1080, Refused(Account)),  // account not enabled for this API
        (1090, Refused(Other)),    // too long
        (1100, Unsure),            // communication failed
        (1120, Refused(Account)),  // sender not allowed
        (1130, Refused(Other)),    // wrong ttl
        (1170, Refused(Number)),   // no such number
        (1190, Refused(Number)),   // absent for good
        (1210, Refused(Content)),  // spam
        (1240, Refused(OptedOut)), // the person replied STOP
        (1320, Unsure),            // sent already
    ]
};

fn meaning(code: u32) -> Option<Meaning> {
    CODES.iter().find(|(known, _)| *known == code).map(|&(_, meaning)| meaning)
}

/// The number of an error: after the `#` of its type, or its title. Words and longer numbers are no codes.
fn code(error: &Value) -> Option<u32> {
    let number = |text: &str| if text.len() == 4 { text.parse::<u32>().ok() } else { None };
    let from_type = wire::text(error, "type").and_then(|kind| number(kind.rsplit_once('#')?.1));
    from_type.or_else(|| wire::text(error, "title").and_then(|title| number(&title)))
}

fn taken(answer: &Response) -> SendOutcome {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match wire::text(&body, "message_uuid") {
        Some(id) => SendOutcome::Accepted { reference: Some(wire::short(&id)), segments: None, cost: None },
        None => wire::names_nothing(),
    }
}

fn refused(answer: &Response) -> SendOutcome {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let Some(code) = code(&body) else { return wire::refused(answer) };
    match meaning(code) {
        Some(Meaning::Throttled) => wire::later(answer, &code.to_string()),
        Some(Meaning::Unsure) => wire::unknown(&code.to_string()),
        Some(Meaning::Refused(class)) => SendOutcome::Refused { class, code: code.to_string() },
        None => SendOutcome::Refused { class: wire::class(answer.status), code: code.to_string() },
    }
}

fn receipt(delivery: &Delivery, body: &Value) -> Result<Receipt, Unreadable> {
    let told = wire::text(body, "client_ref").and_then(|text| text.parse().ok());
    let id = wire::text(body, "message_uuid");
    let receipt = wire::about(told.or_else(|| wire::reference(delivery)), id.as_deref())?;
    let word = wire::text(body, "status").unwrap_or_default();
    let status = match word.as_str() {
        "submitted" => ReceiptStatus::Accepted,
        "delivered" => ReceiptStatus::Delivered,
        "undeliverable" => ReceiptStatus::Undelivered,
        "rejected" => ReceiptStatus::Rejected,
        _ => ReceiptStatus::Unknown,
    };
    let number = body.get("error").and_then(code);
    let bad_news = matches!(status, ReceiptStatus::Undelivered | ReceiptStatus::Rejected);
    let class = match number.filter(|_| bad_news).and_then(meaning) {
        Some(Meaning::Refused(class)) => Some(class),
        _ => None,
    };
    let told = number.map(|number| number.to_string());
    let code = if status == ReceiptStatus::Unknown { Some(wire::short(&word)) } else { told };
    let segments = body.get("sms").and_then(|sms| wire::parts(&wire::text(sms, "count_total")?));
    Ok(Receipt { status, code, class, cost: cost(body, segments), segments, ..receipt })
}

/// Each callback tells what one part cost.
fn cost(body: &Value, segments: Option<u32>) -> Option<Cost> {
    let usage = body.get("usage")?;
    let one = wire::cost(&wire::text(usage, "price")?, &wire::text(usage, "currency")?)?;
    Some(Cost { micros: one.micros.checked_mul(i64::from(segments.unwrap_or(1)))?, ..one })
}

#[cfg(test)]
mod tests;
