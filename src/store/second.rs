//! Second proofs, recovery codes, and whoever is half signed in. Operator tables: secrets are sealed with the house's keys,
//! codes and tokens are kept as hashes only. What may happen once happens once here: each use is one statement that
//! changes a row or does not, whichever process asks first.

use super::{
    Error, Read, Tx,
    db::{first, run},
    maybe, time,
    user::TokenHash,
};
use crate::domain::{
    id::UserId,
    seal::{Place, ShopKeys},
    second::Secret,
    time::Time,
};

fn place(user: UserId) -> Place {
    Place { table: "second_proof", column: "secret", row: user.get() }
}

fn index(keys: &ShopKeys, user: UserId, code: &str) -> Vec<u8> {
    keys.index("recovery_code", &format!("{} {code}", user.get())).to_vec()
}

/// Somebody's second proof.
pub struct SecondProof {
    pub secret: Secret,
    pub begun_at: Time,
    /// `None` until its first code was typed.
    pub since: Option<Time>,
}

/// `house` are the house's keys, as everywhere in this file.
pub async fn get(read: &mut Read, house: &ShopKeys, user: UserId) -> Result<Option<SecondProof>, Error> {
    let row = first!(
        read,
        (Vec<u8>, i64, Option<i64>),
        "SELECT secret, begun_at, since FROM second_proof WHERE user_id = $1",
        user.get()
    )?;
    let Some((sealed, begun_at, since)) = row else { return Ok(None) };
    let secret = Secret::of(&house.open(place(user), &sealed)?);
    let secret = secret.ok_or_else(|| Error::damaged("second proof", "wrong length"))?;
    Ok(Some(SecondProof { secret, begun_at: time(begun_at), since: maybe(since) }))
}

/// Whether somebody has one that counts.
pub async fn is_on(read: &mut Read, user: UserId) -> Result<bool, Error> {
    let row =
        first!(read, (i64,), "SELECT user_id FROM second_proof WHERE user_id = $1 AND since IS NOT NULL", user.get())?;
    Ok(row.is_some())
}

/// Since when somebody has one that counts.
pub async fn since(read: &mut Read, user: UserId) -> Result<Option<Time>, Error> {
    let row = first!(read, (Option<i64>,), "SELECT since FROM second_proof WHERE user_id = $1", user.get())?;
    Ok(row.and_then(|(since,)| maybe(since)))
}

/// Begins one with a fresh secret, in place of one that was begun and not finished. `false` when one counts already.
pub async fn begin(tx: &mut Tx, house: &ShopKeys, user: UserId, secret: &Secret, now: Time) -> Result<bool, Error> {
    let begun = run!(
        tx,
        "INSERT INTO second_proof (user_id, secret, begun_at, used_step) VALUES ($1, $2, $3, 0)
         ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, begun_at = excluded.begun_at, used_step = 0
         WHERE second_proof.since IS NULL",
        user.get(),
        house.seal(place(user), secret.bytes()),
        now.millis()
    )?;
    Ok(begun > 0)
}

/// From now on it counts; its first code is used up by it. `false` when there is none that was begun.
pub async fn confirm(tx: &mut Tx, user: UserId, step: i64, now: Time) -> Result<bool, Error> {
    let confirmed = run!(
        tx,
        "UPDATE second_proof SET since = $3, used_step = $2 WHERE user_id = $1 AND since IS NULL",
        user.get(),
        step,
        now.millis()
    )?;
    Ok(confirmed > 0)
}

/// Uses the code of a step up. `false` when it, or a later one, was used before.
pub async fn use_step(tx: &mut Tx, user: UserId, step: i64) -> Result<bool, Error> {
    let used = run!(
        tx,
        "UPDATE second_proof SET used_step = $2 WHERE user_id = $1 AND used_step < $2 AND since IS NOT NULL",
        user.get(),
        step
    )?;
    Ok(used > 0)
}

/// Gives somebody these recovery codes, in place of all they had. Codes without their dashes.
pub async fn set_codes(tx: &mut Tx, house: &ShopKeys, user: UserId, codes: &[String], now: Time) -> Result<(), Error> {
    run!(tx, "DELETE FROM recovery_code WHERE user_id = $1", user.get())?;
    for code in codes {
        run!(
            tx,
            "INSERT INTO recovery_code (user_id, code_hash, made_at) VALUES ($1, $2, $3)",
            user.get(),
            index(house, user, code),
            now.millis()
        )?;
    }
    Ok(())
}

/// Uses a recovery code up. `false` when it is none of theirs, or was used.
pub async fn use_code(tx: &mut Tx, house: &ShopKeys, user: UserId, code: &str, now: Time) -> Result<bool, Error> {
    let used = run!(
        tx,
        "UPDATE recovery_code SET used_at = $3 WHERE user_id = $1 AND code_hash = $2 AND used_at IS NULL",
        user.get(),
        index(house, user, code),
        now.millis()
    )?;
    Ok(used > 0)
}

/// How many recovery codes were not used.
pub async fn codes_left(read: &mut Read, user: UserId) -> Result<u64, Error> {
    let row = first!(
        read,
        (i64,),
        "SELECT CAST(COUNT(*) AS BIGINT) FROM recovery_code WHERE user_id = $1 AND used_at IS NULL",
        user.get()
    )?;
    Ok(row.map_or(0, |(count,)| count.unsigned_abs()))
}

/// Takes it away, its recovery codes and whoever was half signed in with it. `false` when there was none.
pub async fn end(tx: &mut Tx, user: UserId) -> Result<bool, Error> {
    let ended = run!(tx, "DELETE FROM second_proof WHERE user_id = $1", user.get())?;
    run!(tx, "DELETE FROM recovery_code WHERE user_id = $1", user.get())?;
    end_halves(tx, user).await?;
    Ok(ended > 0)
}

/// Notes that somebody else took it away, until its person was told.
pub async fn note_reset(tx: &mut Tx, user: UserId, now: Time) -> Result<(), Error> {
    run!(tx, "UPDATE person SET second_reset_at = $2 WHERE user_id = $1", user.get(), now.millis())?;
    Ok(())
}

/// Whether that has to be told; from then on it does not.
pub async fn tell_reset(tx: &mut Tx, user: UserId) -> Result<bool, Error> {
    let told = run!(
        tx,
        "UPDATE person SET second_reset_at = NULL WHERE user_id = $1 AND second_reset_at IS NOT NULL",
        user.get()
    )?;
    Ok(told > 0)
}

/// Somebody who gave the first proof and owes the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Half {
    pub user: UserId,
    /// The first proof was a one-time link.
    pub renews: bool,
}

pub async fn begin_half(tx: &mut Tx, hash: &TokenHash, half: Half, now: Time, until: Time) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO half_sign_in (token_hash, user_id, expires_at, renews_at) VALUES ($1, $2, $3, $4)",
        hash.to_vec(),
        half.user.get(),
        until.millis(),
        half.renews.then_some(now.millis())
    )?;
    Ok(())
}

/// `None` when it is unknown or over, or its person was removed.
pub async fn half(read: &mut Read, hash: &TokenHash, now: Time) -> Result<Option<Half>, Error> {
    let row = first!(
        read,
        (i64, Option<i64>),
        "SELECT half_sign_in.user_id, half_sign_in.renews_at
         FROM half_sign_in JOIN person ON person.user_id = half_sign_in.user_id
         WHERE half_sign_in.token_hash = $1 AND half_sign_in.expires_at > $2 AND person.removed_at IS NULL",
        hash.to_vec(),
        now.millis()
    )?;
    Ok(row.map(|(user, renews_at)| Half { user: UserId::new(user), renews: renews_at.is_some() }))
}

/// Uses it up. `false` when somebody else did, or it is gone.
pub async fn end_half(tx: &mut Tx, hash: &TokenHash) -> Result<bool, Error> {
    Ok(run!(tx, "DELETE FROM half_sign_in WHERE token_hash = $1", hash.to_vec())? > 0)
}

/// Ends everything of a person that is half done.
pub async fn end_halves(tx: &mut Tx, user: UserId) -> Result<(), Error> {
    run!(tx, "DELETE FROM half_sign_in WHERE user_id = $1", user.get())?;
    Ok(())
}

/// Drops what is over.
pub async fn prune(tx: &mut Tx, before: Time) -> Result<u64, Error> {
    run!(tx, "DELETE FROM half_sign_in WHERE expires_at < $1", before.millis())
}
