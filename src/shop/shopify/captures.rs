//! Bodies Shopify really sent or documents, where they are at hand: each is read as its topic, and mutilated ones never
//! panic. Nothing of them is part of this project.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{
    Shop, Shopify, TOPICS, is_sample, json,
    tests::{delivery, shop},
};
use crate::domain::event::ShopEvent;

/// The bodies with their topics, or nothing, and a word about it, when the folder is absent.
fn captures() -> Vec<(PathBuf, String, Vec<u8>)> {
    let shared = std::env::var("CARTBACK_SHARED").unwrap_or_else(|_| "../shared".into());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(shared).join("payloads/shopify");
    let mut found = Vec::new();
    for folder in std::fs::read_dir(&root).into_iter().flatten().flatten() {
        for file in std::fs::read_dir(folder.path()).into_iter().flatten().flatten() {
            let path = file.path();
            let topic = topic(&path);
            found.push((path.clone(), topic, std::fs::read(&path).unwrap()));
        }
    }
    if found.is_empty() {
        println!("skipped: no bodies in {}", root.display());
    }
    found.sort();
    found
}

/// The file names tell it: `orders__create.json`, `orders__create__1.json`, or the resource and an API version.
fn topic(path: &Path) -> String {
    let name = path.file_stem().unwrap().to_str().unwrap();
    let (resource, event) = name.split_once("__").unwrap();
    match resource {
        _ if !path.parent().unwrap().ends_with("docs-older-versions-exact-ids") => {
            format!("{resource}/{}", event.split("__").next().unwrap())
        }
        "shop_or_app_uninstalled" => "app/uninstalled".into(),
        "orders_edited" => "orders/edited".into(),
        "refunds" => "refunds/create".into(),
        _ => format!("{resource}/{}", if resource == "orders" { "updated" } else { "update" }),
    }
}

/// The documentation's own ids made somebody's, so that the body is read as any other.
fn owned(body: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let swaps = [
        ("820982911946154508", "612345678901234567"),
        ("981820079255243537", "412345678901234567"),
        ("706405506930370084", "723456789012345678"),
        ("890088186047892319", "901234567890123457"),
        ("548380009", "612340001"),
        ("690933842", "612340002"),
        ("954889", "612340003"),
    ];
    swaps.iter().fold(text, |text, (known, own)| text.replace(known, own)).into_bytes()
}

#[test]
fn every_capture_reads_as_its_topic() {
    let mut read = 0;
    for (path, topic, body) in captures() {
        let name = path.display();
        let parsed = json::object(&delivery(&body, &[])).unwrap();
        let events = Shopify.read(&shop(), &topic, &delivery(&body, &[]));
        if !TOPICS.contains(&topic.as_str()) {
            assert_eq!(events, Ok(Vec::new()), "{name}");
            continue;
        }
        if is_sample(&parsed) {
            assert_eq!(events, Ok(vec![ShopEvent::Test]), "{name}");
        }
        let body = owned(&body);
        let parsed = json::object(&delivery(&body, &[])).unwrap();
        let events = Shopify.read(&shop(), &topic, &delivery(&body, &[]));
        // One capture was published without its id.
        if json::id(&parsed, "id").is_none() && topic.starts_with("orders/") {
            assert!(events.is_err(), "{name}");
            continue;
        }
        let events = events.unwrap_or_else(|why| panic!("{name}: {why}"));
        expect(&name.to_string(), &topic, &parsed, &events);
        read += 1;
    }
    println!("{read} captures read");
}

fn expect(name: &str, topic: &str, body: &Value, events: &[ShopEvent]) {
    let digits = |path: &str| json::at(body, path).to_string();
    match (topic, events) {
        ("checkouts/create" | "checkouts/update", [ShopEvent::Cart(cart)]) => {
            assert_eq!(Some(cart.token.as_str()), body["token"].as_str(), "{name}");
            assert_eq!(cart.items.len(), json::list(body, "line_items").len(), "{name}");
            assert!(cart.total.is_some() && cart.recovery_url.is_some(), "{name}");
            if let Some(customer) = &cart.who.customer {
                assert_eq!(*customer, digits("customer.id"), "{name}");
            }
        }
        ("refunds/create", [ShopEvent::Refunds { order, refunds }]) => {
            assert_eq!(*order, digits("order_id"), "{name}");
            assert_eq!(refunds[0].external_id, digits("id"), "{name}");
        }
        // A refund without money is none.
        ("refunds/create", []) => assert!(json::list(body, "refund_line_items").is_empty(), "{name}"),
        ("checkouts/delete", [ShopEvent::CartDeleted { .. }]) => {}
        ("customers_marketing_consent/update", []) => assert!(body["phone"].is_null(), "{name}"),
        ("customers_marketing_consent/update", [ShopEvent::Consent(_)]) => {}
        ("customers/redact", [ShopEvent::Redact(_)]) => {}
        ("customers/data_request", [ShopEvent::DataRequest(_)]) => {}
        ("shop/redact", [ShopEvent::ShopRedact]) => {}
        ("app/uninstalled", [ShopEvent::Uninstalled { .. }]) => {}
        (_, [ShopEvent::Order(order)]) if topic.starts_with("orders/") => {
            assert_eq!(order.external_id, digits("id"), "{name}");
            assert_eq!(order.number, body["name"].as_str().unwrap(), "{name}");
            assert_eq!(order.cancelled_at.is_some(), body["cancelled_at"].is_string(), "{name}");
        }
        (_, other) => panic!("{name}: {other:?}"),
    }
}

/// A fixed seed: a failure is the same one tomorrow.
#[test]
fn no_mutilated_capture_panics() {
    const BYTES: &[u8] = b"\0\"{}[],:0-9.eE\xffntf";
    let mut state = 0x2026_0301_u64;
    let mut below = move |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound.max(1)
    };
    for (path, topic, body) in captures() {
        if !TOPICS.contains(&topic.as_str()) {
            continue;
        }
        for _ in 0..20 {
            let mut body = owned(&body);
            let place = below(body.len());
            body[place] = BYTES[below(BYTES.len())];
            let _ = Shopify.read(&shop(), &topic, &delivery(&body, &[]));
            body.truncate(below(body.trim_ascii_end().len()));
            assert!(Shopify.read(&shop(), &topic, &delivery(&body, &[])).is_err(), "{}", path.display());
        }
        // Every value in turn made something else.
        let value: Value = serde_json::from_slice(&owned(&body)).unwrap();
        let others = [Value::Null, serde_json::json!([]), serde_json::json!("\0"), serde_json::json!(-1e9)];
        for (key, other) in value.as_object().unwrap().keys().zip(others.iter().cycle()) {
            let mut value = value.clone();
            value[key] = other.clone();
            let _ = Shopify.read(&shop(), &topic, &delivery(value.to_string().as_bytes(), &[]));
        }
    }
}
