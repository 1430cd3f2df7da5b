//! Vonage SMS API, `POST /sms/json` (Nexmo/api-specification `sms.yml`; docs "Delivery receipts", "Signing messages").
//!
//! It answers 200 whatever became of the text: the truth is in one element per part, and each part can fail alone. A text
//! of which a part left is neither refused nor accepted but unknown, so that nobody has its beginning twice. Sending is
//! not idempotent, so only the codes that say "throttled", for every part, tell that nothing left.
//!
//! Who is opted out is told late: such a text is taken with status 0, and its receipt fails with code 9.
//!
//! Callbacks are signed in their own fields (`sig`), and only once Vonage has switched it on for the account; until a
//! signature secret is set here, the secret path is the proof. Our reference comes back as `client-ref`, which is signed,
//! and in the query of the callback address, which need not be: the first is believed before the second.

use super::{Can, Dispatch, Gateway, Price, Proof, Redacted, signed, wire};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Unreadable},
        message::{Cost, GatewayEvent, Outgoing, Part, Receipt, ReceiptStatus, RefusalClass, Reply, SendOutcome},
        sms::Encoding,
    },
    http::{Request, Response},
};

pub(super) mod account;
mod answer;
mod signature;

pub struct Vonage;

const API: &str = "https://rest.nexmo.com";

static SPEC: Spec = Spec {
    kind: "vonage",
    name: "Vonage SMS API",
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
            help: "a number of yours with its country code, a short code, or a name of up to 11 letters; several with \
                   commas, and each person always hears from the same one",
            ..wire::SENDER
        },
        Field {
            key: "signature_secret",
            label: "Signature secret",
            help: "in API Settings, once Vonage support has switched on signed webhooks for the account; leave it empty \
                   until then. While it is being replaced list both with a comma",
            secret: true,
            ..Field::TEXT
        },
        Field { default: Some(API), ..wire::API_ADDRESS },
    ],
    connect: &[
        "Receipts need nothing: every text carries their address.",
        "In the Vonage dashboard open API Settings, and under Messaging API Type choose SMS API.",
        "As Webhook format choose POST-JSON.",
        "For replies paste this under Inbound SMS webhooks: {url}",
        "With a signature secret set here, choose SHA-256 HMAC or SHA-512 HMAC as the signature method.",
    ],
    topics: &[],
    limits: &[
        "Signatures must be SHA-256 or SHA-512 HMAC: MD5, which is Vonage's default, and SHA-1 are refused.",
        "A signed callback that comes more than five minutes after it was signed is refused.",
        "An account that takes only signed requests cannot send: texts leave with the API secret.",
        "A long text from a person comes in parts: what is not complete within two minutes is read as it is.",
        "A text of which only some parts were taken is unknown, and is not sent again.",
        "Vonage forgets a text only after its first hour, and only once it has switched on the Redact API for the account.",
        "Of a text in several parts it is told to forget the first alone: the IDs of the others are not kept here.",
    ],
};

/// Bounds of `ttl` in milliseconds (sms.yml).
const TTL_MILLIS: (u128, u128) = (20_000, 604_800_000);

static CAN: Can = Can {
    proof: Proof::SignedOnceSet,
    replies: true,
    tells_opt_outs: true,
    price: Price::AtSend,
    validity: true,
    redacts: true,
    ..Can::SEND
};

impl Gateway for Vonage {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn can(&self) -> &'static Can {
        &CAN
    }

    fn dispatch(&self, settings: &Settings, sms: &Outgoing) -> Dispatch {
        let ttl = sms.valid_for.as_millis().clamp(TTL_MILLIS.0, TTL_MILLIS.1).to_string();
        let reference = sms.reference.to_string();
        let mut form = vec![
            ("api_key", settings.get("api_key")),
            ("api_secret", settings.get("api_secret")),
            ("from", wire::bare(wire::sender(settings, &sms.to))),
            ("to", sms.to.digits()),
            ("text", sms.text.as_str()),
            ("type", if sms.encoding == Encoding::Gsm7 { "text" } else { "unicode" }),
            ("ttl", &ttl),
            ("client-ref", &reference),
            ("status-report-req", "true"),
        ];
        if let Some(callback) = &sms.callback_url {
            form.push(("callback", callback));
        }
        let request = Request::form(format!("{}/sms/json", wire::api(settings, API)), form);
        Dispatch::Http(Request { private: wire::stands_in(settings, API), ..request })
    }

    fn outcome(&self, _settings: &Settings, answer: &Response) -> SendOutcome {
        answer::outcome(answer)
    }

    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        signature::verify(settings.list("signature_secret"), delivery)?;
        let fields = fields(delivery);
        let status = fields.get("status");
        let topic = match status {
            Some(_) if !fields.has("text") => "receipt",
            _ if fields.has("msisdn") && (fields.has("text") || fields.has("type")) => "reply",
            _ => "other",
        };
        // The parts of a long text from a person may share their id.
        let part = fields.get("concat-part").unwrap_or_default();
        let state = if topic == "receipt" { status.unwrap_or_default() } else { topic };
        let state = format!("{}{}", wire::short(state), wire::short(part));
        Ok(wire::kept(delivery, topic, fields.get("messageId"), Some(&state)))
    }

    fn read(&self, _settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
        let fields = fields(delivery);
        match topic {
            "receipt" => Ok(vec![GatewayEvent::Receipt(receipt(delivery, &fields)?)]),
            "reply" => {
                let (from, to, text) = (fields.get("msisdn"), fields.get("to"), fields.raw("text"));
                let reply = wire::reply(delivery, from, to, text, fields.get("messageId"))?;
                Ok(vec![part_or_whole(&fields, reply)])
            }
            _ => Ok(Vec::new()),
        }
    }

    fn ask_balance(&self, settings: &Settings) -> Option<Request> {
        Some(account::ask_balance(settings, API))
    }

    fn balance(&self, _settings: &Settings, answer: &Response) -> Option<Cost> {
        account::balance(answer)
    }

    fn redact(&self, settings: &Settings, gateway_ref: &str) -> Option<Request> {
        account::redact(settings, API, "sms", gateway_ref)
    }

    fn redacted(&self, answer: &Response) -> Redacted {
        account::redacted(answer)
    }
}

/// Long texts come in parts under a common `concat-ref` (docs, "Inbound SMS"); odd numbers leave a part a text of its own.
fn part_or_whole(fields: &wire::Fields, reply: Reply) -> GatewayEvent {
    let number = |name: &str| fields.get(name).and_then(|value| value.parse::<u8>().ok()).map(u32::from);
    match (fields.get("concat-ref"), number("concat-part"), number("concat-total")) {
        (Some(name), Some(number), Some(total)) if total > 1 && (1..=total).contains(&number) => {
            GatewayEvent::Part(Part { reply, name: name.to_owned(), number, total })
        }
        _ => GatewayEvent::Reply(reply),
    }
}

/// What a callback says, where its signature covers it.
fn fields(delivery: &Delivery) -> wire::Fields {
    wire::Fields::new(signature::pairs(delivery).unwrap_or_default())
}

/// The codes of a receipt that say more than that it failed (docs, "Delivery receipts", DLR error codes). What passes by
/// itself, as a handset that is off, and what is not listed teach nothing about the person.
const RECEIPT_CODES: &[(u32, RefusalClass)] = {
    use RefusalClass::{Content, Number, OptedOut};
    &[
        (3, Number),   // absent for good
        (6, Content),  // spam
        (9, OptedOut), // "illegal number": the person is opted out
        (10, Content), // illegal message
        (11, Number),  // unroutable
        (14, Content), // blocked by the carrier
        (50, Content), // filters, from here on
        (51, Content),
        (52, Content),
        (53, Content),
        (54, Content),
    ]
};

/// No price: every part has a receipt of its own with the price of that part, and the answer to the send told the sum.
fn receipt(delivery: &Delivery, fields: &wire::Fields) -> Result<Receipt, Unreadable> {
    let told = fields.get("client-ref").and_then(|text| text.parse().ok());
    let receipt = wire::about(told.or_else(|| wire::reference(delivery)), fields.get("messageId"))?;
    let word = fields.get("status").unwrap_or_default();
    let status = match word {
        "accepted" | "buffered" => ReceiptStatus::Accepted,
        "delivered" => ReceiptStatus::Delivered,
        "expired" => ReceiptStatus::Expired,
        "failed" => ReceiptStatus::Undelivered,
        "rejected" => ReceiptStatus::Rejected,
        _ => ReceiptStatus::Unknown,
    };
    let code = fields.get("err-code").filter(|code| *code != "0");
    let bad_news = matches!(status, ReceiptStatus::Expired | ReceiptStatus::Undelivered | ReceiptStatus::Rejected);
    let number = code.filter(|_| bad_news).and_then(|code| code.parse::<u32>().ok());
    let class = number.and_then(|number| RECEIPT_CODES.iter().find(|(known, _)| *known == number));
    Ok(Receipt {
        status,
        code: if status == ReceiptStatus::Unknown { Some(wire::short(word)) } else { code.map(wire::short) },
        class: class.map(|&(_, class)| class),
        ..receipt
    })
}

#[cfg(test)]
mod tests;
