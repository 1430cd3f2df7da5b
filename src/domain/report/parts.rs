//! The parts of a report beside its totals: breakdowns, the way of carts in money, how long it took, at which hours.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Slice, by_code};
use crate::domain::{
    breakdown::{DELAY_MOST, Detail, Dimension, OTHER, Reached},
    money::Currency,
};

/// A report by one dimension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Breakdown {
    #[serde(serialize_with = "by_name")]
    pub by: Dimension,
    /// What earned most first; what was not told and the rest last.
    pub lines: Vec<Line>,
}

fn by_name<S: serde::Serializer>(by: &Dimension, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(by.name())
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// "" where it was not told, `OTHER` for the rest of days with very many values.
    pub value: String,
    /// What people call it, where the value itself is only our name for it.
    pub name: Option<String>,
    #[serde(flatten)]
    pub slice: Slice,
}

/// A stage of the way from a cart to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stage {
    #[serde(serialize_with = "reached")]
    pub reached: Reached,
    /// Carts that came at least this far, of those abandoned in the span.
    pub carts: i64,
    /// What they were worth, in minor units.
    #[serde(serialize_with = "by_code")]
    pub worth: BTreeMap<Currency, i64>,
}

impl Stage {
    /// What stayed behind before it: the worth of carts that came to `before`, the stage before, and not to this one, in
    /// minor units; currencies in which nothing did are left out.
    pub fn left_since(&self, before: &Stage) -> BTreeMap<Currency, i64> {
        let came = |currency| self.worth.get(currency).copied().unwrap_or(0);
        let left = before.worth.iter().map(|(currency, minor)| (*currency, minor - came(currency)));
        left.filter(|(_, minor)| *minor != 0).collect()
    }
}

fn reached<S: serde::Serializer>(reached: &Reached, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(reached.name())
}

/// How long recovered orders took, from the moment their cart counted as abandoned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Delay {
    pub orders: i64,
    /// Half of them came within so many minutes, rounded up as they are counted; `None` without orders.
    pub half_within_minutes: Option<u32>,
    pub groups: Vec<DelayGroup>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DelayGroup {
    /// Orders that took longer than the group before and at most this long; `None` for the last, which has no end.
    pub within_minutes: Option<u32>,
    pub orders: i64,
    /// Gross, in minor units.
    #[serde(serialize_with = "by_code")]
    pub gross: BTreeMap<Currency, i64>,
}

/// One hour of one weekday on the shop's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Hour {
    /// 1 is Monday.
    pub weekday: u8,
    pub hour: u8,
    pub texts: i64,
    pub clicked: i64,
    pub orders: i64,
}

/// The borders of the groups, in minutes: a quarter of an hour, one hour, six, a day, two, five.
const GROUPS: [u32; 6] = [15, 60, 360, 1_440, 2_880, 7_200];

/// The minutes of a group, from the first to the last that it counts.
pub fn delay_span(within_minutes: Option<u32>) -> Option<(i64, i64)> {
    match within_minutes {
        None => Some((i64::from(*GROUPS.last()?) + 1, i64::MAX)),
        Some(within) => {
            let place = GROUPS.iter().position(|&border| border == within)?;
            // What came at once, or seemingly before, counts as the first minute.
            let from = place.checked_sub(1).and_then(|before| GROUPS.get(before));
            Some((from.map_or(i64::MIN, |&border| i64::from(border) + 1), i64::from(within)))
        }
    }
}

/// The parts of these days. `name` tells what people call a value.
pub fn parts(detail: &Detail, name: impl Fn(Dimension, &str) -> Option<String>) -> Parts {
    let breakdowns = Dimension::TABLES.map(|by| {
        let named = |(value, slice): (String, Slice)| Line { name: name(by, &value), value, slice };
        let mut lines: Vec<Line> = detail.slices(by).into_iter().map(named).collect();
        lines.sort_by_cached_key(|line| {
            let last = line.value.is_empty() || line.value == OTHER;
            let counts = &line.slice.counts;
            // Without adding two currencies up: by orders, then by what could have become one.
            let rank = (counts.recovered_orders, counts.clicked, counts.texts, counts.abandoned, counts.orders);
            (last, std::cmp::Reverse(rank), line.value.clone())
        });
        Breakdown { by, lines }
    });
    Parts { breakdowns: breakdowns.into(), way: way(detail), delay: delay(detail), hours: hours(detail) }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Parts {
    pub breakdowns: Vec<Breakdown>,
    /// Every stage, the first first.
    pub way: Vec<Stage>,
    pub delay: Delay,
    /// All 168, Monday 0:00 first.
    pub hours: Vec<Hour>,
}

impl Parts {
    pub fn by(&self, dimension: Dimension) -> &[Line] {
        self.breakdowns.iter().find(|breakdown| breakdown.by == dimension).map_or(&[], |found| found.lines.as_slice())
    }
}

/// A cart that came far came to every stage before.
fn way(detail: &Detail) -> Vec<Stage> {
    let stopped = detail.slices(Dimension::Reached);
    let mut stages: Vec<Stage> = Vec::new();
    let (mut carts, mut worth) = (0, BTreeMap::new());
    for reached in Reached::ALL.into_iter().rev() {
        if let Some(slice) = stopped.get(reached.name()) {
            carts += slice.counts.abandoned;
            for (&currency, sums) in &slice.money {
                *worth.entry(currency).or_insert(0) += sums.abandoned_minor;
            }
        }
        stages.push(Stage { reached, carts, worth: worth.clone() });
    }
    stages.reverse();
    stages
}

fn delay(detail: &Detail) -> Delay {
    let mut buckets: Vec<(u32, Slice)> = detail
        .slices(Dimension::Delay)
        .into_iter()
        .filter_map(|(value, slice)| Some((value.parse().ok()?, slice)))
        .collect();
    buckets.sort_by_key(|(minutes, _)| *minutes);
    let orders: i64 = buckets.iter().map(|(_, slice)| slice.counts.recovered_orders).sum();
    let mut seen = 0;
    let half = buckets.iter().find(|(_, slice)| {
        seen += slice.counts.recovered_orders;
        seen * 2 >= orders
    });
    let borders = GROUPS.iter().copied().map(Some).chain([None]);
    let mut after = 0;
    let groups = borders.map(|within_minutes| {
        let until = within_minutes.unwrap_or(DELAY_MOST + 1);
        let here = buckets.iter().filter(|(minutes, _)| *minutes > after && *minutes <= until);
        let mut group = DelayGroup { within_minutes, orders: 0, gross: BTreeMap::new() };
        for (_, slice) in here {
            group.orders += slice.counts.recovered_orders;
            for (&currency, sums) in &slice.money {
                *group.gross.entry(currency).or_insert(0) += sums.gross_minor;
            }
        }
        after = until;
        group
    });
    Delay { orders, half_within_minutes: half.map(|(minutes, _)| *minutes), groups: groups.collect() }
}

fn hours(detail: &Detail) -> Vec<Hour> {
    let found = detail.slices(Dimension::Hour);
    let cell = |weekday: u8, hour: u8| {
        let counts = found.get(&format!("{weekday} {hour}")).map(|slice| slice.counts.clone()).unwrap_or_default();
        Hour { weekday, hour, texts: counts.texts, clicked: counts.clicked, orders: counts.recovered_orders }
    };
    (1..=7).flat_map(|weekday| (0..24).map(move |hour| (weekday, hour))).map(|(day, hour)| cell(day, hour)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::breakdown::{Fact, What};

    fn order(minutes: i64, amount: i64, currency: &str, country: &str) -> Fact {
        Fact {
            what: What::Credited,
            minutes,
            amount,
            count: 1,
            currency: Currency::parse(currency).ok(),
            country: country.into(),
            ..Fact::default()
        }
    }

    fn cart(reached: Reached, count: i64, amount: i64) -> Fact {
        Fact {
            what: What::Carts(reached),
            count,
            amount,
            currency: Currency::parse("EUR").ok(),
            country: "SI".into(),
            ..Fact::default()
        }
    }

    fn of(facts: &[Fact]) -> Parts {
        parts(&Detail::of(facts, |_| (1, 9)), |_, _| None)
    }

    #[test]
    fn who_came_far_came_to_every_stage_before() {
        let found =
            of(&[cart(Reached::Abandoned, 4, 400), cart(Reached::Consent, 2, 200), cart(Reached::Clicked, 1, 100)]);
        let carts: Vec<i64> = found.way.iter().map(|stage| stage.carts).collect();
        assert_eq!(carts, [7, 3, 3, 3, 1, 1, 1, 1, 0]);
        let euro = Currency::parse("EUR").unwrap();
        assert_eq!(found.way[0].worth[&euro], 700);
        assert_eq!(found.way[3].worth[&euro], 300);
    }

    #[test]
    fn half_of_the_orders_is_told_by_the_bucket_it_falls_in() {
        #[track_caller]
        fn check(minutes: &[i64], expected: Option<u32>, groups: [i64; 7]) {
            let facts: Vec<Fact> = minutes.iter().map(|&minutes| order(minutes, 1, "EUR", "SI")).collect();
            let delay = of(&facts).delay;
            assert_eq!(delay.half_within_minutes, expected, "{minutes:?}");
            assert_eq!(delay.groups.iter().map(|group| group.orders).collect::<Vec<_>>(), groups);
        }
        check(&[], None, [0; 7]);
        check(&[12], Some(15), [1, 0, 0, 0, 0, 0, 0]);
        check(&[3, 14, 50, 400, 100_000], Some(50), [2, 1, 0, 1, 0, 0, 1]);
        check(&[15, 16, 60, 61], Some(20), [1, 2, 1, 0, 0, 0, 0]);
    }

    #[test]
    fn lines_stand_by_orders_and_what_was_not_told_last() {
        let found = of(&[
            order(1, 900, "EUR", ""),
            order(1, 900, "CHF", "CH"),
            order(1, 100, "EUR", "SI"),
            order(1, 100, "EUR", "SI"),
        ]);
        let lines: Vec<&str> = found.by(Dimension::Country).iter().map(|line| line.value.as_str()).collect();
        assert_eq!(lines, ["SI", "CH", ""]);
        // Two currencies are two sums.
        assert_eq!(found.by(Dimension::Product)[0].slice.money.len(), 2);
    }

    #[test]
    fn every_hour_of_the_week_is_there() {
        let hours = of(&[order(1, 1, "EUR", "SI")]).hours;
        assert_eq!((hours.len(), hours[9].orders, hours[10].orders), (168, 1, 0));
        assert_eq!((hours[9].weekday, hours[9].hour), (1, 9));
    }
}
