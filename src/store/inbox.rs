//! The inbox: every verified delivery as it came, sealed, until it is forgotten. Written before it is understood.

mod keep;
mod list;

pub use keep::{Sealed, keep_all};
pub use list::{Narrow, counted, leaf, next, topics as topics_of};

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    Error, Read, Tx,
    ahead::{self, among},
    db::{Bind, all, first, run},
    listing::{Select, selected},
    maybe, of, time,
};
use crate::domain::{
    connector::Delivery,
    event::ShopEvent,
    id::{DeliveryId, GatewayId, ShopId},
    seal::{Place, ShopKeys},
    time::Time,
};

/// A delivery in the inbox.
#[derive(Clone, Debug)]
pub struct Kept {
    pub id: DeliveryId,
    /// `None`: from the shop itself.
    pub gateway: Option<GatewayId>,
    pub topic: String,
    pub delivery: Delivery,
    pub done_at: Option<Time>,
    pub problem: String,
    /// A body written in its place is to be read instead (`correction`).
    pub is_corrected: bool,
}

/// A line of the inbox's list: no bytes.
#[derive(Clone, Debug)]
pub struct Line {
    pub id: DeliveryId,
    pub gateway: Option<GatewayId>,
    pub topic: String,
    pub received_at: Time,
    pub done_at: Option<Time>,
    pub events: u64,
    pub problem: String,
    /// Of the body as it came, within a few.
    pub bytes: u64,
}

/// What is to be kept.
pub struct Arrival {
    pub id: DeliveryId,
    pub gateway: Option<GatewayId>,
    pub topic: String,
    /// HMAC over (connection, topic, delivery id, SHA-256 of the body).
    pub dedup: [u8; 16],
    pub delivery: Delivery,
}

fn place(column: &'static str, id: DeliveryId) -> Place {
    Place { table: "inbox", column, row: id.get() }
}

type Head = (String, String, Vec<(String, String)>);

fn head(delivery: &Delivery) -> Head {
    (delivery.method.clone(), delivery.url.clone(), delivery.headers.clone())
}

#[derive(sqlx::FromRow)]
struct Row {
    delivery_id: i64,
    gateway_id: i64,
    topic: String,
    received_at: i64,
    head: Vec<u8>,
    body: Vec<u8>,
    done_at: Option<i64>,
    problem: String,
    correction: Option<i64>,
}

impl Row {
    fn into_kept(self, keys: &ShopKeys) -> Result<Kept, Error> {
        let id = DeliveryId::new(self.delivery_id);
        let (method, url, headers): Head = keys.open_json(place("head", id), &self.head)?;
        let body = keys.open(place("body", id), &self.body)?;
        Ok(Kept {
            id,
            gateway: (self.gateway_id != 0).then(|| GatewayId::new(self.gateway_id)),
            topic: self.topic,
            delivery: Delivery { method, url, headers, body, received_at: time(self.received_at) },
            done_at: maybe(self.done_at),
            problem: self.problem,
            is_corrected: self.correction.is_some(),
        })
    }
}

/// Deliveries that a statement takes.
const TOGETHER: usize = 16;

const WHOLE: &str = "SELECT delivery_id, gateway_id, topic, received_at, head, body, done_at, problem,
        (SELECT MAX(correction_id) FROM correction
         WHERE correction.shop_id = $1 AND correction.delivery_id = inbox.delivery_id) AS correction
 FROM inbox WHERE shop_id = $1 AND delivery_id";

pub async fn get(read: &mut Read, keys: &ShopKeys, id: DeliveryId) -> Result<Option<Kept>, Error> {
    if let Some(kept) = read.recall(("inbox", of(keys), id.get())) {
        return Ok(Some(kept));
    }
    let mut select = Select::new(of(keys), WHOLE);
    select.any_of(&[id.get()], 1);
    selected!(read, Row, select)?.pop().map(|row| row.into_kept(keys)).transpose()
}

/// Reads what a handful is about to `get`, at once.
pub async fn ahead(tx: &mut Tx, keys: &ShopKeys, deliveries: &[i64]) -> Result<(), Error> {
    for some in deliveries.chunks(TOGETHER) {
        let mut select = Select::new(of(keys), WHOLE);
        select.any_of(some, TOGETHER);
        for row in selected!(tx, Row, select)? {
            let id = row.delivery_id;
            // What cannot be opened is the trouble of whoever asks for it.
            if let Ok(kept) = row.into_kept(keys) {
                tx.keep(("inbox", of(keys), id), &kept);
            }
        }
    }
    Ok(())
}

/// Which of these deliveries are a gateway's callbacks and not webhooks of the shop.
pub async fn callbacks(read: &mut Read, shop: ShopId, deliveries: &[i64]) -> Result<BTreeSet<i64>, Error> {
    let mut found = BTreeSet::new();
    for some in deliveries.chunks(TOGETHER) {
        let mut select = Select::new(
            shop.get(),
            "SELECT delivery_id FROM inbox WHERE shop_id = $1 AND gateway_id <> 0 AND delivery_id",
        );
        select.any_of(some, TOGETHER);
        found.extend(selected!(read, (i64,), select)?.into_iter().map(|(id,)| id));
    }
    Ok(found)
}

/// As `finish`, of all these deliveries.
pub async fn finish_all(
    tx: &mut Tx,
    shop: ShopId,
    deliveries: &[i64],
    events: u64,
    problem: &str,
    now: Time,
) -> Result<(), Error> {
    const TEXT: &str = concat!(
        "UPDATE inbox SET done_at = $18, events = $19, problem = $20 WHERE shop_id = $1 AND delivery_id ",
        among!()
    );
    for some in &ahead::sets(deliveries) {
        let mut select = ahead::numbers(shop.get(), TEXT, some);
        let events = i64::try_from(events).unwrap_or(i64::MAX);
        select.binds.extend([Bind::Int(now.millis()), Bind::Int(events), Bind::from(problem)]);
        tx.run(select.text, select.binds).await?;
    }
    Ok(())
}

/// Remembers, for a transaction about many deliveries, what one of them says, or why it says nothing.
pub fn keep_reading(read: &mut Read, shop: ShopId, id: DeliveryId, reading: &Result<Vec<ShopEvent>, String>) {
    read.keep(("reading", shop.get(), id.get()), reading);
}

/// What `keep_reading` was told.
pub fn reading(read: &Read, shop: ShopId, id: DeliveryId) -> Option<Result<Vec<ShopEvent>, String>> {
    read.recall(("reading", shop.get(), id.get()))
}

/// Notes what became of a delivery: how many events it held, or the problem that keeps it for a replay ("" for none).
pub async fn finish(
    tx: &mut Tx,
    shop: ShopId,
    id: DeliveryId,
    events: u64,
    problem: &str,
    now: Time,
) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE inbox SET done_at = $3, events = $4, problem = $5 WHERE shop_id = $1 AND delivery_id = $2",
        shop.get(),
        id.get(),
        now.millis(),
        i64::try_from(events).unwrap_or(i64::MAX),
        problem
    )?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct LineRow {
    delivery_id: i64,
    gateway_id: i64,
    topic: String,
    received_at: i64,
    done_at: Option<i64>,
    events: i64,
    problem: String,
    bytes: i64,
}

impl LineRow {
    fn into_line(self) -> Line {
        Line {
            id: DeliveryId::new(self.delivery_id),
            gateway: (self.gateway_id != 0).then(|| GatewayId::new(self.gateway_id)),
            topic: self.topic,
            received_at: time(self.received_at),
            done_at: maybe(self.done_at),
            events: self.events.unsigned_abs(),
            problem: self.problem,
            bytes: self.bytes.saturating_sub(SEAL_BYTES).max(0).unsigned_abs(),
        }
    }
}

/// Which deliveries a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Filter {
    #[default]
    All,
    Unreadable,
    Waiting,
    /// Read, and something followed from it.
    Applied,
    /// Read, and nothing followed from it.
    Ignored,
}

impl Filter {
    fn number(self) -> i64 {
        match self {
            Filter::All => 0,
            Filter::Unreadable => 1,
            Filter::Waiting => 2,
            Filter::Applied => 3,
            Filter::Ignored => 4,
        }
    }
}

/// How much longer a body is when it is sealed.
const SEAL_BYTES: i64 = 42;

/// Newest first, older than `before`.
pub async fn list(
    read: &mut Read,
    shop: ShopId,
    filter: Filter,
    before: DeliveryId,
    most: u32,
) -> Result<Vec<Line>, Error> {
    let rows = all!(
        read,
        LineRow,
        "SELECT delivery_id, gateway_id, topic, received_at, done_at, events, problem,
                CAST(LENGTH(body) AS BIGINT) AS bytes
         FROM inbox
         WHERE shop_id = $1 AND delivery_id < $2
           AND ($3 = 0 OR ($3 = 1 AND problem <> '') OR ($3 = 2 AND done_at IS NULL)
                OR ($3 = 3 AND done_at IS NOT NULL AND problem = '' AND events > 0)
                OR ($3 = 4 AND done_at IS NOT NULL AND problem = '' AND events = 0))
         ORDER BY delivery_id DESC LIMIT $4",
        shop.get(),
        before.get(),
        filter.number(),
        i64::from(most)
    )?;
    Ok(rows.into_iter().map(LineRow::into_line).collect())
}

/// One of them.
pub async fn line(read: &mut Read, shop: ShopId, id: DeliveryId) -> Result<Option<Line>, Error> {
    let row = first!(
        read,
        LineRow,
        "SELECT delivery_id, gateway_id, topic, received_at, done_at, events, problem,
                CAST(LENGTH(body) AS BIGINT) AS bytes
         FROM inbox WHERE shop_id = $1 AND delivery_id = $2",
        shop.get(),
        id.get()
    )?;
    Ok(row.map(LineRow::into_line))
}

/// How many came since a moment, of those a filter leaves.
pub async fn count(read: &mut Read, shop: ShopId, filter: Filter, since: Time) -> Result<u64, Error> {
    let row = first!(
        read,
        (i64,),
        "SELECT CAST(COUNT(*) AS BIGINT) FROM inbox
         WHERE shop_id = $1 AND received_at >= $2
           AND ($3 = 0 OR ($3 = 1 AND problem <> '') OR ($3 = 2 AND done_at IS NULL)
                OR ($3 = 3 AND done_at IS NOT NULL AND problem = '' AND events > 0)
                OR ($3 = 4 AND done_at IS NOT NULL AND problem = '' AND events = 0))",
        shop.get(),
        since.millis(),
        filter.number()
    )?;
    Ok(row.map_or(0, |(count,)| count.unsigned_abs()))
}

/// Per topic: the last arrival and how many there are since `since`. Gateways' callbacks are left out, and what we fetched
/// ourselves: neither says how the shop's webhooks are.
pub async fn topics(read: &mut Read, shop: ShopId, since: Time) -> Result<Vec<(String, Time, u64)>, Error> {
    let rows = all!(
        read,
        (String, i64, i64),
        "SELECT topic, CAST(MAX(received_at) AS BIGINT), CAST(COUNT(*) AS BIGINT) FROM inbox
         WHERE shop_id = $1 AND gateway_id = 0 AND received_at >= $2 AND topic NOT LIKE 'pulled/%'
         GROUP BY topic ORDER BY topic",
        shop.get(),
        since.millis()
    )?;
    Ok(rows.into_iter().map(|(topic, last, count)| (topic, time(last), count.unsigned_abs())).collect())
}

/// When the shop's newest webhook arrived.
pub async fn last_webhook(read: &mut Read, shop: ShopId) -> Result<Option<Time>, Error> {
    let row = first!(
        read,
        (i64,),
        "SELECT received_at FROM inbox WHERE shop_id = $1 AND gateway_id = 0 AND topic NOT LIKE 'pulled/%'
         ORDER BY received_at DESC LIMIT 1",
        shop.get()
    )?;
    Ok(row.map(|(at,)| time(at)))
}

/// The shop's webhooks since then: how many, and the first and the last of them.
pub async fn pace(read: &mut Read, shop: ShopId, since: Time) -> Result<Option<(u64, Time, Time)>, Error> {
    let row = first!(
        read,
        (i64, Option<i64>, Option<i64>),
        "SELECT CAST(COUNT(*) AS BIGINT), CAST(MIN(received_at) AS BIGINT), CAST(MAX(received_at) AS BIGINT) FROM inbox
         WHERE shop_id = $1 AND gateway_id = 0 AND received_at >= $2 AND topic NOT LIKE 'pulled/%'",
        shop.get(),
        since.millis()
    )?;
    Ok(row.and_then(|(count, first, last)| Some((count.unsigned_abs(), maybe(first)?, maybe(last)?))))
}

/// Forgets deliveries that were dealt with and are older than this, with what was put in their place.
pub async fn prune(tx: &mut Tx, shop: ShopId, before: Time) -> Result<u64, Error> {
    super::reply_part::prune(tx, shop, before).await?;
    run!(
        tx,
        "DELETE FROM correction WHERE shop_id = $1 AND delivery_id IN (
             SELECT delivery_id FROM inbox WHERE shop_id = $1 AND received_at < $2 AND done_at IS NOT NULL)",
        shop.get(),
        before.millis()
    )?;
    run!(
        tx,
        "DELETE FROM inbox WHERE shop_id = $1 AND received_at < $2 AND done_at IS NOT NULL",
        shop.get(),
        before.millis()
    )
}

/// Forgets one delivery, with what was put in its place.
pub async fn forget(tx: &mut Tx, shop: ShopId, id: DeliveryId) -> Result<(), Error> {
    run!(tx, "DELETE FROM correction WHERE shop_id = $1 AND delivery_id = $2", shop.get(), id.get())?;
    run!(tx, "DELETE FROM inbox WHERE shop_id = $1 AND delivery_id = $2", shop.get(), id.get())?;
    Ok(())
}
