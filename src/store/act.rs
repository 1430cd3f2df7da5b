//! What people do by hand to a cart or a text: facts with who and when, never taken back.

use super::{
    Error, Read, Tx,
    ahead::{self, each},
    db::{all, run},
    listing::selected,
    maybe, millis, of, time, word,
};
use crate::domain::{
    hand::{Act, Settled},
    id::{CartId, MessageId},
    seal::ShopKeys,
    time::Time,
};

/// An act on a cart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnCart {
    pub cart: CartId,
    pub act: Act,
    /// The step that is sent at once; 0 for other acts.
    pub step: u32,
    pub at: Time,
    /// Who, as they are called; "" behind an open door.
    pub by: String,
}

pub async fn on_cart(tx: &mut Tx, keys: &ShopKeys, id: i64, done: &OnCart) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO cart_act (shop_id, act_id, cart_id, kind, step, at, by_name) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        of(keys),
        id,
        done.cart.get(),
        done.act.name(),
        i64::from(done.step),
        done.at.millis(),
        done.by.as_str()
    )?;
    Ok(())
}

/// Everything done to a cart by hand, oldest first.
pub async fn of_cart(read: &mut Read, keys: &ShopKeys, cart: CartId) -> Result<Vec<OnCart>, Error> {
    if let Some(acts) = read.recall(("acts", of(keys), cart.get())) {
        return Ok(acts);
    }
    let rows = all!(
        read,
        Row,
        "SELECT kind, step, at, by_name FROM cart_act WHERE shop_id = $1 AND cart_id = $2 ORDER BY act_id",
        of(keys),
        cart.get()
    )?;
    rows.into_iter().map(|row| on(cart, row)).collect()
}

type Row = (String, i64, i64, String);

fn on(cart: CartId, (kind, step, at, by): Row) -> Result<OnCart, Error> {
    let act = word("act", &Act::ALL, Act::name, &kind)?;
    Ok(OnCart { cart, act, step: u32::try_from(step).unwrap_or(0), at: time(at), by })
}

/// Reads what a handful is about to ask of `of_cart`, at once.
pub async fn ahead(read: &mut Read, keys: &ShopKeys, carts: &[i64]) -> Result<(), Error> {
    for some in &ahead::sets(carts) {
        let text =
            each!("SELECT act_id, cart_id, kind, step, at, by_name FROM cart_act WHERE shop_id = $1 AND cart_id = $2");
        let mut rows = selected!(read, (i64, i64, String, i64, i64, String), ahead::numbers(of(keys), text, some))?;
        rows.sort_unstable_by_key(|row| row.0);
        let row = |(_, cart, kind, step, at, by)| (cart, (kind, step, at, by));
        let mut found = ahead::grouped(rows.into_iter().map(row));
        for cart in some {
            let acts = found.remove(cart).unwrap_or_default().into_iter().map(|row| on(CartId::new(*cart), row));
            let acts = acts.collect::<Result<Vec<OnCart>, _>>()?;
            read.keep(("acts", of(keys), *cart), &acts);
        }
    }
    Ok(())
}

/// What a person said became of a text of unknown outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnMessage {
    pub message: MessageId,
    pub settled: Settled,
    /// When the attempt had been made whose outcome nobody knew.
    pub attempted_at: Option<Time>,
    pub at: Time,
    pub by: String,
}

pub async fn on_message(tx: &mut Tx, keys: &ShopKeys, id: i64, done: &OnMessage) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO message_act (shop_id, act_id, message_id, kind, attempted_at, at, by_name)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        of(keys),
        id,
        done.message.get(),
        done.settled.name(),
        millis(done.attempted_at),
        done.at.millis(),
        done.by.as_str()
    )?;
    Ok(())
}

/// Everything people said about a text, oldest first.
pub async fn of_message(read: &mut Read, keys: &ShopKeys, message: MessageId) -> Result<Vec<OnMessage>, Error> {
    let rows = all!(
        read,
        (String, Option<i64>, i64, String),
        "SELECT kind, attempted_at, at, by_name FROM message_act WHERE shop_id = $1 AND message_id = $2 ORDER BY act_id",
        of(keys),
        message.get()
    )?;
    rows.into_iter()
        .map(|(kind, attempted_at, at, by)| {
            let settled = word("settlement", &Settled::ALL, Settled::name, &kind)?;
            Ok(OnMessage { message, settled, attempted_at: maybe(attempted_at), at: time(at), by })
        })
        .collect()
}
