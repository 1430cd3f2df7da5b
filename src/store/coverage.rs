//! Coverage: how much of what a shop sends can be used at all, and what its gateways last refused. Read for the pages that
//! tell whether a connection is well.

use super::{Error, Read, db::first, of, time};
use crate::domain::{id::GatewayId, seal::ShopKeys, time::Time};

/// Carts abandoned in a span, and what was known of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    pub carts: u64,
    /// A number that can be texted.
    pub with_phone: u64,
    /// And a consent for it.
    pub with_consent: u64,
}

/// Of the span `[from, to)`.
pub async fn carts(read: &mut Read, keys: &ShopKeys, from: Time, to: Time) -> Result<Coverage, Error> {
    let row = first!(
        read,
        (i64, Option<i64>, Option<i64>),
        "SELECT CAST(COUNT(*) AS BIGINT), CAST(SUM(CASE WHEN phone IS NULL THEN 0 ELSE 1 END) AS BIGINT),
                CAST(SUM(CASE WHEN reachable_at IS NULL THEN 0 ELSE 1 END) AS BIGINT)
         FROM cart WHERE shop_id = $1 AND abandoned_at >= $2 AND abandoned_at < $3",
        of(keys),
        from.millis(),
        to.millis()
    )?;
    Ok(row.map_or(Coverage::default(), |(carts, phones, consents)| Coverage {
        carts: carts.unsigned_abs(),
        with_phone: phones.unwrap_or(0).unsigned_abs(),
        with_consent: consents.unwrap_or(0).unsigned_abs(),
    }))
}

/// The newest text of this shop that a gateway refused since then: when, and in which words.
pub async fn last_refusal(
    read: &mut Read,
    keys: &ShopKeys,
    gateway: GatewayId,
    since: Time,
) -> Result<Option<(Time, String)>, Error> {
    let row = first!(
        read,
        (i64, String),
        "SELECT refused_at, reason FROM message
         WHERE shop_id = $1 AND gateway_id = $2 AND created_at >= $3 AND listed_at >= $3 AND refused_at IS NOT NULL
         ORDER BY listed_at DESC, message_id DESC LIMIT 1",
        of(keys),
        gateway.get(),
        since.millis()
    )?;
    Ok(row.map(|(at, why)| (time(at), why)))
}
