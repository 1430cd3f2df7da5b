//! Leaving a trail: what was done is recorded right after it was, in a transaction of its own, and a trail that cannot
//! be written is a line in the log, not a change undone. How long it is kept is the house's setting.

use super::Core;
use crate::{
    domain::{
        id::{EntryId, ShopId, UserId},
        time::DAY,
    },
    store::{
        self, Error,
        trail::{Door, Entry, Outcome},
    },
    transact,
};

/// What was done, without its moment.
#[derive(Clone, Debug)]
pub struct Act {
    pub shop: ShopId,
    pub door: Door,
    pub user: Option<UserId>,
    pub name: String,
    pub address: String,
    pub act: String,
    pub object: String,
    pub detail: String,
    pub outcome: Outcome,
}

/// Characters of a detail that are kept.
const DETAIL_CHARS_MAX: usize = 300;

pub async fn record(core: &Core, act: Act) {
    let entry = Entry {
        id: EntryId::new(core.fresh_id()),
        shop: act.shop,
        at: core.now(),
        door: act.door,
        user: act.user,
        name: act.name,
        address: act.address,
        act: act.act,
        object: act.object,
        detail: act.detail.chars().take(DETAIL_CHARS_MAX).collect(),
        outcome: act.outcome,
    };
    let recorded: Result<(), Error> = transact!(core.db, |tx| store::trail::record(tx, &entry).await?);
    if let Err(error) = recorded {
        tracing::error!(%error, act = entry.act, shop = %entry.shop, "the audit log misses an entry");
    }
}

const DAYS: &str = "trail_days";
/// For how many days entries are kept, unless the house says otherwise: a year and a month.
pub const DAYS_DEFAULT: u32 = 400;
pub const DAYS_MIN: u32 = 30;
pub const DAYS_MAX: u32 = 3650;

/// For how many days entries are kept.
pub async fn days(core: &Core) -> Result<u32, Error> {
    let kept = store::house::setting(&mut core.db.read().await?, DAYS).await?;
    Ok(kept.and_then(|days| days.parse().ok()).unwrap_or(DAYS_DEFAULT))
}

/// Sets for how many days; `false` outside `DAYS_MIN` to `DAYS_MAX`.
pub async fn keep_for(core: &Core, days: u32) -> Result<bool, Error> {
    if !(DAYS_MIN..=DAYS_MAX).contains(&days) {
        return Ok(false);
    }
    transact!(core.db, |tx| store::house::set(tx, DAYS, &days.to_string()).await?)?;
    Ok(true)
}

/// Forgets what is old enough.
pub async fn forget(core: &Core) -> Result<u64, Error> {
    let before = core.now() - DAY * days(core).await?;
    transact!(core.db, |tx| store::trail::prune(tx, before).await?)
}
