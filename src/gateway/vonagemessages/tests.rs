//! Vonage Messages: requests as the API takes them, answers and callbacks as it gives them.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;

use super::{
    super::stage::{self, CALLBACK, HOOK, NOW},
    *,
};
use crate::domain::{message::Reply, time::Time};

const ID: &str = "5f0c1d2e-0000-4000-8000-00000000a001";

fn given(extra: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    let base = [
        ("api_key", "a1b2c3d4"),
        ("api_secret", "Sesame/0pen"),
        ("signature_secret", "first, second"),
        ("sender", "+12125550100"),
    ];
    stage::given(&SPEC, &base, extra)
}

fn settings() -> Settings {
    given(&[]).unwrap()
}

fn outgoing() -> Outgoing {
    stage::outgoing("Your cart & \"you\": https://go.example.com/r/abc")
}

fn sent(settings: &Settings, sms: &Outgoing) -> (Request, Value) {
    let request = stage::sent(&VonageMessages, settings, sms);
    let body = serde_json::from_slice(&request.body).unwrap();
    (request, body)
}

#[test]
fn a_text_becomes_one_request() {
    let (request, body) = sent(&settings(), &outgoing());
    assert_eq!((request.url.as_str(), request.private), ("https://api.nexmo.com/v1/messages", false));
    // printf 'a1b2c3d4:Sesame/0pen' | base64
    let basic = ("authorization".to_owned(), "Basic YTFiMmMzZDQ6U2VzYW1lLzBwZW4=".to_owned());
    assert!(request.headers.contains(&basic));
    let expected = json!({
        "message_type": "text",
        "channel": "sms",
        "to": "12125550101",
        "from": "12125550100",
        "text": "Your cart & \"you\": https://go.example.com/r/abc",
        "ttl": 1800,
        "client_ref": "7.msg_0000000000009",
        "sms": { "encoding_type": "text" },
        "webhook_url": CALLBACK,
        "webhook_version": "v1",
    });
    assert_eq!(body, expected);
}

#[test]
fn letters_bounds_and_stand_ins() {
    let settings = given(&[("api_base", "http://127.0.0.1:9/x/"), ("sender", "CornerShop")]).unwrap();
    let sms =
        Outgoing { encoding: Encoding::Ucs2, valid_for: Duration::from_secs(5), callback_url: None, ..outgoing() };
    let (request, body) = sent(&settings, &sms);
    assert_eq!((request.url.as_str(), request.private), ("http://127.0.0.1:9/x/v1/messages", true));
    assert_eq!(body["sms"]["encoding_type"], "unicode");
    assert_eq!((&body["from"], &body["ttl"]), (&json!("CornerShop"), &json!(20)));
    assert!(body.get("webhook_url").is_none() && body.get("webhook_version").is_none());
    assert_eq!(VonageMessages.sender_name(&settings).as_deref(), Some("CornerShop"));
    let (_, body) = sent(&settings, &Outgoing { valid_for: Duration::MAX, ..outgoing() });
    assert_eq!(body["ttl"], json!(604_800));
    for bad in ["+1", "A name too long", "Café", "+12125550100, é", "++12125550100"] {
        assert!(given(&[("sender", bad)]).is_err(), "{bad}");
    }
    assert!(given(&[("signature_secret", "")]).is_err());
}

fn problem(code: &str) -> String {
    let kind = format!("https://developer.vonage.com/api-errors/messages#{code}");
    json!({ "type": kind, "title": "words", "detail": "about +12125550101", "instance": "x" }).to_string()
}

#[test]
fn outcomes() {
    use RefusalClass::*;
    #[track_caller]
    fn check(status: u16, body: &str, expected: SendOutcome) {
        let answer = Response { status, headers: vec![], body: body.into() };
        assert_eq!(VonageMessages.outcome(&Settings::default(), &answer), expected, "{status} {body}");
    }
    let refused = |class, code: &str| SendOutcome::Refused { class, code: code.into() };
    let unknown = |why: &str| SendOutcome::Unknown { why: why.into() };
    let later = |why: &str| SendOutcome::Later { why: why.into(), after: None };
    let taken = format!(r#"{{"message_uuid":"{ID}","new":[1]}}"#);
    check(202, &taken, SendOutcome::Accepted { reference: Some(ID.into()), segments: None, cost: None });
    for nameless in ["{}", "", "<html>", r#"{"message_uuid":""}"#, r#"{"message_uuid":null}"#, "[]"] {
        check(202, nameless, unknown("an answer that names no message"));
    }
    for (code, class) in [
        ("1010", Other),
        ("1020", Other),
        ("1040", Number),
        ("1050", Number),
        ("1060", Account),
        ("1070", Account),
        ("1120", Account),
        ("1170", Number),
        ("1190", Number),
        ("1210", Content),
        ("1240", OptedOut),
        // One that passes, and one nobody has heard of.
        ("1220", Other),
        ("9999", Other),
    ] {
        check(422, &problem(code), refused(class, code));
    }
    check(422, r#"{"title":1240}"#, refused(OptedOut, "1240"));
    check(422, &problem("2125550101"), refused(Other, "HTTP 422"));
    check(401, &problem("unauthorized"), refused(Account, "HTTP 401"));
    check(402, &problem("low-balance"), refused(Account, "HTTP 402"));
    check(403, "", refused(Account, "HTTP 403"));
    check(404, "<html>", refused(Account, "HTTP 404"));
    check(400, "", refused(Other, "HTTP 400"));
    check(400, &taken, refused(Other, "HTTP 400"));
    check(422, &problem("1000"), later("1000"));
    check(429, "", later("too many requests"));
    check(422, &problem("1030"), unknown("1030"));
    check(422, &problem("1320"), unknown("1320"));
    check(408, &problem("1000"), unknown("HTTP 408"));
    check(500, &problem("1000"), unknown("HTTP 500"));
    check(302, &taken, unknown("HTTP 302"));
}

#[test]
fn every_code_is_listed_once_and_in_order() {
    assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
}

/// A token as Vonage would make it.
fn token(head: &str, claims: &Value, secret: &str) -> String {
    let part = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    let signed = format!("{}.{}", part(head), part(&claims.to_string()));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    format!("{signed}.{}", BASE64URL_NOPAD.encode(ring::hmac::sign(&key, signed.as_bytes()).as_ref()))
}

const HEAD: &str = r#"{"typ":"JWT","alg":"HS256"}"#;

fn claims_of(body: &str, at: i64) -> Value {
    let hash = ring::digest::digest(&ring::digest::SHA256, body.as_bytes());
    json!({ "iat": at, "jti": "j", "iss": "Vonage", "payload_hash": data_encoding::HEXLOWER.encode(hash.as_ref()) })
}

fn with_token(url: &str, body: &str, token: &str) -> Delivery {
    Delivery {
        method: "POST".into(),
        url: url.into(),
        headers: vec![("authorization".into(), format!("Bearer {token}"))],
        body: body.into(),
        received_at: Time::from_seconds(NOW),
    }
}

/// Signed with the second of the two secrets.
fn called(url: &str, body: &Value) -> Delivery {
    let body = body.to_string();
    with_token(url, &body, &token(HEAD, &claims_of(&body, NOW), "second"))
}

fn read(delivery: &Delivery) -> (String, Result<Vec<GatewayEvent>, Unreadable>) {
    let Accepted::Keep { topic, key } = VonageMessages.verify(&settings(), delivery).unwrap() else { panic!("a ping") };
    (key, VonageMessages.read(&settings(), &topic, delivery))
}

#[track_caller]
fn receipt_of(url: &str, body: &Value) -> Receipt {
    match read(&called(url, body)).1.unwrap().pop() {
        Some(GatewayEvent::Receipt(receipt)) => receipt,
        other => panic!("{other:?}"),
    }
}

#[test]
fn receipts() {
    use ReceiptStatus::*;
    #[track_caller]
    fn check(status: &str, code: &str, expected: (ReceiptStatus, Option<&str>, Option<RefusalClass>)) {
        let error: Value = serde_json::from_str(&problem(code)).unwrap();
        let body = json!({ "message_uuid": ID, "status": status, "channel": "sms", "error": error });
        assert_eq!(read(&called(CALLBACK, &body)).0, format!("{ID}:{status}"));
        let receipt = receipt_of(CALLBACK, &body);
        assert_eq!((receipt.status, receipt.code.as_deref(), receipt.class), expected, "{status} {code}");
        assert_eq!(receipt.reference, "7.msg_0000000000009".parse().ok());
        assert_eq!(receipt.gateway_ref.as_deref(), Some(ID));
    }
    check("submitted", "", (Accepted, None, None));
    check("delivered", "", (Delivered, None, None));
    check("delivered", "1240", (Delivered, Some("1240"), None));
    check("undeliverable", "1190", (Undelivered, Some("1190"), Some(RefusalClass::Number)));
    check("undeliverable", "1180", (Undelivered, Some("1180"), None));
    check("rejected", "1240", (Rejected, Some("1240"), Some(RefusalClass::OptedOut)));
    check("rejected", "1210", (Rejected, Some("1210"), Some(RefusalClass::Content)));
    check("rejected", "oops", (Rejected, None, None));
    check("beamed", "1240", (Unknown, Some("beamed"), None));
}

#[test]
fn prices_and_parts() {
    #[track_caller]
    fn check(usage: Value, parts: Value, micros: Option<i64>, segments: Option<u32>) {
        let body =
            json!({ "message_uuid": ID, "status": "submitted", "usage": usage, "sms": { "count_total": parts } });
        let receipt = receipt_of(CALLBACK, &body);
        assert_eq!((receipt.cost.map(|cost| cost.micros), receipt.segments), (micros, segments), "{body}");
    }
    check(json!({ "price": "0.0333", "currency": "EUR" }), json!("1"), Some(33_300), Some(1));
    check(json!({ "price": "0.0333", "currency": "EUR" }), json!("2"), Some(66_600), Some(2));
    check(json!({ "price": "-0.0333", "currency": "eur" }), json!(null), Some(33_300), None);
    check(json!({ "price": "0.0333", "currency": "bananas" }), json!(0), None, None);
    check(json!({ "price": "9223372036854.0", "currency": "EUR" }), json!("9"), None, Some(9));
    check(json!(null), json!(3), None, Some(3));
}

#[test]
fn the_signed_reference_is_believed_first() {
    let ours = "8.msg_000000000000a";
    let receipt = receipt_of(CALLBACK, &json!({ "status": "delivered", "client_ref": ours }));
    assert_eq!(receipt.reference, ours.parse().ok());
    assert_eq!(receipt_of(HOOK, &json!({ "status": "delivered", "message_uuid": ID })).reference, None);
    assert!(read(&called(HOOK, &json!({ "status": "delivered" }))).1.is_err());
}

#[test]
fn replies() {
    let inbound = json!({
        "channel": "sms",
        "message_uuid": ID,
        "from": "12125550101",
        "to": "12125550100",
        "text": " Stop. ",
        "message_type": "text",
        "sms": { "num_messages": "1", "keyword": "STOP." },
    });
    let (key, events) = read(&called(HOOK, &inbound));
    assert_eq!(key, format!("{ID}:reply"));
    let reply = Reply {
        from: "+12125550101".into(),
        to: "+12125550100".into(),
        text: " Stop. ".into(),
        gateway_ref: ID.into(),
        answered: false,
    };
    assert_eq!(events, Ok(vec![GatewayEvent::Reply(reply)]));
    let mut elsewhere = inbound;
    elsewhere["channel"] = json!("whatsapp");
    assert_eq!(read(&called(HOOK, &elsewhere)).1, Ok(Vec::new()));
    assert_eq!(read(&called(HOOK, &json!({ "hello": "there" }))).1, Ok(Vec::new()));
}

#[test]
fn what_is_not_rightly_signed_is_refused() {
    let body = json!({ "message_uuid": ID, "status": "delivered" }).to_string();
    let verify = |delivery: &Delivery| VonageMessages.verify(&settings(), delivery).err();
    let with = |token: &str| verify(&with_token(CALLBACK, &body, token));
    let right = token(HEAD, &claims_of(&body, NOW), "second");
    assert_eq!(with(&right), None);
    assert_eq!(with(&token(HEAD, &claims_of(&body, NOW), "first")), None);
    let wrong = Some(Refusal::WrongSignature);
    assert_eq!(with(&token(HEAD, &claims_of(&body, NOW), "third")), wrong);
    assert_eq!(with(&token(r#"{"alg":"none"}"#, &claims_of(&body, NOW), "second")), wrong);
    assert_eq!(with(&token(r#"{"alg":"HS512"}"#, &claims_of(&body, NOW), "second")), wrong);
    assert_eq!(with(&right[..right.len() - 4]), wrong);
    assert_eq!(with(right.rsplit_once('.').unwrap().0), wrong);
    assert_eq!(with("a.b.c"), wrong);
    assert_eq!(with(&token(HEAD, &json!({ "iat": NOW }), "second")), wrong);
    let hash = claims_of(&body, NOW)["payload_hash"].clone();
    assert_eq!(with(&token(HEAD, &json!({ "payload_hash": hash }), "second")), wrong);
    for (at, away) in [(NOW - 300, None), (NOW + 300, None), (NOW - 301, Some(301)), (NOW + 301, Some(-301))] {
        assert_eq!(with(&token(HEAD, &claims_of(&body, at), "second")), away.map(Refusal::WrongTime));
    }
    assert_eq!(verify(&with_token(CALLBACK, &body.replace("delivered", "deliverec"), &right)), wrong);

    let mut delivery = with_token(CALLBACK, &body, &right);
    delivery.headers.push(delivery.headers[0].clone());
    assert_eq!(verify(&delivery), Some(Refusal::Unsigned));
    delivery.headers = vec![("authorization".into(), format!("Basic {right}"))];
    assert_eq!(verify(&delivery), Some(Refusal::Unsigned));
    delivery.headers.clear();
    assert_eq!(verify(&delivery), Some(Refusal::Unsigned));
    let no_key = Settings::default();
    assert_eq!(VonageMessages.verify(&no_key, &with_token(CALLBACK, &body, &right)), Err(Refusal::NoKey));
}

#[test]
fn the_account_is_asked_under_the_names_of_this_api() {
    let settings = given(&[]).unwrap();
    let balance = VonageMessages.ask_balance(&settings).unwrap();
    assert_eq!((balance.url.as_str(), balance.private), ("https://rest.nexmo.com/account/get-balance", false));
    let redaction = VonageMessages.redact(&settings, ID).unwrap();
    assert_eq!((redaction.url.as_str(), redaction.private), ("https://api.nexmo.com/v1/redact/transaction", false));
    let body: serde_json::Value = serde_json::from_slice(&redaction.body).unwrap();
    assert_eq!(body, serde_json::json!({ "id": ID, "product": "messages", "type": "outbound" }));
}
