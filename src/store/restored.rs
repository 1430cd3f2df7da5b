//! Restores: what a database that was brought in from a copy forgets and holds back before anything works on it, and the
//! record of it. All of it is one transaction with the kill switch, so that no process ever finds the copy as it was.
//! `domain::restored` says why; the rule for carts is asked there with every decision.

use super::{
    Error, Read, Tx,
    db::{first, run},
    halt, job, time,
};
use crate::domain::{restored, time::Time};

/// A restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Fresh; the halt that comes with it has the same.
    pub id: i64,
    /// What the copy knows up to.
    pub backup_at: Time,
    pub at: Time,
    /// The operator's word that nothing was sent in between.
    pub silent: bool,
}

/// What it did to the copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldBack {
    /// Texts that waited or were on their way, and are unknown now.
    pub texts: u64,
    /// Claims of processes that are gone.
    pub claims: u64,
    /// Sessions and unused sign-in links that ended.
    pub sessions: u64,
}

/// Puts a copy to rest. The caller knows that no process works on it. An operator command.
pub async fn begin(tx: &mut Tx, restored: &Restored) -> Result<HeldBack, Error> {
    let (now, backup_at) = (restored.at, restored.backup_at);
    halt::halt(tx, restored.id, &restored::why(backup_at), now).await?;
    run!(
        tx,
        "INSERT INTO restored (restore_id, at, backup_at, silent_at) VALUES ($1, $2, $3, $4)",
        restored.id,
        now.millis(),
        backup_at.millis(),
        restored.silent.then(|| now.millis())
    )?;
    run!(tx, "DELETE FROM node")?;
    let mut held = HeldBack { claims: job::release_all(tx, now).await?, ..HeldBack::default() };
    if restored.silent {
        return Ok(held);
    }
    held.texts = doubt_texts(tx, restored).await?;
    // An issue whose moment lies before the restore may have been mailed.
    run!(tx, "UPDATE digest SET since = $1 WHERE since < $1", now.millis())?;
    // Who signed out or was shut out since is not known here.
    held.sessions = run!(tx, "DELETE FROM session")?;
    run!(tx, "DELETE FROM sign_in_link")?;
    Ok(held)
}

/// Every text that waits or was on its way may have left since. Its gateway is asked, where it can be: from the moment the
/// copy was made, if no attempt is on record.
async fn doubt_texts(tx: &mut Tx, restored: &Restored) -> Result<u64, Error> {
    let (now, backup_at) = (restored.at.millis(), restored.backup_at.millis());
    let texts = run!(
        tx,
        "UPDATE message SET sending_at = COALESCE(sending_at, $2), sending_by = NULL, unknown_at = $1, state = 'unknown',
                reason = $3
         WHERE accepted_at IS NULL AND refused_at IS NULL AND unknown_at IS NULL AND delivered_at IS NULL
           AND undelivered_at IS NULL AND cancelled_at IS NULL AND expired_at IS NULL",
        now,
        backup_at,
        restored::why_unknown(restored.backup_at)
    )?;
    run!(tx, "DELETE FROM job WHERE kind = 'send'")?;
    run!(
        tx,
        "INSERT INTO job (shop_id, kind, subject_id, due_at)
         SELECT shop_id, 'look_up', message_id, unknown_at FROM message WHERE unknown_at = $1 AND accepted_at IS NULL
         ON CONFLICT (shop_id, kind, subject_id) DO UPDATE SET
             due_at = excluded.due_at, attempt = 0, claimed_until = NULL, claimed_by = NULL",
        now
    )?;
    Ok(texts)
}

/// The last restore after which something may have been sent that is not known here. An operator read.
pub async fn last(read: &mut Read) -> Result<Option<Restored>, Error> {
    if let Some(last) = read.recall(("restored", 0, 0)) {
        return Ok(last);
    }
    let row = first!(
        read,
        (i64, i64, i64),
        "SELECT restore_id, at, backup_at FROM restored WHERE silent_at IS NULL ORDER BY at DESC LIMIT 1"
    )?;
    let last = row.map(|(id, at, backup_at)| Restored { id, backup_at: time(backup_at), at: time(at), silent: false });
    read.keep(("restored", 0, 0), &last);
    Ok(last)
}

/// Whether the halt of a restore stands: then nothing at all leaves, mail and news to other systems included. An operator
/// read.
pub async fn is_waiting(read: &mut Read) -> Result<bool, Error> {
    let row = first!(
        read,
        (i64,),
        "SELECT halt_id FROM halt WHERE lifted_at IS NULL AND halt_id IN (SELECT restore_id FROM restored) LIMIT 1"
    )?;
    Ok(row.is_some())
}

/// The newest moment a database knows of: when a copy that does not say it itself was made. An operator read.
pub async fn newest_moment(read: &mut Read) -> Result<Option<Time>, Error> {
    let row = first!(
        read,
        (Option<i64>,),
        "SELECT MAX(at) FROM (
             SELECT MAX(received_at) AS at FROM inbox UNION ALL SELECT MAX(created_at) FROM message
             UNION ALL SELECT MAX(accepted_at) FROM message UNION ALL SELECT MAX(at) FROM trail
             UNION ALL SELECT MAX(created_at) FROM shop
         ) AS moments"
    )?;
    Ok(row.and_then(|(at,)| super::maybe(at)))
}

/// Whether a process other than `holder` has a node number. An operator read.
pub async fn others_at_work(read: &mut Read, holder: &str, now: Time) -> Result<bool, Error> {
    let row = first!(
        read,
        (i64,),
        "SELECT node_id FROM node WHERE leased_until > $1 AND holder <> $2 LIMIT 1",
        now.millis(),
        holder
    )?;
    Ok(row.is_some())
}
