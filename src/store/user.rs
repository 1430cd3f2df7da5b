//! People who sign in, their one-time links and sessions. Operator tables; tokens are kept as hashes only.

use super::{
    Error, Read, Tx,
    db::{first, run},
    time,
};
use crate::domain::{id::UserId, time::Time};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub name: String,
    pub role: String,
}

/// The hash of a token, the only form in which it is stored.
pub type TokenHash = [u8; 32];

/// The first owner, made when there is nobody yet.
pub async fn ensure_owner(tx: &mut Tx, fresh: UserId, now: Time) -> Result<UserId, Error> {
    let owner = first!(tx, (i64,), "SELECT user_id FROM person WHERE role = 'owner' ORDER BY user_id LIMIT 1")?;
    if let Some((owner,)) = owner {
        return Ok(UserId::new(owner));
    }
    run!(
        tx,
        "INSERT INTO person (user_id, name, role, created_at) VALUES ($1, $2, 'owner', $3)",
        fresh.get(),
        "Owner",
        now.millis()
    )?;
    Ok(fresh)
}

pub async fn add_link(tx: &mut Tx, hash: &TokenHash, user: UserId, expires_at: Time) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO sign_in_link (token_hash, user_id, expires_at) VALUES ($1, $2, $3)",
        hash.to_vec(),
        user.get(),
        expires_at.millis()
    )?;
    Ok(())
}

/// Whether anybody has ever signed in.
pub async fn anybody_signed_in(read: &mut Read) -> Result<bool, Error> {
    Ok(first!(read, (i64,), "SELECT user_id FROM sign_in_link WHERE used_at IS NOT NULL LIMIT 1")?.is_some())
}

/// Until when a link works and whether it was used. `None` when there is no such link.
pub async fn link(read: &mut Read, hash: &TokenHash) -> Result<Option<(Time, bool)>, Error> {
    let row = first!(
        read,
        (i64, Option<i64>),
        "SELECT expires_at, used_at FROM sign_in_link WHERE token_hash = $1",
        hash.to_vec()
    )?;
    Ok(row.map(|(expires_at, used_at)| (time(expires_at), used_at.is_some())))
}

/// Uses a link up. `None` when it is unknown, used or expired.
pub async fn use_link(tx: &mut Tx, hash: &TokenHash, now: Time) -> Result<Option<UserId>, Error> {
    let row = first!(
        tx,
        (i64,),
        "UPDATE sign_in_link SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2
         RETURNING user_id",
        hash.to_vec(),
        now.millis()
    )?;
    Ok(row.map(|(user,)| UserId::new(user)))
}

pub async fn begin_session(tx: &mut Tx, hash: &TokenHash, user: UserId, now: Time, until: Time) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO session (token_hash, user_id, created_at, seen_at, expires_at) VALUES ($1, $2, $3, $3, $4)",
        hash.to_vec(),
        user.get(),
        now.millis(),
        until.millis()
    )?;
    Ok(())
}

/// Whose session this is, with the moment it was last seen. `None` when it is unknown, over, or idle since before
/// `idle_since`.
pub async fn of_session(
    read: &mut Read,
    hash: &TokenHash,
    now: Time,
    idle_since: Time,
) -> Result<Option<(User, Time)>, Error> {
    let row = first!(
        read,
        (i64, String, String, i64),
        "SELECT person.user_id, person.name, person.role, session.seen_at
         FROM session JOIN person ON person.user_id = session.user_id
         WHERE session.token_hash = $1 AND session.expires_at > $2 AND session.seen_at >= $3",
        hash.to_vec(),
        now.millis(),
        idle_since.millis()
    )?;
    Ok(row.map(|(id, name, role, seen)| (User { id: UserId::new(id), name, role }, time(seen))))
}

pub async fn touch_session(tx: &mut Tx, hash: &TokenHash, now: Time) -> Result<(), Error> {
    run!(tx, "UPDATE session SET seen_at = $2 WHERE token_hash = $1", hash.to_vec(), now.millis())?;
    Ok(())
}

pub async fn end_session(tx: &mut Tx, hash: &TokenHash) -> Result<(), Error> {
    run!(tx, "DELETE FROM session WHERE token_hash = $1", hash.to_vec())?;
    Ok(())
}

/// Drops sessions and links that are over.
pub async fn prune(tx: &mut Tx, before: Time) -> Result<u64, Error> {
    let sessions = run!(tx, "DELETE FROM session WHERE expires_at < $1", before.millis())?;
    let links = run!(tx, "DELETE FROM sign_in_link WHERE expires_at < $1 AND used_at IS NULL", before.millis())?;
    Ok(sessions + links)
}
