//! MessageBird's classic SMS API, rest.messagebird.com (messagebird/python-rest-api 2371520 and go-rest-api 0d971b2 for
//! shapes and signatures; nyaruka/courier `handlers/messagebird` for callbacks and error 103). Bird's own API is another.
//!
//! Sending is not idempotent. Our reference travels twice: as `reference`, which receipts and lists repeat, and in the
//! query of `reportUrl`. Receipts are GET requests with everything in the query, so their signature covers all of it
//! through the hash of the URL. Whoever has not set the signing key trusts the secret path alone.

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{CallbackAnswer, Can, Dispatch, Gateway, LookUp, Price, Proof, Redacted, signed, wire};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Unreadable},
        message::{Cost, GatewayEvent, MessageRef, Outgoing, Receipt, ReceiptStatus, RefusalClass, SendOutcome},
        money::{Currency, decimal},
        sms::Encoding,
    },
    http::{Method, Request, Response},
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
            label: "Originator",
            help: "a number with its country code, a short code, or a name of up to 11 letters; several with commas, and \
                   each person always hears from the same one",
            check: |list| wire::check_senders(list, check_sender),
            ..wire::SENDER
        },
        Field { default: Some(API), ..wire::API_ADDRESS },
    ],
    connect: &[
        "Receipts need nothing: every text carries their address.",
        "For replies open Flow Builder in the MessageBird dashboard and make a flow that an incoming SMS starts.",
        "Give it the step \"Forward to URL\" with the method POST, and paste {url}",
    ],
    topics: &[],
    limits: &[
        "It speaks the classic API of the MessageBird dashboard; Bird's newer API is another.",
        "Once the signing key is set, a callback without MessageBird-Signature-JWT is refused: watch the first receipt, \
         and take the key out again if MessageBird signs yours in its older way.",
        "What a text cost is known only where its receipt tells a price.",
        "A text of unknown outcome is looked for among those MessageBird lists for that number.",
        "What is left on an account that counts in credits is not shown: they are no money.",
        "A text is deleted at MessageBird when its person is erased here; what else it keeps of it is not told.",
    ],
};

/// MessageBird's own default is two days; asking for more than that is not documented.
const VALID_SECONDS_MAX: u64 = 172_800;

const SIGNATURE: &str = "messagebird-signature-jwt";
/// What its tokens may be signed with.
const ALGORITHMS: &[&str] = &["HS256", "HS384", "HS512"];

static CAN: Can = Can {
    redacts: true,
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
            "originator": wire::bare(wire::sender(settings, &sms.to)),
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

    fn outcome(&self, _settings: &Settings, answer: &Response) -> SendOutcome {
        wire::judge(answer, taken, refused)
    }

    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        check_signature(settings.list("signing_key").collect(), delivery)?;
        let fields = fields(delivery);
        let (topic, word) = if fields.has("originator") && words(&fields).is_some() {
            ("reply", "reply")
        } else {
            fields.get("status").map_or(("other", "other"), |status| ("receipt", status))
        };
        Ok(wire::kept(delivery, topic, fields.get("id"), Some(word)))
    }

    fn read(&self, _settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
        let fields = fields(delivery);
        match topic {
            "receipt" => Ok(vec![GatewayEvent::Receipt(receipt(delivery, &fields)?)]),
            "reply" => {
                let (from, to) = (fields.get("originator"), fields.get("recipient"));
                Ok(vec![GatewayEvent::Reply(wire::reply(delivery, from, to, words(&fields), fields.get("id"))?)])
            }
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
        let body = wire::json(answer);
        let Some(body) = body else { return LookUp::Unclear };
        let Some(list) = body.get("items").and_then(Value::as_array) else { return LookUp::Unclear };
        let ours = reference.to_string();
        if let Some(message) = list.iter().find(|message| wire::text(message, "reference").as_deref() == Some(&ours)) {
            return LookUp::Found(Box::new(GatewayEvent::Receipt(listed(*reference, message))));
        }
        // Nobody promises an order, so only the whole list is long enough. An empty one may mean that the number was not
        // understood; a text to it in the list shows that it was.
        let whole =
            wire::number(&body, "offset") == Some(0u64) && wire::number(&body, "totalCount") == Some(list.len());
        let understood = list.iter().any(|message| {
            recipient(message).and_then(|item| item.get("recipient")).and_then(wire::scalar).as_deref()
                == Some(sms.to.digits())
        });
        let readable = list.iter().all(|message| wire::text(message, "id").is_some());
        if whole && understood && readable { LookUp::Absent } else { LookUp::Unclear }
    }

    fn ask_balance(&self, settings: &Settings) -> Option<Request> {
        Some(signed_in(settings, Request::get(format!("{}/balance", wire::api(settings, API)))))
    }

    /// What is left, below zero where the account owes.
    fn balance(&self, _settings: &Settings, answer: &Response) -> Option<Cost> {
        let body = wire::json(answer)?;
        let micros = decimal(&wire::text(&body, "amount")?, 6).ok()?;
        Some(Cost { micros, currency: currency(&wire::text(&body, "type")?)? })
    }

    /// Its reference was told by MessageBird, and becomes a part of the address only where it cannot lead elsewhere.
    fn redact(&self, settings: &Settings, gateway_ref: &str) -> Option<Request> {
        let id = wire::in_path(gateway_ref)?;
        let request = Request::get(format!("{}/{id}", messages(settings)));
        Some(signed_in(settings, Request { method: Method::Delete, ..request }))
    }

    /// A deletion is answered 204 without a body.
    fn redacted(&self, answer: &Response) -> Redacted {
        wire::redacted(answer)
    }
}

fn messages(settings: &Settings) -> String {
    format!("{}/messages", wire::api(settings, API))
}

fn signed_in(settings: &Settings, request: Request) -> Request {
    let request = request.header("authorization", format!("AccessKey {}", settings.get("access_key")));
    Request { private: wire::stands_in(settings, API), ..request }
}

/// What a balance counts in, where it is a currency: in words, or else as a code.
const CURRENCIES: &[(&str, &str)] = &[("euros", "EUR"), ("dollars", "USD"), ("pounds", "GBP")];

fn currency(word: &str) -> Option<Currency> {
    let known = CURRENCIES.iter().find(|(known, _)| *known == word);
    Currency::parse(known.map_or(word, |(_, code)| code)).ok()
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

fn taken(answer: &Response) -> SendOutcome {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let Some(id) = wire::text(&body, "id") else { return wire::names_nothing() };
    let item = recipient(&body);
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

fn refused(answer: &Response) -> SendOutcome {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let errors = body.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let meaning = |code: u32| CODES.iter().find(|(known, _)| *known == code).map(|(_, meaning)| meaning);
    let coded = || errors.iter().filter_map(|error| Some((error, wire::number(error, "code")?)));
    let told = coded().find(|(_, code)| meaning(*code).is_some()).or_else(|| coded().next());
    let parameter = told.and_then(|(error, _)| wire::text(error, "parameter"));
    let parameter = PARAMETERS.iter().find(|known| parameter.as_deref() == Some(**known));
    let code = match (told, parameter) {
        (Some((_, code)), Some(parameter)) => format!("{code} {parameter}"),
        (Some((_, code)), None) => code.to_string(),
        (None, _) => return wire::refused(answer),
    };
    let class = match told.and_then(|(_, code)| meaning(code)) {
        Some(Meaning::Open) => return wire::unknown(&code),
        // A sender that MessageBird does not take is wrong for every text.
        Some(_) if parameter == Some(&"originator") => RefusalClass::Account,
        Some(Meaning::Refused(class)) => *class,
        None => wire::class(answer.status),
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
    let claims = signed::claims(&keys, sent.trim(), ALGORITHMS).ok_or(Refusal::WrongSignature)?;
    let hash = |name: &str| wire::text(&claims, name).map(|hash| hash.to_ascii_lowercase());
    let is_of = |hash: &str, bytes: &[u8]| {
        bool::from(hash.as_bytes().ct_eq(HEXLOWER.encode(&Sha256::digest(bytes)).as_bytes()))
    };
    let url_holds = hash("url_hash").is_some_and(|hash| is_of(&hash, delivery.url.as_bytes()));
    let body_holds = match (claims.get("payload_hash"), hash("payload_hash")) {
        (None, _) => delivery.body.is_empty(),
        (Some(_), hash) => hash.is_some_and(|hash| is_of(&hash, &delivery.body)),
    };
    let issued = wire::text(&claims, "iss").as_deref() == Some("MessageBird") && wire::text(&claims, "jti").is_some();
    let (Some(from), Some(until)) = (wire::number::<i64>(&claims, "nbf"), wire::number::<i64>(&claims, "exp")) else {
        return Err(Refusal::WrongSignature);
    };
    if !(url_holds && body_holds && issued) {
        return Err(Refusal::WrongSignature);
    }
    let now = delivery.received_at.seconds();
    let away = from.saturating_sub(now).max(now.saturating_sub(until));
    if away > signed::TOLERANCE_SECONDS as i64 { Err(Refusal::WrongTime(away)) } else { Ok(()) }
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
    let reference = wire::reference(delivery).or_else(|| fields.get("reference")?.parse().ok());
    let receipt = wire::about(reference, fields.get("id"))?;
    let (status, code, class) = told(fields.get("status").unwrap_or_default(), fields.get("statusErrorCode"));
    let segments = fields.get("messagePartCount").and_then(wire::parts);
    let price = fields.get("price[amount]").zip(fields.get("price[currency]"));
    let cost = price.and_then(|(amount, currency)| wire::cost(amount, currency));
    Ok(Receipt { status, code, class, cost, segments, ..receipt })
}

/// The receipt that an entry of the list amounts to.
fn listed(reference: MessageRef, message: &Value) -> Receipt {
    let item = recipient(message);
    let (status, code, class) = item.map_or((ReceiptStatus::Accepted, None, None), told_of);
    Receipt {
        reference: Some(reference),
        gateway_ref: wire::text(message, "id").map(|id| wire::short(&id)),
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
    told(&wire::text(item, "status").unwrap_or_default(), code.as_deref())
}

/// Every text of ours has one recipient.
fn recipient(message: &Value) -> Option<&Value> {
    message.get("recipients")?.get("items")?.as_array()?.first()
}

fn segments(item: &Value) -> Option<u32> {
    wire::parts(&wire::text(item, "messagePartCount")?)
}

fn cost(item: &Value) -> Option<Cost> {
    let price = item.get("price")?;
    wire::cost(&wire::text(price, "amount")?, &wire::text(price, "currency")?)
}

#[cfg(test)]
mod tests;
