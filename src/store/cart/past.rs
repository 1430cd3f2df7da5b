//! Carts of the past, for whoever looks back over all of them: newest first, a page at a time.

use super::{Row, of, time};
use crate::{
    domain::{cart::Cart, id::CartId, seal::ShopKeys, time::Time},
    store::{Error, Read, db::all, maybe},
};

/// A cart with what was done about it.
#[derive(Clone, Debug)]
pub struct Left {
    pub cart: Cart,
    /// When the first reminder of it left, or may have left.
    pub texted_at: Option<Time>,
    /// Where the next page begins.
    pub mark: Mark,
}

/// A place in the list: when the cart was left (begun, while it was not), and its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub at: Time,
    pub id: CartId,
}

impl Mark {
    /// Before everything up to and including this moment.
    pub fn from(at: Time) -> Mark {
        Mark { at, id: CartId::new(i64::MAX) }
    }
}

#[derive(sqlx::FromRow)]
struct Line {
    #[sqlx(flatten)]
    row: Row,
    listed_at: i64,
    texted_at: Option<i64>,
}

/// Carts left (begun, while they were not) since a moment, newest first, behind a mark. Whom the shop forgot is left out.
pub async fn past(read: &mut Read, keys: &ShopKeys, since: Time, before: Mark, most: u32) -> Result<Vec<Left>, Error> {
    let rows = all!(
        read,
        Line,
        "SELECT cart_id, started_at, updated_at, revision, detail, abandoned_at, bought_at, deleted_at, erased_at,
                sequence, rules_version, listed_at,
                (SELECT MIN(message.sending_at) FROM message
                 WHERE message.shop_id = $1 AND message.cart_id = cart.cart_id AND message.purpose = 'reminder'
                   AND message.sending_at IS NOT NULL AND message.refused_at IS NULL) AS texted_at
         FROM cart
         WHERE shop_id = $1 AND listed_at >= $2 AND (listed_at < $3 OR (listed_at = $3 AND cart_id < $4))
           AND erased_at IS NULL
         ORDER BY listed_at DESC, cart_id DESC LIMIT $5",
        of(keys),
        since.millis(),
        before.at.millis(),
        before.id.get(),
        i64::from(most)
    )?;
    rows.into_iter()
        .map(|line| {
            let mark = Mark { at: time(line.listed_at), id: CartId::new(line.row.cart_id) };
            Ok(Left { cart: line.row.into_cart(keys)?, texted_at: maybe(line.texted_at), mark })
        })
        .collect()
}
