//! Tests of the Magento connector: what is asked, what carts and orders say, each trap under its own name.

use std::{path::PathBuf, time::Duration};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::{
    event::{CartUpdate, Channel, ConsentState, OrderUpdate},
    money::{Currency, Money},
};

const NOW: &str = "2026-03-01T12:00:00Z";
const TOKEN: &str = "k3yofthelumenandoakintegration00";

pub(in crate::shop) fn shop() -> ShopFacts {
    ShopFacts { country: "DE".into(), currency: Currency::parse("EUR").unwrap(), settings: Default::default() }
}

fn settings(more: &[(&str, &str)]) -> Settings {
    let given = [("site", "shop.example.com, www.shop.example.com"), ("access_token", TOKEN)];
    let given = given.iter().chain(more).map(|&(key, value)| (key.to_owned(), value.to_owned()));
    SPEC.settings(given.collect()).unwrap()
}

fn at(text: &str) -> Time {
    Time::parse(text).unwrap()
}

fn kept(body: &[u8]) -> Delivery {
    Delivery {
        method: "POST".into(),
        url: "https://hooks.example.com/h/magento/x".into(),
        headers: Vec::new(),
        body: body.to_vec(),
        received_at: at(NOW),
    }
}

fn answer(status: u16, body: impl Into<Vec<u8>>) -> Response {
    Response { status, headers: vec![("retry-after".into(), "7".into())], body: body.into() }
}

fn changed(mut body: Value, changes: Value) -> Value {
    if let (Some(body), Value::Object(changes)) = (body.as_object_mut(), changes) {
        body.extend(changes);
    }
    body
}

/// A guest's cart as `/V1/carts/search` gives it, with these fields changed.
pub(in crate::shop) fn cart_body(changes: Value) -> Value {
    let cart = json!({
        "id": 4711, "created_at": "2026-03-01 09:00:00", "updated_at": "2026-03-01 10:30:00", "is_active": true,
        "is_virtual": false, "items_count": 2, "customer_is_guest": true, "orig_order_id": 0,
        "customer": { "email": null, "firstname": null, "lastname": null },
        "items": [
            { "item_id": 1, "sku": "OAK-1", "qty": 2, "name": "Oak chair", "price": 44.95, "quote_id": "4711" },
            { "item_id": 2, "sku": "OAK-2", "qty": 1.5, "name": "Oak oil", "price": 10.1, "quote_id": "4711" },
        ],
        "billing_address": {
            "country_id": null, "street": [""], "telephone": null, "email": null, "region_code": null,
        },
        "currency": { "base_currency_code": "USD", "quote_currency_code": "EUR" },
        "extension_attributes": { "shipping_assignments": [{ "shipping": { "address": {
            "firstname": "Ida", "email": "ida@example.com", "telephone": "0151 23456789", "country_id": "DE",
            "region_code": "BER",
        } } }] },
    });
    changed(cart, changes)
}

/// An order as `/V1/orders` gives it, with these fields changed.
pub(in crate::shop) fn order_body(changes: Value) -> Value {
    let order = json!({
        "entity_id": 15, "increment_id": "000000016", "quote_id": 4711, "state": "processing", "status": "packing",
        "customer_is_guest": 0, "customer_id": 31, "customer_email": "ida@example.com",
        "order_currency_code": "EUR", "base_currency_code": "USD", "grand_total": 93.2, "base_grand_total": 101,
        "coupon_code": "OAK10", "applied_rule_ids": "1", "discount_amount": -9.8, "tax_amount": 14.88,
        "shipping_amount": 5, "remote_ip": "192.0.2.1", "store_name": "Main\nStore\nDefault",
        "created_at": "2026-03-01 11:00:00", "updated_at": "2026-03-01 11:05:00",
        "billing_address": { "telephone": "+49 151 23456789", "country_id": "DE", "address_type": "billing" },
        "payment": { "method": "checkmo", "additional_information": ["Check / Money order"] },
        "extension_attributes": {
            "shipping_assignments": [{ "shipping": { "address": { "telephone": "0660 1234567", "country_id": "AT" } } }],
            "payment_additional_info": [{ "key": "method_title", "value": "Invoice" }],
        },
    });
    changed(order, changes)
}

fn cart(changes: Value) -> CartUpdate {
    match Magento.read(&shop(), "cart.updated", &kept(cart_body(changes).to_string().as_bytes())).unwrap().remove(0) {
        ShopEvent::Cart(cart) => *cart,
        other => panic!("{other:?}"),
    }
}

fn order(changes: Value) -> OrderUpdate {
    match Magento.read(&shop(), "order.updated", &kept(order_body(changes).to_string().as_bytes())).unwrap().remove(0) {
        ShopEvent::Order(order) => *order,
        other => panic!("{other:?}"),
    }
}

pub(in crate::shop) fn query(request: &Request) -> Vec<(String, String)> {
    url::Url::parse(&request.url).unwrap().query_pairs().into_owned().collect()
}

fn conditions(request: &Request) -> Vec<String> {
    let pairs = query(request);
    let values = pairs.iter().filter(|(name, _)| name.contains("filters"));
    values.map(|(_, value)| value.clone()).collect::<Vec<_>>().chunks(3).map(|three| three.join(" ")).collect()
}

#[test]
fn nothing_that_is_posted_is_believed() {
    let signed = Delivery { headers: vec![("authorization".into(), format!("Bearer {TOKEN}"))], ..kept(b"{}") };
    for delivery in [kept(b""), kept(b"{}"), signed] {
        assert_eq!(Magento.verify(&settings(&[]), &delivery), Err(Refusal::NoKey));
    }
    assert!(Magento.is_silent(&settings(&[])));
}

#[test]
fn carts_are_asked_for() {
    let request = Magento.ask_carts(&settings(&[]), at("2026-03-01T10:00:00.5Z"), None).unwrap().unwrap();
    assert!(request.url.starts_with("https://shop.example.com/rest/V1/carts/search?"), "{}", request.url);
    assert!(request.headers.contains(&("authorization".into(), format!("Bearer {TOKEN}"))));
    assert!(!request.private);
    let since = "2026-03-01 10:00:00";
    let expected = [format!("updated_at gteq {since}"), format!("created_at gteq {since}"), "is_active eq 1".into()];
    assert_eq!(conditions(&request), expected);
    let (first, second) = ("searchCriteria[filter_groups][0][filters][1][field]", "searchCriteria[filter_groups][1]");
    assert!(query(&request).contains(&(first.into(), "created_at".into())));
    assert!(query(&request).iter().any(|(name, _)| name.starts_with(second)));
    let next = Magento.ask_carts(&settings(&[]), at(NOW), Some("4711")).unwrap().unwrap();
    assert_eq!(conditions(&next).last().unwrap(), "entity_id gt 4711");
    // A place that is none of ours asks for the first page.
    let odd = Magento.ask_carts(&settings(&[]), at(NOW), Some("4711 or 1")).unwrap().unwrap();
    assert_eq!(conditions(&odd).len(), 3);
    let none = SPEC.settings_so_far([("site".to_owned(), "shop.example.com".to_owned())].into()).unwrap();
    assert_eq!(Magento.ask_carts(&none, at(NOW), None), Ok(None));
    assert_eq!(Magento.ask_orders(&none, &Wanted::Changed { since: at(NOW) }, None), Ok(None));
}

#[test]
fn orders_are_asked_for() {
    #[track_caller]
    fn check(wanted: Wanted, expected: &[&str]) {
        let request = Magento.ask_orders(&settings(&[]), &wanted, None).unwrap().unwrap();
        assert!(request.url.starts_with("https://shop.example.com/rest/V1/orders?"));
        assert_eq!(conditions(&request), expected);
        let pairs = query(&request);
        assert!(pairs.contains(&("searchCriteria[sortOrders][0][field]".into(), "entity_id".into())));
        assert!(pairs.contains(&("searchCriteria[currentPage]".into(), "1".into())));
    }
    let (from, to) = (at("2026-03-01T00:00:00Z"), at("2026-03-02T00:00:00Z"));
    check(Wanted::Placed { from, to }, &["created_at gteq 2026-03-01 00:00:00", "created_at lt 2026-03-02 00:00:00"]);
    check(Wanted::Changed { since: from }, &["updated_at gteq 2026-03-01 00:00:00"]);
    check(Wanted::One { external_id: "15".into() }, &["entity_id eq 15"]);
    for odd in ["", "15/16", "1 or 1"] {
        assert!(Magento.ask_orders(&settings(&[]), &Wanted::One { external_id: odd.into() }, None).is_err());
    }
}

#[test]
fn pages_end_where_nothing_new_comes() {
    let list = |from: u64, count: u64| {
        let items: Vec<_> = (from..from + count).map(|id| order_body(json!({ "entity_id": id }))).collect();
        answer(200, json!({ "items": items, "total_count": 60, "search_criteria": {} }).to_string())
    };
    let first = Magento.orders(&list(1, 25), None).unwrap();
    assert_eq!((first.orders.len(), first.next.as_deref(), first.total), (25, Some("25"), Some(60)));
    assert_eq!(first.orders[0].topic, "order.updated");
    assert_eq!(first.orders[0].begun_at, Some(at("2026-03-01T11:00:00Z")));
    assert_eq!((first.orders[0].tax.as_deref(), first.orders[0].shipping.as_deref()), (Some("14.88"), Some("5")));
    let last = Magento.orders(&list(51, 10), Some("50")).unwrap();
    assert_eq!((last.orders.len(), last.next, last.total), (10, None, None));
    // The last page again and again, as Magento gives it to whom counts pages.
    assert_eq!(Magento.orders(&list(26, 25), Some("50")).unwrap().next, None);
    for empty in [json!({ "items": null, "total_count": 0 }), json!({ "items": [], "total_count": 0 })] {
        let page = Magento.orders(&answer(200, empty.to_string()), None).unwrap();
        assert_eq!((page.orders.len(), page.next, page.total), (0, None, Some(0)));
    }
    // More than `i64`, and not a number.
    let odd =
        json!({ "items": [{ "entity_id": "99999999999999999999999" }, { "entity_id": null }, 7], "total_count": 3 });
    assert_eq!(Magento.orders(&answer(200, odd.to_string()), None).unwrap().next, None);
}

#[test]
fn refusals_and_waiting() {
    let refused = |status| match Magento.carts(&settings(&[]), &answer(status, "{}"), None) {
        Err(NotPulled::Refused(why)) => why,
        other => panic!("{status} {other:?}"),
    };
    assert!(refused(401).contains("standalone Bearer tokens"));
    assert!(refused(403).contains("Manage carts"));
    assert!(refused(404).contains("site") && refused(302).contains("site"));
    for status in [429, 503] {
        let later = Magento.orders(&answer(status, ""), None);
        assert!(matches!(later, Err(NotPulled::Later { wait, .. }) if wait == Duration::from_secs(7)), "{status}");
    }
    for (status, body) in [(500, "{}"), (400, "{}"), (200, "<html>"), (200, "[]"), (200, "{\"items\":[]}"), (0, "")] {
        let later = Magento.orders(&answer(status, body), None);
        assert!(matches!(later, Err(NotPulled::Later { .. })), "{status} {body}");
    }
}

#[test]
fn a_cart() {
    let cart = cart(json!({}));
    assert_eq!((cart.token.as_str(), cart.first_name.as_deref()), ("4711", None));
    assert_eq!((cart.country.as_deref(), cart.region.as_deref()), (Some("DE"), Some("BER")));
    assert_eq!((cart.who.customer.as_deref(), cart.who.email.as_deref()), (None, Some("ida@example.com")));
    let phones: Vec<_> = cart.who.phones.iter().map(|it| (it.number.as_str(), it.country.as_deref())).collect();
    assert_eq!(phones, [("0151 23456789", Some("DE"))]);
    // 2 × 44.95 + 1.5 × 10.10, in the shopper's currency and not the shop's.
    assert_eq!(cart.total, Some(Money::new(10_505, Currency::parse("EUR").unwrap())));
    let items: Vec<_> = cart.items.iter().map(|it| (it.title.as_str(), it.quantity)).collect();
    assert_eq!(items, [("Oak chair", 2), ("Oak oil", 2)]);
    assert_eq!((cart.started_at, cart.updated_at), (Some(at("2026-03-01T09:00:00Z")), at("2026-03-01T10:30:00Z")));
    assert_eq!((cart.consent, cart.completed_at, cart.recovery_url), (None, None, None));
}

#[test]
fn where_a_cart_is_finished() {
    #[track_caller]
    fn check(more: &[(&str, &str)], expected: &str) {
        let list = json!({ "items": [cart_body(json!({}))], "total_count": 1 }).to_string();
        let page = Magento.carts(&settings(more), &answer(200, list), None).unwrap();
        assert_eq!(page.orders[0].topic, "cart.updated");
        match Magento.read(&shop(), "cart.updated", &kept(&page.orders[0].body)).unwrap().remove(0) {
            ShopEvent::Cart(cart) => assert_eq!(cart.recovery_url.as_deref(), Some(expected)),
            other => panic!("{other:?}"),
        }
    }
    check(&[], "https://shop.example.com/checkout/cart/");
    let page = "https://shop.example.com/restore/?id={cart}";
    check(&[("recovery_page", page)], "https://shop.example.com/restore/?id=4711");
    for wrong in ["http://shop.example.com/{cart}", "/restore/{cart}", "https://", "javascript:alert(1)"] {
        assert!(quote::check_page(wrong).is_err(), "{wrong}");
    }
    assert_eq!(Magento.hosts(&settings(&[])), ["shop.example.com", "www.shop.example.com"]);
    assert_eq!(Magento.home(&settings(&[])).as_deref(), Some("shop.example.com"));
}

#[test]
fn trap_guests_are_never_joined() {
    for customer in [json!({ "id": 0 }), json!({ "id": null }), json!({ "id": "0" }), json!([]), json!(null)] {
        assert_eq!(cart(json!({ "customer": customer, "customer_is_guest": false })).who.customer, None);
    }
    assert_eq!(cart(json!({ "customer": { "id": 7 }, "customer_is_guest": true })).who.customer, None);
    let known = cart(json!({ "customer": { "id": 7, "firstname": "Ada" }, "customer_is_guest": false }));
    assert_eq!((known.who.customer.as_deref(), known.first_name.as_deref()), (Some("7"), Some("Ada")));
    for id in [json!(0), json!(null), json!("")] {
        assert_eq!(order(json!({ "customer_id": id })).who.customer, None);
    }
    assert_eq!(order(json!({ "customer_is_guest": 1 })).who.customer, None);
}

#[test]
fn trap_odd_empties() {
    for empty in [json!(null), json!(""), json!([]), json!({}), json!([""]), json!(0)] {
        let bare = cart(json!({
            "billing_address": empty, "extension_attributes": empty, "customer": empty, "items": empty,
            "currency": empty, "updated_at": empty, "created_at": empty,
        }));
        assert_eq!((bare.total, bare.who.phones.len(), bare.items.len()), (None, 0, 0));
        assert_eq!(bare.updated_at, at(NOW));
        let bare = order(json!({
            "billing_address": empty, "extension_attributes": empty, "payment": empty, "coupon_code": null,
            "discount_amount": empty, "applied_rule_ids": empty, "total_refunded": empty, "state": "new",
        }));
        assert_eq!((bare.codes.len(), bare.refunds.len(), bare.payment), (0, 0, None));
    }
    // A cart that was never changed.
    assert_eq!(cart(json!({ "updated_at": "0000-00-00 00:00:00" })).updated_at, at("2026-03-01T09:00:00Z"));
    // Of a configurable product, its child too.
    let child = json!({ "name": "Oak, red", "qty": 1, "price": 0, "parent_item_id": 1 });
    let parent = json!({ "name": "Oak", "qty": "3.0000", "price": "9.9900" });
    let both = cart(json!({ "items": [parent, child] }));
    assert_eq!((both.items.len(), both.total.map(|total| total.minor)), (1, Some(2_997)));
}

#[test]
fn consent_is_only_what_a_module_says() {
    assert_eq!(
        cart(json!({ "customer": { "id": 1, "extension_attributes": { "is_subscribed": true } } })).consent,
        None
    );
    let told = |consent: Value| cart(json!({ "extension_attributes": { "sms_consent": consent } })).consent;
    assert_eq!(told(json!(1)).unwrap().state, ConsentState::Granted);
    assert_eq!(told(json!("0")).unwrap().state, ConsentState::NotGiven);
    assert_eq!(told(json!(null)), None);
}

#[test]
fn an_order() {
    let order = order(json!({}));
    assert_eq!((order.external_id.as_str(), order.number.as_str()), ("15", "000000016"));
    assert_eq!(order.cart_tokens, ["4711"]);
    assert_eq!((order.total.minor, order.total.currency.code()), (9_320, "EUR"));
    let phones: Vec<_> = order.who.phones.iter().map(|it| (it.number.as_str(), it.country.as_deref())).collect();
    assert_eq!(phones, [("+49 151 23456789", Some("DE")), ("0660 1234567", Some("AT"))]);
    assert_eq!((order.who.customer.as_deref(), order.codes.as_slice()), (Some("31"), ["OAK10".to_owned()].as_slice()));
    assert_eq!((order.discounts[0].code.as_str(), order.discounts[0].amount.minor), ("OAK10", 980));
    assert_eq!(order.payment.as_deref(), Some("Invoice"));
    assert_eq!(order.placed_at, Some(at("2026-03-01T11:00:00Z")));
    assert_eq!((order.cancelled_at, order.refunds.len(), order.channel), (None, 0, Channel::Web));
}

#[test]
fn several_rules_are_no_single_code() {
    assert_eq!(order(json!({ "applied_rule_ids": "1,4" })).discounts, []);
}

#[test]
fn what_a_state_says() {
    #[track_caller]
    fn check(changes: Value, placed: bool, cancelled: bool) {
        let order = order(changes.clone());
        assert_eq!((order.placed_at.is_some(), order.cancelled_at.is_some()), (placed, cancelled), "{changes}");
    }
    for state in ["new", "processing", "complete", "closed", "holded", "payment_review", "of a module"] {
        check(json!({ "state": state }), true, false);
    }
    check(json!({ "state": "pending_payment" }), false, false);
    check(json!({ "state": null, "status": "pending_payment" }), false, false);
    check(json!({ "state": "canceled" }), true, true);
    let online = json!({ "method": "braintree" });
    check(json!({ "state": "canceled", "payment": online, "total_paid": 0 }), false, true);
    check(json!({ "state": "canceled", "payment": online, "total_paid": "93.2000" }), true, true);
    // Staff's orders have no address of a shopper's.
    assert_eq!(order(json!({ "remote_ip": null })).channel, Channel::Staff);
}

#[test]
fn trap_money_is_a_number_as_it_was_written() {
    #[track_caller]
    fn check(currency: &str, total: &str, minor: i64) {
        let body = order_body(json!({ "order_currency_code": currency, "grand_total": 1 })).to_string();
        let body = body.replace("\"grand_total\":1,", &format!("\"grand_total\":{total},"));
        match Magento.read(&shop(), "order.updated", &kept(body.as_bytes())).unwrap().remove(0) {
            ShopEvent::Order(order) => assert_eq!(order.total.minor, minor, "{total}"),
            other => panic!("{other:?}"),
        }
    }
    check("BHD", "93.2", 93_200);
    check("EUR", "0.1", 10);
    check("EUR", "89.9900", 8_999);
    check("EUR", "\"89.9900\"", 8_999);
    check("JPY", "500", 500);
    let read = |changes| Magento.read(&shop(), "order.updated", &kept(order_body(changes).to_string().as_bytes()));
    for changes in [json!({ "grand_total": null }), json!({ "order_currency_code": "" }), json!({ "entity_id": 0 })] {
        assert!(read(changes).is_err());
    }
    assert!(Magento.read(&shop(), "cart.updated", &kept(b"{}")).is_err());
    assert_eq!(Magento.read(&shop(), "other", &kept(b"")), Ok(Vec::new()));
}

#[test]
fn a_story() {
    let left = cart(json!({ "extension_attributes": [] }));
    assert!(left.who.phones.is_empty());
    let typed = cart(json!({ "updated_at": "2026-03-01 10:45:00" }));
    assert_eq!((typed.token.as_str(), typed.who.phones.len()), (left.token.as_str(), 1));
    assert!(typed.updated_at > left.updated_at);
    let waiting = order(json!({ "state": "pending_payment", "payment": { "method": "braintree" } }));
    assert_eq!((waiting.cart_tokens, waiting.placed_at), (vec![left.token], None));
    assert!(order(json!({})).placed_at.is_some());
    let refund = |amount: Value| order(json!({ "state": "closed", "total_refunded": amount })).refunds.remove(0);
    assert_eq!((refund(json!(20.5)).amount.minor, refund(json!(20.5)).external_id.as_str()), (2_050, "cumulative"));
    assert_eq!(refund(json!("93.2000")).amount.minor, 9_320);
    assert!(order(json!({ "state": "canceled" })).cancelled_at.is_some());
    // Bought: the cart is not active any more, and its order tells the rest.
    let bought = cart_body(json!({ "is_active": 0 })).to_string();
    assert_eq!(Magento.read(&shop(), "cart.updated", &kept(bought.as_bytes())), Ok(Vec::new()));
}

#[test]
fn the_rehearsal_reads_as_a_visit() {
    let visit = visit();
    let told = |act| match Magento.rehearse(&settings(&[]), &visit, act, at(NOW)) {
        Rehearsed::Fetched { pointer: None, whole } => {
            Magento.read(&shop(), whole.topic, &kept(&whole.body)).unwrap().remove(0)
        }
        _ => panic!("Magento sends nothing"),
    };
    match told(Act::Left) {
        ShopEvent::Cart(cart) => {
            assert_eq!((cart.token.as_str(), cart.total), ("self-test-1", Some(visit.total)));
            assert_eq!(cart.recovery_url.as_deref(), Some("https://shop.example.com/self-test"));
            assert_eq!(cart.consent.map(|consent| consent.state), Some(ConsentState::Granted));
            assert_eq!(cart.who.phones[0].number, "+12125550101");
        }
        other => panic!("{other:?}"),
    }
    match (told(Act::Bought), told(Act::Refunded)) {
        (ShopEvent::Order(bought), ShopEvent::Order(refunded)) => {
            assert_eq!(bought.cart_tokens, ["self-test-1"]);
            assert_eq!((bought.placed_at, bought.refunds.len()), (Some(visit.placed_at), 0));
            assert_eq!(refunded.refunds[0].amount, visit.refunded);
        }
        other => panic!("{other:?}"),
    }
}

pub(in crate::shop) fn visit() -> Visit {
    let dollar = Currency::parse("USD").unwrap();
    Visit {
        token: "self-test-1".into(),
        order: 9_000_001,
        refund: 9_000_002,
        phone: "+12125550101".into(),
        country: "US".into(),
        language: "en".into(),
        total: Money::new(4_200, dollar),
        refunded: Money::new(1_200, dollar),
        checkout_url: "https://shop.example.com/self-test".into(),
        started_at: at("2026-03-01T11:00:00Z"),
        placed_at: at("2026-03-01T11:30:00Z"),
        link: Some("recovery-token".into()),
    }
}

/// Real and documented bodies, where they are at hand.
#[test]
fn every_sample_there_is() {
    let shared = std::env::var("CARTBACK_SHARED").unwrap_or_else(|_| "../shared".into());
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(shared).join("payloads/magento");
    let body = |name: &str| std::fs::read(root.join(name)).ok();
    let (Some(dinar), Some(dollar)) =
        (body("rest_order__real_guest_coupon_BHD_new.json"), body("rest_order__real_guest_canceled_TWD_abridged.json"))
    else {
        eprintln!("skipped: no samples in {}", root.display());
        return;
    };
    let order = |body: &[u8]| match Magento.read(&shop(), "order.updated", &kept(body)).unwrap().remove(0) {
        ShopEvent::Order(order) => *order,
        other => panic!("{other:?}"),
    };
    let placed = order(&dinar);
    assert_eq!((placed.total.minor, placed.total.currency.code(), placed.who.customer), (93_200, "BHD", None));
    assert_eq!((placed.cart_tokens.len(), placed.discounts[0].amount.minor), (1, 9_800));
    assert!(placed.placed_at.is_some() && placed.cancelled_at.is_none());
    let cancelled = order(&dollar);
    assert!(cancelled.placed_at.is_none() && cancelled.cancelled_at.is_some());
    assert_eq!((cancelled.who.phones.len(), cancelled.payment.as_deref()), (1, Some("newebpay")));
    let totals: Value = serde_json::from_slice(&body("rest_cart_with_totals__cif.json").unwrap()).unwrap();
    let cart = totals["cart_details"].to_string();
    match Magento.read(&shop(), "cart.updated", &kept(cart.as_bytes())).unwrap().remove(0) {
        ShopEvent::Cart(cart) => {
            assert_eq!((cart.total.unwrap().minor, cart.who.phones.len()), (44_000, 1));
            assert_eq!((cart.who.customer.is_some(), cart.consent), (true, None));
        }
        other => panic!("{other:?}"),
    }
    for name in ["rest_cart_no_address__cif.json", "rest_cart_empty__cif.json"] {
        let _ = Magento.read(&shop(), "cart.updated", &kept(&body(name).unwrap()));
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), status in any::<u16>()) {
        for topic in ["cart.updated", "order.updated", ""] {
            let _ = Magento.read(&shop(), topic, &kept(&bytes));
        }
        let answer = answer(status, bytes.clone());
        let _ = (Magento.orders(&answer, None), Magento.carts(&settings(&[]), &answer, Some("1")));
        let _ = Magento.verify(&settings(&[]), &kept(&bytes));
    }

    #[test]
    fn no_broken_body_panics(end in 0_usize..1500) {
        for body in [cart_body(json!({})).to_string(), order_body(json!({})).to_string()] {
            let cut = &body.as_bytes()[..end.min(body.len())];
            for topic in ["cart.updated", "order.updated"] {
                let _ = Magento.read(&shop(), topic, &kept(cut));
            }
        }
    }
}
