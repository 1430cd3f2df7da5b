//! Tests of the WooCommerce connector: each trap met in the wild under its own name, then every sample body there is.

use std::{path::PathBuf, process::Command};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;

use super::*;
use crate::domain::event::ConsentState;

const NOW: &str = "2026-03-01T12:00:00Z";
const SECRET: &str = "k3yOfTheShopWithLetters";
/// The plugin's own tests sign with it too.
const PLUGIN_SECRET: &str = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";

fn shop() -> ShopFacts {
    ShopFacts { country: "DE".into(), currency: Currency::parse("EUR").unwrap(), settings: Default::default() }
}

fn settings() -> Settings {
    let given = [("site", "shop.example"), ("webhook_secret", SECRET), ("plugin_secret", PLUGIN_SECRET)];
    SPEC.settings(given.map(|(key, value)| (key.to_owned(), value.to_owned())).into()).unwrap()
}

fn at(text: &str) -> Time {
    Time::parse(text).unwrap()
}

fn delivery(headers: &[(&str, &str)], body: &[u8]) -> Delivery {
    Delivery {
        method: "POST".into(),
        url: "https://hooks.example/h/woocommerce/x".into(),
        headers: headers.iter().map(|&(name, value)| (name.into(), value.into())).collect(),
        body: body.to_vec(),
        received_at: at(NOW),
    }
}

/// An order as WooCommerce sends it, with these fields changed.
fn order(changes: Value) -> Value {
    let mut order = json!({
        "id": 5120, "number": "A-5120", "status": "processing", "currency": "EUR", "total": "89.90",
        "created_via": "checkout", "customer_id": 31, "payment_method": "stripe",
        "date_created": "2026-03-01T10:00:00", "date_created_gmt": "2026-03-01T09:00:00",
        "date_modified_gmt": "2026-03-01T11:00:00", "date_paid_gmt": "2026-03-01T09:01:00",
        "billing": {"first_name": "Ida", "email": "ida@example.com", "phone": "0151 23456789", "country": "DE", "state": "DE-BY"},
        "shipping": {"phone": "+43 660 1234567", "country": "AT"},
        "line_items": [{"name": "Oak chair", "quantity": 2, "price": 44.95}],
        "coupon_lines": [{"code": "oak10"}], "refunds": [], "meta_data": [],
        "payment_url": "https://shop.example/checkout/order-pay/5120/?pay_for_order=true&key=wc_order_x",
    });
    if let (Some(order), Value::Object(changes)) = (order.as_object_mut(), changes) {
        order.extend(changes);
    }
    order
}

fn read(topic: &str, body: &Value) -> Result<Vec<ShopEvent>, Unreadable> {
    let signed = delivery(&[("x-wc-webhook-signature", "x")], body.to_string().as_bytes());
    WooCommerce.read(&shop(), topic, &signed)
}

fn updated(changes: Value) -> (OrderUpdate, Vec<ShopEvent>) {
    let mut events = read("order.updated", &order(changes)).unwrap();
    match events.remove(0) {
        ShopEvent::Order(order) => (*order, events),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_order() {
    let (order, more) = updated(json!({}));
    assert_eq!((order.external_id.as_str(), order.number.as_str()), ("5120", "A-5120"));
    assert_eq!(order.who.customer.as_deref(), Some("31"));
    assert_eq!(order.who.email.as_deref(), Some("ida@example.com"));
    let phones: Vec<_> = order.who.phones.iter().map(|it| (it.number.as_str(), it.country.as_deref())).collect();
    assert_eq!(phones, [("0151 23456789", Some("DE")), ("+43 660 1234567", Some("AT"))]);
    assert_eq!((order.total.minor, order.total.currency.code()), (8_990, "EUR"));
    assert_eq!(order.codes, ["oak10"]);
    let taken = |minor| vec![TakenOff { code: "oak10".into(), amount: Money::new(minor, order.total.currency) }];
    assert_eq!(order.discounts, [], "a line that does not say");
    let line = json!([{ "id": 4, "code": "oak10", "discount": "8.40", "discount_tax": "1.59" }]);
    assert_eq!(updated(json!({ "coupon_lines": line })).0.discounts, taken(999));
    let line = json!([{ "code": "oak10", "discount": 8.4 }, { "code": "x", "discount": "-1" }]);
    assert_eq!(updated(json!({ "coupon_lines": line })).0.discounts, taken(840));
    assert_eq!(order.cart_tokens, ["order-5120"]);
    assert_eq!((order.placed_at, order.updated_at), (Some(at("2026-03-01T09:01:00Z")), at("2026-03-01T11:00:00Z")));
    assert_eq!((order.cancelled_at, order.refunds.len(), order.channel), (None, 0, Channel::Web));
    assert_eq!(more, []);
}

#[test]
fn what_a_status_says_about_buying() {
    let (created, paid, modified) = ("2026-03-01T09:00:00Z", "2026-03-01T09:01:00Z", "2026-03-01T11:00:00Z");
    #[track_caller]
    fn check(status: &str, method: &str, paid_at: Option<&str>, placed: Option<&str>, cancelled: Option<&str>) {
        let (order, _) = updated(json!({"status": status, "payment_method": method, "date_paid_gmt": paid_at}));
        assert_eq!((order.placed_at, order.cancelled_at), (placed.map(at), cancelled.map(at)), "{status} {method}");
    }
    for status in ["pending", "failed", "checkout-draft", "auto-draft"] {
        check(status, "stripe", None, None, None);
    }
    check("processing", "stripe", Some(paid), Some(paid), None);
    check("refunded", "stripe", Some(paid), Some(paid), None);
    // Decided at the checkout, paid at the door days later.
    check("on-hold", "bacs", None, Some(created), None);
    check("processing", "cod", None, Some(created), None);
    check("completed", "cod", Some("2026-03-05T09:00:00Z"), Some(created), None);
    // Ordered, left, reminded, paid.
    check("completed", "stripe", Some("2026-03-01T10:30:00Z"), Some("2026-03-01T10:30:00Z"), None);
    check("cancelled", "stripe", None, None, Some(modified));
    check("cancelled", "stripe", Some(paid), Some(paid), Some(modified));
    check("cancelled", "cod", None, Some(created), Some(modified));
    check("wc-shipped-by-carrier", "stripe", Some(paid), Some(paid), None);
}

#[test]
fn trap_dates_without_z_are_utc_and_local_ones_are_not_read() {
    let (order, _) = updated(json!({"date_modified_gmt": null, "date_modified": "2026-03-01T23:00:00"}));
    assert_eq!(order.updated_at, at(NOW));
}

#[test]
fn trap_20_customer_0_is_a_guest() {
    for guest in [json!(0), json!("0"), json!(null), json!("")] {
        assert_eq!(updated(json!({"customer_id": guest})).0.who.customer, None);
    }
}

#[test]
fn trap_phone_may_be_empty() {
    let (order, _) = updated(
        json!({"billing": {"phone": "", "country": "DE"}, "shipping": {"phone": "0170 1234567", "country": ""}}),
    );
    let phones: Vec<_> = order.who.phones.iter().map(|it| (it.number.as_str(), it.country.as_deref())).collect();
    assert_eq!(phones, [("0170 1234567", Some("DE"))]);
    assert_eq!(updated(json!({"billing": [], "shipping": null})).0.who.phones, []);
}

#[test]
fn trap_refunds_are_negative_and_only_in_updates() {
    let refunds = json!([
        {"id": 5130, "reason": "", "total": "-10.00"}, {"id": 5131, "total": -9.5}, {"id": 5132, "total": "0.00"},
        {"id": 0, "total": "-1"}, {"id": 5133, "total": null},
    ]);
    let (order, _) = updated(json!({"refunds": refunds}));
    let found: Vec<_> = order.refunds.iter().map(|it| (it.external_id.as_str(), it.amount.minor)).collect();
    assert_eq!(found, [("5130", 1_000), ("5131", 950)]);
}

#[test]
fn trap_money_is_text_or_a_float_and_depends_on_the_currency() {
    #[track_caller]
    fn check(currency: &str, total: Value, minor: i64) {
        assert_eq!(updated(json!({"currency": currency, "total": total})).0.total.minor, minor);
    }
    check("EUR", json!("128.00"), 12_800);
    check("EUR", json!(0.1), 10);
    check("JPY", json!("1200"), 1_200);
    check("KWD", json!("93.2"), 93_200);
}

#[test]
fn trap_5_long_ids_keep_their_digits() {
    let body = order(json!({})).to_string().replace("5120,", "820982911946154509,");
    let signed = delivery(&[("x-wc-webhook-signature", "x")], body.as_bytes());
    let events = WooCommerce.read(&shop(), "order.updated", &signed).unwrap();
    assert!(matches!(&events[0], ShopEvent::Order(order) if order.external_id == "820982911946154509"));
}

#[test]
fn trap_23_staff_and_tills_are_not_the_web() {
    for (via, channel) in [
        ("admin", Channel::Staff),
        ("rest-api", Channel::Staff),
        ("subscription", Channel::Staff),
        ("pos", Channel::PointOfSale),
        ("pos-rest-api", Channel::PointOfSale),
        ("store-api", Channel::Web),
        ("", Channel::Web),
    ] {
        let (order, more) = updated(json!({"created_via": via, "status": "processing"}));
        assert_eq!((order.channel, more.len()), (channel, 0), "{via}");
    }
}

#[test]
fn trap_old_webhooks_wrap_the_order() {
    let why = read("order.updated", &json!({"order": {"id": 118, "status": "completed"}})).unwrap_err();
    assert!(why.0.contains("re-create the webhook with API version wp_api_v3"), "{why}");
}

#[test]
fn trap_10_the_ping_is_an_unsigned_form() {
    assert_eq!(WooCommerce.verify(&settings(), &delivery(&[], b"webhook_id=42")), Ok(Accepted::Ping));
    assert_eq!(WooCommerce.verify(&settings(), &delivery(&[], b"{}")), Err(Refusal::Unsigned));
}

#[test]
fn trap_11_delivery_ids_are_not_unique() {
    // So the id is only handed on: what tells two deliveries apart is the inbox's hash of the body.
    let key = |body: &[u8]| {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(body);
        let signature = data_encoding::BASE64.encode(&mac.finalize().into_bytes());
        let headers = [
            ("x-wc-webhook-signature", signature.as_str()),
            ("x-wc-webhook-topic", "order.updated"),
            ("x-wc-webhook-delivery-id", "9f2c"),
        ];
        WooCommerce.verify(&settings(), &delivery(&headers, body)).unwrap()
    };
    assert_eq!(key(b"{\"id\":1}"), Accepted::Keep { topic: "order.updated".into(), key: "9f2c".into() });
    assert_eq!(key(b"{\"id\":2}"), key(b"{\"id\":1}"));
}

#[test]
fn an_order_waiting_for_payment_is_a_cart_without_consent() {
    for (status, via) in [("pending", "checkout"), ("failed", "store-api")] {
        let (order, more) = updated(json!({"status": status, "created_via": via, "date_paid_gmt": null}));
        assert_eq!(order.cart_tokens, Vec::<String>::new(), "it must not close its own cart");
        let [ShopEvent::Cart(cart)] = more.as_slice() else { panic!("{more:?}") };
        assert_eq!(cart.token, "order-5120");
        assert!(cart.recovery_url.as_deref().unwrap().contains("/order-pay/5120/"));
        assert_eq!((cart.consent.as_ref(), cart.completed_at, cart.test), (None, None, false));
        assert_eq!((cart.country.as_deref(), cart.region.as_deref()), (Some("DE"), Some("BY")));
        assert_eq!(cart.items[0].price.map(|it| it.minor), Some(4_495));
        assert_eq!((cart.source.as_deref(), cart.tags.len()), (None, 0));
    }
    let came = json!([{"key": "_wc_order_attribution_utm_source", "value": "newsletter"}]);
    let (_, more) = updated(json!({"status": "pending", "date_paid_gmt": null, "meta_data": came}));
    let [ShopEvent::Cart(cart)] = more.as_slice() else { panic!("{more:?}") };
    assert_eq!(cart.source.as_deref(), Some("newsletter"));
    for quiet in [
        json!({"status": "pending", "created_via": "admin"}),
        json!({"status": "pending", "created_via": ""}),
        json!({"status": "checkout-draft"}),
        json!({"status": "pending", "payment_url": ""}),
        json!({"status": "pending", "payment_url": "javascript:alert(1)"}),
        // The plugin tells of this checkout already, with its consent.
        json!({"status": "pending", "meta_data": [{"key": "_cartback_token", "value": "abc"}]}),
    ] {
        assert_eq!(updated(quiet.clone()).1, [], "{quiet}");
    }
}

#[test]
fn an_order_without_a_payment_page_is_filled_anew_by_the_checkout_link() {
    let links = json!({"self": [{"href": "https://shop.example/wp-json/wc/v3/orders/5120"}]});
    let lines = json!([{"name": "Oak chair", "product_id": 74, "variation_id": 0, "quantity": 2, "price": 44.95}]);
    let waiting = |url: &str, version: &str| {
        let changes = json!({
            "status": "pending", "date_paid_gmt": null, "payment_url": url, "version": version, "_links": links,
            "line_items": lines, "coupon_lines": [],
        });
        match updated(changes).1.as_slice() {
            [ShopEvent::Cart(cart)] => cart.recovery_url.clone(),
            _ => None,
        }
    };
    let link = "https://shop.example/checkout-link/?products=74:2";
    assert_eq!(waiting("", "10.0.0").as_deref(), Some(link));
    assert_eq!(waiting("", "9.9.5"), None);
    let page = "https://shop.example/checkout/order-pay/5120/?pay_for_order=true&key=wc_order_x";
    assert_eq!(waiting(page, "10.0.0").as_deref(), Some(page));
    assert_eq!(WooCommerce.discount_query("BACK"), Some(("coupon", "BACK".into())));
}

#[test]
fn trap_7_a_late_body_keeps_its_own_time() {
    // Payloads are made when they are sent, and two of one order may overtake each other.
    let (paid, _) = updated(json!({"date_modified_gmt": "2026-03-01T11:00:00"}));
    let (late, _) =
        updated(json!({"date_modified_gmt": "2026-03-01T10:59:59", "status": "pending", "date_paid_gmt": null}));
    assert!(late.updated_at < paid.updated_at && late.updated_at < at(NOW));
}

#[test]
fn trap_8_the_same_order_twice_is_the_same_event() {
    let body = order(json!({}));
    assert_eq!(read("order.created", &body), read("order.updated", &body));
}

#[test]
fn trap_10_what_no_webhook_told_of_is_fetched() {
    assert!(WooCommerce.loses_webhooks() && !WooCommerce.is_silent(&settings()));
    let keys = settings().with("key", "ck_1").with("secret", "cs_1");
    let asked = WooCommerce.ask_orders(&keys, &Wanted::Changed { since: at(NOW) }, None).unwrap().unwrap();
    assert!(asked.url.contains("modified_after=2026-03-01T12%3A00%3A00"), "{}", asked.url);
    // As their list has them, a topic's body each.
    let list = json!([order(json!({})), order(json!({"id": 5121}))]).to_string().into_bytes();
    let page = WooCommerce.orders(&Response { status: 200, headers: Vec::new(), body: list }, None).unwrap();
    let read =
        |pulled: &crate::shop::pull::Pulled| WooCommerce.read(&shop(), pulled.topic, &delivery(&[], &pulled.body));
    assert_eq!((page.orders.len(), page.next.clone()), (2, None));
    assert!(page.orders.iter().all(|pulled| matches!(read(pulled).unwrap()[0], ShopEvent::Order(_))));
}

#[test]
fn trap_12_without_draft_orders_nothing_is_missed_and_with_them_nothing_is_bought() {
    // Before 10.9 the Blocks checkout leaked drafts; since then an order is there once it is placed.
    let (draft, more) = updated(json!({"status": "checkout-draft", "created_via": "store-api", "date_paid_gmt": null}));
    assert_eq!((draft.placed_at, draft.cancelled_at, more.len()), (None, None, 0));
    let placed = read("order.created", &order(json!({"created_via": "store-api"}))).unwrap();
    assert!(matches!(&placed[..], [ShopEvent::Order(order)] if order.placed_at.is_some()));
}

#[test]
fn trap_19_there_is_no_mark_of_a_test() {
    assert!(!updated(json!({"payment_method_title": "Test mode", "transaction_id": "test_1"})).0.test);
    assert!(SPEC.limits.iter().any(|limit| limit.contains("test orders")));
}

#[test]
fn trap_22_whoever_is_to_be_forgotten_need_not_be_known() {
    let body = json!({"type": "customer.redacted", "data": {"email": "nobody@example.com"}}).to_string();
    let sent = delivery(&[("webhook-signature", "v1,AAAA")], body.as_bytes());
    let events = WooCommerce.read(&shop(), "customer.redacted", &sent).unwrap();
    assert!(matches!(&events[..], [ShopEvent::Redact(who)] if who.email.as_deref() == Some("nobody@example.com")));
}

#[test]
fn trap_23_an_order_of_the_shops_staff_names_the_person_whose_texts_stop() {
    for via in ["admin", "pos-rest-api", "rest-api"] {
        let (order, _) = updated(json!({"created_via": via, "date_paid_gmt": null}));
        assert!(order.placed_at.is_some() && order.channel != Channel::Web, "{via}");
        assert_eq!((order.who.phones.len(), order.who.email.is_some()), (2, true), "{via}");
    }
}

#[test]
fn trap_24_an_order_counts_in_its_own_currency_with_all_its_parts() {
    let refund = json!([{"id": 5130, "total": "-10.00"}]);
    let coupon = json!([{"code": "oak10", "discount": "8.40"}]);
    let (order, _) = updated(json!({"currency": "USD", "refunds": refund, "coupon_lines": coupon}));
    let usd = Currency::parse("USD").unwrap();
    assert_eq!([order.total.currency, order.refunds[0].amount.currency, order.discounts[0].amount.currency], [usd; 3]);
}

#[test]
fn trap_25_a_payment_page_is_a_secret_kept_whole() {
    let url = format!("https://shop.example/checkout/order-pay/5120/?pay_for_order=true&key={}", "k".repeat(900));
    let (_, more) = updated(json!({"status": "pending", "date_paid_gmt": null, "payment_url": url}));
    let [ShopEvent::Cart(cart)] = more.as_slice() else { panic!("{more:?}") };
    assert_eq!(cart.recovery_url.as_ref(), Some(&url));
    let kept = delivery(&[], url.as_bytes());
    assert!(!format!("{kept:?}").contains("order-pay"));
}

#[test]
fn a_cancelled_or_deleted_order_cannot_be_paid_any_more() {
    let (_, more) = updated(json!({"status": "cancelled", "date_paid_gmt": null}));
    assert_eq!(more, [ShopEvent::CartDeleted { token: "order-5120".into(), at: at("2026-03-01T11:00:00Z") }]);
    let events = read("order.deleted", &json!({"id": 5120})).unwrap();
    assert_eq!(events, [ShopEvent::CartDeleted { token: "order-5120".into(), at: at(NOW) }]);
    assert_eq!(read("order.restored", &order(json!({}))).unwrap().len(), 1);
}

#[test]
fn what_the_plugin_wrote_on_the_order() {
    let (order, _) = updated(json!({"meta_data": [
        {"id": 1, "key": "_cartback_token", "value": "c0ffee"},
        {"id": 2, "key": "_cartback_recovery", "value": "AbC_1"},
        {"id": 3, "key": "_cartback_consent", "value": {"sms": true}},
        {"id": 4, "key": "_wc_order_attribution_session_entry", "value": "https://shop.example/?cartback=AbC_1&utm_source=sms"},
        {"id": 5, "key": 7, "value": []}, null,
    ]}));
    assert_eq!(order.cart_tokens, ["c0ffee", "order-5120"]);
    assert_eq!(order.recovery_tokens, ["AbC_1"]);
    // Without the plugin, the page the visit began with says it.
    let landing =
        json!([{"key": "_wc_order_attribution_session_entry", "value": "https://shop.example/x?cartback=Zz_9"}]);
    assert_eq!(updated(json!({"meta_data": landing})).0.recovery_tokens, ["Zz_9"]);
    assert_eq!(updated(json!({"meta_data": {"0": "php"}})).0.recovery_tokens, Vec::<String>::new());
}

#[test]
fn what_cannot_be_an_order() {
    for (changes, says) in [
        (json!({"id": null}), "id"),
        (json!({"id": 0}), "id"),
        (json!({"currency": "€"}), "currency"),
        (json!({"total": "free"}), "total"),
        (json!({"status": null}), "status"),
    ] {
        let why = read("order.created", &order(changes)).unwrap_err();
        assert!(why.0.contains(says), "{why}");
    }
    for topic in ["customer.updated", "coupon.created", "product.deleted", "action.woocommerce_add_to_cart", ""] {
        assert_eq!(read(topic, &json!({"id": 1})), Ok(Vec::new()), "{topic}");
    }
}

#[test]
fn no_cut_or_damaged_body_panics() {
    let body = order(json!({"refunds": [{"id": 1, "total": "-5"}], "status": "pending"})).to_string().into_bytes();
    for end in 0..body.len() {
        for topic in ["order.updated", "order.deleted"] {
            let cut = delivery(&[("x-wc-webhook-signature", "x")], &body[..end]);
            assert!(WooCommerce.read(&shop(), topic, &cut).is_err(), "{end}");
        }
    }
    for place in 0..body.len() {
        let mut damaged = body.clone();
        damaged[place] = b'9';
        let _ = WooCommerce.read(&shop(), "order.updated", &delivery(&[], &damaged));
    }
}

#[test]
fn two_senders_never_lend_each_other_a_key() {
    let body = br#"{"type":"test"}"#;
    let now = at(NOW).seconds();
    let plugin = |secret: &str, more: Option<(&str, &str)>| {
        let (time, signature) = (now.to_string(), standard_webhooks::sign(secret, "msg_1", now, body));
        let headers =
            [("webhook-id", "msg_1"), ("webhook-timestamp", time.as_str()), ("webhook-signature", signature.as_str())];
        delivery(&headers.into_iter().chain(more).collect::<Vec<_>>(), body)
    };
    let kept = Ok(Accepted::Keep { topic: "test".into(), key: "msg_1".into() });
    assert_eq!(WooCommerce.verify(&settings(), &plugin(PLUGIN_SECRET, None)), kept);
    let foreign = standard_webhooks::secret([9; 32]);
    assert_eq!(WooCommerce.verify(&settings(), &plugin(&foreign, None)), Err(Refusal::WrongSignature));
    // Both headers: WooCommerce's rules, in `verify` and in `read` alike.
    let both = plugin(PLUGIN_SECRET, Some(("x-wc-webhook-signature", "AAAA")));
    assert_eq!(WooCommerce.verify(&settings(), &both), Err(Refusal::WrongSignature));
    assert_eq!(WooCommerce.read(&shop(), "test", &both), Ok(Vec::new()));
    let given = [("site", "shop.example"), ("webhook_secret", SECRET)];
    let bare = SPEC.settings(given.map(|(key, value)| (key.to_owned(), value.to_owned())).into()).unwrap();
    assert_eq!(WooCommerce.verify(&bare, &plugin(PLUGIN_SECRET, None)), Err(Refusal::NoKey));
}

fn beside_the_manifest(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs the plugin's tests in a real PHP; `None` where there is none.
fn php(arguments: &[&str]) -> Option<String> {
    let said = Command::new("php").args(arguments).current_dir(beside_the_manifest("")).output();
    let Ok(said) = said else {
        eprintln!("skipped: php is not installed");
        return None;
    };
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(said.status.success(), "php {arguments:?}\n{text}{}", String::from_utf8_lossy(&said.stderr));
    Some(text)
}

#[test]
fn the_plugin_passes_its_own_tests() {
    for file in ["assets/woocommerce/cartback.php", "tests/woocommerce/stubs.php", "tests/woocommerce/run.php"] {
        php(&["-l", file]);
    }
    php(&["tests/woocommerce/run.php"]);
}

/// The script of PrestaShop's module is tried beside the plugin's.
#[test]
fn the_scripts_pass_their_own_tests() {
    generic::emitted::run("node", &["tests/connect/node/scripts.cjs"]);
}

#[test]
fn we_understand_what_the_plugin_sends() {
    let Some(lines) = php(&["tests/woocommerce/run.php", "emit"]) else { return };
    let mut events = Vec::new();
    for line in lines.lines() {
        let sent: Value = serde_json::from_str(line).unwrap();
        let headers: Vec<_> =
            sent["headers"].as_object().unwrap().iter().map(|(k, v)| (k.as_str(), v.as_str().unwrap())).collect();
        let mut sent = delivery(&headers, sent["body"].as_str().unwrap().as_bytes());
        sent.received_at = Time::from_seconds(sent.header("webhook-timestamp").unwrap().parse().unwrap());
        let Ok(Accepted::Keep { topic, .. }) = WooCommerce.verify(&settings(), &sent) else { panic!("{line}") };
        events.extend(WooCommerce.read(&shop(), &topic, &sent).unwrap());
    }
    let [
        ShopEvent::Cart(ticked),
        ShopEvent::Cart(unticked),
        ShopEvent::Test,
        ShopEvent::Redact(who),
        ShopEvent::Uninstalled { .. },
    ] = events.as_slice()
    else {
        panic!("{events:?}")
    };
    assert_eq!(ticked.who.phones.len(), 1);
    assert_eq!(ticked.who.phones[0].country.as_deref(), Some("DE"));
    assert_eq!((ticked.zone.as_deref(), ticked.language.as_deref()), (Some("Europe/Berlin"), Some("de-DE")));
    assert_eq!((ticked.total.map(|it| it.minor), ticked.items.len()), (Some(65_050), 2));
    assert!(ticked.recovery_url.as_deref().unwrap().starts_with("https://shop.example/?cartback_restore="));
    let consent = ticked.consent.as_ref().unwrap();
    assert_eq!(consent.state, ConsentState::Granted);
    let proof = &consent.proof;
    assert_eq!((proof.source.as_str(), proof.level.as_deref()), ("cartback-woocommerce", Some("single_opt_in")));
    assert!(
        [&proof.text, &proof.url, &proof.language, &proof.ip, &proof.agent].iter().all(|it| it.is_some()),
        "{proof:?}"
    );
    assert!(unticked.updated_at > ticked.updated_at);
    assert_eq!((unticked.who.phones.len(), unticked.who.email.as_ref()), (0, None));
    let withdrawn = unticked.consent.as_ref().unwrap();
    assert_eq!(withdrawn.state, ConsentState::Withdrawn);
    assert_eq!(withdrawn.phone.as_ref(), ticked.who.phones.first());
    assert_eq!(who.email.as_deref(), Some("ida@example.com"));
}

/// What a sample is for, by its file's name: a topic, and whether it is read, holds nothing, or cannot be read.
fn expected(name: &str) -> (&'static str, &'static str) {
    match name.split("__").next().unwrap_or_default() {
        "order" => ("order.updated", "read"),
        "order.updated" | "store_api_checkout" => ("order.updated", "unreadable"),
        "customer" => ("customer.updated", "nothing"),
        "coupon" => ("coupon.updated", "nothing"),
        "delivery_log" => ("order.updated", "legacy log"),
        "order_refund" | "webhook" | "wc_auth_callback.json" => ("", "nothing"),
        "webhook_ping.form.txt" => ("", "ping"),
        other => panic!("a sample nobody thought of: {other}"),
    }
}

#[test]
fn every_sample_there_is() {
    let shared = std::env::var_os("CARTBACK_SHARED").map_or_else(|| beside_the_manifest("../shared"), PathBuf::from);
    let Ok(files) = std::fs::read_dir(shared.join("payloads/woocommerce")) else {
        eprintln!("skipped: no samples beside the project");
        return;
    };
    for file in files.map(Result::unwrap) {
        let name = file.file_name().into_string().unwrap();
        let bytes = std::fs::read(file.path()).unwrap();
        let (topic, outcome) = expected(&name);
        let signed =
            |body: &[u8]| WooCommerce.read(&shop(), topic, &delivery(&[("x-wc-webhook-signature", "x")], body));
        match outcome {
            "read" => {
                let sample: Value = serde_json::from_slice(&bytes).unwrap();
                let orders = sample.as_array().cloned().unwrap_or_else(|| vec![sample]);
                for order in orders {
                    let events = signed(order.to_string().as_bytes()).unwrap();
                    assert!(matches!(&events[0], ShopEvent::Order(it) if it.placed_at.is_some()), "{name}");
                }
            }
            "nothing" => assert_eq!(signed(&bytes), Ok(Vec::new()), "{name}"),
            "unreadable" => assert!(signed(&bytes).is_err(), "{name}"),
            "legacy log" => {
                let log: Value = serde_json::from_slice(&bytes).unwrap();
                let why = signed(log["request_body"].as_str().unwrap().as_bytes()).unwrap_err();
                assert!(why.0.contains("wp_api_v3"), "{name}");
            }
            _ => assert_eq!(WooCommerce.verify(&settings(), &delivery(&[], &bytes)), Ok(Accepted::Ping), "{name}"),
        }
        for end in (0..bytes.len()).step_by(7) {
            let _ = signed(&bytes[..end]);
        }
    }
}
