//! Bird: requests as the Channels API takes them, its answers, webhooks and lists.

use super::{
    super::stage::{self, HOOK, NOW, REFERENCE, answered, posted},
    *,
};
use crate::domain::time::Time;

const DELIVERED: &str = r#"{"service":"channels","event":"sms.outbound","payload":{"id":"b-1","status":"delivered"}}"#;
/// Of DELIVERED at NOW by the first key, as three lines of Python make it.
const SIGNATURE: &str = "RgtB9sGGub4K7J2cijes/871OXuCuFv9jAF6btYVLK4=";

fn settings(extra: &[(&str, &str)]) -> Settings {
    let base = [
        ("access_key", "key-1"),
        ("workspace_id", "0a1b2c3d-0000-4000-8000-000000000001"),
        ("sender", "0a1b2c3d-0000-4000-8000-000000000002"),
        ("signing_key", "signing-key-1, signing-key-2"),
    ];
    stage::given(&SPEC, &base, extra).unwrap()
}

/// Signed with another library than the connector's.
fn signed_at(key: &str, url: &str, body: &str, at: &str) -> Delivery {
    let hash = ring::digest::digest(&ring::digest::SHA256, body.as_bytes());
    let told = [at.as_bytes(), b"\n", url.as_bytes(), b"\n", hash.as_ref()].concat();
    let signature = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_bytes()), &told);
    with(posted(url, body), &BASE64.encode(signature.as_ref()), at)
}

fn with(delivery: Delivery, signature: &str, at: &str) -> Delivery {
    let headers = vec![
        ("messagebird-signature".into(), signature.to_owned()),
        ("messagebird-request-timestamp".into(), at.to_owned()),
    ];
    Delivery { headers, ..delivery }
}

fn event(name: &str, payload: Value) -> Delivery {
    let body = json!({ "service": "channels", "event": name, "payload": payload }).to_string();
    signed_at("signing-key-2", HOOK, &body, &NOW.to_string())
}

fn kept(delivery: &Delivery) -> (String, String) {
    match Bird.verify(&settings(&[]), delivery) {
        Ok(Accepted::Keep { topic, key }) => (topic, key),
        other => panic!("{other:?}"),
    }
}

fn read(delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
    Bird.read(&settings(&[]), &kept(delivery).0, delivery)
}

fn receipt_of(payload: Value) -> Receipt {
    let GatewayEvent::Receipt(receipt) = read(&event("sms.outbound", payload)).unwrap().remove(0) else {
        panic!("no receipt")
    };
    receipt
}

#[test]
fn a_text_becomes_one_request() {
    let request = stage::sent(&Bird, &settings(&[]), &stage::outgoing("Your lamp"));
    let url = "https://api.bird.com/workspaces/0a1b2c3d-0000-4000-8000-000000000001/channels/0a1b2c3d-0000-4000-8000-000000000002/messages";
    assert_eq!((request.url.as_str(), request.private), (url, false));
    assert!(request.headers.contains(&("authorization".into(), "AccessKey key-1".into())));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let expected = json!({
        "receiver": { "contacts": [{ "identifierKey": "phonenumber", "identifierValue": "+12125550101" }] },
        "body": { "type": "text", "text": { "text": "Your lamp" } },
        "reference": REFERENCE,
    });
    assert_eq!(body, expected);
    let stand_in = stage::sent(&Bird, &settings(&[("api_base", "http://127.0.0.1:9/")]), &stage::outgoing("x"));
    assert!(stand_in.url.starts_with("http://127.0.0.1:9/workspaces/") && stand_in.private);
}

#[test]
fn the_channel_is_the_sender() {
    assert_eq!((Bird.sender_name(&settings(&[])), Bird.hears_replies(&settings(&[]))), (None, true));
    let named = settings(&[("sender_name", "Lumen & Oak")]);
    assert_eq!((Bird.sender_name(&named).as_deref(), Bird.hears_replies(&named)), (Some("Lumen & Oak"), false));
    for wrong in ["ws_0123", "a/b", "", "?"] {
        assert!(check_id(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn answers() {
    use RefusalClass::{Account, OptedOut, Other};
    #[track_caller]
    fn check(status: u16, body: &str, expected: SendOutcome) {
        assert_eq!(Bird.outcome(&settings(&[]), &answered(status, body)), expected, "{status} {body}");
    }
    let refused = |class, code: &str| SendOutcome::Refused { class, code: code.into() };
    let unknown = |why: &str| SendOutcome::Unknown { why: why.into() };
    let accepted = SendOutcome::Accepted { reference: Some("b-1".into()), segments: None, cost: None };
    check(202, r#"{"id":"b-1","status":"accepted"}"#, accepted.clone());
    check(202, r#"{"id":"b-1"}"#, accepted);
    check(202, "{}", unknown("an answer that names no message"));
    check(202, "<html>", unknown("an answer that names no message"));
    check(202, r#"{"id":"b-1","status":"sending_failed"}"#, refused(Other, "sending_failed"));
    let stopped = r#"{"id":"b-1","status":"sending_failed","failure":{"code":15003,"source":{"name":"sms-messagebird","code":"103"}}}"#;
    check(202, stopped, refused(OptedOut, "103"));
    check(400, r#"{"code":"InvalidPayload","message":"+12125550101"}"#, refused(Other, "InvalidPayload"));
    check(422, r#"{"code":"+12125550101"}"#, refused(Other, "HTTP 422"));
    check(401, r#"{"code":"Unauthorized"}"#, refused(Account, "Unauthorized"));
    check(402, "", refused(Account, "HTTP 402"));
    check(404, "", refused(Account, "HTTP 404"));
    check(408, "", unknown("HTTP 408"));
    check(429, "", SendOutcome::Later { why: "too many requests".into(), after: None });
    check(500, r#"{"id":"b-1"}"#, unknown("HTTP 500"));
}

#[test]
fn a_signature_holds_for_its_time_address_and_body() {
    use Refusal::{NoKey, Unsigned, WrongSignature};
    let right = with(posted(HOOK, DELIVERED), SIGNATURE, &NOW.to_string());
    assert_eq!(kept(&right), ("receipt".into(), "b-1:delivered".into()));
    let told = |delivery: &Delivery| Bird.verify(&settings(&[]), delivery);
    assert_eq!(Bird.verify(&settings(&[("signing_key", "signing-key-2")]), &right), Err(WrongSignature));
    for keys in ["", ",", " , "] {
        let none = Settings::restored([("signing_key".to_owned(), keys.to_owned())].into());
        assert_eq!(Bird.verify(&none, &right), Err(NoKey));
    }
    assert!(told(&signed_at("signing-key-2", HOOK, DELIVERED, &NOW.to_string())).is_ok());
    assert_eq!(told(&signed_at("", HOOK, DELIVERED, &NOW.to_string())), Err(WrongSignature));

    assert_eq!(told(&posted(HOOK, DELIVERED)), Err(Unsigned));
    for name in ["messagebird-signature", "messagebird-request-timestamp"] {
        let mut delivery = right.clone();
        delivery.headers.retain(|(known, _)| known != name);
        assert_eq!(told(&delivery), Err(Unsigned), "without {name}");
        let mut delivery = right.clone();
        let again = delivery.headers.iter().find(|(known, _)| known == name).cloned();
        delivery.headers.extend(again);
        assert_eq!(told(&delivery), Err(Unsigned), "{name} twice");
    }
    for wrong in [&SIGNATURE[..40], "", "AAAA", "not base64", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="] {
        assert_eq!(told(&with(right.clone(), wrong, &NOW.to_string())), Err(WrongSignature), "{wrong}");
    }
    let altered = DELIVERED.replace("b-1", "b-2");
    assert_eq!(told(&with(posted(HOOK, &altered), SIGNATURE, &NOW.to_string())), Err(WrongSignature));
    let elsewhere = posted("https://shop.example.com/hook/sms/other", DELIVERED);
    assert_eq!(told(&with(elsewhere, SIGNATURE, &NOW.to_string())), Err(WrongSignature));
    assert_eq!(told(&with(right.clone(), SIGNATURE, &(NOW + 1).to_string())), Err(WrongSignature));
    assert_eq!(told(&signed_at("signing-key-1", HOOK, DELIVERED, "noon")), Err(WrongSignature));
}

#[test]
fn what_is_repeated_keeps_its_time_for_a_day() {
    let at = |away: i64| {
        let delivery = signed_at("signing-key-1", HOOK, DELIVERED, &NOW.to_string());
        Bird.verify(&settings(&[]), &Delivery { received_at: Time::from_seconds(NOW + away), ..delivery })
    };
    for away in [-300, 0, 301, 8 * 3600, 86_700] {
        assert!(at(away).is_ok(), "{away}");
    }
    for away in [-301, 86_701] {
        assert_eq!(at(away), Err(Refusal::WrongTime(away)));
    }
}

#[test]
fn events_are_told_apart() {
    assert_eq!(kept(&event("sms.inbound", json!({ "id": "b-2", "status": "delivered" }))).1, "b-2:reply");
    assert_eq!(kept(&event("sms.interaction", json!({ "id": "b-2" }))).0, "other");
    assert_eq!(kept(&event("sms.outbound", json!("b-2"))).0, "other");
    assert_eq!(read(&event("whatsapp.outbound", json!({ "id": "b-2" }))), Ok(vec![]));
    let nothing = signed_at("signing-key-1", HOOK, "", &NOW.to_string());
    assert_eq!(kept(&nothing), ("other".into(), wire::fingerprint(&nothing)));
}

#[test]
fn receipts() {
    use ReceiptStatus::{Accepted, Delivered, Rejected, Undelivered, Unknown};
    use RefusalClass::{Number, OptedOut};
    #[track_caller]
    fn check(word: &str, failure: Value, status: ReceiptStatus, code: Option<&str>, class: Option<RefusalClass>) {
        let told = receipt_of(json!({ "id": "b-1", "reference": REFERENCE, "status": word, "failure": failure }));
        assert_eq!((told.status, told.code.as_deref(), told.class), (status, code, class), "{word} {failure}");
        assert_eq!((told.reference, told.gateway_ref.as_deref()), (Some(REFERENCE.parse().unwrap()), Some("b-1")));
    }
    let failure = |source: &str, code: Value| json!({ "code": 15005, "source": { "name": source, "code": code } });
    for word in ["accepted", "scheduled", "processing", "sent"] {
        check(word, Value::Null, Accepted, None, None);
    }
    check("delivered", failure("sms-messagebird", json!("0")), Delivered, None, None);
    check("delivery_failed", failure("sms-messagebird", json!("1")), Undelivered, Some("1"), Some(Number));
    check("delivery_failed", failure("sms-messagebird", json!(103)), Undelivered, Some("103"), Some(OptedOut));
    check("delivery_failed", failure("sms-messagebird", json!("34")), Undelivered, Some("34"), None);
    check("sending_failed", failure("accounting", json!("103")), Rejected, Some("15005"), None);
    check("delivery_failed", Value::Null, Undelivered, Some("delivery_failed"), None);
    check("painted", Value::Null, Unknown, Some("painted"), None);
    check("painted", failure("sms-messagebird", json!("1")), Unknown, Some("painted"), None);
    assert_eq!(receipt_of(json!({ "id": 7, "status": "delivered" })).gateway_ref.as_deref(), Some("7"));
    assert!(read(&event("sms.outbound", json!({ "status": "delivered" }))).is_err());
}

#[test]
fn replies() {
    let payload = json!({
        "id": "b-2",
        "status": "delivered",
        "sender": { "contact": { "identifierKey": "phonenumber", "identifierValue": "12125550101" } },
        "receiver": { "connector": { "identifierValue": "+12125550100" } },
        "body": { "type": "text", "text": { "text": "Stop" } },
    });
    let GatewayEvent::Reply(reply) = read(&event("sms.inbound", payload)).unwrap().remove(0) else {
        panic!("no reply")
    };
    assert_eq!((reply.from.as_str(), reply.to.as_str(), reply.text.as_str()), ("+12125550101", "+12125550100", "Stop"));
    assert_eq!((reply.gateway_ref.as_str(), reply.answered), ("b-2", false));
    assert!(read(&event("sms.inbound", json!({ "id": "b-2" }))).is_err());
}

#[test]
fn a_text_is_looked_for_by_its_number_and_known_by_our_reference() {
    let sms = stage::outgoing("Your lamp");
    let request = Bird.look_up(&settings(&[]), &sms).unwrap();
    assert!(
        request
            .url
            .ends_with("/channels/0a1b2c3d-0000-4000-8000-000000000002/messages?phonenumber=%2B12125550101&limit=50")
    );
    assert!(request.headers.contains(&("authorization".into(), "AccessKey key-1".into())));
    let looked = |status, body: Value| Bird.looked_up(&sms, &sms.reference, &answered(status, &body.to_string()));
    let list = json!({ "results": [
        { "id": "b-0", "reference": "7.msg_0000000000008", "status": "delivered" },
        { "id": "b-1", "reference": REFERENCE, "status": "sent" },
    ]});
    let LookUp::Found(found) = looked(200, list.clone()) else { panic!("not found") };
    let GatewayEvent::Receipt(receipt) = *found else { panic!("no receipt") };
    assert_eq!((receipt.status, receipt.gateway_ref.as_deref()), (ReceiptStatus::Accepted, Some("b-1")));
    assert_eq!(receipt.reference, Some(sms.reference));
    assert_eq!(looked(500, list), LookUp::Unclear);
    for body in [json!({ "results": [] }), json!({ "results": [{ "reference": REFERENCE }] }), json!({}), json!([])] {
        assert_eq!(looked(200, body.clone()), LookUp::Unclear, "{body}");
    }
}
