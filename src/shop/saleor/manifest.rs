//! The app's manifest, with the questions that webhooks and our own calls ask. Two webhooks, for a subscription query may
//! ask of many events at once; both go to the address that was asked for the manifest.

use serde_json::{Value, json};

use super::{Delivery, Settings};

/// What we want to know of a checkout.
const CHECKOUT: &str = "fragment CheckoutParts on Checkout { id created updatedAt email languageCode voucherCode \
    user { id firstName } channel { slug currencyCode } totalPrice { gross { amount currency } } \
    billingAddress { ...AddressParts } shippingAddress { ...AddressParts } metadata { key value } \
    lines { quantity unitPrice { gross { amount currency } } variant { name product { name } } } }";

/// What we want to know of an order, also when we ask for it ourselves.
pub(super) const ORDER: &str = "fragment OrderParts on Order { id number created updatedAt status origin \
    userEmail voucherCode checkoutId user { id firstName } channel { slug currencyCode } \
    total { gross { amount currency } tax { amount } } shippingPrice { net { amount } } \
    totalRefunded { amount currency } billingAddress { ...AddressParts } shippingAddress { ...AddressParts } \
    metadata { key value } payments { gateway } }";

pub(super) const ADDRESS: &str = "fragment AddressParts on Address { firstName phone countryArea country { code } }";

const CHECKOUT_EVENTS: [&str; 3] = ["CHECKOUT_CREATED", "CHECKOUT_UPDATED", "CHECKOUT_METADATA_UPDATED"];
const ORDER_EVENTS: [&str; 8] = [
    "ORDER_CREATED",
    "ORDER_CONFIRMED",
    "ORDER_UPDATED",
    "ORDER_PAID",
    "ORDER_FULLY_PAID",
    "ORDER_CANCELLED",
    "ORDER_EXPIRED",
    "ORDER_REFUNDED",
];
const USER_EVENTS: [&str; 2] = ["CUSTOMER_DELETED", "ACCOUNT_DELETED"];

pub(super) fn manifest(settings: &Settings, delivery: &Delivery) -> Value {
    let url = delivery.url.split(['?', '#']).next().unwrap_or_default();
    let target = match settings.given("checkout_link") {
        Some(pattern) => format!("{url}?link={}", written(pattern)),
        None => url.to_owned(),
    };
    let webhook = |name: &str, events: &[&str], query: String| json!({ "name": name, "asyncEvents": events, "query": query, "targetUrl": target, "isActive": true });
    json!({
        "id": "cartback",
        "version": env!("CARGO_PKG_VERSION"),
        "name": "Cartback",
        "about": "Brings abandoned checkouts back by text message.",
        "author": "Cartback",
        "requiredSaleorVersion": "^3.18",
        "permissions": ["MANAGE_CHECKOUTS", "MANAGE_ORDERS", "MANAGE_USERS"],
        "appUrl": url,
        "tokenTargetUrl": format!("{url}?step=token"),
        "extensions": [],
        "webhooks": [
            webhook("Cartback: checkouts", &CHECKOUT_EVENTS, query(&CHECKOUT_EVENTS, "checkout { ...CheckoutParts }",
                &[CHECKOUT, ADDRESS])),
            webhook("Cartback: orders", &ORDER_EVENTS, query(&ORDER_EVENTS, "order { ...OrderParts }",
                &[ORDER, ADDRESS])),
            webhook("Cartback: people to be forgotten", &USER_EVENTS, query(&USER_EVENTS, "user { id email }", &[])),
        ],
    })
}

fn query(events: &[&str], asked: &str, fragments: &[&str]) -> String {
    let parts: Vec<String> = events.iter().map(|event| format!("... on {} {{ {asked} }}", type_name(event))).collect();
    let fragments: String = fragments.iter().map(|fragment| format!(" {fragment}")).collect();
    format!("subscription {{ event {{ __typename issuedAt version {} }} }}{fragments}", parts.join(" "))
}

/// `ORDER_FULLY_PAID` is the type `OrderFullyPaid`.
fn type_name(event: &str) -> String {
    let words = event.split('_').map(|word| {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        format!("{first}{}", rest.to_ascii_lowercase())
    });
    words.collect()
}

/// As the value of a query parameter, with what may stand there left as it is: every character counts.
fn written(pattern: &str) -> String {
    let mut written = String::with_capacity(pattern.len() + 16);
    for byte in pattern.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'/' | b'?' | b'=' => {
                written.push(char::from(byte));
            }
            other => written.push_str(&format!("%{other:02X}")),
        }
    }
    written
}
