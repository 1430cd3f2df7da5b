//! MessageBird: requests as the API takes them, answers and callbacks as it gives them.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use proptest::prelude::*;

use super::{
    super::stage::{self, CALLBACK, HOOK, NOW},
    *,
};
use crate::domain::{message::Reply, money::Currency, time::Time};

const ID: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";

fn given(extra: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    let base = [("access_key", "live_key"), ("sender", "+12125550100")];
    stage::given(&SPEC, &base, extra)
}

fn signing() -> Settings {
    given(&[("signing_key", "first, second")]).unwrap()
}

fn outgoing() -> Outgoing {
    stage::outgoing("Your cart & you: https://go.example.com/r/abc")
}

fn sent(settings: &Settings, sms: &Outgoing) -> (Request, Value) {
    let request = stage::sent(&MessageBird, settings, sms);
    let body = serde_json::from_slice(&request.body).unwrap();
    (request, body)
}

#[test]
fn a_text_becomes_one_request() {
    let (request, body) = sent(&given(&[]).unwrap(), &outgoing());
    assert_eq!(request.url, "https://rest.messagebird.com/messages");
    assert_eq!(request.method, crate::http::Method::Post);
    assert!(request.headers.contains(&("authorization".into(), "AccessKey live_key".into())));
    assert!(request.headers.contains(&("content-type".into(), "application/json".into())));
    assert!(!request.private);
    let expected = json!({
        "originator": "12125550100",
        "recipients": ["12125550101"],
        "body": "Your cart & you: https://go.example.com/r/abc",
        "datacoding": "plain",
        "reference": "7.msg_0000000000009",
        "reportUrl": CALLBACK,
        "validity": 1800,
    });
    assert_eq!(body, expected);
}

#[test]
fn names_unicode_and_stand_ins() {
    let settings = given(&[("sender", "Corner Shop"), ("api_base", "http://127.0.0.1:9/x/")]).unwrap();
    let sms = Outgoing {
        valid_for: Duration::from_secs(999_999),
        encoding: Encoding::Ucs2,
        callback_url: None,
        ..outgoing()
    };
    let (request, body) = sent(&settings, &sms);
    assert_eq!(request.url, "http://127.0.0.1:9/x/messages");
    assert!(request.private);
    assert_eq!(body["originator"], "Corner Shop");
    assert_eq!(body["datacoding"], "unicode");
    assert_eq!(body["validity"], 172_800);
    assert!(body.get("reportUrl").is_none());
    let short = Outgoing { valid_for: Duration::ZERO, ..outgoing() };
    assert_eq!(sent(&settings, &short).1["validity"], 1);
}

#[test]
fn senders() {
    for good in ["+12125550100", "12125550100", "38383", "CornerShop", "Shop & Co", "+12125550100, Shop"] {
        assert!(given(&[("sender", good)]).is_ok(), "{good}");
    }
    for bad in ["+1", "A name too long", "Café", "++12125550100", "12", "1234567890123456", "a,,b"] {
        assert!(given(&[("sender", bad)]).is_err(), "{bad}");
    }
    let named = |sender| MessageBird.sender_name(&given(&[("sender", sender)]).unwrap());
    assert_eq!(named("+12125550100, Shop"), Some("Shop".into()));
    assert_eq!(named("+12125550100, 38383"), None);
}

fn answered(status: u16, body: &str) -> Response {
    Response { status, headers: vec![("retry-after".into(), "7".into())], body: body.into() }
}

#[test]
fn outcomes() {
    use RefusalClass::*;
    #[track_caller]
    fn check(status: u16, body: &str, expected: SendOutcome) {
        assert_eq!(MessageBird.outcome(&Settings::default(), &answered(status, body)), expected, "{status} {body}");
    }
    let accepted = |segments, micros: Option<i64>| SendOutcome::Accepted {
        reference: Some(ID.into()),
        segments,
        cost: micros.map(|micros| Cost { micros, currency: Currency::parse("EUR").unwrap() }),
    };
    let refused = |class, code: &str| SendOutcome::Refused { class, code: code.into() };
    let unknown = |why: &str| SendOutcome::Unknown { why: why.into() };
    let made =
        |item: &str| format!(r#"{{"id":"{ID}","recipients":{{"totalCount":1,"items":[{{{item}}}]}},"new":[1]}}"#);
    check(201, &made(r#""recipient":12125550101,"status":"sent","messagePartCount":2"#), accepted(Some(2), None));
    check(
        201,
        &made(r#""status":"sent","messagePartCount":"1","price":{"amount":0.075,"currency":"EUR"}"#),
        accepted(Some(1), Some(75_000)),
    );
    check(201, &made(r#""status":"buffered","price":{"amount":null,"currency":null}"#), accepted(None, None));
    check(200, &format!(r#"{{"id":"{ID}"}}"#), accepted(None, None));
    check(201, &made(r#""status":"delivery_failed","statusErrorCode":103"#), refused(OptedOut, "103"));
    check(201, &made(r#""status":"delivery_failed""#), refused(Other, "failed"));
    check(201, "{}", unknown("an answer that names no message"));
    check(200, r#"{"errors":[{"code":25}]}"#, unknown("an answer that names no message"));
    check(200, "<html>", unknown("an answer that names no message"));

    let error = |code: &str, parameter: &str| {
        format!(r#"{{"errors":[{{"code":{code},"description":"+12125550101 is no","parameter":{parameter}}}]}}"#)
    };
    check(401, &error("2", "\"access_key\""), refused(Account, "2"));
    check(422, &error("9", "\"recipients\""), refused(Other, "9 recipients"));
    check(422, &error("\"10\"", "\"originator\""), refused(Account, "10 originator"));
    check(422, &error("21", "\"12125550101\""), refused(Other, "21"));
    check(402, &error("25", "null"), refused(Account, "25"));
    check(422, &error("25", "null"), refused(Account, "25"));
    check(404, &error("20", "null"), refused(Account, "20"));
    check(422, &error("777", "null"), refused(Other, "777"));
    check(422, r#"{"errors":[{"code":777},{"code":25}]}"#, refused(Account, "25"));
    check(422, &error("99", "null"), unknown("99"));
    check(422, &error("-1", "null"), refused(Other, "HTTP 422"));
    check(403, "", refused(Account, "HTTP 403"));
    check(405, "[]", refused(Other, "HTTP 405"));
    let later = SendOutcome::Later { why: "too many requests".into(), after: Some(Duration::from_secs(7)) };
    check(429, &error("25", "null"), later);
    check(408, "", unknown("HTTP 408"));
    check(500, &error("99", "null"), unknown("HTTP 500"));
    check(503, "", unknown("HTTP 503"));
    check(302, "", unknown("HTTP 302"));
}

fn hashed(bytes: &[u8]) -> String {
    use ring::digest::{SHA256, digest};
    HEXLOWER.encode(digest(&SHA256, bytes).as_ref())
}

/// A token as MessageBird makes it, by another library than the one that checks it.
fn token(key: &str, algorithm: &str, claims: &Value) -> String {
    use ring::hmac::{HMAC_SHA256, HMAC_SHA384, HMAC_SHA512, Key, sign};
    let by = match algorithm {
        "HS384" => HMAC_SHA384,
        "HS512" => HMAC_SHA512,
        _ => HMAC_SHA256,
    };
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let signed = format!("{}.{}", part(&json!({"typ": "JWT", "alg": algorithm})), part(claims));
    let signature = sign(&Key::new(by, key.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
}

fn claims_of(url: &str, body: &str) -> Value {
    let mut claims = json!({
        "iss": "MessageBird", "nbf": NOW - 1, "exp": NOW + 60, "jti": "1f2e", "url_hash": hashed(url.as_bytes()),
    });
    if !body.is_empty() {
        claims["payload_hash"] = hashed(body.as_bytes()).into();
    }
    claims
}

fn with_token(url: &str, body: &str, token: String) -> Delivery {
    Delivery {
        method: if body.is_empty() { "GET" } else { "POST" }.into(),
        url: url.into(),
        headers: vec![(SIGNATURE.into(), token)],
        body: body.into(),
        received_at: Time::from_seconds(NOW),
    }
}

fn called(url: &str, body: &str) -> Delivery {
    with_token(url, body, token("second", "HS256", &claims_of(url, body)))
}

fn read(delivery: &Delivery) -> (String, Result<Vec<GatewayEvent>, Unreadable>) {
    match MessageBird.verify(&signing(), delivery).unwrap() {
        Accepted::Keep { topic, key } => (key, MessageBird.read(&signing(), &topic, delivery)),
        Accepted::Ping | Accepted::Greeting(_) => panic!("MessageBird greets nobody"),
    }
}

fn only_receipt(events: Result<Vec<GatewayEvent>, Unreadable>) -> Receipt {
    match events.unwrap().as_slice() {
        [GatewayEvent::Receipt(receipt)] => receipt.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn receipts() {
    #[track_caller]
    fn check(status: &str, code: &str, expected: (ReceiptStatus, Option<&str>, Option<RefusalClass>)) {
        let url = format!(
            "{CALLBACK}&id={ID}&reference=7.msg_0000000000009&recipient=12125550101&status={status}\
             &statusDatetime=2026-09-24T14%3A13%3A20%2B00%3A00&statusErrorCode={code}"
        );
        let (key, events) = read(&called(&url, ""));
        assert_eq!(key, format!("{ID}:{status}"));
        let receipt = only_receipt(events);
        assert_eq!((receipt.status, receipt.code.as_deref(), receipt.class), expected, "{status} {code}");
        assert_eq!(receipt.reference, "7.msg_0000000000009".parse().ok());
        assert_eq!(receipt.gateway_ref.as_deref(), Some(ID));
        assert_eq!((receipt.cost, receipt.segments), (None, None));
    }
    use ReceiptStatus::*;
    check("scheduled", "", (Accepted, None, None));
    check("sent", "", (Accepted, None, None));
    check("buffered", "0", (Accepted, None, None));
    check("delivered", "0", (Delivered, None, None));
    check("delivery_failed", "103", (Undelivered, Some("103"), Some(RefusalClass::OptedOut)));
    check("delivery_failed", "1", (Undelivered, Some("1"), Some(RefusalClass::Number)));
    check("delivery_failed", "27", (Undelivered, Some("27"), Some(RefusalClass::Other)));
    check("delivery_failed", "", (Undelivered, None, None));
    check("expired", "", (Expired, None, None));
    check("beamed", "103", (Unknown, Some("beamed"), None));
}

#[test]
fn prices_and_parts() {
    let told = |rest: &str| only_receipt(read(&called(&format!("{CALLBACK}&id={ID}&status=delivered{rest}"), "")).1);
    let receipt = told("&price[amount]=0.0875&price[currency]=EUR&messagePartCount=3");
    assert_eq!(receipt.cost, Some(Cost { micros: 87_500, currency: Currency::parse("EUR").unwrap() }));
    assert_eq!(receipt.segments, Some(3));
    let receipt = told("&price%5Bamount%5D=-1&price%5Bcurrency%5D=usd&messagePartCount=0");
    assert_eq!(receipt.cost.map(|cost| cost.micros), Some(1_000_000));
    assert_eq!(receipt.segments, None);
    assert_eq!(told("&price[amount]=0.08").cost, None);
    assert_eq!(told("&price[amount]=&price[currency]=EUR").cost, None);
}

#[test]
fn a_receipt_is_found_by_any_of_its_names() {
    let by = |query: &str| read(&called(&format!("{HOOK}?status=sent{query}"), "")).1;
    let ours = "7.msg_0000000000009".parse().ok();
    assert_eq!(only_receipt(by("&reference=7.msg_0000000000009")).reference, ours);
    assert_eq!(only_receipt(by("&ref=7.msg_0000000000009&reference=hers")).reference, ours);
    assert_eq!(only_receipt(by(&format!("&id={ID}"))).reference, None);
    assert!(by("&reference=hers").is_err());
}

#[test]
fn replies() {
    let reply = |text: &str| {
        Ok(vec![GatewayEvent::Reply(Reply {
            from: "+12125550101".into(),
            to: "+12125550100".into(),
            text: text.into(),
            gateway_ref: ID.into(),
            answered: false,
        })])
    };
    let json = format!(
        r#"{{"id":"{ID}","recipient":"12125550100","originator":12125550101,"body":" Stop. ","status":"received"}}"#
    );
    let (key, events) = read(&called(HOOK, &json));
    assert_eq!((key, events), (format!("{ID}:reply"), reply(" Stop. ")));
    let form = format!("id={ID}&recipient=12125550100&originator=%2B12125550101&payload=Oui+%26+non");
    assert_eq!(read(&called(HOOK, &form)).1, reply("Oui & non"));
    let query = format!("{HOOK}?id={ID}&recipient=12125550100&originator=12125550101&body=");
    assert_eq!(read(&called(&query, "")).1, reply(""));

    let nameless = called(HOOK, r#"{"originator":"12125550101","body":"yes"}"#);
    let (key, events) = read(&nameless);
    assert_eq!(key, wire::fingerprint(&nameless));
    assert!(matches!(&events.unwrap()[..], [GatewayEvent::Reply(reply)] if reply.gateway_ref == key));
    assert_eq!(read(&called(HOOK, r#"{"hello":"there"}"#)).1, Ok(Vec::new()));
}

fn verified(delivery: &Delivery) -> Result<Accepted, Refusal> {
    MessageBird.verify(&signing(), delivery)
}

#[test]
fn signatures() {
    let body = r#"{"originator":"12125550101","body":"yes"}"#;
    let good = called(HOOK, body);
    assert!(verified(&good).is_ok());
    for algorithm in ["HS256", "HS384", "HS512"] {
        for key in ["first", "second"] {
            assert!(verified(&with_token(HOOK, body, token(key, algorithm, &claims_of(HOOK, body)))).is_ok());
        }
    }
    let wrong = |delivery: &Delivery| assert_eq!(verified(delivery), Err(Refusal::WrongSignature), "{delivery:?}");
    wrong(&Delivery { body: body.replace("yes", "yez").into(), ..good.clone() });
    wrong(&Delivery { body: Vec::new(), ..good.clone() });
    wrong(&Delivery { url: format!("{HOOK}?"), ..good.clone() });
    wrong(&Delivery { body: b"x".into(), ..called(CALLBACK, "") });
    let receipt = called(&format!("{CALLBACK}&id={ID}&status=sent"), "");
    wrong(&Delivery { url: receipt.url.replace("=sent", "=delivered"), ..receipt });
    wrong(&with_token(HOOK, body, token("third", "HS256", &claims_of(HOOK, body))));
    wrong(&with_token(HOOK, body, token("first", "none", &claims_of(HOOK, body))));
    let sent = &good.headers[0].1;
    let none = BASE64URL_NOPAD.encode(br#"{"alg":"none"}"#);
    let claims = sent.split('.').nth(1).unwrap();
    for broken in [
        "".to_owned(),
        sent[..sent.len() - 1].to_owned(),
        sent[..sent.rfind('.').unwrap() + 1].to_owned(),
        sent[..sent.rfind('.').unwrap()].to_owned(),
        format!("{sent}."),
        format!("{sent}A"),
        format!("{none}.{claims}."),
    ] {
        wrong(&with_token(HOOK, body, broken));
    }

    let mut unsigned = good.clone();
    unsigned.headers.push(unsigned.headers[0].clone());
    assert_eq!(verified(&unsigned), Err(Refusal::Unsigned), "a doubled header");
    unsigned.headers.clear();
    assert_eq!(verified(&unsigned), Err(Refusal::Unsigned));
    assert!(MessageBird.verify(&given(&[]).unwrap(), &unsigned).is_ok(), "without a key the path is the proof");
    assert!(MessageBird.verify(&given(&[("signing_key", " , ")]).unwrap(), &unsigned).is_ok());
}

/// A token made once elsewhere: `python3 -c` with hmac, hashlib and base64 alone.
#[test]
fn a_fixed_token() {
    let settings = given(&[("signing_key", "a signing key")]).unwrap();
    let delivery = with_token("https://shop.example.com/hook/a?id=1&status=sent", "", FIXED.into());
    assert!(MessageBird.verify(&settings, &delivery).is_ok());
}

const FIXED: &str = concat!(
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiAiTWVzc2FnZUJpcmQiLCAibmJmIjogMTc5MDI1OTI5O",
    "SwgImV4cCI6IDE3OTAyNTkzNjAsICJqdGkiOiAiNzdhYSIsICJ1cmxfaGFzaCI6ICI4OWNjNmRkZGM4MjhiYjg1YmQ",
    "zMzU4NTYxNWYyYWM5M2Y3NDZjMDc4YWNjODk4YTJiZmQxYTg5MDU2OTMxYjlkIn0.21fwFwGPiYKS7rDvU-8f84jT4",
    "JmXiiGMjPCG0UAD44c",
);

#[test]
fn claims_that_do_not_hold() {
    let with = |name: &str, value: Value| {
        let mut claims = claims_of(CALLBACK, "");
        claims[name] = value;
        verified(&with_token(CALLBACK, "", token("first", "HS256", &claims)))
    };
    assert!(with("exp", (NOW - 299).into()).is_ok());
    assert_eq!(with("exp", (NOW - 301).into()), Err(Refusal::WrongTime(301)));
    assert!(with("nbf", (NOW + 299).into()).is_ok());
    assert_eq!(with("nbf", (NOW + 301).into()), Err(Refusal::WrongTime(301)));
    for (name, value) in [
        ("iss", json!("SomeBird")),
        ("jti", Value::Null),
        ("exp", Value::Null),
        ("nbf", json!("soon")),
        ("url_hash", Value::Null),
        ("url_hash", json!("")),
        ("payload_hash", json!(hashed(b"x"))),
        ("payload_hash", Value::Null),
    ] {
        assert_eq!(with(name, value), Err(Refusal::WrongSignature), "{name}");
    }
    assert!(with("payload_hash", hashed(b"").into()).is_ok());
    assert!(with("url_hash", hashed(CALLBACK.as_bytes()).to_uppercase().into()).is_ok());
}

#[test]
fn the_look_up_asks_for_everything_to_that_number() {
    let request = MessageBird.look_up(&given(&[]).unwrap(), &outgoing()).unwrap();
    assert_eq!(request.url, "https://rest.messagebird.com/messages?direction=mt&recipient=12125550101");
    assert!(request.headers.contains(&("authorization".into(), "AccessKey live_key".into())));
}

#[test]
fn what_the_look_up_finds() {
    let entry = |reference: &str, to: &str, rest: &str| {
        let items = format!(r#"{{"recipient":{to},{rest}}}"#);
        format!(r#"{{"id":"{ID}","reference":{reference},"recipients":{{"items":[{items}]}}}}"#)
    };
    let look = |items: &[String], total: usize| {
        let list = items.join(",");
        let body =
            format!(r#"{{"offset":0,"limit":20,"count":{},"totalCount":{total},"items":[{list}]}}"#, items.len());
        MessageBird.looked_up(&outgoing(), &outgoing().reference, &answered(200, &body))
    };
    let other = || entry("null", "12125550101", r#""status":"sent""#);
    let done = r#""status":"delivered","messagePartCount":2,"price":{"amount":"0.08","currency":"EUR"}"#;
    let LookUp::Found(found) = look(&[other(), entry("\"7.msg_0000000000009\"", "12125550101", done)], 90) else {
        panic!("not found")
    };
    let GatewayEvent::Receipt(found) = *found else { panic!("no receipt") };
    assert_eq!((found.status, found.segments), (ReceiptStatus::Delivered, Some(2)));
    assert_eq!((found.reference, found.gateway_ref.as_deref()), (Some(outgoing().reference), Some(ID)));
    assert_eq!(found.cost.map(|cost| cost.micros), Some(80_000));
    let failed = entry("\"7.msg_0000000000009\"", "12125550101", r#""status":"delivery_failed","statusErrorCode":103"#);
    assert!(matches!(look(&[failed], 1), LookUp::Found(event) if matches!(&*event, GatewayEvent::Receipt(receipt)
            if receipt.class == Some(RefusalClass::OptedOut) && receipt.status == ReceiptStatus::Undelivered)));

    assert_eq!(look(&[other(), other()], 2), LookUp::Absent);
    assert_eq!(look(&[other()], 2), LookUp::Unclear, "more to see");
    assert_eq!(look(&[], 0), LookUp::Unclear, "was the number understood?");
    assert_eq!(look(&[entry("null", "12125550199", "\"status\":\"sent\"")], 1), LookUp::Unclear, "nothing to it");
    assert_eq!(look(&[other(), "{}".into()], 2), LookUp::Unclear, "an entry of another shape");
    for (status, body) in [(500, "{}"), (404, r#"{"items":[]}"#), (200, "{}"), (200, "<html>"), (200, "[]")] {
        let answer = answered(status, body);
        assert_eq!(MessageBird.looked_up(&outgoing(), &outgoing().reference, &answer), LookUp::Unclear, "{body}");
    }
}

proptest! {
    #[test]
    fn bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..300), token in "[A-Za-z0-9_.-]{0,80}", json in "[\\[\\]{}\",:0-9a-z]*") {
        let settings = signing();
        let delivery = Delivery { body: body.clone(), ..with_token(CALLBACK, "", token) };
        for topic in ["receipt", "reply", "other"] {
            let _ = MessageBird.read(&settings, topic, &delivery);
        }
        prop_assert!(MessageBird.verify(&settings, &delivery).is_err());
        let answer = answered(201, &format!("{{\"id\":\"a\",\"recipients\":{json}}}"));
        let _ = MessageBird.outcome(&Settings::default(), &answer);
        let _ = MessageBird.looked_up(&outgoing(), &outgoing().reference, &Response { body, ..answer });
    }
}

#[test]
fn what_is_left_on_the_account() {
    let request = MessageBird.ask_balance(&given(&[]).unwrap()).unwrap();
    assert_eq!((request.url.as_str(), request.private), ("https://rest.messagebird.com/balance", false));
    assert_eq!((request.method, request.body), (Method::Get, vec![]));
    assert_eq!(request.headers, [("authorization".to_owned(), "AccessKey live_key".to_owned())]);

    #[track_caller]
    fn check(status: u16, body: &str, expected: Option<(i64, &str)>) {
        let told = MessageBird.balance(&Settings::default(), &stage::answered(status, body));
        assert_eq!(told.as_ref().map(|told| (told.micros, told.currency.code())), expected, "{status} {body}");
    }
    check(200, r#"{"payment":"prepaid","type":"euros","amount":9.2}"#, Some((9_200_000, "EUR")));
    check(200, r#"{"payment":"postpaid","type":"gbp","amount":"-0.75"}"#, Some((-750_000, "GBP")));
    check(200, r#"{"payment":"prepaid","type":"credits","amount":9.2}"#, None);
    check(200, r#"{"payment":"prepaid","type":"euros","amount":null}"#, None);
    check(200, r#"{"payment":"prepaid","amount":9.2}"#, None);
    check(401, r#"{"payment":"prepaid","type":"euros","amount":9.2}"#, None);
}

#[test]
fn a_text_is_forgotten_by_being_deleted() {
    let settings = given(&[]).unwrap();
    let request = MessageBird.redact(&settings, ID).unwrap();
    assert_eq!(request.url, format!("https://rest.messagebird.com/messages/{ID}"));
    assert_eq!((request.method, request.private, request.body), (Method::Delete, false, vec![]));
    assert_eq!(request.headers, [("authorization".to_owned(), "AccessKey live_key".to_owned())]);
    for odd in ["", ".", "..", "a/../b", "a?b", "a#b", "a b", "%2e%2e", "é"] {
        assert_eq!(MessageBird.redact(&settings, odd), None, "{odd}");
    }

    #[track_caller]
    fn check(status: u16, body: &str, expected: Redacted) {
        assert_eq!(MessageBird.redacted(&stage::answered(status, body)), expected, "{status} {body}");
    }
    check(204, "", Redacted::Done);
    check(404, r#"{"errors":[{"code":20,"description":"message not found","parameter":null}]}"#, Redacted::Done);
    check(429, "", Redacted::Later);
    check(409, "", Redacted::Later);
    check(500, "", Redacted::Later);
    check(200, "", Redacted::Later);
    check(401, r#"{"errors":[{"code":2}]}"#, Redacted::Refused);
    check(405, "", Redacted::Refused);
}
