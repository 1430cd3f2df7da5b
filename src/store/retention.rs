//! Forgetting by age: what has outlived its purpose, found by ids, which hold their time. A mark per kind says how far
//! forgetting has come, so that a night costs what has come of age since the last and not what exists.

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    digest, of,
};
use crate::domain::{
    id::{ClickId, MessageId, OrderId},
    seal::ShopKeys,
    time::Time,
};

/// Ids hold their time above this many bits (`clock::Ids`).
const ID_TIME_SHIFT: u32 = 21;

/// The first id of a moment: all that were made before it are smaller.
pub fn first_id(at: Time) -> i64 {
    at.millis().checked_shl(ID_TIME_SHIFT).unwrap_or(i64::MAX)
}

/// What is forgotten step by step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Words,
    Clicks,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Words => "words",
            Kind::Clicks => "clicks",
        }
    }
}

/// Everything of this kind below this id was dealt with; 0 at the start.
pub async fn mark(read: &mut Read, keys: &ShopKeys, kind: Kind) -> Result<i64, Error> {
    let row = first!(
        read,
        (i64,),
        "SELECT upto FROM retention_mark WHERE shop_id = $1 AND kind = $2",
        of(keys),
        kind.name()
    )?;
    Ok(row.map_or(0, |(upto,)| upto))
}

/// Moves the mark; it never goes back.
pub async fn set_mark(tx: &mut Tx, keys: &ShopKeys, kind: Kind, upto: i64) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO retention_mark (shop_id, kind, upto) VALUES ($1, $2, $3)
         ON CONFLICT (shop_id, kind) DO UPDATE SET upto = excluded.upto WHERE retention_mark.upto < excluded.upto",
        of(keys),
        kind.name(),
        upto
    )?;
    Ok(())
}

/// Texts with ids in `[from, to)`, oldest first.
pub async fn messages(
    read: &mut Read,
    keys: &ShopKeys,
    (from, to): (i64, i64),
    most: u32,
) -> Result<Vec<MessageId>, Error> {
    let rows = all!(
        read,
        (i64,),
        "SELECT message_id FROM message WHERE shop_id = $1 AND message_id >= $2 AND message_id < $3
         ORDER BY message_id LIMIT $4",
        of(keys),
        from,
        to,
        i64::from(most)
    )?;
    Ok(rows.into_iter().map(|(id,)| MessageId::new(id)).collect())
}

/// Openings of links with ids in `[from, to)`, oldest first.
pub async fn clicks(
    read: &mut Read,
    keys: &ShopKeys,
    (from, to): (i64, i64),
    most: u32,
) -> Result<Vec<ClickId>, Error> {
    let rows = all!(
        read,
        (i64,),
        "SELECT click_id FROM click WHERE shop_id = $1 AND click_id >= $2 AND click_id < $3 ORDER BY click_id LIMIT $4",
        of(keys),
        from,
        to,
        i64::from(most)
    )?;
    Ok(rows.into_iter().map(|(id,)| ClickId::new(id)).collect())
}

/// Decisions made before this moment go; answers how many went.
pub async fn forget_decisions(tx: &mut Tx, keys: &ShopKeys, before: Time, most: u32) -> Result<u64, Error> {
    run!(
        tx,
        "DELETE FROM decision WHERE shop_id = $1 AND decision_id IN (
             SELECT decision_id FROM decision WHERE shop_id = $1 AND decision_id < $2 ORDER BY decision_id LIMIT $3)",
        of(keys),
        first_id(before),
        i64::from(most)
    )
}

/// Orders that last changed before this moment and still name somebody.
pub async fn orders(read: &mut Read, keys: &ShopKeys, before: Time, most: u32) -> Result<Vec<OrderId>, Error> {
    let rows = all!(
        read,
        (i64,),
        "SELECT order_id FROM shop_order WHERE shop_id = $1 AND updated_at < $2 AND erased_at IS NULL
         ORDER BY order_id LIMIT $3",
        of(keys),
        before.millis(),
        i64::from(most)
    )?;
    Ok(rows.into_iter().map(|(id,)| OrderId::new(id)).collect())
}

/// Numbers whose last consent, opt-out and text all lie before this moment: nothing is left to prove.
pub async fn consented(read: &mut Read, keys: &ShopKeys, before: Time, most: u32) -> Result<Vec<[u8; 16]>, Error> {
    let rows = all!(
        read,
        (Vec<u8>,),
        "SELECT phone FROM consent WHERE shop_id = $1 GROUP BY phone
         HAVING MAX(recorded_at) < $2
            AND NOT EXISTS (SELECT 1 FROM opt_out WHERE opt_out.shop_id = $1 AND opt_out.phone = consent.phone
                              AND opt_out.recorded_at >= $2)
            AND NOT EXISTS (SELECT 1 FROM message WHERE message.shop_id = $1 AND message.phone = consent.phone
                              AND message.created_at >= $2)
         ORDER BY phone LIMIT $3",
        of(keys),
        before.millis(),
        i64::from(most)
    )?;
    rows.into_iter().map(|(phone,)| digest("phone index", phone)).collect()
}

/// Opt-outs recorded before this moment go: only where a shop chose a bound at all.
pub async fn forget_opt_outs(tx: &mut Tx, keys: &ShopKeys, before: Time) -> Result<u64, Error> {
    run!(tx, "DELETE FROM opt_out WHERE shop_id = $1 AND recorded_at < $2", of(keys), before.millis())
}

/// Keeps the SHA-256 of words that are about to be forgotten.
pub async fn keep_digest(tx: &mut Tx, keys: &ShopKeys, message: MessageId, words: &[u8; 32]) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO message_digest (shop_id, message_id, digest) VALUES ($1, $2, $3)
         ON CONFLICT (shop_id, message_id) DO NOTHING",
        of(keys),
        message.get(),
        words.to_vec()
    )?;
    Ok(())
}

/// The SHA-256 of words that were forgotten by age.
pub async fn digest_of(read: &mut Read, keys: &ShopKeys, message: MessageId) -> Result<Option<Vec<u8>>, Error> {
    let row = first!(
        read,
        (Vec<u8>,),
        "SELECT digest FROM message_digest WHERE shop_id = $1 AND message_id = $2",
        of(keys),
        message.get()
    )?;
    Ok(row.map(|(digest,)| digest))
}

pub async fn forget_digest(tx: &mut Tx, keys: &ShopKeys, message: MessageId) -> Result<(), Error> {
    run!(tx, "DELETE FROM message_digest WHERE shop_id = $1 AND message_id = $2", of(keys), message.get())?;
    Ok(())
}
