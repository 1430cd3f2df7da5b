//! Tokens of the API: made here, shown once, kept as a hash. A token is 32 random bytes, so a plain SHA-256 of it is
//! enough to keep, and finding it by that hash tells nobody how close a guess came.

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};

use crate::{
    clock,
    domain::{id::ShopId, time::MINUTE},
    pipeline::Core,
    store::{
        self, Error,
        token::{Scope, Token, TokenHash},
    },
    transact,
};

/// What every token begins with, so that one that leaked is recognised for what it is.
const BEGINS: &str = "cbt_";
const NAME_CHARS_MAX: usize = 60;

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum NotMade {
    #[error("a name must have 1 to {NAME_CHARS_MAX} characters")]
    Name,
    #[error("the shop had a token of this name already; a name is given once")]
    Taken,
    #[error("there is no such shop")]
    NoShop,
    #[error(transparent)]
    Store(#[from] Error),
}

fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// A fresh token of this shop, in the only moment it can be seen.
pub async fn create(core: &Core, shop: ShopId, name: &str, scope: Scope) -> Result<String, NotMade> {
    let name = name.trim();
    if name.is_empty() || name.chars().nth(NAME_CHARS_MAX).is_some() {
        return Err(NotMade::Name);
    }
    let mut read = core.db.read().await?;
    let known = core.shop(&mut read, shop).await?.is_some_and(|(shop, _)| shop.erased_at.is_none());
    if shop == ShopId::HOUSE || !known {
        return Err(NotMade::NoShop);
    }
    let taken = store::token::list(&mut read, shop).await?.iter().any(|token| token.name == name);
    drop(read);
    if taken {
        return Err(NotMade::Taken);
    }
    let token = format!("{BEGINS}{}", BASE64URL_NOPAD.encode(&clock::random::<32>()));
    let (hash, now) = (hash(&token), core.now());
    let made: Result<(), Error> =
        transact!(core.db, |tx| store::token::create(tx, &hash, shop, name, scope, now).await?);
    match made {
        Ok(()) => Ok(token),
        Err(Error::Duplicate) => Err(NotMade::Taken),
        Err(error) => Err(error.into()),
    }
}

/// Whose token this is, while it opens anything. Its use is noted at most once a minute.
pub async fn open(core: &Core, token: &str) -> Result<Option<(Token, TokenHash)>, Error> {
    if !token.starts_with(BEGINS) {
        return Ok(None);
    }
    let hash = hash(token);
    let now = core.now();
    let mut read = core.db.read().await?;
    let Some(found) = store::token::find(&mut read, &hash).await?.filter(|found| found.revoked_at.is_none()) else {
        return Ok(None);
    };
    let shop = core.shop(&mut read, found.shop).await?;
    drop(read);
    if shop.is_none_or(|(shop, _)| shop.erased_at.is_some()) {
        return Ok(None);
    }
    if found.used_at.is_none_or(|last| now.since(last) >= MINUTE) {
        let noted: Result<(), Error> = transact!(core.db, |tx| store::token::note_used(tx, &hash, now).await?);
        if let Err(error) = noted {
            tracing::warn!(%error, "the use of a token could not be noted");
        }
    }
    Ok(Some((found, hash)))
}

/// `false` when the shop has none of this name that still opened anything.
pub async fn revoke(core: &Core, shop: ShopId, name: &str) -> Result<bool, Error> {
    let now = core.now();
    transact!(core.db, |tx| store::token::revoke(tx, shop, name, now).await?)
}
