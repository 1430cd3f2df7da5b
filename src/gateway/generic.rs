//! Any HTTP gateway: one request per text, described by a form. Addresses and bodies are templates whose placeholders are
//! escaped for where they stand; callbacks are read by the names a person gives.
//!
//! What no documentation was read for is judged in the safe direction: a 4xx refuses for good, a 429 asks to wait, and a
//! 2xx is an acceptance only when it has the id or the words that a person said it must have. Everything else is unknown
//! until a receipt tells. Nothing is signed: the secret path proves a callback.
//!
//! Its requests go through the guarded client, and into private networks only by the operator's word.

use data_encoding::BASE64;
use serde_json::Value;

use super::{Can, Dispatch, Gateway, wire};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Unreadable},
        message::{GatewayEvent, Outgoing, RefusalClass, SendOutcome},
    },
    http::{Method, Request, Response},
};

mod call;
mod template;

use call::at;
use template::{Words, render};

pub struct Generic;

static SPEC: Spec = Spec {
    kind: "http",
    name: "Any HTTP gateway",
    fields: &[
        Field {
            key: "url",
            label: "Address",
            help: "where a text is sent to, https://…; it may hold {to}, {to_digits} (without +), {from}, {text}, {ref} \
                   (our name for the text), {callback} (where receipts go) and {secret}",
            required: true,
            check: template::check_url,
            ..Field::TEXT
        },
        Field {
            key: "method",
            label: "Method",
            help: "GET or POST",
            default: Some("POST"),
            check: |text| one_of(text, &["GET", "POST"], "be GET or POST"),
            ..Field::TEXT
        },
        Field {
            key: "secret",
            label: "Secret",
            help: "password, token or key; it stands where the address, a header or the body says {secret}",
            secret: true,
            ..Field::TEXT
        },
        Field {
            key: "headers",
            label: "Headers",
            help: "one a line or with | between, like Authorization: Bearer {secret}; with the secret user:password also \
                   Authorization: Basic {secret}, which we encode; {ref} is for a key against sending twice",
            secret: true,
            check: template::check_headers,
            ..Field::TEXT
        },
        Field {
            key: "body",
            label: "Body",
            help: "of a POST, with the placeholders of the address: a form like to={to}&text={text}, or JSON like \
                   {\"to\": \"{to}\", \"text\": \"{text}\"}",
            default: Some("to={to}&from={from}&text={text}&ref={ref}&callback={callback}"),
            check: template::check_body,
            ..Field::TEXT
        },
        Field {
            help: "what {from} stands for: a number, a short code or a name; several with commas, and each person always \
                   hears from the same one; empty when the gateway chooses",
            required: false,
            check: |list| wire::check_senders(list, check_sender),
            ..wire::SENDER
        },
        Field {
            key: "answer_id",
            label: "Message id in the answer",
            help: "where a JSON answer has the id of the text, like messages.0.id; without it, say what an accepted \
                   answer contains",
            ..Field::TEXT
        },
        Field {
            key: "answer_text",
            label: "Accepted answers contain",
            help: "words every accepted answer has, like \"status\":\"ok\"; a 2xx without them leaves the text unknown",
            ..Field::TEXT
        },
        Field {
            key: "answer_error",
            label: "Error in the answer",
            help: "where a JSON answer has the code of an error, like messages.0.error.code; a 2xx in which it is anything \
                   but empty, null, false or 0 is a refusal",
            ..Field::TEXT
        },
        Field {
            key: "receipt_id",
            label: "Receipts: message id",
            help: "name of the field with the gateway's id; in JSON a path like data.id",
            ..Field::TEXT
        },
        Field {
            key: "receipt_ref",
            label: "Receipts: our reference",
            help: "name of the field that gives {ref} back, where the gateway does",
            ..Field::TEXT
        },
        Field {
            key: "receipt_status",
            label: "Receipts: status",
            help: "name of the field that says what became of the text",
            default: Some("status"),
            ..Field::TEXT
        },
        Field {
            key: "delivered",
            label: "Words for delivered",
            help: "with commas; upper and lower case are the same",
            default: Some("delivered"),
            ..Field::TEXT
        },
        Field {
            key: "failed",
            label: "Words for failed",
            help: "with commas; any other word changes nothing",
            default: Some("failed, undelivered, rejected, expired"),
            ..Field::TEXT
        },
        Field {
            key: "opted_out",
            label: "Words for opted out",
            help: "with commas: statuses of receipts and errors in answers by which the gateway says that a person \
                   opted out",
            ..Field::TEXT
        },
        Field {
            key: "reply_from",
            label: "Replies: from",
            help: "name of the field with the number of who wrote; empty when the gateway brings no replies",
            ..Field::TEXT
        },
        Field { key: "reply_to", label: "Replies: to", help: "name of the field with your number", ..Field::TEXT },
        Field { key: "reply_text", label: "Replies: text", help: "name of the field with the words", ..Field::TEXT },
        Field {
            key: "reply_id",
            label: "Replies: id",
            help: "name of the field with the reply's id; without it the same call twice is one reply",
            ..Field::TEXT
        },
    ],
    connect: &[
        "Write {callback} where the gateway takes the address of receipts: it names the text they are about.",
        "A gateway that knows only one address for receipts gets {url} and needs the message id or our reference.",
        "For replies give it {url} too. GET, a form and JSON are all read.",
    ],
    topics: &[],
    limits: &[
        "Any 4xx but 429 and 408 counts as a refusal for good, and anything unclear as unknown: nothing is sent twice.",
        "Without a message id or words in the answer every text stays unknown until its receipt comes.",
        "Parts and prices are not read, and who is opted out on the gateway's side only by the words set here.",
        "A callback that is a JSON list tells of each entry; of a list inside an object only one named entry is read.",
        "Whether a text needs Unicode and how long it may wait are not said: write what holds for every text.",
        "Callbacks are trusted by the secret in their address: let the gateway reach us over TLS.",
    ],
};

static CAN: Can = Can { replies: true, ..Can::SEND };

impl Gateway for Generic {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn can(&self) -> &'static Can {
        &CAN
    }

    fn dispatch(&self, settings: &Settings, sms: &Outgoing) -> Dispatch {
        let reference = sms.reference.to_string();
        let words = Words {
            to: sms.to.e164(),
            to_digits: sms.to.digits(),
            from: wire::sender(settings, &sms.to),
            text: &sms.text,
            reference: &reference,
            callback: sms.callback_url.as_deref().unwrap_or_default(),
            secret: settings.get("secret"),
        };
        let mut request = Request::get(render(settings.get("url"), &words, template::percent));
        if !settings.get("method").eq_ignore_ascii_case("GET") {
            let body = settings.get("body");
            let (escape, kind): (fn(&str) -> String, _) = match template::is_json(body) {
                true => (template::in_json, "application/json"),
                false => (template::percent, "application/x-www-form-urlencoded"),
            };
            request.method = Method::Post;
            request.body = render(body, &words, escape).into_bytes();
            request = request.header("content-type", kind);
        }
        for (name, value) in template::headers(settings.get("headers")) {
            request = request.header(name, encoded(render(value, &words, str::to_owned)));
        }
        // The operator may have it in a network of their own; without their word this is taken away again.
        Dispatch::Http(Request { private: true, ..request })
    }

    fn hears_replies(&self, settings: &Settings) -> bool {
        self.sender_name(settings).is_none() && settings.given("reply_from").is_some()
    }

    /// Without settings no 2xx is known to be an acceptance.
    fn outcome(&self, settings: &Settings, answer: &Response) -> SendOutcome {
        wire::judge(answer, |answer| taken(settings, answer), |answer| refused(settings, answer))
    }

    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        let calls = call::calls(delivery);
        let topic = calls.iter().map(|call| call.topic(settings)).find(|topic| *topic != "other").unwrap_or("other");
        // Ids may be of any length and repeat with another status, so the key is everything that came.
        Ok(Accepted::Keep { topic: topic.into(), key: wire::fingerprint(delivery) })
    }

    fn read(&self, settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
        if topic == "other" { Ok(Vec::new()) } else { call::events(settings, delivery) }
    }
}

fn one_of(text: &str, known: &[&str], wanted: &'static str) -> Result<(), &'static str> {
    if known.iter().any(|word| word.eq_ignore_ascii_case(text)) { Ok(()) } else { Err(wanted) }
}

fn check_sender(text: &str) -> Result<(), &'static str> {
    let fits = (1..=40).contains(&text.chars().count()) && !text.contains(char::is_control);
    if fits { Ok(()) } else { Err("be numbers or names of up to 40 characters, with one comma between two") }
}

/// `Basic user:password` as it must be written; base64 has no colon, so what is encoded already stays.
fn encoded(value: String) -> String {
    match value.split_once(' ') {
        Some((scheme, pair)) if scheme.eq_ignore_ascii_case("basic") && pair.contains(':') => {
            format!("{scheme} {}", BASE64.encode(pair.trim().as_bytes()))
        }
        _ => value,
    }
}

/// Reads a 2xx by what these settings say of accepted ones.
fn taken(settings: &Settings, answer: &Response) -> SendOutcome {
    if error(settings, answer).is_some() {
        return refused(settings, answer);
    }
    let (path, words) = (settings.given("answer_id"), settings.given("answer_text"));
    if words.is_some_and(|words| !answer.text().contains(words)) {
        return wire::unknown("an answer without the words of an accepted one");
    }
    let id = path.and_then(|path| call::id(&wire::scalar(at(&wire::json(answer)?, path)?)?));
    match (path, id) {
        (Some(_), None) => wire::names_nothing(),
        (None, _) if words.is_none() => wire::unknown("no setting says what an accepted answer has"),
        (_, reference) => SendOutcome::Accepted { reference, segments: None, cost: None },
    }
}

/// A refusal with its code, where it has one; the class follows from the status unless the person listed the code.
fn refused(settings: &Settings, answer: &Response) -> SendOutcome {
    let error = error(settings, answer).unwrap_or_default();
    let class = match call::lists(settings, "opted_out", &error) {
        true => RefusalClass::OptedOut,
        false => wire::class(answer.status),
    };
    let code = if is_code(&error) { error } else { format!("HTTP {}", answer.status) };
    SendOutcome::Refused { class, code }
}

/// What stands where an answer has its error, unless it says that there is none.
fn error(settings: &Settings, answer: &Response) -> Option<String> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let error = match at(&body, settings.given("answer_error")?)? {
        Value::Null | Value::Bool(false) => return None,
        Value::Array(list) if list.is_empty() => return None,
        Value::Object(object) if object.is_empty() => return None,
        error => wire::scalar(error).map_or_else(|| "error".to_owned(), |text| text.trim().to_owned()),
    };
    let none = error.is_empty() || error.bytes().all(|byte| byte == b'0');
    (!none).then_some(error)
}

/// One word that is a code. Sentences, and digits enough to be a phone number, are shown to nobody.
fn is_code(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        && text.bytes().filter(u8::is_ascii_digit).count() < 7
}

#[cfg(test)]
mod tests;
