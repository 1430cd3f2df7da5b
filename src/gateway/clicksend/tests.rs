//! ClickSend: requests as the API takes them, answers and callbacks as it gives them.

use super::{
    super::stage::{self, HOOK, REFERENCE, answered, posted},
    *,
};
use crate::domain::{message::Reply, money::Currency, sms::Encoding};

const ID: &str = "00000000-0000-4000-8000-000000000001";

fn given(extra: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    let base = [("username", "corner"), ("api_key", "hush"), ("sender", "+12125550100")];
    stage::given(&SPEC, &base, extra)
}

fn outgoing() -> Outgoing {
    Outgoing { encoding: Encoding::Ucs2, ..stage::outgoing("Your \"cart\" & you ☕") }
}

fn sent(settings: &Settings) -> Request {
    stage::sent(&ClickSend, settings, &outgoing())
}

fn read(delivery: &Delivery) -> (String, String, Result<Vec<GatewayEvent>, Unreadable>) {
    let settings = given(&[]).unwrap();
    match ClickSend.verify(&settings, delivery).unwrap() {
        Accepted::Keep { topic, key } => {
            let events = ClickSend.read(&settings, &topic, delivery);
            (topic, key, events)
        }
        Accepted::Ping | Accepted::Greeting(_) => panic!("ClickSend greets nobody"),
    }
}

fn receipt_of(status: ReceiptStatus, code: Option<&str>) -> Receipt {
    Receipt {
        reference: REFERENCE.parse().ok(),
        gateway_ref: Some(ID.into()),
        status,
        code: code.map(str::to_owned),
        class: None,
        cost: None,
        segments: None,
    }
}

#[test]
fn a_text_becomes_one_request() {
    let request = sent(&given(&[]).unwrap());
    assert_eq!(request.url, "https://rest.clicksend.com/v3/sms/send");
    assert!(request.headers.contains(&("authorization".into(), "Basic Y29ybmVyOmh1c2g=".into())));
    assert!(request.headers.contains(&("content-type".into(), "application/json".into())));
    assert!(!request.private);
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let expected = r#"{"messages":[{"from":"+12125550100","to":"+12125550101","body":"Your \"cart\" & you ☕",
        "source":"cartback","custom_string":"7.msg_0000000000009"}]}"#;
    assert_eq!(body, serde_json::from_str::<Value>(expected).unwrap());
}

#[test]
fn stand_ins_and_senders() {
    let settings = given(&[("api_base", "http://127.0.0.1:9/x/"), ("sender", "CornerShop")]).unwrap();
    let request = sent(&settings);
    assert_eq!(request.url, "http://127.0.0.1:9/x/v3/sms/send");
    assert!(request.private);
    assert_eq!(ClickSend.sender_name(&settings).as_deref(), Some("CornerShop"));
    assert_eq!(ClickSend.sender_name(&given(&[]).unwrap()), None);
    for good in ["38383", "CornerShop, +12125550100"] {
        assert!(given(&[("sender", good)]).is_ok(), "{good}");
    }
    for bad in ["12125550100", "+1", "A name too long", "Café"] {
        assert!(given(&[("sender", bad)]).is_err(), "{bad}");
    }
}

#[test]
fn outcomes() {
    use RefusalClass::*;
    #[track_caller]
    fn check(status: u16, body: &str, expected: SendOutcome) {
        assert_eq!(ClickSend.outcome(&Settings::default(), &answered(status, body)), expected, "{status} {body}");
    }
    let accepted = |segments, micros: Option<i64>, currency: &str| SendOutcome::Accepted {
        reference: Some(ID.into()),
        segments,
        cost: micros.map(|micros| Cost { micros, currency: Currency::parse(currency).unwrap() }),
    };
    let refused = |class, code: &str| SendOutcome::Refused { class, code: code.into() };
    let unknown = |why: &str| SendOutcome::Unknown { why: why.into() };
    let made = |status: &str, rest: &str, currency: &str| {
        format!(
            r#"{{"http_code":200,"response_code":"SUCCESS","response_msg":"","data":{{"queued_count":1,"messages":[
            {{"to":"+12125550101","message_id":"{ID}","status":"{status}"{rest}}}],
            "_currency":{{"currency_name_short":"{currency}"}}}}}}"#
        )
    };
    let told = r#","message_parts":2,"message_price":"0.1584""#;
    check(200, &made("SUCCESS", told, "AUD"), accepted(Some(2), Some(158_400), "AUD"));
    check(200, &made("SUCCESS", r#","message_parts":"1","message_price":-0.05"#, "USD"), {
        accepted(Some(1), Some(50_000), "USD")
    });
    check(200, &made("SUCCESS", r#","message_price":"0.1584""#, "bananas"), accepted(None, None, ""));
    check(200, &made("SUCCESS", r#","message_parts":0"#, "AUD"), accepted(None, None, ""));
    check(200, &made("INVALID_RECIPIENT", told, "AUD"), refused(Number, "INVALID_RECIPIENT"));
    check(200, &made("COUNTRY_NOT_ENABLED", told, "AUD"), refused(Other, "COUNTRY_NOT_ENABLED"));
    check(200, &made("INSUFFICIENT_CREDIT", told, "AUD"), refused(Account, "INSUFFICIENT_CREDIT"));
    check(200, &made("INVALID_SENDER_ID", told, "AUD"), refused(Account, "INVALID_SENDER_ID"));
    check(200, &made("OPT_OUT", told, "AUD"), refused(OptedOut, "OPT_OUT"));
    check(200, &made("THROTTLED", told, "AUD"), refused(Other, "THROTTLED"));
    check(200, &made("INTERNAL_ERROR", told, "AUD"), unknown("a status that is not documented"));
    check(200, &made("BEAMED +12125550101", told, "AUD"), unknown("a status that is not documented"));
    let nameless = || unknown("an answer that names no message");
    check(200, &made("", told, "AUD"), nameless());
    check(200, &made("SUCCESS", told, "AUD").replace(ID, ""), nameless());
    check(200, r#"{"response_code":"SUCCESS","data":{"messages":[]}}"#, nameless());
    check(200, r#"{"response_code":"FORBIDDEN","data":null}"#, nameless());
    check(200, "<html>", nameless());
    let code = |code: &str| format!(r#"{{"http_code":400,"response_code":"{code}","response_msg":"of +12125550101"}}"#);
    check(400, &code("INVALID_RECIPIENT"), refused(Number, "INVALID_RECIPIENT"));
    check(400, &code("BAD_REQUEST"), refused(Other, "HTTP 400"));
    check(400, &code("+12125550101"), refused(Other, "HTTP 400"));
    check(401, &code("UNAUTHORIZED"), refused(Account, "UNAUTHORIZED"));
    check(402, "", refused(Account, "HTTP 402"));
    check(403, "", refused(Account, "HTTP 403"));
    check(404, &code("NOT_FOUND"), refused(Account, "HTTP 404"));
    check(409, "", refused(Other, "HTTP 409"));
    check(429, &code("TOO_MANY_REQUESTS"), SendOutcome::Later { why: "too many requests".into(), after: None });
    check(408, "", unknown("HTTP 408"));
    check(302, "", unknown("HTTP 302"));
    check(500, &made("SUCCESS", told, "AUD"), unknown("HTTP 500"));
}

#[test]
fn every_code_is_listed_once_and_in_order() {
    assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert!(CODES.iter().all(|(code, _)| code.len() <= 40));
}

#[test]
fn receipts() {
    #[track_caller]
    fn check(state: &str, error: &str, status: ReceiptStatus, code: Option<&str>) {
        let form =
            format!("message_id={ID}&status=Word&status_code={state}&error_code={error}&custom_string={REFERENCE}");
        let (topic, key, events) = read(&posted(HOOK, &form));
        assert_eq!((topic.as_str(), key), ("receipt", format!("{ID}:{state}")));
        assert_eq!(events, Ok(vec![GatewayEvent::Receipt(receipt_of(status, code))]), "{state} {error}");
    }
    check("200", "", ReceiptStatus::Accepted, None);
    check("300", "12", ReceiptStatus::Accepted, None);
    check("201", "0", ReceiptStatus::Delivered, None);
    check("301", "12", ReceiptStatus::Undelivered, Some("12"));
    check("301", "0", ReceiptStatus::Undelivered, Some("301"));
    check("999", "12", ReceiptStatus::Unknown, Some("999"));
    check("beamed", "", ReceiptStatus::Unknown, Some("beamed"));
}

#[test]
fn a_receipt_is_found_by_either_name_and_in_any_form() {
    let delivered = || Ok(vec![GatewayEvent::Receipt(receipt_of(ReceiptStatus::Delivered, None))]);
    let json = format!(r#"{{"message_id":"{ID}","status_code":201,"error_code":null,"custom_string":"{REFERENCE}"}}"#);
    assert_eq!(read(&posted(HOOK, &json)).2, delivered());
    let query = format!("messageid={ID}&status_code=201&customstring={REFERENCE}");
    assert_eq!(read(&posted(&format!("{HOOK}?{query}"), "")).2, delivered());
    assert_eq!(
        read(&posted(&format!("{HOOK}?ref={REFERENCE}"), &format!("message_id={ID}&status_code=201"))).2,
        delivered()
    );
    assert!(read(&posted(HOOK, &format!("message_id={ID}&status_code=201&custom_string=theirs"))).2.is_ok());
    assert!(read(&posted(HOOK, "status_code=201&custom_string=theirs")).2.is_err());
    let word = read(&posted(HOOK, &format!("message_id={ID}&status=Beamed&custom_string={REFERENCE}"))).2;
    assert_eq!(word, Ok(vec![GatewayEvent::Receipt(receipt_of(ReceiptStatus::Unknown, Some("Beamed")))]));
    assert_eq!(read(&posted(HOOK, "")).2, Ok(vec![]));
}

#[test]
fn replies() {
    let form = format!(
        "message_id={ID}&from=%2B12125550101&to=+12125550100&body=Stop.+&message=Stop.+&original_message_id=x\
         &custom_string={REFERENCE}"
    );
    let json = format!(r#"{{"message_id":"{ID}","from":"+12125550101","to":"+12125550100","message":"Stop. "}}"#);
    for body in [&form, &json] {
        let (topic, key, events) = read(&posted(HOOK, body));
        assert_eq!((topic.as_str(), key), ("reply", format!("{ID}:reply")));
        let reply = Reply {
            from: "+12125550101".into(),
            to: "+12125550100".into(),
            text: "Stop. ".into(),
            gateway_ref: ID.into(),
            answered: false,
        };
        assert_eq!(events, Ok(vec![GatewayEvent::Reply(reply)]), "{body}");
    }
    assert!(read(&posted(HOOK, "from=&body=Hello")).2.is_err());
}

#[test]
fn the_look_up_asks_for_the_number_since_the_attempt() {
    let request = ClickSend.look_up(&given(&[]).unwrap(), &outgoing()).unwrap();
    let query = "q=to%3A%2B12125550101&date_from=1790258900&limit=100";
    assert_eq!(request.url, format!("https://rest.clicksend.com/v3/sms/history?{query}"));
    assert!(request.headers.contains(&("authorization".into(), "Basic Y29ybmVyOmh1c2g=".into())));
}

#[test]
fn what_the_history_shows() {
    let sms = outgoing();
    let seen = |status, body: &str| ClickSend.looked_up(&sms, &sms.reference, &answered(status, body));
    let list = |rows: &str| {
        format!(
            r#"{{"response_code":"SUCCESS","data":{{"data":[{rows}],"_currency":{{"currency_name_short":"EUR"}}}}}}"#
        )
    };
    let row = |direction: &str, reference: &str, rest: &str| {
        format!(r#"{{"direction":"{direction}","message_id":"{ID}","custom_string":"{reference}"{rest}}}"#)
    };
    let found = |receipt: Receipt| LookUp::Found(Box::new(GatewayEvent::Receipt(receipt)));
    let other = row("out", "7.msg_0000000000008", "");
    let ours = row("out", REFERENCE, r#","status":"Sent","status_code":201,"message_price":"0.07","message_parts":1"#);
    let cost = Some(Cost { micros: 70_000, currency: Currency::parse("EUR").unwrap() });
    let delivered = Receipt { cost, segments: Some(1), ..receipt_of(ReceiptStatus::Delivered, None) };
    assert_eq!(seen(200, &list(&format!("{other},{ours}"))), found(delivered));
    for (word, status, code) in [
        ("Completed", ReceiptStatus::Accepted, None),
        ("Failed", ReceiptStatus::Undelivered, None),
        ("Beamed", ReceiptStatus::Unknown, Some("Beamed")),
    ] {
        let rest = format!(r#","status":"{word}","status_code":null"#);
        assert_eq!(seen(200, &list(&row("out", REFERENCE, &rest))), found(receipt_of(status, code)), "{word}");
    }
    let reply = row("in", REFERENCE, "");
    for rows in ["", &other, &reply] {
        assert_eq!(seen(200, &list(rows)), LookUp::Unclear, "{rows}");
    }
    for (status, body) in [(200, "{}"), (200, ""), (401, &*list(&ours)), (500, &*list(&ours))] {
        assert_eq!(seen(status, body), LookUp::Unclear, "{status} {body}");
    }
}

#[test]
fn what_is_left_on_the_account() {
    let request = ClickSend.ask_balance(&given(&[]).unwrap()).unwrap();
    assert_eq!((request.url.as_str(), request.private), ("https://rest.clicksend.com/v3/account", false));
    assert_eq!(request.method, crate::http::Method::Get);
    assert_eq!(request.headers, [("authorization".to_owned(), "Basic Y29ybmVyOmh1c2g=".to_owned())]);

    #[track_caller]
    fn check(status: u16, data: &str, expected: Option<(i64, &str)>) {
        let body = format!(r#"{{"http_code":200,"response_code":"SUCCESS","data":{data}}}"#);
        let told = ClickSend.balance(&Settings::default(), &answered(status, &body));
        assert_eq!(told.as_ref().map(|told| (told.micros, told.currency.code())), expected, "{status} {data}");
    }
    let full = r#"{"balance":"25.300000","_currency":{"currency_name_short":"AUD"}}"#;
    check(200, full, Some((25_300_000, "AUD")));
    check(200, r#"{"balance":-1.2,"_currency":{"currency_name_short":"USD"}}"#, Some((-1_200_000, "USD")));
    check(200, r#"{"balance":"25.300000"}"#, None);
    check(200, r#"{"balance":null,"_currency":{"currency_name_short":"AUD"}}"#, None);
    check(200, "null", None);
    check(401, full, None);
}
