//! People who sign in, their one-time links and sessions. Operator tables; tokens are kept as hashes only.

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    house, team, time, word,
};
use crate::domain::{
    id::UserId,
    member::{Reach, Role},
    time::Time,
};

/// Who a session is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub name: String,
    pub role: Role,
    pub reach: Reach,
    /// "" follows the browser.
    pub language: String,
    pub has_password: bool,
    pub has_second: bool,
    /// Whether the house wants owners to have a second proof.
    pub owners_need_second: bool,
    /// When this session last proved who it is.
    pub proved_at: Time,
    /// Whether this session may choose a password without the old one.
    pub renews: bool,
}

/// A session that begins.
#[derive(Clone, Copy, Debug)]
pub struct NewSession<'a> {
    pub user: UserId,
    pub now: Time,
    pub until: Time,
    /// From where; "" when it is not known.
    pub address: &'a str,
    /// With what, in a few words.
    pub browser: &'a str,
    pub renews: bool,
}

/// A session as its person sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub hash: TokenHash,
    pub created_at: Time,
    pub seen_at: Time,
    pub address: String,
    pub browser: String,
}

/// The hash of a token, the only form in which it is stored.
pub type TokenHash = [u8; 32];

/// The first owner, made when there is nobody yet.
pub async fn ensure_owner(tx: &mut Tx, fresh: UserId, now: Time) -> Result<UserId, Error> {
    let owner = first!(
        tx,
        (i64,),
        "SELECT user_id FROM person WHERE role = 'owner' AND removed_at IS NULL ORDER BY user_id LIMIT 1"
    )?;
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

pub async fn begin_session(tx: &mut Tx, hash: &TokenHash, new: &NewSession<'_>) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO session (token_hash, user_id, created_at, seen_at, proved_at, expires_at, address, browser, renews_at)
         VALUES ($1, $2, $3, $3, $3, $4, $5, $6, $7)",
        hash.to_vec(),
        new.user.get(),
        new.now.millis(),
        new.until.millis(),
        new.address,
        new.browser,
        new.renews.then_some(new.now.millis())
    )?;
    run!(tx, "UPDATE person SET seen_at = $2 WHERE user_id = $1", new.user.get(), new.now.millis())?;
    Ok(())
}

/// Whose session this is, with the moment it was last seen. `None` when it is unknown, over, idle since before
/// `idle_since`, or its person was removed.
pub async fn of_session(
    read: &mut Read,
    hash: &TokenHash,
    now: Time,
    idle_since: Time,
) -> Result<Option<(User, Time)>, Error> {
    let row = first!(
        read,
        OfSession,
        "SELECT person.user_id, person.name, person.role, person.language, person.password, person.bound_at,
                session.renews_at, session.seen_at, session.proved_at, second_proof.since AS second_since,
                house_setting.value AS owners_second
         FROM session JOIN person ON person.user_id = session.user_id
              LEFT JOIN second_proof ON second_proof.user_id = session.user_id
              LEFT JOIN house_setting ON house_setting.name = $4
         WHERE session.token_hash = $1 AND session.expires_at > $2 AND session.seen_at >= $3
           AND person.removed_at IS NULL",
        hash.to_vec(),
        now.millis(),
        idle_since.millis(),
        house::OWNERS_SECOND
    )?;
    let Some(row) = row else { return Ok(None) };
    let id = UserId::new(row.user_id);
    let user = User {
        id,
        name: row.name,
        role: word("role", &Role::ALL, Role::name, &row.role)?,
        reach: team::reach(read, id, row.bound_at).await?,
        language: row.language,
        has_password: !row.password.is_empty(),
        has_second: row.second_since.is_some(),
        owners_need_second: row.owners_second.is_some_and(|value| value == house::YES),
        proved_at: time(row.proved_at),
        renews: row.renews_at.is_some(),
    };
    Ok(Some((user, time(row.seen_at))))
}

#[derive(sqlx::FromRow)]
struct OfSession {
    user_id: i64,
    name: String,
    role: String,
    language: String,
    password: String,
    bound_at: Option<i64>,
    renews_at: Option<i64>,
    seen_at: i64,
    proved_at: i64,
    second_since: Option<i64>,
    owners_second: Option<String>,
}

/// This session has just proved who it is.
pub async fn prove_session(tx: &mut Tx, hash: &TokenHash, now: Time) -> Result<(), Error> {
    run!(tx, "UPDATE session SET proved_at = $2 WHERE token_hash = $1", hash.to_vec(), now.millis())?;
    Ok(())
}

/// A person's sessions that are not over, the one seen last first.
pub async fn sessions(read: &mut Read, user: UserId, now: Time, idle_since: Time) -> Result<Vec<Session>, Error> {
    let rows = all!(
        read,
        (Vec<u8>, i64, i64, String, String),
        "SELECT token_hash, created_at, seen_at, address, browser FROM session
         WHERE user_id = $1 AND expires_at > $2 AND seen_at >= $3 ORDER BY seen_at DESC, created_at DESC",
        user.get(),
        now.millis(),
        idle_since.millis()
    )?;
    rows.into_iter()
        .map(|(hash, created_at, seen_at, address, browser)| {
            let hash = hash.try_into().map_err(|_| Error::damaged("session", "wrong length"))?;
            Ok(Session { hash, created_at: time(created_at), seen_at: time(seen_at), address, browser })
        })
        .collect()
}

pub async fn touch_session(tx: &mut Tx, hash: &TokenHash, now: Time) -> Result<(), Error> {
    run!(tx, "UPDATE session SET seen_at = $2 WHERE token_hash = $1", hash.to_vec(), now.millis())?;
    run!(
        tx,
        "UPDATE person SET seen_at = $2 WHERE user_id = (SELECT user_id FROM session WHERE token_hash = $1)",
        hash.to_vec(),
        now.millis()
    )?;
    Ok(())
}

pub async fn end_session(tx: &mut Tx, hash: &TokenHash) -> Result<(), Error> {
    run!(tx, "DELETE FROM session WHERE token_hash = $1", hash.to_vec())?;
    Ok(())
}

/// Ends every session of a person but this one, if it is given; answers how many.
pub async fn end_sessions(tx: &mut Tx, user: UserId, but: Option<&TokenHash>) -> Result<u64, Error> {
    // No session has an empty hash.
    let but = but.map(|hash| hash.to_vec()).unwrap_or_default();
    run!(tx, "DELETE FROM session WHERE user_id = $1 AND token_hash <> $2", user.get(), but)
}

/// Takes the right to choose a password without the old one back, once it was used.
pub async fn end_renewing(tx: &mut Tx, user: UserId) -> Result<(), Error> {
    run!(tx, "UPDATE session SET renews_at = NULL WHERE user_id = $1", user.get())?;
    Ok(())
}

/// Drops a person's links that were not used.
pub async fn end_links(tx: &mut Tx, user: UserId) -> Result<(), Error> {
    run!(tx, "DELETE FROM sign_in_link WHERE user_id = $1 AND used_at IS NULL", user.get())?;
    Ok(())
}

/// Drops sessions and links that are over.
pub async fn prune(tx: &mut Tx, before: Time) -> Result<u64, Error> {
    let sessions = run!(tx, "DELETE FROM session WHERE expires_at < $1", before.millis())?;
    let links = run!(tx, "DELETE FROM sign_in_link WHERE expires_at < $1 AND used_at IS NULL", before.millis())?;
    Ok(sessions + links)
}
