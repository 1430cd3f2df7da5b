//! Shopify: webhooks made by hand (Settings > Notifications) or by an app. Decides whether a delivery is Shopify's and
//! what each topic means; never calls Shopify and never decides whom to text.
//!
//! Shopify signs the body only. Topic and shop travel in headers that nobody signed: the connection is known by its
//! URL, and a body that does not have the shape of its topic is not believed. Bodies come late, twice and out of order,
//! with fields that are `null`, `[]` or gone when the shop's plan hides personal data, so everything but the ids and
//! the money of an order may be missing.
//!
//! `orders/edited` only says what changed, `carts/*` only what lies in a cart nobody has given a name to: both are no
//! events, the state comes with `orders/updated` and `checkouts/update`. Nor are `orders/delete` (an id: it says of no
//! money that it went back), `customers/merge` (two ids: phone numbers and e-mail addresses go on linking), nor
//! `app/scopes_update` and `shop/update` (what a missing scope costs is said where it is needed).

use std::collections::BTreeMap;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{
    Approval, Exchange, Found, Made, Rehearsed, Removed, Shop, Subscription, Token, hosts, json,
    pull::{NotPulled, Page, Wanted},
};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Topic, Unreadable},
        discount::NewCode,
        event::{Channel, ConsentProof, ConsentState, ConsentUpdate, Identity, ShopEvent, ShopFacts},
        rehearsal::{Act, Visit},
        time::Time,
    },
    http::{Request, Response},
};

mod approval;
mod carts;
mod checkout;
mod discount;
mod grant;
mod order;
mod pull;
mod rehearsal;
mod subscribe;
#[cfg(test)]
mod captures;

pub struct Shopify;

static SPEC: Spec = Spec {
    kind: "shopify",
    name: "Shopify",
    fields: &[
        Field {
            key: "domain",
            label: "Shop domain",
            help: "lumen-and-oak.myshopify.com, or, with neither Client ID nor token, the domain shoppers see.",
            required: true,
            check: hosts::check_one,
            ..Field::TEXT
        },
        Field {
            key: "signing_key",
            label: "Signing key",
            help: "Shown under Settings > Notifications > Webhooks; with a Client ID or a token, or for webhooks an app \
                   made, the app's client secret. Two with a comma between them while one is being replaced, or where \
                   webhooks come both ways; the app's client secret first.",
            secret: true,
            required: true,
            check: check_signing_keys,
            ..Field::TEXT
        },
        Field {
            key: "client_id",
            label: "Client ID",
            help: "Of an app in the Dev Dashboard, under Settings, that is installed in the shop. Where app and shop belong to \
                   different organisations, press Approve once: the app's redirect URLs must name this service. With it Cartback makes the webhooks itself and fetches what they missed; the \
                   signing key is then the app's client secret. Scopes read_orders, read_customers; for single-use \
                   discount codes write_discounts too.",
            check: check_client_id,
            ..Field::TEXT
        },
        Field {
            key: "token",
            label: "Admin API access token",
            help: "Only of an older custom app, which shows one (shpat_…): used instead of the Client ID, for the same. The \
                   signing key is then the app's client secret.",
            secret: true,
            check: check_token,
            ..Field::TEXT
        },
        Field {
            key: "storefront_hosts",
            label: "Further storefront domains",
            help: "Other host names of the shop that recovery links may lead to, with commas between them.",
            check: hosts::check_list,
            ..Field::TEXT
        },
    ],
    connect: &[
        "In Shopify open Settings > Notifications > Webhooks and copy the signing key shown at the bottom of the page.",
        "Create a webhook with format JSON and the URL {url} for each of: Checkout creation, Checkout update, Checkout \
         deletion, Order creation, Order payment, Order update, Order cancellation, Refund creation, Customer \
         marketing consent update.",
        "Choose the newest API version, the same for all of them.",
        "Send a test notification from the menu beside one of them: it appears here as a test that arrived.",
        "With an app none of this is done by hand: in the Dev Dashboard create an app with the scopes read_orders, \
         read_customers and write_discounts, release it, install it in the shop, and copy Client ID and client secret \
         (the signing key here) from its Settings. Cartback makes the webhooks itself, app/uninstalled among them (by a \
         button while the shop is set up, or with cartback shop subscribe). An older custom app's Admin API access token \
         does the same. Privacy requests (customers/redact, customers/data_request, shop/redact) are sent to {url} once \
         the app's own configuration says so.",
        "If names and phone numbers stay empty, Shopify is hiding them: an app needs access to protected customer \
         data, and on the Basic plan a custom app does not get it.",
    ],
    topics: &[
        Topic { name: "checkouts/create", label: "Checkout creation", purpose: "carts", needed: true },
        Topic { name: "checkouts/update", label: "Checkout update", purpose: "carts, phone and consent", needed: true },
        Topic { name: "checkouts/delete", label: "Checkout deletion", purpose: "carts that are gone", needed: false },
        Topic { name: "orders/create", label: "Order creation", purpose: "orders", needed: true },
        Topic { name: "orders/paid", label: "Order payment", purpose: "orders", needed: false },
        Topic { name: "orders/updated", label: "Order update", purpose: "orders", needed: false },
        Topic { name: "orders/cancelled", label: "Order cancellation", purpose: "cancelled orders", needed: false },
        Topic { name: "refunds/create", label: "Refund creation", purpose: "refunds", needed: true },
        Topic {
            name: "customers_marketing_consent/update",
            label: "Customer marketing consent update",
            purpose: "consent",
            needed: false,
        },
    ],
    limits: &[
        "A checkout that is fetched because its webhooks were missed says less than they do: consent is the customer's own, \
         not the box ticked in that checkout, and a number typed only beside that box is not told.",
        "Such a checkout goes by the token in its recovery link, the cart's, since Shopify does not tell the checkout's.",
        "Shopify lists only checkouts of the last 90 days, and orders of the last 60 unless the app may read all orders.",
        "When staff merge two customers, what is known of the one that goes stays with that one's phone number and e-mail.",
        "A deleted order keeps its place in the books: Shopify does not say that money went back.",
    ],
};

fn check_signing_keys(value: &str) -> Result<(), &'static str> {
    let keys: Vec<_> = value.split([',', '\n']).map(str::trim).filter(|key| !key.is_empty()).collect();
    let good = |key: &&str| (16..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    if (1..=2).contains(&keys.len()) && keys.iter().all(good) {
        Ok(())
    } else {
        Err("be the key as Shopify shows it (16 to 128 characters), or two with a comma between them")
    }
}

fn check_client_id(value: &str) -> Result<(), &'static str> {
    if (16..=128).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        Ok(())
    } else {
        Err("be the Client ID as the Dev Dashboard shows it, without spaces")
    }
}

fn check_token(value: &str) -> Result<(), &'static str> {
    if (16..=256).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err("be the token as Shopify shows it, without spaces")
    }
}

impl Shop for Shopify {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    /// base64(HMAC-SHA256(raw body)) under any of the keys: while a client secret is replaced, Shopify goes on signing
    /// with the old one for up to an hour. There is no timestamp in the signature; replays are caught by the delivery
    /// id and by events being idempotent.
    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        let keys: Vec<&str> = settings.list("signing_key").collect();
        if keys.is_empty() {
            return Err(Refusal::NoKey);
        }
        let sent = header(delivery, "hmac-sha256").filter(|sent| !sent.is_empty()).ok_or(Refusal::Unsigned)?;
        let sent = BASE64.decode(sent.as_bytes()).map_err(|_| Refusal::WrongSignature)?;
        let holds = keys.iter().filter_map(|key| mac(key, &delivery.body)).any(|tag| bool::from(tag.ct_eq(&sent)));
        if !holds {
            return Err(Refusal::WrongSignature);
        }
        let text = |name| header(delivery, name).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        // Two subscriptions to one topic tell of one event twice, each under an id of its own. Nothing else is lost: the
        // inbox tells deliveries apart by their topics and bodies too.
        let key = text("event-id").or_else(|| text("webhook-id"));
        Ok(Accepted::Keep { topic: text("topic").unwrap_or_default(), key: key.unwrap_or_default() })
    }

    fn ask_token(&self, settings: &Settings) -> Option<Request> {
        grant::ask(settings)
    }

    fn token(&self, answer: &Response) -> Result<Token, NotPulled> {
        grant::token(answer)
    }

    fn read(&self, shop: &ShopFacts, topic: &str, delivery: &Delivery) -> Result<Vec<ShopEvent>, Unreadable> {
        if !TOPICS.contains(&topic) {
            return Ok(Vec::new());
        }
        let body = json::object(delivery)?;
        if is_sample(&body) {
            return Ok(vec![ShopEvent::Test]);
        }
        believe(topic, &body)?;
        let it = Event { body: &body, shop, delivery };
        let event = match topic {
            "checkouts/create" | "checkouts/update" => Some(ShopEvent::Cart(Box::new(checkout::read(&it)?))),
            "checkouts/delete" => checkout::deleted(&it),
            "refunds/create" => order::refunded(&it)?,
            "customers_marketing_consent/update" => consent(&it).map(|update| ShopEvent::Consent(Box::new(update))),
            "customers/redact" => Some(ShopEvent::Redact(customer(&body))),
            "customers/data_request" => Some(ShopEvent::DataRequest(customer(&body))),
            "shop/redact" => Some(ShopEvent::ShopRedact),
            "app/uninstalled" => Some(ShopEvent::Uninstalled { at: it.triggered_at() }),
            _ => Some(ShopEvent::Order(Box::new(order::read(&it)?))),
        };
        Ok(event.into_iter().collect())
    }

    fn discount_query(&self, code: &str) -> Option<(&'static str, String)> {
        Some(("discount", code.to_owned()))
    }

    fn make_code(&self, settings: &Settings, new: &NewCode) -> Result<Option<Request>, String> {
        discount::make(settings, new)
    }

    fn made_code(&self, answer: &Response) -> Made {
        discount::made(answer)
    }

    fn find_code(&self, settings: &Settings, code: &str) -> Option<Request> {
        discount::find(settings, code)
    }

    fn found_code(&self, answer: &Response, note: &str) -> Found {
        discount::found(answer, note)
    }

    fn remove_code(&self, settings: &Settings, id: &str) -> Option<Request> {
        discount::remove(settings, id)
    }

    fn removed_code(&self, answer: &Response) -> Removed {
        discount::removed(answer)
    }

    fn ask_orders(
        &self,
        settings: &Settings,
        wanted: &Wanted,
        cursor: Option<&str>,
    ) -> Result<Option<Request>, String> {
        pull::ask(settings, wanted, cursor)
    }

    fn order_page(&self, settings: &Settings, external_id: &str) -> Option<String> {
        let domain = super::hosts::read(settings.get("domain")).into_iter().next()?;
        super::pull::is_id(external_id).then(|| format!("https://{domain}/admin/orders/{external_id}"))
    }

    fn orders(&self, answer: &Response, _cursor: Option<&str>) -> Result<Page, NotPulled> {
        pull::told(answer)
    }

    fn ask_carts(&self, settings: &Settings, since: Time, cursor: Option<&str>) -> Result<Option<Request>, String> {
        carts::ask(settings, since, cursor)
    }

    fn carts(&self, _settings: &Settings, answer: &Response, _cursor: Option<&str>) -> Result<Page, NotPulled> {
        carts::told(answer)
    }

    /// Without a list of storefront hosts, any: a shop's checkout lives on whichever of its domains is the primary one,
    /// and the address came in a body only the shop can sign.
    fn hosts(&self, settings: &Settings) -> Vec<String> {
        let mut hosts = super::hosts::read(settings.get("storefront_hosts"));
        if !hosts.is_empty() {
            hosts.extend(super::hosts::read(settings.get("domain")));
        }
        hosts
    }

    fn framed_pixel(&self) -> Option<&'static str> {
        Some(include_str!("../../assets/connect/shopify_pixel.js"))
    }

    fn home(&self, settings: &Settings) -> Option<String> {
        let fronts = [settings.get("storefront_hosts"), settings.get("domain")];
        fronts.into_iter().flat_map(super::hosts::read).next()
    }

    fn approval_url(&self, settings: &Settings, approval: &Approval) -> Result<Option<String>, String> {
        approval::url(settings, approval)
    }

    fn exchange(&self, settings: &Settings, delivery: &Delivery) -> Result<Option<Exchange>, String> {
        approval::exchange(settings, delivery)
    }

    fn exchanged(&self, answer: &Response) -> Result<BTreeMap<String, String>, String> {
        approval::exchanged(answer)
    }

    fn rehearse(&self, settings: &Settings, visit: &Visit, act: Act, at: Time) -> Rehearsed {
        Rehearsed::Posted(rehearsal::delivery(settings, visit, act, at))
    }

    fn subscribe(&self, settings: &Settings, webhook_url: &str) -> Result<Vec<Subscription>, String> {
        subscribe::requests(settings, webhook_url)
    }

    fn ask_subscriptions(&self, settings: &Settings) -> Result<Option<Request>, String> {
        subscribe::ask(settings)
    }

    fn subscriptions(&self, answer: &Response, webhook_url: &str) -> Result<Vec<String>, String> {
        subscribe::told(answer, webhook_url)
    }

    fn subscribed(&self, answer: &Response) -> Result<(), String> {
        subscribe::answer(answer)
    }
}

/// Everything that means something to us. `orders/*` are the whole order each.
const TOPICS: [&str; 13] = [
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

/// What Shopify's test buttons and documentation send, by the names only they use. Some of these would otherwise
/// cancel, uninstall or erase.
const SAMPLES: [(&str, &[&str]); 4] = [
    // Order, checkout, customer, refund, and two shops.
    (
        "id",
        &[
            "820982911946154508",
            "981820079255243537",
            "706405506930370084",
            "890088186047892319",
            "548380009",
            "690933842",
        ],
    ),
    ("order_id", &["820982911946154508"]),
    ("shop_id", &["954889"]),
    ("name", &["#981820079255243537"]),
];

fn is_sample(body: &Value) -> bool {
    SAMPLES.iter().any(|(key, known)| json::id(body, key).is_some_and(|value| known.contains(&value.as_str())))
}

/// Refuses a body that belongs to another topic: nobody signed the topic, so a signed body sent again under the name
/// of another topic must not close, erase or uninstall anything.
fn believe(topic: &str, body: &Value) -> Result<(), Unreadable> {
    let has = |key: &str| !json::at(body, key).is_null();
    let fits = match topic {
        "checkouts/create" | "checkouts/update" => !has("order_number"),
        "checkouts/delete" => !has("order_number") && !has("abandoned_checkout_url"),
        "refunds/create" => has("order_id"),
        "customers_marketing_consent/update" => has("sms_marketing_consent"),
        "customers/redact" => has("shop_domain") && has("customer") && !has("data_request"),
        "customers/data_request" => has("shop_domain") && has("customer") && !has("orders_to_redact"),
        "shop/redact" => has("shop_domain") && !has("customer"),
        "app/uninstalled" => has("plan_name") || has("myshopify_domain"),
        _ => !has("abandoned_checkout_url") && !has("order_id"),
    };
    if fits { Ok(()) } else { Err(Unreadable::new("the body is not what its topic says, and nobody signs the topic")) }
}

/// One verified body of a known topic.
struct Event<'a> {
    body: &'a Value,
    shop: &'a ShopFacts,
    delivery: &'a Delivery,
}

impl Event<'_> {
    /// When Shopify says it happened, or else when it arrived.
    fn triggered_at(&self) -> Time {
        header(self.delivery, "triggered-at").and_then(Time::parse).unwrap_or(self.delivery.received_at)
    }

    fn updated_at(&self) -> Time {
        json::time(self.body, "updated_at").unwrap_or_else(|| self.triggered_at())
    }

    /// A test order, one paid through the "bogus" gateway, or a delivery Shopify marks as a test.
    fn is_test(&self) -> bool {
        let bogus = |gateway: &Value| gateway.as_str().is_some_and(|name| name.eq_ignore_ascii_case("bogus"));
        json::flag(self.body, "test") == Some(true)
            || bogus(json::at(self.body, "gateway"))
            || json::list(self.body, "payment_gateway_names").iter().any(bogus)
            || header(self.delivery, "test") == Some("true")
    }

    /// Point of sale and drafts by name. Sales channels write their own name or number there; without a checkout
    /// behind it such an order was put in by another system.
    fn channel(&self, has_checkout: bool) -> Channel {
        match json::text(self.body, "source_name").as_deref() {
            Some("pos" | "iphone" | "android") => Channel::PointOfSale,
            Some("shopify_draft_order") => Channel::Staff,
            None | Some("web") => Channel::Web,
            Some(_) if has_checkout => Channel::Web,
            Some(_) => Channel::Staff,
        }
    }
}

/// The addresses of a checkout or an order, most trusted first.
const ADDRESSES: [&str; 3] = ["shipping_address", "billing_address", "customer.default_address"];

/// The first address that says its country. `shipping_address` may be `[]`.
fn address(body: &Value) -> &Value {
    ADDRESSES
        .iter()
        .map(|path| json::at(body, path))
        .find(|address| json::country(address, "country_code").is_some())
        .unwrap_or(&Value::Null)
}

/// Who a checkout or an order is of. Numbers without an address of their own are read in the country it goes to.
fn person(body: &Value) -> Identity {
    let place = json::country(address(body), "country_code");
    let own = ["sms_marketing_phone", "phone", "customer.phone"];
    let own = own.iter().map(|path| json::phone(body, path, place.clone()));
    let theirs = ADDRESSES.iter().map(|path| {
        let address = json::at(body, path);
        json::phone(address, "phone", json::country(address, "country_code").or_else(|| place.clone()))
    });
    Identity {
        customer: json::id_not_zero(body, "customer.id"),
        email: ["email", "contact_email", "customer.email"].iter().find_map(|path| json::text(body, path)),
        phones: json::phones(own.chain(theirs)),
    }
}

/// The person a privacy request is about.
fn customer(body: &Value) -> Identity {
    Identity {
        customer: json::id_not_zero(body, "customer.id"),
        email: json::text(body, "customer.email"),
        phones: json::phones([json::phone(body, "customer.phone", None)]),
    }
}

/// `None` when it says nothing, or nothing about a number.
fn consent(it: &Event) -> Option<ConsentUpdate> {
    let told = json::at(it.body, "sms_marketing_consent");
    Some(ConsentUpdate {
        customer: json::id_not_zero(it.body, "id"),
        phone: json::phone(it.body, "phone", None)?,
        state: consent_state(told)?,
        at: json::time(told, "consent_updated_at").unwrap_or_else(|| it.triggered_at()),
        proof: consent_proof(told),
    })
}

/// The `state` of an `sms_marketing_consent`. What Shopify has redacted is no consent, and no opt-out either.
fn consent_state(told: &Value) -> Option<ConsentState> {
    match json::text(told, "state")?.to_ascii_lowercase().as_str() {
        "subscribed" => Some(ConsentState::Granted),
        "pending" => Some(ConsentState::Pending),
        "unsubscribed" => Some(ConsentState::Withdrawn),
        "not_subscribed" | "redacted" => Some(ConsentState::NotGiven),
        _ => None,
    }
}

fn consent_proof(told: &Value) -> ConsentProof {
    ConsentProof { source: SPEC.kind.into(), level: json::text(told, "opt_in_level"), ..ConsentProof::default() }
}

/// `x-shopify-{name}`, or `shopify-{name}` as Shopify's newer deliveries write it. Both with different values are none.
fn header<'a>(delivery: &'a Delivery, name: &str) -> Option<&'a str> {
    let old = delivery.header(&format!("x-shopify-{name}"));
    let new = delivery.header(&format!("shopify-{name}"));
    match (old, new) {
        (Some(old), Some(new)) if old != new => None,
        (old, new) => old.or(new),
    }
}

fn mac(key: &str, body: &[u8]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).ok()?;
    mac.update(body);
    Some(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests;
