//! How gateways send: the pace of their lanes, the days of their caps, circuits that are open. Of the gateway's tenant.

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    maybe, millis,
};
use crate::domain::{
    circuit::Circuit,
    id::{GatewayId, ShopId},
    pace::Lane,
    time::Time,
};

#[derive(sqlx::FromRow)]
struct Row {
    gateway_id: i64,
    failures: i64,
    open_at: Option<i64>,
    probe_at: Option<i64>,
    closed_at: Option<i64>,
    hold_until: Option<i64>,
}

impl Row {
    fn into_circuit(self) -> Circuit {
        Circuit {
            failures: u32::try_from(self.failures).unwrap_or(0),
            open_at: maybe(self.open_at),
            probe_at: maybe(self.probe_at),
            closed_at: maybe(self.closed_at),
            hold_until: maybe(self.hold_until),
        }
    }
}

/// The circuits of a tenant's gateways; a healthy one has none.
pub async fn of_tenant(read: &mut Read, shop: ShopId) -> Result<Vec<(GatewayId, Circuit)>, Error> {
    let question = ("gateway_circuit", shop.get(), 0);
    if let Some(circuits) = read.recall(question) {
        return Ok(circuits);
    }
    let rows = all!(
        read,
        Row,
        "SELECT gateway_id, failures, open_at, probe_at, closed_at, hold_until FROM gateway_circuit WHERE shop_id = $1",
        shop.get()
    )?;
    let circuits: Vec<_> = rows.into_iter().map(|row| (GatewayId::new(row.gateway_id), row.into_circuit())).collect();
    read.keep(question, &circuits);
    Ok(circuits)
}

pub async fn get(read: &mut Read, shop: ShopId, id: GatewayId) -> Result<Circuit, Error> {
    let question = ("gateway_circuit", shop.get(), id.get());
    if let Some(circuit) = read.recall(question) {
        return Ok(circuit);
    }
    let row = first!(
        read,
        Row,
        "SELECT gateway_id, failures, open_at, probe_at, closed_at, hold_until FROM gateway_circuit
         WHERE shop_id = $1 AND gateway_id = $2",
        shop.get(),
        id.get()
    )?;
    let circuit = row.map_or(Circuit::default(), Row::into_circuit);
    read.keep(question, &circuit);
    Ok(circuit)
}

pub async fn put(tx: &mut Tx, shop: ShopId, id: GatewayId, circuit: &Circuit) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO gateway_circuit (shop_id, gateway_id, failures, open_at, probe_at, closed_at, hold_until)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (shop_id, gateway_id) DO UPDATE SET
             failures = excluded.failures, open_at = excluded.open_at, probe_at = excluded.probe_at,
             closed_at = excluded.closed_at, hold_until = excluded.hold_until",
        shop.get(),
        id.get(),
        i64::from(circuit.failures),
        millis(circuit.open_at),
        millis(circuit.probe_at),
        millis(circuit.closed_at),
        millis(circuit.hold_until)
    )?;
    Ok(())
}

/// Takes the one probe that is due, and lets the next be due at that moment; `false` when another text took it.
pub async fn take_probe(tx: &mut Tx, shop: ShopId, id: GatewayId, now: Time, next: Time) -> Result<bool, Error> {
    let touched = run!(
        tx,
        "UPDATE gateway_circuit SET probe_at = $4 WHERE shop_id = $1 AND gateway_id = $2 AND probe_at <= $3",
        shop.get(),
        id.get(),
        now.millis(),
        next.millis()
    )?;
    Ok(touched > 0)
}

/// A lane as it was kept last; held until the transaction ends.
pub async fn lane(tx: &mut Tx, shop: ShopId, id: GatewayId, name: &str) -> Result<Lane, Error> {
    // Writing first keeps the row from another process until this transaction is over.
    run!(
        tx,
        "INSERT INTO gateway_pace (shop_id, gateway_id, lane) VALUES ($1, $2, $3)
         ON CONFLICT (shop_id, gateway_id, lane) DO UPDATE SET next_at = gateway_pace.next_at",
        shop.get(),
        id.get(),
        name
    )?;
    let row = first!(
        tx,
        (Option<i64>, Option<i64>),
        "SELECT next_at, queue_at FROM gateway_pace WHERE shop_id = $1 AND gateway_id = $2 AND lane = $3",
        shop.get(),
        id.get(),
        name
    )?;
    Ok(row.map_or(Lane::default(), |(next, queue)| Lane { next_at: maybe(next), queue_at: maybe(queue) }))
}

pub async fn keep_lane(tx: &mut Tx, shop: ShopId, id: GatewayId, name: &str, lane: &Lane) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE gateway_pace SET next_at = $4, queue_at = $5 WHERE shop_id = $1 AND gateway_id = $2 AND lane = $3",
        shop.get(),
        id.get(),
        name,
        millis(lane.next_at),
        millis(lane.queue_at)
    )?;
    Ok(())
}

/// Nobody waits in any of its lanes any more.
pub async fn forget_line(tx: &mut Tx, shop: ShopId, id: GatewayId) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE gateway_pace SET queue_at = NULL WHERE shop_id = $1 AND gateway_id = $2 AND queue_at IS NOT NULL",
        shop.get(),
        id.get()
    )?;
    Ok(())
}

/// Takes places in a day of a cap; `false` when there are not enough left.
pub async fn take_of_day(
    tx: &mut Tx,
    shop: ShopId,
    id: GatewayId,
    day: i64,
    parts: u32,
    most: u32,
) -> Result<bool, Error> {
    run!(
        tx,
        "INSERT INTO gateway_day (shop_id, gateway_id, day, parts) VALUES ($1, $2, $3, 0)
         ON CONFLICT (shop_id, gateway_id, day) DO NOTHING",
        shop.get(),
        id.get(),
        day
    )?;
    let touched = run!(
        tx,
        "UPDATE gateway_day SET parts = parts + $4
         WHERE shop_id = $1 AND gateway_id = $2 AND day = $3 AND parts + $4 <= $5",
        shop.get(),
        id.get(),
        day,
        i64::from(parts),
        i64::from(most)
    )?;
    run!(
        tx,
        "DELETE FROM gateway_day WHERE shop_id = $1 AND gateway_id = $2 AND day < $3",
        shop.get(),
        id.get(),
        day - 7
    )?;
    Ok(touched > 0)
}

/// Forgets what was kept of gateways that are gone.
pub async fn prune(tx: &mut Tx, shop: ShopId) -> Result<(), Error> {
    run!(
        tx,
        "DELETE FROM gateway_pace WHERE shop_id = $1 AND gateway_id NOT IN (SELECT gateway_id FROM gateway WHERE shop_id = $1)",
        shop.get()
    )?;
    run!(
        tx,
        "DELETE FROM gateway_day WHERE shop_id = $1 AND gateway_id NOT IN (SELECT gateway_id FROM gateway WHERE shop_id = $1)",
        shop.get()
    )?;
    run!(
        tx,
        "DELETE FROM gateway_circuit WHERE shop_id = $1 AND gateway_id NOT IN (SELECT gateway_id FROM gateway WHERE shop_id = $1)",
        shop.get()
    )?;
    Ok(())
}
