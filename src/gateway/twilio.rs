//! Twilio Programmable Messaging, API of 2010-04-01 (twilio-oai `twilio_api_v2010`, docs "Messages resource").
//!
//! Sending is not idempotent and a repeated 500 may send twice (docs, error 20500), so only a 4xx with its code tells
//! that nothing left. Our reference travels in the query of `StatusCallback`, which Twilio signs as part of the URL; what
//! stays unknown is looked for in the list of texts to that number. Receipts carry no price: a text is asked for it once it
//! is settled. A text is forgotten by being deleted: to redact its body alone would leave its number there.
//!
//! `OptOutType` on inbound texts says what Twilio's own opt-out did. Our keywords decide all the same; it only tells that
//! Twilio has answered already.

use super::{CallbackAnswer, Can, Dispatch, Gateway, LookUp, Price, Priced, Proof, Redacted, wire};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Unreadable},
        message::{Cost, GatewayEvent, MessageRef, Outgoing, Receipt, Reply, SendOutcome},
    },
    http::{Method, Request, Response},
};

mod answer;
mod code;
pub(super) mod signature;

pub struct Twilio;

const API: &str = "https://api.twilio.com";

static SPEC: Spec = Spec {
    kind: "twilio",
    name: "Twilio",
    fields: &[
        Field {
            key: "account_sid",
            label: "Account SID",
            help: "AC and 32 digits, on the first page of the Twilio console",
            required: true,
            check: |text| check_sid("AC", text, "be AC and 32 hexadecimal digits"),
            ..Field::TEXT
        },
        Field {
            key: "auth_token",
            label: "Auth token",
            help: "beside the account SID; it verifies callbacks. While it is being replaced, or when webhooks are \
                   signed with a shared key, list both with a comma, the one to send with first",
            secret: true,
            required: true,
            ..Field::TEXT
        },
        Field {
            help: "a number (+1…), a short code, a name of up to 11 letters, or a messaging service (MG…); several with \
                   commas, and each person always hears from the same one",
            check: |list| wire::check_senders(list, check_sender),
            ..wire::SENDER
        },
        Field {
            key: "api_key_sid",
            label: "API key SID",
            help: "SK and 32 digits; with its secret it sends in place of the auth token",
            check: |text| check_sid("SK", text, "be SK and 32 hexadecimal digits"),
            ..Field::TEXT
        },
        Field { key: "api_key_secret", label: "API key secret", help: "of that key", secret: true, ..Field::TEXT },
        Field { default: Some(API), ..wire::API_ADDRESS },
    ],
    connect: &[
        "Receipts need nothing: every text carries their address.",
        "For replies open the number or the messaging service in the Twilio console.",
        "Under \"A message comes in\" choose Webhook, HTTP POST, and paste {url}",
    ],
    topics: &[],
    limits: &[
        "What a text cost is known some time after it is delivered; until then it is estimated.",
        "The balance of a subaccount is not told: it is its main account's.",
        "A text is deleted at Twilio when its person is erased here; one still on its way is deleted later.",
        "A text of unknown outcome is looked for among the newest 100 to that number.",
    ],
};

/// Bounds of `ValidityPeriod` (docs, error 90007).
const VALID_SECONDS_MAX: u64 = 36_000;

/// Texts to one number looked through for one of unknown outcome.
const PAGE_SIZE: &str = "100";

static CAN: Can = Can {
    proof: Proof::Signed,
    replies: true,
    tells_opt_outs: true,
    look_up: true,
    price: Price::Asked,
    validity: true,
    redacts: true,
};

impl Gateway for Twilio {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn can(&self) -> &'static Can {
        &CAN
    }

    fn dispatch(&self, settings: &Settings, sms: &Outgoing) -> Dispatch {
        let sender = wire::sender(settings, &sms.to);
        let sent_by = if is_sid("MG", sender) { "MessagingServiceSid" } else { "From" };
        let valid = sms.valid_for.as_secs().clamp(1, VALID_SECONDS_MAX).to_string();
        let mut form =
            vec![("To", sms.to.e164()), (sent_by, sender), ("Body", sms.text.as_str()), ("ValidityPeriod", &valid)];
        if let Some(callback) = &sms.callback_url {
            form.push(("StatusCallback", callback));
        }
        Dispatch::Http(signed_in(settings, Request::form(messages(settings), form)))
    }

    fn sender_name(&self, settings: &Settings) -> Option<String> {
        let is_name = |sender: &&str| !is_sid("MG", sender) && sender.contains(char::is_alphabetic);
        settings.list("sender").find(is_name).map(str::to_owned)
    }

    fn outcome(&self, _settings: &Settings, answer: &Response) -> SendOutcome {
        answer::outcome(answer)
    }

    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        signature::verify(settings.list("auth_token"), delivery)?;
        let fields = fields(delivery);
        let status = status_word(&fields);
        let topic = match status {
            Some(_) => "receipt",
            None if fields.has("Body") && fields.has("From") => "reply",
            None => "other",
        };
        Ok(wire::kept(delivery, topic, sid(&fields), status))
    }

    fn read(&self, settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
        let fields = fields(delivery);
        match topic {
            "receipt" => Ok(vec![GatewayEvent::Receipt(receipt(delivery, &fields)?)]),
            "reply" => Ok(vec![GatewayEvent::Reply(Reply {
                from: wire::with_plus(fields.get("From").ok_or_else(|| Unreadable::new("a text from nobody"))?),
                to: wire::with_plus(fields.get("To").unwrap_or_default()),
                text: fields.raw("Body").unwrap_or_default().to_owned(),
                gateway_ref: sid(&fields).map_or_else(|| wire::fingerprint(delivery), str::to_owned),
                answered: answers(settings, &fields),
            })]),
            _ => Ok(Vec::new()),
        }
    }

    /// Words in a text/plain answer would be sent to the shopper.
    fn callback_answer(&self) -> CallbackAnswer {
        CallbackAnswer { content_type: "text/xml", body: "<Response/>" }
    }

    /// Everything to this number, newest first. Not narrowed by `DateSent`: texts still queued have none.
    fn look_up(&self, settings: &Settings, sms: &Outgoing) -> Option<Request> {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("To", sms.to.e164())
            .append_pair("PageSize", PAGE_SIZE)
            .finish();
        Some(signed_in(settings, Request::get(format!("{}?{query}", messages(settings)))))
    }

    fn looked_up(&self, sms: &Outgoing, reference: &MessageRef, answer: &Response) -> LookUp {
        answer::looked_up(sms, reference, answer)
    }

    fn ask_price(&self, settings: &Settings, gateway_ref: &str) -> Option<Request> {
        Some(signed_in(settings, Request::get(message(settings, gateway_ref)?)))
    }

    fn price(&self, _settings: &Settings, answer: &Response) -> Option<Priced> {
        answer::price(answer)
    }

    fn ask_balance(&self, settings: &Settings) -> Option<Request> {
        Some(signed_in(settings, Request::get(format!("{}/Balance.json", account(settings)))))
    }

    fn balance(&self, _settings: &Settings, answer: &Response) -> Option<Cost> {
        answer::balance(answer)
    }

    fn redact(&self, settings: &Settings, gateway_ref: &str) -> Option<Request> {
        let request = Request { method: Method::Delete, ..Request::get(message(settings, gateway_ref)?) };
        Some(signed_in(settings, request))
    }

    fn redacted(&self, answer: &Response) -> Redacted {
        answer::redacted(answer)
    }
}

fn account(settings: &Settings) -> String {
    let base = settings.given("api_base").unwrap_or(API).trim_end_matches('/');
    format!("{base}/2010-04-01/Accounts/{}", settings.get("account_sid"))
}

fn messages(settings: &Settings) -> String {
    format!("{}/Messages.json", account(settings))
}

/// One text. Its reference was told by Twilio, and becomes a part of the address only where it cannot lead elsewhere.
fn message(settings: &Settings, gateway_ref: &str) -> Option<String> {
    Some(format!("{}/Messages/{}.json", account(settings), wire::in_path(gateway_ref)?))
}

fn signed_in(settings: &Settings, request: Request) -> Request {
    let request = match (settings.given("api_key_sid"), settings.given("api_key_secret")) {
        (Some(key), Some(secret)) => request.basic_auth(key, secret),
        _ => {
            let token = settings.list("auth_token").next().unwrap_or_default();
            request.basic_auth(settings.get("account_sid"), token)
        }
    };
    // Only a stand-in for Twilio may live in a private network.
    let private = settings.given("api_base").is_some_and(|base| base.trim_end_matches('/') != API);
    Request { private, ..request }
}

fn is_sid(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn check_sid(prefix: &str, text: &str, wanted: &'static str) -> Result<(), &'static str> {
    if is_sid(prefix, text) { Ok(()) } else { Err(wanted) }
}

fn check_sender(text: &str) -> Result<(), &'static str> {
    let digits = |text: &str, from: usize, to: usize| {
        (from..=to).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let name = text.len() <= 11
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" +-_&".contains(&byte));
    let number = text.strip_prefix('+').is_some_and(|rest| digits(rest, 7, 15));
    if number || digits(text, 3, 8) || name || is_sid("MG", text) {
        Ok(())
    } else {
        Err("be a number with its +, a short code, a name of up to 11 letters and digits, or MG and 32 digits")
    }
}

/// What a callback says, wherever its signature covers it.
fn fields(delivery: &Delivery) -> wire::Fields {
    match signature::carrier(delivery) {
        signature::Carrier::Form => wire::Fields::new(delivery.form_pairs()),
        signature::Carrier::Query => wire::Fields::new(delivery.query_pairs()),
        signature::Carrier::Json => wire::Fields::of_json(&delivery.body).unwrap_or_default(),
    }
}

/// The single words Twilio answers by itself on long codes and messaging services (docs, "Advanced Opt-Out", default
/// keywords; YES is left out, since it is answered only by whom Twilio has stopped).
const ANSWERED: &[&str] =
    &["stop", "stopall", "unsubscribe", "end", "quit", "revoke", "optout", "cancel", "start", "unstop", "help", "info"];

/// Whether Twilio has answered this text by itself. On a bare short code it answers nothing.
fn answers(settings: &Settings, fields: &wire::Fields) -> bool {
    let sender = fields.get("To").map(wire::with_plus).unwrap_or_default();
    let service = settings.list("sender").any(|sender| is_sid("MG", sender));
    let word = fields.get("Body").unwrap_or_default().trim().to_lowercase();
    fields.has("OptOutType") || ((sender.starts_with('+') || service) && ANSWERED.contains(&word.as_str()))
}

fn sid(fields: &wire::Fields) -> Option<&str> {
    fields.get("MessageSid").or_else(|| fields.get("SmsSid"))
}

/// The state a status callback reports; an inbound text has only `SmsStatus`, and that says `received`.
fn status_word(fields: &wire::Fields) -> Option<&str> {
    let word = fields.get("MessageStatus").or_else(|| fields.get("SmsStatus"));
    word.filter(|word| !matches!(*word, "received" | "receiving"))
}

fn receipt(delivery: &Delivery, fields: &wire::Fields) -> Result<Receipt, Unreadable> {
    let receipt = wire::about(wire::reference(delivery), sid(fields))?;
    let told = code::told(status_word(fields).unwrap_or_default(), fields.get("ErrorCode"));
    Ok(Receipt { status: told.status, code: told.code, class: told.class, ..receipt })
}

#[cfg(test)]
mod tests;
