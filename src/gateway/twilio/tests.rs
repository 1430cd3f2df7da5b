//! Twilio: requests as the API takes them, answers and callbacks as it gives them.

use std::time::Duration;

use proptest::prelude::*;

use super::{
    super::stage::{self, CALLBACK, answered},
    *,
};
use crate::domain::{
    message::{Cost, ReceiptStatus, RefusalClass},
    money::Currency,
    time::Time,
};

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
const SERVICE: &str = "MG0123456789abcdef0123456789abcdef";
const KEY: &str = "SK0123456789abcdef0123456789abcdef";
const SID: &str = "SM00000000000000000000000000000001";

fn given(extra: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    let base = [("account_sid", ACCOUNT), ("auth_token", "first, second"), ("sender", "+12125550100")];
    stage::given(&SPEC, &base, extra)
}

fn outgoing() -> Outgoing {
    stage::outgoing("Your cart & you: https://go.example.com/r/abc")
}

fn sent(settings: &Settings, sms: &Outgoing) -> (Request, wire::Fields) {
    let request = stage::sent(&Twilio, settings, sms);
    let fields = wire::Fields::new(url::form_urlencoded::parse(&request.body).into_owned());
    (request, fields)
}

fn authorization(user: &str, password: &str) -> (String, String) {
    let pair = data_encoding::BASE64.encode(format!("{user}:{password}").as_bytes());
    ("authorization".into(), format!("Basic {pair}"))
}

#[test]
fn a_text_becomes_one_request() {
    let (request, form) = sent(&given(&[]).unwrap(), &outgoing());
    assert_eq!(request.url, format!("https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json"));
    assert!(request.headers.contains(&authorization(ACCOUNT, "first")));
    assert!(!request.private);
    for (name, value) in [
        ("To", "+12125550101"),
        ("From", "+12125550100"),
        ("Body", "Your cart & you: https://go.example.com/r/abc"),
        ("ValidityPeriod", "1800"),
        ("StatusCallback", CALLBACK),
    ] {
        assert_eq!(form.raw(name), Some(value), "{name}");
    }
    assert!(!form.has("MessagingServiceSid"));
}

#[test]
fn services_keys_and_stand_ins() {
    let settings = given(&[
        ("sender", SERVICE),
        ("api_key_sid", KEY),
        ("api_key_secret", "hush"),
        ("api_base", "http://127.0.0.1:9/x/"),
    ]);
    let sms = Outgoing { valid_for: Duration::from_secs(90_000), callback_url: None, ..outgoing() };
    let (request, form) = sent(&settings.unwrap(), &sms);
    assert_eq!(request.url, format!("http://127.0.0.1:9/x/2010-04-01/Accounts/{ACCOUNT}/Messages.json"));
    assert!(request.headers.contains(&authorization(KEY, "hush")));
    assert!(request.private);
    assert_eq!(form.raw("MessagingServiceSid"), Some(SERVICE));
    assert_eq!(form.raw("ValidityPeriod"), Some("36000"));
    assert!(!form.has("From") && !form.has("StatusCallback"));
}

#[test]
fn senders() {
    for good in ["+12125550100", "38383", "CornerShop", "Shop & Co", SERVICE] {
        assert!(given(&[("sender", good)]).is_ok(), "{good}");
    }
    for bad in ["12125550100", "+1", "A name too long", "MG0123456789ab", "Café", "++12125550100"] {
        assert!(given(&[("sender", bad)]).is_err(), "{bad}");
    }
    assert!(given(&[("account_sid", "AC123")]).is_err());
}

#[test]
fn outcomes() {
    use RefusalClass::*;
    #[track_caller]
    fn check(status: u16, body: &str, expected: SendOutcome) {
        assert_eq!(Twilio.outcome(&Settings::default(), &answered(status, body)), expected, "{status} {body}");
    }
    let accepted = |segments, micros: Option<i64>| SendOutcome::Accepted {
        reference: Some(SID.into()),
        segments,
        cost: micros.map(|micros| Cost { micros, currency: Currency::parse("USD").unwrap() }),
    };
    let refused = |class, code: &str| SendOutcome::Refused { class, code: code.into() };
    let unknown = |why: &str| SendOutcome::Unknown { why: why.into() };
    let later =
        |why: &str, after: Option<u64>| SendOutcome::Later { why: why.into(), after: after.map(Duration::from_secs) };
    let made = |rest: &str| format!(r#"{{"sid":"{SID}",{rest},"error_code":null,"new_field":[1]}}"#);
    check(
        201,
        &made(r#""status":"queued","num_segments":"2","price":null,"price_unit":"USD""#),
        accepted(Some(2), None),
    );
    check(201, &made(r#""status":"accepted","num_segments":"0","price":null"#), accepted(None, None));
    check(201, &made(r#""num_segments":3,"price":"-0.00750","price_unit":"USD""#), accepted(Some(3), Some(7_500)));
    check(201, &made(r#""price":-0.0158,"price_unit":"usd""#), accepted(None, Some(15_800)));
    check(201, &made(r#""price":"-0.0158","price_unit":"bananas""#), accepted(None, None));
    let failed = format!(r#"{{"sid":"{SID}","status":"failed","error_code":30034}}"#);
    check(201, &failed, refused(Account, "30034"));
    check(201, "{}", unknown("an answer that names no message"));
    check(200, "<html>", unknown("an answer that names no message"));
    let code = |code: u32| format!(r#"{{"code":{code},"message":"words with a number","more_info":"","status":400}}"#);
    check(400, &code(21610), refused(OptedOut, "21610"));
    check(400, &code(21211), refused(Number, "21211"));
    check(400, &code(21635), refused(Number, "21635"));
    check(400, &code(21606), refused(Account, "21606"));
    check(400, &code(21408), refused(Other, "21408"));
    check(400, &code(99999), refused(Other, "99999"));
    check(401, &code(20003), refused(Account, "20003"));
    check(401, "", refused(Account, "HTTP 401"));
    check(400, "", refused(Other, "HTTP 400"));
    check(400, &code(21611), later("21611", Some(3600)));
    check(429, &code(20429), later("20429", None));
    check(429, "", later("HTTP 429", None));
    check(500, &code(20500), unknown("HTTP 500"));
    check(503, &code(20429), unknown("HTTP 503"));
    check(302, "", unknown("HTTP 302"));
    check(408, "", unknown("HTTP 408"));
}

#[test]
fn how_long_to_wait() {
    #[track_caller]
    fn check(header: &str, seconds: Option<u64>) {
        let answer = Response { headers: vec![("retry-after".into(), header.into())], ..answered(429, "") };
        let after = seconds.map(Duration::from_secs);
        assert_eq!(Twilio.outcome(&Settings::default(), &answer), SendOutcome::Later { why: "HTTP 429".into(), after });
    }
    check("7", Some(7));
    check("99999999", Some(86_400));
    check("soon", None);
    check("-1", None);
}

/// Signs as Twilio would, with the second of the two tokens.
fn called(url: &str, form: &[(&str, &str)]) -> Delivery {
    use hmac::{KeyInit, Mac};
    let mut sorted = form.to_vec();
    sorted.sort_unstable();
    let written: String = sorted.iter().flat_map(|(name, value)| [*name, *value]).collect();
    let mut mac = hmac::Hmac::<sha1::Sha1>::new_from_slice(b"second").unwrap();
    mac.update(format!("{url}{written}").as_bytes());
    let signature = data_encoding::BASE64.encode(&mac.finalize().into_bytes());
    Delivery {
        method: "POST".into(),
        url: url.into(),
        headers: vec![
            ("content-type".into(), "application/x-www-form-urlencoded".into()),
            ("x-twilio-signature".into(), signature),
        ],
        body: url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish().into_bytes(),
        received_at: Time::from_seconds(1_790_259_300),
    }
}

fn read(delivery: &Delivery) -> (String, Result<Vec<GatewayEvent>, Unreadable>) {
    let settings = given(&[]).unwrap();
    match Twilio.verify(&settings, delivery).unwrap() {
        Accepted::Keep { topic, key } => (key, Twilio.read(&settings, &topic, delivery)),
        Accepted::Ping | Accepted::Greeting(_) => panic!("Twilio greets nobody"),
    }
}

#[test]
fn receipts() {
    #[track_caller]
    fn check(status: &str, code: &str, expected: (ReceiptStatus, Option<&str>, Option<RefusalClass>)) {
        let delivery = called(
            CALLBACK,
            &[("MessageSid", SID), ("MessageStatus", status), ("SmsStatus", status), ("ErrorCode", code)],
        );
        let (key, events) = read(&delivery);
        assert_eq!(key, format!("{SID}:{status}"));
        match events.unwrap().as_slice() {
            [GatewayEvent::Receipt(receipt)] => {
                assert_eq!((receipt.status, receipt.code.as_deref(), receipt.class), expected, "{status} {code}");
                assert_eq!(receipt.reference, "7.msg_0000000000009".parse().ok());
                assert_eq!(receipt.gateway_ref.as_deref(), Some(SID));
            }
            other => panic!("{other:?}"),
        }
    }
    check("sent", "", (ReceiptStatus::Accepted, None, None));
    check("delivered", "", (ReceiptStatus::Delivered, None, None));
    check("undelivered", "30006", (ReceiptStatus::Undelivered, Some("30006"), Some(RefusalClass::Number)));
    check("failed", "21610", (ReceiptStatus::Rejected, Some("21610"), Some(RefusalClass::OptedOut)));
    check("beamed", "", (ReceiptStatus::Unknown, Some("beamed"), None));
}

#[test]
fn a_receipt_is_found_by_either_name() {
    let bare = "https://shop.example.com/hook/sms/secret";
    assert!(read(&called(bare, &[("SmsSid", SID), ("SmsStatus", "sent")])).1.is_ok());
    assert!(read(&called(CALLBACK, &[("MessageStatus", "sent")])).1.is_ok());
    assert!(read(&called(bare, &[("MessageStatus", "sent")])).1.is_err());
}

#[test]
fn replies() {
    let inbound = [
        ("MessageSid", SID),
        ("SmsStatus", "received"),
        ("From", "+12125550101"),
        ("To", "+12125550100"),
        ("Body", " Stop. "),
        ("OptOutType", "STOP"),
    ];
    let (key, events) = read(&called("https://shop.example.com/hook/sms/secret", &inbound));
    assert_eq!(key, format!("{SID}:reply"));
    let reply = Reply {
        from: "+12125550101".into(),
        to: "+12125550100".into(),
        text: " Stop. ".into(),
        gateway_ref: SID.into(),
        answered: true,
    };
    assert_eq!(events, Ok(vec![GatewayEvent::Reply(reply)]));
    assert_eq!(read(&called(CALLBACK, &[("Hello", "there")])).1, Ok(Vec::new()));
}

#[test]
fn what_is_not_signed_is_refused() {
    let mut delivery = called(CALLBACK, &[("MessageSid", SID), ("MessageStatus", "delivered")]);
    delivery.body = delivery.body.iter().map(|byte| if *byte == b'1' { b'2' } else { *byte }).collect();
    assert_eq!(Twilio.verify(&given(&[]).unwrap(), &delivery), Err(Refusal::WrongSignature));
    delivery.headers.clear();
    assert_eq!(Twilio.verify(&given(&[]).unwrap(), &delivery), Err(Refusal::Unsigned));
}

#[test]
fn the_look_up_asks_for_everything_to_that_number() {
    let request = Twilio.look_up(&given(&[]).unwrap(), &outgoing()).unwrap();
    let path = format!("https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json");
    assert_eq!(request.url, format!("{path}?To=%2B12125550101&PageSize=100"));
    assert!(request.headers.contains(&authorization(ACCOUNT, "first")));
}

fn listed(at: &str, body: &str, rest: &str) -> String {
    let head = format!(r#""sid":"{SID}","direction":"outbound-api","date_created":"Thu, 24 Sep 2026 {at} +0000""#);
    format!(r#"{{{head},"body":"{body}",{rest}}}"#)
}

#[test]
fn what_the_look_up_finds() {
    const REFERENCE: &str = "Your cart & you: https://go.example.com/r/abc";
    const QUEUED: &str = r#""status":"queued","price":null,"num_segments":"1","error_code":null,"date_sent":null"#;
    let look = |messages: &[String], next: &str| {
        let body = format!(r#"{{"messages":[{}],"next_page_uri":{next}}}"#, messages.join(","));
        Twilio.looked_up(&outgoing(), &outgoing().reference, &answered(200, &body))
    };
    let found = |look_up: LookUp| match look_up {
        LookUp::Found(event) => match *event {
            GatewayEvent::Receipt(receipt) => receipt,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let queued = found(look(&[listed("14:13:21", REFERENCE, QUEUED)], "null"));
    assert_eq!(queued.status, ReceiptStatus::Accepted);
    assert_eq!(queued.reference, Some(outgoing().reference));
    assert_eq!((queued.gateway_ref.as_deref(), queued.segments, queued.cost), (Some(SID), Some(1), None));
    let done = r#""status":"delivered","price":"-0.00750","price_unit":"USD","num_segments":"1","error_code":null"#;
    let done = found(look(&[listed("14:20:00", "other words", QUEUED), listed("14:12:30", REFERENCE, done)], "null"));
    assert_eq!((done.status, done.cost.map(|cost| cost.micros)), (ReceiptStatus::Delivered, Some(7_500)));
    let failed = r#""status":"undelivered","error_code":30005"#;
    let trial = format!("Sent from your Twilio trial account - {REFERENCE}");
    assert_eq!(found(look(&[listed("14:13:20", &trial, failed)], "null")).class, Some(RefusalClass::Number));

    assert_eq!(look(&[], "null"), LookUp::Absent);
    assert_eq!(
        look(&[listed("14:12:19", REFERENCE, QUEUED)], "\"/more\""),
        LookUp::Absent,
        "an older text of these words"
    );
    assert_eq!(look(&[listed("14:13:30", "other words", QUEUED)], "null"), LookUp::Absent);
    let inbound = listed("14:13:30", REFERENCE, QUEUED).replace("outbound-api", "inbound");
    assert_eq!(look(&[inbound], "null"), LookUp::Absent);

    assert_eq!(look(&[listed("14:13:30", "other words", QUEUED)], "\"/more\""), LookUp::Unclear, "more to see");
    assert_eq!(look(&[listed("at noon", "other words", QUEUED)], "null"), LookUp::Unclear, "no date");
    for (status, body) in [(500, "{}"), (404, r#"{"messages":[]}"#), (200, "{}"), (200, "<html>"), (200, "[]")] {
        let answer = answered(status, body);
        assert_eq!(Twilio.looked_up(&outgoing(), &outgoing().reference, &answer), LookUp::Unclear, "{status} {body}");
    }
}

proptest! {
    #[test]
    fn bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..300), json in "[\\[\\]{}\",:0-9a-z]*", status in 100u16..600) {
        let settings = Settings::default();
        for topic in ["receipt", "reply", "other"] {
            for kind in ["application/json", "application/x-www-form-urlencoded"] {
                let mut delivery = called(&format!("{CALLBACK}&bodySHA256=00"), &[]);
                delivery.headers = vec![("content-type".into(), kind.into())];
                delivery.body = body.clone();
                let _ = Twilio.read(&settings, topic, &delivery);
                let _ = Twilio.verify(&settings, &delivery);
            }
        }
        let answer = Response { status, headers: vec![], body: format!("{{\"messages\":[{{\"sid\":{json}}}]}}").into() };
        let _ = Twilio.outcome(&Settings::default(), &answer);
        let _ = Twilio.looked_up(&outgoing(), &outgoing().reference, &answer);
        let _ = Twilio.looked_up(&outgoing(), &outgoing().reference, &Response { body, ..answer });
    }
}

#[test]
fn a_settled_text_is_asked_what_it_cost() {
    let request = Twilio.ask_price(&given(&[]).unwrap(), SID).unwrap();
    assert_eq!(request.url, format!("https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages/{SID}.json"));
    assert_eq!((request.method, request.private), (Method::Get, false));
    assert_eq!(request.headers, [authorization(ACCOUNT, "first")]);

    #[track_caller]
    fn check(status: u16, body: &str, expected: Option<(i64, &str, Option<u32>)>) {
        let told = Twilio.price(&given(&[]).unwrap(), &answered(status, body));
        let told = told.as_ref().map(|told| (told.cost.micros, told.cost.currency.code(), told.segments));
        assert_eq!(told, expected, "{status} {body}");
    }
    check(200, r#"{"price":"-0.00790","price_unit":"USD","num_segments":"1"}"#, Some((7_900, "USD", Some(1))));
    check(200, r#"{"price":-0.0158,"price_unit":"eur","num_segments":2}"#, Some((15_800, "EUR", Some(2))));
    check(200, r#"{"price":"0.00000","price_unit":"USD","num_segments":"0"}"#, Some((0, "USD", None)));
    check(200, r#"{"price":null,"price_unit":"USD","num_segments":"1"}"#, None);
    check(200, r#"{"price":"-0.00790","price_unit":null}"#, None);
    check(200, r#"{"price":"-0.00790","price_unit":"ZZZ"}"#, None);
    check(200, r#"{"price":"cheap","price_unit":"USD"}"#, None);
    check(404, r#"{"price":"-0.00790","price_unit":"USD"}"#, None);
}

#[test]
fn what_is_left_on_the_account() {
    let settings = given(&[("api_key_sid", KEY), ("api_key_secret", "sesame")]).unwrap();
    let request = Twilio.ask_balance(&settings).unwrap();
    assert_eq!(request.url, format!("https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Balance.json"));
    assert_eq!(request.headers, [authorization(KEY, "sesame")]);

    #[track_caller]
    fn check(status: u16, body: &str, expected: Option<(i64, &str)>) {
        let told = Twilio.balance(&given(&[]).unwrap(), &answered(status, body));
        assert_eq!(told.as_ref().map(|told| (told.micros, told.currency.code())), expected, "{status} {body}");
    }
    check(200, r#"{"currency":"USD","balance":"12.34","account_sid":"AC1"}"#, Some((12_340_000, "USD")));
    check(200, r#"{"currency":"USD","balance":"-0.505","account_sid":"AC1"}"#, Some((-505_000, "USD")));
    check(200, r#"{"currency":"USD","balance":null}"#, None);
    check(200, r#"{"balance":"12.34"}"#, None);
    check(401, r#"{"currency":"USD","balance":"12.34"}"#, None);
}

#[test]
fn a_text_is_forgotten_by_being_deleted() {
    let settings = given(&[("api_base", "http://127.0.0.1:9/x")]).unwrap();
    let request = Twilio.redact(&settings, SID).unwrap();
    assert_eq!(request.url, format!("http://127.0.0.1:9/x/2010-04-01/Accounts/{ACCOUNT}/Messages/{SID}.json"));
    assert_eq!((request.method, request.private, request.body), (Method::Delete, true, vec![]));
    assert_eq!(request.headers, [authorization(ACCOUNT, "first")]);
    for odd in ["", "..", "SM1/../../x", "SM1?x", "SM1#", "SM 1", "%2e%2e", "é"] {
        assert_eq!(Twilio.redact(&settings, odd), None, "{odd}");
        assert_eq!(Twilio.ask_price(&settings, odd), None, "{odd}");
    }

    #[track_caller]
    fn check(status: u16, body: &str, expected: Redacted) {
        assert_eq!(Twilio.redacted(&answered(status, body)), expected, "{status} {body}");
    }
    check(204, "", Redacted::Done);
    check(404, r#"{"code":20404,"status":404}"#, Redacted::Done);
    check(409, r#"{"code":20009,"status":409}"#, Redacted::Later);
    check(429, r#"{"code":20429,"status":429}"#, Redacted::Later);
    check(408, "", Redacted::Later);
    check(500, "", Redacted::Later);
    check(200, "<html>Sign in to this network</html>", Redacted::Later);
    check(302, "", Redacted::Later);
    check(401, r#"{"code":20003,"status":401}"#, Redacted::Refused);
    check(400, "", Redacted::Refused);
}
