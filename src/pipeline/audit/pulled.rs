//! Pulled orders: what the shop's list says of one, and whether it is news to us.

use super::is_ours;
use crate::{
    domain::{
        audit::{Placed, Theirs},
        event::{OrderUpdate, ShopEvent, ShopFacts},
        order::refunded,
        seal::ShopKeys,
    },
    pipeline::{Core, fetch},
    shop::{self, pull::Pulled},
    store::{self, Error, Read, shop::Shop},
};

/// The order a pulled body tells of; `None` for one that cannot be read: the inbox would not know it either.
pub(super) fn order(core: &Core, shop: &Shop, pulled: &Pulled) -> Option<OrderUpdate> {
    let kind = shop::by_kind(&shop.kind)?;
    let facts = ShopFacts { country: shop.country.clone(), currency: shop.currency, settings: shop.settings.clone() };
    let events = shop::read(kind, &facts, pulled.topic, &fetch::delivery(core, pulled.body.clone())).ok()?;
    events.into_iter().find_map(|event| match event {
        ShopEvent::Order(update) => Some(*update),
        _ => None,
    })
}

/// As the comparison wants it.
pub(super) fn theirs(shop: &Shop, keys: &ShopKeys, pulled: &Pulled, order: &OrderUpdate) -> Theirs {
    let part = |text: &Option<String>| text.as_deref().and_then(|text| order.total.currency.minor(text).ok());
    Theirs {
        external_id: order.external_id.clone(),
        number: order.number.clone(),
        total: order.total,
        tax_minor: part(&pulled.tax),
        shipping_minor: part(&pulled.shipping),
        placed: order.placed_at.map(Placed::At),
        begun_at: pulled.begun_at,
        cancelled: Some(order.cancelled_at.is_some()),
        refunded_minor: Some(refunded(order.total.minor, order.total.currency, &order.refunds)),
        test: order.test,
        token: order.recovery_tokens.iter().any(|token| is_ours(shop, keys, token)),
    }
}

/// Whether it says something our books do not have.
pub(super) async fn is_news(read: &mut Read, keys: &ShopKeys, order: &OrderUpdate) -> Result<bool, Error> {
    let Some(known) = store::order::by_external_id(read, keys, &order.external_id).await? else {
        return Ok(order.placed_at.is_some());
    };
    if known.revision.at < order.updated_at {
        return Ok(true);
    }
    let back = store::order::refunds(read, keys, &order.external_id).await?;
    let sum = |refunds| refunded(order.total.minor, order.total.currency, refunds);
    Ok(sum(&order.refunds) > sum(&back)
        || order.placed_at.is_some() && known.placed_at.is_none()
        || order.cancelled_at.is_some() && known.cancelled_at.is_none())
}
