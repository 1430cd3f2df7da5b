//! The registration of our app in a shop, and the manifest that begins it. The shop asks with the app's secret; we
//! prove that we know it and name the shop's secret; the shop confirms with that and hands over the keys of its API.
//!
//! Nothing is kept before the confirmation: the shop's secret follows from the app's secret, the shop and the moment it
//! asked, and the address of the confirmation carries these. A shop that is known already has to sign with its old
//! secret as well, both times, so that whoever learns the app's secret alone cannot take its place.

use std::collections::BTreeMap;

use serde_json::json;

use super::{hosts, json, signature};
use crate::domain::connector::{Delivery, Greeting, Refusal, Settings};

const APP: &str = "Cartback";
const SHOP_SIGNATURE: &str = "shopware-shop-signature";

pub(super) enum Step {
    Manifest,
    Register,
    Confirm,
}

impl Step {
    pub(super) fn of(delivery: &Delivery) -> Option<Step> {
        match (delivery.method.as_str(), one(delivery, "step")?.as_str()) {
            ("GET", "manifest") => Some(Step::Manifest),
            ("GET", "register") => Some(Step::Register),
            ("POST", "confirm") => Some(Step::Confirm),
            _ => None,
        }
    }
}

pub(super) fn answer(settings: &Settings, step: &Step, delivery: &Delivery) -> Result<Greeting, Refusal> {
    match step {
        Step::Manifest => Ok(Greeting { content_type: "text/xml", body: manifest(delivery), ..Greeting::default() }),
        Step::Register => register(settings, delivery),
        Step::Confirm => confirm(settings, delivery),
    }
}

/// For `Field::check`.
pub(super) fn check_url(value: &str) -> Result<(), &'static str> {
    let url = url::Url::parse(value);
    match url {
        Ok(url)
            if url.scheme() == "https"
                && url.username().is_empty()
                && url.password().is_none()
                && url.query().is_none()
                && url.fragment().is_none() =>
        {
            Ok(())
        }
        _ => Err("begin with https:// and be the shop's address alone"),
    }
}

fn register(settings: &Settings, delivery: &Delivery) -> Result<Greeting, Refusal> {
    let secret = settings.get("app_secret");
    let query = delivery.query().as_bytes();
    signature::check(secret, "shopware-app-signature", delivery, query)?;
    let at = one(delivery, "timestamp");
    signature::check_time(at.clone(), delivery, signature::TOLERANCE_SECONDS)?;
    let (Some(id), Some(shop), Some(at)) = (one(delivery, "shop-id"), one(delivery, "shop-url"), at) else {
        return Ok(refused("Cartback needs a shop ID and a shop address"));
    };
    if let Err(why) = known(settings, &shop) {
        return Ok(refused(why));
    }
    if let Some(known) = settings.given("shop_secret") {
        match signature::check(known, SHOP_SIGNATURE, delivery, query) {
            Ok(()) => {}
            Err(Refusal::Unsigned) => {
                return Ok(refused(
                    "Cartback knows this shop already: empty the field Shop secret in Cartback's settings, then \
                     install the app again",
                ));
            }
            Err(refusal) => return Err(refusal),
        }
    }
    let ticket: String = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("step", "confirm"), ("shop-id", &id), ("shop-url", &shop), ("timestamp", &at)])
        .finish();
    let body = json!({
        "proof": signature::sign(secret, format!("{id}{shop}{APP}").as_bytes()),
        "secret": shop_secret(secret, &id, &shop, &at),
        "confirmation_url": format!("{}?{ticket}", address(delivery)),
    });
    Ok(told(body.to_string()))
}

fn confirm(settings: &Settings, delivery: &Delivery) -> Result<Greeting, Refusal> {
    let app_secret = settings.given("app_secret").ok_or(Refusal::NoKey)?;
    let [Some(id), Some(shop), Some(at)] = ["shop-id", "shop-url", "timestamp"].map(|name| one(delivery, name)) else {
        return Err(Refusal::WrongSignature);
    };
    let secret = shop_secret(app_secret, &id, &shop, &at);
    signature::check(&secret, SHOP_SIGNATURE, delivery, &delivery.body)?;
    signature::check_time(Some(at), delivery, signature::TOLERANCE_SECONDS)?;
    let body = json::object(delivery).map_err(|_| Refusal::WrongSignature)?;
    signature::check_time(json::text(&body, "timestamp"), delivery, signature::TOLERANCE_SECONDS)?;
    let word = |path| json::whole(&body, path, json::ID_CHARS_MAX);
    let same = word("shopId").as_deref() == Some(&id) && json::url(&body, "shopUrl").as_deref() == Some(&shop);
    let (Some(key), Some(key_secret), true) =
        (word("apiKey"), word("secretKey"), same && known(settings, &shop).is_ok())
    else {
        return Err(Refusal::WrongSignature);
    };
    let mut learnt = BTreeMap::new();
    match settings.given("shop_secret") {
        // The same once more: our answer was not heard.
        Some(known) if known == secret => {}
        Some(known) => {
            signature::check(known, "shopware-shop-signature-previous", delivery, &delivery.body)?;
            learnt.insert("previous_secret", signature::kept_a_while(known, delivery.received_at));
        }
        None => {}
    }
    learnt.extend([
        ("shop_secret", secret),
        ("shop_id", id),
        ("shop_url", shop.trim_end_matches('/').to_owned()),
        ("api_key", key),
        ("api_secret", key_secret),
    ]);
    let learnt = learnt.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Ok(Greeting { learnt, ..told("{}".into()) })
}

/// Both sides know the app's secret, so that nobody else can work this out. Another moment makes another one.
fn shop_secret(app_secret: &str, id: &str, shop: &str, at: &str) -> String {
    signature::sign(app_secret, json!(["shop secret", id, shop, at]).to_string().as_bytes())
}

/// Whether the shop stands at an address of the settings.
fn known(settings: &Settings, shop: &str) -> Result<(), &'static str> {
    if check_url(shop).is_err() {
        return Err("Cartback needs the shop's APP_URL to begin with https://");
    }
    let host = signature::host(shop);
    if hosts::read(settings.get("site")).iter().any(|known| host.as_deref() == Some(known)) {
        Ok(())
    } else {
        Err("the host of this shop's APP_URL is not among the shop's host names in Cartback's settings")
    }
}

/// Shopware shows these words to whoever installs the app.
fn refused(why: &str) -> Greeting {
    told(json!({ "error": why }).to_string())
}

fn told(body: String) -> Greeting {
    Greeting { content_type: "application/json", body, ..Greeting::default() }
}

/// The one value of this name in the query. `?file=manifest` asks for the manifest as a step does.
fn one(delivery: &Delivery, name: &str) -> Option<String> {
    let pairs = delivery.query_pairs();
    let mut values = pairs.into_iter().filter_map(|(key, value)| match key.as_str() {
        "file" if name == "step" && value == "manifest" => Some(value),
        _ => (key == name && !value.is_empty() && value.chars().count() <= json::ID_CHARS_MAX).then_some(value),
    });
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}

/// Where we were called, without the query.
fn address(delivery: &Delivery) -> &str {
    delivery.url.split_once('?').map_or(delivery.url.as_str(), |(address, _)| address)
}

/// The events our app asks for. A payment that failed leaves an order that nobody has bought yet.
const EVENTS: [(&str, &str); 11] = [
    ("orderPlaced", "checkout.order.placed"),
    ("paid", "state_enter.order_transaction.state.paid"),
    ("paidPartially", "state_enter.order_transaction.state.paid_partially"),
    ("authorized", "state_enter.order_transaction.state.authorized"),
    ("paymentFailed", "state_enter.order_transaction.state.failed"),
    ("paymentCancelled", "state_enter.order_transaction.state.cancelled"),
    ("refunded", "state_enter.order_transaction.state.refunded"),
    ("refundedPartially", "state_enter.order_transaction.state.refunded_partially"),
    ("orderCancelled", "state_enter.order.state.cancelled"),
    ("orderCompleted", "state_enter.order.state.completed"),
    ("appDeleted", "app.deleted"),
];

/// What the app has to be allowed to read: an order and what hangs on it.
const READS: [&str; 16] = [
    "order",
    "order_address",
    "order_customer",
    "order_delivery",
    "order_line_item",
    "order_transaction",
    "order_transaction_capture",
    "order_transaction_capture_refund",
    "state_machine_state",
    "currency",
    "country",
    "country_state",
    "customer",
    "payment_method",
    "sales_channel",
    "promotion",
];

/// The secret is not in it: whoever knows this address must not learn it.
fn manifest(delivery: &Delivery) -> String {
    let address = escaped(address(delivery));
    let reads: String = READS.iter().map(|entity| format!("        <read>{entity}</read>\n")).collect();
    let webhooks: String = EVENTS
        .iter()
        .map(|(name, event)| format!("        <webhook name=\"{name}\" url=\"{address}\" event=\"{event}\"/>\n"))
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <manifest xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xsi:noNamespaceSchemaLocation=\"https://raw.githubusercontent.com/shopware/shopware/trunk/src/Core/Framework/App/\
         Manifest/Schema/manifest-2.0.xsd\">\n    \
         <meta>\n        \
         <name>{APP}</name>\n        \
         <label>{APP}</label>\n        \
         <description>Brings abandoned carts back by SMS.</description>\n        \
         <author>{APP}</author>\n        \
         <copyright>(c) {APP}</copyright>\n        \
         <version>1.0.0</version>\n        \
         <license>MIT OR Apache-2.0</license>\n    \
         </meta>\n    \
         <setup>\n        \
         <registrationUrl>{address}?step=register</registrationUrl>\n        \
         <secret>PUT THE APP SECRET HERE</secret>\n    \
         </setup>\n    \
         <permissions>\n{reads}    \
         </permissions>\n    \
         <webhooks>\n{webhooks}    \
         </webhooks>\n\
         </manifest>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
