//! Runs that judge a shop's orders again: why, under which windows, how far each has come.

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    from_json, json, maybe, of, time, word,
};
use crate::domain::{attribution::Windows, id::OrderId, seal::ShopKeys, time::Time};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The shop's windows were changed.
    Windows,
    /// Verdicts of an older version lack what newer ones keep.
    Upgrade,
}

impl Why {
    pub const ALL: [Why; 2] = [Why::Windows, Why::Upgrade];

    pub fn name(self) -> &'static str {
        match self {
            Why::Windows => "windows",
            Why::Upgrade => "upgrade",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub id: i64,
    pub why: Why,
    pub before: Windows,
    pub after: Windows,
    pub begun_at: Time,
    /// Who, as they are called; "" where the audit log alone knows.
    pub by: String,
    /// Orders there were when it began.
    pub orders: u64,
    pub done: u64,
    /// The last order that was made due.
    pub upto: OrderId,
    pub ended_at: Option<Time>,
}

type Row = (i64, String, String, String, i64, String, i64, i64, i64, Option<i64>);

fn run_of((id, why, before, after, begun_at, by, orders, done, upto, ended_at): Row) -> Result<Run, Error> {
    Ok(Run {
        id,
        why: word("recredit", &Why::ALL, Why::name, &why)?,
        before: from_json("windows", &before)?,
        after: from_json("windows", &after)?,
        begun_at: time(begun_at),
        by,
        orders: orders.unsigned_abs(),
        done: done.unsigned_abs(),
        upto: OrderId::new(upto),
        ended_at: maybe(ended_at),
    })
}

/// Begins one; those that were under way end here, for it judges whatever they would have.
pub async fn begin(tx: &mut Tx, keys: &ShopKeys, run: &Run) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE recredit_run SET ended_at = $2 WHERE shop_id = $1 AND ended_at IS NULL",
        of(keys),
        run.begun_at.millis()
    )?;
    run!(
        tx,
        "INSERT INTO recredit_run (shop_id, run_id, why, windows_before, windows_after, begun_at, by_name, orders)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        of(keys),
        run.id,
        run.why.name(),
        json(&run.before)?,
        json(&run.after)?,
        run.begun_at.millis(),
        run.by.as_str(),
        i64::try_from(run.orders).unwrap_or(i64::MAX)
    )?;
    Ok(())
}

pub async fn get(read: &mut Read, keys: &ShopKeys, id: i64) -> Result<Option<Run>, Error> {
    let row = first!(
        read,
        Row,
        "SELECT run_id, why, windows_before, windows_after, begun_at, by_name, orders, done, upto_id, ended_at
         FROM recredit_run WHERE shop_id = $1 AND run_id = $2",
        of(keys),
        id
    )?;
    row.map(run_of).transpose()
}

/// The newest few, newest first.
pub async fn newest(read: &mut Read, keys: &ShopKeys, most: u32) -> Result<Vec<Run>, Error> {
    let rows = all!(
        read,
        Row,
        "SELECT run_id, why, windows_before, windows_after, begun_at, by_name, orders, done, upto_id, ended_at
         FROM recredit_run WHERE shop_id = $1 ORDER BY run_id DESC LIMIT $2",
        of(keys),
        i64::from(most)
    )?;
    rows.into_iter().map(run_of).collect()
}

/// Notes how far it has come; over when `ended_at` is given.
pub async fn go_on(
    tx: &mut Tx,
    keys: &ShopKeys,
    id: i64,
    upto: OrderId,
    done: u64,
    ended_at: Option<Time>,
) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE recredit_run SET upto_id = $3, done = $4, ended_at = $5 WHERE shop_id = $1 AND run_id = $2",
        of(keys),
        id,
        upto.get(),
        i64::try_from(done).unwrap_or(i64::MAX),
        ended_at.map(Time::millis)
    )?;
    Ok(())
}

/// Whether verdicts of an older version wait for a run that was never begun.
pub async fn needs_upgrade(read: &mut Read, keys: &ShopKeys) -> Result<bool, Error> {
    let row = first!(
        read,
        (i64,),
        "SELECT order_id FROM evidence WHERE shop_id = $1 AND touches IS NULL
           AND NOT EXISTS (SELECT 1 FROM recredit_run WHERE recredit_run.shop_id = $1 AND recredit_run.why = 'upgrade')
         LIMIT 1",
        of(keys)
    )?;
    Ok(row.is_some())
}
