//! Tokens of the API: who may act for a shop through it. An operator table; tokens are kept as hashes only.

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    maybe, time, word,
};
use crate::domain::{id::ShopId, time::Time};

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything the API offers: record, opt out, erase, read.
    People,
    /// Read only: exports and proofs.
    Read,
}

impl Scope {
    pub const ALL: [Scope; 2] = [Scope::People, Scope::Read];

    pub fn name(self) -> &'static str {
        match self {
            Scope::People => "people",
            Scope::Read => "read",
        }
    }
}

/// The hash of a token, the only form in which it is stored.
pub type TokenHash = [u8; 32];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub shop: ShopId,
    /// Unique in its shop, also after it was revoked.
    pub name: String,
    pub scope: Scope,
    pub created_at: Time,
    pub used_at: Option<Time>,
    pub revoked_at: Option<Time>,
}

type Row = (i64, String, String, i64, Option<i64>, Option<i64>);

fn token((shop, name, scope, created_at, used_at, revoked_at): Row) -> Result<Token, Error> {
    Ok(Token {
        shop: ShopId::new(shop),
        name,
        scope: word("token scope", &Scope::ALL, Scope::name, &scope)?,
        created_at: time(created_at),
        used_at: maybe(used_at),
        revoked_at: maybe(revoked_at),
    })
}

/// `Error::Duplicate` when the shop has a token of this name, revoked or not.
pub async fn create(
    tx: &mut Tx,
    hash: &TokenHash,
    shop: ShopId,
    name: &str,
    scope: Scope,
    now: Time,
) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO api_token (token_hash, shop_id, name, scope, created_at) VALUES ($1, $2, $3, $4, $5)",
        hash.to_vec(),
        shop.get(),
        name,
        scope.name(),
        now.millis()
    )?;
    Ok(())
}

/// Whose token this is, revoked or not. An operator read: the shop is not known before.
pub async fn find(read: &mut Read, hash: &TokenHash) -> Result<Option<Token>, Error> {
    let row = first!(
        read,
        Row,
        "SELECT shop_id, name, scope, created_at, used_at, revoked_at FROM api_token WHERE token_hash = $1",
        hash.to_vec()
    )?;
    row.map(token).transpose()
}

/// Every token of a shop, oldest first.
pub async fn list(read: &mut Read, shop: ShopId) -> Result<Vec<Token>, Error> {
    let rows = all!(
        read,
        Row,
        "SELECT shop_id, name, scope, created_at, used_at, revoked_at FROM api_token WHERE shop_id = $1
         ORDER BY created_at, name",
        shop.get()
    )?;
    rows.into_iter().map(token).collect()
}

/// Notes that it was used.
pub async fn note_used(tx: &mut Tx, hash: &TokenHash, now: Time) -> Result<(), Error> {
    run!(tx, "UPDATE api_token SET used_at = $2 WHERE token_hash = $1", hash.to_vec(), now.millis())?;
    Ok(())
}

/// From now on it opens nothing. `false` when there is none of this name that still did.
pub async fn revoke(tx: &mut Tx, shop: ShopId, name: &str, now: Time) -> Result<bool, Error> {
    let revoked = run!(
        tx,
        "UPDATE api_token SET revoked_at = $3 WHERE shop_id = $1 AND name = $2 AND revoked_at IS NULL",
        shop.get(),
        name,
        now.millis()
    )?;
    Ok(revoked > 0)
}

/// All of a shop at once, when it is erased.
pub async fn revoke_all(tx: &mut Tx, shop: ShopId, now: Time) -> Result<u64, Error> {
    run!(tx, "UPDATE api_token SET revoked_at = $2 WHERE shop_id = $1 AND revoked_at IS NULL", shop.get(), now.millis())
}
