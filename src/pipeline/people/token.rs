//! Tokens of the API: made here, shown once, kept as a hash. A token is 32 random bytes, so a plain SHA-256 of it is
//! enough to keep, and finding it by that hash tells nobody how close a guess came.

use data_encoding::BASE32_NOPAD;
use sha2::{Digest, Sha256};

use crate::{
    clock,
    domain::{
        id::ShopId,
        time::{DAY, MINUTE},
    },
    pipeline::Core,
    store::{
        self, Error,
        token::{Scope, Scopes, Token, TokenHash},
    },
    transact,
};

/// What every token begins with, so that one that leaked is recognised for what it is: `cb_`, 52 characters that are
/// random, 7 that are the beginning of their SHA-256, all of `a-z2-7`. Whoever looks for leaked ones can tell a token from
/// anything else without asking us: `cb_[a-z2-7]{59}`.
const BEGINS: &str = "cb_";
/// What tokens began with before; they have no check characters.
const BEGAN: &str = "cbt_";
const RANDOM_CHARS: usize = 52;
const CHECK_BYTES: usize = 4;
const NAME_CHARS_MAX: usize = 60;

/// Ten years: longer is "no end".
pub const DAYS_MAX: u32 = 3_650;

fn fresh() -> String {
    let random = base32(&clock::random::<32>());
    format!("{BEGINS}{random}{}", check(&random))
}

fn base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_lowercase()
}

fn check(random: &str) -> String {
    let digest: TokenHash = hash(random);
    base32(digest.get(..CHECK_BYTES).unwrap_or_default())
}

/// Whether it could be a token at all; a slip of the keyboard is told without a look at the database.
pub fn is_whole(token: &str) -> bool {
    if token.starts_with(BEGAN) {
        return true;
    }
    let random = token.strip_prefix(BEGINS).and_then(|rest| rest.split_at_checked(RANDOM_CHARS));
    random.is_some_and(|(random, given)| given == check(random))
}

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum NotMade {
    #[error("a name must have 1 to {NAME_CHARS_MAX} characters")]
    Name,
    #[error("the shop had a token of this name already; a name is given once")]
    Taken,
    #[error("there is no such shop")]
    NoShop,
    #[error("choose at least one scope")]
    NoScope,
    #[error("only a token of the house can have the scope house, and it must have it")]
    House,
    #[error("an end must be 1 to {DAYS_MAX} days away")]
    End,
    #[error(transparent)]
    Store(#[from] Error),
}

fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// A fresh token of this shop (or of the house, with the scope `house`) that ends after so many days, in the only moment
/// it can be seen.
pub async fn create(
    core: &Core,
    shop: ShopId,
    name: &str,
    scopes: Scopes,
    days: Option<u32>,
) -> Result<String, NotMade> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return Err(NotMade::Name);
    }
    if scopes.is_empty() {
        return Err(NotMade::NoScope);
    }
    if scopes.has(Scope::House) != (shop == ShopId::HOUSE) {
        return Err(NotMade::House);
    }
    if days.is_some_and(|days| !(1..=DAYS_MAX).contains(&days)) {
        return Err(NotMade::End);
    }
    let mut read = core.db.read().await?;
    let known = store::shop::get(&mut read, &core.vault, shop).await?.is_some_and(|shop| shop.erased_at.is_none());
    if shop != ShopId::HOUSE && !known {
        return Err(NotMade::NoShop);
    }
    let taken = store::token::list(&mut read, shop).await?.iter().any(|token| token.name == name);
    drop(read);
    if taken {
        return Err(NotMade::Taken);
    }
    let (token, now) = (fresh(), core.now());
    let hash = hash(&token);
    let made = Token {
        shop,
        name: name.to_owned(),
        scopes,
        created_at: now,
        expires_at: days.map(|days| now + DAY * days),
        used_at: None,
        revoked_at: None,
    };
    let kept: Result<(), Error> = transact!(core.db, |tx| store::token::create(tx, &hash, &made).await?);
    match kept {
        Ok(()) => Ok(token),
        Err(Error::Duplicate) => Err(NotMade::Taken),
        Err(error) => Err(error.into()),
    }
}

/// Whose token this is, while it opens anything. Its use is noted at most once a minute.
pub async fn open(core: &Core, token: &str) -> Result<Option<(Token, TokenHash)>, Error> {
    if !is_whole(token) {
        return Ok(None);
    }
    let hash = hash(token);
    let now = core.now();
    let mut read = core.db.read().await?;
    let Some(found) = store::token::find(&mut read, &hash).await?.filter(|found| found.is_good(now)) else {
        return Ok(None);
    };
    if found.shop != ShopId::HOUSE {
        let shop = core.shop(&mut read, found.shop).await?;
        if shop.is_none_or(|(shop, _)| shop.erased_at.is_some()) {
            return Ok(None);
        }
    }
    drop(read);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_keyboard_is_no_token() {
        let token = fresh();
        assert_eq!(token.len(), BEGINS.len() + 59);
        assert!(token.bytes().skip(3).all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7')), "{token}");
        assert!(is_whole(&token));
        for at in 3..token.len() {
            let mut other = token.clone().into_bytes();
            if let Some(byte) = other.get_mut(at) {
                *byte = if *byte == b'a' { b'b' } else { b'a' };
            }
            assert!(!is_whole(&String::from_utf8(other).unwrap_or_default()), "{at}");
        }
        assert!(!is_whole(&token[..token.len() - 1]) && !is_whole("cb_") && !is_whole("") && !is_whole("cb_é"));
        assert!(is_whole("cbt_one_from_before"));
    }
}
