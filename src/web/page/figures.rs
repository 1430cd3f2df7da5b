//! Figures of a period, as the overview and the report show them: the report of the period and of the one before it, read
//! from the daily roll-ups, and the funnel, counted over carts. Nothing here is summed across currencies.

use jiff::civil::Date;

use super::Visit;
use crate::{
    domain::{
        hours,
        message::Cost,
        money::{Currency, Money},
        report::{Report, Slice, Sums},
        seal::ShopKeys,
        time::Time,
    },
    pipeline::{report, zone_of},
    store::{self, Error, Read, cart::Stopped, shop::Shop},
    web::{
        problem::Problem,
        view::{
            funnel::{Funnel, Stage, Step},
            takings::{Before, Day, Takings},
        },
    },
};

pub struct Figures {
    pub report: Report,
    /// `None` where the period before began before the shop was connected.
    pub before: Option<Report>,
    pub funnel: Funnel,
}

/// Of the visit's period; the shop is the chosen one.
pub async fn of(visit: &Visit, shop: &Shop, keys: &ShopKeys) -> Result<Figures, Problem> {
    let days = u32::from(visit.page.days.number());
    let whole = report::report(visit.core(), shop.id, days, 0).await?.ok_or(Problem::NotFound)?;
    let before = report::report(visit.core(), shop.id, days, days).await?;
    let zone = zone_of(shop);
    let start = |day: &str| day.parse::<Date>().map(|day| hours::start_of_day(&zone, day)).unwrap_or(Time::FIRST);
    // A history that was read in is older than its shop.
    let before = before.filter(|before| start(&before.from) >= shop.created_at || before.total != Slice::default());
    let mut read = visit.read().await?;
    let funnel = funnel(&mut read, shop, keys, start(&whole.from), visit.page.now).await?;
    Ok(Figures { report: whole, before, funnel })
}

const STAGES: [Stage; 6] =
    [Stage::Abandoned, Stage::Reachable, Stage::Texted, Stage::Delivered, Stage::Clicked, Stage::Recovered];

async fn funnel(read: &mut Read, shop: &Shop, keys: &ShopKeys, from: Time, now: Time) -> Result<Funnel, Error> {
    let stopped = store::cart::stages(read, keys, from, now + std::time::Duration::from_millis(1)).await?;
    Ok(stack(&stopped, shop.currency))
}

/// A cart that stopped at a stage came to every one before it.
fn stack(stopped: &[Stopped], own: Currency) -> Funnel {
    let steps = STAGES.iter().zip(0i64..).map(|(&stage, number)| {
        let came = stopped.iter().filter(|each| each.stage >= number);
        let left = stopped.iter().filter(|each| each.stage == number - 1 && each.total_minor != 0);
        let mut left: Vec<Money> =
            left.filter_map(|each| Some(Money::new(each.total_minor, Currency::parse(&each.currency).ok()?))).collect();
        left.sort_by_key(|money| money.currency != own);
        Step { stage, carts: came.map(|each| each.carts).sum(), left }
    });
    Funnel(steps.collect())
}

impl Figures {
    /// One per currency, the shop's own first and always.
    pub fn takings(&self, shop: &Shop) -> Vec<Takings> {
        let mut currencies: Vec<Currency> = self.report.total.money.keys().copied().collect();
        currencies.retain(|&currency| currency != shop.currency && !self.is_idle(currency));
        currencies.insert(0, shop.currency);
        currencies.into_iter().map(|currency| self.takings_in(currency)).collect()
    }

    /// Currencies that only carts or costs were in took nothing.
    fn is_idle(&self, currency: Currency) -> bool {
        let sums = sums(&self.report.total, currency);
        let took = Sums { abandoned_minor: 0, cost_micros: 0, ..sums };
        took == Sums::default()
    }

    fn takings_in(&self, currency: Currency) -> Takings {
        let money = |minor| Money::new(minor, currency);
        let whole = sums(&self.report.total, currency);
        Takings {
            gross: money(whole.gross_minor),
            refunded: money(whole.refunded_minor),
            net: money(whole.net_minor),
            orders: count(whole.recovered_orders),
            before: self.before.as_ref().map(|before| {
                let before = sums(&before.total, currency);
                Before { net: money(before.net_minor), orders: count(before.recovered_orders) }
            }),
            assisted: money(whole.assisted_net_minor),
            assisted_orders: count(whole.assisted_orders),
            days: self.days(currency),
        }
    }

    fn days(&self, currency: Currency) -> Vec<Day> {
        let days = self.report.days.iter().enumerate().filter_map(|(place, day)| {
            let own = sums(&day.slice, currency);
            let before = self.before.as_ref().and_then(|before| before.days.get(place));
            Some(Day {
                date: day.day.parse().ok()?,
                orders: count(own.recovered_orders),
                gross: own.gross_minor,
                refunded: own.refunded_minor,
                net_before: before.map(|before| sums(&before.slice, currency).net_minor),
            })
        });
        days.collect()
    }
}

pub fn sums(slice: &Slice, currency: Currency) -> Sums {
    slice.money.get(&currency).cloned().unwrap_or_default()
}

pub fn cost(slice: &Slice) -> Vec<Cost> {
    let costs = slice.money.iter().filter(|(_, sums)| sums.cost_micros != 0);
    costs.map(|(&currency, sums)| Cost { micros: sums.cost_micros, currency }).collect()
}

pub fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_came_far_came_to_every_stage_before() {
        let euro = Currency::parse("EUR").unwrap();
        let at = |stage, code: &str, carts, total_minor| Stopped { stage, currency: code.into(), carts, total_minor };
        let Funnel(steps) =
            stack(&[at(0, "CHF", 1, 500), at(0, "EUR", 3, 900), at(2, "EUR", 2, 700), at(5, "EUR", 4, 800)], euro);
        let carts: Vec<_> = steps.iter().map(|step| step.carts).collect();
        assert_eq!(carts, [10, 6, 6, 4, 4, 4]);
        let left: Vec<_> =
            steps.iter().map(|step| step.left.iter().map(|money| money.minor).collect::<Vec<_>>()).collect();
        assert_eq!(left, [vec![], vec![900, 500], vec![], vec![700], vec![], vec![]]);
    }
}
