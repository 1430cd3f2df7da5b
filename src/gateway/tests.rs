//! What every connector owes, whoever wrote it: a form a person can fill in, secrets that stay secret, and outcomes that
//! never promise what nobody knows.

use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{
    domain::{connector::Field, message::RefusalClass, sms::Encoding, time::Time},
    shop,
};

fn specs() -> [Vec<&'static Spec>; 2] {
    [ALL.iter().map(|gateway| gateway.spec()).collect(), shop::ALL.iter().map(|shop| shop.spec()).collect()]
}

#[test]
fn every_connector_describes_itself() {
    for registry in specs() {
        let kinds: BTreeSet<_> = registry.iter().map(|spec| spec.kind).collect();
        assert_eq!(kinds.len(), registry.len(), "two connectors of one kind");
        for spec in registry {
            assert!(!spec.kind.is_empty() && !spec.name.is_empty());
            assert!(spec.kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{}", spec.kind);
            let keys: BTreeSet<_> = spec.fields.iter().map(|field| field.key).collect();
            assert_eq!(keys.len(), spec.fields.len(), "{}: two fields of one key", spec.kind);
            for field in spec.fields {
                assert!(!field.key.is_empty() && !field.label.is_empty() && !field.help.is_empty(), "{field:?}");
                assert!(!(field.secret && field.default.is_some()), "{}: a secret everyone knows", field.key);
                if let Some(default) = field.default {
                    assert_eq!((field.check)(default), Ok(()), "{}: its own default is wrong", field.key);
                }
            }
        }
    }
    for gateway in ALL {
        let spec = gateway.spec();
        assert!(!spec.connect.is_empty(), "{}: how is it connected?", spec.kind);
        assert!(by_kind(spec.kind).is_some());
        assert!(spec.limits.iter().all(|words| words.ends_with('.') && !words.contains("{url}")), "{}", spec.kind);
        if gateway.can().replies && spec.kind != "log" {
            assert!(spec.connect.iter().any(|step| step.contains("{url}")), "{}: where do replies go?", spec.kind);
        }
    }
    for gateway in ALL {
        let (kind, can, settings) = (gateway.spec().kind, gateway.can(), plausible(*gateway));
        let has = [
            (can.redacts, gateway.redact(&settings, "ref-1").is_some(), "redacts"),
            (can.price == Price::Asked, gateway.ask_price(&settings, "ref-1").is_some(), "asks for prices"),
        ];
        for (says, does, what) in has {
            assert_eq!(says, does, "{kind} {what}");
        }
    }
    assert!(by_kind("pigeon").is_none());
}

/// Settings that pass their own checks, whatever the provider.
fn plausible(gateway: &dyn Gateway) -> Settings {
    const VALUES: &[&str] = &[
        "s3cretS3cretS3cretS3cretS3cret12",
        "+12125550100",
        "https://sms.example.com",
        "AC0123456789abcdef0123456789abcdef",
        "SK0123456789abcdef0123456789abcdef",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "7",
        "eu",
        "arn:aws:sns:eu-west-1:111122223333:texts",
        "EUR",
    ];
    let fit = |field: &Field| VALUES.iter().find(|value| (field.check)(value).is_ok()).copied();
    let values = gateway.spec().fields.iter().filter_map(|field| {
        let value = field.default.or_else(|| fit(field))?;
        Some((field.key.to_owned(), value.to_owned()))
    });
    gateway.spec().settings(values.collect()).unwrap_or_else(|problems| panic!("{}: {problems:?}", gateway.spec().kind))
}

/// A callback as a stranger would make it up: every provider's usual fields, no signature.
fn forged(body: &str, kind: &str, headers: &[(&str, &str)]) -> Delivery {
    Delivery {
        method: "POST".into(),
        url: "https://shop.example.com/hook/sms/secret?ref=7.msg_0000000000009&status=delivered&id=1".into(),
        headers: [("content-type", kind)]
            .iter()
            .chain(headers)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: body.as_bytes().to_vec(),
        received_at: Time::from_seconds(1_790_000_000),
    }
}

/// Signature headers of every provider there is.
const SIGNATURES: &[&str] = &[
    "x-twilio-signature",
    "authorization",
    "x-plivo-signature-v3",
    "x-plivo-signature-ma-v3",
    "x-plivo-signature-v3-nonce",
    "telnyx-signature-ed25519",
    "messagebird-signature-jwt",
    "messagebird-signature",
    "x-sinch-webhook-signature",
];

#[test]
fn what_is_signed_is_taken_from_nobody_else() {
    const BODIES: &[(&str, &str)] = &[
        ("application/x-www-form-urlencoded", "MessageSid=SM1&MessageStatus=delivered&id=1&status=delivered"),
        ("application/json", r#"{"status":"delivered","id":"1","message_uuid":"1","data":{"payload":{"id":"1"}}}"#),
        ("application/json", "[]"),
        ("text/plain", ""),
    ];
    for gateway in ALL.iter().filter(|gateway| gateway.can().proof != Proof::Path) {
        let settings = plausible(*gateway);
        for (kind, body) in BODIES {
            let refused = |headers: &[(&str, &str)]| {
                let told = gateway.verify(&settings, &forged(body, kind, headers));
                assert!(told.is_err(), "{}: {body} with {headers:?} is {told:?}", gateway.spec().kind);
            };
            refused(&[]);
            for value in ["", "v1,", "Bearer ", "AAAA", "Bearer a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
                let once: Vec<_> = SIGNATURES.iter().map(|name| (*name, value)).collect();
                refused(&once);
                refused(&[once.clone(), once].concat());
            }
        }
    }
}

#[test]
fn without_its_key_nothing_signed_is_taken() {
    for gateway in ALL.iter().filter(|gateway| gateway.can().proof == Proof::Signed) {
        let told = gateway.verify(&Settings::default(), &forged("id=1", "application/x-www-form-urlencoded", &[]));
        assert!(told.is_err(), "{}", gateway.spec().kind);
    }
}

#[test]
fn a_text_carries_our_reference_and_its_number() {
    for gateway in ALL {
        let Dispatch::Http(request) = gateway.dispatch(&plausible(*gateway), &outgoing("Hello")) else { continue };
        let kind = gateway.spec().kind;
        let said = format!("{} {} {:?}", request.url, String::from_utf8_lossy(&request.body), request.headers);
        assert!(said.contains("12125550101"), "{kind}: no number in {said}");
        // In the callback address, or as a reference of its own; an idempotency key may not hold a dot.
        assert!(said.contains("7.msg_0000000000009") || said.contains("7-msg_0000000000009"), "{kind}: no reference");
        let url = url::Url::parse(&request.url).unwrap();
        assert!(url.username().is_empty() && url.password().is_none(), "{kind}");
        let own = plausible(*gateway);
        if !request.private {
            assert_eq!(url.scheme(), "https", "{kind}");
        }
        assert_eq!(gateway.look_up(&own, &outgoing("Hello")).is_some(), gateway.can().look_up, "{kind}");
    }
}

#[test]
fn an_empty_or_foreign_answer_to_a_look_up_is_never_a_find() {
    for gateway in ALL {
        for (status, body) in [(200, ""), (200, "{}"), (200, "null"), (404, "{}"), (500, "[]"), (302, "")] {
            let answer = Response { status, headers: vec![], body: body.as_bytes().to_vec() };
            let sms = outgoing("Hello");
            let told = gateway.looked_up(&sms, &sms.reference, &answer);
            assert!(!matches!(told, LookUp::Found(_)), "{}: {told:?}", gateway.spec().kind);
            assert!(told != LookUp::Absent || answer.is_success() || status == 404, "{}", gateway.spec().kind);
        }
    }
}

/// Everything that is asked of a provider about a text that was sent, and about the account.
fn asked(gateway: &dyn Gateway, settings: &Settings, gateway_ref: &str) -> Vec<Request> {
    let requests = [
        gateway.ask_price(settings, gateway_ref),
        gateway.ask_balance(settings),
        gateway.redact(settings, gateway_ref),
    ];
    requests.into_iter().flatten().collect()
}

/// What a provider may have answered as its own name for a text, or a stranger in its place.
const REFERENCES: &[&str] = &[
    "ref-1",
    "7",
    "",
    " ",
    ".",
    "..",
    "../..",
    "%2e%2e",
    "a/b",
    "//other.example.com/",
    "@other.example.com",
    "a?b=c",
    "a#b",
    "a&b=c",
    "a\\b",
    "a\r\nhost: other.example.com",
    "é☕",
];

/// Where a provider has a second API besides that of its default address.
const SECOND_HOSTS: &[(&str, &str)] = &[("vonage", "api.nexmo.com"), ("vonagemessages", "rest.nexmo.com")];

#[test]
fn what_is_asked_is_asked_of_the_provider_alone() {
    const STAND_IN: &str = "http://127.0.0.1:9/stand-in";
    for gateway in ALL {
        let (spec, settings) = (gateway.spec(), plausible(*gateway));
        let api_base = spec.fields.iter().find(|field| field.key == "api_base");
        let own = match (api_base.and_then(|field| field.default), gateway.dispatch(&settings, &outgoing("Hello"))) {
            (Some(default), _) => default.to_owned(),
            (None, Dispatch::Http(request)) => request.url,
            (None, Dispatch::Keep) => String::new(),
        };
        let own = url::Url::parse(&own).ok();
        for gateway_ref in REFERENCES {
            for request in asked(*gateway, &settings, gateway_ref) {
                let url = url::Url::parse(&request.url).unwrap();
                let shown = format!("{}: {gateway_ref} leads to {url}", spec.kind);
                let second =
                    SECOND_HOSTS.iter().any(|known| Some(*known) == url.host_str().map(|host| (spec.kind, host)));
                assert!(second || own.as_ref().is_some_and(|own| own.origin() == url.origin()), "{shown}");
                assert!(request.private || url.scheme() == "https", "{shown}");
                assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none(), "{shown}");
                // Nothing in it is read otherwise than it is written: no step upwards, no line of its own.
                assert_eq!(url.as_str(), request.url, "{shown}");
                assert!(request.headers.iter().all(|(_, value)| !value.contains(['\r', '\n'])), "{shown}");
            }
            for request in
                api_base.into_iter().flat_map(|field| asked(*gateway, &settings.with(field.key, STAND_IN), gateway_ref))
            {
                let shown = format!("{}: {gateway_ref} leads to {}", spec.kind, request.url);
                assert!(request.url.starts_with(&format!("{STAND_IN}/")) && request.private, "{shown}");
            }
        }
        let again = |settings: &Settings| asked(*gateway, settings, "ref-1");
        assert!(again(&settings) == again(&settings), "{}: asked again, it asks something else", spec.kind);
    }
}

/// An answer in which most providers would find a price and a balance.
const FULL: &str = r#"{
    "price": "-0.5", "price_unit": "USD", "num_segments": "1", "status": "d", "partsCount": 1,
    "balance": 5, "currency": "EUR", "value": 5, "amount": 5, "type": "euros", "payment": "prepaid", "cash_credits": "5",
    "data": {"balance": "5", "currency": "USD", "_currency": {"currency_name_short": "AUD"}}
}"#;

#[test]
fn no_odd_answer_tells_a_price_or_a_balance_or_that_a_text_is_forgotten() {
    const BODIES: &[&str] = &[
        "",
        " ",
        "0",
        "5.00",
        "null",
        "[]",
        "{}",
        "\"\"",
        "\u{0}\u{feff}\u{1f600}",
        "<html><body>Sign in to this network</body></html>",
        r#"{"ok":true,"message":"hello"}"#,
        r#"{"price":null,"price_unit":null,"balance":null,"currency":null,"value":null,"amount":null,"type":null,"cash_credits":null,"data":null}"#,
        r#"{"price":"","price_unit":"USD","balance":"","currency":"EUR","value":"","amount":"","type":"euros","cash_credits":"","data":{"balance":"","currency":"EUR"}}"#,
        r#"{"price":{},"price_unit":[],"balance":[],"currency":{},"value":{},"amount":true,"type":{},"cash_credits":[],"data":[]}"#,
        r#"{"price":"NaN","price_unit":"USD","balance":"1e999","currency":"EUR","value":"inf","amount":"5,00","type":"euros","cash_credits":"--5","data":{"balance":"$5","currency":"USD"}}"#,
        r#"{"data":{"data":{"data":{}}}}"#,
    ];
    let mut tell = 0;
    for gateway in ALL {
        let (kind, settings) = (gateway.spec().kind, plausible(*gateway));
        for status in 100..=599 {
            let full = (!(200..300).contains(&status)).then_some(&FULL);
            for body in BODIES.iter().chain(full) {
                let answer = stage::answered(status, body);
                assert_eq!(gateway.price(&settings, &answer), None, "{kind} {status} {body}");
                assert_eq!(gateway.balance(&settings, &answer), None, "{kind} {status} {body}");
            }
            // 204 is how a deletion is answered.
            for body in BODIES.iter().chain([&FULL]).filter(|_| status != 204) {
                let told = gateway.redacted(&stage::answered(status, body));
                assert!(told != Redacted::Done || (status == 404 && gateway.can().redacts), "{kind} {status} {body}");
                if gateway.can().redacts && (status == 429 || status >= 500) {
                    assert_eq!(told, Redacted::Later, "{kind} {status} {body}");
                }
            }
        }
        tell += usize::from(gateway.balance(&settings, &stage::answered(200, FULL)).is_some());
    }
    assert!(tell > 0, "an answer that nobody could read proves nothing");
}

#[test]
fn what_is_missing_is_said_all_at_once() {
    for spec in specs().concat() {
        let required: Vec<_> = spec.fields.iter().filter(|field| field.required && field.default.is_none()).collect();
        match spec.settings(Default::default()) {
            Ok(_) => assert!(required.is_empty(), "{}", spec.kind),
            Err(problems) => assert_eq!(problems.len(), required.len(), "{problems:?}"),
        }
        assert!(spec.settings([("no such key".to_owned(), "x".to_owned())].into()).is_err());
    }
}

#[test]
fn secrets_never_show() {
    const SECRET: &str = "hunter2hunter2";
    for gateway in ALL {
        let values = gateway.spec().fields.iter().map(|field| (field.key.to_owned(), SECRET.to_owned()));
        let settings = Settings::restored(values.chain([("url".to_owned(), "http://k/".to_owned())]).collect());
        let shown = format!("{settings:?} {:?} {:?}", gateway.dispatch(&settings, &outgoing("x")), outgoing("hush"));
        assert!(!shown.contains(SECRET) && !shown.contains("2125550101") && !shown.contains("hush"), "{shown}");
    }
}

/// The longest way a text can be written.
fn outgoing(text: &str) -> Outgoing {
    Outgoing { encoding: Encoding::Ucs2, valid_for: Duration::from_secs(600), ..stage::outgoing(text) }
}

/// The rule that matters most, for one answer.
fn judge(gateway: &dyn Gateway, status: u16, body: &[u8]) {
    let kind = gateway.spec().kind;
    let answer = Response { status, headers: vec![("retry-after".into(), "5".into())], body: body.to_vec() };
    let outcome = gateway.outcome(&Settings::default(), &answer);
    let shown = format!("{kind} {status} {}: {outcome:?}", answer.text());
    if !answer.is_success() {
        assert!(!matches!(outcome, SendOutcome::Accepted { .. }), "{shown}");
    }
    // Kannel says in words that it did not take it.
    let documented = kind == "kannel" && status == 503 && body.starts_with(b"Temporal failure");
    // Vonage SMS answers 200 to everything, and says "throttled" inside.
    let throttled = kind == "vonage" && answer.is_success() && answer.text().contains("\"status\":\"1");
    if !(400..500).contains(&status) && !documented && !throttled {
        assert!(!matches!(outcome, SendOutcome::Later { .. }), "{shown}");
    }
    if status >= 500 && !documented {
        assert!(matches!(outcome, SendOutcome::Unknown { .. }), "{shown}");
    }
    if let SendOutcome::Refused { code, .. } = &outcome {
        assert!(code.len() <= 60 && !code.contains("2125550101"), "{shown}");
    }
}

#[test]
fn f10_no_answer_promises_what_nobody_knows() {
    const BODIES: &[&str] = &[
        "",
        "0: Accepted for delivery",
        "3: Queued for later delivery",
        "Temporal failure, try again later.",
        "Not routable. Do not try again. +12125550101",
        "Authorization failed for sendsms",
        r#"{"sid":"SM1","status":"queued"}"#,
        r#"{"sid":"SM1","status":"failed","error_code":20429}"#,
        r#"{"code":20429}"#,
        r#"{"code":21611,"message":"+12125550101"}"#,
        r#"{"code":21610}"#,
        r#"{"code":"21610"}"#,
        r#"{"code":-1}"#,
        r#"{"sid":7}"#,
        "[]",
        "null",
        "<html><body>Bad gateway</body></html>",
        "\u{0}\u{feff}\u{1f600}",
    ];
    for gateway in ALL {
        for status in 100..=599 {
            BODIES.iter().for_each(|body| judge(*gateway, status, body.as_bytes()));
        }
    }
}

#[test]
fn no_answer_promises_nothing_either() {
    let why = || "a".to_owned();
    assert_eq!(no_answer(&HttpError::NotSent(why())), SendOutcome::Later { why: why(), after: None });
    let refused = SendOutcome::Refused { class: RefusalClass::Account, code: why() };
    assert_eq!(no_answer(&HttpError::NotAllowed(why())), refused);
    assert_eq!(no_answer(&HttpError::Unknown(why())), SendOutcome::Unknown { why: why() });
}

proptest! {
    #[test]
    fn f31_odd_settings_and_bytes_never_panic(
        value in "\\PC*",
        text in "\\PC*",
        seconds in any::<u64>(),
        status in 100u16..600,
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        for gateway in ALL {
            let settings = Settings::restored(
                gateway.spec().fields.iter().map(|field| (field.key.to_owned(), value.clone())).collect(),
            );
            let sms = Outgoing { valid_for: Duration::from_secs(seconds), callback_url: Some(value.clone()), ..outgoing(&text) };
            let _ = gateway.dispatch(&settings, &sms);
            let _ = gateway.sender_name(&settings);
            let _ = gateway.dispatch(&Settings::default(), &sms);
            let _ = gateway.look_up(&settings, &sms);
            let _ = asked(*gateway, &settings, &text);
            let _ = asked(*gateway, &Settings::default(), &text);
            judge(*gateway, status, &body);
            let delivery = Delivery {
                method: "POST".into(),
                url: value.clone(),
                headers: SIGNATURES.iter().map(|name| ((*name).to_owned(), value.clone())).collect(),
                body: body.clone(),
                received_at: Time::from_seconds(1),
            };
            if let Ok(Accepted::Keep { topic, .. }) = gateway.verify(&settings, &delivery) {
                let _ = gateway.read(&settings, &topic, &delivery);
            }
            let answer = Response { status, headers: vec![], body: body.clone() };
            let _ = gateway.looked_up(&sms, &sms.reference, &answer);
            let _ = gateway.price(&settings, &answer);
            let _ = gateway.balance(&settings, &answer);
            let _ = gateway.redacted(&answer);
        }
        for field in specs().concat().iter().flat_map(|spec| spec.fields) {
            let _ = (field.check)(&value);
        }
    }
}
