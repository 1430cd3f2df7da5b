//! 46elks, API a1 (46elks.com/docs, "Send SMS", "Receive SMS", "SMS delivery reports").
//!
//! Sending is not idempotent. Callbacks are not signed, so the secret path is their proof; our reference travels in the
//! query of `whendelivered`. What an inbound callback is answered in text/plain is sent to the person as a text: the answer
//! is empty.

use serde_json::Value;

use super::{Can, Dispatch, Gateway, LookUp, no_answer, wire};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Unreadable},
        message::{GatewayEvent, MessageRef, Outgoing, Receipt, ReceiptStatus, RefusalClass, Reply, SendOutcome},
        time::{MINUTE, Time},
    },
    http::{HttpError, Request, Response},
};

pub struct Elks;

const API: &str = "https://api.46elks.com";

static SPEC: Spec = Spec {
    kind: "46elks",
    name: "46elks",
    fields: &[
        Field {
            key: "username",
            label: "API username",
            help: "u and 32 digits, under Account in the 46elks dashboard",
            required: true,
            ..Field::TEXT
        },
        Field {
            key: "password",
            label: "API password",
            help: "beside the API username",
            secret: true,
            required: true,
            ..Field::TEXT
        },
        Field {
            key: "sender",
            label: "Sender",
            help: "a number of the account (+46…) or a name of 3 to 11 letters and digits; several with commas, and each \
                   person always hears from the same one",
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
        "For replies open the number under Numbers in the 46elks dashboard and set sms_url to {url}",
    ],
    topics: &[],
    limits: &[
        "Nothing that 46elks posts is signed: the secret in the address is the proof.",
        "A text of unknown outcome is looked for among the newest of the account, as many as one page of its list holds.",
        "It tells costs without their currency, so what a text costs is estimated.",
        "Texts cannot be told to expire there.",
    ],
};

static CAN: Can = Can { replies: true, look_up: true, ..Can::SEND };

impl Gateway for Elks {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn can(&self) -> &'static Can {
        &CAN
    }

    fn dispatch(&self, settings: &Settings, sms: &Outgoing) -> Dispatch {
        let mut form =
            vec![("from", wire::sender(settings, &sms.to)), ("to", sms.to.e164()), ("message", sms.text.as_str())];
        if let Some(callback) = &sms.callback_url {
            form.push(("whendelivered", callback));
        }
        Dispatch::Http(signed_in(settings, Request::form(texts(settings), form)))
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

    fn verify(&self, _settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        let fields = wire::Fields::new(delivery.form_pairs());
        let topic = if fields.has("message") && fields.has("from") {
            "reply"
        } else if fields.has("status") {
            "receipt"
        } else {
            "other"
        };
        let key = match fields.get("id") {
            Some(id) => format!("{}:{}", wire::short(id), wire::short(fields.get("status").unwrap_or(topic))),
            None => wire::fingerprint(delivery),
        };
        Ok(Accepted::Keep { topic: topic.into(), key })
    }

    fn read(&self, _settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
        let fields = wire::Fields::new(delivery.form_pairs());
        match topic {
            "receipt" => {
                let reference = wire::Fields::new(delivery.query_pairs()).get("ref").and_then(|text| text.parse().ok());
                let gateway_ref = fields.get("id").map(wire::short);
                if reference.is_none() && gateway_ref.is_none() {
                    return Err(Unreadable::new("a receipt that names no message"));
                }
                Ok(vec![GatewayEvent::Receipt(receipt(
                    reference,
                    gateway_ref,
                    fields.get("status").unwrap_or_default(),
                ))])
            }
            "reply" => Ok(vec![GatewayEvent::Reply(Reply {
                from: wire::with_plus(fields.get("from").ok_or_else(|| Unreadable::new("a text from nobody"))?),
                to: wire::with_plus(fields.get("to").unwrap_or_default()),
                text: fields.raw("message").unwrap_or_default().to_owned(),
                gateway_ref: fields.get("id").map_or_else(|| wire::fingerprint(delivery), wire::short),
                answered: false,
            })]),
            _ => Ok(Vec::new()),
        }
    }

    /// The newest texts of the account, newest first; the list takes no number.
    fn look_up(&self, settings: &Settings, _sms: &Outgoing) -> Option<Request> {
        Some(signed_in(settings, Request::get(format!("{}?limit=100", texts(settings)))))
    }

    fn looked_up(&self, sms: &Outgoing, reference: &MessageRef, answer: &Response) -> LookUp {
        let body: Option<Value> = if answer.is_success() { serde_json::from_slice(&answer.body).ok() } else { None };
        let Some(list) = body.as_ref().and_then(|body| body.get("data")?.as_array()) else { return LookUp::Unclear };
        let from = sms.attempted_at - MINUTE;
        let mut reaches_back = false;
        for text in list {
            let word = |name: &str| text.get(name).and_then(wire::scalar).unwrap_or_default();
            let Some(made) = made_at(&word("created")) else { return LookUp::Unclear };
            if made < from {
                reaches_back = true;
            } else if word("to") == sms.to.e164() && word("message") == sms.text && word("direction") != "incoming" {
                let found = receipt(Some(*reference), Some(wire::short(&word("id"))), &word("status"));
                return LookUp::Found(Box::new(GatewayEvent::Receipt(found)));
            }
        }
        if reaches_back { LookUp::Absent } else { LookUp::Unclear }
    }
}

fn texts(settings: &Settings) -> String {
    format!("{}/a1/sms", settings.given("api_base").unwrap_or(API).trim_end_matches('/'))
}

fn signed_in(settings: &Settings, request: Request) -> Request {
    // Only a stand-in may live in a private network.
    let private = settings.given("api_base").is_some_and(|base| base.trim_end_matches('/') != API);
    Request { private, ..request.basic_auth(settings.get("username"), settings.get("password")) }
}

fn check_sender(text: &str) -> Result<(), &'static str> {
    let number = text
        .strip_prefix('+')
        .is_some_and(|rest| (7..=15).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_digit()));
    let name = (3..=11).contains(&text.len())
        && text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if number || name { Ok(()) } else { Err("be a number with its + or a name of 3 to 11 letters and digits") }
}

/// An error comes as words in text/plain, which repeat the request and are not kept.
fn judge(answer: &Response) -> SendOutcome {
    let refused = |class| SendOutcome::Refused { class, code: format!("HTTP {}", answer.status) };
    match answer.status {
        200..=299 => taken(&answer.body),
        401..=404 => refused(RefusalClass::Account),
        429 => wire::later(answer, "too many requests"),
        408 => SendOutcome::Unknown { why: "HTTP 408".into() },
        400..=499 => refused(RefusalClass::Other),
        status => SendOutcome::Unknown { why: format!("HTTP {status}") },
    }
}

fn taken(body: &[u8]) -> SendOutcome {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let Some(id) = body.get("id").and_then(wire::scalar).filter(|id| !id.is_empty()) else {
        return SendOutcome::Unknown { why: "an answer that names no message".into() };
    };
    if body.get("status").and_then(Value::as_str) == Some("failed") {
        return SendOutcome::Refused { class: RefusalClass::Other, code: "failed".into() };
    }
    let segments = body.get("parts").and_then(wire::scalar).and_then(|parts| parts.parse().ok());
    SendOutcome::Accepted { reference: Some(wire::short(&id)), segments, cost: None }
}

fn receipt(reference: Option<MessageRef>, gateway_ref: Option<String>, word: &str) -> Receipt {
    let status = match word {
        "created" | "sent" => ReceiptStatus::Accepted,
        "delivered" => ReceiptStatus::Delivered,
        "failed" => ReceiptStatus::Undelivered,
        _ => ReceiptStatus::Unknown,
    };
    let code = matches!(status, ReceiptStatus::Unknown | ReceiptStatus::Undelivered).then(|| wire::short(word));
    Receipt { reference, gateway_ref, status, code, class: None, cost: None, segments: None }
}

/// `2026-09-24T14:13:20.000000`, in UTC.
fn made_at(text: &str) -> Option<Time> {
    let moment: jiff::civil::DateTime = text.trim_end_matches('Z').parse().ok()?;
    let moment = moment.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Time::from_millis(moment.timestamp().as_millisecond()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::{phone::Phone, sms::Encoding};

    fn settings() -> Settings {
        let given = [("username", "u1"), ("password", "hush"), ("sender", "LumenOak, +46700000001")];
        SPEC.settings(given.map(|(key, value)| (key.to_owned(), value.to_owned())).into()).unwrap()
    }

    fn outgoing() -> Outgoing {
        Outgoing {
            reference: "7.msg_0000000000009".parse().unwrap(),
            to: Phone::restored("+12125550101".into()),
            text: "Your lamp & more".into(),
            encoding: Encoding::Gsm7,
            valid_for: Duration::from_secs(600),
            callback_url: Some("https://shop.example.com/hook/sms/secret?ref=7.msg_0000000000009".into()),
            // 2026-09-24T14:13:20
            attempted_at: Time::from_seconds(1_790_259_200),
        }
    }

    fn delivery(query: &str, body: &str) -> Delivery {
        Delivery {
            method: "POST".into(),
            url: format!("https://shop.example.com/hook/sms/secret{query}"),
            headers: vec![],
            body: body.into(),
            received_at: Time::from_seconds(1_790_259_300),
        }
    }

    fn read(query: &str, body: &str) -> Result<Vec<GatewayEvent>, Unreadable> {
        let delivery = delivery(query, body);
        let Ok(Accepted::Keep { topic, .. }) = Elks.verify(&settings(), &delivery) else { panic!("not kept") };
        Elks.read(&settings(), &topic, &delivery)
    }

    #[test]
    fn a_text_becomes_one_request() {
        let Dispatch::Http(request) = Elks.dispatch(&settings(), &outgoing()) else { panic!("kept") };
        assert_eq!((request.url.as_str(), request.private), ("https://api.46elks.com/a1/sms", false));
        assert!(request.headers.contains(&("authorization".into(), "Basic dTE6aHVzaA==".into())));
        let form: Vec<_> = url::form_urlencoded::parse(&request.body).into_owned().collect();
        let sender = wire::sender(&settings(), &outgoing().to).to_owned();
        let callback = "https://shop.example.com/hook/sms/secret?ref=7.msg_0000000000009";
        let wanted = [("from", sender.as_str()), ("to", "+12125550101"), ("message", "Your lamp & more")];
        let wanted = wanted.into_iter().chain([("whendelivered", callback)]);
        assert_eq!(form, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>());
        assert_eq!(Elks.sender_name(&settings()).as_deref(), Some("LumenOak"));
    }

    #[test]
    fn outcomes() {
        #[track_caller]
        fn check(status: u16, body: &str, expected: SendOutcome) {
            let answer = Response { status, headers: vec![("retry-after".into(), "7".into())], body: body.into() };
            assert_eq!(Elks.outcome(Ok(&answer)), expected, "{status} {body}");
        }
        let unknown = |why: &str| SendOutcome::Unknown { why: why.into() };
        let refused = |class, code: &str| SendOutcome::Refused { class, code: code.into() };
        let accepted = |segments| SendOutcome::Accepted { reference: Some("s1".into()), segments, cost: None };
        check(200, r#"{"id":"s1","status":"created","cost":700,"parts":2}"#, accepted(Some(2)));
        check(200, r#"{"id":"s1"}"#, accepted(None));
        check(200, r#"{"id":"s1","status":"failed"}"#, refused(RefusalClass::Other, "failed"));
        check(200, "created", unknown("an answer that names no message"));
        check(200, r#"{"id":""}"#, unknown("an answer that names no message"));
        check(400, "Invalid to number +12125550101", refused(RefusalClass::Other, "HTTP 400"));
        check(401, "", refused(RefusalClass::Account, "HTTP 401"));
        check(403, "Not enough credits", refused(RefusalClass::Account, "HTTP 403"));
        check(408, "", unknown("HTTP 408"));
        check(500, "", unknown("HTTP 500"));
        let after = Some(Duration::from_secs(7));
        check(429, "", SendOutcome::Later { why: "too many requests".into(), after });
    }

    #[test]
    fn receipts() {
        #[track_caller]
        fn check(word: &str, status: ReceiptStatus, code: Option<&str>) {
            let told = read("?ref=7.msg_0000000000009", &format!("id=s1&status={word}&delivered=2026-09-24")).unwrap();
            let expected = Receipt {
                reference: Some("7.msg_0000000000009".parse().unwrap()),
                gateway_ref: Some("s1".into()),
                status,
                code: code.map(str::to_owned),
                class: None,
                cost: None,
                segments: None,
            };
            assert_eq!(told, [GatewayEvent::Receipt(expected)], "{word}");
        }
        check("created", ReceiptStatus::Accepted, None);
        check("sent", ReceiptStatus::Accepted, None);
        check("delivered", ReceiptStatus::Delivered, None);
        check("failed", ReceiptStatus::Undelivered, Some("failed"));
        check("eaten", ReceiptStatus::Unknown, Some("eaten"));
        let told = read("", "id=s1&status=delivered").unwrap();
        assert!(matches!(&told[..], [GatewayEvent::Receipt(one)] if one.gateway_ref.as_deref() == Some("s1")));
        assert!(read("", "status=delivered").is_err());
        assert_eq!(read("", "direction=incoming"), Ok(vec![]));
    }

    #[test]
    fn replies() {
        let told = read("", "direction=incoming&id=s9&from=%2B12125550101&to=46700000001&message=STOP").unwrap();
        let expected = Reply {
            from: "+12125550101".into(),
            to: "+46700000001".into(),
            text: "STOP".into(),
            gateway_ref: "s9".into(),
            answered: false,
        };
        assert_eq!(told, [GatewayEvent::Reply(expected)]);
        assert!(read("", "message=STOP&from=").is_err());
        // Words in the answer would go to the person.
        assert_eq!(Elks.callback_answer().body, "");
    }

    #[test]
    fn what_the_look_up_finds() {
        #[track_caller]
        fn check(list: &[(&str, &str, &str)], found: Option<LookUp>) {
            let text = |(created, to, message): &(&str, &str, &str)| serde_json::json!({ "id": "s1", "status": "delivered", "created": created, "to": to, "message": message });
            let body = serde_json::json!({ "data": list.iter().map(text).collect::<Vec<_>>() });
            let answer = Response { status: 200, headers: vec![], body: body.to_string().into_bytes() };
            let told = Elks.looked_up(&outgoing(), &outgoing().reference, &answer);
            match found {
                Some(expected) => assert_eq!(told, expected),
                None => assert!(matches!(told, LookUp::Found(_)), "{told:?}"),
            }
        }
        let (after, before) = ("2026-09-24T14:13:22.000000", "2026-09-24T14:00:00.000000");
        check(&[(after, "+12125550101", "Your lamp & more")], None);
        check(&[(after, "+12125550102", "Your lamp & more")], Some(LookUp::Unclear));
        check(&[(after, "+12125550101", "Another"), (before, "+1", "x")], Some(LookUp::Absent));
        check(&[(before, "+12125550101", "Your lamp & more")], Some(LookUp::Absent));
        check(&[("yesterday", "+1", "x")], Some(LookUp::Unclear));
        check(&[], Some(LookUp::Unclear));
    }

    #[test]
    fn senders() {
        for good in ["+46700000001", "LumenOak", "abc"] {
            assert_eq!(check_sender(good), Ok(()), "{good}");
        }
        for bad in ["", "46700000001", "ab", "TwelveLetter", "Lumen & Oak", "1Lumen"] {
            assert!(check_sender(bad).is_err(), "{bad}");
        }
    }
}
