//! Nodes: each running process leases a number, so that ids made by two processes never collide. An operator table.

use super::{
    Error, Read, Tx,
    db::{all, first, run},
};
use crate::domain::time::Time;

/// Takes the lowest free node number below `nodes`, or renews the one `holder` has. `None` when all are taken.
pub async fn lease(tx: &mut Tx, holder: &str, nodes: i64, now: Time, until: Time) -> Result<Option<i64>, Error> {
    let renewed = first!(
        tx,
        (i64,),
        "UPDATE node SET leased_until = $2 WHERE holder = $1 RETURNING node_id",
        holder,
        until.millis()
    )?;
    if let Some((node,)) = renewed {
        return Ok(Some(node));
    }
    run!(tx, "DELETE FROM node WHERE leased_until < $1", now.millis())?;
    let lowest = first!(
        tx,
        (i64,),
        "SELECT CAST(COALESCE(MIN(free), 0) AS BIGINT) FROM (
             SELECT CAST(0 AS BIGINT) AS free
             UNION ALL
             SELECT node_id + 1 AS free FROM node
         ) AS candidates WHERE free NOT IN (SELECT node_id FROM node)"
    )?;
    let node = lowest.map_or(0, |(node,)| node);
    if node >= nodes {
        return Ok(None);
    }
    run!(tx, "INSERT INTO node (node_id, holder, leased_until) VALUES ($1, $2, $3)", node, holder, until.millis())?;
    Ok(Some(node))
}

/// Says that this process's worker is at work.
pub async fn beat(tx: &mut Tx, node: i64) -> Result<(), Error> {
    run!(tx, "UPDATE node SET beat = COALESCE(beat, 0) + 1 WHERE node_id = $1", node)?;
    Ok(())
}

/// Says that it is not any more.
pub async fn rest(tx: &mut Tx, node: i64) -> Result<(), Error> {
    run!(tx, "UPDATE node SET beat = NULL WHERE node_id = $1", node)?;
    Ok(())
}

/// The processes with a worker, at work or ended without a word, and how often each has said that it is.
pub async fn beats(read: &mut Read) -> Result<Vec<(i64, i64)>, Error> {
    all!(read, (i64, i64), "SELECT node_id, beat FROM node WHERE beat IS NOT NULL ORDER BY node_id")
}

pub async fn release(tx: &mut Tx, holder: &str) -> Result<(), Error> {
    run!(tx, "DELETE FROM node WHERE holder = $1", holder)?;
    Ok(())
}
