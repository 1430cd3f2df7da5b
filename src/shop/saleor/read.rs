//! Checkouts and orders, as our own queries ask for them, in our words. Decides what a status means; an order knows the
//! checkout it came from (`checkoutId`), which is the cart's token.

use super::{Delivery, ShopFacts, Unreadable, Value, json, link};
use crate::domain::{
    event::{
        CartUpdate, Channel, ConsentGiven, ConsentProof, ConsentState, Identity, Item, OrderUpdate, Refund, TypedPhone,
    },
    facet,
    money::Currency,
};

pub(super) fn cart(
    shop: &ShopFacts,
    event: &Value,
    checkout: &Value,
    delivery: &Delivery,
) -> Result<CartUpdate, Unreadable> {
    let token = json::id(checkout, "id").ok_or_else(|| Unreadable::new("checkout.id is missing"))?;
    let currency = json::currency(checkout, "totalPrice.gross.currency")
        .or_else(|| json::currency(checkout, "channel.currencyCode"))
        .unwrap_or(shop.currency);
    let updated_at = json::time(checkout, "updatedAt").or_else(|| json::time(event, "issuedAt"));
    let addresses = [json::at(checkout, "billingAddress"), json::at(checkout, "shippingAddress")];
    let first = |path: &str| addresses.iter().find_map(|address| json::text(address, path));
    let lines = json::list(checkout, "lines").iter();
    Ok(CartUpdate {
        cart_token: None,
        who: Identity {
            customer: json::id(checkout, "user.id"),
            email: json::text(checkout, "email"),
            phones: phones(addresses),
        },
        first_name: first("firstName").or_else(|| json::text(checkout, "user.firstName")),
        country: addresses.iter().find_map(|address| json::country(address, "country.code")),
        region: addresses.iter().find_map(|address| json::region(address, "countryArea")),
        zone: None,
        language: json::text(checkout, "languageCode").map(|code| language(&code)),
        total: json::money(checkout, "totalPrice.gross.amount", currency).filter(|total| total.minor >= 0),
        items: lines.filter_map(|line| item(line, currency)).collect(),
        recovery_url: recovery_url(event, delivery, &token),
        consent: consent(checkout),
        started_at: json::time(checkout, "created"),
        updated_at: updated_at.unwrap_or(delivery.received_at),
        completed_at: None,
        channel: Channel::Web,
        browser_ip: None,
        written_at_once: false,
        tags: Vec::new(),
        source: json::text(checkout, "channel.slug"),
        test: false,
        token,
    })
}

/// The pattern came with the address that the manifest gave; a body of our own making carries the link itself.
fn recovery_url(event: &Value, delivery: &Delivery, token: &str) -> Option<String> {
    let patterns = delivery.query_pairs();
    let pattern = patterns.iter().find(|(key, _)| key == "link").map(|(_, pattern)| pattern);
    json::url(event, "recovery_url").or_else(|| link(pattern?, token))
}

fn item(line: &Value, currency: Currency) -> Option<Item> {
    let title = json::text(line, "variant.product.name").or_else(|| json::text(line, "variant.name"))?;
    Some(Item {
        title,
        quantity: json::quantity(line, "quantity").unwrap_or(1),
        price: json::money(line, "unitPrice.gross.amount", currency).filter(|price| price.minor >= 0),
    })
}

/// What the storefront wrote down, in our own words: Saleor has none.
fn consent(checkout: &Value) -> Option<ConsentGiven> {
    let told = metadata(checkout, "cartback_sms_consent")?;
    let state = match json::flag(&told, "value")? {
        true => ConsentState::Granted,
        false => ConsentState::NotGiven,
    };
    let text = metadata(checkout, "cartback_sms_consent_text").and_then(|note| json::text(&note, "value"));
    let proof = ConsentProof { source: "saleor".into(), text, ..ConsentProof::default() };
    Some(ConsentGiven { phone: None, state, proof })
}

fn metadata(of: &Value, key: &str) -> Option<Value> {
    json::list(of, "metadata").iter().find(|note| json::at(note, "key").as_str() == Some(key)).cloned()
}

pub(super) fn order(event: &Value, order: &Value, delivery: &Delivery) -> Result<OrderUpdate, Unreadable> {
    let external_id = json::id(order, "id").ok_or_else(|| Unreadable::new("order.id is missing"))?;
    let currency = json::currency(order, "total.gross.currency")
        .or_else(|| json::currency(order, "channel.currencyCode"))
        .ok_or_else(|| Unreadable::new("order.total.gross.currency is missing or not an ISO 4217 code"))?;
    let total = json::money(order, "total.gross.amount", currency)
        .ok_or_else(|| Unreadable::new("order.total.gross.amount is missing or not an amount"))?;
    let status = json::text(order, "status").ok_or_else(|| Unreadable::new("order.status is missing"))?;
    let status = status.to_ascii_uppercase();
    let updated_at = json::time(order, "updatedAt").or_else(|| json::time(event, "issuedAt"));
    let updated_at = updated_at.unwrap_or(delivery.received_at);
    // An expired order was never paid; a draft is still being written by the staff.
    let bought = !matches!(status.as_str(), "DRAFT" | "EXPIRED");
    let codes = json::whole(order, "voucherCode", json::ID_CHARS_MAX);
    let recovery = metadata(order, "cartback_recovery");
    Ok(OrderUpdate {
        number: json::text(order, "number").map_or_else(|| external_id.clone(), |number| format!("#{number}")),
        who: Identity {
            customer: json::id(order, "user.id"),
            email: json::text(order, "userEmail"),
            phones: phones([json::at(order, "billingAddress"), json::at(order, "shippingAddress")]),
        },
        cart_tokens: json::id(order, "checkoutId").filter(|_| bought).into_iter().collect(),
        recovery_tokens: recovery.and_then(|it| json::whole(&it, "value", json::ID_CHARS_MAX)).into_iter().collect(),
        codes: codes.into_iter().collect(),
        discounts: Vec::new(),
        total,
        placed_at: bought.then(|| json::time(order, "created").unwrap_or(updated_at)),
        updated_at,
        cancelled_at: matches!(status.as_str(), "CANCELED" | "CANCELLED" | "EXPIRED").then_some(updated_at),
        refunds: json::money(order, "totalRefunded.amount", currency)
            .filter(|amount| amount.minor > 0)
            .map(|amount| Refund { external_id: "cumulative".into(), amount, at: updated_at })
            .into_iter()
            .collect(),
        channel: match json::text(order, "origin").as_deref() {
            Some("DRAFT" | "REISSUE" | "BULK_CREATE") => Channel::Staff,
            _ => Channel::Web,
        },
        payment: json::list(order, "payments")
            .last()
            .and_then(|it| json::text(it, "gateway"))
            .map(|it| facet::word(&it)),
        cost: None,
        // The gateway that Saleor ships for trying things out.
        test: json::list(order, "payments").iter().any(|payment| {
            json::text(payment, "gateway").is_some_and(|gateway| gateway.to_ascii_lowercase().contains("dummy"))
        }),
        external_id,
    })
}

fn phones(addresses: [&Value; 2]) -> Vec<TypedPhone> {
    let known = addresses.iter().find_map(|address| json::country(address, "country.code"));
    json::phones(
        addresses.map(|address| {
            json::phone(address, "phone", json::country(address, "country.code").or_else(|| known.clone()))
        }),
    )
}

/// `PT_BR` is `pt-BR`, `ZH_HANS` is `zh-Hans`.
fn language(code: &str) -> String {
    let mut parts = code.split(['_', '-']);
    let mut tag = parts.next().unwrap_or_default().to_ascii_lowercase();
    for part in parts {
        tag.push('-');
        match part.split_at_checked(1) {
            Some((first, rest)) if part.len() == 4 => {
                tag.push_str(&first.to_ascii_uppercase());
                tag.push_str(&rest.to_ascii_lowercase());
            }
            _ => tag.push_str(&part.to_ascii_uppercase()),
        }
    }
    tag
}
