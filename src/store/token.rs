//! Tokens of the API: who may act for a shop through it. An operator table; tokens are kept as hashes only.

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    maybe, millis, time, word,
};
use crate::domain::{id::ShopId, time::Time};

/// What a token may do: each scope is one area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Look at everything of the shop, exports and proofs of people among it.
    Read,
    /// Record consents and opt-outs, erase people. Includes reading.
    People,
    /// Change the shop, its gateways, sequences and texts; settle replies, replay deliveries, end pauses.
    Write,
    /// Send: tests to a phone, a cart's next text now, test events.
    Send,
    /// Name any shop, and stop or let go on the whole house. Of the house's own tokens only.
    House,
}

impl Scope {
    pub const ALL: [Scope; 5] = [Scope::Read, Scope::People, Scope::Write, Scope::Send, Scope::House];

    pub fn name(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::People => "people",
            Scope::Write => "write",
            Scope::Send => "send",
            Scope::House => "house",
        }
    }

    pub fn by_name(name: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// What it lets a program do, for people.
    pub fn words(self) -> &'static str {
        match self {
            Scope::Read => "look at everything of the shop, exports and proofs of people among it",
            Scope::People => "record consents and opt-outs, export and erase people; includes reading",
            Scope::Write => "change the shop, gateways, sequences and texts; settle replies, replay deliveries",
            Scope::Send => "send: tests to a phone, a cart's next text now, test events",
            Scope::House => "act for every shop, and stop all sending",
        }
    }
}

/// The scopes of one token, in the order of `Scope::ALL`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    pub fn new(chosen: impl IntoIterator<Item = Scope>) -> Scopes {
        let chosen: Vec<Scope> = chosen.into_iter().collect();
        Scopes(Scope::ALL.into_iter().filter(|scope| chosen.contains(scope)).collect())
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// Whether a token with these may do what needs this one.
    pub fn allow(&self, needs: Scope) -> bool {
        self.has(needs) || needs == Scope::Read && self.has(Scope::People)
    }

    pub fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|scope| scope.name()).collect()
    }

    /// The nearest of the two words from before there were several.
    fn old_word(&self) -> Scope {
        if self.has(Scope::People) { Scope::People } else { Scope::Read }
    }

    fn restored(old: &str, names: &str) -> Result<Scopes, Error> {
        let names = if names.is_empty() { old } else { names };
        let scopes = names.split(' ').map(|name| word("token scope", &Scope::ALL, Scope::name, name));
        Ok(Scopes::new(scopes.collect::<Result<Vec<_>, _>>()?))
    }
}

/// The hash of a token, the only form in which it is stored.
pub type TokenHash = [u8; 32];

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub shop: ShopId,
    /// Unique in its shop, also after it was revoked.
    pub name: String,
    pub scopes: Scopes,
    pub created_at: Time,
    /// From then on it opens nothing.
    pub expires_at: Option<Time>,
    pub used_at: Option<Time>,
    pub revoked_at: Option<Time>,
}

impl Token {
    /// Whether it opens anything at this moment.
    pub fn is_good(&self, now: Time) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    shop_id: i64,
    name: String,
    scope: String,
    scopes: String,
    created_at: i64,
    expires_at: Option<i64>,
    used_at: Option<i64>,
    revoked_at: Option<i64>,
}

fn token(row: Row) -> Result<Token, Error> {
    let Row { shop_id, name, scope, scopes, created_at, expires_at, used_at, revoked_at } = row;
    Ok(Token {
        shop: ShopId::new(shop_id),
        name,
        scopes: Scopes::restored(&scope, &scopes)?,
        created_at: time(created_at),
        expires_at: maybe(expires_at),
        used_at: maybe(used_at),
        revoked_at: maybe(revoked_at),
    })
}

/// `Error::Duplicate` when the shop has a token of this name, revoked or not.
pub async fn create(tx: &mut Tx, hash: &TokenHash, token: &Token) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO api_token (token_hash, shop_id, name, scope, scopes, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        hash.to_vec(),
        token.shop.get(),
        token.name.as_str(),
        token.scopes.old_word().name(),
        token.scopes.names().join(" "),
        token.created_at.millis(),
        millis(token.expires_at)
    )?;
    Ok(())
}

/// Whose token this is, revoked or not. An operator read: the shop is not known before.
pub async fn find(read: &mut Read, hash: &TokenHash) -> Result<Option<Token>, Error> {
    let row = first!(
        read,
        Row,
        "SELECT shop_id, name, scope, scopes, created_at, expires_at, used_at, revoked_at FROM api_token
         WHERE token_hash = $1",
        hash.to_vec()
    )?;
    row.map(token).transpose()
}

/// Every token of a shop, oldest first.
pub async fn list(read: &mut Read, shop: ShopId) -> Result<Vec<Token>, Error> {
    let rows = all!(
        read,
        Row,
        "SELECT shop_id, name, scope, scopes, created_at, expires_at, used_at, revoked_at FROM api_token
         WHERE shop_id = $1
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
