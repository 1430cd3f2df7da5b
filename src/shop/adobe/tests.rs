//! Tests of the Adobe Commerce connector: signatures, a registration's steps, what is fetched and what is read at once.

use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    domain::event::Channel,
    shop::magento::tests::{cart_body, order_body, query, shop, visit},
};

use super::vectors::{BODY, FOREIGN_BODY, FOREIGN_SIGNATURE, KEY, OTHER_KEY, SIGNATURE};

const NOW: &str = "2026-03-01T12:00:00Z";
const CLIENT: &str = "lumenandoak0123456789abcdef";
const PATH: &str = "/prod/keys/pub-key-lumen0.pem";
const PATH_1: &str = "x-adobe-public-key1-path";
const SIGNATURE_1: &str = "x-adobe-digital-signature-1";

fn settings() -> Settings {
    let given = [("site", "shop.example.com"), ("client_id", CLIENT), ("access_token", "k3yofthelumenandoak")];
    SPEC.settings(given.map(|(key, value)| (key.to_owned(), value.to_owned())).into()).unwrap()
}

fn sent(method: &str, query: &str, headers: &[(&str, &str)], body: &str) -> Delivery {
    Delivery {
        method: method.into(),
        url: format!("https://hooks.example.com/h/adobe/x{query}"),
        headers: headers.iter().map(|&(name, value)| (name.into(), value.into())).collect(),
        body: body.into(),
        received_at: Time::parse(NOW).unwrap(),
    }
}

fn posted(headers: &[(&str, &str)], body: &str) -> Delivery {
    sent("POST", "", headers, body)
}

fn answer(status: u16, body: &str) -> Response {
    Response { status, headers: Vec::new(), body: body.into() }
}

/// A CloudEvent of this name with this value.
fn event(name: &str, value: Value) -> Delivery {
    let body = json!({ "type": format!("com.adobe.commerce.{name}"), "data": { "value": value } });
    posted(&[], &body.to_string())
}

#[test]
fn signatures() {
    #[track_caller]
    fn check(key: &str, headers: &[(&str, &str)], body: &str, expected: Result<(), Refusal>) {
        let told = Adobe.verify_by(&settings(), &answer(200, key), &posted(headers, body));
        match (told, expected) {
            (Ok(Accepted::Keep { topic, key }), Ok(())) => {
                assert_eq!((topic.as_str(), key.as_str()), (QUOTE, "6b6f2c1e-0001"));
            }
            (told, expected) => assert_eq!(told.map(|_| ()), expected),
        }
    }
    let good = [(PATH_1, PATH), (SIGNATURE_1, SIGNATURE)];
    check(KEY, &good, BODY, Ok(()));
    let wrong = Err(Refusal::WrongSignature);
    check(OTHER_KEY, &good, BODY, wrong.clone());
    check("", &good, BODY, wrong.clone());
    check(&KEY[..KEY.len() - 40], &good, BODY, wrong.clone());
    check(KEY, &good, &BODY.replace("4711", "4712"), wrong.clone());
    check(KEY, &good, &format!("{BODY}\n"), wrong.clone());
    check(KEY, &[(PATH_1, PATH), (SIGNATURE_1, &SIGNATURE[..SIGNATURE.len() - 4])], BODY, wrong.clone());
    check(KEY, &[(PATH_1, PATH), (SIGNATURE_1, &SIGNATURE.to_lowercase())], BODY, wrong.clone());
    check(KEY, &[(PATH_1, PATH), (SIGNATURE_1, "")], BODY, Err(Refusal::Unsigned));
    check(KEY, &[(SIGNATURE_1, SIGNATURE)], BODY, Err(Refusal::Unsigned));
    check(KEY, &[(PATH_1, PATH)], BODY, Err(Refusal::Unsigned));
    check(KEY, &[good[0], good[1], good[1]], BODY, Err(Refusal::Unsigned));
    check(KEY, &[good[0], good[0], good[1]], BODY, Err(Refusal::Unsigned));
    // Adobe signed it, for somebody else.
    check(KEY, &[(PATH_1, PATH), (SIGNATURE_1, FOREIGN_SIGNATURE)], FOREIGN_BODY, wrong);
    // Where the first is not there, the second pair counts.
    check(KEY, &[("x-adobe-public-key2-path", PATH), ("x-adobe-digital-signature-2", SIGNATURE)], BODY, Ok(()));
    let other = Adobe.verify_by(&settings(), &answer(404, KEY), &posted(&good, BODY));
    assert_eq!(other, Err(Refusal::WrongSignature));
    let none = SPEC.settings_so_far([("site".into(), "shop.example.com".into())].into());
    assert!(none.is_err());
    let none = Settings::default();
    assert_eq!(Adobe.verify_by(&none, &answer(200, KEY), &posted(&good, BODY)), Err(Refusal::NoKey));
    assert_eq!(Adobe.verify(&none, &posted(&good, BODY)), Err(Refusal::NoKey));
    // Nothing that is signed is believed without its key.
    assert_eq!(Adobe.verify(&settings(), &posted(&good, BODY)), Err(Refusal::WrongSignature));
    assert_eq!(Adobe.verify(&settings(), &posted(&[], BODY)), Err(Refusal::Unsigned));
}

#[test]
fn keys_come_from_adobe_alone() {
    #[track_caller]
    fn check(path: &str, body: &str, expected: Option<&str>) {
        let delivery = posted(&[(PATH_1, path), (SIGNATURE_1, SIGNATURE)], body);
        let asked = Adobe.ask_keys(&settings(), &delivery);
        assert_eq!(asked.as_ref().map(|request| request.url.as_str()), expected, "{path}");
        assert!(asked.is_none_or(|request| !request.private && request.headers.is_empty()));
    }
    check(PATH, BODY, Some("https://static.adobeioevents.com/prod/keys/pub-key-lumen0.pem"));
    check(PATH, FOREIGN_BODY, None);
    check(PATH, "{}", None);
    let long = format!("/prod/keys/{}.pem", "a".repeat(300));
    for path in [
        "",
        "/",
        "@evil.example.com/prod/keys/a.pem",
        ".evil.example.com/a.pem",
        "/prod/keys/../../a.pem",
        "/prod/keys/a.pem?x",
        "/prod/keys/a.pem#.pem",
        "/prod/keys/a b.pem",
        "/prod/keys/.pem",
        "//evil/prod/keys/a.pem",
        "/prod/keys/a/b.pem",
        "/stage/a.pem",
        &long,
    ] {
        check(path, BODY, None);
    }
    assert_eq!(Adobe.ask_keys(&settings(), &posted(&[(PATH_1, PATH)], BODY)), None);
    assert_eq!(Adobe.ask_keys(&settings(), &sent("GET", "?challenge=abc", &[], "")), None);
}

#[test]
fn both_names_of_the_recipient() {
    let headers = [(PATH_1, PATH), (SIGNATURE_1, SIGNATURE)];
    let asked = |body: Value| Adobe.ask_keys(&settings(), &posted(&headers, &body.to_string())).is_some();
    assert!(asked(json!({ "recipient_client_id": CLIENT })));
    assert!(asked(json!({ "recipientclientid": CLIENT })));
    assert!(!asked(json!({ "recipientclientid": CLIENT, "recipient_client_id": "somebodyelse" })));
    assert!(!asked(json!({ "recipientclientid": CLIENT.to_uppercase() })));
    assert!(!asked(json!({ "data": { "recipientclientid": CLIENT } })));
    assert!(!asked(json!({ "recipientclientid": "" })));
}

#[test]
fn a_registration() {
    #[track_caller]
    fn check(delivery: &Delivery, expected: Result<(&str, Option<&str>), Refusal>) {
        match (Adobe.verify(&settings(), delivery), expected) {
            (Ok(Accepted::Greeting(greeting)), Ok((body, call))) => {
                assert_eq!((greeting.body.as_str(), greeting.call.as_deref()), (body, call));
                assert_eq!((greeting.content_type, greeting.learnt.len()), ("text/plain", 0));
            }
            (Err(refusal), Err(expected)) => assert_eq!(refusal, expected),
            other => panic!("{other:?}"),
        }
    }
    let challenge = "8ec8d794-e0ab-42df-9017-e3dada8e84f7";
    check(&sent("GET", &format!("?challenge={challenge}"), &[], ""), Ok((challenge, None)));
    for query in ["", "?challenge=", "?challenge=%3Cscript%3E", "?challenge=a&challenge=b", "?other=a"] {
        check(&sent("GET", query, &[], ""), Err(Refusal::Unsigned));
    }
    let address = "https://csm.adobe.io/csm/registrations/validate?id=1&challenge=2";
    check(&posted(&[], &json!({ "validationUrl": address }).to_string()), Ok(("", Some(address))));
    for wrong in [
        "http://csm.adobe.io/csm/registrations/validate?id=1",
        "https://csm.adobe.io.example.com/csm/registrations/validate",
        "https://csm.adobe.io@evil.example.com/csm/registrations/validate",
        "https://csm.adobe.io/other",
        "https://127.0.0.1/",
        "https://csm.adobe.io:8443/csm/registrations/validate",
    ] {
        check(&posted(&[], &json!({ "validationUrl": wrong }).to_string()), Err(Refusal::Unsigned));
    }
}

#[test]
fn what_is_fetched() {
    let asked = |name: &str, value: Value| Adobe.ask_whole(&settings(), name, &event(name, value));
    let url = |name: &str, value: Value| asked(name, value).unwrap().map(|request| request.url);
    let base = "https://shop.example.com/rest/V1";
    assert_eq!(url(QUOTE, json!({ "entity_id": "4711", "is_active": 1 })), Some(format!("{base}/carts/4711")));
    assert_eq!(url(QUOTE, json!({ "entity_id": "4711", "is_active": "0" })), None);
    assert_eq!(url(ORDER, json!({ "entity_id": 15 })), Some(format!("{base}/orders/15")));
    assert_eq!(url(ORDER, order_body(json!({}))), None);
    assert_eq!(url(CREDIT_MEMO, json!({ "entity_id": 3, "order_id": "15" })), Some(format!("{base}/orders/15")));
    assert_eq!(url("observer.customer_save_commit_after", json!({ "entity_id": 3 })), None);
    for id in [json!(null), json!("1/../2"), json!(0), json!({})] {
        assert!(asked(QUOTE, json!({ "entity_id": id })).unwrap_err().contains("--fields=entity_id"));
    }
    let none = settings().with("access_token", "");
    assert!(
        Adobe.ask_whole(&none, QUOTE, &event(QUOTE, json!({ "entity_id": 1 }))).unwrap_err().contains("access_token")
    );
    // The same in the form before CloudEvents.
    let older = posted(&[], &json!({ "event": { "data": { "value": { "entity_id": "7" } } } }).to_string());
    assert_eq!(Adobe.ask_whole(&settings(), QUOTE, &older).unwrap().unwrap().url, format!("{base}/carts/7"));
}

#[test]
fn what_came_of_it() {
    let whole = |topic: &str, status, body: &str| {
        Adobe.whole(&settings(), topic, &event(topic, json!({})), &answer(status, body))
    };
    let cart = whole(QUOTE, 200, &cart_body(json!({})).to_string()).unwrap().remove(0);
    assert!(Adobe.read(&shop(), QUOTE, &event(QUOTE, json!({ "entity_id": 4711 }))).unwrap().is_empty());
    match Adobe.read(&shop(), cart.topic, &posted(&[], std::str::from_utf8(&cart.body).unwrap())).unwrap().remove(0) {
        ShopEvent::Cart(cart) => {
            assert_eq!(cart.recovery_url.as_deref(), Some("https://shop.example.com/checkout/cart/"));
            assert_eq!((cart.token.as_str(), cart.who.phones.len()), ("4711", 1));
        }
        other => panic!("{other:?}"),
    }
    let order = whole(CREDIT_MEMO, 200, &order_body(json!({ "total_refunded": 20 })).to_string()).unwrap().remove(0);
    match Adobe.read(&shop(), order.topic, &posted(&[], std::str::from_utf8(&order.body).unwrap())).unwrap().remove(0) {
        ShopEvent::Order(order) => assert_eq!(order.refunds[0].amount.minor, 2_000),
        other => panic!("{other:?}"),
    }
    assert_eq!(whole(QUOTE, 404, r#"{"message":"No such entity with %fieldName = %fieldValue"}"#), Ok(Vec::new()));
    assert!(matches!(whole(QUOTE, 404, "<html>"), Err(NotPulled::Refused(_))));
    assert!(matches!(whole(QUOTE, 401, "{}"), Err(NotPulled::Refused(_))));
    for (status, body) in [(429, ""), (503, ""), (500, "{}"), (200, "{}"), (200, "<html>"), (200, "")] {
        assert!(matches!(whole(ORDER, status, body), Err(NotPulled::Later { .. })), "{status} {body}");
    }
}

#[test]
fn an_order_is_read_from_its_event() {
    let mut value = order_body(json!({ "billing_address": null, "extension_attributes": {}, "entity_id": "15" }));
    value.as_object_mut().unwrap().insert(
        "addresses".into(),
        json!([
            { "address_type": "shipping", "telephone": "0660 1234567", "country_id": "AT" },
            { "address_type": "billing", "telephone": "0151 23456789", "country_id": "DE" },
        ]),
    );
    assert_eq!(Adobe.ask_whole(&settings(), ORDER, &event(ORDER, value.clone())), Ok(None));
    let read = |value: Value| Adobe.read(&shop(), ORDER, &event(ORDER, value)).unwrap();
    match read(value.clone()).remove(0) {
        ShopEvent::Order(order) => {
            assert_eq!(
                (order.external_id.as_str(), order.cart_tokens.as_slice()),
                ("15", ["4711".to_owned()].as_slice())
            );
            let countries: Vec<_> = order.who.phones.iter().map(|phone| phone.country.as_deref()).collect();
            assert_eq!(countries, [Some("DE"), Some("AT")]);
        }
        other => panic!("{other:?}"),
    }
    // A field nobody subscribed to says nothing; one that is empty does.
    value.as_object_mut().unwrap().remove("remote_ip");
    assert!(matches!(&read(value.clone())[0], ShopEvent::Order(order) if order.channel == Channel::Web));
    value.as_object_mut().unwrap().insert("remote_ip".into(), Value::Null);
    assert!(matches!(&read(value)[0], ShopEvent::Order(order) if order.channel == Channel::Staff));
    for thin in [json!({ "entity_id": 15 }), json!({}), json!(null), json!([])] {
        assert_eq!(read(thin), []);
    }
    assert!(Adobe.read(&shop(), ORDER, &posted(&[], "")).is_err());
}

#[test]
fn names_of_events() {
    let named = |body: Value, headers: &[(&str, &str)]| topic(&body, &posted(headers, ""));
    assert_eq!(named(json!({ "type": format!("com.adobe.commerce.{ORDER}") }), &[]), ORDER);
    assert_eq!(named(json!({ "type": format!("com.adobe.commerce.acme.{ORDER}") }), &[]), ORDER);
    assert_eq!(named(json!({}), &[("x-adobe-event-code", QUOTE)]), QUOTE);
    // What is signed goes first.
    assert_eq!(named(json!({ "type": QUOTE }), &[("x-adobe-event-code", ORDER)]), QUOTE);
    assert_eq!(named(json!({}), &[]), "");
    assert_eq!(named(json!({ "type": "é.plugin.sales.api" }), &[]), "plugin.sales.api");
}

#[test]
fn lists_are_asked_for_as_magentos() {
    let request = Adobe.ask_carts(&settings(), Time::parse(NOW).unwrap(), None).unwrap().unwrap();
    assert!(query(&request).iter().any(|(_, value)| value == "is_active"));
    let one = Wanted::One { external_id: "15".into() };
    assert!(Adobe.ask_orders(&settings(), &one, None).unwrap().unwrap().url.contains("/rest/V1/orders?"));
    assert!(!Adobe.is_silent(&settings()));
    assert!(matches!(
        Adobe.rehearse(&settings(), &visit(), Act::Left, Time::parse(NOW).unwrap()),
        Rehearsed::Fetched { pointer: None, .. }
    ));
}

#[test]
fn clients() {
    for wrong in ["", "short", "a b c d e f g h i j k l", "https://developer.adobe.com/x"] {
        assert!(signature::check_client(wrong).is_err(), "{wrong}");
    }
    assert!(signature::check_client(CLIENT).is_ok());
    assert!(signature::check_client(&format!("{CLIENT}, {CLIENT}")).is_ok());
}

/// Documented events, where they are at hand.
#[test]
fn every_sample_there_is() {
    let shared = std::env::var("CARTBACK_SHARED").unwrap_or_else(|_| "../shared".into());
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(shared).join("payloads/magento");
    let Ok(files) = std::fs::read_dir(&root) else {
        eprintln!("skipped: no samples in {}", root.display());
        return;
    };
    for file in files.map(Result::unwrap) {
        let text = std::fs::read_to_string(file.path()).unwrap();
        for topic in [QUOTE, ORDER, CREDIT_MEMO, quote::TOPIC, order::TOPIC] {
            let _ = Adobe.read(&shop(), topic, &posted(&[], &text));
            let _ = Adobe.ask_whole(&settings(), topic, &posted(&[], &text));
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        path in ".{0,40}",
        signature in "[A-Za-z0-9+/=]{0,20}",
    ) {
        let mut delivery = posted(&[(PATH_1, &path), (SIGNATURE_1, &signature)], "");
        delivery.body = bytes.clone();
        let key = Response { status: 200, headers: Vec::new(), body: bytes };
        let _ = (Adobe.verify(&settings(), &delivery), Adobe.ask_keys(&settings(), &delivery));
        let _ = Adobe.verify_by(&settings(), &key, &delivery);
        for topic in [QUOTE, ORDER, CREDIT_MEMO, ""] {
            let _ = Adobe.read(&shop(), topic, &delivery);
            let _ = Adobe.ask_whole(&settings(), topic, &delivery);
            let _ = Adobe.whole(&settings(), topic, &delivery, &key);
        }
    }

    #[test]
    fn no_cut_key_panics(end in 0_usize..460, byte in any::<u8>()) {
        let mut key = KEY.as_bytes()[..end.min(KEY.len())].to_vec();
        key.extend([byte, b'\n']);
        key.extend(b"-----END PUBLIC KEY-----");
        let delivery = posted(&[(PATH_1, PATH), (SIGNATURE_1, SIGNATURE)], BODY);
        let answer = Response { status: 200, headers: Vec::new(), body: key };
        let _ = Adobe.verify_by(&settings(), &answer, &delivery);
    }
}
