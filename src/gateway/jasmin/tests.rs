//! Jasmin: requests as /send reads them, answers and callbacks as it gives them.

use std::time::Duration;

use proptest::prelude::*;

use super::{
    super::stage::{self, CALLBACK},
    *,
};
use crate::domain::time::Time;

const ID: &str = "5f2c9d10-3b7a-4e55-9c01-8a6d2e4f7b13";

fn given(sender: &str) -> Result<Settings, Vec<String>> {
    let given =
        [("url", "http://127.0.0.1:1401/send"), ("username", "tester"), ("password", "s&cret %d"), ("sender", sender)];
    stage::given(&SPEC, &given, &[])
}

fn settings() -> Settings {
    given("+12125550100").unwrap()
}

fn outgoing(text: &str, encoding: Encoding) -> Outgoing {
    Outgoing { encoding, valid_for: Duration::from_secs(359), ..stage::outgoing(text) }
}

fn sent(settings: &Settings, sms: &Outgoing) -> wire::Fields {
    let request = stage::sent(&Jasmin, settings, sms);
    assert_eq!(request.url, "http://127.0.0.1:1401/send");
    assert_eq!(request.method, crate::http::Method::Post);
    assert!(request.private);
    wire::Fields::new(url::form_urlencoded::parse(&request.body).into_owned())
}

#[test]
fn a_text_becomes_one_form() {
    let fields = sent(&settings(), &outgoing("Hi & bye + 5€", Encoding::Gsm7));
    for (name, value) in [
        ("username", "tester"),
        ("password", "s&cret %d"),
        ("from", "+12125550100"),
        ("to", "+12125550101"),
        ("content", "Hi & bye + 5€"),
        ("coding", "0"),
        ("validity-period", "5"),
        ("dlr", "yes"),
        ("dlr-url", CALLBACK),
        ("dlr-level", "3"),
        ("dlr-method", "POST"),
    ] {
        assert_eq!(fields.raw(name), Some(value), "{name}");
    }
    assert!(!fields.has("hex-content"), "Jasmin refuses both");
}

#[test]
fn unicode_goes_as_hexadecimal_and_bounds_hold() {
    let mut sms = outgoing("č😀", Encoding::Ucs2);
    sms.valid_for = Duration::ZERO;
    sms.callback_url = None;
    let fields = sent(&settings(), &sms);
    assert_eq!(fields.raw("hex-content"), Some("010dd83dde00"));
    assert_eq!(fields.raw("coding"), Some("8"));
    assert_eq!(fields.raw("validity-period"), Some("1"));
    assert_eq!(fields.raw("dlr"), Some("no"));
    assert!(!fields.has("content") && !fields.has("dlr-url") && !fields.has("dlr-level"));
    sms.valid_for = Duration::from_secs(u64::MAX);
    assert_eq!(sent(&settings(), &sms).raw("validity-period"), Some("10080"));
}

#[test]
fn senders() {
    assert_eq!(Jasmin.sender_name(&given("+12125550100, Corner Shop").unwrap()).as_deref(), Some("Corner Shop"));
    assert_eq!(Jasmin.sender_name(&given("+12125550100, 38383").unwrap()), None);
    for bad in ["", "12", "Corner Shop Ltd", "+12125550100,", "Grüße"] {
        assert!(given(bad).is_err(), "{bad}");
    }
}

#[test]
fn outcomes() {
    use RefusalClass::*;
    #[track_caller]
    fn check(status: u16, body: &str, expected: SendOutcome) {
        let answer = Response { status, headers: vec![("retry-after".into(), "3".into())], body: body.into() };
        assert_eq!(Jasmin.outcome(&Settings::default(), &answer), expected, "{status} {body}");
    }
    let refused = |class, code: &str| SendOutcome::Refused { class, code: code.into() };
    let unknown = |why: &str| SendOutcome::Unknown { why: why.into() };
    let later = |why: &str| SendOutcome::Later { why: why.into(), after: Some(Duration::from_secs(3)) };
    let nameless = || unknown("an answer that names no message");
    check(
        200,
        &format!("Success \"{ID}\""),
        SendOutcome::Accepted { reference: Some(ID.into()), segments: None, cost: None },
    );
    check(200, "Success \"\"", nameless());
    check(200, "Success \"<b>\"", nameless());
    check(200, "Error \"No route found\"", nameless());
    check(200, "<html>Welcome</html>", nameless());
    check(202, &format!("Success \"{ID}\""), unknown("HTTP 202"));
    check(302, "", unknown("HTTP 302"));
    check(400, "Error \"Mandatory argument [to] is not found.\"", refused(Other, "400 refused"));
    check(400, "Error \"Argument [to] has an invalid value: [+12125550101].\"", refused(Other, "400 refused"));
    check(400, "Error \"b'Argument [password] has an invalid value: [x].'\"", refused(Account, "400 password"));
    check(
        400,
        "Error \"Authorization failed for user [u] (Long content not authorized).\"",
        refused(Account, "400 user lacks an authorization"),
    );
    let filter = |name: &str| format!("Error \"Value filter failed for user [u] ({name} filter mismatch).\"");
    check(400, &filter("source_address"), refused(Account, "400 sender filter"));
    check(400, &filter("content"), refused(Content, "400 content filter"));
    check(400, &filter("destination_address"), refused(Other, "400 user's value filter"));
    check(403, "Error \"Authentication failure for username:tester\"", refused(Account, "403 not authenticated"));
    check(
        403,
        "Error \"Authentication failure for username:User throughput exceeded\"",
        refused(Account, "403 not authenticated"),
    );
    check(
        403,
        "Error \"Cannot charge submit_sm, check RouterPB log file for details\"",
        refused(Account, "403 no balance or quota left"),
    );
    check(403, "Error \"User throughput exceeded\"", later("the user's throughput at Jasmin is exceeded"));
    check(403, "<html>User throughput exceeded", refused(Account, "403 refused"));
    check(400, "Error \"User throughput exceeded\"", refused(Other, "400 refused"));
    check(404, "", refused(Account, "404 refused"));
    check(408, "", unknown("HTTP 408"));
    check(412, "Error \"No route found\"", refused(Other, "412 no route"));
    check(412, "Error \"Failover route has no bound connectors\"", later("no connector of Jasmin's route is bound"));
    check(429, "", later("too many requests"));
    check(500, "Error \"Cannot send submit_sm, check SMPPClientManagerPB log file for details\"", unknown("HTTP 500"));
    check(503, "Error \"InterceptorPB not set !\"", unknown("HTTP 503"));
}

fn posted(query: &str, body: &str) -> Delivery {
    Delivery {
        method: "POST".into(),
        url: format!("https://shop.example.com/hook/sms/secret{query}"),
        headers: vec![("content-type".into(), "application/x-www-form-urlencoded".into())],
        body: body.into(),
        received_at: Time::from_seconds(1_790_000_000),
    }
}

fn kept(delivery: &Delivery) -> (String, String) {
    match Jasmin.verify(&settings(), delivery).unwrap() {
        Accepted::Keep { topic, key } => (topic, key),
        Accepted::Ping | Accepted::Greeting(_) => panic!("Jasmin greets nobody"),
    }
}

fn read(delivery: &Delivery) -> Result<Vec<GatewayEvent>, Unreadable> {
    Jasmin.read(&settings(), &kept(delivery).0, delivery)
}

#[test]
fn receipts() {
    use ReceiptStatus::*;
    #[track_caller]
    fn check(more: &str, expected: (ReceiptStatus, Option<&str>, Option<RefusalClass>)) {
        let events = read(&posted("?ref=7.msg_0000000000009", &format!("id={ID}&{more}&text=Hi+Ann")));
        match events.unwrap().as_slice() {
            [GatewayEvent::Receipt(receipt)] => {
                assert_eq!((receipt.status, receipt.code.as_deref(), receipt.class), expected, "{more}");
                assert_eq!(receipt.reference, "7.msg_0000000000009".parse().ok());
                assert_eq!(receipt.gateway_ref.as_deref(), Some(ID));
            }
            other => panic!("{other:?}"),
        }
    }
    use RefusalClass::*;
    check("level=1&message_status=ESME_ROK", (Accepted, None, None));
    check("level=1&message_status=ESME_RINVDSTADR", (Rejected, Some("ESME_RINVDSTADR"), Some(Number)));
    check("level=1&message_status=ESME_RINVSRCADR", (Rejected, Some("ESME_RINVSRCADR"), Some(Account)));
    check("level=1&message_status=ESME_RSUBMITFAIL", (Rejected, Some("ESME_RSUBMITFAIL"), Some(Other)));
    check("level=1&message_status=ESME_RTHROTTLED", (Unknown, Some("ESME_RTHROTTLED"), None));
    check("level=1&message_status=ESME_RSYSERR", (Unknown, Some("ESME_RSYSERR"), None));
    check("level=2&message_status=DELIVRD&err=000", (Delivered, Some("DELIVRD 000"), None));
    check("level=2&message_status=UNDELIV&err=01b", (Undelivered, Some("UNDELIV 01b"), None));
    check("level=2&message_status=DELETED&err=", (Undelivered, Some("DELETED"), None));
    check("level=2&message_status=EXPIRED&err=007", (Expired, Some("EXPIRED 007"), None));
    check("level=2&message_status=REJECTD&err=%2B1+212", (Rejected, Some("REJECTD"), None));
    check("level=2&message_status=ACCEPTD&err=000", (Accepted, None, None));
    check("level=2&message_status=UNKNOWN", (Unknown, Some("UNKNOWN"), None));
    check("level=2&message_status=PONDERING", (Unknown, Some("PONDERING"), None));
    check("level=2&message_status=", (Unknown, None, None));
}

#[test]
fn a_receipt_names_a_message_in_one_way_at_least() {
    assert!(read(&posted("", "message_status=DELIVRD")).is_err());
    assert!(read(&posted("?ref=nonsense", "message_status=DELIVRD&id=")).is_err());
    assert!(read(&posted("", &format!("message_status=DELIVRD&id={ID}"))).is_ok());
    assert!(read(&posted("?ref=7.msg_0000000000009", "message_status=DELIVRD")).is_ok());
}

#[test]
fn replies() {
    #[track_caller]
    fn check(body: &str, from: &str, text: &str) {
        let as_query = posted(&format!("?{body}"), "");
        for delivery in [posted("", body), as_query] {
            match read(&delivery).unwrap().as_slice() {
                [GatewayEvent::Reply(reply)] => {
                    assert_eq!((reply.from.as_str(), reply.text.as_str()), (from, text), "{body}");
                    assert!(!reply.gateway_ref.is_empty() && !reply.answered);
                }
                other => panic!("{body}: {other:?}"),
            }
        }
    }
    check("id=a1&from=12125550101&to=12125550100&content=STOP", "+12125550101", "STOP");
    check("id=a1&from=+12125550101&to=38383&content=STOP&binary=53544f50&coding=0", "+12125550101", "STOP");
    check("from=12125550101&content=%00S%00T%00O%00P&coding=8&binary=00530054004F0050", "+12125550101", "STOP");
    check("from=12125550101&content=ARR%CAT&coding=3&binary=415252ca54", "+12125550101", "ARRÊT");
    check("from=12125550101&content=x&coding=0&binary=615f617272ea74", "+12125550101", "a_arrêt");
    check("from=12125550101&content=x&binary=616205c3a9", "+12125550101", "abéé");
    check("from=12125550101&content=Hi&binary=zz", "+12125550101", "Hi");
    check("from=38383&content=", "38383", "");
    assert!(read(&posted("", "from=&content=STOP")).is_err());
    assert_eq!(read(&posted("", "")), Ok(Vec::new()));
}

#[test]
fn two_callbacks_have_two_keys_and_a_repeated_one_has_one() {
    let key = |body: &str| kept(&posted("?ref=7.msg_0000000000009", body)).1;
    assert_ne!(key("id=1&message_status=ESME_ROK"), key("id=1&message_status=DELIVRD"));
    assert_eq!(key("id=1&message_status=DELIVRD"), key("id=1&message_status=DELIVRD&text=x"));
    assert_ne!(key("message_status=DELIVRD"), key("message_status=DELIVRE"));
    assert_eq!(Jasmin.callback_answer(), CallbackAnswer { content_type: "text/plain", body: "ACK/Jasmin" });
}

proptest! {
    #[test]
    fn callbacks_never_panic(body in "(\\PC|[%&=+0-9a-f])*", word in "\\PC*", hex in "[0-9a-f]*") {
        let _ = read(&posted("", &body));
        let _ = read(&posted("", &format!("id={word}&message_status={word}&err={body}")));
        for coding in ["0", "3", "8"] {
            let _ = read(&posted("", &format!("from=1&content=&binary={hex}&coding={coding}")));
        }
    }

    #[test]
    fn any_text_arrives_as_it_was_written(text in "\\PC*") {
        let fields = sent(&settings(), &outgoing(&text, Encoding::Ucs2));
        let bytes = HEXLOWER.decode(fields.raw("hex-content").unwrap().as_bytes()).unwrap();
        prop_assert_eq!(utf16(&bytes), text.clone());
        let fields = sent(&settings(), &outgoing(&text, Encoding::Gsm7));
        prop_assert_eq!(fields.raw("content"), Some(text.as_str()));
    }
}

#[test]
fn what_is_left_to_the_user() {
    let counted = settings().with("currency", "EUR");
    let request = Jasmin.ask_balance(&counted).unwrap();
    assert_eq!(request.url, "http://127.0.0.1:1401/balance?username=tester&password=s%26cret+%25d");
    assert_eq!((request.method, request.private), (crate::http::Method::Get, true));
    assert_eq!(Jasmin.ask_balance(&counted.with("currency", "")), None);
    assert_eq!(Jasmin.ask_balance(&counted.with("url", "http://127.0.0.1:1401/sms")), None);

    #[track_caller]
    fn check(currency: &str, status: u16, body: &str, expected: Option<(i64, &str)>) {
        let told = Jasmin.balance(&settings().with("currency", currency), &stage::answered(status, body));
        assert_eq!(told.as_ref().map(|told| (told.micros, told.currency.code())), expected, "{status} {body}");
    }
    check("EUR", 200, r#"{"balance":100.25,"sms_count":"ND"}"#, Some((100_250_000, "EUR")));
    check("usd", 200, r#"{"balance":"3","sms_count":1000}"#, Some((3_000_000, "USD")));
    check("EUR", 200, r#"{"balance":"ND","sms_count":"ND"}"#, None);
    check("EUR", 403, r#"{"balance":3}"#, None);
    check("EUR", 403, r#""Authentication failure for username:tester""#, None);
    check("", 200, r#"{"balance":3}"#, None);
}
