//! Late: what gateways tell of somebody after they were forgotten. It is applied as ever; its body, which names them again,
//! is not kept. What shops tell then is `ingest`'s.

use crate::{
    domain::{id::ShopId, message::GatewayEvent},
    pipeline::Core,
    store::{self, Error},
};

/// Whether all that a gateway's callback tells are receipts of texts whose number was forgotten.
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
