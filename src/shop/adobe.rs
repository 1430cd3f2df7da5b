//! Adobe Commerce 2.4.5 and later, through Adobe I/O Events: Commerce tells Adobe of a changed cart or order, and Adobe
//! posts that here as a CloudEvent. Decides who signed a delivery and what is fetched for it; carts and orders
//! themselves are read as Magento's (`magento/{quote,order}.rs`), by whose REST API they are fetched.
//!
//! Events come at least once and in any order, each signed with Adobe's own keys (`adobe/signature.rs`). An event has
//! only the fields that the shopkeeper subscribed to, and of a cart never its addresses: a cart's event only points at
//! it. Sources: AdobeDocs/commerce-extensibility (events), developer.adobe.com/events (webhooks, signatures),
//! adobe/aio-lib-java.

use serde_json::Value;

use super::{
    Rehearsed, Shop, hosts, json, magento,
    magento::{api, order, quote, rehearsal},
    pull::{self, NotPulled, Page, Pulled, Wanted},
};
use crate::domain::{
    connector::{Accepted, Delivery, Field, Refusal, Settings, Spec, Topic, Unreadable},
    event::{ShopEvent, ShopFacts},
    rehearsal::{Act, Visit},
    time::Time,
};
use crate::http::{Request, Response};

mod signature;

pub struct Adobe;

const QUOTE: &str = "observer.sales_quote_save_after";
const ORDER: &str = "observer.sales_order_save_commit_after";
const CREDIT_MEMO: &str = "observer.sales_order_creditmemo_save_after";

static SPEC: Spec = Spec {
    kind: "adobe",
    name: "Adobe Commerce",
    fields: &[
        magento::SITE,
        Field {
            key: "client_id",
            label: "Client ID",
            help: "In the Adobe Developer Console: your project > Credentials > OAuth Server-to-Server > Client ID. \
                   Events for anybody else are refused.",
            required: true,
            check: signature::check_client,
            ..Field::TEXT
        },
        magento::ACCESS_TOKEN,
        magento::RECOVERY_PAGE,
    ],
    connect: &[
        "In the Commerce Admin, open System > Extensions > Integrations > Add New Integration, name it Cartback; under \
         API tick Sales > Operations > Orders and Manage carts, or choose All; save, press Activate, and copy the Access \
         Token.",
        "Open Stores > Configuration > Services > OAuth > Consumer Settings and set \"Allow OAuth Access Tokens to be \
         used as standalone Bearer tokens\" to Yes.",
        "Connect Commerce with Adobe I/O Events, if it is not: Stores > Configuration > Adobe Services > Adobe I/O \
         Events.",
        "Subscribe to the events: bin/magento events:subscribe observer.sales_quote_save_after --fields=entity_id \
         --fields=is_active --fields=updated_at",
        "Then: bin/magento events:subscribe observer.sales_order_save_commit_after --fields=entity_id \
         --fields=increment_id --fields=quote_id --fields=state --fields=status --fields=customer_id \
         --fields=customer_email --fields=customer_is_guest --fields=order_currency_code --fields=grand_total \
         --fields=total_paid --fields=total_refunded --fields=coupon_code --fields=discount_amount \
         --fields=applied_rule_ids --fields=remote_ip --fields=created_at --fields=updated_at --fields=addresses \
         --fields=payment",
        "And: bin/magento events:subscribe observer.sales_order_creditmemo_save_after --fields=entity_id \
         --fields=order_id",
        "In the Adobe Developer Console, open your project > Add to project > Event, choose the Commerce provider and \
         the three events, then Webhook (not Batch) with the URL {url}.",
        "The registration turns Active once Cartback has answered Adobe's challenge.",
    ],
    topics: &[
        Topic { name: QUOTE, label: QUOTE, purpose: "carts and phone", needed: true },
        Topic { name: ORDER, label: ORDER, purpose: "orders and refunds", needed: true },
        Topic { name: CREDIT_MEMO, label: CREDIT_MEMO, purpose: "refunds", needed: false },
    ],
    limits: &[
        "An event of a cart holds neither its addresses nor a link: each cart is fetched by the REST API, so that \
         without an Access Token no cart is seen.",
        "An order whose event lacks fields is fetched as well.",
        "Commerce keeps a phone number only once the shipping step of the checkout was reached.",
        "Commerce keeps no consent to texts: a cart has one only where a module of the shop adds the extension \
         attribute sms_consent to carts; a newsletter subscription is none.",
        "Commerce has no link that restores a guest's cart: without a module of the shop's, the link leads to the cart \
         page, which is filled only in the browser the cart was left in, or once the customer has signed in.",
        "A cart's total is the sum of its items: the API tells neither its tax nor its shipping.",
        "Refunds are seen as one amount that grows, at the time the order changed.",
        "Single-use discount codes are not made: a code takes its discount and its end from a cart price rule, so that \
         what a text promises could not be kept; use a code of your own.",
        "Events in batches are not read: choose Webhook, not Batch.",
        "The synchronous module Adobe Commerce Webhooks is not used: it would make shoppers wait for us.",
    ],
};

impl Shop for Adobe {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    /// Only what comes unsigned: the steps of a registration. Everything else is signed, and goes by `verify_by`.
    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        if let Some(greeting) = signature::greeting(delivery) {
            return Ok(Accepted::Greeting(Box::new(greeting)));
        }
        match signature::pair(delivery) {
            _ if settings.given("client_id").is_none() => Err(Refusal::NoKey),
            None => Err(Refusal::Unsigned),
            Some(_) => Err(Refusal::WrongSignature),
        }
    }

    fn ask_keys(&self, settings: &Settings, delivery: &Delivery) -> Option<Request> {
        signature::ask(settings, delivery)
    }

    fn verify_by(&self, settings: &Settings, keys: &Response, delivery: &Delivery) -> Result<Accepted, Refusal> {
        signature::verify(settings, keys, delivery)?;
        let body = json::object(delivery).unwrap_or_default();
        let key = ["id", "event_id"].iter().find_map(|key| json::whole(&body, key, NAME_CHARS_MAX));
        Ok(Accepted::Keep { topic: topic(&body, delivery), key: key.unwrap_or_default() })
    }

    fn ask_whole(&self, settings: &Settings, topic: &str, delivery: &Delivery) -> Result<Option<Request>, String> {
        if !matches!(topic, QUOTE | ORDER | CREDIT_MEMO) {
            return Ok(None);
        }
        let Ok(body) = json::object(delivery) else { return Ok(None) };
        let event = told(&body);
        let (path, field, id) = match topic {
            QUOTE if json::flag(event, "is_active") == Some(false) => return Ok(None),
            QUOTE => ("carts", "entity_id", quote::id(event)),
            ORDER if order::is_whole(event, delivery.received_at) => return Ok(None),
            ORDER => ("orders", "entity_id", order::id(event)),
            _ => ("orders", "order_id", json::id_not_zero(event, "order_id")),
        };
        let id = id
            .filter(|id| pull::is_id(id))
            .ok_or_else(|| format!("the event {topic} has no field {field}: subscribe to it with --fields={field}"))?;
        let api = api::Api::of(settings).ok_or("access_token: is needed to fetch what an event only points at")?;
        Ok(Some(api.get(&format!("{path}/{id}"))))
    }

    fn whole(
        &self,
        settings: &Settings,
        topic: &str,
        _delivery: &Delivery,
        answer: &Response,
    ) -> Result<Vec<Pulled>, NotPulled> {
        // Gone, if it is Commerce that says so and not a page of some other server's.
        let says = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
        if answer.status == 404 && json::text(&says, "message").is_some() {
            return Ok(Vec::new());
        }
        let body = api::read(answer)?;
        let (id, pulled) = match topic {
            QUOTE => (quote::id(&body), quote::pulled(settings, &body)),
            _ => (order::id(&body), order::pulled(&body)),
        };
        match id {
            Some(_) => Ok(vec![pulled]),
            None => Err(NotPulled::later("the shop's answer is not Commerce's")),
        }
    }

    fn read(&self, _shop: &ShopFacts, topic: &str, delivery: &Delivery) -> Result<Vec<ShopEvent>, Unreadable> {
        if topic != ORDER {
            return magento::read(topic, delivery);
        }
        let body = json::object(delivery)?;
        // One that lacks what an order needs only points at it.
        let order = order::order(told(&body), delivery.received_at, order::Teller::Event);
        Ok(order.into_iter().map(|order| ShopEvent::Order(Box::new(order))).collect())
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

    /// Only Adobe can sign an event.
    fn rehearse(&self, _settings: &Settings, visit: &Visit, act: Act, at: Time) -> Rehearsed {
        Rehearsed::Fetched { pointer: None, whole: rehearsal::whole(visit, act, at) }
    }
}

/// Longer than any name or id of an event.
const NAME_CHARS_MAX: usize = 200;

/// The name of an event without what stands before it (`com.adobe.commerce.`). The header is not signed; it only says
/// how to read a body that does not say it itself.
fn topic(body: &Value, delivery: &Delivery) -> String {
    let code = json::whole(body, "type", NAME_CHARS_MAX)
        .or_else(|| delivery.header("x-adobe-event-code").map(str::to_owned))
        .filter(|code| code.chars().count() <= NAME_CHARS_MAX)
        .unwrap_or_default();
    match code.find("observer.").or_else(|| code.find("plugin.")).and_then(|start| code.get(start..)) {
        Some(name) => name.to_owned(),
        None => code,
    }
}

/// What Commerce told: under `data` of a CloudEvent, under `event` in the form before it.
fn told(body: &Value) -> &Value {
    let places = ["data.value", "event.data.value", "event.body.value", "data", "event.data"];
    places.iter().map(|place| json::at(body, place)).find(|value| value.is_object()).unwrap_or(&Value::Null)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
