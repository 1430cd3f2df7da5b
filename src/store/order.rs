//! Orders and their refunds. Refunds are kept by the shop's own order id, so that one may arrive before its order.

pub mod list;

use super::{
    Error, Read, Tx,
    ahead::{self, each},
    db::{all, first, halves, run},
    digest,
    listing::selected,
    maybe, millis, of, time,
};
use crate::domain::{
    cart::Revision,
    event::{OrderUpdate, Refund},
    id::OrderId,
    money::{Currency, Money},
    order::Order,
    seal::{Place, ShopKeys},
    time::Time,
};

pub(super) fn place(id: OrderId) -> Place {
    Place { table: "shop_order", column: "detail", row: id.get() }
}

#[derive(sqlx::FromRow)]
struct Row {
    order_id: i64,
    placed_at: Option<i64>,
    updated_at: i64,
    revision: Vec<u8>,
    cancelled_at: Option<i64>,
    detail: Vec<u8>,
}

impl Row {
    fn into_order(self, keys: &ShopKeys) -> Result<Order, Error> {
        let id = OrderId::new(self.order_id);
        let latest: OrderUpdate = keys.open_json(place(id), &self.detail)?;
        Ok(Order {
            id,
            latest,
            revision: Revision { at: time(self.updated_at), digest: digest("order revision", self.revision)? },
            placed_at: maybe(self.placed_at),
            cancelled_at: maybe(self.cancelled_at),
        })
    }
}

pub async fn get(read: &mut Read, keys: &ShopKeys, id: OrderId) -> Result<Option<Order>, Error> {
    let row = first!(
        read,
        Row,
        "SELECT order_id, placed_at, updated_at, revision, cancelled_at, detail FROM shop_order
         WHERE shop_id = $1 AND order_id = $2",
        of(keys),
        id.get()
    )?;
    row.map(|row| row.into_order(keys)).transpose()
}

/// Newest first, older than `before`.
pub async fn list(read: &mut Read, keys: &ShopKeys, before: OrderId, most: u32) -> Result<Vec<Order>, Error> {
    let rows = all!(
        read,
        Row,
        "SELECT order_id, placed_at, updated_at, revision, cancelled_at, detail FROM shop_order
         WHERE shop_id = $1 AND order_id < $2 ORDER BY order_id DESC LIMIT $3",
        of(keys),
        before.get(),
        i64::from(most)
    )?;
    rows.into_iter().map(|row| row.into_order(keys)).collect()
}

/// Orders placed in `[from, to)`, by their id, from behind `after` on.
pub async fn placed_between(
    read: &mut Read,
    keys: &ShopKeys,
    (from, to): (Time, Time),
    after: OrderId,
    most: u32,
) -> Result<Vec<Order>, Error> {
    let rows = all!(
        read,
        Row,
        "SELECT order_id, placed_at, updated_at, revision, cancelled_at, detail FROM shop_order
         WHERE shop_id = $1 AND placed_at >= $2 AND placed_at < $3 AND order_id > $4 ORDER BY order_id LIMIT $5",
        of(keys),
        from.millis(),
        to.millis(),
        after.get(),
        i64::from(most)
    )?;
    rows.into_iter().map(|row| row.into_order(keys)).collect()
}

/// Notes that whom the order belongs to was forgotten, so that a late body does not bring them back.
pub async fn mark_erased(tx: &mut Tx, keys: &ShopKeys, id: OrderId, at: Time) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE shop_order SET erased_at = $3 WHERE shop_id = $1 AND order_id = $2 AND erased_at IS NULL",
        of(keys),
        id.get(),
        at.millis()
    )?;
    Ok(())
}

pub async fn is_erased(read: &mut Read, keys: &ShopKeys, id: OrderId) -> Result<bool, Error> {
    let row = first!(
        read,
        (i64,),
        "SELECT order_id FROM shop_order WHERE shop_id = $1 AND order_id = $2 AND erased_at IS NOT NULL",
        of(keys),
        id.get()
    )?;
    Ok(row.is_some())
}

/// When an order was placed; what closing a cart needs of it.
pub async fn placed_at(read: &mut Read, keys: &ShopKeys, id: OrderId) -> Result<Option<Time>, Error> {
    let row = first!(
        read,
        (Option<i64>,),
        "SELECT placed_at FROM shop_order WHERE shop_id = $1 AND order_id = $2",
        of(keys),
        id.get()
    )?;
    Ok(row.and_then(|(at,)| maybe(at)))
}

/// Whether an order known by this name was placed at this moment or before, and not taken back.
pub async fn bought_before(read: &mut Read, keys: &ShopKeys, name: &[u8; 16], at: Time) -> Result<bool, Error> {
    let (high, low) = halves(name);
    if let Some(first) = read.recall::<Option<Time>>(("bought", high, low)) {
        return Ok(first.is_some_and(|first| first <= at));
    }
    // By the name and the order's own key, never by the time: see `cart::begun_after`.
    let row = first!(
        read,
        (i64,),
        "SELECT shop_order.order_id FROM identity JOIN shop_order
           ON shop_order.shop_id = $1 AND shop_order.order_id = identity.subject_id
         WHERE identity.shop_id = $1 AND identity.value = $2 AND identity.subject = 'order'
           AND (shop_order.placed_at <= $3 AND shop_order.cancelled_at IS NULL) IS TRUE
         LIMIT 1",
        of(keys),
        name.to_vec(),
        at.millis()
    )?;
    Ok(row.is_some())
}

/// Reads what a handful is about to ask of `bought_before`, at once.
pub async fn bought_ahead(read: &mut Read, keys: &ShopKeys, names: &[[u8; 16]]) -> Result<(), Error> {
    for some in &ahead::sets(names) {
        let text = each!(
            "SELECT $2, CAST(MIN(shop_order.placed_at) AS BIGINT) FROM identity JOIN shop_order
               ON shop_order.shop_id = $1 AND shop_order.order_id = identity.subject_id
             WHERE identity.shop_id = $1 AND identity.value = $2 AND identity.subject = 'order'
               AND (shop_order.cancelled_at IS NULL) IS TRUE"
        );
        let rows = selected!(read, (Vec<u8>, Option<i64>), ahead::hashes(of(keys), text, some))?;
        for name in some {
            let first = rows.iter().find(|(value, _)| value == name).and_then(|(_, at)| maybe(*at));
            let (high, low) = halves(name);
            read.keep(("bought", high, low), &first);
        }
    }
    Ok(())
}

pub async fn by_external_id(read: &mut Read, keys: &ShopKeys, external_id: &str) -> Result<Option<Order>, Error> {
    let row = first!(
        read,
        Row,
        "SELECT order_id, placed_at, updated_at, revision, cancelled_at, detail FROM shop_order
         WHERE shop_id = $1 AND external_id = $2",
        of(keys),
        external_id
    )?;
    row.map(|row| row.into_order(keys)).transpose()
}

/// The newest order that people call this (`#1093`), with or without the sign before it.
pub async fn by_number(read: &mut Read, keys: &ShopKeys, number: &str) -> Result<Option<Order>, Error> {
    let row = first!(
        read,
        Row,
        "SELECT order_id, placed_at, updated_at, revision, cancelled_at, detail FROM shop_order
         WHERE shop_id = $1 AND (number = $2 OR number = '#' || $2) ORDER BY order_id DESC LIMIT 1",
        of(keys),
        number
    )?;
    row.map(|row| row.into_order(keys)).transpose()
}

/// Writes an order as it is now.
pub async fn put(tx: &mut Tx, keys: &ShopKeys, order: &Order) -> Result<(), Error> {
    let latest = &order.latest;
    run!(
        tx,
        "INSERT INTO shop_order (shop_id, order_id, external_id, number, placed_at, updated_at, revision, cancelled_at,
                                 currency, total_minor, detail, payment, cost_minor)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT (shop_id, order_id) DO UPDATE SET
             number = excluded.number, placed_at = excluded.placed_at, updated_at = excluded.updated_at,
             revision = excluded.revision, cancelled_at = excluded.cancelled_at, currency = excluded.currency,
             total_minor = excluded.total_minor, detail = excluded.detail, payment = excluded.payment,
             cost_minor = excluded.cost_minor",
        of(keys),
        order.id.get(),
        latest.external_id.as_str(),
        latest.number.as_str(),
        millis(order.placed_at),
        order.revision.at.millis(),
        order.revision.digest.to_vec(),
        millis(order.cancelled_at),
        latest.total.currency.code(),
        latest.total.minor,
        keys.seal_json(place(order.id), latest)?,
        latest.payment.as_deref().unwrap_or(""),
        latest.cost.filter(|cost| cost.currency == latest.total.currency).map(|cost| cost.minor)
    )?;
    Ok(())
}

/// Notes a refund. The same id again keeps the larger amount: a cumulative report grows, a repeated one changes nothing,
/// and the order of arrival does not matter.
pub async fn add_refund(tx: &mut Tx, keys: &ShopKeys, order_external_id: &str, refund: &Refund) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO refund (shop_id, order_external_id, external_id, amount_minor, currency, at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (shop_id, order_external_id, external_id) DO UPDATE SET
             amount_minor = CASE WHEN excluded.amount_minor > refund.amount_minor THEN excluded.amount_minor
                                 ELSE refund.amount_minor END,
             at = CASE WHEN excluded.at < refund.at THEN excluded.at ELSE refund.at END",
        of(keys),
        order_external_id,
        refund.external_id.as_str(),
        refund.amount.minor,
        refund.amount.currency.code(),
        refund.at.millis()
    )?;
    Ok(())
}

/// Every refund of an order, by its id at the shop.
pub async fn refunds(read: &mut Read, keys: &ShopKeys, order_external_id: &str) -> Result<Vec<Refund>, Error> {
    let rows = all!(
        read,
        (String, i64, String, i64),
        "SELECT external_id, amount_minor, currency, at FROM refund WHERE shop_id = $1 AND order_external_id = $2
         ORDER BY at, external_id",
        of(keys),
        order_external_id
    )?;
    rows.into_iter()
        .map(|(external_id, minor, currency, at)| {
            let currency = Currency::parse(&currency).map_err(|why| Error::damaged("currency", why))?;
            Ok(Refund { external_id, amount: Money::new(minor, currency), at: time(at) })
        })
        .collect()
}
