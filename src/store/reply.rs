//! Replies: every text people sent us, kept once. Words and numbers lie sealed in `detail`; an unclear one holds further
//! texts to its phone until a person of the shop has settled it.

use serde::{Deserialize, Serialize};

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    maybe, millis, of, time,
};
use crate::domain::{
    consent::{Heard, Meaning},
    id::{GatewayId, MessageId, ReplyId, ShopId},
    seal::{Place, ShopKeys},
    time::Time,
};

/// A reply as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub id: ReplyId,
    /// The blind index of the phone it came from.
    pub phone: [u8; 16],
    pub at: Time,
    pub gateway_shop: ShopId,
    pub gateway: GatewayId,
    /// The newest text to that phone when it came.
    pub follows: Option<MessageId>,
    pub words: Words,
    pub settled: Option<Settled>,
}

/// How it stopped waiting for anybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    pub at: Time,
    /// Who read it; "" where the words spoke for themselves.
    pub by: String,
    pub how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// What it asked for was done at once.
    Heeded,
    /// A person read it as a wish to be left alone.
    OptedOut,
    /// A person read it, and texts go on.
    CarryOn,
    /// A person has answered it in another way; texts go on.
    Answered,
}

impl How {
    pub const ALL: [How; 4] = [How::Heeded, How::OptedOut, How::CarryOn, How::Answered];

    pub fn name(self) -> &'static str {
        match self {
            How::Heeded => "heeded",
            How::OptedOut => "opted_out",
            How::CarryOn => "carry_on",
            How::Answered => "answered",
        }
    }

    pub fn by_name(name: &str) -> Option<How> {
        How::ALL.into_iter().find(|how| how.name() == name)
    }
}

/// What is sealed of a reply.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    pub text: String,
    /// E.164.
    pub from: String,
    /// Our number or name it was sent to, as the gateway writes it.
    pub to: String,
    pub gateway_ref: String,
    /// The gateway had answered it by itself.
    #[serde(default)]
    pub answered: bool,
    pub heard: Heard,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Words({:?}, {} characters)", self.heard.meaning, self.text.chars().count())
    }
}

fn place(id: ReplyId) -> Place {
    Place { table: "reply", column: "detail", row: id.get() }
}

#[derive(sqlx::FromRow)]
struct Row {
    reply_id: i64,
    phone: Vec<u8>,
    at: i64,
    gateway_shop: i64,
    gateway_id: i64,
    message_id: i64,
    detail: Vec<u8>,
    settled_at: Option<i64>,
    settled_by: String,
    settled_as: String,
}

impl Row {
    fn into_reply(self, keys: &ShopKeys) -> Result<Reply, Error> {
        let id = ReplyId::new(self.reply_id);
        let settled = match maybe(self.settled_at) {
            None => None,
            Some(at) => {
                let how = super::word("how a reply was settled", &How::ALL, How::name, &self.settled_as)?;
                Some(Settled { at, by: self.settled_by, how })
            }
        };
        Ok(Reply {
            id,
            phone: super::digest("phone index", self.phone)?,
            at: time(self.at),
            gateway_shop: ShopId::new(self.gateway_shop),
            gateway: GatewayId::new(self.gateway_id),
            follows: (self.message_id != 0).then_some(MessageId::new(self.message_id)),
            words: keys.open_json(place(id), &self.detail)?,
            settled,
        })
    }
}

macro_rules! select {
    ($($rest:expr),+) => {
        concat!(
            "SELECT reply_id, phone, at, gateway_shop, gateway_id, message_id, detail, settled_at, settled_by, settled_as
             FROM reply WHERE shop_id = $1 AND ",
            $($rest),+
        )
    };
}

/// Keeps a reply. `once` is the keyed hash of the gateway's own id of it; `false` when it was kept before.
pub async fn keep(tx: &mut Tx, keys: &ShopKeys, once: &[u8; 16], reply: &Reply) -> Result<bool, Error> {
    let added = run!(
        tx,
        "INSERT INTO reply (shop_id, reply_id, once, phone, at, meaning, gateway_shop, gateway_id, message_id, detail,
                            settled_at, settled_by, settled_as)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (shop_id, once) DO NOTHING",
        of(keys),
        reply.id.get(),
        once.to_vec(),
        reply.phone.to_vec(),
        reply.at.millis(),
        meaning_name(reply.words.heard.meaning),
        reply.gateway_shop.get(),
        reply.gateway.get(),
        reply.follows.map_or(0, MessageId::get),
        keys.seal_json(place(reply.id), &reply.words)?,
        millis(reply.settled.as_ref().map(|settled| settled.at)),
        reply.settled.as_ref().map_or("", |settled| settled.by.as_str()),
        reply.settled.as_ref().map_or("", |settled| settled.how.name())
    )?;
    Ok(added > 0)
}

fn meaning_name(meaning: Meaning) -> &'static str {
    match meaning {
        Meaning::Stop => "stop",
        Meaning::Help => "help",
        Meaning::Start => "start",
        Meaning::Confirm => "confirm",
        Meaning::Nothing => "nothing",
        Meaning::Unclear => "unclear",
    }
}

pub async fn get(read: &mut Read, keys: &ShopKeys, id: ReplyId) -> Result<Option<Reply>, Error> {
    let row = first!(read, Row, select!("reply_id = $2"), of(keys), id.get())?;
    row.map(|row| row.into_reply(keys)).transpose()
}

/// Notes that a person has read it; `false` when somebody had already.
pub async fn settle(tx: &mut Tx, keys: &ShopKeys, id: ReplyId, settled: &Settled) -> Result<bool, Error> {
    let changed = run!(
        tx,
        "UPDATE reply SET settled_at = $3, settled_by = $4, settled_as = $5
         WHERE shop_id = $1 AND reply_id = $2 AND settled_at IS NULL",
        of(keys),
        id.get(),
        settled.at.millis(),
        settled.by.as_str(),
        settled.how.name()
    )?;
    Ok(changed > 0)
}

/// All from a phone, newest first; at most `most`.
pub async fn of_phone(read: &mut Read, keys: &ShopKeys, phone: &[u8; 16], most: u32) -> Result<Vec<Reply>, Error> {
    let rows = all!(
        read,
        Row,
        select!("phone = $2 ORDER BY reply_id DESC LIMIT $3"),
        of(keys),
        phone.to_vec(),
        i64::from(most)
    )?;
    rows.into_iter().map(|row| row.into_reply(keys)).collect()
}

/// Those that wait for a person, oldest first; at most `most`.
pub async fn open(read: &mut Read, keys: &ShopKeys, most: u32) -> Result<Vec<Reply>, Error> {
    let rows = all!(read, Row, select!("settled_at IS NULL ORDER BY reply_id LIMIT $2"), of(keys), i64::from(most))?;
    rows.into_iter().map(|row| row.into_reply(keys)).collect()
}

/// How many wait for a person.
pub async fn count_open(read: &mut Read, keys: &ShopKeys) -> Result<u64, Error> {
    let row = first!(
        read,
        (i64,),
        "SELECT CAST(COUNT(*) AS BIGINT) FROM reply WHERE shop_id = $1 AND settled_at IS NULL",
        of(keys)
    )?;
    Ok(row.map_or(0, |(count,)| count.unsigned_abs()))
}

/// All of a shop before this one, newest first; at most `most`.
pub async fn list(read: &mut Read, keys: &ShopKeys, before: ReplyId, most: u32) -> Result<Vec<Reply>, Error> {
    let rows = all!(
        read,
        Row,
        select!("reply_id < $2 ORDER BY reply_id DESC LIMIT $3"),
        of(keys),
        before.get(),
        i64::from(most)
    )?;
    rows.into_iter().map(|row| row.into_reply(keys)).collect()
}

/// Forgets what a phone replied; what it was heeded by stays in the ledgers.
pub async fn erase(tx: &mut Tx, keys: &ShopKeys, phone: &[u8; 16]) -> Result<u64, Error> {
    run!(tx, "DELETE FROM reply WHERE shop_id = $1 AND phone = $2", of(keys), phone.to_vec())
}

/// Forgets settled replies from before this moment: the ledgers keep what followed from them.
pub async fn forget_before(tx: &mut Tx, keys: &ShopKeys, before: Time) -> Result<u64, Error> {
    run!(tx, "DELETE FROM reply WHERE shop_id = $1 AND at < $2 AND settled_at IS NOT NULL", of(keys), before.millis())
}
