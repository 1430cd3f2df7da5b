//! Bird, the successor of MessageBird: SMS through the Channels API at api.bird.com (docs.bird.com: Channels API,
//! Message status, Message failure sources, Verifying a webhook subscription, Retries).
//!
//! A channel has its sender, so the channel is chosen and not a number. Sending is not idempotent; our reference
//! travels as `reference`, which webhooks and the list of messages repeat, and a text of unknown outcome is looked for
//! among those to its number. Webhooks are signed over their time, address and body, with the key that was typed in
//! when they were subscribed to.

use data_encoding::BASE64;
use hmac::Hmac;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Can, Dispatch, Gateway, LookUp, Proof, signed, wire};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Unreadable},
        message::{GatewayEvent, MessageRef, Outgoing, Receipt, ReceiptStatus, RefusalClass, SendOutcome},
        phone::Phone,
    },
    http::{Request, Response},
};

pub struct Bird;

const API: &str = "https://api.bird.com";

static SPEC: Spec = Spec {
    kind: "bird",
    name: "Bird",
    fields: &[
        Field {
            key: "access_key",
            label: "Access key",
            help: "in Bird under Settings, Security, Access keys; its role must allow channel messages",
            secret: true,
            required: true,
            ..Field::TEXT
        },
        Field {
            key: "workspace_id",
            label: "Workspace ID",
            help: "the long ID with dashes, in the address of Bird's pages after /workspaces/; not the one that begins \
                   with ws_",
            required: true,
            check: check_id,
            ..Field::TEXT
        },
        Field {
            label: "Channel ID",
            help: "of an SMS channel: open it under Channels; its sender texts. Several with commas, and each person \
                   always hears from the same one",
            check: |list| wire::check_senders(list, check_id),
            ..wire::SENDER
        },
        Field {
            key: "sender_name",
            label: "Sender name",
            help: "only when the sender of the channel is a name and not a number: nobody can reply to a name",
            check: check_name,
            ..Field::TEXT
        },
        Field {
            key: "signing_key",
            label: "Signing key",
            help: "the one you choose when you make the webhook subscriptions; while it is being replaced list both \
                   with a comma",
            secret: true,
            required: true,
            ..Field::TEXT
        },
        Field { default: Some(API), ..wire::API_ADDRESS },
    ],
    connect: &[
        "In Bird make a webhook subscription of the service Channels for the event sms.outbound: it brings receipts.",
        "Make a second one for the event sms.inbound: it brings replies.",
        "Give both the URL {url} and the same signing key, and set that key here.",
    ],
    topics: &[],
    limits: &[
        "Texts cannot be told to expire there.",
        "Receipts come only through the webhook subscription: no text carries an address of its own.",
        "Receipts that Bird repeats for longer than a day are refused as too old.",
        "Bird may answer STOP and HELP by itself where its compliance keywords are set up.",
        "It speaks the Channels API; MessageBird's classic API is another.",
    ],
};

/// Bird repeats what was not answered with a 2xx for eight hours ("Retries"), and users saw a day of it, all under the
/// time of the first attempt: five minutes would lose every receipt that was missed once. Nothing is lost by waiting:
/// the signature covers the time, the address and the body, so what comes again is the same, and is known by its key.
const REPEATED_SECONDS_MAX: i64 = 24 * 60 * 60 + signed::TOLERANCE_SECONDS as i64;

/// How many messages to one number a look-up sees.
const LISTED_MAX: &str = "50";

static CAN: Can = Can { proof: Proof::Signed, replies: true, tells_opt_outs: true, look_up: true, ..Can::SEND };

impl Gateway for Bird {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn can(&self) -> &'static Can {
        &CAN
    }

    /// Bird chooses Unicode by the text itself.
    fn dispatch(&self, settings: &Settings, sms: &Outgoing) -> Dispatch {
        let body = json!({
            "receiver": {
                "contacts": [{ "identifierKey": "phonenumber", "identifierValue": sms.to.e164() }],
            },
            "body": { "type": "text", "text": { "text": sms.text } },
            "reference": sms.reference.to_string(),
        });
        Dispatch::Http(signed_in(settings, Request::json(messages(settings, &sms.to), &body)))
    }

    fn outcome(&self, _settings: &Settings, answer: &Response) -> SendOutcome {
        wire::judge(answer, taken, refused)
    }

    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        check_signature(settings, delivery)?;
        let Some((topic, message)) = told(&delivery.body) else {
            return Ok(wire::kept(delivery, "other", None, None));
        };
        // A reply is delivered from the start; its status says nothing of us.
        let state = wire::text(&message, "status").filter(|_| topic == "receipt");
        Ok(wire::kept(delivery, topic, wire::text(&message, "id").as_deref(), state.as_deref()))
    }

    fn read(&self, _settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
        if !matches!(topic, "receipt" | "reply") {
            return Ok(Vec::new());
        }
        let (_, message) = told(&delivery.body).ok_or_else(|| Unreadable::new("no event of a message"))?;
        if topic == "receipt" {
            return Ok(vec![GatewayEvent::Receipt(receipt(&message)?)]);
        }
        let value = |of: &str, end: &str| wire::text(message.get(of)?.get(end)?, "identifierValue");
        let (from, to, id) = (value("sender", "contact"), value("receiver", "connector"), wire::text(&message, "id"));
        let words = message.pointer("/body/text/text").and_then(Value::as_str);
        Ok(vec![GatewayEvent::Reply(wire::reply(delivery, from.as_deref(), to.as_deref(), words, id.as_deref())?)])
    }

    /// The senders of the settings are channels; what they are called is told apart.
    fn sender_name(&self, settings: &Settings) -> Option<String> {
        settings.given("sender_name").map(str::to_owned)
    }

    fn look_up(&self, settings: &Settings, sms: &Outgoing) -> Option<Request> {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("phonenumber", sms.to.e164())
            .append_pair("limit", LISTED_MAX)
            .finish();
        Some(signed_in(settings, Request::get(format!("{}?{query}", messages(settings, &sms.to)))))
    }

    /// The list has an end of its own and no promised order, so that a text is not in it proves nothing.
    fn looked_up(&self, _sms: &Outgoing, reference: &MessageRef, answer: &Response) -> LookUp {
        let body = wire::json(answer);
        let list = body.as_ref().and_then(|body| body.get("results")?.as_array());
        let ours = reference.to_string();
        let found = list.into_iter().flatten().find(|message| {
            wire::text(message, "reference").as_deref() == Some(&ours) && wire::text(message, "id").is_some()
        });
        match found.map(receipt) {
            Some(Ok(receipt)) => LookUp::Found(Box::new(GatewayEvent::Receipt(receipt))),
            _ => LookUp::Unclear,
        }
    }
}

fn messages(settings: &Settings, to: &Phone) -> String {
    let (workspace, channel) = (settings.get("workspace_id"), wire::sender(settings, to));
    format!("{}/workspaces/{workspace}/channels/{channel}/messages", wire::api(settings, API))
}

fn signed_in(settings: &Settings, request: Request) -> Request {
    let request = request.header("authorization", format!("AccessKey {}", settings.get("access_key")));
    Request { private: wire::stands_in(settings, API), ..request }
}

/// It becomes a part of the address.
fn check_id(text: &str) -> Result<(), &'static str> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if plain { Ok(()) } else { Err("be an ID of letters, digits and dashes") }
}

fn check_name(text: &str) -> Result<(), &'static str> {
    if text.len() <= 11 && text.contains(char::is_alphabetic) {
        Ok(())
    } else {
        Err("be a name of up to 11 letters and digits")
    }
}

/// base64(HMAC-SHA256(key, time "\n" address "\n" SHA-256 of the body as bytes)).
fn check_signature(settings: &Settings, delivery: &Delivery) -> Result<(), Refusal> {
    let keys: Vec<&str> = settings.list("signing_key").collect();
    if keys.is_empty() {
        return Err(Refusal::NoKey);
    }
    let header = |name| delivery.header(name).map(str::trim).ok_or(Refusal::Unsigned);
    let (sent, time) = (header("messagebird-signature")?, header("messagebird-request-timestamp")?);
    let sent = BASE64.decode(sent.as_bytes()).map_err(|_| Refusal::WrongSignature)?;
    let hash = Sha256::digest(&delivery.body);
    let pieces: [&[u8]; 5] = [time.as_bytes(), b"\n", delivery.url.as_bytes(), b"\n", &hash];
    if !keys.iter().any(|key| signed::made_by::<Hmac<Sha256>>(key, &pieces, &sent)) {
        return Err(Refusal::WrongSignature);
    }
    let at: i64 = time.parse().map_err(|_| Refusal::WrongSignature)?;
    let away = delivery.received_at.seconds().saturating_sub(at);
    let near = (-(signed::TOLERANCE_SECONDS as i64)..=REPEATED_SECONDS_MAX).contains(&away);
    if near { Ok(()) } else { Err(Refusal::WrongTime(away)) }
}

fn taken(answer: &Response) -> SendOutcome {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let Some(id) = wire::text(&body, "id") else { return wire::names_nothing() };
    // Taken and dropped in the same breath.
    match receipt(&body) {
        Ok(Receipt { status: ReceiptStatus::Undelivered | ReceiptStatus::Rejected, class, code, .. }) => {
            SendOutcome::Refused {
                class: class.unwrap_or(RefusalClass::Other),
                code: code.unwrap_or_else(|| "failed".into()),
            }
        }
        _ => SendOutcome::Accepted { reference: Some(wire::short(&id)), segments: None, cost: None },
    }
}

/// Bird lists no codes of its API, so a refusal is judged by its status; its one word is shown.
fn refused(answer: &Response) -> SendOutcome {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match wire::text(&body, "code").filter(|code| is_word(code)) {
        Some(word) => SendOutcome::Refused { class: wire::class(answer.status), code: wire::short(&word) },
        None => wire::refused(answer),
    }
}

/// Bird's words have no spaces, and no number of a person is of letters.
fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphabetic() || b"_-.".contains(&byte))
}

/// One event, `{"service", "event", "payload"}`: the topic, and the message it is about.
fn told(body: &[u8]) -> Option<(&'static str, Value)> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let topic = match wire::text(&body, "event")?.as_str() {
        "sms.outbound" => "receipt",
        "sms.inbound" => "reply",
        _ => return None,
    };
    let message = body.get("payload").filter(|payload| payload.is_object())?;
    Some((topic, message.clone()))
}

/// Why a text failed, by `failure.source.code` of the SMS platform ("SMS platform extended error codes": numbers of
/// nobody; 103 is the person's own STOP, as in MessageBird's classic receipts).
const CODES: &[(u32, RefusalClass)] = &[
    (1, RefusalClass::Number),
    (5, RefusalClass::Number),
    (9, RefusalClass::Number),
    (10, RefusalClass::Number),
    (11, RefusalClass::Number),
    (103, RefusalClass::OptedOut),
];

/// The name under which the SMS platform tells its codes; other sources have codes of their own.
const SMS_PLATFORM: &str = "sms-messagebird";

fn receipt(message: &Value) -> Result<Receipt, Unreadable> {
    let ours = wire::text(message, "reference").and_then(|text| text.parse().ok());
    let receipt = wire::about(ours, wire::text(message, "id").as_deref())?;
    let word = wire::text(message, "status").unwrap_or_default();
    let status = match word.as_str() {
        "accepted" | "scheduled" | "processing" | "sent" => ReceiptStatus::Accepted,
        "delivered" => ReceiptStatus::Delivered,
        "delivery_failed" => ReceiptStatus::Undelivered,
        // It never reached a carrier.
        "sending_failed" => ReceiptStatus::Rejected,
        _ => ReceiptStatus::Unknown,
    };
    if matches!(status, ReceiptStatus::Accepted | ReceiptStatus::Delivered) {
        return Ok(Receipt { status, ..receipt });
    }
    if status == ReceiptStatus::Unknown {
        return Ok(Receipt { status, code: Some(wire::short(&word)), ..receipt });
    }
    let source = message.pointer("/failure/source").unwrap_or(&Value::Null);
    let of_platform = wire::text(source, "name").as_deref() == Some(SMS_PLATFORM);
    let number: Option<u32> = if of_platform { wire::number(source, "code") } else { None };
    let general: Option<u32> = message.get("failure").and_then(|failure| wire::number(failure, "code"));
    let class = CODES.iter().find(|(known, _)| Some(*known) == number).map(|(_, class)| *class);
    let code = number.or(general).map_or_else(|| wire::short(&word), |code| code.to_string());
    Ok(Receipt { status, code: Some(code), class, ..receipt })
}

#[cfg(test)]
mod tests;
