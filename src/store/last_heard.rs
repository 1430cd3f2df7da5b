//! Last heard: what a phone's person did of late, in one look: a decision asks for all of it at once.

use super::{
    Error, Read,
    ahead::{self, each},
    db::{first, halves},
    listing::selected,
    maybe, of,
};
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

macro_rules! heard {
    () => {
        "SELECT $2,
                (SELECT CAST(MAX(click.at) AS BIGINT) FROM click
                 JOIN message ON message.shop_id = click.shop_id AND message.message_id = click.message_id
                 WHERE click.shop_id = $1 AND message.shop_id = $1 AND message.phone = $2 AND click.verdict = 'human'),
                (SELECT CAST(MAX(at) AS BIGINT) FROM reply WHERE shop_id = $1 AND phone = $2),
                (SELECT CAST(MIN(at) AS BIGINT) FROM reply
                 WHERE shop_id = $1 AND phone = $2 AND settled_at IS NULL AND meaning = 'unclear'),
                (SELECT CAST(MAX(subject_id) AS BIGINT) FROM identity
                 WHERE shop_id = $1 AND value = $2 AND subject = 'order')"
    };
}

/// The phone asked about, and what is said of it.
type Row = (Vec<u8>, Option<i64>, Option<i64>, Option<i64>, Option<i64>);

fn heard((_, tapped, replied, held, order): Row) -> LastHeard {
    LastHeard {
        tapped_at: maybe(tapped),
        replied_at: maybe(replied),
        held_since: maybe(held),
        ordered: order.is_some(),
    }
}

pub async fn of_phone(read: &mut Read, keys: &ShopKeys, phone: &[u8; 16]) -> Result<LastHeard, Error> {
    let (high, low) = halves(phone);
    if let Some(heard) = read.recall(("last heard", high, low)) {
        return Ok(heard);
    }
    let row = first!(read, Row, heard!(), of(keys), phone.to_vec())?;
    Ok(row.map(heard).unwrap_or_default())
}

/// Reads what a handful is about to ask of `of_phone`, at once.
pub async fn ahead(read: &mut Read, keys: &ShopKeys, phones: &[[u8; 16]]) -> Result<(), Error> {
    for some in &ahead::sets(phones) {
        for row in selected!(read, Row, ahead::hashes(of(keys), each!(heard!()), some))? {
            // Nobody was asked about in the places that were left.
            if let Ok(phone) = <[u8; 16]>::try_from(&row.0[..]) {
                let (high, low) = halves(&phone);
                read.keep(("last heard", high, low), &heard(row));
            }
        }
    }
    Ok(())
}
