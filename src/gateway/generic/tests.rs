//! Any HTTP gateway: templates, answers and callbacks as a form describes them.

use std::time::Duration;

use proptest::prelude::*;

use super::{
    super::stage::{self, CALLBACK, HOOK, outgoing},
    *,
};
use crate::domain::message::ReceiptStatus;

fn settings(given: &[(&str, &str)]) -> Settings {
    stage::given(&SPEC, &[("url", "https://sms.example.net/send")], given).unwrap()
}

fn sent(given: &[(&str, &str)], text: &str) -> Request {
    stage::sent(&Generic, &settings(given), &outgoing(text))
}

#[test]
fn a_get_has_all_in_its_address() {
    let url = "https://sms.example.net/{to_digits}/send?key={secret}&to={to}&t={text}&r={ref}&f={from}&dlr={callback}";
    let request = sent(
        &[("url", url), ("method", "get"), ("secret", "a&b"), ("sender", "Corner Shop"), ("body", "x={text}")],
        "50% off & {to} + é/#",
    );
    assert_eq!((request.method, request.private), (Method::Get, true));
    assert!(request.body.is_empty() && request.headers.is_empty());
    assert_eq!(
        request.url,
        "https://sms.example.net/12125550101/send?key=a%26b&to=%2B12125550101&t=50%25%20off%20%26%20%7Bto%7D%20%2B%20\
         %C3%A9%2F%23&r=7.msg_0000000000009&f=Corner%20Shop&dlr=https%3A%2F%2Fshop.example.com%2Fhook%2Fsms%2Fsecret\
         %3Fref%3D7.msg_0000000000009"
    );
}

#[test]
fn a_form_and_its_headers() {
    let given = [
        ("body", "to={to}&text={text}&from={from}"),
        ("headers", "Authorization: Bearer {secret}\nIdempotency-Key: {ref} | X-Empty:"),
        ("secret", "k3y"),
    ];
    let request = sent(&given, "a=b&c");
    assert_eq!(request.method, Method::Post);
    assert_eq!(String::from_utf8(request.body).unwrap(), "to=%2B12125550101&text=a%3Db%26c&from=");
    let headers: Vec<_> = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        headers,
        [
            ("content-type", "application/x-www-form-urlencoded"),
            ("Authorization", "Bearer k3y"),
            ("Idempotency-Key", "7.msg_0000000000009"),
            ("X-Empty", "")
        ]
    );
}

#[test]
fn json_bodies_stay_json() {
    let body = r#"{"messages": [{"to": "{to}", "number": {to_digits}, "text": "{text}"}], "url": "{callback}"}"#;
    let request = sent(&[("body", body)], "\"quoted\" \\ {to}\n😀");
    let read: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(at(&read, "messages.0.text").unwrap(), "\"quoted\" \\ {to}\n😀");
    assert_eq!(at(&read, "messages.0.to").unwrap(), "+12125550101");
    assert_eq!(at(&read, "messages.0.number").unwrap().to_string(), "12125550101");
    assert_eq!(at(&read, "url").unwrap(), CALLBACK);
    assert_eq!(request.headers, [("content-type".to_owned(), "application/json".to_owned())]);
}

#[test]
fn what_a_form_must_not_say() {
    #[track_caller]
    fn check(key: &str, good: &[&str], bad: &[&str]) {
        let field = SPEC.field(key).unwrap();
        good.iter().for_each(|value| assert_eq!((field.check)(value), Ok(()), "{value}"));
        bad.iter().for_each(|value| assert!((field.check)(value).is_err(), "{value}"));
    }
    check(
        "url",
        &["https://a.example/{to}?x={text}", "http://10.0.0.7:8080/send"],
        &[
            "",
            "{text}",
            "https://{text}/",
            "https://{to_digits}.example/",
            "https://a.example:{to_digits}/",
            "https://{from}@a.example/",
            "https://me:you@a.example/",
            "ftp://a.example/",
            "https://a.example/#{text}",
            "https://a.example/{number}",
        ],
    );
    check(
        "body",
        &["to={to}", r#"{"a": "{text}"}"#, r#"{"a": {}, "b": "{to}{from}"}"#, r#"["{to}", {to_digits}]"#],
        &["to={phone}", r#"{"a": {text}}"#, r#"{"a": {to}}"#, r#"{"a": "{text}""#],
    );
    check(
        "headers",
        &["A: b", "A: b\nC-D: e", "A: b | C: {secret}"],
        &[
            "A",
            ": b",
            "A b: c",
            "A: é",
            "A: {to}",
            "A: {key}",
            "Host: x",
            "content-type: y",
            "A: b\nTransfer-Encoding: chunked",
        ],
    );
    check("method", &["GET", "post"], &["PUT"]);
    check("sender", &["+12125550100, Shop"], &["", "a,,b"]);
}

#[test]
fn senders_and_who_hears_replies() {
    let named = settings(&[("sender", "+12125550100, Corner Shop"), ("reply_from", "from")]);
    assert_eq!(Generic.sender_name(&named).as_deref(), Some("Corner Shop"));
    assert!(!Generic.hears_replies(&named));
    assert!(Generic.hears_replies(&settings(&[("sender", "+12125550100"), ("reply_from", "from")])));
    assert!(!Generic.hears_replies(&settings(&[("sender", "+12125550100")])));
}

#[test]
fn outcomes() {
    use RefusalClass::*;
    #[track_caller]
    fn check(given: &[(&str, &str)], status: u16, body: &str, expected: SendOutcome) {
        let answer = Response { headers: vec![("retry-after".into(), "9".into())], ..stage::answered(status, body) };
        assert_eq!(Generic.outcome(&settings(given), &answer), expected, "{status} {body}");
    }
    let accepted =
        |id: Option<&str>| SendOutcome::Accepted { reference: id.map(str::to_owned), segments: None, cost: None };
    let unknown = |why: &str| SendOutcome::Unknown { why: why.into() };
    let refused = |class, code: &str| SendOutcome::Refused { class, code: code.into() };
    let nameless = || unknown("an answer that names no message");
    let id = &[("answer_id", "messages.0.id")];
    check(id, 200, r#"{"messages": [{"id": "m-1"}]}"#, accepted(Some("m-1")));
    check(id, 201, r#"{"messages": [{"id": 90071992547409931}]}"#, accepted(Some("90071992547409931")));
    check(id, 200, r#"{"messages": []}"#, nameless());
    check(id, 200, r#"{"messages": [{"id": null}]}"#, nameless());
    check(id, 200, r#"{"messages": [{"id": " "}]}"#, nameless());
    check(id, 200, "<html>", nameless());
    let words = &[("answer_text", "OK")];
    check(words, 200, "OK 17", accepted(None));
    check(words, 200, "ERR 17", unknown("an answer without the words of an accepted one"));
    let both = &[("answer_id", "id"), ("answer_text", "\"ok\"")];
    check(both, 200, r#"{"id": 5, "status": "ok"}"#, accepted(Some("5")));
    check(both, 200, r#"{"id": 5, "status": "no credit"}"#, unknown("an answer without the words of an accepted one"));
    check(both, 200, r#"{"status": "ok"}"#, nameless());
    check(&[], 200, "OK", unknown("no setting says what an accepted answer has"));
    check(words, 302, "OK", unknown("HTTP 302"));
    check(words, 400, "OK +12125550101", refused(Other, "HTTP 400"));
    check(words, 401, "OK", refused(Account, "HTTP 401"));
    check(words, 404, "OK", refused(Account, "HTTP 404"));
    check(words, 408, "OK", unknown("HTTP 408"));
    check(words, 422, "OK", refused(Other, "HTTP 422"));
    let later = || SendOutcome::Later { why: "too many requests".into(), after: Some(Duration::from_secs(9)) };
    check(words, 429, "OK", later());
    check(words, 500, "OK", unknown("HTTP 500"));
    // An error inside a 2xx, and codes of refusals.
    let error = &[("answer_id", "id"), ("answer_error", "error.code"), ("opted_out", "E21, stopped")];
    for none in ["null", "0", "\"\"", "\"000\"", "false", "[]", "{}"] {
        check(error, 200, &format!(r#"{{"id": 5, "error": {{"code": {none}}}}}"#), accepted(Some("5")));
    }
    check(error, 200, r#"{"id": 5}"#, accepted(Some("5")));
    check(error, 200, r#"{"id": 5, "error": {"code": "E7"}}"#, refused(Other, "E7"));
    check(error, 200, r#"{"error": {"code": 17}}"#, refused(Other, "17"));
    check(error, 200, r#"{"error": {"code": {"a": 1}}}"#, refused(Other, "error"));
    check(error, 200, r#"{"error": {"code": "e21"}}"#, refused(OptedOut, "e21"));
    check(error, 200, r#"{"error": {"code": "no such number"}}"#, refused(Other, "HTTP 200"));
    check(error, 400, r#"{"error": {"code": "stopped"}}"#, refused(OptedOut, "stopped"));
    check(error, 402, r#"{"error": {"code": "no_credit"}}"#, refused(Account, "no_credit"));
    check(error, 400, r#"{"error": {"code": "12125550101"}}"#, refused(Other, "HTTP 400"));
    check(error, 500, r#"{"error": {"code": "E7"}}"#, unknown("HTTP 500"));
    check(error, 429, r#"{"error": {"code": "E21"}}"#, later());
}

#[test]
fn a_user_and_a_password_are_encoded_once() {
    #[track_caller]
    fn check(secret: &str, expected: &str) {
        let request = sent(&[("headers", "Authorization: Basic {secret}"), ("secret", secret)], "Hi");
        assert_eq!(request.headers.last(), Some(&("Authorization".into(), expected.to_owned())));
    }
    check("me:you", "Basic bWU6eW91");
    check("bWU6eW91", "Basic bWU6eW91");
}

fn called(query: &str, body: &str) -> Delivery {
    let method = if body.is_empty() { "GET" } else { "POST" };
    Delivery { method: method.into(), ..stage::posted(&format!("{HOOK}{query}"), body) }
}

const NAMES: &[(&str, &str)] = &[
    ("receipt_id", "data.id"),
    ("receipt_ref", "data.custom"),
    ("receipt_status", "data.state"),
    ("delivered", "DELIVRD, 1"),
    ("failed", "undeliv, expired, 2"),
    ("opted_out", "blocked"),
    ("reply_from", "msg.from"),
    ("reply_to", "msg.to"),
    ("reply_text", "msg.text"),
    ("reply_id", "msg.id"),
];

fn read(query: &str, body: &str) -> Result<Vec<GatewayEvent>, Unreadable> {
    let (settings, delivery) = (settings(NAMES), called(query, body));
    match Generic.verify(&settings, &delivery).unwrap() {
        Accepted::Keep { topic, .. } => Generic.read(&settings, &topic, &delivery),
        other => panic!("{other:?}"),
    }
}

#[test]
fn receipts() {
    use ReceiptStatus::*;
    #[track_caller]
    fn check(query: &str, body: &str, status: ReceiptStatus, code: &str, gateway_ref: Option<&str>, ours: bool) {
        let code = Some(code).filter(|_| status != Delivered);
        match read(query, body).unwrap().as_slice() {
            [GatewayEvent::Receipt(receipt)] => {
                assert_eq!((receipt.status, receipt.code.as_deref()), (status, code), "{query} {body}");
                assert_eq!(receipt.gateway_ref.as_deref(), gateway_ref);
                assert_eq!(receipt.reference, "7.msg_0000000000009".parse().ok().filter(|_| ours));
                let class = Some(RefusalClass::OptedOut).filter(|_| code == Some("Blocked"));
                assert_eq!((receipt.class, receipt.cost), (class, None));
            }
            other => panic!("{query} {body}: {other:?}"),
        }
    }
    let reference = "?ref=7.msg_0000000000009";
    check(reference, r#"{"data": {"id": "m1", "state": "delivrd"}}"#, Delivered, "delivrd", Some("m1"), true);
    check(reference, r#"{"data": {"state": 1}}"#, Delivered, "1", None, true);
    check("", r#"{"data": {"id": 17, "state": 2}}"#, Undelivered, "2", Some("17"), false);
    let custom = r#"{"data": {"custom": "7.msg_0000000000009", "state": "Expired"}}"#;
    check("", custom, Expired, "Expired", None, true);
    check("", "data.id=m1&data.state=UNDELIV", Undelivered, "UNDELIV", Some("m1"), false);
    check("?data.id=m1&data.state=DELIVRD&ref=7.msg_0000000000009", "", Delivered, "DELIVRD", Some("m1"), true);
    check(reference, "data.state=pondering", Unknown, "pondering", None, true);
    check(reference, "data.state=Blocked", Undelivered, "Blocked", None, true);
    // The address is ours, a field of the same name is theirs.
    check(reference, "data.state=DELIVRD&ref=42", Delivered, "DELIVRD", None, true);
    // A receipt that repeats the text is none of the person's.
    let repeated = "data.state=DELIVRD&data.id=m1&msg.from=12125550100&msg.text=Hi";
    check("", repeated, Delivered, "DELIVRD", Some("m1"), false);
    assert!(read("", r#"{"data": {"state": "DELIVRD"}}"#).is_err());
    assert!(read("?ref=nonsense", r#"{"data": {"state": "DELIVRD", "id": ""}}"#).is_err());
}

#[test]
fn a_list_is_several_receipts() {
    let body = r#"[{"data": {"id": "m1", "state": "DELIVRD"}}, {"data": {"id": "m2", "state": "undeliv"}}]"#;
    assert_eq!(read("", body).unwrap().len(), 2);
    assert_eq!(read("", "[]"), Ok(Vec::new()));
    // The reference in the address is that of one text, not of all in the list.
    match read("?ref=7.msg_0000000000009", body).unwrap().as_slice() {
        [GatewayEvent::Receipt(one), GatewayEvent::Receipt(other)] => {
            assert_eq!((one.reference, other.reference), (None, None));
        }
        other => panic!("{other:?}"),
    }
    let mixed = r#"[7, {"msg": {"from": "12125550101", "text": "Hi"}}, {"data": {"id": "m2", "state": "undeliv"}}]"#;
    assert!(matches!(read("", mixed).unwrap().as_slice(), [GatewayEvent::Reply(_), GatewayEvent::Receipt(_)]));
}

#[test]
fn replies() {
    #[track_caller]
    fn check(query: &str, body: &str, text: &str, id: Option<&str>) {
        match read(query, body).unwrap().as_slice() {
            [GatewayEvent::Reply(reply)] => {
                assert_eq!((reply.from.as_str(), reply.to.as_str()), ("+12125550101", "38383"), "{query} {body}");
                assert_eq!(reply.text, text);
                assert!(!reply.answered && !reply.gateway_ref.is_empty());
                assert!(id.is_none_or(|id| id == reply.gateway_ref));
            }
            other => panic!("{query} {body}: {other:?}"),
        }
    }
    let json = r#"{"msg": {"from": "+12125550101", "to": 38383, "text": " Stop. ", "id": "r1"}}"#;
    check("", json, " Stop. ", Some("r1"));
    check("", "msg.from=+12125550101&msg.to=38383&msg.text=STOP&msg.id=r1", "STOP", Some("r1"));
    check("?msg.from=12125550101&msg.to=38383&msg.text=", "", "", None);
    // Some give what people write a status of its own.
    check("", "msg.from=12125550101&msg.to=38383&msg.text=STOP&data.state=received", "STOP", None);
    assert_eq!(read("", "msg.text=STOP"), Ok(Vec::new()));
    assert_eq!(read("", ""), Ok(Vec::new()));
}

#[test]
fn replies_in_one_list_stay_apart() {
    let one = r#"{"msg": {"from": "12125550101", "text": "Hi"}}"#;
    match read("", &format!("[{one}, {one}]")).unwrap().as_slice() {
        [GatewayEvent::Reply(first), GatewayEvent::Reply(second)] => {
            assert_ne!(first.gateway_ref, second.gateway_ref);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_callbacks_have_two_keys_and_a_repeated_one_has_one() {
    let key = |body| Generic.verify(&settings(NAMES), &called("", body)).unwrap();
    assert_ne!(key("data.id=m1&data.state=1"), key("data.id=m1&data.state=2"));
    assert_eq!(key("data.id=m1&data.state=1"), key("data.id=m1&data.state=1"));
}

proptest! {
    #[test]
    fn any_text_arrives_as_it_was_written(text in "(\\PC|[{}%\"&\\\\])*") {
        let form = sent(&[("url", "https://a.example/?t={text}"), ("body", "text={text}&end=1")], &text);
        let fields = wire::Fields::new(url::form_urlencoded::parse(&form.body).into_owned());
        prop_assert_eq!((fields.raw("text"), fields.raw("end")), (Some(text.as_str()), Some("1")));
        let query = wire::Fields::new(url::Url::parse(&form.url).unwrap().query_pairs().into_owned());
        prop_assert_eq!(query.raw("t"), Some(text.as_str()));
        let json = sent(&[("body", r#"{"t": "{text}"}"#)], &text);
        let read: Value = serde_json::from_slice(&json.body).unwrap();
        prop_assert_eq!(read.get("t").and_then(Value::as_str), Some(text.as_str()));
    }

    #[test]
    fn callbacks_never_panic(query in "(\\PC|[%&=+0-9a-f])*", body in "(\\PC|[\\[\\]{}\":,.%&=])*", word in "\\PC*") {
        let _ = read(&format!("?{query}"), &body);
        let _ = read("", &format!("data.id={word}&data.state={body}"));
        let json = serde_json::json!([{"data": {"id": word, "state": query}}, {"msg": {"from": word, "text": body}}, 7]);
        let _ = read("", &json.to_string());
    }
}
