//! Parts of long replies: which deliveries of a gateway belong together. The words stay in the deliveries.

use super::{
    Error, Tx,
    db::{all, first, run},
    of, time,
};
use crate::domain::{
    id::{DeliveryId, GatewayId, ShopId},
    seal::ShopKeys,
    time::Time,
};

/// One part of a long reply, as noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted {
    /// From 1.
    pub number: u32,
    pub delivery: DeliveryId,
    /// When it came.
    pub at: Time,
    pub is_joined: bool,
}

/// The parts that belong together: of one gateway, under one keyed hash.
#[derive(Clone, Copy, Debug)]
pub struct Set<'s> {
    pub gateway: GatewayId,
    pub key: &'s [u8; 16],
}

/// Notes a part; a place that is taken stays as it is. Parts of the set from before `since` are of an older text by the
/// same name and make room. `false`: the place belongs to a text newer than `until`.
pub async fn note(
    tx: &mut Tx,
    keys: &ShopKeys,
    set: Set<'_>,
    part: &Noted,
    (since, until): (Time, Time),
) -> Result<bool, Error> {
    let (shop, gateway, key) = (of(keys), set.gateway.get(), set.key.as_slice());
    run!(
        tx,
        "DELETE FROM reply_part WHERE shop_id = $1 AND gateway_id = $2 AND set_key = $3 AND at < $4",
        shop,
        gateway,
        key,
        since.millis()
    )?;
    let newer = first!(
        tx,
        (i64,),
        "SELECT part FROM reply_part WHERE shop_id = $1 AND gateway_id = $2 AND set_key = $3 AND at > $4 LIMIT 1",
        shop,
        gateway,
        key,
        until.millis()
    )?;
    if newer.is_some() {
        return Ok(false);
    }
    run!(
        tx,
        "INSERT INTO reply_part (shop_id, gateway_id, set_key, part, delivery_id, at, joined)
         VALUES ($1, $2, $3, $4, $5, $6, 0) ON CONFLICT (shop_id, gateway_id, set_key, part) DO NOTHING",
        shop,
        gateway,
        key,
        i64::from(part.number),
        part.delivery.get(),
        part.at.millis()
    )?;
    Ok(true)
}

/// Every part noted, in the order of the text.
pub async fn list(tx: &mut Tx, keys: &ShopKeys, set: Set<'_>) -> Result<Vec<Noted>, Error> {
    let rows = all!(
        tx,
        (i64, i64, i64, i64),
        "SELECT part, delivery_id, at, joined FROM reply_part
         WHERE shop_id = $1 AND gateway_id = $2 AND set_key = $3 ORDER BY part",
        of(keys),
        set.gateway.get(),
        set.key.as_slice()
    )?;
    let noted = rows.into_iter().map(|(part, delivery, at, joined)| Noted {
        number: u32::try_from(part).unwrap_or_default(),
        delivery: DeliveryId::new(delivery),
        at: time(at),
        is_joined: joined != 0,
    });
    Ok(noted.collect())
}

/// Marks a part as read.
pub async fn join(tx: &mut Tx, keys: &ShopKeys, set: Set<'_>, part: &Noted) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE reply_part SET joined = 1
         WHERE shop_id = $1 AND gateway_id = $2 AND set_key = $3 AND part = $4 AND delivery_id = $5",
        of(keys),
        set.gateway.get(),
        set.key.as_slice(),
        i64::from(part.number),
        part.delivery.get()
    )?;
    Ok(())
}

/// Forgets parts as old as deliveries that are forgotten.
pub(super) async fn prune(tx: &mut Tx, shop: ShopId, before: Time) -> Result<(), Error> {
    run!(tx, "DELETE FROM reply_part WHERE shop_id = $1 AND at < $2", shop.get(), before.millis())?;
    Ok(())
}
