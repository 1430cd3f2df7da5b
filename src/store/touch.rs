//! Touches: the texts that were considered for orders, as their verdicts keep them, with what lenses need of the orders.

use std::collections::BTreeMap;

use super::{
    Error, Read,
    db::{all, first},
    from_json,
    listing::{Select, selected},
    maybe, of, time,
};
use crate::domain::{
    attribution::{Attribution, Way, lens::Facts},
    event::Refund,
    id::OrderId,
    money::{Currency, Money},
    seal::ShopKeys,
    time::Time,
};

/// An order that was placed, with every text considered for it.
#[derive(Clone, Debug)]
pub struct Touched {
    pub order: OrderId,
    pub number: String,
    pub facts: Facts,
}

type Row = (i64, String, i64, Option<i64>, String, i64, String);

/// Orders placed in `[from, to)` for which a text was considered, oldest first, after the one placed at `after.0` with the
/// id `after.1`.
pub async fn orders(
    read: &mut Read,
    keys: &ShopKeys,
    (from, to): (Time, Time),
    after: (Time, OrderId),
    most: u32,
) -> Result<Vec<Touched>, Error> {
    let rows = all!(
        read,
        Row,
        "SELECT shop_order.order_id, shop_order.number, shop_order.placed_at, shop_order.cancelled_at,
                shop_order.currency, shop_order.total_minor, evidence.verdict
         FROM shop_order JOIN evidence ON evidence.shop_id = $1 AND evidence.order_id = shop_order.order_id
         WHERE shop_order.shop_id = $1 AND shop_order.placed_at >= $2 AND shop_order.placed_at < $3
           AND (shop_order.placed_at > $4 OR (shop_order.placed_at = $4 AND shop_order.order_id > $5))
           AND (evidence.touches IS NULL OR evidence.touches > 0)
         ORDER BY shop_order.placed_at, shop_order.order_id LIMIT $6",
        of(keys),
        from.millis(),
        to.millis(),
        after.0.millis(),
        after.1.get(),
        i64::from(most)
    )?;
    let ids: Vec<i64> = rows.iter().map(|row| row.0).collect();
    let mut refunds = refunds(read, keys, &ids).await?;
    rows.into_iter()
        .map(|(order, number, placed_at, cancelled_at, code, total, verdict)| {
            let currency = Currency::parse(&code).map_err(|why| Error::damaged("currency", why))?;
            let verdict: Attribution = from_json("evidence", &verdict)?;
            let back = refunds.remove(&order).unwrap_or_default();
            let facts = Facts::stored(Some(time(placed_at)), maybe(cancelled_at), (total, currency), back, verdict);
            Ok(Touched { order: OrderId::new(order), number, facts })
        })
        .collect()
}

async fn refunds(read: &mut Read, keys: &ShopKeys, orders: &[i64]) -> Result<BTreeMap<i64, Vec<Refund>>, Error> {
    let mut found: BTreeMap<i64, Vec<Refund>> = BTreeMap::new();
    if orders.is_empty() {
        return Ok(found);
    }
    let mut select = Select::new(
        of(keys),
        "SELECT shop_order.order_id, refund.external_id, refund.amount_minor, refund.currency, refund.at
         FROM shop_order JOIN refund ON refund.shop_id = $1 AND refund.order_external_id = shop_order.external_id
         WHERE shop_order.shop_id = $1 AND shop_order.order_id",
    );
    select.any_of(orders, orders.len().next_power_of_two());
    for (order, external_id, minor, code, at) in selected!(read, (i64, String, i64, String, i64), select)? {
        let currency = Currency::parse(&code).map_err(|why| Error::damaged("currency", why))?;
        let refund = Refund { external_id, amount: Money::new(minor, currency), at: time(at) };
        found.entry(order).or_default().push(refund);
    }
    Ok(found)
}

/// How orders of abandoned carts, placed in `[from, to)`, came about.
pub async fn ways(read: &mut Read, keys: &ShopKeys, from: Time, to: Time) -> Result<Vec<(Way, u64)>, Error> {
    let rows = all!(
        read,
        (String, i64),
        "SELECT evidence.way, CAST(COUNT(*) AS BIGINT)
         FROM shop_order JOIN evidence ON evidence.shop_id = $1 AND evidence.order_id = shop_order.order_id
         WHERE shop_order.shop_id = $1 AND shop_order.placed_at >= $2 AND shop_order.placed_at < $3
           AND evidence.way <> ''
         GROUP BY evidence.way ORDER BY evidence.way",
        of(keys),
        from.millis(),
        to.millis()
    )?;
    rows.into_iter()
        .map(|(way, count)| Ok((super::word("way", &Way::ALL, Way::name, &way)?, count.unsigned_abs())))
        .collect()
}

/// Of orders placed in `[from, to)`, how many were given to a text by hand and from how many a credit was taken.
pub async fn corrected(read: &mut Read, keys: &ShopKeys, from: Time, to: Time) -> Result<(u64, u64), Error> {
    let row = first!(
        read,
        (Option<i64>, Option<i64>),
        "SELECT CAST(SUM(CASE WHEN evidence.corrected = 'given' THEN 1 ELSE 0 END) AS BIGINT),
                CAST(SUM(CASE WHEN evidence.corrected = 'taken' THEN 1 ELSE 0 END) AS BIGINT)
         FROM evidence JOIN shop_order ON shop_order.shop_id = $1 AND shop_order.order_id = evidence.order_id
         WHERE evidence.shop_id = $1 AND evidence.corrected <> ''
           AND shop_order.placed_at >= $2 AND shop_order.placed_at < $3",
        of(keys),
        from.millis(),
        to.millis()
    )?;
    let (given, taken) = row.unwrap_or_default();
    Ok((given.unwrap_or(0).unsigned_abs(), taken.unwrap_or(0).unsigned_abs()))
}

/// The next orders to judge again after `upto`, by id: all that any text was considered for, or only those judged before
/// it was kept how many were.
pub async fn to_judge(
    read: &mut Read,
    keys: &ShopKeys,
    only_unjudged: bool,
    upto: OrderId,
    most: u32,
) -> Result<Vec<OrderId>, Error> {
    let rows = all!(
        read,
        (i64,),
        "SELECT order_id FROM evidence
         WHERE shop_id = $1 AND order_id > $2 AND (touches IS NULL OR (touches > 0 AND $3 = 0))
         ORDER BY order_id LIMIT $4",
        of(keys),
        upto.get(),
        i64::from(only_unjudged),
        i64::from(most)
    )?;
    Ok(rows.into_iter().map(|(order,)| OrderId::new(order)).collect())
}

/// How many `to_judge` will find in all.
pub async fn count_to_judge(read: &mut Read, keys: &ShopKeys, only_unjudged: bool) -> Result<u64, Error> {
    let row = first!(
        read,
        (i64,),
        "SELECT CAST(COUNT(*) AS BIGINT) FROM evidence
         WHERE shop_id = $1 AND (touches IS NULL OR (touches > 0 AND $2 = 0))",
        of(keys),
        i64::from(only_unjudged)
    )?;
    Ok(row.map_or(0, |(count,)| count.unsigned_abs()))
}
