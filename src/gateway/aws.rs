//! AWS End User Messaging SMS, API `PinpointSMSVoiceV2` of 2022-03-31 (service model of botocore 1.43, the user guide's
//! "Messaging events" and "Two-way SMS payload").
//!
//! One operation, SendTextMessage, in AWS's JSON 1.0 protocol, each request signed by itself (`sigv4`). Sending is not
//! idempotent and nothing can be looked up. There is no callback address per text: a configuration set publishes events
//! to an Amazon SNS topic, a number publishes what people text to one, and the topic calls us (`sns`). Our reference
//! travels in `Context`, which every event repeats. Only topics that are named in the settings are believed: anybody
//! may have SNS sign a message of a topic of their own.

use serde_json::{Value, json};

use super::{Can, Dispatch, Gateway, Price, Proof, signed, wire};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Greeting, Refusal, Settings, Spec, Unreadable},
        message::{Cost, GatewayEvent, Outgoing, Receipt, ReceiptStatus, RefusalClass, SendOutcome},
    },
    http::{Method, Request, Response},
};

mod sigv4;
mod sns;

pub struct Aws;

static SPEC: Spec = Spec {
    kind: "aws",
    name: "AWS End User Messaging",
    fields: &[
        Field {
            key: "access_key_id",
            label: "Access key ID",
            help: "AKIA…, of an IAM user that is allowed sms-voice:SendTextMessage; in the AWS console under IAM, \
                   Users, Security credentials",
            required: true,
            check: check_key_id,
            ..Field::TEXT
        },
        Field {
            key: "secret_access_key",
            label: "Secret access key",
            help: "shown once, when the access key is created",
            secret: true,
            required: true,
            ..Field::TEXT
        },
        Field {
            label: "Origination identity",
            help: "a phone number (+1…), a short code, a sender ID, or the ID or ARN of a phone number or a pool; \
                   several with commas, and each person always hears from the same one",
            check: |list| wire::check_senders(list, check_sender),
            ..wire::SENDER
        },
        Field {
            key: "configuration_set",
            label: "Configuration set name",
            help: "in the console under AWS End User Messaging, Configuration sets; its event destination makes the \
                   receipts",
            required: true,
            check: check_configuration_set,
            ..Field::TEXT
        },
        Field {
            key: "topic_arn",
            label: "Topic ARN",
            help: "arn:aws:sns:…, of the Amazon SNS topic that gets the events and the replies; two with a comma when \
                   replies go to another topic",
            required: true,
            check: |list| list.split([',', '\n']).map(str::trim).try_for_each(sns::check_topic),
            ..Field::TEXT
        },
        Field {
            key: "message_type",
            label: "Message type",
            help: "PROMOTIONAL or TRANSACTIONAL, as the number was requested; empty leaves it to AWS",
            check: check_message_type,
            ..Field::TEXT
        },
        Field {
            key: "region",
            label: "Region",
            help: "of the origination identity, such as us-east-1; empty takes that of the topic",
            check: |text| if sns::is_region(text) { Ok(()) } else { Err("be the name of a region, such as us-east-1") },
            ..Field::TEXT
        },
        Field {
            help: "only to send through a proxy or a stand-in; empty goes to AWS in the region above",
            ..wire::API_ADDRESS
        },
    ],
    connect: &[
        "In the AWS console open Amazon SNS in the region of your number and create a topic of type Standard.",
        "Create a subscription of that topic: protocol HTTPS, endpoint {url}, \"Enable raw message delivery\" left \
         off. It is confirmed by itself once these settings are saved; if it stays pending choose \"Request \
         confirmation\".",
        "In AWS End User Messaging open the configuration set, Event destinations, and add Amazon SNS with that topic \
         and all SMS events.",
        "For replies open the phone number, Two-way SMS, turn on two-way messages and choose the topic.",
    ],
    topics: &[],
    limits: &[
        "A text of unknown outcome cannot be looked up: AWS tells of it only in its events.",
        "New accounts are in a sandbox and text verified numbers only.",
        "Where no phone tells of delivery the last event is that the carrier accepted the text.",
        "AWS answers STOP and HELP by itself unless the number is set to self-managed opt-outs.",
        "The entity and template IDs that India asks for cannot be given.",
        "Temporary credentials with a session token are not supported.",
    ],
};

/// `TimeToLive`, in seconds: from 5 to three days.
const VALID_SECONDS_MIN: u64 = 5;
const VALID_SECONDS_MAX: u64 = 259_200;

/// The key under which our reference travels in `Context`.
const REFERENCE: &str = "reference";

static CAN: Can = Can {
    redacts: false,
    proof: Proof::Signed,
    replies: true,
    tells_opt_outs: true,
    look_up: false,
    price: Price::InReceipt,
    validity: true,
};

impl Gateway for Aws {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn can(&self) -> &'static Can {
        &CAN
    }

    /// AWS chooses Unicode by the text itself.
    fn dispatch(&self, settings: &Settings, sms: &Outgoing) -> Dispatch {
        let mut body = json!({
            "DestinationPhoneNumber": sms.to.e164(),
            "OriginationIdentity": wire::sender(settings, &sms.to),
            "MessageBody": sms.text,
            "ConfigurationSetName": settings.get("configuration_set"),
            "TimeToLive": sms.valid_for.as_secs().clamp(VALID_SECONDS_MIN, VALID_SECONDS_MAX),
            "Context": { REFERENCE: sms.reference.to_string() },
        });
        if let (Some(kind), Some(body)) = (settings.given("message_type"), body.as_object_mut()) {
            body.insert("MessageType".into(), kind.into());
        }
        let region = region(settings);
        let own = format!("https://sms-voice.{region}.amazonaws.com");
        let request = Request {
            method: Method::Post,
            body: body.to_string().into_bytes(),
            private: wire::stands_in(settings, &own),
            ..Request::get(format!("{}/", wire::api(settings, &own)))
        }
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "PinpointSMSVoiceV2.SendTextMessage");
        let signer = sigv4::Signer {
            key_id: settings.get("access_key_id"),
            secret: settings.get("secret_access_key"),
            region,
            service: "sms-voice",
        };
        Dispatch::Http(signer.sign(request, sms.attempted_at))
    }

    fn outcome(&self, _settings: &Settings, answer: &Response) -> SendOutcome {
        wire::judge(answer, taken, refused)
    }

    /// Nothing is proved without the certificate that signed it.
    fn verify(&self, _settings: &Settings, _delivery: &Delivery) -> Result<Accepted, Refusal> {
        Err(Refusal::NoKey)
    }

    fn ask_keys(&self, settings: &Settings, delivery: &Delivery) -> Option<Request> {
        sns::Note::of(delivery)?.certificate_address(settings).map(Request::get)
    }

    fn verify_by(&self, settings: &Settings, keys: &Response, delivery: &Delivery) -> Result<Accepted, Refusal> {
        let note = sns::verified(settings, keys, delivery)?;
        if note.kind() == Some("SubscriptionConfirmation") {
            let call = note.subscribe_address(settings).ok_or(Refusal::WrongSignature)?;
            return Ok(Accepted::Greeting(Box::new(Greeting {
                content_type: "text/plain",
                call: Some(call),
                ..Greeting::default()
            })));
        }
        let message = note.message();
        let word = |name| wire::text(&message, name);
        // SNS numbers every publication; AWS may publish one event twice, so its own names come first.
        let accepted = match (word("eventType").filter(|kind| kind.starts_with("TEXT_")), word("originationNumber")) {
            (Some(kind), _) => wire::kept(delivery, "receipt", word("messageId").as_deref(), Some(&kind)),
            (None, Some(_)) => wire::kept(delivery, "reply", word("inboundMessageId").as_deref(), None),
            (None, None) => wire::kept(delivery, "other", note.id(), None),
        };
        Ok(accepted)
    }

    fn read(&self, _settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
        if !matches!(topic, "receipt" | "reply") {
            return Ok(Vec::new());
        }
        let note = sns::Note::of(delivery).ok_or_else(|| Unreadable::new("no message of a topic"))?;
        let message = note.message();
        if topic == "receipt" {
            return Ok(vec![GatewayEvent::Receipt(receipt(&message)?)]);
        }
        let word = |name| wire::text(&message, name);
        let (from, to, id) = (word("originationNumber"), word("destinationNumber"), word("inboundMessageId"));
        let text = message.get("messageBody").and_then(Value::as_str);
        Ok(vec![GatewayEvent::Reply(wire::reply(delivery, from.as_deref(), to.as_deref(), text, id.as_deref())?)])
    }

    /// A sender ID, by itself or at the end of its ARN; numbers and pools go by longer IDs.
    fn sender_name(&self, settings: &Settings) -> Option<String> {
        settings.list(wire::SENDER.key).find_map(|sender| {
            let name = match sender.split_once(":sender-id/") {
                Some((_, rest)) => rest.split('/').next().unwrap_or_default(),
                None => sender,
            };
            (name.len() <= SENDER_ID_CHARS_MAX && name.contains(char::is_alphabetic)).then(|| name.to_owned())
        })
    }
}

const SENDER_ID_CHARS_MAX: usize = 11;

/// Numbers and the topic of their events live in one region.
fn region(settings: &Settings) -> &str {
    let of_topic = || settings.list("topic_arn").find_map(sns::region_of);
    settings.given("region").or_else(of_topic).unwrap_or("us-east-1")
}

fn check_key_id(text: &str) -> Result<(), &'static str> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if plain { Ok(()) } else { Err("be letters and digits only") }
}

/// As the API takes them (`OriginationIdentity`).
fn check_sender(text: &str) -> Result<(), &'static str> {
    let known = (1..=256).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:/+-".contains(&byte));
    if known {
        Ok(())
    } else {
        Err("be a number with its +, a short code, a sender ID, or the ID or ARN of a number or pool")
    }
}

fn check_configuration_set(text: &str) -> Result<(), &'static str> {
    let known = (1..=256).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:/-".contains(&byte));
    if known { Ok(()) } else { Err("be the name or the ARN of a configuration set") }
}

fn check_message_type(text: &str) -> Result<(), &'static str> {
    if matches!(text, "PROMOTIONAL" | "TRANSACTIONAL") { Ok(()) } else { Err("be PROMOTIONAL or TRANSACTIONAL") }
}

enum Meaning {
    Refused(RefusalClass),
    /// Taken back before it was looked at.
    Throttled,
}

/// Errors by their `Reason`, else by their type (errors of SendTextMessage in the service model; "Common errors" of the
/// API reference; throttling as botocore's standard retries know it). What depends on the country of one number says
/// nothing about the account.
const CODES: &[(&str, Meaning)] = {
    use Meaning::{Refused, Throttled};
    use RefusalClass::{Account, Number, OptedOut, Other};
    &[
        ("ThrottlingException", Throttled),
        ("Throttling", Throttled),
        ("ThrottledException", Throttled),
        ("RequestThrottled", Throttled),
        ("RequestThrottledException", Throttled),
        ("TooManyRequestsException", Throttled),
        ("DESTINATION_PHONE_NUMBER_OPTED_OUT", Refused(OptedOut)),
        // The sandbox: true of nearly every number.
        ("DESTINATION_PHONE_NUMBER_NOT_VERIFIED", Refused(Account)),
        ("MESSAGE_TYPE_MISMATCH", Refused(Account)),
        ("NUMBER_CAPABILITIES_MISMATCH", Refused(Account)),
        ("RESOURCE_NOT_ACTIVE", Refused(Account)),
        ("REGISTRATION_NOT_COMPLETE", Refused(Account)),
        ("RESOURCE_NOT_ACCESSIBLE", Refused(Account)),
        ("COUNTRY_CODE_MISMATCH", Refused(Number)),
        ("NO_ORIGINATION_IDENTITIES_FOUND", Refused(Other)),
        ("DESTINATION_COUNTRY_BLOCKED", Refused(Other)),
        ("PRICE_OVER_THRESHOLD", Refused(Other)),
        ("ServiceQuotaExceededException", Refused(Account)),
        ("ResourceNotFoundException", Refused(Account)),
        ("AccessDeniedException", Refused(Account)),
        ("UnrecognizedClientException", Refused(Account)),
        ("InvalidSignatureException", Refused(Account)),
        ("SignatureDoesNotMatch", Refused(Account)),
        ("InvalidClientTokenId", Refused(Account)),
        ("IncompleteSignature", Refused(Account)),
        ("IncompleteSignatureException", Refused(Account)),
        ("MissingAuthenticationToken", Refused(Account)),
        ("MissingAuthenticationTokenException", Refused(Account)),
        ("ExpiredTokenException", Refused(Account)),
        ("NotAuthorized", Refused(Account)),
        ("OptInRequired", Refused(Account)),
        // Our clock is wrong.
        ("RequestExpired", Refused(Account)),
    ]
};

/// Fields that a ValidationException may name, and what it is about then.
const FIELDS: &[(&str, RefusalClass)] = &[
    ("DestinationPhoneNumber", RefusalClass::Number),
    ("OriginationIdentity", RefusalClass::Account),
    ("ConfigurationSetName", RefusalClass::Account),
    ("MessageType", RefusalClass::Account),
    ("MessageBody", RefusalClass::Other),
    ("TimeToLive", RefusalClass::Other),
    ("Context", RefusalClass::Other),
];

fn taken(answer: &Response) -> SendOutcome {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match wire::text(&body, "MessageId") {
        Some(id) => SendOutcome::Accepted { reference: Some(wire::short(&id)), segments: None, cost: None },
        None => wire::names_nothing(),
    }
}

fn refused(answer: &Response) -> SendOutcome {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let Some(kind) = kind_of(answer, &body) else { return wire::refused(answer) };
    let reason = wire::text(&body, "Reason").filter(|reason| is_word(reason));
    let field = FIELDS.iter().find(|(name, _)| {
        let named = |field: &Value| wire::text(field, "Name").as_deref() == Some(*name);
        body.get("Fields").and_then(Value::as_array).is_some_and(|fields| fields.iter().any(named))
    });
    if let Some((name, class)) = field {
        return SendOutcome::Refused { class: *class, code: wire::short(&format!("invalid {name}")) };
    }
    let known = |word: &str| CODES.iter().find(|(known, _)| *known == word).map(|(_, meaning)| meaning);
    let meaning = reason.as_deref().and_then(known).or_else(|| known(&kind));
    let code = wire::short(reason.as_deref().unwrap_or(&kind));
    match meaning {
        Some(Meaning::Throttled) => wire::later(answer, &code),
        Some(Meaning::Refused(class)) => SendOutcome::Refused { class: *class, code },
        None => SendOutcome::Refused { class: wire::class(answer.status), code },
    }
}

/// The type of an error: `com.amazonaws.x#ThrottlingException`, or `ThrottlingException:http://…` in the header.
fn kind_of(answer: &Response, body: &Value) -> Option<String> {
    let told = wire::text(body, "__type").or_else(|| answer.header("x-amzn-errortype").map(str::to_owned))?;
    let kind = told.rsplit('#').next()?.split(':').next()?.trim();
    is_word(kind).then(|| kind.to_owned())
}

/// AWS's words have no spaces, and no number of a person is of letters.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
}

/// User guide, "Event types for SMS": what became of a text, and what it is about when that is bad news.
const EVENTS: &[(&str, ReceiptStatus, Option<RefusalClass>)] = {
    use ReceiptStatus::{Accepted, Delivered, Expired, Rejected, Undelivered};
    use RefusalClass::{Content, Number, Other};
    &[
        ("TEXT_QUEUED", Accepted, None),
        ("TEXT_PENDING", Accepted, None),
        ("TEXT_SENT", Accepted, None),
        ("TEXT_SUCCESSFUL", Accepted, None),
        ("TEXT_DELIVERED", Delivered, None),
        ("TEXT_INVALID", Undelivered, Some(Number)),
        ("TEXT_INVALID_MESSAGE", Rejected, Some(Content)),
        ("TEXT_UNREACHABLE", Undelivered, None),
        ("TEXT_CARRIER_UNREACHABLE", Undelivered, None),
        // By the phone or by its carrier; which of them, and why, is not told.
        ("TEXT_BLOCKED", Undelivered, Some(Other)),
        ("TEXT_CARRIER_BLOCKED", Undelivered, Some(Content)),
        ("TEXT_SPAM", Undelivered, Some(Content)),
        ("TEXT_TTL_EXPIRED", Expired, None),
        ("TEXT_PROTECT_BLOCKED", Rejected, Some(Other)),
    ]
};

fn receipt(event: &Value) -> Result<Receipt, Unreadable> {
    let ours = event.get("context").and_then(|context| wire::text(context, REFERENCE)?.parse().ok());
    let receipt = wire::about(ours, wire::text(event, "messageId").as_deref())?;
    let word = wire::text(event, "eventType").unwrap_or_default();
    let known = EVENTS.iter().find(|(known, ..)| *known == word);
    let (status, class) = known.map_or((ReceiptStatus::Unknown, None), |(_, status, class)| (*status, *class));
    let good_news = matches!(status, ReceiptStatus::Accepted | ReceiptStatus::Delivered);
    let code = (!good_news).then(|| wire::short(word.strip_prefix("TEXT_").unwrap_or(&word)));
    // What an event on the way says of the price is not final either.
    let last = event.get("isFinal") == Some(&Value::Bool(true));
    let cost = if last { cost(event) } else { None };
    let segments = wire::text(event, "totalMessageParts").as_deref().and_then(wire::parts);
    Ok(Receipt { status, code, class, cost, segments, ..receipt })
}

/// The price and, where there is one, what the carrier takes on top of it.
fn cost(event: &Value) -> Option<Cost> {
    let amount = |name| wire::cost(&wire::text(event, name)?, "USD");
    let price = amount("totalMessagePrice")?;
    let fee = match event.get("totalCarrierFee") {
        None | Some(Value::Null) => 0,
        Some(_) => amount("totalCarrierFee")?.micros,
    };
    Some(Cost { micros: price.micros.saturating_add(fee), ..price })
}

#[cfg(test)]
mod tests;
