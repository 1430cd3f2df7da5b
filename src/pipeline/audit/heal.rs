//! Heal: what changed is fetched where webhooks cannot be trusted to have told it: where they are quiet against their usual
//! pace, where a platform sends none, after they had to be made anew, and before a text leaves. A text waits for that:
//! nobody who has bought is asked to.

use std::time::Duration;

use super::run::{can_pull, fresh, running, start};
use crate::{
    domain::{
        id::ShopId,
        time::{DAY, HOUR, MINUTE, Time},
    },
    pipeline::Core,
    shop,
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
/// A text waits at most this long for the orders of a shop that is quiet, and what was fetched within this span is as good.
const HOLD_MOST: Duration = MINUTE.saturating_mul(10);
/// The same for a shop whose webhooks come as usual.
const HOLD_USUALLY: Duration = MINUTE;
const FRESH_FOR: Duration = MINUTE.saturating_mul(2);
/// A healing looks back no further than this: the night's comparison finds the rest.
const BACK_MOST: Duration = DAY.saturating_mul(2);
/// Where webhooks come as usual, the first look before a text goes back this far.
const BACK_USUALLY: Duration = HOUR;

/// Why it is fetched, as the list of runs says it.
const QUIET: &str = "quiet webhooks";
const SILENT: &str = "the clock";
const BEFORE_A_TEXT: &str = "a text about to leave";
const CONNECTED: &str = "new webhooks";

/// Since when the shop's webhooks are quiet against their usual pace; `None` while they are as usual, and where nothing
/// ever came.
pub(crate) async fn quiet_since(read: &mut Read, shop: ShopId, now: Time) -> Result<Option<Time>, Error> {
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

/// Begins what is due by the clock: where webhooks are quiet, or where the platform sends none.
pub async fn heal_if_quiet(core: &Core, id: ShopId) -> Result<(), Error> {
    if id == ShopId::HOUSE {
        return Ok(());
    }
    let now = core.now();
    let mut read = core.db.read().await?;
    let Some((shop, _)) = core.shop(&mut read, id).await?.filter(|(shop, _)| is_there(shop)) else { return Ok(()) };
    let (by, since) = match is_silent(&shop) {
        true => (SILENT, now - BACK_MOST),
        false => match quiet_since(&mut read, id, now).await? {
            Some(since) => (QUIET, since),
            None => return Ok(()),
        },
    };
    let wanted = wanted(core, &mut read, &shop, by, since).await?;
    drop(read);
    begin_all(core, id, wanted).await
}

/// Fetches the last days' carts and orders of a shop whose webhooks were only made now: what came before them, and what was
/// lost while they were away.
pub(crate) async fn catch_up(core: &Core, id: ShopId) -> Result<(), Error> {
    let mut read = core.db.read().await?;
    let Some((shop, _)) = core.shop(&mut read, id).await?.filter(|(shop, _)| is_there(shop)) else { return Ok(()) };
    let wanted = wanted(core, &mut read, &shop, CONNECTED, core.now() - BACK_MOST).await?;
    drop(read);
    begin_all(core, id, wanted).await
}

async fn begin_all(core: &Core, id: ShopId, wanted: Vec<Run>) -> Result<(), Error> {
    if wanted.is_empty() {
        return Ok(());
    }
    transact!(core.db, |tx| {
        for new in &wanted {
            begin_one(tx, id, new).await?;
        }
    })?;
    core.wake.notify_one();
    Ok(())
}

/// What begins again every few minutes leaves one line behind, not thousands.
async fn begin_one(tx: &mut Tx, shop: ShopId, new: &Run) -> Result<(), Error> {
    if new.by != QUIET {
        run::forget_done(tx, shop, new.purpose, &new.by).await?;
    }
    start(tx, shop, new).await
}

fn is_there(shop: &Shop) -> bool {
    shop.uninstalled_at.is_none() && shop.erased_at.is_none()
}

/// Whether nothing, or not everything, comes by itself.
pub(crate) fn is_silent(shop: &Shop) -> bool {
    shop::by_kind(&shop.kind).is_some_and(|kind| kind.is_silent(&shop.settings) || kind.loses_webhooks())
}

fn can_pull_carts(shop: &Shop) -> bool {
    shop::by_kind(&shop.kind)
        .is_some_and(|kind| matches!(kind.ask_carts(&shop.settings, Time::FIRST, None), Ok(Some(_))))
}

/// What is to be fetched of what changed since then, or since it was last fetched: orders first.
async fn wanted(core: &Core, read: &mut Read, shop: &Shop, by: &str, since: Time) -> Result<Vec<Run>, Error> {
    let mut all = Vec::new();
    let possible = [(Purpose::Heal, can_pull(shop).is_ok()), (Purpose::Carts, can_pull_carts(shop))];
    for purpose in possible.into_iter().filter(|(_, can)| *can).map(|(purpose, _)| purpose) {
        all.extend(next_run(core, read, shop, purpose, by, since).await?);
    }
    Ok(all)
}

/// The next run of a purpose; `None` while one is under way.
async fn next_run(
    core: &Core,
    read: &mut Read,
    shop: &Shop,
    purpose: Purpose,
    by: &str,
    since: Time,
) -> Result<Option<Run>, Error> {
    if running(read, shop.id, purpose).await?.is_some() {
        return Ok(None);
    }
    let now = core.now();
    let before = run::newest(read, shop.id, purpose, 1).await?;
    let healed = before.first().filter(|run| run.ended_at.is_some() && run.problem.is_empty()).map(|run| run.to);
    let from = healed.map_or(since, |to| to.max(since)) - OVERLAP;
    Ok(Some(fresh(core, purpose, (from.max(now - BACK_MOST), now), by)))
}

/// Whether a text has to wait until the shop was asked what was bought meanwhile. Asks where nobody did within the last
/// minutes. Never holds a text back for long: a shop that does not answer holds up nothing.
pub(crate) async fn holds_back(core: &Core, tx: &mut Tx, shop: &Shop, now: Time) -> Result<bool, Error> {
    if can_pull(shop).is_err() || !is_there(shop) {
        return Ok(false);
    }
    let quiet = quiet_since(tx, shop.id, now).await?;
    let (hold, fresh_for) = match quiet {
        Some(_) => (HOLD_MOST, HOLD_MOST),
        None => (HOLD_USUALLY, FRESH_FOR),
    };
    match run::newest(tx, shop.id, Purpose::Heal, 1).await?.first() {
        Some(run) if run.ended_at.or(run.cancelled_at).is_some_and(|at| now.since(at) < fresh_for) => Ok(false),
        Some(run) if !run.is_over() => Ok(now.since(run.begun_at) < hold),
        _ => {
            let (by, since) = match quiet {
                Some(since) => (QUIET, since),
                None => (BEFORE_A_TEXT, now - BACK_USUALLY),
            };
            match next_run(core, tx, shop, Purpose::Heal, by, since).await? {
                Some(new) => {
                    begin_one(tx, shop.id, &new).await?;
                    Ok(true)
                }
                None => Ok(false),
            }
        }
    }
}
