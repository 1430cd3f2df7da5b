//! Shopware's order with what hangs on it, as `/api/search/order` gives it: decides what is asked and what one says.
//!
//! Money is a JSON number. An order is there as soon as the shopper pressed the button; whether it is paid stands on
//! its transactions, of which each try makes one.

use std::time::Duration;

use serde_json::{Value, json};

use super::{api, json};
use crate::{
    domain::{
        connector::{Settings, Unreadable},
        discount::TakenOff,
        event::{Channel, Identity, OrderUpdate, Refund},
        facet,
        money::{Currency, Money},
        net_ledger::CHARGEBACK,
        time::Time,
    },
    http::{Request, Response},
    shop::pull::{NotPulled, Page, Pulled, Wanted},
};

/// What an order that was fetched is kept as.
pub(super) const TOPIC: &str = "order.updated";

/// Of an order with twenty items and all that hangs on it that is about 100 kB each.
const PAGE: usize = 25;
const GENTLY: Duration = Duration::from_secs(1);

/// 32 hexadecimal digits.
pub(super) fn is_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

pub(super) fn points_at_one(topic: &str) -> bool {
    topic.starts_with("checkout.order.")
        || topic.starts_with("state_enter.order")
        || topic.starts_with("state_leave.order")
}

/// The order a webhook tells of.
pub(super) fn pointed_at(body: &Value) -> Option<String> {
    ["data.payload.order.id", "data.payload.orderId"]
        .iter()
        .find_map(|path| json::id(body, path))
        .filter(|id| is_id(id))
}

pub(super) fn ask(settings: &Settings, wanted: &Wanted, cursor: Option<&str>) -> Result<Option<Request>, String> {
    let since =
        |field: &str, at: &Time| json!({ "type": "range", "field": field, "parameters": { "gte": at.to_string() } });
    let filter = match wanted {
        Wanted::Placed { from, to } => json!([{
            "type": "range", "field": "orderDateTime", "parameters": { "gte": from.to_string(), "lt": to.to_string() },
        }]),
        // A payment changes its transaction and leaves the order as it was.
        Wanted::Changed { since: at } => json!([{
            "type": "multi", "operator": "or", "queries": [
                since("createdAt", at), since("updatedAt", at), since("transactions.updatedAt", at),
                since("transactions.createdAt", at),
            ],
        }]),
        Wanted::One { external_id } if is_id(external_id) => {
            json!([{ "type": "equals", "field": "id", "value": external_id }])
        }
        Wanted::One { .. } => return Err("the order's id is none of Shopware's".into()),
    };
    let page = cursor.and_then(|page| page.parse::<u32>().ok()).unwrap_or(1).max(1);
    let criteria = json!({
        "page": page, "limit": PAGE, "total-count-mode": 1, "filter": filter,
        "sort": [{ "field": "createdAt", "order": "ASC" }, { "field": "id", "order": "ASC" }],
        "associations": {
            "currency": {}, "stateMachineState": {}, "lineItems": {}, "salesChannel": {},
            "orderCustomer": { "associations": { "customer": {} } },
            "billingAddress": { "associations": { "country": {}, "countryState": {} } },
            "deliveries": { "associations": { "shippingOrderAddress": { "associations": { "country": {} } } } },
            "transactions": { "associations": {
                "stateMachineState": {}, "paymentMethod": {},
                "captures": { "associations": { "refunds": { "associations": { "stateMachineState": {} } } } },
            } },
        },
    });
    Ok(api::search(settings, "order", &criteria))
}

pub(super) fn told(answer: &Response, cursor: Option<&str>) -> Result<Page, NotPulled> {
    let body = api::read(answer)?;
    if !json::at(&body, "data").is_array() {
        return Err(NotPulled::later("the shop's answer is not a list of Shopware's"));
    }
    let orders = json::list(&body, "data");
    let page = cursor.and_then(|page| page.parse::<u32>().ok()).unwrap_or(1).max(1);
    Ok(Page {
        orders: orders.iter().map(pulled).collect(),
        next: (orders.len() >= PAGE).then(|| page.saturating_add(1).to_string()),
        wait: GENTLY,
        total: json::text(&body, "total").and_then(|total| total.parse().ok()),
    })
}

pub(super) fn pulled(order: &Value) -> Pulled {
    let tax = json::currency(order, "currency.isoCode").and_then(|currency| {
        let mut taxes = json::list(order, "price.calculatedTaxes").iter();
        let minor = taxes.try_fold(0_i64, |sum, tax| sum.checked_add(json::money(tax, "tax", currency)?.minor))?;
        Some(Money::new(minor, currency).amount())
    });
    Pulled {
        topic: TOPIC,
        body: order.to_string().into_bytes(),
        begun_at: json::time(order, "orderDateTime"),
        tax,
        shipping: json::text(order, "shippingTotal"),
    }
}

/// What an order's body says.
pub(super) fn read(body: &Value, received_at: Time) -> Result<OrderUpdate, Unreadable> {
    let external_id = json::id(body, "id").ok_or_else(|| Unreadable::new("id is missing"))?;
    let currency = json::currency(body, "currency.isoCode")
        .ok_or_else(|| Unreadable::new("currency.isoCode is missing or not an ISO 4217 code"))?;
    let total = json::money(body, "amountTotal", currency)
        .ok_or_else(|| Unreadable::new("amountTotal is missing or not an amount"))?;
    let updated_at = updated_at(body).unwrap_or(received_at);
    let is_cancelled = json::text(body, "stateMachineState.technicalName").as_deref() == Some("cancelled");
    let discounts: Vec<TakenOff> =
        json::list(body, "lineItems").iter().filter_map(|line| discount(line, currency)).collect();
    Ok(OrderUpdate {
        number: json::text(body, "orderNumber").unwrap_or_else(|| external_id.clone()),
        external_id,
        who: who(body),
        cart_tokens: json::id(body, "customFields.cartback_token").into_iter().collect(),
        recovery_tokens: json::whole(body, "customFields.cartback_recovery", json::ID_CHARS_MAX).into_iter().collect(),
        codes: discounts.iter().map(|taken| taken.code.clone()).collect(),
        discounts,
        total,
        placed_at: placed_at(body, is_cancelled, updated_at),
        updated_at,
        cancelled_at: is_cancelled.then_some(updated_at),
        refunds: transactions(body).into_iter().flat_map(|paid| refunds(paid, currency, updated_at)).collect(),
        // Made in the Administration by somebody signed in there.
        channel: match json::text(body, "createdById") {
            Some(_) => Channel::Staff,
            None => Channel::Web,
        },
        payment: transactions(body)
            .last()
            .and_then(|last| json::text(last, "paymentMethod.name"))
            .map(|it| facet::word(&it)),
        cost: None,
        test: false,
    })
}

/// The newest moment of the order and its payments.
fn updated_at(body: &Value) -> Option<Time> {
    let paid = transactions(body);
    let parts = [body].into_iter().chain(paid);
    parts.flat_map(|part| ["updatedAt", "createdAt"].map(|key| json::time(part, key))).flatten().max()
}

/// Oldest first.
fn transactions(body: &Value) -> Vec<&Value> {
    let mut all: Vec<&Value> = json::list(body, "transactions").iter().collect();
    all.sort_by_key(|transaction| json::time(transaction, "createdAt"));
    all
}

fn state(transaction: &Value) -> String {
    json::text(transaction, "stateMachineState.technicalName").unwrap_or_default()
}

/// Methods of Shopware's own that are paid after ordering: who used one has bought, paid or not.
const BY_HAND: [&str; 4] =
    ["payment_invoicepayment", "payment_prepayment", "payment_cashpayment", "payment_debitpayment"];

fn placed_at(body: &Value, is_cancelled: bool, updated_at: Time) -> Option<Time> {
    let ordered_at = json::time(body, "orderDateTime").or_else(|| json::time(body, "createdAt")).unwrap_or(updated_at);
    let all = transactions(body);
    let paid = all.iter().any(|transaction| {
        matches!(
            state(transaction).as_str(),
            "paid" | "paid_partially" | "authorized" | "refunded" | "refunded_partially" | "chargeback" | "reminded"
        )
    });
    let by_hand = all.last().is_some_and(|last| {
        json::text(last, "paymentMethod.technicalName").is_some_and(|method| BY_HAND.contains(&method.as_str()))
    });
    // The payment page was left, or said no.
    let failed = all.last().is_some_and(|last| matches!(state(last).as_str(), "failed" | "cancelled" | "unconfirmed"));
    (paid || by_hand || !(failed || is_cancelled)).then_some(ordered_at)
}

/// Each refund that a payment plugin keeps; else the whole, once the payment counts as given back.
fn refunds(transaction: &Value, currency: Currency, updated_at: Time) -> Vec<Refund> {
    let captures = json::list(transaction, "captures").iter();
    let kept =
        captures.flat_map(|capture| json::list(capture, "refunds")).filter(|refund| state(refund) == "completed");
    let kept: Vec<Refund> = kept.filter_map(|refund| given_back(refund, "", currency, updated_at)).collect();
    match state(transaction).as_str() {
        "chargeback" => given_back(transaction, CHARGEBACK, currency, updated_at).into_iter().collect(),
        "refunded" if kept.is_empty() => given_back(transaction, "", currency, updated_at).into_iter().collect(),
        _ => kept,
    }
}

fn given_back(value: &Value, before: &str, currency: Currency, updated_at: Time) -> Option<Refund> {
    let amount = json::money(value, "amount.totalPrice", currency).filter(|amount| amount.minor > 0)?;
    let at = json::time(value, "updatedAt").or_else(|| json::time(value, "createdAt")).unwrap_or(updated_at);
    Some(Refund { external_id: format!("{before}{}", json::id(value, "id")?), amount, at })
}

/// A promotion with a code is an item with a price below nothing.
fn discount(line: &Value, currency: Currency) -> Option<TakenOff> {
    if json::text(line, "type").as_deref() != Some("promotion") {
        return None;
    }
    let minor = json::money(line, "totalPrice", currency)?.minor.checked_abs()?;
    let code = json::whole(line, "payload.code", json::ID_CHARS_MAX)?;
    Some(TakenOff { code, amount: Money::new(minor, currency) })
}

fn who(body: &Value) -> Identity {
    // A guest has a customer of their own for every order.
    let is_guest = json::flag(body, "orderCustomer.customer.guest") == Some(true);
    let phone = |address: &Value| json::phone(address, "phoneNumber", json::country(address, "country.iso"));
    let sent_to = json::list(body, "deliveries").iter().map(|it| phone(json::at(it, "shippingOrderAddress")));
    Identity {
        customer: json::id_not_zero(body, "orderCustomer.customerId").filter(|_| !is_guest),
        email: json::text(body, "orderCustomer.email"),
        phones: json::phones([phone(json::at(body, "billingAddress"))].into_iter().chain(sent_to)),
    }
}
