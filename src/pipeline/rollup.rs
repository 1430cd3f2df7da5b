//! Roll-up: a day's figures, recomputed from the facts whenever one of them changed.

use std::time::Duration;

use jiff::{ToSpan, civil::Date, tz::TimeZone};

use super::{Core, ingest::textable, zone_of};
use crate::{
    domain::{
        breakdown::{Detail, Fact},
        hours,
        seal::ShopKeys,
        time::Time,
    },
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
            return job::put_back(tx, job, core.now()).await;
        }
        if let Some(again_at) = store::breakdown::made(tx, shop.id, job.subject).await?.and_then(again_at)
            && again_at > core.now()
        {
            return job::put_back(tx, job, again_at).await;
        }
        let facts = recompute(tx, &shop, job.subject).await?;
        let made = (core.now(), facts);
        if again_at(made).is_some() {
            store::breakdown::note_made(tx, shop.id, job.subject, made).await?;
        }
    }
    job::finish(tx, job).await.map(|_| ())
}

/// From when on a day's figures may be made again that were made at a moment from so many facts. Making them costs a few
/// microseconds a fact; a shop that sends all the time would do little else. `None`: at once.
fn again_at((made_at, facts): (Time, u64)) -> Option<Time> {
    let rest = REST_PER_FACT.saturating_mul(u32::try_from(facts).unwrap_or(u32::MAX)).min(REST_MOST);
    (rest >= REST_LEAST).then(|| made_at + rest)
}

const REST_PER_FACT: Duration = Duration::from_micros(100);
const REST_LEAST: Duration = Duration::from_secs(1);
/// No figure is older than this.
const REST_MOST: Duration = Duration::from_secs(60);

/// Recomputes one day of a shop, whole and broken down; answers from how many facts.
pub async fn recompute(tx: &mut Tx, shop: &Shop, day: i64) -> Result<u64, Error> {
    let (from, to) = bounds(shop, day);
    store::rollup::recompute(tx, shop.id, day, from, to).await?;
    store::net_ledger::recompute(tx, shop.id, day, from, to).await?;
    let facts = store::breakdown::facts(tx, shop.id, from, to).await?;
    store::breakdown::put(tx, shop.id, day, &broken_down(shop, from, &facts)).await?;
    Ok(facts.iter().map(|fact| fact.count.unsigned_abs()).sum())
}

/// A day broken down, from its facts.
pub async fn detail(read: &mut Read, shop: &Shop, day: i64) -> Result<Detail, Error> {
    let (from, to) = bounds(shop, day);
    Ok(broken_down(shop, from, &store::breakdown::facts(read, shop.id, from, to).await?))
}

fn broken_down(shop: &Shop, from: Time, facts: &[Fact]) -> Detail {
    let zone = zone_of(shop);
    Detail::of(facts, |quarter| {
        let shown = (from + QUARTER * u32::try_from(quarter).unwrap_or(0)).to_timestamp().to_zoned(zone.clone());
        (shown.weekday().to_monday_one_offset(), shown.hour())
    })
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
