//! ClickSend SMS, REST API v3 (developers.clicksend.com/docs/messaging/sms; clicksend-python).
//!
//! A send of one text is a list of one, answered 200 with a status of its own that must be read: the answer as a whole
//! succeeds while the text in it is refused. Our reference travels as `custom_string`, which comes back in receipts and
//! in the history; there is no callback address for each text, the addresses stand in rules of the account. Nothing
//! ClickSend calls is signed: the secret path proves it. A rule may post a form or JSON or call with a query.

use serde_json::{Value, json};

use super::{Can, Dispatch, Gateway, LookUp, Price, wire};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Unreadable},
        message::{Cost, GatewayEvent, MessageRef, Outgoing, Receipt, ReceiptStatus, RefusalClass, SendOutcome},
    },
    http::{Request, Response},
};

pub struct ClickSend;

const API: &str = "https://rest.clicksend.com";

static SPEC: Spec = Spec {
    kind: "clicksend",
    name: "ClickSend",
    fields: &[
        Field {
            key: "username",
            label: "Username",
            help: "in the ClickSend dashboard under API credentials",
            required: true,
            ..Field::TEXT
        },
        Field {
            key: "api_key",
            label: "API key",
            help: "beside the username",
            secret: true,
            required: true,
            ..Field::TEXT
        },
        Field {
            help: "a dedicated or own number (+61…), a short code, or an alpha tag of up to 11 letters and digits, to \
                   which nobody can reply; several with commas, and each person always hears from the same one",
            check: |list| wire::check_senders(list, check_sender),
            ..wire::SENDER
        },
        Field { default: Some(API), ..wire::API_ADDRESS },
    ],
    connect: &[
        "Ask ClickSend to approve texts with links: for new customers they are paused.",
        "In the dashboard open the SMS settings, add a delivery report rule with the action URL, and paste {url}",
        "Add an inbound SMS rule with the action URL, and paste {url}",
    ],
    topics: &[],
    limits: &[
        "ClickSend pauses texts with links for new customers until it has approved them, and every cart text has one.",
        "A text of unknown outcome is looked for in the history, which never proves that it did not leave.",
        "Receipts do not tell who opted out at ClickSend.",
    ],
};

/// Rows of the history looked through for a text of unknown outcome (docs: 100 at most).
const PAGE_SIZE: &str = "100";

/// A hundred texts of several parts each are more than an ordinary answer.
const PAGE_BYTES_MAX: usize = 256 * 1024;

/// The history is asked from so long before the attempt: clocks differ, and whether the bound counts is not told.
const CLOCK_SLACK: std::time::Duration = std::time::Duration::from_secs(5 * 60);

static CAN: Can = Can { replies: true, look_up: true, price: Price::AtSend, ..Can::SEND };

impl Gateway for ClickSend {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn can(&self) -> &'static Can {
        &CAN
    }

    fn dispatch(&self, settings: &Settings, sms: &Outgoing) -> Dispatch {
        let body = json!({ "messages": [{
            "from": wire::sender(settings, &sms.to),
            "to": sms.to.e164(),
            "body": sms.text,
            "source": "cartback",
            "custom_string": sms.reference.to_string(),
        }] });
        Dispatch::Http(signed_in(settings, Request::json(format!("{}/v3/sms/send", wire::api(settings, API)), &body)))
    }

    fn outcome(&self, _settings: &Settings, answer: &Response) -> SendOutcome {
        wire::judge(answer, taken, refused)
    }

    fn verify(&self, _settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        let fields = fields(delivery);
        let topic = if fields.has("status_code") || fields.has("status") {
            "receipt"
        } else if fields.has("from") && words(&fields).is_some() {
            "reply"
        } else {
            "other"
        };
        let state = (topic == "receipt").then(|| state(&fields));
        Ok(wire::kept(delivery, topic, id(&fields), state))
    }

    fn read(&self, _settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
        let fields = fields(delivery);
        match topic {
            "receipt" => Ok(vec![GatewayEvent::Receipt(receipt(delivery, &fields)?)]),
            "reply" => {
                let (from, to) = (fields.get("from"), fields.get("to"));
                Ok(vec![GatewayEvent::Reply(wire::reply(delivery, from, to, words(&fields), id(&fields))?)])
            }
            _ => Ok(Vec::new()),
        }
    }

    /// What went to this number since the attempt. The history filters by one field and `custom_string` is not among
    /// those documented, so it is compared here.
    fn look_up(&self, settings: &Settings, sms: &Outgoing) -> Option<Request> {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("q", &format!("to:{}", sms.to.e164()))
            .append_pair("date_from", &(sms.attempted_at - CLOCK_SLACK).seconds().to_string())
            .append_pair("limit", PAGE_SIZE)
            .finish();
        let request = signed_in(settings, Request::get(format!("{}/v3/sms/history?{query}", wire::api(settings, API))));
        Some(Request { room: PAGE_BYTES_MAX, ..request })
    }

    fn looked_up(&self, _sms: &Outgoing, reference: &MessageRef, answer: &Response) -> LookUp {
        search(reference, answer)
    }

    fn ask_balance(&self, settings: &Settings) -> Option<Request> {
        Some(signed_in(settings, Request::get(format!("{}/v3/account", wire::api(settings, API)))))
    }

    /// What is left, below zero where the account owes.
    fn balance(&self, _settings: &Settings, answer: &Response) -> Option<Cost> {
        let body = wire::json(answer)?;
        wire::left(&wire::text(body.get("data")?, "balance")?, &currency(&body)?)
    }
}

fn signed_in(settings: &Settings, request: Request) -> Request {
    let request = request.basic_auth(settings.get("username"), settings.get("api_key"));
    Request { private: wire::stands_in(settings, API), ..request }
}

fn check_sender(text: &str) -> Result<(), &'static str> {
    let digits = |text: &str, least: usize, most: usize| {
        (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let number = text.strip_prefix('+').is_some_and(|rest| digits(rest, 7, 15));
    let name = text.len() <= 11
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" -_".contains(&byte));
    if number || digits(text, 3, 8) || name {
        Ok(())
    } else {
        Err("be a number with its +, a short code, or an alpha tag of up to 11 letters and digits")
    }
}

/// What a text's own status, or the code of a refused request, means (docs, "Application status codes"). One that is not
/// listed refuses nothing inside a 200: `INTERNAL_ERROR` and whatever is new may have left.
const CODES: &[(&str, RefusalClass)] = {
    use RefusalClass::{Account, Number, OptedOut, Other};
    &[
        ("ACCOUNT_NOT_ACTIVATED", Account),
        // A country the account has not enabled. It concerns this shopper, and must not pause everyone else's texts.
        ("COUNTRY_NOT_ENABLED", Other),
        ("EMPTY_MESSAGE", Other),
        ("FORBIDDEN", Account),
        ("INSUFFICIENT_CREDIT", Account),
        ("INVALID_CREDENTIALS", Account),
        ("INVALID_RECIPIENT", Number),
        ("INVALID_SENDER_ID", Account),
        ("MISSING_CREDENTIALS", Account),
        ("MISSING_REQUIRED_FIELDS", Other),
        ("OPT_OUT", OptedOut),
        // The same words went to this person a moment ago: this one was dropped, and later is no better.
        ("THROTTLED", Other),
        ("TOO_MANY_RECIPIENTS", Other),
        ("UNAUTHORIZED", Account),
    ]
};

fn class(code: &str) -> Option<RefusalClass> {
    CODES.iter().find(|(known, _)| *known == code).map(|&(_, class)| class)
}

fn taken(answer: &Response) -> SendOutcome {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let Some(message) = body.pointer("/data/messages/0") else {
        return wire::names_nothing();
    };
    let status = wire::text(message, "status").unwrap_or_default();
    match (status.as_str(), wire::text(message, "message_id"), class(&status)) {
        ("SUCCESS", Some(id), _) => SendOutcome::Accepted {
            reference: Some(wire::short(&id)),
            segments: segments(message),
            cost: cost(message, &body),
        },
        (_, _, Some(class)) => SendOutcome::Refused { class, code: status },
        ("SUCCESS" | "", ..) => wire::names_nothing(),
        _ => wire::unknown("a status that is not documented"),
    }
}

fn refused(answer: &Response) -> SendOutcome {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = wire::text(&body, "response_code").unwrap_or_default();
    match class(&code) {
        Some(class) => SendOutcome::Refused { class, code },
        None => wire::refused(answer),
    }
}

/// What a callback says, in whichever of the three forms its rule sends it.
fn fields(delivery: &Delivery) -> wire::Fields {
    if delivery.body.is_empty() {
        return wire::Fields::new(delivery.query_pairs());
    }
    wire::Fields::of_json(&delivery.body).unwrap_or_else(|| wire::Fields::new(delivery.form_pairs()))
}

/// ClickSend writes some names twice, the second for readers of its older API.
fn id(fields: &wire::Fields) -> Option<&str> {
    fields.get("message_id").or_else(|| fields.get("messageid"))
}

fn words(fields: &wire::Fields) -> Option<&str> {
    fields.raw("body").or_else(|| fields.raw("message"))
}

fn state(fields: &wire::Fields) -> &str {
    fields.get("status_code").or_else(|| fields.get("status")).unwrap_or_default()
}

fn receipt(delivery: &Delivery, fields: &wire::Fields) -> Result<Receipt, Unreadable> {
    let names = [fields.get("custom_string"), fields.get("customstring")];
    let reference = names.into_iter().flatten().find_map(|text| text.parse().ok());
    let receipt = wire::about(reference.or_else(|| wire::reference(delivery)), id(fields))?;
    let (status, code) = told(state(fields), fields.get("error_code"));
    Ok(Receipt { status, code, ..receipt })
}

/// A status code (ClickSend help, "SMS error codes") with its error code. 200 and 300 are not final: with the network,
/// and refused by it for the moment. `error_code` 0 is none.
fn told(state: &str, error: Option<&str>) -> (ReceiptStatus, Option<String>) {
    let status = match state {
        "200" | "300" => ReceiptStatus::Accepted,
        "201" => ReceiptStatus::Delivered,
        "301" => ReceiptStatus::Undelivered,
        _ => ReceiptStatus::Unknown,
    };
    let error = error.filter(|error| *error != "0");
    let code = match status {
        ReceiptStatus::Undelivered => Some(error.unwrap_or(state)),
        ReceiptStatus::Unknown => Some(state),
        _ => None,
    };
    (status, code.map(wire::short))
}

/// Searches the history for our reference. It is never proof of absence: how soon a text appears there is not told.
fn search(reference: &MessageRef, answer: &Response) -> LookUp {
    let body = wire::json(answer).unwrap_or_default();
    let Some(list) = body.pointer("/data/data").and_then(Value::as_array) else { return LookUp::Unclear };
    let name = reference.to_string();
    // A reply carries the reference of the text it answers.
    let is_ours = |message: &&Value| {
        wire::text(message, "custom_string").as_deref() == Some(&name)
            && wire::text(message, "direction").as_deref() != Some("in")
    };
    list.iter().find(is_ours).map_or(LookUp::Unclear, |message| {
        LookUp::Found(Box::new(GatewayEvent::Receipt(found(*reference, message, &body))))
    })
}

/// A row of the history has a status code once the network has answered, and a word before.
fn found(reference: MessageRef, message: &Value, body: &Value) -> Receipt {
    let error = wire::text(message, "error_code");
    let (status, code) = match (wire::text(message, "status_code"), wire::text(message, "status").unwrap_or_default()) {
        (Some(state), _) => told(&state, error.as_deref()),
        (None, word) => match word.as_str() {
            "Sent" | "Completed" | "Queued" | "Scheduled" => (ReceiptStatus::Accepted, None),
            "Failed" => (ReceiptStatus::Undelivered, error.as_deref().map(wire::short)),
            _ => (ReceiptStatus::Unknown, Some(wire::short(&word))),
        },
    };
    Receipt {
        reference: Some(reference),
        gateway_ref: wire::text(message, "message_id").map(|id| wire::short(&id)),
        status,
        code,
        class: None,
        cost: cost(message, body),
        segments: segments(message),
    }
}

fn segments(message: &Value) -> Option<u32> {
    wire::parts(&wire::text(message, "message_parts")?)
}

/// The price of one text, in the currency that the answer names for all of them.
fn cost(message: &Value, body: &Value) -> Option<Cost> {
    wire::cost(&wire::text(message, "message_price")?, &currency(body)?)
}

fn currency(body: &Value) -> Option<String> {
    wire::text(body.pointer("/data/_currency")?, "currency_name_short")
}

#[cfg(test)]
mod tests;
