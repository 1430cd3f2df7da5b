//! Which phones were texted of late by any shop of this house: rows of the house, named by the house's key, so that a cap
//! over all shops needs no look into another shop's facts. A place is taken before a text's intent is noted and given back
//! when the text does not go.
//!
//! A phone has a handful of rows: they are found by the phone, never by the time.

use std::collections::BTreeSet;

use super::{
    Error, Read, Tx,
    ahead::{self, each},
    db::{all, halves, later, run, run_of},
    listing::selected,
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
    lock(tx, phone, lane, now).await?;
    let places = places(tx, phone, lane, since).await?;
    if places.iter().any(|place| place.by == text) {
        return Ok(true);
    }
    let is_free = |slot: &i64| places.iter().all(|place| place.slot != *slot);
    let Some(free) = (1..=i64::from(most)).find(is_free).filter(|_| places.len() < most as usize) else {
        return Ok(false);
    };
    let (high, low) = halves(phone);
    later!(
        tx,
        [("phone_use", high, low)],
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

/// Has whoever asks for this phone wait for the end of this transaction. Slot 0 is nobody's place: its row is the lock.
async fn lock(tx: &mut Tx, phone: &[u8; 16], lane: &str, now: Time) -> Result<(), Error> {
    let (high, low) = halves(phone);
    if tx.recall::<String>(("phone locked", high, low)).is_some_and(|locked| locked == lane) {
        return Ok(());
    }
    run_of!(
        tx,
        [],
        "INSERT INTO phone_use (shop_id, phone, lane, slot, at, by_shop, by_message) VALUES ($1, $2, $3, 0, $4, 0, 0)
         ON CONFLICT (shop_id, phone, lane, slot) DO UPDATE SET at = excluded.at",
        HOUSE.get(),
        phone.to_vec(),
        lane,
        now.millis()
    )?;
    tx.keep(("phone locked", high, low), &lane.to_owned());
    Ok(())
}

/// What a handful is about to do before each `reserve`, at once: locks these phones in one lane, and reads their places.
/// Two that want the same phones ask for them in one order, so that neither waits for the other.
pub async fn reserve_ahead(tx: &mut Tx, phones: &BTreeSet<[u8; 16]>, lane: &str, now: Time) -> Result<(), Error> {
    let phones: Vec<[u8; 16]> = phones.iter().copied().collect();
    for some in phones.chunks(4) {
        // No row may be written twice by one statement: four, or one by one.
        let [a, b, c, d] = some else {
            for one in some {
                lock(tx, one, lane, now).await?;
            }
            continue;
        };
        run_of!(
            tx,
            [],
            "INSERT INTO phone_use (shop_id, phone, lane, slot, at, by_shop, by_message)
             VALUES ($1, $4, $2, 0, $3, 0, 0), ($1, $5, $2, 0, $3, 0, 0), ($1, $6, $2, 0, $3, 0, 0),
                    ($1, $7, $2, 0, $3, 0, 0)
             ON CONFLICT (shop_id, phone, lane, slot) DO UPDATE SET at = excluded.at",
            HOUSE.get(),
            lane,
            now.millis(),
            a.to_vec(),
            b.to_vec(),
            c.to_vec(),
            d.to_vec()
        )?;
        for one in some {
            let (high, low) = halves(one);
            tx.keep(("phone locked", high, low), &lane.to_owned());
        }
    }
    ahead(tx, &phones).await
}

/// Whether this text has its place.
pub async fn holds(
    read: &mut Read,
    phone: &[u8; 16],
    lane: &str,
    text: MessageRef,
    since: Time,
) -> Result<bool, Error> {
    Ok(places(read, phone, lane, since).await?.iter().any(|place| place.by == text))
}

/// How many places others have, and the oldest of them.
pub async fn by_others(
    read: &mut Read,
    phone: &[u8; 16],
    lane: &str,
    besides: Option<MessageRef>,
    since: Time,
) -> Result<(u32, Option<Time>), Error> {
    let mut places = places(read, phone, lane, since).await?;
    places.retain(|place| Some(place.by) != besides);
    Ok((u32::try_from(places.len()).unwrap_or(u32::MAX), places.iter().map(|place| place.at).min()))
}

/// A place of a phone that is taken.
#[derive(Clone)]
struct Place {
    lane: String,
    slot: i64,
    at: Time,
    by: MessageRef,
}

type Row = (String, i64, i64, i64, i64);

fn place((lane, slot, at, shop, message): Row) -> Place {
    let by = MessageRef { shop: ShopId::new(shop), message: MessageId::new(message) };
    Place { lane, slot, at: time(at), by }
}

/// The places of a phone taken in a lane after a moment.
async fn places(read: &mut Read, phone: &[u8; 16], lane: &str, since: Time) -> Result<Vec<Place>, Error> {
    let (high, low) = halves(phone);
    let mut places: Vec<Place> = match read.recall(("phone_use", high, low)) {
        Some(places) => places,
        None => {
            let rows = all!(
                read,
                Row,
                "SELECT lane, slot, at, by_shop, by_message FROM phone_use
                 WHERE shop_id = $1 AND phone = $2 AND slot > 0",
                HOUSE.get(),
                phone.to_vec()
            )?;
            let places = rows.into_iter().map(place).collect();
            read.keep(("phone_use", high, low), &places);
            places
        }
    };
    places.retain(|place| place.lane == lane && place.at > since);
    Ok(places)
}

/// Reads the places of these phones at once.
pub async fn ahead(read: &mut Read, phones: &[[u8; 16]]) -> Result<(), Error> {
    for some in &ahead::sets(phones) {
        let text = each!(
            "SELECT phone, lane, slot, at, by_shop, by_message FROM phone_use
             WHERE shop_id = $1 AND phone = $2 AND slot > 0"
        );
        type Row = (Vec<u8>, String, i64, i64, i64, i64);
        let rows = selected!(read, Row, ahead::hashes(HOUSE.get(), text, some))?;
        let row = |(phone, lane, slot, at, shop, message)| (phone, place((lane, slot, at, shop, message)));
        let mut found = ahead::grouped(rows.into_iter().map(row));
        for phone in some {
            let places: Vec<Place> = found.remove(&phone[..]).unwrap_or_default();
            let (high, low) = halves(phone);
            read.keep(("phone_use", high, low), &places);
        }
    }
    Ok(())
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
