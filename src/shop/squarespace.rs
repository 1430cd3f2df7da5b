//! Squarespace, Commerce APIs 1.0: orders only. Decides who signed a notification and what an order means.
//!
//! Squarespace tells nobody of unfinished carts, neither by webhook nor by its API, and its checkout runs no scripts. So
//! this connection stops texts and credits orders; carts come from elsewhere. Nor do orders carry anything of ours: they
//! find their cart by e-mail address, phone and customer. Notifications are signed and only point at an order, which is
//! fetched with an API key; webhooks can be made with an OAuth token only, so without one orders are asked for.
//!
//! Facts: developers.squarespace.com (webhook subscriptions, Orders API).

use data_encoding::HEXLOWER_PERMISSIVE;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{
    Rehearsed, Shop, generic, hosts, json,
    pull::{NotPulled, Page, Pulled, Wanted},
};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Topic, Unreadable},
        event::{ShopEvent, ShopFacts},
        rehearsal::{Act, Visit},
        time::Time,
    },
    http::{Request, Response},
};

mod order;
mod pull;
mod rehearsal;

pub struct Squarespace;

static SPEC: Spec = Spec {
    kind: "squarespace",
    name: "Squarespace",
    fields: &[
        Field {
            key: "site",
            label: "Site's domains",
            help: "Where recovery links may lead: shop.example. With commas between them if there are several.",
            required: true,
            check: hosts::check_list,
            ..Field::TEXT
        },
        Field {
            key: "api_key",
            label: "API key",
            help: "Made under Settings > Developer tools > Developer API keys, with the permission Orders, read only.",
            secret: true,
            required: true,
            check: check_key,
            ..Field::TEXT
        },
        Field {
            key: "webhook_secret",
            label: "Webhook secret",
            help: "The field secret of the webhook subscription, shown once when it is made: hexadecimal digits. Leave it \
                   empty without a subscription: Cartback then asks for orders every few minutes. Two with a comma \
                   between them while one is being rotated.",
            secret: true,
            check: check_secrets,
            ..Field::TEXT
        },
    ],
    connect: &[
        "In Squarespace open Settings > Developer tools > Developer API keys and generate a key that may read orders.",
        "With the key alone Cartback asks for orders every few minutes; nothing more is needed.",
        "To hear of orders at once, make a webhook subscription with the OAuth token of an extension of your own: POST \
         https://api.squarespace.com/1.0/webhook_subscriptions with {\"endpointUrl\": \"{url}\", \"topics\": \
         [\"order.create\", \"order.update\", \"extension.uninstall\"]}.",
        "Copy the secret from the answer to here: Squarespace shows it only once.",
    ],
    topics: &[
        Topic { name: "order.create", label: "order.create", purpose: "orders", needed: true },
        Topic { name: "order.update", label: "order.update", purpose: "orders and refunds", needed: true },
        Topic {
            name: "extension.uninstall",
            label: "extension.uninstall",
            purpose: "the end of the connection",
            needed: false,
        },
    ],
    limits: &[
        "Squarespace tells nobody of unfinished carts: this connection brings no carts, it only stops texts once \
         something was bought, and credits orders.",
        "Orders carry nothing that names a cart: they are matched by e-mail address, phone and customer.",
        "Squarespace tells no consent to text messages.",
        "Webhooks need the OAuth token of an extension; without one orders are asked for every few minutes.",
        "Refunds have no numbers in Squarespace's orders: what was given back is told as one sum an order.",
        "Privacy requests are not told, and discount codes cannot be made.",
    ],
};

fn check_key(value: &str) -> Result<(), &'static str> {
    if (16..=256).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err("be the key as Squarespace shows it, without spaces")
    }
}

fn check_secrets(value: &str) -> Result<(), &'static str> {
    let secrets: Vec<_> = value.split([',', '\n']).map(str::trim).filter(|secret| !secret.is_empty()).collect();
    if (1..=2).contains(&secrets.len()) && secrets.iter().all(|secret| key(secret).is_some()) {
        Ok(())
    } else {
        Err("be hexadecimal digits (0 to 9, a to f), 32 or more, or two such with a comma between them")
    }
}

/// The bytes that sign: Squarespace writes the secret in hexadecimal digits.
fn key(secret: &str) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE
        .decode(secret.as_bytes())
        .ok()
        .filter(|key| (KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&key.len()))
}

impl Shop for Squarespace {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    /// hex(HMAC-SHA256(raw body)) under any of the secrets. There is no timestamp in it: replays are caught by the
    /// notification's id, and what they point at is fetched as it is now.
    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        let keys: Vec<_> = settings.list("webhook_secret").filter_map(key).collect();
        if keys.is_empty() {
            return Err(Refusal::NoKey);
        }
        let sent = delivery.header(SIGNATURE).filter(|sent| !sent.is_empty()).ok_or(Refusal::Unsigned)?;
        let tag = HEXLOWER_PERMISSIVE.decode(sent.as_bytes()).map_err(|_| Refusal::WrongSignature)?;
        if !keys.iter().any(|key| mac(key, &delivery.body).is_some_and(|mac| mac.verify_slice(&tag).is_ok())) {
            return Err(Refusal::WrongSignature);
        }
        let body = json::only(delivery, &["topic", "id"]);
        let told = json::text(&body, "topic").unwrap_or_default();
        let known = SPEC.topics.iter().find(|topic| topic.name == told).map_or("other", |topic| topic.name);
        let key = json::whole(&body, "id", KEY_CHARS_MAX).unwrap_or_default();
        Ok(Accepted::Keep { topic: known.to_owned(), key })
    }

    fn ask_whole(&self, settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Option<Request>, String> {
        pull::ask_whole(settings, topic, delivery)
    }

    fn whole(
        &self,
        _settings: &Settings,
        _topic: &str,
        _delivery: &Delivery,
        answer: &Response,
    ) -> Result<Vec<Pulled>, NotPulled> {
        Ok(pull::page(answer, None)?.orders)
    }

    fn read(&self, shop: &ShopFacts, topic: &str, delivery: &Delivery) -> Result<Vec<ShopEvent>, Unreadable> {
        match topic {
            ORDER => {
                let body = json::object(delivery)?;
                Ok(vec![ShopEvent::Order(Box::new(order::read(&body, delivery.received_at)?))])
            }
            "extension.uninstall" => {
                let body = json::object(delivery)?;
                let at = json::time(&body, "createdOn").unwrap_or(delivery.received_at);
                Ok(vec![ShopEvent::Uninstalled { at }])
            }
            // Of the self-test's cart only.
            CART => generic::Generic.read(shop, "checkout.updated", delivery),
            _ => Ok(Vec::new()),
        }
    }

    fn hosts(&self, settings: &Settings) -> Vec<String> {
        hosts::read(settings.get("site"))
    }

    fn home(&self, settings: &Settings) -> Option<String> {
        hosts::read(settings.get("site")).into_iter().next()
    }

    fn ask_orders(
        &self,
        settings: &Settings,
        wanted: &Wanted,
        cursor: Option<&str>,
    ) -> Result<Option<Request>, String> {
        pull::ask_orders(settings, wanted, cursor)
    }

    fn orders(&self, answer: &Response, cursor: Option<&str>) -> Result<Page, NotPulled> {
        pull::page(answer, cursor)
    }

    fn is_silent(&self, settings: &Settings) -> bool {
        settings.given("webhook_secret").is_none()
    }

    fn rehearse(&self, settings: &Settings, visit: &Visit, act: Act, at: Time) -> Rehearsed {
        rehearsal::told(settings, visit, act, at)
    }
}

const SIGNATURE: &str = "squarespace-signature";
/// A shorter key could be guessed.
const KEY_BYTES_MIN: usize = 16;
const KEY_BYTES_MAX: usize = 128;
/// Notifications are named by 24 hexadecimal digits.
const KEY_CHARS_MAX: usize = 64;

/// An order as it was fetched. No notification has this topic, nor the next one.
const ORDER: &str = "fetched.order";
/// A cart in our own event format.
const CART: &str = "rehearsed.cart";

fn mac(key: &[u8], body: &[u8]) -> Option<Hmac<Sha256>> {
    Some(Hmac::<Sha256>::new_from_slice(key).ok()?.chain_update(body))
}

#[cfg(test)]
mod tests;
