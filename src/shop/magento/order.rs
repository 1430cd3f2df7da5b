//! Magento's order, as the API tells it (`/V1/orders`) or an event of Adobe Commerce: decides what is asked and what
//! one says.
//!
//! A state is one of eight of Magento's own; a status is the shop's word for it. `pending_payment` waits for a payment
//! page; `new` was ordered and is paid later. `total_refunded` is what went back in all, over every credit memo.

use serde_json::{Value, json};

use super::{api, json};
use crate::{
    domain::{
        connector::{Settings, Unreadable},
        discount::TakenOff,
        event::{Channel, Identity, OrderUpdate, Refund},
        facet,
        money::Money,
        rehearsal::{Act, Visit},
        time::Time,
    },
    http::{Request, Response},
    shop::pull::{NotPulled, Page, Pulled, Wanted, is_id},
};

/// What an order that was fetched is kept as.
pub(in crate::shop) const TOPIC: &str = "order.updated";

/// Of an order with twenty items that is about 60 kB each.
const PAGE: usize = 25;

/// Where a body comes from. What is missing in an answer of the API is not there; an event has only the fields that the
/// shopkeeper chose.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::shop) enum Teller {
    Api,
    Event,
}

pub(in crate::shop) fn ask(
    settings: &Settings,
    wanted: &Wanted,
    cursor: Option<&str>,
) -> Result<Option<Request>, String> {
    let Some(api) = api::Api::of(settings) else { return Ok(None) };
    let groups = match wanted {
        Wanted::Placed { from, to } => {
            vec![vec![("created_at", "gteq", api::moment(*from))], vec![("created_at", "lt", api::moment(*to))]]
        }
        Wanted::Changed { since } => vec![vec![("updated_at", "gteq", api::moment(*since))]],
        Wanted::One { external_id } if is_id(external_id) => {
            vec![vec![("entity_id", "eq", external_id.clone())]]
        }
        Wanted::One { .. } => return Err("the order's id is none of Magento's".into()),
    };
    Ok(Some(api.list("orders", groups, cursor, PAGE)))
}

pub(in crate::shop) fn told(answer: &Response, cursor: Option<&str>) -> Result<Page, NotPulled> {
    api::page(answer, cursor, PAGE, "entity_id", pulled)
}

pub(in crate::shop) fn pulled(order: &Value) -> Pulled {
    Pulled {
        topic: TOPIC,
        body: order.to_string().into_bytes(),
        begun_at: json::time(order, "created_at"),
        tax: json::text(order, "tax_amount"),
        shipping: json::text(order, "shipping_amount"),
    }
}

/// The number of an order, by either of the names it has.
pub(in crate::shop) fn id(order: &Value) -> Option<String> {
    json::id_not_zero(order, "entity_id").or_else(|| json::id_not_zero(order, "id"))
}

/// Whether an event has all that makes fetching the order needless.
pub(in crate::shop) fn is_whole(body: &Value, received_at: Time) -> bool {
    let order = order(body, received_at, Teller::Event);
    let told = ["state", "created_at", "updated_at"].iter().all(|key| json::text(body, key).is_some());
    told && order.is_ok_and(|order| !order.cart_tokens.is_empty() && !order.who.phones.is_empty())
}

/// What an order's body says.
pub(in crate::shop) fn order(body: &Value, received_at: Time, teller: Teller) -> Result<OrderUpdate, Unreadable> {
    let external_id = id(body).ok_or_else(|| Unreadable::new("entity_id is missing"))?;
    let currency = json::currency(body, "order_currency_code")
        .ok_or_else(|| Unreadable::new("order_currency_code is missing or not an ISO 4217 code"))?;
    let money = |path: &str| json::money(body, path, currency);
    let total = money("grand_total").ok_or_else(|| Unreadable::new("grand_total is missing or not an amount"))?;
    let updated_at = json::time(body, "updated_at").unwrap_or(received_at);
    let stage = Stage::of(body);
    let codes: Vec<String> = json::whole(body, "coupon_code", json::ID_CHARS_MAX).into_iter().collect();
    let refunded = money("total_refunded").filter(|refunded| refunded.minor > 0);
    Ok(OrderUpdate {
        number: json::text(body, "increment_id").unwrap_or_else(|| external_id.clone()),
        external_id,
        who: who(body),
        cart_tokens: json::id_not_zero(body, "quote_id").into_iter().collect(),
        recovery_tokens: Vec::new(),
        discounts: taken_off(body, codes.first(), money("discount_amount")),
        codes,
        total,
        placed_at: placed_at(body, stage, updated_at),
        updated_at,
        cancelled_at: (stage == Stage::Cancelled).then_some(updated_at),
        refunds: refunded
            .map(|amount| Refund { external_id: "cumulative".into(), amount, at: updated_at })
            .into_iter()
            .collect(),
        channel: channel(body, teller),
        payment: payment(body),
        cost: None,
        test: false,
    })
}

/// What an order's state says about buying.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The payment page is still open.
    Waiting,
    Bought,
    Cancelled,
}

impl Stage {
    /// The status only where there is no state: a shop may call its states anything.
    fn of(body: &Value) -> Stage {
        match json::text(body, "state").or_else(|| json::text(body, "status")).as_deref() {
            Some("pending_payment") => Stage::Waiting,
            Some("canceled") => Stage::Cancelled,
            // new, processing, complete, closed, holded, payment_review.
            _ => Stage::Bought,
        }
    }
}

/// Methods that are paid after ordering: who used one has bought, paid or not.
const BY_HAND: [&str; 5] = ["checkmo", "banktransfer", "cashondelivery", "purchaseorder", "free"];

fn placed_at(body: &Value, stage: Stage, updated_at: Time) -> Option<Time> {
    let created_at = json::time(body, "created_at").unwrap_or(updated_at);
    let some = |path| json::text(body, path).is_some_and(|text| text.bytes().any(|byte| matches!(byte, b'1'..=b'9')));
    let by_hand = json::text(body, "payment.method").is_some_and(|method| BY_HAND.contains(&method.as_str()));
    match stage {
        Stage::Waiting => None,
        // A payment that never came is cancelled after some hours: that was never bought.
        Stage::Cancelled => (by_hand || some("total_paid") || some("total_invoiced")).then_some(created_at),
        Stage::Bought => Some(created_at),
    }
}

/// `discount_amount` is what every rule took off together, so it is the code's only where one rule applied.
fn taken_off(body: &Value, code: Option<&String>, amount: Option<Money>) -> Vec<TakenOff> {
    let rules = json::words_between_commas(body, "applied_rule_ids", 2);
    let taken = (|| {
        let (code, amount) = (code?, amount?);
        let minor = amount.minor.checked_abs()?;
        (rules.len() == 1).then(|| TakenOff { code: code.clone(), amount: Money::new(minor, amount.currency) })
    })();
    taken.into_iter().collect()
}

fn who(body: &Value) -> Identity {
    let is_guest = json::flag(body, "customer_is_guest") == Some(true);
    Identity {
        customer: json::id_not_zero(body, "customer_id").filter(|_| !is_guest),
        email: json::text(body, "customer_email")
            .or_else(|| addresses(body).find_map(|address| json::text(address, "email"))),
        phones: json::phones(
            addresses(body).map(|address| json::phone(address, "telephone", json::country(address, "country_id"))),
        ),
    }
}

/// Who pays first, then who is sent to. An event lists them all in one, each with its type.
fn addresses(body: &Value) -> impl Iterator<Item = &Value> {
    let shipping = json::list(body, "extension_attributes.shipping_assignments").iter();
    let listed = |billing: bool| {
        let all = json::list(body, "addresses").iter();
        all.filter(move |address| (json::text(address, "address_type").as_deref() == Some("billing")) == billing)
    };
    [json::at(body, "billing_address")]
        .into_iter()
        .chain(listed(true))
        .chain(shipping.map(|assignment| json::at(assignment, "shipping.address")))
        .chain([json::at(body, "shipping_address")])
        .chain(listed(false))
        .filter(|address| address.is_object())
}

/// Magento notes the shopper's address on what is ordered in the shop front, and on nothing that staff orders.
fn channel(body: &Value, teller: Teller) -> Channel {
    let noted = json::text(body, "remote_ip").is_some();
    let told = body.as_object().is_some_and(|body| body.contains_key("remote_ip"));
    if noted || (teller == Teller::Event && !told) { Channel::Web } else { Channel::Staff }
}

/// As the shop calls it; else Magento's own word.
fn payment(body: &Value) -> Option<String> {
    let notes = json::list(body, "extension_attributes.payment_additional_info").iter();
    let title = notes
        .filter(|note| json::text(note, "key").as_deref() == Some("method_title"))
        .find_map(|note| json::text(note, "value"))
        // So some modules write that there is none.
        .filter(|title| title != "null");
    title.or_else(|| json::text(body, "payment.method")).map(|title| facet::word(&title))
}

/// The self-test's order, as the API would tell of it.
pub(super) fn rehearsed(visit: &Visit, act: Act, at: Time) -> Value {
    let refunded = (act == Act::Refunded).then(|| visit.refunded.amount());
    json!({
        "entity_id": visit.order, "increment_id": format!("{:09}", visit.order), "quote_id": visit.token,
        "state": "processing", "status": "processing", "customer_is_guest": 1, "customer_email": Visit::EMAIL,
        "order_currency_code": visit.total.currency.code(), "grand_total": visit.total.amount(),
        "total_paid": visit.total.amount(), "total_refunded": refunded, "remote_ip": "192.0.2.1",
        "created_at": api::moment(visit.placed_at), "updated_at": api::moment(at),
        "billing_address": {
            "address_type": "billing", "firstname": Visit::FIRST_NAME, "email": Visit::EMAIL,
            "telephone": visit.phone, "country_id": visit.country, "street": [""],
        },
        "payment": { "method": "braintree", "additional_information": [null] }, "items": [],
    })
}
