//! Roll-up: a day's figures, recomputed from the facts whenever one of them changed.

use std::time::Duration;

use jiff::{ToSpan, civil::Date, tz::TimeZone};

use super::{Core, ingest::textable, zone_of};
use crate::{
    domain::{breakdown::Detail, hours, seal::ShopKeys, time::Time},
    store::{
        self, Error, Read, Tx,
        job::{self, Job},
        shop::Shop,
    },
};

const EPOCH: Date = jiff::civil::date(1970, 1, 1);

/// A moment's day in a zone, as days since 1970-01-01.
pub fn day_number(zone: &TimeZone, at: Time) -> i64 {
    number_of(hours::day_of(zone, at))
}

pub fn number_of(day: Date) -> i64 {
    EPOCH.until(day).map_or(0, |span| i64::from(span.get_days()))
}

pub fn date_of(number: i64) -> Date {
    i32::try_from(number).ok().and_then(|days| EPOCH.checked_add(days.days()).ok()).unwrap_or(EPOCH)
}

/// Recomputes the day the job names.
pub async fn rollup(core: &Core, tx: &mut Tx, job: &Job) -> Result<(), Error> {
    store::shop::take_turn(tx, job.shop).await?;
    if let Some((shop, keys)) = core.shop(tx, job.shop).await?
        // The sums of an erased shop stay; there are no facts left to make them from.
        && shop.erased_at.is_none()
    {
        if file(tx, &shop, &keys).await? {
            // More of it waits: first all of it is filed, then days are added up.
            return job::put_back(tx, job, core.now()).await.map(|_| ());
        }
        recompute(tx, &shop, job.subject).await?;
    }
    job::finish(tx, job).await.map(|_| ())
}

/// Recomputes one day of a shop, whole and broken down.
pub async fn recompute(tx: &mut Tx, shop: &Shop, day: i64) -> Result<(), Error> {
    let (from, to) = bounds(shop, day);
    store::rollup::recompute(tx, shop.id, day, from, to).await?;
    store::net_ledger::recompute(tx, shop.id, day, from, to).await?;
    let detail = detail(tx, shop, day).await?;
    store::breakdown::put(tx, shop.id, day, &detail).await
}

/// A day broken down, from its facts.
pub async fn detail(read: &mut Read, shop: &Shop, day: i64) -> Result<Detail, Error> {
    let (from, to) = bounds(shop, day);
    let facts = store::breakdown::facts(read, shop.id, from, to).await?;
    let zone = zone_of(shop);
    Ok(Detail::of(&facts, |quarter| {
        let shown = (from + QUARTER * u32::try_from(quarter).unwrap_or(0)).to_timestamp().to_zoned(zone.clone());
        (shown.weekday().to_monday_one_offset(), shown.hour())
    }))
}

const QUARTER: Duration = Duration::from_secs(15 * 60);

/// The first moment of a shop's day and of the one after it.
pub fn bounds(shop: &Shop, day: i64) -> (Time, Time) {
    let zone = zone_of(shop);
    (hours::start_of_day(&zone, date_of(day)), hours::start_of_day(&zone, date_of(day + 1)))
}

/// Files rows that lack what they are counted under; answers whether more of them wait.
async fn file(tx: &mut Tx, shop: &Shop, keys: &ShopKeys) -> Result<bool, Error> {
    if !store::facet::waits(tx, keys).await? {
        return Ok(false);
    }
    let filed = store::facet::file(tx, keys).await?;
    let carts = store::facet::unfiled_carts(tx, keys).await?;
    for &id in &carts {
        // One that cannot be opened counts under nothing.
        let cart = store::cart::get(tx, keys, id).await.ok().flatten();
        let phone = cart.as_ref().and_then(|cart| textable(shop, &cart.latest.who, cart.latest.country.as_deref()));
        store::facet::cart(tx, keys, id, cart.as_ref(), phone.is_some()).await?;
    }
    let most = store::facet::FILED_MOST;
    Ok(carts.len() >= most as usize || filed >= u64::from(most))
}
