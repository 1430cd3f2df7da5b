//! Ecwid by Lightspeed, REST API v3. Decides who signed a webhook and what Ecwid's carts and orders mean; never believes
//! the body of a webhook.
//!
//! Ecwid signs `{eventCreated}.{eventId}` and nothing else, so whoever saw one signature could write any body under it.
//! A webhook is therefore a hint only: its ids are checked for their shape, the store must be ours, and everything is
//! fetched again with the store's own token, even that the app was removed. What is fetched is kept under topics that no
//! webhook can have. Ecwid's amounts carry no currency: they are in the store's.
//!
//! Facts: docs.ecwid.com (webhooks, carts, orders, discount coupons, pre-filled carts) and Ecwid's own Java client.

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use url::Url;

use super::{
    Found, Made, Rehearsed, Removed, Shop, json,
    pull::{NotPulled, Page, Pulled, Wanted},
};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Topic, Unreadable},
        discount::NewCode,
        event::{Identity, ShopEvent, ShopFacts},
        rehearsal::{Act, Visit},
        time::Time,
    },
    http::{Request, Response},
};

mod coupon;
mod pull;
mod read;
mod rehearsal;
mod restore;

pub struct Ecwid;

static SPEC: Spec = Spec {
    kind: "ecwid",
    name: "Ecwid",
    fields: &[
        Field {
            key: "store_id",
            label: "Store ID",
            help: "The number at the foot of every page of the Ecwid admin, such as 1003.",
            required: true,
            check: |value| if is_number(value) { Ok(()) } else { Err("be the store's number, digits only") },
            ..Field::TEXT
        },
        Field {
            key: "secret_token",
            label: "Secret token",
            help: "secret_…, on the page of your custom app under Apps > Develop apps. The app needs the scopes \
                   read_orders and read_store_profile; for single-use discount coupons create_discount_coupons and \
                   read_discount_coupons, update_discount_coupons too.",
            secret: true,
            required: true,
            check: check_token,
            ..Field::TEXT
        },
        Field {
            key: "client_secret",
            label: "Client secret",
            help: "On the same page. It signs the webhooks. Leave it empty while the app has no webhook: Cartback then \
                   asks for carts and orders every few minutes. Two with a comma between them while one is being replaced.",
            secret: true,
            check: check_secrets,
            ..Field::TEXT
        },
        Field {
            key: "storefront",
            label: "Storefront page",
            help: "The address of the page that shows the store, such as https://shop.example/store. Recovery links lead \
                   there.",
            required: true,
            check: |value| match storefront(value) {
                Some(_) => Ok(()),
                None => Err("be the address of a page, such as https://shop.example/store"),
            },
            ..Field::TEXT
        },
    ],
    connect: &[
        "In the Ecwid admin open Apps > Develop apps and create a custom app, or open the one you have.",
        "Copy its secret token and the store ID: Cartback now asks for carts and orders every few minutes.",
        "To hear of them at once, ask Ecwid's support to set {url} as the webhook URL of that app, with the events of \
         unfinished orders and orders, and enter the app's client secret here.",
        "So that a link fills the cart on another device too, put Ecwid's cart script below the store widget, as its \
         page \"Create pre-filled shopping carts\" shows.",
    ],
    topics: &[
        Topic { name: "unfinished_order.created", label: "Unfinished order created", purpose: "carts", needed: true },
        Topic {
            name: "unfinished_order.updated",
            label: "Unfinished order updated",
            purpose: "carts and phone",
            needed: true,
        },
        Topic {
            name: "unfinished_order.deleted",
            label: "Unfinished order deleted",
            purpose: "carts that are gone",
            needed: false,
        },
        Topic { name: "order.created", label: "Order created", purpose: "orders", needed: true },
        Topic { name: "order.updated", label: "Order updated", purpose: "orders and refunds", needed: true },
        Topic { name: "order.deleted", label: "Order deleted", purpose: "orders that are gone", needed: false },
        Topic { name: "customer.deleted", label: "Customer deleted", purpose: "erasure", needed: false },
        Topic {
            name: "application.uninstalled",
            label: "Application uninstalled",
            purpose: "the end of the connection",
            needed: false,
        },
    ],
    limits: &[
        "Ecwid keeps a cart only once the shopper has entered an e-mail address.",
        "Ecwid tells no consent to text messages: what its box says counts for e-mail only, so consent has to come from \
         elsewhere.",
        "Webhooks are set up by Ecwid's support; without them carts and orders are asked for every few minutes.",
        "Ecwid has no restore link of its own in its API: ours fills a cart with the same goods, which needs Ecwid's cart \
         script in the page; without it the shopper sees the cart of the device at hand.",
        "A coupon is not applied by a link: the shopper types its code, and the coupon's name (\"Cartback\" and a number) \
         shows beside it.",
        "Amounts are taken in the currency of this shop, since Ecwid does not name one.",
        "Refunds have no numbers at Ecwid: what was given back is told as one sum an order.",
        "A merchant's request in Ecwid to remove or export personal data is not signed in a way that can be trusted, and \
         has to be entered in Cartback by hand; a customer who was deleted there is erased here if the app may \
         read_customers.",
    ],
};

fn is_number(value: &str) -> bool {
    (1..=19).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_digit())
}

fn check_token(value: &str) -> Result<(), &'static str> {
    if (16..=256).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err("be the token as Ecwid shows it, without spaces")
    }
}

fn check_secrets(value: &str) -> Result<(), &'static str> {
    let keys: Vec<_> = value.split([',', '\n']).map(str::trim).filter(|key| !key.is_empty()).collect();
    let good = |key: &&str| (16..=256).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if (1..=2).contains(&keys.len()) && keys.iter().all(good) {
        Ok(())
    } else {
        Err("be the client secret as Ecwid shows it (16 characters or more), or two with a comma between them")
    }
}

/// The page that shows the store. A fragment is Ecwid's own place, so none is kept.
fn storefront(typed: &str) -> Option<Url> {
    let mut url = Url::parse(typed.trim()).ok()?;
    let plain = url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
    let named = url.domain().is_some_and(|host| host.contains('.'));
    url.set_fragment(None);
    (plain && named).then_some(url)
}

impl Shop for Ecwid {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    /// base64(HMAC-SHA256("{eventCreated}.{eventId}")) under any of the secrets. The event's id is the key of the delivery,
    /// so that a signature is good for one body only: the first that came.
    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        let keys: Vec<&str> = settings.list("client_secret").collect();
        if keys.is_empty() {
            return Err(Refusal::NoKey);
        }
        let sent = delivery.header(SIGNATURE).filter(|sent| !sent.is_empty()).ok_or(Refusal::Unsigned)?;
        let tag = BASE64.decode(sent.as_bytes()).map_err(|_| Refusal::WrongSignature)?;
        let body = json::object(delivery).map_err(|_| Refusal::WrongSignature)?;
        let signed = |path| json::id(&body, path).filter(|part| part.len() <= EVENT_ID_CHARS_MAX);
        let (Some(created), Some(event)) = (signed("eventCreated"), signed("eventId")) else {
            return Err(Refusal::WrongSignature);
        };
        let holds = |key: &&str| mac(key, &created, &event).is_some_and(|mac| mac.verify_slice(&tag).is_ok());
        if !keys.iter().any(holds) {
            return Err(Refusal::WrongSignature);
        }
        // An app of several stores signs for all of them alike.
        if json::id(&body, "storeId").as_deref() != Some(settings.get("store_id")) {
            return Err(Refusal::WrongSignature);
        }
        let told = json::text(&body, "eventType").unwrap_or_default();
        // Nothing but what Ecwid sends: the topics of what was fetched are not for strangers to choose.
        let known = SPEC.topics.iter().find(|topic| topic.name == told).map_or("other", |topic| topic.name);
        Ok(Accepted::Keep { topic: known.to_owned(), key: event })
    }

    fn ask_whole(&self, settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Option<Request>, String> {
        pull::ask_whole(settings, topic, delivery)
    }

    fn whole(
        &self,
        settings: &Settings,
        topic: &str,
        delivery: &Delivery,
        answer: &Response,
    ) -> Result<Vec<Pulled>, NotPulled> {
        pull::whole(settings, topic, delivery, answer)
    }

    fn read(&self, shop: &ShopFacts, topic: &str, delivery: &Delivery) -> Result<Vec<ShopEvent>, Unreadable> {
        if ![CART, CART_GONE, ORDER, CUSTOMER_GONE, STORE_LEFT].contains(&topic) {
            return Ok(Vec::new());
        }
        let body = json::object(delivery)?;
        let id = |path| json::id_not_zero(&body, path).ok_or_else(|| Unreadable(format!("{path} is missing")));
        let event = match topic {
            CART => read::cart(shop, &body, delivery)?,
            CART_GONE => ShopEvent::CartDeleted { token: id("cartId")?, at: delivery.received_at },
            ORDER => ShopEvent::Order(Box::new(read::order(shop, &body, delivery)?)),
            CUSTOMER_GONE => ShopEvent::Redact(Identity { customer: Some(id("customerId")?), ..Identity::default() }),
            _ => ShopEvent::Uninstalled { at: delivery.received_at },
        };
        Ok(vec![event])
    }

    fn hosts(&self, settings: &Settings) -> Vec<String> {
        self.home(settings).into_iter().collect()
    }

    fn home(&self, settings: &Settings) -> Option<String> {
        storefront(settings.get("storefront"))?.host_str().map(str::to_owned)
    }

    fn make_code(&self, settings: &Settings, new: &NewCode) -> Result<Option<Request>, String> {
        coupon::make(settings, new)
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
        pull::ask_orders(settings, wanted, cursor)
    }

    fn orders(&self, answer: &Response, cursor: Option<&str>) -> Result<Page, NotPulled> {
        pull::page(answer, cursor, pull::order)
    }

    fn ask_carts(&self, settings: &Settings, since: Time, cursor: Option<&str>) -> Result<Option<Request>, String> {
        Ok(pull::ask_carts(settings, since, cursor))
    }

    fn carts(&self, settings: &Settings, answer: &Response, cursor: Option<&str>) -> Result<Page, NotPulled> {
        pull::page(answer, cursor, |cart| pull::cart(settings, cart, None))
    }

    fn is_silent(&self, settings: &Settings) -> bool {
        settings.given("client_secret").is_none()
    }

    fn order_page(&self, settings: &Settings, external_id: &str) -> Option<String> {
        let store = settings.given("store_id")?;
        pull::is_order_id(external_id)
            .then(|| format!("https://my.ecwid.com/store/{store}#order:id={}", restore::encoded(external_id)))
    }

    fn rehearse(&self, settings: &Settings, visit: &Visit, act: Act, at: Time) -> Rehearsed {
        rehearsal::told(settings, visit, act, at)
    }
}

const SIGNATURE: &str = "x-ecwid-webhook-signature";
const EVENT_ID_CHARS_MAX: usize = 100;

/// What we fetched ourselves: a cart, in a frame of our own; an order as it is at Ecwid.
const CART: &str = "fetched.cart";
const ORDER: &str = "fetched.order";
/// What turned out not to be there when it was fetched.
const CART_GONE: &str = "gone.cart";
const CUSTOMER_GONE: &str = "gone.customer";
const STORE_LEFT: &str = "gone.app";

fn mac(key: &str, created: &str, event: &str) -> Option<Hmac<Sha256>> {
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).ok()?;
    Some(mac.chain_update(created.as_bytes()).chain_update(b".").chain_update(event.as_bytes()))
}

#[cfg(test)]
pub(in crate::shop) mod tests;
