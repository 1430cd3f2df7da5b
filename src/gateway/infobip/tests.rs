//! Infobip: requests as the API takes them, answers and callbacks as it gives them.

use std::time::Duration;

use proptest::prelude::*;

use super::{
    super::stage::{self, CALLBACK, HOOK, REFERENCE, answered},
    *,
};
use crate::domain::time::Time;

const OTHER: &str = "7.msg_000000000000a";

fn given(extra: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    let base = [("api_base", "q1w2e3.api.infobip.com"), ("api_key", "hush"), ("sender", "+12125550100")];
    stage::given(&SPEC, &base, extra)
}

fn outgoing() -> Outgoing {
    stage::outgoing("Your cart: https://go.example.com/r/abc")
}

fn sent(settings: &Settings, sms: &Outgoing) -> (Request, Value) {
    let request = stage::sent(&Infobip, settings, sms);
    let body = serde_json::from_slice(&request.body).unwrap();
    (request, body)
}

#[test]
fn a_text_becomes_one_request() {
    let (request, body) = sent(&given(&[]).unwrap(), &outgoing());
    assert_eq!(request.url, "https://q1w2e3.api.infobip.com/sms/3/messages");
    assert!(request.headers.contains(&("authorization".into(), "App hush".into())));
    assert!(!request.private);
    let expected = json!({"messages": [{
        "sender": "12125550100",
        "destinations": [{"to": "12125550101", "messageId": REFERENCE}],
        "content": {"text": "Your cart: https://go.example.com/r/abc"},
        "options": {"validityPeriod": {"amount": 1800, "timeUnit": "SECONDS"}},
        "webhooks": {"contentType": "application/json", "callbackData": REFERENCE, "delivery": {"url": CALLBACK}},
    }]});
    assert_eq!(body, expected);
}

#[test]
fn stand_ins_and_bounds() {
    let settings = given(&[("api_base", "http://127.0.0.1:9/x/"), ("sender", "CornerShop")]).unwrap();
    let sms = Outgoing { valid_for: Duration::from_secs(900_000), callback_url: None, ..outgoing() };
    let (request, body) = sent(&settings, &sms);
    assert_eq!(request.url, "http://127.0.0.1:9/x/sms/3/messages");
    assert!(request.private);
    assert_eq!(body["messages"][0]["options"]["validityPeriod"]["amount"].to_string(), "172800");
    assert_eq!(body["messages"][0]["webhooks"].get("delivery"), None);
    assert_eq!(Infobip.sender_name(&settings).as_deref(), Some("CornerShop"));
    assert_eq!(Infobip.sender_name(&given(&[]).unwrap()), None);
    let posing = given(&[("api_base", "https://api.infobip.com.example.net")]).unwrap();
    assert!(sent(&posing, &sms).0.private);
}

#[test]
fn settings() {
    for good in ["+12125550100", "12125550100", "38383", "CornerShop", "Shop & Co", "+12125550100, CornerShop"] {
        assert!(given(&[("sender", good)]).is_ok(), "{good}");
    }
    for bad in ["12", "A name too long", "Café", "++12125550100", "CornerShop,"] {
        assert!(given(&[("sender", bad)]).is_err(), "{bad}");
    }
    assert!(given(&[("api_base", "https://q1w2e3.api.infobip.com/")]).is_ok());
    assert!(given(&[("api_base", "me:you@q1w2e3.api.infobip.com")]).is_err());
    assert!(given(&[("api_base", "q1w2e3")]).is_err());
    assert!(given(&[("api_base", "")]).is_err(), "every account has its own address");
}

fn status(group: &str, id: u32, name: &str) -> String {
    format!(
        r#""status":{{"groupId":1,"groupName":"{group}","id":{id},"name":"{name}","description":"words 12125550101"}}"#
    )
}

#[test]
fn outcomes() {
    use RefusalClass::*;
    #[track_caller]
    fn check(status: u16, body: &str, expected: SendOutcome) {
        assert_eq!(Infobip.outcome(&Settings::default(), &answered(status, body)), expected, "{status} {body}");
    }
    let accepted = |segments| SendOutcome::Accepted { reference: Some(REFERENCE.into()), segments, cost: None };
    let refused = |class, code: &str| SendOutcome::Refused { class, code: code.into() };
    let unknown = |why: &str| SendOutcome::Unknown { why: why.into() };
    let made = |status: String, rest: &str| format!(r#"{{"messages":[{{"messageId":"{REFERENCE}",{status}{rest}}}]}}"#);
    let two = r#","details":{"messageCount":2}"#;
    check(200, &made(status("PENDING", 26, "PENDING_ACCEPTED"), two), accepted(Some(2)));
    check(200, &made(status("PENDING", 7, "PENDING_ENROUTE"), ""), accepted(None));
    check(200, &made(status("DELIVERED", 2, "DELIVERED_TO_OPERATOR"), ""), accepted(None));
    for (id, class) in [
        (6, Other),
        (8, Number),
        (10, OptedOut),
        (11, Account),
        (12, Account),
        (14, OptedOut),
        (17, Other),
        (19, Account),
        (20, Content),
        (21, Other),
        (24, Other),
        (51, Number),
        (52, Number),
        (999, Other),
    ] {
        let body = made(status("REJECTED", id, "REJECTED_IT"), "");
        check(200, &body, refused(class, "REJECTED_IT"));
    }
    let spoken = made(status("REJECTED", 12, "no credit for 12125550101"), "");
    check(200, &spoken, refused(Account, "12"));
    check(
        200,
        &made(status("REJECTED", 23, "REJECTED_DUPLICATE_MESSAGE_ID"), ""),
        unknown("this text was handed over before"),
    );
    check(200, &made(status("BEAMED", 900, "BEAMED_UP"), ""), unknown("an answer with a state we do not know"));
    check(
        200,
        &format!(r#"{{"messages":[{{"{}}}]}}"#, &status("PENDING", 26, "X")[1..]),
        unknown("an answer that names no message"),
    );
    check(200, r#"{"messages":[]}"#, unknown("an answer that names no message"));
    check(200, "<html>", unknown("an answer that names no message"));
    check(400, r#"{"errorCode":"E400","description":"words"}"#, refused(Other, "HTTP 400"));
    for status in [401, 402, 403, 404] {
        check(status, "", refused(Account, &format!("HTTP {status}")));
    }
    check(429, "", SendOutcome::Later { why: "too many requests".into(), after: None });
    check(408, "", unknown("HTTP 408"));
    check(500, "", unknown("HTTP 500"));
    check(503, &made(status("REJECTED", 12, "REJECTED_IT"), ""), unknown("HTTP 503"));
}

fn called(url: &str, results: &[String]) -> Delivery {
    Delivery {
        method: "POST".into(),
        url: url.into(),
        headers: vec![("content-type".into(), "application/json".into())],
        body: format!(r#"{{"results":[{}]}}"#, results.join(",")).into_bytes(),
        received_at: Time::from_seconds(1_790_259_300),
    }
}

fn read(delivery: &Delivery) -> (String, Result<Vec<GatewayEvent>, Unreadable>) {
    let settings = given(&[]).unwrap();
    match Infobip.verify(&settings, delivery).unwrap() {
        Accepted::Keep { topic, key } => (key, Infobip.read(&settings, &topic, delivery)),
        Accepted::Ping | Accepted::Greeting(_) => panic!("Infobip greets nobody"),
    }
}

fn only(events: Result<Vec<GatewayEvent>, Unreadable>) -> Receipt {
    match events.unwrap().pop() {
        Some(GatewayEvent::Receipt(receipt)) => receipt,
        other => panic!("{other:?}"),
    }
}

fn report(id: &str, status: String, rest: &str) -> String {
    format!(r#"{{"messageId":"{id}","to":"12125550101",{status}{rest}}}"#)
}

#[test]
fn receipts() {
    use ReceiptStatus::*;
    type Expected<'a> = (ReceiptStatus, Option<&'a str>, Option<RefusalClass>);
    #[track_caller]
    fn check(group: &str, id: u32, error: &str, expected: Expected) {
        let error = format!(r#","error":{{"id":1,"name":"{error}","permanent":true}}"#);
        let (key, events) = read(&called(CALLBACK, &[report(REFERENCE, status(group, id, "STATE"), &error)]));
        let receipt = only(events);
        assert_eq!(key, format!("{REFERENCE}:{id}"));
        assert_eq!((receipt.status, receipt.code.as_deref(), receipt.class), expected, "{group} {id}");
        assert_eq!(receipt.reference, REFERENCE.parse().ok());
        assert_eq!(receipt.gateway_ref.as_deref(), Some(REFERENCE));
    }
    check("PENDING", 3, "NO_ERROR", (Accepted, None, None));
    check("ACCEPTED", 26, "NO_ERROR", (Accepted, None, None));
    check("DELIVERED", 2, "NO_ERROR", (Accepted, None, None));
    check("DELIVERED", 5, "NO_ERROR", (Delivered, None, None));
    check("delivered", 5, "NO_ERROR", (Delivered, None, None));
    check("UNDELIVERABLE", 4, "NO_ERROR", (Undelivered, Some("STATE"), Some(RefusalClass::Content)));
    check("UNDELIVERABLE", 9, "EC_ABSENT", (Undelivered, Some("EC_ABSENT"), None));
    check("EXPIRED", 15, "NO_ERROR", (Expired, Some("STATE"), None));
    check("EXPIRED", 29, "NO_ERROR", (Expired, Some("STATE"), None));
    check("REJECTED", 14, "NO_ERROR", (Rejected, Some("STATE"), Some(RefusalClass::OptedOut)));
    check("REJECTED", 12, "NO_ERROR", (Rejected, Some("STATE"), Some(RefusalClass::Account)));
    check("REJECTED", 23, "NO_ERROR", (Unknown, Some("STATE"), None));
    check("BEAMED", 900, "NO_ERROR", (Unknown, Some("STATE"), None));
}

#[test]
fn prices() {
    #[track_caller]
    fn check(rest: &str, micros: Option<i64>, segments: Option<u32>) {
        let receipt = only(read(&called(CALLBACK, &[report(REFERENCE, status("DELIVERED", 5, "D"), rest)])).1);
        assert_eq!((receipt.cost.map(|cost| cost.micros), receipt.segments), (micros, segments), "{rest}");
    }
    check(r#","messageCount":2,"price":{"pricePerMessage":0.0079,"currency":"EUR"}"#, Some(15_800), Some(2));
    check(r#","messageCount":"1","price":{"pricePerMessage":"-0.01","currency":"EUR"}"#, Some(10_000), Some(1));
    check(r#","price":{"pricePerMessage":0.0,"currency":"USD"}"#, Some(0), None);
    check(r#","messageCount":0,"price":{"pricePerMessage":0.01,"currency":"bananas"}"#, None, None);
    check(r#","price":{"pricePerMessage":null,"currency":null}"#, None, None);
}

#[test]
fn a_list_of_receipts_is_read_one_by_one() {
    let told = format!(r#","callbackData":"{OTHER}""#);
    let list = [
        report(REFERENCE, status("DELIVERED", 5, "D"), ""),
        "7".into(),
        format!("{{{}}}", status("DELIVERED", 5, "D")),
        report("9", status("EXPIRED", 15, "E"), &told),
        report("10", status("EXPIRED", 15, "E"), ""),
    ];
    let delivery = called(CALLBACK, &list);
    let (key, events) = read(&delivery);
    assert_eq!(key, wire::fingerprint(&delivery));
    let named: Vec<_> = events
        .unwrap()
        .into_iter()
        .map(|event| match event {
            GatewayEvent::Receipt(receipt) => (receipt.reference, receipt.gateway_ref.unwrap()),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected: [(Option<MessageRef>, String); 3] =
        [(REFERENCE.parse().ok(), REFERENCE.into()), (OTHER.parse().ok(), "9".into()), (None, "10".into())];
    assert_eq!(named, expected);
}

#[test]
fn a_receipt_that_names_no_message() {
    let nameless = format!("{{{}}}", status("DELIVERED", 5, "D"));
    assert!(read(&called(HOOK, std::slice::from_ref(&nameless))).1.is_err());
    assert_eq!(only(read(&called(CALLBACK, &[nameless])).1).reference, REFERENCE.parse().ok());
    assert!(
        Infobip
            .read(&Settings::default(), "receipt", &Delivery { body: b"<x/>".to_vec(), ..called(HOOK, &[]) })
            .is_err()
    );
}

#[test]
fn replies() {
    let inbound = |id: &str| {
        let words =
            r#""from":"12125550101","to":"12125550100","text":"SHOP Stop. ","cleanText":"Stop.","keyword":"SHOP""#;
        format!(r#"{{"messageId":"{id}",{words},"smsCount":1,"price":{{"pricePerMessage":0,"currency":"EUR"}}}}"#)
    };
    let reply = |id: &str| {
        GatewayEvent::Reply(Reply {
            from: "+12125550101".into(),
            to: "+12125550100".into(),
            text: "SHOP Stop. ".into(),
            gateway_ref: id.into(),
            answered: false,
        })
    };
    let (key, events) = read(&called(HOOK, &[inbound("817790313235066447")]));
    assert_eq!(key, "817790313235066447:reply");
    assert_eq!(events, Ok(vec![reply("817790313235066447")]));
    assert_eq!(read(&called(HOOK, &[inbound("1"), inbound("2")])).1, Ok(vec![reply("1"), reply("2")]));
    assert_eq!(read(&called(HOOK, &[r#"{"hello":1}"#.into()])).1, Ok(Vec::new()));
    assert_eq!(read(&called(HOOK, &[])).1, Ok(Vec::new()));
    let nobody = called(HOOK, &[r#"{"from":"","text":"x"}"#.into()]);
    assert!(read(&nobody).1.is_err());
}

#[test]
fn the_look_up_asks_by_our_own_id() {
    let request = Infobip.look_up(&given(&[]).unwrap(), &outgoing()).unwrap();
    assert_eq!(request.url, format!("https://q1w2e3.api.infobip.com/sms/3/logs?messageId={REFERENCE}"));
    assert!(request.headers.contains(&("authorization".into(), "App hush".into())));
}

#[test]
fn what_the_look_up_finds() {
    let look = |status: u16, body: &str| Infobip.looked_up(&outgoing(), &outgoing().reference, &answered(status, body));
    let line = |id: &str, state: u32, group: &str| report(id, status(group, state, "STATE"), "");
    let list = |lines: &[String]| format!(r#"{{"results":[{}]}}"#, lines.join(","));
    let found = |look_up: LookUp| match look_up {
        LookUp::Found(event) => match *event {
            GatewayEvent::Receipt(receipt) => (receipt.reference.unwrap().to_string(), receipt.status),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let ours = (REFERENCE.to_owned(), ReceiptStatus::Delivered);
    assert_eq!(found(look(200, &list(&[line(REFERENCE, 5, "DELIVERED")]))), ours);
    let repeated = [line(REFERENCE, 23, "REJECTED"), line(REFERENCE, 5, "DELIVERED")];
    assert_eq!(found(look(200, &list(&repeated))), ours, "the repetition was rejected, the text was not");

    assert_eq!(look(200, &list(&[])), LookUp::Absent);
    assert_eq!(look(200, &list(&[line(REFERENCE, 23, "REJECTED")])), LookUp::Unclear);
    assert_eq!(look(200, &list(&[line(OTHER, 5, "DELIVERED")])), LookUp::Unclear);
    for (status, body) in [(500, r#"{"results":[]}"#), (401, r#"{"results":[]}"#), (200, "{}"), (200, "<html>")] {
        assert_eq!(look(status, body), LookUp::Unclear, "{status} {body}");
    }
}

proptest! {
    #[test]
    fn bytes_never_panic(json in "[\\[\\]{}\",:0-9a-z]*", status in 100u16..600) {
        for body in [format!(r#"{{"results":[{json}]}}"#), format!(r#"{{"messages":[{{"status":{json}}}]}}"#), json] {
            let delivery = Delivery { body: body.clone().into_bytes(), ..called(CALLBACK, &[]) };
            for topic in ["receipt", "reply", "other"] {
                let _ = Infobip.read(&Settings::default(), topic, &delivery);
            }
            let _ = Infobip.verify(&Settings::default(), &delivery);
            let _ = Infobip.outcome(&Settings::default(), &answered(status, &body));
            let _ = Infobip.looked_up(&outgoing(), &outgoing().reference, &answered(status, &body));
        }
    }
}

#[test]
fn what_is_left_on_the_account() {
    let request = Infobip.ask_balance(&given(&[]).unwrap()).unwrap();
    assert_eq!((request.url.as_str(), request.private), ("https://q1w2e3.api.infobip.com/account/1/balance", false));
    assert_eq!(request.method, crate::http::Method::Get);
    assert!(request.headers.contains(&("authorization".into(), "App hush".into())));

    #[track_caller]
    fn check(status: u16, body: &str, expected: Option<(i64, &str)>) {
        let told = Infobip.balance(&Settings::default(), &answered(status, body));
        assert_eq!(told.as_ref().map(|told| (told.micros, told.currency.code())), expected, "{status} {body}");
    }
    check(200, r#"{"balance":47.79134,"currency":"EUR"}"#, Some((47_791_340, "EUR")));
    check(200, r#"{"balance":"-3","currency":"usd"}"#, Some((-3_000_000, "USD")));
    check(200, r#"{"balance":47.79134}"#, None);
    check(200, r#"{"balance":null,"currency":"EUR"}"#, None);
    check(403, r#"{"balance":47.79134,"currency":"EUR"}"#, None);
}
