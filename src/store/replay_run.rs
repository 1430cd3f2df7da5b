//! Replays of many deliveries: which, how far each has come, and what became of it.

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    from_json,
    inbox::Narrow,
    json,
    listing::Cut,
    maybe, time,
};
use crate::domain::{id::ShopId, time::Time};

/// One replay of many.
#[derive(Clone, Debug)]
pub struct Run {
    pub id: i64,
    pub narrow: Narrow,
    pub begun_at: Time,
    pub by: String,
    /// The last delivery that was made due, oldest first.
    pub upto: Cut,
    pub done: u64,
    pub ended_at: Option<Time>,
    pub cancelled_at: Option<Time>,
}

impl Run {
    pub fn is_over(&self) -> bool {
        self.ended_at.is_some() || self.cancelled_at.is_some()
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    run_id: i64,
    narrowed: String,
    begun_at: i64,
    by_name: String,
    upto_at: i64,
    upto_id: i64,
    done: i64,
    ended_at: Option<i64>,
    cancelled_at: Option<i64>,
}

impl Row {
    fn into_run(self) -> Result<Run, Error> {
        Ok(Run {
            id: self.run_id,
            narrow: from_json("replay", &self.narrowed)?,
            begun_at: time(self.begun_at),
            by: self.by_name,
            upto: Cut { key: self.upto_at, id: self.upto_id },
            done: self.done.unsigned_abs(),
            ended_at: maybe(self.ended_at),
            cancelled_at: maybe(self.cancelled_at),
        })
    }
}

pub async fn begin(tx: &mut Tx, shop: ShopId, id: i64, narrow: &Narrow, by: &str, now: Time) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO replay_run (shop_id, run_id, narrowed, begun_at, by_name, upto_at, upto_id, done)
         VALUES ($1, $2, $3, $4, $5, -1, 0, 0)",
        shop.get(),
        id,
        json(narrow)?,
        now.millis(),
        by
    )?;
    Ok(())
}

pub async fn get(read: &mut Read, shop: ShopId, id: i64) -> Result<Option<Run>, Error> {
    let row = first!(
        read,
        Row,
        "SELECT run_id, narrowed, begun_at, by_name, upto_at, upto_id, done, ended_at, cancelled_at FROM replay_run
         WHERE shop_id = $1 AND run_id = $2",
        shop.get(),
        id
    )?;
    row.map(Row::into_run).transpose()
}

/// The newest few, newest first.
pub async fn newest(read: &mut Read, shop: ShopId, most: u32) -> Result<Vec<Run>, Error> {
    let rows = all!(
        read,
        Row,
        "SELECT run_id, narrowed, begun_at, by_name, upto_at, upto_id, done, ended_at, cancelled_at FROM replay_run
         WHERE shop_id = $1 ORDER BY run_id DESC LIMIT $2",
        shop.get(),
        i64::from(most)
    )?;
    rows.into_iter().map(Row::into_run).collect()
}

/// Notes how far it has come; over when `ended_at` is given.
pub async fn go_on(
    tx: &mut Tx,
    shop: ShopId,
    id: i64,
    upto: Cut,
    done: u64,
    ended_at: Option<Time>,
) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE replay_run SET upto_at = $3, upto_id = $4, done = $5, ended_at = $6 WHERE shop_id = $1 AND run_id = $2",
        shop.get(),
        id,
        upto.key,
        upto.id,
        i64::try_from(done).unwrap_or(i64::MAX),
        ended_at.map(Time::millis)
    )?;
    Ok(())
}

/// Stops it where it is; `false` when it was over.
pub async fn cancel(tx: &mut Tx, shop: ShopId, id: i64, now: Time) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "UPDATE replay_run SET cancelled_at = $3
         WHERE shop_id = $1 AND run_id = $2 AND ended_at IS NULL AND cancelled_at IS NULL",
        shop.get(),
        id,
        now.millis()
    )?;
    Ok(touched > 0)
}
