//! Bodies that shops really sent, or that platforms document, through the real door: signed, kept, worked off on both
//! databases. Nothing of them is part of this project; they are read from the shared folder where that is there.
//!
//! Shopify's documentation prints one and the same test order everywhere. Cartback knows it as a test, so each such body
//! goes in a second time with numbers of somebody's own, and is then read like any other.

use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
};

use cartback::{
    domain::{
        connector::Refusal,
        id::DeliveryId,
        time::{HOUR, Time},
    },
    pipeline::receive::{Answer, Side, receive},
    shop::standard_webhooks,
    store::{
        inbox::{self, Filter, Line},
        order,
    },
};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::{
    app::{App, SHOPIFY_KEY, Shopkeeper, WOO_SECRET, on_both},
    server::{say, shared},
};

/// The files of one platform, or nothing and a word about it.
fn files(platform: &str) -> Vec<PathBuf> {
    let Some(root) = shared().map(|shared| shared.join("payloads").join(platform)).filter(|root| root.is_dir()) else {
        say(&format!("skipped: the bodies of {platform} are not there (CARTBACK_SHARED names their folder)"));
        return Vec::new();
    };
    let mut folders = vec![root];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    found.sort();
    found
}

fn stem(path: &Path) -> &str {
    path.file_stem().unwrap().to_str().unwrap()
}

fn json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

fn tag(key: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap().chain_update(body);
    data_encoding::BASE64.encode(&mac.finalize().into_bytes())
}

fn pairs(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Hands a body in with a signature that is not its own, then with its own, and works it off. Its line in the inbox; none
/// where the body made us forget everything.
async fn deliver(
    app: &App,
    shop: &Shopkeeper,
    headers: &[(&str, &str)],
    (signature, key): (&str, &str),
    body: &[u8],
    name: &str,
) -> Option<Line> {
    let mut signed = pairs(headers);
    signed.push((signature.into(), tag("another key of some length", body)));
    let refused = app.post(shop, signed.clone(), body).await;
    assert_eq!(refused, Answer::Refused(Refusal::WrongSignature), "{name}");
    signed.pop();
    let refused = app.post(shop, signed.clone(), body).await;
    assert_eq!(refused, Answer::Refused(Refusal::Unsigned), "{name}");
    assert_eq!(lines(app, shop).await.len(), 0, "{name}: a refused delivery was kept");
    signed.push((signature.into(), tag(key, body)));
    let answer = app.post(shop, signed, body).await;
    assert!(matches!(answer, Answer::Taken { .. }), "{name}: {answer:?}");
    app.settle().await;
    // What follows later from a cart: that nobody can be texted about it, or that it is long past.
    app.pass(HOUR).await;
    let mut lines = lines(app, shop).await;
    assert!(lines.len() <= 1, "{name}");
    let line = lines.pop();
    if let Some(line) = &line {
        assert!(line.done_at.is_some(), "{name} still waits");
        assert!(!line.problem.contains("given up"), "{name}: {}", line.problem);
    }
    for alarm in app.alarms(shop.id).await {
        assert!(!alarm.contains("given up"), "{name}: {alarm}");
    }
    line
}

async fn lines(app: &App, shop: &Shopkeeper) -> Vec<Line> {
    let mut read = app.read().await;
    inbox::list(&mut read, shop.id, Filter::All, DeliveryId::new(i64::MAX), 10).await.unwrap()
}

async fn has_order(app: &App, shop: &Shopkeeper, external_id: &str) -> bool {
    let (_, keys) = app.shop(shop.id).await;
    order::by_external_id(&mut app.read().await, &keys, external_id).await.unwrap().is_some()
}

/// Topics of Shopify that say something to us; everything else is taken and has no effect.
const TOLD: [&str; 13] = [
    "checkouts/create",
    "checkouts/update",
    "checkouts/delete",
    "orders/create",
    "orders/paid",
    "orders/updated",
    "orders/cancelled",
    "refunds/create",
    "customers_marketing_consent/update",
    "customers/redact",
    "customers/data_request",
    "shop/redact",
    "app/uninstalled",
];

/// The names tell it: `topic__event.json`, `topic__event__1.json`, or the resource and a version of the API.
fn shopify_topic(path: &Path) -> String {
    let (resource, event) = stem(path).split_once("__").unwrap();
    if !path.parent().unwrap().ends_with("docs-older-versions-exact-ids") {
        return format!("{resource}/{}", event.split("__").next().unwrap());
    }
    match resource {
        "orders" => "orders/updated".into(),
        "orders_edited" => "orders/edited".into(),
        "refunds" => "refunds/create".into(),
        "order_transactions" => "order_transactions/create".into(),
        "shop_or_app_uninstalled" => "app/uninstalled".into(),
        _ => format!("{resource}/update"),
    }
}

/// The documentation's own numbers made somebody's.
fn owned(body: &[u8]) -> Vec<u8> {
    let swaps = [
        ("820982911946154508", "612345678901234567"),
        ("981820079255243537", "412345678901234567"),
        ("706405506930370084", "723456789012345678"),
        ("890088186047892319", "901234567890123457"),
        ("548380009", "612340001"),
        ("690933842", "612340002"),
        ("954889", "612340003"),
    ];
    let text = String::from_utf8(body.to_vec()).unwrap();
    swaps.iter().fold(text, |text, (known, own)| text.replace(known, own)).into_bytes()
}

async fn shopify_body(app: &App, topic: &str, body: &[u8], name: &str) -> (Shopkeeper, Option<Line>) {
    let shop = app.with_shop("shopify").await;
    let headers = [
        ("x-shopify-topic", topic),
        ("x-shopify-shop-domain", "lumen-and-oak.myshopify.com"),
        ("x-shopify-api-version", "2026-07"),
        ("x-shopify-webhook-id", "5d1c6f0e-0000-4000-8000-000000000001"),
        ("x-shopify-event-id", "5d1c6f0e-0000-4000-8000-000000000002"),
        ("x-shopify-triggered-at", "2026-03-01T10:00:00.123456789Z"),
    ];
    let line = deliver(app, &shop, &headers, ("x-shopify-hmac-sha256", SHOPIFY_KEY), body, name).await;
    (shop, line)
}

#[tokio::test]
async fn shopify() {
    let checked = Cell::new(0);
    on_both(async |app| {
        app.leave_work();
        let (mut carts, mut orders) = (0, 0);
        for path in files("shopify") {
            let (name, topic) = (path.display().to_string(), shopify_topic(&path));
            let body = fs::read(&path).unwrap();
            let (shop, line) = shopify_body(app, &topic, &body, &name).await;
            if !TOLD.contains(&topic.as_str()) {
                let line = line.unwrap();
                assert_eq!((line.events, line.problem.as_str()), (0, ""), "{name}");
                assert_eq!(app.carts(&shop).await.len(), 0, "{name}");
            } else if path.parent().unwrap().ends_with("rudderstack") {
                // Real captures go in only once, as they are; one of them was published without its id.
                let line = line.unwrap();
                let (token, id) = (json(&body)["token"].clone(), json(&body)["id"].to_string());
                match topic.as_str() {
                    "orders/cancelled" if id == "null" => assert!(line.problem.contains("id"), "{name}: {line:?}"),
                    _ if topic.starts_with("checkouts/") => {
                        assert_eq!((line.events, line.problem.as_str()), (1, ""), "{name}");
                        app.cart(&shop, token.as_str().unwrap()).await;
                        carts += 1;
                    }
                    _ => {
                        assert_eq!((line.events, line.problem.as_str()), (1, ""), "{name}");
                        assert!(has_order(app, &shop, &id).await, "{name}");
                        orders += 1;
                    }
                }
            } else {
                assert_eq!(line.map(|line| line.problem), Some(String::new()), "{name}");
                somebodys(app, &topic, &owned(&body), &name).await;
            }
            checked.update(|count| count + 1);
        }
        assert!(checked.get() == 0 || (carts >= 3 && orders >= 3), "{carts} carts, {orders} orders of real captures");
    })
    .await;
    say(&format!("captures of Shopify: {} deliveries checked", checked.get()));
}

/// A documented body as if it were a shopper's: what it tells has its effect.
async fn somebodys(app: &App, topic: &str, body: &[u8], name: &str) {
    let (shop, line) = shopify_body(app, topic, body, name).await;
    let said = json(body);
    if topic == "shop/redact" {
        assert!(line.is_none() && app.shop(shop.id).await.0.erased_at.is_some(), "{name}");
        return;
    }
    if topic == "customers/redact" {
        assert!(line.is_none(), "{name}: it names the person it asks us to forget, and is still here");
        return;
    }
    let line = line.unwrap();
    assert_eq!(line.problem, "", "{name}");
    match topic {
        "checkouts/create" | "checkouts/update" => {
            let cart = app.cart(&shop, said["token"].as_str().unwrap()).await;
            assert_eq!(cart.latest.items.len(), said["line_items"].as_array().unwrap().len(), "{name}");
        }
        "app/uninstalled" => assert!(app.shop(shop.id).await.0.uninstalled_at.is_some(), "{name}"),
        "customers/data_request" => assert_eq!(app.alarms(shop.id).await.len(), 1, "{name}"),
        // Eighteen digits and more, every one of them.
        _ if topic.starts_with("orders/") => assert!(has_order(app, &shop, &said["id"].to_string()).await, "{name}"),
        _ => {}
    }
}

/// What a file of WooCommerce's is delivered as: topic and body, one for each resource in it.
fn woo_deliveries(path: &Path) -> Vec<(String, Vec<u8>)> {
    let body = fs::read(path).unwrap();
    let whole = json(&body);
    let (resource, how) = stem(path).split_once("__").unwrap_or((stem(path), ""));
    let event = if how.contains("create") { "created" } else { "updated" };
    let topic = match resource {
        "delivery_log" => {
            let sent = whole["request_body"].as_str().unwrap().as_bytes().to_vec();
            return vec![(whole["request_headers"]["X-WC-Webhook-Topic"].as_str().unwrap().to_owned(), sent)];
        }
        "order.updated" => resource.to_owned(),
        "order" | "order_refund" | "customer" | "coupon" | "webhook" => format!("{resource}.{event}"),
        _ => format!("action.{resource}"),
    };
    match whole {
        Value::Array(list) => list.iter().map(|one| (topic.clone(), one.to_string().into_bytes())).collect(),
        _ => vec![(topic, body)],
    }
}

#[tokio::test]
async fn woocommerce() {
    let checked = Cell::new(0);
    on_both(async |app| {
        app.leave_work();
        for path in files("woocommerce") {
            let name = path.display().to_string();
            if stem(&path).starts_with("webhook_ping") {
                ping(app, &fs::read(&path).unwrap()).await;
                checked.update(|count| count + 1);
                continue;
            }
            for (topic, body) in woo_deliveries(&path) {
                woo_body(app, &topic, &body, &name).await;
                checked.update(|count| count + 1);
            }
        }
    })
    .await;
    say(&format!("captures of WooCommerce: {} deliveries checked", checked.get()));
}

async fn woo_body(app: &App, topic: &str, body: &[u8], name: &str) {
    let shop = app.with_shop("woocommerce").await;
    let (resource, event) = topic.split_once('.').unwrap();
    let headers = [
        ("user-agent", "WooCommerce/10.2.1 Hookshot (WordPress/6.8)"),
        ("x-wc-webhook-source", "https://shop.example/"),
        ("x-wc-webhook-topic", topic),
        ("x-wc-webhook-resource", resource),
        ("x-wc-webhook-event", event),
        ("x-wc-webhook-id", "1"),
        ("x-wc-webhook-delivery-id", "5d41402abc4b2a76b9719d911017c592"),
    ];
    let line = deliver(app, &shop, &headers, ("x-wc-webhook-signature", WOO_SECRET), body, name).await.unwrap();
    let said = json(body);
    if resource != "order" {
        assert_eq!((line.events, line.problem.as_str()), (0, ""), "{name}");
    } else if said["order"].is_object() {
        assert_eq!(line.events, 0, "{name}");
        assert!(line.problem.contains("old format: re-create the webhook"), "{name}: {}", line.problem);
        let problems = app.problems(&shop).await;
        assert_eq!(problems, [(line.id, line.problem)], "{name}: not listed");
    } else {
        assert_eq!((line.events, line.problem.as_str()), (1, ""), "{name}");
        assert!(has_order(app, &shop, &said["id"].to_string()).await, "{name}");
    }
}

/// The greeting is not signed: it is answered, and that is all.
async fn ping(app: &App, body: &[u8]) {
    let shop = app.with_shop("woocommerce").await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = body.trim_ascii_end();
    let answer = app.post(&shop, pairs(&form), body).await;
    assert!(matches!(answer, Answer::Taken { .. }), "{answer:?}");
    let signed = pairs(&[form[0], ("x-wc-webhook-signature", &tag("another key of some length", body))]);
    assert_eq!(app.post(&shop, signed, body).await, Answer::Refused(Refusal::WrongSignature));
    app.settle().await;
    assert_eq!(lines(app, &shop).await.len(), 0);
}

#[tokio::test]
async fn vectors_of_standard_webhooks() {
    let checked = Cell::new(0);
    on_both(async |app| {
        for path in files("standard-webhooks") {
            for vector in json(&fs::read(&path).unwrap())["vectors"].as_array().unwrap() {
                vector_of_standard_webhooks(app, vector).await;
                checked.update(|count| count + 1);
            }
        }
    })
    .await;
    say(&format!("vectors of Standard Webhooks: {} deliveries checked", checked.get()));
}

async fn vector_of_standard_webhooks(app: &App, vector: &Value) {
    let text = |name: &str| vector[name].as_str().unwrap();
    let shop = app.with_shop_like("generic", &[("secret", text("secret"))]).await;
    let signed_at = vector["webhook-timestamp"].as_i64().unwrap();
    let headers = pairs(&[
        ("webhook-id", text("webhook-id")),
        ("webhook-timestamp", &signed_at.to_string()),
        ("webhook-signature", text("webhook-signature")),
    ]);
    let arriving = async |seconds: i64| {
        let delivery = cartback::domain::connector::Delivery {
            method: "POST".into(),
            url: format!("https://cb.example/hook/shop/{}", shop.path),
            headers: headers.clone(),
            body: text("body").as_bytes().to_vec(),
            received_at: Time::from_seconds(seconds),
        };
        receive(&app.core, &app.inbox, &shop.path, Side::Shop, delivery).await
    };
    let answer = arriving(signed_at).await;
    let late = arriving(signed_at + standard_webhooks::TOLERANCE_SECONDS + 1).await;
    app.settle().await;
    if vector["valid"].as_bool().unwrap() {
        assert!(matches!(answer, Answer::Taken { .. }), "{vector}: {answer:?}");
        assert_eq!(late, Answer::Refused(Refusal::WrongTime(standard_webhooks::TOLERANCE_SECONDS + 1)));
        // Verified, but none of our events: kept for a person to see.
        assert_eq!(app.problems(&shop).await.len(), 1, "{vector}");
    } else {
        assert_eq!(answer, Answer::Refused(Refusal::WrongSignature), "{vector}");
        assert_eq!(lines(app, &shop).await.len(), 0, "{vector}");
    }
}
