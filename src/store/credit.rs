//! Credits and the evidence behind them: what each order was given to, why, and what went back.

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    from_json, json,
    listing::{Select, selected},
    of, time,
};
use crate::domain::{
    attribution::{Attribution, Correction, Entry, Way},
    id::{MessageId, OrderId},
    money::{Currency, Money},
    seal::ShopKeys,
    time::Time,
};

/// Replaces an order's verdict by a newer one; the same verdict again changes nothing.
pub async fn replace(
    tx: &mut Tx,
    keys: &ShopKeys,
    order: OrderId,
    currency: Currency,
    verdict: &Attribution,
) -> Result<(), Error> {
    let before = all!(
        tx,
        (i64,),
        "SELECT DISTINCT message_id FROM credit WHERE shop_id = $1 AND order_id = $2",
        of(keys),
        order.get()
    )?;
    run!(tx, "DELETE FROM credit WHERE shop_id = $1 AND order_id = $2", of(keys), order.get())?;
    if let Some(winner) = verdict.winner {
        for entry in &verdict.entries {
            run!(
                tx,
                "INSERT INTO credit (shop_id, order_id, entry, message_id, step, class, amount_minor, currency, at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                of(keys),
                order.get(),
                entry.entry.as_str(),
                winner.message.get(),
                i64::from(winner.step),
                winner.class.name(),
                entry.amount_minor,
                currency.code(),
                entry.at.millis()
            )?;
        }
    }
    run!(
        tx,
        "INSERT INTO evidence (shop_id, order_id, message_id, verdict, touches, way, corrected)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (shop_id, order_id)
         DO UPDATE SET message_id = excluded.message_id, verdict = excluded.verdict, touches = excluded.touches,
                       way = excluded.way, corrected = excluded.corrected",
        of(keys),
        order.get(),
        verdict.winner.map(|winner| winner.message.get()),
        json(verdict)?,
        i64::try_from(verdict.considered.len()).unwrap_or(i64::MAX),
        verdict.way.map_or("", Way::name),
        match verdict.corrected {
            None => "",
            Some(Correction { to: Some(_) }) => "given",
            Some(Correction { to: None }) => "taken",
        }
    )?;
    for message in before.into_iter().map(|(id,)| id).chain(verdict.winner.map(|winner| winner.message.get())) {
        super::message::restage_cart_of(tx, of(keys), message).await?;
    }
    Ok(())
}

/// The verdict on an order, if it was ever judged.
pub async fn evidence(read: &mut Read, keys: &ShopKeys, order: OrderId) -> Result<Option<Attribution>, Error> {
    let row = first!(
        read,
        (String,),
        "SELECT verdict FROM evidence WHERE shop_id = $1 AND order_id = $2",
        of(keys),
        order.get()
    )?;
    row.map(|(verdict,)| from_json("evidence", &verdict)).transpose()
}

/// A line of the credit ledger as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub order: OrderId,
    pub message: MessageId,
    pub class: String,
    pub entry: Entry,
    pub currency: Currency,
}

#[derive(sqlx::FromRow)]
struct Row {
    order_id: i64,
    message_id: i64,
    class: String,
    entry: String,
    amount_minor: i64,
    currency: String,
    at: i64,
}

impl Row {
    fn into_line(self) -> Result<Line, Error> {
        Ok(Line {
            order: OrderId::new(self.order_id),
            message: MessageId::new(self.message_id),
            class: self.class,
            entry: Entry { entry: self.entry, amount_minor: self.amount_minor, at: time(self.at) },
            currency: Currency::parse(&self.currency).map_err(|why| Error::damaged("currency", why))?,
        })
    }
}

/// The entries of one order, in time's order.
pub async fn of_order(read: &mut Read, keys: &ShopKeys, order: OrderId) -> Result<Vec<Line>, Error> {
    let rows = all!(
        read,
        Row,
        "SELECT order_id, message_id, class, entry, amount_minor, currency, at FROM credit
         WHERE shop_id = $1 AND order_id = $2 ORDER BY at, entry",
        of(keys),
        order.get()
    )?;
    rows.into_iter().map(Row::into_line).collect()
}

/// The orders credited to a message.
pub async fn of_message(read: &mut Read, keys: &ShopKeys, message: MessageId) -> Result<Vec<Line>, Error> {
    let rows = all!(
        read,
        Row,
        "SELECT order_id, message_id, class, entry, amount_minor, currency, at FROM credit
         WHERE shop_id = $1 AND message_id = $2 ORDER BY at, entry",
        of(keys),
        message.get()
    )?;
    rows.into_iter().map(Row::into_line).collect()
}

/// The orders credited to any of these messages.
pub async fn of_messages(read: &mut Read, keys: &ShopKeys, messages: &[i64]) -> Result<Vec<Line>, Error> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    let mut select = Select::new(
        of(keys),
        "SELECT order_id, message_id, class, entry, amount_minor, currency, at FROM credit
         WHERE shop_id = $1 AND message_id",
    );
    select.any_of(messages, messages.len().next_power_of_two()).push(" ORDER BY at, entry");
    selected!(read, Row, select)?.into_iter().map(Row::into_line).collect()
}

/// An order with what it earned, for the list behind a figure.
#[derive(Clone, Debug)]
pub struct Credited {
    pub order: OrderId,
    pub number: String,
    pub class: String,
    pub step: u32,
    pub placed_at: Time,
    pub gross: Money,
    pub net: Money,
}

/// Orders credited in a span `[from, to)` of their placing, newest first.
pub async fn list(read: &mut Read, keys: &ShopKeys, from: Time, to: Time, most: u32) -> Result<Vec<Credited>, Error> {
    let rows = all!(
        read,
        (i64, String, String, i64, i64, String, i64, i64),
        "SELECT won.order_id, shop_order.number, won.class, won.step, won.at, won.currency, won.amount_minor,
                CAST((SELECT SUM(all_of.amount_minor) FROM credit AS all_of
                      WHERE all_of.shop_id = $1 AND all_of.order_id = won.order_id) AS BIGINT)
         FROM credit AS won JOIN shop_order ON shop_order.shop_id = $1 AND shop_order.order_id = won.order_id
         WHERE won.shop_id = $1 AND won.entry = 'order' AND won.at >= $2 AND won.at < $3
         ORDER BY won.at DESC LIMIT $4",
        of(keys),
        from.millis(),
        to.millis(),
        i64::from(most)
    )?;
    rows.into_iter()
        .map(|(order, number, class, step, at, code, gross, net)| {
            let currency = Currency::parse(&code).map_err(|why| Error::damaged("currency", why))?;
            Ok(Credited {
                order: OrderId::new(order),
                number,
                class,
                step: u32::try_from(step).unwrap_or(0),
                placed_at: time(at),
                gross: Money::new(gross, currency),
                net: Money::new(net, currency),
            })
        })
        .collect()
}

/// An order of a statement: what it was, what went back in the span and after it, and why it is credited.
#[derive(Clone, Debug)]
pub struct Stated {
    pub order: OrderId,
    pub number: String,
    pub placed_at: Time,
    pub gross: Money,
    /// What went back before the span's end, and after it; counted up.
    pub back: Money,
    pub back_later: Money,
    pub verdict: Option<Attribution>,
}

/// Orders credited strictly in a span `[from, to)` of their placing, oldest first.
pub async fn stated(read: &mut Read, keys: &ShopKeys, from: Time, to: Time, most: u32) -> Result<Vec<Stated>, Error> {
    let rows = all!(
        read,
        (i64, String, i64, String, i64, i64, i64, Option<String>),
        "SELECT won.order_id, shop_order.number, won.at, won.currency, won.amount_minor,
                CAST(COALESCE((SELECT SUM(back.amount_minor) FROM credit AS back WHERE back.shop_id = $1
                      AND back.order_id = won.order_id AND back.entry <> 'order' AND back.at < $3), 0) AS BIGINT),
                CAST(COALESCE((SELECT SUM(back.amount_minor) FROM credit AS back WHERE back.shop_id = $1
                      AND back.order_id = won.order_id AND back.entry <> 'order' AND back.at >= $3), 0) AS BIGINT),
                evidence.verdict
         FROM credit AS won JOIN shop_order ON shop_order.shop_id = $1 AND shop_order.order_id = won.order_id
         LEFT JOIN evidence ON evidence.shop_id = $1 AND evidence.order_id = won.order_id
         WHERE won.shop_id = $1 AND won.entry = 'order' AND won.class = 'credited' AND won.at >= $2 AND won.at < $3
         ORDER BY won.at, won.order_id LIMIT $4",
        of(keys),
        from.millis(),
        to.millis(),
        i64::from(most)
    )?;
    rows.into_iter()
        .map(|(order, number, at, code, gross, back, later, verdict)| {
            let currency = Currency::parse(&code).map_err(|why| Error::damaged("currency", why))?;
            Ok(Stated {
                order: OrderId::new(order),
                number,
                placed_at: time(at),
                gross: Money::new(gross, currency),
                back: Money::new(back.saturating_neg(), currency),
                back_later: Money::new(later.saturating_neg(), currency),
                verdict: verdict.map(|text| from_json("evidence", &text)).transpose()?,
            })
        })
        .collect()
}
