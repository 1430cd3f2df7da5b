//! Heal: where webhooks are quiet against their usual pace, what changed meanwhile is fetched, and a text waits for that
//! before it leaves: nobody who has bought is asked to.

use std::time::Duration;

use super::run::{can_pull, fresh, running, start};
use crate::{
    domain::{
        id::ShopId,
        time::{DAY, MINUTE, Time},
    },
    pipeline::Core,
    store::{
        self, Error, Read, Tx,
        audit::run::{self, Purpose, Run},
        shop::Shop,
    },
    transact,
};

/// Over which past the usual pace is taken.
const PACE_DAYS: u32 = 14;
/// Fewer webhooks than this have no pace.
const PACE_LEAST: u64 = 20;
/// Silence of this long is none.
const QUIET_LEAST: Duration = MINUTE.saturating_mul(10);
/// So many webhooks should have come meanwhile: that none did is then no chance (one in twenty by Poisson).
const EXPECTED_LEAST: u64 = 3;
/// A healing reaches back a little further than the last sign of life: two clocks, and what was under way.
const OVERLAP: Duration = MINUTE.saturating_mul(15);
/// A text waits at most this long for a healing, and one that ended within this span is as good.
const HOLD_MOST: Duration = MINUTE.saturating_mul(10);
/// A healing looks back no further than this: the night's comparison finds the rest.
const BACK_MOST: Duration = DAY.saturating_mul(2);

/// Since when the shop's webhooks are quiet against their usual pace; `None` while they are as usual, and where nothing
/// ever came.
async fn quiet_since(read: &mut Read, shop: ShopId, now: Time) -> Result<Option<Time>, Error> {
    let Some(last) = store::inbox::last_webhook(read, shop).await? else { return Ok(None) };
    let silence = now.since(last);
    if silence < QUIET_LEAST {
        return Ok(None);
    }
    let pace = store::inbox::pace(read, shop, now - DAY * PACE_DAYS).await?;
    let Some((count, first, last)) = pace.filter(|(count, ..)| *count >= PACE_LEAST) else { return Ok(None) };
    // The silence itself is no part of the pace.
    let expected = count.saturating_mul(silence.as_secs()) / last.since(first).as_secs().max(1);
    Ok((expected >= EXPECTED_LEAST).then_some(last))
}

/// Begins a healing if webhooks are quiet and orders can be fetched.
pub async fn heal_if_quiet(core: &Core, id: ShopId) -> Result<(), Error> {
    if id == ShopId::HOUSE {
        return Ok(());
    }
    let now = core.now();
    let mut read = core.db.read().await?;
    let Some((shop, _)) = core.shop(&mut read, id).await? else { return Ok(()) };
    let wanted = wanted(core, &mut read, &shop, now).await?;
    drop(read);
    let Some(new) = wanted else { return Ok(()) };
    transact!(core.db, |tx| start(tx, id, &new).await?)?;
    core.wake.notify_one();
    Ok(())
}

/// The healing that is due, if one is.
async fn wanted(core: &Core, read: &mut Read, shop: &Shop, now: Time) -> Result<Option<Run>, Error> {
    if shop.uninstalled_at.is_some() || shop.erased_at.is_some() || can_pull(shop).is_err() {
        return Ok(None);
    }
    let Some(since) = quiet_since(read, shop.id, now).await? else { return Ok(None) };
    if running(read, shop.id, Purpose::Heal).await?.is_some() {
        return Ok(None);
    }
    let before = run::newest(read, shop.id, Purpose::Heal, 1).await?;
    let healed = before.first().filter(|run| run.ended_at.is_some() && run.problem.is_empty()).map(|run| run.to);
    let from = healed.map_or(since, |to| to.max(since)) - OVERLAP;
    Ok(Some(fresh(core, Purpose::Heal, (from.max(now - BACK_MOST), now), "quiet webhooks")))
}

/// Whether a text has to wait until the shop was asked what changed: webhooks are quiet, and no healing ended within the
/// last minutes. Begins one where none is under way. Never holds a text back for longer than `HOLD_MOST`.
pub(crate) async fn holds_back(core: &Core, tx: &mut Tx, shop: &Shop, now: Time) -> Result<bool, Error> {
    if can_pull(shop).is_err() {
        return Ok(false);
    }
    match run::newest(tx, shop.id, Purpose::Heal, 1).await?.first() {
        Some(run) if run.ended_at.or(run.cancelled_at).is_some_and(|at| now.since(at) < HOLD_MOST) => Ok(false),
        Some(run) if !run.is_over() => {
            Ok(now.since(run.begun_at) < HOLD_MOST && quiet_since(tx, shop.id, now).await?.is_some())
        }
        // Begins one only where webhooks are quiet.
        _ => match wanted(core, tx, shop, now).await? {
            Some(new) => {
                start(tx, shop.id, &new).await?;
                Ok(true)
            }
            None => Ok(false),
        },
    }
}
