//! Recredit: orders judged again, because the shop's windows were changed or because older verdicts lack what newer ones
//! keep. A run makes orders due in bounded steps and survives a restart; each order is judged on its own, in the shop's
//! turn, as if something about it had been heard.

use std::time::Duration;

use super::{Core, connect, connect::NotConnected};
use crate::{
    domain::{
        attribution::Windows,
        id::{OrderId, ShopId},
        rules::Rules,
        seal::ShopKeys,
    },
    store::{
        self, Error, Read, Tx,
        job::{self, Job},
        recredit::{Run, Why},
        touch,
    },
    transact,
};

/// Orders made due in one step: what the next claims take in.
const STEP: u32 = 200;
/// Between two steps, so that what comes in meanwhile has its turn.
const PAUSE: Duration = Duration::from_millis(200);

/// Changes the hours within which an order is credited, and has history judged by them. `false` when they are what they
/// were.
pub async fn change_windows(
    core: &Core,
    id: ShopId,
    (click_hours, sent_hours): (u32, u32),
    by: &str,
) -> Result<bool, NotConnected> {
    let now = core.now();
    let done: Result<bool, Vec<String>> = transact!(core.db, |tx| {
        store::shop::take_turn(tx, id).await?;
        match core.shop(tx, id).await? {
            None => Err(vec![format!("shop: there is no shop {id}")]),
            Some((shop, keys)) => {
                let rules =
                    Rules { click_window_hours: click_hours, delivered_window_hours: sent_hours, ..shop.rules.clone() };
                match rules.check() {
                    Err(problem) => Err(vec![problem]),
                    Ok(()) if rules == shop.rules => Ok(false),
                    Ok(()) => {
                        connect::save_rules(tx, &keys, (&shop, &rules), now).await?;
                        Ok(after_change(core, tx, &keys, (&shop.rules, &rules), by).await?)
                    }
                }
            }
        }
    })?;
    core.wake.notify_one();
    done.map_err(NotConnected::Wrong)
}

/// Begins a run where rules that were just saved have other windows; in the same transaction.
pub(crate) async fn after_change(
    core: &Core,
    tx: &mut Tx,
    keys: &ShopKeys,
    (before, after): (&Rules, &Rules),
    by: &str,
) -> Result<bool, Error> {
    let (before, after) = (Windows::of(before), Windows::of(after));
    if before == after {
        return Ok(false);
    }
    begin(core, tx, keys, Why::Windows, (before, after), by).await?;
    Ok(true)
}

/// Has verdicts of an older version judged again, once.
pub async fn upgrade(core: &Core, shop: ShopId) -> Result<(), Error> {
    transact!(core.db, |tx| {
        if let Some((shop, keys)) = core.shop(tx, shop).await?
            && shop.erased_at.is_none()
            && store::recredit::needs_upgrade(tx, &keys).await?
        {
            let windows = Windows::of(&shop.rules);
            begin(core, tx, &keys, Why::Upgrade, (windows, windows), "").await?;
        }
    })
}

async fn begin(
    core: &Core,
    tx: &mut Tx,
    keys: &ShopKeys,
    why: Why,
    (before, after): (Windows, Windows),
    by: &str,
) -> Result<(), Error> {
    let now = core.now();
    let run = Run {
        id: core.fresh_id(),
        why,
        before,
        after,
        begun_at: now,
        by: by.to_owned(),
        orders: touch::count_to_judge(tx, keys, why == Why::Upgrade).await?,
        done: 0,
        upto: OrderId::new(0),
        ended_at: None,
    };
    store::recredit::begin(tx, keys, &run).await?;
    job::schedule(tx, keys.shop(), job::Kind::Recredit, run.id, now).await
}

/// The job of a run: its next step.
pub async fn step(core: &Core, tx: &mut Tx, job: &Job) -> Result<(), Error> {
    let now = core.now();
    let keys = core.vault.keys(tx, job.shop).await?;
    let Some(run) = store::recredit::get(tx, &keys, job.subject).await?.filter(|run| run.ended_at.is_none()) else {
        return job::finish(tx, job).await.map(|_| ());
    };
    if judging(tx, job.shop).await? >= u64::from(STEP) {
        // What was made due before comes first.
        return job::put_back(tx, job, now + PAUSE).await;
    }
    let found = touch::to_judge(tx, &keys, run.why == Why::Upgrade, run.upto, STEP).await?;
    for order in &found {
        job::ensure(tx, job.shop, job::Kind::Attribute, order.get(), now).await?;
    }
    let over = found.len() < STEP as usize;
    let upto = found.last().copied().unwrap_or(run.upto);
    let done = run.done + found.len() as u64;
    store::recredit::go_on(tx, &keys, run.id, upto, done, over.then_some(now)).await?;
    if over {
        return job::finish(tx, job).await.map(|_| ());
    }
    job::put_back(tx, job, now + PAUSE).await
}

async fn judging(read: &mut Read, shop: ShopId) -> Result<u64, Error> {
    let waiting = job::waiting(read, shop).await?;
    Ok(waiting.into_iter().find(|(kind, _)| *kind == job::Kind::Attribute).map_or(0, |(_, count)| count))
}

/// How far judging again has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub run: Run,
    /// Orders made due that were not judged yet.
    pub waiting: u64,
}

impl Progress {
    /// Whether every figure follows the shop's windows.
    pub fn is_over(&self) -> bool {
        self.run.ended_at.is_some() && self.waiting == 0
    }

    /// Orders judged so far.
    pub fn judged(&self) -> u64 {
        self.run.done.saturating_sub(self.waiting)
    }
}

/// The newest runs, newest first, with how far the first has come.
pub async fn progress(read: &mut Read, keys: &ShopKeys) -> Result<(Option<Progress>, Vec<Run>), Error> {
    let runs = store::recredit::newest(read, keys, RUNS_SHOWN).await?;
    let waiting = judging(read, keys.shop()).await?;
    let newest = runs.first().cloned().map(|run| Progress { run, waiting });
    Ok((newest, runs))
}

const RUNS_SHOWN: u32 = 10;
