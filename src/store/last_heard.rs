//! Last heard: what a phone's person did of late, in one look: a decision asks for all of it at once.

use super::{Error, Read, db::first, maybe, of};
use crate::domain::{seal::ShopKeys, time::Time};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastHeard {
    /// When a person last tapped the link of a text to this phone.
    pub tapped_at: Option<Time>,
    /// When this phone last wrote.
    pub replied_at: Option<Time>,
    /// The oldest of its replies that nobody has read yet and that may forbid texts.
    pub held_since: Option<Time>,
    /// Whether any order is known by it; when that was is the order's to say.
    pub ordered: bool,
}

pub async fn of_phone(read: &mut Read, keys: &ShopKeys, phone: &[u8; 16]) -> Result<LastHeard, Error> {
    let row = first!(
        read,
        (Option<i64>, Option<i64>, Option<i64>, Option<i64>),
        "SELECT (SELECT CAST(MAX(click.at) AS BIGINT) FROM click
                 JOIN message ON message.shop_id = click.shop_id AND message.message_id = click.message_id
                 WHERE click.shop_id = $1 AND message.shop_id = $1 AND message.phone = $2 AND click.verdict = 'human'),
                (SELECT CAST(MAX(at) AS BIGINT) FROM reply WHERE shop_id = $1 AND phone = $2),
                (SELECT CAST(MIN(at) AS BIGINT) FROM reply
                 WHERE shop_id = $1 AND phone = $2 AND settled_at IS NULL AND meaning = 'unclear'),
                (SELECT CAST(MAX(subject_id) AS BIGINT) FROM identity
                 WHERE shop_id = $1 AND value = $2 AND subject = 'order')",
        of(keys),
        phone.to_vec()
    )?;
    let (tapped, replied, held, order) = row.unwrap_or_default();
    Ok(LastHeard {
        tapped_at: maybe(tapped),
        replied_at: maybe(replied),
        held_since: maybe(held),
        ordered: order.is_some(),
    })
}
