//! TextMagic: requests as the API takes them, answers and callbacks as it gives them.

use super::{
    super::stage::{self, HOOK, REFERENCE, answered, posted},
    *,
};
use crate::domain::message::{RefusalClass, Reply};

fn given(extra: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    let base = [("username", "corner"), ("api_key", "hush"), ("sender", "+12125550100")];
    stage::given(&SPEC, &base, extra)
}

fn outgoing() -> Outgoing {
    stage::outgoing("Your cart & you")
}

fn sent(settings: &Settings) -> Request {
    stage::sent(&TextMagic, settings, &outgoing())
}

fn read(delivery: &Delivery) -> (String, String, Result<Vec<GatewayEvent>, Unreadable>) {
    let settings = given(&[]).unwrap();
    match TextMagic.verify(&settings, delivery).unwrap() {
        Accepted::Keep { topic, key } => {
            let events = TextMagic.read(&settings, &topic, delivery);
            (topic, key, events)
        }
        Accepted::Ping | Accepted::Greeting(_) => panic!("TextMagic greets nobody"),
    }
}

fn receipt_of(status: ReceiptStatus, code: Option<&str>, segments: Option<u32>) -> GatewayEvent {
    GatewayEvent::Receipt(Receipt {
        reference: REFERENCE.parse().ok(),
        gateway_ref: Some("4711".into()),
        status,
        code: code.map(str::to_owned),
        class: None,
        cost: None,
        segments,
    })
}

#[test]
fn a_text_becomes_one_request() {
    let request = sent(&given(&[]).unwrap());
    assert_eq!(request.url, "https://rest.textmagic.com/api/v2/messages");
    assert!(request.headers.contains(&("x-tm-username".into(), "corner".into())));
    assert!(request.headers.contains(&("x-tm-key".into(), "hush".into())));
    assert!(!request.private);
    assert_eq!(
        String::from_utf8(request.body).unwrap(),
        "text=Your+cart+%26+you&phones=12125550101&from=12125550100&referenceId=7.msg_0000000000009&partsCount=6\
         &cutExtra=0"
    );
}

#[test]
fn stand_ins_and_senders() {
    let settings = given(&[("api_base", "http://127.0.0.1:9/"), ("sender", "Corner Shop")]).unwrap();
    let request = sent(&settings);
    assert_eq!(request.url, "http://127.0.0.1:9/api/v2/messages");
    assert!(request.private);
    assert!(String::from_utf8(request.body).unwrap().contains("&from=Corner+Shop&"));
    assert_eq!(TextMagic.sender_name(&settings).as_deref(), Some("Corner Shop"));
    assert_eq!(TextMagic.sender_name(&given(&[]).unwrap()), None);
    for good in ["12125550100", "38383", "CornerShop, +12125550100"] {
        assert!(given(&[("sender", good)]).is_ok(), "{good}");
    }
    for bad in ["+1", "A name too long", "Café", "+12 125 550100"] {
        assert!(given(&[("sender", bad)]).is_err(), "{bad}");
    }
}

#[test]
fn outcomes() {
    use RefusalClass::*;
    #[track_caller]
    fn check(status: u16, body: &str, expected: SendOutcome) {
        assert_eq!(TextMagic.outcome(&Settings::default(), &answered(status, body)), expected, "{status} {body}");
    }
    let accepted = |id: &str| SendOutcome::Accepted { reference: Some(id.into()), segments: None, cost: None };
    let refused = |class, code: &str| SendOutcome::Refused { class, code: code.into() };
    let unknown = |why: &str| SendOutcome::Unknown { why: why.into() };
    let nameless = || unknown("an answer that names no message");
    check(201, r#"{"id":31,"href":"/","type":"session","sessionId":31,"messageId":4711}"#, accepted("4711"));
    check(201, r#"{"id":31,"type":"session","messageId":"4711"}"#, accepted("4711"));
    check(200, r#"{"id":4711,"type":"message","messageId":null}"#, accepted("4711"));
    check(201, r#"{"id":31,"type":"session","sessionId":31,"messageId":null}"#, nameless());
    check(201, r#"{"id":0,"type":"message","messageId":0}"#, nameless());
    check(201, "<html>", nameless());
    check(200, "[]", nameless());
    let errors = |fields: &str| {
        format!(r#"{{"code":400,"message":"of +12125550101","errors":{{"common":[],"fields":{{{fields}}}}}}}"#)
    };
    check(400, &errors(""), refused(Other, "HTTP 400"));
    check(400, &errors(r#""phones":["+12125550101 is bad"]"#), refused(Other, "HTTP 400 phones"));
    check(400, &errors(r#""+12125550101":["is bad"]"#), refused(Other, "HTTP 400"));
    check(401, r#"{"code":401,"message":"Invalid credentials"}"#, refused(Account, "HTTP 401"));
    check(402, "", refused(Account, "HTTP 402"));
    check(403, "", refused(Account, "HTTP 403"));
    check(404, "", refused(Account, "HTTP 404"));
    check(409, "", refused(Other, "HTTP 409"));
    check(429, "", SendOutcome::Later { why: "too many requests".into(), after: None });
    check(408, "", unknown("HTTP 408"));
    check(302, "", unknown("HTTP 302"));
    check(500, r#"{"id":4711,"type":"message","messageId":4711}"#, unknown("HTTP 500"));
}

#[test]
fn receipts() {
    use ReceiptStatus::*;
    #[track_caller]
    fn check(letter: &str, status: ReceiptStatus, code: Option<&str>) {
        let form = format!("id=4711&status={letter}&referenceId={REFERENCE}&sender=12125550100&text=Hello");
        let (topic, key, events) = read(&posted(HOOK, &form));
        assert_eq!((topic.as_str(), key), ("receipt", format!("4711:{letter}")));
        assert_eq!(events, Ok(vec![receipt_of(status, code, None)]), "{letter}");
    }
    for letter in ["q", "s", "r", "a", "b"] {
        check(letter, Accepted, None);
    }
    check("d", Delivered, None);
    check("f", Undelivered, Some("f"));
    check("e", Rejected, Some("e"));
    check("j", Rejected, Some("j"));
    check("u", Unknown, Some("u"));
    check("beamed", Unknown, Some("beamed"));
}

#[test]
fn a_receipt_is_found_by_either_name_and_in_either_form() {
    let json = format!(r#"{{"id":4711,"status":"d","referenceId":"{REFERENCE}","partsCount":2,"price":0.04}}"#);
    let found = receipt_of(ReceiptStatus::Delivered, None, Some(2));
    assert_eq!(read(&posted(HOOK, &json)).2, Ok(vec![found]));
    let by_url = read(&posted(&format!("{HOOK}?ref={REFERENCE}"), "id=4711&status=d")).2;
    assert_eq!(by_url, Ok(vec![receipt_of(ReceiptStatus::Delivered, None, None)]));
    assert!(read(&posted(HOOK, "id=4711&status=d&referenceId=theirs")).2.is_ok());
    assert!(read(&posted(HOOK, "status=d&referenceId=theirs")).2.is_err());
    assert_eq!(read(&posted(HOOK, "")).2, Ok(vec![]));
}

#[test]
fn replies() {
    let form = "id=1782&sender=12125550101&receiver=12125550100&messageTime=2026-09-24T14%3A20%3A00%2B0000&text=Stop.+";
    let json = r#"{"id":1782,"sender":"12125550101","receiver":"12125550100","text":"Stop. "}"#;
    for body in [form, json] {
        let (topic, key, events) = read(&posted(HOOK, body));
        assert_eq!((topic.as_str(), key.as_str()), ("reply", "1782:reply"));
        let reply = Reply {
            from: "+12125550101".into(),
            to: "+12125550100".into(),
            text: "Stop. ".into(),
            gateway_ref: "1782".into(),
            answered: false,
        };
        assert_eq!(events, Ok(vec![GatewayEvent::Reply(reply)]), "{body}");
    }
    assert!(read(&posted(HOOK, "sender=&text=Hello")).2.is_err());
}

#[test]
fn what_the_list_shows() {
    let request = TextMagic.look_up(&given(&[]).unwrap(), &outgoing()).unwrap();
    let url = "https://rest.textmagic.com/api/v2/messages?referenceId=7.msg_0000000000009&limit=100";
    assert_eq!(request.url, url);
    assert!(request.headers.contains(&("x-tm-key".into(), "hush".into())));
    let sms = outgoing();
    let seen = |status, body: &str| TextMagic.looked_up(&sms, &sms.reference, &answered(status, body));
    let list = |row: &str| format!(r#"{{"page":1,"limit":100,"pageCount":1,"resources":[{row}]}}"#);
    let row = |receiver: &str, words: &str, time: &str| {
        format!(
            r#"{{"id":4711,"receiver":"{receiver}","text":"{words}","status":"d","partsCount":1,"messageTime":"{time}"}}"#
        )
    };
    let found = || LookUp::Found(Box::new(receipt_of(ReceiptStatus::Delivered, None, Some(1))));
    let time = "2026-09-24T14:13:21+0000";
    assert_eq!(seen(200, &list(&row("12125550101", "Your cart & you", time))), found());
    let named = format!(r#"{{"id":4711,"referenceId":"{REFERENCE}","status":"d","partsCount":1}}"#);
    assert_eq!(seen(200, &list(&named)), found());
    assert_eq!(seen(200, &list("")), LookUp::Absent);
    for other in [
        row("12125550109", "Your cart & you", time),
        row("12125550101", "Another text", time),
        row("12125550101", "Your cart & you", "2026-09-24T14:00:00+0000"),
        row("12125550101", "Your cart & you", "yesterday"),
        named.replace(REFERENCE, "7.msg_0000000000008"),
    ] {
        assert_eq!(seen(200, &list(&other)), LookUp::Unclear, "{other}");
    }
    for (status, body) in [(200, "{}"), (200, ""), (401, &*list("")), (500, &*list("")), (200, "[]")] {
        assert_eq!(seen(status, body), LookUp::Unclear, "{status} {body}");
    }
}

#[test]
fn a_settled_text_is_asked_what_it_cost_once_its_currency_is_known() {
    let settings = given(&[("currency", "GBP")]).unwrap();
    let request = TextMagic.ask_price(&settings, "4711").unwrap();
    assert_eq!((request.url.as_str(), request.private), ("https://rest.textmagic.com/api/v2/messages/4711", false));
    assert_eq!(request.method, crate::http::Method::Get);
    assert!(request.headers.contains(&("x-tm-key".into(), "hush".into())));
    assert_eq!(TextMagic.ask_price(&given(&[]).unwrap(), "4711"), None);
    assert!(given(&[("currency", "pearls")]).is_err());
    for odd in ["", ".", "..", "1/../2", "1?x", "1 2", "%2e"] {
        assert_eq!(TextMagic.ask_price(&settings, odd), None, "{odd}");
    }

    #[track_caller]
    fn check(body: &str, expected: Option<(i64, &str, Option<u32>)>) {
        let told = TextMagic.price(&given(&[("currency", "GBP")]).unwrap(), &answered(200, body));
        let told = told.as_ref().map(|told| (told.cost.micros, told.cost.currency.code(), told.segments));
        assert_eq!(told, expected, "{body}");
    }
    check(r#"{"id":4711,"status":"d","price":0.08,"partsCount":2}"#, Some((80_000, "GBP", Some(2))));
    check(r#"{"id":4711,"status":"d","price":"-0.04"}"#, Some((40_000, "GBP", None)));
    check(r#"{"id":4711,"status":"j","price":0}"#, Some((0, "GBP", None)));
    check(r#"{"id":4711,"status":"r","price":0.04}"#, Some((40_000, "GBP", None)));
    check(r#"{"id":4711,"status":"r","price":0}"#, None);
    check(r#"{"id":4711,"status":"d","price":null}"#, None);
    check(r#"{"id":4711,"status":"d"}"#, None);
    let full = answered(200, r#"{"id":4711,"status":"d","price":0.08}"#);
    assert_eq!(TextMagic.price(&given(&[]).unwrap(), &full), None);
    assert_eq!(TextMagic.price(&settings, &answered(404, &full.text())), None);
}

#[test]
fn what_is_left_on_the_account() {
    let request = TextMagic.ask_balance(&given(&[]).unwrap()).unwrap();
    assert_eq!((request.url.as_str(), request.private), ("https://rest.textmagic.com/api/v2/user", false));
    assert!(request.headers.contains(&("x-tm-username".into(), "corner".into())));

    #[track_caller]
    fn check(status: u16, body: &str, expected: Option<(i64, &str)>) {
        let told = TextMagic.balance(&given(&[]).unwrap(), &answered(status, body));
        assert_eq!(told.as_ref().map(|told| (told.micros, told.currency.code())), expected, "{status} {body}");
    }
    check(200, r#"{"id":1,"balance":208.64,"currency":{"id":"GBP","htmlSymbol":"£"}}"#, Some((208_640_000, "GBP")));
    check(200, r#"{"id":1,"balance":-1,"currency":{"id":"EUR"}}"#, Some((-1_000_000, "EUR")));
    check(200, r#"{"id":1,"balance":208.64,"currency":"GBP"}"#, None);
    check(200, r#"{"id":1,"balance":null,"currency":{"id":"GBP"}}"#, None);
    check(401, r#"{"id":1,"balance":208.64,"currency":{"id":"GBP"}}"#, None);
}
