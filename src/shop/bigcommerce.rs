//! BigCommerce, by a store-level API account: webhooks of the API's version 3, checkouts of version 3, orders and coupons
//! of version 2. Webhooks only point at a cart or an order, so everything is fetched and the fetched body is what is read.
//!
//! Two proofs that a webhook is BigCommerce's: Standard Webhooks headers, with the bytes of the account's client secret as
//! the key, and a header of our own that BigCommerce keeps with the webhook and sends along. Where a signature is there and
//! we know the client secret, the signature decides. Only its age does not: BigCommerce tries again for two days, and
//! nobody says that it signs anew each time, so an old one needs our header as well.
//!
//! An order in the status Incomplete is a shopper on the payment page, and its webhook is `store/order/created` all the
//! same: it is no order. Links of `redirect_urls` are good for one visit, which any link preview uses up, and for carts
//! made by the API only; so the link is one that makes the cart anew each time, or leads to the shopper's own.
//! Facts: BigCommerce docs, "Webhooks overview", "Carts", "Checkouts", "Orders v2", "Coupons v2" (2026-04).

use data_encoding::BASE64;
use subtle::ConstantTimeEq;

use super::{
    Found, Made, Rehearsed, Removed, Shop, Subscription, hosts, json,
    pull::{NotPulled, Page, Pulled, Wanted},
    standard_webhooks,
};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Topic, Unreadable},
        discount::NewCode,
        event::{ShopEvent, ShopFacts},
        rehearsal::{Act, Visit},
        time::Time,
    },
    http::{Request, Response},
};

mod api;
mod cart;
mod coupon;
mod order;
mod rehearsal;
mod subscribe;

pub struct BigCommerce;

static SPEC: Spec = Spec {
    kind: "bigcommerce",
    name: "BigCommerce",
    fields: &[
        Field {
            key: "site",
            label: "Shop's host names",
            help: "Where recovery links may lead: shop.example. With commas between them if there are several; the first \
                   one is where links lead.",
            required: true,
            check: hosts::check_list,
            ..Field::TEXT
        },
        Field {
            key: "store_hash",
            label: "Store hash",
            help: "The part after stores/ in the API path of the API account: abc123 of \
                   https://api.bigcommerce.com/stores/abc123/v3/.",
            required: true,
            check: api::check_hash,
            ..Field::TEXT
        },
        Field {
            key: "access_token",
            label: "Access token",
            help: "Of the API account, shown once when it is created. With it Cartback makes the webhooks and fetches \
                   carts and orders.",
            secret: true,
            required: true,
            check: api::check_token,
            ..Field::TEXT
        },
        Field {
            key: "client_id",
            label: "Client ID",
            help: "Of the same API account; helps to find it again. Nothing is proved with it.",
            ..Field::TEXT
        },
        Field {
            key: "client_secret",
            label: "Client secret",
            help: "Of the API account that makes the webhooks: BigCommerce signs them with it. If you did not keep it, \
                   leave this empty: then the header secret alone proves who sent a webhook.",
            secret: true,
            check: check_client_secrets,
            ..Field::TEXT
        },
        Field {
            key: "hook_secret",
            label: "Header secret",
            help: "whsec_…, sent back to us in a header of every webhook. Nobody has to type it: Cartback tells it to \
                   BigCommerce when it makes the webhooks.",
            secret: true,
            required: true,
            drawn: true,
            check: standard_webhooks::check_secrets,
            ..Field::TEXT
        },
        Field {
            key: "consent_field",
            label: "Checkout field for SMS consent",
            help: "BigCommerce has no consent to texts of its own. If you added a field for it to the address form, its \
                   id: field_25. Otherwise leave this empty.",
            ..Field::TEXT
        },
        Field {
            key: "consent_value",
            label: "Value of that field that means yes",
            help: "Exactly as the shopper chooses it, such as Yes. Any other value is no consent.",
            ..Field::TEXT
        },
        Field {
            key: "consent_text",
            label: "Words next to that field",
            help: "Kept with each consent as its proof.",
            ..Field::TEXT
        },
    ],
    connect: &[
        "In the control panel, open Settings > Store-level API accounts and create an API account of the type V2/V3 API \
         token.",
        "OAuth scopes: Carts read-only, Checkout Content read-only, Checkouts read-only, Orders read-only, Information & \
         Settings read-only, and for single-use coupons Marketing modify.",
        "Copy Client ID, Client secret and Access token into the fields here before you close that window: BigCommerce \
         shows them once.",
        "Cartback makes the webhooks itself. They go to {url} and may take a minute to start.",
    ],
    topics: &[
        Topic { name: "store/cart/created", label: "Cart created", purpose: "carts", needed: true },
        Topic { name: "store/cart/updated", label: "Cart updated", purpose: "carts and phone numbers", needed: true },
        Topic { name: "store/cart/abandoned", label: "Cart abandoned", purpose: "carts", needed: false },
        Topic {
            name: "store/cart/converted",
            label: "Cart converted",
            purpose: "carts that were bought",
            needed: true,
        },
        Topic { name: "store/cart/deleted", label: "Cart deleted", purpose: "carts that are gone", needed: false },
        Topic { name: "store/order/created", label: "Order created", purpose: "orders", needed: true },
        Topic { name: "store/order/updated", label: "Order updated", purpose: "orders", needed: true },
        Topic {
            name: "store/order/statusUpdated",
            label: "Order status updated",
            purpose: "payments and cancellations",
            needed: true,
        },
        Topic { name: "store/order/refund/created", label: "Order refund created", purpose: "refunds", needed: false },
    ],
    limits: &[
        "BigCommerce has no consent to texts of its own; without a field of yours for it, carts come without consent.",
        "Recovery links fill a new cart when every item is a plain product; items with options, custom items and gift \
         certificates lead to the shopper's own cart, which only their own browser still knows.",
        "A discount code is applied by the links that fill a new cart; on other links the shopper types it.",
        "BigCommerce's orders do not tell which coupon codes were used, so what a code earned is known by the shopper \
         only.",
        "Refunds come as one sum per order and not one by one.",
        "Carts cannot be listed: those left before the webhooks were made are not seen.",
        "After failing for two days BigCommerce switches a webhook off, and after 90 days without use as well.",
    ],
};

impl Shop for BigCommerce {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        prove(settings, delivery)?;
        let body = json::only(delivery, &["producer", "scope", "hash"]);
        let producer = json::text(&body, "producer");
        // What another store sent may be signed with the same account's secret, but is not this shop's.
        if producer.is_some_and(|it| !it.eq_ignore_ascii_case(&format!("stores/{}", settings.get("store_hash")))) {
            return Err(Refusal::WrongSignature);
        }
        let topic = json::whole(&body, "scope", TOPIC_CHARS_MAX).unwrap_or_else(|| "unreadable".into());
        let key = match delivery.header("webhook-id").filter(|id| id.len() <= TOPIC_CHARS_MAX) {
            Some(id) => id.to_owned(),
            None => json::whole(&body, "hash", TOPIC_CHARS_MAX).unwrap_or_default(),
        };
        Ok(Accepted::Keep { topic, key })
    }

    fn ask_whole(&self, settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Option<Request>, String> {
        api::ask_whole(settings, topic, delivery)
    }

    fn whole(
        &self,
        settings: &Settings,
        topic: &str,
        delivery: &Delivery,
        answer: &Response,
    ) -> Result<Vec<Pulled>, NotPulled> {
        api::whole(settings, topic, delivery, answer)
    }

    fn read(&self, shop: &ShopFacts, topic: &str, delivery: &Delivery) -> Result<Vec<ShopEvent>, Unreadable> {
        let events = match topic {
            CHECKOUT => {
                vec![ShopEvent::Cart(Box::new(cart::read(shop, &json::object(delivery)?, delivery.received_at)?))]
            }
            ORDER => order::read(&json::object(delivery)?, delivery.received_at)?,
            "store/cart/deleted" => {
                let body = json::object(delivery)?;
                let token = json::id(&body, "data.id").ok_or_else(|| Unreadable::new("data.id is missing"))?;
                vec![ShopEvent::CartDeleted { token, at: happened_at(&body, delivery.received_at) }]
            }
            "store/app/uninstalled" => {
                vec![ShopEvent::Uninstalled { at: happened_at(&json::object(delivery)?, delivery.received_at) }]
            }
            // The rest only points at what is fetched.
            _ => Vec::new(),
        };
        Ok(events)
    }

    /// For the links that fill a new cart.
    fn discount_query(&self, code: &str) -> Option<(&'static str, String)> {
        Some(("coupon", code.to_owned()))
    }

    fn make_code(&self, settings: &Settings, new: &NewCode) -> Result<Option<Request>, String> {
        Ok(coupon::make(settings, new))
    }

    fn made_code(&self, answer: &Response) -> Made {
        coupon::made(answer)
    }

    fn find_code(&self, settings: &Settings, code: &str) -> Option<Request> {
        coupon::find(settings, code)
    }

    fn found_code(&self, answer: &Response, note: &str) -> Found {
        coupon::found(answer, note)
    }

    fn remove_code(&self, settings: &Settings, id: &str) -> Option<Request> {
        coupon::remove(settings, id)
    }

    fn removed_code(&self, answer: &Response) -> Removed {
        coupon::removed(answer)
    }

    fn ask_orders(
        &self,
        settings: &Settings,
        wanted: &Wanted,
        cursor: Option<&str>,
    ) -> Result<Option<Request>, String> {
        api::ask_orders(settings, wanted, cursor)
    }

    fn orders(&self, answer: &Response, cursor: Option<&str>) -> Result<Page, NotPulled> {
        api::orders(answer, cursor)
    }

    fn order_page(&self, settings: &Settings, external_id: &str) -> Option<String> {
        let hash = settings.given("store_hash").filter(|hash| api::check_hash(hash).is_ok())?;
        super::pull::is_id(external_id)
            .then(|| format!("https://store-{hash}.mybigcommerce.com/manage/orders/{external_id}"))
    }

    fn rehearse(&self, settings: &Settings, visit: &Visit, act: Act, at: Time) -> Rehearsed {
        rehearsal::rehearse(settings, visit, act, at)
    }

    fn doubles_subscriptions(&self) -> bool {
        true
    }

    fn subscribe(&self, settings: &Settings, webhook_url: &str) -> Result<Vec<Subscription>, String> {
        subscribe::requests(settings, webhook_url)
    }

    fn ask_subscriptions(&self, settings: &Settings) -> Result<Option<Request>, String> {
        Ok(subscribe::ask(settings))
    }

    fn subscriptions(&self, answer: &Response, webhook_url: &str) -> Result<Vec<String>, String> {
        subscribe::told(answer, webhook_url)
    }

    fn subscribed(&self, answer: &Response) -> Result<(), String> {
        subscribe::answer(answer)
    }

    fn hosts(&self, settings: &Settings) -> Vec<String> {
        hosts::read(settings.get("site"))
    }

    fn home(&self, settings: &Settings) -> Option<String> {
        hosts::read(settings.get("site")).into_iter().next()
    }
}

/// The topics of what was fetched: a checkout with our words around it, and an order as BigCommerce has it.
const CHECKOUT: &str = "checkout";
const ORDER: &str = "order";
/// The header that BigCommerce keeps for us with each webhook.
const SECRET_HEADER: &str = "x-cartback-secret";
/// Longer than any scope, id or hash.
const TOPIC_CHARS_MAX: usize = 100;

fn prove(settings: &Settings, delivery: &Delivery) -> Result<(), Refusal> {
    let keys: Vec<String> = client_keys(settings).collect();
    let signed = delivery.headers.iter().any(|(name, _)| name == "webhook-signature");
    if signed && !keys.is_empty() {
        return match standard_webhooks::verify(keys.iter().map(String::as_str), delivery) {
            // Tried again later, perhaps with the signature of the first time.
            Err(Refusal::WrongTime(away)) => prove_by_header(settings, delivery).map_err(|_| Refusal::WrongTime(away)),
            other => other.map(|_| ()),
        };
    }
    prove_by_header(settings, delivery)
}

fn prove_by_header(settings: &Settings, delivery: &Delivery) -> Result<(), Refusal> {
    let secrets: Vec<&str> =
        settings.list("hook_secret").filter(|it| standard_webhooks::check_secrets(it).is_ok()).collect();
    if secrets.is_empty() {
        return Err(Refusal::NoKey);
    }
    let sent = delivery.header(SECRET_HEADER).filter(|value| !value.is_empty()).ok_or(Refusal::Unsigned)?;
    // Slices of unequal length are unequal at once; how long ours is, is no secret.
    let holds = secrets.iter().fold(false, |held, secret| held | bool::from(secret.as_bytes().ct_eq(sent.as_bytes())));
    if holds { Ok(()) } else { Err(Refusal::WrongSignature) }
}

/// Client secrets as Standard Webhooks writes a key: the key is the secret's own characters.
fn client_keys(settings: &Settings) -> impl Iterator<Item = String> {
    let secrets = settings.list("client_secret").filter(|secret| is_client_secret(secret));
    secrets.map(|secret| format!("whsec_{}", BASE64.encode(secret.as_bytes())))
}

fn is_client_secret(secret: &str) -> bool {
    (24..=64).contains(&secret.len()) && secret.bytes().all(|byte| byte.is_ascii_graphic())
}

fn check_client_secrets(value: &str) -> Result<(), &'static str> {
    let secrets: Vec<_> = value.split([',', '\n']).map(str::trim).filter(|part| !part.is_empty()).collect();
    if (1..=2).contains(&secrets.len()) && secrets.iter().all(|secret| is_client_secret(secret)) {
        Ok(())
    } else {
        Err("be 24 to 64 letters and digits, or two such with a comma between them")
    }
}

/// `created_at` of a webhook is Unix seconds.
fn happened_at(body: &serde_json::Value, received_at: Time) -> Time {
    let seconds = json::text(body, "created_at").and_then(|text| text.parse::<i64>().ok());
    seconds.filter(|&seconds| seconds > 0).map_or(received_at, |seconds| Time::from_seconds(seconds).min(received_at))
}

#[cfg(test)]
mod tests;
