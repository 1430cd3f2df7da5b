//! What people of the shop said of an order's credit, with their reason: facts, never changed or taken back; to leave an
//! order to the rules again is one more. The newest of an order holds.

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    of, time, word,
};
use crate::domain::{
    attribution::Correction,
    id::{MessageId, OrderId},
    seal::{Place, ShopKeys},
    time::Time,
};

/// To what an order is to be credited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    Text(MessageId),
    Nothing,
    /// Whatever the rules say.
    Rules,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    pub id: i64,
    pub to: To,
    pub at: Time,
    /// Who, as they are called; "" behind an open door.
    pub by: String,
    /// "" once it was forgotten with the person the order was of.
    pub reason: String,
}

impl Act {
    /// As the rules of attribution hear it.
    pub fn correction(&self) -> Option<Correction> {
        match self.to {
            To::Text(message) => Some(Correction { to: Some(message) }),
            To::Nothing => Some(Correction { to: None }),
            To::Rules => None,
        }
    }
}

fn place(id: i64) -> Place {
    Place { table: "credit_act", column: "reason", row: id }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    None,
    Rules,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Text, Kind::None, Kind::Rules];

    fn name(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::None => "none",
            Kind::Rules => "rules",
        }
    }
}

pub async fn add(tx: &mut Tx, keys: &ShopKeys, order: OrderId, act: &Act) -> Result<(), Error> {
    let (kind, message) = match act.to {
        To::Text(message) => (Kind::Text, message.get()),
        To::Nothing => (Kind::None, 0),
        To::Rules => (Kind::Rules, 0),
    };
    run!(
        tx,
        "INSERT INTO credit_act (shop_id, act_id, order_id, kind, message_id, at, by_name, reason)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        of(keys),
        act.id,
        order.get(),
        kind.name(),
        message,
        act.at.millis(),
        act.by.as_str(),
        keys.seal(place(act.id), act.reason.as_bytes())
    )?;
    Ok(())
}

type Row = (i64, String, i64, i64, String, Vec<u8>);

fn act(keys: &ShopKeys, (id, kind, message, at, by, reason): Row) -> Result<Act, Error> {
    let to = match word("credit act", &Kind::ALL, Kind::name, &kind)? {
        Kind::Text => To::Text(MessageId::new(message)),
        Kind::None => To::Nothing,
        Kind::Rules => To::Rules,
    };
    let reason = if reason.is_empty() { Vec::new() } else { keys.open(place(id), &reason)? };
    let reason = String::from_utf8(reason).map_err(|why| Error::damaged("reason", why))?;
    Ok(Act { id, to, at: time(at), by, reason })
}

/// Every one of an order, oldest first.
pub async fn of_order(read: &mut Read, keys: &ShopKeys, order: OrderId) -> Result<Vec<Act>, Error> {
    let rows = all!(
        read,
        Row,
        "SELECT act_id, kind, message_id, at, by_name, reason FROM credit_act
         WHERE shop_id = $1 AND order_id = $2 ORDER BY act_id",
        of(keys),
        order.get()
    )?;
    rows.into_iter().map(|row| act(keys, row)).collect()
}

/// The one that holds.
pub async fn newest(read: &mut Read, keys: &ShopKeys, order: OrderId) -> Result<Option<Act>, Error> {
    let row = first!(
        read,
        Row,
        "SELECT act_id, kind, message_id, at, by_name, reason FROM credit_act
         WHERE shop_id = $1 AND order_id = $2 ORDER BY act_id DESC LIMIT 1",
        of(keys),
        order.get()
    )?;
    row.map(|row| act(keys, row)).transpose()
}

/// Forgets why: free text may name whom the order was of.
pub async fn forget_reasons(tx: &mut Tx, keys: &ShopKeys, order: OrderId) -> Result<u64, Error> {
    run!(
        tx,
        "UPDATE credit_act SET reason = $3 WHERE shop_id = $1 AND order_id = $2",
        of(keys),
        order.get(),
        Vec::<u8>::new()
    )
}
