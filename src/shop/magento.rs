//! Magento Open Source 2.4, which tells nothing by itself: its carts and orders are asked for through its REST API
//! (`V1`), with the access token of an integration. Decides what is asked and what a shopkeeper reads when it is
//! refused; what a cart and an order say is decided in `magento/{quote,order}.rs`, which Adobe Commerce shares.
//!
//! An order carries the number of the cart it was (`quote_id`), so the two find each other without anything of ours in
//! the shop. Sources: the Commerce Web API guide (AdobeDocs/commerce-webapi), Magento's `CartRepository`,
//! `OrderRepository`.

use super::{
    Rehearsed, Shop, hosts, json,
    pull::{NotPulled, Page, Pulled, Wanted},
};
use crate::domain::{
    connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Topic, Unreadable},
    event::{ShopEvent, ShopFacts},
    rehearsal::{Act, Visit},
    time::Time,
};
use crate::http::{Request, Response};

pub(in crate::shop) mod api;
pub(in crate::shop) mod order;
pub(in crate::shop) mod quote;
pub(in crate::shop) mod rehearsal;

pub struct Magento;

static SPEC: Spec = Spec {
    kind: "magento",
    name: "Magento Open Source",
    fields: &[SITE, ACCESS_TOKEN, RECOVERY_PAGE],
    connect: &[
        "In Magento's Admin, open System > Extensions > Integrations > Add New Integration, name it Cartback, and \
         confirm with your password.",
        "Under API, choose Custom and tick Sales > Operations > Orders and Manage carts, or choose All; save, press \
         Activate, allow it, and copy the Access Token.",
        "Open Stores > Configuration > Services > OAuth > Consumer Settings and set \"Allow OAuth Access Tokens to be \
         used as standalone Bearer tokens\" to Yes; save and flush the cache.",
        "There is no address to paste: Magento Open Source sends nothing, and Cartback asks it every few minutes.",
    ],
    topics: &[
        Topic { name: quote::TOPIC, label: "/V1/carts/search", purpose: "carts and phone", needed: true },
        Topic { name: order::TOPIC, label: "/V1/orders", purpose: "orders and refunds", needed: true },
    ],
    limits: &[
        "Magento Open Source sends no webhooks: carts and orders are seen a few minutes late.",
        "Magento keeps a phone number only once the shipping step of the checkout was reached.",
        "Magento keeps no consent to texts: a cart has one only where a module of the shop adds the extension \
         attribute sms_consent to carts; a newsletter subscription is none.",
        "Magento has no link that restores a guest's cart: without a module of the shop's, the link leads to the cart \
         page, which is filled only in the browser the cart was left in, or once the customer has signed in.",
        "A cart's total is the sum of its items: the API tells neither its tax nor its shipping.",
        "Refunds are seen as one amount that grows, at the time the order changed.",
        "Single-use discount codes are not made: a code of Magento's takes its discount and its end from a cart price \
         rule, so that what a text promises could not be kept; use a code of your own.",
        "What the shop's staff orders in the Admin is told apart by its missing remote IP.",
    ],
};

pub(in crate::shop) const SITE: Field = Field {
    key: "site",
    label: "Shop's host names",
    help: "Where recovery links may lead: shop.example. With commas between them if there are several; the API is \
           asked at the first one.",
    required: true,
    check: hosts::check_list,
    ..Field::TEXT
};

pub(in crate::shop) const ACCESS_TOKEN: Field = Field {
    key: "access_token",
    label: "Access Token",
    help: "Of the integration: System > Extensions > Integrations in the Admin, shown when it is activated. Not the \
           Consumer Key and not the Access Token Secret.",
    secret: true,
    required: true,
    check: api::check_token,
    ..Field::TEXT
};

pub(in crate::shop) const RECOVERY_PAGE: Field = Field {
    key: "recovery_page",
    label: "Page that restores a cart",
    help: "Of a module of your shop's, where {cart} stands for the cart's number: \
           https://shop.example/restore/?id={cart}. Anybody can count: the module must not show a cart's address. Empty: the \
           shop's cart page.",
    check: quote::check_page,
    ..Field::TEXT
};

impl Shop for Magento {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    /// Nothing that is posted can be Magento's.
    fn verify(&self, _settings: &Settings, _delivery: &Delivery) -> Result<Accepted, Refusal> {
        Err(Refusal::NoKey)
    }

    fn read(&self, _shop: &ShopFacts, topic: &str, delivery: &Delivery) -> Result<Vec<ShopEvent>, Unreadable> {
        read(topic, delivery)
    }

    fn hosts(&self, settings: &Settings) -> Vec<String> {
        hosts::read(settings.get("site"))
    }

    fn home(&self, settings: &Settings) -> Option<String> {
        hosts::read(settings.get("site")).into_iter().next()
    }

    fn is_silent(&self, _settings: &Settings) -> bool {
        true
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

    fn ask_carts(&self, settings: &Settings, since: Time, cursor: Option<&str>) -> Result<Option<Request>, String> {
        Ok(quote::ask(settings, since, cursor))
    }

    fn carts(&self, settings: &Settings, answer: &Response, cursor: Option<&str>) -> Result<Page, NotPulled> {
        quote::told(settings, answer, cursor)
    }

    fn rehearse(&self, _settings: &Settings, visit: &Visit, act: Act, at: Time) -> Rehearsed {
        Rehearsed::Fetched { pointer: None, whole: rehearsal::whole(visit, act, at) }
    }
}

/// What was fetched, under the topics it was given here.
pub(in crate::shop) fn read(topic: &str, delivery: &Delivery) -> Result<Vec<ShopEvent>, Unreadable> {
    match topic {
        quote::TOPIC => {
            let cart = quote::cart(&json::object(delivery)?, delivery.received_at)?;
            Ok(cart.into_iter().map(|cart| ShopEvent::Cart(Box::new(cart))).collect())
        }
        order::TOPIC => {
            let order = order::order(&json::object(delivery)?, delivery.received_at, order::Teller::Api)?;
            Ok(vec![ShopEvent::Order(Box::new(order))])
        }
        _ => Ok(Vec::new()),
    }
}

#[cfg(test)]
pub(in crate::shop) mod tests;
