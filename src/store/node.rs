//! Nodes: each running process leases a number, so that ids made by two processes never collide. An operator table.

use super::{
    Error, Tx,
    db::{first, run},
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

pub async fn release(tx: &mut Tx, holder: &str) -> Result<(), Error> {
    run!(tx, "DELETE FROM node WHERE holder = $1", holder)?;
    Ok(())
}
