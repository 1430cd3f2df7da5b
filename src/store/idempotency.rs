//! Requests of the API that named a key, so that the same request again has the same answer and no second effect. The
//! row is written before the work begins: of two processes with one key, one works and the other sees that it does.

use super::{
    Error, Tx,
    db::{first, run},
    digest, maybe, of, time,
};
use crate::domain::{
    id::ShopId,
    seal::{Place, ShopKeys},
    time::Time,
};

/// A keyed hash of a key or of a request.
pub type Hash = [u8; 16];

/// A request whose key was used before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    pub fingerprint: Hash,
    pub started_at: Time,
    /// The answer, as it was kept; `None` while it is being worked on, or when its process died in the middle.
    pub answer: Option<Vec<u8>>,
}

fn place(name: &Hash) -> Place {
    let [a, b, c, d, e, f, g, h, ..] = *name;
    Place { table: "idempotency", column: "answer", row: i64::from_be_bytes([a, b, c, d, e, f, g, h]) }
}

/// Notes that this request begins. `None` when it is the first with this key since `kept_since`; older ones are dropped.
pub async fn begin(
    tx: &mut Tx,
    keys: &ShopKeys,
    name: &Hash,
    fingerprint: &Hash,
    kept_since: Time,
    now: Time,
) -> Result<Option<Earlier>, Error> {
    prune(tx, keys.shop(), kept_since).await?;
    let begun = run!(
        tx,
        "INSERT INTO idempotency (shop_id, name, fingerprint, started_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (shop_id, name) DO NOTHING",
        of(keys),
        name.to_vec(),
        fingerprint.to_vec(),
        now.millis()
    )?;
    if begun > 0 {
        return Ok(None);
    }
    let row = first!(
        tx,
        (Vec<u8>, i64, Option<i64>, Option<Vec<u8>>),
        "SELECT fingerprint, started_at, done_at, answer FROM idempotency WHERE shop_id = $1 AND name = $2",
        of(keys),
        name.to_vec()
    )?;
    // It was forgotten between the two statements: the caller comes again.
    let (fingerprint, started_at, done_at, sealed) = row.ok_or(Error::Busy)?;
    let answer = match (maybe(done_at), sealed) {
        (Some(_), Some(sealed)) => Some(keys.open(place(name), &sealed)?),
        _ => None,
    };
    Ok(Some(Earlier { fingerprint: digest("fingerprint", fingerprint)?, started_at: time(started_at), answer }))
}

/// Keeps the answer.
pub async fn finish(tx: &mut Tx, keys: &ShopKeys, name: &Hash, answer: &[u8], now: Time) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE idempotency SET done_at = $3, answer = $4 WHERE shop_id = $1 AND name = $2",
        of(keys),
        name.to_vec(),
        now.millis(),
        keys.seal(place(name), answer)
    )?;
    Ok(())
}

/// Frees a key whose request changed nothing.
pub async fn free(tx: &mut Tx, shop: ShopId, name: &Hash) -> Result<(), Error> {
    run!(tx, "DELETE FROM idempotency WHERE shop_id = $1 AND name = $2", shop.get(), name.to_vec())?;
    Ok(())
}

/// Forgets what began before this moment.
pub async fn prune(tx: &mut Tx, shop: ShopId, before: Time) -> Result<u64, Error> {
    run!(tx, "DELETE FROM idempotency WHERE shop_id = $1 AND started_at < $2", shop.get(), before.millis())
}
