//! What an order of Squarespace's means.

use serde_json::Value;

use super::json;
use crate::domain::{
    connector::Unreadable,
    discount::TakenOff,
    event::{Channel, Identity, OrderUpdate, Refund},
    money::{Currency, Money},
    time::Time,
};

pub(super) fn read(body: &Value, received_at: Time) -> Result<OrderUpdate, Unreadable> {
    let id = json::id_not_zero(body, "id").ok_or_else(|| Unreadable::new("id is missing"))?;
    let (total, currency) = money(body, "grandTotal", None)
        .map(|total| (total, total.currency))
        .ok_or_else(|| Unreadable::new("grandTotal is missing, or has no amount or no ISO 4217 code"))?;
    let updated_at = json::time(body, "modifiedOn").unwrap_or(received_at);
    let created_at = json::time(body, "createdOn").unwrap_or(updated_at);
    let is = |key, word| json::text(body, key).is_some_and(|text| text.eq_ignore_ascii_case(word));
    let refunded = money(body, "refundedTotal", Some(currency)).filter(|refunded| refunded.minor > 0);
    let discounts: Vec<_> = json::list(body, "discountLines").iter().filter_map(|line| taken(line, currency)).collect();
    Ok(OrderUpdate {
        number: json::text(body, "orderNumber").unwrap_or_else(|| id.clone()),
        external_id: id,
        who: who(body),
        cart_tokens: Vec::new(),
        recovery_tokens: Vec::new(),
        codes: json::list(body, "discountLines").iter().filter_map(code).collect(),
        discounts,
        total,
        // Of a payment that failed nothing was bought; one that is under way is the shopper's decision all the same.
        placed_at: (!is("paymentState", "FAILED")).then_some(created_at),
        updated_at,
        cancelled_at: (is("fulfillmentStatus", "CANCELED") || is("fulfillmentStatus", "CANCELLED"))
            .then_some(updated_at),
        refunds: refunded
            .map(|amount| Refund { external_id: "cumulative".into(), amount, at: updated_at })
            .into_iter()
            .collect(),
        channel: channel(body),
        payment: None,
        cost: None,
        test: json::flag(body, "testmode") == Some(true),
    })
}

fn code(line: &Value) -> Option<String> {
    json::whole(line, "promoCode", json::ID_CHARS_MAX)
}

fn taken(line: &Value, currency: Currency) -> Option<TakenOff> {
    let amount = money(line, "amount", Some(currency))?;
    // Written with a minus by some of its reports.
    let minor = amount.minor.checked_abs().filter(|&minor| minor > 0)?;
    Some(TakenOff { code: code(line)?, amount: Money::new(minor, amount.currency) })
}

/// `{"value": "49.99", "currency": "USD"}`; the currency may be an object that names it.
fn money(body: &Value, key: &str, otherwise: Option<Currency>) -> Option<Money> {
    let told = json::at(body, key);
    let named = json::currency(told, "currency").or_else(|| json::currency(told, "currency.currencyCode"));
    json::money(told, "value", named.or(otherwise)?)
}

fn channel(body: &Value) -> Channel {
    let elsewhere = ["channelName", "externalOrderReference"].iter().any(|key| json::text(body, key).is_some());
    match json::text(body, "channel").as_deref() {
        Some(channel) if channel.eq_ignore_ascii_case("pos") => Channel::PointOfSale,
        // Written in from another sales channel.
        _ if elsewhere => Channel::Staff,
        _ => Channel::Web,
    }
}

/// Who pays comes first: a parcel may go to somebody else.
fn who(body: &Value) -> Identity {
    let billing = json::country(body, "billingAddress.countryCode")
        .or_else(|| json::country(body, "shippingAddress.countryCode"));
    let shipping = json::country(body, "shippingAddress.countryCode").or_else(|| billing.clone());
    Identity {
        customer: json::id_not_zero(body, "customerId"),
        email: json::text(body, "customerEmail"),
        phones: json::phones([
            json::phone(body, "billingAddress.phone", billing),
            json::phone(body, "shippingAddress.phone", shipping),
        ]),
    }
}
