//! Shopware 6. Two senders share one connection: the shop itself tells our app of orders, signed with the secret that
//! the app's registration agreed on, and our plugin (`assets/connect/shopware`) tells of carts in our own event format,
//! signed with the plugin's, because no app hears of carts. Decides who signed a delivery and what is fetched for it.
//!
//! A webhook's order lacks what hangs on it (currency, country, payments), so that it only points at the order, which
//! is fetched by the Admin API. The plugin writes the cart's token on the order. Sources: shopware/docs (app
//! registration, webhooks), shopware/app-php-sdk, shopware's `AppRegistrationService`.

use super::{
    Rehearsed, Shop, TOKEN, Token, generic, hosts, json,
    pull::{NotPulled, Page, Pulled, Wanted},
    standard_webhooks,
};
use crate::domain::{
    connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Topic, Unreadable},
    event::{ShopEvent, ShopFacts},
    rehearsal::{Act, Visit},
    time::Time,
};
use crate::http::{Request, Response};

mod api;
mod order;
mod registration;
mod rehearsal;
mod signature;

pub struct Shopware;

static SPEC: Spec = Spec {
    kind: "shopware",
    name: "Shopware 6",
    fields: &[
        Field {
            key: "site",
            label: "Shop's host names",
            help: "Where recovery links may lead: shop.example. With commas between them if there are several; that of \
                   APP_URL has to be among them.",
            required: true,
            check: hosts::check_list,
            ..Field::TEXT
        },
        Field {
            key: "app_secret",
            label: "App secret",
            help: "What stands between <secret> and </secret> in the app's manifest.xml.",
            secret: true,
            required: true,
            drawn: true,
            check: signature::check_app_secret,
            ..Field::TEXT
        },
        Field {
            key: "plugin_secret",
            label: "Plugin secret",
            help: "whsec_…, the same here and in the configuration of the Cartback plugin. Without it no carts \
                   are seen.",
            secret: true,
            drawn: true,
            check: standard_webhooks::check_secrets,
            ..Field::TEXT
        },
        Field {
            key: "shop_secret",
            label: "Shop secret",
            help: "Filled in when the app is installed. Empty it only to let a shop be installed anew.",
            secret: true,
            check: signature::check_shop_secret,
            ..Field::TEXT
        },
        Field {
            key: "previous_secret",
            label: "Shop secret before this one",
            help: "Filled in when Shopware changes the shop secret; good for five more minutes.",
            secret: true,
            ..Field::TEXT
        },
        Field {
            key: "shop_id",
            label: "Shop ID",
            help: "Filled in when the app is installed.",
            check: |value| if value.chars().count() <= json::ID_CHARS_MAX { Ok(()) } else { Err("be shorter") },
            ..Field::TEXT
        },
        Field {
            key: "shop_url",
            label: "Shop address",
            help: "Filled in when the app is installed: the shop's APP_URL, where its Admin API is.",
            check: registration::check_url,
            ..Field::TEXT
        },
        Field {
            key: "api_key",
            label: "API access key ID",
            help: "Filled in when the app is installed.",
            secret: true,
            ..Field::TEXT
        },
        Field {
            key: "api_secret",
            label: "API secret access key",
            help: "Filled in when the app is installed.",
            secret: true,
            ..Field::TEXT
        },
    ],
    connect: &[
        "Open {url}?file=manifest and save it as manifest.xml in a new folder named Cartback.",
        "In that file, put the App secret between <secret> and </secret>, then pack the folder as Cartback.zip.",
        "In the Administration, open Extensions > My extensions > Upload extension, choose Cartback.zip, then Install \
         app and allow it to read orders: Shopware registers with Cartback by itself.",
        "For carts, pack the folder assets/connect/shopware/CartbackCarts as a zip, upload it in the same place, \
         install and activate it.",
        "In its configuration, paste {url} and the Plugin secret.",
    ],
    topics: &[
        Topic { name: "checkout.order.placed", label: "checkout.order.placed", purpose: "orders", needed: true },
        Topic {
            name: "state_enter.order_transaction.state.paid",
            label: "state_enter.order_transaction.state.paid",
            purpose: "payments",
            needed: true,
        },
        Topic {
            name: "state_enter.order_transaction.state.refunded",
            label: "state_enter.order_transaction.state.refunded",
            purpose: "refunds",
            needed: false,
        },
        Topic {
            name: "state_enter.order.state.cancelled",
            label: "state_enter.order.state.cancelled",
            purpose: "cancellations",
            needed: false,
        },
        Topic { name: "app.deleted", label: "app.deleted", purpose: "leaving", needed: false },
        Topic {
            name: "checkout.updated",
            label: "Plugin Cartback carts",
            purpose: "carts, phone and consent",
            needed: true,
        },
    ],
    limits: &[
        "Shopware tells apps nothing of carts: without the plugin, which a shop in Shopware's cloud cannot install, \
         only orders are seen.",
        "A cart is told of once the shopper has registered or ordered as a guest, because only then there is a phone \
         number.",
        "Shopware has no consent to texts: the plugin tells one only where the shop's theme writes the customer's \
         custom field cartback_sms_consent.",
        "A part that was refunded is seen only where the payment plugin keeps refunds of its own in Shopware; a whole \
         refund always is.",
        "APP_URL has to begin with https://.",
        "Once the app is installed, it is registered anew only by a shop that signs with the Shop secret too; after \
         removing the app, empty the field Shop secret before it is installed again.",
        "Single-use discount codes are not made.",
    ],
};

impl Shop for Shopware {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        if let Some(step) = registration::Step::of(delivery) {
            return registration::answer(settings, &step, delivery)
                .map(|greeting| Accepted::Greeting(Box::new(greeting)));
        }
        match Sender::of(delivery) {
            Sender::Plugin => {
                let key = standard_webhooks::verify(settings.list("plugin_secret"), delivery)?;
                let body = json::only(delivery, &["type"]);
                let topic = json::whole(&body, "type", TOPIC_CHARS_MAX).unwrap_or_else(|| "unreadable".into());
                Ok(Accepted::Keep { topic, key })
            }
            Sender::Shop => {
                signature::verify(settings, delivery)?;
                let body = json::only(delivery, &["data", "source"]);
                let word = |path| json::whole(&body, path, TOPIC_CHARS_MAX);
                Ok(Accepted::Keep {
                    topic: word("data.event").unwrap_or_else(|| "unreadable".into()),
                    key: word("source.eventId").unwrap_or_default(),
                })
            }
        }
    }

    fn ask_token(&self, settings: &Settings) -> Option<Request> {
        api::ask_token(settings)
    }

    fn token(&self, answer: &Response) -> Result<Token, NotPulled> {
        api::token(answer)
    }

    fn ask_whole(&self, settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Option<Request>, String> {
        if !order::points_at_one(topic) || matches!(Sender::of(delivery), Sender::Plugin) {
            return Ok(None);
        }
        let body = json::object(delivery).unwrap_or_default();
        let Some(id) = order::pointed_at(&body) else { return Ok(None) };
        match order::ask(settings, &Wanted::One { external_id: id }, None)? {
            None => Err("shop_url, api_key: install the app first, so that orders can be fetched".into()),
            request => Ok(request),
        }
    }

    fn whole(
        &self,
        _settings: &Settings,
        _topic: &str,
        _delivery: &Delivery,
        answer: &Response,
    ) -> Result<Vec<Pulled>, NotPulled> {
        Ok(order::told(answer, None)?.orders)
    }

    fn read(&self, shop: &ShopFacts, topic: &str, delivery: &Delivery) -> Result<Vec<ShopEvent>, Unreadable> {
        match (Sender::of(delivery), topic) {
            (Sender::Plugin, topic) => generic::Generic.read(shop, topic, delivery),
            (Sender::Shop, order::TOPIC) => {
                let order = order::read(&json::object(delivery)?, delivery.received_at)?;
                Ok(vec![ShopEvent::Order(Box::new(order))])
            }
            (Sender::Shop, "app.deleted" | "app_deleted") => {
                Ok(vec![ShopEvent::Uninstalled { at: delivery.received_at }])
            }
            (Sender::Shop, _) => Ok(Vec::new()),
        }
    }

    fn hosts(&self, settings: &Settings) -> Vec<String> {
        hosts::read(settings.get("site"))
    }

    fn home(&self, settings: &Settings) -> Option<String> {
        hosts::read(settings.get("site")).into_iter().next()
    }

    /// For the plugin's restore link.
    fn discount_query(&self, code: &str) -> Option<(&'static str, String)> {
        Some(("coupon", code.to_owned()))
    }

    fn ask_orders(
        &self,
        settings: &Settings,
        wanted: &Wanted,
        cursor: Option<&str>,
    ) -> Result<Option<Request>, String> {
        order::ask(settings, wanted, cursor)
    }

    fn orders(&self, answer: &Response, cursor: Option<&str>) -> Result<Page, NotPulled> {
        order::told(answer, cursor)
    }

    fn order_page(&self, settings: &Settings, external_id: &str) -> Option<String> {
        let shop = settings.given("shop_url")?.trim_end_matches('/');
        order::is_id(external_id).then(|| format!("{shop}/admin#/sw/order/detail/{external_id}"))
    }

    fn rehearse(&self, settings: &Settings, visit: &Visit, act: Act, at: Time) -> Rehearsed {
        rehearsal::told(settings, visit, act, at)
    }
}

/// Longer than any topic or id either sender makes.
const TOPIC_CHARS_MAX: usize = 100;

/// Who says to have sent a delivery. `verify` and `read` must agree, so both ask here.
enum Sender {
    Shop,
    Plugin,
}

impl Sender {
    fn of(delivery: &Delivery) -> Sender {
        let sent = |wanted: &str| delivery.headers.iter().any(|(name, _)| name == wanted);
        if sent("webhook-signature") && !sent("shopware-shop-signature") { Sender::Plugin } else { Sender::Shop }
    }
}

#[cfg(test)]
mod tests;
