//! Runs of the audit, their lines, and a shop's limits.

use super::super::{
    Error, Read, Tx,
    db::{all, first, run},
    from_json, json, maybe, millis, of, time, word,
};
use crate::domain::{
    audit::{Limits, Theirs},
    id::ShopId,
    seal::ShopKeys,
    time::Time,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Looks, and changes no order.
    Compare,
    /// Fetches orders that changed, where webhooks alone cannot be trusted to have told.
    Heal,
    /// Fetches carts that changed.
    Carts,
    /// Fetches what a comparison found.
    Fill,
}

impl Purpose {
    pub const ALL: [Purpose; 4] = [Purpose::Compare, Purpose::Heal, Purpose::Carts, Purpose::Fill];

    pub fn name(self) -> &'static str {
        match self {
            Purpose::Compare => "compare",
            Purpose::Heal => "heal",
            Purpose::Carts => "carts",
            Purpose::Fill => "fill",
        }
    }
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub id: i64,
    pub purpose: Purpose,
    /// The shop's side came from a file.
    pub file: bool,
    pub by: String,
    pub begun_at: Time,
    pub from: Time,
    pub to: Time,
    /// Where the next page begins; "" for the first one.
    pub place: String,
    pub pages: u64,
    pub done: u64,
    /// 0 where nobody tells.
    pub total: u64,
    pub failures: u64,
    pub ended_at: Option<Time>,
    pub cancelled_at: Option<Time>,
    pub problem: String,
    /// JSON; "" before the end.
    pub outcome: String,
}

impl Run {
    pub fn is_over(&self) -> bool {
        self.ended_at.is_some() || self.cancelled_at.is_some()
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    run_id: i64,
    purpose: String,
    source: String,
    by_name: String,
    begun_at: i64,
    from_at: i64,
    to_at: i64,
    place: String,
    pages: i64,
    done: i64,
    total: i64,
    failures: i64,
    ended_at: Option<i64>,
    cancelled_at: Option<i64>,
    problem: String,
    outcome: String,
}

impl Row {
    fn into_run(self) -> Result<Run, Error> {
        Ok(Run {
            id: self.run_id,
            purpose: word("audit purpose", &Purpose::ALL, Purpose::name, &self.purpose)?,
            file: self.source == "file",
            by: self.by_name,
            begun_at: time(self.begun_at),
            from: time(self.from_at),
            to: time(self.to_at),
            place: self.place,
            pages: self.pages.unsigned_abs(),
            done: self.done.unsigned_abs(),
            total: self.total.unsigned_abs(),
            failures: self.failures.unsigned_abs(),
            ended_at: maybe(self.ended_at),
            cancelled_at: maybe(self.cancelled_at),
            problem: self.problem,
            outcome: self.outcome,
        })
    }
}

fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub async fn begin(tx: &mut Tx, shop: ShopId, new: &Run) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO audit_run (shop_id, run_id, purpose, source, by_name, begun_at, from_at, to_at, total)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        shop.get(),
        new.id,
        new.purpose.name(),
        if new.file { "file" } else { "api" },
        new.by.as_str(),
        new.begun_at.millis(),
        new.from.millis(),
        new.to.millis(),
        number(new.total)
    )?;
    Ok(())
}

pub async fn get(read: &mut Read, shop: ShopId, id: i64) -> Result<Option<Run>, Error> {
    let row = first!(
        read,
        Row,
        "SELECT run_id, purpose, source, by_name, begun_at, from_at, to_at, place, pages, done, total, failures,
                ended_at, cancelled_at, problem, outcome
         FROM audit_run WHERE shop_id = $1 AND run_id = $2",
        shop.get(),
        id
    )?;
    row.map(Row::into_run).transpose()
}

/// The newest of a purpose, newest first.
pub async fn newest(read: &mut Read, shop: ShopId, purpose: Purpose, most: u32) -> Result<Vec<Run>, Error> {
    let rows = all!(
        read,
        Row,
        "SELECT run_id, purpose, source, by_name, begun_at, from_at, to_at, place, pages, done, total, failures,
                ended_at, cancelled_at, problem, outcome
         FROM audit_run WHERE shop_id = $1 AND purpose = $2 ORDER BY run_id DESC LIMIT $3",
        shop.get(),
        purpose.name(),
        i64::from(most)
    )?;
    rows.into_iter().map(Row::into_run).collect()
}

/// Writes how far a run has come. One that was cancelled meanwhile stays so.
pub async fn go_on(tx: &mut Tx, shop: ShopId, now: &Run) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE audit_run SET place = $3, pages = $4, done = $5, total = $6, failures = $7, ended_at = $8,
                              problem = $9, outcome = $10
         WHERE shop_id = $1 AND run_id = $2",
        shop.get(),
        now.id,
        now.place.as_str(),
        number(now.pages),
        number(now.done),
        number(now.total),
        number(now.failures),
        millis(now.ended_at),
        now.problem.as_str(),
        now.outcome.as_str()
    )?;
    Ok(())
}

/// Stops a run; `false` when it was over.
pub async fn cancel(tx: &mut Tx, shop: ShopId, id: i64, at: Time) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "UPDATE audit_run SET cancelled_at = $3
         WHERE shop_id = $1 AND run_id = $2 AND ended_at IS NULL AND cancelled_at IS NULL",
        shop.get(),
        id,
        at.millis()
    )?;
    Ok(touched > 0)
}

/// Keeps an order of the shop's side; the same again is its newer state.
pub async fn put_line(tx: &mut Tx, shop: ShopId, id: i64, told: &Theirs) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO audit_line (shop_id, run_id, external_id, told) VALUES ($1, $2, $3, $4)
         ON CONFLICT (shop_id, run_id, external_id) DO UPDATE SET told = excluded.told",
        shop.get(),
        id,
        told.external_id.as_str(),
        json(told)?
    )?;
    Ok(())
}

pub async fn lines(read: &mut Read, shop: ShopId, id: i64) -> Result<Vec<Theirs>, Error> {
    let rows = all!(
        read,
        (String,),
        "SELECT told FROM audit_line WHERE shop_id = $1 AND run_id = $2 ORDER BY external_id",
        shop.get(),
        id
    )?;
    rows.into_iter().map(|(told,)| from_json("audit line", &told)).collect()
}

pub async fn forget_lines(tx: &mut Tx, shop: ShopId, id: i64) -> Result<(), Error> {
    run!(tx, "DELETE FROM audit_line WHERE shop_id = $1 AND run_id = $2", shop.get(), id)?;
    Ok(())
}

/// Forgets runs of a kind that begins again and again, once they are over and well: the next one goes on from where the
/// newest ended, which the caller knows by then.
pub async fn forget_done(tx: &mut Tx, shop: ShopId, purpose: Purpose, by: &str) -> Result<(), Error> {
    run!(
        tx,
        "DELETE FROM audit_run
         WHERE shop_id = $1 AND purpose = $2 AND by_name = $3 AND ended_at IS NOT NULL AND problem = ''",
        shop.get(),
        purpose.name(),
        by
    )?;
    Ok(())
}

/// Forgets runs older than this, with what they left lying.
pub async fn prune(tx: &mut Tx, shop: ShopId, before: Time) -> Result<(), Error> {
    run!(
        tx,
        "DELETE FROM audit_line WHERE shop_id = $1 AND run_id IN (
             SELECT run_id FROM audit_run WHERE shop_id = $1 AND begun_at < $2)",
        shop.get(),
        before.millis()
    )?;
    run!(tx, "DELETE FROM audit_run WHERE shop_id = $1 AND begun_at < $2", shop.get(), before.millis())?;
    Ok(())
}

pub async fn limits(read: &mut Read, keys: &ShopKeys) -> Result<Limits, Error> {
    let row = first!(read, (String,), "SELECT limits FROM audit_limits WHERE shop_id = $1", of(keys))?;
    row.map_or(Ok(Limits::default()), |(text,)| from_json("audit limits", &text))
}

pub async fn set_limits(tx: &mut Tx, keys: &ShopKeys, limits: &Limits) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO audit_limits (shop_id, limits) VALUES ($1, $2)
         ON CONFLICT (shop_id) DO UPDATE SET limits = excluded.limits",
        of(keys),
        json(limits)?
    )?;
    Ok(())
}
