//! Discount codes made in a shop for one text each, from the wish to their end, and what codes of texts took off orders.

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    from_json, json, maybe, of, time,
};
use crate::domain::{
    discount::{NewCode, Plan},
    id::{CartId, DiscountId, MessageId, OrderId},
    money::{Currency, Money},
    seal::ShopKeys,
    time::Time,
};

/// A code of one text. Of `made_at` and `refused_at` at most one is set; none means that it is still being asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discount {
    pub id: DiscountId,
    pub cart: CartId,
    pub message: MessageId,
    pub code: String,
    pub plan: Plan,
    pub wanted_at: Time,
    pub expires_at: Time,
    pub made_at: Option<Time>,
    /// The shop's own name for it, once made.
    pub external_id: String,
    pub refused_at: Option<Time>,
    pub refused_why: String,
    pub used_at: Option<Time>,
    pub order: Option<OrderId>,
    pub removed_at: Option<Time>,
}

impl Discount {
    /// Whether the shop takes it at this moment, as far as we know.
    pub fn is_good(&self, now: Time) -> bool {
        self.made_at.is_some() && self.used_at.is_none() && self.removed_at.is_none() && now < self.expires_at
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    discount_id: i64,
    cart_id: i64,
    message_id: i64,
    code: String,
    plan: String,
    wanted_at: i64,
    expires_at: i64,
    made_at: Option<i64>,
    external_id: String,
    refused_at: Option<i64>,
    refused_why: String,
    used_at: Option<i64>,
    order_id: Option<i64>,
    removed_at: Option<i64>,
}

impl Row {
    fn into_discount(self) -> Result<Discount, Error> {
        Ok(Discount {
            id: DiscountId::new(self.discount_id),
            cart: CartId::new(self.cart_id),
            message: MessageId::new(self.message_id),
            code: self.code,
            plan: from_json("discount", &self.plan)?,
            wanted_at: time(self.wanted_at),
            expires_at: time(self.expires_at),
            made_at: maybe(self.made_at),
            external_id: self.external_id,
            refused_at: maybe(self.refused_at),
            refused_why: self.refused_why,
            used_at: maybe(self.used_at),
            order: self.order_id.map(OrderId::new),
            removed_at: maybe(self.removed_at),
        })
    }
}

macro_rules! select {
    ($where:literal) => {
        concat!(
            "SELECT discount_id, cart_id, message_id, code, plan, wanted_at, expires_at, made_at, external_id, ",
            "refused_at, refused_why, used_at, order_id, removed_at FROM discount WHERE shop_id = $1 AND ",
            $where
        )
    };
}

/// Notes the wish. `Error::Duplicate` when the shop has had a text with this code, or this text has one.
pub async fn wish(
    tx: &mut Tx,
    keys: &ShopKeys,
    new: &NewCode,
    cart: CartId,
    message: MessageId,
    now: Time,
) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO discount (shop_id, discount_id, cart_id, message_id, code, plan, wanted_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        of(keys),
        new.id.get(),
        cart.get(),
        message.get(),
        new.code.to_ascii_uppercase(),
        json(&new.plan)?,
        now.millis(),
        new.expires_at.millis()
    )?;
    Ok(())
}

pub async fn get(read: &mut Read, keys: &ShopKeys, id: DiscountId) -> Result<Option<Discount>, Error> {
    let row = first!(read, Row, select!("discount_id = $2"), of(keys), id.get())?;
    row.map(Row::into_discount).transpose()
}

pub async fn of_message(read: &mut Read, keys: &ShopKeys, message: MessageId) -> Result<Option<Discount>, Error> {
    let row = first!(read, Row, select!("message_id = $2"), of(keys), message.get())?;
    row.map(Row::into_discount).transpose()
}

/// By a code as an order names it, in whatever case.
pub async fn by_code(read: &mut Read, keys: &ShopKeys, code: &str) -> Result<Option<Discount>, Error> {
    let row = first!(read, Row, select!("code = $2"), of(keys), code.trim().to_ascii_uppercase())?;
    row.map(Row::into_discount).transpose()
}

/// Another code instead, since the shop has this one already.
pub async fn rename(tx: &mut Tx, keys: &ShopKeys, id: DiscountId, code: &str) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE discount SET code = $3 WHERE shop_id = $1 AND discount_id = $2 AND made_at IS NULL",
        of(keys),
        id.get(),
        code.to_ascii_uppercase()
    )?;
    Ok(())
}

/// It is there, under the shop's own name.
pub async fn made(tx: &mut Tx, keys: &ShopKeys, id: DiscountId, external_id: &str, now: Time) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE discount SET made_at = $3, external_id = $4 WHERE shop_id = $1 AND discount_id = $2 AND made_at IS NULL",
        of(keys),
        id.get(),
        now.millis(),
        external_id
    )?;
    Ok(())
}

/// It will not be made (any more).
pub async fn refuse(tx: &mut Tx, keys: &ShopKeys, id: DiscountId, why: &str, now: Time) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE discount SET refused_at = $3, refused_why = $4
         WHERE shop_id = $1 AND discount_id = $2 AND made_at IS NULL AND refused_at IS NULL",
        of(keys),
        id.get(),
        now.millis(),
        why
    )?;
    Ok(())
}

pub async fn removed(tx: &mut Tx, keys: &ShopKeys, id: DiscountId, now: Time) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE discount SET removed_at = $3 WHERE shop_id = $1 AND discount_id = $2 AND removed_at IS NULL",
        of(keys),
        id.get(),
        now.millis()
    )?;
    Ok(())
}

/// An order that used the code of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    pub message: MessageId,
    pub step: u32,
    pub at: Time,
    /// What it took off; nothing where the shop does not tell, or the order was cancelled.
    pub amount: Money,
}

/// Replaces what is known of an order's codes; the same again changes nothing. A code of ours is used once, by the order
/// that was told of first.
pub async fn replace_uses(tx: &mut Tx, keys: &ShopKeys, order: OrderId, uses: &[Use]) -> Result<(), Error> {
    run!(tx, "DELETE FROM discount_use WHERE shop_id = $1 AND order_id = $2", of(keys), order.get())?;
    for each in uses {
        run!(
            tx,
            "INSERT INTO discount_use (shop_id, order_id, message_id, step, at, currency, amount_minor)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (shop_id, order_id, message_id) DO NOTHING",
            of(keys),
            order.get(),
            each.message.get(),
            i64::from(each.step),
            each.at.millis(),
            each.amount.currency.code(),
            each.amount.minor
        )?;
        run!(
            tx,
            "UPDATE discount SET used_at = $3, order_id = $4
             WHERE shop_id = $1 AND message_id = $2 AND (order_id IS NULL OR order_id = $4)",
            of(keys),
            each.message.get(),
            each.at.millis(),
            order.get()
        )?;
    }
    Ok(())
}

pub async fn uses_of(read: &mut Read, keys: &ShopKeys, order: OrderId) -> Result<Vec<Use>, Error> {
    let rows = all!(
        read,
        (i64, i64, i64, String, i64),
        "SELECT message_id, step, at, currency, amount_minor FROM discount_use
         WHERE shop_id = $1 AND order_id = $2 ORDER BY message_id",
        of(keys),
        order.get()
    )?;
    rows.into_iter()
        .map(|(message, step, at, currency, minor)| {
            let currency = Currency::parse(&currency).map_err(|_| Error::damaged("currency", &currency))?;
            Ok(Use {
                message: MessageId::new(message),
                step: u32::try_from(step).unwrap_or(0),
                at: time(at),
                amount: Money::new(minor, currency),
            })
        })
        .collect()
}
