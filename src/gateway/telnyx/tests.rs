//! Telnyx: requests as the API takes them, answers and callbacks as it gives them.

use std::time::Duration;

use ring::signature::{Ed25519KeyPair, KeyPair};

use super::{
    super::stage::{self, CALLBACK, NOW, posted},
    *,
};
use crate::domain::money::Currency;

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn public(seed: u8) -> String {
    BASE64.encode(pair(seed).public_key().as_ref())
}

fn settings(public_key: &str) -> Settings {
    let given = [("api_key", "KEY1"), ("public_key", public_key), ("sender", "+12125550100")];
    stage::given(&SPEC, &given, &[]).unwrap()
}

fn outgoing() -> Outgoing {
    Outgoing { valid_for: Duration::from_secs(600), ..stage::outgoing("Your lamp") }
}

fn signed(seed: u8, body: &str, at: i64) -> Delivery {
    let signature = pair(seed).sign(format!("{at}|{body}").as_bytes());
    Delivery {
        headers: vec![
            ("telnyx-signature-ed25519".into(), BASE64.encode(signature.as_ref())),
            ("telnyx-timestamp".into(), at.to_string()),
        ],
        ..posted(CALLBACK, body)
    }
}

fn read(body: &str) -> Result<Vec<GatewayEvent>, Unreadable> {
    let delivery = signed(1, body, NOW);
    let Ok(Accepted::Keep { topic, .. }) = Telnyx.verify(&settings(&public(1)), &delivery) else { panic!("refused") };
    Telnyx.read(&settings(&public(1)), &topic, &delivery)
}

#[test]
fn a_text_becomes_one_request() {
    let request = stage::sent(&Telnyx, &settings(&public(1)), &outgoing());
    assert_eq!((request.url.as_str(), request.private), ("https://api.telnyx.com/v2/messages", false));
    for (name, value) in [("authorization", "Bearer KEY1"), ("idempotency-key", "7-msg_0000000000009")] {
        assert!(request.headers.contains(&(name.to_owned(), value.to_owned())), "{name}");
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let expected = json!({
        "from": "+12125550100",
        "to": "+12125550101",
        "text": "Your lamp",
        "type": "SMS",
        "webhook_url": CALLBACK,
    });
    assert_eq!(body, expected);
}

#[test]
fn outcomes() {
    #[track_caller]
    fn check(status: u16, body: &str, expected: SendOutcome) {
        let answer = Response { status, headers: vec![("retry-after".into(), "7".into())], body: body.into() };
        assert_eq!(Telnyx.outcome(&Settings::default(), &answer), expected, "{status} {body}");
    }
    let error = |code: &str| json!({ "errors": [{ "code": code, "title": "+12125550101" }] }).to_string();
    let refused = |class, code: &str| SendOutcome::Refused { class, code: code.into() };
    let unknown = |why: &str| SendOutcome::Unknown { why: why.into() };
    let later = |why: &str| SendOutcome::Later { why: why.into(), after: Some(Duration::from_secs(7)) };
    let accepted = SendOutcome::Accepted { reference: Some("m1".into()), segments: Some(2), cost: None };
    check(200, r#"{"data":{"id":"m1","parts":2,"cost":{"amount":"0.004","currency":"USD"}}}"#, accepted);
    check(200, r#"{"data":{}}"#, unknown("an answer that names no message"));
    check(200, "", unknown("an answer that names no message"));
    check(400, &error("40300"), refused(RefusalClass::OptedOut, "40300"));
    check(400, &error("40001"), refused(RefusalClass::Number, "40001"));
    check(422, &error("40003"), refused(RefusalClass::Content, "40003"));
    check(400, &error("40318"), later("40318"));
    check(429, "", later("too many requests"));
    check(401, "", refused(RefusalClass::Account, "HTTP 401"));
    check(422, &error("99999"), refused(RefusalClass::Other, "99999"));
    check(409, &error("10007"), unknown("HTTP 409"));
    check(500, &error("40300"), unknown("HTTP 500"));
}

#[test]
fn receipts() {
    #[track_caller]
    fn check(word: &str, error: Option<&str>, expected: (ReceiptStatus, Option<&str>, Option<RefusalClass>)) {
        let errors: Vec<_> = error.iter().map(|code| json!({ "code": code })).collect();
        let payload = json!({
            "id": "m1",
            "to": [{ "phone_number": "+12125550101", "status": word }],
            "parts": 2,
            "cost": { "amount": "0.0080", "currency": "USD" },
            "errors": errors,
        });
        let event = json!({ "data": { "event_type": "message.finalized", "id": "e1", "payload": payload } });
        let (status, code, class) = expected;
        let expected = Receipt {
            reference: Some("7.msg_0000000000009".parse().unwrap()),
            gateway_ref: Some("m1".into()),
            status,
            code: code.map(str::to_owned),
            class,
            cost: Some(Cost { micros: 8_000, currency: Currency::parse("USD").unwrap() }),
            segments: Some(2),
        };
        assert_eq!(read(&event.to_string()), Ok(vec![GatewayEvent::Receipt(expected)]), "{word}");
    }
    use ReceiptStatus::{Accepted, Delivered, Expired, Rejected, Undelivered, Unknown};
    check("sent", None, (Accepted, None, None));
    check("delivered", None, (Delivered, None, None));
    check("delivery_failed", Some("40300"), (Undelivered, Some("40300"), Some(RefusalClass::OptedOut)));
    check("delivery_failed", Some("40006"), (Undelivered, Some("40006"), None));
    check("sending_failed", Some("40001"), (Rejected, Some("40001"), Some(RefusalClass::Number)));
    check("sending_failed", None, (Rejected, Some("sending_failed"), None));
    check("expired", None, (Expired, Some("expired"), None));
    check("delivery_unconfirmed", None, (Unknown, Some("delivery_unconfirmed"), None));
    check("eaten", Some("40300"), (Unknown, Some("eaten"), None));
}

#[test]
fn replies_and_the_rest() {
    let payload = json!({
        "id": "in1",
        "from": { "phone_number": "+12125550101" },
        "to": [{ "phone_number": "+12125550100" }],
        "text": "STOP",
    });
    let event = json!({ "data": { "event_type": "message.received", "id": "e2", "payload": payload } });
    let expected = Reply {
        from: "+12125550101".into(),
        to: "+12125550100".into(),
        text: "STOP".into(),
        gateway_ref: "in1".into(),
        answered: false,
    };
    assert_eq!(read(&event.to_string()), Ok(vec![GatewayEvent::Reply(expected)]));
    assert!(read(r#"{"data":{"event_type":"message.received","payload":{}}}"#).is_err());
    assert_eq!(read(r#"{"data":{"event_type":"number.ported","payload":{}}}"#), Ok(vec![]));
    assert_eq!(read("[]"), Ok(vec![]));
}

#[test]
fn only_what_telnyx_signed_is_taken() {
    #[track_caller]
    fn check(keys: &str, delivery: &Delivery, expected: Result<(), Refusal>) {
        assert_eq!(Telnyx.verify(&settings(keys), delivery).map(drop), expected);
    }
    const BODY: &str = r#"{"data":{"event_type":"message.sent","id":"e1","payload":{"id":"m1"}}}"#;
    let good = || signed(1, BODY, NOW);
    check(&public(1), &good(), Ok(()));
    check(&format!("{}, {}", public(2), public(1)), &good(), Ok(()));
    check(&public(1), &signed(1, BODY, NOW - 300), Ok(()));
    check(&public(1), &signed(1, BODY, NOW - 301), Err(Refusal::WrongTime(301)));
    check(&public(1), &signed(1, BODY, NOW + 301), Err(Refusal::WrongTime(-301)));
    check(&public(2), &good(), Err(Refusal::WrongSignature));
    let changed = |change: fn(&mut Delivery)| {
        let mut delivery = good();
        change(&mut delivery);
        delivery
    };
    let wrong = Err(Refusal::WrongSignature);
    check(&public(1), &changed(|delivery| delivery.body[2] ^= 1), wrong.clone());
    check(&public(1), &changed(|delivery| delivery.headers[0].1.truncate(80)), wrong.clone());
    check(&public(1), &changed(|delivery| delivery.headers[0].1.clear()), wrong.clone());
    check(&public(1), &changed(|delivery| delivery.headers[1].1 = (NOW + 1).to_string()), wrong);
    check(&public(1), &changed(|delivery| delivery.headers.clear()), Err(Refusal::Unsigned));
    check(&public(1), &changed(|delivery| delivery.headers.push(delivery.headers[0].clone())), Err(Refusal::Unsigned));
    assert_eq!(Telnyx.verify(&Settings::default(), &good()), Err(Refusal::NoKey));
}

#[test]
fn keys_and_senders() {
    for good in ["+12125550100", "38383", "Lumen Oak"] {
        assert_eq!(check_sender(good), Ok(()), "{good}");
    }
    for bad in ["", "12125550100", "12", "A name too long"] {
        assert!(check_sender(bad).is_err(), "{bad}");
    }
    assert_eq!(check_key(&public(1)), Ok(()));
    for bad in ["", "AAAA", "not base64 at all"] {
        assert!(check_key(bad).is_err(), "{bad}");
    }
}

#[test]
fn what_is_left_on_the_account() {
    let request = Telnyx.ask_balance(&settings(&public(1))).unwrap();
    assert_eq!((request.url.as_str(), request.private), ("https://api.telnyx.com/v2/balance", false));
    assert_eq!(request.method, crate::http::Method::Get);
    assert_eq!(request.headers, [("authorization".to_owned(), "Bearer KEY1".to_owned())]);

    #[track_caller]
    fn check(status: u16, body: &str, expected: Option<(i64, &str)>) {
        let told = Telnyx.balance(&Settings::default(), &stage::answered(status, body));
        assert_eq!(told.as_ref().map(|told| (told.micros, told.currency.code())), expected, "{status} {body}");
    }
    let full = r#"{"data":{"record_type":"balance","balance":"30.25","available_credit":"80.25","currency":"USD"}}"#;
    check(200, full, Some((30_250_000, "USD")));
    check(200, r#"{"data":{"balance":"-1.5","currency":"USD"}}"#, Some((-1_500_000, "USD")));
    check(200, r#"{"data":{"balance":"30.25"}}"#, None);
    check(200, r#"{"data":{"balance":null,"currency":"USD"}}"#, None);
    check(200, r#"{"balance":"30.25","currency":"USD"}"#, None);
    check(403, full, None);
}
