//! Runs of self-tests: asked for, begun, ended, with what was found. What such a run does is not in here: it plays in a
//! database of its own ([`super::db::beside`]).

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    maybe, time,
};
use crate::domain::{
    id::ShopId,
    self_test::{Line, Verdict},
    time::Time,
};

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub id: i64,
    pub asked_at: Time,
    /// Nobody asked: it is the night's.
    pub nightly: bool,
    pub started_at: Option<Time>,
    pub ended_at: Option<Time>,
    /// `None` until it ended.
    pub verdict: Option<Verdict>,
    pub lines: Vec<Line>,
}

/// What asks for a run when nobody does.
const NIGHT: &str = "night";

/// How many runs of a shop are kept.
const KEPT: i64 = 30;

/// Notes that a run is wanted; the oldest of too many go.
pub async fn ask(tx: &mut Tx, shop: ShopId, id: i64, nightly: bool, now: Time) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO self_test (shop_id, test_id, asked_at, source) VALUES ($1, $2, $3, $4)",
        shop.get(),
        id,
        now.millis(),
        if nightly { NIGHT } else { "person" }
    )?;
    run!(
        tx,
        "DELETE FROM self_test WHERE shop_id = $1 AND test_id NOT IN
             (SELECT test_id FROM self_test WHERE shop_id = $1 ORDER BY test_id DESC LIMIT $2)",
        shop.get(),
        KEPT
    )?;
    Ok(())
}

/// Notes that it is begun; `false` when somebody began it before.
pub async fn begin(tx: &mut Tx, shop: ShopId, id: i64, now: Time) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "UPDATE self_test SET started_at = $3 WHERE shop_id = $1 AND test_id = $2 AND started_at IS NULL",
        shop.get(),
        id,
        now.millis()
    )?;
    Ok(touched > 0)
}

pub async fn end(tx: &mut Tx, shop: ShopId, id: i64, verdict: Verdict, lines: &[Line], now: Time) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE self_test SET ended_at = $3, verdict = $4, steps = $5 WHERE shop_id = $1 AND test_id = $2",
        shop.get(),
        id,
        now.millis(),
        verdict.name(),
        super::json(&lines)?
    )?;
    Ok(())
}

type Row = (i64, i64, String, Option<i64>, Option<i64>, String, String);

/// The newest runs of a shop, newest first.
pub async fn list(read: &mut Read, shop: ShopId, most: u32) -> Result<Vec<Run>, Error> {
    let rows = all!(
        read,
        Row,
        "SELECT test_id, asked_at, source, started_at, ended_at, verdict, steps FROM self_test
         WHERE shop_id = $1 ORDER BY test_id DESC LIMIT $2",
        shop.get(),
        i64::from(most)
    )?;
    rows.into_iter().map(from_row).collect()
}

pub async fn get(read: &mut Read, shop: ShopId, id: i64) -> Result<Option<Run>, Error> {
    let row = first!(
        read,
        Row,
        "SELECT test_id, asked_at, source, started_at, ended_at, verdict, steps FROM self_test
         WHERE shop_id = $1 AND test_id = $2",
        shop.get(),
        id
    )?;
    row.map(from_row).transpose()
}

fn from_row((id, asked_at, source, started_at, ended_at, verdict, steps): Row) -> Result<Run, Error> {
    Ok(Run {
        id,
        asked_at: time(asked_at),
        nightly: source == NIGHT,
        started_at: maybe(started_at),
        ended_at: maybe(ended_at),
        verdict: Verdict::ALL.into_iter().find(|known| known.name() == verdict),
        lines: serde_json::from_str(&steps).map_err(|why| Error::damaged("self-test", why))?,
    })
}
