//! Saleor, as an app that is installed by its manifest. The hook's own URL serves the manifest when it is called with GET;
//! Saleor then posts the app's token to `{url}?step=token` and makes the webhooks that the manifest lists. What they say
//! is what the subscription queries in the manifest ask for.
//!
//! Webhooks are signed by a detached JWS (RFC 7797) with RS256, by the keys at `/.well-known/jwks.json` of the API's own
//! host. Headers are not signed, so what happened is read from `__typename` in the body. Saleor never tries again after a
//! 4xx. A checkout of Saleor's has no page, for every storefront is somebody's own: the link's pattern is a setting, and
//! goes with the webhook's address, because what is read does not see the settings.
//! Facts: Saleor docs, "Webhooks overview", "Payload signature", "App manifest", "Installing apps" (3.x, 2026-06).

use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use subtle::ConstantTimeEq;
use url::Url;

use super::{
    Rehearsed, Shop, hosts, json,
    pull::{NotPulled, Page, Wanted},
};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Greeting, Refusal, Settings, Spec, Topic, Unreadable},
        event::{Identity, ShopEvent, ShopFacts},
        rehearsal::{Act, Visit},
        time::Time,
    },
    http::{Request, Response},
};

mod manifest;
mod pull;
mod read;
mod rehearsal;
mod signature;

pub struct Saleor;

static SPEC: Spec = Spec {
    kind: "saleor",
    name: "Saleor",
    fields: &[
        Field {
            key: "api_url",
            label: "API URL",
            help: "Where the shop's GraphQL API answers: https://lumen.saleor.cloud/graphql/.",
            required: true,
            check: check_api_url,
            ..Field::TEXT
        },
        Field {
            key: "checkout_link",
            label: "Checkout link of your storefront",
            help: "Where a shopper goes on with a checkout, with {checkout} where its ID stands: \
                   https://shop.example/checkout?checkout={checkout}. After a change, install the app again: Saleor \
                   keeps it with the webhooks.",
            required: true,
            check: check_link,
            ..Field::TEXT
        },
        Field {
            key: "auth_token",
            label: "App token",
            help: "Saleor hands it over when the app is installed; nobody has to type it. To install the app again, empty \
                   this field first: a token that is here is never replaced by another.",
            secret: true,
            check: check_token,
            ..Field::TEXT
        },
        Field {
            key: "site",
            label: "More host names",
            help: "Other hosts that recovery links may lead to, with commas between them.",
            check: hosts::check_list,
            ..Field::TEXT
        },
    ],
    connect: &[
        "Save the API URL and the checkout link here first.",
        "In the Saleor Dashboard, open Extensions > Add extension > Install from manifest and paste {url} as the manifest \
         URL.",
        "Confirm the permissions Manage checkouts, Manage orders and Manage users: Saleor hands the app token to Cartback and \
         makes the webhooks by itself.",
        "For consent to texts, let your storefront write the metadata cartback_sms_consent with the value true on the \
         checkout when the shopper ticks the box, and its words as cartback_sms_consent_text.",
    ],
    topics: &[
        Topic { name: "CHECKOUT_CREATED", label: "Checkout created", purpose: "carts", needed: true },
        Topic { name: "CHECKOUT_UPDATED", label: "Checkout updated", purpose: "carts and phone numbers", needed: true },
        Topic {
            name: "CHECKOUT_METADATA_UPDATED",
            label: "Checkout metadata updated",
            purpose: "consent to texts",
            needed: false,
        },
        Topic { name: "ORDER_CREATED", label: "Order created", purpose: "orders", needed: true },
        Topic { name: "ORDER_CONFIRMED", label: "Order confirmed", purpose: "orders", needed: false },
        Topic { name: "ORDER_UPDATED", label: "Order updated", purpose: "orders", needed: true },
        Topic { name: "ORDER_PAID", label: "Order paid", purpose: "payments", needed: false },
        Topic { name: "ORDER_FULLY_PAID", label: "Order fully paid", purpose: "payments", needed: false },
        Topic { name: "ORDER_CANCELLED", label: "Order cancelled", purpose: "cancelled orders", needed: true },
        Topic { name: "ORDER_EXPIRED", label: "Order expired", purpose: "orders never paid", needed: false },
        Topic { name: "ORDER_REFUNDED", label: "Order refunded", purpose: "refunds", needed: false },
        Topic { name: "CUSTOMER_DELETED", label: "Customer deleted", purpose: "people to be forgotten", needed: false },
        Topic { name: "ACCOUNT_DELETED", label: "Account deleted", purpose: "people to be forgotten", needed: false },
    ],
    limits: &[
        "Saleor 3.18 or newer is needed.",
        "Saleor has no consent to texts of its own; carts have it only where the storefront writes it as metadata.",
        "Discount codes cannot be made: a voucher of Saleor's needs two calls, the second with what the first one answers.",
        "Refunds come as one sum per order and not one by one.",
        "Carts left before the app was installed are not seen.",
        "That the app was removed is noticed only when its token is refused.",
        "Webhooks with a legacy secret key are not accepted; those of the manifest have none.",
    ],
};

impl Shop for Saleor {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    /// What comes before any webhook: the manifest is asked for, and the token is handed over. A webhook needs keys.
    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        let Some(api) = api_url(settings) else { return Err(Refusal::NoKey) };
        if is_manifest(delivery) {
            return Ok(greeting(manifest::manifest(settings, delivery).to_string(), BTreeMap::new()));
        }
        if is_token(delivery) {
            return learn(settings, &api, delivery);
        }
        Err(if delivery.header("saleor-signature").is_some() { Refusal::NoKey } else { Refusal::Unsigned })
    }

    fn ask_keys(&self, settings: &Settings, delivery: &Delivery) -> Option<Request> {
        if is_manifest(delivery) || is_token(delivery) {
            return None;
        }
        let keys = api_url(settings)?.join("/.well-known/jwks.json").ok()?;
        Some(Request::get(keys))
    }

    fn verify_by(&self, settings: &Settings, keys: &Response, delivery: &Delivery) -> Result<Accepted, Refusal> {
        if is_manifest(delivery) || is_token(delivery) {
            return self.verify(settings, delivery);
        }
        let key = signature::verify(keys, delivery)?;
        Ok(Accepted::Keep { topic: topic(delivery), key })
    }

    fn read(&self, shop: &ShopFacts, topic: &str, delivery: &Delivery) -> Result<Vec<ShopEvent>, Unreadable> {
        let body = json::object(delivery)?;
        let event = [json::at(&body, "event"), json::at(&body, "data.event")].into_iter().find(|it| it.is_object());
        let event = event.unwrap_or(&body);
        if topic == "CUSTOMER_DELETED" || topic == "ACCOUNT_DELETED" {
            let user = json::at(event, "user");
            let who = Identity { customer: json::id(user, "id"), email: json::text(user, "email"), phones: Vec::new() };
            return Ok(if who == Identity::default() { Vec::new() } else { vec![ShopEvent::Redact(who)] });
        }
        let (checkout, order) = (json::at(event, "checkout"), json::at(event, "order"));
        Ok(if order.is_object() {
            vec![ShopEvent::Order(Box::new(read::order(event, order, delivery)?))]
        } else if checkout.is_object() {
            vec![ShopEvent::Cart(Box::new(read::cart(shop, event, checkout, delivery)?))]
        } else {
            Vec::new()
        })
    }

    fn ask_orders(
        &self,
        settings: &Settings,
        wanted: &Wanted,
        cursor: Option<&str>,
    ) -> Result<Option<Request>, String> {
        pull::ask(settings, wanted, cursor)
    }

    fn orders(&self, answer: &Response, _cursor: Option<&str>) -> Result<Page, NotPulled> {
        pull::told(answer)
    }

    /// Where the Dashboard is, is known of Saleor Cloud only.
    fn order_page(&self, settings: &Settings, external_id: &str) -> Option<String> {
        let host = api_url(settings)?.host_str().map(str::to_owned).filter(|host| host.ends_with(".saleor.cloud"))?;
        let id: String = url::form_urlencoded::byte_serialize(external_id.as_bytes()).collect();
        pull::is_id(external_id).then(|| format!("https://{host}/dashboard/orders/{id}"))
    }

    fn rehearse(&self, _settings: &Settings, visit: &Visit, act: Act, at: Time) -> Rehearsed {
        Rehearsed::Fetched { pointer: None, whole: rehearsal::pulled(visit, act, at) }
    }

    fn hosts(&self, settings: &Settings) -> Vec<String> {
        let mut hosts: Vec<String> = link_host(settings.get("checkout_link")).into_iter().collect();
        for host in hosts::read(settings.get("site")) {
            if !hosts.contains(&host) {
                hosts.push(host);
            }
        }
        hosts
    }

    fn home(&self, settings: &Settings) -> Option<String> {
        link_host(settings.get("checkout_link"))
    }
}

/// Where a checkout's ID stands in the link's pattern.
const PLACE: &str = "{checkout}";
/// Saleor keeps 255 characters of a webhook's address, and the pattern is part of it.
const LINK_CHARS_MAX: usize = 100;
const TOPIC_CHARS_MAX: usize = 100;

fn is_manifest(delivery: &Delivery) -> bool {
    delivery.method == "GET" || delivery.method == "HEAD"
}

fn is_token(delivery: &Delivery) -> bool {
    delivery.method == "POST" && delivery.query_pairs().iter().any(|(key, value)| key == "step" && value == "token")
}

fn greeting(body: String, learnt: BTreeMap<String, String>) -> Accepted {
    Accepted::Greeting(Box::new(Greeting { content_type: "application/json", body, learnt, call: None }))
}

/// The token is taken once, from whoever knows our address and the shop's; from then on no other is.
fn learn(settings: &Settings, api: &Url, delivery: &Delivery) -> Result<Accepted, Refusal> {
    let named = delivery.header("saleor-api-url").ok_or(Refusal::Unsigned)?;
    if parsed(named).is_none_or(|named| named != *api) {
        return Err(Refusal::WrongSignature);
    }
    let body = json::object(delivery).map_err(|_| Refusal::Unsigned)?;
    let token = json::at(&body, "auth_token").as_str().map(str::trim).filter(|token| check_token(token).is_ok());
    let token = token.ok_or(Refusal::Unsigned)?;
    match settings.given("auth_token") {
        None => Ok(greeting("{}".into(), [("auth_token".to_owned(), token.to_owned())].into())),
        Some(known) if bool::from(known.as_bytes().ct_eq(token.as_bytes())) => {
            Ok(greeting("{}".into(), BTreeMap::new()))
        }
        Some(_) => Err(Refusal::WrongSignature),
    }
}

/// In Saleor's words: `CheckoutUpdated` is `CHECKOUT_UPDATED`. The header is not signed, and only for want of better.
fn topic(delivery: &Delivery) -> String {
    let body = json::object(delivery).unwrap_or_default();
    let paths = ["__typename", "event.__typename", "data.event.__typename"];
    let named = paths.iter().find_map(|path| json::whole(&body, path, TOPIC_CHARS_MAX));
    match named.or_else(|| delivery.header("saleor-event").map(str::to_ascii_lowercase)) {
        Some(name) if name.len() <= TOPIC_CHARS_MAX => spelled(&name),
        _ => "unreadable".into(),
    }
}

fn spelled(name: &str) -> String {
    let mut spelled = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !spelled.is_empty() {
            spelled.push('_');
        }
        spelled.push(letter.to_ascii_uppercase());
    }
    spelled
}

fn api_url(settings: &Settings) -> Option<Url> {
    parsed(settings.given("api_url")?)
}

/// The address without the slash at its end, so that two spellings of it are one.
fn parsed(typed: &str) -> Option<Url> {
    let mut url = Url::parse(typed.trim()).ok()?;
    let bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() || !bare || url.password().is_some() {
        return None;
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Some(url)
}

fn check_api_url(value: &str) -> Result<(), &'static str> {
    match parsed(value) {
        Some(url) if url.scheme() == "https" => Ok(()),
        _ => Err("be the API's address, such as https://lumen.saleor.cloud/graphql/"),
    }
}

fn check_link(value: &str) -> Result<(), &'static str> {
    let plain = !value.contains(|c: char| c.is_whitespace() || c.is_control());
    if value.len() <= LINK_CHARS_MAX && plain && value.matches(PLACE).count() == 1 && link_host(value).is_some() {
        Ok(())
    } else {
        Err("be an https address of at most 100 characters with {checkout} in its path or query")
    }
}

fn check_token(value: &str) -> Result<(), &'static str> {
    let plain = value.bytes().all(|byte| byte.is_ascii_graphic());
    if (10..=500).contains(&value.len()) && plain { Ok(()) } else { Err("be the whole app token, without spaces") }
}

/// The host of the link's pattern, which must not be part of what is filled in.
fn link_host(pattern: &str) -> Option<String> {
    let url = Url::parse(&pattern.replace(PLACE, "0")).ok().filter(|url| url.scheme() == "https")?;
    let host = url.host_str()?.to_owned();
    let before = pattern.split(PLACE).next()?;
    let whole = before.strip_prefix("https://")?.contains('/') && url.username().is_empty() && url.port().is_none();
    (whole && host.contains('.')).then_some(host)
}

/// The link for this checkout.
fn link(pattern: &str, checkout: &str) -> Option<String> {
    check_link(pattern).ok()?;
    let id: String = url::form_urlencoded::byte_serialize(checkout.as_bytes()).collect();
    Some(pattern.replace(PLACE, &id))
}

#[cfg(test)]
mod tests;
