//! Reread: deliveries once more, one with other bytes or many as they came. Applying a delivery twice changes nothing, so
//! any number of them may be; a run goes through them in bounded steps, oldest first, and survives a restart.

use super::Core;
use crate::{
    domain::{
        id::{DeliveryId, ShopId},
        time::Time,
    },
    store::{
        self, Error, Tx,
        inbox::Narrow,
        job::{self, Job},
    },
    transact,
};

/// Deliveries made due in one step: what the next claims take in.
const STEP: u32 = 200;
/// Between two steps, so that what comes in meanwhile has its turn.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(200);

/// Begins to read again every delivery of a tenant that a list shows now; what comes later is not among them.
pub async fn begin(core: &Core, shop: ShopId, wanted: &Narrow, by: &str) -> Result<i64, Error> {
    let (now, id) = (core.now(), core.fresh_id());
    let until = wanted.to.map_or(now, |to| to.min(now));
    let wanted = Narrow { to: Some(Time::from_millis(until.millis().saturating_add(1))), ..wanted.clone() };
    transact!(core.db, |tx| {
        store::replay_run::begin(tx, shop, id, &wanted, by, now).await?;
        job::schedule(tx, shop, job::Kind::Replay, id, now).await?;
    })?;
    core.wake.notify_one();
    Ok(id)
}

/// The job of a run: its next step.
pub async fn step(core: &Core, tx: &mut Tx, job: &Job) -> Result<(), Error> {
    let now = core.now();
    let Some(run) = store::replay_run::get(tx, job.shop, job.subject).await?.filter(|run| !run.is_over()) else {
        return job::finish(tx, job).await.map(|_| ());
    };
    let (found, on) = store::inbox::next(tx, job.shop, &run.narrow, run.upto, STEP).await?;
    for (delivery, _) in &found {
        job::schedule(tx, job.shop, job::Kind::Ingest, delivery.get(), now).await?;
    }
    let done = run.done + found.len() as u64;
    let upto = on.unwrap_or(run.upto);
    store::replay_run::go_on(tx, job.shop, run.id, upto, done, on.is_none().then_some(now)).await?;
    match on {
        Some(_) => job::put_back(tx, job, now + PAUSE).await,
        None => job::finish(tx, job).await.map(|_| ()),
    }
}

/// Stops a run; what was made due by then is still read. `false` when it was over.
pub async fn cancel(core: &Core, shop: ShopId, run: i64) -> Result<bool, Error> {
    let now = core.now();
    transact!(core.db, |tx| {
        job::cancel(tx, shop, job::Kind::Replay, run).await?;
        store::replay_run::cancel(tx, shop, run, now).await?
    })
}

/// Puts other bytes in the place of a body that could not be read, beside it, and reads those. `false` when there is no
/// such delivery.
pub async fn correct(core: &Core, shop: ShopId, id: DeliveryId, body: &[u8], by: &str) -> Result<bool, Error> {
    let now = core.now();
    let found = transact!(core.db, |tx| {
        let keys = core.vault.keys(tx, shop).await?;
        let found = store::inbox::get(tx, &keys, id).await?.is_some();
        if found {
            let line = store::correction::Line { at: now, by: by.to_owned() };
            store::correction::add(tx, &keys, id, core.fresh_id(), body, &line).await?;
            job::schedule(tx, shop, job::Kind::Ingest, id.get(), now).await?;
        }
        found
    })?;
    core.wake.notify_one();
    Ok(found)
}
