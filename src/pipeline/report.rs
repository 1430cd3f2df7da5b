//! Report: the figures of a span, read from the daily roll-ups.

use jiff::{ToSpan, civil::Date};

use super::{Core, rollup, zone_of};
use crate::{
    domain::{
        hours,
        id::ShopId,
        report::{Day, Report, Slice},
    },
    store::{self, Error},
};

/// The longest span of a report, in days.
pub const DAYS_MAX: u32 = 731;

/// The report of the last `days` days up to and including the shop's today, minus `back` days (for "the period before").
/// `None` when there is no such shop.
pub async fn report(core: &Core, shop: ShopId, days: u32, back: u32) -> Result<Option<Report>, Error> {
    let mut read = core.db.read().await?;
    let Some((shop, _)) = core.shop(&mut read, shop).await? else { return Ok(None) };
    let zone = zone_of(&shop);
    let days = days.clamp(1, DAYS_MAX);
    let minus = |from: Date, span: u32| from.checked_sub(i64::from(span).days()).unwrap_or(from);
    let to = minus(hours::day_of(&zone, core.now()), back.min(DAYS_MAX * 2));
    let from = minus(to, days - 1);
    let (first, last) = (rollup::number_of(from), rollup::number_of(to));
    let figures = store::rollup::figures(&mut read, shop.id, first, last).await?;
    let mut report = Report {
        shop: shop.id.get(),
        name: shop.name,
        zone: shop.zone,
        from: from.to_string(),
        to: to.to_string(),
        total: Slice::default(),
        days: (first..=last)
            .map(|day| Day { day: rollup::date_of(day).to_string(), slice: Slice::default() })
            .collect(),
        steps: std::collections::BTreeMap::new(),
        at: core.now(),
    };
    for figure in &figures {
        report.total.add(figure);
        if figure.step > 0 {
            report.steps.entry(figure.step).or_default().add(figure);
        }
        let place = usize::try_from(figure.day - first).ok();
        if let Some(day) = place.and_then(|place| report.days.get_mut(place)) {
            day.slice.add(figure);
        }
    }
    Ok(Some(report))
}
