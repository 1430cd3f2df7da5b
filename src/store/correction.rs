//! Corrections: what a person put in the place of a body that could not be read, sealed, beside the body as it came. They
//! are forgotten with the delivery they belong to.

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    inbox::Kept,
    of, time,
};
use crate::domain::{
    id::DeliveryId,
    seal::{Place, ShopKeys},
    time::Time,
};

/// A correction without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub at: Time,
    /// Who, as they are called; "" behind an open door.
    pub by: String,
}

fn place(id: i64) -> Place {
    Place { table: "correction", column: "body", row: id }
}

/// Adds one; the newest is what is read.
pub async fn add(
    tx: &mut Tx,
    keys: &ShopKeys,
    delivery: DeliveryId,
    id: i64,
    body: &[u8],
    line: &Line,
) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO correction (shop_id, delivery_id, correction_id, body, at, by_name)
         VALUES ($1, $2, $3, $4, $5, $6)",
        of(keys),
        delivery.get(),
        id,
        keys.seal(place(id), body),
        line.at.millis(),
        line.by.as_str()
    )?;
    Ok(())
}

/// The body to read instead of the one that came, if there is one.
pub async fn newest(read: &mut Read, keys: &ShopKeys, delivery: DeliveryId) -> Result<Option<Vec<u8>>, Error> {
    let row = first!(
        read,
        (i64, Vec<u8>),
        "SELECT correction_id, body FROM correction WHERE shop_id = $1 AND delivery_id = $2
         ORDER BY correction_id DESC LIMIT 1",
        of(keys),
        delivery.get()
    )?;
    row.map(|(id, body)| Ok(keys.open(place(id), &body)?)).transpose()
}

/// A delivery with the body that is to be read: the correction, where there is one.
pub async fn as_read(read: &mut Read, keys: &ShopKeys, id: DeliveryId) -> Result<Option<Kept>, Error> {
    let Some(mut kept) = super::inbox::get(read, keys, id).await? else { return Ok(None) };
    if kept.is_corrected
        && let Some(body) = newest(read, keys, id).await?
    {
        kept.delivery.body = body;
    }
    Ok(Some(kept))
}

/// Every correction of a delivery, oldest first.
pub async fn of_delivery(read: &mut Read, keys: &ShopKeys, delivery: DeliveryId) -> Result<Vec<Line>, Error> {
    let rows = all!(
        read,
        (i64, String),
        "SELECT at, by_name FROM correction WHERE shop_id = $1 AND delivery_id = $2 ORDER BY correction_id",
        of(keys),
        delivery.get()
    )?;
    Ok(rows.into_iter().map(|(at, by)| Line { at: time(at), by }).collect())
}
