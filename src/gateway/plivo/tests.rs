//! Plivo: requests as the API takes them, answers and callbacks as it gives them.

use std::time::Duration;

use proptest::prelude::*;

use super::{
    super::stage::{self, CALLBACK, HOOK, answered, posted as came},
    *,
};
use crate::domain::message::Reply;

const AUTH_ID: &str = "MA0123456789ABCDEFGH";
const POWERPACK: &str = "0a1b2c3d-0000-4000-8000-00000000000f";
const ID: &str = "11111111-2222-4333-8444-555555555555";

fn given(extra: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    let base = [("auth_id", AUTH_ID), ("auth_token", "first, second"), ("sender", "+12125550100")];
    stage::given(&SPEC, &base, extra)
}

fn outgoing() -> Outgoing {
    Outgoing { valid_for: Duration::from_secs(600), ..stage::outgoing("Your lamp") }
}

fn sent(settings: &Settings, sms: &Outgoing) -> (Request, Value) {
    let request = stage::sent(&Plivo, settings, sms);
    let body = serde_json::from_slice(&request.body).unwrap();
    (request, body)
}

#[test]
fn a_text_becomes_one_request() {
    let (request, body) = sent(&given(&[]).unwrap(), &outgoing());
    assert_eq!(request.url, "https://api.plivo.com/v1/Account/MA0123456789ABCDEFGH/Message/");
    let pair = BASE64.encode(b"MA0123456789ABCDEFGH:first");
    assert!(request.headers.contains(&("authorization".into(), format!("Basic {pair}"))));
    assert!(!request.private);
    let expected = json!({
        "src": "12125550100",
        "dst": "12125550101",
        "text": "Your lamp",
        "type": "sms",
        "message_expiry": 600,
        "url": CALLBACK,
        "method": "POST",
    });
    assert_eq!(body, expected);
}

#[test]
fn powerpacks_bounds_and_stand_ins() {
    let settings = given(&[("sender", POWERPACK), ("api_base", "http://127.0.0.1:9/")]).unwrap();
    let sms = Outgoing { valid_for: Duration::from_secs(90_000), callback_url: None, ..outgoing() };
    let (request, body) = sent(&settings, &sms);
    assert_eq!(request.url, "http://127.0.0.1:9/v1/Account/MA0123456789ABCDEFGH/Message/");
    assert!(request.private);
    let expected = json!({
        "powerpack_uuid": POWERPACK,
        "dst": "12125550101",
        "text": "Your lamp",
        "type": "sms",
        "message_expiry": 10_799,
    });
    assert_eq!(body, expected);
    let (_, hurried) = sent(&settings, &Outgoing { valid_for: Duration::from_secs(1), ..outgoing() });
    assert_eq!(hurried["message_expiry"], 5);
}

#[test]
fn senders() {
    for good in ["+12125550100", "38383", "Lumen Oak", POWERPACK] {
        assert!(given(&[("sender", good)]).is_ok(), "{good}");
    }
    for bad in ["12125550100", "+1", "A name too long", "0a1b2c3d-0000-4000-8000", "Café", "a<b"] {
        assert!(given(&[("sender", bad)]).is_err(), "{bad}");
    }
    assert!(given(&[("auth_id", "../Other")]).is_err());
    let name = |list| Plivo.sender_name(&given(&[("sender", list)]).unwrap());
    assert_eq!(name("+12125550100, Lumen"), Some("Lumen".into()));
    assert_eq!(name(POWERPACK), None);
}

#[test]
fn outcomes() {
    #[track_caller]
    fn check(status: u16, body: &str, expected: SendOutcome) {
        let answer = Response { headers: vec![("retry-after".into(), "7".into())], ..answered(status, body) };
        assert_eq!(Plivo.outcome(&Settings::default(), &answer), expected, "{status} {body}");
    }
    const ERROR: &str = r#"{"api_id":"a","error":"+12125550101 is not what it should be"}"#;
    let refused = |class, code: &str| SendOutcome::Refused { class, code: code.into() };
    let unknown = |why: &str| SendOutcome::Unknown { why: why.into() };
    let accepted = SendOutcome::Accepted { reference: Some(ID.into()), segments: None, cost: None };
    check(202, &json!({ "message": "message(s) queued", "message_uuid": [ID], "api_id": "a" }).to_string(), accepted);
    for nameless in ["", "{}", "<html>", ERROR, r#"{"message_uuid":[]}"#, r#"{"message_uuid":[""]}"#] {
        check(202, nameless, unknown("an answer that names no message"));
    }
    check(400, ERROR, refused(RefusalClass::Other, "HTTP 400"));
    for status in 401..=404 {
        check(status, ERROR, refused(RefusalClass::Account, &format!("HTTP {status}")));
    }
    check(422, ERROR, refused(RefusalClass::Other, "HTTP 422"));
    let later = SendOutcome::Later { why: "too many requests".into(), after: Some(Duration::from_secs(7)) };
    check(429, ERROR, later);
    for status in [302, 408, 500, 503] {
        check(status, ERROR, unknown(&format!("HTTP {status}")));
    }
}

fn mac(token: &str, signed: &str) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, token.as_bytes());
    BASE64.encode(ring::hmac::sign(&key, signed.as_bytes()).as_ref())
}

fn posted(url: &str, form: &[(&str, &str)], signature: &str) -> Delivery {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let headers = [("x-plivo-signature-v3", signature), ("x-plivo-signature-v3-nonce", "12345")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Delivery { headers, ..came(url, &body) }
}

/// Signed by hand: the query of these addresses is one pair at most.
fn called(url: &str, form: &[(&str, &str)]) -> Delivery {
    let mut sorted = form.to_vec();
    sorted.sort_unstable();
    let written: String = sorted.into_iter().map(|(name, value)| format!("{name}{value}")).collect();
    let joint = if url.contains('?') { "." } else { "?" };
    posted(url, form, &mac("second", &format!("{url}{joint}{written}.12345")))
}

fn read(delivery: &Delivery) -> (String, Result<Vec<GatewayEvent>, Unreadable>) {
    let settings = given(&[]).unwrap();
    match Plivo.verify(&settings, delivery).unwrap() {
        Accepted::Keep { topic, key } => (key, Plivo.read(&settings, &topic, delivery)),
        other => panic!("{other:?}"),
    }
}

fn receipt_of(url: &str, form: &[(&str, &str)]) -> Receipt {
    match read(&called(url, form)).1.unwrap().as_slice() {
        [GatewayEvent::Receipt(receipt)] => receipt.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn receipts() {
    #[track_caller]
    fn check(word: &str, error: &str, expected: (ReceiptStatus, Option<&str>, Option<RefusalClass>)) {
        let form = [("MessageUUID", ID), ("ParentMessageUUID", ID), ("Status", word), ("ErrorCode", error)];
        assert_eq!(read(&called(CALLBACK, &form)).0, format!("{ID}:{word}"));
        let (status, code, class) = expected;
        let expected = Receipt {
            reference: Some("7.msg_0000000000009".parse().unwrap()),
            gateway_ref: Some(ID.into()),
            status,
            code: code.map(str::to_owned),
            class,
            cost: None,
            segments: None,
        };
        assert_eq!(receipt_of(CALLBACK, &form), expected, "{word} {error}");
    }
    use ReceiptStatus::{Accepted, Delivered, Expired, Rejected, Undelivered, Unknown};
    check("queued", "", (Accepted, None, None));
    check("sent", "000", (Accepted, None, None));
    check("delivered", "000", (Delivered, None, None));
    check("delivered", "200", (Delivered, None, None));
    check("read", "", (Delivered, None, None));
    check("undelivered", "30", (Undelivered, Some("30"), Some(RefusalClass::Content)));
    check("undelivered", "50", (Undelivered, Some("50"), Some(RefusalClass::Number)));
    check("undelivered", "80", (Undelivered, Some("80"), None));
    check("failed", "40", (Rejected, Some("40"), Some(RefusalClass::Account)));
    check("failed", "200", (Rejected, Some("200"), Some(RefusalClass::OptedOut)));
    check("failed", "900", (Rejected, Some("900"), Some(RefusalClass::Account)));
    check("failed", "420", (Expired, Some("420"), None));
    check("failed", "", (Rejected, None, None));
    check("rejected", "12x", (Rejected, Some("12x"), None));
    check("teleported", "200", (Unknown, Some("teleported"), None));
}

#[test]
fn what_a_text_cost() {
    #[track_caller]
    fn check(word: &str, amount: &str, part: &str, id: &str, expected: (Option<i64>, Option<u32>)) {
        let form = [
            ("MessageUUID", id),
            ("ParentMessageUUID", ID),
            ("Status", word),
            ("TotalAmount", amount),
            ("Units", "2"),
            ("PartInfo", part),
        ];
        let receipt = receipt_of(CALLBACK, &form);
        assert_eq!(receipt.gateway_ref.as_deref(), Some(ID));
        if let Some(cost) = receipt.cost {
            assert_eq!(cost.currency.code(), "USD");
        }
        assert_eq!((receipt.cost.map(|cost| cost.micros), receipt.segments), expected, "{word} {amount} {part} {id}");
    }
    check("delivered", "0.01105", "1 of 1", ID, (Some(11_050), Some(2)));
    check("delivered", "-0.01105", "", ID, (Some(11_050), Some(2)));
    check("delivered", "much", "", ID, (None, Some(2)));
    check("failed", "0.00000", "", ID, (Some(0), Some(2)));
    check("queued", "0", "", ID, (None, Some(2)));
    check("sent", "0.0055", "", ID, (Some(5_500), Some(2)));
    check("delivered", "0.0055", "1 of 2", ID, (None, None));
    check("delivered", "0.0055", "", "another", (None, None));
}

#[test]
fn a_receipt_is_found_by_either_name() {
    assert_eq!(receipt_of(HOOK, &[("MessageUUID", ID), ("Status", "sent")]).gateway_ref.as_deref(), Some(ID));
    assert!(receipt_of(CALLBACK, &[("Status", "sent")]).reference.is_some());
    assert!(read(&called(HOOK, &[("Status", "sent")])).1.is_err());
    // Our own words, were they quoted, are nobody's reply.
    let quoting = [("MessageUUID", ID), ("Status", "sent"), ("From", "12125550100"), ("Text", "Reply STOP")];
    assert_eq!(receipt_of(CALLBACK, &quoting).status, ReceiptStatus::Accepted);
}

#[test]
fn replies() {
    let form = [
        ("From", "12125550101"),
        ("To", "12125550100"),
        ("Text", " Stop. "),
        ("MessageUUID", ID),
        ("Status", "received"),
    ];
    let expected = |gateway_ref: String, text: &str| {
        let (from, to) = ("+12125550101".into(), "+12125550100".into());
        Ok(vec![GatewayEvent::Reply(Reply { from, to, text: text.into(), gateway_ref, answered: false })])
    };
    assert_eq!(read(&called(HOOK, &form)).1, expected(ID.into(), " Stop. "));
    let (key, events) = read(&called(HOOK, &form[..4]));
    assert_eq!((key, events), (format!("{ID}:reply"), expected(ID.into(), " Stop. ")));
    let nameless = called(HOOK, &form[..3]);
    assert_eq!(read(&nameless).1, expected(wire::fingerprint(&nameless), " Stop. "));
    assert_eq!(read(&called(CALLBACK, &[("Hello", "there")])).1, Ok(vec![]));
}

/// Signatures that Plivo's own validator (plivo 4.63, Python) holds for right, of the token "second" and nonce "12345".
#[test]
fn signatures_as_plivo_makes_them() {
    let receipt = [
        ("To", "12125550101"),
        ("From", "12125550100"),
        ("MessageUUID", ID),
        ("ParentMessageUUID", ID),
        ("Status", "delivered"),
        ("Units", "2"),
        ("TotalRate", "0.0055"),
        ("TotalAmount", "0.0110"),
        ("ErrorCode", "000"),
    ];
    let reply = [
        ("Text", "Stop & go. café"),
        ("To", "12125550100"),
        ("From", "12125550101"),
        ("MessageUUID", "99999999-2222-4333-8444-555555555555"),
    ];
    let two = format!("{HOOK}?z=1&ref=7.msg_0000000000009");
    let get = format!("{HOOK}?Status=sent&MessageUUID=m1&ref=7.msg_0000000000009");
    let get = posted(&get, &[("Status", "failed")], "v74sOP77O2urSTH+0R5uqM75M/W7n0NTbQQDLofPh4Q=");
    let get = Delivery { method: "GET".into(), ..get };
    for delivery in [
        &posted(&two, &receipt, "cXhn21ft1xdn0JsDplXGzh1KbMD9H6DthxZVKIMwOnk="),
        &posted(HOOK, &reply, "aWkwnon+cZTiv+fCUYgJI58IHbu4cV6Clco5kPZgSIs="),
        &posted(CALLBACK, &[], "Aia3wY2S99+Q7feiwWQdfRDS6pIyA25YoEPxjTZbvHo="),
        &get,
    ] {
        assert!(Plivo.verify(&given(&[]).unwrap(), delivery).is_ok(), "{}", delivery.url);
    }
    let (key, events) = read(&get);
    assert_eq!(key, "m1:sent", "a body that is not signed is not read");
    assert!(matches!(events.unwrap().as_slice(), [GatewayEvent::Receipt(told)] if told.code.is_none()));
}

#[test]
fn only_what_plivo_signed_is_taken() {
    #[track_caller]
    fn check(tokens: &str, expected: Result<(), Refusal>, change: fn(&mut Delivery)) {
        let mut delivery = called(CALLBACK, &[("MessageUUID", ID), ("Status", "delivered")]);
        change(&mut delivery);
        let settings = given(&[("auth_token", tokens)]).unwrap();
        assert_eq!(Plivo.verify(&settings, &delivery).map(drop), expected);
    }
    let (wrong, unsigned) = (Err(Refusal::WrongSignature), Err(Refusal::Unsigned));
    check("second", Ok(()), |_| ());
    check("first, second", Ok(()), |_| ());
    check("first", wrong.clone(), |_| ());
    // The main account's header alone, or among several in one header.
    check("second", Ok(()), |delivery| delivery.headers[0].0 = "x-plivo-signature-ma-v3".into());
    check("second", Ok(()), |delivery| {
        delivery.headers[0].1 = format!("{}, {}", mac("old", "x"), delivery.headers[0].1)
    });
    check("second", Ok(()), |delivery| {
        delivery.headers.push(("x-plivo-signature-ma-v3".into(), mac("main account's", "x")))
    });
    check("second", wrong.clone(), |delivery| delivery.body[12] ^= 1);
    check("second", wrong.clone(), |delivery| delivery.url.push('8'));
    check("second", wrong.clone(), |delivery| delivery.headers[1].1 = "12346".into());
    check("second", wrong.clone(), |delivery| delivery.headers[0].1.truncate(40));
    check("second", wrong.clone(), |delivery| delivery.headers[0].1.clear());
    check("second", wrong, |delivery| delivery.method = "GET".into());
    check("second", unsigned.clone(), |delivery| delivery.headers.clear());
    check("second", unsigned.clone(), |delivery| delivery.headers.truncate(1));
    check("second", unsigned.clone(), |delivery| delivery.headers.push(delivery.headers[0].clone()));
    check("second", unsigned.clone(), |delivery| delivery.headers.push(delivery.headers[1].clone()));
    // V2 does not cover the fields.
    check("second", unsigned, |delivery| delivery.headers[0].0 = "x-plivo-signature-v2".into());
    let good = called(CALLBACK, &[("MessageUUID", ID), ("Status", "delivered")]);
    assert_eq!(Plivo.verify(&Settings::default(), &good), Err(Refusal::NoKey));
}

proptest! {
    #[test]
    fn bytes_never_panic(url in "\\PC*", body in prop::collection::vec(any::<u8>(), 0..300)) {
        for method in ["GET", "POST"] {
            let delivery = Delivery { method: method.into(), body: body.clone(), ..posted(&url, &[], "AAAA") };
            let _ = Plivo.verify(&given(&[]).unwrap(), &delivery);
            for topic in ["receipt", "reply", "other"] {
                let _ = Plivo.read(&given(&[]).unwrap(), topic, &delivery);
            }
        }
    }
}

#[test]
fn what_is_left_on_the_account() {
    let request = Plivo.ask_balance(&given(&[]).unwrap()).unwrap();
    assert_eq!(request.url, "https://api.plivo.com/v1/Account/MA0123456789ABCDEFGH/");
    assert_eq!((request.method, request.private), (crate::http::Method::Get, false));
    let pair = BASE64.encode(b"MA0123456789ABCDEFGH:first");
    assert_eq!(request.headers, [("authorization".to_owned(), format!("Basic {pair}"))]);

    #[track_caller]
    fn check(status: u16, body: &str, expected: Option<(i64, &str)>) {
        let told = Plivo.balance(&Settings::default(), &answered(status, body));
        assert_eq!(told.as_ref().map(|told| (told.micros, told.currency.code())), expected, "{status} {body}");
    }
    check(200, r#"{"cash_credits":"12.34567","billing_mode":"prepaid"}"#, Some((12_345_670, "USD")));
    check(200, r#"{"cash_credits":-2.5,"billing_mode":"postpaid"}"#, Some((-2_500_000, "USD")));
    check(200, r#"{"auth_id":"SA0123456789ABCDEFGH","name":"Lumen & Oak"}"#, None);
    check(200, r#"{"cash_credits":null}"#, None);
    check(401, r#"{"cash_credits":"12.34567"}"#, None);
}
