//! Wix eCommerce (`wix.ecom.v1`): events of an app's webhooks. Decides who signed one and which sites it may speak of.
//!
//! The body is a JSON Web Token that Wix signs with a key pair of the app: RS256 and nothing else, whatever the token says
//! of itself. One app may sit on many sites under the same key, so the site's instance id inside what is signed must be
//! ours. What the token carries are texts in texts: `data` is JSON in a string, and in it `data` once more.
//!
//! Wix makes an abandoned checkout late, when the shopper is gone already, and delivers events late, twice, out of order
//! and with old contents (retries go on for 48 hours); the newest `updatedDate` wins.
//!
//! Facts: dev.wix.com (webhooks, abandoned checkouts, orders, order transactions, OAuth with client credentials).

use super::{
    Rehearsed, Shop, Token, hosts, json,
    pull::{NotPulled, Page, Wanted},
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

mod envelope;
mod key;
mod pull;
mod read;
mod rehearsal;

pub struct Wix;

static SPEC: Spec = Spec {
    kind: "wix",
    name: "Wix",
    fields: &[
        Field {
            key: "public_key",
            label: "Public key",
            help: "Your app's, on its page Webhooks in the Wix app dashboard: everything from -----BEGIN PUBLIC KEY----- \
                   to -----END PUBLIC KEY-----.",
            required: true,
            check: |value| if key::read(value).is_empty() { Err(key::WANTED) } else { Ok(()) },
            ..Field::TEXT
        },
        Field {
            key: "instance_id",
            label: "Instance ID",
            help: "Of the app on this site: instanceId in the app's dashboard of installs, and in every event.",
            required: true,
            check: |value| {
                if is_guid(value) { Ok(()) } else { Err("be an id such as 01234567-89ab-cdef-0123-456789abcdef") }
            },
            ..Field::TEXT
        },
        Field {
            key: "site",
            label: "Site's domains",
            help: "Where the site is, such as shop.example. With commas between them if there are several.",
            required: true,
            check: hosts::check_list,
            ..Field::TEXT
        },
        Field {
            key: "app_id",
            label: "App ID",
            help: "On the app's page OAuth. With the secret, Cartback fetches carts and orders that no webhook told of.",
            check: |value| {
                if is_guid(value) { Ok(()) } else { Err("be an id such as 01234567-89ab-cdef-0123-456789abcdef") }
            },
            ..Field::TEXT
        },
        Field {
            key: "app_secret",
            label: "App secret key",
            help: "On the same page. The app needs the permission Read Orders.",
            secret: true,
            check: check_secret,
            ..Field::TEXT
        },
    ],
    connect: &[
        "Open your custom app in the Wix app dashboard, or create one at manage.wix.com/app-studio, with the permission \
         Read Orders.",
        "On its page Webhooks copy the public key, and create webhooks with the callback URL {url}: Abandoned Checkout \
         Created, Updated, Recovered and Deleted, Order Created, Approved, Updated and Canceled, Order Transactions Refund \
         Completed, App Instance Removed.",
        "Install the app on the site and copy its instance ID.",
        "Copy the app ID and the app secret key from the page OAuth, so that orders can be checked before each text.",
    ],
    topics: &[
        Topic {
            name: "wix.ecom.v1.abandoned_checkout_created",
            label: "Abandoned Checkout Created",
            purpose: "carts",
            needed: true,
        },
        Topic {
            name: "wix.ecom.v1.abandoned_checkout_updated",
            label: "Abandoned Checkout Updated",
            purpose: "carts and phone",
            needed: false,
        },
        Topic {
            name: "wix.ecom.v1.abandoned_checkout_recovered",
            label: "Abandoned Checkout Recovered",
            purpose: "carts that were bought",
            needed: false,
        },
        Topic {
            name: "wix.ecom.v1.abandoned_checkout_deleted",
            label: "Abandoned Checkout Deleted",
            purpose: "carts that are gone",
            needed: false,
        },
        Topic { name: "wix.ecom.v1.order_created", label: "Order Created", purpose: "orders", needed: true },
        Topic { name: "wix.ecom.v1.order_approved", label: "Order Approved", purpose: "orders", needed: true },
        Topic { name: "wix.ecom.v1.order_updated", label: "Order Updated", purpose: "orders", needed: false },
        Topic {
            name: "wix.ecom.v1.order_canceled",
            label: "Order Canceled",
            purpose: "cancelled orders",
            needed: false,
        },
        Topic {
            name: "wix.ecom.v1.order_transactions_refund_completed",
            label: "Order Transactions Refund Completed",
            purpose: "refunds",
            needed: true,
        },
        Topic {
            name: "AppRemoved",
            label: "App Instance Removed",
            purpose: "the end of the connection",
            needed: false,
        },
    ],
    limits: &[
        "Wix tells of a checkout only after it was left, and later than other platforms, so the first text goes out later \
         than the delay in the sequence says.",
        "Wix tells no consent to text messages together with a checkout, so consent has to come from elsewhere.",
        "Refunds come by webhook only: orders that were fetched afterwards carry none.",
        "Refunds are taken in the currency of this shop where the event names none.",
        "Discount codes are not made at Wix.",
        "The time inside a token is not checked, since Wix repeats the same token for two days.",
    ],
};

fn is_guid(value: &str) -> bool {
    let fit = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    value.len() == 36 && value.bytes().enumerate().all(fit)
}

fn check_secret(value: &str) -> Result<(), &'static str> {
    if (16..=256).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err("be the key as Wix shows it, without spaces")
    }
}

impl Shop for Wix {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        let keys = key::read(settings.get("public_key"));
        if keys.is_empty() {
            return Err(Refusal::NoKey);
        }
        let event = envelope::verified(&keys, &delivery.body)?;
        let ours = settings.get("instance_id");
        if ours.is_empty() || !event.instance.as_ref().is_some_and(|instance| instance.eq_ignore_ascii_case(ours)) {
            return Err(Refusal::WrongSignature);
        }
        Ok(Accepted::Keep { topic: event.topic(), key: event.id().unwrap_or_default() })
    }

    fn ask_token(&self, settings: &Settings) -> Option<Request> {
        pull::ask_token(settings)
    }

    fn token(&self, answer: &Response) -> Result<Token, NotPulled> {
        pull::token(answer)
    }

    fn read(&self, shop: &ShopFacts, topic: &str, delivery: &Delivery) -> Result<Vec<ShopEvent>, Unreadable> {
        match topic {
            CHECKOUT => read::checkout(shop, &json::object(delivery)?, delivery.received_at).map(|event| vec![event]),
            ORDER => {
                let body = json::object(delivery)?;
                Ok(vec![ShopEvent::Order(Box::new(read::order(shop, &body, delivery.received_at)?))])
            }
            rehearsal::REFUNDS => {
                let told = json::object(delivery)?;
                Ok(read::refunds(shop, &told, delivery.received_at).into_iter().collect())
            }
            _ => read::event(shop, &envelope::opened(&delivery.body)?, delivery.received_at),
        }
    }

    /// Wix's restore link leads over its own API, which sends the shopper on to the site.
    fn hosts(&self, settings: &Settings) -> Vec<String> {
        let mut hosts = hosts::read(settings.get("site"));
        hosts.push(RESTORE_HOST.to_owned());
        hosts
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
        pull::orders(answer, cursor)
    }

    fn ask_carts(&self, settings: &Settings, since: Time, cursor: Option<&str>) -> Result<Option<Request>, String> {
        pull::ask_carts(settings, since, cursor)
    }

    fn carts(&self, _settings: &Settings, answer: &Response, cursor: Option<&str>) -> Result<Page, NotPulled> {
        pull::carts(answer, cursor)
    }

    fn rehearse(&self, _settings: &Settings, visit: &Visit, act: Act, at: Time) -> Rehearsed {
        rehearsal::told(visit, act, at)
    }
}

const RESTORE_HOST: &str = "www.wixapis.com";

/// What we fetched ourselves. No event has these topics.
const CHECKOUT: &str = "fetched.checkout";
const ORDER: &str = "fetched.order";

#[cfg(test)]
mod tests;
