//! Keeping deliveries: sealed before anybody waits for the writer, written many at once, each new one due to be read.

use std::{
    collections::HashSet,
    sync::{Arc, LazyLock},
};

use sqlx::{AssertSqlSafe, PgConnection, SqliteConnection};

use super::{Arrival, head, place};
use crate::{
    domain::{
        id::{DeliveryId, GatewayId, ShopId},
        seal::ShopKeys,
        time::Time,
    },
    store::{Error, Tx, db::Conn, job},
};

/// A delivery as it will lie in the inbox.
#[derive(Clone, Debug)]
pub struct Sealed {
    pub shop: ShopId,
    id: DeliveryId,
    gateway: i64,
    topic: String,
    dedup: [u8; 16],
    received_at: Time,
    head: Vec<u8>,
    body: Vec<u8>,
}

impl Arrival {
    pub fn seal(&self, keys: &ShopKeys) -> Result<Sealed, Error> {
        Ok(Sealed {
            shop: keys.shop(),
            id: self.id,
            gateway: self.gateway.map_or(0, GatewayId::get),
            topic: self.topic.clone(),
            dedup: self.dedup,
            received_at: self.delivery.received_at,
            head: keys.seal_json(place("head", self.id), &head(&self.delivery))?,
            body: keys.seal(place("body", self.id), &self.delivery.body),
        })
    }
}

/// Keeps deliveries, and makes each that is new due to be read, in their order; answers for each whether it is new. A few
/// statements for all of them: what costs is handing a statement over, to a server or to SQLite's own thread.
pub async fn keep_all(tx: &mut Tx, arrivals: &[Sealed]) -> Result<Vec<bool>, Error> {
    let new = match tx.bare().await? {
        Conn::Pg(conn) => keep_by_columns(conn, arrivals).await?,
        Conn::Lite(conn) => keep_by_rows(conn, arrivals).await?,
    };
    Ok(arrivals.iter().map(|arrival| new.contains(&arrival.id.get())).collect())
}

/// Rows of one statement on SQLite, which knows no arrays: a few sizes, each prepared once.
const SIZES: [usize; 4] = [64, 16, 4, 1];

struct Rows {
    inbox: Arc<str>,
    job: Arc<str>,
}

static ROWS: LazyLock<[Rows; SIZES.len()]> = LazyLock::new(|| {
    SIZES.map(|size| Rows {
        inbox: format!(
            "INSERT INTO inbox (shop_id, delivery_id, gateway_id, topic, dedup, received_at, head, body) VALUES {}
             ON CONFLICT (shop_id, dedup) DO NOTHING RETURNING delivery_id",
            vec!["(?, ?, ?, ?, ?, ?, ?, ?)"; size].join(", ")
        )
        .into(),
        job: format!(
            "INSERT INTO job (shop_id, kind, subject_id, due_at) VALUES {} {}",
            vec!["(?, 'ingest', ?, ?)"; size].join(", "),
            job::anew!()
        )
        .into(),
    })
});

/// The largest statement that so many rows (at least 1) fill.
fn rows_of(count: usize) -> (usize, &'static Rows) {
    let at = SIZES.iter().position(|size| *size <= count).unwrap_or(SIZES.len() - 1);
    (SIZES[at], &ROWS[at])
}

async fn keep_by_rows(conn: &mut SqliteConnection, arrivals: &[Sealed]) -> Result<HashSet<i64>, Error> {
    let mut new = HashSet::with_capacity(arrivals.len());
    let mut left = arrivals;
    while !left.is_empty() {
        let (size, rows) = rows_of(left.len());
        let (now, rest) = left.split_at(size);
        let mut query = sqlx::query_scalar::<_, i64>(AssertSqlSafe(rows.inbox.clone()));
        for each in now {
            query = query
                .bind(each.shop.get())
                .bind(each.id.get())
                .bind(each.gateway)
                .bind(&each.topic)
                .bind(&each.dedup[..])
                .bind(each.received_at.millis())
                .bind(&each.head)
                .bind(&each.body);
        }
        new.extend(query.fetch_all(&mut *conn).await?);
        left = rest;
    }
    let due: Vec<&Sealed> = arrivals.iter().filter(|arrival| new.contains(&arrival.id.get())).collect();
    let mut left = &due[..];
    while !left.is_empty() {
        let (size, rows) = rows_of(left.len());
        let (now, rest) = left.split_at(size);
        let mut query = sqlx::query(AssertSqlSafe(rows.job.clone()));
        for each in now {
            query = query.bind(each.shop.get()).bind(each.id.get()).bind(each.received_at.millis());
        }
        query.execute(&mut *conn).await?;
        left = rest;
    }
    Ok(new)
}

#[derive(Default)]
struct Columns<'a> {
    shops: Vec<i64>,
    ids: Vec<i64>,
    gateways: Vec<i64>,
    topics: Vec<&'a str>,
    dedups: Vec<&'a [u8]>,
    times: Vec<i64>,
    heads: Vec<&'a [u8]>,
    bodies: Vec<&'a [u8]>,
}

async fn keep_by_columns(conn: &mut PgConnection, arrivals: &[Sealed]) -> Result<HashSet<i64>, Error> {
    let mut all = Columns::default();
    for each in arrivals {
        all.shops.push(each.shop.get());
        all.ids.push(each.id.get());
        all.gateways.push(each.gateway);
        all.topics.push(&each.topic);
        all.dedups.push(&each.dedup);
        all.times.push(each.received_at.millis());
        all.heads.push(&each.head);
        all.bodies.push(&each.body);
    }
    // Two statements, not one that writes in its WITH: on Citus that is none.
    let new: Vec<i64> = sqlx::query_scalar(
        "INSERT INTO inbox (shop_id, delivery_id, gateway_id, topic, dedup, received_at, head, body)
         SELECT * FROM UNNEST($1::BIGINT[], $2::BIGINT[], $3::BIGINT[], $4::TEXT[], $5::BYTEA[], $6::BIGINT[],
                              $7::BYTEA[], $8::BYTEA[])
         ON CONFLICT (shop_id, dedup) DO NOTHING RETURNING delivery_id",
    )
    .bind(all.shops)
    .bind(all.ids)
    .bind(all.gateways)
    .bind(all.topics)
    .bind(all.dedups)
    .bind(all.times)
    .bind(all.heads)
    .bind(all.bodies)
    .fetch_all(&mut *conn)
    .await?;
    let new: HashSet<i64> = new.into_iter().collect();
    let due = || arrivals.iter().filter(|arrival| new.contains(&arrival.id.get()));
    let anew = concat!(
        "INSERT INTO job (shop_id, kind, subject_id, due_at)
         SELECT shop_id, 'ingest', id, due_at FROM UNNEST($1::BIGINT[], $2::BIGINT[], $3::BIGINT[])
             AS fresh (shop_id, id, due_at) ",
        job::anew!()
    );
    sqlx::query(anew)
        .bind(due().map(|each| each.shop.get()).collect::<Vec<_>>())
        .bind(due().map(|each| each.id.get()).collect::<Vec<_>>())
        .bind(due().map(|each| each.received_at.millis()).collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(new)
}
