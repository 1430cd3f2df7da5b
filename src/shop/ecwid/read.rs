//! What Ecwid's carts and orders mean. Decides which payment statuses are bought, and what a cart is called so that its
//! order finds it; everything but ids and totals may be missing.

use serde_json::Value;

use super::json;
use crate::domain::{
    connector::{Delivery, Unreadable},
    discount::TakenOff,
    event::{
        CartUpdate, Channel, ConsentGiven, ConsentProof, ConsentState, Identity, Item, OrderUpdate, Refund, ShopEvent,
        ShopFacts,
    },
    facet,
    money::{Currency, Money},
    time::Time,
};

/// A cart in the frame that `pull::cart` puts around it.
pub(super) fn cart(shop: &ShopFacts, frame: &Value, delivery: &Delivery) -> Result<ShopEvent, Unreadable> {
    let body = json::at(frame, "cart");
    let token = json::id_not_zero(body, "cartId").ok_or_else(|| Unreadable::new("cartId is missing"))?;
    let updated_at = moment(body, "updateTimestamp", "updateDate").unwrap_or(delivery.received_at);
    if json::flag(body, "hidden") == Some(true) {
        return Ok(ShopEvent::CartDeleted { token, at: updated_at });
    }
    let currency = json::currency(body, "currency").unwrap_or(shop.currency);
    let recovered = ["recoveredOrderId", "recoveredPublicUid"].iter().find_map(|key| json::id_not_zero(body, key));
    Ok(ShopEvent::Cart(Box::new(CartUpdate {
        token,
        cart_token: json::id_not_zero(frame, "order").map(|order| order_name(&order)),
        who: who(body),
        first_name: first_name(body),
        country: country(body, "billingPerson").or_else(|| country(body, "shippingPerson")),
        region: region(body),
        zone: None,
        language: json::text(body, "lang"),
        total: json::money(body, "total", currency),
        items: json::list(body, "items").iter().filter_map(|line| item(line, currency)).collect(),
        recovery_url: json::url(frame, "restore"),
        consent: rehearsed_consent(frame),
        started_at: moment(body, "createTimestamp", "createDate"),
        updated_at,
        completed_at: recovered.map(|_| updated_at),
        channel: Channel::Web,
        browser_ip: json::text(body, "ipAddress"),
        written_at_once: false,
        tags: Vec::new(),
        source: json::text(body, "utmData.source"),
        test: false,
    })))
}

pub(super) fn order(shop: &ShopFacts, body: &Value, delivery: &Delivery) -> Result<OrderUpdate, Unreadable> {
    let ids = ["id", "vendorOrderNumber", "orderNumber"];
    let id = ids.iter().find_map(|key| json::id_not_zero(body, key)).ok_or_else(|| Unreadable::new("id is missing"))?;
    let currency = json::currency(body, "currency").unwrap_or(shop.currency);
    let total =
        json::money(body, "total", currency).ok_or_else(|| Unreadable::new("total is missing or not an amount"))?;
    let updated_at = moment(body, "updateTimestamp", "updateDate").unwrap_or(delivery.received_at);
    let created_at = moment(body, "createTimestamp", "createDate").unwrap_or(updated_at);
    let status = json::text(body, "paymentStatus").unwrap_or_default();
    // What is incomplete stands at a payment page that nobody finished: it is no order yet.
    let placed_at = (status != "INCOMPLETE").then_some(created_at);
    let own_name = placed_at.map(|_| order_name(&id));
    let code = json::whole(body, "discountCoupon.code", json::ID_CHARS_MAX);
    let taken = json::money(body, "couponDiscount", currency).filter(|taken| taken.minor > 0);
    Ok(OrderUpdate {
        number: json::text(body, "vendorOrderNumber").unwrap_or_else(|| id.clone()),
        external_id: id,
        who: who(body),
        cart_tokens: json::id_not_zero(body, "cartId").into_iter().chain(own_name).collect(),
        recovery_tokens: recovery_tokens(body),
        discounts: code.clone().zip(taken).map(|(code, amount)| TakenOff { code, amount }).into_iter().collect(),
        codes: code.into_iter().collect(),
        total,
        placed_at,
        updated_at,
        cancelled_at: (status == "CANCELLED").then_some(updated_at),
        refunds: refund(body, &status, total, updated_at).into_iter().collect(),
        channel: channel(body),
        payment: json::text(body, "paymentMethod").map(|title| facet::word(&title)),
        cost: None,
        test: false,
    })
}

/// The name a cart has by the order it would become.
fn order_name(order: &str) -> String {
    format!("order-{order}")
}

/// Ecwid's refunds have no ids, so the sum of them is told, which only grows. An order that the shopkeeper set to refunded
/// by hand has no sum: all of it went back.
fn refund(body: &Value, status: &str, total: Money, updated_at: Time) -> Option<Refund> {
    let refunds = json::list(body, "refunds");
    let positive = |money: Option<Money>| money.filter(|money| money.minor > 0);
    let listed = refunds.iter().filter_map(|refund| positive(json::money(refund, "amount", total.currency)));
    let listed = listed.fold(0i64, |sum, money| sum.saturating_add(money.minor));
    let amount = positive(json::money(body, "refundedAmount", total.currency))
        .or_else(|| positive(Some(Money::new(listed, total.currency))))
        .or_else(|| positive((status == "REFUNDED").then_some(total)))?;
    let at = refunds.iter().filter_map(|refund| date(refund, "date")).max().unwrap_or(updated_at);
    Some(Refund { external_id: "cumulative".into(), amount, at })
}

/// Orders that came from a marketplace, by the name of it.
fn channel(body: &Value) -> Channel {
    let from_elsewhere =
        ["externalOrderData.refererId", "externalOrderId", "externalOrderData.externalOrderId", "ebayId"];
    if from_elsewhere.iter().any(|path| json::text(body, path).is_some()) { Channel::Staff } else { Channel::Web }
}

/// From the page where it was bought, or the one the visit came from.
fn recovery_tokens(body: &Value) -> Vec<String> {
    let pages = ["refererUrl", "globalReferer"].iter().filter_map(|key| json::url(body, key));
    let mut tokens: Vec<String> = pages.flat_map(|page| json::query_values(&page, "cartback")).collect();
    tokens.dedup();
    tokens
}

/// Who pays comes first: a parcel may go to somebody else.
fn who(body: &Value) -> Identity {
    let billing = country(body, "billingPerson").or_else(|| country(body, "shippingPerson"));
    let shipping = country(body, "shippingPerson").or_else(|| billing.clone());
    Identity {
        customer: json::id_not_zero(body, "customerId"),
        email: json::text(body, "email"),
        phones: json::phones([
            json::phone(body, "billingPerson.phone", billing),
            json::phone(body, "shippingPerson.phone", shipping),
        ]),
    }
}

fn country(body: &Value, person: &str) -> Option<String> {
    json::country(json::at(body, person), "countryCode")
}

fn region(body: &Value) -> Option<String> {
    let of = |person| json::region(json::at(body, person), "stateOrProvinceCode");
    of("billingPerson").or_else(|| of("shippingPerson"))
}

fn first_name(body: &Value) -> Option<String> {
    ["billingPerson", "shippingPerson"].iter().find_map(|person| {
        let person = json::at(body, person);
        let whole = || Some(json::text(person, "name")?.split_whitespace().next()?.to_owned());
        json::text(person, "firstName").or_else(whole)
    })
}

fn item(line: &Value, currency: Currency) -> Option<Item> {
    Some(Item {
        title: json::text(line, "name")?,
        quantity: json::quantity(line, "quantity").unwrap_or(1),
        price: json::money(line, "price", currency),
    })
}

/// Only the self-test writes one into the frame: Ecwid knows no consent to texts.
fn rehearsed_consent(frame: &Value) -> Option<ConsentGiven> {
    let source = json::text(frame, "rehearsed_consent")?;
    let proof = ConsentProof { source, ..ConsentProof::default() };
    Some(ConsentGiven { phone: None, state: ConsentState::Granted, proof })
}

/// Unix seconds, or a date with its offset after a space.
pub(super) fn moment(body: &Value, seconds: &str, written: &str) -> Option<Time> {
    let told = json::id_not_zero(body, seconds).and_then(|text| text.parse::<i64>().ok());
    told.map(Time::from_seconds).or_else(|| date(body, written))
}

/// `2026-03-01 10:00:00 +0000`.
fn date(body: &Value, path: &str) -> Option<Time> {
    let text = json::text(body, path)?;
    let joined = match text.rsplit_once(' ') {
        Some((clock, offset)) if offset.starts_with(['+', '-']) => format!("{clock}{offset}"),
        _ => text,
    };
    Time::parse(&joined)
}
