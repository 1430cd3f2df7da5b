//! MessageBird's classic SMS API, rest.messagebird.com (messagebird/python-rest-api 2371520 and go-rest-api 0d971b2 for
//! shapes and signatures; nyaruka/courier `handlers/messagebird` for callbacks and error 103). Bird's own API is another.
//!
//! Sending is not idempotent. Our reference travels twice: as `reference`, which receipts and lists repeat, and in the
//! query of `reportUrl`. Receipts are GET requests with everything in the query, so their signature covers all of it
//! through the hash of the URL. Whoever has not set the signing key trusts the secret path alone.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;

use super::{CallbackAnswer, Can, Dispatch, Gateway, LookUp, Price, Proof, no_answer, wire};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Unreadable},
        message::{Cost, GatewayEvent, MessageRef, Outgoing, Receipt, ReceiptStatus, RefusalClass, Reply, SendOutcome},
        money::{Currency, decimal},
        sms::Encoding,
    },
    http::{HttpError, Request, Response},
};

pub struct MessageBird;

const API: &str = "https://rest.messagebird.com";

static SPEC: Spec = Spec {
    kind: "messagebird",
    name: "MessageBird",
    fields: &[
        Field {
            key: "access_key",
            label: "Access key",
            help: "a live key, in the MessageBird dashboard under Developers, API access",
            secret: true,
            required: true,
            ..Field::TEXT
        },
        Field {
            key: "signing_key",
            label: "Signing key",
            help: "in the dashboard under Developers, API settings; once it is set here, callbacks without its signature \
                   are refused. While it is being replaced list both with a comma",
            secret: true,
            ..Field::TEXT
        },
        Field {
            key: "sender",
            label: "Originator",
            help: "a number with its country code, a short code, or a name of up to 11 letters; several with commas, and \
                   each person always hears from the same one",
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
        "Receipts need nothing: every text carries their address.",
        "For replies open Flow Builder in the MessageBird dashboard and make a flow that an incoming SMS starts.",
        "Give it the step \"Forward to URL\" with the method POST, and paste {url}",
    ],
    topics: &[],
    limits: &[
        "It speaks the classic API of the MessageBird dashboard; Bird's newer API is another.",
        "Callbacks are proved by the secret in their address alone until the signing key is set here.",
        "Once the signing key is set, a callback without MessageBird-Signature-JWT is refused: watch the first receipt, \
         and take the key out again if MessageBird signs yours in its older way.",
        "What a text cost is known only where its receipt tells a price.",
        "A text of unknown outcome is looked for among those MessageBird lists for that number.",
    ],
};

/// MessageBird's own default is two days; asking for more than that is not documented.
const VALID_SECONDS_MAX: u64 = 172_800;

/// Clocks may differ by this much.
const CLOCK_SLACK_SECONDS: i64 = 300;

const SIGNATURE: &str = "messagebird-signature-jwt";

static CAN: Can = Can {
    proof: Proof::SignedOnceSet,
    replies: true,
    tells_opt_outs: true,
    look_up: true,
    price: Price::InReceipt,
    validity: true,
};

impl Gateway for MessageBird {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn can(&self) -> &'static Can {
        &CAN
    }

    /// Numbers go without their `+`, as MessageBird writes them.
    fn dispatch(&self, settings: &Settings, sms: &Outgoing) -> Dispatch {
        let mut body = json!({
            "originator": wire::sender(settings, &sms.to).trim_start_matches('+'),
            "recipients": [sms.to.digits()],
            "body": sms.text,
            "datacoding": if sms.encoding == Encoding::Gsm7 { "plain" } else { "unicode" },
            "reference": sms.reference.to_string(),
            "validity": sms.valid_for.as_secs().clamp(1, VALID_SECONDS_MAX),
        });
        if let (Some(callback), Some(body)) = (&sms.callback_url, body.as_object_mut()) {
            body.insert("reportUrl".into(), callback.as_str().into());
        }
        Dispatch::Http(signed_in(settings, Request::json(messages(settings), &body)))
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
        check_signature(settings.list("signing_key").collect(), delivery)?;
        let fields = fields(delivery);
        let (topic, word) = if fields.has("originator") && words(&fields).is_some() {
            ("reply", "reply")
        } else {
            fields.get("status").map_or(("other", "other"), |status| ("receipt", status))
        };
        let key = match fields.get("id") {
            Some(id) => format!("{}:{}", wire::short(id), wire::short(word)),
            None => wire::fingerprint(delivery),
        };
        Ok(Accepted::Keep { topic: topic.into(), key })
    }

    fn read(&self, _settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
        let fields = fields(delivery);
        match topic {
            "receipt" => Ok(vec![GatewayEvent::Receipt(receipt(delivery, &fields)?)]),
            "reply" => Ok(vec![GatewayEvent::Reply(Reply {
                from: wire::with_plus(fields.get("originator").ok_or_else(|| Unreadable::new("a text from nobody"))?),
                to: wire::with_plus(fields.get("recipient").unwrap_or_default()),
                text: words(&fields).unwrap_or_default().to_owned(),
                gateway_ref: fields.get("id").map_or_else(|| wire::fingerprint(delivery), wire::short),
                answered: false,
            })]),
            _ => Ok(Vec::new()),
        }
    }

    fn callback_answer(&self) -> CallbackAnswer {
        CallbackAnswer { content_type: "text/plain", body: "OK" }
    }

    /// Every text to this number. The list cannot be asked for our reference, but each entry repeats it.
    fn look_up(&self, settings: &Settings, sms: &Outgoing) -> Option<Request> {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("direction", "mt")
            .append_pair("recipient", sms.to.digits())
            .finish();
        Some(signed_in(settings, Request::get(format!("{}?{query}", messages(settings)))))
    }

    fn looked_up(&self, sms: &Outgoing, reference: &MessageRef, answer: &Response) -> LookUp {
        let body: Option<Value> = if answer.is_success() { serde_json::from_slice(&answer.body).ok() } else { None };
        let Some(body) = body else { return LookUp::Unclear };
        let Some(list) = body.get("items").and_then(Value::as_array) else { return LookUp::Unclear };
        let ours = reference.to_string();
        if let Some(message) = list.iter().find(|message| text(message, "reference").as_deref() == Some(&ours)) {
            return LookUp::Found(Box::new(GatewayEvent::Receipt(listed(*reference, message))));
        }
        // Nobody promises an order, so only the whole list is long enough. An empty one may mean that the number was not
        // understood; a text to it in the list shows that it was.
        let whole = number(&body, "offset") == Some(0)
            && number(&body, "totalCount").is_some_and(|count| usize::try_from(count) == Ok(list.len()));
        let understood = list.iter().any(|message| {
            recipient(message).and_then(|item| item.get("recipient")).and_then(wire::scalar).as_deref()
                == Some(sms.to.digits())
        });
        let readable = list.iter().all(|message| text(message, "id").is_some());
        if whole && understood && readable { LookUp::Absent } else { LookUp::Unclear }
    }
}

fn messages(settings: &Settings) -> String {
    format!("{}/messages", settings.given("api_base").unwrap_or(API).trim_end_matches('/'))
}

fn signed_in(settings: &Settings, request: Request) -> Request {
    let request = request.header("authorization", format!("AccessKey {}", settings.get("access_key")));
    // Only a stand-in for MessageBird may live in a private network.
    let private = settings.given("api_base").is_some_and(|base| base.trim_end_matches('/') != API);
    Request { private, ..request }
}

fn check_sender(text: &str) -> Result<(), &'static str> {
    let digits =
        |text: &str, from: usize| (from..=15).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let name = text.len() <= 11
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" +-_&.".contains(&byte));
    if name || digits(text, 3) || text.strip_prefix('+').is_some_and(|rest| digits(rest, 7)) {
        Ok(())
    } else {
        Err("be a number with its country code, a short code, or a name of up to 11 letters and digits")
    }
}

/// What a code in an answer's `errors` means.
enum Meaning {
    Refused(RefusalClass),
    /// MessageBird's own fault; how far the text came is not told.
    Open,
}

/// Codes of `errors` (messagebird/python-rest-api; docs "API errors").
const CODES: &[(u32, Meaning)] = &[
    (2, Meaning::Refused(RefusalClass::Account)),
    (9, Meaning::Refused(RefusalClass::Other)),
    (10, Meaning::Refused(RefusalClass::Other)),
    (21, Meaning::Refused(RefusalClass::Other)),
    (25, Meaning::Refused(RefusalClass::Account)),
    (99, Meaning::Open),
];

/// Parameters that an error may name and that we send; any other word is not repeated.
const PARAMETERS: &[&str] = &["originator", "recipients", "recipient", "body", "reportUrl", "validity", "datacoding"];

fn judge(answer: &Response) -> SendOutcome {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    match answer.status {
        200..=299 => taken(body.as_ref()),
        429 => wire::later(answer, "too many requests"),
        408 => SendOutcome::Unknown { why: "HTTP 408".into() },
        400..=499 => refused(answer.status, body.as_ref()),
        status => SendOutcome::Unknown { why: format!("HTTP {status}") },
    }
}

fn taken(body: Option<&Value>) -> SendOutcome {
    let Some((body, id)) = body.and_then(|body| Some((body, text(body, "id")?))) else {
        return SendOutcome::Unknown { why: "an answer that names no message".into() };
    };
    let item = recipient(body);
    let (status, code, class) = item.map_or((ReceiptStatus::Unknown, None, None), told_of);
    // Taken and dropped in the same breath.
    if matches!(status, ReceiptStatus::Undelivered | ReceiptStatus::Expired) {
        return SendOutcome::Refused {
            class: class.unwrap_or(RefusalClass::Other),
            code: code.unwrap_or_else(|| "failed".into()),
        };
    }
    SendOutcome::Accepted {
        reference: Some(wire::short(&id)),
        segments: item.and_then(segments),
        cost: item.and_then(cost),
    }
}

fn refused(status: u16, body: Option<&Value>) -> SendOutcome {
    let errors = body.and_then(|body| body.get("errors")?.as_array()).map(Vec::as_slice).unwrap_or_default();
    let meaning = |code: u32| CODES.iter().find(|(known, _)| *known == code).map(|(_, meaning)| meaning);
    let coded = || errors.iter().filter_map(|error| Some((error, u32::try_from(number(error, "code")?).ok()?)));
    let told = coded().find(|(_, code)| meaning(*code).is_some()).or_else(|| coded().next());
    let parameter = told.and_then(|(error, _)| text(error, "parameter"));
    let parameter = PARAMETERS.iter().find(|known| parameter.as_deref() == Some(**known));
    let code = match (told, parameter) {
        (Some((_, code)), Some(parameter)) => format!("{code} {parameter}"),
        (Some((_, code)), None) => code.to_string(),
        (None, _) => format!("HTTP {status}"),
    };
    let class = match told.and_then(|(_, code)| meaning(code)) {
        Some(Meaning::Open) => return SendOutcome::Unknown { why: code },
        // A sender that MessageBird does not take is wrong for every text.
        Some(_) if parameter == Some(&"originator") => RefusalClass::Account,
        Some(Meaning::Refused(class)) => *class,
        None if matches!(status, 401..=404) => RefusalClass::Account,
        None => RefusalClass::Other,
    };
    SendOutcome::Refused { class, code }
}

/// Holds when any of the keys made the signature: a JWT that hashes the URL and, where there is one, the body. Without a
/// key the secret path is the proof.
fn check_signature(keys: Vec<&str>, delivery: &Delivery) -> Result<(), Refusal> {
    if keys.is_empty() {
        return Ok(());
    }
    let sent = delivery.header(SIGNATURE).ok_or(Refusal::Unsigned)?;
    let claims = claims(&keys, sent.trim()).ok_or(Refusal::WrongSignature)?;
    let hash = |name: &str| text(&claims, name).map(|hash| hash.to_ascii_lowercase());
    let is_of = |hash: &str, bytes: &[u8]| {
        bool::from(hash.as_bytes().ct_eq(HEXLOWER.encode(&Sha256::digest(bytes)).as_bytes()))
    };
    let url_holds = hash("url_hash").is_some_and(|hash| is_of(&hash, delivery.url.as_bytes()));
    let body_holds = match (claims.get("payload_hash"), hash("payload_hash")) {
        (None, _) => delivery.body.is_empty(),
        (Some(_), hash) => hash.is_some_and(|hash| is_of(&hash, &delivery.body)),
    };
    let issued = text(&claims, "iss").as_deref() == Some("MessageBird") && text(&claims, "jti").is_some();
    let (Some(from), Some(until)) = (number(&claims, "nbf"), number(&claims, "exp")) else {
        return Err(Refusal::WrongSignature);
    };
    if !(url_holds && body_holds && issued) {
        return Err(Refusal::WrongSignature);
    }
    let now = delivery.received_at.seconds();
    let away = from.saturating_sub(now).max(now.saturating_sub(until));
    if away > CLOCK_SLACK_SECONDS { Err(Refusal::WrongTime(away)) } else { Ok(()) }
}

/// The claims of a token that one of the keys signed. What its head says of the algorithm is believed only within HMAC.
fn claims(keys: &[&str], token: &str) -> Option<Value> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (head, claims) = signed.split_once('.')?;
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
    let head: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(head.as_bytes()).ok()?).ok()?;
    let made_by: fn(&str, &str, &[u8]) -> bool = match text(&head, "alg")?.as_str() {
        "HS256" => made_by::<Hmac<Sha256>>,
        "HS384" => made_by::<Hmac<Sha384>>,
        "HS512" => made_by::<Hmac<Sha512>>,
        _ => return None,
    };
    if !keys.iter().any(|key| made_by(key, signed, &signature)) {
        return None;
    }
    serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?).ok()
}

/// Compared in constant time.
fn made_by<M: Mac + KeyInit>(key: &str, signed: &str, signature: &[u8]) -> bool {
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key.as_bytes()) else { return false };
    mac.update(signed.as_bytes());
    mac.verify_slice(signature).is_ok()
}

/// A receipt comes in the query; a reply in a body of JSON or a form, as its flow was made.
fn fields(delivery: &Delivery) -> wire::Fields {
    if delivery.body.is_empty() {
        return wire::Fields::new(delivery.query_pairs());
    }
    wire::Fields::of_json(&delivery.body).unwrap_or_else(|| wire::Fields::new(delivery.form_pairs()))
}

/// The words of a reply: `body`, or `payload` where the flow wrote it so.
fn words(fields: &wire::Fields) -> Option<&str> {
    fields.raw("body").or_else(|| fields.raw("payload"))
}

fn receipt(delivery: &Delivery, fields: &wire::Fields) -> Result<Receipt, Unreadable> {
    let query = wire::Fields::new(delivery.query_pairs());
    let named = [query.get("ref"), fields.get("reference")];
    let reference = named.into_iter().flatten().find_map(|text| text.parse().ok());
    let gateway_ref = fields.get("id").map(wire::short);
    if reference.is_none() && gateway_ref.is_none() {
        return Err(Unreadable::new("a receipt that names no message"));
    }
    let (status, code, class) = told(fields.get("status").unwrap_or_default(), fields.get("statusErrorCode"));
    let segments = fields.get("messagePartCount").and_then(|count| count.parse().ok()).filter(|&count| count > 0);
    let cost = price(fields.get("price[amount]"), fields.get("price[currency]"));
    Ok(Receipt { reference, gateway_ref, status, code, class, cost, segments })
}

/// The receipt that an entry of the list amounts to.
fn listed(reference: MessageRef, message: &Value) -> Receipt {
    let item = recipient(message);
    let (status, code, class) = item.map_or((ReceiptStatus::Accepted, None, None), told_of);
    Receipt {
        reference: Some(reference),
        gateway_ref: text(message, "id").map(|id| wire::short(&id)),
        status,
        code,
        class,
        cost: item.and_then(cost),
        segments: item.and_then(segments),
    }
}

type Told = (ReceiptStatus, Option<String>, Option<RefusalClass>);

/// What a status and its error code tell.
fn told(word: &str, code: Option<&str>) -> Told {
    let status = match word {
        "scheduled" | "sent" | "buffered" => ReceiptStatus::Accepted,
        "delivered" => ReceiptStatus::Delivered,
        "delivery_failed" => ReceiptStatus::Undelivered,
        "expired" => ReceiptStatus::Expired,
        _ => return (ReceiptStatus::Unknown, Some(wire::short(word)), None),
    };
    // Good news carries a code too, which means nothing.
    let code = code.filter(|_| matches!(status, ReceiptStatus::Undelivered | ReceiptStatus::Expired));
    (status, code.map(wire::short), code.map(class))
}

/// Of `statusErrorCode`: 103 is the person's own STOP, 1 a subscriber that nobody knows.
fn class(code: &str) -> RefusalClass {
    match code {
        "103" => RefusalClass::OptedOut,
        "1" => RefusalClass::Number,
        _ => RefusalClass::Other,
    }
}

fn told_of(item: &Value) -> Told {
    let code = item.get("statusErrorCode").and_then(wire::scalar);
    told(&text(item, "status").unwrap_or_default(), code.as_deref())
}

/// Every text of ours has one recipient.
fn recipient(message: &Value) -> Option<&Value> {
    message.get("recipients")?.get("items")?.as_array()?.first()
}

fn segments(item: &Value) -> Option<u32> {
    u32::try_from(number(item, "messagePartCount")?).ok().filter(|&count| count > 0)
}

fn cost(item: &Value) -> Option<Cost> {
    let told = item.get("price")?;
    price(told.get("amount").and_then(wire::scalar).as_deref(), text(told, "currency").as_deref())
}

fn price(amount: Option<&str>, currency: Option<&str>) -> Option<Cost> {
    let currency = Currency::parse(currency?).ok()?;
    Some(Cost { micros: decimal(amount?, 6).ok()?.saturating_abs(), currency })
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn number(value: &Value, name: &str) -> Option<i64> {
    value.get(name).and_then(wire::scalar)?.parse().ok()
}

#[cfg(test)]
mod tests;
