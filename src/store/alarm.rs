//! Alarms: what needs a person. Raised once per cause, cleared when it is over.

use super::{
    Error, Read, Tx,
    db::{all, run},
    of, time,
};
use crate::domain::{id::ShopId, seal::ShopKeys, time::Time};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    pub kind: String,
    pub subject: String,
    pub raised_at: Time,
    pub words: String,
}

/// Raises an alarm; `false` when it stands already.
pub async fn raise(
    tx: &mut Tx,
    shop: ShopId,
    kind: &str,
    subject: &str,
    words: &str,
    now: Time,
) -> Result<bool, Error> {
    let raised = run!(
        tx,
        "INSERT INTO alarm (shop_id, kind, subject, raised_at, words) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (shop_id, kind, subject) DO UPDATE SET
             raised_at = excluded.raised_at, words = excluded.words, cleared_at = NULL
         WHERE alarm.cleared_at IS NOT NULL",
        shop.get(),
        kind,
        subject,
        now.millis(),
        words
    )?;
    Ok(raised > 0)
}

pub async fn clear(tx: &mut Tx, shop: ShopId, kind: &str, subject: &str, now: Time) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE alarm SET cleared_at = $4 WHERE shop_id = $1 AND kind = $2 AND subject = $3 AND cleared_at IS NULL",
        shop.get(),
        kind,
        subject,
        now.millis()
    )?;
    Ok(())
}

/// Forgets an alarm altogether: one whose words name somebody.
pub async fn forget(tx: &mut Tx, keys: &ShopKeys, kind: &str, subject: &str) -> Result<u64, Error> {
    run!(tx, "DELETE FROM alarm WHERE shop_id = $1 AND kind = $2 AND subject = $3", of(keys), kind, subject)
}

/// The alarms that stand, oldest first.
pub async fn standing(read: &mut Read, keys: &ShopKeys) -> Result<Vec<Alarm>, Error> {
    let rows = all!(
        read,
        (String, String, i64, String),
        "SELECT kind, subject, raised_at, words FROM alarm WHERE shop_id = $1 AND cleared_at IS NULL ORDER BY raised_at",
        of(keys)
    )?;
    Ok(rows
        .into_iter()
        .map(|(kind, subject, raised_at, words)| Alarm { kind, subject, raised_at: time(raised_at), words })
        .collect())
}
