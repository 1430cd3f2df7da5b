//! Tests of the Shopware connector: the registration both ways, signatures, what is fetched and what an order says.

use std::{path::PathBuf, time::Duration};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    domain::{
        connector::Greeting,
        event::{Channel, OrderUpdate},
        net_ledger::CHARGEBACK,
    },
    shop::magento::tests::{shop, visit},
};

const NOW: i64 = 1_772_366_400; // 2026-03-01T12:00:00Z
const APP_SECRET: &str = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
const URL: &str = "https://hooks.example.com/h/shopware/x";
const SIGNATURE: &str = "shopware-shop-signature";
const ID: &str = "0198c0ffee0000000000000000000015";

fn shop_secret() -> String {
    "5".repeat(64)
}

fn settings(more: &[(&str, &str)]) -> Settings {
    let given = [("site", "shop.example.com"), ("app_secret", APP_SECRET), ("plugin_secret", APP_SECRET)];
    let given = given.iter().chain(more).map(|&(key, value)| (key.to_owned(), value.to_owned()));
    SPEC.settings(given.collect()).unwrap()
}

fn installed() -> Settings {
    let secret = shop_secret();
    settings(&[
        ("shop_secret", &secret),
        ("shop_id", "kIPf0Fz6BUkN"),
        ("shop_url", "https://shop.example.com"),
        ("api_key", "SWIAKEY"),
        ("api_secret", "key-secret"),
    ])
}

fn sent(method: &str, query: &str, headers: &[(&str, &str)], body: &str) -> Delivery {
    Delivery {
        method: method.into(),
        url: format!("{URL}{query}"),
        headers: headers.iter().map(|&(name, value)| (name.into(), value.into())).collect(),
        body: body.into(),
        received_at: Time::from_seconds(NOW),
    }
}

/// Independent of the code under test.
fn hex(secret: &str, text: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(text);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn greeting(settings: &Settings, delivery: &Delivery) -> Result<Greeting, Refusal> {
    Shopware.verify(settings, delivery).map(|accepted| match accepted {
        Accepted::Greeting(greeting) => *greeting,
        other => panic!("{other:?}"),
    })
}

fn register(settings: &Settings, url: &str, at: i64, more: &[(&str, &str)]) -> Result<Value, Refusal> {
    let url: String = url::form_urlencoded::byte_serialize(url.as_bytes()).collect();
    let query = format!("step=register&shop-id=kIPf0Fz6BUkN&shop-url={url}&timestamp={at}");
    let signature = hex(APP_SECRET, &query);
    let mut headers = vec![("shopware-app-signature", signature.as_str())];
    let by_shop: Vec<_> = more.iter().map(|&(name, secret)| (name, hex(secret, &query))).collect();
    headers.extend(by_shop.iter().map(|(name, signature)| (*name, signature.as_str())));
    let greeting = greeting(settings, &sent("GET", &format!("?{query}"), &headers, ""))?;
    assert!(greeting.learnt.is_empty());
    Ok(serde_json::from_str(&greeting.body).unwrap())
}

fn confirmation(url: &str, at: i64) -> String {
    json!({
        "apiKey": "SWIAKEY", "secretKey": "key-secret", "timestamp": at.to_string(), "shopUrl": url,
        "shopId": "kIPf0Fz6BUkN",
    })
    .to_string()
}

#[test]
fn a_registration_both_ways() {
    let shop = "https://shop.example.com";
    let told = register(&settings(&[]), shop, NOW, &[]).unwrap();
    assert_eq!(told["proof"], hex(APP_SECRET, &format!("kIPf0Fz6BUkN{shop}Cartback")));
    let secret = told["secret"].as_str().unwrap();
    assert!((64..=255).contains(&secret.len()));
    let address = told["confirmation_url"].as_str().unwrap();
    let query = address.strip_prefix(URL).unwrap();
    let body = confirmation(shop, NOW);
    let confirm = |settings: &Settings, query: &str, headers: &[(&str, &str)], body: &str| {
        greeting(settings, &sent("POST", query, headers, body)).map(|greeting| greeting.learnt)
    };
    let signature = hex(secret, &body);
    let learnt = confirm(&settings(&[]), query, &[(SIGNATURE, &signature)], &body).unwrap();
    let expected = [
        ("api_key", "SWIAKEY"),
        ("api_secret", "key-secret"),
        ("shop_id", "kIPf0Fz6BUkN"),
        ("shop_secret", secret),
        ("shop_url", shop),
    ];
    assert_eq!(learnt.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>(), expected);
    assert!(
        SPEC.settings(settings(&[]).pairs().map(|(k, v)| (k.into(), v.into())).chain(learnt.clone()).collect()).is_ok()
    );
    // Once more, because our answer was not heard: nothing else is learnt.
    let now = settings(&[("shop_secret", secret)]);
    assert_eq!(confirm(&now, query, &[(SIGNATURE, &signature)], &body), Ok(learnt));
    // Signed by somebody else, not at all, doubled, for another shop or another moment.
    let wrong = Err(Refusal::WrongSignature);
    assert_eq!(confirm(&settings(&[]), query, &[(SIGNATURE, &hex(APP_SECRET, &body))], &body), wrong);
    assert_eq!(confirm(&settings(&[]), query, &[], &body), Err(Refusal::Unsigned));
    assert_eq!(
        confirm(&settings(&[]), query, &[(SIGNATURE, &signature), (SIGNATURE, &signature)], &body),
        Err(Refusal::Unsigned)
    );
    let other = query.replace("kIPf0Fz6BUkN", "other");
    assert_eq!(confirm(&settings(&[]), &other, &[(SIGNATURE, &signature)], &body), wrong);
    let body = confirmation("https://evil.example.com", NOW);
    assert_eq!(confirm(&settings(&[]), query, &[(SIGNATURE, &hex(secret, &body))], &body), wrong);
    let body = confirmation(shop, NOW - 301);
    assert_eq!(
        confirm(&settings(&[]), query, &[(SIGNATURE, &hex(secret, &body))], &body),
        Err(Refusal::WrongTime(301))
    );
}

#[test]
fn a_shop_that_is_known_signs_with_its_secret_too() {
    let (shop, known) = ("https://shop.example.com", shop_secret());
    // Whoever learnt the app's secret alone.
    let told = register(&installed(), shop, NOW, &[]).unwrap();
    assert!(told["error"].as_str().unwrap().contains("Shop secret") && told["secret"].is_null());
    assert_eq!(register(&installed(), shop, NOW, &[(SIGNATURE, APP_SECRET)]), Err(Refusal::WrongSignature));
    let told = register(&installed(), shop, NOW, &[(SIGNATURE, &known)]).unwrap();
    let (secret, address) = (told["secret"].as_str().unwrap(), told["confirmation_url"].as_str().unwrap());
    let (query, body) = (address.strip_prefix(URL).unwrap(), confirmation(shop, NOW));
    let new = hex(secret, &body);
    let confirm = |headers: &[(&str, &str)]| {
        greeting(&installed(), &sent("POST", query, headers, &body)).map(|greeting| greeting.learnt)
    };
    let previous = "shopware-shop-signature-previous";
    assert_eq!(confirm(&[(SIGNATURE, &new)]), Err(Refusal::Unsigned));
    assert_eq!(confirm(&[(SIGNATURE, &new), (previous, &new)]), Err(Refusal::WrongSignature));
    let learnt = confirm(&[(SIGNATURE, &new), (previous, &hex(&known, &body))]).unwrap();
    assert_eq!(learnt["shop_secret"], secret);
    // What was under way under the old secret is taken for five minutes more.
    let mut now = installed();
    for (key, value) in &learnt {
        now = now.with(key, value.clone());
    }
    let hook = webhook("checkout.order.placed", json!({}));
    let (old, later) = (signed(&known, &hook), signed(secret, &hook));
    assert!(Shopware.verify(&now, &old).is_ok() && Shopware.verify(&now, &later).is_ok());
    let old = Delivery { received_at: Time::from_seconds(NOW + 301), ..old };
    assert_eq!(Shopware.verify(&now, &old), Err(Refusal::WrongSignature));
}

#[test]
fn who_may_register() {
    let empty = settings(&[]);
    for (url, word) in [
        ("https://evil.example.com", "host"),
        ("http://shop.example.com", "https"),
        ("https://shop.example.com@evil.example.com", "https"),
    ] {
        assert!(register(&empty, url, NOW, &[]).unwrap()["error"].as_str().unwrap().contains(word), "{url}");
    }
    assert!(register(&empty, "https://shop.example.com/public", NOW, &[]).unwrap()["error"].is_null());
    assert_eq!(register(&empty, "https://shop.example.com", NOW - 301, &[]), Err(Refusal::WrongTime(301)));
    let query = format!("step=register&shop-id=a&shop-url=https%3A%2F%2Fshop.example.com&timestamp={NOW}");
    let good = hex(APP_SECRET, &query);
    let check = |query: &str, headers: &[(&str, &str)]| {
        greeting(&empty, &sent("GET", &format!("?{query}"), headers, "")).map(|_| ())
    };
    let header = "shopware-app-signature";
    assert_eq!(check(&query, &[(header, &good)]), Ok(()));
    assert_eq!(check(&query.replace("=a", "=b"), &[(header, &good)]), Err(Refusal::WrongSignature));
    assert_eq!(check(&query, &[(header, &good.to_uppercase())]), Err(Refusal::WrongSignature));
    assert_eq!(check(&query, &[(header, &good[..62])]), Err(Refusal::WrongSignature));
    assert_eq!(check(&query, &[]), Err(Refusal::Unsigned));
    assert_eq!(check(&query, &[(header, &good), (header, &good)]), Err(Refusal::Unsigned));
    let none = Settings::default();
    assert_eq!(
        Shopware.verify(&none, &sent("GET", &format!("?{query}"), &[(header, &hex("", &query))], "")),
        Err(Refusal::NoKey)
    );
}

#[test]
fn the_manifest_names_our_address_and_no_secret() {
    let told = greeting(&installed(), &sent("GET", "?file=manifest", &[], "")).unwrap();
    assert_eq!((told.content_type, told.learnt.len(), told.call), ("text/xml", 0, None));
    assert!(told.body.contains(&format!("<registrationUrl>{URL}?step=register</registrationUrl>")));
    assert!(told.body.contains(&format!("url=\"{URL}\" event=\"checkout.order.placed\"")));
    assert!(!told.body.contains(APP_SECRET) && !told.body.contains(&shop_secret()));
    assert_eq!(told.body.matches("<read>").count(), 16);
    for query in ["?file=other", "?step=other", "", "?file=manifest&file=manifest"] {
        assert_eq!(greeting(&installed(), &sent("GET", query, &[], "")), Err(Refusal::Unsigned), "{query}");
    }
}

/// A webhook's body.
fn webhook(event: &str, changes: Value) -> String {
    let mut body = json!({
        "data": { "payload": { "order": { "id": ID, "orderNumber": "10015" } }, "event": event },
        "source": {
            "url": "https://shop.example.com", "shopId": "kIPf0Fz6BUkN", "appVersion": "1.0.0", "eventId": "e-1",
        },
        "timestamp": NOW - 10,
    });
    if let (Some(body), Value::Object(changes)) = (body.as_object_mut(), changes) {
        body.extend(changes);
    }
    body.to_string()
}

fn signed(secret: &str, body: &str) -> Delivery {
    sent("POST", "", &[(SIGNATURE, &hex(secret, body))], body)
}

#[test]
fn webhooks_are_signed() {
    let (secret, body) = (shop_secret(), webhook("checkout.order.placed", json!({})));
    let good = hex(&secret, &body);
    let check = |headers: &[(&str, &str)], body: &str| Shopware.verify(&installed(), &sent("POST", "", headers, body));
    let kept = Accepted::Keep { topic: "checkout.order.placed".into(), key: "e-1".into() };
    assert_eq!(check(&[(SIGNATURE, &good)], &body), Ok(kept));
    let wrong = || Err(Refusal::WrongSignature);
    assert_eq!(check(&[(SIGNATURE, &good)], &body.replace("10015", "10016")), wrong());
    assert_eq!(check(&[(SIGNATURE, &good[..62])], &body), wrong());
    assert_eq!(check(&[(SIGNATURE, &good.to_uppercase())], &body), wrong());
    assert_eq!(check(&[(SIGNATURE, &hex(APP_SECRET, &body))], &body), wrong());
    assert_eq!(check(&[(SIGNATURE, &good), (SIGNATURE, &good)], &body), Err(Refusal::Unsigned));
    assert_eq!(check(&[(SIGNATURE, "")], &body), Err(Refusal::Unsigned));
    assert_eq!(check(&[], &body), Err(Refusal::Unsigned));
    assert_eq!(Shopware.verify(&settings(&[]), &signed("", &body)), Err(Refusal::NoKey));
    let told = |changes| Shopware.verify(&installed(), &signed(&secret, &webhook("checkout.order.placed", changes)));
    assert_eq!(told(json!({ "timestamp": NOW - 86_401 })), Err(Refusal::WrongTime(86_401)));
    assert_eq!(told(json!({ "timestamp": NOW + 301 })), Err(Refusal::WrongTime(-301)));
    assert!(told(json!({ "timestamp": (NOW - 80_000).to_string() })).is_ok());
    assert_eq!(told(json!({ "timestamp": null })), wrong());
    // A copy of the shop.
    assert_eq!(told(json!({ "source": { "url": "https://shop.example.com", "shopId": "other" } })), wrong());
    assert_eq!(told(json!({ "source": { "url": "https://staging.example.com", "shopId": "kIPf0Fz6BUkN" } })), wrong());
    let deleted = webhook("app_deleted", json!({ "timestamp": null }));
    let deleted = signed(&secret, &deleted);
    assert!(Shopware.verify(&installed(), &deleted).is_ok());
    let expected = vec![ShopEvent::Uninstalled { at: deleted.received_at }];
    assert_eq!(Shopware.read(&shop(), "app_deleted", &deleted), Ok(expected));
}

#[test]
fn the_plugin_tells_of_carts() {
    let Rehearsed::Posted(left) = Shopware.rehearse(&installed(), &visit(), Act::Left, Time::from_seconds(NOW)) else {
        panic!("the plugin posts")
    };
    match Shopware.verify(&installed(), &left).unwrap() {
        Accepted::Keep { topic, .. } => assert_eq!(topic, "checkout.updated"),
        other => panic!("{other:?}"),
    }
    match Shopware.read(&shop(), "checkout.updated", &left).unwrap().remove(0) {
        ShopEvent::Cart(cart) => assert_eq!((cart.token.as_str(), cart.who.phones.len()), ("self-test-1", 1)),
        other => panic!("{other:?}"),
    }
    assert_eq!(Shopware.ask_whole(&installed(), "checkout.updated", &left), Ok(None));
    assert_eq!(Shopware.verify(&Settings::default(), &left), Err(Refusal::NoKey));
    // With both signatures it is the shop's, and that one does not hold.
    let mut both = left;
    both.headers.push((SIGNATURE.into(), "00".repeat(32)));
    assert_eq!(Shopware.verify(&installed(), &both), Err(Refusal::WrongSignature));
    assert_eq!(Shopware.discount_query("OAK10"), Some(("coupon", "OAK10".into())));
}

#[test]
fn what_is_fetched() {
    let thin = signed(&shop_secret(), &webhook("checkout.order.placed", json!({})));
    assert_eq!(Shopware.read(&shop(), "checkout.order.placed", &thin), Ok(Vec::new()));
    let with_token = installed().with(TOKEN, "short-lived");
    for topic in
        ["checkout.order.placed", "state_enter.order_transaction.state.paid", "state_enter.order.state.cancelled"]
    {
        let request = Shopware.ask_whole(&with_token, topic, &thin).unwrap().unwrap();
        assert_eq!(request.url, "https://shop.example.com/api/search/order");
        assert!(request.headers.contains(&("authorization".into(), "Bearer short-lived".into())));
        let criteria: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(criteria["filter"][0]["value"], ID);
        assert!(criteria["associations"]["transactions"].is_object());
    }
    // Without the token the request is made all the same.
    assert!(Shopware.ask_whole(&installed(), "checkout.order.placed", &thin).unwrap().is_some());
    assert!(
        Shopware.ask_whole(&settings(&[]), "checkout.order.placed", &thin).unwrap_err().contains("install the app")
    );
    assert_eq!(Shopware.ask_whole(&installed(), "app.deleted", &thin), Ok(None));
    let odd = signed(&shop_secret(), &webhook("checkout.order.placed", json!({ "data": { "payload": [] } })));
    assert_eq!(Shopware.ask_whole(&installed(), "checkout.order.placed", &odd), Ok(None));
    let token = Shopware.ask_token(&installed()).unwrap();
    assert_eq!(token.url, "https://shop.example.com/api/oauth/token");
    let asked: Value = serde_json::from_slice(&token.body).unwrap();
    assert_eq!(
        (asked["grant_type"].as_str(), asked["client_id"].as_str()),
        (Some("client_credentials"), Some("SWIAKEY"))
    );
    assert_eq!(Shopware.ask_token(&settings(&[])), None);
}

fn answer(status: u16, body: impl Into<Vec<u8>>) -> Response {
    Response { status, headers: vec![("retry-after".into(), "7".into())], body: body.into() }
}

#[test]
fn answers() {
    let given = Shopware.token(&answer(200, r#"{"token_type":"Bearer","expires_in":600,"access_token":"abc"}"#));
    assert!(given.is_ok_and(|token| token.value == "abc" && token.lasts == Duration::from_secs(600)));
    for status in [400, 401] {
        assert!(matches!(Shopware.token(&answer(status, "{}")), Err(NotPulled::Refused(_))));
    }
    assert!(matches!(Shopware.token(&answer(200, "{}")), Err(NotPulled::Later { .. })));
    let whole = |status, body: &str| {
        Shopware.whole(&installed(), "checkout.order.placed", &signed("", ""), &answer(status, body))
    };
    assert_eq!(whole(200, r#"{"total":0,"data":[]}"#), Ok(Vec::new()));
    for status in [401, 403, 404, 302] {
        assert!(matches!(whole(status, "{}"), Err(NotPulled::Refused(_))), "{status}");
    }
    assert!(matches!(whole(429, ""), Err(NotPulled::Later { wait, .. }) if wait == Duration::from_secs(7)));
    for (status, body) in [(500, ""), (200, "<html>"), (200, "{}"), (200, r#"{"data":null}"#)] {
        assert!(matches!(whole(status, body), Err(NotPulled::Later { .. })), "{status} {body}");
    }
    let orders: Vec<_> = (0..25).map(|_| order_body(json!({}))).collect();
    let page = Shopware.orders(&answer(200, json!({ "total": 60, "data": orders }).to_string()), Some("2")).unwrap();
    assert_eq!((page.orders.len(), page.next.as_deref(), page.total), (25, Some("3"), Some(60)));
    assert_eq!((page.orders[0].tax.as_deref(), page.orders[0].shipping.as_deref()), (Some("14.35"), Some("4.9")));
    let one = Shopware.orders(&answer(200, json!({ "data": [order_body(json!({}))] }).to_string()), None).unwrap();
    assert_eq!((one.orders.len(), one.next), (1, None));
    let since = Wanted::Changed { since: Time::from_seconds(NOW) };
    let request = Shopware.ask_orders(&installed(), &since, Some("3")).unwrap().unwrap();
    let criteria: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!((criteria["page"].as_u64(), criteria["filter"][0]["operator"].as_str()), (Some(3), Some("or")));
    assert!(Shopware.ask_orders(&installed(), &Wanted::One { external_id: "1/2".into() }, None).is_err());
    assert_eq!(Shopware.ask_orders(&settings(&[]), &since, None), Ok(None));
    let page = Shopware.order_page(&installed(), ID).unwrap();
    assert_eq!(page, format!("https://shop.example.com/admin#/sw/order/detail/{ID}"));
}

fn order_body(changes: Value) -> Value {
    let mut order = json!({
        "id": ID, "orderNumber": "10015", "amountTotal": 89.9, "currency": { "isoCode": "EUR" }, "shippingTotal": 4.9,
        "orderDateTime": "2026-03-01T11:00:00.000+00:00", "createdAt": "2026-03-01T11:00:01.000+00:00", "updatedAt": null,
        "stateMachineState": { "technicalName": "open" }, "price": { "calculatedTaxes": [{ "tax": 14.35 }] },
        "orderCustomer": { "email": "ida@example.com", "customerId": "c31", "customer": { "guest": false } },
        "billingAddress": { "phoneNumber": "0151 23456789", "country": { "iso": "DE" } },
        "deliveries": [{ "shippingOrderAddress": { "phoneNumber": "0660 1234567", "country": { "iso": "AT" } } }],
        "lineItems": [
            { "type": "product", "label": "Oak chair", "totalPrice": 99.9, "payload": [] },
            { "type": "promotion", "label": "Oak", "totalPrice": -10, "payload": { "code": "OAK10" } },
        ],
        "transactions": [{
            "id": "t1", "stateMachineState": { "technicalName": "paid" }, "amount": { "totalPrice": 89.9 },
            "createdAt": "2026-03-01T11:00:01.000+00:00", "updatedAt": "2026-03-01T11:01:00.000+00:00",
            "paymentMethod": { "name": "Card", "technicalName": "payment_card" },
        }],
        "customFields": { "cartback_token": "cart-1", "cartback_recovery": "r-1" },
    });
    if let (Some(order), Value::Object(changes)) = (order.as_object_mut(), changes) {
        order.extend(changes);
    }
    order
}

fn order(changes: Value) -> OrderUpdate {
    let kept = sent("POST", "", &[], &order_body(changes).to_string());
    match Shopware.read(&shop(), "order.updated", &kept).unwrap().remove(0) {
        ShopEvent::Order(order) => *order,
        other => panic!("{other:?}"),
    }
}

/// A transaction in this state, paid in this way.
fn paid(state: &str, method: &str) -> Value {
    json!({ "transactions": [{
        "id": "t1", "stateMachineState": { "technicalName": state }, "amount": { "totalPrice": 89.9 },
        "createdAt": "2026-03-01T11:00:01.000+00:00", "paymentMethod": { "technicalName": method },
    }] })
}

#[test]
fn an_order() {
    let told = order(json!({}));
    assert_eq!((told.external_id.as_str(), told.number.as_str(), told.total.minor), (ID, "10015", 8_990));
    assert_eq!((told.cart_tokens, told.recovery_tokens), (vec!["cart-1".to_owned()], vec!["r-1".to_owned()]));
    let countries: Vec<_> = told.who.phones.iter().map(|phone| phone.country.as_deref()).collect();
    assert_eq!((countries, told.who.customer.as_deref()), (vec![Some("DE"), Some("AT")], Some("c31")));
    assert_eq!((told.codes, told.discounts[0].amount.minor), (vec!["OAK10".to_owned()], 1_000));
    assert_eq!(
        (told.updated_at, told.placed_at),
        (Time::from_seconds(NOW - 3_540), Some(Time::from_seconds(NOW - 3_600)))
    );
    assert_eq!((told.payment.as_deref(), told.channel), (Some("Card"), Channel::Web));
    assert_eq!(order(json!({ "createdById": "u1" })).channel, Channel::Staff);
    let guest = json!({ "orderCustomer": { "customerId": "c31", "customer": { "guest": true } } });
    assert_eq!(order(guest).who.customer, None);
}

#[test]
fn what_a_state_says() {
    #[track_caller]
    fn check(changes: Value, cancelled: bool, placed: bool) {
        let mut changes = changes;
        if cancelled {
            changes["stateMachineState"] = json!({ "technicalName": "cancelled" });
        }
        let told = order(changes);
        assert_eq!((told.placed_at.is_some(), told.cancelled_at.is_some()), (placed, cancelled));
    }
    for state in ["open", "in_progress", "paid", "authorized", "refunded", "of a plugin"] {
        check(paid(state, "payment_card"), false, true);
    }
    for state in ["failed", "cancelled", "unconfirmed"] {
        check(paid(state, "payment_card"), false, false);
        check(paid(state, "payment_invoicepayment"), false, true);
    }
    check(paid("open", "payment_card"), true, false);
    check(paid("paid", "payment_card"), true, true);
    check(paid("cancelled", "payment_cashpayment"), true, true);
    check(json!({ "transactions": [] }), false, true);
}

#[test]
fn refunds() {
    let whole = order(paid("refunded", "payment_card")).refunds;
    assert_eq!((whole.len(), whole[0].external_id.as_str(), whole[0].amount.minor), (1, "t1", 8_990));
    assert_eq!(order(paid("refunded_partially", "payment_card")).refunds, []);
    let mut body = paid("refunded_partially", "payment_card");
    let refund = |id: &str, state: &str| json!({ "id": id, "amount": { "totalPrice": 20.05 }, "stateMachineState": { "technicalName": state } });
    body["transactions"][0]["captures"] = json!([{ "refunds": [refund("r1", "completed"), refund("r2", "open")] }]);
    let some = order(body).refunds;
    assert_eq!((some.len(), some[0].external_id.as_str(), some[0].amount.minor), (1, "r1", 2_005));
    assert_eq!(order(paid("chargeback", "payment_card")).refunds[0].external_id, format!("{CHARGEBACK}t1"));
}

#[test]
fn trap_odd_empties() {
    for empty in [json!(null), json!(""), json!([]), json!({}), json!(0)] {
        let told = order(json!({
            "billingAddress": empty, "deliveries": empty, "lineItems": empty, "transactions": empty,
            "customFields": empty, "orderCustomer": empty, "price": empty, "stateMachineState": empty,
        }));
        assert_eq!((told.who.phones.len(), told.cart_tokens.len(), told.refunds.len()), (0, 0, 0));
    }
    for wrong in [json!({ "amountTotal": null }), json!({ "currency": [] }), json!({ "id": "" })] {
        let body = sent("POST", "", &[], &order_body(wrong).to_string());
        assert!(Shopware.read(&shop(), "order.updated", &body).is_err());
    }
}

#[test]
fn the_rehearsal_reads_as_a_visit() {
    for (act, refunded) in [(Act::Bought, None), (Act::Refunded, Some(visit().refunded))] {
        let Rehearsed::Fetched { pointer: Some(pointer), whole } =
            Shopware.rehearse(&installed(), &visit(), act, Time::from_seconds(NOW))
        else {
            panic!("the shop points at it")
        };
        let Ok(Accepted::Keep { topic, .. }) = Shopware.verify(&installed(), &pointer) else { panic!("not signed") };
        assert!(Shopware.ask_whole(&installed(), &topic, &pointer).unwrap().is_some());
        let kept = sent("POST", "", &[], std::str::from_utf8(&whole.body).unwrap());
        match Shopware.read(&shop(), whole.topic, &kept).unwrap().remove(0) {
            ShopEvent::Order(order) => {
                assert_eq!((order.cart_tokens, order.total), (vec!["self-test-1".to_owned()], visit().total));
                assert_eq!(order.placed_at, Some(visit().placed_at));
                assert_eq!(order.refunds.first().map(|refund| refund.amount), refunded);
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Documented bodies, where they are at hand.
#[test]
fn every_sample_there_is() {
    let shared = std::env::var("CARTBACK_SHARED").unwrap_or_else(|_| "../shared".into());
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(shared).join("payloads/shopware");
    let Ok(files) = std::fs::read_dir(&root) else {
        eprintln!("skipped: no samples in {}", root.display());
        return;
    };
    for file in files.map(Result::unwrap) {
        let text = std::fs::read_to_string(file.path()).unwrap();
        for topic in ["checkout.order.placed", "product.written", "order.updated"] {
            let _ = Shopware.read(&shop(), topic, &signed(&shop_secret(), &text));
            let _ = Shopware.ask_whole(&installed(), topic, &signed(&shop_secret(), &text));
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        query in "[?&=a-z%0-9-]{0,40}",
        status in any::<u16>(),
    ) {
        let steps = [("GET", format!("?step=register&{query}")), ("POST", format!("?step=confirm&{query}")), ("POST", query)];
        for (method, query) in steps {
            let headers = [(SIGNATURE, "00"), ("shopware-app-signature", "00")];
            let delivery = Delivery { body: bytes.clone(), ..sent(method, &query, &headers, "") };
            let _ = Shopware.verify(&installed(), &delivery);
            for topic in ["checkout.order.placed", "order.updated", ""] {
                let _ = Shopware.read(&shop(), topic, &delivery);
                let _ = Shopware.ask_whole(&installed(), topic, &delivery);
            }
        }
        let answer = answer(status, bytes);
        let _ = (Shopware.orders(&answer, Some("1")), Shopware.token(&answer));
    }
}
