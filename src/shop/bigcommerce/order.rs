//! An order of version 2 as an order of ours: decides what its status means. Moments are written as mail writes them
//! (RFC 2822), money with four decimals in the currency the shopper paid in.

use serde_json::Value;

use super::json;
use crate::domain::{
    connector::Unreadable,
    event::{Channel, Identity, OrderUpdate, Refund, ShopEvent},
    facet,
    money::Currency,
    time::Time,
};

pub(super) fn read(body: &Value, received_at: Time) -> Result<Vec<ShopEvent>, Unreadable> {
    let id = json::id_not_zero(body, "id").ok_or_else(|| Unreadable::new("id is missing"))?;
    let stage = Stage::of(body)?;
    if stage == Stage::Incomplete {
        return Ok(Vec::new());
    }
    let currency = json::currency(body, "currency_code").or_else(|| json::currency(body, "default_currency_code"));
    let currency = currency.ok_or_else(|| Unreadable::new("currency_code is missing or not an ISO 4217 code"))?;
    let total = json::money(body, "total_inc_tax", currency)
        .ok_or_else(|| Unreadable::new("total_inc_tax is missing or not an amount"))?;
    let updated_at = moment(body, "date_modified").unwrap_or(received_at);
    let created_at = moment(body, "date_created").unwrap_or(updated_at);
    let bought = matches!(stage, Stage::Bought | Stage::Cancelled);
    Ok(vec![ShopEvent::Order(Box::new(OrderUpdate {
        number: format!("#{id}"),
        external_id: id,
        who: who(body),
        // Only once it is bought: an order must not close the cart that waits for its payment.
        cart_tokens: json::id(body, "cart_id").filter(|_| bought).into_iter().collect(),
        recovery_tokens: Vec::new(),
        codes: Vec::new(),
        discounts: Vec::new(),
        total,
        placed_at: bought.then_some(created_at),
        updated_at,
        cancelled_at: matches!(stage, Stage::Cancelled | Stage::Declined).then_some(updated_at),
        refunds: refund(body, currency, updated_at).into_iter().collect(),
        channel: channel(body),
        payment: json::text(body, "payment_method").map(|method| facet::word(&method)),
        cost: None,
        test: is_test(body),
    }))])
}

/// A shopper on the payment page: no order.
pub(super) fn is_incomplete(body: &Value) -> bool {
    json::text(body, "status_id").as_deref() == Some("0")
}

pub(super) fn moment(body: &Value, path: &str) -> Option<Time> {
    let text = json::text(body, path)?;
    let mail = jiff::fmt::rfc2822::parse(&text).ok().map(|moment| moment.timestamp().as_millisecond());
    mail.filter(|&ms| ms > 0).map(Time::from_millis).or_else(|| Time::parse(&text))
}

/// What an order's status says about buying (BigCommerce docs, "Order statuses").
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Incomplete,
    /// The shopper did not get through with the payment.
    Waiting,
    Declined,
    Bought,
    Cancelled,
}

impl Stage {
    fn of(body: &Value) -> Result<Stage, Unreadable> {
        let status = json::text(body, "status_id").ok_or_else(|| Unreadable::new("status_id is missing"))?;
        // Deleting tidies a list and gives no money back; but nobody waits for it any more.
        let deleted = json::flag(body, "is_deleted") == Some(true);
        Ok(match status.as_str() {
            "0" => Stage::Incomplete,
            "6" => Stage::Declined,
            "5" => Stage::Cancelled,
            "1" if !has_paid(body) && deleted => Stage::Declined,
            "1" if !has_paid(body) => Stage::Waiting,
            // Also Awaiting Payment: the shopper is through, and pays by bank or on delivery.
            _ if deleted => Stage::Cancelled,
            _ => Stage::Bought,
        })
    }
}

fn has_paid(body: &Value) -> bool {
    let status = json::text(body, "payment_status").unwrap_or_default().to_ascii_lowercase();
    matches!(status.as_str(), "authorized" | "captured" | "capture pending" | "held for review" | "paid")
}

/// BigCommerce tells what went back in all.
fn refund(body: &Value, currency: Currency, updated_at: Time) -> Option<Refund> {
    let amount = json::money(body, "refunded_amount", currency).filter(|amount| amount.minor > 0)?;
    Some(Refund { external_id: "cumulative".into(), amount, at: updated_at })
}

fn who(body: &Value) -> Identity {
    let country = json::country(body, "billing_address.country_iso2");
    let country = country.or_else(|| json::country(body, "geoip_country_iso2"));
    Identity {
        customer: json::id_not_zero(body, "customer_id"),
        email: json::text(body, "billing_address.email"),
        phones: json::phones([json::phone(body, "billing_address.phone", country)]),
    }
}

/// `external` is another system's, or a headless shop's: that one has a cart.
fn channel(body: &Value) -> Channel {
    let source = json::text(body, "order_source").unwrap_or_default().to_ascii_lowercase();
    match source.as_str() {
        "manual" => Channel::Staff,
        "external" if json::id(body, "cart_id").is_none() => Channel::Staff,
        "pos" | "square" | "clover" | "vend" | "shopkeep" => Channel::PointOfSale,
        other if other.contains("pos_") || other.ends_with("_pos") || other.ends_with(" pos") => Channel::PointOfSale,
        _ => Channel::Web,
    }
}

fn is_test(body: &Value) -> bool {
    ["payment_method", "payment_provider_id"].iter().any(|key| {
        let text = json::text(body, key).unwrap_or_default().to_ascii_lowercase();
        text.contains("test payment") || text.contains("testgateway") || text.contains("bogus")
    })
}
