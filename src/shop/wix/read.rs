//! What Wix's events, checkouts and orders mean.
//!
//! An abandoned checkout is named by its own id, which it keeps; its order names the checkout (or the cart) it was, so that
//! is its second name. An event that an anonymisation caused asks for erasure, whatever else it says.

use serde_json::Value;

use super::{
    RESTORE_HOST,
    envelope::{Event, nested},
    json,
};
use crate::domain::{
    connector::Unreadable,
    discount::TakenOff,
    event::{
        CartUpdate, Channel, ConsentGiven, ConsentProof, ConsentState, Identity, Item, OrderUpdate, Refund, ShopEvent,
        ShopFacts,
    },
    money::{Currency, Money},
    time::Time,
};

pub(super) fn event(shop: &ShopFacts, event: &Event, received_at: Time) -> Result<Vec<ShopEvent>, Unreadable> {
    let topic = event.topic();
    let data = &event.data;
    let at = json::time(data, "eventTime").unwrap_or(received_at);
    if matches!(topic.as_str(), "AppRemoved" | "AppInstanceRemoved") {
        return Ok(vec![ShopEvent::Uninstalled { at: event.signed_at.unwrap_or(received_at) }]);
    }
    let Some((thing, slug)) = thing(&topic) else { return Ok(Vec::new()) };
    let anonymized = json::flag(data, "triggeredByAnonymizeRequest") == Some(true);
    let id = || json::id_not_zero(data, "entityId").ok_or_else(|| Unreadable::new("entityId is missing"));
    match (thing, slug) {
        (Thing::Checkout, slug) => {
            let entity = entity(data, "abandonedCheckout");
            if anonymized || slug == "deleted" || entity.is_null() {
                // Without its contents, what was recovered is over all the same.
                let over = anonymized || matches!(slug, "deleted" | "recovered");
                let gone = over.then(|| Ok(ShopEvent::CartDeleted { token: id()?, at })).transpose()?;
                return Ok(gone.into_iter().chain(redaction(anonymized, &entity)).collect());
            }
            let mut cart = checkout(shop, &with_id(entity, data), at)?;
            if let (ShopEvent::Cart(cart), "recovered") = (&mut cart, slug) {
                cart.completed_at = cart.completed_at.or(Some(at));
            }
            Ok(vec![cart])
        }
        (Thing::Order, _) => {
            let entity = entity(data, "order");
            if anonymized {
                return Ok(redaction(true, &entity).into_iter().collect());
            }
            match entity.is_null() {
                true => Ok(Vec::new()),
                false => Ok(vec![ShopEvent::Order(Box::new(order(shop, &with_id(entity, data), at)?))]),
            }
        }
        (Thing::Transactions, _) => Ok(refunds(shop, data, at).into_iter().collect()),
    }
}

enum Thing {
    Checkout,
    Order,
    Transactions,
}

/// The longer name first: orders' transactions begin as orders do.
fn thing(topic: &str) -> Option<(Thing, &str)> {
    let rest = topic.strip_prefix("wix.ecom.v1.")?;
    let after = |name: &str| rest.strip_prefix(name);
    None.or_else(|| after("abandoned_checkout_").map(|slug| (Thing::Checkout, slug)))
        .or_else(|| after("order_transactions_").map(|slug| (Thing::Transactions, slug)))
        .or_else(|| after("order_").map(|slug| (Thing::Order, slug)))
}

/// The thing itself, wherever this kind of event has it; null where it is not told.
fn entity(data: &Value, name: &str) -> Value {
    let places = ["createdEvent.entity", "createdEvent.entityAsJson", "updatedEvent.currentEntity"];
    let places = places.into_iter().chain(["updatedEvent.currentEntityAsJson", "deletedEvent.deletedEntity"]);
    places
        .map(|place| nested(data, place))
        .find(|found| !found.is_null())
        .unwrap_or_else(|| nested(&action(data), name))
}

fn action(data: &Value) -> Value {
    let body = nested(data, "actionEvent.body");
    if body.is_null() { nested(data, "actionEvent.bodyAsJson") } else { body }
}

/// The event names the thing too, in case its contents do not.
fn with_id(mut entity: Value, data: &Value) -> Value {
    if json::id_not_zero(&entity, "id").is_none()
        && let (Some(entity), Some(id)) = (entity.as_object_mut(), json::id_not_zero(data, "entityId"))
    {
        entity.insert("id".into(), id.into());
    }
    entity
}

/// Whoever can still be told from what was anonymized.
fn redaction(anonymized: bool, entity: &Value) -> Option<ShopEvent> {
    let known = who(entity);
    // An address or a number left beside the contact may be a placeholder of many people's.
    let who = match known.customer {
        Some(customer) => Identity { customer: Some(customer), ..Identity::default() },
        None => known,
    };
    (anonymized && who != Identity::default()).then_some(ShopEvent::Redact(who))
}

/// An abandoned checkout.
pub(super) fn checkout(shop: &ShopFacts, body: &Value, at: Time) -> Result<ShopEvent, Unreadable> {
    let token = json::id_not_zero(body, "id").ok_or_else(|| Unreadable::new("id is missing"))?;
    let currency = json::currency(body, "currency").unwrap_or(shop.currency);
    let updated_at = json::time(body, "updatedDate").unwrap_or(at);
    let recovered_at = json::time(body, "checkoutRecoveredDate");
    let recovered = json::text(body, "status").as_deref() == Some("RECOVERED");
    Ok(ShopEvent::Cart(Box::new(CartUpdate {
        token,
        cart_token: ["checkoutId", "cartId"].iter().find_map(|key| json::id_not_zero(body, key)),
        who: who(body),
        first_name: first_name(body),
        country: country(body),
        region: region(body),
        zone: None,
        language: json::text(body, "buyerLanguage"),
        total: json::money(body, "totalPrice.amount", currency),
        items: json::list(body, "lineItems").iter().filter_map(|line| item(line, currency)).collect(),
        recovery_url: json::url(body, "checkoutUrl").map(secured),
        consent: rehearsed_consent(body),
        started_at: json::time(body, "createdDate"),
        updated_at,
        completed_at: recovered_at.or(recovered.then_some(updated_at)),
        channel: Channel::Web,
        browser_ip: None,
        written_at_once: true,
        tags: Vec::new(),
        source: None,
        test: false,
    })))
}

/// Wix writes the address of its API without the `s`.
fn secured(url: String) -> String {
    match url.strip_prefix("http://") {
        Some(rest) if rest.starts_with(&format!("{RESTORE_HOST}/")) => format!("https://{rest}"),
        _ => url,
    }
}

pub(super) fn order(shop: &ShopFacts, body: &Value, at: Time) -> Result<OrderUpdate, Unreadable> {
    let id = json::id_not_zero(body, "id").ok_or_else(|| Unreadable::new("id is missing"))?;
    let currency = json::currency(body, "currency").unwrap_or(shop.currency);
    let total = json::money(body, "priceSummary.total.amount", currency)
        .ok_or_else(|| Unreadable::new("priceSummary.total.amount is missing or not an amount"))?;
    let updated_at = json::time(body, "updatedDate").unwrap_or(at);
    let created_at = json::time(body, "createdDate").unwrap_or(updated_at);
    let status = json::text(body, "status").unwrap_or_default();
    let placed_at = json::time(body, "purchasedDate").unwrap_or(created_at);
    let coupons = json::list(body, "appliedDiscounts").iter().map(|discount| json::at(discount, "coupon"));
    let coupons: Vec<_> = coupons.filter_map(|coupon| Some((coupon, code(coupon)?))).collect();
    let taken = |(coupon, code): &(&Value, String)| {
        let amount = json::money(coupon, "amount.amount", currency).filter(|amount| amount.minor > 0)?;
        Some(TakenOff { code: code.clone(), amount })
    };
    Ok(OrderUpdate {
        number: json::text(body, "number").unwrap_or_else(|| id.clone()),
        external_id: id,
        who: who(body),
        cart_tokens: ["checkoutId", "cartId"].iter().filter_map(|key| json::id_not_zero(body, key)).collect(),
        recovery_tokens: rehearsed_link(body).into_iter().collect(),
        discounts: coupons.iter().filter_map(taken).collect(),
        codes: coupons.into_iter().map(|(_, code)| code).collect(),
        total,
        // Begun waits for a payment online; rejected was never paid.
        placed_at: (!matches!(status.as_str(), "INITIALIZED" | "REJECTED")).then_some(placed_at),
        updated_at,
        cancelled_at: (status == "CANCELED").then_some(updated_at),
        refunds: Vec::new(),
        channel: channel(body),
        payment: None,
        cost: None,
        test: false,
    })
}

fn code(coupon: &Value) -> Option<String> {
    json::whole(coupon, "code", json::ID_CHARS_MAX)
}

/// Every refund that is told, each with its id; the same one may stand there twice, and come again.
pub(super) fn refunds(shop: &ShopFacts, data: &Value, at: Time) -> Option<ShopEvent> {
    let body = action(data);
    let orders = ["orderId", "orderTransactions.orderId"].iter().find_map(|key| json::id_not_zero(&body, key));
    let order = orders.or_else(|| json::id_not_zero(data, "entityId"))?;
    let single = json::at(&body, "refund");
    let mut refunds: Vec<Refund> = Vec::new();
    for refund in std::iter::once(single).chain(json::list(&body, "orderTransactions.refunds")) {
        let Some(refund) = refunded(shop, refund, at) else { continue };
        if !refunds.iter().any(|known| known.external_id == refund.external_id) {
            refunds.push(refund);
        }
    }
    (!refunds.is_empty()).then_some(ShopEvent::Refunds { order, refunds })
}

/// What really went back: the summary, or the payments that succeeded. What was only asked for is no refund yet.
fn refunded(shop: &ShopFacts, refund: &Value, at: Time) -> Option<Refund> {
    let currency = json::currency(refund, "summary.refunded.currency").unwrap_or(shop.currency);
    let told = json::money(refund, "summary.refunded.amount", currency).map_or(0, |money| money.minor);
    let succeeded = |payment: &&Value| json::text(payment, "refundStatus").as_deref() == Some("SUCCEEDED");
    let paid = json::list(refund, "transactions").iter().filter(succeeded);
    let paid = paid.filter_map(|payment| json::money(payment, "amount.amount", currency));
    let paid = paid.fold(0i64, |sum, money| sum.saturating_add(money.minor));
    let minor = [told, paid].into_iter().find(|&minor| minor > 0)?;
    Some(Refund {
        external_id: json::id_not_zero(refund, "id")?,
        amount: Money::new(minor, currency),
        at: json::time(refund, "createdDate").unwrap_or(at),
    })
}

fn channel(body: &Value) -> Channel {
    match json::text(body, "channelInfo.type").as_deref() {
        Some("POS" | "WIX_POS") => Channel::PointOfSale,
        None | Some("WEB" | "WIX_APP_STORE" | "WIX_MOBILE_APP" | "UNSPECIFIED") => Channel::Web,
        // The shop's own pages of work, invoices, marketplaces.
        Some(_) => Channel::Staff,
    }
}

/// Where a person's address and number stand, the one who pays first.
const PLACES: [&str; 5] = [
    "billingInfo",
    "shippingInfo.logistics.shippingDestination",
    "shippingInfo.shippingDestination",
    "shippingInfo",
    "recipientInfo",
];

fn who(body: &Value) -> Identity {
    let home = country(body);
    let plain = ["contactDetails.phone", "buyerInfo.phone"].map(|path| json::phone(body, path, home.clone()));
    let placed = PLACES.map(|place| {
        let person = json::at(body, place);
        let country = json::country(person, "address.country").or_else(|| home.clone());
        json::phone(person, "contactDetails.phone", country)
    });
    Identity {
        customer: ["buyerInfo.contactId", "buyerInfo.memberId"].iter().find_map(|path| json::id_not_zero(body, path)),
        email: json::text(body, "buyerInfo.email"),
        phones: json::phones(plain.into_iter().chain(placed)),
    }
}

fn country(body: &Value) -> Option<String> {
    PLACES.iter().find_map(|place| json::country(json::at(body, place), "address.country"))
}

/// ISO 3166-2, with its country before it.
fn region(body: &Value) -> Option<String> {
    PLACES.iter().find_map(|place| {
        let written = json::text(json::at(body, place), "address.subdivision")?;
        let bare = written.rsplit_once('-').map_or(written.as_str(), |(_, bare)| bare).to_ascii_uppercase();
        ((1..=3).contains(&bare.len()) && bare.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some(bare)
    })
}

fn first_name(body: &Value) -> Option<String> {
    json::text(body, "contactDetails.firstName")
        .or_else(|| PLACES.iter().find_map(|place| json::text(json::at(body, place), "contactDetails.firstName")))
}

fn item(line: &Value, currency: Currency) -> Option<Item> {
    let names = ["productName.translated", "productName.original"];
    Some(Item {
        title: names.iter().find_map(|path| json::text(line, path))?,
        quantity: json::quantity(line, "quantity").unwrap_or(1),
        price: json::money(line, "price.amount", currency),
    })
}

/// Only the self-test writes these: Wix knows no consent to texts and carries nothing of ours to the order.
fn rehearsed_consent(body: &Value) -> Option<ConsentGiven> {
    let source = json::text(body, "rehearsed.consent")?;
    let proof = ConsentProof { source, ..ConsentProof::default() };
    Some(ConsentGiven { phone: None, state: ConsentState::Granted, proof })
}

fn rehearsed_link(body: &Value) -> Option<String> {
    json::whole(body, "rehearsed.link", json::ID_CHARS_MAX)
}
