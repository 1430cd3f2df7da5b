//! The trail people leave, shown as the audit log: who changed what, when, from where, at which shop, and with what
//! outcome. Append-only; the old end is forgotten by age. It names no shopper and holds no secret: whoever records sees
//! to that.

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    time, word,
};
use crate::domain::{
    id::{EntryId, ShopId, UserId},
    time::Time,
};

/// Through which door it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Somebody who is signed in.
    Page,
    /// A token of the API.
    Api,
    /// Somebody with a shell on the machine.
    Command,
}

impl Door {
    pub const ALL: [Door; 3] = [Door::Page, Door::Api, Door::Command];

    pub fn name(self) -> &'static str {
        match self {
            Door::Page => "page",
            Door::Api => "api",
            Door::Command => "command",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// They were not allowed, or what they asked for could not be taken.
    Refused,
    /// A mistake or an outage of ours.
    Failed,
}

impl Outcome {
    pub const ALL: [Outcome; 3] = [Outcome::Done, Outcome::Refused, Outcome::Failed];

    pub fn name(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Refused => "refused",
            Outcome::Failed => "failed",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub id: EntryId,
    /// `ShopId::HOUSE`: what concerns no shop, or every one.
    pub shop: ShopId,
    pub at: Time,
    pub door: Door,
    pub user: Option<UserId>,
    /// As they were called then: a person's name, a token's.
    pub name: String,
    /// From which address; "" for a command.
    pub address: String,
    /// Method and route (`POST /gateways/{id}/pause`), or the words of a command (`shop set`).
    pub act: String,
    /// A path of ours that shows what it was done to; "" when none does.
    pub object: String,
    pub detail: String,
    pub outcome: Outcome,
}

type Row = (i64, i64, i64, String, i64, String, String, String, String, String, String);

fn entry((shop, id, at, door, user, name, address, act, object, detail, outcome): Row) -> Result<Entry, Error> {
    Ok(Entry {
        id: EntryId::new(id),
        shop: ShopId::new(shop),
        at: time(at),
        door: word("door", &Door::ALL, Door::name, &door)?,
        user: (user != 0).then(|| UserId::new(user)),
        name,
        address,
        act,
        object,
        detail,
        outcome: word("outcome", &Outcome::ALL, Outcome::name, &outcome)?,
    })
}

pub async fn record(tx: &mut Tx, entry: &Entry) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO trail (shop_id, entry_id, at, door, user_id, name, address, act, object, detail, outcome)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        entry.shop.get(),
        entry.id.get(),
        entry.at.millis(),
        entry.door.name(),
        entry.user.map_or(0, UserId::get),
        entry.name.as_str(),
        entry.address.as_str(),
        entry.act.as_str(),
        entry.object.as_str(),
        entry.detail.as_str(),
        entry.outcome.name()
    )?;
    Ok(())
}

/// Which entries are wanted; `None` and "" are all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub shop: Option<ShopId>,
    pub user: Option<UserId>,
    /// As in `Entry::act`.
    pub act: String,
}

/// The newest entries with ids below `before`. Without a shop an operator read.
pub async fn list(read: &mut Read, wanted: &Wanted, before: EntryId, most: u32) -> Result<Vec<Entry>, Error> {
    let user = wanted.user.map_or(0, UserId::get);
    let rows = match wanted.shop {
        Some(shop) => all!(
            read,
            Row,
            "SELECT shop_id, entry_id, at, door, user_id, name, address, act, object, detail, outcome FROM trail
             WHERE shop_id = $1 AND entry_id < $2 AND ($3 = 0 OR user_id = $3) AND ($4 = '' OR act = $4)
             ORDER BY entry_id DESC LIMIT $5",
            shop.get(),
            before.get(),
            user,
            wanted.act.as_str(),
            i64::from(most)
        )?,
        None => all!(
            read,
            Row,
            "SELECT shop_id, entry_id, at, door, user_id, name, address, act, object, detail, outcome FROM trail
             WHERE entry_id < $1 AND ($2 = 0 OR user_id = $2) AND ($3 = '' OR act = $3)
             ORDER BY entry_id DESC LIMIT $4",
            before.get(),
            user,
            wanted.act.as_str(),
            i64::from(most)
        )?,
    };
    rows.into_iter().map(entry).collect()
}

/// How many were asked for since a moment, and how many of them were not done. Without a shop an operator read.
pub async fn count(read: &mut Read, wanted: &Wanted, since: Time) -> Result<(u64, u64), Error> {
    let user = wanted.user.map_or(0, UserId::get);
    let row = match wanted.shop {
        Some(shop) => first!(
            read,
            (i64, Option<i64>),
            "SELECT CAST(COUNT(*) AS BIGINT), CAST(SUM(CASE WHEN outcome = 'done' THEN 0 ELSE 1 END) AS BIGINT)
             FROM trail WHERE shop_id = $1 AND at >= $2 AND ($3 = 0 OR user_id = $3) AND ($4 = '' OR act = $4)",
            shop.get(),
            since.millis(),
            user,
            wanted.act.as_str()
        )?,
        None => first!(
            read,
            (i64, Option<i64>),
            "SELECT CAST(COUNT(*) AS BIGINT), CAST(SUM(CASE WHEN outcome = 'done' THEN 0 ELSE 1 END) AS BIGINT)
             FROM trail WHERE at >= $1 AND ($2 = 0 OR user_id = $2) AND ($3 = '' OR act = $3)",
            since.millis(),
            user,
            wanted.act.as_str()
        )?,
    };
    let (all, not_done) = row.unwrap_or((0, None));
    Ok((all.unsigned_abs(), not_done.unwrap_or(0).unsigned_abs()))
}

/// Which kinds of acts there are, for narrowing the list. Without a shop an operator read.
pub async fn acts(read: &mut Read, shop: Option<ShopId>) -> Result<Vec<String>, Error> {
    let rows = match shop {
        Some(shop) => {
            all!(read, (String,), "SELECT DISTINCT act FROM trail WHERE shop_id = $1 ORDER BY act", shop.get())?
        }
        None => all!(read, (String,), "SELECT DISTINCT act FROM trail ORDER BY act")?,
    };
    Ok(rows.into_iter().map(|(act,)| act).collect())
}

/// Who has left a trail: id and the name they had last. Without a shop an operator read.
pub async fn people(read: &mut Read, shop: Option<ShopId>) -> Result<Vec<(UserId, String)>, Error> {
    let rows = match shop {
        Some(shop) => all!(
            read,
            (i64, String),
            "SELECT user_id, MAX(name) FROM trail WHERE shop_id = $1 AND user_id <> 0 GROUP BY user_id ORDER BY user_id",
            shop.get()
        )?,
        None => all!(
            read,
            (i64, String),
            "SELECT user_id, MAX(name) FROM trail WHERE user_id <> 0 GROUP BY user_id ORDER BY user_id"
        )?,
    };
    Ok(rows.into_iter().map(|(id, name)| (UserId::new(id), name)).collect())
}

/// Forgets what is older than this; answers how much.
pub async fn prune(tx: &mut Tx, before: Time) -> Result<u64, Error> {
    run!(tx, "DELETE FROM trail WHERE at < $1", before.millis())
}
