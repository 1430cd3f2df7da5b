//! Which phones were texted of late by any shop of this house: rows of the house, named by the house's key, so that a cap
//! over all shops needs no look into another shop's facts. A place is taken before a text's intent is noted and given back
//! when the text does not go.
//!
//! A phone has a handful of rows: they are found by the phone, never by the time (`at + 0`).

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    time,
};
use crate::domain::{
    id::{MessageId, ShopId},
    message::MessageRef,
    time::Time,
};

const HOUSE: ShopId = ShopId::HOUSE;

/// Takes a place for this text among the `most` that one phone may have since a moment; `false` when they are taken. Asking
/// again for the same text changes nothing. Whoever asks for the same phone waits for this transaction's end.
pub async fn reserve(
    tx: &mut Tx,
    phone: &[u8; 16],
    lane: &str,
    text: MessageRef,
    most: u32,
    (since, now): (Time, Time),
) -> Result<bool, Error> {
    // Slot 0 is nobody's place: its row is the lock of this phone.
    run!(
        tx,
        "INSERT INTO phone_use (shop_id, phone, lane, slot, at, by_shop, by_message) VALUES ($1, $2, $3, 0, $4, 0, 0)
         ON CONFLICT (shop_id, phone, lane, slot) DO UPDATE SET at = excluded.at",
        HOUSE.get(),
        phone.to_vec(),
        lane,
        now.millis()
    )?;
    if holds(tx, phone, lane, text, since).await? {
        return Ok(true);
    }
    let taken = all!(
        tx,
        (i64,),
        "SELECT slot FROM phone_use WHERE shop_id = $1 AND phone = $2 AND lane = $3 AND slot > 0 AND at + 0 > $4",
        HOUSE.get(),
        phone.to_vec(),
        lane,
        since.millis()
    )?;
    if taken.len() >= most as usize {
        return Ok(false);
    }
    let Some(free) = (1..=i64::from(most)).find(|slot| !taken.contains(&(*slot,))) else { return Ok(false) };
    run!(
        tx,
        "INSERT INTO phone_use (shop_id, phone, lane, slot, at, by_shop, by_message) VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (shop_id, phone, lane, slot)
         DO UPDATE SET at = excluded.at, by_shop = excluded.by_shop, by_message = excluded.by_message",
        HOUSE.get(),
        phone.to_vec(),
        lane,
        free,
        now.millis(),
        text.shop.get(),
        text.message.get()
    )?;
    Ok(true)
}

/// Whether this text has its place.
pub async fn holds(
    read: &mut Read,
    phone: &[u8; 16],
    lane: &str,
    text: MessageRef,
    since: Time,
) -> Result<bool, Error> {
    let row = first!(
        read,
        (i64,),
        "SELECT slot FROM phone_use WHERE shop_id = $1 AND phone = $2 AND lane = $3 AND slot > 0 AND at + 0 > $4
           AND by_shop = $5 AND by_message = $6",
        HOUSE.get(),
        phone.to_vec(),
        lane,
        since.millis(),
        text.shop.get(),
        text.message.get()
    )?;
    Ok(row.is_some())
}

/// How many places others have, and the oldest of them.
pub async fn by_others(
    read: &mut Read,
    phone: &[u8; 16],
    lane: &str,
    besides: Option<MessageRef>,
    since: Time,
) -> Result<(u32, Option<Time>), Error> {
    let none = MessageRef { shop: HOUSE, message: MessageId::new(0) };
    let besides = besides.unwrap_or(none);
    let row = first!(
        read,
        (i64, Option<i64>),
        "SELECT CAST(COUNT(*) AS BIGINT), CAST(MIN(at) AS BIGINT) FROM phone_use
         WHERE shop_id = $1 AND phone = $2 AND lane = $3 AND slot > 0 AND at + 0 > $4
           AND NOT (by_shop = $5 AND by_message = $6)",
        HOUSE.get(),
        phone.to_vec(),
        lane,
        since.millis(),
        besides.shop.get(),
        besides.message.get()
    )?;
    let (count, oldest) = row.unwrap_or_default();
    Ok((u32::try_from(count).unwrap_or(u32::MAX), oldest.map(time)))
}

/// Gives the place of a text back: it did not go.
pub async fn release(tx: &mut Tx, phone: &[u8; 16], lane: &str, text: MessageRef) -> Result<(), Error> {
    run!(
        tx,
        "DELETE FROM phone_use WHERE shop_id = $1 AND phone = $2 AND lane = $3 AND slot > 0 AND by_shop = $4
           AND by_message = $5",
        HOUSE.get(),
        phone.to_vec(),
        lane,
        text.shop.get(),
        text.message.get()
    )?;
    Ok(())
}

/// Forgets what is older.
pub async fn prune(tx: &mut Tx, before: Time) -> Result<u64, Error> {
    run!(tx, "DELETE FROM phone_use WHERE shop_id = $1 AND at < $2", HOUSE.get(), before.millis())
}
