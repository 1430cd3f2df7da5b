//! What is looked at for silence. Operator reads: cheap enough to be asked again and again.

use super::{Error, Read, db::all, maybe, time};
use crate::domain::{
    id::{GatewayId, ShopId},
    silence::Told,
    time::Time,
};

/// Gateways that are left alone, of every tenant, with since when.
pub async fn gateways_away(read: &mut Read) -> Result<Vec<(ShopId, GatewayId, Time)>, Error> {
    let rows = all!(
        read,
        (i64, i64, i64),
        "SELECT shop_id, gateway_id, open_at FROM gateway_circuit WHERE open_at IS NOT NULL ORDER BY shop_id, gateway_id"
    )?;
    Ok(rows.into_iter().map(|(shop, id, at)| (ShopId::new(shop), GatewayId::new(id), time(at))).collect())
}

/// One gateway with what it told, and when the first of the late texts was taken.
pub struct Receipts {
    pub tenant: ShopId,
    pub gateway: GatewayId,
    pub told: Told,
    pub late_since: Option<Time>,
}

/// What gateways told of a shop's texts accepted in `[from, to)`; those since `late_from` are the late ones.
pub async fn receipts(
    read: &mut Read,
    shop: ShopId,
    from: Time,
    late_from: Time,
    to: Time,
) -> Result<Vec<Receipts>, Error> {
    let rows = all!(
        read,
        (i64, i64, i64, i64, i64, i64, Option<i64>),
        "SELECT gateway_shop, gateway_id,
                CAST(COUNT(CASE WHEN accepted_at < $3 THEN 1 END) AS BIGINT),
                CAST(COUNT(CASE WHEN accepted_at < $3 THEN COALESCE(delivered_at, undelivered_at) END) AS BIGINT),
                CAST(COUNT(CASE WHEN accepted_at >= $3 THEN 1 END) AS BIGINT),
                CAST(COUNT(CASE WHEN accepted_at >= $3 THEN COALESCE(delivered_at, undelivered_at) END) AS BIGINT),
                CAST(MIN(CASE WHEN accepted_at >= $3 THEN accepted_at END) AS BIGINT)
         FROM message WHERE shop_id = $1 AND accepted_at >= $2 AND accepted_at < $4
         GROUP BY gateway_shop, gateway_id",
        shop.get(),
        from.millis(),
        late_from.millis(),
        to.millis()
    )?;
    let told = |(usual, usual_told, late, late_told): (i64, i64, i64, i64)| Told {
        usual: usual.unsigned_abs(),
        usual_told: usual_told.unsigned_abs(),
        late: late.unsigned_abs(),
        late_told: late_told.unsigned_abs(),
    };
    let rows = rows.into_iter().map(|(tenant, id, usual, usual_told, late, late_told, since)| Receipts {
        tenant: ShopId::new(tenant),
        gateway: GatewayId::new(id),
        told: told((usual, usual_told, late, late_told)),
        late_since: maybe(since),
    });
    Ok(rows.collect())
}
