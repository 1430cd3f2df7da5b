//! Vonage SMS: requests as the API takes them, answers and callbacks as it gives them.

use std::time::Duration;

use super::{
    super::stage::{self, CALLBACK, HOOK, NOW},
    *,
};
use crate::domain::{
    message::{Cost, Reply},
    money::Currency,
    time::Time,
};

const ID: &str = "0C000000AB12CD34";

fn given(extra: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    let base = [("api_key", "a1b2c3d4"), ("api_secret", "Sesame/0pen"), ("sender", "+12125550100")];
    stage::given(&SPEC, &base, extra)
}

fn signed_for() -> Settings {
    given(&[("signature_secret", "first, second")]).unwrap()
}

fn outgoing() -> Outgoing {
    stage::outgoing("Your cart & you: https://go.example.com/r/abc")
}

fn sent(settings: &Settings, sms: &Outgoing) -> (Request, wire::Fields) {
    let request = stage::sent(&Vonage, settings, sms);
    let fields = wire::Fields::new(url::form_urlencoded::parse(&request.body).into_owned());
    (request, fields)
}

#[test]
fn a_text_becomes_one_request() {
    let (request, form) = sent(&given(&[]).unwrap(), &outgoing());
    assert_eq!(request.url, "https://rest.nexmo.com/sms/json");
    assert!(!request.private);
    for (name, value) in [
        ("api_key", "a1b2c3d4"),
        ("api_secret", "Sesame/0pen"),
        ("from", "12125550100"),
        ("to", "12125550101"),
        ("text", "Your cart & you: https://go.example.com/r/abc"),
        ("type", "text"),
        ("ttl", "1800000"),
        ("client-ref", "7.msg_0000000000009"),
        ("callback", CALLBACK),
    ] {
        assert_eq!(form.raw(name), Some(value), "{name}");
    }
}

#[test]
fn letters_bounds_and_stand_ins() {
    let settings = given(&[("api_base", "http://127.0.0.1:9/x/"), ("sender", "CornerShop")]).unwrap();
    let sms =
        Outgoing { encoding: Encoding::Ucs2, valid_for: Duration::from_secs(5), callback_url: None, ..outgoing() };
    let (request, form) = sent(&settings, &sms);
    assert_eq!((request.url.as_str(), request.private), ("http://127.0.0.1:9/x/sms/json", true));
    assert_eq!(form.raw("type"), Some("unicode"));
    assert_eq!(form.raw("from"), Some("CornerShop"));
    assert_eq!(form.raw("ttl"), Some("20000"));
    assert!(!form.has("callback"));
    assert_eq!(Vonage.sender_name(&settings).as_deref(), Some("CornerShop"));
    let (_, form) = sent(&settings, &Outgoing { valid_for: Duration::MAX, ..outgoing() });
    assert_eq!(form.raw("ttl"), Some("604800000"));
    for bad in ["+1", "A name too long", "Café", "+12125550100, é", "++12125550100"] {
        assert!(given(&[("sender", bad)]).is_err(), "{bad}");
    }
}

fn answered(status: u16, parts: &[&str]) -> Response {
    let body = format!(r#"{{"message-count":"{}","messages":[{}]}}"#, parts.len(), parts.join(","));
    Response { status, headers: vec![], body: body.into() }
}

const TAKEN: &str = r#"{"to":"12125550101","message-id":"0C000000AB12CD34","status":"0","message-price":"0.0333"}"#;
const UNPRICED: &str = r#"{"message-id":"0C000000AB12CD35","status":0}"#;
const NAMELESS: &str = r#"{"status":"0","message-price":"0.0333"}"#;
const THROTTLED: &str = r#"{"status":"1","error-text":"to +12125550101"}"#;
const NO_CREDIT: &str = r#"{"status":"9"}"#;

#[test]
fn outcomes() {
    #[track_caller]
    fn check(status: u16, parts: &[&str], expected: SendOutcome) {
        assert_eq!(Vonage.outcome(&Settings::default(), &answered(status, parts)), expected, "{status} {parts:?}");
    }
    use RefusalClass::*;
    let accepted = |segments, micros: Option<i64>| SendOutcome::Accepted {
        reference: Some(ID.into()),
        segments: Some(segments),
        cost: micros.map(|micros| Cost { micros, currency: Currency::parse("EUR").unwrap() }),
    };
    let refused = |class, code: &str| SendOutcome::Refused { class, code: code.into() };
    let later = |why: &str| SendOutcome::Later { why: why.into(), after: None };
    let unknown = |why: &str| SendOutcome::Unknown { why: why.into() };
    check(200, &[TAKEN], accepted(1, Some(33_300)));
    check(200, &[TAKEN, TAKEN], accepted(2, Some(66_600)));
    check(200, &[TAKEN, UNPRICED], accepted(2, None));
    // Some parts left: it is never sent again, and no one is told that it went.
    check(200, &[TAKEN, NO_CREDIT], unknown("1 of 2 parts taken, then status 9"));
    check(200, &[THROTTLED, TAKEN], unknown("1 of 2 parts taken, then status 1"));
    check(200, &[NAMELESS], unknown("status 0"));
    check(200, &[], unknown("an answer that names no message"));
    check(200, &[THROTTLED], later("status 1"));
    check(200, &[THROTTLED, THROTTLED], later("status 1"));
    check(200, &[THROTTLED, NO_CREDIT], refused(Account, "status 9"));
    check(200, &[r#"{"status":"5"}"#, NO_CREDIT], unknown("status 5"));
    check(200, &[r#"{"status":"77"}"#], unknown("status 77"));
    check(200, &[r#"{"status":"sorry, +12125550101"}"#], unknown("no status"));
    for (status, class) in [
        (2, Other),
        (3, Other),
        (4, Account),
        (6, Number),
        (7, Number),
        (8, Account),
        (12, Other),
        (15, Account),
        (29, Account),
        (33, Number),
    ] {
        let part = format!(r#"{{"status":"{status}"}}"#);
        check(200, &[&part], refused(class, &format!("status {status}")));
    }
    check(401, &[], refused(Account, "HTTP 401"));
    check(402, &[], refused(Account, "HTTP 402"));
    check(422, &[], refused(Other, "HTTP 422"));
    check(400, &[THROTTLED], later("status 1"));
    check(400, &[TAKEN], refused(Other, "HTTP 400"));
    check(401, &[r#"{"status":4}"#], refused(Account, "status 4"));
    check(429, &[], later("too many requests"));
    check(408, &[TAKEN], unknown("HTTP 408"));
    check(500, &[THROTTLED], unknown("HTTP 500"));
    check(302, &[TAKEN], unknown("HTTP 302"));
}

/// Fields as Vonage would send them, signed with the second of the two secrets.
fn fields_of(rest: &[(&str, &str)], at: i64) -> Vec<(String, String)> {
    use hmac::{KeyInit, Mac};
    let at = at.to_string();
    let mut pairs = rest.to_vec();
    pairs.extend([("timestamp", at.as_str()), ("nonce", "n0nce")]);
    pairs.sort_unstable();
    let text: String =
        pairs.iter().map(|(name, value)| format!("&{name}={}", value.replace(['&', '='], "_"))).collect();
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(b"second").unwrap();
    mac.update(text.as_bytes());
    pairs.push(("sig", ""));
    let mut pairs: Vec<_> = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    pairs.last_mut().unwrap().1 = data_encoding::HEXUPPER.encode(&mac.finalize().into_bytes());
    pairs
}

fn posted(url: &str, pairs: &[(String, String)]) -> Delivery {
    let object: serde_json::Map<_, _> =
        pairs.iter().map(|(name, value)| (name.clone(), serde_json::Value::from(value.clone()))).collect();
    Delivery {
        method: "POST".into(),
        url: url.into(),
        headers: vec![("content-type".into(), "application/json".into())],
        body: serde_json::Value::from(object).to_string().into(),
        received_at: Time::from_seconds(NOW),
    }
}

fn called(url: &str, rest: &[(&str, &str)]) -> Delivery {
    posted(url, &fields_of(rest, NOW))
}

const DELIVERED: &[(&str, &str)] =
    &[("msisdn", "12125550101"), ("messageId", ID), ("status", "delivered"), ("err-code", "0"), ("text-like", "a&b=c")];

fn read(delivery: &Delivery) -> (String, Result<Vec<GatewayEvent>, Unreadable>) {
    let Accepted::Keep { topic, key } = Vonage.verify(&signed_for(), delivery).unwrap() else { panic!("a ping") };
    (key, Vonage.read(&signed_for(), &topic, delivery))
}

#[test]
fn receipts() {
    use ReceiptStatus::*;
    #[track_caller]
    fn check(status: &str, code: &str, expected: (ReceiptStatus, Option<&str>, Option<RefusalClass>)) {
        let (key, events) = read(&called(CALLBACK, &[("messageId", ID), ("status", status), ("err-code", code)]));
        assert_eq!(key, format!("{ID}:{status}"));
        let events = events.unwrap();
        let [GatewayEvent::Receipt(receipt)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!((receipt.status, receipt.code.as_deref(), receipt.class), expected, "{status} {code}");
        assert_eq!(receipt.reference, "7.msg_0000000000009".parse().ok());
        assert_eq!(receipt.gateway_ref.as_deref(), Some(ID));
    }
    check("accepted", "0", (Accepted, None, None));
    check("buffered", "0", (Accepted, None, None));
    check("delivered", "0", (Delivered, None, None));
    check("delivered", "9", (Delivered, Some("9"), None));
    check("expired", "2", (Expired, Some("2"), None));
    check("failed", "9", (Undelivered, Some("9"), Some(RefusalClass::OptedOut)));
    check("rejected", "9", (Rejected, Some("9"), Some(RefusalClass::OptedOut)));
    check("failed", "3", (Undelivered, Some("3"), Some(RefusalClass::Number)));
    check("rejected", "51", (Rejected, Some("51"), Some(RefusalClass::Content)));
    check("failed", "12", (Undelivered, Some("12"), None));
    check("unknown", "1", (Unknown, Some("unknown"), None));
    check("beamed", "9", (Unknown, Some("beamed"), None));
}

#[test]
fn the_signed_reference_is_believed_first() {
    let reference = |url: &str, rest: &[(&str, &str)]| match read(&called(url, rest)).1.map(|mut events| events.pop()) {
        Ok(Some(GatewayEvent::Receipt(receipt))) => Ok(receipt.reference),
        Err(unreadable) => Err(unreadable),
        other => panic!("{other:?}"),
    };
    let ours = "8.msg_000000000000a";
    let both = [("status", "delivered"), ("client-ref", ours)];
    assert_eq!(reference(CALLBACK, &both), Ok(ours.parse().ok()));
    assert_eq!(reference(CALLBACK, &[("status", "delivered")]), Ok("7.msg_0000000000009".parse().ok()));
    assert_eq!(reference(HOOK, &[("status", "delivered"), ("messageId", ID)]), Ok(None));
    assert!(reference(HOOK, &[("status", "delivered")]).is_err());
}

#[test]
fn replies() {
    let inbound =
        [("msisdn", "12125550101"), ("to", "12125550100"), ("messageId", ID), ("text", " Stop. "), ("type", "text")];
    let (key, events) = read(&called(HOOK, &inbound));
    assert_eq!(key, format!("{ID}:reply"));
    let reply = Reply {
        from: "+12125550101".into(),
        to: "+12125550100".into(),
        text: " Stop. ".into(),
        gateway_ref: ID.into(),
        answered: false,
    };
    assert_eq!(events, Ok(vec![GatewayEvent::Reply(reply.clone())]));
    assert_eq!(read(&called(HOOK, &[("hello", "there")])).1, Ok(Vec::new()));

    let part = |number: &str, total: &str| {
        let place = [("concat", "true"), ("concat-ref", "17"), ("concat-part", number), ("concat-total", total)];
        read(&called(HOOK, &[&inbound[..], &place].concat()))
    };
    let (key, events) = part("2", "3");
    assert_eq!(key, format!("{ID}:reply2"));
    let second = Part { reply: reply.clone(), name: "17".into(), number: 2, total: 3 };
    assert_eq!(events, Ok(vec![GatewayEvent::Part(second)]));
    for (number, total) in [("1", "1"), ("0", "2"), ("3", "2"), ("1", "256"), ("", "2"), ("x", "2"), ("-1", "2")] {
        assert_eq!(part(number, total).1, Ok(vec![GatewayEvent::Reply(reply.clone())]), "{number} of {total}");
    }
}

#[test]
fn a_get_is_signed_with_our_reference_or_without() {
    let get = |pairs: Vec<(String, String)>, extra: &str| {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        Delivery { method: "GET".into(), url: format!("{HOOK}?{query}{extra}"), body: vec![], ..called(HOOK, &[]) }
    };
    let with = [DELIVERED, &[("ref", "7.msg_0000000000009")]].concat();
    assert!(read(&get(fields_of(&with, NOW), "")).1.is_ok());
    assert!(read(&get(fields_of(DELIVERED, NOW), "&ref=7.msg_0000000000009")).1.is_ok());
    let more = get(fields_of(DELIVERED, NOW), "&client-ref=7.msg_0000000000009");
    assert_eq!(Vonage.verify(&signed_for(), &more), Err(Refusal::WrongSignature));
    let twice = get(fields_of(DELIVERED, NOW), "&status=failed");
    assert_eq!(Vonage.verify(&signed_for(), &twice), Err(Refusal::WrongSignature));
    let no_signature = get(vec![("status".into(), "delivered".into())], "");
    assert_eq!(Vonage.verify(&signed_for(), &no_signature), Err(Refusal::Unsigned));
}

#[test]
fn a_signature_made_elsewhere_holds() {
    // printf '&messageId=A1&nonce=n&status=delivered&timestamp=1790259300' | openssl dgst -sha512 -hmac second
    const SHA512: &str = "210aeca824ccfe3143cbfb34f52f628401fb62dc8bf8a8913154b25a2b15e71a1c435cde65ffa3125cc9d22121dcbd5cd17fac1003ccf12f61463a2dd77506e9";
    let pairs =
        [("messageId", "A1"), ("nonce", "n"), ("status", "delivered"), ("timestamp", "1790259300"), ("sig", SHA512)];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert!(Vonage.verify(&signed_for(), &posted(HOOK, &pairs)).is_ok());
}

#[test]
fn what_is_not_rightly_signed_is_refused() {
    let verify = |settings: &Settings, delivery: &Delivery| Vonage.verify(settings, delivery).err();
    let right = called(CALLBACK, DELIVERED);
    assert_eq!(verify(&signed_for(), &right), None);
    let other_key = given(&[("signature_secret", "third")]).unwrap();
    assert_eq!(verify(&other_key, &right), Some(Refusal::WrongSignature));
    let with = |change: &dyn Fn(&mut String)| {
        let mut pairs = fields_of(DELIVERED, NOW);
        change(&mut pairs.last_mut().unwrap().1);
        verify(&signed_for(), &posted(CALLBACK, &pairs))
    };
    assert_eq!(with(&|sig| sig.make_ascii_lowercase()), None);
    assert_eq!(with(&|sig| sig.truncate(40)), Some(Refusal::WrongSignature));
    assert_eq!(with(&|sig| sig.truncate(63)), Some(Refusal::WrongSignature));
    assert_eq!(with(&|sig| sig.clear()), Some(Refusal::WrongSignature));
    assert_eq!(with(&|sig| *sig = "0".repeat(64)), Some(Refusal::WrongSignature));
    let mut changed = right.clone();
    changed.body = String::from_utf8(changed.body).unwrap().replace("delivered", "deliverec").into();
    assert_eq!(verify(&signed_for(), &changed), Some(Refusal::WrongSignature));
    for (at, expected) in [(NOW - 300, None), (NOW + 300, None), (NOW - 301, Some(301)), (NOW + 301, Some(-301))] {
        let delivery = posted(CALLBACK, &fields_of(DELIVERED, at));
        assert_eq!(verify(&signed_for(), &delivery), expected.map(Refusal::WrongTime));
    }
    let untouched = Delivery { body: b"[]".to_vec(), ..right };
    assert_eq!(verify(&signed_for(), &untouched), Some(Refusal::Unsigned));
}

#[test]
fn without_a_secret_the_path_is_the_proof() {
    let settings = given(&[]).unwrap();
    let mut delivery = called(CALLBACK, &[]);
    delivery.headers = vec![("content-type".into(), "application/x-www-form-urlencoded".into())];
    delivery.body = format!("messageId={ID}&status=failed&err-code=9").into();
    let Ok(Accepted::Keep { topic, .. }) = Vonage.verify(&settings, &delivery) else { panic!("refused") };
    assert_eq!(topic, "receipt");
    assert!(Vonage.read(&settings, &topic, &delivery).is_ok());
}

#[test]
fn the_account_is_asked_under_the_names_of_this_api() {
    let settings = given(&[]).unwrap();
    let balance = Vonage.ask_balance(&settings).unwrap();
    assert_eq!((balance.url.as_str(), balance.private), ("https://rest.nexmo.com/account/get-balance", false));
    let redaction = Vonage.redact(&settings, ID).unwrap();
    assert_eq!((redaction.url.as_str(), redaction.private), ("https://api.nexmo.com/v1/redact/transaction", false));
    let body: serde_json::Value = serde_json::from_slice(&redaction.body).unwrap();
    assert_eq!(body, serde_json::json!({ "id": ID, "product": "sms", "type": "outbound" }));
}
