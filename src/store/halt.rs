//! The kill switch: one word of the operator that no shop sends anything, read in every transaction that notes an intent.

use super::{
    Error, Read, Tx,
    db::{first, run},
    time,
};
use crate::domain::time::Time;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halt {
    pub at: Time,
    pub why: String,
}

/// The oldest word that stands. An operator read.
pub async fn standing(read: &mut Read) -> Result<Option<Halt>, Error> {
    if let Some(standing) = read.recall(("halt", 0, 0)) {
        return Ok(standing);
    }
    let row = first!(read, (i64, String), "SELECT at, why FROM halt WHERE lifted_at IS NULL ORDER BY at LIMIT 1")?;
    let standing = row.map(|(at, why)| Halt { at: time(at), why });
    read.keep(("halt", 0, 0), &standing);
    Ok(standing)
}

/// Stops all sending. `id` is fresh.
pub async fn halt(tx: &mut Tx, id: i64, why: &str, now: Time) -> Result<(), Error> {
    run!(tx, "INSERT INTO halt (halt_id, at, why) VALUES ($1, $2, $3)", id, now.millis(), why)?;
    Ok(())
}

/// Takes every word back; `false` when none stood.
pub async fn lift(tx: &mut Tx, now: Time) -> Result<bool, Error> {
    Ok(run!(tx, "UPDATE halt SET lifted_at = $1 WHERE lifted_at IS NULL", now.millis())? > 0)
}
