//! Figures of a period, as the overview and the report show them: the report of the period and of the one before it, read
//! from the daily roll-ups, with the funnel of the carts abandoned in it. Nothing here is summed across currencies.

use jiff::{ToSpan, civil::Date};

use super::Visit;
use crate::{
    domain::{
        message::Cost,
        money::{Currency, Money},
        report::{Report, Slice, Stage as Way, Sums},
    },
    pipeline::report,
    store::shop::Shop,
    web::{
        problem::Problem,
        view::{
            funnel::{Funnel, Step},
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
pub async fn of(visit: &Visit, shop: &Shop) -> Result<Figures, Problem> {
    let (from, to) = visit.page.span();
    let mut read = visit.read().await?;
    let whole = report::between(visit.core(), &mut read, shop, from, to).await?;
    let days = i64::from(visit.page.days.number());
    let earlier = |day: Date| day.checked_sub(days.days()).ok();
    let before = match (earlier(from), earlier(to)) {
        (Some(from), Some(to)) if visit.page.compare => report::before(visit.core(), &mut read, shop, from, to).await?,
        _ => None,
    };
    let funnel = funnel(&whole.parts.way, shop.currency);
    Ok(Figures { report: whole, before, funnel })
}

/// What stays behind at each stage is what came to the one before and not to this one.
pub fn funnel(way: &[Way], own: Currency) -> Funnel {
    let mut steps = Vec::new();
    let mut before: Option<&Way> = None;
    for stage in way {
        let left = before.map(|before| {
            let left = stage.left_since(before).into_iter();
            let mut left: Vec<Money> = left.map(|(currency, minor)| Money::new(minor, currency)).collect();
            left.sort_by_key(|money| money.currency != own);
            left
        });
        steps.push(Step { stage: stage.reached, carts: count(stage.carts), left: left.unwrap_or_default() });
        before = Some(stage);
    }
    Funnel(steps)
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
    use crate::domain::breakdown::Reached;

    #[test]
    fn what_stops_at_a_stage_is_left_there() {
        let currency = |code: &str| Currency::parse(code).unwrap();
        let way = |reached, carts, worth: &[(&str, i64)]| Way {
            reached,
            carts,
            worth: worth.iter().map(|&(code, minor)| (currency(code), minor)).collect(),
        };
        let Funnel(steps) = funnel(
            &[
                way(Reached::Abandoned, 4, &[("CHF", 500), ("EUR", 900)]),
                way(Reached::Phone, 2, &[("EUR", 700)]),
                way(Reached::Mobile, 2, &[("EUR", 700)]),
            ],
            currency("EUR"),
        );
        let left: Vec<_> =
            steps.iter().map(|step| step.left.iter().map(|money| money.minor).collect::<Vec<_>>()).collect();
        assert_eq!(left, [vec![], vec![200, 500], vec![]]);
    }
}
