//! Report: the figures of a span, read from the daily roll-ups.

use std::collections::BTreeMap;

use jiff::{ToSpan, civil::Date};

use super::{Core, rollup, zone_of};
use crate::{
    domain::{
        breakdown::Dimension,
        hours,
        id::ShopId,
        report::{Day, Report, Sheet, Slice, parts},
        sheet::cell,
    },
    store::{self, Error, Read, shop::Shop},
};

/// The longest span of a report, in days.
pub const DAYS_MAX: u32 = 731;

/// The report of the last `days` days up to and including the shop's today, minus `back` days (for "the period before").
/// `None` when there is no such shop.
pub async fn report(core: &Core, shop: ShopId, days: u32, back: u32) -> Result<Option<Report>, Error> {
    let mut read = core.db.read().await?;
    let Some((shop, _)) = core.shop(&mut read, shop).await? else { return Ok(None) };
    let days = days.clamp(1, DAYS_MAX);
    let to = minus(hours::day_of(&zone_of(&shop), core.now()), back.min(DAYS_MAX * 2));
    between(core, &mut read, &shop, minus(to, days - 1), to).await.map(Some)
}

fn minus(from: Date, span: u32) -> Date {
    from.checked_sub(i64::from(span).days()).unwrap_or(from)
}

/// The report of the shop's days from `from` to `to`, both counted; of the last `DAYS_MAX` of them when they are more.
/// Days that end before they begin are the one day `to`.
pub async fn between(core: &Core, read: &mut Read, shop: &Shop, from: Date, to: Date) -> Result<Report, Error> {
    let last = rollup::number_of(to);
    let first = rollup::number_of(from).clamp(last - i64::from(DAYS_MAX) + 1, last);
    let figures = store::rollup::figures(read, shop.id, first, last).await?;
    let detail = store::breakdown::of_days(read, shop.id, first, last).await?;
    let gateways = gateways(core, read, shop.id).await?;
    let mut report = Report {
        shop: shop.id.get(),
        name: shop.name.clone(),
        zone: shop.zone.clone(),
        from: rollup::date_of(first).to_string(),
        to: to.to_string(),
        total: Slice::default(),
        days: (first..=last)
            .map(|day| Day { day: rollup::date_of(day).to_string(), slice: Slice::default() })
            .collect(),
        steps: BTreeMap::new(),
        parts: parts(&detail, |by, value| match by {
            Dimension::Gateway => gateways.get(value).cloned(),
            Dimension::Step => sequence_name(shop, value),
            _ => None,
        }),
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
    Ok(report)
}

/// The same of the days before, to compare with; `None` where they lie before the shop was connected and are empty.
pub async fn before(core: &Core, read: &mut Read, shop: &Shop, from: Date, to: Date) -> Result<Option<Report>, Error> {
    let before = between(core, read, shop, from, to).await?;
    let began = hours::start_of_day(&zone_of(shop), from);
    // A history that was read in is older than its shop.
    Ok((began >= shop.created_at || before.total != Slice::default()).then_some(before))
}

/// What the sequence of `{sequence} {step}` is called; `None` once it was removed.
fn sequence_name(shop: &Shop, value: &str) -> Option<String> {
    let (sequence, _) = value.rsplit_once(' ')?;
    shop.rules.sequence(sequence).map(|sequence| sequence.name.clone()).filter(|name| !name.is_empty())
}

/// Names of the shop's own accounts and the house's, by id.
async fn gateways(core: &Core, read: &mut Read, shop: ShopId) -> Result<BTreeMap<String, String>, Error> {
    let mut names = BTreeMap::new();
    for tenant in [ShopId::HOUSE, shop] {
        let keys = core.vault.keys(read, tenant).await?;
        for gateway in store::gateway::list(read, &keys).await? {
            names.insert(gateway.id.get().to_string(), gateway.name);
        }
    }
    Ok(names)
}

/// A table as CSV, its heading first. A cell that a spreadsheet would run as a formula is made text.
pub fn csv(sheet: &Sheet) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory cannot fail.
    let _ = writer.write_record(&sheet.heading);
    for row in &sheet.rows {
        let _ = writer.write_record(row.iter().map(|text| cell(text)));
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}
