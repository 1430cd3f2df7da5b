//! Roll-up: a day's figures, recomputed from the facts whenever one of them changed.

use jiff::{ToSpan, civil::Date, tz::TimeZone};

use super::{Core, zone_of};
use crate::{
    domain::{hours, time::Time},
    store::{
        self, Error, Tx,
        job::{self, Job},
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
    if let Some((shop, _)) = core.shop(tx, job.shop).await?
        // The sums of an erased shop stay; there are no facts left to make them from.
        && shop.erased_at.is_none()
    {
        let zone = zone_of(&shop);
        let day = date_of(job.subject);
        let from = hours::start_of_day(&zone, day);
        let to = hours::start_of_day(&zone, date_of(job.subject + 1));
        store::rollup::recompute(tx, job.shop, job.subject, from, to).await?;
    }
    job::finish(tx, job).await.map(|_| ())
}
