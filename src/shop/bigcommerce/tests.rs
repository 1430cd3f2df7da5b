//! Tests of the BigCommerce connector: proofs, the story of a cart, each trap under its own name, every sample there is.

use std::{path::PathBuf, time::Duration};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    domain::{
        discount::{Off, Plan},
        event::{CartUpdate, Channel, ConsentState, OrderUpdate},
        id::DiscountId,
        money::{Currency, Money},
    },
    http::Method,
};

const NOW: &str = "2026-03-01T12:00:00Z";
const CLIENT_SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const HOOK_SECRET: &str = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";
const CART: &str = "5f0c9a11-0001-4a4a-8b8b-0123456789ab";
const HOOK: &str = "https://hooks.example.com/h/bigcommerce/x";

fn shop() -> ShopFacts {
    ShopFacts { country: "US".into(), currency: Currency::parse("USD").unwrap(), settings: Default::default() }
}

fn settings() -> Settings {
    let given = [
        ("site", "shop.example.com"),
        ("store_hash", "abc123"),
        ("access_token", "token-of-the-account"),
        ("client_secret", CLIENT_SECRET),
        ("hook_secret", HOOK_SECRET),
    ];
    SPEC.settings(given.map(|(key, value)| (key.to_owned(), value.to_owned())).into()).unwrap()
}

fn at(text: &str) -> Time {
    Time::parse(text).unwrap()
}

fn delivery(headers: &[(&str, &str)], body: &[u8]) -> Delivery {
    Delivery {
        method: "POST".into(),
        url: HOOK.into(),
        headers: headers.iter().map(|&(name, value)| (name.into(), value.into())).collect(),
        body: body.to_vec(),
        received_at: at(NOW),
    }
}

fn answer(status: u16, headers: &[(&str, &str)], body: &Value) -> Response {
    let headers = headers.iter().map(|&(name, value)| (name.into(), value.into())).collect();
    Response { status, headers, body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() } }
}

fn thin(scope: &str, data: Value) -> Vec<u8> {
    let body = json!({ "scope": scope, "store_id": "1", "data": data, "hash": "h1", "created_at": 1_772_359_200,
        "producer": "stores/abc123" });
    body.to_string().into_bytes()
}

/// As BigCommerce signs, at this moment.
fn sign(secret: &str, id: &str, moment: &str, body: &[u8]) -> String {
    let key = format!("whsec_{}", BASE64.encode(secret.as_bytes()));
    standard_webhooks::sign(&key, id, at(moment).seconds(), body)
}

fn signed(moment: &str, signature: &str, body: &[u8]) -> Delivery {
    let timestamp = at(moment).seconds().to_string();
    delivery(&[("webhook-id", "msg-1"), ("webhook-timestamp", &timestamp), ("webhook-signature", signature)], body)
}

fn with(mut delivery: Delivery, name: &str, value: &str) -> Delivery {
    delivery.headers.push((name.into(), value.into()));
    delivery
}

#[test]
fn signatures() {
    let body = thin("store/cart/updated", json!({ "type": "cart", "id": CART }));
    let verify = |delivery: &Delivery| BigCommerce.verify(&settings(), delivery);
    let good = sign(CLIENT_SECRET, "msg-1", NOW, &body);
    let kept = Accepted::Keep { topic: "store/cart/updated".into(), key: "msg-1".into() };
    assert_eq!(verify(&signed(NOW, &good, &body)), Ok(kept.clone()));
    let wrong = Err(Refusal::WrongSignature);
    let mut changed = body.clone();
    changed[10] ^= 1;
    assert_eq!(verify(&signed(NOW, &good, &changed)), wrong);
    assert_eq!(verify(&signed(NOW, &good[..good.len() - 4], &body)), wrong);
    assert_eq!(verify(&signed(NOW, "v1,", &body)), wrong);
    assert_eq!(verify(&signed(NOW, &good.to_uppercase(), &body)), wrong);
    let other = sign(&CLIENT_SECRET.replace('0', "9"), "msg-1", NOW, &body);
    assert_eq!(verify(&signed(NOW, &other, &body)), wrong);
    // A wrong signature is not made good by our header.
    assert_eq!(verify(&with(signed(NOW, &other, &body), SECRET_HEADER, HOOK_SECRET)), wrong);
    assert_eq!(verify(&with(signed(NOW, &good, &body), "webhook-signature", &good)), Err(Refusal::Unsigned));
    assert_eq!(verify(&delivery(&[], &body)), Err(Refusal::Unsigned));
    let foreign = String::from_utf8(body.clone()).unwrap().replace("abc123", "zzz999").into_bytes();
    assert_eq!(verify(&signed(NOW, &sign(CLIENT_SECRET, "msg-1", NOW, &foreign), &foreign)), wrong, "another store's");
    let both = settings().with("client_secret", format!("{}, {CLIENT_SECRET}", CLIENT_SECRET.replace('0', "9")));
    assert_eq!(BigCommerce.verify(&both, &signed(NOW, &good, &body)), Ok(kept));
}

#[test]
fn a_late_try_needs_our_header_too() {
    let body = thin("store/cart/updated", json!({ "type": "cart", "id": CART }));
    let then = "2026-03-01T09:00:00Z";
    let late = signed(then, &sign(CLIENT_SECRET, "msg-1", then, &body), &body);
    assert_eq!(BigCommerce.verify(&settings(), &late), Err(Refusal::WrongTime(10_800)));
    assert!(BigCommerce.verify(&settings(), &with(late.clone(), SECRET_HEADER, HOOK_SECRET)).is_ok());
    assert!(BigCommerce.verify(&settings(), &with(late, SECRET_HEADER, "whsec_AAAA")).is_err());
}

#[test]
fn the_header_secret() {
    let body = thin("store/cart/updated", json!({ "type": "cart", "id": CART }));
    let alone = settings().with("client_secret", "");
    let verify = |headers: &[(&str, &str)]| BigCommerce.verify(&alone, &delivery(headers, &body));
    let kept = Accepted::Keep { topic: "store/cart/updated".into(), key: "h1".into() };
    assert_eq!(verify(&[(SECRET_HEADER, HOOK_SECRET)]), Ok(kept));
    // Signed by something we have no key for: our header says it all.
    assert!(verify(&[(SECRET_HEADER, HOOK_SECRET), ("webhook-signature", "v1,AAAA")]).is_ok());
    assert_eq!(verify(&[(SECRET_HEADER, &HOOK_SECRET.to_lowercase())]), Err(Refusal::WrongSignature));
    assert_eq!(verify(&[(SECRET_HEADER, &HOOK_SECRET[..20])]), Err(Refusal::WrongSignature));
    assert_eq!(verify(&[(SECRET_HEADER, "")]), Err(Refusal::Unsigned));
    assert_eq!(verify(&[(SECRET_HEADER, HOOK_SECRET), (SECRET_HEADER, HOOK_SECRET)]), Err(Refusal::Unsigned));
    let none = alone.with("hook_secret", "");
    assert_eq!(BigCommerce.verify(&none, &delivery(&[(SECRET_HEADER, "")], &body)), Err(Refusal::NoKey));
}

fn checkout(changes: Value) -> Value {
    let mut checkout = json!({
        "id": CART,
        "cart": {
            "id": CART, "customer_id": 0, "email": "ida@example.com", "currency": { "code": "USD" }, "locale": "en",
            "line_items": {
                "physical_items": [{ "name": "Oak chair", "quantity": 2, "product_id": 77, "sale_price": 44.95,
                    "options": [], "parent_id": null }],
                "digital_items": [], "gift_certificates": [], "custom_items": [],
            },
            "created_time": "2026-03-01T10:00:00+00:00", "updated_time": "2026-03-01T11:00:00+00:00",
        },
        "billing_address": { "first_name": "Ida", "email": "ida@example.com", "country_code": "US",
            "state_or_province_code": "NY", "phone": "(212) 555-0101", "custom_fields": [] },
        "consignments": [{ "address": { "phone": "+12125550102", "country_code": "US" } }],
        "grand_total": 89.9, "order_id": null, "updated_time": "2026-03-01T11:30:00+00:00",
    });
    if let (Some(checkout), Value::Object(changes)) = (checkout.as_object_mut(), changes) {
        checkout.extend(changes);
    }
    checkout
}

/// Points at the cart, fetches it, reads it.
fn cart_by(settings: &Settings, checkout: Value) -> CartUpdate {
    let pointer = delivery(&[], &thin("store/cart/updated", json!({ "type": "cart", "id": CART })));
    let answer = answer(200, &[], &json!({ "data": checkout, "meta": {} }));
    let pulled = BigCommerce.whole(settings, "store/cart/updated", &pointer, &answer).unwrap();
    assert_eq!(pulled.len(), 1);
    match BigCommerce.read(&shop(), pulled[0].topic, &delivery(&[], &pulled[0].body)).unwrap().remove(0) {
        ShopEvent::Cart(cart) => *cart,
        other => panic!("{other:?}"),
    }
}

fn order(changes: Value) -> Value {
    let mut order = json!({
        "id": 250, "customer_id": 0, "status_id": 11, "cart_id": CART, "order_source": "www",
        "date_created": "Sun, 01 Mar 2026 11:40:00 +0000", "date_modified": "Sun, 01 Mar 2026 11:45:00 +0000",
        "currency_code": "USD", "total_inc_tax": "89.9000", "total_tax": "5.3100", "shipping_cost_ex_tax": "11.0900",
        "refunded_amount": "0.0000", "payment_method": "Credit Card", "payment_status": "captured",
        "billing_address": { "email": "ida@example.com", "phone": "(212) 555-0101", "country_iso2": "US" },
    });
    if let (Some(order), Value::Object(changes)) = (order.as_object_mut(), changes) {
        order.extend(changes);
    }
    order
}

fn order_of(changes: Value) -> OrderUpdate {
    let body = order(changes).to_string();
    match BigCommerce.read(&shop(), ORDER, &delivery(&[], body.as_bytes())).unwrap().remove(0) {
        ShopEvent::Order(order) => *order,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_story_of_a_cart() {
    let early = cart_by(&settings(), checkout(json!({ "billing_address": null, "consignments": [] })));
    assert_eq!((early.token.as_str(), early.who.phones.len()), (CART, 0));
    assert_eq!(early.who.email.as_deref(), Some("ida@example.com"));
    let cart = cart_by(&settings(), checkout(json!({})));
    let phones: Vec<_> = cart.who.phones.iter().map(|it| (it.number.as_str(), it.country.as_deref())).collect();
    assert_eq!(phones, [("(212) 555-0101", Some("US")), ("+12125550102", Some("US"))]);
    assert_eq!((cart.who.customer.as_deref(), cart.region.as_deref()), (None, Some("NY")));
    assert_eq!(cart.total.map(|total| total.minor), Some(8_990));
    assert_eq!((cart.items[0].quantity, cart.items[0].price.map(|price| price.minor)), (2, Some(4_495)));
    assert_eq!((cart.updated_at, cart.started_at), (at("2026-03-01T11:30:00Z"), Some(at("2026-03-01T10:00:00Z"))));
    assert!(cart.consent.is_none());

    let placed = order_of(json!({}));
    assert_eq!(placed.cart_tokens, [CART]);
    assert_eq!((placed.placed_at, placed.updated_at), (Some(at("2026-03-01T11:40:00Z")), at("2026-03-01T11:45:00Z")));
    assert_eq!((placed.total.minor, placed.number.as_str(), placed.who.customer.as_deref()), (8_990, "#250", None));
    let refunded = order_of(json!({ "status_id": 14, "refunded_amount": "10.5000" }));
    assert_eq!((refunded.refunds[0].amount.minor, refunded.refunds[0].external_id.as_str()), (1_050, "cumulative"));
    let cancelled = order_of(json!({ "status_id": 5 }));
    assert_eq!(cancelled.cancelled_at, Some(at("2026-03-01T11:45:00Z")));
}

#[test]
fn trap_incomplete_orders_are_none() {
    let body = order(json!({ "status_id": 0 })).to_string();
    assert_eq!(BigCommerce.read(&shop(), ORDER, &delivery(&[], body.as_bytes())), Ok(Vec::new()));
    let page = answer(200, &[], &json!([order(json!({ "status_id": 0 })), order(json!({}))]));
    assert_eq!(BigCommerce.orders(&page, None).unwrap().orders.len(), 1);
    // Reaching the payment page does not buy a cart.
    assert_eq!(cart_by(&settings(), checkout(json!({ "order_id": 250 }))).completed_at, None);
}

#[test]
fn stages() {
    #[track_caller]
    fn check(changes: Value, placed: bool, cancelled: bool) {
        let order = order_of(changes);
        let told = (order.placed_at.is_some(), order.cancelled_at.is_some(), !order.cart_tokens.is_empty());
        assert_eq!(told, (placed, cancelled, placed));
    }
    check(json!({ "status_id": 1, "payment_status": "" }), false, false);
    check(json!({ "status_id": 1, "payment_status": "authorized" }), true, false);
    check(json!({ "status_id": "7", "payment_status": "" }), true, false);
    check(json!({ "status_id": 6 }), false, true);
    check(json!({ "status_id": 4 }), true, false);
    check(json!({ "status_id": 11, "is_deleted": true }), true, true);
    check(json!({ "status_id": 99 }), true, false);
    assert_eq!(order_of(json!({ "order_source": "manual" })).channel, Channel::Staff);
    assert_eq!(order_of(json!({ "order_source": "external", "cart_id": null })).channel, Channel::Staff);
    assert_eq!(order_of(json!({ "order_source": "external" })).channel, Channel::Web);
    assert!(order_of(json!({ "payment_method": "Test Payment Gateway" })).test);
    let empty = order_of(json!({ "billing_address": [], "cart_id": "", "customer_id": null, "date_modified": "" }));
    assert_eq!((empty.updated_at, empty.cart_tokens.len(), empty.who.phones.len()), (at(NOW), 0, 0));
    for wrong in [json!({ "id": 0 }), json!({ "total_inc_tax": "" }), json!({ "currency_code": "??" })] {
        let body = order(wrong).to_string();
        assert!(BigCommerce.read(&shop(), ORDER, &delivery(&[], body.as_bytes())).is_err());
    }
}

#[test]
fn trap_links_that_can_be_followed_again() {
    let link = |items: Value| {
        let mut changed = checkout(json!({}));
        changed["cart"]["line_items"] = items;
        cart_by(&settings(), changed).recovery_url.unwrap()
    };
    let plain = json!({ "product_id": 77, "quantity": 2, "name": "Oak chair", "options": [] });
    let fills = "https://shop.example.com/checkout/?products=77:2,78:1&action=buy";
    let other = json!({ "product_id": 78, "quantity": 1, "name": "Oil" });
    assert_eq!(link(json!({ "physical_items": [plain], "digital_items": [other] })), fills);
    let own = "https://shop.example.com/cart.php";
    let chosen = json!({ "product_id": 77, "quantity": 1, "options": [{ "name": "Colour", "value": "Dark" }] });
    assert_eq!(link(json!({ "physical_items": [chosen] })), own);
    assert_eq!(link(json!({ "custom_items": [{ "name": "By hand" }], "physical_items": [plain] })), own);
    assert_eq!(link(json!([])), own);
    assert_eq!(BigCommerce.hosts(&settings()), ["shop.example.com"]);
}

#[test]
fn consent_is_only_what_the_named_field_says() {
    let named =
        settings().with("consent_field", "field_25").with("consent_value", "Yes").with("consent_text", "Text me");
    let state = |value: Value| {
        let mut changed = checkout(json!({}));
        changed["billing_address"]["custom_fields"] = json!([{ "field_id": "field_25", "field_value": value }]);
        cart_by(&named, changed).consent.map(|consent| consent.state)
    };
    assert_eq!(state(json!("yes")), Some(ConsentState::Granted));
    assert_eq!(state(json!(["Yes"])), Some(ConsentState::Granted));
    for no in [json!("No"), json!(""), json!([]), json!(["0"]), json!(1), Value::Null] {
        assert_eq!(state(no), Some(ConsentState::NotGiven));
    }
    assert!(cart_by(&named, checkout(json!({}))).consent.is_none());
}

#[test]
fn pointers() {
    #[track_caller]
    fn check(scope: &str, data: Value, url: Option<&str>) {
        let asked = BigCommerce.ask_whole(&settings(), scope, &delivery(&[], &thin(scope, data))).unwrap();
        let asked = asked.map(|request| request.url);
        let expected = url.map(|rest| format!("https://api.bigcommerce.com/stores/abc123/{rest}"));
        let cut = |url: String| url.split('?').next().unwrap_or_default().to_owned();
        assert_eq!(asked.map(cut), expected, "{scope}");
    }
    let of_cart = format!("v3/checkouts/{CART}");
    check("store/cart/created", json!({ "id": CART }), Some(&of_cart));
    check("store/cart/abandoned", json!({ "id": CART, "token": "x" }), Some(&of_cart));
    check("store/cart/lineItem/created", json!({ "id": "other", "cartId": CART }), Some(&of_cart));
    check("store/cart/converted", json!({ "id": CART, "orderId": 250 }), Some("v2/orders/250"));
    check("store/order/refund/created", json!({ "id": 250, "refund": { "refund_id": 3 } }), Some("v2/orders/250"));
    check("store/cart/deleted", json!({ "id": CART }), None);
    check("store/cart/updated", json!({ "id": "../../v2/store" }), None);
    check("store/order/updated", json!({ "id": "1/../2" }), None);
    check("store/customer/updated", json!({ "id": 5 }), None);
    let gone = BigCommerce.read(&shop(), "store/cart/deleted", &delivery(&[], &thin("", json!({ "id": CART }))));
    assert_eq!(gone, Ok(vec![ShopEvent::CartDeleted { token: CART.into(), at: at("2026-03-01T10:00:00Z") }]));
    let asked = BigCommerce
        .ask_whole(&settings(), "store/order/updated", &delivery(&[], &thin("", json!({ "id": 9 }))))
        .unwrap()
        .unwrap();
    assert!(asked.headers.contains(&("x-auth-token".into(), "token-of-the-account".into())));
}

#[test]
fn answers_that_are_no_answer() {
    let pointer = delivery(&[], &thin("store/order/updated", json!({ "id": 250 })));
    let whole = |answer: &Response| BigCommerce.whole(&settings(), "store/order/updated", &pointer, answer);
    assert_eq!(whole(&answer(404, &[], &json!([{ "status": 404 }]))), Ok(Vec::new()));
    assert!(matches!(whole(&answer(401, &[], &Value::Null)), Err(NotPulled::Refused(_))));
    assert!(matches!(whole(&answer(403, &[], &Value::Null)), Err(NotPulled::Refused(_))));
    assert!(matches!(whole(&answer(500, &[], &Value::Null)), Err(NotPulled::Later { .. })));
    assert!(matches!(whole(&answer(200, &[], &json!({}))), Err(NotPulled::Later { .. })));
    assert!(matches!(whole(&answer(200, &[], &Value::Null)), Err(NotPulled::Later { .. })));
    let slow = whole(&answer(429, &[("x-rate-limit-time-reset-ms", "1500")], &Value::Null));
    let Err(NotPulled::Later { wait, .. }) = slow else { panic!("{slow:?}") };
    assert_eq!(wait, Duration::from_millis(1_500));
}

#[test]
fn pages_of_orders() {
    let changed = Wanted::Changed { since: at("2026-03-01T00:00:00Z") };
    let asked = BigCommerce.ask_orders(&settings(), &changed, Some("3")).unwrap().unwrap().url;
    assert_eq!(
        asked,
        "https://api.bigcommerce.com/stores/abc123/v2/orders?limit=50&page=3&min_date_modified=\
         2026-03-01T00%3A00%3A00Z&sort=date_modified%3Aasc"
    );
    let one = Wanted::One { external_id: "250".into() };
    assert!(BigCommerce.ask_orders(&settings(), &one, None).unwrap().unwrap().url.ends_with("/v2/orders/250"));
    assert!(BigCommerce.ask_orders(&settings(), &Wanted::One { external_id: "2/5".into() }, None).is_err());
    let full: Vec<Value> = (1..=50).map(|id| order(json!({ "id": id }))).collect();
    let headers = [("x-rate-limit-requests-left", "3"), ("x-rate-limit-time-reset-ms", "9000")];
    let page = BigCommerce.orders(&answer(200, &headers, &json!(full)), Some("2")).unwrap();
    assert_eq!((page.orders.len(), page.next.as_deref(), page.wait), (50, Some("3"), Duration::from_secs(9)));
    assert_eq!(
        (page.orders[0].tax.as_deref(), page.orders[0].begun_at),
        (Some("5.3100"), Some(at("2026-03-01T11:40:00Z")))
    );
    assert_eq!(BigCommerce.orders(&answer(204, &[], &Value::Null), Some("3")), Ok(Page::default()));
    let single = BigCommerce.orders(&answer(200, &[], &order(json!({}))), None).unwrap();
    assert_eq!((single.orders.len(), single.next), (1, None));
}

#[test]
fn webhooks() {
    let made = BigCommerce.subscribe(&settings(), HOOK).unwrap();
    assert!(made.len() <= 10, "BigCommerce takes ten");
    let body: Value = serde_json::from_slice(&made[0].request.body).unwrap();
    assert_eq!(body["headers"][SECRET_HEADER], HOOK_SECRET);
    assert_eq!((body["scope"].as_str(), body["destination"].as_str()), (Some("store/cart/created"), Some(HOOK)));
    let there = json!({ "data": [
        { "id": 1, "scope": "store/cart/created", "destination": HOOK, "is_active": true },
        { "id": 2, "scope": "store/cart/updated", "destination": "https://elsewhere.example/", "is_active": true },
        { "id": 3, "scope": "store/order/created", "destination": HOOK, "is_active": false },
    ] });
    assert_eq!(BigCommerce.subscriptions(&answer(200, &[], &there), HOOK), Ok(vec!["store/cart/created".to_owned()]));
    assert_eq!(BigCommerce.subscribed(&answer(200, &[], &json!({ "data": { "id": 9 } }))), Ok(()));
    assert!(BigCommerce.subscribed(&answer(403, &[], &Value::Null)).unwrap_err().contains("scopes"));
    assert!(BigCommerce.subscribed(&answer(422, &[], &json!({ "title": "no" }))).unwrap_err().contains("no"));
}

#[test]
fn coupons() {
    let new = NewCode {
        id: DiscountId::new(7),
        code: "CDEFGHJK".into(),
        plan: Plan { minimum: Some(Money::new(2_000, shop().currency)), ..Plan::new(Off::Percent(10)) },
        starts_at: at(NOW),
        expires_at: at("2026-03-04T12:00:00Z"),
    };
    let request = BigCommerce.make_code(&settings(), &new).unwrap().unwrap();
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!((body["type"].as_str(), body["amount"].as_str()), (Some("percentage_discount"), Some("10")));
    assert_eq!((body["max_uses"].as_u64(), body["min_purchase"].as_str()), (Some(1), Some("20.00")));
    assert_eq!(body["expires"], "Wed, 4 Mar 2026 12:00:00 +0000");
    let made = |status, body: Value| BigCommerce.made_code(&answer(status, &[], &body));
    assert_eq!(made(201, json!({ "id": 5 })), Made::Done { id: "5".into() });
    assert_eq!(made(409, json!([{ "status": 409, "message": "conflict" }])), Made::Exists);
    assert_eq!(made(400, json!([{ "message": "The code is already in use." }])), Made::Exists);
    assert!(
        matches!(made(400, json!([{ "message": "amount is wrong" }])), Made::Refused(why) if why.contains("amount"))
    );
    assert!(matches!(made(500, Value::Null), Made::Later(_)));
    assert!(matches!(made(403, Value::Null), Made::Refused(_)));
    let note = new.note();
    let found = |status, body: Value| BigCommerce.found_code(&answer(status, &[], &body), &note);
    assert_eq!(found(200, json!([{ "id": 5, "name": note }])), Found::Ours { id: "5".into() });
    assert_eq!(found(200, json!([{ "id": 5, "name": "Spring" }])), Found::Foreign);
    assert_eq!(found(204, Value::Null), Found::Nothing);
    let remove = BigCommerce.remove_code(&settings(), "5").unwrap();
    assert_eq!((remove.method, remove.url.ends_with("/v2/coupons/5")), (Method::Delete, true));
    assert!(BigCommerce.remove_code(&settings(), "5/..").is_none());
    assert_eq!(BigCommerce.removed_code(&answer(204, &[], &Value::Null)), Removed::Gone);
    assert_eq!(BigCommerce.removed_code(&answer(404, &[], &Value::Null)), Removed::Gone);
    assert!(matches!(BigCommerce.removed_code(&answer(401, &[], &Value::Null)), Removed::Refused(_)));
}

#[test]
fn rehearsals() {
    let usd = shop().currency;
    let visit = Visit {
        token: CART.into(),
        order: 900,
        refund: 901,
        phone: "+12125550101".into(),
        country: "US".into(),
        language: "en-US".into(),
        total: Money::new(8_990, usd),
        refunded: Money::new(1_000, usd),
        checkout_url: "https://shop.example.com/cart.php".into(),
        started_at: at("2026-03-01T10:00:00Z"),
        placed_at: at("2026-03-01T11:00:00Z"),
        link: None,
    };
    let play = |settings: &Settings, act| {
        let Rehearsed::Fetched { pointer: Some(pointer), whole } = BigCommerce.rehearse(settings, &visit, act, at(NOW))
        else {
            panic!("points at what is fetched");
        };
        let Ok(Accepted::Keep { topic, .. }) = BigCommerce.verify(settings, &pointer) else { panic!("{act:?}") };
        assert!(BigCommerce.ask_whole(settings, &topic, &pointer).unwrap().is_some());
        assert_eq!(BigCommerce.read(&shop(), &topic, &pointer), Ok(Vec::new()));
        BigCommerce.read(&shop(), whole.topic, &delivery(&[], &whole.body)).unwrap().remove(0)
    };
    for settings in [settings(), settings().with("client_secret", "")] {
        let ShopEvent::Cart(cart) = play(&settings, Act::Left) else { panic!("a cart") };
        assert_eq!(cart.consent.map(|consent| consent.state), Some(ConsentState::Granted));
        assert_eq!((cart.who.phones.len(), cart.recovery_url.is_some()), (1, true));
        let ShopEvent::Order(bought) = play(&settings, Act::Bought) else { panic!("an order") };
        assert_eq!(
            (bought.cart_tokens.as_slice(), bought.placed_at),
            ([CART.to_owned()].as_slice(), Some(visit.placed_at))
        );
        let ShopEvent::Order(refunded) = play(&settings, Act::Refunded) else { panic!("an order") };
        assert_eq!(refunded.refunds[0].amount, visit.refunded);
    }
}

#[test]
fn every_sample_there_is() {
    let shared = std::env::var_os("CARTBACK_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let Ok(files) = std::fs::read_dir(shared.join("payloads/bigcommerce")) else {
        eprintln!("skipped: no samples beside the project");
        return;
    };
    for file in files.map(Result::unwrap) {
        let name = file.file_name().into_string().unwrap();
        let bytes = std::fs::read(file.path()).unwrap();
        let sample: Value = serde_json::from_slice(&bytes).unwrap();
        let told = delivery(&[], &bytes);
        if name.starts_with("store_") {
            let scope = sample["scope"].as_str().unwrap();
            let asked = BigCommerce.ask_whole(&settings(), scope, &told).unwrap();
            let events = BigCommerce.read(&shop(), scope, &told).unwrap();
            let points = (name.starts_with("store_cart_") && name != "store_cart_deleted.json")
                || name.starts_with("store_order_");
            assert_eq!((asked.is_some(), events.is_empty()), (points, name != "store_cart_deleted.json"), "{name}");
        } else if name.starts_with("rest_checkout_v3_get") {
            let checkout = if sample["data"].is_object() { sample["data"].clone() } else { continue };
            assert!(!cart_by(&settings(), checkout).token.is_empty(), "{name}");
        } else if name.starts_with("rest_v2_order_") || name.starts_with("rest_v2_orderCollection_") {
            let page = BigCommerce.orders(&answer(200, &[], &sample), None).unwrap();
            for pulled in page.orders {
                let events = BigCommerce.read(&shop(), pulled.topic, &delivery(&[], &pulled.body)).unwrap();
                assert!(matches!(events.as_slice(), [ShopEvent::Order(_)]), "{name}");
            }
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..200), status in 100u16..600) {
        let told = delivery(&[(SECRET_HEADER, HOOK_SECRET)], &body);
        let said = Response { status, headers: Vec::new(), body: body.clone() };
        for topic in [CHECKOUT, ORDER, "store/cart/deleted", "store/cart/updated", "store/order/created"] {
            let _ = BigCommerce.read(&shop(), topic, &told);
            let _ = BigCommerce.ask_whole(&settings(), topic, &told);
            let _ = BigCommerce.whole(&settings(), topic, &told, &said);
        }
        let _ = (BigCommerce.verify(&settings(), &told), BigCommerce.orders(&said, None), BigCommerce.made_code(&said));
        let _ = (BigCommerce.subscriptions(&said, HOOK), BigCommerce.subscribed(&said), BigCommerce.found_code(&said, ""));
    }

    #[test]
    fn no_shape_panics(key in "(cart|billing_address|consignments|grand_total|id)", odd in 0usize..6) {
        let odd = [Value::Null, json!(""), json!([]), json!({}), json!(-1), json!([null])][odd].clone();
        let body = json!({ "checkout": checkout(json!({ (key): odd })) }).to_string();
        let _ = BigCommerce.read(&shop(), CHECKOUT, &delivery(&[], body.as_bytes()));
    }
}
