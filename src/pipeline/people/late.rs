//! Late: what shops and gateways tell of somebody after they were forgotten. It is applied as ever (a refund still takes
//! back what was earned); its body, which names them again, is not kept.

use crate::{
    domain::{event::ShopEvent, id::ShopId, message::GatewayEvent, seal::ShopKeys},
    pipeline::Core,
    store::{self, Error, Read},
};

/// What a delivery is about, to ask once it was applied whether that belongs to somebody who was forgotten.
pub(crate) struct Late {
    carts: Vec<String>,
    orders: Vec<String>,
    /// Whether it is about anything else too.
    more: bool,
}

impl Late {
    pub(crate) fn of(events: &[ShopEvent]) -> Late {
        let mut late = Late { carts: Vec::new(), orders: Vec::new(), more: events.is_empty() };
        for event in events {
            match event {
                ShopEvent::Cart(cart) => late.carts.push(cart.token.clone()),
                ShopEvent::Order(order) => late.orders.push(order.external_id.clone()),
                ShopEvent::Refunds { order, .. } => late.orders.push(order.clone()),
                _ => late.more = true,
            }
        }
        late
    }

    pub(crate) async fn is_of_forgotten(&self, read: &mut Read, keys: &ShopKeys) -> Result<bool, Error> {
        if self.more {
            return Ok(false);
        }
        for token in &self.carts {
            let cart = store::cart::by_token(read, keys, token).await?;
            if cart.is_none_or(|cart| cart.erased_at.is_none()) {
                return Ok(false);
            }
        }
        for id in &self.orders {
            let Some(order) = store::order::by_external_id(read, keys, id).await? else { return Ok(false) };
            if !store::order::is_erased(read, keys, order.id).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// The same for a gateway's callback: whether all it tells are receipts of texts whose number was forgotten.
pub(crate) async fn receipts(core: &Core, tenant: ShopId, events: &[GatewayEvent]) -> Result<bool, Error> {
    let mut read = core.db.read().await?;
    for event in events {
        let GatewayEvent::Receipt(receipt) = event else { return Ok(false) };
        let shop = receipt.reference.map_or(tenant, |reference| reference.shop);
        if shop == ShopId::HOUSE {
            return Ok(false);
        }
        let Some((shop, keys)) = core.shop(&mut read, shop).await? else { return Ok(false) };
        if shop.erased_at.is_some() {
            continue;
        }
        let message = match (receipt.reference, &receipt.gateway_ref) {
            (Some(reference), _) => store::message::get(&mut read, &keys, reference.message).await?,
            (None, Some(theirs)) => store::message::by_gateway_ref(&mut read, &keys, theirs).await?,
            (None, None) => None,
        };
        if message.is_none_or(|message| !message.words.phone.is_empty()) {
            return Ok(false);
        }
    }
    Ok(!events.is_empty())
}
