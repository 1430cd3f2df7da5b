//! Shopify's bodies and signatures, with our own values, and the traps met in real ones.

use serde_json::json;

use super::*;
use crate::domain::{
    event::{CartUpdate, OrderUpdate},
    money::{Currency, Money},
};

const KEY: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";

pub(super) fn now() -> Time {
    Time::from_seconds(1_772_380_800)
}

pub(super) fn shop() -> ShopFacts {
    ShopFacts { country: "DE".into(), currency: Currency::parse("EUR").unwrap(), settings: Default::default() }
}

pub(super) fn minor(currency: &str, minor: i64) -> Option<Money> {
    Some(Money::new(minor, Currency::parse(currency).unwrap()))
}

pub(super) fn delivery(body: &[u8], headers: &[(&str, &str)]) -> Delivery {
    Delivery {
        method: "POST".into(),
        url: "https://hooks.example/h/shopify/x".into(),
        headers: headers.iter().map(|&(name, value)| (name.into(), value.into())).collect(),
        body: body.to_vec(),
        received_at: now(),
    }
}

pub(super) fn events(topic: &str, body: &Value, headers: &[(&str, &str)]) -> Result<Vec<ShopEvent>, Unreadable> {
    Shopify.read(&shop(), topic, &delivery(body.to_string().as_bytes(), headers))
}

/// The body with these keys replaced or added.
pub(super) fn with(body: &Value, change: Value) -> Value {
    let mut body = body.clone();
    body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    body
}

pub(super) fn checkout() -> Value {
    json!({
        "id": 412345678901234567i64, "token": "5c0ffee0a1", "cart_token": "hWN1ab",
        "email": "ida@shopper.example", "phone": "+1 416 555 0142", "gateway": null,
        "buyer_accepts_marketing": true, "buyer_accepts_sms_marketing": false, "sms_marketing_phone": null,
        "created_at": "2026-03-01T09:50:00-05:00", "updated_at": "2026-03-01T09:55:00-05:00",
        "completed_at": null, "closed_at": null, "landing_site": "/", "note_attributes": [],
        "currency": "USD", "presentment_currency": "CAD", "customer_locale": "en-CA", "source_name": "web",
        "total_price": "214.50", "subtotal_price": "194.50", "shipping_lines": [], "discount_codes": [],
        "abandoned_checkout_url": "https://lumen-and-oak.example/7/checkouts/ac/hWN1ab/recover?key=3d&locale=en-CA",
        "shipping_address": {
            "first_name": "Ida", "phone": null, "zip": "M5V 1A1", "country_code": "CA", "province_code": "ON",
        },
        "line_items": [{
            "key": "91", "title": "Oak stool", "presentment_title": "Oak stool", "variant_title": "",
            "quantity": 2, "price": "97.25", "line_price": "194.50", "properties": null,
        }],
        "customer": {
            "id": 723456789012345678i64, "email": "ida@shopper.example", "phone": null,
            "first_name": "Ida", "sms_marketing_consent": null, "default_address": { "country_code": "CA" },
        },
    })
}

pub(super) fn order_body() -> Value {
    json!({
        "id": 612345678901234567i64, "name": "#2044", "order_number": 2044, "app_id": 580111,
        "checkout_id": 412345678901234567i64, "checkout_token": "5c0ffee0a1", "cart_token": "hWN1ab",
        "email": "ida@shopper.example", "contact_email": "ida@shopper.example", "phone": null,
        "created_at": "2026-03-01T10:02:00-05:00", "processed_at": "2026-03-01T10:02:00-05:00",
        "updated_at": "2026-03-01T10:02:01-05:00", "cancelled_at": null, "financial_status": "paid",
        "currency": "USD", "presentment_currency": "CAD", "total_price": "214.50", "test": false,
        "payment_gateway_names": ["shopify_payments"], "source_name": "web", "landing_site": "/",
        "discount_codes": [{ "code": "WELCOME-BACK", "amount": "10.00", "type": "fixed_amount" }],
        "note_attributes": [], "refunds": [], "line_items": [],
        "customer": { "id": 723456789012345678i64, "email": "ida@shopper.example" },
        "shipping_address": { "phone": "416 555 0142", "country_code": "CA" },
    })
}

pub(super) fn cart(change: Value) -> CartUpdate {
    match events("checkouts/update", &with(&checkout(), change), &[]).unwrap().pop() {
        Some(ShopEvent::Cart(cart)) => *cart,
        other => panic!("{other:?}"),
    }
}

pub(super) fn order(change: Value) -> OrderUpdate {
    match events("orders/updated", &with(&order_body(), change), &[]).unwrap().pop() {
        Some(ShopEvent::Order(order)) => *order,
        other => panic!("{other:?}"),
    }
}

fn settings(signing_key: &str) -> Result<Settings, Vec<String>> {
    let given = [("domain", "lumen-and-oak.myshopify.com"), ("signing_key", signing_key)];
    SPEC.settings(given.map(|(key, value)| (key.into(), value.into())).into())
}

pub(super) fn settings_of(pairs: &[(&str, &str)]) -> Settings {
    Settings::restored(pairs.iter().map(|&(key, value)| (key.into(), value.into())).collect())
}

fn signed(key: &str, body: &[u8]) -> String {
    BASE64.encode(&mac(key, body).unwrap())
}

#[test]
fn signatures() {
    #[track_caller]
    fn check(headers: &[(&str, &str)], keys: &str, expected: Result<Accepted, Refusal>) {
        let verdict = Shopify.verify(&settings(keys).unwrap(), &delivery(BODY, headers));
        assert_eq!(verdict, expected, "{headers:?}");
    }
    fn old(signature: &str) -> [(&'static str, &str); 3] {
        let (topic, id) = (("x-shopify-topic", "orders/create"), ("x-shopify-webhook-id", "b54557e4-11"));
        [topic, id, ("x-shopify-hmac-sha256", signature)]
    }
    const BODY: &[u8] = br#"{ "id" : 1 }"#;
    let good = signed(KEY, BODY);
    let kept = Ok(Accepted::Keep { topic: "orders/create".into(), key: "b54557e4-11".into() });
    let new = [
        ("shopify-topic", "orders/create"),
        ("shopify-webhook-id", "b54557e4-11"),
        ("shopify-hmac-sha256", good.as_str()),
    ];
    check(&old(&good), KEY, kept.clone());
    check(&new, KEY, kept.clone());
    check(&[&old(&good)[..], &new[..]].concat(), KEY, kept.clone());
    check(&old(&good), &format!("another-key-of-32-characters-000, {KEY}"), kept);
    check(&old(&good), "another-key-of-32-characters-000", Err(Refusal::WrongSignature));

    let hex = data_encoding::HEXLOWER.encode(&mac(KEY, BODY).unwrap());
    let lost_padding = good.trim_end_matches('=');
    for wrong in [hex.as_str(), &hex.to_uppercase(), &good.to_uppercase(), lost_padding, "AAAA", "v1,AAAA", "!"] {
        check(&old(wrong), KEY, Err(Refusal::WrongSignature));
    }
    check(&old(&signed(KEY, br#"{"id":1}"#)), KEY, Err(Refusal::WrongSignature));
    check(&old(""), KEY, Err(Refusal::Unsigned));
    check(&old(&good)[..2], KEY, Err(Refusal::Unsigned));
    let twice = [old(&good)[2], old(&good)[2]];
    check(&twice, KEY, Err(Refusal::Unsigned));
    let differing = [("x-shopify-hmac-sha256", "AAAA"), ("shopify-hmac-sha256", good.as_str())];
    check(&differing, KEY, Err(Refusal::Unsigned));
    // The empty key signs as well as any other: it must not be one.
    let empty = signed("", BODY);
    let nothing = Shopify.verify(&Settings::default(), &delivery(BODY, &old(&empty)));
    assert_eq!(nothing, Err(Refusal::NoKey));
}

#[test]
fn one_event_told_by_two_subscriptions_has_one_key() {
    #[track_caller]
    fn check(headers: &[(&str, &str)], expected: &str) {
        let body = b"{}";
        let signature = signed(KEY, body);
        let headers: Vec<_> = headers.iter().copied().chain([("x-shopify-hmac-sha256", signature.as_str())]).collect();
        let kept = Accepted::Keep { topic: String::new(), key: expected.into() };
        assert_eq!(Shopify.verify(&settings(KEY).unwrap(), &delivery(body, &headers)), Ok(kept), "{headers:?}");
    }
    check(&[("x-shopify-event-id", "e-1"), ("x-shopify-webhook-id", "w-1")], "e-1");
    check(&[("shopify-event-id", "e-1"), ("x-shopify-webhook-id", "w-2")], "e-1");
    check(&[("x-shopify-event-id", " "), ("x-shopify-webhook-id", "w-1")], "w-1");
    check(&[("x-shopify-event-id", "e-1"), ("shopify-event-id", "e-2"), ("x-shopify-webhook-id", "w-1")], "w-1");
    check(&[], "");
}

#[test]
fn settings_are_checked() {
    assert!(settings(KEY).is_ok());
    assert!(settings(&format!("{KEY}, {KEY}")).is_ok());
    for wrong in ["", ",", "short", &format!("{KEY},{KEY},{KEY}"), &format!("{KEY} {KEY}"), &"k".repeat(129)] {
        assert!(settings(wrong).is_err(), "{wrong}");
    }
    assert!(SPEC.connect.iter().any(|step| step.contains("{url}")));
    assert_eq!(Shopify.discount_query("BACK10"), Some(("discount", "BACK10".into())));
}

#[test]
fn test_notifications_change_nothing() {
    #[track_caller]
    fn check(topic: &str, body: Value) {
        assert_eq!(events(topic, &body, &[]), Ok(vec![ShopEvent::Test]), "{topic}");
    }
    check("orders/create", with(&order_body(), json!({ "id": 820982911946154508i64 })));
    check("checkouts/create", with(&checkout(), json!({ "id": null, "name": "#981820079255243537" })));
    check("refunds/create", json!({ "id": 1, "order_id": 820982911946154508i64 }));
    check("shop/redact", json!({ "shop_id": 954889, "shop_domain": "x.myshopify.com" }));
    check("app/uninstalled", json!({ "id": 548380009, "plan_name": "enterprise" }));
}

#[test]
fn a_body_under_another_topic_is_not_believed() {
    let redact =
        json!({ "shop_id": 7, "shop_domain": "x.myshopify.com", "customer": { "id": 5 }, "orders_to_redact": [] });
    for (topic, body) in [
        ("shop/redact", &redact),
        ("app/uninstalled", &redact),
        ("shop/redact", &order_body()),
        ("app/uninstalled", &order_body()),
        ("customers/redact", &order_body()),
        ("customers/data_request", &redact),
        ("orders/create", &checkout()),
        ("checkouts/delete", &checkout()),
        ("checkouts/update", &order_body()),
        ("refunds/create", &order_body()),
    ] {
        assert!(events(topic, body, &[]).is_err(), "{topic}");
    }
}

#[test]
fn trap_18_consent_is_told_by_number_and_by_customer() {
    #[track_caller]
    fn check(phone: Value, told: Value, state: Option<ConsentState>) {
        let body = json!({ "id": 723456789012345678i64, "phone": phone, "sms_marketing_consent": told });
        let found = match events("customers_marketing_consent/update", &body, &[]).unwrap().pop() {
            Some(ShopEvent::Consent(found)) => Some(*found),
            None => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(found.as_ref().map(|found| found.state), state);
        let Some(found) = found else { return };
        assert_eq!(
            (found.customer.as_deref(), found.phone.number.as_str()),
            (Some("723456789012345678"), "+14165550142")
        );
        assert_eq!(
            (Some(found.at), found.proof.level.as_deref()),
            (Time::parse("2026-03-01T12:00:00Z"), Some("confirmed_opt_in"))
        );
    }
    let told = |state: Value| {
        json!({
            "state": state, "opt_in_level": "confirmed_opt_in", "consent_collected_from": "other",
            "consent_updated_at": "2026-03-01T07:00:00-05:00",
        })
    };
    let phone = json!("+14165550142");
    check(phone.clone(), told(json!("subscribed")), Some(ConsentState::Granted));
    check(phone.clone(), told(json!("UNSUBSCRIBED")), Some(ConsentState::Withdrawn));
    check(phone.clone(), told(json!("not_subscribed")), Some(ConsentState::NotGiven));
    check(phone.clone(), told(json!(null)), None);
    check(phone, told(json!("to be invented")), None);
    check(json!(null), told(json!("subscribed")), None);
}

#[test]
fn trap_22_privacy_requests_need_no_known_customer() {
    let body = json!({ "shop_id": 7, "shop_domain": "x.myshopify.com", "customer": { "id": 5, "email": "a@b.example", "phone": "+12125550101" } });
    let [redact, request] =
        ["customers/redact", "customers/data_request"].map(|topic| events(topic, &body, &[]).unwrap().pop());
    let (Some(ShopEvent::Redact(one)), Some(ShopEvent::DataRequest(other))) = (redact, request) else { panic!() };
    assert_eq!(one, other);
    assert_eq!((one.customer.as_deref(), one.email.as_deref(), one.phones.len()), (Some("5"), Some("a@b.example"), 1));
    let nobody = json!({ "shop_id": 7, "shop_domain": "x.myshopify.com", "customer": {} });
    assert_eq!(events("customers/redact", &nobody, &[]), Ok(vec![ShopEvent::Redact(Identity::default())]));
}

#[test]
fn the_shop_leaves() {
    let gone = events("app/uninstalled", &json!({ "id": 7, "plan_name": "basic" }), &[]);
    assert_eq!(gone, Ok(vec![ShopEvent::Uninstalled { at: now() }]));
    let erased = events("shop/redact", &json!({ "shop_id": 7, "shop_domain": "x.myshopify.com" }), &[]);
    assert_eq!(erased, Ok(vec![ShopEvent::ShopRedact]));
}

#[test]
fn trap_4_a_paid_order_is_what_its_body_says_and_not_what_its_topic_does() {
    // As the documentation's sample of `orders/paid`: voided and cancelled.
    let change = json!({ "financial_status": "voided", "cancelled_at": "2026-03-02T00:00:00Z" });
    let Some(ShopEvent::Order(order)) = events("orders/paid", &with(&order_body(), change), &[]).unwrap().pop() else {
        panic!()
    };
    assert_eq!(order.cancelled_at, Time::parse("2026-03-02T00:00:00Z"));
    let Some(ShopEvent::Order(order)) = events("orders/paid", &order_body(), &[]).unwrap().pop() else { panic!() };
    assert_eq!(order.cancelled_at, None);
}

#[test]
fn trap_17_consent_is_for_the_number_beside_the_box() {
    let cart = cart(json!({
        "buyer_accepts_sms_marketing": true, "sms_marketing_phone": "+14165550107",
        "shipping_address": { "phone": "+14165550142", "country_code": "CA" },
    }));
    assert_eq!(cart.consent.unwrap().phone.unwrap().number, "+14165550107");
    assert_eq!(cart.who.phones[0].number, "+14165550107");
}

#[test]
fn trap_21_a_shop_that_comes_back_is_read_as_before() {
    // Installed again within 48 hours, it sends no shop/redact: an uninstall is a moment and erases nothing.
    let headers = [("x-shopify-triggered-at", "2026-03-01T15:00:00Z")];
    let gone = events("app/uninstalled", &json!({ "id": 7, "myshopify_domain": "x.myshopify.com" }), &headers);
    assert_eq!(gone, Ok(vec![ShopEvent::Uninstalled { at: Time::parse("2026-03-01T15:00:00Z").unwrap() }]));
    assert_eq!(cart(json!({})).token, "5c0ffee0a1");
}

#[test]
fn one_checkout_from_its_start_to_its_refund() {
    let nobody = json!({ "email": null, "phone": null, "customer": null, "shipping_address": [] });
    let (begun, left) = (cart(nobody), cart(json!({ "updated_at": "2026-03-01T09:57:00-05:00" })));
    assert_eq!((begun.who.phones.len(), left.who.phones.len(), begun.token == left.token), (0, 1, true));
    assert!(begun.updated_at < left.updated_at);
    let bought = order(json!({}));
    assert!(bought.cart_tokens.contains(&left.token) && bought.cart_tokens.contains(&left.cart_token.unwrap()));
    let paid = order(json!({ "financial_status": "paid", "updated_at": "2026-03-01T10:03:00-05:00" }));
    let cancelled = order(json!({ "cancelled_at": "2026-03-02T10:00:00-05:00" }));
    assert_eq!((paid.placed_at, paid.cancelled_at, cancelled.cancelled_at.is_some()), (bought.placed_at, None, true));
    let back = json!({
        "id": 901234567890123457i64, "order_id": 612345678901234567i64, "created_at": "2026-03-02T10:00:00-05:00",
        "transactions": [{ "kind": "refund", "status": "success", "amount": "214.50", "currency": "USD" }],
    });
    let Some(ShopEvent::Refunds { order, refunds }) = events("refunds/create", &back, &[]).unwrap().pop() else {
        panic!()
    };
    assert_eq!((order, Some(refunds[0].amount)), (bought.external_id, minor("USD", 21_450)));
}

proptest::proptest! {
    #[test]
    fn no_body_panics(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), at in 0..TOPICS.len()) {
        let _ = Shopify.read(&shop(), TOPICS[at], &delivery(&body, &[]));
        let headers = [("x-shopify-hmac-sha256", "AAAA")];
        let _ = Shopify.verify(&settings(KEY).unwrap(), &delivery(&body, &headers));
    }
}

#[test]
fn topics_there_is_nothing_to_do_for() {
    for (topic, body) in [
        ("orders/delete", json!({ "id": 612345678901234567i64 })),
        (
            "customers/merge",
            json!({ "admin_graphql_api_customer_kept_id": "gid://shopify/Customer/1", "status": "success" }),
        ),
        ("app/scopes_update", json!({ "id": 7, "previous": ["read_orders"], "current": [] })),
        ("shop/update", json!({ "id": 7, "plan_name": "basic", "myshopify_domain": "x.myshopify.com" })),
        ("customers_email_marketing_consent/update", json!({ "customer_id": 7 })),
    ] {
        assert_eq!(events(topic, &body, &[]), Ok(Vec::new()), "{topic}");
    }
}

#[test]
fn other_topics_are_no_events_whatever_their_body() {
    for topic in ["carts/update", "orders/edited", "orders/delete", "products/create", "", "ORDERS_CREATE"] {
        assert_eq!(Shopify.read(&shop(), topic, &delivery(b"not json", &[])), Ok(Vec::new()));
    }
    assert!(Shopify.read(&shop(), "orders/create", &delivery(b"not json", &[])).is_err());
}

mod subscribing {
    use super::*;
    use crate::http::{Method, Response};

    const URL: &str = "https://cb.example/hook/shop/abc";

    fn asked(settings: &[(&str, &str)]) -> Result<Vec<Subscription>, String> {
        let settings = settings.iter().map(|&(key, value)| (key.into(), value.into())).collect();
        Shopify.subscribe(&Settings::restored(settings), URL)
    }

    #[test]
    fn every_topic_is_asked_for_with_the_token_and_our_url() {
        let asked = asked(&[("domain", "https://Lumen-and-Oak.myshopify.com/"), ("token", "shpat_0f1e2d3c4b5a")]);
        let asked = asked.unwrap();
        assert_eq!(asked.len(), 10);
        for one in asked {
            let to = "https://lumen-and-oak.myshopify.com/admin/api/2026-07/graphql.json";
            assert_eq!((one.request.method, one.request.url.as_str(), one.request.private), (Method::Post, to, false));
            let token = ("x-shopify-access-token".to_owned(), "shpat_0f1e2d3c4b5a".to_owned());
            assert!(one.request.headers.contains(&token));
            let body: Value = serde_json::from_slice(&one.request.body).unwrap();
            assert!(body["query"].as_str().unwrap().contains("webhookSubscriptionCreate("), "{body}");
            assert_eq!(body["variables"]["webhookSubscription"], json!({ "uri": URL }));
            let name = body["variables"]["topic"].as_str().unwrap();
            assert_eq!(name.to_ascii_lowercase(), one.topic.replace('/', "_"));
            assert!(TOPICS.contains(&one.topic), "{} would come and mean nothing", one.topic);
        }
    }

    #[test]
    fn the_token_goes_to_shopify_or_nowhere() {
        assert!(asked(&[("domain", "lumen-and-oak.myshopify.com")]).unwrap().is_empty());
        for domain in ["lumen-and-oak.example", "lumen-and-oak.myshopify.com.example", "notmyshopify.com", ""] {
            let refused = asked(&[("domain", domain), ("token", "shpat_0f1e2d3c4b5a")]).unwrap_err();
            assert!(refused.starts_with("domain: "), "{refused}");
        }
    }

    #[test]
    fn trap_9_webhooks_that_vanished_are_missed() {
        let node = |topic: &str, uri: &str| json!({ "topic": topic, "uri": uri });
        let nodes =
            [node("ORDERS_CREATE", URL), node("CHECKOUTS_UPDATE", "https://other.example/"), node("CARTS_UPDATE", URL)];
        let body = json!({ "data": { "webhookSubscriptions": { "nodes": nodes } } }).to_string().into_bytes();
        let there = Shopify.subscriptions(&Response { status: 200, headers: Vec::new(), body }, URL);
        assert_eq!(there, Ok(vec!["orders/create".to_owned()]));
        // Vanished is not switched off: there is nothing to wake, and asking anew makes no second one.
        let settings = settings_of(&[("domain", "x.myshopify.com"), ("token", "shpat_0f1e2d3c4b5a")]);
        let answer = Response { status: 200, headers: Vec::new(), body: Vec::new() };
        assert!(Shopify.wake_subscriptions(&settings, &answer, URL).is_empty());
        assert!(!Shopify.doubles_subscriptions() && !Shopify.loses_webhooks());
    }

    #[test]
    fn answers() {
        #[track_caller]
        fn check(status: u16, body: &Value, expected: Result<(), &str>) {
            let body = body.to_string().into_bytes();
            let found = Shopify.subscribed(&Response { status, headers: Vec::new(), body });
            match (&found, expected) {
                (Ok(()), Ok(())) => {}
                (Err(found), Err(part)) => assert!(found.contains(part), "{found}"),
                _ => panic!("{found:?}, not {expected:?}"),
            }
        }
        let made = |made: Value, errors: Value| json!({ "data": { "webhookSubscriptionCreate": { "webhookSubscription": made, "userErrors": errors } } });
        let refused = |words: &str| made(json!(null), json!([{ "field": ["webhookSubscription"], "message": words }]));
        check(200, &made(json!({ "id": "gid://shopify/WebhookSubscription/41" }), json!([])), Ok(()));
        check(200, &refused("Address for this topic has already been taken"), Ok(()));
        let unapproved = "This app is not approved to subscribe to webhook topics containing protected customer data.";
        check(200, &refused(unapproved), Err("the plan Grow or a higher one, not Basic"));
        let unscoped = "You cannot create a webhook subscription with the specified topic";
        check(200, &refused(unscoped), Err("scopes read_orders and read_customers"));
        check(200, &refused("Address is not allowed"), Err("Address is not allowed"));
        check(200, &json!({ "errors": [{ "message": "Throttled" }] }), Err("Throttled"));
        check(200, &made(json!(null), json!([])), Err("does not say"));
        check(200, &json!("<html>"), Err("does not say"));
        check(301, &json!(null), Err("answered 301"));
        check(401, &json!({ "errors": "[API] Invalid API key or access token" }), Err("does not accept the token"));
        check(403, &json!(null), Err("scopes"));
        check(404, &json!({ "errors": "Not Found" }), Err("no shop at this domain"));
        check(503, &json!(null), Err("answered 503"));
    }
}
