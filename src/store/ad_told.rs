//! What advertising platforms were told: the newest amount of each order at each of them. It outlives the log, so that a
//! refund after months still finds what it is taken from. Ids and amounts; it names nobody.

use super::{
    Error, Read, Tx,
    db::{first, run},
    of,
};
use crate::domain::{
    id::{OrderId, SinkId},
    seal::ShopKeys,
    time::Time,
};

/// What a platform was last told an order's text earned, in minor units of the order's currency; `None` when it was told
/// nothing of it.
pub async fn of_order(read: &mut Read, keys: &ShopKeys, sink: SinkId, order: OrderId) -> Result<Option<i64>, Error> {
    let row = first!(
        read,
        (i64,),
        "SELECT told_minor FROM ad_told WHERE shop_id = $1 AND sink_id = $2 AND order_id = $3",
        of(keys),
        sink.get(),
        order.get()
    )?;
    Ok(row.map(|(minor,)| minor))
}

/// Notes what a platform took.
pub async fn note(
    tx: &mut Tx,
    keys: &ShopKeys,
    (sink, order): (SinkId, OrderId),
    told_minor: i64,
    now: Time,
) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO ad_told (shop_id, sink_id, order_id, told_minor, told_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (shop_id, sink_id, order_id)
         DO UPDATE SET told_minor = excluded.told_minor, told_at = excluded.told_at",
        of(keys),
        sink.get(),
        order.get(),
        told_minor,
        now.millis()
    )?;
    Ok(())
}
