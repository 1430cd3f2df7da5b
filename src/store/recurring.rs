//! Recurring work: which occurrence of a schedule was taken, so that one process runs it and no other. An operator table.

use super::{
    Error, Read, Tx,
    db::{first, run},
    maybe,
};
use crate::domain::{id::ShopId, time::Time};

/// Takes an occurrence; `false` when another process has it.
pub async fn take(tx: &mut Tx, shop: ShopId, kind: &str, occurrence: Time, by: &str) -> Result<bool, Error> {
    let taken = run!(
        tx,
        "INSERT INTO recurring (shop_id, kind, occurrence, taken_by) VALUES ($1, $2, $3, $4)
         ON CONFLICT (shop_id, kind, occurrence) DO NOTHING",
        shop.get(),
        kind,
        occurrence.millis(),
        by
    )?;
    Ok(taken > 0)
}

/// The newest occurrence that was taken.
pub async fn last(read: &mut Read, shop: ShopId, kind: &str) -> Result<Option<Time>, Error> {
    let row = first!(
        read,
        (Option<i64>,),
        "SELECT MAX(occurrence) FROM recurring WHERE shop_id = $1 AND kind = $2",
        shop.get(),
        kind
    )?;
    Ok(row.and_then(|(at,)| maybe(at)))
}

/// Forgets old occurrences.
pub async fn prune(tx: &mut Tx, before: Time) -> Result<u64, Error> {
    run!(tx, "DELETE FROM recurring WHERE occurrence < $1", before.millis())
}
