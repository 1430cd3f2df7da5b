//! 46elks, API a1 (46elks.com/docs, "Send SMS", "Receive SMS", "SMS delivery reports").
//!
//! Sending is not idempotent. Callbacks are not signed, so the secret path is their proof; our reference travels in the
//! query of `whendelivered`. What an inbound callback is answered in text/plain is sent to the person as a text: the answer
//! is empty.
//!
//! The answer to a send has what the text costs, in ten-thousandths of the account's currency, but not which currency
//! that is: a person says it.

use serde_json::Value;

use super::{Can, Dispatch, Gateway, LookUp, wire};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Unreadable},
        message::{Cost, GatewayEvent, MessageRef, Outgoing, Receipt, ReceiptStatus, RefusalClass, SendOutcome},
        money::Currency,
        time::{MINUTE, Time},
    },
    http::{Request, Response},
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
            help: "a number of the account (+46…) or a name of 3 to 11 letters and digits; several with commas, and each \
                   person always hears from the same one",
            check: |list| wire::check_senders(list, check_sender),
            ..wire::SENDER
        },
        Field {
            key: "currency",
            label: "Currency of the account",
            help: "SEK, EUR, …, as the balance is shown in the 46elks dashboard; with it, what a text costs is kept",
            check: |code| Currency::parse(code).map(drop).map_err(|_| "be a currency code like SEK or EUR"),
            ..Field::TEXT
        },
        Field { default: Some(API), ..wire::API_ADDRESS },
    ],
    connect: &[
        "Receipts need nothing: every text carries their address.",
        "For replies open the number under Numbers in the 46elks dashboard and set sms_url to {url}",
    ],
    topics: &[],
    limits: &[
        "A text of unknown outcome is looked for among the newest of the account, as many as one page of its list holds.",
        "It tells costs without their currency: once that of the account is set here, they are known when a text is sent.",
        "What a text costs that was found by a look-up is estimated all the same.",
    ],
};

/// Texts of the account looked through for one of unknown outcome.
const PAGE_SIZE: u32 = 100;

/// As many texts of several parts each are more than an ordinary answer.
const PAGE_BYTES_MAX: usize = 256 * 1024;

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

    fn outcome(&self, settings: &Settings, answer: &Response) -> SendOutcome {
        // An error comes as words in text/plain, which repeat the request and are not kept.
        wire::judge(answer, |answer| taken(settings, answer), wire::refused)
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
        Ok(wire::kept(delivery, topic, fields.get("id"), fields.get("status")))
    }

    fn read(&self, _settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
        let fields = wire::Fields::new(delivery.form_pairs());
        match topic {
            "receipt" => {
                let receipt = wire::about(wire::reference(delivery), fields.get("id"))?;
                Ok(vec![GatewayEvent::Receipt(told(receipt, fields.get("status").unwrap_or_default()))])
            }
            "reply" => {
                let (from, to, text) = (fields.get("from"), fields.get("to"), fields.raw("message"));
                Ok(vec![GatewayEvent::Reply(wire::reply(delivery, from, to, text, fields.get("id"))?)])
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The newest texts of the account, newest first; the list takes no number.
    fn look_up(&self, settings: &Settings, _sms: &Outgoing) -> Option<Request> {
        let request = signed_in(settings, Request::get(format!("{}?limit={PAGE_SIZE}", texts(settings))));
        Some(Request { room: PAGE_BYTES_MAX, ..request })
    }

    fn looked_up(&self, sms: &Outgoing, reference: &MessageRef, answer: &Response) -> LookUp {
        let body = wire::json(answer);
        let Some(list) = body.as_ref().and_then(|body| body.get("data")?.as_array()) else { return LookUp::Unclear };
        let from = sms.attempted_at - MINUTE;
        let mut reaches_back = false;
        for text in list {
            let word = |name: &str| wire::text(text, name).unwrap_or_default();
            let Some(made) = made_at(&word("created")) else { return LookUp::Unclear };
            let is_ours =
                || word("to") == sms.to.e164() && word("message") == sms.text.trim() && word("direction") != "incoming";
            if made < from {
                reaches_back = true;
            } else if is_ours() {
                let Ok(receipt) = wire::about(Some(*reference), Some(&word("id"))) else { return LookUp::Unclear };
                return LookUp::Found(Box::new(GatewayEvent::Receipt(told(receipt, &word("status")))));
            }
        }
        if reaches_back { LookUp::Absent } else { LookUp::Unclear }
    }

    fn ask_balance(&self, settings: &Settings) -> Option<Request> {
        Some(signed_in(settings, Request::get(format!("{}/a1/me", wire::api(settings, API)))))
    }

    /// What is left, below zero where the account owes; here the currency is told.
    fn balance(&self, _settings: &Settings, answer: &Response) -> Option<Cost> {
        let body = wire::json(answer)?;
        let micros = wire::number::<i64>(&body, "balance")?.checked_mul(MICROS)?;
        Some(Cost { micros, currency: Currency::parse(&wire::text(&body, "currency")?).ok()? })
    }
}

fn texts(settings: &Settings) -> String {
    format!("{}/a1/sms", wire::api(settings, API))
}

fn signed_in(settings: &Settings, request: Request) -> Request {
    let request = request.basic_auth(settings.get("username"), settings.get("password"));
    Request { private: wire::stands_in(settings, API), ..request }
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

fn taken(settings: &Settings, answer: &Response) -> SendOutcome {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let Some(id) = wire::text(&body, "id") else { return wire::names_nothing() };
    if body.get("status").and_then(Value::as_str) == Some("failed") {
        return SendOutcome::Refused { class: RefusalClass::Other, code: "failed".into() };
    }
    let segments = wire::text(&body, "parts").and_then(|count| wire::parts(&count));
    SendOutcome::Accepted { reference: Some(wire::short(&id)), segments, cost: cost(settings, &body) }
}

/// 46elks counts in ten-thousandths of the account's currency.
const MICROS: i64 = 100;

/// `"cost": 3500` is 0.35 of the account's currency; all parts of the text together.
fn cost(settings: &Settings, body: &Value) -> Option<Cost> {
    let currency = Currency::parse(settings.given("currency")?).ok()?;
    Some(Cost { micros: wire::number::<i64>(body, "cost")?.checked_mul(MICROS)?.saturating_abs(), currency })
}

fn told(receipt: Receipt, word: &str) -> Receipt {
    let status = match word {
        "created" | "sent" => ReceiptStatus::Accepted,
        "delivered" => ReceiptStatus::Delivered,
        "failed" => ReceiptStatus::Undelivered,
        _ => ReceiptStatus::Unknown,
    };
    let code = matches!(status, ReceiptStatus::Unknown | ReceiptStatus::Undelivered).then(|| wire::short(word));
    Receipt { status, code, ..receipt }
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

    use super::{
        super::stage::{self, HOOK, posted},
        *,
    };
    use crate::domain::message::Reply;

    fn settings() -> Settings {
        let given = [("username", "u1"), ("password", "hush"), ("sender", "LumenOak, +46700000001")];
        stage::given(&SPEC, &given, &[]).unwrap()
    }

    fn outgoing() -> Outgoing {
        Outgoing { valid_for: Duration::from_secs(600), ..stage::outgoing("Your lamp & more") }
    }

    fn read(query: &str, body: &str) -> Result<Vec<GatewayEvent>, Unreadable> {
        let delivery = posted(&format!("{HOOK}{query}"), body);
        let Ok(Accepted::Keep { topic, .. }) = Elks.verify(&settings(), &delivery) else { panic!("not kept") };
        Elks.read(&settings(), &topic, &delivery)
    }

    #[test]
    fn a_text_becomes_one_request() {
        let request = stage::sent(&Elks, &settings(), &outgoing());
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
            assert_eq!(Elks.outcome(&Settings::default(), &answer), expected, "{status} {body}");
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
    fn a_cost_is_one_once_its_currency_is_known() {
        #[track_caller]
        fn check(currency: &str, cost: &str, expected: Option<(i64, &str)>) {
            let answer = stage::answered(200, &format!(r#"{{"id":"s1","status":"created","cost":{cost}}}"#));
            let SendOutcome::Accepted { cost, .. } = Elks.outcome(&settings().with("currency", currency), &answer)
            else {
                panic!("not taken")
            };
            let told = cost.as_ref().map(|cost| (cost.micros, cost.currency.code()));
            assert_eq!(told, expected);
        }
        check("SEK", "3500", Some((350_000, "SEK")));
        check("eur", r#""410""#, Some((41_000, "EUR")));
        check("EUR", "0", Some((0, "EUR")));
        check("EUR", "-410", Some((41_000, "EUR")));
        check("EUR", "41.5", None);
        check("EUR", "null", None);
        check("EUR", "9223372036854775807", None);
        check("", "3500", None);
        check("pearls", "3500", None);
        let base = [("username", "u1"), ("password", "hush"), ("sender", "Lumen")];
        assert!(stage::given(&SPEC, &base, &[("currency", "SEK")]).is_ok());
        assert!(stage::given(&SPEC, &base, &[("currency", "pearls")]).is_err());
    }

    #[test]
    fn what_is_left_on_the_account() {
        let request = Elks.ask_balance(&settings()).unwrap();
        assert_eq!((request.url.as_str(), request.private), ("https://api.46elks.com/a1/me", false));
        assert_eq!(request.method, crate::http::Method::Get);
        assert_eq!(request.headers, [("authorization".to_owned(), "Basic dTE6aHVzaA==".to_owned())]);

        #[track_caller]
        fn check(status: u16, body: &str, expected: Option<(i64, &str)>) {
            let told = Elks.balance(&settings(), &stage::answered(status, body));
            assert_eq!(told.as_ref().map(|told| (told.micros, told.currency.code())), expected, "{status} {body}");
        }
        check(200, r#"{"id":"u1","currency":"SEK","balance":9670500}"#, Some((967_050_000, "SEK")));
        check(200, r#"{"id":"u1","currency":"EUR","balance":"-4100"}"#, Some((-410_000, "EUR")));
        check(200, r#"{"id":"u1","balance":9670500}"#, None);
        check(200, r#"{"id":"u1","currency":"SEK","balance":null}"#, None);
        check(200, r#"{"id":"u1","currency":"SEK","balance":9223372036854775807}"#, None);
        check(403, r#"{"id":"u1","currency":"SEK","balance":9670500}"#, None);
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
