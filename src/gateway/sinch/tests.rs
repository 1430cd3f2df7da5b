//! Sinch: requests as the API takes them, answers and callbacks as it gives them.

use proptest::prelude::*;

use super::{
    super::stage::{self, CALLBACK, HOOK, NOW, REFERENCE, answered},
    *,
};
use crate::domain::{message::Reply, time::Time};

const BATCH: &str = "01HZX0000000000000000BATCH";
const NONCE: &str = "n0nce";

fn given(extra: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    let base = [("service_plan_id", "plan0123"), ("api_token", "hush"), ("sender", "+12125550100")];
    stage::given(&SPEC, &base, extra)
}

fn outgoing() -> Outgoing {
    stage::outgoing("Your cart: https://go.example.com/r/abc")
}

fn sent(settings: &Settings, sms: &Outgoing) -> (Request, Value) {
    let request = stage::sent(&Sinch, settings, sms);
    let body = serde_json::from_slice(&request.body).unwrap();
    (request, body)
}

#[test]
fn a_text_becomes_one_request() {
    let (request, body) = sent(&given(&[]).unwrap(), &outgoing());
    assert_eq!(request.url, "https://us.sms.api.sinch.com/xms/v1/plan0123/batches");
    assert!(request.headers.contains(&("authorization".into(), "Bearer hush".into())));
    assert!(!request.private);
    let expected = json!({
        "type": "mt_text",
        "from": "+12125550100",
        "to": ["+12125550101"],
        "body": "Your cart: https://go.example.com/r/abc",
        "delivery_report": "per_recipient",
        "client_reference": REFERENCE,
        "expire_at": "2026-09-24T14:43:20.000Z",
        "callback_url": CALLBACK,
    });
    assert_eq!(body, expected);
}

#[test]
fn regions_stand_ins_and_bounds() {
    let settings = given(&[("region", "eu"), ("sender", "CornerShop")]).unwrap();
    let sms = Outgoing { valid_for: Duration::from_secs(u64::MAX), callback_url: None, ..outgoing() };
    let (request, body) = sent(&settings, &sms);
    assert_eq!(request.url, "https://eu.sms.api.sinch.com/xms/v1/plan0123/batches");
    assert!(!request.private);
    assert_eq!(body["expire_at"], "2026-09-27T14:13:20.000Z");
    assert_eq!(body.get("callback_url"), None);
    assert_eq!(Sinch.sender_name(&settings).as_deref(), Some("CornerShop"));
    assert_eq!(Sinch.sender_name(&given(&[]).unwrap()), None);
    let (request, _) = sent(&given(&[("api_base", "http://127.0.0.1:9/x/")]).unwrap(), &sms);
    assert_eq!(request.url, "http://127.0.0.1:9/x/xms/v1/plan0123/batches");
    assert!(request.private);
}

#[test]
fn settings() {
    for good in ["+12125550100", "12125550100", "38383", "CornerShop", "Shop & Co", "+12125550100, 38383"] {
        assert!(given(&[("sender", good)]).is_ok(), "{good}");
    }
    for bad in ["12", "A name too long", "Café", "++12125550100", "38383,"] {
        assert!(given(&[("sender", bad)]).is_err(), "{bad}");
    }
    for bad in ["US", "europe", "u/"] {
        assert!(given(&[("region", bad)]).is_err(), "{bad}");
    }
    assert!(given(&[("service_plan_id", "../x")]).is_err());
}

#[test]
fn outcomes() {
    use RefusalClass::*;
    #[track_caller]
    fn check(status: u16, body: &str, expected: SendOutcome) {
        assert_eq!(Sinch.outcome(&Settings::default(), &answered(status, body)), expected, "{status} {body}");
    }
    let accepted = SendOutcome::Accepted { reference: Some(BATCH.into()), segments: None, cost: None };
    let refused = |class, code: &str| SendOutcome::Refused { class, code: code.into() };
    let unknown = |why: &str| SendOutcome::Unknown { why: why.into() };
    let made = format!(r#"{{"id":"{BATCH}","to":["12125550101"],"canceled":false}}"#);
    check(201, &made, accepted.clone());
    check(200, &made, accepted);
    check(201, "{}", unknown("an answer that names no message"));
    check(201, r#"{"id":""}"#, unknown("an answer that names no message"));
    check(200, "<html>", unknown("an answer that names no message"));
    let complaint = |code: &str| format!(r#"{{"code":"{code}","text":"words about 12125550101"}}"#);
    let syntax = "syntax_constraint_violation";
    check(400, &complaint(syntax), refused(Other, syntax));
    check(400, &complaint("+12125550101"), refused(Other, "HTTP 400"));
    check(400, &complaint("12125550101"), refused(Other, "HTTP 400"));
    check(400, &complaint("a free text"), refused(Other, "HTTP 400"));
    check(400, "", refused(Other, "HTTP 400"));
    check(401, &complaint("unauthorized"), refused(Account, "unauthorized"));
    for status in [401, 402, 403, 404] {
        check(status, "", refused(Account, &format!("HTTP {status}")));
    }
    check(422, "", refused(Other, "HTTP 422"));
    check(429, "", SendOutcome::Later { why: "too many requests".into(), after: None });
    check(408, &made, unknown("HTTP 408"));
    check(500, &made, unknown("HTTP 500"));
    check(503, "", unknown("HTTP 503"));
    check(302, "", unknown("HTTP 302"));
}

fn called(url: &str, body: &str) -> Delivery {
    Delivery {
        method: "POST".into(),
        url: url.into(),
        headers: vec![("content-type".into(), "application/json".into())],
        body: body.into(),
        received_at: Time::from_seconds(NOW),
    }
}

fn read(delivery: &Delivery) -> (String, Result<Vec<GatewayEvent>, Unreadable>) {
    let settings = given(&[]).unwrap();
    match Sinch.verify(&settings, delivery).unwrap() {
        Accepted::Keep { topic, key } => (key, Sinch.read(&settings, &topic, delivery)),
        Accepted::Ping | Accepted::Greeting(_) => panic!("Sinch greets nobody"),
    }
}

fn only(events: Result<Vec<GatewayEvent>, Unreadable>) -> Receipt {
    match events.unwrap().pop() {
        Some(GatewayEvent::Receipt(receipt)) => receipt,
        other => panic!("{other:?}"),
    }
}

fn report(status: &str, code: &str, rest: &str) -> String {
    let head = r#""type":"recipient_delivery_report_sms","recipient":"12125550101""#;
    format!(r#"{{{head},"status":"{status}","code":{code}{rest}}}"#)
}

fn ids() -> String {
    format!(r#","batch_id":"{BATCH}","client_reference":"{REFERENCE}""#)
}

#[test]
fn receipts() {
    use ReceiptStatus::*;
    type Expected<'a> = (ReceiptStatus, Option<&'a str>, Option<RefusalClass>);
    #[track_caller]
    fn check(status: &str, code: &str, expected: Expected) {
        let (key, events) = read(&called(HOOK, &report(status, code, &ids())));
        let receipt = only(events);
        assert_eq!(key, format!("{BATCH}:{}", status.to_lowercase()));
        assert_eq!((receipt.status, receipt.code.as_deref(), receipt.class), expected, "{status} {code}");
        assert_eq!((receipt.reference, receipt.gateway_ref.as_deref()), (REFERENCE.parse().ok(), Some(BATCH)));
        assert_eq!(receipt.cost, None);
    }
    check("Queued", "400", (Accepted, None, None));
    check("Dispatched", "401", (Accepted, None, None));
    check("Unknown", "404", (Accepted, None, None));
    for word in ["Delivered", "DELIVERED", "delivered"] {
        check(word, "0", (Delivered, None, None));
    }
    check("Failed", "402", (Undelivered, Some("402"), Some(RefusalClass::Number)));
    check("Failed", "404", (Undelivered, Some("404"), None));
    check("FAILED", "\"402\"", (Undelivered, Some("402"), Some(RefusalClass::Number)));
    check("Deleted", "5", (Undelivered, Some("5"), Some(RefusalClass::OptedOut)));
    check("Expired", "406", (Expired, Some("406"), None));
    check("Rejected", "413", (Rejected, Some("413"), Some(RefusalClass::Account)));
    check("Aborted", "410", (Rejected, Some("410"), Some(RefusalClass::Account)));
    check("Aborted", "412", (Rejected, Some("412"), None));
    check("Cancelled", "null", (Rejected, Some("Cancelled"), None));
    check("Beamed", "413", (Unknown, Some("Beamed"), None));
    check("Delivered", "413", (Delivered, None, None));
}

#[test]
fn a_receipt_is_found_by_any_of_its_names() {
    let delivered = |url: &str, rest: &str| read(&called(url, &report("Delivered", "0", rest)));
    let batch = format!(r#","batch_id":"{BATCH}","number_of_message_parts":2"#);
    let by_batch = only(delivered(HOOK, &batch).1);
    assert_eq!((by_batch.reference, by_batch.gateway_ref.as_deref()), (None, Some(BATCH)));
    assert_eq!(by_batch.segments, Some(2));
    assert_eq!(only(delivered(CALLBACK, "").1).reference, REFERENCE.parse().ok());
    assert_eq!(
        only(delivered(HOOK, &format!(r#","client_reference":"{REFERENCE}""#)).1).reference,
        REFERENCE.parse().ok()
    );
    assert!(delivered(HOOK, "").1.is_err());
    assert!(delivered(HOOK, r#","client_reference":"another's""#).1.is_err());
}

#[test]
fn replies() {
    let inbound = r#"{"type":"mo_text","id":"01HZXREPLY","from":"12125550101","to":"12125550100","body":" Stop. "}"#;
    let (key, events) = read(&called(HOOK, inbound));
    assert_eq!(key, "01HZXREPLY:reply");
    let reply = Reply {
        from: "+12125550101".into(),
        to: "+12125550100".into(),
        text: " Stop. ".into(),
        gateway_ref: "01HZXREPLY".into(),
        answered: false,
    };
    assert_eq!(events, Ok(vec![GatewayEvent::Reply(reply)]));
    let nameless = called(HOOK, r#"{"type":"mo_text","from":"12125550101","to":"38383","body":"hi"}"#);
    match read(&nameless).1.unwrap().as_slice() {
        [GatewayEvent::Reply(reply)] => {
            assert_eq!((reply.to.as_str(), &reply.gateway_ref), ("38383", &wire::fingerprint(&nameless)));
        }
        other => panic!("{other:?}"),
    }
    assert!(read(&called(HOOK, r#"{"type":"mo_text","body":"hi"}"#)).1.is_err());
    for other in ["", "[]", r#"{"type":"delivery_report_sms"}"#, r#"{"type":"mo_binary"}"#] {
        assert_eq!(read(&called(HOOK, other)).1, Ok(Vec::new()), "{other}");
    }
}

const BODY: &str = r#"{"type":"mo_text","id":"1","from":"12125550101","body":"yes"}"#;

/// Signed by hand: ipad and opad, with no help from the code that verifies.
fn signature(secret: &str, body: &str, timestamp: &str) -> String {
    use sha2::Digest;
    let mut key = [0u8; 64];
    key[..secret.len()].copy_from_slice(secret.as_bytes());
    let inner =
        Sha256::digest([&key.map(|byte| byte ^ 0x36), format!("{body}.{NONCE}.{timestamp}").as_bytes()].concat());
    BASE64.encode(&Sha256::digest([&key.map(|byte| byte ^ 0x5c)[..], &inner[..]].concat()))
}

fn signed(secret: &str, at: i64) -> Delivery {
    let timestamp = at.to_string();
    let mut delivery = called(CALLBACK, BODY);
    for (name, value) in [
        ("x-sinch-webhook-signature", signature(secret, BODY, &timestamp)),
        ("x-sinch-webhook-signature-nonce", NONCE.into()),
        ("x-sinch-webhook-signature-timestamp", timestamp),
        ("x-sinch-webhook-signature-algorithm", "HmacSHA256".into()),
    ] {
        delivery.headers.push((name.into(), value));
    }
    delivery
}

#[test]
fn signatures() {
    #[track_caller]
    fn check(delivery: &Delivery, expected: Result<(), Refusal>) {
        let settings = given(&[("webhook_secret", "first, second")]).unwrap();
        assert_eq!(Sinch.verify(&settings, delivery).map(|_| ()), expected);
    }
    let changed = |name: &str, change: fn(&mut String)| {
        let mut delivery = signed("first", NOW);
        delivery.headers.iter_mut().filter(|(known, _)| known == name).for_each(|(_, value)| change(value));
        delivery
    };
    check(&signed("first", NOW), Ok(()));
    check(&signed("second", NOW - 300), Ok(()));
    check(&signed("second", NOW + 300), Ok(()));
    check(&signed("third", NOW), Err(Refusal::WrongSignature));
    check(&signed("first", NOW - 301), Err(Refusal::WrongTime(301)));
    check(&signed("first", NOW + 301), Err(Refusal::WrongTime(-301)));
    check(&signed("third", NOW - 301), Err(Refusal::WrongSignature));
    check(&called(CALLBACK, BODY), Err(Refusal::Unsigned));
    for name in ["x-sinch-webhook-signature", "x-sinch-webhook-signature-nonce", "x-sinch-webhook-signature-timestamp"]
    {
        let mut without = signed("first", NOW);
        without.headers.retain(|(known, _)| known != name);
        check(&without, Err(Refusal::Unsigned));
        let mut doubled = signed("first", NOW);
        let again = doubled.headers.iter().find(|(known, _)| known == name).unwrap().clone();
        doubled.headers.push(again);
        check(&doubled, Err(Refusal::Unsigned));
        check(&changed(name, |value| value.insert(0, '1')), Err(Refusal::WrongSignature));
    }
    check(&changed("x-sinch-webhook-signature", |value| value.truncate(40)), Err(Refusal::WrongSignature));
    check(&changed("x-sinch-webhook-signature", String::clear), Err(Refusal::WrongSignature));
    check(
        &changed("x-sinch-webhook-signature-algorithm", |value| *value = "none".into()),
        Err(Refusal::WrongSignature),
    );
    let mut forged = signed("first", NOW);
    forged.body[0] ^= 1;
    check(&forged, Err(Refusal::WrongSignature));
    let mut without_algorithm = signed("first", NOW);
    without_algorithm.headers.retain(|(name, _)| name != "x-sinch-webhook-signature-algorithm");
    check(&without_algorithm, Ok(()));
}

#[test]
fn without_a_secret_the_path_is_the_proof() {
    assert!(Sinch.verify(&given(&[]).unwrap(), &called(CALLBACK, BODY)).is_ok());
    assert!(Sinch.verify(&given(&[]).unwrap(), &signed("third", 0)).is_ok());
}

#[test]
fn the_look_up_asks_by_our_own_reference() {
    let request = Sinch.look_up(&given(&[]).unwrap(), &outgoing()).unwrap();
    let asked = format!("client_reference={REFERENCE}&start_date=2026-09-24T14%3A08%3A20.000Z");
    assert_eq!(request.url, format!("https://us.sms.api.sinch.com/xms/v1/plan0123/batches?{asked}"));
    assert!(request.headers.contains(&("authorization".into(), "Bearer hush".into())));
}

#[test]
fn what_the_look_up_finds() {
    let look = |status: u16, body: &str| Sinch.looked_up(&outgoing(), &outgoing().reference, &answered(status, body));
    let batch = |id: &str, reference: &str, canceled: bool| {
        format!(r#"{{"id":"{id}","client_reference":"{reference}","canceled":{canceled}}}"#)
    };
    let list = |batches: &[String]| format!(r#"{{"count":{},"batches":[{}]}}"#, batches.len(), batches.join(","));
    let found = |look_up: LookUp| match look_up {
        LookUp::Found(event) => match *event {
            GatewayEvent::Receipt(receipt) => {
                (receipt.reference.unwrap().to_string(), receipt.gateway_ref.unwrap(), receipt.status)
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let ours = |status| (REFERENCE.to_owned(), BATCH.to_owned(), status);
    assert_eq!(found(look(200, &list(&[batch(BATCH, REFERENCE, false)]))), ours(ReceiptStatus::Accepted));
    assert_eq!(found(look(200, &list(&[batch(BATCH, REFERENCE, true)]))), ours(ReceiptStatus::Rejected));

    assert_eq!(look(200, &list(&[])), LookUp::Absent);
    assert_eq!(look(200, &list(&[batch(BATCH, "another's", false)])), LookUp::Unclear);
    assert_eq!(look(200, &list(&[batch("", REFERENCE, false)])), LookUp::Unclear);
    for body in [r#"{"count":3,"batches":[]}"#, r#"{"batches":[]}"#, r#"{"count":0}"#, "{}", "<html>", "[]"] {
        assert_eq!(look(200, body), LookUp::Unclear, "{body}");
    }
    for status in [401, 404, 429, 500] {
        assert_eq!(look(status, &list(&[])), LookUp::Unclear, "{status}");
    }
}

proptest! {
    #[test]
    fn bytes_never_panic(json in "[\\[\\]{}\",:0-9a-z]*", header in "\\PC*", status in 100u16..600) {
        let settings = given(&[("webhook_secret", "first")]).unwrap();
        for body in [format!(r#"{{"count":0,"batches":[{json}]}}"#), format!(r#"{{"type":"mo_text","id":{json}}}"#), json] {
            let mut delivery = signed("first", NOW);
            delivery.body = body.clone().into_bytes();
            delivery.headers.iter_mut().for_each(|(_, value)| value.clone_from(&header));
            prop_assert!(Sinch.verify(&settings, &delivery).is_err());
            let _ = Sinch.verify(&Settings::default(), &delivery);
            for topic in ["receipt", "reply", "other"] {
                let _ = Sinch.read(&settings, topic, &delivery);
            }
            let _ = Sinch.outcome(&Settings::default(), &answered(status, &body));
            let _ = Sinch.looked_up(&outgoing(), &outgoing().reference, &answered(status, &body));
        }
    }
}
