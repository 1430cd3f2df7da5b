//! The audit: our own side of the books, read in bulk; its runs; what they found.

pub mod finding;
pub mod run;

use super::{Error, Read, db::all, of};
use crate::domain::{
    audit::Credited,
    id::{MessageId, OrderId},
    seal::ShopKeys,
    time::Time,
};

/// What was refunded of each order placed in `[from, to)`, in the order's own currency; orders without refunds are left
/// out. Not bounded by the order's total.
pub async fn refunded(read: &mut Read, keys: &ShopKeys, from: Time, to: Time) -> Result<Vec<(OrderId, i64)>, Error> {
    let rows = all!(
        read,
        (i64, i64),
        "SELECT shop_order.order_id, CAST(SUM(refund.amount_minor) AS BIGINT)
         FROM shop_order JOIN refund ON refund.shop_id = $1 AND refund.order_external_id = shop_order.external_id
           AND refund.currency = shop_order.currency AND refund.amount_minor > 0
         WHERE shop_order.shop_id = $1 AND shop_order.placed_at >= $2 AND shop_order.placed_at < $3
         GROUP BY shop_order.order_id",
        of(keys),
        from.millis(),
        to.millis()
    )?;
    Ok(rows.into_iter().map(|(order, minor)| (OrderId::new(order), minor)).collect())
}

type Line = (i64, i64, i64, i64);

fn credited((order, message, gross_minor, net_minor): Line) -> Credited {
    Credited { order: OrderId::new(order), message: MessageId::new(message), gross_minor, net_minor }
}

/// The credit of each order placed in `[from, to)`, by text, whatever its class.
pub async fn credits(read: &mut Read, keys: &ShopKeys, from: Time, to: Time) -> Result<Vec<Credited>, Error> {
    let rows = all!(
        read,
        Line,
        "SELECT credit.order_id, credit.message_id,
                CAST(SUM(CASE WHEN credit.entry = 'order' THEN credit.amount_minor ELSE 0 END) AS BIGINT),
                CAST(SUM(credit.amount_minor) AS BIGINT)
         FROM credit JOIN shop_order ON shop_order.shop_id = $1 AND shop_order.order_id = credit.order_id
         WHERE credit.shop_id = $1 AND shop_order.placed_at >= $2 AND shop_order.placed_at < $3
         GROUP BY credit.order_id, credit.message_id",
        of(keys),
        from.millis(),
        to.millis()
    )?;
    Ok(rows.into_iter().map(credited).collect())
}

/// Credit earned in `[from, to)` with orders that are not there.
pub async fn orphans(read: &mut Read, keys: &ShopKeys, from: Time, to: Time) -> Result<Vec<Credited>, Error> {
    let rows = all!(
        read,
        Line,
        "SELECT credit.order_id, credit.message_id,
                CAST(SUM(CASE WHEN credit.entry = 'order' THEN credit.amount_minor ELSE 0 END) AS BIGINT),
                CAST(SUM(credit.amount_minor) AS BIGINT)
         FROM credit WHERE credit.shop_id = $1 AND credit.at >= $2 AND credit.at < $3
           AND NOT EXISTS (SELECT 1 FROM shop_order
                           WHERE shop_order.shop_id = $1 AND shop_order.order_id = credit.order_id)
         GROUP BY credit.order_id, credit.message_id",
        of(keys),
        from.millis(),
        to.millis()
    )?;
    Ok(rows.into_iter().map(credited).collect())
}
