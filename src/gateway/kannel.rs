//! Kannel's sendsms interface: one GET per text, one GET back per receipt or inbound text.
//!
//! Kannel gives no id, no price, no idempotency key and no way to look a text up, so our reference travels in `dlr-url`
//! and an unanswered request stays unknown until a receipt tells. Nothing it calls is signed: the secret path proves it.
//! Answers and receipts as Kannel 1.4.5 gives them (user guide, "Sending SMS" and "Delivery reports"); both were
//! tried against a running bearerbox and smsbox.
//!
//! Our callbacks must be answered 200: anything but 200 and 202 (204 too) is called again or lost. The body stays empty
//! because Kannel would send any other to the shopper.

use super::{CallbackAnswer, Can, Dispatch, Gateway, wire};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Unreadable},
        message::{GatewayEvent, Outgoing, Receipt, ReceiptStatus, RefusalClass, SendOutcome},
        sms::Encoding,
    },
    http::{Request, Response},
};

mod query;

pub struct Kannel;

static SPEC: Spec = Spec {
    kind: "kannel",
    name: "Kannel",
    fields: &[
        Field {
            key: "url",
            label: "Address of sendsms",
            help: "http://host:port/cgi-bin/sendsms",
            required: true,
            check: wire::check_address,
            ..Field::TEXT
        },
        Field { key: "username", label: "User", help: "of a sendsms-user group", required: true, ..Field::TEXT },
        Field {
            key: "password",
            label: "Password",
            help: "of the same group",
            secret: true,
            required: true,
            ..Field::TEXT
        },
        Field {
            key: "from",
            label: "Sender",
            help: "number, short code or name the texts come from",
            required: true,
            ..Field::TEXT
        },
        Field {
            key: "smsc",
            label: "Message centre",
            help: "smsc-id to send through; empty lets Kannel choose",
            ..Field::TEXT
        },
    ],
    connect: &[
        "Receipts need nothing: every text carries their address.",
        "In kannel.conf set http-request-retry = 5 in group smsbox, or receipts we cannot take at once are lost.",
        "For replies add a group sms-service with keyword = default, catch-all = true, max-messages = 0,",
        "omit-empty = true and get-url = \"{url}?id=%I&from=%p&to=%P&ts=%T&charset=%C&text=%b\".",
    ],
    topics: &[],
    limits: &[
        "With dlr-storage = internal, receipts that wait are lost when bearerbox is killed.",
        "Answers are trusted by the secret in their address: let Kannel reach us over a private network or TLS.",
    ],
};

/// All five moments of a text: delivered 1, failed 2, buffered 4, given to the centre 8, refused by it 16.
const DLR_MASK: &str = "31";

/// What Kannel fills in when it calls back: kind of receipt, the centre's id, the centre's words, when.
const RECEIPT_FIELDS: &str = "type=%d&fid=%F&answer=%A&ts=%T";

static CAN: Can = Can { replies: true, validity: true, ..Can::SEND };

impl Gateway for Kannel {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn can(&self) -> &'static Can {
        &CAN
    }

    /// `to` keeps its `+`, which tells the centre that the number is international.
    fn dispatch(&self, settings: &Settings, sms: &Outgoing) -> Dispatch {
        let minutes = (sms.valid_for.as_secs() / 60).max(1).to_string();
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("username", settings.get("username"))
            .append_pair("password", settings.get("password"))
            .append_pair("from", settings.get("from"))
            .append_pair("to", sms.to.e164())
            .append_pair("text", &sms.text)
            .append_pair("charset", "UTF-8")
            // 0 with a character outside GSM 03.38 would silently send "?".
            .append_pair("coding", if sms.encoding == Encoding::Gsm7 { "0" } else { "2" })
            .append_pair("validity", &minutes);
        if let Some(smsc) = settings.given("smsc") {
            query.append_pair("smsc", smsc);
        }
        if let Some(callback) = &sms.callback_url {
            query.append_pair("dlr-mask", DLR_MASK).append_pair("dlr-url", &receipt_address(callback));
        }
        let request = Request::get(format!("{}?{}", settings.get("url"), query.finish()));
        // A Kannel stands beside us, on plain HTTP, in the operator's own network.
        Dispatch::Http(Request { private: true, ..request })
    }

    fn sender_name(&self, settings: &Settings) -> Option<String> {
        let sender = settings.get("from");
        sender.contains(char::is_alphabetic).then(|| sender.to_owned())
    }

    fn outcome(&self, _settings: &Settings, answer: &Response) -> SendOutcome {
        judge(answer)
    }

    fn verify(&self, _settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        let fields = query::fields(delivery.query());
        let topic = if fields.has("type") {
            "receipt"
        } else if fields.has("from") && fields.has("text") {
            "reply"
        } else {
            "other"
        };
        // Everything is in the query and the body is empty, so the key must carry what tells two calls apart.
        Ok(Accepted::Keep { topic: topic.into(), key: wire::fingerprint(delivery) })
    }

    fn read(&self, _settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
        let fields = query::fields(delivery.query());
        match topic {
            "receipt" => Ok(vec![GatewayEvent::Receipt(receipt(&fields)?)]),
            "reply" => {
                let (from, to, text) = (fields.get("from"), fields.get("to"), fields.raw("text"));
                Ok(vec![GatewayEvent::Reply(wire::reply(delivery, from, to, text, fields.get("id"))?)])
            }
            _ => Ok(Vec::new()),
        }
    }

    fn callback_answer(&self) -> CallbackAnswer {
        CallbackAnswer { content_type: "text/plain", body: "" }
    }
}

/// Our callback address with Kannel's escapes added. A `%` of our own is doubled, or Kannel would read it as one.
fn receipt_address(callback: &str) -> String {
    let joint = if callback.contains('?') { '&' } else { '?' };
    format!("{}{joint}{RECEIPT_FIELDS}", callback.replace('%', "%%"))
}

/// The answers of smsbox. Whatever is not one of them may come from something in between, and is unknown.
fn judge(answer: &Response) -> SendOutcome {
    let text = answer.text();
    let text = text.trim_start();
    let refused = |class, code: &str| SendOutcome::Refused { class, code: format!("{} {code}", answer.status) };
    match answer.status {
        // "0: Accepted for delivery", "3: Queued for later delivery"
        200..=299 if text.starts_with("0:") || text.starts_with("3:") => {
            SendOutcome::Accepted { reference: None, segments: None, cost: None }
        }
        400 => refused(RefusalClass::Other, complaint(text)),
        403 if text.starts_with("Not routable") => refused(RefusalClass::Number, "not routable"),
        401 | 403 => refused(RefusalClass::Account, "not authorized"),
        404 | 405 => refused(RefusalClass::Account, "no sendsms at this address"),
        429 => wire::later(answer, "too many requests"),
        // The bearerbox said no and the text was not queued; the bare status could be a proxy that had passed it on.
        503 if text.starts_with("Temporal failure") => wire::later(answer, "Kannel cannot take it now"),
        // A proxy gave up on the request; how far it had come is not told.
        408 => SendOutcome::Unknown { why: "HTTP 408".into() },
        401..=499 => refused(RefusalClass::Other, "refused"),
        status => SendOutcome::Unknown { why: format!("HTTP {status}") },
    }
}

/// What a 400 is about, in a word: its text repeats parts of the request and is not kept.
fn complaint(text: &str) -> &'static str {
    const ABOUT: &[(&str, &str)] = &[
        ("receiver", "receiver"),
        ("Number(s)", "receiver denied by Kannel's lists"),
        ("Sender", "sender"),
        ("Coding", "coding"),
        ("Validity", "validity"),
        ("charset", "charset"),
        ("Charset", "charset"),
        ("DLR", "receipt address"),
    ];
    ABOUT.iter().find(|(word, _)| text.contains(word)).map_or("bad request", |(_, about)| about)
}

/// A receipt; `%d` is a bit mask, of which the bits that say more win. In receipts `%p` and `%P` change places, so
/// neither is asked for.
fn receipt(fields: &wire::Fields) -> Result<Receipt, Unreadable> {
    let reference = fields.get("ref").and_then(|text| text.parse().ok());
    let gateway_ref = fields.get("fid").map(wire::short);
    if reference.is_none() && gateway_ref.is_none() {
        return Err(Unreadable::new("a receipt that names no message"));
    }
    let kind = fields.get("type").unwrap_or_default();
    let status = kind.parse().map_or(ReceiptStatus::Unknown, status);
    let (code, class) = reason(fields.get("answer").unwrap_or_default());
    let bad_news = matches!(status, ReceiptStatus::Undelivered | ReceiptStatus::Expired | ReceiptStatus::Rejected);
    let code = if status == ReceiptStatus::Unknown { Some(wire::short(&format!("type {kind}"))) } else { code };
    Ok(Receipt { reference, gateway_ref, status, code, class: class.filter(|_| bad_news), cost: None, segments: None })
}

/// gw/dlr.h; 32 and 64 come with 2 when the centre told that the text expired, or that it does not know.
fn status(mask: u32) -> ReceiptStatus {
    const BITS: &[(u32, ReceiptStatus)] = &[
        (1, ReceiptStatus::Delivered),
        (16, ReceiptStatus::Rejected),
        (32, ReceiptStatus::Expired),
        (64, ReceiptStatus::Unknown),
        (2, ReceiptStatus::Undelivered),
        (4, ReceiptStatus::Accepted),
        (8, ReceiptStatus::Accepted),
    ];
    BITS.iter().find(|(bit, _)| mask & bit != 0).map_or(ReceiptStatus::Unknown, |&(_, status)| status)
}

/// The code in the centre's words: `NACK/0x0000000b/…` (SMPP 3.4, 5.1.3) or `… stat:UNDELIV err:001 text:…` (appendix B).
/// What follows `text:` repeats the message and is never kept.
fn reason(answer: &str) -> (Option<String>, Option<RefusalClass>) {
    if let Some(nack) = answer.strip_prefix("NACK/") {
        let code = nack.split('/').next().unwrap_or_default();
        let number = code.strip_prefix("0x").and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let class = match number {
            Some(0x0b) => RefusalClass::Number,
            Some(0x0a) => RefusalClass::Account,
            _ => RefusalClass::Other,
        };
        return (number.map(|_| wire::short(code)), Some(class));
    }
    let answer = answer.split("text:").next().unwrap_or_default();
    let after = |label| {
        let word = answer.split_once(label)?.1.split_whitespace().next()?;
        word.bytes().all(|byte| byte.is_ascii_alphanumeric()).then(|| wire::short(word))
    };
    let code = match (after("stat:"), after("err:")) {
        (Some(state), Some(error)) => Some(format!("{state} {error}")),
        (state, error) => state.or(error),
    };
    (code, None)
}

#[cfg(test)]
mod tests;
