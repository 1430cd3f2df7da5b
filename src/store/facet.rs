//! Filing: what rows are counted under, for rows written before that was kept (or by an older version beside this one).
//! What it takes lies sealed, so a migration could not do it. Rows wait under indexes of their own, empty once all is done.

pub mod narrow;

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    from_json, of,
};
use crate::domain::{
    cart::Cart,
    click::Opened,
    event::OrderUpdate,
    facet,
    id::{CartId, MessageId, OrderId},
    seal::ShopKeys,
};

/// Files at most this many rows of each kind in one transaction.
pub const FILED_MOST: u32 = 500;

/// Whether anything waits to be filed: one look, since nearly always nothing does.
pub async fn waits(read: &mut Read, keys: &ShopKeys) -> Result<bool, Error> {
    let row = first!(
        read,
        (i64,),
        "SELECT CAST(1 AS BIGINT)
         WHERE EXISTS (SELECT 1 FROM shop_order WHERE shop_id = $1 AND payment IS NULL)
            OR EXISTS (SELECT 1 FROM message WHERE shop_id = $1 AND language IS NULL)
            OR EXISTS (SELECT 1 FROM click WHERE shop_id = $1 AND device IS NULL)
            OR EXISTS (SELECT 1 FROM cart WHERE shop_id = $1 AND product IS NULL)",
        of(keys)
    )?;
    Ok(row.is_some())
}

/// Files texts, taps and orders; answers how many rows that were. Carts are filed by `cart`, since whether a number can be
/// texted is not told here.
pub async fn file(tx: &mut Tx, keys: &ShopKeys) -> Result<u64, Error> {
    let mut filed = 0;
    for (id, detail) in unfiled_orders(tx, keys).await? {
        // A row that cannot be opened counts under nothing, and holds up nobody's figures.
        let order: Option<OrderUpdate> = keys.open_json(super::order::place(id), &detail).ok();
        let payment = order.and_then(|order| order.payment).unwrap_or_default();
        filed += run!(
            tx,
            "UPDATE shop_order SET payment = $3 WHERE shop_id = $1 AND order_id = $2 AND payment IS NULL",
            of(keys),
            id.get(),
            payment
        )?;
    }
    for (id, detail) in unfiled_texts(tx, keys).await? {
        let words: Option<super::message::Words> = keys.open_json(super::message::place(id), &detail).ok();
        let language = words.and_then(|words| words.language).unwrap_or_default();
        filed += run!(
            tx,
            "UPDATE message SET language = $3 WHERE shop_id = $1 AND message_id = $2 AND language IS NULL",
            of(keys),
            id.get(),
            language
        )?;
    }
    for (id, opened) in unfiled_taps(tx, keys).await? {
        let opened: Option<Opened> = from_json("click", &opened).ok();
        let agent = opened.and_then(|opened| opened.agent).unwrap_or_default();
        filed += run!(
            tx,
            "UPDATE click SET device = $3 WHERE shop_id = $1 AND click_id = $2 AND device IS NULL",
            of(keys),
            id,
            facet::device(&agent)
        )?;
    }
    Ok(filed)
}

async fn unfiled_orders(read: &mut Read, keys: &ShopKeys) -> Result<Vec<(OrderId, Vec<u8>)>, Error> {
    let rows = all!(
        read,
        (i64, Vec<u8>),
        "SELECT order_id, detail FROM shop_order WHERE shop_id = $1 AND payment IS NULL ORDER BY order_id LIMIT $2",
        of(keys),
        i64::from(FILED_MOST)
    )?;
    Ok(rows.into_iter().map(|(id, detail)| (OrderId::new(id), detail)).collect())
}

async fn unfiled_texts(read: &mut Read, keys: &ShopKeys) -> Result<Vec<(MessageId, Vec<u8>)>, Error> {
    let rows = all!(
        read,
        (i64, Vec<u8>),
        "SELECT message_id, detail FROM message WHERE shop_id = $1 AND language IS NULL ORDER BY message_id LIMIT $2",
        of(keys),
        i64::from(FILED_MOST)
    )?;
    Ok(rows.into_iter().map(|(id, detail)| (MessageId::new(id), detail)).collect())
}

async fn unfiled_taps(read: &mut Read, keys: &ShopKeys) -> Result<Vec<(i64, String)>, Error> {
    all!(
        read,
        (i64, String),
        "SELECT click_id, opened FROM click WHERE shop_id = $1 AND device IS NULL ORDER BY click_id LIMIT $2",
        of(keys),
        i64::from(FILED_MOST)
    )
}

/// Carts that wait to be filed.
pub async fn unfiled_carts(read: &mut Read, keys: &ShopKeys) -> Result<Vec<CartId>, Error> {
    let rows = all!(
        read,
        (i64,),
        "SELECT cart_id FROM cart WHERE shop_id = $1 AND product IS NULL ORDER BY cart_id LIMIT $2",
        of(keys),
        i64::from(FILED_MOST)
    )?;
    Ok(rows.into_iter().map(|(id,)| CartId::new(id)).collect())
}

/// Files one cart; `None` for one that cannot be opened. `textable`: its number can be texted.
pub async fn cart(tx: &mut Tx, keys: &ShopKeys, id: CartId, cart: Option<&Cart>, textable: bool) -> Result<(), Error> {
    let product = cart.map(|cart| facet::product(&cart.latest.items)).unwrap_or_default();
    let source = cart.and_then(|cart| cart.latest.source.as_deref()).map(facet::word).unwrap_or_default();
    let reach = cart.map_or("", |cart| super::cart::reach(cart, textable));
    run!(
        tx,
        "UPDATE cart SET product = $3, source = $4, reach = $5 WHERE shop_id = $1 AND cart_id = $2 AND product IS NULL",
        of(keys),
        id.get(),
        product,
        source,
        reach
    )?;
    Ok(())
}
