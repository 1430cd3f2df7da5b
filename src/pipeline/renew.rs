//! Renew: gives a shop its next key, by itself when the last one is old or at somebody's word, and on that word revokes the
//! links that older ones signed. What older keys sealed stays readable.

use std::time::Duration;

use super::Core;
use crate::{
    clock,
    domain::{
        id::ShopId,
        time::{DAY, Time},
    },
    store::{self, Error},
    transact,
};

/// A shop's key is followed by a new one after this long.
const KEY_AGE_MAX: Duration = DAY.saturating_mul(90);

/// What becomes of the links in texts that were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// They go on leading to their carts.
    Kept,
    /// They lead nowhere from now on, on every process; those that stop texts stay good.
    Revoked,
}

/// Gives a shop (or the house) its next key; answers its number. `None` when there is no such shop.
pub async fn renew(core: &Core, shop: ShopId, links: Links) -> Result<Option<u32>, Error> {
    let (now, key) = (core.now(), clock::random());
    let made = transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        match store::shop::newest_key_at(tx, shop).await? {
            Some(_) => {
                let made = core.vault.add_key(tx, shop, &key, now).await?;
                if links == Links::Revoked {
                    core.vault.revoke_links(tx, shop, now).await?;
                }
                Some(made)
            }
            None => None,
        }
    })?;
    core.vault.forget(shop);
    Ok(made)
}

/// Whether the newest key of a shop is due to be followed by another.
pub fn is_due(made_at: Time, now: Time) -> bool {
    now.since(made_at) >= KEY_AGE_MAX
}
