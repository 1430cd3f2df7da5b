//! Kannel: requests as smsbox reads them, answers and callbacks as it gives them.

use std::time::Duration;

use proptest::prelude::*;

use super::{
    super::stage::{self, CALLBACK},
    *,
};
use crate::domain::time::Time;

fn settings() -> Settings {
    let given = [
        ("url", "http://127.0.0.1:13013/cgi-bin/sendsms"),
        ("username", "tester"),
        ("password", "s&cret %d"),
        ("from", "12125550100"),
    ];
    stage::given(&SPEC, &given, &[]).unwrap()
}

fn outgoing(text: &str, encoding: Encoding) -> Outgoing {
    Outgoing { encoding, valid_for: Duration::from_secs(359), ..stage::outgoing(text) }
}

fn sent(settings: &Settings, sms: &Outgoing) -> wire::Fields {
    let request = stage::sent(&Kannel, settings, sms);
    assert!(request.url.starts_with("http://127.0.0.1:13013/cgi-bin/sendsms?"));
    wire::Fields::new(url::Url::parse(&request.url).unwrap().query_pairs().into_owned())
}

#[test]
fn a_text_becomes_one_request() {
    let fields = sent(&settings(), &outgoing("Hi & bye + 5€", Encoding::Gsm7));
    for (name, value) in [
        ("username", "tester"),
        ("password", "s&cret %d"),
        ("from", "12125550100"),
        ("to", "+12125550101"),
        ("text", "Hi & bye + 5€"),
        ("charset", "UTF-8"),
        ("coding", "0"),
        ("validity", "5"),
        ("dlr-mask", "31"),
        ("dlr-url", &format!("{CALLBACK}&type=%d&fid=%F&answer=%A&ts=%T")),
    ] {
        assert_eq!(fields.raw(name), Some(value), "{name}");
    }
    assert!(!fields.has("smsc"));
}

#[test]
fn odd_texts_and_addresses() {
    let mut sms = outgoing("Grüße 😀", Encoding::Ucs2);
    sms.valid_for = Duration::ZERO;
    sms.callback_url = Some("https://shop.example.com/a%20b".into());
    let fields = sent(&settings(), &sms);
    assert_eq!(fields.raw("coding"), Some("2"));
    assert_eq!(fields.raw("validity"), Some("1"));
    assert_eq!(
        fields.raw("dlr-url"),
        Some("https://shop.example.com/a%%20b?type=%d&fid=%F&answer=%A&ts=%T"),
        "Kannel turns %% into % again"
    );
    sms.callback_url = None;
    assert!(!sent(&settings(), &sms).has("dlr-url"));
}

#[test]
fn outcomes() {
    use RefusalClass::*;
    #[track_caller]
    fn check(status: u16, body: &str, expected: SendOutcome) {
        let answer = Response { status, headers: vec![], body: body.into() };
        assert_eq!(Kannel.outcome(&Settings::default(), &answer), expected, "{status} {body}");
    }
    let accepted = || SendOutcome::Accepted { reference: None, segments: None, cost: None };
    let refused = |class, code: &str| SendOutcome::Refused { class, code: code.into() };
    let unknown = |why: &str| SendOutcome::Unknown { why: why.into() };
    check(202, "0: Accepted for delivery", accepted());
    check(202, "3: Queued for later delivery", accepted());
    check(202, "", unknown("HTTP 202"));
    check(200, "<html>Welcome</html>", unknown("HTTP 200"));
    check(302, "", unknown("HTTP 302"));
    check(400, "Empty receiver number not allowed, rejected", refused(Other, "400 receiver"));
    check(400, "Coding field misformed, rejected", refused(Other, "400 coding"));
    check(400, "+1 212 555 0101 is odd", refused(Other, "400 bad request"));
    check(403, "Authorization failed for sendsms", refused(Account, "403 not authorized"));
    check(403, "Not routable. Do not try again.", refused(Number, "403 not routable"));
    check(404, "Unknown request.", refused(Account, "404 no sendsms at this address"));
    check(413, "", refused(Other, "413 refused"));
    let later = SendOutcome::Later { why: "Kannel cannot take it now".into(), after: None };
    check(503, "Temporal failure, try again later.", later);
    check(503, "<html>upstream gone</html>", unknown("HTTP 503"));
    check(500, "", unknown("HTTP 500"));
    check(504, "", unknown("HTTP 504"));
}

fn called(query: &str) -> Delivery {
    Delivery {
        method: "GET".into(),
        url: format!("https://shop.example.com/hook/sms/secret?{query}"),
        headers: Vec::new(),
        body: Vec::new(),
        received_at: Time::from_seconds(1_790_000_000),
    }
}

fn read(query: &str) -> Result<Vec<GatewayEvent>, Unreadable> {
    let delivery = called(query);
    match Kannel.verify(&settings(), &delivery).unwrap() {
        Accepted::Keep { topic, .. } => Kannel.read(&settings(), &topic, &delivery),
        Accepted::Ping | Accepted::Greeting(_) => panic!("Kannel greets nobody"),
    }
}

#[test]
fn receipts() {
    use ReceiptStatus::*;
    #[track_caller]
    fn check(kind: &str, answer: &str, expected: (ReceiptStatus, Option<&str>, Option<RefusalClass>)) {
        let events = read(&format!("ref=7.msg_0000000000009&type={kind}&fid=0000002a&answer={answer}&ts=1790000000"));
        match events.unwrap().as_slice() {
            [GatewayEvent::Receipt(receipt)] => {
                assert_eq!((receipt.status, receipt.code.as_deref(), receipt.class), expected, "{kind}");
                assert_eq!(receipt.reference, "7.msg_0000000000009".parse().ok());
                assert_eq!(receipt.gateway_ref.as_deref(), Some("0000002a"));
            }
            other => panic!("{other:?}"),
        }
    }
    let told = |state: &str| format!("id%3A1+sub%3A001+stat%3A{state}+err%3A007+text%3Astat%3Asecret");
    check("8", "ACK%2F", (Accepted, None, None));
    check("4", "", (Accepted, None, None));
    check("1", &told("DELIVRD"), (Delivered, Some("DELIVRD 007"), None));
    check("2", &told("UNDELIV"), (Undelivered, Some("UNDELIV 007"), None));
    check("34", &told("EXPIRED"), (Expired, Some("EXPIRED 007"), None));
    check("66", &told("UNKNOWN"), (Unknown, Some("type 66"), None));
    let number = Some(RefusalClass::Number);
    check("16", "NACK%2F0x0000000b%2FInvalid+Destination+Address", (Rejected, Some("0x0000000b"), number));
    check("16", "NACK%2F0x00000045%2Fsubmit_sm+failed", (Rejected, Some("0x00000045"), Some(RefusalClass::Other)));
    check("16", "NACK%2F", (Rejected, None, Some(RefusalClass::Other)));
    check("0", "", (Unknown, Some("type 0"), None));
    check("soon", "", (Unknown, Some("type soon"), None));
    check("1", "text%3Astat%3Asecret", (Delivered, None, None));
}

#[test]
fn a_receipt_that_names_no_message_is_kept_unread() {
    assert!(read("type=1&ref=nonsense").is_err());
    assert!(read("type=1&fid=9").is_ok());
}

#[test]
fn replies() {
    #[track_caller]
    fn check(query: &str, from: &str, text: &str) {
        match read(query).unwrap().as_slice() {
            [GatewayEvent::Reply(reply)] => {
                assert_eq!((reply.from.as_str(), reply.text.as_str()), (from, text), "{query}");
                assert!(!reply.gateway_ref.is_empty());
            }
            other => panic!("{query}: {other:?}"),
        }
    }
    check("id=a-1&from=%2B12125550101&to=12125550100&charset=UTF-8&text=STOP", "+12125550101", "STOP");
    check("id=a-1&from=+12125550101&to=12125550100&text=Stop.", "+12125550101", "Stop.");
    check("from=12125550101&text=%00S%00T%00O%00P&charset=UTF-16BE", "+12125550101", "STOP");
    check("from=38383&text=", "38383", "");
    assert!(read("from=&text=STOP").is_err());
    assert_eq!(read(""), Ok(Vec::new()));
}

#[test]
fn two_callbacks_have_two_keys_and_a_repeated_one_has_one() {
    let key = |query| Kannel.verify(&settings(), &called(query)).unwrap();
    assert_ne!(key("ref=7.msg_0000000000009&type=8"), key("ref=7.msg_0000000000009&type=1"));
    assert_eq!(key("ref=7.msg_0000000000009&type=8"), key("ref=7.msg_0000000000009&type=8"));
}

proptest! {
    #[test]
    fn callbacks_never_panic(query in "(\\PC|[%&=+0-9a-f])*", kind in any::<u32>()) {
        let _ = read(&query);
        let _ = read(&format!("type={kind}&fid=1&answer={query}"));
        let _ = read(&format!("from=1&text={query}"));
    }

    #[test]
    fn any_text_arrives_as_it_was_written(text in "\\PC*") {
        let fields = sent(&settings(), &outgoing(&text, Encoding::Ucs2));
        prop_assert_eq!(fields.raw("text"), Some(text.as_str()));
    }
}
